//! The SSH server: listens, authenticates, hands git's services to the gate, and keeps every limit on connections.
//!
//! It knows no git beyond the exec line. The caller binds the listeners and says when to stop.

mod bridge;
mod certificate;
pub mod command;
mod connection;
mod exec;
mod handler;
mod host_key;
pub mod protocol;
mod screen;
mod service;
mod slots;
mod socket;
mod terminal;

pub use host_key::{HostKeyError, load_or_create_host_key};
pub use service::Service;

use crate::model::{Limits, PrincipalName};
use connection::Connection;
use russh::keys::PrivateKey;
use russh::keys::ssh_key::{Algorithm, EcdsaCurve, HashAlg};
use russh::server::Config;
use russh::{MethodKind, MethodSet, Preferred, SshId, cipher, kex};
use slots::Slots;
use socket::Socket;
use std::borrow::Cow;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Open channels on one connection, as OpenSSH's MaxSessions.
pub const CHANNELS_MAX: usize = 10;

/// Said before the version exchange, where SSH allows other lines (RFC 4253, 4.2).
const TOO_MANY_CONNECTIONS: &[u8] = b"refgate: too many connections, try again later\r\n";
/// After an accept that failed for want of something, such as file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A server that could not run. What happens on one connection is never one of these.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    #[error("there is no address to listen on")]
    NoListener,
    #[error("the server stopped accepting connections")]
    Accept(#[source] tokio::task::JoinError),
}

struct Server {
    service: Arc<dyn Service>,
    config: Arc<Config>,
    connections: Arc<Slots<()>>,
    addresses: Arc<Slots<IpAddr>>,
    principals: Arc<Slots<PrincipalName>>,
    commands: Arc<Slots<PrincipalName>>,
    draining: CancellationToken,
    aborted: CancellationToken,
}

/// Serves until `shutdown`, then lets commands under way finish for `drain_time_max`, then cuts them off.
///
/// Returns when every connection has ended. A command that is cut off sees its client gone; if it is deep in something
/// else it may go on on its blocking thread until the process ends.
pub async fn run(
    listeners: Vec<TcpListener>,
    host_key: PrivateKey,
    service: Arc<dyn Service>,
    shutdown: CancellationToken,
) -> Result<(), ServerError> {
    if listeners.is_empty() {
        return Err(ServerError::NoListener);
    }
    let limits = service.limits().clone();
    let server = Arc::new(Server {
        config: Arc::new(configure(host_key, &limits)),
        connections: Slots::new(limits.connections_max),
        addresses: Slots::new(limits.connections_per_address_max),
        principals: Slots::new(limits.connections_per_principal_max),
        // One connection alone may have all its channels busy.
        commands: Slots::new(limits.connections_per_principal_max.max(CHANNELS_MAX)),
        draining: shutdown.clone(),
        aborted: CancellationToken::new(),
        service,
    });
    let mut loops: JoinSet<()> = listeners.into_iter().map(|listener| accept(Arc::clone(&server), listener)).collect();
    tokio::select! {
        result = join_all(&mut loops) => return result,
        () = shutdown.cancelled() => {}
    }
    if let Ok(result) = tokio::time::timeout(limits.drain_time_max, join_all(&mut loops)).await {
        return result;
    }
    tracing::warn!("commands were still under way when the time to drain was over");
    server.aborted.cancel();
    join_all(&mut loops).await
}

async fn join_all(loops: &mut JoinSet<()>) -> Result<(), ServerError> {
    while let Some(result) = loops.join_next().await {
        result.map_err(ServerError::Accept)?;
    }
    Ok(())
}

/// Accepts until the server drains; then waits for the connections it accepted.
async fn accept(server: Arc<Server>, listener: TcpListener) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => server.admit(stream, peer, &mut connections),
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
            Some(ended) = connections.join_next() => report(ended),
            () = server.draining.cancelled() => break,
        }
    }
    drop(listener);
    while let Some(ended) = connections.join_next().await {
        report(ended);
    }
}

fn report(ended: Result<(), tokio::task::JoinError>) {
    if let Err(panic) = ended {
        tracing::error!(%panic, "a connection's task panicked");
    }
}

