//! One command of a client on one channel: answers it, or runs the engine that does, and closes the channel.

use super::bridge::{self, Input};
use super::command::{self, Command};
use super::connection::{Connection, Running};
use super::screen;
use super::service::Service;
use super::terminal::{self, Lines, Terminal};
use crate::gate::{ProtocolVersion, Session};
use crate::model::{Escaped, RepoName};
use crate::policy::Principal;
use crate::verbs::text::Paper;
use crate::verbs::{self, Said, Verb};
use crate::wire::pkt_line;
use russh::server::Msg;
use russh::{Channel, ChannelReadHalf, ChannelWriteHalf};
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, warn};

/// The exit status of git for a fatal error.
const FATAL: u32 = 128;
/// The number of stderr among the extended data streams (RFC 4254, 5.2).
const STDERR: u32 = 1;
/// Bytes of a refused command line that go to the log.
const LOGGED_BYTES_MAX: usize = 200;

/// What the channel was opened for.
pub enum Request {
    Shell,
    Exec(Vec<u8>),
}

pub struct Exec {
    /// Held until the channel is closed.
    pub running: Running,
    pub connection: Arc<Connection>,
    /// The principal and the fingerprint of its key; `None` if it has been revoked since the login.
    pub caller: Option<(Principal, String)>,
    pub request: Request,
    pub version: ProtocolVersion,
    pub terminal: Option<Terminal>,
    pub closed: CancellationToken,
}

/// What to do about a request.
enum Answer {
    Say(Ending),
    Serve(Work, Box<Session>),
}

/// The last a channel carries.
#[derive(Default)]
struct Ending {
    stdout: Vec<u8>,
    stderr: String,
    status: u32,
}

/// What an engine does.
enum Work {
    ReceivePack(RepoName),
    UploadPack(RepoName),
    Verb(verbs::Request),
}

/// Runs a command to its exit status, and closes the channel.
pub async fn run(exec: Exec, channel: Channel<Msg>) {
    let Exec { running, connection, caller, request, version, terminal, closed } = exec;
    let idle_time_max = connection.service.limits().idle_time_max;
    let (read, write) = channel.split();
    let has_terminal = terminal.is_some();
    let ending = match answer(&connection, caller, request) {
        Answer::Say(ending) => ending,
        Answer::Serve(work, session) => match connection.take_command() {
            Some(_slot) => {
                let engine = Engine { service: Arc::clone(&connection.service), work, session, version, terminal };
                serve(engine, &connection, read, &write, idle_time_max, &closed).await
            }
            None => {
                let stderr = "refgate: too many commands of yours at once, try again later\n".to_owned();
                Ending { stderr, status: FATAL, ..Ending::default() }
            }
        },
    };
    let ending = if has_terminal { ending.returned() } else { ending };
    // Nobody waits longer for a client to take the last words than for anything else.
    let finished = tokio::select! {
        result = tokio::time::timeout(idle_time_max, finish(&write, ending)) => result.is_ok_and(|sent| sent.is_ok()),
        () = closed.cancelled() => false,
    };
    if !finished {
        debug!(parent: &connection.span, "the client did not wait for the end");
    }
    drop(running);
}

impl Ending {
    /// For a client that reads raw.
    fn returned(self) -> Self {
        let stderr = String::from_utf8_lossy(&terminal::returned(self.stderr.as_bytes())).into_owned();
        Self { stdout: terminal::returned(&self.stdout), stderr, status: self.status }
    }
}

async fn finish(write: &ChannelWriteHalf<Msg>, ending: Ending) -> Result<(), russh::Error> {
    write.data_bytes(ending.stdout).await?;
    write.extended_data_bytes(STDERR, ending.stderr.into_bytes()).await?;
    write.exit_status(ending.status).await?;
    write.eof().await?;
    write.close().await
}

