//! Bytes of a terminal as keys.
//!
//! Takes them in any pieces, keeps a bounded number, and drops what it does not know: a sequence is never taken for the
//! keys it is written with.

/// A key that was pressed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Key {
    Char(char),
    /// Control with a small letter.
    Control(char),
    Enter,
    Escape,
    Tab,
    BackTab,
    Backspace,
    Up,
    Down,
    Left,
    Right,
    PageUp,
    PageDown,
    Home,
    End,
    /// Pasted: text for a line of input, never keys.
    Paste(String),
}

/// The longest sequence that is looked at.
const SEQUENCE_BYTES_MAX: usize = 32;
/// Of a longer paste the start is kept.
const PASTE_BYTES_MAX: usize = 4096;
const PASTE_END: &[u8] = b"\x1b[201~";
const ESC: u8 = 0x1b;

/// What was read so far of something longer than a byte.
#[derive(Debug, Default)]
enum Part {
    #[default]
    None,
    Escape,
    /// After `ESC [`.
    Control(Vec<u8>),
    /// After `ESC O`.
    Single,
    /// An answer of the terminal, until its end: so many bytes so far.
    Answer(usize),
    /// The start of a character, and its length.
    Utf8(Vec<u8>, usize),
    /// A paste, and how much of its end mark was seen.
    Paste(Vec<u8>, usize),
}

/// Reads keys.
#[derive(Debug, Default)]
pub struct Keys {
    part: Part,
}

impl Keys {
    /// Whether an escape was read of which nobody knows yet if more follows.
    #[must_use]
    pub fn may_be_escape(&self) -> bool {
        matches!(self.part, Part::Escape)
    }

    /// Nothing followed for a while: it was the key.
    pub fn settle(&mut self) -> Option<Key> {
        match self.may_be_escape() {
            true => {
                self.part = Part::None;
                Some(Key::Escape)
            }
            false => None,
        }
    }

    pub fn read(&mut self, bytes: &[u8]) -> Vec<Key> {
        bytes.iter().filter_map(|byte| self.byte(*byte)).collect()
    }

    fn byte(&mut self, byte: u8) -> Option<Key> {
        match std::mem::take(&mut self.part) {
            Part::None => self.first(byte),
            Part::Escape => self.after_escape(byte),
            Part::Control(sequence) => self.control(sequence, byte),
            Part::Single => arrow(byte),
            Part::Answer(length) => {
                let is_end = matches!(byte, 0x07 | 0x18 | 0x1a | b'\r' | b'\n') || length >= PASTE_BYTES_MAX;
                self.part = match byte {
                    ESC => Part::Escape,
                    _ if is_end => Part::None,
                    _ => Part::Answer(length + 1),
                };
                None
            }
            Part::Utf8(start, length) => self.character(start, length, byte),
            Part::Paste(text, seen) => self.paste(text, seen, byte),
        }
    }

    fn first(&mut self, byte: u8) -> Option<Key> {
        let length = match byte {
            ESC => {
                self.part = Part::Escape;
                return None;
            }
            b'\r' | b'\n' => return Some(Key::Enter),
            b'\t' => return Some(Key::Tab),
            0x7f | 0x08 => return Some(Key::Backspace),
            0x01..=0x1a => return Some(Key::Control(char::from(byte - 1 + b'a'))),
            b' '..=b'~' => return Some(Key::Char(char::from(byte))),
            0xc2..=0xdf => 2,
            0xe0..=0xef => 3,
            0xf0..=0xf4 => 4,
            _ => return None,
        };
        self.part = Part::Utf8(vec![byte], length);
        None
    }

    /// A letter after an escape is the letter with Alt, which is no key here.
    fn after_escape(&mut self, byte: u8) -> Option<Key> {
        self.part = match byte {
            b'[' => Part::Control(Vec::new()),
            b'O' => Part::Single,
            b']' | b'P' | b'X' | b'^' | b'_' => Part::Answer(0),
            ESC => {
                self.part = Part::Escape;
                return Some(Key::Escape);
            }
            _ => Part::None,
        };
        None
    }

    fn control(&mut self, mut sequence: Vec<u8>, byte: u8) -> Option<Key> {
        match byte {
            0x20..=0x3f => {
                if sequence.len() < SEQUENCE_BYTES_MAX {
                    sequence.push(byte);
                }
                self.part = Part::Control(sequence);
                None
            }
            b'~' if sequence == b"200" => {
                self.part = Part::Paste(Vec::new(), 0);
                None
            }
            b'~' => tilde(&sequence),
            0x40..=0x7e if sequence.len() < SEQUENCE_BYTES_MAX => arrow(byte),
            ESC => {
                self.part = Part::Escape;
                None
            }
            _ => None,
        }
    }

    fn character(&mut self, mut start: Vec<u8>, length: usize, byte: u8) -> Option<Key> {
        if byte & 0xc0 != 0x80 {
            return self.first(byte);
        }
        start.push(byte);
        if start.len() < length {
            self.part = Part::Utf8(start, length);
            return None;
        }
        std::str::from_utf8(&start).ok()?.chars().next().filter(|c| !c.is_control()).map(Key::Char)
    }

