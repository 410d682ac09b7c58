//! A file as rules go through it: as a whole, or piece by piece if it is large.
//!
//! UTF-16 is shown twice: as text, so that no encoding hides a line, and as it is stored, since a program that does
//! not know the encoding reads on after a byte order mark as if it were nothing.

use crate::secret;
use bstr::ByteSlice;
use std::borrow::Cow;
use std::ops::Range;

/// A part of a large file, or a file as a whole.
#[derive(Debug)]
pub struct Window<'a> {
    pub bytes: &'a [u8],
    /// The line that the first byte is in, from 1.
    pub line: u32,
    /// What starts in here is to be told; what starts before was seen by the window before, after by the next.
    pub tell: Range<usize>,
    /// How far the window before saw.
    seen: usize,
    pub view: View,
}

/// What a window shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum View {
    Text,
    /// UTF-16 once more, byte by byte.
    Stored,
}

/// Length of the windows a large file is looked at through, and how much two of them share.
pub const WINDOW_BYTES: usize = 4 * 1024 * 1024;
pub const OVERLAP_BYTES: usize = 64 * 1024;
/// As much as it takes to tell UTF-16.
const SAMPLE_BYTES: usize = 8192;

/// A line without its end: LF, or CR LF.
#[must_use]
pub fn without_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

impl<'a> Window<'a> {
    /// A file as a whole.
    #[must_use]
    pub fn whole(bytes: &'a [u8], view: View) -> Self {
        Self { bytes, line: 1, tell: 0..bytes.len().saturating_add(1), seen: 0, view }
    }

    /// The lines to tell, with their numbers and without their ends.
    ///
    /// Of a line that began before and that the window before did not see to its end, the rest.
    pub fn lines(&self) -> impl Iterator<Item = (u32, &'a [u8])> {
        let (tell, seen) = (self.tell.clone(), self.seen);
        let mut end = 0;
        let lines = self.bytes.lines_with_terminator().map(move |line| {
            let start = end;
            end += line.len();
            (start, line)
        });
        let numbered = (self.line..).zip(lines).take_while({
            let last = tell.end;
            move |(_, (start, _))| *start < last
        });
        numbered.filter_map(move |(number, (start, line))| {
            if start >= tell.start {
                return Some((number, without_end(line)));
            }
            let rest = line.get(tell.start - start..).filter(|_| start + line.len() > seen)?;
            Some((number, without_end(rest)))
        })
    }
}

/// Makes windows of a stream; all of one view before those of the other.
pub struct Windows<'l> {
    look: &'l mut dyn FnMut(&Window<'_>),
    view: View,
    sample: Option<Vec<u8>>,
    decoder: Option<Utf16>,
    buffer: Vec<u8>,
    line: u32,
    tell_from: usize,
}

