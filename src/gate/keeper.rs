//! Which policy is in force, where it comes from, and what stays when a new one is bad.
//!
//! A policy in a repository is taken from the upstream at the start, and from each accepted push at once. Below the data
//! directory are kept: the last one that worked, the one before it, and one an operator put in force by hand, which
//! counts until the next accepted push of a policy.

use crate::config::{PolicySource, PushedPolicy};
use crate::gate::Target;
use crate::git::local::LocalError;
use crate::git::{MirrorError, Objects, ReadError, tree};
use crate::model::{Limits, ObjectId};
use crate::policy::Policy;
use crate::strict::Problems;
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::SystemTime;

/// Bytes of a policy.
const POLICY_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// There is no policy to go by.
#[derive(Debug, thiserror::Error)]
pub enum KeeperError {
    #[error("cannot read the policy {}: {error}", path.display())]
    Read { path: PathBuf, error: io::Error },
    #[error("cannot keep the policy in {}: {error}", path.display())]
    Write { path: PathBuf, error: io::Error },
    #[error("{0}")]
    Invalid(Problems),
    #[error("the upstream of the policy cannot be asked: {0}")]
    Mirror(#[from] MirrorError),
    #[error(transparent)]
    Object(#[from] ReadError),
    #[error(transparent)]
    Local(#[from] LocalError),
    #[error("{0} has no {1}")]
    Missing(String, String),
    #[error("{0} stands for another ref in its upstream: name that one in refgate.toml")]
    Symbolic(String),
    #[error(
        "there is no policy yet: {0}\nput a first one in force with `refgate policy recover --file policy.toml`, then push \
         it to the repository"
    )]
    First(Box<KeeperError>),
}

/// The policy in force.
pub struct Keeper {
    source: PolicySource,
    dir: PathBuf,
    current: RwLock<Arc<Policy>>,
    /// Held from forwarding a policy until it is in force: the last one that the upstream took is the one that stays.
    turn: Mutex<()>,
    /// Of the watched file, before it was first read.
    opened: Stamp,
}

/// The policies kept below the data directory.
pub struct Kept {
    pub last: PathBuf,
    pub previous: PathBuf,
    pub by_hand: PathBuf,
}

impl Kept {
    #[must_use]
    pub fn below(data: &Path) -> Self {
        let dir = data.join("policy");
        Self { last: dir.join("last.toml"), previous: dir.join("previous.toml"), by_hand: dir.join("by-hand.toml") }
    }

    /// The one that would be in force if the upstream had nothing newer.
    #[must_use]
    pub fn in_force(self) -> PathBuf {
        if self.by_hand.exists() { self.by_hand } else { self.last }
    }
}

/// By what a change of a file is noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp(Option<(SystemTime, u64)>);

impl Stamp {
    #[must_use]
    pub fn of(path: &Path) -> Self {
        let metadata = fs::metadata(path).ok();
        Self(metadata.and_then(|metadata| Some((metadata.modified().ok()?, metadata.len()))))
    }
}

fn watched(source: &PolicySource, dir: &Path) -> PathBuf {
    match source {
        PolicySource::File(path) => path.clone(),
        PolicySource::Pushed(_) => Kept::below(dir).by_hand,
    }
}

/// Compiles a file.
pub fn read(path: &Path) -> Result<Policy, KeeperError> {
    let text = read_text(path)?;
    Policy::parse(&path.display().to_string(), &text).map_err(KeeperError::Invalid)
}

pub fn read_text(path: &Path) -> Result<String, KeeperError> {
    fs::read_to_string(path).map_err(|error| KeeperError::Read { path: path.to_owned(), error })
}

impl Keeper {
    /// Finds the policy to start with. `target` gives the repository of a policy that is in one.
    pub fn open<'t>(
        source: &PolicySource,
        data: &Path,
        target: impl Fn(&PushedPolicy) -> Option<&'t Target>,
        limits: &Limits,
    ) -> Result<Self, KeeperError> {
        // Before it is read: a change in between is then seen as one.
        let opened = Stamp::of(&watched(source, data));
        let policy = match source {
            PolicySource::File(path) => read(path)?,
            PolicySource::Pushed(pushed) => first(pushed, &Kept::below(data), target(pushed), limits)?,
        };
        Ok(Self {
            source: source.clone(),
            dir: data.to_owned(),
            current: RwLock::new(Arc::new(policy)),
            turn: Mutex::new(()),
            opened,
        })
    }

