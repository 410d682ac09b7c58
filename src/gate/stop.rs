//! Stop switches: a repository that nothing is forwarded to, a principal whose keys open nothing.

use crate::gate::desk::{DeskError, actor, visible};
use crate::gate::ended::Ending;
use crate::gate::{Gate, Session};
use crate::model::{PrincipalKind, PrincipalName, RepoName};
use crate::record::{Actor, Control, ControlEntry, HoldStep};
use crate::store::{Freeze, Revoked, StoreError, holds};
use jiff::Timestamp;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// Ends a session.
type End = Box<dyn Fn() + Send + Sync>;

/// The live sessions of principals, each with a way to end it.
#[derive(Default)]
pub struct Sessions(Mutex<Table>);

#[derive(Default)]
struct Table {
    next: u64,
    live: HashMap<u64, (PrincipalName, End)>,
}

impl Sessions {
    /// Takes a session in; the number takes it out again.
    pub fn begin(&self, name: PrincipalName, end: End) -> u64 {
        let mut table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        table.next = table.next.wrapping_add(1);
        let number = table.next;
        table.live.insert(number, (name, end));
        number
    }

    pub fn end(&self, number: u64) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).live.remove(&number);
    }

    /// Ends all sessions of a principal, and says how many there were.
    pub(super) fn end_all(&self, name: &PrincipalName) -> usize {
        let table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let theirs = table.live.values().filter(|(known, _)| known == name);
        theirs.map(|(_, end)| end()).count()
    }
}

/// What a revocation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended {
    pub sessions: usize,
    pub holds: usize,
}

impl Gate {
    /// Stops all forwarding to a repository, until it is thawed or that time comes.
    pub fn freeze(
        &self,
        session: &Session,
        repo: &RepoName,
        until: Option<Timestamp>,
        reason: &str,
    ) -> Result<(), DeskError> {
        self.may_stop(session, repo)?;
        let entry =
            ControlEntry { until, repo: Some(repo.clone()), ..control(session, Control::Freeze, visible(reason)?) };
        self.store.controlled(entry)?;
        Ok(())
    }

    pub fn thaw(&self, session: &Session, repo: &RepoName, reason: &str) -> Result<(), DeskError> {
        self.may_stop(session, repo)?;
        let entry = ControlEntry { repo: Some(repo.clone()), ..control(session, Control::Thaw, visible(reason)?) };
        self.store.controlled(entry)?;
        Ok(())
    }

    fn may_stop(&self, session: &Session, repo: &RepoName) -> Result<(), DeskError> {
        let (policy, now) = (self.policy(), Timestamp::now());
        if session.principal.kind != PrincipalKind::Human {
            return Err(DeskError::NotHuman);
        }
        let is_seen = policy.may_review(&session.principal, repo, now) || policy.is_admin(&session.principal);
        if !is_seen || !self.targets.contains_key(repo) {
            return Err(DeskError::NoRepo);
        }
        if policy.may_stop(&session.principal, repo, now) { Ok(()) } else { Err(DeskError::NotAdmin) }
    }

    /// Ends a principal's sessions, held pushes and rights, here and now.
    pub fn revoke(&self, session: &Session, name: &PrincipalName, reason: &str) -> Result<Ended, DeskError> {
        self.may_revoke(session, name)?;
        let entry = ControlEntry { subject: Some(name.clone()), ..control(session, Control::Revoke, visible(reason)?) };
        // By itself, and first: nothing the principal does meanwhile can be in the way of it. From here on nothing more
        // of its is held or released.
        self.store.controlled(entry)?;
        self.read_revoked()?;
        let sessions = self.sessions.end_all(name);
        Ok(Ended { sessions, holds: self.drop_holds(name, Some(actor(session)))? })
    }

    /// Ends what waits of somebody who was revoked, and says how many pushes that were.
    pub(super) fn drop_holds(&self, name: &PrincipalName, by: Option<Actor>) -> Result<usize, StoreError> {
        let policy = self.policy();
        let mut count = 0;
        for hold in self.store.ask(|tables| holds::waiting_of(tables, name))? {
            let ending = Ending { step: HoldStep::Revoke, by: by.clone(), reason: "its pusher was revoked" };
            let end = self.ending(&hold, &policy, ending);
            match self.store.stepped(end.step, end.decisions) {
                // Decided meanwhile.
                Err(StoreError::HoldIs(..)) => continue,
                result => result?,
            };
            self.packs.remove(hold.push);
            count += 1;
        }
        Ok(count)
    }

    pub fn reinstate(&self, session: &Session, name: &PrincipalName, reason: &str) -> Result<(), DeskError> {
        self.may_revoke(session, name)?;
        let entry =
            ControlEntry { subject: Some(name.clone()), ..control(session, Control::Reinstate, visible(reason)?) };
        self.store.controlled(entry)?;
        self.read_revoked()?;
        Ok(())
    }

    /// One of the policy's admins; where there are none, every human. Nobody itself.
    fn may_revoke(&self, session: &Session, name: &PrincipalName) -> Result<(), DeskError> {
        let policy = self.policy();
        let caller = &session.principal;
        if caller.kind != PrincipalKind::Human {
            return Err(DeskError::NotHuman);
        }
        if policy.has_admins() && !policy.is_admin(caller) {
            return Err(DeskError::NotAdmin);
        }
        if policy.principal(name).is_none() || caller.name == *name {
            return Err(DeskError::NoPrincipal);
        }
        Ok(())
    }

    /// Whether the principal's keys open nothing. Asked at every request.
    #[must_use]
    pub fn is_revoked(&self, name: &PrincipalName) -> bool {
        self.revoked.read().unwrap_or_else(PoisonError::into_inner).iter().any(|revoked| revoked.principal == *name)
    }

    #[must_use]
    pub fn all_revoked(&self) -> Vec<Revoked> {
        self.revoked.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn read_revoked(&self) -> Result<(), StoreError> {
        let now = self.store.ask(holds::revoked)?;
        *self.revoked.write().unwrap_or_else(PoisonError::into_inner) = now;
        Ok(())
    }

    /// The repositories of these that nothing is forwarded to.
    pub fn freezes(&self) -> Result<Vec<Freeze>, DeskError> {
        Ok(self.store.ask(|tables| holds::freezes(tables, Timestamp::now()))?)
    }
}

pub(super) fn control(session: &Session, action: Control, reason: String) -> ControlEntry {
    let by = actor(session);
    ControlEntry { time: Timestamp::now(), action, repo: None, subject: None, by, reason, until: None }
}
