//! How a gate calls itself in what it signs, from its domain alone.

use crate::evidence::keys::{KeyPurpose, Keys};
use crate::evidence::trust::{Trust, TrustedLog, TrustedVerifier};
use crate::evidence::{AllowedSigner, ResourceUri};
use crate::model::RepoName;
use std::collections::BTreeMap;

/// The version of the rules' engine that `verifier.id` states: consumers pin it together with the key.
const ENGINE_VERSION: u32 = 0;

/// The gate of a domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    domain: String,
}

impl Identity {
    #[must_use]
    pub fn new(domain: &str) -> Self {
        Self { domain: domain.to_owned() }
    }

    #[must_use]
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// `verifier.id` of its statements.
    #[must_use]
    pub fn verifier_id(&self) -> String {
        format!("https://{}/refgate/v{ENGINE_VERSION}", self.domain)
    }

    /// The origin of its log: a new key of the log begins a new epoch, from 1.
    #[must_use]
    pub fn log_origin(&self, epoch: usize) -> String {
        format!("{}/log/{epoch}", self.domain)
    }

    /// The address in its commits.
    #[must_use]
    pub fn email(&self) -> String {
        format!("refgate@{}", self.domain)
    }

    /// What others are to believe of it. `log` is the tlog-policy of its log.
    #[must_use]
    pub fn trust(&self, keys: &Keys, repos: BTreeMap<RepoName, ResourceUri>, log: Option<TrustedLog>) -> Trust {
        let id = self.verifier_id();
        let verifiers = keys.published(KeyPurpose::Statements);
        let signers = keys.published(KeyPurpose::Notes);
        Trust {
            verifiers: verifiers.iter().map(|key| TrustedVerifier::new(&id, key)).collect(),
            repos,
            allowed_signers: signers.iter().map(|key| AllowedSigner::of_notes(&self.email(), key)).collect(),
            log,
        }
    }
}
