//! A judgement becomes a decision: the record's entry, what is stated of it, and both on disk.

use crate::evidence::{Decision as Statement, Outcome};
use crate::gate::attest::Stating;
use crate::gate::ended::End;
use crate::gate::fault::Fault;
use crate::gate::judge::{Judged, Push};
use crate::gate::push::Pushed;
use crate::gate::records;
use crate::git::Objects;
use crate::model::{Purpose, PushId};
use crate::observe::Stage;
use crate::record::{DecisionEntry, Verdict};
use crate::store::Written;
use std::time::Instant;

impl Push<'_> {
    /// The decision as it is recorded.
    pub(super) fn entry(&self, pushed: &Pushed, judged: &Judged) -> DecisionEntry {
        let Judged { facts, judgement, .. } = judged;
        let purpose = pushed.asked.purpose;
        let updates = &pushed.asked.updates;
        let (request, received) = (&pushed.request, &pushed.received);
        let entry = records::decision(self, (request, updates), received, pushed.options.len(), facts, judgement);
        DecisionEntry { purpose, push_cert: pushed.push_cert.clone(), ..entry }
    }

    /// Makes a decision durable: from here on the push is in the record, whatever happens.
    pub(super) fn record(
        &self,
        entry: &DecisionEntry,
        decisions: Vec<Statement>,
        replaced: Vec<End>,
        told: Vec<PushId>,
    ) -> Result<Written, Fault> {
        let begun = Instant::now();
        let replaced = replaced.into_iter().map(|end| (end.step, end.decisions)).collect();
        let written = self.store.decided_over(entry, decisions, replaced, told)?;
        self.metrics.stage(Stage::Record, begun.elapsed());
        self.count(entry);
        Ok(written)
    }

    /// What is stated of the decision. A push that was only tried has none: nothing was let through or refused.
    pub(super) fn decisions(
        &self,
        pushed: &Pushed,
        judged: &Judged,
        entry: &DecisionEntry,
    ) -> Result<Vec<Statement>, Fault> {
        let outcome = match (pushed.asked.purpose, entry.decision) {
            (Purpose::Check, _) | (Purpose::Review, Verdict::Accept) => return Ok(Vec::new()),
            (Purpose::Push, Verdict::Accept) => Outcome::Accepted,
            (_, Verdict::Hold) => Outcome::Held,
            (_, Verdict::Refuse) => Outcome::Rejected,
        };
        let new = pushed.quarantine.store()?;
        let objects = Objects::new(Some(&new), self.target.objects());
        let Judged { facts, judgement, .. } = judged;
        let updates = &pushed.asked.updates;
        let (client, time) = (&pushed.request.capabilities.agent[..], entry.time);
        let (approvals, push_cert) = (Vec::new(), entry.push_cert.as_ref());
        let objects = &objects;
        Ok(self.state(&Stating { outcome, updates, facts, judgement, objects, approvals, client, push_cert, time }))
    }

    /// Counts a decision and logs it.
    fn count(&self, entry: &DecisionEntry) {
        self.metrics.decided(entry.decision, self.begun.elapsed());
        for finding in &entry.findings {
            self.metrics.finding(&finding.rule);
            if let Some(would) = finding.would {
                self.metrics.observed(&finding.rule, would.as_str());
            }
        }
        tracing::info!(
            decision = entry.decision.as_str(),
            purpose = entry.purpose.as_str(),
            findings = entry.findings.len(),
            commits = entry.commits,
            pack.bytes = entry.pack_bytes,
            time_ms = u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX),
            "decided"
        );
    }
}
