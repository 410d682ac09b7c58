//! The thread of one webhook: reads the record from its position on and delivers what the webhook wants, in order.

use super::pace::{Pace, Stop};
use super::send::send;
use crate::config::Webhook;
use crate::events::{self, Event};
use crate::model::HookName;
use crate::record::Record;
use crate::store::{Lease, Positions, Sequence, Store, StoreError};
use std::sync::Arc;
use std::time::Duration;

/// Records read at a time.
const BATCH: usize = 64;

/// How often other processes' records are looked for, and whether another process let go of the webhook.
const POLL: Duration = Duration::from_secs(1);

pub struct Worker {
    pub name: HookName,
    pub webhook: Webhook,
    pub gate: String,
    pub store: Store,
    pub positions: Positions,
    pub pace: Pace,
    pub stop: Arc<Stop>,
}

/// Whether to go on to the next event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Delivery {
    Done,
    Stopped,
}

impl Worker {
    pub fn run(&self) {
        // While a new gate starts, the old one may still be sending.
        let Some(_lease) = self.lease() else { return };
        let mut position = None;
        while !self.stop.is_set() {
            let seen = self.store.generation();
            match self.work(&mut position) {
                Ok(0) => self.store.wait(seen, POLL),
                Ok(_) => {}
                Err(error) => {
                    tracing::error!(webhook = %self.name, %error, "a webhook cannot read the record");
                    self.stop.wait(self.pace.longest);
                }
            }
        }
    }

    /// `None`: stopped before.
    fn lease(&self) -> Option<Lease> {
        while !self.stop.is_set() {
            match self.positions.lease(&self.name) {
                Ok(Some(lease)) => return Some(lease),
                Ok(None) => {}
                Err(error) => tracing::error!(webhook = %self.name, %error, "a webhook cannot be locked"),
            }
            self.stop.wait(POLL);
        }
        None
    }

    /// Works off one batch; how many records it had.
    fn work(&self, position: &mut Option<Sequence>) -> Result<usize, StoreError> {
        let mut done = match *position {
            Some(position) => position,
            None => self.positions.start(&self.name)?,
        };
        let batch = self.store.after(done, BATCH)?;
        for stored in &batch {
            if self.wants(&stored.record)
                && let Some(event) = Event::of(stored.seq, &stored.record)
            {
                if self.deliver(&events::complete(&self.store, event)?) == Delivery::Stopped {
                    break;
                }
                *position = Some(stored.seq);
                self.positions.advance(&self.name, stored.seq)?;
            }
            done = stored.seq;
            *position = Some(done);
        }
        // Those that it does not want are passed all together.
        if !batch.is_empty() {
            self.positions.advance(&self.name, done)?;
        }
        Ok(batch.len())
    }

    fn wants(&self, record: &Record) -> bool {
        let Some(kind) = Event::kind_of(record).filter(|kind| self.webhook.events.contains(kind)) else { return false };
        match (&self.webhook.repos, record.repo()) {
            (None, _) => true,
            (Some(repos), Some(repo)) => repos.contains(repo),
            // A freeze of all repositories is one of each.
            (Some(_), None) => kind.group() == "repo",
        }
    }

    /// Until it is taken or given up.
    fn deliver(&self, event: &Event) -> Delivery {
        let (mut failures, mut refusals) = (0_u32, 0_u32);
        while !self.stop.is_set() {
            let Err(failure) = send(&self.name, &self.webhook, &self.gate, event) else {
                tracing::debug!(webhook = %self.name, event.cursor, "delivered");
                return Delivery::Done;
            };
            failures = failures.saturating_add(1);
            refusals = refusals.saturating_add(u32::from(failure.is_refusal()));
            if refusals >= self.webhook.tries {
                tracing::error!(
                    webhook = %self.name, event.cursor, event.kind = %event.kind, tries = failures, %failure,
                    "the endpoint does not want the event; it is given up"
                );
                return Delivery::Done;
            }
            let chance = getrandom::u64().unwrap_or_default();
            let pause = self.pace.pause(failures, failure.retry_after(), chance);
            tracing::warn!(
                webhook = %self.name, event.cursor, tries = failures, %failure, pause_ms = pause.as_millis() as u64,
                "a delivery failed; it is tried again"
            );
            self.stop.wait(pause);
        }
        Delivery::Stopped
    }
}
