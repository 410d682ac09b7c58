//! How a held push ends without going upstream: its step for the record, and what is stated of it.

use crate::evidence::{
    Actor as StatedActor, Decision as Statement, DecisionId, Evaluation, History, Outcome, Paths, Previous, RuleResult,
    UpdatedRef,
};
use crate::gate::attest::{cert, evaluations, subject};
use crate::gate::desk::hold_entry;
use crate::gate::held::HeldPacks;
use crate::gate::judge::Push;
use crate::gate::outside::Contact;
use crate::gate::{Gate, Target};
use crate::git::Objects;
use crate::policy::Policy;
use crate::record::{Actor, DecisionEntry, HoldEntry, HoldStep, Record};
use crate::store::{Hold, Store, StoreError};
use jiff::Timestamp;
use std::collections::BTreeMap;

/// The end of a held push, not written yet.
pub(super) struct End {
    pub step: HoldEntry,
    /// One for each of its refs.
    pub decisions: Vec<Statement>,
}

/// Who ends a held push, and how.
pub(super) struct Ending<'a> {
    pub step: HoldStep,
    /// `None`: the gate itself.
    pub by: Option<Actor>,
    pub reason: &'a str,
}

impl Gate {
    pub(super) fn ending(&self, hold: &Hold, policy: &Policy, ending: Ending<'_>) -> End {
        let contact = self.targets.get(&hold.repo).map(|target| self.contact(target, policy));
        end((&self.store, &self.packs), contact, hold, policy, ending)
    }

    pub(super) fn contact<'a>(&'a self, target: &'a Target, policy: &'a Policy) -> Contact<'a> {
        Contact { attest: &self.attest, target, store: &self.store, policy }
    }

    /// The decision by which a push was held.
    pub(super) fn decision_of(&self, hold: &Hold) -> Result<DecisionEntry, StoreError> {
        decision_of(&self.store, hold)
    }
}

impl Push<'_> {
    pub(super) fn ending(&self, packs: &HeldPacks, hold: &Hold, ending: Ending<'_>) -> End {
        end((self.store, packs), self.contact(), hold, self.policy, ending)
    }
}

/// Whatever is missing of what was held keeps nothing held: then there is less to say.
fn end(
    (store, packs): (&Store, &HeldPacks),
    contact: Option<Contact<'_>>,
    hold: &Hold,
    policy: &Policy,
    Ending { step, by, reason }: Ending<'_>,
) -> End {
    let mut step = HoldEntry { by, ..hold_entry(hold, step, policy.digest(), reason) };
    let entry = match decision_of(store, hold) {
        Ok(entry) => entry,
        Err(error) => {
            tracing::error!(push.id = %hold.push, %error, "the decision that held a push cannot be read");
            return End { step, decisions: Vec::new() };
        }
    };
    step.updates.clone_from(&entry.updates);
    let decisions = match (contact, outcome(step.step)) {
        (Some(contact), Some(outcome)) => {
            let rule = format!("hold.{}", step.step.as_str());
            contact.ended(packs, &entry, (outcome, &rule), step.time)
        }
        (_, _) => Vec::new(),
    };
    End { step, decisions }
}

fn outcome(step: HoldStep) -> Option<Outcome> {
    match step {
        HoldStep::Approve => None,
        HoldStep::Expire => Some(Outcome::Expired),
        HoldStep::Reject | HoldStep::Withdraw | HoldStep::Supersede | HoldStep::Revoke => Some(Outcome::Rejected),
    }
}

impl Contact<'_> {
    /// What is stated of a held push that goes no further: what ended it as a rule of its own, then what held it.
    pub fn ended(
        &self,
        packs: &HeldPacks,
        entry: &DecisionEntry,
        (outcome, rule): (Outcome, &str),
        time: Timestamp,
    ) -> Vec<Statement> {
        let Some(resource) = &self.target.resource else { return Vec::new() };
        // Without its objects a ref's new value stands for the commit.
        let new = packs.get(entry.push).ok().and_then(|kept| kept.store().ok());
        let objects = Objects::new(new.as_ref(), self.target.objects());
        let found = entry.findings.iter().map(|finding| (finding.rule.as_str(), finding.effect, finding.path.as_ref()));
        let (rule, paths) = (rule.to_owned(), Paths::Listed(Vec::new()));
        let mut said = vec![Evaluation { rule, result: RuleResult::Refuse, paths, evidence: None }];
        said.extend(evaluations(found, std::iter::empty()));
        let sponsor = self.policy.principal(&entry.principal).and_then(|principal| principal.sponsor.clone());
        let one = |update: &crate::record::UpdateEntry| {
            let update = update.to_update();
            Some(Statement {
                gate: self.attest.gate(),
                id: DecisionId::generate(),
                push: entry.push,
                outcome,
                resource: resource.clone(),
                subject: subject(&objects, &update, None)?,
                update: UpdatedRef { old: update.old, new: update.new, history: History::Kept },
                actor: Some(StatedActor {
                    name: entry.principal.clone(),
                    kind: entry.principal_kind,
                    key_fingerprint: entry.key.clone(),
                    on_behalf_of: sponsor.clone(),
                }),
                push_cert: entry.push_cert.as_ref().and_then(cert),
                client_claims: BTreeMap::new(),
                policy: self.attest.policy(self.policy, self.policy.observes(&self.target.name)),
                evaluations: said.clone(),
                changeset: None,
                approvals: Vec::new(),
                previous: Previous { ref_index: None, repo_seq: 0 },
                record: None,
                received: entry.time,
                decided: time,
            })
        };
        entry.updates.iter().filter_map(one).collect()
    }
}

fn decision_of(store: &Store, hold: &Hold) -> Result<DecisionEntry, StoreError> {
    let records = store.find(hold.push)?;
    let decision = records.into_iter().find_map(|stored| match stored.record {
        Record::Decision(entry) => Some(entry),
        _ => None,
    });
    decision.ok_or(StoreError::NotHeld(hold.push))
}
