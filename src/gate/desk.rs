//! What people do about held pushes: approve, reject, withdraw. Everything is authorised before it acts.
//!
//! A push that is not there and one that the caller may not see get the same answer.

use crate::gate::ended::Ending;
use crate::gate::fault::Fault;
use crate::gate::hold::later;
use crate::gate::release::Released;
use crate::gate::{Gate, Session};
use crate::git::{Objects, tree};
use crate::model::{HoldState, PrincipalKind, PrincipalName, PushId};
use crate::policy::Policy;
use crate::policy::edit::EditError;
use crate::record::{Actor, ApprovalOf, ApprovedRef, DecisionEntry, HoldEntry, HoldStep, NotThis, Signed, UpdateEntry};
use crate::store::{Hold, StoreError, holds};
use jiff::Timestamp;

/// Bytes of what a person says to a push.
pub const REASON_BYTES_MAX: usize = 1000;

/// Why nothing was done. The texts are for the caller.
#[derive(Debug, thiserror::Error)]
pub enum DeskError {
    #[error("there is no such push, or it is not yours to see")]
    NotFound,
    #[error("there is no such repository, or it is not yours to see")]
    NoRepo,
    #[error("there is no such principal, or you may not do this to it")]
    NoPrincipal,
    #[error("push {push} is {} already{}", state.as_str(), ending(by, reason))]
    Is { push: PushId, state: HoldState, by: Option<String>, reason: String },
    #[error("push {0} was not held")]
    NotHeld(PushId),
    #[error("only humans can do this")]
    NotHuman,
    #[error("you may not do this; the policy's admins may")]
    NotAdmin,
    #[error("the policy names nobody who may do this: put admins = [\"NAME or group\"] at its top")]
    NoAdmins,
    #[error("this is your own push: somebody else has to approve it")]
    Own,
    #[error("you answer for {0}: somebody else has to approve its pushes")]
    Sponsor(PrincipalName),
    #[error("your approval counts for nothing here: it needs {0}")]
    NotAsked(String),
    #[error("the repository is frozen: nothing is forwarded until it is thawed")]
    Frozen,
    #[error("its objects are gone: it can only be withdrawn, or rejected with: reject {0} -m REASON")]
    Gone(PushId),
    #[error("the policy, or what others have said, changed meanwhile: look again")]
    Changed,
    #[error("say why, with: -m REASON")]
    NoReason,
    #[error("a reason is one line of visible text, up to {REASON_BYTES_MAX} bytes")]
    BadReason,
    #[error("this signature approves nothing: {0}")]
    Statement(#[from] NotThis),
    #[error("the signature is not one of yours over this statement, in the namespace {0}")]
    Signature(String),
    #[error("the upstream cannot be reached: nothing was recorded; try again later")]
    Upstream,
    #[error("it cannot be undone: {0}")]
    Undo(&'static str),
    #[error(transparent)]
    Edit(#[from] EditError),
    #[error("this is you: somebody else has to take you out of the policy")]
    Oneself,
    #[error("{0} changed while it was edited: try again")]
    Raced(&'static str),
    #[error("the policy's branch or file is not there: push a policy first")]
    NoPolicy,
    #[error("internal error; tell the operator")]
    Internal(#[source] Box<dyn std::error::Error + Send + Sync>),
}

fn ending(by: &Option<String>, reason: &str) -> String {
    let by = by.as_deref().map(|by| format!(" by {by}")).unwrap_or_default();
    if reason.is_empty() { by } else { format!("{by}: {reason}") }
}

impl From<StoreError> for DeskError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NotHeld(push) => Self::NotHeld(push),
            StoreError::HoldIs(push, state) => Self::Is { push, state, by: None, reason: String::new() },
            StoreError::Frozen(_) => Self::Frozen,
            StoreError::NotApproved(_) => Self::Changed,
            error => Self::Internal(error.into()),
        }
    }
}

impl From<Fault> for DeskError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Store(error) => error.into(),
            Fault::Gone(push) => Self::Gone(push),
            Fault::Replaced => Self::Changed,
            Fault::Upstream(_) | Fault::Mirror(crate::git::MirrorError::Upstream(_)) => Self::Upstream,
            fault => Self::Internal(fault.into()),
        }
    }
}

impl Gate {
    /// A held push that this caller may see: the pusher its own, a human those of repositories it may look at.
    pub fn held_push(&self, session: &Session, push: PushId) -> Result<Hold, DeskError> {
        let hold = self.store.ask(|tables| holds::find(tables, push))?;
        let may_see = |hold: &Hold| self.may_see_push(session, &hold.principal, &hold.repo);
        hold.filter(may_see).ok_or(DeskError::NotFound)
    }

