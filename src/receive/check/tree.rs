//! Trees, byte by byte.

use super::names::{self, GITATTRIBUTES, GITMODULES};
use super::{Cause, Report, Special};
use crate::model::Escaped;
use gix::objs::Kind;

const NAME_LENGTH_MAX: usize = 4096;

struct Entry<'a> {
    mode: u32,
    is_padded: bool,
    name: &'a [u8],
    id: [u8; 20],
}

impl Entry<'_> {
    fn file_type(&self) -> u32 {
        self.mode & 0o170_000
    }

    fn is_tree(&self) -> bool {
        self.file_type() == 0o040_000
    }

    fn is_symlink(&self) -> bool {
        self.file_type() == 0o120_000
    }
}

/// Reports all that is wrong with a tree, each cause once, and what it refers to.
pub fn check(data: &[u8], report: &mut impl Report) {
    let mut causes = Causes { report, seen: Vec::new() };
    let mut order = Order::default();
    let mut rest = data;
    while !rest.is_empty() {
        let Some((entry, tail)) = parse_entry(rest) else {
            causes.add(Cause::BadTree, b"");
            return;
        };
        rest = tail;
        check_entry(&entry, &mut causes);
        if let Some(cause) = order.next(&entry) {
            causes.add(cause, entry.name);
        }
    }
}

/// One line for a cause, however many entries have it.
struct Causes<'r, R> {
    report: &'r mut R,
    seen: Vec<Cause>,
}

impl<R: Report> Causes<'_, R> {
    fn add(&mut self, cause: Cause, name: &[u8]) {
        if !self.seen.contains(&cause) {
            self.seen.push(cause);
            let shown = name.get(..100).unwrap_or(name);
            self.report.problem(cause, if shown.is_empty() { String::new() } else { Escaped(shown).to_string() });
        }
    }
}

fn parse_entry(data: &[u8]) -> Option<(Entry<'_>, &[u8])> {
    let space = data.iter().take(12).position(|byte| *byte == b' ')?;
    let digits = data.get(..space).filter(|digits| !digits.is_empty())?;
    let digit = |mode: u32, byte: &u8| match byte {
        b'0'..=b'7' => mode.checked_mul(8)?.checked_add(u32::from(byte - b'0')),
        _ => None,
    };
    let mode = digits.iter().try_fold(0, digit)?;
    let rest = data.get(space + 1..)?;
    let nul = rest.iter().position(|byte| *byte == 0)?;
    let name = rest.get(..nul)?;
    let (id, rest) = rest.get(nul + 1..)?.split_first_chunk::<20>()?;
    Some((Entry { mode, is_padded: digits.starts_with(b"0"), name, id: *id }, rest))
}

fn check_entry<R: Report>(entry: &Entry<'_>, causes: &mut Causes<'_, R>) {
    let conditions = [
        (entry.id == [0; 20], Cause::NullSha1),
        (entry.is_padded, Cause::ZeroPaddedFilemode),
        // git cannot parse such a tree at all, and says so by that name.
        (entry.name.is_empty(), Cause::BadTree),
        (entry.name.contains(&b'/'), Cause::FullPathname),
        (entry.name == b".", Cause::HasDot),
        (entry.name == b"..", Cause::HasDotdot),
        (entry.name.len() > NAME_LENGTH_MAX, Cause::LargePathname),
    ];
    for (_, cause) in conditions.into_iter().filter(|(holds, _)| *holds) {
        causes.add(cause, entry.name);
    }
    check_name(entry, causes);
    match entry.file_type() {
        0o040_000 => causes.report.link(entry.id, Kind::Tree),
        0o100_000 | 0o120_000 => causes.report.link(entry.id, Kind::Blob),
        // A gitlink names a commit of another repository: there is nothing here to follow.
        0o160_000 => {}
        // git takes any other type for a gitlink. We do not guess.
        _ => causes.add(Cause::BadFilemode, entry.name),
    }
}

fn check_name<R: Report>(entry: &Entry<'_>, causes: &mut Causes<'_, R>) {
    if names::is_harmless(entry.name) {
        return;
    }
    if names::is_dotgit(entry.name) {
        causes.add(Cause::HasDotgit, entry.name);
    }
    if names::is_dot_name(entry.name, GITMODULES) {
        if entry.is_symlink() {
            causes.add(Cause::GitmodulesSymlink, entry.name);
        } else {
            causes.report.special(entry.id, Special::Gitmodules);
        }
    }
    if names::is_dot_name(entry.name, GITATTRIBUTES) && !entry.is_symlink() {
        causes.report.special(entry.id, Special::Gitattributes);
    }
}

/// Holds the entries to git's order, in which a directory sorts as if its name ended in a slash.
#[derive(Default)]
struct Order<'a> {
    previous: Option<(&'a [u8], bool)>,
    /// Files whose name starts the current one's, each longer than the one before: between a file `a` and a
    /// directory `a` others such as `a.b` may stand, so comparing neighbours does not find all duplicates.
    files: Vec<&'a [u8]>,
}

