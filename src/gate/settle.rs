//! After a crash: pushes that were accepted and have no outcome are settled by what the upstream's refs hold now.

use crate::forward::{self, Settled};
use crate::gate::{Gate, under_way};
use crate::record::{EventEntry, Holds, OutcomeEntry, RefOutcome, RefResult, UpdateEntry};
use crate::store::Unsettled;
use jiff::Timestamp;
use std::collections::HashSet;

/// Whether an upstream said what its refs hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    Answered,
    /// It said so, but somebody is still at work on it.
    TooEarly,
    InVain,
}

impl Gate {
    /// Settles everything that is waiting, and says how many pushes stay waiting: those whose upstream cannot be asked,
    /// and those that a process of an earlier gate is still forwarding.
    pub fn settle_all(&self) -> usize {
        let waiting = match self.store.unsettled() {
            Ok(waiting) => waiting,
            Err(error) => {
                tracing::error!(%error, "pushes under way at the last stop cannot be read");
                return 0;
            }
        };
        // One that cannot be asked now is not asked again for each of its pushes: the gate is to start.
        let mut silent = HashSet::new();
        let mut left = 0;
        for entry in waiting {
            let asked = if silent.contains(&entry.repo) { Asked::InVain } else { self.settle(&entry) };
            left += usize::from(asked != Asked::Answered);
            if asked == Asked::InVain {
                silent.insert(entry.repo);
            }
        }
        left
    }

    fn settle(&self, entry: &Unsettled) -> Asked {
        let Some(target) = self.targets.get(&entry.repo) else {
            tracing::warn!(push.id = %entry.push, repo = %entry.repo, "a push cannot be settled: its repository is not set up");
            return Asked::InVain;
        };
        // Looked at before the refs are: who ends in between has moved them by then.
        let is_at_work = under_way::is_at_work(&target.locks(), entry.push);
        let updates: Vec<_> = entry.updates.iter().map(UpdateEntry::to_update).collect();
        let settled = match forward::settle(&target.upstream, &updates, &self.config.limits) {
            Ok(settled) => settled,
            Err(error) => {
                tracing::error!(push.id = %entry.push, %error, "a push cannot be settled: the upstream cannot be asked");
                return Asked::InVain;
            }
        };
        let has_landed = settled.iter().all(|settled| *settled == Settled::Landed);
        let is_recent =
            Timestamp::now().duration_since(entry.time).unsigned_abs() < self.config.limits.forward_time_max;
        if !has_landed && is_recent && is_at_work {
            return Asked::TooEarly;
        }
        let refs = entry.updates.iter().zip(&settled).map(|(update, settled)| outcome(update, *settled)).collect();
        let (push, repo, principal) = (entry.push, entry.repo.clone(), entry.principal.clone());
        let outcome = OutcomeEntry { push, time: Timestamp::now(), repo, principal, refs };
        // An approval still stands if nothing of its push was sent: it is tried again.
        let was_sent = settled.iter().any(|settled| *settled != Settled::NotLanded);
        let written = match entry.is_release && !was_sent {
            true => self.store.unsent(&outcome),
            false => self.store.settled(&outcome),
        };
        match written {
            Ok(_) => {
                under_way::forget(&target.locks(), entry.push);
                if entry.is_release && was_sent {
                    self.packs.remove(entry.push);
                }
                tracing::info!(push.id = %entry.push, "settled a push that was under way at the last stop");
                let event = EventEntry { push: Some(push), ..EventEntry::new("settled-at-restart", Timestamp::now()) };
                self.note(event);
            }
            Err(error) => tracing::error!(push.id = %entry.push, %error, "a settled push cannot be recorded"),
        }
        Asked::Answered
    }
}

fn outcome(update: &UpdateEntry, settled: Settled) -> RefOutcome {
    let object = |id: Option<crate::model::ObjectId>| id.map_or(Holds::Nothing, Holds::Object);
    let (result, holds) = match settled {
        Settled::Landed => (RefResult::Forwarded, object(update.new)),
        Settled::NotLanded => (RefResult::Rejected, object(update.old)),
        Settled::Unknown => (RefResult::Unknown, Holds::Unknown),
    };
    let reason = if settled == Settled::NotLanded { RefOutcome::STOPPED } else { "" };
    RefOutcome { name: update.name.clone(), result, reason: reason.into(), holds }
}
