//! A whole world for one test: an upstream, a running gate, and agents with the stock `git` and `ssh`.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc;
use std::time::Duration;
use tempfile::TempDir;

pub const PRINCIPALS: [&str; 5] = ["claude-1", "claude-2", "dana", "lee", "runner"];

/// Grants that most tests start from; rules are added by each test.
pub const GRANTS: &str = r#"
[[grant]]
to    = ["claude-*"]
repo  = ["app", "upstream"]
refs  = ["refs/heads/agent/{principal}/**", "refs/tags/agent/{principal}/**"]
allow = ["create", "update", "rewind", "delete"]
write = ["src/**", "docs/**", "README.md", "secret/**", "Secret/**", "link"]

[[grant]]
to    = ["dana"]
repo  = ["app", "upstream"]
refs  = ["refs/heads/**", "refs/tags/**"]
allow = ["create", "update", "rewind", "delete"]
write = ["**"]
"#;

pub const SECRET_RULE: &str = r#"
[rule.secret-dir]
kind  = "path"
match = ["secret/**"]
then  = "refuse"
"#;

pub struct World {
    pub dir: TempDir,
    pub upstream: PathBuf,
    pub port: u16,
    gate: Option<Child>,
}

impl World {
    /// A gate in front of an upstream whose `main` holds a few files.
    pub fn new(rules: &str) -> Self {
        Self::with_settings(rules, "")
    }

    pub fn with_settings(rules: &str, settings: &str) -> Self {
        let mut world = Self::prepare();
        world.seed();
        world.write_policy(&format!("{GRANTS}{rules}"));
        world.write_settings(settings);
        world.start();
        world
    }

