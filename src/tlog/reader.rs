//! Entries and proofs from a log's directory, as any web server would serve it. Writes nothing and takes no lock.

use super::storage::StorageError;
use super::{Hash, Node, Part, SignedCheckpoint, Tile, TileKind, VerifyingKey, disk, tile, tree};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::path::{Path, PathBuf};

/// The tiles of a tree of some size.
#[derive(Debug, Clone)]
pub(super) struct Tiles {
    pub root: PathBuf,
    pub size: u64,
}

impl Tiles {
    /// The tile's bytes. Where the partial tile is gone, the full one has come in its place.
    fn read(&self, tile: Tile) -> Result<(Tile, Vec<u8>), StorageError> {
        for tile in [tile, tile.full()] {
            if let Some(bytes) = disk::read(&self.root.join(tile.to_string()))? {
                return Ok((tile, bytes));
            }
        }
        Err(StorageError::NoTile(tile))
    }

    /// At least as many hashes as the tile is wide.
    pub fn hashes(&self, tile: Tile) -> Result<Vec<Hash>, StorageError> {
        let (found, bytes) = self.read(tile)?;
        tile::parse_hashes(&bytes, found.width()).map_err(|error| StorageError::Tile { tile: found, error })
    }

    /// The entries of a bundle, each checked against the hash that the tree has of it.
    pub fn entries(&self, index: u64) -> Result<Vec<Vec<u8>>, StorageError> {
        let of = |kind| Tile::of_tree(kind, index, self.size).ok_or(StorageError::NoSuchEntry);
        let bundle = of(TileKind::Entries)?;
        let hashes = self.hashes(of(TileKind::Hashes { level: 0 })?)?;
        let (found, bytes) = self.read(bundle)?;
        let entries =
            tile::parse_bundle(&bytes, found.width()).map_err(|error| StorageError::Tile { tile: found, error })?;
        let entries: Vec<_> = entries.into_iter().take(bundle.width().into()).map(<[u8]>::to_vec).collect();
        let is_same = entries.iter().zip(&hashes).all(|(entry, hash)| Hash::of_leaf(entry) == *hash);
        if is_same { Ok(entries) } else { Err(StorageError::Rewritten(found)) }
    }

    pub fn proof(&self, parts: Vec<Part>) -> Result<Vec<Hash>, StorageError> {
        let mut known: HashMap<Tile, Vec<Hash>> = HashMap::new();
        let mut node = |node: Node| {
            let tile = Tile::of_node(node, self.size).ok_or(StorageError::NoSuchEntry)?;
            let hashes = match known.entry(tile) {
                Entry::Occupied(read) => read.into_mut(),
                Entry::Vacant(place) => place.insert(self.hashes(tile)?),
            };
            tile.node_hash(node, hashes).ok_or(StorageError::NoTile(tile))
        };
        parts.into_iter().map(|part| part.hash(&mut node)).collect()
    }
}

/// A log as one of its checkpoints says it is.
///
/// What it hands out is only as good as the files: whoever trusts nobody verifies a proof against the checkpoint.
#[derive(Debug, Clone)]
pub struct LogReader {
    tiles: Tiles,
    checkpoint: SignedCheckpoint,
}

impl LogReader {
    /// Reads the newest checkpoint, which this key must have signed.
    ///
    /// # Errors
    /// There is none, or it cannot be read or trusted.
    pub fn open(root: &Path, key: &VerifyingKey) -> Result<Self, StorageError> {
        let bytes = disk::read(&root.join("checkpoint"))?.ok_or_else(|| StorageError::NoLog(root.to_owned()))?;
        Ok(Self::new(root, SignedCheckpoint::open(&bytes, key)?))
    }

    pub(super) fn new(root: &Path, checkpoint: SignedCheckpoint) -> Self {
        let size = checkpoint.checkpoint().size();
        Self { tiles: Tiles { root: root.to_owned(), size }, checkpoint }
    }

    #[must_use]
    pub const fn checkpoint(&self) -> &SignedCheckpoint {
        &self.checkpoint
    }

    #[must_use]
    pub const fn size(&self) -> u64 {
        self.tiles.size
    }

    /// # Errors
    /// There is no such entry, it cannot be read, or it is not the one that was appended.
    pub fn entry(&self, index: u64) -> Result<Vec<u8>, StorageError> {
        let width = u64::from(tile::WIDTH);
        let at = usize::try_from(index % width).map_err(|_| StorageError::NoSuchEntry)?;
        self.tiles.entries(index / width)?.into_iter().nth(at).ok_or(StorageError::NoSuchEntry)
    }

    /// The proof that the entry at `index` is in the tree of the first `size` entries.
    ///
    /// # Errors
    /// It is not, or the tiles cannot be read.
    pub fn inclusion(&self, index: u64, size: u64) -> Result<Vec<Hash>, StorageError> {
        self.tiles.proof(tree::inclusion(index, self.known(size)?).ok_or(StorageError::NoSuchEntry)?)
    }

    /// A tile of hashes, as it is stored.
    ///
    /// # Errors
    /// The tree does not reach it, or it cannot be read.
    pub fn tile(&self, tile: Tile) -> Result<Vec<u8>, StorageError> {
        let mut hashes = self.tiles.hashes(tile)?;
        hashes.truncate(tile.width().into());
        Ok(hashes.iter().flat_map(|hash| *hash.as_bytes()).collect())
    }

    /// The proof that the first `old` entries are still the first of the `new`.
    ///
    /// # Errors
    /// There are not so many, or the tiles cannot be read.
    pub fn consistency(&self, old: u64, new: u64) -> Result<Vec<Hash>, StorageError> {
        self.tiles.proof(tree::consistency(old, self.known(new)?).ok_or(StorageError::NoSuchEntry)?)
    }

    /// The root of the tree of the first `size` entries.
    ///
    /// # Errors
    /// There are not so many, or the tiles cannot be read.
    pub fn root_at(&self, size: u64) -> Result<Hash, StorageError> {
        let roots = self.tiles.proof(vec![Part::whole(self.known(size)?)])?;
        roots.first().copied().ok_or(StorageError::NoSuchEntry)
    }

    const fn known(&self, size: u64) -> Result<u64, StorageError> {
        if size <= self.tiles.size { Ok(size) } else { Err(StorageError::NoSuchEntry) }
    }
}
