//! What one client may do on one SSH connection: russh's callbacks. Everything not answered here is refused by russh.
//!
//! Identity is set in `auth_publickey` and `auth_openssh_certificate` only, which russh calls after it has verified the
//! signature. The user name of the SSH login decides nothing.

use super::connection::{Connection, Credential};
use super::exec::{self, Request};
use super::terminal::Terminal;
use super::{CHANNELS_MAX, protocol};
use crate::gate::ProtocolVersion;
use crate::policy::Principal;
use russh::keys::ssh_key::{Algorithm, HashAlg};
use russh::keys::{Certificate, PublicKey};
use russh::server::{Auth, ChannelOpenHandle, Handler, Msg, PublicKeyOffer, Session, VerifiedPublicKey};
use russh::{Channel, ChannelId, ChannelOpenFailure, Disconnect, Error};
use std::collections::HashMap;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

pub struct SshHandler {
    connection: Arc<Connection>,
    /// Who signed; `None` until a signature is verified.
    credential: Option<Credential>,
    offers: usize,
    channels: HashMap<ChannelId, OpenChannel>,
}

struct OpenChannel {
    /// Taken by the one request that runs something.
    channel: Option<Channel<Msg>>,
    version: ProtocolVersion,
    terminal: Option<Terminal>,
    closed: CancellationToken,
}

impl SshHandler {
    #[must_use]
    pub fn new(connection: Arc<Connection>) -> Self {
        Self { connection, credential: None, offers: 0, channels: HashMap::new() }
    }

    /// Whether one more key may be tried. russh counts rejections; keys that are known but never signed with count too.
    fn may_try(&mut self) -> bool {
        self.offers = self.offers.saturating_add(1);
        self.offers <= self.connection.service.limits().auth_tries_max
    }

    fn decide(&mut self, credential: Credential) -> Auth {
        match self.connection.authenticate(&credential) {
            Ok(principal) => {
                debug!(parent: &self.connection.span, principal = %principal.name, "authenticated");
                self.credential = Some(credential);
                Auth::Accept
            }
            Err(reason) => {
                let key = credential.fingerprint();
                warn!(parent: &self.connection.span, %key, %reason, "authentication refused");
                self.connection.service.count_auth_failure();
                self.credential = None;
                Auth::reject()
            }
        }
    }

    /// Asks the policy of this moment again who this is: a principal or key that was revoked since gets no further.
    fn principal_now(&self) -> Option<(Principal, String)> {
        let credential = self.credential.as_ref()?;
        let principal = self.connection.authenticate(credential).ok()?;
        (self.connection.principal_name() == Some(&principal.name)).then(|| (principal, credential.fingerprint()))
    }

    fn start(&mut self, id: ChannelId, request: Request, session: &mut Session) -> Result<(), Error> {
        let taken = self.channels.get_mut(&id).and_then(|open| {
            let channel = open.channel.take()?;
            Some((channel, open.version, open.terminal.clone(), open.closed.clone()))
        });
        let Some((channel, version, terminal, closed)) = taken else {
            return session.channel_failure(id);
        };
        session.channel_success(id)?;
        let caller = self.principal_now();
        let connection = Arc::clone(&self.connection);
        let run = exec::run(
            exec::Exec { running: connection.exec_starts(), connection, caller, request, version, terminal, closed },
            channel,
        );
        self.connection.tasks.spawn(run);
        Ok(())
    }
}

impl Handler for SshHandler {
    type Error = Error;

    async fn auth_publickey_offered(&mut self, _user: &str, offer: PublicKeyOffer<'_>) -> Result<Auth, Error> {
        let key = offer.public_key;
        let refused = |reason: &str| {
            let key = key.fingerprint(HashAlg::Sha256);
            warn!(parent: &self.connection.span, %key, reason, "authentication refused");
            Ok(Auth::reject())
        };
        if is_sha1(offer.algorithm) {
            return refused("the signature would use SHA-1");
        }
        // A certificate cannot be told from its key here; with a CA configured each key may be one.
        let service = &self.connection.service;
        if service.user_ca().is_empty() && service.principal_by_key(key).is_none() {
            let refused = refused("unknown key");
            self.may_try();
            return refused;
        }
        Ok(if self.may_try() { Auth::Accept } else { Auth::reject() })
    }

