//! The hash tiles of a log as they are published, from wherever they can be read: leaves, roots and proofs from them.
//!
//! Believes nothing: what it hands out is only as good as the tiles, and is to be verified against a checkpoint.

use super::tile::{self, TileError, WIDTH};
use super::{Hash, Node, Part, Tile, TileKind, tree};
use std::cell::RefCell;
use std::collections::HashMap;

/// Tiles of leaves that are searched for one leaf, newest first: four million leaves.
const SEARCH_TILES_MAX: u64 = 16 * 1024;

/// Why tiles do not say what was asked of them. `E` is why one could not be read.
#[derive(Debug, thiserror::Error)]
pub enum PublishedError<E> {
    #[error("{0}")]
    Read(E),
    #[error("{0} is missing")]
    NoTile(Tile),
    #[error("{tile}: {error}")]
    Tile { tile: Tile, error: TileError },
    #[error("the log has no such entry, or not so many")]
    NoSuchEntry,
}

/// Gives a published file by its path; `None`: there is none.
pub type ReadFile<'a, E> = dyn Fn(&str) -> Result<Option<Vec<u8>>, E> + 'a;

/// The tiles of a tree of some size.
pub struct Published<'a, E> {
    read: &'a ReadFile<'a, E>,
    size: u64,
    known: RefCell<HashMap<Tile, Vec<Hash>>>,
}

impl<'a, E> Published<'a, E> {
    #[must_use]
    pub fn new(size: u64, read: &'a ReadFile<'a, E>) -> Self {
        Self { read, size, known: RefCell::default() }
    }

    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// The hash of the leaf at `index`.
    ///
    /// # Errors
    /// There is none, or its tile cannot be read.
    pub fn leaf(&self, index: u64) -> Result<Hash, PublishedError<E>> {
        self.node(Node { height: 0, index })
    }

    /// The index of the newest leaf with this hash, as far back as is searched.
    ///
    /// # Errors
    /// A tile of leaves cannot be read.
    pub fn find(&self, leaf: &Hash) -> Result<Option<u64>, PublishedError<E>> {
        let (width, tiles) = (u64::from(WIDTH), self.size.div_ceil(WIDTH.into()));
        for index in (0..tiles).rev().take(usize::try_from(SEARCH_TILES_MAX).unwrap_or(usize::MAX)) {
            let tile = Tile::of_tree(TileKind::Hashes { level: 0 }, index, self.size);
            let tile = tile.ok_or(PublishedError::NoSuchEntry)?;
            let found =
                self.with(tile, |hashes| hashes.iter().take(tile.width().into()).rposition(|hash| hash == leaf))?;
            if let Some(at) = found {
                return Ok(Some(index * width + at as u64));
            }
        }
        Ok(None)
    }

    /// The proof that the leaf at `index` is in the tree of all leaves.
    ///
    /// # Errors
    /// It is not, or a tile cannot be read.
    pub fn inclusion(&self, index: u64) -> Result<Vec<Hash>, PublishedError<E>> {
        self.hashes(tree::inclusion(index, self.size).ok_or(PublishedError::NoSuchEntry)?)
    }

    /// The proof that the first `old` leaves are still the first of the first `new`.
    ///
    /// # Errors
    /// There are not so many, or a tile cannot be read.
    pub fn consistency(&self, old: u64, new: u64) -> Result<Vec<Hash>, PublishedError<E>> {
        let parts = tree::consistency(old, new).filter(|_| new <= self.size);
        self.hashes(parts.ok_or(PublishedError::NoSuchEntry)?)
    }

    fn hashes(&self, parts: Vec<Part>) -> Result<Vec<Hash>, PublishedError<E>> {
        parts.into_iter().map(|part| part.hash(&mut |node| self.node(node))).collect()
    }

    fn node(&self, node: Node) -> Result<Hash, PublishedError<E>> {
        let tile = Tile::of_node(node, self.size).ok_or(PublishedError::NoSuchEntry)?;
        self.with(tile, |hashes| tile.node_hash(node, hashes))?.ok_or(PublishedError::NoTile(tile))
    }

