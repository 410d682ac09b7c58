//! A push to the policy's own repository: the new policy must compile, pass its own test cases, and leave somebody who
//! can change it again.

use crate::config::PushedPolicy;
use crate::forward::{Outcome, RefOutcome};
use crate::gate::fault::Fault;
use crate::gate::judge::Push;
use crate::gate::keeper::{self, KeeperError};
use crate::git::{Objects, tree};
use crate::model::{Effect, Entry, Escaped, Finding, Place, PrincipalKind, RefUpdate};
use crate::policy::Policy;
use crate::record::EventEntry;
use crate::strict::{self, Problems};
use crate::trial::cases;
use bstr::ByteSlice;
use jiff::Timestamp;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Bounds of what a policy's test cases may be.
const CASES_MAX: usize = 2_000;
const CASE_FILES_MAX: usize = 20_000;
const CASE_BYTES_MAX: u64 = 64 * 1024 * 1024;
const DEPTH_MAX: usize = 32;

/// A policy that is in force as soon as the upstream has it.
#[derive(Debug)]
pub struct Proposal {
    pub policy: Arc<Policy>,
    pub text: String,
}

/// What a push to the policy's repository comes to.
#[derive(Debug, Default)]
pub struct Proposed {
    pub proposal: Option<Proposal>,
    pub findings: Vec<Finding>,
    /// The errors as `refgate policy check` prints them.
    pub errors: String,
}

impl Push<'_> {
    /// Looks at the policy that a push brings; nothing, if it is no push to the policy's ref.
    pub(super) fn propose(
        &self,
        objects: &Objects,
        updates: &[RefUpdate],
        stop: &AtomicBool,
    ) -> Result<Proposed, Fault> {
        let Some(pushed) = self.keeper.and_then(|keeper| keeper.pushed()) else { return Ok(Proposed::default()) };
        let update = updates.iter().find(|update| update.name == pushed.ref_name && self.target.name == pushed.repo);
        let Some(update) = update else { return Ok(Proposed::default()) };
        let mut proposed = Proposed::default();
        if self.session.principal.kind != PrincipalKind::Human {
            let fix = "ask a human who may push it";
            proposed.refuse("policy.not-human", update, "only a human changes the policy".to_owned(), fix);
            return Ok(proposed);
        }
        let Some(new) = update.new else {
            let fix = "push another policy instead, or change refgate.toml first";
            proposed.refuse("policy.gone", update, "this would delete the policy of this gate".to_owned(), fix);
            return Ok(proposed);
        };
        let text = match keeper::text_at(objects, &new, pushed) {
            Ok(text) => text,
            Err(KeeperError::Object(error)) => return Err(error.into()),
            Err(_) => {
                let message = format!("there is no {} of at most 4 MiB of UTF-8 in this commit", pushed.file);
                proposed.refuse("policy.gone", update, message, "put the policy back under that path");
                return Ok(proposed);
            }
        };
        match Policy::parse(&pushed.file, &text) {
            Err(problems) => proposed.invalid(pushed, &text, &problems),
            Ok(policy) => {
                if !policy.humans_may_update(&pushed.repo, &pushed.ref_name, &pushed.file, Timestamp::now()) {
                    let message = format!("with this policy nobody could change {} any more", pushed.file);
                    let fix = "keep a grant without `until` that lets a human with a key update this branch and write that path, and no rule that stops it";
                    proposed.refuse("policy.lock-out", update, message, fix);
                }
                self.run_cases(objects, &new, pushed, &policy, &mut proposed, stop)?;
                proposed.proposal = Some(Proposal { policy: Arc::new(policy), text });
            }
        }
        Ok(proposed)
    }

    /// Puts the policy in force that the upstream has just taken, before its pusher hears of it.
    pub(super) fn adopt(&self, outcomes: &[RefOutcome], proposed: &Proposed) {
        let (Some(keeper), Some(proposal)) = (self.keeper, &proposed.proposal) else { return };
        let Some(pushed) = keeper.pushed() else { return };
        let is_taken =
            |outcome: &RefOutcome| outcome.name == pushed.ref_name && matches!(outcome.outcome, Outcome::Ok(_));
        if !outcomes.iter().any(is_taken) {
            return;
        }
        if let Err(error) = keeper.keep(&proposal.text) {
            // It is in the upstream, and read from there at the next start.
            tracing::error!(%error, "the new policy cannot be kept on disk");
        }
        let old = keeper.replace(Arc::clone(&proposal.policy));
        let (old, new) = (old.digest(), proposal.policy.digest());
        tracing::info!(policy.old = old, policy.new = new, "the policy was replaced by a push");
        let event = EventEntry::new("policy-changed", Timestamp::now()).detail("old", old).detail("new", new);
        if let Err(error) = self.store.note(&event.detail("push", self.id)) {
            tracing::error!(%error, "the change of the policy cannot be recorded");
        }
    }

    fn run_cases(
        &self,
        objects: &Objects,
        commit: &crate::model::ObjectId,
        pushed: &PushedPolicy,
        policy: &Policy,
        proposed: &mut Proposed,
        stop: &AtomicBool,
    ) -> Result<(), Fault> {
        let Some(top) = tree::find(objects, commit, &pushed.cases)?.filter(|entry| entry.is_tree()) else {
            return Ok(());
        };
        let internal = |error: std::io::Error| Fault::Policy(error.to_string());
        let dir = tempfile::tempdir().map_err(internal)?;
        let mut export = Export { objects, files: 0, bytes: 0 };
        if let Err(why) = export.tree(&top, dir.path(), 0)? {
            proposed.case(pushed, why.to_owned());
            return Ok(());
        }
        let all = cases::find(dir.path()).map_err(|error| Fault::Policy(error.to_string()))?;
        if all.len() > CASES_MAX {
            proposed.case(pushed, format!("there are more than {CASES_MAX} test cases"));
            return Ok(());
        }
        for case in all {
            if stop.load(Ordering::Relaxed) {
                return Err(Fault::Time("judge_time_max"));
            }
            let failure = match cases::run(&case, policy, self.limits, Timestamp::now(), stop) {
                Ok(outcome) => outcome.failure(),
                Err(error) => Some(error.to_string().replace(&dir.path().display().to_string(), &pushed.cases)),
            };
            if let Some(why) = failure {
                let name = case.strip_prefix(dir.path()).unwrap_or(&case).display().to_string();
                let first = why.lines().next().unwrap_or_default();
                proposed.case(pushed, format!("test case {}: {first}", Escaped(name.as_bytes())));
            }
        }
        Ok(())
    }
}