    #[must_use]
    pub fn current(&self) -> Arc<Policy> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Waits for other pushes of a policy to be in force.
    pub fn turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Swaps the policy as a whole, and gives the old one back.
    pub fn replace(&self, policy: Arc<Policy>) -> Arc<Policy> {
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *current, policy)
    }

    #[must_use]
    pub fn pushed(&self) -> Option<&PushedPolicy> {
        match &self.source {
            PolicySource::Pushed(pushed) => Some(pushed),
            PolicySource::File(_) => None,
        }
    }

    /// The file whose change is a new policy: the admin's own, or the one an operator put in force by hand.
    #[must_use]
    pub fn watched(&self) -> PathBuf {
        watched(&self.source, &self.dir)
    }

    /// The state of that file when it was first read.
    #[must_use]
    pub fn opened(&self) -> Stamp {
        self.opened
    }

    /// Asks the upstream again, and keeps what is there now for the next start.
    pub fn take_upstream(
        &self,
        pushed: &PushedPolicy,
        target: Option<&Target>,
        limits: &Limits,
    ) -> Result<Policy, KeeperError> {
        taken(pushed, &Kept::below(&self.dir), target, limits)
    }

    /// Keeps a policy that was pushed, in the place of one that was put in force by hand.
    pub fn keep(&self, text: &str) -> Result<(), KeeperError> {
        let kept = Kept::below(&self.dir);
        write_last(&kept, text)?;
        match fs::remove_file(&kept.by_hand) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(KeeperError::Write { path: kept.by_hand, error })
            }
            Ok(()) | Err(_) => Ok(()),
        }
    }
}

/// The policy at the tip of its ref in the objects given.
pub fn text_at(objects: &Objects, commit: &ObjectId, pushed: &PushedPolicy) -> Result<String, KeeperError> {
    let missing = || KeeperError::Missing(commit.to_string(), pushed.file.clone());
    let entry = tree::find(objects, commit, &pushed.file)?.filter(|entry| entry.is_blob()).ok_or_else(missing)?;
    let is_moderate = objects.header(&entry.id)?.is_some_and(|(_, size)| size <= POLICY_BYTES_MAX);
    let bytes = if is_moderate { tree::blob(objects, &entry.id)? } else { return Err(missing()) };
    String::from_utf8(bytes).map_err(|_| missing())
}

fn first(pushed: &PushedPolicy, kept: &Kept, target: Option<&Target>, limits: &Limits) -> Result<Policy, KeeperError> {
    if kept.by_hand.exists() {
        tracing::warn!(file = %kept.by_hand.display(), "a policy put in force by hand counts until the next one is pushed");
        return read(&kept.by_hand);
    }
    match taken(pushed, kept, target, limits) {
        Ok(policy) => Ok(policy),
        Err(error @ KeeperError::Write { .. }) => Err(error),
        Err(error) if kept.last.exists() => {
            tracing::error!(%error, "the policy cannot be had from its repository; the last one that worked stays");
            read(&kept.last)
        }
        Err(error) => Err(KeeperError::First(Box::new(error))),
    }
}

/// The policy that the upstream has now, which is the last one that worked from here on.
fn taken(pushed: &PushedPolicy, kept: &Kept, target: Option<&Target>, limits: &Limits) -> Result<Policy, KeeperError> {
    let (policy, text) = from_upstream(pushed, target, limits)?;
    write_last(kept, &text)?;
    Ok(policy)
}

