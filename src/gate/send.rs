//! An approved push on its way: to the upstream, into the record, and into the mirror.

use crate::forward::{Connection, ForwardError, Outcome, RefOutcome, Rejection, Source};
use crate::gate::judge::{Occasion, Push};
use crate::gate::proposal::Proposed;
use crate::gate::{Keeper, Target, records};
use crate::model::{PushFacts, RefUpdate, UpdateKind};
use crate::observe::Stage;
use crate::policy::Approval;
use crate::receive::Quarantine;
use bstr::BString;
use std::time::Instant;

impl Push<'_> {
    /// Sends the push, makes its outcome durable, and puts a policy it brings in force. The decision is in the record.
    pub(super) fn send(
        &self,
        approval: &Approval,
        connection: Connection<'_>,
        source: Source<'_>,
        options: &[BString],
        proposed: &Proposed,
        relay: &mut dyn FnMut(&[u8]),
    ) -> Vec<RefOutcome> {
        let _turn = self.keeper.filter(|_| proposed.proposal.is_some()).map(Keeper::turn);
        let begun = Instant::now();
        let sent = connection.push(approval, source, options, relay);
        self.metrics.stage(Stage::Forward, begun.elapsed());
        // Of an approved push that could not be sent for want of an upstream the approval still stands.
        let is_again = self.occasion == Occasion::Release && matches!(sent, Err(ForwardError::Upstream(_)));
        let outcomes = sent.unwrap_or_else(|error| {
            tracing::warn!(%error, "the push could not be sent to the upstream");
            not_sent(approval.updates(), &error)
        });
        let entry = records::outcome(self, approval.updates(), &outcomes);
        entry.refs.iter().for_each(|outcome| self.metrics.outcome(outcome.result));
        let written = if is_again { self.store.unsent(&entry) } else { self.store.settled(&entry) };
        if let Err(error) = written {
            // The decision stands without an outcome: it is settled against the upstream at the next start.
            tracing::error!(%error, "the outcome cannot be recorded");
        }
        self.adopt(&outcomes, proposed);
        outcomes
    }
}

impl Target {
    /// Takes over into the mirror what the upstream has taken.
    pub(super) fn keep_sent(&self, outcomes: &[RefOutcome], facts: &PushFacts, quarantine: Option<Quarantine>) {
        if outcomes.iter().any(|outcome| matches!(outcome.outcome, Outcome::Ok(_))) {
            let kinds: Vec<(RefUpdate, UpdateKind)> =
                facts.updates.iter().map(|update| (update.update.clone(), update.kind)).collect();
            self.keep(quarantine, &kinds);
        }
    }
}

fn not_sent(updates: &[RefUpdate], error: &ForwardError) -> Vec<RefOutcome> {
    let outcome = Outcome::Rejected { class: Rejection::Refused, reason: error.to_string() };
    updates.iter().map(|update| RefOutcome { name: update.name.clone(), outcome: outcome.clone() }).collect()
}
