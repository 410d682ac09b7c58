//! What became of earlier held pushes, for a pusher who has not heard of it yet.

use crate::gate::judge::Push;
use crate::model::{HoldState, PushId};
use crate::store::{Hold, StoreError, holds};

/// Lines for the pusher's next message, and the pushes they are about.
#[derive(Debug, Default)]
pub struct Notes {
    pub lines: Vec<String>,
    pushes: Vec<PushId>,
}

/// The most lines in one message.
const LINES_MAX: usize = 3;

impl Notes {
    #[must_use]
    pub fn pushes(&self) -> Vec<PushId> {
        self.pushes.clone()
    }
}

impl Push<'_> {
    /// What this principal has not heard of yet in this repository.
    pub(super) fn notes(&self) -> Result<Notes, StoreError> {
        if self.holds.is_none() {
            return Ok(Notes::default());
        }
        let untold = self.store.ask(|tables| holds::untold(tables, &self.target.name, &self.session.principal.name))?;
        let lines = untold.iter().take(LINES_MAX).map(line).collect();
        Ok(Notes { lines, pushes: untold.iter().take(LINES_MAX).map(|hold| hold.push).collect() })
    }
}

fn line(hold: &Hold) -> String {
    let by = hold.by.as_deref().map(|by| format!(" by {by}")).unwrap_or_default();
    let reason = if hold.reason.is_empty() { String::new() } else { format!(": {}", hold.reason) };
    let what = match hold.state {
        HoldState::Forwarded => "was approved and forwarded",
        HoldState::Rejected => "was rejected",
        HoldState::Refused => "is refused after all, approved",
        HoldState::NotTaken => "did not get into the upstream, approved",
        HoldState::Expired => "has expired: nobody looked at it in time",
        HoldState::Revoked => "was dropped",
        HoldState::Waiting | HoldState::Releasing | HoldState::Withdrawn | HoldState::Superseded => hold.state.as_str(),
    };
    format!("held push {} {what}{by}{reason}", hold.push)
}
