//! The static files of a log (C2SP tlog-tiles): which there are, their paths and what is in them. Touches no file.

use super::{Hash, Node, text};
use std::fmt;

/// Hashes in a full tile, entries in a full bundle.
pub const WIDTH: u16 = 256;
const LEVEL_MAX: u8 = 63;

/// The longest entry a bundle can hold: its length has two bytes.
pub const ENTRY_LENGTH_MAX: usize = 65_535;

/// What a tile is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TileKind {
    /// Hashes of complete subtrees of `256^level` leaves.
    Hashes { level: u8 },
    /// The entries themselves: a bundle.
    Entries,
}

/// One tile: its kind, place and width. As text, its path below the log's directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tile {
    kind: TileKind,
    index: u64,
    width: u16,
}

impl Tile {
    /// `None`: such a tile cannot be.
    #[must_use]
    pub fn new(kind: TileKind, index: u64, width: u16) -> Option<Self> {
        let is_level = !matches!(kind, TileKind::Hashes { level } if level > LEVEL_MAX);
        (is_level && (1..=WIDTH).contains(&width)).then_some(Self { kind, index, width })
    }

    /// The tile at this place in a tree of this size, full or partial. `None`: the tree does not reach it.
    #[must_use]
    pub fn of_tree(kind: TileKind, index: u64, size: u64) -> Option<Self> {
        let level = if let TileKind::Hashes { level } = kind { level } else { 0 };
        let below = size.checked_shr(8 * u32::from(level)).unwrap_or(0);
        let width = below.checked_sub(index.checked_mul(WIDTH.into())?)?.min(WIDTH.into());
        Self::new(kind, index, width as u16)
    }

    /// The tile of a tree of this size that the hash of a complete subtree can be computed from.
    #[must_use]
    pub fn of_node(node: Node, size: u64) -> Option<Self> {
        let (level, height) = (node.height / 8, node.height % 8);
        let index = node.index >> (8 - height);
        Self::of_tree(TileKind::Hashes { level }, index, size).filter(|tile| tile.slice_of(node).is_some())
    }

    #[must_use]
    pub const fn kind(self) -> TileKind {
        self.kind
    }

    #[must_use]
    pub const fn index(self) -> u64 {
        self.index
    }

    #[must_use]
    pub const fn width(self) -> u16 {
        self.width
    }

    /// The full tile at the same place.
    #[must_use]
    pub const fn full(self) -> Self {
        Self { width: WIDTH, ..self }
    }

    #[must_use]
    pub const fn is_full(self) -> bool {
        self.width == WIDTH
    }

    /// Which of the tile's hashes are the leaves of this subtree.
    fn slice_of(self, node: Node) -> Option<std::ops::Range<usize>> {
        let height = node.height % 8;
        let first = (node.index << height) % u64::from(WIDTH);
        let range = first as usize..first as usize + (1 << height);
        (range.end <= self.width.into()).then_some(range)
    }

    /// The hash of a subtree from the tile that [`of_node`](Self::of_node) names, or a wider one. `None`: not in there.
    #[must_use]
    pub fn node_hash(self, node: Node, hashes: &[Hash]) -> Option<Hash> {
        Some(complete_root(hashes.get(self.slice_of(node)?)?))
    }

    /// Reads a path below the log's directory, written in the one way there is.
    #[must_use]
    pub fn parse(path: &str) -> Option<Self> {
        let (kind, rest) = path.strip_prefix("tile/")?.split_once('/')?;
        let kind = match kind {
            "entries" => TileKind::Entries,
            level => TileKind::Hashes { level: text::decimal(level)?.try_into().ok()? },
        };
        let (place, width) = match rest.split_once(".p/") {
            Some((place, width)) => (place, text::decimal(width)?.try_into().ok().filter(|width| *width < WIDTH)?),
            None => (rest, WIDTH),
        };
        Self::new(kind, parse_index(place)?, width)
    }
}

/// Three digits a path element, all but the last marked with an `x`.
fn parse_index(place: &str) -> Option<u64> {
    let (mut index, mut is_first) = (0_u64, true);
    let mut elements = place.split('/').peekable();
    while let Some(element) = elements.next() {
        let digits = if elements.peek().is_some() { element.strip_prefix('x')? } else { element };
        if digits.len() != 3 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        // A leading element of zeroes would be a second spelling.
        if is_first && digits == "000" && elements.peek().is_some() {
            return None;
        }
        index = index.checked_mul(1000)?.checked_add(digits.parse().ok()?)?;
        is_first = false;
    }
    Some(index)
}

impl fmt::Display for Tile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            TileKind::Hashes { level } => write!(f, "tile/{level}")?,
            TileKind::Entries => f.write_str("tile/entries")?,
        }
        let (mut rest, mut elements) = (self.index / 1000, vec![self.index % 1000]);
        while rest > 0 {
            elements.push(rest % 1000);
            rest /= 1000;
        }
        for (left, element) in elements.iter().enumerate().rev() {
            write!(f, "/{}{element:03}", if left > 0 { "x" } else { "" })?;
        }
        if self.is_full() { Ok(()) } else { write!(f, ".p/{}", self.width) }
    }
}

/// The root over a power of two of hashes, at most a tile's.
#[must_use]
pub(super) fn complete_root(hashes: &[Hash]) -> Hash {
    let mut row = hashes.to_vec();
    while row.len() > 1 {
        row = row.chunks_exact(2).map(|pair| Hash::of_node(&pair[0], &pair[1])).collect();
    }
    row.first().copied().unwrap_or_else(Hash::of_no_leaves)
}

