//! Where a push is aimed: the upstream, and the objects refgate has of it.

use crate::config::{Publish, Upstream};
use crate::evidence::ResourceUri;
use crate::gate::notebook::Notebook;
use crate::gate::owners::OwnersCache;
use crate::git::mirror::{Mirror, MirrorError};
use crate::git::{ObjectStore, local, upload_pack, upstream};
use crate::model::{Limits, ObjectId, RefName, RefUpdate, RepoName, UpdateKind};
use crate::policy::{PatternList, Policy, Subject, Who};
use crate::receive::{Durability, Quarantine, Reply};
use crate::store::{Tip, Tips};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// One repository as a push meets it.
pub struct Target {
    pub name: RepoName,
    pub upstream: Upstream,
    /// Refs whose tips are trusted, if the settings name them.
    pub trusted: Option<PatternList>,
    /// Where quarantines are made; on the file system of the objects they may become part of.
    pub incoming: PathBuf,
    pub base: Base,
    /// Held while one approved push is judged again and sent.
    pub releases: Mutex<()>,
    pub owners: OwnersCache,
    /// How statements call it; `None`: nothing is stated of it.
    pub resource: Option<ResourceUri>,
    pub publish: Publish,
    /// What the upstream's refs held when they were last seen or moved; `None`: not read yet.
    pub tips: Mutex<Option<Arc<Tips>>>,
    /// Held while notes are made and pushed: there is one writer.
    pub notes: Mutex<Notebook>,
}

/// What the objects of a push come on top of.
pub enum Base {
    /// A mirror of an upstream that is elsewhere.
    Mirror(Mirror),
    /// The upstream's own objects: `refgate receive-pack DIR`. There is no copy to keep in step.
    Own { objects: ObjectStore, git_dir: PathBuf, objects_dir: PathBuf },
}

impl Target {
    #[must_use]
    pub fn objects(&self) -> &ObjectStore {
        match &self.base {
            Base::Mirror(mirror) => mirror.store(),
            Base::Own { objects, .. } => objects,
        }
    }

    /// The same, but for commits that are reachable only from refs that this principal may not read.
    pub fn readable_objects(
        &self,
        may_read: &dyn Fn(&RefName) -> bool,
        limits: &Limits,
    ) -> Result<ObjectStore, MirrorError> {
        let Base::Mirror(mirror) = &self.base else { return Ok(self.objects().clone()) };
        let mut visible = mirror.refs();
        let all = visible.len();
        visible.retain(|name, _| may_read(name));
        if visible.len() == all {
            return Ok(mirror.store().clone());
        }
        Ok(mirror.store().without(upload_pack::hidden_commits(mirror, visible, limits)?))
    }

    #[must_use]
    pub fn objects_dir(&self) -> PathBuf {
        match &self.base {
            Base::Mirror(mirror) => mirror.objects_dir(),
            Base::Own { objects_dir, .. } => objects_dir.clone(),
        }
    }

    #[must_use]
    pub fn git_dir(&self) -> &Path {
        match &self.base {
            Base::Mirror(mirror) => mirror.dir(),
            Base::Own { git_dir, .. } => git_dir,
        }
    }

    /// Whether the upstream is known to have a symbolic ref of this name. One that is elsewhere does not tell.
    #[must_use]
    pub fn is_symbolic(&self, name: &RefName) -> bool {
        matches!(&self.upstream, Upstream::Local { path } if local::is_symbolic_ref(path, name))
    }

    pub fn notebook(&self) -> MutexGuard<'_, Notebook> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Follows refs that have moved, where they are followed at all. What is newer stays, whoever comes last.
    pub fn set_tips(&self, moved: impl Iterator<Item = (RefName, Tip)>) {
        let mut tips = self.tips.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(tips) = tips.as_mut() {
            let is_newer = |(name, tip): &(RefName, Tip)| tips.get(name).is_none_or(|known| known.index <= tip.index);
            let moved: Vec<_> = moved.filter(is_newer).collect();
            Arc::make_mut(tips).extend(moved);
        }
    }

    /// Where the locks of pushes under way are.
    #[must_use]
    pub fn locks(&self) -> PathBuf {
        self.incoming.with_file_name("locks")
    }

    /// Brings the mirror to what the upstream has just said it holds.
    pub fn sync(&self, refs: &[(RefName, ObjectId)], limits: &Limits) -> Result<(), MirrorError> {
        match &self.base {
            Base::Mirror(mirror) => mirror.sync(&self.upstream, refs, limits),
            Base::Own { .. } => Ok(()),
        }
    }

    /// What a ref holds upstream now; its objects are then here.
    pub fn fresh_tip(&self, name: &RefName, limits: &Limits) -> Result<Option<ObjectId>, MirrorError> {
        let refs = upstream::ls_remote(&self.upstream, limits)?.refs;
        self.sync(&refs, limits)?;
        Ok(refs.into_iter().find(|(known, _)| known == name).map(|(_, id)| id))
    }

    /// Tips of which everything they reach counts as accepted: what the settings name, else the default branch and every
    /// branch and tag that no grant lets an agent write. Other refs of an upstream (pull requests, say) are never trusted.
    pub fn trusted(
        &self,
        policy: &Policy,
        refs: &[(RefName, ObjectId)],
        limits: &Limits,
    ) -> Result<Vec<ObjectId>, MirrorError> {
        let default_branch = match (&self.trusted, &self.base) {
            (Some(_), _) => None,
            (None, Base::Mirror(mirror)) => mirror.head(&self.upstream, limits)?,
            (None, Base::Own { .. }) => upstream::ls_remote(&self.upstream, limits)?.head,
        };
        let is_trusted = |name: &RefName| match &self.trusted {
            Some(patterns) => patterns.allows(&Subject::name(name.as_bstr()), Who::Anyone),
            None => Some(name) == default_branch.as_ref() || !policy.agent_may_write(&self.name, name),
        };
        let (mut first, mut tips) = (Vec::new(), Vec::new());
        for (name, id) in refs.iter().filter(|(name, _)| upstream::is_mirrored(name) && is_trusted(name)) {
            // The likeliest base comes first: the inspection reads the others only if it must.
            if Some(name) == default_branch.as_ref() { first.push(*id) } else { tips.push(*id) }
        }
        first.append(&mut tips);
        Ok(first)
    }

    /// Takes over what the upstream has taken: the quarantine's objects and the refs. The mirror is a cache, so an error
    /// costs a fetch later and nothing else; so does no quarantine.
    pub fn keep(&self, quarantine: Option<Quarantine>, updates: &[(RefUpdate, UpdateKind)]) {
        let Base::Mirror(mirror) = &self.base else { return };
        if let Some(quarantine) = quarantine
            && let Err(error) = quarantine.migrate(&mirror.objects_dir(), Durability::Volatile)
        {
            tracing::warn!(repo = %self.name, %error, "the mirror did not take the objects of a push");
        }
        if let Err(error) = mirror.record_push(updates) {
            tracing::warn!(repo = %self.name, %error, "the mirror did not take the refs of a push");
        }
    }

    /// What the upstream says to the client: its own hooks' words if it is this very repository; else raw output of the
    /// upstream is not for agents.
    pub fn relay(&self, reply: &Reply<'_>, text: &[u8]) {
        if let Base::Own { .. } = self.base {
            // A client that went away is noticed when it is owed the report.
            let _ = reply.relay(text);
        }
    }

    /// Whether the client is told of what went well. A drop-in for git-receive-pack says no more than that does.
    #[must_use]
    pub fn is_talkative(&self) -> bool {
        matches!(self.base, Base::Mirror(_))
    }
}
