//! A service whose repositories each do one simple thing, a server around it, and `ssh` against that.

use refgate::gate::{ProtocolVersion, Session};
use refgate::model::{Limits, PrincipalKind, PrincipalName, RepoName};
use refgate::policy::Principal;
use refgate::server::{self, Service};
use refgate::verbs;
use ssh_key::PublicKey;
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

pub const MIB: usize = 1024 * 1024;
/// Long enough that only a hang reaches it.
const PATIENCE: Duration = Duration::from_secs(60);

/// Stands in for the gate. What a command does is the name of its repository:
/// `echo`, `sink`, `flood`, `version`, `panic`, `busy` (waits for `release`), `hungry` (reads one byte), `napping`.
pub struct Fake {
    pub limits: Limits,
    pub user_ca: Vec<PublicKey>,
    pub keys: Mutex<Vec<(PublicKey, &'static str)>>,
    pub certificate_principals: Mutex<Vec<&'static str>>,
    pub seen: Mutex<Vec<Session>>,
    /// One word for each thing an engine met.
    events: Mutex<Sender<String>>,
    release: Mutex<Receiver<()>>,
}

pub const REPOS: [&str; 9] = ["echo", "sink", "flood", "version", "panic", "busy", "hungry", "napping", "secret"];

impl Fake {
    fn serve(&self, git: &str, session: &Session, repo: &RepoName, version: ProtocolVersion, io: Io<'_>) -> u32 {
        self.seen.lock().expect("lock").push(session.clone());
        let event = |text: String| drop(self.events.lock().expect("lock").send(text));
        event(format!("{git} {repo}"));
        let Io { input, output } = io;
        let result = match repo.as_str() {
            "echo" => copy(input, output),
            "sink" => std::io::copy(input, &mut std::io::sink()).and_then(|n| writeln!(output, "{n}")),
            "flood" => (0..200).try_for_each(|_| output.write_all(&vec![7; MIB])),
            "version" => writeln!(output, "{git} {version:?}"),
            "panic" => panic!("an engine that fails its invariant"),
            "busy" => {
                let _ = self.release.lock().expect("lock").recv();
                writeln!(output, "released")
            }
            "hungry" => input.read_exact(&mut [0]),
            "napping" => {
                std::thread::sleep(self.limits.idle_time_max * 3);
                copy(input, output)
            }
            other => unreachable!("{other} is not offered"),
        };
        match result {
            Ok(()) => 0,
            Err(error) => {
                event(format!("{:?}", error.kind()));
                3
            }
        }
    }
}

struct Io<'a> {
    input: &'a mut (dyn Read + Send),
    output: &'a mut (dyn Write + Send),
}

fn copy(input: &mut (dyn Read + Send), output: &mut (dyn Write + Send)) -> std::io::Result<()> {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match input.read(&mut buffer)? {
            0 => return Ok(()),
            count => output.write_all(&buffer[..count])?,
        }
    }
}

pub fn principal(name: &str) -> Principal {
    Principal { name: PrincipalName::parse(name).expect("a name"), kind: PrincipalKind::Agent, sponsor: None }
}

impl Service for Fake {
    fn limits(&self) -> &Limits {
        &self.limits
    }

    fn user_ca(&self) -> &[PublicKey] {
        &self.user_ca
    }

    fn principal_by_key(&self, key: &PublicKey) -> Option<Principal> {
        let keys = self.keys.lock().expect("lock");
        keys.iter().find(|(known, _)| known.key_data() == key.key_data()).map(|(_, name)| principal(name))
    }

    fn principal_by_certificate(&self, principals: &[String]) -> Option<Principal> {
        let known = self.certificate_principals.lock().expect("lock");
        known.iter().find(|name| principals.iter().any(|p| p == *name)).map(|name| principal(name))
    }

    fn may_see_repo(&self, _principal: &Principal, repo: &RepoName) -> bool {
        REPOS.contains(&repo.as_str()) && repo.as_str() != "secret"
    }

    fn greeting(&self, principal: &Principal) -> String {
        verbs::overview(&principal.name, "ssh GATE", false)
    }

    fn verb(
        &self,
        session: &Session,
        request: &verbs::Request,
        _paper: verbs::text::Paper,
        _input: &mut (dyn Read + Send),
        output: &mut (dyn Write + Send),
    ) -> verbs::Said {
        let text = match &request.verb {
            verbs::Verb::WhoAmI => verbs::identity(session),
            _ => self.greeting(&session.principal),
        };
        let _ = output.write_all(text.as_bytes());
        verbs::Said::default()
    }

    fn receive_pack(
        &self,
        session: &Session,
        repo: &RepoName,
        version: ProtocolVersion,
        input: &mut (dyn Read + Send),
        output: &mut (dyn Write + Send),
    ) -> u32 {
        self.serve("receive-pack", session, repo, version, Io { input, output })
    }

    fn upload_pack(
        &self,
        session: &Session,
        repo: &RepoName,
        version: ProtocolVersion,
        input: &mut (dyn Read + Send),
        output: &mut (dyn Write + Send),
    ) -> u32 {
        self.serve("upload-pack", session, repo, version, Io { input, output })
    }
}

/// A running server, its directory with keys, and its service.
pub struct Server {
    pub fake: Arc<Fake>,
    pub address: SocketAddr,
    pub dir: TempDir,
    pub events: Receiver<String>,
    pub release: Sender<()>,
    pub shutdown: CancellationToken,
    runtime: Option<Runtime>,
    run: Option<tokio::task::JoinHandle<Result<(), server::ServerError>>>,
}

