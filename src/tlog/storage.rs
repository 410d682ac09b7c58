//! A log in a directory of static files, with one writer. What was appended is on disk, below a signed checkpoint, when
//! the call returns. Serves nobody.
//!
//! Besides the files of tlog-tiles there are two: `lock`, and `head`, the text of the checkpoint that is signed next. An
//! append is in four steps, each on disk before the next: the new tiles, which nothing names yet; `head`, and now it is
//! done and can only be completed; `checkpoint`, signed; the partial tiles that are full now are removed. So a tree is
//! on disk before it is signed, and after a crash at any point no other tree of its size ever is.

use super::disk::{self, Batch, OnDisk, at};
use super::note::Signer;
use super::reader::{LogReader, Tiles};
use super::tile::{self, ENTRY_LENGTH_MAX, TileError, WIDTH};
use super::{Checkpoint, CheckpointError, Frontier, Hash, SignedCheckpoint, Tile, TileKind, text};
use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

const HEAD: &str = "head";
const CHECKPOINT: &str = "checkpoint";

/// Where the entries are that must outlive a power cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// Here: an append returns when its files are on disk.
    Files,
    /// In a store that had them before: these files are made from it, and made again if a power cut spoils them.
    Elsewhere,
}

/// Why a log cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    #[error("{}: {error}", path.display())]
    Io {
        path: PathBuf,
        #[source]
        error: io::Error,
    },
    #[error("{}: another process has this log open for writing", .0.display())]
    Locked(PathBuf),
    #[error("{}: here is no log", .0.display())]
    NoLog(PathBuf),
    #[error("{}: here is already a log, or something else", .0.display())]
    NotEmpty(PathBuf),
    #[error("the log's checkpoint: {0}")]
    Checkpoint(#[from] CheckpointError),
    #[error("the log's checkpoint is newer than its head: files were put back")]
    RolledBack,
    #[error("{0} is missing")]
    NoTile(Tile),
    #[error("{tile}: {error}")]
    Tile {
        tile: Tile,
        #[source]
        error: TileError,
    },
    #[error("{0} is not what the log has signed: it was changed")]
    Rewritten(Tile),
    #[error("the tiles are not those of the signed tree of {size} entries")]
    OtherTree { size: u64 },
    #[error("an entry has {length} bytes, at most {ENTRY_LENGTH_MAX} can be")]
    EntryTooLong { length: usize },
    #[error("the log has no such entry, or not so many")]
    NoSuchEntry,
    #[error("the log has as many entries as a log can have")]
    Full,
    #[error("an earlier append failed: the log must be opened again")]
    Broken,
}

/// Entries that are in the log now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Appended {
    /// The index of the first; the others follow.
    pub first: u64,
    /// Covers them all.
    pub checkpoint: SignedCheckpoint,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Sound,
    /// What is on disk is not known for sure.
    Broken,
}

/// The one writer of a log.
#[derive(Debug)]
pub struct Log {
    root: PathBuf,
    signer: Signer,
    frontier: Frontier,
    /// The partial bundle.
    bundle: Vec<u8>,
    checkpoint: SignedCheckpoint,
    state: State,
    durability: Durability,
    _lock: File,
}

impl Log {
    /// [`create_as`](Self::create_as) of a log that has its entries here.
    ///
    /// # Errors
    /// There is something in the directory, or it cannot be written.
    pub fn create(root: &Path, signer: Signer) -> Result<Self, StorageError> {
        Self::create_as(root, signer, Durability::Files)
    }

    /// [`open_as`](Self::open_as) of a log that has its entries here.
    ///
    /// # Errors
    /// As there.
    pub fn open(root: &Path, signer: Signer) -> Result<Self, StorageError> {
        Self::open_as(root, signer, Durability::Files)
    }

    /// Makes a log without entries. The directory may be there, but must be empty; one that is made is for its owner
    /// alone, who may open it to a web server.
    ///
    /// # Errors
    /// There is something in it, or it cannot be written.
    pub fn create_as(root: &Path, signer: Signer, durability: Durability) -> Result<Self, StorageError> {
        DirBuilder::new().recursive(true).mode(0o700).create(root).map_err(at(root))?;
        let lock = disk::lock(root)?;
        for found in fs::read_dir(root).map_err(at(root))? {
            // A crash while the log was made leaves at most its head, and a checkpoint not yet in its place.
            let name = found.map_err(at(root))?.file_name();
            if !["lock", "head", "head.new", "checkpoint.new"].iter().any(|own| name == *own) {
                return Err(StorageError::NotEmpty(root.to_owned()));
            }
        }
        let checkpoint = Checkpoint::new(signer.verifying_key().name(), 0, Hash::of_no_leaves());
        let head = disk::read(&root.join(HEAD))?;
        if head.is_some_and(|head| head != checkpoint.to_string().as_bytes()) {
            return Err(StorageError::NotEmpty(root.to_owned()));
        }
        if let Some(above) = root.parent().filter(|above| !above.as_os_str().is_empty()) {
            disk::sync_directory(above)?;
        }
        let checkpoint = publish(root, checkpoint, &signer, (Batch::new(root, durability).sync()?, durability))?;
        let (frontier, bundle, state) = (Frontier::default(), Vec::new(), State::Sound);
        Ok(Self { root: root.to_owned(), signer, frontier, bundle, checkpoint, state, durability, _lock: lock })
    }

