//! The packs of held pushes on disk: apart from the mirrors, where no fetch looks.

use crate::gate::fault::Fault;
use crate::model::PushId;
use crate::receive::Quarantine;
use std::collections::HashSet;
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

/// The directory with one object directory for each held push.
#[derive(Debug)]
pub struct HeldPacks {
    dir: PathBuf,
    stopping: AtomicBool,
}

impl HeldPacks {
    /// Opens it below the data directory.
    pub fn open(data: &Path) -> io::Result<Self> {
        let dir = data.join("held");
        DirBuilder::new().recursive(true).mode(0o700).create(&dir)?;
        Ok(Self { dir, stopping: AtomicBool::new(false) })
    }

    /// No client waits for a human any more.
    pub fn stop_waiting(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    fn path(&self, push: PushId) -> PathBuf {
        self.dir.join(push.to_string())
    }

    /// Keeps the objects of a push; they are on disk when this returns.
    pub fn keep(&self, push: PushId, quarantine: Quarantine) -> io::Result<()> {
        quarantine.keep_at(&self.path(push))
    }

    /// The objects of a held push. An error, if they are not there.
    pub fn get(&self, push: PushId) -> Result<Quarantine, Fault> {
        let path = self.path(push);
        match fs::metadata(path.join("pack")) {
            Ok(_) => Ok(Quarantine::kept(path)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(Fault::Gone(push)),
            Err(error) => Err(Fault::Held(error)),
        }
    }

    /// No objects: what stands in the place of those that are kept.
    #[must_use]
    pub fn nothing(&self) -> Quarantine {
        Quarantine::kept(self.dir.join("nothing"))
    }

    /// Removes what nobody needs any more.
    pub fn remove(&self, push: PushId) {
        match fs::remove_dir_all(self.path(push)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::warn!(push.id = %push, %error, "the objects of a push that is held no more cannot be removed");
            }
            Ok(()) | Err(_) => {}
        }
    }

    /// Removes everything but what is still held; for a start, after a crash.
    pub fn sweep(&self, held: &HashSet<PushId>) -> io::Result<()> {
        for entry in fs::read_dir(&self.dir)? {
            let name = entry?.file_name();
            let push = name.to_str().and_then(|name| PushId::parse(name).ok());
            if let Some(push) = push.filter(|push| !held.contains(push)) {
                self.remove(push);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_outlives_its_quarantine_and_a_sweep_only_while_it_is_held() {
        let data = tempfile::tempdir().expect("a directory");
        let packs = HeldPacks::open(data.path()).expect("opened");
        let (push, other) = (PushId::generate(), PushId::generate());
        for id in [push, other] {
            let quarantine = Quarantine::create(data.path()).expect("created");
            fs::write(quarantine.objects_dir().join("pack/pack-1.pack"), "x").expect("written");
            packs.keep(id, quarantine).expect("kept");
        }
        packs.sweep(&HashSet::from([push])).expect("swept");
        let kept = packs.get(push).expect("there");
        assert!(kept.objects_dir().join("pack/pack-1.pack").exists());
        drop(kept);
        assert!(packs.get(push).is_ok() && packs.get(other).is_err());
        packs.remove(push);
        packs.remove(push);
        assert!(packs.get(push).is_err());
    }
}
