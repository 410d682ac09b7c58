//! Base64, of both alphabets, and hex: the stretches of text in what a run decodes to.
//!
//! Where in a run the encoding begins is not known (`data/c2Vj…`), so it is read at each position that can make a
//! difference. Read at a wrong one, or if it never was text, hardly any stretch of it is text.

use super::Decoded;
use std::borrow::Cow;
use std::ops::Range;

/// What each character of either alphabet stands for; 64 for any other byte.
pub(super) const VALUES: [u8; 256] = {
    let mut values = [64; 256];
    let mut value = 0;
    while value < 64 {
        let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        values[alphabet[value as usize] as usize] = value;
        value += 1;
    }
    values[b'-' as usize] = 62;
    values[b'_' as usize] = 63;
    values
};

/// The shortest stretch of text that is looked at.
const TEXT_MIN: usize = 12;

/// The characters of a run, without what separates its lines.
pub(super) struct Run<'a> {
    bytes: Cow<'a, [u8]>,
    /// Where each line starts: in `bytes` and in the source.
    lines: Vec<(usize, usize)>,
    end: usize,
}

impl<'a> Run<'a> {
    pub(super) fn new(bytes: &'a [u8], start: usize) -> Self {
        Self { bytes: Cow::Borrowed(bytes), lines: vec![(0, start)], end: start + bytes.len() }
    }

    pub(super) fn push_line(&mut self, line: &[u8], start: usize) {
        self.lines.push((self.bytes.len(), start));
        self.bytes.to_mut().extend_from_slice(line);
        self.end = start + line.len();
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    fn source(&self, at: usize) -> usize {
        let line = self.lines.partition_point(|(start, _)| *start <= at).saturating_sub(1);
        self.lines.get(line).map_or(0, |(start, source)| source + at - start)
    }

    /// Starts pieces for decoded bytes that come from this part of the run.
    fn map(&self, part: &Range<usize>, decoded: &mut Decoded) {
        let (source, bytes) = decoded.per;
        let length = decoded.bytes.len();
        let mut piece = |at: usize, source: usize| {
            decoded.pieces.push(super::map::Piece { decoded: at, source, form: None });
        };
        piece(0, self.source(part.start));
        let first = self.lines.partition_point(|(start, _)| *start <= part.start);
        for (start, from) in self.lines.iter().skip(first).take_while(|(start, _)| *start < part.end) {
            piece(((start - part.start) * bytes).div_ceil(source), *from);
        }
        piece(length, self.source(part.end).min(self.end));
    }
}

/// The text in a run of base64, read at each of four positions.
pub(super) fn base64(run: &Run<'_>, decoded: &mut Decoded, found: &mut dyn FnMut(&Decoded)) {
    let value = |byte: &u8| u32::from(VALUES.get(usize::from(*byte)).copied().unwrap_or(64));
    for shift in 0..4 {
        let mut stretch = Stretch::new((4, 3), "base64", shift, decoded);
        let units = run.bytes.get(shift..).unwrap_or_default().chunks(4);
        for (unit, at) in units.zip((shift..).step_by(4)) {
            let bits = unit.iter().fold(0, |bits, byte| bits << 6 | value(byte));
            let (bits, bytes) = match unit.len() {
                4 => (bits, 3),
                3 => (bits << 6, 2),
                2 => (bits << 12, 1),
                _ => (0, 0),
            };
            let [_, three @ ..] = bits.to_be_bytes();
            let unit_text = three.get(..bytes).unwrap_or_default();
            if unit_text.iter().all(|byte| is_text(*byte)) {
                stretch.decoded.bytes.extend_from_slice(unit_text);
            } else {
                stretch.end(run, at, found);
                stretch.start = at + unit.len();
            }
        }
        stretch.end(run, run.bytes.len(), found);
    }
}

/// The text in a part of a run that is hex, read at both positions.
pub(super) fn hex(run: &Run<'_>, part: Range<usize>, decoded: &mut Decoded, found: &mut dyn FnMut(&Decoded)) {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok()).unwrap_or(0);
    for shift in 0..2 {
        let start = part.start + shift;
        let mut stretch = Stretch::new((2, 1), "hex", start, decoded);
        let units = run.bytes.get(start..part.end).unwrap_or_default().chunks_exact(2);
        for (unit, at) in units.zip((start..).step_by(2)) {
            let byte = unit.iter().fold(0, |byte, hex| byte << 4 | digit(*hex));
            if is_text(byte) {
                stretch.decoded.bytes.push(byte);
            } else {
                stretch.end(run, at, found);
                stretch.start = at + 2;
            }
        }
        stretch.end(run, part.end, found);
    }
}

/// NUL is in text that was UTF-16 before.
fn is_text(byte: u8) -> bool {
    matches!(byte, 0 | b'\t' | b'\n' | b'\r' | b' '..=b'~')
}

/// A stretch of text under way.
struct Stretch<'a> {
    decoded: &'a mut Decoded,
    form: &'static str,
    start: usize,
}

impl<'a> Stretch<'a> {
    fn new(per: (usize, usize), form: &'static str, start: usize, decoded: &'a mut Decoded) -> Self {
        decoded.clear();
        decoded.per = per;
        Self { decoded, form, start }
    }

    fn end(&mut self, run: &Run<'_>, end: usize, found: &mut dyn FnMut(&Decoded)) {
        if self.decoded.bytes.len() >= TEXT_MIN {
            run.map(&(self.start..end), self.decoded);
            if let Some(first) = self.decoded.pieces.first_mut() {
                first.form = Some(self.form);
            }
            found(self.decoded);
            self.decoded.pieces.clear();
        }
        self.decoded.bytes.clear();
    }
}
