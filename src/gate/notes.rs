//! What became of earlier held pushes, for a pusher who has not heard of it yet.

use crate::gate::judge::Push;
use crate::model::{HoldState, PushId};
use crate::receive::{LoggedAs, Receipt};
use crate::store::{Hold, StoreError, Written, holds};

/// Lines for the pusher's next message, and the pushes they are about.
#[derive(Debug, Default)]
pub struct Notes {
    pub lines: Vec<String>,
    pushes: Vec<PushId>,
    /// Where the decision is in the log.
    pub receipt: Option<Receipt>,
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
        Ok(Notes { lines, receipt: None, pushes: untold.iter().take(LINES_MAX).map(|hold| hold.push).collect() })
    }
}

impl Receipt {
    /// What the client is given of what was written.
    pub(super) fn of(written: &Written) -> Option<Self> {
        let decisions = written.stated.iter().map(|stated| LoggedAs {
            decision: stated.decision.id.to_string(),
            ref_name: stated.decision.subject.ref_name.to_string(),
            index: stated.index,
        });
        let decisions: Vec<_> = decisions.take(LISTED_MAX).collect();
        let checkpoint = written.checkpoint.as_ref().map(ToString::to_string);
        (!decisions.is_empty()).then_some(Self { decisions, checkpoint })
    }
}

/// Decisions in one receipt.
const LISTED_MAX: usize = 20;

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