    fn paste(&mut self, mut text: Vec<u8>, seen: usize, byte: u8) -> Option<Key> {
        let seen = match PASTE_END.get(seen) {
            Some(expected) if *expected == byte => seen + 1,
            _ => usize::from(byte == ESC),
        };
        if seen == PASTE_END.len() {
            let text: String = String::from_utf8_lossy(&text).chars().filter(|c| !c.is_control()).collect();
            return Some(Key::Paste(text));
        }
        if seen == 0 && text.len() < PASTE_BYTES_MAX {
            text.push(if byte.is_ascii_whitespace() { b' ' } else { byte });
        }
        self.part = Part::Paste(text, seen);
        None
    }
}

fn arrow(byte: u8) -> Option<Key> {
    match byte {
        b'A' => Some(Key::Up),
        b'B' => Some(Key::Down),
        b'C' => Some(Key::Right),
        b'D' => Some(Key::Left),
        b'H' => Some(Key::Home),
        b'F' => Some(Key::End),
        b'M' => Some(Key::Enter),
        b'Z' => Some(Key::BackTab),
        _ => None,
    }
}

fn tilde(sequence: &[u8]) -> Option<Key> {
    match sequence {
        b"1" | b"7" => Some(Key::Home),
        b"4" | b"8" => Some(Key::End),
        b"5" => Some(Key::PageUp),
        b"6" => Some(Key::PageDown),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Vec<Key> {
        Keys::default().read(bytes)
    }

    #[test]
    fn knows_the_keys_however_they_are_cut() {
        let table: [(&[u8], &[Key]); 17] = [
            (b"aG/ ", &[Key::Char('a'), Key::Char('G'), Key::Char('/'), Key::Char(' ')]),
            (b"\r\n\t\x7f\x08", &[Key::Enter, Key::Enter, Key::Tab, Key::Backspace, Key::Backspace]),
            (b"\x03\x0c\x1a", &[Key::Control('c'), Key::Control('l'), Key::Control('z')]),
            (b"\x1b[A\x1bOB\x1b[C\x1bOD", &[Key::Up, Key::Down, Key::Right, Key::Left]),
            (b"\x1b[5~\x1b[6~\x1b[1~\x1b[F", &[Key::PageUp, Key::PageDown, Key::Home, Key::End]),
            ("é日😀".as_bytes(), &[Key::Char('é'), Key::Char('日'), Key::Char('😀')]),
            (b"\x1b[200~a\ty\r\x1b[31m\x1b[201~q", &[Key::Paste("a y 31m".into()), Key::Char('q')]),
            (b"\x1b\x1b[A", &[Key::Escape, Key::Up]),
            (b"\x1b[Z\t", &[Key::BackTab, Key::Tab]),
            // What is not known is dropped as a whole.
            (b"\x1bax", &[Key::Char('x')]),
            (b"\x1b[99;99~x", &[Key::Char('x')]),
            (b"\x1b[?62;1;4cx", &[Key::Char('x')]),
            (b"\x1b]11;rgb:ff/ff/ff\x07x", &[Key::Char('x')]),
            (b"\x1bP1$r0m\x1b\\x", &[Key::Char('x')]),
            (b"\xff\x80\xc3x\xe2\x82y", &[Key::Char('x'), Key::Char('y')]),
            ("\u{9b}".as_bytes(), &[]),
            (b"\0\x1c", &[]),
        ];
        for (bytes, keys) in table {
            assert_eq!(read(bytes), keys, "{}", bytes.escape_ascii());
            let mut parser = Keys::default();
            let single: Vec<Key> = bytes.iter().flat_map(|byte| parser.read(&[*byte])).collect();
            assert_eq!(single, keys, "{} byte by byte", bytes.escape_ascii());
        }
    }

    #[test]
    fn an_escape_alone_is_a_key_after_a_while() {
        let mut keys = Keys::default();
        assert!(keys.read(b"\x1b").is_empty() && keys.may_be_escape());
        assert_eq!((keys.settle(), keys.settle()), (Some(Key::Escape), None));
    }

    #[test]
    fn endless_input_is_bounded() {
        let mut keys = Keys::default();
        keys.read(b"\x1b[200~");
        keys.read(&vec![b'x'; 1_000_000]);
        assert_eq!(keys.read(PASTE_END), [Key::Paste("x".repeat(PASTE_BYTES_MAX))]);
        keys.read(b"\x1b[");
        keys.read(&vec![b'1'; 1_000_000]);
        assert!(matches!(&keys.part, Part::Control(kept) if kept.len() == SEQUENCE_BYTES_MAX));
        assert_eq!(keys.read(b"Aj"), [Key::Char('j')]);
        keys.read(b"\x1b]");
        assert!(keys.read(&vec![b'1'; PASTE_BYTES_MAX + 1]).is_empty());
        assert_eq!(keys.read(b"j"), [Key::Char('j')]);
    }
}
