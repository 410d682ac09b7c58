//! Files that are on disk when the call returns: many new ones with one round of fsync, or one replaced at once.

use super::storage::{Durability, StorageError};
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// New files are kept open until they are synced, at most so many.
const OPEN_MAX: usize = 256;

/// New files below a directory, on disk after [`sync`](Self::sync) and not before.
pub struct Batch<'a> {
    root: &'a Path,
    durability: Durability,
    open: Vec<(PathBuf, File)>,
    directories: BTreeSet<PathBuf>,
}

/// Shows that a batch is as durable as it has to be: what names its files may follow now.
#[derive(Debug)]
pub struct OnDisk(());

impl<'a> Batch<'a> {
    pub fn new(root: &'a Path, durability: Durability) -> Self {
        Self { root, durability, open: Vec::new(), directories: BTreeSet::from([root.to_owned()]) }
    }

    /// Writes a file. One that is there was left by a crash, and nothing names it yet.
    pub fn write(&mut self, below: &str, bytes: &[u8]) -> Result<(), StorageError> {
        let path = self.root.join(below);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(at(parent))?;
            // All the way up: a directory that is there may have been made just before a crash, and not be on disk.
            self.directories.extend(parent.ancestors().take_while(|above| *above != self.root).map(Path::to_owned));
        }
        let mut file = File::create(&path).map_err(at(&path))?;
        file.write_all(bytes).map_err(at(&path))?;
        self.open.push((path, file));
        if self.open.len() >= OPEN_MAX { self.sync_files() } else { Ok(()) }
    }

    fn sync_files(&mut self) -> Result<(), StorageError> {
        if self.durability == Durability::Elsewhere {
            self.open.clear();
            return Ok(());
        }
        self.open.drain(..).try_for_each(|(path, file)| file.sync_data().map_err(at(&path)))
    }

    pub fn sync(mut self) -> Result<OnDisk, StorageError> {
        self.sync_files()?;
        if self.durability == Durability::Elsewhere {
            return Ok(OnDisk(()));
        }
        self.directories.iter().try_for_each(|directory| sync_directory(directory))?;
        Ok(OnDisk(()))
    }
}

pub fn sync_directory(path: &Path) -> Result<(), StorageError> {
    File::open(path).and_then(|directory| directory.sync_all()).map_err(at(path))
}

/// Puts a file in the place of another; whoever looks sees the one or the other, whole.
pub fn replace(root: &Path, name: &str, bytes: &[u8], durability: Durability) -> Result<(), StorageError> {
    let (path, new) = (root.join(name), root.join(format!("{name}.new")));
    let write = || {
        let mut file = File::create(&new)?;
        file.write_all(bytes)?;
        if durability == Durability::Files { file.sync_data() } else { Ok(()) }
    };
    write().map_err(at(&new))?;
    fs::rename(&new, &path).map_err(at(&path))?;
    if durability == Durability::Files { sync_directory(root) } else { Ok(()) }
}

/// A file's bytes; `None` if it is not there.
pub fn read(path: &Path) -> Result<Option<Vec<u8>>, StorageError> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(at(path)(error)),
    }
}

/// Opens and locks the file that only one writer may hold.
pub fn lock(root: &Path) -> Result<File, StorageError> {
    let path = root.join("lock");
    let file = File::options().create(true).append(true).open(&path).map_err(at(&path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(fs::TryLockError::WouldBlock) => Err(StorageError::Locked(root.to_owned())),
        Err(fs::TryLockError::Error(error)) => Err(at(&path)(error)),
    }
}

/// The error of doing something to this path.
pub fn at(path: &Path) -> impl FnOnce(io::Error) -> StorageError {
    let path = path.to_owned();
    |error| StorageError::Io { path, error }
}