    async fn auth_publickey(&mut self, _user: &str, key: VerifiedPublicKey<'_>) -> Result<Auth, Error> {
        if is_sha1(key.algorithm) {
            return Ok(Auth::reject());
        }
        Ok(self.decide(Credential::Key(Box::new(PublicKey::from(key.public_key.key_data().clone())))))
    }

    async fn auth_openssh_certificate(&mut self, _user: &str, certificate: &Certificate) -> Result<Auth, Error> {
        Ok(self.decide(Credential::Certificate(Box::new(certificate.clone()))))
    }

    async fn auth_succeeded(&mut self, session: &mut Session) -> Result<(), Error> {
        let principal = self.credential.as_ref().and_then(|c| self.connection.authenticate(c).ok());
        if principal.is_some_and(|principal| self.connection.admit(principal.name)) {
            return Ok(());
        }
        self.credential = None;
        warn!(parent: &self.connection.span, "too many connections of this principal");
        session.disconnect(Disconnect::TooManyConnections, "refgate: too many connections of this principal", "")
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        _session: &mut Session,
    ) -> Result<(), Error> {
        if self.channels.len() >= CHANNELS_MAX {
            reply.reject(ChannelOpenFailure::ResourceShortage).await;
            return Ok(());
        }
        let closed = self.connection.closed.child_token();
        let id = channel.id();
        self.channels
            .insert(id, OpenChannel { channel: Some(channel), version: ProtocolVersion::V0, terminal: None, closed });
        reply.accept().await;
        Ok(())
    }

    async fn channel_close(&mut self, id: ChannelId, _session: &mut Session) -> Result<(), Error> {
        if let Some(open) = self.channels.remove(&id) {
            open.closed.cancel();
        }
        Ok(())
    }

    async fn exec_request(&mut self, id: ChannelId, line: &[u8], session: &mut Session) -> Result<(), Error> {
        self.start(id, Request::Exec(line.to_vec()), session)
    }

    async fn shell_request(&mut self, id: ChannelId, session: &mut Session) -> Result<(), Error> {
        self.start(id, Request::Shell, session)
    }

    async fn env_request(
        &mut self,
        id: ChannelId,
        name: &str,
        value: &str,
        session: &mut Session,
    ) -> Result<(), Error> {
        let version = if name == "GIT_PROTOCOL" { protocol::parse(value) } else { None };
        match (version, self.channels.get_mut(&id)) {
            (Some(version), Some(open)) => {
                open.version = version;
                session.channel_success(id)
            }
            (Some(_) | None, _) => session.channel_failure(id),
        }
    }

    #[allow(clippy::too_many_arguments, reason = "russh's signature")]
    async fn pty_request(
        &mut self,
        id: ChannelId,
        term: &str,
        columns: u32,
        rows: u32,
        _pix_width: u32,
        _pix_height: u32,
        _modes: &[(russh::Pty, u32)],
        session: &mut Session,
    ) -> Result<(), Error> {
        match self.channels.get_mut(&id) {
            Some(open) if open.channel.is_some() => {
                open.terminal = Some(Terminal::new(term, columns, rows));
                session.channel_success(id)
            }
            Some(_) | None => session.channel_failure(id),
        }
    }

    async fn window_change_request(
        &mut self,
        id: ChannelId,
        columns: u32,
        rows: u32,
        _pix_width: u32,
        _pix_height: u32,
        _session: &mut Session,
    ) -> Result<(), Error> {
        if let Some(terminal) = self.channels.get_mut(&id).and_then(|open| open.terminal.as_mut()) {
            terminal.resize(columns, rows);
        }
        Ok(())
    }

    async fn subsystem_request(&mut self, id: ChannelId, _name: &str, session: &mut Session) -> Result<(), Error> {
        session.channel_failure(id)
    }

    async fn x11_request(
        &mut self,
        id: ChannelId,
        _single_connection: bool,
        _x11_auth_protocol: &str,
        _x11_auth_cookie: &str,
        _x11_screen_number: u32,
        session: &mut Session,
    ) -> Result<(), Error> {
        session.channel_failure(id)
    }
}

fn is_sha1(algorithm: &Algorithm) -> bool {
    matches!(algorithm, Algorithm::Rsa { hash: None })
}