    /// Keys and an empty upstream; nothing runs yet.
    pub fn prepare() -> Self {
        let dir = tempfile::Builder::new().prefix("refgate-it-").tempdir().expect("a temporary directory");
        std::fs::create_dir(dir.path().join("home")).expect("a home");
        for name in PRINCIPALS {
            let key = dir.path().join(name);
            run(Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-C", name, "-f"]).arg(key));
        }
        let upstream = dir.path().join("upstream.git");
        let world = Self { dir, upstream, port: 0, gate: None };
        world.git(world.path(), &["init", "-q", "--bare", "-b", "main", "upstream.git"]);
        world
    }

    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    pub fn seed(&self) {
        let seed = self.path().join("seed");
        self.git(self.path(), &["init", "-q", "-b", "main", "seed"]);
        for (path, text) in [
            ("README.md", "hello\n"),
            ("src/main.rs", "fn main() {}\n"),
            ("secret/key.txt", "do not touch\n"),
            ("infra/main.tf", "resource {}\n"),
        ] {
            write(&seed.join(path), text);
        }
        self.git(&seed, &["add", "."]);
        self.git(&seed, &["commit", "-q", "-m", "first"]);
        let url = self.upstream.to_str().expect("UTF-8").to_owned();
        self.git(&seed, &["push", "-q", &url, "main"]);
    }

    pub fn write_policy(&self, grants_and_rules: &str) {
        let key = |name: &str| std::fs::read_to_string(self.path().join(format!("{name}.pub"))).expect("a key");
        let mut text = String::new();
        for name in PRINCIPALS {
            let kind = match name {
                "dana" | "lee" => "human",
                "runner" => "ci",
                _ => "agent",
            };
            text.push_str(&format!("[{kind}.{name}]\nkeys = [\"{}\"]\n\n", key(name).trim()));
        }
        text.push_str(grants_and_rules);
        std::fs::write(self.path().join("policy.toml"), text).expect("write");
    }

    pub fn write_settings(&self, more: &str) {
        let text = format!(
            "listen = \"127.0.0.1:0\"\ndata = \"data\"\npolicy = \"policy.toml\"\n\n[repo.app]\nupstream = \"{}\"\n{more}\n",
            self.upstream.display(),
        );
        std::fs::write(self.path().join("refgate.toml"), text).expect("write");
    }

    pub fn refgate(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_refgate"));
        command.current_dir(self.path()).env("REFGATE_CONFIG", self.path().join("refgate.toml"));
        command
    }

    pub fn start(&mut self) {
        let log = std::fs::File::create(self.path().join("gate.log")).expect("a log");
        let mut gate = self.refgate().arg("serve").stdout(Stdio::piped()).stderr(log).spawn().expect("refgate serve");
        let stdout = BufReader::new(gate.stdout.take().expect("piped"));
        let (send, receive) = mpsc::channel();
        std::thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                let _ = send.send(line);
            }
        });
        self.gate = Some(gate);
        let line = receive
            .recv_timeout(Duration::from_secs(30))
            .unwrap_or_else(|_| panic!("the gate did not start:\n{}", self.log()));
        let port = line.rsplit(':').next().and_then(|port| port.trim().parse().ok());
        self.port = port.unwrap_or_else(|| panic!("no port in {line:?}"));
    }

    pub fn gate_pid(&self) -> u32 {
        self.gate.as_ref().expect("running").id()
    }

    /// Kills the gate as `kill -9` does, and waits for it.
    pub fn kill(&mut self) {
        if let Some(mut gate) = self.gate.take() {
            let _ = gate.kill();
            let _ = gate.wait();
        }
    }

    /// Asks the gate to stop as a service manager does, and waits for it.
    pub fn terminate(&mut self) -> std::process::ExitStatus {
        let mut gate = self.gate.take().expect("running");
        self.signal_pid("TERM", gate.id());
        gate.wait().expect("an end")
    }

    pub fn signal_pid(&self, signal: &str, pid: u32) {
        run(Command::new("kill").args([format!("-{signal}"), pid.to_string()]));
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.path().join("gate.log")).unwrap_or_default()
    }

    pub fn ssh_command(&self, principal: &str) -> String {
        format!("ssh {}", self.ssh_options(principal).join(" "))
    }

    pub fn ssh_options(&self, principal: &str) -> Vec<String> {
        let key = self.path().join(principal);
        let mut options = vec!["-F".to_owned(), "none".to_owned(), "-i".to_owned(), key.display().to_string()];
        for option in [
            "IdentitiesOnly=yes",
            "IdentityAgent=none",
            "StrictHostKeyChecking=no",
            "UserKnownHostsFile=/dev/null",
            "LogLevel=ERROR",
            "BatchMode=yes",
        ] {
            options.extend(["-o".to_owned(), option.to_owned()]);
        }
        options
    }

    pub fn url(&self) -> String {
        format!("ssh://refgate@127.0.0.1:{}/app", self.port)
    }

    /// A `git` that sees nothing of this machine's settings.
    pub fn git_command(&self, dir: &Path) -> Command {
        let mut command = Command::new("git");
        command
            .current_dir(dir)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.path().join("home"))
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_AUTHOR_NAME", "Agent")
            .env("GIT_AUTHOR_EMAIL", "agent@example.com")
            .env("GIT_COMMITTER_NAME", "Agent")
            .env("GIT_COMMITTER_EMAIL", "agent@example.com")
            .env("GIT_AUTHOR_DATE", "1700000000 +0000")
            .env("GIT_COMMITTER_DATE", "1700000000 +0000")
            .env("LC_ALL", "C");
        command
    }

    /// Runs git and returns what it printed, trimmed; it must succeed.
    pub fn git(&self, dir: &Path, args: &[&str]) -> String {
        run(self.git_command(dir).args(args))
    }

    pub fn clone_as(&self, principal: &str) -> Client<'_> {
        let name = format!("work-{principal}-{}", rand_suffix());
        let client = Client { world: self, dir: self.path().join(&name), principal: principal.to_owned() };
        let output = client.command(self.path()).args(["clone", "-q", &self.url(), &name]).output().expect("git");
        assert!(output.status.success(), "clone: {}\n{}", text(&output.stderr), self.log());
        client
    }

    /// An empty repository with the gate as its `origin`.
    pub fn empty_client(&self, principal: &str) -> Client<'_> {
        let name = format!("work-{principal}-{}", rand_suffix());
        self.git(self.path(), &["init", "-q", "-b", "main", &name]);
        let dir = self.path().join(&name);
        self.git(&dir, &["remote", "add", "origin", &self.url()]);
        Client { world: self, dir, principal: principal.to_owned() }
    }

    /// What the upstream's refs hold, but for those where the gate's evidence is.
    pub fn upstream_refs(&self) -> BTreeMap<String, String> {
        let mut refs = self.all_upstream_refs();
        refs.retain(|name, _| name.starts_with("refs/heads/") || name.starts_with("refs/tags/"));
        refs
    }

    pub fn all_upstream_refs(&self) -> BTreeMap<String, String> {
        let listed = self.git(&self.upstream, &["for-each-ref", "--format=%(refname) %(objectname)"]);
        listed.lines().filter_map(|line| line.split_once(' ')).map(|(n, i)| (n.to_owned(), i.to_owned())).collect()
    }

    pub fn upstream_has(&self, id: &str) -> bool {
        self.git_command(&self.upstream).args(["cat-file", "-e", id]).status().expect("git").success()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            eprintln!("--- the gate's log ---\n{}", self.log());
        }
    }
}

