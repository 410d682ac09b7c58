//! One connection from its first byte to the end of its last engine: who it is, and the limits on its time.

use super::certificate::{self, CertificateError};
use super::handler::SshHandler;
use super::service::Service;
use super::slots::{Slot, Slots};
use super::socket::Socket;
use crate::model::PrincipalName;
use crate::policy::Principal;
use russh::Disconnect;
use russh::keys::ssh_key::HashAlg;
use russh::keys::{Certificate, PublicKey};
use russh::server::{Config, RunningSession};
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::io::BufReader;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Span;

/// Bytes read from the socket at once; russh itself asks for a few at a time.
const READ_BUFFER_BYTES: usize = 128 * 1024;
/// For a client to take a polite goodbye.
const GOODBYE_TIME_MAX: Duration = Duration::from_secs(2);

/// What the callbacks, the engines and the clock of one connection share.
pub struct Connection {
    pub service: Arc<dyn Service>,
    pub span: Span,
    pub peer: SocketAddr,
    /// No new commands are taken.
    pub draining: CancellationToken,
    /// The session has ended or is to end: nobody waits for the client any more.
    pub closed: CancellationToken,
    /// The principal was revoked.
    revoked: CancellationToken,
    pub tasks: TaskTracker,
    principals: Arc<Slots<PrincipalName>>,
    commands: Arc<Slots<PrincipalName>>,
    /// Set once, after authentication, with the place it takes among the principal's connections.
    admitted: OnceLock<Admitted>,
    activity: watch::Sender<Activity>,
}

/// Who is at the other end.
struct Admitted {
    name: PrincipalName,
    _slot: Slot<PrincipalName>,
    /// The service's number for the session.
    number: u64,
}

#[derive(Debug, Clone, Copy)]
struct Activity {
    admitted: bool,
    /// Commands under way.
    running: usize,
    /// When the last command ended.
    last_end: Option<Instant>,
}

/// What the client proved to hold.
pub enum Credential {
    Key(Box<PublicKey>),
    Certificate(Box<Certificate>),
}

impl Credential {
    /// `SHA256:…` of the key that signed.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        match self {
            Self::Key(key) => key.fingerprint(HashAlg::Sha256).to_string(),
            Self::Certificate(certificate) => certificate.public_key().fingerprint(HashAlg::Sha256).to_string(),
        }
    }
}

/// Says why a verified key or certificate opens nothing. For the log.
#[derive(Debug, thiserror::Error)]
pub enum NotAuthenticated {
    #[error("no principal of the policy has this key")]
    UnknownKey,
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    #[error("no principal of the policy, or more than one, has the certificate's principals")]
    UnknownPrincipals,
    #[error("the clock is before 1970")]
    Clock,
}

/// Counts a command as under way until it is dropped.
pub struct Running(Arc<Connection>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.activity.send_modify(|activity| {
            activity.running = activity.running.saturating_sub(1);
            activity.last_end = Some(Instant::now());
        });
    }
}

impl Connection {
    #[must_use]
    pub fn new(
        service: Arc<dyn Service>,
        (principals, commands): (Arc<Slots<PrincipalName>>, Arc<Slots<PrincipalName>>),
        draining: CancellationToken,
        peer: SocketAddr,
    ) -> Arc<Self> {
        let span = tracing::info_span!("connection", %peer, principal = tracing::field::Empty);
        let activity = Activity { admitted: false, running: 0, last_end: None };
        Arc::new(Self {
            service,
            span,
            peer,
            draining,
            closed: CancellationToken::new(),
            revoked: CancellationToken::new(),
            tasks: TaskTracker::new(),
            principals,
            commands,
            admitted: OnceLock::new(),
            activity: watch::Sender::new(activity),
        })
    }

    /// Whose credential this is, by the policy of this moment. To be asked only of a verified one.
    pub fn authenticate(&self, credential: &Credential) -> Result<Principal, NotAuthenticated> {
        match credential {
            Credential::Key(key) => self.service.principal_by_key(key).ok_or(NotAuthenticated::UnknownKey),
            Credential::Certificate(certificate) => {
                let now = SystemTime::now().duration_since(UNIX_EPOCH).map_err(|_| NotAuthenticated::Clock)?;
                certificate::check(certificate, self.service.user_ca(), self.peer.ip(), now.as_secs())?;
                let principals = certificate.valid_principals();
                self.service.principal_by_certificate(principals).ok_or(NotAuthenticated::UnknownPrincipals)
            }
        }
    }

    /// Ends the login. `false` if the principal has all the connections it may have.
    pub fn admit(&self, name: PrincipalName) -> bool {
        let Some(slot) = self.principals.take(name.clone()) else { return false };
        self.span.record("principal", name.as_str());
        let revoked = self.revoked.clone();
        let number = self.service.session_begun(name.clone(), Box::new(move || revoked.cancel()));
        if self.admitted.set(Admitted { name, _slot: slot, number }).is_err() {
            self.service.session_ended(number);
            return false;
        }
        self.activity.send_modify(|activity| activity.admitted = true);
        true
    }

    #[must_use]
    pub fn principal_name(&self) -> Option<&PrincipalName> {
        self.admitted.get().map(|admitted| &admitted.name)
    }

    /// A place among the commands that the principal may have under way, over all its connections: each keeps a thread,
    /// and one that waits for a human or follows events keeps it for hours.
    pub fn take_command(&self) -> Option<Slot<PrincipalName>> {
        self.commands.take(self.principal_name()?.clone())
    }

    pub fn exec_starts(self: &Arc<Self>) -> Running {
        self.activity.send_modify(|activity| activity.running = activity.running.saturating_add(1));
        Running(Arc::clone(self))
    }