/// Why the bytes of a tile are not what its name says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TileError {
    #[error("it is cut short")]
    Short,
    #[error("there is more in it than its name says")]
    Long,
}

/// The hashes of a tile of this width.
///
/// # Errors
/// There are fewer or more.
pub fn parse_hashes(bytes: &[u8], width: u16) -> Result<Vec<Hash>, TileError> {
    match bytes.len().cmp(&(usize::from(width) * Hash::LENGTH)) {
        std::cmp::Ordering::Less => Err(TileError::Short),
        std::cmp::Ordering::Greater => Err(TileError::Long),
        std::cmp::Ordering::Equal => Ok(bytes.chunks_exact(Hash::LENGTH).filter_map(Hash::from_slice).collect()),
    }
}

/// The entries of a bundle of this width.
///
/// # Errors
/// There are fewer or more, or the last is cut short.
pub fn parse_bundle(mut bytes: &[u8], width: u16) -> Result<Vec<&[u8]>, TileError> {
    let mut entries = Vec::with_capacity(width.into());
    for _ in 0..width {
        let (length, rest) = bytes.split_first_chunk().ok_or(TileError::Short)?;
        let (entry, rest) = rest.split_at_checked(u16::from_be_bytes(*length).into()).ok_or(TileError::Short)?;
        entries.push(entry);
        bytes = rest;
    }
    if bytes.is_empty() { Ok(entries) } else { Err(TileError::Long) }
}

/// Puts an entry at the end of a bundle. `None`: it is longer than [`ENTRY_LENGTH_MAX`], and the bundle is as before.
#[must_use]
pub fn push_entry(bundle: &mut Vec<u8>, entry: &[u8]) -> Option<()> {
    bundle.extend_from_slice(&u16::try_from(entry.len()).ok()?.to_be_bytes());
    bundle.extend_from_slice(entry);
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const L0: TileKind = TileKind::Hashes { level: 0 };

    #[test]
    fn paths_are_read_as_they_are_written() {
        let table = [
            (L0, 0, 256, "tile/0/000"),
            (L0, 999, 1, "tile/0/999.p/1"),
            (L0, 1_234_067, 256, "tile/0/x001/x234/067"),
            (TileKind::Hashes { level: 63 }, 5, 255, "tile/63/005.p/255"),
            (TileKind::Entries, 1000, 3, "tile/entries/x001/000.p/3"),
            (L0, u64::MAX, 256, "tile/0/x018/x446/x744/x073/x709/x551/615"),
        ];
        for (kind, index, width, path) in table {
            let tile = Tile::new(kind, index, width).expect(path);
            assert_eq!(tile.to_string(), path);
            assert_eq!(Tile::parse(path), Some(tile));
        }
        let bad = [
            "tile/64/000",
            "tile/00/000",
            "tile/0/00",
            "tile/0/0000",
            "tile/0/x000/001",
            "tile/0/001/x002",
            "tile/0/x001",
            "tile/0/000.p/0",
            "tile/0/000.p/256",
            "tile/0/000.p/01",
            "tile/0/000.p",
            "tile/0/",
            "tile/-1/000",
            "/tile/0/000",
            "tile/data/000",
            "tile/0/000/",
            "tile/0/x018/x446/x744/x073/x709/x551/616",
            "tile/0/../000",
            "tile/256/000",
        ];
        bad.iter().for_each(|path| assert_eq!(Tile::parse(path), None, "{path}"));
    }

    #[test]
    fn a_tree_of_70000_has_the_tiles_the_specification_says() {
        let width = |level, index| Tile::of_tree(TileKind::Hashes { level }, index, 70_000).map(Tile::width);
        assert_eq!([width(0, 272), width(0, 273), width(0, 274)], [Some(256), Some(112), None]);
        assert_eq!([width(1, 0), width(1, 1), width(1, 2)], [Some(256), Some(17), None]);
        assert_eq!([width(2, 0), width(2, 1), width(3, 0), width(63, 0)], [Some(1), None, None, None]);
        assert_eq!(Tile::of_tree(TileKind::Hashes { level: 1 }, 0, 256).map(Tile::width), Some(1));
        assert_eq!(Tile::of_tree(L0, u64::MAX, u64::MAX), None);
    }

    #[test]
    fn a_bundle_holds_entries_up_to_the_longest_and_none_that_is_longer() {
        let mut bundle = Vec::new();
        push_entry(&mut bundle, b"one").expect("short");
        push_entry(&mut bundle, b"").expect("short");
        assert_eq!(bundle, b"\0\x03one\0\0");
        let longest = vec![7; ENTRY_LENGTH_MAX];
        push_entry(&mut bundle, &longest).expect("at the limit");
        let before = bundle.clone();
        assert_eq!(push_entry(&mut bundle, &vec![7; ENTRY_LENGTH_MAX + 1]), None);
        assert_eq!(bundle, before);
        assert_eq!(parse_bundle(&bundle, 3), Ok(vec![&b"one"[..], b"", &longest]));
        assert_eq!(parse_bundle(&bundle, 2), Err(TileError::Long));
        assert_eq!(parse_bundle(&bundle, 4), Err(TileError::Short));
        assert_eq!(parse_bundle(&bundle[..bundle.len() - 1], 3), Err(TileError::Short));
        assert_eq!(parse_bundle(b"\0", 1), Err(TileError::Short));
        assert_eq!(parse_hashes(&[0; 63], 2), Err(TileError::Short));
        assert_eq!(parse_hashes(&[0; 65], 2), Err(TileError::Long));
        assert_eq!(parse_hashes(&[0; 64], 2).expect("two").len(), 2);
    }
}
