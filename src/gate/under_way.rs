//! Which pushes somebody may still be forwarding, also after this process has died.
//!
//! Each push has a lock file that is shared with the processes it starts for the upstream. A gate that is killed leaves
//! the file behind, and a `git receive-pack` or `ssh` that outlives it leaves the lock held: what the upstream's ref
//! holds then is not yet the outcome.

use crate::model::PushId;
use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

/// The lock file of one push; removed with the push.
#[derive(Debug)]
pub struct UnderWay {
    path: PathBuf,
    pub file: File,
}

fn path(dir: &Path, push: PushId) -> PathBuf {
    dir.join(format!("{push}.lock"))
}

/// Of a held push that is released: the client that pushed it may still be there, waiting.
fn release_path(dir: &Path, push: PushId) -> PathBuf {
    dir.join(format!("{push}.release.lock"))
}

impl UnderWay {
    pub fn begin(dir: &Path, push: PushId) -> io::Result<Self> {
        Self::lock(path(dir, push))
    }

    /// The same for the release of a held push.
    pub fn begin_release(dir: &Path, push: PushId) -> io::Result<Self> {
        Self::lock(release_path(dir, push))
    }

    fn lock(path: PathBuf) -> io::Result<Self> {
        let file = OpenOptions::new().write(true).create_new(true).open(&path)?;
        file.lock()?;
        Ok(Self { path, file })
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        // One that stays is not locked any more, and is removed when its push is settled.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Whether a process that an earlier gate started for this push still lives.
#[must_use]
pub fn is_at_work(dir: &Path, push: PushId) -> bool {
    let is_locked =
        |path: PathBuf| File::open(path).is_ok_and(|file| matches!(file.try_lock(), Err(TryLockError::WouldBlock)));
    is_locked(path(dir, push)) || is_locked(release_path(dir, push))
}

/// Removes what a killed gate left of pushes that nobody is at work on any more. Only for a start.
pub fn sweep(dir: &Path) {
    for path in std::fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path()) {
        if File::open(&path).is_ok_and(|file| file.try_lock().is_ok()) {
            let _ = std::fs::remove_file(path);
        }
    }
}

/// Removes what a killed gate left of a push that is settled.
pub fn forget(dir: &Path, push: PushId) {
    let _ = std::fs::remove_file(path(dir, push));
    let _ = std::fs::remove_file(release_path(dir, push));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_push_is_at_work_as_long_as_anyone_shares_its_lock() {
        let dir = tempfile::tempdir().expect("a directory");
        let push = PushId::generate();
        assert!(!is_at_work(dir.path(), push));
        let under_way = UnderWay::begin(dir.path(), push).expect("begun");
        let shared = under_way.file.try_clone().expect("shared");
        assert!(is_at_work(dir.path(), push));
        // As a kill leaves it: nothing is removed, and only the other process has the file open.
        let UnderWay { path, .. } = &under_way;
        std::fs::hard_link(path, dir.path().join("kept")).expect("kept");
        drop(under_way);
        std::fs::rename(dir.path().join("kept"), super::path(dir.path(), push)).expect("put back");
        assert!(is_at_work(dir.path(), push));
        sweep(dir.path());
        assert!(is_at_work(dir.path(), push));
        drop(shared);
        assert!(!is_at_work(dir.path(), push));
        sweep(dir.path());
        assert_eq!(std::fs::read_dir(dir.path()).expect("listed").count(), 0);
    }
}
