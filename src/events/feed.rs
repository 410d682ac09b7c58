//! `events --since CURSOR`: the events after a cursor as lines, and on request those that are still to come.
//!
//! A reader that is slow holds up itself only: there is one batch of records in memory, and the next one is read when
//! the writer has taken the lines of this one. Between events nothing is written.

use crate::events::{Event, complete};
use crate::store::{Store, StoreError};
use std::io::{self, Write};
use std::time::Duration;

/// Records read at a time.
const BATCH: usize = 256;

/// How often other processes' records are looked for, and whether to go on.
const POLL: Duration = Duration::from_secs(1);

/// Where a reader begins: after this record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Since {
    /// With the oldest event.
    Start,
    /// With what happens from now on.
    Now,
    /// After the event with this cursor.
    Cursor(u64),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("--since takes a cursor (a number), `start` or `now`")]
pub struct InvalidSince;

impl Since {
    pub fn parse(text: &str) -> Result<Self, InvalidSince> {
        match text {
            "start" => Ok(Self::Start),
            "now" => Ok(Self::Now),
            // `parse` alone would take a sign.
            _ if text.bytes().all(|byte| byte.is_ascii_digit()) => {
                text.parse().map(Self::Cursor).map_err(|_| InvalidSince)
            }
            _ => Err(InvalidSince),
        }
    }
}

/// What to do at the newest event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Follow {
    End,
    Wait,
}

#[derive(Debug, thiserror::Error)]
pub enum FeedError {
    /// Said to the client as it is.
    #[error("no event has cursor {cursor} yet, the newest has {newest}: is it this gate's?")]
    Beyond { cursor: u64, newest: u64 },
    /// Ours; the client hears only that there is one.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Mostly: the client has gone.
    #[error("the reader takes no more: {0}")]
    Output(#[from] io::Error),
}

/// Writes the events that `shows` lets through, one a line. It is asked anew for each event, so that a change of the
/// policy counts at once. With [`Follow::Wait`] it goes on until `go_on` says no, which is asked at least once a second.
pub fn follow(
    store: &Store,
    since: Since,
    at_end: Follow,
    shows: &dyn Fn(Event) -> Option<Event>,
    go_on: &dyn Fn() -> bool,
    output: &mut dyn Write,
) -> Result<(), FeedError> {
    let newest = store.head()?.seq;
    let mut cursor = match since {
        Since::Start => 0,
        Since::Now => newest,
        Since::Cursor(cursor) if cursor > newest => return Err(FeedError::Beyond { cursor, newest }),
        Since::Cursor(cursor) => cursor,
    };
    while go_on() {
        let seen = store.generation();
        let batch = store.after(cursor, BATCH)?;
        if batch.is_empty() {
            match at_end {
                Follow::End => return Ok(()),
                Follow::Wait => {
                    // A writer whose reader has gone says so.
                    output.flush()?;
                    store.wait(seen, POLL);
                }
            }
            continue;
        }
        for stored in &batch {
            cursor = stored.seq;
            if !go_on() {
                break;
            }
            // Looked up last, and so only for what is shown.
            if let Some(event) = Event::of(stored.seq, &stored.record).and_then(shows) {
                output.write_all((complete(store, event)?.to_line() + "\n").as_bytes())?;
            }
        }
        output.flush()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn since_is_a_cursor_or_a_word() {
        let most = u64::MAX.to_string();
        for (text, since) in [
            ("start", Some(Since::Start)),
            ("now", Some(Since::Now)),
            ("0", Some(Since::Cursor(0))),
            ("17", Some(Since::Cursor(17))),
            (&most, Some(Since::Cursor(u64::MAX))),
            ("18446744073709551616", None),
            ("+1", None),
            ("-1", None),
            ("", None),
            ("1 ", None),
            ("Start", None),
        ] {
            assert_eq!(Since::parse(text).ok(), since, "{text:?}");
        }
    }
}
