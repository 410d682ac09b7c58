//! What was decided on one ref update, as plain values. Its form as a statement is in `decision_form`.
//!
//! Never holds content, a matched secret or a message: rule ids, digests and paths only.

use crate::evidence::digest::Sha256Digest;
use crate::evidence::spelling::ResourceUri;
use crate::evidence::statement::Subject;
use crate::model::{ObjectId, PrincipalKind, PrincipalName, PushId};
use bstr::{BString, ByteSlice};
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::fmt;
use ulid::Ulid;

/// Names one decision. A push has one for each of its refs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DecisionId(Ulid);

impl DecisionId {
    #[must_use]
    pub fn generate() -> Self {
        Self(Ulid::generate())
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Ulid::from_string(text).ok().map(Self)
    }
}

impl fmt::Display for DecisionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A decision and all it rests on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    pub gate: Gate,
    pub id: DecisionId,
    pub push: PushId,
    pub outcome: Outcome,
    pub resource: ResourceUri,
    pub subject: Subject,
    pub update: UpdatedRef,
    /// Who pushed; `None` for what came to the upstream past the gate.
    pub actor: Option<Actor>,
    pub push_cert: Option<PushCert>,
    /// What the client said of itself. Nobody checked it.
    pub client_claims: BTreeMap<String, BString>,
    pub policy: PolicyUsed,
    pub evaluations: Vec<Evaluation>,
    pub changeset: Option<Changeset>,
    pub approvals: Vec<ApprovalDigest>,
    pub previous: Previous,
    /// Of the gate's own record of the push, which says more and is not published.
    pub record: Option<Sha256Digest>,
    pub received: Timestamp,
    pub decided: Timestamp,
}

impl Decision {
    /// The same, with less said of what the rules found: for a decision whose statement does not fit. `None`: there is no
    /// less to say.
    #[must_use]
    pub fn shorter(&self) -> Option<Self> {
        const RULES_LEAST: usize = 20;
        let mut shorter = self.clone();
        let is_listed = |one: &Evaluation| matches!(&one.paths, Paths::Listed(paths) if !paths.is_empty());
        if self.evaluations.iter().any(is_listed) {
            for evaluation in &mut shorter.evaluations {
                if let Paths::Listed(paths) = &evaluation.paths
                    && !paths.is_empty()
                {
                    evaluation.paths = Paths::named(paths);
                }
            }
        } else if self.evaluations.iter().any(|one| one.result == RuleResult::Pass) {
            shorter.evaluations.retain(|one| one.result != RuleResult::Pass);
        } else if self.evaluations.len() > RULES_LEAST {
            shorter.evaluations.truncate(RULES_LEAST);
        } else {
            return None;
        }
        Some(shorter)
    }
}

/// Which gate decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gate {
    /// The domain of our predicate types.
    pub domain: String,
    /// `verifier.id`: changes with the major version of the rules' engine.
    pub verifier_id: String,
    pub version: String,
    /// Of the program itself, where it is known.
    pub build: Option<Sha256Digest>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Accepted,
    Held,
    /// Was held, and forwarded with approvals.
    Approved,
    Rejected,
    Expired,
    /// The upstream's ref moved without the gate.
    ExternalUpdate,
}

impl Outcome {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Held => "held",
            Self::Approved => "approved",
            Self::Rejected => "rejected",
            Self::Expired => "expired",
            Self::ExternalUpdate => "external-update",
        }
    }
}

/// How the ref of the subject moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UpdatedRef {
    pub old: Option<ObjectId>,
    pub new: Option<ObjectId>,
    pub history: History,
}

/// Whether an update left commits of its ref behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum History {
    Kept,
    Rewound,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    pub name: PrincipalName,
    pub kind: PrincipalKind,
    /// `SHA256:…`
    pub key_fingerprint: String,
    /// Of an agent: its sponsor.
    pub on_behalf_of: Option<PrincipalName>,
}

