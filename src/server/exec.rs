//! One command of a client on one channel: answers it, or runs the engine that does, and closes the channel.

use super::bridge::{self, Input};
use super::command::{self, Command};
use super::connection::{Connection, Running};
use super::service::Service;
use crate::gate::{ProtocolVersion, Session};
use crate::model::{Escaped, RepoName};
use crate::policy::Principal;
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
    pub closed: CancellationToken,
}

/// What to do about a request.
enum Answer {
    Say(Ending),
    Serve(GitService, RepoName, Session),
}

/// The last a channel carries.
#[derive(Default)]
struct Ending {
    stdout: Vec<u8>,
    stderr: String,
    status: u32,
}

#[derive(Debug, Clone, Copy)]
enum GitService {
    ReceivePack,
    UploadPack,
}

/// Runs a command to its exit status, and closes the channel.
pub async fn run(exec: Exec, channel: Channel<Msg>) {
    let Exec { running, connection, caller, request, version, closed } = exec;
    let idle_time_max = connection.service.limits().idle_time_max;
    let (read, write) = channel.split();
    let ending = match answer(&connection, caller, request) {
        Answer::Say(ending) => ending,
        Answer::Serve(git, repo, session) => {
            let engine = Engine { service: Arc::clone(&connection.service), git, repo, session, version };
            serve(engine, &connection, read, &write, idle_time_max, &closed).await
        }
    };
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
        Request::Shell => return Answer::Say(Ending { stderr: help(&principal), status: 1, ..Ending::default() }),
        Request::Exec(line) => line,
    };
    let (git, repo) = match command::parse(&line) {
        Ok(Command::ReceivePack(repo)) => (GitService::ReceivePack, repo),
        Ok(Command::UploadPack(repo)) => (GitService::UploadPack, repo),
        Ok(Command::Help) => return print(help(&principal)),
        Ok(Command::WhoAmI) => return print(who_am_i(&principal, &key_fingerprint)),
        Err(error) => {
            let line = Escaped(line.get(..LOGGED_BYTES_MAX).unwrap_or(&line));
            warn!(parent: &connection.span, %line, %error, "command refused");
            return complain(FATAL, &error.to_string());
        }
    };
    if !connection.service.may_see_repo(&principal, &repo) {
        warn!(parent: &connection.span, %repo, "repository unknown or forbidden");
        return Answer::Say(not_found(&repo));
    }
    Answer::Serve(git, repo, Session { principal, key_fingerprint, peer: Some(connection.peer) })
}

fn complain(status: u32, text: &str) -> Answer {
    Answer::Say(Ending { stderr: format!("refgate: {text}\n"), status, ..Ending::default() })
}

fn print(text: String) -> Answer {
    Answer::Say(Ending { stdout: text.into_bytes(), ..Ending::default() })
}

/// One answer for a repository that is not there and one that is not the principal's: an error packet
/// (gitprotocol-pack, "error-line"), which git prints as `fatal: remote error: …`.
fn not_found(repo: &RepoName) -> Ending {
    let mut stdout = Vec::new();
    let text = format!("ERR refgate: repository '{repo}' not found or not yours to see\n");
    pkt_line::write(&mut stdout, text.as_bytes()).expect("a name is short, and a vector takes all");
    Ending { stdout, status: FATAL, ..Ending::default() }
}

fn help(principal: &Principal) -> String {
    format!(
        "refgate: hello {}; this server only speaks git push and fetch.\n\
         \n\
         \x20 git clone ssh://HOST:PORT/REPO     and then fetch and push as ever\n\
         \x20 ssh -p PORT HOST whoami            who your key says you are\n\
         \x20 ssh -p PORT HOST help              this text\n\
         \n\
         Each push is judged by the policy of its repository before it reaches the real one.\n\
         There is no shell here, and no other way in.\n",
        principal.name
    )
}

fn who_am_i(principal: &Principal, key_fingerprint: &str) -> String {
    let sponsor = principal.sponsor.as_ref().map(|name| format!(", sponsored by {name}")).unwrap_or_default();
    format!("{} ({}{sponsor}), key {key_fingerprint}\n", principal.name, principal.kind.as_str())
}

struct Engine {
    service: Arc<dyn Service>,
    git: GitService,
    repo: RepoName,
    session: Session,
    version: ProtocolVersion,
}

impl Engine {
    fn run(&self, input: &mut Input, output: &mut bridge::Output) -> u32 {
        match self.git {
            GitService::ReceivePack => {
                self.service.receive_pack(&self.session, &self.repo, self.version, input, output)
            }
            GitService::UploadPack => self.service.upload_pack(&self.session, &self.repo, self.version, input, output),
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
    let mut input = Input::new(read, idle_time_max, undelivered.clone());
    let (mut output, drain) = bridge::output();
    let span = connection.span.clone();
    let thread = tokio::task::spawn_blocking(move || span.in_scope(|| engine.run(&mut input, &mut output)));
    if let Err(error) = drain.run(write, idle_time_max, closed).await {
        debug!(parent: &connection.span, %error, "output not delivered");
        undelivered.cancel();
    }
    match thread.await {
        Ok(status) => Ending { status, ..Ending::default() },
        Err(panic) => {
            error!(parent: &connection.span, %panic, "the engine panicked");
            Ending { stderr: "refgate: internal error\n".to_owned(), status: FATAL, ..Ending::default() }
        }
    }
}
