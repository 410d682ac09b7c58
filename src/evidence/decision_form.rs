//! The decision as a statement: our predicate, `https://<domain>/attestation/push-decision/v0.1`.
//!
//! A stable format. Absent values are left out, but for `old`, `new` and `refIndex`, which are null; lists are always
//! there.

use crate::evidence::decision::{Decision, Evaluation, History, Paths, PolicyMode, PolicyUsed};
use crate::evidence::digest::Sha256Digest;
use crate::evidence::dsse::Line;
use crate::evidence::key::GateKey;
use crate::evidence::spelling::{self, Seconds};
use crate::evidence::statement::{Statement, StatementError};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What every decision's predicate type ends in.
pub(super) const PREDICATE_PATH: &str = "/attestation/push-decision/v0.1";

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Predicate {
    decision_id: String,
    push_id: String,
    outcome: &'static str,
    resource_uri: String,
    #[serde(rename = "ref")]
    moved: Moved,
    #[serde(skip_serializing_if = "Option::is_none")]
    actor: Option<Actor>,
    #[serde(skip_serializing_if = "Option::is_none")]
    push_cert: Option<PushCert>,
    client_claims: BTreeMap<String, String>,
    policy: Policy,
    evaluations: Vec<Evaluated>,
    #[serde(skip_serializing_if = "Option::is_none")]
    changeset: Option<Changeset>,
    approvals: Vec<Approved>,
    previous: Previous,
    #[serde(skip_serializing_if = "Option::is_none")]
    record_sha256: Option<Sha256Digest>,
    times: Times,
    gate: Gate,
}

#[derive(Debug, Serialize)]
struct Moved {
    name: String,
    old: Option<String>,
    new: Option<String>,
    forced: bool,
    create: bool,
    delete: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Actor {
    id: String,
    kind: &'static str,
    key_fingerprint: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    on_behalf_of: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct PushCert {
    sha256: Sha256Digest,
    status: String,
    nonce_status: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Policy {
    #[serde(flatten)]
    named: NamedPolicy,
    #[serde(skip_serializing_if = "Option::is_none")]
    git_commit: Option<String>,
    mode: &'static str,
}

/// A policy as both predicates name it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct NamedPolicy {
    pub uri: String,
    pub digest: Named,
}

/// `{"sha256": …}`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Named {
    pub sha256: Sha256Digest,
}

impl From<&PolicyUsed> for NamedPolicy {
    fn from(policy: &PolicyUsed) -> Self {
        Self { uri: policy.uri.clone(), digest: Named { sha256: policy.digest } }
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Evaluated {
    rule_id: String,
    result: &'static str,
    paths: Vec<String>,
    /// In the place of the paths, if there are many.
    #[serde(skip_serializing_if = "Option::is_none")]
    paths_blob: Option<PathsBlob>,
    #[serde(skip_serializing_if = "Option::is_none")]
    evidence_sha256: Option<Sha256Digest>,
}

#[derive(Debug, Serialize)]
struct PathsBlob {
    sha256: Sha256Digest,
    count: u64,
}

#[derive(Debug, Serialize)]
struct Changeset {
    digest: Named,
    files: u64,
    added: u64,
    deleted: u64,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Approved {
    statement_sha256: Sha256Digest,
    approver: String,
    key_fingerprint: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Previous {
    ref_index: Option<u64>,
    repo_seq: u64,
}

#[derive(Debug, Serialize)]
struct Times {
    received: Seconds,
    decided: Seconds,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Gate {
    id: String,
    version: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    build_sha256: Option<Sha256Digest>,
}

impl Decision {
    /// The line that becomes the leaf of the log and, of an accepted push, a line of the note.
    pub fn sign(&self, key: &GateKey) -> Result<Line, StatementError> {
        self.statement().sign(key)
    }

    /// The statement's bytes, before they are signed.
    pub fn to_json(&self) -> Result<String, StatementError> {
        self.statement().to_json()
    }

    fn statement(&self) -> Statement<Predicate> {
        let predicate_type = format!("https://{}{PREDICATE_PATH}", self.gate.domain);
        Statement::new(&self.subject, predicate_type, self.predicate())
    }

    fn predicate(&self) -> Predicate {
        let claims = self.client_claims.iter();
        Predicate {
            decision_id: self.id.to_string(),
            push_id: self.push.to_string(),
            outcome: self.outcome.as_str(),
            resource_uri: self.resource.to_string(),
            moved: self.moved(),
            actor: self.actor.as_ref().map(|actor| Actor {
                id: actor.name.to_string(),
                kind: actor.kind.as_str(),
                key_fingerprint: actor.key_fingerprint.clone(),
                on_behalf_of: actor.on_behalf_of.as_ref().map(ToString::to_string),
            }),
            push_cert: self.push_cert.as_ref().map(|cert| PushCert {
                sha256: cert.digest,
                status: cert.status.clone(),
                nonce_status: cert.nonce_status.clone(),
            }),
            client_claims: claims
                .map(|(name, value)| (spelling::bytes(name.as_bytes()), spelling::bytes(value)))
                .collect(),
            policy: Policy {
                named: NamedPolicy::from(&self.policy),
                git_commit: self.policy.commit.map(spelling::object),
                mode: match self.policy.mode {
                    PolicyMode::Enforce => "enforce",
                    PolicyMode::Monitor => "monitor",
                },
            },
            evaluations: self.evaluations.iter().map(evaluated).collect(),
            changeset: self.changeset.map(|changes| Changeset {
                digest: Named { sha256: changes.digest },
                files: changes.files,
                added: changes.added_lines,
                deleted: changes.deleted_lines,
            }),
            approvals: self.approved(),
            previous: Previous { ref_index: self.previous.ref_index, repo_seq: self.previous.repo_seq },
            record_sha256: self.record,
            times: Times { received: Seconds::floor(self.received), decided: Seconds::floor(self.decided) },
            gate: Gate {
                id: self.gate.verifier_id.clone(),
                version: self.gate.version.clone(),
                build_sha256: self.gate.build,
            },
        }
    }

    fn moved(&self) -> Moved {
        Moved {
            name: spelling::ref_name(&self.subject.ref_name),
            old: self.update.old.map(spelling::object),
            new: self.update.new.map(spelling::object),
            forced: self.update.history == History::Rewound,
            create: self.update.old.is_none(),
            delete: self.update.new.is_none(),
        }
    }

    fn approved(&self) -> Vec<Approved> {
        let approved = self.approvals.iter().map(|approval| Approved {
            statement_sha256: approval.statement,
            approver: approval.approver.to_string(),
            key_fingerprint: approval.key_fingerprint.clone(),
        });
        approved.collect()
    }
}

fn evaluated(evaluation: &Evaluation) -> Evaluated {
    let (paths, paths_blob) = match &evaluation.paths {
        Paths::Listed(paths) => (paths.iter().map(|path| spelling::bytes(path)).collect(), None),
        Paths::Blob { digest, count } => (Vec::new(), Some(PathsBlob { sha256: *digest, count: *count })),
    };
    Evaluated {
        rule_id: evaluation.rule.clone(),
        result: evaluation.result.as_str(),
        paths,
        paths_blob,
        evidence_sha256: evaluation.evidence,
    }
}
