//! A held push that a human has approved: judged again, against the upstream and the policy of this moment, and sent.
//!
//! What is written before it is sent says who approved it. After a crash it is settled like any push; one of which
//! nothing was sent is tried again, with the same approvals, as long as they count.

use crate::evidence::{ApprovalDigest, Decision as Statement, Outcome as Evidence, Sha256Digest};
use crate::forward::{Outcome, RefOutcome, Source};
use crate::gate::attest::Stating;
use crate::gate::fault::Fault;
use crate::gate::judge::{Judged, MOVED, Occasion, Push};
use crate::gate::under_way::UnderWay;
use crate::gate::watch::{EndOnDrop, Watch};
use crate::gate::{Gate, Session, Target, records};
use crate::git::Objects;
use crate::model::{Finding, HoldState, PrincipalName};
use crate::policy::{Decision, Demand, Hearing, Policy, PushCert};
use crate::receive::{Quarantine, Received};
use crate::record::{Actor, ApprovalRef, DecisionEntry, HoldEntry, HoldStep, PushCertEntry, Record, ReleaseEntry};
use crate::store::{Approved, Hold, StoreError, holds};
use jiff::Timestamp;
use std::collections::BTreeSet;
use std::sync::PoisonError;

/// What came of an approval.
#[derive(Debug)]
#[must_use]
pub enum Released {
    Forwarded,
    /// Recorded; others must approve too.
    Missing(Vec<Demand>),
    /// Not recorded: this approval counts for nothing that holds the push.
    NotAsked(Vec<Demand>),
    /// The policy or the upstream is no longer what it was: the push is refused for good.
    Refused(Vec<Finding>),
    /// The upstream refused it or did not say.
    NotTaken,
    /// The upstream went away: it is tried again.
    Again,
}

/// A held push with what it is judged by.
struct Case<'a> {
    hold: &'a Hold,
    entry: &'a DecisionEntry,
    target: &'a Target,
    policy: &'a Policy,
    /// Approvals that count, the new one not among them.
    approvals: Vec<Approved>,
}

impl Gate {
    /// Takes an approval, and sends the push if it was the last one it needed. Without a new one: tries again.
    /// It is judged by the policy given, which the new approval names.
    pub(super) fn release(&self, hold: &Hold, approval: Option<HoldEntry>, policy: &Policy) -> Result<Released, Fault> {
        let entry = self.decision_of(hold)?;
        let target = self.targets.get(&hold.repo).ok_or(StoreError::NotHeld(hold.push))?;
        let _turn = target.releases.lock().unwrap_or_else(PoisonError::into_inner);
        // Somebody else may have decided while this waited for its turn.
        match self.store.ask(|tables| holds::find(tables, hold.push))? {
            Some(now) if now.state == HoldState::Waiting => {}
            Some(now) => return Err(StoreError::HoldIs(hold.push, now.state).into()),
            None => return Err(StoreError::NotHeld(hold.push).into()),
        }
        let now = Timestamp::now();
        let approvals = self.store.ask(|tables| holds::approvals(tables, hold.push))?;
        let counts = |approved: &Approved| approved.until > now && approved.policy == policy.digest();
        let approvals = approvals.into_iter().filter(counts).collect();
        let case = Case { hold, entry: &entry, target, policy, approvals };
        let quarantine = self.packs.get(hold.push)?;
        let released = self.release_case(&case, approval, &quarantine)?;
        // One whose outcome could not be recorded may have to be sent again.
        let now = self.store.ask(|tables| holds::find(tables, hold.push));
        if now.is_ok_and(|hold| hold.is_none_or(|hold| !hold.state.is_open())) {
            self.packs.remove(hold.push);
        }
        Ok(released)
    }

