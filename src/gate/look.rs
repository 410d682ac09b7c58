//! A held push as people look through it: what it changes, read again from its own objects. Nothing is decided here.

use crate::gate::desk::DeskError;
use crate::gate::fault::Fault;
use crate::gate::target::Base;
use crate::gate::{Gate, Seen, Session};
use crate::git::Objects;
use crate::model::{Finding, Place, PushFacts, PushId, RefUpdate};
use crate::policy::Hearing;
use crate::record::{FindingEntry, UpdateEntry};
use crate::trial::{Scene, Trial};
use std::sync::atomic::AtomicBool;

/// A held push with what is in it.
pub struct Looked {
    pub seen: Seen,
    pub facts: PushFacts,
    pub findings: Vec<Finding>,
    pub more_findings: usize,
    pub objects: Objects,
    /// SHA-256 of the policy by which it was shown.
    pub policy: String,
}

impl Gate {
    /// What a push that waits changes. Not to be asked of one whose objects are gone.
    pub fn look(&self, session: &Session, push: PushId) -> Result<Looked, DeskError> {
        let policy = self.policy();
        let seen = self.see(session, push)?;
        let (Ok(entry), Some(hold)) = (&seen.entry, &seen.hold) else { return Err(DeskError::NotHeld(push)) };
        if !hold.state.is_open() {
            let (by, reason) = (hold.by.clone(), hold.reason.clone());
            return Err(DeskError::Is { push, state: hold.state, by, reason });
        }
        let target = self.targets.get(&entry.repo).ok_or(DeskError::NotFound)?;
        let quarantine = self.packs.get(hold.push)?;
        let new = quarantine.store().map_err(Fault::from)?;
        let objects = Objects::new(Some(&new), target.objects());
        let updates: Vec<RefUpdate> = entry.updates.iter().map(UpdateEntry::to_update).collect();
        let Base::Mirror(mirror) = &target.base else { return Err(DeskError::NotFound) };
        let refs: Vec<_> = mirror.refs().into_iter().collect();
        let limits = &self.config.limits;
        let trusted = target.trusted(&policy, &refs, limits).map_err(Fault::from)?;
        let unknown = || DeskError::NotFound;
        let trial = Trial {
            policy: &policy,
            principal: &policy.principal(&entry.principal).cloned().ok_or_else(unknown)?,
            repo: &entry.repo,
            limits,
            secrets: &self.secrets,
            hearing: Hearing { purpose: entry.purpose, ..Hearing::default() },
        };
        let scene = Scene { refs: &refs, trusted: &trusted };
        let facts = trial.inspect(&objects, &updates, scene, &AtomicBool::new(false)).map_err(Fault::from)?;
        let findings = entry.findings.iter().map(finding).collect();
        let more_findings = usize::try_from(entry.more_findings).unwrap_or(usize::MAX);
        Ok(Looked { facts, findings, more_findings, objects, policy: policy.digest().to_owned(), seen })
    }
}

fn finding(entry: &FindingEntry) -> Finding {
    Finding {
        rule: entry.rule.clone(),
        effect: entry.effect,
        would: entry.would,
        place: Place {
            ref_name: entry.ref_name.clone(),
            commit: entry.commit,
            path: entry.path.clone(),
            line: entry.line,
        },
        message: entry.message.clone(),
        fix: entry.fix.clone(),
    }
}
