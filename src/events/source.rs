//! From stored records to events: looks up what an outcome does not say by itself.

use crate::events::Event;
use crate::record::{Record, UpdateEntry};
use crate::store::{Store, StoreError, Stored};

/// The event of a record; an outcome gets what was decided on its push beside it.
pub fn event(store: &Store, stored: &Stored) -> Result<Option<Event>, StoreError> {
    let Record::Outcome(outcome) = &stored.record else { return Ok(Event::of(stored.seq, &stored.record, &[])) };
    let mut updates: Vec<UpdateEntry> = Vec::new();
    for earlier in store.find(outcome.push)?.into_iter().take_while(|earlier| earlier.seq < stored.seq) {
        match earlier.record {
            Record::Decision(entry) => updates = entry.updates,
            // What was forwarded in the end.
            Record::Release(entry) => updates = entry.updates,
            Record::Hold(_) | Record::Outcome(_) | Record::Abort(_) | Record::Control(_) | Record::Event(_) => {}
        }
    }
    Ok(Event::of(stored.seq, &stored.record, &updates))
}