    fn release_case(
        &self,
        case: &Case<'_>,
        approval: Option<HoldEntry>,
        quarantine: &Quarantine,
    ) -> Result<Released, Fault> {
        let Case { hold, entry, target, policy, .. } = *case;
        let new = approval.as_ref().and_then(|step| step.by.as_ref());
        let mut approvers: BTreeSet<PrincipalName> = case.approvals.iter().map(|a| a.by.clone()).collect();
        approvers.extend(new.map(|actor| actor.principal.clone()));
        let approvers: Vec<PrincipalName> = approvers.into_iter().collect();
        let Some(principal) = policy.principal(&hold.principal).cloned() else {
            let (finding, contact) = (unknown_pusher(), self.contact(target, policy));
            let end = (Evidence::Rejected, finding.rule.as_str());
            let decisions = contact.ended(&self.packs, entry, end, Timestamp::now());
            return self.refuse_release(case, approval, vec![finding], decisions);
        };
        let session = Session { principal, key_fingerprint: entry.key.clone(), peer: entry.peer };
        let under_way = UnderWay::begin_release(&target.locks(), hold.push).map_err(Fault::Held)?;
        // Looked at when it came: the key may have gone since, as after any push.
        let is_signed = entry.push_cert.as_ref().is_some_and(PushCertEntry::counts);
        let push_cert = if is_signed { PushCert::Counts } else { PushCert::Missing };
        let hearing = Hearing { purpose: entry.purpose, approvers: &approvers, push_cert, ..Hearing::default() };
        let push = self.push(hold.push, (target, &under_way), &session, policy);
        let push = Push { hearing, occasion: Occasion::Release, ..push };
        let snapshot = push.snapshot()?;
        let updates: Vec<_> = entry.updates.iter().map(|update| update.to_update()).collect();
        let new_objects = quarantine.store()?;
        let objects = u32::try_from(entry.objects).unwrap_or(u32::MAX);
        let received = Received { objects, pack_bytes: entry.pack_bytes, ..Received::default() };
        let watch = Watch::default();
        watch.stage("judging", self.config.limits.judge_time_max);
        let objects = (Some(&new_objects), target.objects());
        let judged = std::thread::scope(|scope| {
            scope.spawn(|| watch.run(None));
            let _end = EndOnDrop(&watch);
            push.judge(&updates, &snapshot.refs, objects, &received, &watch.stop)
        })?;
        let demands = &judged.judgement.demands;
        let is_asked = |actor: &Actor| demands.iter().any(|demand| demand.may.contains(&actor.principal));
        if !demands.is_empty() && new.is_some_and(|actor| !is_asked(actor)) {
            return Ok(Released::NotAsked(judged.judgement.demands));
        }
        match &judged.judgement.decision {
            Decision::Refuse => {
                let release = release_entry(case, &push, &judged, approval.as_ref());
                let stated = (Evidence::Rejected, &judged, &release);
                let decisions = self.release_decisions(case, &push, stated, approval.as_ref(), quarantine)?;
                self.refuse_release(case, approval, judged.judgement.findings, decisions)
            }
            Decision::Hold => {
                if let Some(approval) = approval {
                    self.store.stepped(approval, Vec::new())?;
                }
                Ok(Released::Missing(judged.judgement.demands))
            }
            Decision::Accept(accepted) => {
                // The upstream may have taken its time.
                if self.policy().digest() != policy.digest() {
                    return Err(Fault::Replaced);
                }
                let release = release_entry(case, &push, &judged, approval.as_ref());
                let decisions = self.release_decisions(
                    case,
                    &push,
                    (Evidence::Approved, &judged, &release),
                    approval.as_ref(),
                    quarantine,
                )?;
                let written = self.store.released(approval, release, decisions)?;
                let objects_dir = target.objects_dir();
                let source = Source {
                    git_dir: target.git_dir(),
                    objects_dir: &objects_dir,
                    objects: target.objects(),
                    quarantine: Some(quarantine.objects_dir()),
                    // Made again: what the refs reach goes upstream, and nothing that came beside it.
                    pack: None,
                    own: None,
                };
                let mut unheard = |_: &[u8]| {};
                let sent =
                    push.send((accepted, &written.stated), snapshot, source, &[], &judged.proposed, &mut unheard);
                target.keep_sent(&sent, &judged.facts, None);
                Ok(self.sent(hold, &sent)?)
            }
        }
    }

    /// What is stated of a release: it names the approvals that counted.
    fn release_decisions(
        &self,
        case: &Case<'_>,
        push: &Push<'_>,
        (outcome, judged, entry): (Evidence, &Judged, &ReleaseEntry),
        new: Option<&HoldEntry>,
        quarantine: &Quarantine,
    ) -> Result<Vec<Statement>, Fault> {
        let mut given: Vec<(HoldEntry, String)> = Vec::new();
        for stored in self.store.find(case.hold.push)? {
            if let Record::Hold(step) = stored.record {
                given.push((step, stored.line));
            }
        }
        if let Some(step) = new {
            let line = Record::Hold(step.clone()).to_line().map_err(|_| StoreError::Encode)?;
            given.push((step.clone(), line));
        }
        let approvals = entry.approvals.iter().filter_map(|approval| {
            let is_it = |step: &HoldEntry| {
                step.step == HoldStep::Approve && step.by.as_ref().is_some_and(|by| by.principal == approval.by)
            };
            let (step, line) = given.iter().rfind(|(step, _)| is_it(step))?;
            let text = step.signed.as_ref().map_or(line, |signed| &signed.statement);
            let (approver, key_fingerprint) = (approval.by.clone(), approval.key.clone());
            Some(ApprovalDigest { statement: Sha256Digest::of(text.as_bytes()), approver, key_fingerprint })
        });
        let new_objects = quarantine.store()?;
        let objects = Objects::new(Some(&new_objects), case.target.objects());
        let updates: Vec<_> = entry.updates.iter().map(|update| update.to_update()).collect();
        Ok(push.state(&Stating {
            outcome,
            updates: &updates,
            facts: &judged.facts,
            judgement: &judged.judgement,
            objects: &objects,
            approvals: approvals.collect(),
            client: b"",
            push_cert: case.entry.push_cert.as_ref(),
            time: entry.time,
        }))
    }

