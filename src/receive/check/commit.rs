//! Commits, byte by byte.

use super::{Cause, Header, Report, ident, parse_id};
use gix::objs::Kind;

/// Reports the first thing wrong with a commit's form, and what it refers to.
pub fn check(data: &[u8], report: &mut impl Report) {
    if let Err(cause) = parse(data, report) {
        report.problem(cause, String::new());
    }
}

fn parse(data: &[u8], report: &mut impl Report) -> Result<(), Cause> {
    let mut header = Header::new(data)?;
    let tree = header.field("tree").ok_or(Cause::MissingTree)?;
    report.link(parse_id(tree).ok_or(Cause::BadTreeSha1)?, Kind::Tree);
    while let Some(parent) = header.field("parent") {
        report.link(parse_id(parent).ok_or(Cause::BadParentSha1)?, Kind::Commit);
    }
    let mut authors = 0_usize;
    while let Some(author) = header.field("author") {
        ident::check(author)?;
        authors += 1;
    }
    match authors {
        0 => return Err(Cause::MissingAuthor),
        1 => {}
        _ => return Err(Cause::MultipleAuthors),
    }
    let committer = header.field("committer").ok_or(Cause::MissingCommitter)?;
    ident::check(committer)?;
    if data.contains(&0) {
        return Err(Cause::NulInCommit);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::tests::run;
    use super::*;

    const TREE: &str = "tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\n";
    const PARENT: &str = "parent 1111111111111111111111111111111111111111\n";
    const AUTHOR: &str = "author A <a@b> 1 +0000\n";
    const COMMITTER: &str = "committer A <a@b> 1 +0000\n";

    #[test]
    fn links_to_its_tree_and_parents() {
        let seen = run(Kind::Commit, format!("{TREE}{PARENT}{PARENT}{AUTHOR}{COMMITTER}gpgsig x\n y\n\nm").as_bytes());
        assert_eq!(seen.causes, []);
        let kinds: Vec<Kind> = seen.links.iter().map(|(_, kind)| *kind).collect();
        assert_eq!(kinds, [Kind::Tree, Kind::Commit, Kind::Commit]);
    }

    #[test]
    fn header_lines_have_one_order() {
        let table = [
            (format!("{TREE}{AUTHOR}{COMMITTER}"), None),
            (format!("{TREE}{AUTHOR}{COMMITTER}encoding x\n\n"), None),
            (format!("{AUTHOR}{COMMITTER}\n"), Some(Cause::MissingTree)),
            (format!("tree 12\n{AUTHOR}{COMMITTER}\n"), Some(Cause::BadTreeSha1)),
            (format!("{TREE}parent 12\n{AUTHOR}{COMMITTER}\n"), Some(Cause::BadParentSha1)),
            (format!("{TREE}{COMMITTER}\n"), Some(Cause::MissingAuthor)),
            (format!("{TREE}{AUTHOR}{AUTHOR}{COMMITTER}\n"), Some(Cause::MultipleAuthors)),
            (format!("{TREE}{AUTHOR}\n"), Some(Cause::MissingCommitter)),
            (format!("{TREE}{AUTHOR}{PARENT}{COMMITTER}\n"), Some(Cause::MissingCommitter)),
            (format!("{TREE}{AUTHOR}{COMMITTER}\na\0b"), Some(Cause::NulInCommit)),
            (format!("{TREE}{AUTHOR}{COMMITTER}x\0y\n\n"), Some(Cause::NulInHeader)),
            (format!("{TREE}{AUTHOR}{COMMITTER}encoding x"), Some(Cause::UnterminatedHeader)),
            (String::new(), Some(Cause::UnterminatedHeader)),
        ];
        for (text, cause) in table {
            assert_eq!(run(Kind::Commit, text.as_bytes()).causes, Vec::from_iter(cause), "{text:?}");
        }
    }
}
