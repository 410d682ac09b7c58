//! `refgate policy …`: to write a policy with confidence.

mod backtest;
mod recover;
mod test;

use super::{Failure, cannot, complain, negative};
use crate::policy::Policy;
use clap::Subcommand;
use std::path::Path;
use std::process::ExitCode;

#[derive(Debug, Subcommand)]
pub enum PolicyCommand {
    /// Run test cases: small pushes with the decision that is expected of each.
    Test(test::TestArgs),
    /// Replay a history as if it had been pushed, and count what the rules say.
    Backtest(backtest::BacktestArgs),
    /// Put a policy in force by hand, when the one that was pushed keeps everybody out.
    Recover(recover::RecoverArgs),
}

pub fn run(config: &Path, command: &PolicyCommand) -> ExitCode {
    match command {
        PolicyCommand::Test(args) => test::run(args),
        PolicyCommand::Backtest(args) => backtest::run(args),
        PolicyCommand::Recover(args) => recover::run(config, args),
    }
}

/// Reads and compiles a policy, or says what is wrong with it and gives the exit code.
pub(super) fn load(path: &Path) -> Result<Policy, ExitCode> {
    let file = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|error| cannot(format!("cannot read {file}: {error}")))?;
    Policy::parse(&file, &text).map_err(|problems| {
        complain(&problems.to_string());
        negative()
    })
}

/// What stops a command that has begun.
type Outcome = Result<ExitCode, Failure>;
