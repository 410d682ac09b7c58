//! `refgate policy …`: to write a policy with confidence.

mod backtest;
mod check;
mod explain;
mod recover;
mod show;
mod test;

use super::check_config::policy_path;
use super::{Failure, cannot, complain, negative};
use crate::config::Config;
use crate::model::{PrincipalName, RepoName};
use crate::policy::{Policy, Principal, Source};
use crate::strict::{self, Problems, Span};
use clap::Subcommand;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(Debug, Subcommand)]
pub enum PolicyCommand {
    /// Compile a policy, and warn of what is hardly meant.
    Check(check::CheckArgs),
    /// Print what counts in a repository, with where each line comes from.
    Show(show::ShowArgs),
    /// Say which grant and rule decides on a path, and why each other one does not.
    Explain(explain::ExplainArgs),
    /// Run test cases: small pushes with the decision that is expected of each.
    Test(test::TestArgs),
    /// Replay a history as if it had been pushed, and count what the rules say.
    Backtest(backtest::BacktestArgs),
    /// Put a policy in force by hand, when the one that was pushed keeps everybody out.
    Recover(recover::RecoverArgs),
}

pub fn run(config: &Path, command: &PolicyCommand) -> ExitCode {
    match command {
        PolicyCommand::Check(args) => check::run(config, args),
        PolicyCommand::Show(args) => show::run(config, args),
        PolicyCommand::Explain(args) => explain::run(config, args),
        PolicyCommand::Test(args) => test::run(args),
        PolicyCommand::Backtest(args) => backtest::run(args),
        PolicyCommand::Recover(args) => recover::run(config, args),
    }
}

/// Reads and compiles a policy, or says what is wrong with it and gives the exit code.
pub(super) fn load(path: &Path) -> Result<Policy, ExitCode> {
    let document = Document::read(path)?;
    document.compile().map_err(|problems| {
        complain(&problems.to_string());
        negative()
    })
}

/// A policy's text, with the name its errors call it by.
struct Document {
    file: String,
    text: String,
}

impl Document {
    fn read(path: &Path) -> Result<Self, ExitCode> {
        let file = path.display().to_string();
        match std::fs::read_to_string(path) {
            Ok(text) => Ok(Self { file, text }),
            Err(error) => Err(cannot(format!("cannot read {file}: {error}"))),
        }
    }

    /// The file that is named, or the one that the settings name.
    fn find(given: Option<&PathBuf>, config: &Path) -> Result<Self, ExitCode> {
        match given {
            Some(path) => Self::read(path),
            None => match Config::load(config) {
                Ok(config) => Self::read(&policy_path(&config)),
                Err(error) => Err(cannot(format!("{error}\nrefgate: or name the policy itself"))),
            },
        }
    }

    fn compile(&self) -> Result<Policy, Problems> {
        Policy::parse(&self.file, &self.text)
    }

    /// Or says what is wrong with it: whoever asks for more than that cannot be answered.
    fn compile_or_complain(&self) -> Result<Policy, ExitCode> {
        self.compile().map_err(|problems| cannot(format!("the policy is not right\n{problems}")))
    }

    /// `policy.toml:12`, `preset agent-default`, `default`.
    fn place(&self, source: &Source) -> String {
        let line = |span: &Span| strict::position(&self.text, span.start).0;
        match source {
            Source::Policy(span) => format!("{}:{}", self.file, line(span)),
            Source::Over(span, name) => format!("{}:{} over preset {name}", self.file, line(span)),
            Source::Preset(name) => format!("preset {name}"),
            Source::Default => "default".to_owned(),
        }
    }

    fn place_json(&self, source: &Source) -> Value {
        let line = |span: &Span| strict::position(&self.text, span.start).0;
        match source {
            Source::Policy(span) => json!({ "file": self.file, "line": line(span) }),
            Source::Over(span, name) => json!({ "file": self.file, "line": line(span), "preset": name }),
            Source::Preset(name) => json!({ "preset": name }),
            Source::Default => json!("default"),
        }
    }
}

/// The principal that is asked for, or the only agent there is.
pub(super) fn principal(given: Option<&str>, policy: &Policy) -> Result<Principal, Failure> {
    let Some(name) = given else {
        let only = policy.only_agent().cloned();
        return Ok(only.ok_or("the policy has more than one agent: say which with --as")?);
    };
    let found = policy.principal(&PrincipalName::parse(name)?).cloned();
    Ok(found.ok_or_else(|| format!("the policy has no principal `{}`", name.escape_debug()))?)
}

/// The repository that is asked for, or the only one there is.
pub(super) fn repo(given: Option<&str>, policy: &Policy) -> Result<RepoName, Failure> {
    match given {
        Some(name) => Ok(RepoName::parse(name)?),
        None => Ok(policy.only_repo().ok_or("the policy names more than one repository: say which with --repo")?),
    }
}

/// What stops a command that has begun.
type Outcome = Result<ExitCode, Failure>;
