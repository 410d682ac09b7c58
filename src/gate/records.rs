//! What the record keeps of a push, put together from what the stages found.

use crate::forward::{Outcome, RefOutcome, Rejection};
use crate::gate::judge::Push;
use crate::model::{Purpose, PushFacts, RefUpdate, RepoName};
use crate::policy::{Judgement, Policy};
use crate::receive::Received;
use crate::record::{
    AbortEntry, ClientAgent, DecisionEntry, FindingEntry, Holds, Mode, OutcomeEntry, RefOutcome as RefOutcomeEntry,
    RefResult, UpdateEntry, Verdict,
};
use crate::wire::command::Request;
use jiff::Timestamp;

pub fn decision(
    push: &Push<'_>,
    (request, meant): (&Request, &[RefUpdate]),
    received: &Received,
    push_options: usize,
    facts: &PushFacts,
    judgement: &Judgement,
) -> DecisionEntry {
    let updates: Vec<UpdateEntry> = if facts.updates.is_empty() {
        meant.iter().map(UpdateEntry::from).collect()
    } else {
        facts.updates.iter().map(UpdateEntry::from).collect()
    };
    DecisionEntry {
        push: push.id,
        time: Timestamp::now(),
        repo: push.target.name.clone(),
        principal: push.session.principal.name.clone(),
        principal_kind: push.session.principal.kind,
        key: push.session.key_fingerprint.clone(),
        peer: push.session.peer,
        policy: push.policy.digest().to_owned(),
        mode: mode(push.policy, &push.target.name),
        updates,
        commits: facts.commits.len() as u64,
        pack_bytes: received.pack_bytes,
        objects: u64::from(received.objects),
        decision: Verdict::from(&judgement.decision),
        findings: judgement.findings.iter().map(FindingEntry::from).collect(),
        more_findings: judgement.more_findings as u64,
        push_options: push_options as u64,
        client: ClientAgent::new(&request.capabilities.agent),
        purpose: Purpose::Push,
        hold_until: None,
        same_as: None,
        held_bytes: None,
        push_cert: None,
    }
}

pub fn mode(policy: &Policy, repo: &RepoName) -> Mode {
    if policy.observes(repo) { Mode::Observe } else { Mode::Enforce }
}

pub fn abort(push: &Push<'_>, updates: &[RefUpdate], cause: &str, message: &str) -> AbortEntry {
    AbortEntry {
        push: push.id,
        time: Timestamp::now(),
        repo: push.target.name.clone(),
        principal: push.session.principal.name.clone(),
        principal_kind: push.session.principal.kind,
        key: push.session.key_fingerprint.clone(),
        peer: push.session.peer,
        updates: updates.iter().map(UpdateEntry::from).collect(),
        pack_bytes: 0,
        cause: cause.to_owned(),
        message: message.to_owned(),
        client: ClientAgent::default(),
    }
}

pub fn outcome(push: &Push<'_>, updates: &[RefUpdate], outcomes: &[RefOutcome]) -> OutcomeEntry {
    let refs = outcomes.iter().map(|outcome| {
        let update = updates.iter().find(|update| update.name == outcome.name);
        ref_outcome(outcome, update)
    });
    OutcomeEntry {
        push: push.id,
        time: Timestamp::now(),
        repo: push.target.name.clone(),
        principal: push.session.principal.name.clone(),
        refs: refs.collect(),
    }
}

fn ref_outcome(outcome: &RefOutcome, update: Option<&RefUpdate>) -> RefOutcomeEntry {
    let object = |id: Option<crate::model::ObjectId>| id.map_or(Holds::Nothing, Holds::Object);
    let (result, reason, holds) = match &outcome.outcome {
        Outcome::Ok(_) => (RefResult::Forwarded, "", update.map_or(Holds::Unknown, |u| object(u.new))),
        Outcome::Rejected { class: Rejection::Moved, reason } => (RefResult::Moved, reason.as_str(), Holds::Unknown),
        Outcome::Rejected { class: Rejection::OtherMoved | Rejection::Refused, reason } => {
            (RefResult::Rejected, reason.as_str(), update.map_or(Holds::Unknown, |u| object(u.old)))
        }
        Outcome::Unknown => (RefResult::Unknown, "", Holds::Unknown),
    };
    RefOutcomeEntry { name: outcome.name.clone(), result, reason: reason.into(), holds }
}
