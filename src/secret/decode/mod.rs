//! Text that is written in another form: what it says, and where each byte of that comes from.

mod utf16;

pub use utf16::to_utf8;

use std::ops::Range;

/// What a stretch of a text says in another form.
#[derive(Debug, Default)]
pub(super) struct Decoded {
    pub(super) bytes: Vec<u8>,
    pub(super) map: Map,
    pub(super) encoding: &'static str,
}

/// Where decoded bytes come from: pieces, in each of which `per.1` decoded bytes stand for `per.0` of the source.
#[derive(Debug)]
pub(super) struct Map {
    /// Decoded position and source position where each piece starts.
    pub(super) pieces: Vec<(usize, usize)>,
    pub(super) per: (usize, usize),
}

impl Default for Map {
    fn default() -> Self {
        Self { pieces: Vec::new(), per: (1, 1) }
    }
}

impl Map {
    /// The source of a range of decoded bytes.
    pub(super) fn source(&self, range: &Range<usize>) -> Range<usize> {
        self.at(range.start)..self.at(range.end)
    }

    fn at(&self, decoded: usize) -> usize {
        let next = self.pieces.partition_point(|(start, _)| *start <= decoded);
        let (start, source) = self.pieces.get(next.saturating_sub(1)).copied().unwrap_or((0, 0));
        let into = decoded.saturating_sub(start).saturating_mul(self.per.0).div_ceil(self.per.1.max(1));
        let at = source.saturating_add(into);
        self.pieces.get(next).map_or(at, |(_, next)| at.min(*next))
    }
}

/// Gives `found` each stretch of the text that says something in another form.
pub(super) fn each(_text: &[u8], _found: &mut dyn FnMut(&Decoded)) {}
