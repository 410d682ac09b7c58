//! A whole world for one test: an upstream, a running gate, and agents with the stock `git` and `ssh`.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc;
use std::time::Duration;
use tempfile::TempDir;

pub const PRINCIPALS: [&str; 3] = ["claude-1", "claude-2", "dana"];

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
            let kind = if name == "dana" { "human" } else { "agent" };
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

    /// What the upstream's refs hold.
    pub fn upstream_refs(&self) -> BTreeMap<String, String> {
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

fn rand_suffix() -> String {
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
