//! Annotated tags, byte by byte.
//!
//! A bad tag name and a missing tagger are not refused here: git calls both mere information, old tags have them,
//! and the policy sees the name and whether there is a tagger.

use super::{Cause, Header, Report, ident, parse_id};
use gix::objs::Kind;

/// Reports the first thing wrong with a tag's form, and what it refers to.
pub fn check(data: &[u8], report: &mut impl Report) {
    if let Err(cause) = parse(data, report) {
        report.problem(cause, String::new());
    }
}

fn parse(data: &[u8], report: &mut impl Report) -> Result<(), Cause> {
    let mut header = Header::new(data)?;
    let object = header.field("object").ok_or(Cause::MissingObject)?;
    let object = parse_id(object).ok_or(Cause::BadObjectSha1)?;
    let kind = match header.field("type").ok_or(Cause::MissingTypeEntry)? {
        b"commit" => Kind::Commit,
        b"tree" => Kind::Tree,
        b"blob" => Kind::Blob,
        b"tag" => Kind::Tag,
        _ => return Err(Cause::BadType),
    };
    report.link(object, kind);
    header.field("tag").ok_or(Cause::MissingTagEntry)?;
    header.field("tagger").map_or(Ok(()), ident::check)
}

#[cfg(test)]
mod tests {
    use super::super::tests::run;
    use super::*;

    const OBJECT: &str = "object 1111111111111111111111111111111111111111\n";
    const TAGGER: &str = "tagger A <a@b> 1 +0000\n";

    #[test]
    fn header_lines_have_one_order() {
        let table = [
            (format!("{OBJECT}type commit\ntag v1\n{TAGGER}\nm"), None),
            (format!("{OBJECT}type commit\ntag v1\n\nm"), None),
            (format!("{OBJECT}type blob\ntag ..\n{TAGGER}"), None),
            (format!("type commit\ntag v1\n{TAGGER}\nm"), Some(Cause::MissingObject)),
            (format!("object 12\ntype commit\ntag v1\n{TAGGER}\nm"), Some(Cause::BadObjectSha1)),
            (format!("{OBJECT}tag v1\n{TAGGER}\nm"), Some(Cause::MissingTypeEntry)),
            (format!("{OBJECT}type branch\ntag v1\n{TAGGER}\nm"), Some(Cause::BadType)),
            (format!("{OBJECT}type commit\n{TAGGER}\nm"), Some(Cause::MissingTagEntry)),
            (format!("{OBJECT}type commit\ntag v1\ntagger A 1 +0000\n\nm"), Some(Cause::MissingEmail)),
            (format!("{OBJECT}type commit\ntag v\0\n{TAGGER}\nm"), Some(Cause::NulInHeader)),
            (format!("{OBJECT}type commit\ntag v1"), Some(Cause::UnterminatedHeader)),
        ];
        for (text, cause) in table {
            assert_eq!(run(Kind::Tag, text.as_bytes()).causes, Vec::from_iter(cause), "{text:?}");
        }
    }
}
