//! Names that a file system takes for one of git's own, though their bytes differ.
//!
//! HFS+ ignores certain code points and case; NTFS ignores case, trailing dots and spaces and what follows a colon,
//! and gives long names a second, short one (`git~1`).

/// A name git reads itself: its text after the dot, and the start of its hashed short name on NTFS.
#[derive(Debug, Clone, Copy)]
pub struct DotName {
    text: &'static [u8],
    short: &'static [u8],
}

pub const GITMODULES: DotName = DotName { text: b"gitmodules", short: b"gi7eba" };
pub const GITATTRIBUTES: DotName = DotName { text: b"gitattributes", short: b"gi7d29" };

/// Whether a name cannot be any of these on any file system; settles nearly all names by their first byte.
pub fn is_harmless(name: &[u8]) -> bool {
    !matches!(name.first(), Some(b'.' | b'~' | b'g' | b'G' | b'\\' | 0x80..)) && !name.contains(&b'\\')
}

/// Whether a file system could take the name, or what follows a backslash in it, for `.git`.
pub fn is_dotgit(name: &[u8]) -> bool {
    is_hfs_dot(name, b"git") || parts_after_backslashes(name).any(is_ntfs_dotgit)
}

/// Whether a file system could take the name for this one of git's.
pub fn is_dot_name(name: &[u8], dot_name: DotName) -> bool {
    is_hfs_dot(name, dot_name.text) || parts_after_backslashes(name).any(|part| is_ntfs_dot(part, dot_name))
}

/// The name, and all that follows each backslash: a directory separator on Windows.
fn parts_after_backslashes(name: &[u8]) -> impl Iterator<Item = &[u8]> {
    let backslashes = name.iter().enumerate().filter(|(_, byte)| **byte == b'\\');
    std::iter::once(name).chain(backslashes.filter_map(|(at, _)| name.get(at + 1..)))
}

fn is_hfs_dot(name: &[u8], text: &[u8]) -> bool {
    let mut visible = hfs_chars(name);
    if visible.next() != Some('.') {
        return false;
    }
    let same = |byte: &u8| visible.next().is_some_and(|c| c.eq_ignore_ascii_case(&char::from(*byte)));
    text.iter().all(same) && matches!(visible.next(), None | Some('/'))
}

/// The characters HFS+ compares; ends at the first byte that is not UTF-8, as git's reading does.
fn hfs_chars(name: &[u8]) -> impl Iterator<Item = char> {
    let valid = name.utf8_chunks().next().map_or("", |chunk| chunk.valid());
    valid.chars().filter(|c| !is_hfs_ignored(*c))
}

fn is_hfs_ignored(c: char) -> bool {
    matches!(c, '\u{200c}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{206a}'..='\u{206f}' | '\u{feff}')
}

fn is_ntfs_dotgit(name: &[u8]) -> bool {
    let rest = strip_prefix_no_case(name, b".git").or_else(|| strip_prefix_no_case(name, b"git~1"));
    rest.is_some_and(|rest| {
        let end = rest.iter().find(|byte| !matches!(byte, b'.' | b' '));
        matches!(end, None | Some(b'\\' | b'/' | b':'))
    })
}

fn is_ntfs_dot(name: &[u8], dot_name: DotName) -> bool {
    let long = name.strip_prefix(b".").and_then(|rest| strip_prefix_no_case(rest, dot_name.text));
    long.or_else(|| strip_numbered(name, dot_name))
        .or_else(|| strip_hashed(name, dot_name))
        .is_some_and(|rest| matches!(rest.iter().find(|b| !matches!(b, b'.' | b' ')), None | Some(b':')))
}

/// `gitmod~1` to `gitmod~4`.
fn strip_numbered(name: &[u8], dot_name: DotName) -> Option<&[u8]> {
    let rest = strip_prefix_no_case(name, dot_name.text.get(..6)?)?;
    match rest {
        [b'~', b'1'..=b'4', rest @ ..] => Some(rest),
        _ => None,
    }
}

/// `gi7eba~1`, `gi7eb~10`, …: eight bytes, a start of the hashed name, a tilde, a number.
fn strip_hashed(name: &[u8], dot_name: DotName) -> Option<&[u8]> {
    let (short, rest) = name.split_at_checked(8)?;
    let tilde = short.iter().position(|byte| *byte == b'~')?;
    let (start, number) = short.split_at_checked(tilde)?;
    let prefix = dot_name.short.get(..start.len())?;
    let number = number.get(1..)?;
    let is_number = matches!(number.first(), Some(b'1'..=b'9')) && number.iter().all(u8::is_ascii_digit);
    (is_number && start.eq_ignore_ascii_case(prefix)).then_some(rest)
}

fn strip_prefix_no_case<'a>(name: &'a [u8], prefix: &[u8]) -> Option<&'a [u8]> {
    let (start, rest) = name.split_at_checked(prefix.len())?;
    start.eq_ignore_ascii_case(prefix).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dotgit_has_many_forms() {
        let forms = [
            ".git",
            ".GIT",
            ".Git ",
            ".git.",
            ".git. .",
            "git~1",
            "GIT~1",
            "git~1.",
            ".git::$INDEX_ALLOCATION",
            ".git\\x",
            "a\\.git",
            "a\\git~1\\b",
            ".g\u{200c}it",
            "\u{feff}.git",
            ".git\u{206f}",
            ".git/x",
        ];
        for name in forms {
            assert!(is_dotgit(name.as_bytes()) && !is_harmless(name.as_bytes()), "{name:?}");
        }
        assert!(is_dotgit(b".git\xff"));
        for name in [".gitx", "git", "git~2", ".gi", ".git x", "x.git", ".github", "..git", "git~1x", ".g\u{200b}it"] {
            assert!(!is_dotgit(name.as_bytes()), "{name:?}");
        }
    }

    #[test]
    fn gitmodules_has_many_forms() {
        let forms = [
            ".gitmodules",
            ".GITMODULES",
            ".gitmodules ",
            ".gitmodules.",
            ".gitmodules:x",
            "gitmod~1",
            "GITMOD~4",
            "gi7eba~1",
            "gi7eb~10",
            "gi7~1234",
            "~1234567",
            ".git\u{200d}modules",
            "x\\.gitmodules",
            ".gitmodules::$DATA",
        ];
        for name in forms {
            assert!(is_dot_name(name.as_bytes(), GITMODULES), "{name:?}");
            assert!(!is_harmless(name.as_bytes()), "{name:?}");
        }
        for name in ["gitmodules", "gitmod~5", "gi7eba~0", "gi7ebb~1", "gi7eba~", ".gitmodulesx", "gi7d29~1", "gitmod~"]
        {
            assert!(!is_dot_name(name.as_bytes(), GITMODULES), "{name:?}");
        }
        assert!(is_dot_name(b"gi7d29~1", GITATTRIBUTES));
    }
}