    /// Opens a log, and completes what a crash has left half done.
    ///
    /// Reads all hash tiles: a log whose tiles were changed is not continued. [`audit`](Self::audit) reads the entries.
    ///
    /// # Errors
    /// There is no log, somebody else writes it, it is of another key, or its files are not what was signed.
    pub fn open_as(root: &Path, signer: Signer, durability: Durability) -> Result<Self, StorageError> {
        let no_log = || StorageError::NoLog(root.to_owned());
        let signed = disk::read(&root.join(CHECKPOINT))?.ok_or_else(no_log)?;
        let lock = disk::lock(root)?;
        // Again, now that nobody can be writing.
        let signed = disk::read(&root.join(CHECKPOINT))?.unwrap_or(signed);
        let mut checkpoint = SignedCheckpoint::open(&signed, signer.verifying_key())?;
        let head = disk::read(&root.join(HEAD))?.ok_or_else(no_log)?;
        let head = Checkpoint::parse(&String::from_utf8_lossy(&head))?;
        if head.origin() != checkpoint.checkpoint().origin() {
            return Err(CheckpointError::Origin.into());
        }
        if head.size() < checkpoint.checkpoint().size() {
            return Err(StorageError::RolledBack);
        }
        let tiles = Tiles { root: root.to_owned(), size: head.size() };
        let frontier = grow_again(&tiles, &[checkpoint.checkpoint(), &head])?;
        let bundle = last_bundle(&tiles)?;
        remove_all_partials(&tiles);
        // What is handed out now must outlive a power cut, whoever put it there.
        let found = Batch::new(root, durability).sync()?;
        if checkpoint.checkpoint().size() < head.size() {
            let completed = Checkpoint::new(signer.verifying_key().name(), head.size(), *head.root());
            checkpoint = publish(root, completed, &signer, (found, durability))?;
        }
        let state = State::Sound;
        Ok(Self { root: root.to_owned(), signer, frontier, bundle, checkpoint, state, durability, _lock: lock })
    }

    #[must_use]
    pub const fn checkpoint(&self) -> &SignedCheckpoint {
        &self.checkpoint
    }

    /// Entries and proofs of the log as it is now.
    #[must_use]
    pub fn reader(&self) -> LogReader {
        LogReader::new(&self.root, self.checkpoint.clone())
    }

    /// Appends entries, all or none, in one go to disk. None at all is no change.
    ///
    /// # Errors
    /// An entry is too long, and nothing was done; or the disk failed, and the log must be opened again to know.
    pub fn append<E: AsRef<[u8]>>(&mut self, entries: &[E]) -> Result<Appended, StorageError> {
        if self.state == State::Broken {
            return Err(StorageError::Broken);
        }
        let lengths = entries.iter().map(|entry| entry.as_ref().len());
        if let Some(length) = lengths.max().filter(|length| *length > ENTRY_LENGTH_MAX) {
            return Err(StorageError::EntryTooLong { length });
        }
        let first = self.frontier.size();
        if (text::NUMBER_MAX - first) < entries.len() as u64 {
            return Err(StorageError::Full);
        }
        if !entries.is_empty() {
            self.state = State::Broken;
            self.extend(entries)?;
            self.state = State::Sound;
        }
        Ok(Appended { first, checkpoint: self.checkpoint.clone() })
    }

    fn extend<E: AsRef<[u8]>>(&mut self, entries: &[E]) -> Result<(), StorageError> {
        let old_size = self.frontier.size();
        let (mut batch, mut full) = (Batch::new(&self.root, self.durability), Vec::new());
        for entry in entries {
            let (entry, mut done) = (entry.as_ref(), Vec::new());
            tile::push_entry(&mut self.bundle, entry).ok_or(StorageError::EntryTooLong { length: entry.len() })?;
            let each = |tile, hashes: &[Hash]| done.push((tile, bytes_of(hashes)));
            self.frontier.push(Hash::of_leaf(entry), each).ok_or(StorageError::Full)?;
            if let Some(bundle) = full_bundle(self.frontier.size()) {
                done.push((bundle, std::mem::take(&mut self.bundle)));
            }
            for (tile, bytes) in done {
                batch.write(&tile.to_string(), &bytes)?;
                full.push(tile);
            }
        }
        let size = self.frontier.size();
        for (tile, hashes) in self.frontier.partial_tiles() {
            if Tile::of_tree(tile.kind(), tile.index(), old_size) != Some(tile) {
                batch.write(&tile.to_string(), &bytes_of(hashes))?;
            }
        }
        if let Some(tile) = Tile::of_tree(TileKind::Entries, size / u64::from(WIDTH), size) {
            batch.write(&tile.to_string(), &self.bundle)?;
        }
        let tiles = batch.sync()?;
        let checkpoint = Checkpoint::new(self.signer.verifying_key().name(), size, self.frontier.root());
        self.checkpoint = publish(&self.root, checkpoint, &self.signer, (tiles, self.durability))?;
        full.iter().for_each(|tile| remove_partials(&self.root, *tile));
        Ok(())
    }

