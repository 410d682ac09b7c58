//! A tree by its complete subtrees alone: some dozens of hashes, enough to append to it and to know its root. What a
//! store keeps beside the entries; tiles need the wider [`Frontier`](super::Frontier).

use super::{Hash, text};

/// The complete subtrees of a tree, the largest and leftmost first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Peaks {
    size: u64,
    hashes: Vec<Hash>,
}

impl Peaks {
    /// Reads what [`to_bytes`](Self::to_bytes) gave for a tree of this size. `None`: it is something else.
    #[must_use]
    pub fn from_bytes(size: u64, bytes: &[u8]) -> Option<Self> {
        let is_whole = size <= text::NUMBER_MAX && bytes.len() == size.count_ones() as usize * Hash::LENGTH;
        let hashes = bytes.chunks_exact(Hash::LENGTH).filter_map(Hash::from_slice).collect();
        is_whole.then_some(Self { size, hashes })
    }

    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.hashes.iter().flat_map(|hash| *hash.as_bytes()).collect()
    }

    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Appends a leaf. `None`: the tree has as many leaves as a tree may have.
    #[must_use]
    pub fn push(&mut self, leaf: Hash) -> Option<()> {
        if self.size >= text::NUMBER_MAX {
            return None;
        }
        let mut hash = leaf;
        for _ in 0..self.size.trailing_ones() {
            hash = Hash::of_node(&self.hashes.pop()?, &hash);
        }
        self.hashes.push(hash);
        self.size += 1;
        Some(())
    }

    #[must_use]
    pub fn root(&self) -> Hash {
        let folded = self.hashes.iter().rev().copied().reduce(|right, left| Hash::of_node(&left, &right));
        folded.unwrap_or_else(Hash::of_no_leaves)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Frontier;
    use super::*;

    #[test]
    fn its_root_is_that_of_the_tree_at_every_size() {
        let (mut peaks, mut frontier) = (Peaks::default(), Frontier::default());
        for number in 0..700_u64 {
            assert_eq!(peaks.root(), frontier.root(), "{number}");
            assert_eq!(Peaks::from_bytes(number, &peaks.to_bytes()), Some(peaks.clone()));
            assert_eq!(
                Peaks::from_bytes(number + 1, &peaks.to_bytes()).is_some(),
                (number + 1).count_ones() == number.count_ones()
            );
            let leaf = Hash::of_leaf(&number.to_be_bytes());
            peaks.push(leaf).expect("room");
            frontier.push(leaf, |_, _| ()).expect("room");
        }
        assert_eq!(Peaks::from_bytes(u64::MAX, &[0; 64 * Hash::LENGTH]), None);
    }
}
