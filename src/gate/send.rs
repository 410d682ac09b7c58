//! An approved push on its way: to the upstream, into the record, and into the mirror.

use crate::forward::{Connection, ForwardError, Outcome, RefOutcome, Rejection, Source};
use crate::gate::judge::{Occasion, Push};
use crate::gate::notebook::{self, Page};
use crate::gate::proposal::Proposed;
use crate::gate::push::Snapshot;
use crate::gate::{Keeper, Target, records};
use crate::model::{PushFacts, RefUpdate, UpdateKind};
use crate::observe::Stage;
use crate::policy::Approval;
use crate::receive::Quarantine;
use crate::store::{Stated, Tip};
use bstr::BString;
use std::time::Instant;

/// How often a push is sent whose notes are moved by somebody else.
const TRIES_MAX: usize = 4;

impl Push<'_> {
    /// Sends the push, makes its outcome durable, and puts a policy it brings in force. The decision is in the record.
    pub(super) fn send(
        &self,
        (approval, stated): (&Approval, &[Stated]),
        snapshot: Snapshot<'_>,
        source: Source<'_>,
        options: &[BString],
        proposed: &Proposed,
        relay: &mut dyn FnMut(&[u8]),
    ) -> Vec<RefOutcome> {
        let _turn = self.keeper.filter(|_| proposed.proposal.is_some()).map(Keeper::turn);
        let begun = Instant::now();
        let (sent, page) = self.send_with_notes((approval, stated), snapshot, source, options, relay);
        self.metrics.stage(Stage::Forward, begun.elapsed());
        // Of an approved push that could not be sent for want of an upstream the approval still stands.
        let is_again = self.occasion == Occasion::Release && matches!(sent, Err(ForwardError::Upstream(_)));
        let outcomes = sent.unwrap_or_else(|error| {
            tracing::warn!(%error, "the push could not be sent to the upstream");
            not_sent(approval.updates(), &error)
        });
        let entry = records::outcome(self, approval.updates(), &outcomes);
        entry.refs.iter().for_each(|outcome| self.metrics.outcome(outcome.result));
        let written = match is_again {
            true => self.store.unsent(&entry).map(drop),
            false => {
                let written = self.store.settled_with(&entry, notebook::seen(page.as_ref()));
                written.map(|written| self.target.notebook().has_settled(&written))
            }
        };
        if let Err(error) = written {
            // The decision stands without an outcome: it is settled against the upstream at the next start.
            tracing::error!(%error, "the outcome cannot be recorded");
        }
        self.follow(approval, stated, &outcomes);
        self.adopt(&outcomes, proposed);
        outcomes
    }

    /// Sends the push with its notes, which nobody else may write meanwhile. Where somebody did, it is tried again.
    fn send_with_notes(
        &self,
        (approval, stated): (&Approval, &[Stated]),
        snapshot: Snapshot<'_>,
        source: Source<'_>,
        options: &[BString],
        relay: &mut dyn FnMut(&[u8]),
    ) -> (Result<Vec<RefOutcome>, ForwardError>, Option<Page>) {
        let Snapshot { mut connection, mut refs, .. } = snapshot;
        if stated.is_empty() {
            return (connection.push(approval, None, source, options, relay), None);
        }
        let mut notebook = self.target.notebook();
        for _ in 1..TRIES_MAX {
            let page = match self.page(stated, &refs, &mut notebook) {
                Ok(page) => page,
                Err(fault) => return (Err(ForwardError::Evidence(fault.to_string())), None),
            };
            let source = match &page {
                // The upstream may lack what the notes go on from: then git would take the refs and refuse the notes.
                Some(page) if page.rewritten.is_some() => Source { own: None, pack: None, ..source },
                _ => Source { own: page.as_ref().map(|page| &page.made), ..source },
            };
            let companion = page.as_ref().map(|page| &page.companion);
            let sent = connection.push(approval, companion, source, options, relay);
            let Some(page) = page else { return (sent, None) };
            let mut outcomes = match sent {
                Ok(outcomes) => outcomes,
                Err(error) => return (Err(error), None),
            };
            let name = &page.companion.update().name;
            let of_notes = outcomes.iter().position(|outcome| outcome.name == *name);
            let of_notes = of_notes.map(|at| outcomes.remove(at).outcome);
            match of_notes {
                Some(Outcome::Ok(_)) => {
                    notebook.turn(&page, stated);
                    self.note_rewritten(&page);
                    return (Ok(outcomes), Some(page));
                }
                Some(Outcome::Rejected { class: Rejection::Moved, .. }) => notebook.doubt(),
                Some(Outcome::Rejected { class: Rejection::OtherMoved | Rejection::Refused, .. }) => {
                    return (Ok(outcomes), None);
                }
                Some(Outcome::Unknown) | None => {
                    notebook.doubt();
                    return (Ok(outcomes), None);
                }
            }
            tracing::info!("the notes moved meanwhile; the push is sent again");
            connection = match Connection::open(&self.target.upstream, self.limits, self.lock) {
                Ok(connection) => connection,
                Err(error) => return (Err(error), None),
            };
            refs = connection.refs().to_vec();
        }
        (Err(ForwardError::Evidence("the notes at the upstream do not stay what they are".to_owned())), None)
    }

    /// What the upstream's refs hold now, for what comes next.
    fn follow(&self, approval: &Approval, stated: &[Stated], outcomes: &[RefOutcome]) {
        let has_moved = |update: &&RefUpdate| {
            outcomes.iter().any(|outcome| outcome.name == update.name && matches!(outcome.outcome, Outcome::Ok(_)))
        };
        let tip = |update: &RefUpdate| {
            let of = stated.iter().find(|stated| stated.decision.subject.ref_name == update.name);
            (update.name.clone(), Tip { object: update.new, index: of.map(|stated| stated.index) })
        };
        self.target.set_tips(approval.updates().iter().filter(has_moved).map(tip));
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
