//! refgate's bare copy of one upstream: its objects, its branches and tags. A cache: it may be deleted at any time.
//!
//! Only this file writes the mirror's refs, under one lock; what they hold is kept in memory, so that a push that
//! brings nothing unknown needs neither a process nor the disk.

mod layout;
mod refs;

pub(in crate::git) use layout::SERVE as SERVE_DIR;

use crate::config::Upstream;
use crate::git::command::{CommandError, GitCommand};
use crate::git::upstream::{self, UpstreamError, is_mirrored};
use crate::git::{ObjectStore, Objects, ReadError};
use crate::model::{Limits, ObjectId, RefName, RefUpdate, UpdateKind};
use refs::{Edit, RefFiles};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

/// The mirror could not be read, written or brought up to date.
#[derive(Debug, thiserror::Error)]
pub enum MirrorError {
    #[error(transparent)]
    Upstream(#[from] UpstreamError),
    #[error("the mirror cannot be read or written")]
    Disk(#[from] std::io::Error),
    #[error("the mirror's objects cannot be read")]
    Objects(#[from] ReadError),
    #[error("the mirror's refs cannot be read or written: {0}")]
    Refs(String),
    #[error("the mirror cannot be maintained")]
    Maintain(#[source] CommandError),
}

/// Branches and tags, in order.
pub type RefMap = BTreeMap<RefName, ObjectId>;

/// An upstream's refs, as it told them.
pub type UpstreamRefs = Vec<(RefName, ObjectId)>;

/// The mirror of one repository, for all threads.
pub struct Mirror {
    dir: PathBuf,
    store: ObjectStore,
    files: RefFiles,
    state: Mutex<State>,
    /// Held while git writes objects or packs: one fetch or repack at a time.
    packs: Mutex<()>,
}

#[derive(Debug, Default)]
struct State {
    refs: RefMap,
    head: Option<RefName>,
    /// When the upstream was last asked for its HEAD.
    head_read: Option<Instant>,
}

/// How long an upstream's HEAD is taken as read.
const HEAD_AGE_MAX: Duration = Duration::from_secs(300);
/// Packs from which on they are consolidated.
const PACKS_MAX: usize = 60;
/// How often a fetch is tried again because the upstream moved meanwhile.
const FETCHES_MAX: usize = 3;
/// A consolidation is done in the background and can wait, but not for ever.
const MAINTAIN_TIME_MAX: Duration = Duration::from_secs(3600);

impl Mirror {
    /// Opens the mirror, or makes an empty one. Only one process may have it open: locks of one that died are removed.
    pub fn open_or_create(dir: &Path) -> Result<Self, MirrorError> {
        layout::create_or_repair(dir)?;
        let files = RefFiles::open(dir);
        let state = State { refs: files.read("refs/")?, head: layout::read_head(dir)?, head_read: None };
        let state = State { refs: state.refs.into_iter().filter(|(name, _)| is_mirrored(name)).collect(), ..state };
        let store = ObjectStore::open(&dir.join("objects"))?;
        Ok(Self { dir: dir.to_owned(), store, files, state: Mutex::new(state), packs: Mutex::new(()) })
    }

    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    #[must_use]
    pub fn objects_dir(&self) -> PathBuf {
        self.dir.join("objects")
    }

    #[must_use]
    pub fn store(&self) -> &ObjectStore {
        &self.store
    }

    /// The upstream's branches and tags as last seen.
    #[must_use]
    pub fn refs(&self) -> RefMap {
        self.state().refs.clone()
    }

    /// The upstream's default branch as last seen.
    #[must_use]
    pub fn last_head(&self) -> Option<RefName> {
        self.state().head.clone()
    }

    /// When the mirror was last known to be what the upstream is, for `stale_fetch`.
    #[must_use]
    pub fn refreshed_at(&self) -> Option<SystemTime> {
        layout::refreshed_at(&self.dir)
    }

    /// The upstream's default branch. Asked anew when it was last asked some minutes ago; of a local upstream, always.
    pub fn head(&self, upstream: &Upstream, limits: &Limits) -> Result<Option<RefName>, MirrorError> {
        if let Upstream::Local { path } = upstream
            && let Some(head) = layout::local_head(path)
        {
            self.set_head(head.clone())?;
            return Ok(Some(head));
        }
        let state = self.state();
        if state.head_read.is_some_and(|read| read.elapsed() < HEAD_AGE_MAX) {
            return Ok(state.head.clone());
        }
        drop(state);
        self.refresh(upstream, limits)?;
        Ok(self.last_head())
    }

    /// Asks the upstream for all it has, and gets it. Returns what it said.
    pub fn refresh(&self, upstream: &Upstream, limits: &Limits) -> Result<UpstreamRefs, MirrorError> {
        for _ in 1..FETCHES_MAX {
            match self.refresh_once(upstream, limits) {
                Err(MirrorError::Upstream(UpstreamError::Moved)) => {}
                other => return other,
            }
        }
        self.refresh_once(upstream, limits)
    }

    fn refresh_once(&self, upstream: &Upstream, limits: &Limits) -> Result<UpstreamRefs, MirrorError> {
        let found = upstream::ls_remote(upstream, limits)?;
        self.sync(upstream, &found.refs, limits)?;
        // An empty repository does not tell which branch it expects first; the last one known stays.
        match found.head {
            Some(head) => self.set_head(head)?,
            None => self.state().head_read = Some(Instant::now()),
        }
        Ok(found.refs)
    }

    fn set_head(&self, head: RefName) -> Result<(), MirrorError> {
        let mut state = self.state();
        if state.head.as_ref() != Some(&head) {
            layout::write_head(&self.dir, &head)?;
            state.head = Some(head);
        }
        state.head_read = Some(Instant::now());
        Ok(())
    }

    /// Makes branches and tags what the upstream says they are, after fetching what is missing for that.
    pub fn sync(&self, upstream: &Upstream, refs: &[(RefName, ObjectId)], limits: &Limits) -> Result<(), MirrorError> {
        if self.lacks_any(refs) {
            self.fetch(upstream, refs, limits)?;
        }
        let wanted: RefMap = refs.iter().filter(|(name, _)| is_mirrored(name)).cloned().collect();
        let mut state = self.state();
        let gone = state.refs.keys().filter(|name| !wanted.contains_key(name)).map(|name| Edit::delete(name.clone()));
        let mut edits: Vec<Edit> = gone.collect();
        let changed = wanted.iter().filter(|(name, id)| state.refs.get(name) != Some(id));
        edits.extend(changed.map(|(name, id)| Edit::set(name.clone(), *id)));
        let many = edits.len() > PACKED_FROM;
        if !edits.is_empty() {
            self.write(&mut state, &edits)?;
        }
        layout::touch_refreshed(&self.dir)?;
        if many { self.pack_refs(&state) } else { Ok(()) }
    }

    fn lacks_any(&self, refs: &[(RefName, ObjectId)]) -> bool {
        !self.missing(refs).is_empty()
    }

    /// Refs whose tips are not here, with all they reach. After an interrupted fetch only a ref of ours proves that.
    fn missing<'r>(&self, refs: &'r [(RefName, ObjectId)]) -> Vec<&'r RefName> {
        let doubtful = layout::is_fetching(&self.dir);
        let state = self.state();
        let unknown = |(name, id): &&(RefName, ObjectId)| is_mirrored(name) && state.refs.get(name) != Some(id);
        let unknown: Vec<_> = refs.iter().filter(unknown).collect();
        drop(state);
        let objects = Objects::new(None, &self.store);
        unknown.into_iter().filter(|(_, id)| doubtful || !objects.in_base(id)).map(|(name, _)| name).collect()
    }

    fn fetch(&self, upstream: &Upstream, refs: &[(RefName, ObjectId)], limits: &Limits) -> Result<(), MirrorError> {
        let _one_at_a_time = self.packs.lock().unwrap_or_else(PoisonError::into_inner);
        // Another thread may have fetched the same meanwhile.
        let missing = self.missing(refs);
        if missing.is_empty() {
            return Ok(());
        }
        layout::set_fetching(&self.dir)?;
        upstream::fetch(&self.dir, upstream, &missing, limits)?;
        let objects = Objects::new(None, &self.store);
        let all_here = refs.iter().filter(|(name, _)| missing.contains(&name)).all(|(_, id)| objects.in_base(id));
        // git has checked that all is connected before it said that it succeeded.
        layout::clear_fetching(&self.dir)?;
        if all_here { Ok(()) } else { Err(UpstreamError::Moved.into()) }
    }

    /// Follows what the upstream has just taken. What was dropped or deleted is kept under `refs/refgate/undo/`.
    ///
    /// A ref whose new object is not in the mirror is left as it is; the next sync fetches it.
    pub fn record_push(&self, updates: &[(RefUpdate, UpdateKind)]) -> Result<(), MirrorError> {
        let objects = Objects::new(None, &self.store);
        let mut edits = Vec::new();
        let mut undo = Vec::new();
        for (update, kind) in updates.iter().filter(|(update, _)| is_mirrored(&update.name)) {
            if let (UpdateKind::Rewind | UpdateKind::Delete, Some(old)) = (kind, update.old)
                && objects.in_base(&old)
            {
                undo.push((update.name.clone(), old));
            }
            match update.new {
                None => edits.push(Edit::delete(update.name.clone())),
                Some(new) if objects.in_base(&new) => edits.push(Edit::set(update.name.clone(), new)),
                Some(_) => {}
            }
        }
        let mut state = self.state();
        for (name, old) in &undo {
            self.files.keep(name, *old)?;
        }
        self.write(&mut state, &edits)
    }

    /// Writes refs, in memory too if that succeeded; else memory is read again from what is on disk.
    fn write(&self, state: &mut State, edits: &[Edit]) -> Result<(), MirrorError> {
        let written = self.files.write(edits);
        if written.is_ok() {
            for edit in edits {
                match edit.new {
                    Some(id) => state.refs.insert(edit.name.clone(), id),
                    None => state.refs.remove(&edit.name),
                };
            }
        } else {
            state.refs = self.files.read("refs/")?.into_iter().filter(|(name, _)| is_mirrored(name)).collect();
        }
        written
    }

    /// Dropped tips that are kept.
    pub fn undo_refs(&self) -> Result<RefMap, MirrorError> {
        let _lock = self.state();
        self.files.read(refs::UNDO_PREFIX)
    }

    /// Lets go of a dropped tip.
    pub fn forget_undo(&self, name: &RefName, id: ObjectId) -> Result<(), MirrorError> {
        let _lock = self.state();
        self.files.let_go(name, id)
    }

    /// Consolidates packs and refs if there are many. Readers go on meanwhile. Returns whether there was work.
    pub fn maintain(&self) -> Result<bool, MirrorError> {
        if layout::count_packs(&self.dir)? <= PACKS_MAX {
            return Ok(false);
        }
        let _one_at_a_time = self.packs.lock().unwrap_or_else(PoisonError::into_inner);
        let mut command = GitCommand::git("repack").map_err(MirrorError::Maintain)?;
        command.git_dir(&self.dir).setting("repack.writeBitmaps", "false").setting("pack.threads", "1");
        // Rolls up packs whole, what no ref reaches included: a push under way may need it.
        command.args(["-d", "-q", "--geometric=2"]);
        command.run(b"", MAINTAIN_TIME_MAX, 1 << 20).map_err(MirrorError::Maintain)?;
        self.pack_refs(&self.state())?;
        Ok(true)
    }

    fn pack_refs(&self, _lock: &MutexGuard<'_, State>) -> Result<(), MirrorError> {
        let mut command = GitCommand::git("pack-refs").map_err(MirrorError::Maintain)?;
        command.git_dir(&self.dir).args(["--all", "--prune"]);
        command.run(b"", MAINTAIN_TIME_MAX, 1 << 20).map_err(MirrorError::Maintain)?;
        Ok(())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// From how many new values on refs are packed into one file at once.
const PACKED_FROM: usize = 500;