impl<'l> Windows<'l> {
    pub fn new(view: View, look: &'l mut dyn FnMut(&Window<'_>)) -> Self {
        let sample = (view == View::Text).then(Vec::new);
        Self { look, view, sample, decoder: None, buffer: Vec::new(), line: 1, tell_from: 0 }
    }

    pub fn take(&mut self, mut piece: &[u8]) {
        if let Some(sample) = &mut self.sample {
            let missing = SAMPLE_BYTES.saturating_sub(sample.len()).min(piece.len());
            let (now, later) = piece.split_at(missing);
            sample.extend_from_slice(now);
            if sample.len() < SAMPLE_BYTES {
                return;
            }
            piece = later;
            self.begin();
        }
        self.decode(piece);
    }

    /// Decides on the encoding.
    fn begin(&mut self) {
        let Some(sample) = self.sample.take() else { return };
        self.decoder = Utf16::of(&sample);
        self.decode(&sample);
    }

    fn decode(&mut self, piece: &[u8]) {
        match &mut self.decoder {
            // Some at a time: the text may be half as long again.
            Some(_) => {
                for part in piece.chunks(OVERLAP_BYTES) {
                    let text = self.decoder.as_mut().map(|decoder| decoder.take(part)).unwrap_or_default();
                    self.slide(&text);
                }
            }
            None => self.slide(piece),
        }
    }

    fn slide(&mut self, mut piece: &[u8]) {
        while !piece.is_empty() {
            let room = WINDOW_BYTES.saturating_sub(self.buffer.len()).min(piece.len());
            let (now, later) = piece.split_at(room);
            self.buffer.extend_from_slice(now);
            piece = later;
            if self.buffer.len() < WINDOW_BYTES {
                continue;
            }
            // The second half of what two windows share is for the next one to tell.
            let tell_to = self.buffer.len() - OVERLAP_BYTES / 2;
            self.show(tell_to);
            let cut = self.buffer.len() - OVERLAP_BYTES;
            let lines = self.buffer.get(..cut).map_or(0, |gone| memchr::memchr_iter(b'\n', gone).count());
            self.line = self.line.saturating_add(u32::try_from(lines).unwrap_or(u32::MAX));
            self.buffer.drain(..cut);
            self.tell_from = tell_to - cut;
        }
    }

    fn show(&mut self, tell_to: usize) {
        let seen = if self.tell_from > 0 { OVERLAP_BYTES } else { 0 };
        let tell = self.tell_from..tell_to;
        (self.look)(&Window { bytes: &self.buffer, line: self.line, tell, seen, view: self.view });
    }

    /// Shows what is left, and says whether the file has to be shown once more as it is stored.
    pub fn end(mut self) -> bool {
        self.begin();
        let rest = self.decoder.as_mut().map(Utf16::end).unwrap_or_default();
        self.slide(&rest);
        self.show(self.buffer.len().saturating_add(1));
        self.decoder.is_some()
    }
}

/// Decodes UTF-16 that comes in pieces.
struct Utf16 {
    mark: [u8; 2],
    /// What is no whole character yet.
    held: Vec<u8>,
    is_start: bool,
}

const MARKS: [[u8; 2]; 2] = [[0xff, 0xfe], [0xfe, 0xff]];

impl Utf16 {
    /// `None` if the file that starts so is not in UTF-16.
    fn of(sample: &[u8]) -> Option<Self> {
        let Cow::Owned(text) = secret::to_utf8(sample) else { return None };
        let marked = MARKS.into_iter().find(|mark| sample.starts_with(mark));
        // Without a mark the order is the one that gives the same text.
        let mark = marked.or_else(|| MARKS.into_iter().find(|mark| *decoded(*mark, sample) == *text))?;
        Some(Self { mark, held: Vec::new(), is_start: marked.is_some() })
    }

    fn take(&mut self, piece: &[u8]) -> Vec<u8> {
        self.held.extend_from_slice(piece);
        if self.is_start && self.held.len() >= 2 {
            self.held.drain(..2);
            self.is_start = false;
        }
        let mut whole = self.held.len() & !1;
        let last = self.held.get(..whole).and_then(|units| units.last_chunk::<2>());
        let high = |unit: &[u8; 2]| if self.mark == [0xff, 0xfe] { unit[1] } else { unit[0] };
        // The first half of a pair waits for the second.
        if last.is_some_and(|unit| matches!(high(unit), 0xd8..=0xdb)) {
            whole -= 2;
        }
        let units: Vec<u8> = self.held.drain(..whole).collect();
        decoded(self.mark, &units)
    }

    fn end(&mut self) -> Vec<u8> {
        decoded(self.mark, &std::mem::take(&mut self.held))
    }
}

