//! What people do to the gate itself: stop switches, and who may push.

use super::hold::Actor;
use super::word::{self, enum_word};
use crate::model::{PrincipalName, RepoName};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ControlEntry {
    pub time: Timestamp,
    #[serde(with = "word::one")]
    pub action: Control,
    #[serde(with = "word::optional", skip_serializing_if = "Option::is_none", default)]
    pub repo: Option<RepoName>,
    /// The principal it is about.
    #[serde(with = "word::optional", skip_serializing_if = "Option::is_none", default)]
    pub subject: Option<PrincipalName>,
    pub by: Actor,
    /// One line of visible text, may be empty.
    pub reason: String,
    /// When it ends by itself.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub until: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Control {
    /// No push to the repository is forwarded.
    Freeze,
    Thaw,
    /// The principal's key opens nothing any more.
    Revoke,
    Reinstate,
    /// The policy was changed by a verb.
    Policy,
}

enum_word!(pub Control {
    Freeze = "freeze",
    Thaw = "thaw",
    Revoke = "revoke",
    Reinstate = "reinstate",
    Policy = "policy",
});
