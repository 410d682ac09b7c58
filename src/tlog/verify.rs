//! Checks of inclusion and consistency proofs (RFC 9162, 2.1.3.2 and 2.1.4.2). Everything given to them may be hostile.

use super::Hash;

/// No proof has more hashes: sizes have at most 63 bits.
pub const PROOF_LENGTH_MAX: usize = 63;

/// Why a proof shows nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    #[error("the tree has no such leaf")]
    NoSuchLeaf,
    #[error("the old tree is larger than the new one")]
    OldIsLarger,
    #[error("the proof has too few or too many hashes")]
    Length,
    #[error("the proof does not lead to the tree's root")]
    Root,
}

/// Checks that the leaf with this hash is at `index` in the tree of this size and root.
///
/// # Errors
/// The proof does not show it.
pub fn inclusion(leaf: Hash, index: u64, size: u64, proof: &[Hash], root: &Hash) -> Result<(), ProofError> {
    if index >= size {
        return Err(ProofError::NoSuchLeaf);
    }
    let (mut node, mut last, mut hash) = (index, size - 1, leaf);
    for sibling in proof {
        if last == 0 {
            return Err(ProofError::Length);
        }
        if node & 1 == 1 || node == last {
            hash = Hash::of_node(sibling, &hash);
            climb_left_edge(&mut node, &mut last);
        } else {
            hash = Hash::of_node(&hash, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    match last {
        0 if hash == *root => Ok(()),
        0 => Err(ProofError::Root),
        _ => Err(ProofError::Length),
    }
}

/// Checks that the tree `new` has the leaves of the tree `old`, in their order, before all others.
///
/// # Errors
/// The proof does not show it.
pub fn consistency(old: (u64, &Hash), new: (u64, &Hash), proof: &[Hash]) -> Result<(), ProofError> {
    let ((old_size, old_root), (new_size, new_root)) = (old, new);
    if old_size > new_size {
        return Err(ProofError::OldIsLarger);
    }
    if old_size == 0 || old_size == new_size {
        let is_old = old_size != 0 || *old_root == Hash::of_no_leaves();
        let is_same = old_size != new_size || old_root == new_root;
        return match proof {
            [] if is_old && is_same => Ok(()),
            [] => Err(ProofError::Root),
            _ => Err(ProofError::Length),
        };
    }
    // An old tree that is complete is itself the first node of the proof.
    let (first, rest) = match proof {
        rest if old_size.is_power_of_two() => (old_root, rest),
        [first, rest @ ..] => (first, rest),
        [] => return Err(ProofError::Length),
    };
    let (mut node, mut last) = (old_size - 1, new_size - 1);
    let up = node.trailing_ones();
    node >>= up;
    last >>= up;
    let (mut old_hash, mut new_hash) = (*first, *first);
    for sibling in rest {
        if last == 0 {
            return Err(ProofError::Length);
        }
        if node & 1 == 1 || node == last {
            old_hash = Hash::of_node(sibling, &old_hash);
            new_hash = Hash::of_node(sibling, &new_hash);
            climb_left_edge(&mut node, &mut last);
        } else {
            new_hash = Hash::of_node(&new_hash, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    match last {
        0 if old_hash == *old_root && new_hash == *new_root => Ok(()),
        0 => Err(ProofError::Root),
        _ => Err(ProofError::Length),
    }
}

/// A left child at the right edge has no sibling: up to the next right child, or to the root.
fn climb_left_edge(node: &mut u64, last: &mut u64) {
    while *node & 1 == 0 && *node != 0 {
        *node >>= 1;
        *last >>= 1;
    }
}
