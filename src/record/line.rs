//! One record of any kind, as its line.

use super::control::ControlEntry;
use super::entry::{AbortEntry, DecisionEntry, EventEntry, OutcomeEntry, Verdict};
use super::external::ExternalEntry;
use super::hold::{HoldEntry, ReleaseEntry};
use crate::model::{PrincipalName, PushId, RepoName};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// One record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "record", rename_all = "lowercase")]
pub enum Record {
    Decision(DecisionEntry),
    Hold(HoldEntry),
    Release(ReleaseEntry),
    Outcome(OutcomeEntry),
    Abort(AbortEntry),
    Control(ControlEntry),
    External(ExternalEntry),
    Event(EventEntry),
}

impl Record {
    /// The line that is kept: JSON without a newline in it.
    pub fn to_line(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(self)
    }

    pub fn from_line(line: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(line)
    }

    /// The word in the field `record`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Decision(_) => "decision",
            Self::Hold(_) => "hold",
            Self::Release(_) => "release",
            Self::Outcome(_) => "outcome",
            Self::Abort(_) => "abort",
            Self::Control(_) => "control",
            Self::External(_) => "external",
            Self::Event(_) => "event",
        }
    }

    #[must_use]
    pub fn time(&self) -> Timestamp {
        match self {
            Self::Decision(entry) => entry.time,
            Self::Hold(entry) => entry.time,
            Self::Release(entry) => entry.time,
            Self::Outcome(entry) => entry.time,
            Self::Abort(entry) => entry.time,
            Self::Control(entry) => entry.time,
            Self::External(entry) => entry.time,
            Self::Event(entry) => entry.time,
        }
    }

    #[must_use]
    pub fn push(&self) -> Option<PushId> {
        match self {
            Self::Decision(entry) => Some(entry.push),
            Self::Hold(entry) => Some(entry.push),
            Self::Release(entry) => Some(entry.push),
            Self::Outcome(entry) => Some(entry.push),
            Self::Abort(entry) => Some(entry.push),
            Self::Control(_) | Self::External(_) => None,
            Self::Event(entry) => entry.push,
        }
    }

    #[must_use]
    pub fn repo(&self) -> Option<&RepoName> {
        match self {
            Self::Decision(entry) => Some(&entry.repo),
            Self::Hold(entry) => Some(&entry.repo),
            Self::Release(entry) => Some(&entry.repo),
            Self::Outcome(entry) => Some(&entry.repo),
            Self::Abort(entry) => Some(&entry.repo),
            Self::Control(entry) => entry.repo.as_ref(),
            Self::External(entry) => Some(&entry.repo),
            Self::Event(_) => None,
        }
    }

    /// Whose push it is about.
    #[must_use]
    pub fn principal(&self) -> Option<&PrincipalName> {
        match self {
            Self::Decision(entry) => Some(&entry.principal),
            Self::Hold(entry) => Some(&entry.principal),
            Self::Release(entry) => Some(&entry.principal),
            Self::Outcome(entry) => Some(&entry.principal),
            Self::Abort(entry) => Some(&entry.principal),
            Self::Control(_) | Self::External(_) | Self::Event(_) => None,
        }
    }

    #[must_use]
    pub fn decision(&self) -> Option<Verdict> {
        match self {
            Self::Decision(entry) => Some(entry.decision),
            Self::Release(entry) => Some(entry.decision),
            Self::Hold(_)
            | Self::Outcome(_)
            | Self::Abort(_)
            | Self::Control(_)
            | Self::External(_)
            | Self::Event(_) => None,
        }
    }

    /// Bytes that count for the principal's quota.
    #[must_use]
    pub fn pack_bytes(&self) -> u64 {
        match self {
            Self::Decision(entry) => entry.pack_bytes,
            Self::Abort(entry) => entry.pack_bytes,
            Self::Hold(_)
            | Self::Release(_)
            | Self::Outcome(_)
            | Self::Control(_)
            | Self::External(_)
            | Self::Event(_) => 0,
        }
    }
}
