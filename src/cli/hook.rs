//! `refgate hook pre-receive`: githooks(5), "pre-receive". Git's own quarantine is judged; 0 lets git go on.

use super::HookArgs;
use super::receive_pack::{FOR_THE_OPERATOR, Opened};
use crate::config::LogFormat;
use crate::receive::Verdict;
use crate::wire::command;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

type Failure = Box<dyn std::error::Error>;

/// Bytes of git's lines on stdin: a million refs.
const LINES_BYTES_MAX: u64 = 256 << 20;

pub fn pre_receive(args: &HookArgs) -> ExitCode {
    match judge(args) {
        Ok(code) => code,
        Err(error) => {
            tracing::error!(%error, "cannot judge");
            super::complain(&format!("refgate: REFUSED  the push cannot be judged\nrefgate: {FOR_THE_OPERATOR}\n"));
            super::negative()
        }
    }
}

fn judge(args: &HookArgs) -> Result<ExitCode, Failure> {
    crate::observe::start_log(LogFormat::Text, crate::observe::LOG_NOTHING)?;
    let mut lines = Vec::new();
    std::io::stdin().take(LINES_BYTES_MAX).read_to_end(&mut lines)?;
    let updates = lines.split(|b| *b == b'\n').filter(|line| !line.is_empty()).map(command::parse_update);
    let updates = updates.collect::<Result<Vec<_>, _>>()?;
    if updates.is_empty() {
        return Err("git named no ref update".into());
    }
    let dir = PathBuf::from(std::env::var_os("GIT_DIR").ok_or("GIT_DIR is not set: this is not run by git")?);
    let quarantine = std::env::var_os("GIT_QUARANTINE_PATH").map(PathBuf::from);
    if quarantine.is_none() && updates.iter().any(|update| update.new.is_some()) {
        return Err("GIT_QUARANTINE_PATH is not set: what is new cannot be told from what was there".into());
    }
    let opened = Opened::open(&dir, &args.principal, &args.policy, args.data.as_deref(), args.repo.as_deref())?;
    let exists = |path: &&Path| path.is_dir();
    let answer = opened.push().judge_existing(updates, quarantine.as_deref().filter(exists));
    super::complain(&answer.text);
    Ok(if answer.verdict == Verdict::Accepted { super::DONE } else { super::negative() })
}
