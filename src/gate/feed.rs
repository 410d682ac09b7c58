//! The gate's events, to who may see them.

use crate::events::{self, Event, FeedError, Follow, Reader, Since};
use crate::gate::{Gate, Session};
use crate::model::RepoName;
use jiff::Timestamp;
use std::io::Write;
use std::sync::atomic::Ordering;

impl Gate {
    /// Writes the events that the caller may see by the policy of each moment. Following ends with the gate, and when
    /// the caller is revoked.
    pub fn events(
        &self,
        session: &Session,
        since: Since,
        follow: Follow,
        output: &mut dyn Write,
    ) -> Result<(), FeedError> {
        let shows = |event: Event| {
            let (policy, principal, now) = (self.policy(), &session.principal, Timestamp::now());
            let may_approve = |repo: &RepoName| policy.may_review(principal, repo, now);
            Reader { principal, policy: &policy, now, may_approve: &may_approve }.shows(event)
        };
        let go_on = || !self.stopping.load(Ordering::Relaxed) && !self.is_revoked(&session.principal.name);
        events::follow(&self.store, since, follow, &shows, &go_on, output)
    }

    /// Ends what would wait for ever: the gate is to stop.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
        self.packs.stop_waiting();
        self.store.wake();
    }
}
