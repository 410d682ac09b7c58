//! `refgate check [RANGE]`: the gate's judgement of a local branch, before it is pushed.

use super::{DONE, Failure, cannot, complain, findings, negative, print};
use crate::examine::SecretCache;
use crate::git::local::Repository;
use crate::git::{ObjectStore, Objects};
use crate::model::{Limits, RefName, RefUpdate};
use crate::policy::{Hearing, Judgement, Policy};
use crate::trial::local::Local;
use crate::trial::{Scene, Trial, TrialError};
use crate::wire::command;
use clap::Args;
use jiff::Timestamp;
use serde_json::json;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::AtomicBool;

/// Bytes of git's lines on stdin: a million refs.
const LINES_BYTES_MAX: u64 = 256 << 20;

const DEFAULT_REMOTE: &str = "origin";

#[derive(Debug, Args)]
pub struct CheckArgs {
    /// What would be pushed: a revision, or OLD..NEW [default: HEAD, on top of what the remote has].
    pub range: Option<String>,
    /// The policy.
    #[arg(long, value_name = "FILE", env = "REFGATE_POLICY")]
    pub policy: PathBuf,
    /// Who would push [default: the policy's only agent].
    #[arg(long = "as", value_name = "PRINCIPAL", env = "REFGATE_PRINCIPAL")]
    pub principal: Option<String>,
    /// The ref it would be pushed to [default: the branch of the same name].
    #[arg(long = "ref", value_name = "REF")]
    pub ref_name: Option<String>,
    /// The repository's name in the policy [default: the only one that the grants name].
    #[arg(long, value_name = "NAME", env = "REFGATE_REPO")]
    pub repo: Option<String>,
    /// The remote whose remote-tracking branches say what the upstream has.
    #[arg(long, value_name = "NAME", default_value = DEFAULT_REMOTE)]
    pub remote: String,
    /// The repository [default: the one of this directory; for a hook, the one that git says].
    #[arg(short = 'C', value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// Run as githooks(5) "pre-push": what is pushed is read from stdin.
    #[arg(long, conflicts_with_all = ["range", "ref_name"])]
    pub pre_push: bool,
    /// One JSON object.
    #[arg(long)]
    pub json: bool,
}

pub fn run(args: &CheckArgs) -> ExitCode {
    match super::policy::load(&args.policy) {
        Ok(policy) => check(args, &policy).unwrap_or_else(cannot),
        Err(code) => code,
    }
}

fn check(args: &CheckArgs, policy: &Policy) -> Result<ExitCode, Failure> {
    let local = local(args)?;
    let principal = super::policy::principal(args.principal.as_deref(), policy)?;
    let repo = super::policy::repo(args.repo.as_deref(), policy)?;
    let updates = match args.pre_push {
        true => pushed()?,
        false => vec![named(args, &local)?],
    };
    if updates.is_empty() {
        return Ok(DONE);
    }
    let limits = Limits::default();
    let (secrets, hearing) = (&SecretCache::default(), Hearing::of_trial());
    let trial = Trial { policy, principal: &principal, repo: &repo, limits: &limits, secrets, hearing };
    let trusted = local.trusted(policy, &repo, &updates);
    let scene = Scene { refs: &local.refs, trusted: &trusted };
    let objects = Objects::new(None, &ObjectStore::open(&local.repository.objects_dir)?);
    let held = trial.hold(&objects, &updates, scene, Timestamp::now(), &AtomicBool::new(false));
    let (facts, judgement) = held.map_err(explained)?;
    Ok(tell(args, &judgement, facts.commits.len()))
}

/// What a gate calls an internal error is mostly a clone without all objects here.
fn explained(error: TrialError) -> Failure {
    let Some(read) = error.unread() else { return error.into() };
    format!("{read}\nin a shallow clone, git fetch --unshallow brings what is missing; the gate itself has it").into()
}

fn local(args: &CheckArgs) -> Result<Local, Failure> {
    // Git tells its hooks where the repository is, if it is not the one around this directory.
    let of_git = std::env::var_os("GIT_DIR").filter(|_| args.pre_push && args.dir.is_none());
    let repository = match of_git {
        Some(dir) => Repository::open(&std::path::absolute(dir)?)?,
        None => Repository::around(args.dir.as_deref().unwrap_or(Path::new(".")))?,
    };
    let local = Local::open(repository.clone(), &args.remote)?;
    // Somebody who pushes to a URL has remote-tracking branches under another name, if any.
    if args.pre_push && !local.refs.iter().any(|(name, _)| name.is_branch()) {
        return Ok(Local::open(repository, DEFAULT_REMOTE)?);
    }
    Ok(local)
}

/// The one ref update that the arguments mean.
fn named(args: &CheckArgs, local: &Local) -> Result<RefUpdate, Failure> {
    let name = match &args.ref_name {
        Some(name) => RefName::parse(name.as_bytes())?,
        None => local.repository.branch()?.ok_or("HEAD is on no branch: say which ref with --ref")?,
    };
    let range = args.range.as_deref().unwrap_or("HEAD");
    let (old, new) = match range.split_once("..") {
        Some((_, new)) if new.starts_with('.') => return Err("OLD..NEW has two dots".into()),
        Some((old, new)) => (Some(local.repository.commit(old)?), new),
        None => (local.held(&name), range),
    };
    let new = if new.is_empty() { "HEAD" } else { new };
    Ok(RefUpdate { name, old, new: Some(local.repository.commit(new)?) })
}

/// What git is about to push: `<local ref> <local object> <remote ref> <remote object>` a line.
fn pushed() -> Result<Vec<RefUpdate>, Failure> {
    let mut lines = Vec::new();
    std::io::stdin().take(LINES_BYTES_MAX).read_to_end(&mut lines)?;
    let mut updates = Vec::new();
    for line in lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let words: Vec<&[u8]> = line.rsplitn(4, |byte| *byte == b' ').collect();
        let [old, name, new, _] = words.as_slice() else {
            return Err("git's lines on stdin are not understood".into());
        };
        // A deletion of what is not there.
        if is_null(old) && is_null(new) {
            continue;
        }
        updates.push(command::parse_update(&[*old, b" ", *new, b" ", *name].concat())?);
    }
    Ok(updates)
}

fn is_null(id: &[u8]) -> bool {
    id.iter().all(|digit| *digit == b'0')
}

fn tell(args: &CheckArgs, judgement: &Judgement, commits: usize) -> ExitCode {
    let decision = judgement.decision.as_str();
    if args.json {
        let all: Vec<_> = judgement.findings.iter().map(findings::json).collect();
        let more = judgement.more_findings;
        print(&format!(
            "{}\n",
            json!({ "decision": decision, "commits": commits, "findings": all, "more_findings": more })
        ));
    } else {
        let text = findings::list(&judgement.findings, judgement.more_findings);
        let line = match decision {
            "accept" => format!("refgate: would be accepted ({commits} commits judged)\n"),
            "hold" => format!("refgate: would be HELD for a human ({commits} commits judged)\n"),
            _ => format!("refgate: would be REFUSED ({commits} commits judged)\n"),
        };
        // A hook's stdout is not always shown.
        if args.pre_push { complain(&format!("{line}{text}")) } else { print(&format!("{line}{text}")) }
    }
    if decision == "accept" { DONE } else { negative() }
}
