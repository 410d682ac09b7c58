//! The entries of a held push: what people do about it, and the second judgement before it is forwarded.

use super::entry::{FindingEntry, Mode, UpdateEntry, Verdict};
use super::word::{self, enum_word};
use crate::model::{PrincipalKind, PrincipalName, PushId, RepoName};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Who did something to a push that is not, or not only, its pusher's business.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    #[serde(with = "word::one")]
    pub principal: PrincipalName,
    #[serde(with = "word::one")]
    pub kind: PrincipalKind,
    /// `SHA256:…` of the key that proved it.
    pub key: String,
}

/// Something that happened to a held push after it was held.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HoldEntry {
    #[serde(with = "word::one")]
    pub push: PushId,
    pub time: Timestamp,
    #[serde(with = "word::one")]
    pub repo: RepoName,
    /// Whose push it is.
    #[serde(with = "word::one")]
    pub principal: PrincipalName,
    #[serde(with = "word::one")]
    pub step: HoldStep,
    /// `None`: the gate itself.
    pub by: Option<Actor>,
    /// SHA-256 of the policy in force.
    pub policy: String,
    pub updates: Vec<UpdateEntry>,
    /// What was said of it; one line of visible text, may be empty.
    pub reason: String,
    /// Of an approval: until when it counts.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub until: Option<Timestamp>,
    /// Of a push that took this one's place.
    #[serde(with = "word::optional", skip_serializing_if = "Option::is_none", default)]
    pub replaced_by: Option<PushId>,
    /// Of an approval that proves itself: the statement and its SSH signature, as they came.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub signed: Option<Signed>,
}

/// A text and the armored signature over it (`ssh-keygen -Y sign`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signed {
    pub statement: String,
    pub signature: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HoldStep {
    Approve,
    Reject,
    /// By its pusher.
    Withdraw,
    /// By a newer push of the same principal to the same ref.
    Supersede,
    Expire,
    /// Its pusher was revoked.
    Revoke,
}

enum_word!(pub HoldStep {
    Approve = "approve",
    Reject = "reject",
    Withdraw = "withdraw",
    Supersede = "supersede",
    Expire = "expire",
    Revoke = "revoke",
});

/// The second judgement, with approvals, of a held push. Written before the upstream hears of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReleaseEntry {
    #[serde(with = "word::one")]
    pub push: PushId,
    pub time: Timestamp,
    #[serde(with = "word::one")]
    pub repo: RepoName,
    #[serde(with = "word::one")]
    pub principal: PrincipalName,
    pub policy: String,
    #[serde(with = "word::one")]
    pub mode: Mode,
    pub updates: Vec<UpdateEntry>,
    /// `accept` or `refuse`; a push that still lacks approvals is not judged for the record.
    #[serde(with = "word::one")]
    pub decision: Verdict,
    pub findings: Vec<FindingEntry>,
    pub more_findings: u64,
    pub approvals: Vec<ApprovalRef>,
}

/// An approval that counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovalRef {
    #[serde(with = "word::one")]
    pub by: PrincipalName,
    pub key: String,
    pub time: Timestamp,
    /// Whether it proves itself by a signature.
    pub signed: bool,
}