fn answer(connection: &Connection, caller: Option<(Principal, String)>, request: Request) -> Answer {
    let Some((principal, key_fingerprint)) = caller else {
        return complain(FATAL, "your access has been revoked");
    };
    if connection.draining.is_cancelled() {
        return complain(FATAL, "the server is stopping, try again later");
    }
    let line = match request {
        Request::Shell => {
            let stderr = connection.service.greeting(&principal);
            return Answer::Say(Ending { stderr, status: 1, ..Ending::default() });
        }
        Request::Exec(line) => line,
    };
    let session = Session { principal, key_fingerprint, peer: Some(connection.peer) };
    let work = match command::parse(&line) {
        Ok(Command::ReceivePack(repo)) => Work::ReceivePack(repo),
        Ok(Command::UploadPack(repo)) => Work::UploadPack(repo),
        Ok(Command::Verb(request)) => return Answer::Serve(Work::Verb(request), Box::new(session)),
        Err(error) => {
            let line = Escaped(line.get(..LOGGED_BYTES_MAX).unwrap_or(&line));
            warn!(parent: &connection.span, %line, %error, "command refused");
            return complain(FATAL, &error.to_string());
        }
    };
    if let Work::ReceivePack(repo) | Work::UploadPack(repo) = &work
        && !connection.service.may_see_repo(&session.principal, repo)
    {
        warn!(parent: &connection.span, %repo, "repository unknown or forbidden");
        return Answer::Say(not_found(repo));
    }
    Answer::Serve(work, Box::new(session))
}

fn complain(status: u32, text: &str) -> Answer {
    Answer::Say(Ending { stderr: format!("refgate: {text}\n"), status, ..Ending::default() })
}

/// One answer for a repository that is not there and one that is not the principal's: an error packet
/// (gitprotocol-pack, "error-line"), which git prints as `fatal: remote error: …`.
fn not_found(repo: &RepoName) -> Ending {
    let mut stdout = Vec::new();
    let text = format!("ERR refgate: repository '{repo}' not found or not yours to see\n");
    pkt_line::write(&mut stdout, text.as_bytes()).expect("a name is short, and a vector takes all");
    Ending { stdout, status: FATAL, ..Ending::default() }
}

struct Engine {
    service: Arc<dyn Service>,
    work: Work,
    session: Box<Session>,
    version: ProtocolVersion,
    terminal: Option<Terminal>,
}

impl Engine {
    fn run(&self, mut input: Input, output: &mut bridge::Output, ended: &CancellationToken) -> Said {
        let (service, session) = (&self.service, &self.session);
        let git = |status| Said { status, ..Said::default() };
        match &self.work {
            Work::ReceivePack(repo) => git(service.receive_pack(session, repo, self.version, &mut input, output)),
            Work::UploadPack(repo) => git(service.upload_pack(session, repo, self.version, &mut input, output)),
            Work::Verb(request) => match &self.terminal {
                None => service.verb(session, request, Paper::PIPE, &mut input, output),
                Some(terminal) if request.verb == Verb::Review => {
                    service.review(session, terminal.screen(), &screen::events(input, terminal), output)
                }
                // Nobody types at other verbs but to end them.
                Some(terminal) => {
                    screen::end_when_asked(input, ended.clone());
                    service.verb(session, request, terminal.paper(), &mut std::io::empty(), &mut Lines(output))
                }
            },
        }
    }
}

/// Runs the engine on a blocking thread until it has ended and its output is sent.
async fn serve(
    engine: Engine,
    connection: &Connection,
    read: ChannelReadHalf,
    write: &ChannelWriteHalf<Msg>,
    idle_time_max: Duration,
    closed: &CancellationToken,
) -> Ending {
    let undelivered = closed.child_token();
    let is_screen = matches!(&engine.work, Work::Verb(request) if request.verb == Verb::Review);
    // Who looks at a screen does not type all the time.
    let idle_time_max = if is_screen { connection.service.limits().connection_time_max } else { idle_time_max };
    let unread = undelivered.child_token();
    let input = Input::new(read, idle_time_max, unread.clone());
    let (mut output, drain) = bridge::output();
    let span = connection.span.clone();
    let ended = undelivered.clone();
    let thread = tokio::task::spawn_blocking(move || span.in_scope(|| engine.run(input, &mut output, &ended)));
    let drained = async {
        connection.draining.cancelled().await;
        // A screen is nothing to wait for: it ends as if its person had left, and the terminal is given back.
        if is_screen {
            unread.cancel();
        }
        std::future::pending().await
    };
    let delivered = tokio::select! {
        result = drain.run(write, idle_time_max, &undelivered) => result,
        never = drained => never,
    };
    if let Err(error) = delivered {
        debug!(parent: &connection.span, %error, "output not delivered");
        undelivered.cancel();
    }
    match thread.await {
        Ok(Said { stderr, status }) => Ending { stderr, status, ..Ending::default() },
        Err(panic) => {
            error!(parent: &connection.span, %panic, "the engine panicked");
            Ending { stderr: "refgate: internal error\n".to_owned(), status: FATAL, ..Ending::default() }
        }
    }
}
