//! What the server needs of the gate. A trait so that the server can be tested with real clients and without one.

use crate::gate::{Gate, ProtocolVersion, Session};
use crate::model::{Limits, RepoName};
use crate::observe::ConnectionOpen;
use crate::policy::Principal;
use russh::keys::PublicKey;
use std::io::{Read, Write};

/// The gate as the server sees it. Every answer is of this moment: a reload of the policy shows at the next question.
pub trait Service: Send + Sync + 'static {
    fn limits(&self) -> &Limits;

    /// Keys of the CAs whose user certificates are taken.
    fn user_ca(&self) -> &[PublicKey];

    fn principal_by_key(&self, key: &PublicKey) -> Option<Principal>;

    fn principal_by_certificate(&self, principals: &[String]) -> Option<Principal>;

    /// Whether the repository exists and the principal may know of it.
    fn may_see_repo(&self, principal: &Principal, repo: &RepoName) -> bool;

    /// Counts a connection until the value is dropped.
    fn count_connection(&self) -> Option<ConnectionOpen> {
        None
    }

    fn count_auth_failure(&self) {}

    /// Blocking; returns the exit status.
    fn receive_pack(
        &self,
        session: &Session,
        repo: &RepoName,
        version: ProtocolVersion,
        input: &mut (dyn Read + Send),
        output: &mut (dyn Write + Send),
    ) -> u32;

    /// Blocking; returns the exit status.
    fn upload_pack(
        &self,
        session: &Session,
        repo: &RepoName,
        version: ProtocolVersion,
        input: &mut (dyn Read + Send),
        output: &mut (dyn Write + Send),
    ) -> u32;
}

impl Service for Gate {
    fn limits(&self) -> &Limits {
        &self.config.limits
    }

    fn user_ca(&self) -> &[PublicKey] {
        &self.config.user_ca
    }

    fn principal_by_key(&self, key: &PublicKey) -> Option<Principal> {
        self.policy().principal_by_key(key).cloned()
    }

    fn principal_by_certificate(&self, principals: &[String]) -> Option<Principal> {
        self.policy().principal_by_certificate(principals).cloned()
    }

    fn may_see_repo(&self, principal: &Principal, repo: &RepoName) -> bool {
        // Both are asked, so that an unknown and a forbidden repository cost the same.
        let allowed = self.policy().may_see_repo(principal, repo, jiff::Timestamp::now());
        self.config.repos.contains_key(repo) && allowed
    }

    fn count_connection(&self) -> Option<ConnectionOpen> {
        Some(self.metrics.connection())
    }

    fn count_auth_failure(&self) {
        self.metrics.auth_failure();
    }

    fn receive_pack(
        &self,
        session: &Session,
        repo: &RepoName,
        version: ProtocolVersion,
        input: &mut (dyn Read + Send),
        output: &mut (dyn Write + Send),
    ) -> u32 {
        Gate::receive_pack(self, session, repo, version, input, output)
    }

    fn upload_pack(
        &self,
        session: &Session,
        repo: &RepoName,
        version: ProtocolVersion,
        input: &mut (dyn Read + Send),
        output: &mut (dyn Write + Send),
    ) -> u32 {
        Gate::upload_pack(self, session, repo, version, input, output)
    }
}
