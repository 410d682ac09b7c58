//! What happens to held pushes by itself: they expire, and approved ones that did not get to the upstream are tried again.

use crate::gate::ended::Ending;
use crate::gate::{Gate, Released};
use crate::model::PushId;
use crate::record::HoldStep;
use crate::store::{Hold, StoreError, holds};
use jiff::Timestamp;
use std::collections::HashSet;

impl Gate {
    /// Does what is due by the clock.
    pub fn tend(&self) {
        let now = Timestamp::now();
        match self.store.ask(|tables| holds::expired(tables, now)) {
            Ok(expired) => expired.iter().for_each(|hold| {
                if let Err(error) = self.expire(hold) {
                    tracing::warn!(push.id = %hold.push, %error, "a held push cannot expire");
                }
            }),
            Err(error) => tracing::error!(%error, "held pushes cannot be read"),
        }
        // Of one that was on its way when its pusher was revoked, and came back.
        for revoked in self.all_revoked() {
            if let Err(error) = self.drop_holds(&revoked.principal, None) {
                tracing::error!(%error, "held pushes of a revoked principal cannot be ended");
            }
        }
        self.forget_undo(now);
    }

    /// Sends approved pushes that did not get to the upstream. Returns how many could not be sent now either.
    pub fn send_again(&self) -> usize {
        let again = self.store.ask(holds::again).unwrap_or_else(|error| {
            tracing::error!(%error, "approved pushes cannot be read");
            Vec::new()
        });
        again.iter().filter(|hold| !self.try_again(hold)).count()
    }

    /// Whether it is done with.
    fn try_again(&self, hold: &Hold) -> bool {
        match self.release(hold, None, &self.policy()) {
            Ok(Released::Again) => false,
            Ok(released) => {
                tracing::info!(push.id = %hold.push, ?released, "an approved push was tried again");
                // What approvals no longer carry waits for new ones.
                if let Released::Missing(_) = released
                    && let Err(error) = self.store.not_again(hold.push)
                {
                    tracing::error!(push.id = %hold.push, %error, "a held push cannot be changed");
                }
                true
            }
            Err(fault) => {
                tracing::warn!(push.id = %hold.push, error = %fault, "an approved push cannot be sent yet");
                false
            }
        }
    }

    pub(super) fn expire(&self, hold: &Hold) -> Result<(), StoreError> {
        let reason = "nobody decided in time (hold_time_max)";
        let end = self.ending(hold, &self.policy(), Ending { step: HoldStep::Expire, by: None, reason });
        match self.store.stepped(end.step, end.decisions) {
            // Somebody decided at the last moment.
            Err(StoreError::HoldIs(..)) => return Ok(()),
            result => result?,
        };
        self.packs.remove(hold.push);
        Ok(())
    }

    /// After a crash: packs of pushes that are held no more, or never were.
    pub(super) fn sweep_held(&self) {
        let held: HashSet<PushId> = match self.store.ask(holds::open_anywhere) {
            Ok(open) => open.into_iter().collect(),
            // What cannot be read is not removed.
            Err(error) => return tracing::error!(%error, "held pushes cannot be read"),
        };
        if let Err(error) = self.packs.sweep(&held) {
            tracing::warn!(%error, "the objects of pushes that are held no more cannot be removed");
        }
    }
}
