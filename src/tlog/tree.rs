//! Which subtrees a proof is made of (RFC 6962, 2.1.1 and 2.1.2), and their hashes from stored nodes. Verifies nothing.
//!
//! A tree is cut at the largest power of two below its size, again and again. So every part of it is either complete, a
//! `Node` that is stored, or lies at the right edge and is put together from complete ones.

use super::Hash;

/// A complete subtree: `2^height` leaves, from leaf `index * 2^height` on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Node {
    pub height: u8,
    pub index: u64,
}

/// The leaves from `start` to before `end`: a part of the tree as the cutting gives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    start: u64,
    end: u64,
}

impl Part {
    /// All of a tree.
    #[must_use]
    pub const fn whole(size: u64) -> Self {
        Self { start: 0, end: size }
    }

    const fn size(self) -> u64 {
        self.end - self.start
    }

    /// Both halves, the left one complete. `None` for one leaf or none.
    fn cut(self) -> Option<(Self, Self)> {
        let below = self.size().checked_sub(1).and_then(u64::checked_ilog2)?;
        let middle = self.start + (1 << below);
        Some((Self { start: self.start, end: middle }, Self { start: middle, end: self.end }))
    }

    /// The complete subtrees it consists of, from left to right, each smaller than the one before.
    pub fn nodes(self) -> impl Iterator<Item = Node> {
        let mut start = self.start;
        std::iter::from_fn(move || {
            let height = (self.end - start).checked_ilog2()?;
            let node = Node { height: height as u8, index: start >> height };
            start += 1 << height;
            Some(node)
        })
    }

    /// The hash of this part, from those of its nodes.
    ///
    /// # Errors
    /// Those of `node`.
    pub fn hash<E>(self, node: &mut impl FnMut(Node) -> Result<Hash, E>) -> Result<Hash, E> {
        let hashes = self.nodes().map(node).collect::<Result<Vec<_>, E>>()?;
        Ok(hashes
            .into_iter()
            .rev()
            .reduce(|right, left| Hash::of_node(&left, &right))
            .unwrap_or_else(Hash::of_no_leaves))
    }
}

/// What the inclusion proof of the leaf at `index` consists of, from the leaf's sibling up. `None`: there is no such leaf.
#[must_use]
pub fn inclusion(index: u64, size: u64) -> Option<Vec<Part>> {
    if index >= size {
        return None;
    }
    let (mut part, mut proof) = (Part::whole(size), Vec::new());
    while let Some((left, right)) = part.cut() {
        let sibling;
        (part, sibling) = if index < left.end { (left, right) } else { (right, left) };
        proof.push(sibling);
    }
    proof.reverse();
    Some(proof)
}

/// What the consistency proof from a tree of `old` leaves to one of `new` consists of; nothing where there is nothing to
/// prove: from no leaves, or to the same size. `None`: the old tree is larger.
#[must_use]
pub fn consistency(old: u64, new: u64) -> Option<Vec<Part>> {
    if old > new {
        return None;
    }
    if old == 0 || old == new {
        return Some(Vec::new());
    }
    let (mut part, mut proof) = (Part::whole(new), Vec::new());
    while part.end != old {
        let Some((left, right)) = part.cut() else { break };
        let other;
        (part, other) = if old <= left.end { (left, right) } else { (right, left) };
        proof.push(other);
    }
    // The old tree's own root is known to who checks.
    if part.start != 0 {
        proof.push(part);
    }
    proof.reverse();
    Some(proof)
}
