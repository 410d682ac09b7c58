//! The SLSA verification summary of an accepted decision: <https://slsa.dev/verification_summary/v1>.
//!
//! There is no way to build one that says FAILED, nor one for a decision that did not let the push through: refusals
//! are decisions in the log.

use crate::evidence::decision::{Decision, Outcome, PolicyMode};
use crate::evidence::decision_form::{Named, NamedPolicy};
use crate::evidence::dsse::Line;
use crate::evidence::key::GateKey;
use crate::evidence::levels::{RefControls, levels};
use crate::evidence::spelling::Seconds;
use crate::evidence::statement::{Statement, StatementError};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

pub(super) const PREDICATE_TYPE: &str = "https://slsa.dev/verification_summary/v1";
pub(super) const PASSED: &str = "PASSED";

/// Why a decision has no summary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoSummary {
    #[error("the push was not let through")]
    NotAccepted,
    #[error("the policy was only observed, not enforced")]
    Monitored,
    #[error("the ref was deleted: there is no revision to speak of")]
    Deleted,
    #[error("the commit's tree is not known")]
    NoTree,
    #[error("the line is not the statement of this decision")]
    OtherLine,
}

/// A summary that says PASSED.
#[derive(Debug, Clone)]
pub struct Summary(Statement<Predicate>);

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Predicate {
    pub verifier: Verifier,
    pub time_verified: Seconds,
    pub resource_uri: String,
    pub policy: NamedPolicy,
    pub input_attestations: Vec<Input>,
    pub verification_result: String,
    pub verified_levels: Vec<String>,
    #[serde(default)]
    pub slsa_version: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Verifier {
    pub id: String,
    #[serde(default)]
    pub version: BTreeMap<String, String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Input {
    pub digest: Named,
}

impl Summary {
    /// The summary of a decision and its signed line. Names all inputs: the line, and the approvals.
    pub fn new(decision: &Decision, line: &Line, controls: RefControls) -> Result<Self, NoSummary> {
        match decision.outcome {
            Outcome::Accepted | Outcome::Approved => {}
            Outcome::Held | Outcome::Rejected | Outcome::Expired | Outcome::ExternalUpdate => {
                return Err(NoSummary::NotAccepted);
            }
        }
        if decision.policy.mode == PolicyMode::Monitor {
            return Err(NoSummary::Monitored);
        }
        if decision.update.new.is_none() {
            return Err(NoSummary::Deleted);
        }
        if decision.subject.tree.is_none() {
            return Err(NoSummary::NoTree);
        }
        if decision.to_json().ok().is_none_or(|json| line.payload() != json.as_bytes()) {
            return Err(NoSummary::OtherLine);
        }
        let inputs = std::iter::once(line.digest()).chain(decision.approvals.iter().map(|approval| approval.statement));
        let version = BTreeMap::from([("refgate".to_owned(), decision.gate.version.clone())]);
        let predicate = Predicate {
            verifier: Verifier { id: decision.gate.verifier_id.clone(), version },
            time_verified: Seconds::floor(decision.decided),
            resource_uri: decision.resource.to_string(),
            policy: NamedPolicy::from(&decision.policy),
            input_attestations: inputs.map(|sha256| Input { digest: Named { sha256 } }).collect(),
            verification_result: PASSED.to_owned(),
            verified_levels: levels(decision, controls),
            slsa_version: "1.2".to_owned(),
        };
        Ok(Self(Statement::new(&decision.subject, PREDICATE_TYPE.to_owned(), predicate)))
    }

    pub fn sign(&self, key: &GateKey) -> Result<Line, StatementError> {
        self.0.sign(key)
    }

    /// The statement's bytes, before they are signed.
    pub fn to_json(&self) -> Result<String, StatementError> {
        self.0.to_json()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::levels::{Continuity, RefHistory};
    use crate::evidence::testing;

    const KEPT: RefControls = RefControls { continuity: Continuity::Unbroken, history: RefHistory::Protected };

    fn summary(decision: &Decision) -> Result<Summary, NoSummary> {
        Summary::new(decision, &decision.sign(&testing::key(1)).expect("a line"), KEPT)
    }

    #[test]
    fn the_decision_is_the_golden_statement() {
        let json = testing::decision().to_json().expect("JSON");
        assert_eq!(json, include_str!("golden/decision.json").trim_end());
    }

    #[test]
    fn the_summary_is_the_golden_statement() {
        let json = summary(&testing::decision()).expect("a summary").to_json().expect("JSON");
        assert_eq!(json, include_str!("golden/summary.json").trim_end());
    }

    #[test]
    fn only_what_was_let_through_has_a_summary() {
        for outcome in [Outcome::Accepted, Outcome::Approved] {
            assert!(summary(&Decision { outcome, ..testing::decision() }).is_ok());
        }
        for outcome in [Outcome::Held, Outcome::Rejected, Outcome::Expired, Outcome::ExternalUpdate] {
            let refused = summary(&Decision { outcome, ..testing::decision() });
            assert_eq!(refused.err(), Some(NoSummary::NotAccepted));
        }
        let mut decision = testing::decision();
        decision.policy.mode = PolicyMode::Monitor;
        assert_eq!(summary(&decision).err(), Some(NoSummary::Monitored));
        let mut decision = testing::decision();
        decision.update.new = None;
        assert_eq!(summary(&decision).err(), Some(NoSummary::Deleted));
        let mut decision = testing::decision();
        decision.subject.tree = None;
        assert_eq!(summary(&decision).err(), Some(NoSummary::NoTree));
        let other = Decision { outcome: Outcome::Approved, ..testing::decision() };
        let line = other.sign(&testing::key(1)).expect("a line");
        assert_eq!(Summary::new(&testing::decision(), &line, KEPT).err(), Some(NoSummary::OtherLine));
    }

    #[test]
    fn a_leaf_too_large_is_not_built() {
        let mut decision = testing::decision();
        let long = decision.evaluations[0].clone();
        decision.evaluations = vec![long; 2000];
        let error = decision.sign(&testing::key(1)).expect_err("too long");
        assert_eq!(error, StatementError::Envelope(crate::evidence::EnvelopeError::TooLong));
    }
}
