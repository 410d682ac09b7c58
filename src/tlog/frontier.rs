//! The right edge of a growing tree: the hashes of its partial tiles, which is all one needs to append and to know the
//! root. Touches no file.

use super::tile::{self, WIDTH};
use super::{Hash, Tile, TileKind, text};

/// A tree as far as appending to it needs it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    /// The partial tile of each level, from the leaves up; may be empty.
    levels: Vec<Vec<Hash>>,
}

impl Frontier {
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Appends a leaf and hands out each tile that is now full. `None`: the tree has as many leaves as a tree may have.
    #[must_use]
    pub fn push(&mut self, leaf: Hash, mut full: impl FnMut(Tile, &[Hash])) -> Option<()> {
        if self.size >= text::NUMBER_MAX {
            return None;
        }
        let (mut hash, mut index) = (leaf, self.size);
        for level in 0_u8.. {
            if self.levels.len() <= level.into() {
                self.levels.push(Vec::new());
            }
            let Some(hashes) = self.levels.get_mut(usize::from(level)) else { break };
            hashes.push(hash);
            index /= u64::from(WIDTH);
            if hashes.len() < WIDTH.into() {
                break;
            }
            if let Some(tile) = Tile::new(TileKind::Hashes { level }, index, WIDTH) {
                full(tile, hashes);
            }
            hash = tile::complete_root(hashes);
            hashes.clear();
        }
        self.size += 1;
        Some(())
    }

    /// The partial tiles, from the leaves up.
    pub fn partial_tiles(&self) -> impl Iterator<Item = (Tile, &[Hash])> {
        self.levels.iter().zip(0_u8..).filter_map(|(hashes, level)| {
            let index = self.size.checked_shr(8 * (u32::from(level) + 1)).unwrap_or(0);
            let width = u16::try_from(hashes.len()).ok()?;
            Some((Tile::new(TileKind::Hashes { level }, index, width)?, &hashes[..]))
        })
    }

    /// The tree's root: its complete subtrees, the smallest and rightmost first, folded into one.
    #[must_use]
    pub fn root(&self) -> Hash {
        let mut root = None;
        for hashes in &self.levels {
            let mut rest = &hashes[..];
            while !rest.is_empty() {
                // The smallest subtree of what is left is its last: as many hashes as its length's lowest bit says.
                let (before, subtree) = rest.split_at(rest.len() - (1 << rest.len().trailing_zeros()));
                let left = tile::complete_root(subtree);
                root = Some(root.map_or(left, |right| Hash::of_node(&left, &right)));
                rest = before;
            }
        }
        root.unwrap_or_else(Hash::of_no_leaves)
    }
}
