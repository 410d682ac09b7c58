//! Bytes from a client, made safe to show on a terminal, in a log or in a message.

use std::fmt::{self, Write};

/// Shows bytes with everything a terminal or a reader could misread written as an escape.
///
/// Printable Unicode stays as it is. Control characters, bidirectional and invisible characters, bytes that are
/// not UTF-8 and the backslash itself are escaped, so that two different byte strings never look the same.
#[derive(Clone, Copy)]
pub struct Escaped<'a>(pub &'a [u8]);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            for c in chunk.valid().chars() {
                write_char(f, c)?;
            }
            for byte in chunk.invalid() {
                write!(f, "\\x{byte:02x}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

fn write_char(f: &mut fmt::Formatter<'_>, c: char) -> fmt::Result {
    match c {
        '\n' => f.write_str("\\n"),
        '\r' => f.write_str("\\r"),
        '\t' => f.write_str("\\t"),
        '\\' => f.write_str("\\\\"),
        c if c.is_ascii_control() => write!(f, "\\x{:02x}", c as u32),
        c if c.is_control() || is_invisible(c) => write!(f, "\\u{{{:x}}}", c as u32),
        c => f.write_char(c),
    }
}

/// Whether a character changes or hides the text around it without being seen itself.
///
/// Bidirectional controls, zero-width and filler characters, variation selectors, tags, line and paragraph
/// separators, private use and unassigned specials.
#[must_use]
pub fn is_invisible(c: char) -> bool {
    matches!(c as u32,
        0x00AD | 0x034F | 0x061C | 0x115F | 0x1160 | 0x17B4 | 0x17B5 | 0x180B..=0x180F
        | 0x200B..=0x200F | 0x2028..=0x202E | 0x2060..=0x206F | 0x3164 | 0xFE00..=0xFE0F
        | 0xFEFF | 0xFFA0 | 0xFFF0..=0xFFFB | 0x1BCA0..=0x1BCA3 | 0x1D173..=0x1D17A
        | 0xE0000..=0xE0FFF)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_text_and_escapes_what_could_be_misread() {
        let table: [(&[u8], &str); 8] = [
            (b"src/main.rs", "src/main.rs"),
            ("grüße/日本".as_bytes(), "grüße/日本"),
            (b"a\nb\tc\rd", "a\\nb\\tc\\rd"),
            (b"\x1b[31mred\x07", "\\x1b[31mred\\x07"),
            ("x\u{202e}y\u{200b}".as_bytes(), "x\\u{202e}y\\u{200b}"),
            (b"\xff\xfe", "\\xff\\xfe"),
            (b"back\\slash", "back\\\\slash"),
            ("c1\u{9b}".as_bytes(), "c1\\u{9b}"),
        ];
        for (bytes, shown) in table {
            assert_eq!(Escaped(bytes).to_string(), shown);
        }
    }
}