fn decoded(mark: [u8; 2], units: &[u8]) -> Vec<u8> {
    secret::to_utf8(&[&mark, units].concat()).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn windows(view: View, bytes: &[u8], piece: usize) -> (Vec<(u32, Vec<u8>)>, bool) {
        let mut lines = Vec::new();
        let mut look = |window: &Window<'_>| lines.extend(window.lines().map(|(at, line)| (at, line.to_owned())));
        let mut windows = Windows::new(view, &mut look);
        bytes.chunks(piece).for_each(|piece| windows.take(piece));
        let again = windows.end();
        (lines, again)
    }

    fn utf16(text: &str, unit: fn(u16) -> [u8; 2]) -> Vec<u8> {
        std::iter::once(0xfeff).chain(text.encode_utf16()).flat_map(unit).collect()
    }

    #[test]
    fn lines_have_their_numbers_and_no_ends() {
        let table: [(&str, &[(u32, &str)]); 6] = [
            ("", &[]),
            ("a", &[(1, "a")]),
            ("a\nb\n", &[(1, "a"), (2, "b")]),
            ("a\r\n\r\nb\r", &[(1, "a"), (2, ""), (3, "b")]),
            ("a\rb\n\n", &[(1, "a\rb"), (2, "")]),
            ("a\r\r\n", &[(1, "a\r")]),
        ];
        for (text, expected) in table {
            let expected: Vec<_> = expected.iter().map(|(at, line)| (*at, line.as_bytes())).collect();
            let whole = Window::whole(text.as_bytes(), View::Text);
            assert_eq!(whole.lines().collect::<Vec<_>>(), expected, "{text:?}");
            let (lines, again) = windows(View::Text, text.as_bytes(), 1);
            assert!(lines.iter().map(|(at, line)| (*at, line.as_slice())).eq(expected), "{text:?}");
            assert!(!again);
        }
    }

    #[test]
    fn every_line_of_a_large_file_is_told_once_wherever_it_lies() {
        let mut text = Vec::new();
        let mut expected = Vec::new();
        let mut number = 1;
        // Lengths that let lines begin and end on both sides of every border.
        while text.len() < 3 * WINDOW_BYTES {
            let line = vec![b'a' + u8::try_from(number % 26).unwrap(); (number as usize * 7919) % 30_000];
            text.extend_from_slice(&line);
            text.extend_from_slice(if number % 2 == 0 { b"\n" } else { b"\r\n" });
            expected.push((number, line));
            number += 1;
        }
        for piece in [100_003, WINDOW_BYTES, text.len()] {
            assert!(windows(View::Text, &text, piece).0 == expected);
        }
    }

    #[test]
    fn no_part_of_an_endless_line_is_left_out() {
        let step = 20_000;
        for shift in [0, 1, step / 2] {
            let mut text = vec![b'.'; shift];
            let count = 3 * WINDOW_BYTES / step;
            for mark in 0..count {
                text.extend_from_slice(format!("<{mark:08}>").as_bytes());
                text.resize(shift + (mark + 1) * step, b'.');
            }
            text.extend_from_slice(b"\nlast\n");
            let (lines, _) = windows(View::Text, &text, 100_003);
            for mark in 0..count {
                let mark = format!("<{mark:08}>");
                assert!(lines.iter().any(|(at, line)| *at == 1 && line.contains_str(&mark)), "{mark} {shift}");
            }
            assert_eq!(lines.last(), Some(&(2, b"last".to_vec())));
            assert!(lines.len() <= 5);
        }
    }

    #[test]
    fn utf_16_is_text_in_pieces_of_any_length() {
        let text: String = (0..9000).map(|at| format!("{at} é \u{1f600}\r\n")).collect();
        for (unit, bytes) in
            [u16::to_le_bytes as fn(u16) -> [u8; 2], u16::to_be_bytes].map(|unit| (unit, utf16(&text, unit)))
        {
            for piece in [1, 3, 8191, 100_003] {
                let (lines, again) = windows(View::Text, &bytes, piece);
                assert!(again);
                let expected = text.lines().zip(1..).map(|(line, at)| (at, line.as_bytes().to_vec()));
                assert!(lines.into_iter().eq(expected), "{piece}");
            }
            let (_, again) = windows(View::Stored, &utf16("x", unit), 9);
            assert!(!again, "what is stored is not decoded");
        }
        let torn = [utf16("a", u16::to_le_bytes), vec![0x00, 0xd8, 0x62]].concat();
        assert_eq!(windows(View::Text, &torn, 1).0, [(1, "a\u{fffd}\u{fffd}".as_bytes().to_vec())]);
    }
}
