//! The id of a push: the same in the message, the log and the store.

use std::fmt;
use ulid::Ulid;

/// A ULID: sorts by time, 26 characters of Crockford's base 32.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PushId(Ulid);

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a push id (26 letters and digits)")]
pub struct InvalidPushId;

impl PushId {
    /// Makes a new id from the clock and the system's random source.
    #[must_use]
    pub fn generate() -> Self {
        Self(Ulid::generate())
    }

    pub fn parse(text: &str) -> Result<Self, InvalidPushId> {
        Ulid::from_string(text).map(Self).map_err(|_| InvalidPushId)
    }
}

impl fmt::Display for PushId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
