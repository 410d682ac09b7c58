//! Looks up what an outcome does not say by itself.

use crate::events::Event;
use crate::model::EventKind;
use crate::record::{Record, UpdateEntry};
use crate::store::{Store, StoreError};

/// Adds to an outcome's refs what was decided on them; any other event is complete.
pub fn complete(store: &Store, event: Event) -> Result<Event, StoreError> {
    let is_outcome = matches!(event.kind, EventKind::PushForwarded | EventKind::PushNotTaken | EventKind::PushUnknown);
    let Some(push) = event.push.filter(|_| is_outcome) else { return Ok(event) };
    let mut updates: Vec<UpdateEntry> = Vec::new();
    for earlier in store.find(push)?.into_iter().take_while(|earlier| earlier.seq < event.cursor) {
        match earlier.record {
            Record::Decision(entry) => updates = entry.updates,
            // What was forwarded in the end.
            Record::Release(entry) => updates = entry.updates,
            Record::Hold(_)
            | Record::Outcome(_)
            | Record::Abort(_)
            | Record::Control(_)
            | Record::External(_)
            | Record::Event(_) => {}
        }
    }
    Ok(event.with_decided(&updates))
}
