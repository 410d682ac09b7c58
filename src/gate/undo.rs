//! Tips that pushes replaced or deleted: kept in the mirror for a time, and put back by a push like any other.

use crate::gate::desk::DeskError;
use crate::gate::{Base, Gate, Made, Session};
use crate::git::Objects;
use crate::model::{PushId, RefUpdate, RepoName};
use crate::store::{Undo, holds};
use jiff::{SignedDuration, Timestamp};

impl Gate {
    /// What can be put back in a repository, or in all that the caller may look after, newest first.
    pub fn undo_list(&self, session: &Session, repo: Option<&RepoName>) -> Result<Vec<Undo>, DeskError> {
        let (policy, now) = (self.policy(), Timestamp::now());
        let may = |name: &RepoName| policy.may_review(&session.principal, name, now);
        if repo.is_some_and(|repo| !self.targets.contains_key(repo) || !may(repo)) {
            return Err(DeskError::NoRepo);
        }
        let since = self.undo_since(now);
        let mut found = Vec::new();
        for name in self.targets.keys().filter(|name| repo.is_none_or(|repo| repo == *name) && may(name)) {
            found.extend(self.store.ask(|tables| holds::undo(tables, name, since))?);
        }
        found.sort_by_key(|undo| std::cmp::Reverse(undo.time));
        Ok(found)
    }

    /// Puts back what a push replaced or deleted, as a push of the caller.
    pub fn restore(&self, session: &Session, push: PushId) -> Result<Made, DeskError> {
        let kept = self.store.ask(|tables| holds::undo_of(tables, push))?;
        let Some((repo, first)) = kept.first() else { return Err(DeskError::NotFound) };
        if !self.may_see_push(session, &first.principal, repo) {
            return Err(DeskError::NotFound);
        }
        let since = self.undo_since(Timestamp::now());
        if kept.iter().any(|(_, undo)| undo.time < since) {
            return Err(DeskError::Undo("it was too long ago (undo_time_max)"));
        }
        let target = self.targets.get(repo).ok_or(DeskError::NotFound)?;
        let objects = Objects::new(None, target.objects());
        if kept.iter().any(|(_, undo)| !objects.in_base(&undo.old)) {
            return Err(DeskError::Undo("the objects are no longer here"));
        }
        let update = |undo: &Undo| RefUpdate { name: undo.ref_name.clone(), old: undo.new, new: Some(undo.old) };
        self.push_as(session, repo, |_, _| Ok(kept.iter().map(|(_, undo)| update(undo)).collect()))
    }

    fn undo_since(&self, now: Timestamp) -> Timestamp {
        let time = SignedDuration::try_from(self.config.limits.undo_time_max).unwrap_or(SignedDuration::MAX);
        now.checked_sub(time).unwrap_or(Timestamp::MIN)
    }

    /// Lets go of tips that were kept long enough.
    pub(super) fn forget_undo(&self, now: Timestamp) {
        let since = self.undo_since(now);
        let old = match self.store.ask(|tables| holds::undo_before(tables, since)) {
            Ok(old) => old,
            Err(error) => return tracing::error!(%error, "tips to be let go of cannot be read"),
        };
        for (repo, undo) in old {
            let kept = self.store.ask(|tables| holds::undo(tables, &repo, since)).unwrap_or_default();
            let is_kept = kept.iter().any(|other| other.ref_name == undo.ref_name && other.old == undo.old);
            if let Some(Base::Mirror(mirror)) = self.targets.get(&repo).map(|target| &target.base)
                && !is_kept
                && let Err(error) = mirror.forget_undo(&undo.ref_name, undo.old)
            {
                tracing::warn!(%repo, %error, "a tip cannot be let go of");
                continue;
            }
            if let Err(error) = self.store.forget_undo(undo.push, undo.ref_name) {
                tracing::error!(%error, "a tip cannot be let go of");
            }
        }
    }
}