    /// Puts cosignatures into the published checkpoint, if it is still the one they are of: says whether it is.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn publish_cosigned(&mut self, cosigned: &SignedCheckpoint) -> Result<bool, StorageError> {
        if cosigned.checkpoint() != self.checkpoint.checkpoint() || self.state == State::Broken {
            return Ok(false);
        }
        disk::replace(&self.root, CHECKPOINT, cosigned.to_string().as_bytes(), self.durability)?;
        self.checkpoint = cosigned.clone();
        Ok(true)
    }

    /// Reads every entry and compares it with the hash that the tree has of it.
    ///
    /// # Errors
    /// One cannot be read, or was changed.
    pub fn audit(&self) -> Result<(), StorageError> {
        let tiles = Tiles { root: self.root.clone(), size: self.frontier.size() };
        (0..tiles.size.div_ceil(WIDTH.into())).try_for_each(|index| tiles.entries(index).map(drop))
    }
}

/// The point of no return: from here on, this is the log's tree of this size.
fn publish(
    root: &Path,
    checkpoint: Checkpoint,
    signer: &Signer,
    (_tiles, durability): (OnDisk, Durability),
) -> Result<SignedCheckpoint, StorageError> {
    disk::replace(root, HEAD, checkpoint.to_string().as_bytes(), durability)?;
    let signed = SignedCheckpoint::sign(checkpoint, signer);
    disk::replace(root, CHECKPOINT, signed.to_string().as_bytes(), durability)?;
    Ok(signed)
}

/// Builds the tree again from its leaves' hashes and compares all that is stored of it, and the roots of `heads`.
fn grow_again(tiles: &Tiles, heads: &[&Checkpoint]) -> Result<Frontier, StorageError> {
    let mut frontier = Frontier::default();
    let compare = |tile: Tile, hashes: &[Hash]| match tiles.hashes(tile)? {
        stored if stored.starts_with(hashes) => Ok(()),
        _ => Err(StorageError::Rewritten(tile)),
    };
    let check = |frontier: &Frontier| {
        let size = frontier.size();
        let is_other = heads.iter().any(|head| head.size() == size && *head.root() != frontier.root());
        if is_other { Err(StorageError::OtherTree { size }) } else { Ok(()) }
    };
    check(&frontier)?;
    for index in 0..tiles.size.div_ceil(WIDTH.into()) {
        let leaves =
            Tile::of_tree(TileKind::Hashes { level: 0 }, index, tiles.size).ok_or(StorageError::NoSuchEntry)?;
        for leaf in tiles.hashes(leaves)?.into_iter().take(leaves.width().into()) {
            let mut full = Vec::new();
            frontier.push(leaf, |tile, hashes| full.push((tile, hashes.to_vec()))).ok_or(StorageError::Full)?;
            // The first is the one that the leaves were read from.
            full.iter().skip(1).try_for_each(|(tile, hashes)| compare(*tile, hashes))?;
            check(&frontier)?;
        }
    }
    frontier.partial_tiles().try_for_each(|(tile, hashes)| compare(tile, hashes))?;
    Ok(frontier)
}

/// The partial bundle, its entries compared with their hashes; so is a full one, if it is the last.
fn last_bundle(tiles: &Tiles) -> Result<Vec<u8>, StorageError> {
    let mut bundle = Vec::new();
    let Some(last) = tiles.size.checked_sub(1) else { return Ok(bundle) };
    let entries = tiles.entries(last / u64::from(WIDTH))?;
    if full_bundle(tiles.size).is_none() {
        entries.iter().try_for_each(|entry| tile::push_entry(&mut bundle, entry)).ok_or(StorageError::NoSuchEntry)?;
    }
    Ok(bundle)
}

/// The bundle that became full with the tree's last entry, if one did.
fn full_bundle(size: u64) -> Option<Tile> {
    let last = size.checked_sub(1)? / u64::from(WIDTH);
    Tile::of_tree(TileKind::Entries, last, size).filter(|tile| tile.is_full())
}

fn bytes_of(hashes: &[Hash]) -> Vec<u8> {
    hashes.iter().flat_map(|hash| *hash.as_bytes()).collect()
}

/// Removes what an append that was killed could not.
fn remove_all_partials(tiles: &Tiles) {
    let levels = (0..8).map(|level| TileKind::Hashes { level });
    for kind in levels.chain([TileKind::Entries]) {
        let full = (0..).map_while(|index| Tile::of_tree(kind, index, tiles.size).filter(|tile| tile.is_full()));
        full.filter(|tile| tiles.root.join(tile.to_string()).exists())
            .for_each(|tile| remove_partials(&tiles.root, tile));
    }
}

/// Removes the partial tiles that this full one replaces. Those that stay do no harm, and the next opening tries again.
fn remove_partials(root: &Path, full: Tile) {
    let _ = fs::remove_dir_all(root.join(format!("{full}.p")));
}
