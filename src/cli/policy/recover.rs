//! `refgate policy recover`: the way back in when a pushed policy keeps everybody out.

use crate::cli::{DONE, cannot, complain, load, negative, print};
use crate::config::PolicySource;
use crate::gate::{KeeperError, Kept, write_policy};
use crate::policy::Policy;
use clap::Args;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(Debug, Args)]
pub struct RecoverArgs {
    /// The policy to put in force [default: the one before the last that was pushed].
    #[arg(long, value_name = "FILE")]
    pub file: Option<PathBuf>,
}

pub fn run(config: &Path, args: &RecoverArgs) -> ExitCode {
    let config = match load(config) {
        Ok(config) => config,
        Err(code) => return code,
    };
    let PolicySource::Pushed(pushed) = &config.policy else {
        return cannot(format!("the policy is a file here: edit {}", config.policy.shown()));
    };
    let kept = Kept::below(&config.data);
    let file = args.file.clone().unwrap_or_else(|| kept.previous.clone());
    let text = match std::fs::read_to_string(&file) {
        Ok(text) => text,
        Err(error) => return cannot(format!("cannot read {}: {error}; name a policy with --file", file.display())),
    };
    if let Err(problems) = Policy::parse(&file.display().to_string(), &text) {
        complain(&problems.to_string());
        return negative();
    }
    if let Err(error) = put(&kept, &text) {
        return cannot(error);
    }
    print(&format!(
        "in force by hand: {}\na running gate takes it within a second; it counts until the next policy is pushed to {} of {}\n",
        file.display(),
        pushed.ref_name,
        pushed.repo
    ));
    DONE
}

fn put(kept: &Kept, text: &str) -> Result<(), KeeperError> {
    write_policy(&kept.by_hand, text)
}
