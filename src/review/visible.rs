//! The one way from bytes to what is on the screen.
//!
//! Everything a terminal obeys, and everything a reader would not see or would see in the wrong place, comes out as an
//! escape in visible ASCII. Wide characters and marks on characters stay, a few marks at most.

use crate::model::{Escaped, is_invisible};
use std::ops::ControlFlow;
use unicode_width::UnicodeWidthChar;

/// More marks than this on one character are escaped: they would pile up over other lines.
const MARKS_MAX: usize = 2;

/// One thing to put on the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Glyph {
    /// A character of one or two columns.
    Plain(char, u16),
    /// A mark on the character before.
    Mark(char),
    /// One ASCII character of an escape.
    Escape(char),
    Tab,
}

/// Shows `see` each glyph with the place of the byte it comes from, until it has seen enough.
pub fn glyphs(bytes: &[u8], see: &mut dyn FnMut(Glyph, usize) -> ControlFlow<()>) {
    // Enough was seen; nothing is left to do.
    let _ = visit(bytes, see);
}

fn visit(bytes: &[u8], see: &mut dyn FnMut(Glyph, usize) -> ControlFlow<()>) -> ControlFlow<()> {
    let mut at = 0;
    // Marks on the character before; `None` if there is no character they could be on.
    let mut marks = None;
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match (glyph(c), marks) {
                (Some(Glyph::Mark(_)), Some(0..MARKS_MAX)) => {
                    marks = marks.map(|marks| marks + 1);
                    see(Glyph::Mark(c), at)?;
                }
                (Some(Glyph::Mark(_)) | None, _) => {
                    marks = None;
                    escape(c.encode_utf8(&mut [0; 4]).as_bytes(), at, see)?;
                }
                (Some(glyph), _) => {
                    marks = matches!(glyph, Glyph::Plain(..)).then_some(0);
                    see(glyph, at)?;
                }
            }
            at += c.len_utf8();
        }
        for byte in chunk.invalid() {
            marks = None;
            escape(&[*byte], at, see)?;
            at += 1;
        }
    }
    ControlFlow::Continue(())
}

/// `None`: only as an escape.
fn glyph(c: char) -> Option<Glyph> {
    match c {
        '\t' => Some(Glyph::Tab),
        c if c.is_control() || is_invisible(c) => None,
        c => match c.width() {
            Some(0) => Some(Glyph::Mark(c)),
            Some(width @ 1..=2) => Some(Glyph::Plain(c, u16::try_from(width).unwrap_or(1))),
            Some(_) | None => None,
        },
    }
}

fn escape(bytes: &[u8], at: usize, see: &mut dyn FnMut(Glyph, usize) -> ControlFlow<()>) -> ControlFlow<()> {
    let text = Escaped(bytes).to_string();
    if text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return text.chars().try_for_each(|c| see(Glyph::Escape(c), at));
    }
    // A mark without a character, which is no danger to a line of text.
    let c = text.chars().next().unwrap_or('?');
    format!("\\u{{{:x}}}", u32::from(c)).chars().try_for_each(|c| see(Glyph::Escape(c), at))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(bytes: &[u8]) -> String {
        let mut text = String::new();
        glyphs(bytes, &mut |glyph, _| {
            match glyph {
                Glyph::Plain(c, _) | Glyph::Mark(c) | Glyph::Escape(c) => text.push(c),
                Glyph::Tab => text.push('\t'),
            }
            ControlFlow::Continue(())
        });
        text
    }

    #[test]
    fn shows_text_as_it_is_and_the_rest_as_escapes() {
        let table: [(&[u8], &str); 10] = [
            (b"let x = 1;\t\\n", "let x = 1;\t\\n"),
            (b"\x1b]0;t\x07\r", "\\x1b]0;t\\x07\\r"),
            ("日e\u{301}".as_bytes(), "日e\u{301}"),
            ("\u{301}a".as_bytes(), "\\u{301}a"),
            ("a\u{301}\u{302}\u{303}".as_bytes(), "a\u{301}\u{302}\\u{303}"),
            ("\t\u{301}".as_bytes(), "\t\\u{301}"),
            ("\u{202e}\u{2066}\u{200d}\u{e0041}\u{feff}".as_bytes(), "\\u{202e}\\u{2066}\\u{200d}\\u{e0041}\\u{feff}"),
            (b"\xff\xc3", "\\xff\\xc3"),
            ("\u{85}\u{9b}".as_bytes(), "\\u{85}\\u{9b}"),
            (b"a\xff\xcc\x81", "a\\xff\\u{301}"),
        ];
        for (bytes, expected) in table {
            assert_eq!(shown(bytes), expected);
        }
    }

    #[test]
    fn no_character_is_more_than_it_seems() {
        for c in (0..=0x0010_ffff).filter_map(char::from_u32) {
            let mut before = ['x'; 1].iter().collect::<String>();
            before.push(c);
            for seen in shown(before.as_bytes()).chars().skip(1) {
                assert!(seen == '\t' || (!seen.is_control() && !is_invisible(seen)), "{c:?}");
            }
        }
    }
}
