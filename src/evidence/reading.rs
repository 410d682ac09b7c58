//! A decision as a verifier reads it: the fields it checks or shows. Others may be there; later versions will have more.

use crate::evidence::decision_form::{Named, NamedPolicy};
use crate::evidence::digest::Sha256Digest;
use crate::evidence::dsse::Envelope;
use crate::evidence::key::PublicKey;
use crate::evidence::spelling::Seconds;
use crate::evidence::statement::{self, Statement};
use crate::model::ObjectId;
use serde::Deserialize;
use std::collections::HashMap;

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

/// What a line of ours is about: a decision, or the summary that names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    /// Who pushed; of what moved past the gate, nobody.
    pub actor: String,
    /// As statements spell it.
    pub ref_name: String,
    pub outcome: String,
    /// In seconds since 1970.
    pub time_s: i64,
}

/// Reads the lines of a note. Those say nothing that none of these keys has signed, and summaries of other decisions.
#[must_use]
pub fn about(lines: &[&[u8]], keys: &[PublicKey]) -> Vec<Option<About>> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Said {
        outcome: Option<String>,
        times: Option<TimesRead>,
        actor: Option<ActorRead>,
        #[serde(default)]
        input_attestations: Vec<Input>,
    }
    #[derive(Deserialize)]
    struct Input {
        digest: Named,
    }
    let read = |line: &&[u8]| {
        let envelope = Envelope::parse(line).ok()?;
        let is_ours = keys.iter().any(|key| envelope.is_signed_by(key));
        statement::parse::<Said>(envelope.payload()).filter(|_| is_ours)
    };
    let read: Vec<Option<Statement<Said>>> = lines.iter().map(read).collect();
    let decision = |statement: &Statement<Said>| {
        let Said { outcome, times, actor, .. } = &statement.predicate;
        Some(About {
            actor: actor.as_ref().map(|actor| actor.id.clone()).unwrap_or_default(),
            ref_name: statement.subject.first()?.annotations.source_refs.first()?.clone(),
            outcome: outcome.clone()?,
            time_s: times.as_ref()?.decided.timestamp().as_second(),
        })
    };
    let own: Vec<Sha256Digest> = lines.iter().map(|line| Sha256Digest::of(line)).collect();
    let decided = own.iter().zip(&read).filter_map(|(own, statement)| Some((*own, decision(statement.as_ref()?)?)));
    let decisions: HashMap<Sha256Digest, About> = decided.collect();
    let of = |(own, statement): (&Sha256Digest, &Option<Statement<Said>>)| {
        let inputs = statement.as_ref()?.predicate.input_attestations.iter().map(|input| input.digest.sha256);
        inputs.chain([*own]).find_map(|digest| decisions.get(&digest).cloned())
    };
    own.iter().zip(&read).map(of).collect()
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