impl Server {
    pub fn start() -> Self {
        Self::start_with(|_| {})
    }

    /// Starts a server that knows `claude-1` by the key in the file `key`, after `change` had its say on the limits.
    pub fn start_with(change: impl FnOnce(&mut Limits)) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let key = generate_key(dir.path(), "key", &["-t", "ed25519"]);
        let ca = generate_key(dir.path(), "ca", &["-t", "ed25519"]);
        let mut limits = Limits::default();
        change(&mut limits);
        let (events, seen_events) = channel();
        let (release, released) = channel();
        let fake = Arc::new(Fake {
            limits,
            user_ca: vec![ca],
            keys: Mutex::new(vec![(key, "claude-1")]),
            certificate_principals: Mutex::new(vec!["claude-2"]),
            seen: Mutex::default(),
            events: Mutex::new(events),
            release: Mutex::new(released),
        });
        Self::around(fake, dir, seen_events, release)
    }

    fn around(fake: Arc<Fake>, dir: TempDir, events: Receiver<String>, release: Sender<()>) -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("runtime");
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).expect("bound");
        let address = listener.local_addr().expect("bound");
        let host_key = server::load_or_create_host_key(&dir.path().join("host_key")).expect("a host key");
        let known = format!("[127.0.0.1]:{} {}\n", address.port(), host_key.public_key().to_openssh().expect("text"));
        std::fs::write(dir.path().join("known_hosts"), known).expect("written");
        let shutdown = CancellationToken::new();
        let run = runtime.spawn(server::run(vec![listener], host_key, fake.clone(), shutdown.clone()));
        Self { fake, address, dir, events, release, shutdown, runtime: Some(runtime), run: Some(run) }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// `ssh` with nothing of the user's, and with `options` before the host.
    pub fn ssh_options(&self, options: &[&str], command: &[&str]) -> Command {
        let mut ssh = self.ssh_without_key(options, &[]);
        ssh.arg("-i").arg(self.path("key")).arg("nobody@127.0.0.1").args(command);
        ssh
    }

    pub fn ssh_without_key(&self, options: &[&str], command: &[&str]) -> Command {
        let mut ssh = Command::new("ssh");
        ssh.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("HOME", self.dir.path());
        ssh.args(["-F", "none", "-p", &self.address.port().to_string()]);
        ssh.args(["-o", "IdentitiesOnly=yes", "-o", "IdentityAgent=none", "-o", "BatchMode=yes"]);
        ssh.args(["-o", "StrictHostKeyChecking=yes", "-o", "GlobalKnownHostsFile=none", "-o", "LogLevel=INFO"]);
        ssh.arg("-o").arg(format!("UserKnownHostsFile={}", self.path("known_hosts").display()));
        ssh.args(options);
        if !command.is_empty() {
            ssh.arg("nobody@127.0.0.1").args(command);
        }
        ssh.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        ssh
    }

    /// Runs one command as `claude-1`, and says how it went.
    pub fn ssh(&self, command: &str) -> Answer {
        finish(self.ssh_options(&[], &[command]).spawn().expect("ssh"))
    }

    /// Starts a command whose input stays open.
    pub fn ssh_open(&self, command: &str) -> Child {
        self.ssh_options(&[], &[command]).stdin(Stdio::piped()).spawn().expect("ssh")
    }

    pub fn event(&self) -> String {
        self.events.recv_timeout(PATIENCE).expect("an event")
    }

    /// Waits for `run` to return.
    pub fn join(&mut self) -> Result<(), server::ServerError> {
        let run = self.run.take().expect("joined once");
        let runtime = self.runtime.as_ref().expect("running");
        runtime.block_on(async { tokio::time::timeout(PATIENCE, run).await }).expect("in time").expect("no panic")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shutdown.cancel();
        let _ = self.release.send(());
        if self.run.is_some() && !std::thread::panicking() {
            self.join().expect("a clean end");
        }
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_timeout(Duration::from_secs(1));
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub status: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

pub fn answer(status: i32, stdout: &str, stderr: &str) -> Answer {
    Answer { status: Some(status), stdout: stdout.to_owned(), stderr: stderr.to_owned() }
}

/// Waits for a client and collects what it printed.
pub fn finish(child: Child) -> Answer {
    from_output(child.wait_with_output().expect("output"))
}

pub fn from_output(output: Output) -> Answer {
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8").replace('\r', "");
    Answer { status: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

/// Makes a key with ssh-keygen and returns its public half.
pub fn generate_key(dir: &Path, name: &str, kind: &[&str]) -> PublicKey {
    let path = dir.join(name);
    run(Command::new("ssh-keygen").args(["-q", "-N", "", "-C", name]).args(kind).arg("-f").arg(&path));
    let text = std::fs::read_to_string(path.with_extension("pub")).expect("a public key");
    PublicKey::from_openssh(&text).expect("a public key")
}

/// Certifies `NAME.pub` as `NAME-cert.pub`.
pub fn certify(dir: &Path, ca: &str, name: &str, options: &[&str]) {
    let public = dir.join(name).with_extension("pub");
    run(Command::new("ssh-keygen")
        .arg("-q")
        .arg("-s")
        .arg(dir.join(ca))
        .args(["-I", "dana"])
        .args(options)
        .arg(public));
}

fn run(command: &mut Command) {
    let output = command.stdin(Stdio::null()).output().expect("ran");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Polls until it holds.
pub fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < PATIENCE, "{what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
