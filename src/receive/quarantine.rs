//! The object directory of one push: what arrives stays in here until the push is forwarded.

use crate::git::{ObjectStore, ReadError};
use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Prefix of the directories' names, by which [`Quarantine::sweep`] knows its own.
const PREFIX: &str = "incoming-";

#[derive(Debug, thiserror::Error)]
#[error("cannot make a quarantine directory: {0}")]
pub struct QuarantineError(#[source] io::Error);

/// Whether [`Quarantine::migrate`] waits for the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// The mirror is a cache: losing its newest pack in a power cut costs a fetch.
    Volatile,
    Synced,
}

/// A directory of mode 0700 that is removed when the value is dropped, unless the push is held.
#[derive(Debug)]
pub struct Quarantine {
    dir: Place,
    pack: Option<PathBuf>,
}

#[derive(Debug)]
enum Place {
    Passing(tempfile::TempDir),
    Kept(PathBuf),
}

impl Quarantine {
    /// Makes an empty one below `parent`, which must be on the mirror's file system.
    pub fn create(parent: &Path) -> Result<Self, QuarantineError> {
        let make = || {
            let private = fs::Permissions::from_mode(0o700);
            let dir = tempfile::Builder::new().prefix(PREFIX).permissions(private).tempdir_in(parent)?;
            fs::DirBuilder::new().mode(0o700).create(dir.path().join("pack"))?;
            Ok(dir)
        };
        make().map(|dir| Self { dir: Place::Passing(dir), pack: None }).map_err(QuarantineError)
    }

    /// The objects of a held push, from where [`Self::keep_at`] put them.
    #[must_use]
    pub fn kept(dir: PathBuf) -> Self {
        Self { dir: Place::Kept(dir), pack: None }
    }

    /// Makes it last, with all that is in it, under another name on the same file system; whatever is there goes.
    pub fn keep_at(self, target: &Path) -> io::Result<()> {
        let pack_dir = self.pack_dir();
        for entry in fs::read_dir(&pack_dir)? {
            fs::File::open(entry?.path())?.sync_all()?;
        }
        fs::File::open(&pack_dir)?.sync_all()?;
        fs::File::open(self.objects_dir())?.sync_all()?;
        match fs::remove_dir_all(target) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        match self.dir {
            Place::Passing(dir) => {
                fs::rename(dir.path(), target)?;
                // Its name is gone: there is nothing left to remove.
                let _ = dir.keep();
            }
            Place::Kept(dir) => fs::rename(dir, target)?,
        }
        target.parent().map_or(Ok(()), |parent| fs::File::open(parent)?.sync_all())
    }

    #[must_use]
    pub fn objects_dir(&self) -> &Path {
        match &self.dir {
            Place::Passing(dir) => dir.path(),
            Place::Kept(dir) => dir,
        }
    }

    /// The bytes it takes on disk.
    pub fn bytes(&self) -> io::Result<u64> {
        fs::read_dir(self.pack_dir())?.try_fold(0, |sum: u64, entry| Ok(sum.saturating_add(entry?.metadata()?.len())))
    }

    /// The objects in here, without the mirror's.
    pub fn store(&self) -> Result<ObjectStore, ReadError> {
        ObjectStore::open(self.objects_dir())
    }

    /// The pack, if one with at least one object has arrived.
    #[must_use]
    pub fn pack_path(&self) -> Option<&Path> {
        self.pack.as_deref()
    }

    pub(super) fn pack_dir(&self) -> PathBuf {
        self.objects_dir().join("pack")
    }

    pub(super) fn set_pack(&mut self, path: PathBuf) {
        self.pack = Some(path);
    }

    /// Moves the pack into `objects_dir`, the index last: git takes a pack for present when its index is there.
    ///
    /// What is there already is kept. A pack's name is the checksum of its content, so it holds the same.
    pub fn migrate(self, objects_dir: &Path, durability: Durability) -> io::Result<()> {
        let Some(pack) = self.pack.as_deref() else { return Ok(()) };
        let target_dir = objects_dir.join("pack");
        fs::create_dir_all(&target_dir)?;
        for extension in ["pack", "rev", "idx"] {
            let source = pack.with_extension(extension);
            let Some(name) = source.file_name().filter(|_| source.exists()) else { continue };
            if durability == Durability::Synced {
                fs::File::open(&source)?.sync_all()?;
            }
            link(&source, &target_dir.join(name))?;
        }
        if durability == Durability::Synced {
            fs::File::open(&target_dir)?.sync_all()?;
        }
        Ok(())
    }

    /// Removes what a crash left below `parent`. Only for a start, when no push is under way.
    pub fn sweep(parent: &Path) -> io::Result<()> {
        for entry in fs::read_dir(parent)? {
            let entry = entry?;
            if entry.file_name().as_encoded_bytes().starts_with(PREFIX.as_bytes()) && entry.file_type()?.is_dir() {
                fs::remove_dir_all(entry.path())?;
            }
        }
        Ok(())
    }
}

/// A hard link never replaces a file, where a rename would.
fn link(source: &Path, target: &Path) -> io::Result<()> {
    match fs::hard_link(source, target) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(_) if !target.exists() => fs::rename(source, target),
        result => result,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_pack(parent: &Path, content: &str) -> Quarantine {
        let mut quarantine = Quarantine::create(parent).expect("created");
        let pack = quarantine.pack_dir().join("pack-1.pack");
        fs::write(&pack, content).expect("written");
        fs::write(pack.with_extension("idx"), "index").expect("written");
        quarantine.set_pack(pack);
        quarantine
    }

    #[test]
    fn is_private_and_gone_when_dropped() {
        let parent = tempfile::tempdir().expect("a directory");
        let quarantine = Quarantine::create(parent.path()).expect("created");
        let dir = quarantine.objects_dir().to_owned();
        assert_eq!(fs::metadata(&dir).expect("exists").permissions().mode() & 0o777, 0o700);
        drop(quarantine);
        assert!(!dir.exists());
    }

    #[test]
    fn migration_moves_the_pack_and_never_overwrites() {
        let parent = tempfile::tempdir().expect("a directory");
        let objects = parent.path().join("objects");
        with_pack(parent.path(), "first").migrate(&objects, Durability::Synced).expect("migrated");
        with_pack(parent.path(), "second").migrate(&objects, Durability::Volatile).expect("migrated");
        assert_eq!(fs::read(objects.join("pack/pack-1.pack")).expect("there"), b"first");
        assert!(objects.join("pack/pack-1.idx").exists());
        assert_eq!(fs::read_dir(parent.path()).expect("readable").count(), 1);
    }

    #[test]
    fn sweep_removes_leftovers_only() {
        let parent = tempfile::tempdir().expect("a directory");
        fs::create_dir(parent.path().join("pack")).expect("created");
        std::mem::forget(with_pack(parent.path(), "x"));
        Quarantine::sweep(parent.path()).expect("swept");
        let left: Vec<_> = fs::read_dir(parent.path()).expect("readable").filter_map(Result::ok).collect();
        assert_eq!(left.len(), 1);
    }
}