    /// Whether the caller may see a push of this principal to this repository.
    #[must_use]
    pub fn may_see_push(&self, session: &Session, of: &PrincipalName, repo: &crate::model::RepoName) -> bool {
        session.principal.name == *of || self.policy().may_review(&session.principal, repo, Timestamp::now())
    }

    /// Approves a held push. `signed` proves it by itself.
    pub fn approve(&self, session: &Session, push: PushId, signed: Option<Signed>) -> Result<Released, DeskError> {
        self.approve_by(session, push, signed, &self.policy())
    }

    /// The same for somebody who has looked at it under the policy of this digest: no other one will do.
    pub fn approve_as_seen(&self, session: &Session, push: PushId, seen: &str) -> Result<Released, DeskError> {
        let policy = self.policy();
        if policy.digest() != seen {
            return Err(DeskError::Statement(NotThis::Policy));
        }
        self.approve_by(session, push, None, &policy)
    }

    fn approve_by(
        &self,
        session: &Session,
        push: PushId,
        signed: Option<Signed>,
        policy: &Policy,
    ) -> Result<Released, DeskError> {
        let hold = self.held_push(session, push)?;
        if session.principal.kind != PrincipalKind::Human {
            return Err(DeskError::NotHuman);
        }
        let now = Timestamp::now();
        let hold = self.still_waiting(hold, now)?;
        if hold.principal == session.principal.name {
            return Err(DeskError::Own);
        }
        let mut until = later(now, self.config.limits.approval_time_max);
        let mut reason = String::new();
        if let Some(signed) = &signed {
            let (not_after, why) = self.check_signed(session, &hold, policy, signed, now)?;
            (until, reason) = (until.min(not_after), visible(&why)?);
        }
        let step = HoldEntry { until: Some(until), signed, ..self.approval(&hold, policy, session, reason) };
        let released =
            self.release(&hold, Some(step), policy).map_err(DeskError::from).map_err(|error| match error {
                // Its objects go when somebody else decides meanwhile: that is then the reason.
                DeskError::Internal(_) | DeskError::Gone(_) | DeskError::Is { .. } => {
                    self.decided_meanwhile(&hold).unwrap_or(error)
                }
                error => error,
            })?;
        match released {
            Released::NotAsked(demands) => {
                let sponsor = policy.principal(&hold.principal).and_then(|pusher| pusher.sponsor.clone());
                if sponsor.is_some_and(|sponsor| sponsor == session.principal.name) {
                    return Err(DeskError::Sponsor(hold.principal));
                }
                let needs: Vec<String> = demands.iter().map(crate::policy::Demand::show).collect();
                Err(DeskError::NotAsked(needs.join(", and ")))
            }
            released => Ok(released),
        }
    }

    /// How a push ended that was waiting a moment ago.
    fn decided_meanwhile(&self, hold: &Hold) -> Option<DeskError> {
        let now = self.store.ask(|tables| holds::find(tables, hold.push)).ok()??;
        let Hold { push, state, by, reason, .. } = now;
        (state != HoldState::Waiting).then_some(DeskError::Is { push, state, by, reason })
    }

    /// Says no to a held push, for good.
    pub fn reject(&self, session: &Session, push: PushId, reason: &str) -> Result<(), DeskError> {
        let hold = self.held_push(session, push)?;
        if session.principal.kind != PrincipalKind::Human {
            return Err(DeskError::NotHuman);
        }
        let reason = visible(reason)?;
        if reason.is_empty() {
            return Err(DeskError::NoReason);
        }
        self.end(&hold, HoldStep::Reject, session, reason)
    }

    /// Takes a held push back. Only its pusher can.
    pub fn withdraw(&self, session: &Session, push: PushId) -> Result<(), DeskError> {
        let hold = self.held_push(session, push)?;
        if hold.principal != session.principal.name {
            return Err(DeskError::NotFound);
        }
        self.end(&hold, HoldStep::Withdraw, session, String::new())
    }

    fn end(&self, hold: &Hold, step: HoldStep, session: &Session, reason: String) -> Result<(), DeskError> {
        let hold = self.still_waiting(hold.clone(), Timestamp::now())?;
        let policy = self.policy();
        let end = self.ending(&hold, &policy, Ending { step, by: Some(actor(session)), reason: &reason });
        self.store.stepped(end.step, end.decisions)?;
        self.packs.remove(hold.push);
        Ok(())
    }

