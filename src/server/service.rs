//! What the server needs of the gate. A trait so that the server can be tested with real clients and without one.

use crate::gate::{Gate, ProtocolVersion, Session};
use crate::model::{Limits, PrincipalKind, PrincipalName, RepoName};
use crate::observe::ConnectionOpen;
use crate::policy::Principal;
use crate::review::{Event, Terminal};
use crate::verbs::text::Paper;
use crate::verbs::{self, Said};
use russh::keys::PublicKey;
use std::io::{Read, Write};
use std::sync::mpsc::Receiver;

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

    /// What a client that asks for a shell reads.
    fn greeting(&self, principal: &Principal) -> String;

    /// Takes note of a session, which `end` ends; the number is for [`Self::session_ended`].
    fn session_begun(&self, _name: PrincipalName, _end: Box<dyn Fn() + Send + Sync>) -> u64 {
        0
    }

    fn session_ended(&self, _number: u64) {}

    /// Answers a verb; blocking.
    fn verb(
        &self,
        session: &Session,
        request: &verbs::Request,
        paper: Paper,
        input: &mut (dyn Read + Send),
        output: &mut (dyn Write + Send),
    ) -> Said;

    /// The full-screen reviewer; blocking.
    fn review(
        &self,
        _session: &Session,
        _terminal: Terminal,
        _events: &Receiver<Event>,
        _output: &mut (dyn Write + Send),
    ) -> Said {
        Said { stderr: "refgate: there is nothing to review here\n".to_owned(), status: 1 }
    }

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
        self.policy().principal_by_key(key).filter(|principal| !self.is_revoked(&principal.name)).cloned()
    }

    fn principal_by_certificate(&self, principals: &[String]) -> Option<Principal> {
        let policy = self.policy();
        policy.principal_by_certificate(principals).filter(|principal| !self.is_revoked(&principal.name)).cloned()
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

    fn greeting(&self, principal: &Principal) -> String {
        verbs::overview(&principal.name, self.address(), principal.kind == PrincipalKind::Human)
    }

    fn session_begun(&self, name: PrincipalName, end: Box<dyn Fn() + Send + Sync>) -> u64 {
        self.sessions.begin(name, end)
    }

    fn session_ended(&self, number: u64) {
        self.sessions.end(number);
    }

    fn verb(
        &self,
        session: &Session,
        request: &verbs::Request,
        paper: Paper,
        input: &mut (dyn Read + Send),
        output: &mut (dyn Write + Send),
    ) -> Said {
        verbs::run(&request.verb, verbs::Scene { gate: self, session, form: request.form, paper, input, output })
    }

    fn review(
        &self,
        session: &Session,
        terminal: Terminal,
        events: &Receiver<Event>,
        output: &mut (dyn Write + Send),
    ) -> Said {
        verbs::review(self, session, terminal, events, output)
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