/// One agent's clone.
pub struct Client<'w> {
    pub world: &'w World,
    pub dir: PathBuf,
    pub principal: String,
}

/// How a push ended, as its client saw it.
#[derive(Debug)]
pub struct Pushed {
    pub ok: bool,
    pub stderr: String,
}

impl Pushed {
    /// The last JSON line of the message.
    pub fn json(&self) -> serde_json::Value {
        let line = self.stderr.lines().filter_map(|line| line.split_once("refgate-json: ")).next_back();
        let line = line.unwrap_or_else(|| panic!("no JSON line in:\n{}", self.stderr)).1;
        serde_json::from_str(line.trim_end_matches(|c: char| c == '\x1b' || c == '[' || c == 'K' || c.is_whitespace()))
            .expect("JSON")
    }

    /// The rules of all findings, sorted.
    pub fn rules(&self) -> Vec<String> {
        let json = self.json();
        let findings = json["findings"].as_array().cloned().unwrap_or_default();
        let mut rules: Vec<String> = findings.iter().filter_map(|f| f["rule"].as_str().map(str::to_owned)).collect();
        rules.sort();
        rules.dedup();
        rules
    }

    #[track_caller]
    pub fn accepted(&self) {
        assert!(self.ok, "should be accepted:\n{}", self.stderr);
    }

    /// Refused, by this rule among others.
    #[track_caller]
    pub fn refused_by(&self, rule: &str) {
        assert!(!self.ok, "should be refused by {rule}:\n{}", self.stderr);
        assert!(self.rules().iter().any(|r| r == rule), "should be refused by {rule}:\n{}", self.stderr);
    }
}

impl Client<'_> {
    /// git with this agent's key.
    pub fn command(&self, dir: &Path) -> Command {
        let mut command = self.world.git_command(dir);
        command.env("GIT_SSH_COMMAND", self.world.ssh_command(&self.principal));
        command
    }

    pub fn git(&self, args: &[&str]) -> String {
        run(self.command(&self.dir).args(args))
    }

    pub fn try_git(&self, args: &[&str]) -> Output {
        self.command(&self.dir).args(args).output().expect("git")
    }

    pub fn write(&self, path: &str, text: &str) {
        write(&self.dir.join(path), text);
    }

    /// Writes files and commits everything; returns the commit's id.
    pub fn commit(&self, files: &[(&str, &str)], message: &str) -> String {
        files.iter().for_each(|(path, text)| self.write(path, text));
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "--allow-empty", "-m", message]);
        self.git(&["rev-parse", "HEAD"])
    }

    /// A branch of this agent's own.
    pub fn branch(&self, name: &str) -> String {
        format!("refs/heads/agent/{}/{name}", self.principal)
    }

    pub fn push(&self, args: &[&str]) -> Pushed {
        let output = self.command(&self.dir).arg("push").arg("origin").args(args).output().expect("git");
        Pushed { ok: output.status.success(), stderr: text(&output.stderr) }
    }

    /// Pushes HEAD to the agent's own branch of this name.
    pub fn push_head(&self, name: &str) -> Pushed {
        self.push(&[&format!("HEAD:{}", self.branch(name))])
    }
}