    /// The push, if it waits; one whose time is over expires here and now.
    fn still_waiting(&self, hold: Hold, now: Timestamp) -> Result<Hold, DeskError> {
        if hold.state == HoldState::Waiting && hold.expires <= now {
            self.expire(&hold)?;
            return self.still_waiting(self.store.ask(|tables| holds::find(tables, hold.push))?.unwrap_or(hold), now);
        }
        match hold.state {
            HoldState::Waiting => Ok(hold),
            state => Err(DeskError::Is { push: hold.push, state, by: hold.by, reason: hold.reason }),
        }
    }

    fn approval(&self, hold: &Hold, policy: &Policy, session: &Session, reason: String) -> HoldEntry {
        let updates = self.decision_of(hold).map(|entry| entry.updates).unwrap_or_default();
        let step = hold_entry(hold, HoldStep::Approve, policy.digest(), reason);
        HoldEntry { by: Some(actor(session)), updates, ..step }
    }

    /// The statement that approves this push, for a human to sign.
    pub fn statement(&self, session: &Session, push: PushId) -> Result<String, DeskError> {
        let hold = self.still_waiting(self.held_push(session, push)?, Timestamp::now())?;
        let entry = self.decision_of(&hold)?;
        let refs = self.approved_refs(&entry)?;
        let policy = self.policy();
        let of = self.approval_of(&hold, refs, &policy)?;
        let until = later(Timestamp::now(), self.config.limits.approval_time_max);
        of.text(until).map_err(|error| DeskError::Internal(error.into()))
    }

    fn approval_of<'a>(
        &'a self,
        hold: &Hold,
        refs: Vec<ApprovedRef>,
        policy: &'a Policy,
    ) -> Result<ApprovalOf<'a>, DeskError> {
        let repo = self.config.repos.get(&hold.repo).ok_or(StoreError::NotHeld(hold.push))?;
        let (domain, resource) = (&self.config.domain, repo.resource.as_str());
        Ok(ApprovalOf { domain, push: hold.push, resource, refs, policy: policy.digest() })
    }

    fn check_signed(
        &self,
        session: &Session,
        hold: &Hold,
        policy: &Policy,
        signed: &Signed,
        now: Timestamp,
    ) -> Result<(Timestamp, String), DeskError> {
        let entry = self.decision_of(hold)?;
        let refs = self.approved_refs(&entry)?;
        let of = self.approval_of(hold, refs, policy)?;
        let refused = || DeskError::Signature(of.namespace());
        let signature = signed.signature.parse::<ssh_key::SshSig>().map_err(|_| refused())?;
        let key = ssh_key::PublicKey::from(signature.public_key().clone());
        // The policy lists the key for this very human: what it signs is that human's word.
        if !policy.is_key_of(&session.principal.name, &key) {
            return Err(refused());
        }
        key.verify(&of.namespace(), signed.statement.as_bytes(), &signature).map_err(|_| refused())?;
        Ok(of.check(&signed.statement, now)?)
    }

    fn approved_refs(&self, entry: &DecisionEntry) -> Result<Vec<ApprovedRef>, DeskError> {
        let target = self.targets.get(&entry.repo).ok_or(DeskError::NotFound)?;
        let quarantine = self.packs.get(entry.push)?;
        let new = quarantine.store().map_err(Fault::from)?;
        let objects = Objects::new(Some(&new), target.objects());
        let of = |update: &UpdateEntry| {
            let tree = update.new.and_then(|new| tree::of(&objects, &new).ok());
            ApprovedRef { name: update.name.clone(), old: update.old, new: update.new, tree }
        };
        Ok(entry.updates.iter().map(of).collect())
    }
}

/// A step of a held push for the record, as the gate itself takes it.
#[must_use]
pub fn hold_entry(hold: &Hold, step: HoldStep, policy: &str, reason: impl Into<String>) -> HoldEntry {
    HoldEntry {
        push: hold.push,
        time: Timestamp::now(),
        repo: hold.repo.clone(),
        principal: hold.principal.clone(),
        step,
        by: None,
        policy: policy.to_owned(),
        updates: Vec::new(),
        reason: reason.into(),
        until: None,
        replaced_by: None,
        signed: None,
    }
}

/// Who acts, for the record.
#[must_use]
pub fn actor(session: &Session) -> Actor {
    let principal = &session.principal;
    Actor { principal: principal.name.clone(), kind: principal.kind, key: session.key_fingerprint.clone() }
}

/// A reason as it may be kept and shown.
pub fn visible(reason: &str) -> Result<String, DeskError> {
    let reason = reason.trim();
    let is_hidden = |c: char| c.is_control() || crate::model::is_invisible(c);
    if reason.len() > REASON_BYTES_MAX || reason.chars().any(is_hidden) {
        return Err(DeskError::BadReason);
    }
    Ok(reason.to_owned())
}