impl Server {
    fn admit(&self, stream: TcpStream, peer: SocketAddr, connections: &mut JoinSet<()>) {
        let slots = self.connections.take(()).zip(self.addresses.take(address_key(peer.ip())));
        let Some(slots) = slots else {
            tracing::warn!(%peer, "too many connections");
            // All of it fits a fresh socket's buffer, or the peer does without.
            let _ = stream.try_write(TOO_MANY_CONNECTIONS);
            return;
        };
        let socket = match Socket::new(stream) {
            Ok(socket) => socket,
            Err(error) => return tracing::debug!(%peer, %error, "the connection ended before it began"),
        };
        let service = Arc::clone(&self.service);
        let slots_of_principals = (Arc::clone(&self.principals), Arc::clone(&self.commands));
        let connection = Connection::new(service, slots_of_principals, self.draining.clone(), peer);
        let (config, aborted) = (Arc::clone(&self.config), self.aborted.clone());
        connections.spawn(async move {
            connection::serve(connection, config, socket, aborted).await;
            drop(slots);
        });
    }
}

/// What counts as one address: an IPv4 address, or the IPv6 network of 64 bits that one host has to itself.
fn address_key(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))),
        address @ IpAddr::V4(_) => address,
    }
}

/// The settings of russh. Its own idle timer is off: it cannot tell a busy engine from a stalled client.
fn configure(host_key: PrivateKey, limits: &Limits) -> Config {
    let mut methods = MethodSet::empty();
    methods.push(MethodKind::PublicKey);
    Config {
        server_id: SshId::Standard(Cow::Borrowed("SSH-2.0-refgate")),
        methods,
        keys: vec![host_key],
        // The first rejection answers the `none` that every client opens with.
        auth_rejection_time_initial: Some(Duration::ZERO),
        auth_rejection_time: Duration::from_millis(300),
        max_auth_attempts: limits.auth_tries_max.saturating_add(1),
        window_size: 8 * 1024 * 1024,
        maximum_packet_size: 65535,
        channel_buffer_size: 64,
        event_buffer_size: 32,
        preferred: preferred(),
        limits: russh::Limits::new(1 << 30, 1 << 30, Duration::from_secs(4 * 3600)),
        inactivity_timeout: None,
        // Keeps a long wait for an upstream alive through address translators, and finds clients that are gone.
        keepalive_interval: Some(Duration::from_secs(60).max(limits.login_time_max)),
        keepalive_max: 3,
        nodelay: true,
        ..Config::default()
    }
}

fn preferred() -> Preferred {
    const KEX: &[kex::Name] = &[
        kex::MLKEM768X25519_SHA256,
        kex::CURVE25519,
        kex::CURVE25519_PRE_RFC_8731,
        kex::ECDH_SHA2_NISTP256,
        kex::ECDH_SHA2_NISTP384,
        kex::ECDH_SHA2_NISTP521,
        kex::DH_G18_SHA512,
        kex::DH_G16_SHA512,
        kex::DH_G14_SHA256,
        kex::EXTENSION_SUPPORT_AS_SERVER,
        kex::EXTENSION_OPENSSH_STRICT_KEX_AS_SERVER,
    ];
    const CIPHER: &[cipher::Name] = &[
        cipher::AES_256_GCM,
        cipher::CHACHA20_POLY1305,
        cipher::AES_256_CTR,
        cipher::AES_192_CTR,
        cipher::AES_128_CTR,
    ];
    let ecdsa = |curve| Algorithm::Ecdsa { curve };
    let rsa = |hash| Algorithm::Rsa { hash: Some(hash) };
    let keys = vec![
        Algorithm::Ed25519,
        ecdsa(EcdsaCurve::NistP256),
        ecdsa(EcdsaCurve::NistP384),
        ecdsa(EcdsaCurve::NistP521),
        rsa(HashAlg::Sha512),
        rsa(HashAlg::Sha256),
    ];
    Preferred { kex: Cow::Borrowed(KEX), cipher: Cow::Borrowed(CIPHER), key: Cow::Owned(keys), ..Preferred::DEFAULT }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_counted_as_its_host() {
        let table = [
            ("192.0.2.1", "192.0.2.1"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
            ("2001:db8:0:1:2:3:4:5", "2001:db8:0:1::"),
            ("2001:db8:0:2::1", "2001:db8:0:2::"),
        ];
        for (address, key) in table {
            assert_eq!(address_key(address.parse().expect("an address")).to_string(), key);
        }
    }
}
