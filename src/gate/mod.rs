//! The whole story of a push. Knows all stages, holds none of their logic.

use crate::config::Config;
use crate::model::RepoName;
use crate::policy::{Policy, Principal};
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::sync::{Arc, RwLock};

/// Everything a running gate has.
pub struct Gate {
    pub config: Config,
    policy: RwLock<Arc<Policy>>,
}

/// Who is at the other end, proven.
#[derive(Debug, Clone)]
pub struct Session {
    pub principal: Principal,
    /// `SHA256:…` of the key that signed.
    pub key_fingerprint: String,
    pub peer: Option<SocketAddr>,
}

/// The versions of the git protocol a client may ask for with GIT_PROTOCOL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ProtocolVersion {
    #[default]
    V0,
    V1,
    V2,
}

impl Gate {
    /// The policy of this moment; a push keeps the one it started with.
    #[must_use]
    pub fn policy(&self) -> Arc<Policy> {
        Arc::clone(&self.policy.read().unwrap_or_else(std::sync::PoisonError::into_inner))
    }

    /// Serves `git-receive-pack '<repo>'`; blocking. Returns the exit status for the client.
    pub fn receive_pack(
        &self,
        _session: &Session,
        _repo: &RepoName,
        _version: ProtocolVersion,
        _input: &mut (dyn Read + Send),
        _output: &mut (dyn Write + Send),
    ) -> u32 {
        todo!()
    }

    /// Serves `git-upload-pack '<repo>'`; blocking. Returns the exit status for the client.
    pub fn upload_pack(
        &self,
        _session: &Session,
        _repo: &RepoName,
        _version: ProtocolVersion,
        _input: &mut (dyn Read + Send),
        _output: &mut (dyn Write + Send),
    ) -> u32 {
        todo!()
    }
}
