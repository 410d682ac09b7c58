//! What other file systems would make of a path: `model`'s folding of each part, and the short names of git's own files.
//!
//! A folded name is only ever compared with folded names. It says more names equal than any one file system does,
//! which is right for rules that forbid and wrong for grants: those compare raw bytes.

use crate::model::{fold_text, strip_ntfs};

/// A name that git itself gives a meaning to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DotName {
    Git,
    /// `.gitmodules`, `.gitattributes`, `.gitignore`, `.mailmap`.
    File,
}

/// Name, and the six characters NTFS starts its fall-back short name with: a hash of the long one.
const DOT_FILES: [(&str, &str); 4] =
    [(".gitmodules", "gi7eba"), (".gitattributes", "gi7d29"), (".gitignore", "gi250a"), (".mailmap", "maba30")];

/// Which of git's own names a folded segment is.
#[must_use]
pub fn dot_name(folded: &[u8]) -> Option<DotName> {
    if folded == b".git" {
        return Some(DotName::Git);
    }
    DOT_FILES.iter().any(|(name, _)| name.as_bytes() == folded).then_some(DotName::File)
}

/// The folded segments of a path; `None` if folding changes nothing.
#[must_use]
pub fn fold_path(path: &[u8]) -> Option<Vec<Vec<u8>>> {
    if is_plain(path) {
        return None;
    }
    Some(path.split(|b| matches!(b, b'/' | b'\\')).map(fold_segment).collect())
}

/// Whether a path surely folds to itself; most do, and need no copy.
fn is_plain(path: &[u8]) -> bool {
    let plain = |b: &u8| matches!(b, b'!'..=b'~') && !b.is_ascii_uppercase() && !matches!(b, b'\\' | b':' | b'~');
    path.iter().all(plain) && !path.ends_with(b".") && !path.windows(2).any(|pair| pair == b"./")
}

/// One segment as the most forgiving file system would read it.
#[must_use]
pub fn fold_segment(segment: &[u8]) -> Vec<u8> {
    let text = fold_text(segment);
    let name = strip_ntfs(&text);
    long_name(name).map_or_else(|| name.to_vec(), |long| long.as_bytes().to_vec())
}

/// The dot-git name an NTFS short name can stand for (git's path.c knows the same forms).
fn long_name(name: &[u8]) -> Option<&'static str> {
    let tilde = name.iter().position(|b| *b == b'~')?;
    let (stem, number) = (name.get(..tilde)?, name.get(tilde + 1..)?);
    let is_number = matches!(number.first(), Some(b'1'..=b'9')) && number.iter().all(u8::is_ascii_digit);
    if !is_number {
        return None;
    }
    if stem == b"git" && number == b"1" {
        return Some(".git");
    }
    for (long, hashed) in DOT_FILES {
        let short = long.as_bytes().get(1..7)?;
        let is_first_four = stem == short && matches!(number, [b'1'..=b'4']);
        let is_fall_back = name.len() == 8 && hashed.as_bytes().starts_with(stem);
        if is_first_four || is_fall_back {
            return Some(long);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use bstr::BString;

    #[test]
    fn folds_what_some_file_system_takes_for_the_same_name() {
        let table: [(&[u8], &str); 26] = [
            (b"readme.md", "readme.md"),
            (b"README.md", "readme.md"),
            ("\u{17f}ecret".as_bytes(), "secret"),
            ("\u{212a}ey".as_bytes(), "key"),
            ("STRASSE".as_bytes(), "strasse"),
            ("straße".as_bytes(), "strasse"),
            ("\u{e9}".as_bytes(), "e\u{301}"),
            ("E\u{301}".as_bytes(), "e\u{301}"),
            ("\u{212b}".as_bytes(), "a\u{30a}"),
            ("\u{130}x".as_bytes(), "i\u{307}x"),
            ("ΟΔΟΣ".as_bytes(), "οδοσ"),
            ("οδος".as_bytes(), "οδοσ"),
            ("sec\u{200c}ret".as_bytes(), "secret"),
            ("\u{feff}secret".as_bytes(), "secret"),
            (b"secret.", "secret"),
            (b"secret . .", "secret"),
            (b"secret::$DATA", "secret"),
            (b"secret. :x", "secret"),
            (b".git", ".git"),
            (b".GIT", ".git"),
            (b"git~1", ".git"),
            (b"GIT~1. ", ".git"),
            (b"GITMOD~1", ".gitmodules"),
            (b"gi7eba~9", ".gitmodules"),
            (b"MAILMA~4", ".mailmap"),
            (b"...", "..."),
        ];
        for (name, folded) in table {
            assert_eq!(BString::from(fold_segment(name)), BString::from(folded), "{:?}", BString::from(name));
        }
        assert_eq!(fold_segment(b"A\xffB"), b"a\xffb");
    }

    #[test]
    fn folding_twice_changes_nothing_more_for_every_character() {
        // Nothing is assigned between the third plane and the fourteenth.
        for c in ('\0'..'\u{40000}').chain('\u{e0000}'..'\u{e1000}') {
            let once = fold_text(c.to_string().as_bytes()).into_owned();
            assert_eq!(fold_text(&once), once, "{c:?}");
        }
    }

    #[test]
    fn git_names_are_known_in_every_spelling() {
        let git: [&[u8]; 12] = [
            b".git",
            b".GiT",
            b".git.",
            b".git ",
            b".git . ",
            b".git::$INDEX_ALLOCATION",
            b".git:x",
            b"git~1",
            b"GIT~1",
            b"git~1.",
            ".g\u{200c}it".as_bytes(),
            "\u{202e}.git".as_bytes(),
        ];
        for name in git {
            assert_eq!(dot_name(&fold_segment(name)), Some(DotName::Git), "{:?}", BString::from(name));
        }
        let files: [&[u8]; 12] = [
            b".gitmodules",
            b".GITMODULES",
            b".gitmodules ",
            b".gitmodules:$DATA",
            b"gitmod~1",
            b"GITMOD~4",
            b"gi7eba~1",
            b"gi7eb~10",
            b"~1000000",
            b".gitattributes",
            b"gitatt~2",
            b".mailmap.",
        ];
        for name in files {
            assert_eq!(dot_name(&fold_segment(name)), Some(DotName::File), "{:?}", BString::from(name));
        }
        let others: [&[u8]; 10] = [
            b"git",
            b".gitx",
            b".github",
            b"git~2",
            b"git~11",
            b"gitmod~5",
            b"gi7eba~0",
            b"gi7eba~1x",
            b"gi7e~1",
            b"x.git",
        ];
        for name in others {
            assert_eq!(dot_name(&fold_segment(name)), None, "{:?}", BString::from(name));
        }
    }

    #[test]
    fn paths_fold_by_segment_and_a_backslash_parts_them() {
        assert_eq!(fold_path(b"src/main.rs"), None);
        assert_eq!(fold_path(b"a.b/c-d_e/[id].ts"), None);
        let parts = |path: &[u8]| fold_path(path).map(|p| p.into_iter().map(BString::from).collect::<Vec<_>>());
        assert_eq!(parts(b"Src/x. /y:z"), Some(vec!["src".into(), "x".into(), "y".into()]));
        assert_eq!(parts(b"a\\B"), Some(vec!["a".into(), "b".into()]));
    }
}
