//! The admin's policy: facts in, findings out. No file, clock, network, async or log here.

use crate::model::{
    Effect, Finding, Needs, PrincipalKind, PrincipalName, PushFacts, RefName, RefUpdate, RepoName, Usage,
};
use crate::strict::Problems;

/// A compiled policy. Immutable; swapped as a whole.
#[derive(Debug)]
pub struct Policy {}

/// Who may act, as the policy knows them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    pub name: PrincipalName,
    pub kind: PrincipalKind,
    /// The human who answers for an agent.
    pub sponsor: Option<PrincipalName>,
}

/// Everything one judgement depends on.
#[derive(Debug, Clone, Copy)]
pub struct Case<'a> {
    pub principal: &'a Principal,
    pub repo: &'a RepoName,
    pub facts: &'a PushFacts,
    /// Findings that earlier stages made (bad objects); they count like the rules' own.
    pub findings: &'a [Finding],
    pub usage: &'a Usage,
    pub now: jiff::Timestamp,
    pub findings_max: usize,
}

/// What the policy says of a push.
#[must_use]
#[derive(Debug)]
pub struct Judgement {
    /// Strongest first, then in the order of commits and paths; at most `findings_max`.
    pub findings: Vec<Finding>,
    /// How many more there are than `findings` holds.
    pub more_findings: usize,
    pub decision: Decision,
}

#[must_use]
#[derive(Debug)]
pub enum Decision {
    Accept(Approval),
    Hold,
    Refuse,
}

impl Decision {
    /// The word in the record and in the JSON line.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Accept(_) => "accept",
            Self::Hold => "hold",
            Self::Refuse => "refuse",
        }
    }
}

/// The key to the upstream: only a judgement makes one, and the refs to move come from it.
#[derive(Debug)]
pub struct Approval {
    repo: RepoName,
    updates: Vec<RefUpdate>,
}

impl Approval {
    #[must_use]
    pub fn repo(&self) -> &RepoName {
        &self.repo
    }

    #[must_use]
    pub fn updates(&self) -> &[RefUpdate] {
        &self.updates
    }
}

impl Policy {
    pub fn parse(_file: &str, _text: &str) -> Result<Self, Problems> {
        todo!()
    }

    /// SHA-256 of the document's text, in hex.
    #[must_use]
    pub fn digest(&self) -> &str {
        todo!()
    }

    #[must_use]
    pub fn principal(&self, _name: &PrincipalName) -> Option<&Principal> {
        todo!()
    }

    #[must_use]
    pub fn principal_by_key(&self, _key: &ssh_key::PublicKey) -> Option<&Principal> {
        todo!()
    }

    /// The one principal whose `principals = [...]` shares a name with the certificate's; none if two do.
    #[must_use]
    pub fn principal_by_certificate(&self, _principals: &[String]) -> Option<&Principal> {
        todo!()
    }

    /// Whether any grant gives this principal anything in this repository.
    #[must_use]
    pub fn may_see_repo(&self, _principal: &Principal, _repo: &RepoName) -> bool {
        todo!()
    }

    /// Whether the principal may fetch this ref, and see it in an advertisement.
    #[must_use]
    pub fn may_read(&self, _principal: &Principal, _repo: &RepoName, _ref_name: &RefName) -> bool {
        todo!()
    }

    /// A key that is equal for two refs if and only if the same grants and rules apply to both.
    #[must_use]
    pub fn scope(&self, _principal: &Principal, _repo: &RepoName, _ref_name: &RefName) -> u64 {
        todo!()
    }

    /// Whether some grant lets some agent write this ref: then its tip is not trusted.
    #[must_use]
    pub fn agent_may_write(&self, _repo: &RepoName, _ref_name: &RefName) -> bool {
        todo!()
    }

    #[must_use]
    pub fn needs(&self, _repo: &RepoName) -> Needs {
        todo!()
    }

    pub fn judge(&self, case: &Case<'_>) -> Judgement {
        let _ = (case, Effect::Warn);
        todo!()
    }
}