    /// Looks into a tile; each is read once.
    fn with<T>(&self, tile: Tile, look: impl FnOnce(&[Hash]) -> T) -> Result<T, PublishedError<E>> {
        if let Some(hashes) = self.known.borrow().get(&tile) {
            return Ok(look(hashes));
        }
        let hashes = self.load(tile)?;
        let answer = look(&hashes);
        self.known.borrow_mut().insert(tile, hashes);
        Ok(answer)
    }

    /// Where the partial tile is not there, the full one may have come in its place.
    fn load(&self, tile: Tile) -> Result<Vec<Hash>, PublishedError<E>> {
        for tile in [tile, tile.full()] {
            if let Some(bytes) = (self.read)(&tile.to_string()).map_err(PublishedError::Read)? {
                return tile::parse_hashes(&bytes, tile.width()).map_err(|error| PublishedError::Tile { tile, error });
            }
        }
        Err(PublishedError::NoTile(tile))
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Frontier, verify};
    use super::*;
    use std::convert::Infallible;

    /// The tiles of a tree of this size, and its roots from 0 leaves on.
    fn files(size: u64) -> (HashMap<String, Vec<u8>>, Vec<Hash>) {
        let bytes = |hashes: &[Hash]| hashes.iter().flat_map(|hash| *hash.as_bytes()).collect::<Vec<u8>>();
        let (mut files, mut frontier) = (HashMap::new(), Frontier::default());
        let mut roots = vec![frontier.root()];
        for index in 0..size {
            let full = |tile: Tile, hashes: &[Hash]| drop(files.insert(tile.to_string(), bytes(hashes)));
            frontier.push(Hash::of_leaf(index.to_string().as_bytes()), full).expect("room");
            roots.push(frontier.root());
        }
        files.extend(frontier.partial_tiles().map(|(tile, hashes)| (tile.to_string(), bytes(hashes))));
        (files, roots)
    }

    #[test]
    fn proofs_from_tiles_lead_to_the_roots() {
        for size in [1_u64, 2, 255, 256, 257, 700] {
            let (files, roots) = files(size);
            let read = |path: &str| Ok::<_, Infallible>(files.get(path).cloned());
            let log = Published::new(size, &read);
            for index in [0, size / 2, size - 1] {
                let leaf = Hash::of_leaf(index.to_string().as_bytes());
                assert_eq!(log.find(&leaf).expect("tiles"), Some(index));
                assert_eq!(log.leaf(index).expect("tiles"), leaf);
                let proof = log.inclusion(index).expect("tiles");
                assert_eq!(verify::inclusion(leaf, index, size, &proof, &roots[size as usize]), Ok(()));
                let (old, new) = (index + 1, size);
                let proof = log.consistency(old, new).expect("tiles");
                let roots = [(old, &roots[old as usize]), (new, &roots[new as usize])];
                assert_eq!(verify::consistency(roots[0], roots[1], &proof), Ok(()));
            }
            assert_eq!(log.find(&Hash::of_leaf(b"other")).expect("tiles"), None);
            assert!(matches!(log.leaf(size), Err(PublishedError::NoSuchEntry)));
            assert!(matches!(log.inclusion(size), Err(PublishedError::NoSuchEntry)));
            assert!(matches!(log.consistency(1, size + 1), Err(PublishedError::NoSuchEntry)));
        }
    }

    #[test]
    fn a_tile_that_is_missing_or_cut_is_an_error() {
        let (mut files, _) = files(300);
        {
            let read = |path: &str| Ok::<_, Infallible>(files.get(path).map(|bytes| bytes[..bytes.len() - 1].to_vec()));
            assert!(matches!(Published::new(300, &read).leaf(0), Err(PublishedError::Tile { .. })));
        }
        files.remove("tile/0/000");
        let read = |path: &str| Ok::<_, Infallible>(files.get(path).cloned());
        let log = Published::new(300, &read);
        assert!(matches!(log.leaf(0), Err(PublishedError::NoTile(_))));
        assert!(log.leaf(299).is_ok());
        assert!(matches!(Published::new(u64::MAX, &read).find(&Hash::of_no_leaves()), Err(PublishedError::NoTile(_))));
    }
}