impl<'a> Order<'a> {
    fn next(&mut self, entry: &Entry<'a>) -> Option<Cause> {
        let (name, is_tree) = (entry.name, entry.is_tree());
        let previous = self.previous.replace((name, is_tree));
        while self.files.last().is_some_and(|file| !name.starts_with(file)) {
            self.files.pop();
        }
        let is_duplicate = self.files.last() == Some(&name);
        if !is_tree {
            self.files.push(name);
        }
        let (previous, previous_is_tree) = previous?;
        if is_duplicate || previous == name {
            return Some(Cause::DuplicateEntries);
        }
        let key = |name: &'a [u8], is_tree: bool| name.iter().copied().chain(is_tree.then_some(b'/'));
        let is_sorted = key(previous, previous_is_tree).lt(key(name, is_tree));
        (!is_sorted).then_some(Cause::TreeNotSorted)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::run;
    use super::*;

    fn tree(entries: &[(&str, &[u8])]) -> Vec<u8> {
        let mut data = Vec::new();
        for (mode, name) in entries {
            data.extend([mode.as_bytes(), b" ", name, b"\0", &[1; 20]].concat());
        }
        data
    }

    #[test]
    fn finds_what_git_finds() {
        type Row<'a> = (&'a [(&'a str, &'a [u8])], &'a [Cause]);
        let table: [Row<'_>; 25] = [
            (&[], &[]),
            (&[("100644", b"a"), ("100755", b"b"), ("120000", b"c"), ("160000", b"d"), ("40000", b"e")], &[]),
            (&[("100644", b"a-b"), ("40000", b"a"), ("100644", b"a0")], &[]),
            (&[("100664", b"a"), ("100777", b"b"), ("120644", b"c")], &[]),
            (&[("40000", b"a"), ("100644", b"a-b")], &[Cause::TreeNotSorted]),
            (&[("100644", b"b"), ("100644", b"a")], &[Cause::TreeNotSorted]),
            (&[("100644", b"a"), ("100644", b"a")], &[Cause::DuplicateEntries]),
            (&[("100644", b"a"), ("40000", b"a")], &[Cause::DuplicateEntries]),
            (&[("100644", b"a"), ("100644", b"a.b"), ("40000", b"a")], &[Cause::DuplicateEntries]),
            (
                &[("100644", b"f"), ("100644", b"f.b"), ("100644", b"f.b.z"), ("40000", b"f.b"), ("40000", b"f")],
                &[Cause::DuplicateEntries],
            ),
            (&[("40000", b"a"), ("40000", b"a")], &[Cause::DuplicateEntries]),
            (&[("0100644", b"a")], &[Cause::ZeroPaddedFilemode]),
            (&[("040000", b"a")], &[Cause::ZeroPaddedFilemode]),
            (&[("100644", b"")], &[Cause::BadTree]),
            (&[("100644", b"a/b")], &[Cause::FullPathname]),
            (&[("100644", b".")], &[Cause::HasDot]),
            (&[("40000", b"..")], &[Cause::HasDotdot]),
            (&[("40000", b".git "), ("40000", b".git")], &[Cause::HasDotgit]),
            (&[("40000", b"git~1")], &[Cause::HasDotgit]),
            (&[("120000", b".gitmodules")], &[Cause::GitmodulesSymlink]),
            (&[("120000", b"gi7eba~1")], &[Cause::GitmodulesSymlink]),
            (&[("120000", b".gitattributes"), ("120000", b".gitignore")], &[]),
            (&[("170000", b"a")], &[Cause::BadFilemode]),
            (&[("", b"a")], &[Cause::BadTree]),
            (&[("100648", b"a")], &[Cause::BadTree]),
        ];
        for (entries, causes) in table {
            assert_eq!(run(Kind::Tree, &tree(entries)).causes, causes, "{entries:?}");
        }
        assert_eq!(run(Kind::Tree, &tree(&[("100644", &[b'x'; 4096])])).causes, []);
        assert_eq!(run(Kind::Tree, &tree(&[("100644", &[b'x'; 4097])])).causes, [Cause::LargePathname]);
    }

    #[test]
    fn links_by_type_and_names_what_git_reads() {
        let names: [(&str, &[u8]); 4] =
            [("100644", b".gitattributes"), ("100644", b".gitmodules"), ("160000", b"s"), ("40000", b"t")];
        let seen = run(Kind::Tree, &tree(&names));
        let kinds: Vec<Kind> = seen.links.iter().map(|(_, kind)| *kind).collect();
        assert_eq!(kinds, [Kind::Blob, Kind::Blob, Kind::Tree]);
        let special: Vec<Special> = seen.special.iter().map(|(_, special)| *special).collect();
        assert_eq!(special, [Special::Gitattributes, Special::Gitmodules]);
    }

    #[test]
    fn null_ids_and_cut_trees_are_bad() {
        let mut null = b"100644 a\0".to_vec();
        null.extend([0; 20]);
        assert_eq!(run(Kind::Tree, &null).causes, [Cause::NullSha1]);
        let whole = tree(&[("100644", b"a")]);
        for end in 1..whole.len() {
            assert_eq!(run(Kind::Tree, &whole[..end]).causes, [Cause::BadTree]);
        }
    }
}
