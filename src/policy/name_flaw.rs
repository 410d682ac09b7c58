//! What can be wrong with an entry's name as bytes.

use crate::model::{Escaped, is_invisible};

/// One way in which a name misleads people or breaks a file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameFlaw {
    Control,
    Bidi,
    Invisible,
    NonUtf8,
    /// What Windows takes for a device, or for another name; never wanted.
    Device,
    /// The same, and characters that other systems have in names.
    Reserved,
    Backslash,
}

impl NameFlaw {
    #[must_use]
    pub fn message(self) -> &'static str {
        match self {
            Self::Control => "the name has a control character",
            Self::Bidi => "the name has a character that turns the direction of writing",
            Self::Invisible => "the name has an invisible character",
            Self::NonUtf8 => "the name is not UTF-8",
            Self::Device | Self::Reserved => "Windows cannot have this name, or takes it for another",
            Self::Backslash => "the name has a backslash, which is a separator on Windows",
        }
    }
}

/// Whether any part of a path has the flaw.
#[must_use]
pub fn has(path: &[u8], flaw: NameFlaw) -> bool {
    let any = |test: fn(char) -> bool| path.utf8_chunks().any(|chunk| chunk.valid().chars().any(test));
    match flaw {
        NameFlaw::Control => any(char::is_control),
        NameFlaw::Bidi => any(is_bidi),
        NameFlaw::Invisible => any(is_invisible),
        NameFlaw::NonUtf8 => std::str::from_utf8(path).is_err(),
        NameFlaw::Device => path.split(|b| *b == b'/').any(is_taken_for_another),
        NameFlaw::Reserved => path.split(|b| *b == b'/').any(is_reserved),
        NameFlaw::Backslash => path.contains(&b'\\'),
    }
}

#[must_use]
pub fn twin_message(twin: &[u8]) -> String {
    format!("some file systems cannot tell it from {}", Escaped(twin))
}

fn is_bidi(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// What Windows reserves: device names (with any extension), some characters, trailing dots and spaces, and the form
/// of the short names it makes up itself.
fn is_reserved(segment: &[u8]) -> bool {
    if segment.iter().any(|b| matches!(b, b'<' | b'>' | b'"' | b':' | b'|' | b'?' | b'*')) {
        return true;
    }
    is_taken_for_another(segment) || is_short_name(&stem(segment))
}

fn is_taken_for_another(segment: &[u8]) -> bool {
    matches!(segment.last(), Some(b'.' | b' ')) || is_device(&stem(segment))
}

fn stem(segment: &[u8]) -> Vec<u8> {
    segment.split(|b| *b == b'.').next().unwrap_or_default().trim_ascii_end().to_ascii_lowercase()
}

fn is_device(stem: &[u8]) -> bool {
    if [&b"con"[..], b"prn", b"aux", b"nul", b"conin$", b"conout$"].contains(&stem) {
        return true;
    }
    let port = stem.strip_prefix(b"com").or_else(|| stem.strip_prefix(b"lpt"));
    // The superscript digits count as digits there.
    port.is_some_and(|n| matches!(n, [b'0'..=b'9']) || ["¹", "²", "³"].iter().any(|d| d.as_bytes() == n))
}

/// `GITHUB~1`: what a longer name next to it may be called as well.
fn is_short_name(stem: &[u8]) -> bool {
    let Some(tilde) = stem.iter().rposition(|b| *b == b'~') else { return false };
    let number = stem.get(tilde + 1..).unwrap_or_default();
    tilde > 0 && stem.len() <= 8 && !number.is_empty() && number.iter().all(u8::is_ascii_digit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_each_flaw_and_not_its_neighbour() {
        use NameFlaw::{Backslash, Bidi, Control, Invisible, NonUtf8, Reserved};
        let table: [(&[u8], NameFlaw, bool); 40] = [
            (b"a\nb", Control, true),
            (b"a\x7f", Control, true),
            ("a\u{85}".as_bytes(), Control, true),
            (b"dir\r/x", Control, true),
            ("grün".as_bytes(), Control, false),
            ("a\u{202e}b".as_bytes(), Bidi, true),
            ("a\u{2066}b".as_bytes(), Bidi, true),
            ("a\u{200b}b".as_bytes(), Bidi, false),
            ("עברית".as_bytes(), Bidi, false),
            ("a\u{200b}b".as_bytes(), Invisible, true),
            ("a\u{e0041}b".as_bytes(), Invisible, true),
            ("日本".as_bytes(), Invisible, false),
            (b"\xff", NonUtf8, true),
            (b"\xed\xa0\x80", NonUtf8, true),
            ("é".as_bytes(), NonUtf8, false),
            (b"a\\b", Backslash, true),
            (b"a/b", Backslash, false),
            (b"CON", Reserved, true),
            (b"dir/nul.txt", Reserved, true),
            (b"aux.c/x", Reserved, true),
            (b"com1", Reserved, true),
            (b"LPT9.log", Reserved, true),
            ("COM¹".as_bytes(), Reserved, true),
            (b"com10", Reserved, false),
            (b"console", Reserved, false),
            (b"con .txt", Reserved, true),
            (b"a.", Reserved, true),
            (b"a /b", Reserved, true),
            (b"a:b", Reserved, true),
            (b"a?b", Reserved, true),
            (b"a\"b", Reserved, true),
            (b"a|b", Reserved, true),
            (b"<a>", Reserved, true),
            (b"a*b", Reserved, true),
            (b"GITHUB~1", Reserved, true),
            (b"a~1.txt", Reserved, true),
            (b"a~", Reserved, false),
            (b"longer-name~1", Reserved, false),
            (b".gitignore", Reserved, false),
            (b"a.b/c d", Reserved, false),
        ];
        for (path, flaw, found) in table {
            assert_eq!(has(path, flaw), found, "{:?} {flaw:?}", Escaped(path));
        }
    }
}
