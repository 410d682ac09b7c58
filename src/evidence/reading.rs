//! A decision as a verifier reads it: the fields it checks or shows. Others may be there; later versions will have more.

use crate::evidence::decision::Outcome;
use crate::evidence::decision_form::NamedPolicy;
use crate::evidence::digest::Sha256Digest;
use crate::evidence::dsse::Envelope;
use crate::evidence::key::PublicKey;
use crate::evidence::spelling::Seconds;
use crate::evidence::statement;
use crate::model::ObjectId;
use serde::Deserialize;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DecisionRead {
    pub decision_id: String,
    pub push_id: String,
    pub outcome: String,
    pub resource_uri: String,
    #[serde(rename = "ref")]
    pub moved: MovedRead,
    pub actor: Option<ActorRead>,
    pub policy: PolicyRead,
    pub approvals: Vec<ApprovedRead>,
    pub previous: PreviousRead,
    pub times: TimesRead,
    pub gate: GateRead,
}

#[derive(Debug, Deserialize)]
pub(super) struct MovedRead {
    pub name: String,
    pub old: Option<String>,
    pub new: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct ActorRead {
    pub id: String,
    pub kind: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct PolicyRead {
    #[serde(flatten)]
    pub named: NamedPolicy,
    pub mode: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ApprovedRead {
    pub statement_sha256: Sha256Digest,
    pub approver: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PreviousRead {
    pub ref_index: Option<u64>,
    pub repo_seq: u64,
}

#[derive(Debug, Deserialize)]
pub(super) struct TimesRead {
    pub decided: Seconds,
}

#[derive(Debug, Deserialize)]
pub(super) struct GateRead {
    pub id: String,
}

/// What a line of ours is about, whatever kind of statement it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    /// As statements spell it.
    pub ref_name: String,
    pub is_external: bool,
    /// In seconds since 1970.
    pub time_s: i64,
}

/// Reads a line that one of these keys has signed.
#[must_use]
pub fn about(line: &[u8], keys: &[PublicKey]) -> Option<About> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Said {
        outcome: Option<String>,
        times: Option<TimesRead>,
        time_verified: Option<Seconds>,
    }
    let envelope = Envelope::parse(line).ok()?;
    if !keys.iter().any(|key| envelope.is_signed_by(key)) {
        return None;
    }
    let statement = statement::parse::<Said>(envelope.payload())?;
    let ref_name = statement.subject.first()?.annotations.source_refs.first()?.clone();
    let Said { outcome, times, time_verified } = statement.predicate;
    let time = times.map(|times| times.decided).or(time_verified)?;
    let is_external = outcome.is_some_and(|outcome| outcome == Outcome::ExternalUpdate.as_str());
    Some(About { ref_name, is_external, time_s: time.timestamp().as_second() })
}

/// Of a decision's line: the digest of the record that it is bound to. Nothing else of it is looked at.
#[must_use]
pub fn record_of(line: &[u8]) -> Option<Sha256Digest> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Bound {
        record_sha256: Sha256Digest,
    }
    let envelope = Envelope::parse(line).ok()?;
    statement::parse::<Bound>(envelope.payload()).map(|statement| statement.predicate.record_sha256)
}

/// Of a decision's line: what its ref went on from. `None`: it was not there, or the line is no decision.
#[must_use]
pub fn old_of(line: &[u8]) -> Option<ObjectId> {
    #[derive(Deserialize)]
    struct Moves {
        #[serde(rename = "ref")]
        moved: From,
    }
    #[derive(Deserialize)]
    struct From {
        old: Option<String>,
    }
    let envelope = Envelope::parse(line).ok()?;
    let old = statement::parse::<Moves>(envelope.payload())?.predicate.moved.old?;
    ObjectId::from_hex(old.as_bytes()).ok()
}
