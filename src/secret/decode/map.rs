//! A decoded text, and where its bytes come from.

use std::ops::Range;

/// What a stretch of a text says in another form.
#[derive(Debug, Default)]
pub(in crate::secret) struct Decoded {
    pub(in crate::secret) bytes: Vec<u8>,
    pub(super) pieces: Vec<Piece>,
    /// In each piece, this many bytes of the source stand for that many decoded ones.
    pub(super) per: (usize, usize),
}

/// Decoded bytes up to the next piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) decoded: usize,
    pub(super) source: usize,
    /// The form of what stands before this piece.
    pub(super) form: Option<&'static str>,
}

impl Decoded {
    pub(super) fn new(per: (usize, usize)) -> Self {
        Self { bytes: Vec::new(), pieces: Vec::new(), per }
    }

    /// From here on, bytes come from this place in the source.
    pub(super) fn piece(&mut self, source: usize, form: Option<&'static str>) {
        self.pieces.push(Piece { decoded: self.bytes.len(), source, form });
    }

    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.pieces.clear();
    }

    /// The source of a range of decoded bytes.
    pub(in crate::secret) fn source(&self, range: &Range<usize>) -> Range<usize> {
        let start = self.at(range.start);
        start..self.at(range.end).max(start)
    }

    /// The form that decoded bytes were in: the first that is in them, or else in the text.
    pub(in crate::secret) fn encoding(&self, range: &Range<usize>) -> Option<&'static str> {
        let first = self.pieces.partition_point(|piece| piece.decoded < range.start);
        let within = self.pieces.iter().skip(first).take_while(|piece| piece.decoded < range.end);
        let form = within.filter_map(|piece| piece.form).next();
        form.or_else(|| self.pieces.iter().find_map(|piece| piece.form))
    }

    fn at(&self, decoded: usize) -> usize {
        let next = self.pieces.partition_point(|piece| piece.decoded <= decoded);
        let Some(piece) = self.pieces.get(next.saturating_sub(1)) else { return 0 };
        let into = decoded.saturating_sub(piece.decoded).saturating_mul(self.per.0).div_ceil(self.per.1.max(1));
        let at = piece.source.saturating_add(into);
        self.pieces.get(next).map_or(at, |next| at.min(next.source))
    }
}
