//! Test cases of a policy: a small repository, a push and the decision that is expected of it, as files.
//!
//! A case is a directory with a `case.toml`. Nothing in it is executed: contents are files, git-fast-import(1) streams
//! or bundles.

use crate::examine::SecretCache;
use crate::git::local::{LocalError, Repository};
use crate::git::scratch::Scratch;
use crate::git::{CommandError, ObjectStore, Objects, ReadError};
use crate::model::{Finding, Limits, ObjectId, PrincipalName, RefName, RefUpdate, RepoName};
use crate::policy::{Hearing, Policy};
use crate::strict::Problems;
use crate::trial::case_file::{CaseFile, Expect};
use crate::trial::stream;
use crate::trial::{Scene, Trial, TrialError};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

/// The name of the file that makes a directory a case.
pub const CASE_FILE: &str = "case.toml";
const CASE_FILE_BYTES_MAX: u64 = 1 << 20;
/// Directories below the one that is searched.
const DEPTH_MAX: usize = 16;

/// A case that cannot be run. It counts as failed.
#[derive(Debug, thiserror::Error)]
pub enum CaseError {
    #[error("{}: {error}", .path.display())]
    Read { path: PathBuf, error: io::Error },
    #[error("{0}")]
    Invalid(Problems),
    #[error("the policy has no principal `{0}`")]
    Principal(String),
    #[error("{0}")]
    Unclear(&'static str),
    #[error("git does not take the {0}: {1}")]
    Git(&'static str, #[source] CommandError),
    #[error(transparent)]
    Repository(#[from] LocalError),
    #[error(transparent)]
    Objects(#[from] ReadError),
    #[error(transparent)]
    Trial(#[from] TrialError),
}

/// What came of a case.
#[derive(Debug)]
pub struct Outcome {
    pub expected: Expect,
    pub decision: &'static str,
    pub findings: Vec<Finding>,
}

impl Outcome {
    /// What is not as expected; `None` if all is.
    #[must_use]
    pub fn failure(&self) -> Option<String> {
        if self.decision != self.expected.decision {
            return Some(format!("expected {}, got {}", self.expected.decision, self.decision));
        }
        let expected: BTreeSet<&str> = self.expected.rules.as_ref()?.iter().map(String::as_str).collect();
        let got: BTreeSet<&str> = self.findings.iter().map(|finding| finding.rule.as_str()).collect();
        let list = |rules: BTreeSet<&str>| rules.into_iter().collect::<Vec<_>>().join(" ");
        (expected != got).then(|| format!("expected the rules [{}] to speak, got [{}]", list(expected), list(got)))
    }
}

/// All cases in and below `dir`, in the order of their paths.
pub fn find(dir: &Path) -> Result<Vec<PathBuf>, CaseError> {
    let mut found = Vec::new();
    search(dir, 0, &mut found).map_err(|error| CaseError::Read { path: dir.to_owned(), error })?;
    found.sort();
    Ok(found)
}

fn search(dir: &Path, depth: usize, found: &mut Vec<PathBuf>) -> io::Result<()> {
    if dir.join(CASE_FILE).is_file() {
        found.push(dir.to_owned());
        return Ok(());
    }
    if depth == DEPTH_MAX {
        return Ok(());
    }
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        // Not through links: a case is what is in the directory.
        if entry.file_type()?.is_dir() {
            search(&entry.path(), depth + 1, found)?;
        }
    }
    Ok(())
}

/// Runs the case in `dir`.
pub fn run(
    dir: &Path,
    policy: &Policy,
    limits: &Limits,
    now: Timestamp,
    stop: &AtomicBool,
) -> Result<Outcome, CaseError> {
    let path = dir.join(CASE_FILE);
    let unread = |error| CaseError::Read { path: path.clone(), error };
    if std::fs::metadata(&path).map_err(unread)?.len() > CASE_FILE_BYTES_MAX {
        return Err(CaseError::Unclear("case.toml is larger than 1 MiB: put its contents in files beside it"));
    }
    let text = std::fs::read_to_string(&path).map_err(unread)?;
    let case = CaseFile::parse(&path.to_string_lossy(), &text).map_err(CaseError::Invalid)?;
    let principal = principal(&case, policy)?;
    let repo = repo(&case, policy)?;
    let name = case.ref_name.clone().or_else(|| policy.example_ref(&principal, &repo, now));
    let name = name.ok_or(CaseError::Unclear("no grant gives a ref to create: say which with ref = \"refs/…\""))?;

    let scratch = Scratch::create().map_err(|error| CaseError::Git("first commit", error))?;
    let upstream = stream::upstream(dir, &case)?;
    take_in(&scratch, dir, "upstream", &upstream)?;
    let before = refs(&scratch.repository()?)?;
    let main = before.get(MAIN).map(|(_, id)| *id);
    take_in(&scratch, dir, "push", &stream::push(dir, &case, &name, main)?)?;
    let repository = scratch.repository()?;
    let updates = updates(&before, &refs(&repository)?);
    if updates.is_empty() {
        return Err(CaseError::Unclear("the case pushes nothing"));
    }
    let objects = Objects::new(None, &ObjectStore::open(&repository.objects_dir)?);
    let is_trusted = |name: &RefName| name.as_bstr() == MAIN || !policy.agent_may_write(&repo, name);
    let trusted: Vec<ObjectId> = before.values().filter(|(name, _)| is_trusted(name)).map(|(_, id)| *id).collect();
    let refs: Vec<(RefName, ObjectId)> = before.into_values().collect();
    let (secrets, hearing) = (&SecretCache::default(), Hearing::of_trial());
    let trial = Trial { policy, principal: &principal, repo: &repo, limits, secrets, hearing };
    let scene = Scene { refs: &refs, trusted: &trusted };
    let (_, judgement) = trial.hold(&objects, &updates, scene, now, stop)?;
    Ok(Outcome { expected: case.expect, decision: judgement.decision.as_str(), findings: judgement.findings })
}

const MAIN: &str = "refs/heads/main";

/// Refs by their names as text.
type Refs = BTreeMap<String, (RefName, ObjectId)>;

fn refs(repository: &Repository) -> Result<Refs, LocalError> {
    let all = repository.refs()?;
    Ok(all.into_iter().map(|found| (found.name.as_bstr().to_string(), (found.name, found.id))).collect())
}

fn updates(before: &Refs, after: &Refs) -> Vec<RefUpdate> {
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let update = |key: &String| {
        let (old, new) = (before.get(key), after.get(key));
        let (name, _) = new.or(old)?;
        let (old, new) = (old.map(|(_, id)| *id), new.map(|(_, id)| *id));
        (old != new).then(|| RefUpdate { name: name.clone(), old, new })
    };
    names.into_iter().filter_map(update).collect()
}

fn principal(case: &CaseFile, policy: &Policy) -> Result<crate::policy::Principal, CaseError> {
    let Some(name) = &case.principal else {
        return policy
            .only_agent()
            .cloned()
            .ok_or(CaseError::Unclear("the policy has more than one agent: say as = \"…\""));
    };
    let parsed = PrincipalName::parse(name).ok();
    parsed.and_then(|name| policy.principal(&name)).cloned().ok_or_else(|| CaseError::Principal(name.clone()))
}

fn repo(case: &CaseFile, policy: &Policy) -> Result<RepoName, CaseError> {
    let only =
        || policy.only_repo().ok_or(CaseError::Unclear("the grants name more than one repository: say repo = \"…\""));
    case.repo.clone().map_or_else(only, Ok)
}

/// Runs the stream, and what streams and bundles there are beside it.
fn take_in(scratch: &Scratch, dir: &Path, what: &'static str, stream: &[u8]) -> Result<(), CaseError> {
    let git = |error| CaseError::Git(what, error);
    if !stream.is_empty() {
        scratch.import(stream).map_err(git)?;
    }
    let own = dir.join(what).with_extension("fi");
    if own.is_file() {
        let bytes = std::fs::read(&own).map_err(|error| CaseError::Read { path: own.clone(), error })?;
        scratch.import(&bytes).map_err(git)?;
    }
    let bundle = dir.join(what).with_extension("bundle");
    if bundle.is_file() && !scratch.fetch_bundle(&bundle).map_err(git)? {
        return Err(CaseError::Unclear("push.bundle or upstream.bundle is not what `git bundle create` writes"));
    }
    Ok(())
}
