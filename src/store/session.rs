//! Which process an accepted push belongs to, and whether that process still runs.
//!
//! Several processes write to one store (a server and one-shot `receive-pack`s). After a crash the pushes of the dead
//! one must be settled by another, but never those that are still under way. A process id does not tell: ids are used
//! again. So each process holds a lock on a file of its own; the kernel lets go of it however the process ends.

use std::collections::HashMap;
use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// Left-over files of dead processes are removed when they are older than this: long after any process could be
/// between making its file and locking it.
const LEFTOVER_AGE: Duration = Duration::from_secs(3600);

fn directory(store: &Path) -> PathBuf {
    store.join("sessions")
}

/// This process's own file, locked as long as this lives.
pub struct Session {
    name: String,
    path: PathBuf,
    _locked: File,
}

impl Session {
    pub fn start(store: &Path) -> io::Result<Self> {
        let directory = directory(store);
        DirBuilder::new().recursive(true).mode(0o700).create(&directory)?;
        let name = ulid::Ulid::generate().to_string();
        let path = directory.join(&name);
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        file.lock()?;
        Ok(Self { name, path, _locked: file })
    }

    pub fn name(&self) -> &str {
        &self.name
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // A file that stays is harmless: it is not locked any more.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// The right to be the only one, in any process, who counts what a principal used and decides by it. Until dropped.
#[must_use]
pub struct Turn {
    _locked: File,
}

impl Turn {
    /// Waits for it. `name` is a principal's, and so one for a file.
    pub fn wait(store: &Path, name: &str) -> io::Result<Self> {
        let directory = store.join("turns");
        DirBuilder::new().recursive(true).mode(0o700).create(&directory)?;
        let path = directory.join(name);
        let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path)?;
        file.lock()?;
        Ok(Self { _locked: file })
    }
}

/// Asks for each session once.
pub struct Liveness {
    directory: PathBuf,
    known: HashMap<String, bool>,
}

impl Liveness {
    pub fn new(store: &Path) -> Self {
        let directory = directory(store);
        remove_leftovers(&directory);
        Self { directory, known: HashMap::new() }
    }

    /// Whether the process runs, or might: what cannot be found out counts as alive, so that nothing is settled twice.
    pub fn is_alive(&mut self, session: &str) -> bool {
        let directory = &self.directory;
        *self.known.entry(session.to_owned()).or_insert_with(|| is_locked(&directory.join(session)))
    }
}

fn is_locked(path: &Path) -> bool {
    match File::open(path).map(|file| file.try_lock()) {
        Ok(Ok(())) => false,
        Ok(Err(TryLockError::WouldBlock | TryLockError::Error(_))) => true,
        Err(error) => error.kind() != io::ErrorKind::NotFound,
    }
}

fn remove_leftovers(directory: &Path) {
    let Ok(entries) = std::fs::read_dir(directory) else { return };
    for entry in entries.flatten() {
        let modified = entry.metadata().and_then(|metadata| metadata.modified());
        let age = modified.ok().and_then(|time| SystemTime::now().duration_since(time).ok());
        if age.is_some_and(|age| age > LEFTOVER_AGE) && !is_locked(&entry.path()) {
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_lives_as_long_as_its_lock() {
        let store = tempfile::tempdir().expect("a directory");
        let session = Session::start(store.path()).expect("it starts");
        let name = session.name().to_owned();
        assert!(Liveness::new(store.path()).is_alive(&name));
        let killed = directory(store.path()).join("killed");
        std::fs::write(&killed, "").expect("a file without a lock");
        assert!(!Liveness::new(store.path()).is_alive("killed"));
        drop(session);
        assert!(!Liveness::new(store.path()).is_alive(&name));
        let long_ago = SystemTime::now() - LEFTOVER_AGE * 2;
        File::open(&killed).and_then(|file| file.set_modified(long_ago)).expect("an old file");
        Liveness::new(store.path());
        assert!(!killed.exists());
    }
}