    /// When the connection must end, and why, if nothing happens before.
    fn deadline(&self, socket: &Socket) -> (Instant, End) {
        let limits = self.service.limits();
        let activity = *self.activity.borrow();
        let total = (after(socket.opened(), limits.connection_time_max), End::ConnectionTime);
        let phase = if !activity.admitted {
            (after(socket.opened(), limits.login_time_max), End::LoginTime)
        } else if activity.running == 0 {
            let last = activity.last_end.map_or(socket.last_read(), |end| end.max(socket.last_read()));
            (after(last, limits.idle_time_max), End::IdleTime)
        } else {
            // Whoever waits for the client on behalf of a command watches its idle time: `bridge`.
            return total;
        };
        if phase.0 < total.0 { phase } else { total }
    }
}

/// How a connection ended. For the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    Client,
    Protocol,
    LoginTime,
    IdleTime,
    ConnectionTime,
    Drained,
    Aborted,
    /// Its principal was revoked.
    Revoked,
}

fn after(start: Instant, duration: Duration) -> Instant {
    // No setting is long enough for the sum to overflow; if one were, it would be no time at all.
    start.checked_add(duration).unwrap_or(start)
}

/// Serves a connection to its end. `aborted` ends it without waiting for anything.
pub async fn serve(connection: Arc<Connection>, config: Arc<Config>, socket: Socket, aborted: CancellationToken) {
    let _counted = connection.service.count_connection();
    let end = tokio::select! {
        end = supervise(&connection, config, &socket) => end,
        () = aborted.cancelled() => End::Aborted,
    };
    socket.end();
    connection.closed.cancel();
    if let Some(admitted) = connection.admitted.get() {
        connection.service.session_ended(admitted.number);
    }
    connection.tasks.close();
    tokio::select! {
        () = connection.tasks.wait() => {}
        () = aborted.cancelled() => {}
    }
    let duration_ms = u64::try_from(socket.opened().elapsed().as_millis()).unwrap_or(u64::MAX);
    tracing::info!(parent: &connection.span, ?end, duration_ms, "connection ended");
}

async fn supervise(connection: &Arc<Connection>, config: Arc<Config>, socket: &Socket) -> End {
    let stream = BufReader::with_capacity(READ_BUFFER_BYTES, socket.clone());
    let hello = russh::server::run_stream(config, stream, SshHandler::new(Arc::clone(connection)));
    let (login_end, _) = connection.deadline(socket);
    let mut session = tokio::select! {
        session = timeout_at(login_end, hello) => match session {
            Ok(Ok(session)) => session,
            Ok(Err(error)) => return ended(connection, Err(error)),
            Err(_) => return End::LoginTime,
        },
        () = connection.draining.cancelled() => return End::Drained,
    };
    match watch_over(connection, socket, &mut session).await {
        Watched::Ended(result) => ended(connection, result),
        Watched::ToEnd(end) => {
            let gone = end == End::Drained && say_goodbye(&mut session).await;
            // The session ends with its socket, or when the engine that holds it up does.
            socket.end();
            connection.closed.cancel();
            if !gone {
                let _ = session.await;
            }
            end
        }
    }
}

/// What came of watching a session.
enum Watched {
    Ended(Result<(), russh::Error>),
    ToEnd(End),
}

async fn watch_over(connection: &Connection, socket: &Socket, session: &mut RunningSession<SshHandler>) -> Watched {
    let mut changes = connection.activity.subscribe();
    loop {
        let draining = connection.draining.is_cancelled();
        let activity = *changes.borrow_and_update();
        let (mut deadline, mut end) = connection.deadline(socket);
        if draining && activity.running == 0 {
            // A client whose command has just ended goes by itself; told to, it would forget the exit status.
            (deadline, end) = (activity.last_end.map_or(socket.opened(), |e| after(e, GOODBYE_TIME_MAX)), End::Drained);
        }
        if deadline <= Instant::now() {
            return Watched::ToEnd(end);
        }
        tokio::select! {
            result = &mut *session => return Watched::Ended(result),
            () = sleep_until(deadline) => {}
            _ = changes.changed() => {}
            () = connection.revoked.cancelled() => return Watched::ToEnd(End::Revoked),
            () = connection.draining.cancelled(), if !draining => {}
        }
    }
}

/// Tells the client why, and waits a little for it to go. `true` if the session has ended with that.
async fn say_goodbye(session: &mut RunningSession<SshHandler>) -> bool {
    let handle = session.handle();
    let message = "refgate: the server is stopping, try again later";
    let goodbye = async {
        let _ = handle.disconnect(Disconnect::ByApplication, message.to_owned(), String::new()).await;
        let _ = session.await;
    };
    timeout(GOODBYE_TIME_MAX, goodbye).await.is_ok()
}

fn ended(connection: &Connection, result: Result<(), russh::Error>) -> End {
    match result {
        Ok(()) => End::Client,
        Err(russh::Error::HUP | russh::Error::Disconnect) => End::Client,
        Err(russh::Error::IO(error)) if is_disconnect(&error) => End::Client,
        Err(error) => {
            // russh's errors may quote what the client sent.
            let error = error.to_string();
            let error = crate::model::Escaped(error.as_bytes());
            tracing::warn!(parent: &connection.span, %error, "SSH protocol error");
            End::Protocol
        }
    }
}

fn is_disconnect(error: &std::io::Error) -> bool {
    use std::io::ErrorKind as Kind;
    matches!(error.kind(), Kind::UnexpectedEof | Kind::ConnectionReset | Kind::BrokenPipe | Kind::ConnectionAborted)
}