pub fn run(command: &mut Command) -> String {
    let output = command.output().expect("the program starts");
    assert!(output.status.success(), "{command:?}\n{}{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout).trim_end().to_owned()
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

pub fn write(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
    std::fs::write(path, text).expect("a file");
}

pub fn rand_suffix() -> String {
    use std::sync::atomic::{AtomicUsize, Ordering};
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed).to_string()
}

/// Waits for a state that another process brings about; fails after half a minute.
#[track_caller]
pub fn wait_for(mut state: impl FnMut() -> bool) {
    let end = std::time::Instant::now() + Duration::from_secs(30);
    while !state() {
        assert!(std::time::Instant::now() < end, "the state was not reached");
        std::thread::sleep(Duration::from_millis(50));
    }
}

// What stock git never sends.

use refgate::wire::advertisement::{self, Advertisement};
use refgate::wire::pkt_line::{self, Packet};
use refgate::wire::report::{self, Report};
use std::io::{Read, Write};
use std::process::{ChildStdin, ChildStdout};

pub const NULL_ID: &str = "0000000000000000000000000000000000000000";
pub const CAPABILITIES: &str = "report-status side-band-64k object-format=sha1 agent=raw/1";

/// How long a test waits for a conversation to end.
const PATIENCE: Duration = Duration::from_secs(60);

/// A receive-pack conversation of which the test writes every byte.
pub struct Raw {
    pub child: Child,
    pub stdin: Option<ChildStdin>,
    pub advertisement: Advertisement,
    stdout: ChildStdout,
}

/// How a raw conversation ended.
#[derive(Debug)]
pub struct RawEnd {
    pub status: Option<i32>,
    /// What followed an `ERR ` packet.
    pub error: Option<String>,
    /// Bands 2 and 3, and standard error.
    pub said: String,
    pub report: Option<Report>,
}

impl RawEnd {
    /// Everything that a client could show.
    pub fn text(&self) -> String {
        let report = match &self.report {
            Some(report) => format!("unpack {:?} refs {:?}", report.unpack, report.refs),
            None => String::new(),
        };
        format!("{}\n{}\n{report}", self.error.as_deref().unwrap_or_default(), self.said)
    }

    /// Whether every ref of the report is "ok", and there is one.
    pub fn is_ok(&self) -> bool {
        let ok = |status: &report::Status| matches!(status, report::Status::Ok(_));
        self.report.as_ref().is_some_and(|r| r.unpack.is_ok() && !r.refs.is_empty() && r.refs.iter().all(|r| ok(&r.1)))
    }
}

impl Raw {
    pub fn start(command: &mut Command) -> Self {
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("starts");
        let (stdin, mut stdout) = (child.stdin.take(), child.stdout.take().expect("piped"));
        let advertisement = advertisement::parse(&mut stdout, 100_000).expect("an advertisement");
        Self { child, stdin, advertisement, stdout }
    }

    /// Writes bytes; the other side may have hung up already.
    pub fn send(&mut self, bytes: &[u8]) {
        let stdin = self.stdin.as_mut().expect("open");
        let _ = stdin.write_all(bytes).and_then(|()| stdin.flush());
    }

    /// Hangs up, and reads to the end.
    pub fn finish(mut self) -> RawEnd {
        drop(self.stdin.take());
        let (send, receive) = mpsc::channel();
        let (mut stdout, mut stderr) = (self.stdout, self.child.stderr.take().expect("piped"));
        std::thread::spawn(move || {
            let (mut bytes, mut said) = (Vec::new(), Vec::new());
            let _ = stdout.read_to_end(&mut bytes).and_then(|_| stderr.read_to_end(&mut said));
            send.send((bytes, said))
        });
        let received = receive.recv_timeout(PATIENCE);
        if received.is_err() {
            let _ = self.child.kill();
        }
        let status = self.child.wait().expect("an end").code();
        let (bytes, said) = received.expect("the conversation hangs");
        let mut end = RawEnd { status, error: None, said: text(&said), report: None };
        end.read(&bytes);
        end
    }
}

impl RawEnd {
    fn read(&mut self, bytes: &[u8]) {
        let (mut input, mut data) = (bytes, Vec::new());
        while let Some(packet) = pkt_line::read(&mut input).expect("packets") {
            let Packet::Data(payload) = packet else { continue };
            match payload.split_first() {
                Some((1, rest)) => data.extend_from_slice(rest),
                Some((2 | 3, rest)) => self.said.push_str(&text(rest)),
                _ if payload.starts_with(b"ERR ") => self.error = Some(text(&payload[4..])),
                // No side-band: the report itself.
                _ => pkt_line::write(&mut data, &payload).expect("fits"),
            }
        }
        if !data.is_empty() {
            self.report = Some(report::parse(&data[..]).expect("a report"));
        }
    }
}

impl World {
    /// `ssh gate 'git-receive-pack app'`.
    pub fn raw_ssh(&self, principal: &str, options: &[&str]) -> Raw {
        Raw::start(&mut self.ssh_exec(principal, options, "git-receive-pack 'app'"))
    }

    /// `refgate receive-pack` on the upstream's directory.
    pub fn raw_drop_in(&self, principal: &str) -> Raw {
        let mut command = self.refgate();
        command.args(["receive-pack", "--as", principal, "--policy", "policy.toml", "--data", "own-data"]);
        Raw::start(command.arg(&self.upstream))
    }

    /// ssh with this exec line.
    pub fn ssh_exec(&self, principal: &str, options: &[&str], line: &str) -> Command {
        let mut command = Command::new("ssh");
        command.args(self.ssh_options(principal)).args(options);
        command.args(["-p", &self.port.to_string(), "refgate@127.0.0.1", line]).stdin(Stdio::null());
        command
    }

    /// A verb, its standard output; it must succeed.
    #[track_caller]
    pub fn verb(&self, principal: &str, line: &str) -> String {
        let output = self.try_verb(principal, line, "");
        assert!(output.status.success(), "{principal}: {line}\n{}{}", text(&output.stdout), text(&output.stderr));
        text(&output.stdout)
    }

    /// A verb that must fail, with what it says.
    #[track_caller]
    pub fn refused_verb(&self, principal: &str, line: &str) -> String {
        let output = self.try_verb(principal, line, "");
        let said = format!("{}{}", text(&output.stdout), text(&output.stderr));
        assert_eq!(output.status.code(), Some(1), "{principal}: {line}\n{said}");
        said
    }

    /// A verb with this on its standard input.
    pub fn try_verb(&self, principal: &str, line: &str, input: &str) -> Output {
        let mut command = self.ssh_exec(principal, &[], line);
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("ssh");
        // A verb that reads nothing may have ended.
        let _ = child.stdin.take().expect("piped").write_all(input.as_bytes());
        child.wait_with_output().expect("an end")
    }

    /// What a verb says with `--json`, a value a line.
    #[track_caller]
    pub fn json_verb(&self, principal: &str, line: &str) -> Vec<serde_json::Value> {
        let text = self.verb(principal, &format!("{line} --json"));
        text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }

    /// What is in the quarantine's place now.
    pub fn quarantines(&self) -> usize {
        let count = |dir: PathBuf| std::fs::read_dir(dir).map_or(0, Iterator::count);
        count(self.path().join("data/mirrors/app.git/incoming")) + count(self.path().join("own-data/incoming"))
    }

    /// The records as they are kept.
    pub fn records(&self) -> Vec<serde_json::Value> {
        let lines = run(self.refgate().args(["log", "--json"]));
        lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }

    #[track_caller]
    pub fn record_holds(&self) {
        let verified = run(self.refgate().args(["log", "--verify"]));
        assert!(verified.contains("the chain holds"), "{verified}");
    }

    /// Everything about a push that did not get anywhere: no panic, no ref, no leftover, and the next push works.
    #[track_caller]
    pub fn unharmed(&self, client: &Client<'_>, pid: u32, name: &str) {
        assert!(!self.log().contains("panicked"), "{name}:\n{}", self.log());
        wait_for(|| self.quarantines() == 0);
        let own = client.branch(&format!("after/{}", rand_suffix()));
        let pushed = client.push(&[&format!("origin/main:{own}")]);
        assert!(pushed.ok, "an ordinary push after {name}:\n{}", pushed.stderr);
        assert_eq!(self.gate_pid(), pid);
        self.git(&self.upstream, &["update-ref", "-d", &own]);
    }
}

/// Commands with capabilities on the first, and a flush.
pub fn commands(lines: &[(&str, &str, &[u8])], capabilities: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (index, (old, new, name)) in lines.iter().enumerate() {
        let mut line = format!("{old} {new} ").into_bytes();
        line.extend_from_slice(name);
        if index == 0 {
            line.extend_from_slice(format!("\0 {capabilities}").as_bytes());
        }
        pkt_line::write(&mut bytes, &line).expect("fits");
    }
    pkt_line::write_flush(&mut bytes).expect("fits");
    bytes
}

/// A pack, entry by entry, with nothing compressed.
#[derive(Default)]
pub struct PackWriter {
    count: u32,
    body: Vec<u8>,
}

pub const COMMIT: u8 = 1;

pub const BLOB: u8 = 3;
pub const OFS_DELTA: u8 = 6;
pub const REF_DELTA: u8 = 7;

impl PackWriter {
    /// Appends an entry; `base` is what stands before the data of a delta.
    pub fn entry(mut self, kind: u8, base: &[u8], data: &[u8]) -> Self {
        self.count += 1;
        let mut size = data.len();
        let mut byte = (kind << 4) | u8::try_from(size & 15).expect("small");
        size >>= 4;
        while size > 0 {
            self.body.push(byte | 0x80);
            byte = u8::try_from(size & 0x7f).expect("small");
            size >>= 7;
        }
        self.body.push(byte);
        self.body.extend_from_slice(base);
        self.body.extend(stored(data));
        self
    }

    /// The offset of the next entry.
    pub fn offset(&self) -> usize {
        12 + self.body.len()
    }

    pub fn finish(self) -> Vec<u8> {
        let count = self.count;
        self.finish_as(b"PACK", 2, count)
    }

    pub fn finish_as(self, magic: &[u8; 4], version: u32, count: u32) -> Vec<u8> {
        use sha1::Digest;
        let mut pack = [&magic[..], &version.to_be_bytes(), &count.to_be_bytes(), &self.body].concat();
        let checksum = sha1::Sha1::digest(&pack);
        pack.extend_from_slice(&checksum);
        pack
    }
}

/// zlib with stored blocks.
fn stored(data: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x78, 0x01];
    let mut chunks = data.chunks(0xffff).peekable();
    if chunks.peek().is_none() {
        bytes.extend_from_slice(&[1, 0, 0, 0xff, 0xff]);
    }
    while let Some(chunk) = chunks.next() {
        let length = u16::try_from(chunk.len()).expect("at most");
        bytes.push(u8::from(chunks.peek().is_none()));
        bytes.extend_from_slice(&length.to_le_bytes());
        bytes.extend_from_slice(&(!length).to_le_bytes());
        bytes.extend_from_slice(chunk);
    }
    let (a, b) = data.iter().fold((1_u32, 0_u32), |(a, b), byte| {
        let a = (a + u32::from(*byte)) % 65521;
        (a, (b + a) % 65521)
    });
    bytes.extend_from_slice(&((b << 16) | a).to_be_bytes());
    bytes
}

