//! One decision as a link of a chain: who signed it is checked, and what it is about; not what it decided.

use crate::evidence::broken::Broken;
use crate::evidence::decision::Outcome;
use crate::evidence::decision_form::PREDICATE_PATH;
use crate::evidence::digest::Sha256Digest;
use crate::evidence::dsse::Envelope;
use crate::evidence::reading::DecisionRead;
use crate::evidence::spelling::{self, ResourceUri};
use crate::evidence::statement::{self, Statement};
use crate::evidence::trust::Trust;
use crate::model::{ObjectId, RefName};

/// A decision on a ref, signed by a key that was trusted at its time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    pub outcome: String,
    pub mode: String,
    pub old: Option<ObjectId>,
    pub new: Option<ObjectId>,
    /// What a tag stands for.
    pub commit: Option<ObjectId>,
    pub ref_index: Option<u64>,
    /// Counts the decisions on the repository.
    pub repo_seq: u64,
    pub policy: Sha256Digest,
}

impl Link {
    /// `None`: the line is something else, of another ref or repository, or not signed by a key that is trusted.
    #[must_use]
    pub fn read(trust: &Trust, line: &[u8], resource: &ResourceUri, ref_name: &RefName) -> Option<Self> {
        let envelope = Envelope::parse(line).ok()?;
        let verifier = trust.verifiers.iter().find(|verifier| envelope.is_signed_by(&verifier.key))?;
        let decision: Statement<DecisionRead> = statement::parse(envelope.payload())?;
        let is_decision = decision.predicate_type.strip_prefix("https://")?.ends_with(PREDICATE_PATH);
        let [subject] = decision.subject.as_slice() else { return None };
        let said = decision.predicate;
        let is_trusted = said.gate.id == verifier.id && verifier.is_valid_at(said.times.decided.timestamp());
        let is_of_ref = said.resource_uri == resource.as_str() && said.moved.name == spelling::ref_name(ref_name);
        if !(is_decision && is_trusted && is_of_ref) {
            return None;
        }
        Some(Self {
            old: id(said.moved.old.as_ref())?,
            new: id(said.moved.new.as_ref())?,
            commit: id(subject.digest.git_commit.as_ref())?,
            outcome: said.outcome,
            mode: said.policy.mode,
            ref_index: said.previous.ref_index,
            repo_seq: said.previous.repo_seq,
            policy: said.policy.named.digest.sha256,
        })
    }

    /// Whether the decision let the ref come to where it is now.
    pub fn let_through(&self) -> Result<(), Broken> {
        let is = |outcome: Outcome| self.outcome == outcome.as_str();
        if is(Outcome::ExternalUpdate) {
            return Err(Broken::ExternalUpdate(self.new));
        }
        if !is(Outcome::Accepted) && !is(Outcome::Approved) {
            return Err(Broken::NotAccepted(self.new, self.outcome.clone()));
        }
        if self.mode != "enforce" {
            return Err(Broken::NotAccepted(self.new, "the policy was not enforced".to_owned()));
        }
        Ok(())
    }
}

/// An id, or that there is none; the outer `None`: it is no id.
fn id(hex: Option<&String>) -> Option<Option<ObjectId>> {
    match hex {
        None => Some(None),
        Some(hex) => ObjectId::from_hex(hex.as_bytes()).ok().map(Some),
    }
}
