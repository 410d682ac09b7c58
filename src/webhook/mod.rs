//! Webhooks: events sent to the operator's endpoints, each at least once and in order.
//!
//! The record is the outbox. A webhook has a position in it, kept beside it, that moves on when the endpoint took an
//! event: a crash in between means that it is sent again, with the same `X-Refgate-Delivery`. An endpoint that is down
//! gets everything later; one that refuses an event is asked a number of times, then the event is given up and logged,
//! so that it cannot hold up the others for ever. Each webhook has a thread of its own: one that is slow holds up only
//! itself. Nothing here decides or records.

mod chat;
mod pace;
mod payload;
mod send;
mod worker;

pub use pace::Pace;
pub use payload::sign;

use crate::config::Webhook;
use crate::model::HookName;
use crate::store::{Store, StoreError};
use pace::Stop;
use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use worker::Worker;

/// The webhooks cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum WebhookError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("cannot start a thread for a webhook: {0}")]
    Thread(#[source] io::Error),
}

/// The running webhooks. Dropped, they stop: it waits for deliveries under way, which take their `timeout` at most.
pub struct Webhooks {
    store: Store,
    stop: Arc<Stop>,
    threads: Vec<JoinHandle<()>>,
}

impl Webhooks {
    /// Starts a thread for each webhook. One that is new is told of what is recorded from now on.
    ///
    /// `gate` is how its verbs are called (`ssh -p 2222 git@gate`), for the commands in messages for people.
    pub fn start(
        store: &Store,
        webhooks: &BTreeMap<HookName, Webhook>,
        gate: &str,
        pace: Pace,
    ) -> Result<Self, WebhookError> {
        let positions = store.positions()?;
        positions.keep_only(webhooks.keys())?;
        let stop = Arc::new(Stop::default());
        let mut started = Self { store: store.clone(), stop, threads: Vec::new() };
        for (name, webhook) in webhooks {
            positions.start(name)?;
            let worker = Worker {
                name: name.clone(),
                webhook: webhook.clone(),
                gate: gate.to_owned(),
                store: store.clone(),
                positions: store.positions()?,
                pace,
                stop: Arc::clone(&started.stop),
            };
            let builder = std::thread::Builder::new().name(format!("webhook-{name}"));
            started.threads.push(builder.spawn(move || worker.run()).map_err(WebhookError::Thread)?);
        }
        Ok(started)
    }

    /// Stops them. What was not sent is sent after the next start.
    pub fn stop(self) {}
}

impl Drop for Webhooks {
    fn drop(&mut self) {
        self.stop.set();
        self.store.wake();
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}