/// Asks the upstream for the policy that is there now.
fn from_upstream(
    pushed: &PushedPolicy,
    target: Option<&Target>,
    limits: &Limits,
) -> Result<(Policy, String), KeeperError> {
    let missing = || KeeperError::Missing(format!("repository {}", pushed.repo), pushed.ref_name.to_string());
    let target = target.ok_or_else(missing)?;
    if target.is_symbolic(&pushed.ref_name) {
        // Whoever may push to the ref behind it would change the policy.
        return Err(KeeperError::Symbolic(pushed.ref_name.to_string()));
    }
    let tip = target.fresh_tip(&pushed.ref_name, limits)?.ok_or_else(missing)?;
    let text = text_at(&Objects::new(None, target.objects()), &tip, pushed)?;
    let policy = Policy::parse(&pushed.file, &text).map_err(KeeperError::Invalid)?;
    Ok((policy, text))
}

/// Durable before it counts: after a crash there is the old one or the new one. The same one again changes nothing.
fn write_last(kept: &Kept, text: &str) -> Result<(), KeeperError> {
    match fs::read_to_string(&kept.last) {
        Ok(last) if last == text => return Ok(()),
        Ok(last) => write(&kept.previous, &last)?,
        Err(_) => {}
    }
    write(&kept.last, text)
}

/// Keeps the text of a policy that counts, by its digest: a recorded decision can be made again by it.
pub fn keep_text(data: &Path, policy: &Policy) {
    let path = data.join("policies").join(format!("{}.toml", policy.digest()));
    if !path.exists()
        && let Err(error) = write(&path, policy.text())
    {
        tracing::error!(%error, "a policy cannot be kept for replays");
    }
}

/// Writes a file as a whole or not at all.
pub fn write(path: &Path, text: &str) -> Result<(), KeeperError> {
    let failed = |error| KeeperError::Write { path: path.to_owned(), error };
    let dir = path.parent().unwrap_or(Path::new("."));
    fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(failed)?;
    let new = path.with_extension("new");
    let put = || {
        let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&new, path)?;
        fs::File::open(dir)?.sync_all()
    };
    put().map_err(failed)
}

/// Puts another text in the place of one, in a file that is somebody else's: owner, group and mode stay, and so does a
/// link to it. `false`: it was no longer the one.
pub fn rewrite(path: &Path, old: &str, new: &str) -> Result<bool, KeeperError> {
    let failed = |error| KeeperError::Write { path: path.to_owned(), error };
    let put = || {
        let path = fs::canonicalize(path)?;
        let dir = path.parent().unwrap_or(Path::new("/"));
        let known = fs::metadata(&path)?;
        let mut file = tempfile::Builder::new().prefix(".policy-").tempfile_in(dir)?;
        file.write_all(new.as_bytes())?;
        let made = file.as_file().metadata()?;
        if (made.uid(), made.gid()) != (known.uid(), known.gid()) {
            std::os::unix::fs::fchown(file.as_file(), Some(known.uid()), Some(known.gid()))?;
        }
        file.as_file().set_permissions(known.permissions())?;
        file.as_file().sync_all()?;
        if fs::read_to_string(&path)? != old {
            return Ok(false);
        }
        file.persist(&path).map_err(|error| error.error)?;
        fs::File::open(dir)?.sync_all()?;
        Ok(true)
    };
    put().map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_file_is_rewritten_in_its_place_or_not_at_all() {
        let dir = tempfile::tempdir().expect("a directory");
        let (file, link) = (dir.path().join("real.toml"), dir.path().join("policy.toml"));
        fs::write(&file, "old").expect("written");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).expect("set");
        std::os::unix::fs::symlink("real.toml", &link).expect("linked");
        assert!(rewrite(&link, "old", "new").expect("written"));
        assert!(!rewrite(&link, "old", "newer").expect("read"), "somebody else was faster");
        assert_eq!(fs::read_to_string(&file).expect("there"), "new");
        assert_eq!(fs::metadata(&file).expect("there").permissions().mode() & 0o777, 0o640);
        assert!(fs::symlink_metadata(&link).expect("there").is_symlink());
        assert_eq!(fs::read_dir(dir.path()).expect("readable").count(), 2, "nothing is left behind");
    }
}