    /// What the store made of the outcome.
    fn sent(&self, hold: &Hold, outcomes: &[RefOutcome]) -> Result<Released, StoreError> {
        let now = self.store.ask(|tables| holds::find(tables, hold.push))?;
        Ok(match now {
            Some(now) if now.again => Released::Again,
            _ if outcomes.iter().all(|outcome| matches!(outcome.outcome, Outcome::Ok(_))) => Released::Forwarded,
            _ => Released::NotTaken,
        })
    }

    fn refuse_release(
        &self,
        case: &Case<'_>,
        approval: Option<HoldEntry>,
        findings: Vec<Finding>,
        decisions: Vec<Statement>,
    ) -> Result<Released, Fault> {
        let entry = ReleaseEntry {
            decision: crate::record::Verdict::Refuse,
            findings: findings.iter().map(Into::into).collect(),
            ..empty_release(case, approval.as_ref())
        };
        self.store.released(approval, entry, decisions)?;
        Ok(Released::Refused(findings))
    }
}

fn empty_release(case: &Case<'_>, approval: Option<&HoldEntry>) -> ReleaseEntry {
    let Case { hold, entry, policy, approvals, .. } = case;
    let given = approvals.iter().map(|approved| ApprovalRef {
        by: approved.by.clone(),
        key: approved.key.clone(),
        time: approved.time,
        signed: approved.signed,
    });
    let new = approval.filter(|step| step.step == HoldStep::Approve).and_then(|step| {
        let by = step.by.as_ref()?;
        let (by, key) = (by.principal.clone(), by.key.clone());
        Some(ApprovalRef { by, key, time: step.time, signed: step.signed.is_some() })
    });
    let new_by = new.as_ref().map(|approval| approval.by.clone());
    let given = given.filter(|approval| Some(&approval.by) != new_by.as_ref());
    ReleaseEntry {
        push: hold.push,
        time: Timestamp::now(),
        repo: hold.repo.clone(),
        principal: hold.principal.clone(),
        policy: policy.digest().to_owned(),
        mode: records::mode(policy, &hold.repo),
        updates: entry.updates.clone(),
        decision: crate::record::Verdict::Accept,
        findings: Vec::new(),
        more_findings: 0,
        approvals: given.collect::<Vec<_>>().into_iter().chain(new).collect(),
    }
}

fn release_entry(case: &Case<'_>, push: &Push<'_>, judged: &Judged, approval: Option<&HoldEntry>) -> ReleaseEntry {
    let judgement = &judged.judgement;
    let counted: BTreeSet<&PrincipalName> = judgement.demands.iter().flat_map(|demand| &demand.given).collect();
    let empty = empty_release(case, approval);
    let approvals = empty.approvals.into_iter();
    // A policy that holds it no longer demands nobody: then whoever approved it stands there.
    let approvals = approvals.filter(|approval| counted.is_empty() || counted.contains(&approval.by)).collect();
    ReleaseEntry {
        updates: judged.facts.updates.iter().map(Into::into).collect(),
        findings: judgement.findings.iter().map(Into::into).collect(),
        more_findings: judgement.more_findings as u64,
        policy: push.policy.digest().to_owned(),
        approvals,
        ..empty
    }
}

fn unknown_pusher() -> Finding {
    Finding {
        rule: "push.unknown-pusher".to_owned(),
        effect: crate::model::Effect::Refuse,
        would: None,
        place: crate::model::Place::default(),
        message: "its pusher is no longer in the policy".to_owned(),
        fix: String::new(),
    }
}

/// Whether a push was refused because the upstream is no longer what it was.
#[must_use]
pub fn has_moved(findings: &[Finding]) -> bool {
    findings.iter().any(|finding| finding.rule == MOVED)
}