impl Client<'_> {
    /// A pack of what `revs` select, as `git pack-objects --revs` reads them.
    pub fn pack(&self, revs: &[&str]) -> Vec<u8> {
        let mut command = self.command(&self.dir);
        feed(command.args(["pack-objects", "--revs", "--stdout", "-q"]), (revs.join("\n") + "\n").as_bytes())
    }
}

/// Runs a program on this input; it must succeed.
pub fn feed(command: &mut Command, input: &[u8]) -> Vec<u8> {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("starts");
    child.stdin.take().expect("piped").write_all(input).expect("write");
    let output = child.wait_with_output().expect("an end");
    assert!(output.status.success(), "{command:?}");
    output.stdout
}

impl World {
    /// Installs a hook of one sh script in the upstream.
    pub fn upstream_hook(&self, name: &str, script: &str) {
        use std::os::unix::fs::PermissionsExt;
        let path = self.upstream.join("hooks").join(name);
        write(&path, &format!("#!/bin/sh\n{script}\n"));
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("chmod");
    }
}

impl World {
    /// A clone that was made before the gate was started anew: the port is another.
    pub fn client_at(&self, dir: &Path, principal: &str) -> Client<'_> {
        let client = Client { world: self, dir: dir.to_owned(), principal: principal.to_owned() };
        client.git(&["remote", "set-url", "origin", &self.url()]);
        client
    }
}

impl Client<'_> {
    /// Starts a push of HEAD to the agent's own branch of this name.
    pub fn start_push(&self, name: &str) -> Child {
        let refspec = format!("HEAD:{}", self.branch(name));
        let mut command = self.command(&self.dir);
        command.args(["push", "origin", &refspec]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        command.spawn().expect("git")
    }
}

pub fn pushed(child: Child) -> Pushed {
    let output = child.wait_with_output().expect("git");
    Pushed { ok: output.status.success(), stderr: text(&output.stderr) }
}

/// Waits for a state that may last for moments only.
#[track_caller]
pub fn catch(mut state: impl FnMut() -> bool) {
    let end = std::time::Instant::now() + Duration::from_secs(30);
    while !state() {
        assert!(std::time::Instant::now() < end, "the state was not reached");
        std::thread::yield_now();
    }
}
