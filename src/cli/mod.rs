//! argv in, exit code out; one file a subcommand.
//!
//! Exit codes: 0 yes or done, 1 a negative answer (settings invalid, chain broken, a check failed), 2 wrong usage or
//! it could not be run.

mod check;
mod check_config;
mod doctor;
mod findings;
mod hook;
mod init;
mod log;
mod log_export;
mod policy;
mod receive_pack;
mod replay;
mod rules;
mod scan;
mod serve;
mod trust;
mod try_;
mod verify;
mod witness;

use crate::config::{Config, ConfigError};
use clap::{Args, Parser, Subcommand};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Stands between AI coding agents and the real repository: judges each push and forwards what passes.
#[derive(Debug, Parser)]
#[command(name = "refgate", version, disable_help_subcommand = true)]
struct Cli {
    /// The operator's settings.
    #[arg(long, global = true, value_name = "FILE", env = "REFGATE_CONFIG", default_value = "refgate.toml")]
    config: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the gate.
    Serve,
    /// Write commented settings, a policy and a directory for keys.
    Init(InitArgs),
    /// See it work: a throw-away gate, upstream and agent on this machine.
    Try,
    /// Check both files and whether they fit each other.
    CheckConfig,
    /// Check what the gate depends on: upstreams, keys, disk, clock.
    Doctor(DoctorArgs),
    /// Judge a local branch as the gate would, before it is pushed.
    Check(check::CheckArgs),
    /// Try a policy out.
    #[command(subcommand)]
    Policy(policy::PolicyCommand),
    /// Tell of the kinds of rules and the presets there are.
    Rules(rules::RulesArgs),
    /// Show the record of pushes, verify it, or export the log.
    Log(LogArgs),
    /// Judge a recorded push again, and say whether the decision comes out the same.
    Replay(ReplayArgs),
    /// Run as a hook of an existing bare repository.
    #[command(subcommand)]
    Hook(HookCommand),
    /// Serve one push on stdin and stdout, in the place of git-receive-pack.
    ReceivePack(ReceivePackArgs),
    /// Look for secrets in files, or in what a range of commits brought.
    Scan(ScanArgs),
    /// Write what others need to verify what this gate states.
    #[command(subcommand)]
    Trust(trust::TrustCommand),
    /// Prove that a commit came through a gate, offline.
    Verify(verify::VerifyArgs),
    /// Run a witness of logs, on another machine than the gate's.
    Witness(witness::WitnessArgs),
    /// Print the version.
    Version,
}

#[derive(Debug, Args)]
pub struct InitArgs {
    /// Where to write.
    #[arg(default_value = ".")]
    pub dir: PathBuf,
    /// The real repository.
    #[arg(long, value_name = "URL")]
    pub upstream: Option<String>,
    /// Also make an SSH key pair for a first agent of this name.
    #[arg(long, value_name = "NAME")]
    pub agent: Option<String>,
    /// Also make one for a first human, who approves what is held.
    #[arg(long, value_name = "NAME")]
    pub human: Option<String>,
}

#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// One JSON object a check.
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct LogArgs {
    #[command(subcommand)]
    pub command: Option<LogCommand>,
    /// Pushes to this repository only.
    #[arg(long, value_name = "NAME")]
    pub repo: Option<String>,
    /// Pushes of this principal only.
    #[arg(long, value_name = "NAME")]
    pub principal: Option<String>,
    /// Pushes decided like this only: accept, hold or refuse.
    #[arg(long, value_name = "WORD")]
    pub decision: Option<String>,
    /// Everything about one push.
    #[arg(long, value_name = "ID", conflicts_with_all = ["repo", "principal", "decision", "since", "limit"])]
    pub push: Option<String>,
    /// Not older than this: 30min, 2h, 7d, or a time such as 2026-01-31T12:00:00Z.
    #[arg(long, value_name = "TIME")]
    pub since: Option<String>,
    /// At most this many, the newest [default: 20; none with --json].
    #[arg(long, value_name = "N")]
    pub limit: Option<usize>,
    /// The records as they are kept, one JSON object a line, oldest first.
    #[arg(long)]
    pub json: bool,
    /// Compute the log's tree from the records again and print its root.
    #[arg(long, conflicts_with_all = ["repo", "principal", "decision", "push", "since", "limit"])]
    pub verify: bool,
    /// A head that was printed before and must be in the chain.
    #[arg(long, value_name = "HASH", requires = "verify")]
    pub head: Option<String>,
    /// The data directory, instead of the settings' one.
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct ReplayArgs {
    /// The decision's leaf in the log, as receipts and statements have it.
    #[arg(value_name = "INDEX")]
    pub index: u64,
    /// One JSON object.
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Subcommand)]
pub enum LogCommand {
    /// Write the leaves of the transparency log, oldest first.
    Export(LogExportArgs),
}

