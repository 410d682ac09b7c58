//! `refgate try`: a throw-away gate, upstream and agent on loopback. Nothing of it is left.

use crate::git::client;
use crate::model::PrincipalName;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};

type Failure = Box<dyn std::error::Error>;

const POLICY: &str = r#"
[[grant]]
to    = ["claude-1"]
repo  = "app"
refs  = ["refs/heads/agent/{principal}/**"]
allow = ["create", "update", "rewind", "delete"]
write = ["src/**", "docs/**", "tests/**", ".github/**"]

[rule.ci-files]
kind      = "path"
match     = [".github/**"]
then      = "hold"
approvers = ["owners"]

[group]
owners = ["dana"]
"#;

pub fn run() -> ExitCode {
    match demonstrate() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("refgate try: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The gate's process; ended when the demonstration ends, by whatever way.
struct Gate(Child);

impl Drop for Gate {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Whether a command and what it prints are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Show {
    Yes,
    No,
}

/// One directory with an upstream, a running gate and an agent's clone.
struct Stage {
    dir: tempfile::TempDir,
    ssh_config: PathBuf,
    clone: PathBuf,
}

fn demonstrate() -> Result<(), Failure> {
    let dir = tempfile::Builder::new().prefix("refgate-try-").tempdir()?;
    let stage = Stage { ssh_config: dir.path().join("ssh_config"), clone: dir.path().join("app"), dir };
    println!("A throw-away upstream with a few files, a gate in front of it, an agent, claude-1, and a human, dana.\n");
    stage.make_upstream()?;
    stage.write_settings()?;
    let gate = stage.start()?;

    println!("The agent clones through the gate, edits src/ and pushes its own branch:\n");
    stage.shown(stage.dir.path(), &["clone", "-q", "ssh://gate/app", "app"])?;
    stage.write("src/greet.rs", "pub fn greet() {}\n")?;
    stage.commit("add a greeting")?;
    stage.expect(true, &["push", "origin", "HEAD:refs/heads/agent/claude-1/greet"])?;

    println!("\nIt also edits the CI workflow, which a human has to look at, and a file that is not its to write:\n");
    stage.write("src/greet.rs", "pub fn greet() { println!(\"hello\"); }\n")?;
    stage.write(".github/workflows/ci.yml", "on: pull_request\n")?;
    stage.write("infra/main.tf", "resource {}\n")?;
    stage.commit("say hello, and help CI")?;
    stage.expect(false, &["push", "origin", "HEAD:refs/heads/agent/claude-1/greet"])?;

    println!("\nIt does what the message says, and pushes again. Now only the CI workflow is in question:\n");
    stage.shown(&stage.clone, &["restore", "-SW", "-s", "HEAD~1", "--", "infra/main.tf"])?;
    stage.shown(&stage.clone, &["commit", "-q", "--amend", "-m", "say hello, and help CI"])?;
    stage.expect(false, &["push", "origin", "HEAD:refs/heads/agent/claude-1/greet"])?;

    println!("\nThe human looks at it over the same SSH port, and approves. The agent does not push again:\n");
    let held = stage.ssh(&["dana.gate", "held", "--json"], Show::No)?;
    let held: serde_json::Value = serde_json::from_str(held.lines().next().ok_or("nothing is held")?)?;
    let push = held["push"].as_str().ok_or("a held push without an id")?;
    stage.ssh(&["dana.gate", "show", push], Show::Yes)?;
    stage.ssh(&["dana.gate", "approve", push], Show::Yes)?;
    stage.shown(&stage.clone, &["fetch", "-q"])?;
    stage.shown(&stage.clone, &["log", "--oneline", "origin/agent/claude-1/greet"])?;

    println!("\nWhat the upstream holds, and what the gate recorded:\n");
    let upstream = stage.dir.path().join("upstream.git");
    stage.shown(&upstream, &["log", "--oneline", "--graph", "agent/claude-1/greet"])?;
    drop(gate);
    stage.refgate_shown(&["log"])?;
    stage.refgate_shown(&["log", "--verify"])?;
    println!("\nNothing of this is left. To set up a real gate: refgate init");
    Ok(())
}

impl Stage {
    fn write(&self, path: &str, text: &str) -> Result<(), Failure> {
        write(&self.clone.join(path), text)
    }

    fn make_upstream(&self) -> Result<(), Failure> {
        let dir = self.dir.path();
        let seed = dir.join("seed");
        self.quiet(dir, &["init", "-q", "--bare", "-b", "main", "upstream.git"])?;
        self.quiet(dir, &["init", "-q", "-b", "main", "seed"])?;
        write(&seed.join("README.md"), "# app\n")?;
        write(&seed.join("src/main.rs"), "fn main() {}\n")?;
        write(&seed.join(".github/workflows/ci.yml"), "on: push\n")?;
        write(&seed.join("infra/main.tf"), "# production\n")?;
        self.quiet(&seed, &["add", "-A"])?;
        self.quiet(&seed, &["commit", "-q", "-m", "first"])?;
        self.quiet(&seed, &["push", "-q", "../upstream.git", "main"])
    }

    fn write_settings(&self) -> Result<(), Failure> {
        let dir = self.dir.path();
        let pair = |name| {
            super::init::write_key_pair(&dir.join(name), &PrincipalName::parse(name).map_err(|e| e.to_string())?)
        };
        let (agent, human) = (pair("claude-1")?, pair("dana")?);
        let people = format!("[agent.claude-1]\nkeys = [\"{agent}\"]\n[human.dana]\nkeys = [\"{human}\"]\n");
        write(&dir.join("policy.toml"), &format!("{people}{POLICY}"))?;
        let upstream = dir.join("upstream.git");
        let settings = format!(
            "listen = \"127.0.0.1:0\"\ndata = \"data\"\npolicy = \"policy.toml\"\npublic_address = \"gate\"\n\n[repo.app]\nupstream = \"{}\"\n",
            upstream.display()
        );
        write(&dir.join("refgate.toml"), &settings)
    }

    /// Starts the gate as its own process, and pins its host key for the agent.
    fn start(&self) -> Result<Gate, Failure> {
        let dir = self.dir.path();
        let mut child = self.refgate().arg("serve").stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let stdout = child.stdout.take().ok_or("no output")?;
        let gate = Gate(child);
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        let port = line.trim().rsplit(':').next().filter(|p| !p.is_empty()).ok_or("the gate did not start")?;
        let host_key = std::fs::read_to_string(dir.join("data/host_key.pub"))?;
        write(&dir.join("known_hosts"), &format!("[127.0.0.1]:{port} {host_key}\n"))?;
        let config = format!(
            "Host dana.gate\n  IdentityFile {0}/dana\nHost gate\n  IdentityFile {0}/claude-1\nHost *\n  HostName 127.0.0.1\n  \
             Port {port}\n  User refgate\n  IdentitiesOnly yes\n  IdentityAgent none\n  UserKnownHostsFile {0}/known_hosts\n  StrictHostKeyChecking yes\n  BatchMode yes\n",
            dir.display()
        );
        write(&self.ssh_config, &config)?;
        Ok(gate)
    }

    fn refgate(&self) -> Command {
        let mut command = Command::new(std::env::current_exe().unwrap_or_else(|_| "refgate".into()));
        command.current_dir(self.dir.path()).env("REFGATE_CONFIG", self.dir.path().join("refgate.toml"));
        command
    }

    fn commit(&self, message: &str) -> Result<(), Failure> {
        self.quiet(&self.clone, &["add", "-A"])?;
        self.shown(&self.clone, &["commit", "-q", "-a", "-m", message])
    }

    /// Runs git as the agent, shows the command and what it printed, and holds it to how it must end.
    fn expect(&self, success: bool, args: &[&str]) -> Result<(), Failure> {
        self.git(&self.clone, args, true, success)
    }

    fn shown(&self, dir: &Path, args: &[&str]) -> Result<(), Failure> {
        self.git(dir, args, true, true)
    }

    fn quiet(&self, dir: &Path, args: &[&str]) -> Result<(), Failure> {
        self.git(dir, args, false, true)
    }

    fn git(&self, dir: &Path, args: &[&str], show: bool, success: bool) -> Result<(), Failure> {
        let output = client::run(dir, &self.ssh_config, args)?;
        let text = [&output.stdout[..], &output.stderr[..]].concat();
        let text = String::from_utf8_lossy(&text);
        if show {
            println!("$ git {}", args.iter().map(|word| shown_word(word)).collect::<Vec<_>>().join(" "));
            print!("{text}");
        }
        if output.status.success() == success {
            return Ok(());
        }
        Err(format!("git {} did not end as it should\n{text}", args.first().unwrap_or(&"")).into())
    }

    /// Runs a verb of the gate as a person does.
    fn ssh(&self, args: &[&str], show: Show) -> Result<String, Failure> {
        let output = Command::new("ssh").arg("-F").arg(&self.ssh_config).args(args).stdin(Stdio::null()).output()?;
        let text = String::from_utf8_lossy(&[&output.stdout[..], &output.stderr[..]].concat()).into_owned();
        if show == Show::Yes {
            println!("$ ssh {}", args.join(" "));
            print!("{text}");
        }
        if output.status.success() { Ok(text) } else { Err(format!("ssh {} failed\n{text}", args.join(" ")).into()) }
    }

    fn refgate_shown(&self, args: &[&str]) -> Result<(), Failure> {
        println!("$ refgate {}", args.join(" "));
        let status = self.refgate().args(args).status()?;
        if status.success() { Ok(()) } else { Err("refgate log failed".into()) }
    }
}

/// A word as it would be typed.
fn shown_word(word: &str) -> String {
    if word.contains(' ') { format!("'{word}'") } else { word.to_owned() }
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    if let Some(dir) = path.parent() {
        std::fs::create_dir_all(dir)?;
    }
    Ok(std::fs::write(path, text)?)
}