/// What became of a push certificate (`git push --signed`); git's own words for the states.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushCert {
    pub digest: Sha256Digest,
    pub status: String,
    pub nonce_status: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyUsed {
    pub uri: String,
    pub digest: Sha256Digest,
    /// Of a policy that is kept in git.
    pub commit: Option<ObjectId>,
    pub mode: PolicyMode,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PolicyMode {
    Enforce,
    /// Decided and recorded, followed by nobody.
    Monitor,
}

/// What one rule had to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evaluation {
    pub rule: String,
    pub result: RuleResult,
    pub paths: Paths,
    /// Of what the rule saw, kept elsewhere.
    pub evidence: Option<Sha256Digest>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RuleResult {
    Pass,
    Warn,
    Hold,
    Refuse,
}

impl RuleResult {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Warn => "warn",
            Self::Hold => "hold",
            Self::Refuse => "refuse",
        }
    }
}

/// The paths a rule spoke of: here, or in a blob if there are many.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Paths {
    Listed(Vec<BString>),
    Blob { digest: Sha256Digest, count: u64 },
}

impl Paths {
    /// The most bytes of paths that a statement lists for one rule.
    pub const LISTED_BYTES_MAX: usize = 2048;

    /// Names the paths by their digest and number.
    #[must_use]
    pub fn named(paths: &[BString]) -> Self {
        let blob: Vec<u8> = paths.iter().flat_map(|path| [path.as_bytes(), &[0]].concat()).collect();
        Self::Blob { digest: Sha256Digest::of(&blob), count: paths.len() as u64 }
    }

    /// Lists the paths, or gives the blob to keep beside the statement: each path and a NUL, in the order given.
    #[must_use]
    pub fn new(paths: Vec<BString>) -> (Self, Option<Vec<u8>>) {
        let bytes: usize = paths.iter().map(|path| path.len() + 1).sum();
        if bytes <= Self::LISTED_BYTES_MAX {
            return (Self::Listed(paths), None);
        }
        let mut blob = Vec::with_capacity(bytes);
        for path in &paths {
            blob.extend_from_slice(path.as_bytes());
            blob.push(0);
        }
        let count = u64::try_from(paths.len()).unwrap_or(u64::MAX);
        (Self::Blob { digest: Sha256Digest::of(&blob), count }, Some(blob))
    }
}

/// What the update changes, old tip to new; see `changeset_digest`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Changeset {
    pub digest: Sha256Digest,
    pub files: u64,
    /// Of text of a moderate size.
    pub added_lines: u64,
    pub deleted_lines: u64,
}

/// An approval that counted, by the statement that the approver signed or the gate wrote down for them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApprovalDigest {
    pub statement: Sha256Digest,
    pub approver: PrincipalName,
    pub key_fingerprint: String,
}

/// Where the chain of decisions goes on from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Previous {
    /// The log's leaf of the last decision on this ref; `None` for the first.
    pub ref_index: Option<u64>,
    /// Counts the decisions of this repository, from 1, so that its owner sees gaps.
    pub repo_seq: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_paths_go_to_a_blob() {
        let one = |n: usize| vec![BString::from("x".repeat(n))];
        let (listed, blob) = Paths::new(one(Paths::LISTED_BYTES_MAX - 1));
        assert!(matches!(listed, Paths::Listed(_)) && blob.is_none());
        let (named, blob) = Paths::new(one(Paths::LISTED_BYTES_MAX));
        let blob = blob.expect("a blob");
        assert_eq!(blob.last(), Some(&0));
        assert_eq!(named, Paths::Blob { digest: Sha256Digest::of(&blob), count: 1 });
    }

    #[test]
    fn a_decision_id_is_a_ulid() {
        let id = DecisionId::generate();
        assert_eq!(DecisionId::parse(&id.to_string()), Some(id));
        assert_eq!(DecisionId::parse("x"), None);
    }
}