#[derive(Debug, Args)]
pub struct LogExportArgs {
    /// One leaf a line, its very bytes: line N is leaf N, and SHA-256 of a zero byte and the line is its hash.
    #[arg(long, required_unless_present = "decoded")]
    pub jsonl: bool,
    /// One object a line instead, with `index` and what is in the leaf, readable.
    #[arg(long, conflicts_with = "jsonl")]
    pub decoded: bool,
    /// From this index on.
    #[arg(long, value_name = "INDEX", default_value_t = 0)]
    pub from: u64,
    /// The data directory, instead of the settings' one.
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub enum HookCommand {
    /// Judge the push that git has in quarantine; reads git's lines on stdin.
    PreReceive(HookArgs),
}

#[derive(Debug, Args)]
pub struct HookArgs {
    /// Who pushes; set by what authenticated them, such as `environment=` in authorized_keys.
    #[arg(long = "as", value_name = "PRINCIPAL", env = "REFGATE_PRINCIPAL")]
    pub principal: String,
    /// The admin's policy.
    #[arg(long, value_name = "FILE", env = "REFGATE_POLICY")]
    pub policy: PathBuf,
    /// The repository's name in grants [default: its directory's name, or the one name that the grants have].
    #[arg(long, value_name = "NAME", env = "REFGATE_REPO")]
    pub repo: Option<String>,
    /// Where the record is kept [default: refgate/ in the repository].
    #[arg(long, value_name = "DIR", env = "REFGATE_DATA")]
    pub data: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct ReceivePackArgs {
    /// The bare repository.
    pub dir: PathBuf,
    /// Who pushes.
    #[arg(long = "as", value_name = "PRINCIPAL")]
    pub principal: String,
    /// The admin's policy.
    #[arg(long, value_name = "FILE")]
    pub policy: PathBuf,
    /// The repository's name in grants [default: its directory's name, or the one name that the grants have].
    #[arg(long, value_name = "NAME")]
    pub repo: Option<String>,
    /// Where the record is kept [default: refgate/ in the repository].
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct ScanArgs {
    /// Files and directories, or a range of commits such as main..HEAD [default: this directory].
    #[arg(value_name = "PATH|RANGE")]
    pub targets: Vec<String>,
    /// What these commits brought, of the repository this directory is in.
    #[arg(long, value_name = "RANGE", conflicts_with = "targets")]
    pub range: Option<String>,
    /// Leave out what is less sure: possible, likely or certain.
    #[arg(long, value_name = "WORD", default_value = "likely")]
    pub certainty: String,
    /// One JSON object a finding.
    #[arg(long, conflicts_with = "sarif")]
    pub json: bool,
    /// SARIF 2.1.0.
    #[arg(long)]
    pub sarif: bool,
    /// A key of 32 bytes: each finding gets a fingerprint, equal for equal secrets.
    #[arg(long, value_name = "FILE")]
    pub key: Option<PathBuf>,
    /// Threads [default: one a processor].
    #[arg(long, value_name = "N")]
    pub threads: Option<usize>,
}

pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version come this way too, and are no errors.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    match cli.command {
        Command::Serve => serve::run(&cli.config),
        Command::Init(args) => init::run(&args),
        Command::Try => try_::run(),
        Command::CheckConfig => check_config::run(&cli.config),
        Command::Doctor(args) => doctor::run(&cli.config, &args),
        Command::Check(args) => check::run(&args),
        Command::Policy(command) => policy::run(&cli.config, &command),
        Command::Rules(args) => rules::run(&args),
        Command::Log(args) => log::run(&cli.config, &args),
        Command::Replay(args) => replay::run(&cli.config, &args),
        Command::Hook(HookCommand::PreReceive(args)) => hook::pre_receive(&args),
        Command::ReceivePack(args) => receive_pack::run(&args),
        Command::Scan(args) => scan::run(&args),
        Command::Trust(trust::TrustCommand::Export(args)) => trust::export(&cli.config, &args),
        Command::Verify(args) => verify::run(&args),
        Command::Witness(args) => witness::run(&args),
        Command::Version => {
            print(&format!("refgate {}\n", env!("CARGO_PKG_VERSION")));
            DONE
        }
    }
}

/// What stops a command.
type Failure = Box<dyn std::error::Error>;

const DONE: ExitCode = ExitCode::SUCCESS;

fn negative() -> ExitCode {
    ExitCode::from(1)
}

/// Says why the command could not be run.
fn cannot(why: impl std::fmt::Display) -> ExitCode {
    complain(&format!("refgate: {why}\n"));
    ExitCode::from(2)
}

/// Writes to stdout; a reader that went away (`| head`) is no error.
fn print(text: &str) {
    let _ = std::io::stdout().lock().write_all(text.as_bytes());
}

fn complain(text: &str) {
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
}

/// The settings, or the exit code after saying what is wrong with them.
fn load(path: &Path) -> Result<Config, ExitCode> {
    Config::load(path).map_err(|error| match error {
        ConfigError::Read { .. } => {
            cannot(format!("{error}\nrefgate: name the file with --config FILE, or write one with `refgate init`"))
        }
        ConfigError::Invalid(problems) => {
            complain(&problems.to_string());
            negative()
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn head_needs_verify_and_a_push_stands_alone() {
        for (line, good) in [
            ("refgate log --verify --head 00", true),
            ("refgate log --head 00", false),
            ("refgate log --push X --repo app", false),
            ("refgate log --repo app --since 2h --limit 5 --json --config x.toml", true),
            ("refgate receive-pack /srv/app.git --as claude-1 --policy p.toml", true),
            ("refgate receive-pack /srv/app.git --as claude-1", false),
            ("refgate hook pre-receive --as claude-1 --policy p.toml", true),
            ("refgate hook pre-receive", false),
            ("refgate hook update", false),
            ("refgate scan", true),
            ("refgate scan a b --json --certainty certain --threads 2 --key k", true),
            ("refgate scan --range a..b --sarif", true),
            ("refgate scan a --range a..b", false),
            ("refgate scan --json --sarif", false),
            ("refgate witness --listen 127.0.0.1:1 --data d --name w --log a b --log c --logs f --key k", true),
            ("refgate witness --listen 127.0.0.1:1 --data d --name w", false),
            ("refgate witness --data d --name w --log a", false),
            ("refgate witness --data d --name w --print-key", true),
            ("refgate witness --name w --print-key", false),
            ("refgate", false),
        ] {
            assert_eq!(Cli::try_parse_from(line.split(' ')).is_ok(), good, "{line}");
        }
    }
}