impl Proposed {
    fn refuse(&mut self, rule: &str, update: &RefUpdate, message: String, fix: &str) {
        let place = Place { ref_name: Some(update.name.clone()), ..Place::default() };
        self.add(rule, place, message, fix);
    }

    fn add(&mut self, rule: &str, place: Place, message: String, fix: &str) {
        let (rule, fix) = (rule.to_owned(), fix.to_owned());
        self.findings.push(Finding { rule, effect: Effect::Refuse, would: None, place, message, fix });
    }

    fn invalid(&mut self, pushed: &PushedPolicy, text: &str, problems: &Problems) {
        self.errors = problems.to_string();
        for problem in &problems.list {
            let (line, _) = strict::position(text, problem.span.start);
            let line = u32::try_from(line).ok();
            let place = Place { path: Some(pushed.file.as_str().into()), line, ..Place::default() };
            let fix = if problem.help.is_empty() { "see the errors above".to_owned() } else { problem.help.clone() };
            let message = problem.message.clone();
            self.add("policy.invalid", place, message, &fix);
        }
    }

    fn case(&mut self, pushed: &PushedPolicy, message: String) {
        let place = Place { path: Some(pushed.cases.as_str().into()), ..Place::default() };
        self.add("policy.case-failed", place, message, "refgate policy test shows it on your machine");
    }
}

/// Writes the test cases of a pushed tree where they can be run.
struct Export<'a> {
    objects: &'a Objects,
    files: usize,
    bytes: u64,
}

/// Why cases are not run.
type Refusal = &'static str;

impl Export<'_> {
    /// Plain files and directories only: a link could lead to files of this machine.
    fn tree(&mut self, entry: &Entry, dir: &Path, depth: usize) -> Result<Result<(), Refusal>, Fault> {
        if depth > DEPTH_MAX {
            return Ok(Err("the directories of the test cases are nested too deep"));
        }
        for (name, entry) in tree::list(self.objects, &entry.id)? {
            let Ok(name) = name.to_str() else { return Ok(Err("a test case has a file name that is not UTF-8")) };
            // Object checks have refused these in what is pushed; the upstream's own may be older than they are.
            if matches!(name, "." | ".." | "") || name.contains(['/', '\0']) {
                return Ok(Err("a test case has a file name that cannot be"));
            }
            let done = match entry {
                entry if entry.is_tree() => {
                    fs::create_dir(dir.join(name)).map_err(|error| Fault::Policy(error.to_string()))?;
                    self.tree(&entry, &dir.join(name), depth + 1)?
                }
                entry if entry.is_blob() => self.file(&entry, &dir.join(name))?,
                _ => Err("a test case holds a symlink or submodule: write it as a stream in push.fi"),
            };
            if done.is_err() {
                return Ok(done);
            }
        }
        Ok(Ok(()))
    }

    fn file(&mut self, entry: &Entry, path: &Path) -> Result<Result<(), Refusal>, Fault> {
        let size = self.objects.header(&entry.id)?.map_or(u64::MAX, |(_, size)| size);
        self.files += 1;
        self.bytes = self.bytes.saturating_add(size);
        if self.files > CASE_FILES_MAX || self.bytes > CASE_BYTES_MAX {
            return Ok(Err("the test cases have more than 20,000 files or 64 MiB"));
        }
        let bytes = tree::blob(self.objects, &entry.id)?;
        fs::write(path, bytes).map_err(|error| Fault::Policy(error.to_string()))?;
        if entry.is_executable() {
            use std::os::unix::fs::PermissionsExt;
            let executable = fs::Permissions::from_mode(0o700);
            fs::set_permissions(path, executable).map_err(|error| Fault::Policy(error.to_string()))?;
        }
        Ok(Ok(()))
    }
}
