//! A history replayed as if it had been pushed: each step of a branch by first parents is one push on top of the one
//! before.

use crate::examine::SecretCache;
use crate::git::local::Step;
use crate::git::{ObjectStore, Objects};
use crate::model::{Effect, Finding, Limits, ObjectId, RefName, RefUpdate, RepoName};
use crate::policy::{Hearing, Policy, Principal};
use crate::trial::{Scene, Trial, TrialError};
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// What is replayed, and as whose.
pub struct Replay<'a> {
    pub policy: &'a Policy,
    pub principal: &'a Principal,
    pub repo: &'a RepoName,
    pub limits: &'a Limits,
    /// The branch that is pushed to.
    pub name: &'a RefName,
    pub now: Timestamp,
    pub threads: usize,
    /// Examples kept of each rule and effect.
    pub examples_max: usize,
}

/// A finding and the push it was in.
#[derive(Debug, Clone)]
pub struct Example {
    pub push: ObjectId,
    pub finding: Finding,
}

/// How often a rule spoke with one effect.
#[derive(Debug, Default, Clone)]
pub struct Spoken {
    /// Pushes with at least one such finding.
    pub pushes: usize,
    pub examples: Vec<Example>,
}

/// What came of all pushes.
#[derive(Debug, Default, Clone)]
pub struct Tally {
    pub pushes: usize,
    pub commits: usize,
    pub changes: usize,
    /// Pushes by their strongest finding.
    pub passed: usize,
    pub warned: usize,
    pub held: usize,
    pub refused: usize,
    pub rules: BTreeMap<(String, Effect), Spoken>,
    /// Pushes that could not be judged, and the first reason.
    pub failed: usize,
    pub failure: Option<String>,
}

impl Replay<'_> {
    /// Replays all steps, on as many threads as asked for. `done` hears of each finished push.
    pub fn run(&self, store: &ObjectStore, steps: &[Step], done: &(dyn Fn() + Sync), stop: &AtomicBool) -> Tally {
        let secrets = SecretCache::default();
        let next = AtomicUsize::new(0);
        let tallies = Mutex::new(Vec::new());
        std::thread::scope(|scope| {
            for _ in 0..self.threads.max(1) {
                scope.spawn(|| {
                    let objects = Objects::new(None, store);
                    let mut tally = Tally::default();
                    while let Some(step) = steps.get(next.fetch_add(1, Ordering::Relaxed)) {
                        if stop.load(Ordering::Relaxed) {
                            break;
                        }
                        self.step(&objects, step, &secrets, stop, &mut tally);
                        done();
                    }
                    tallies.lock().unwrap_or_else(PoisonError::into_inner).push(tally);
                });
            }
        });
        let mut all = Tally::default();
        for tally in tallies.into_inner().unwrap_or_else(PoisonError::into_inner) {
            all.add(tally, self.examples_max);
        }
        all
    }

    fn step(&self, objects: &Objects, step: &Step, secrets: &SecretCache, stop: &AtomicBool, tally: &mut Tally) {
        match self.judge(objects, step, secrets, stop) {
            Ok((commits, changes, findings)) => {
                tally.commits += commits;
                tally.changes += changes;
                tally.count(step.id, findings, self.examples_max);
            }
            Err(error) => {
                tally.pushes += 1;
                tally.failed += 1;
                tally.failure.get_or_insert_with(|| format!("{}: {error}", step.id));
            }
        }
    }

    fn judge(
        &self,
        objects: &Objects,
        step: &Step,
        secrets: &SecretCache,
        stop: &AtomicBool,
    ) -> Result<(usize, usize, Vec<Finding>), TrialError> {
        let Self { policy, principal, repo, limits, name, now, .. } = *self;
        let updates = [RefUpdate { name: name.clone(), old: step.parent, new: Some(step.id) }];
        let refs: Vec<(RefName, ObjectId)> = step.parent.map(|parent| (name.clone(), parent)).into_iter().collect();
        let trusted: Vec<ObjectId> = step.parent.into_iter().collect();
        let trial = Trial { policy, principal, repo, limits, secrets, hearing: Hearing::of_trial() };
        let scene = Scene { refs: &refs, trusted: &trusted };
        let (facts, judgement) = trial.hold(objects, &updates, scene, now, stop)?;
        let changes = facts.commits.iter().map(|commit| commit.changes.len()).sum();
        Ok((facts.commits.len(), changes, judgement.findings))
    }
}

impl Tally {
    fn count(&mut self, push: ObjectId, findings: Vec<Finding>, examples_max: usize) {
        self.pushes += 1;
        match findings.iter().map(meant).max() {
            None => self.passed += 1,
            Some(Effect::Warn) => self.warned += 1,
            Some(Effect::Hold) => self.held += 1,
            Some(Effect::Refuse) => self.refused += 1,
        }
        let mut seen = Vec::new();
        for finding in findings {
            let key = (finding.rule.clone(), meant(&finding));
            let spoken = self.rules.entry(key.clone()).or_default();
            if !seen.contains(&key) {
                spoken.pushes += 1;
                seen.push(key);
            }
            if spoken.examples.len() < examples_max {
                spoken.examples.push(Example { push, finding });
            }
        }
    }

    fn add(&mut self, other: Self, examples_max: usize) {
        self.pushes += other.pushes;
        self.commits += other.commits;
        self.changes += other.changes;
        self.passed += other.passed;
        self.warned += other.warned;
        self.held += other.held;
        self.refused += other.refused;
        self.failed += other.failed;
        self.failure = self.failure.take().or(other.failure);
        for (key, spoken) in other.rules {
            let mine = self.rules.entry(key).or_default();
            mine.pushes += spoken.pushes;
            mine.examples.extend(spoken.examples);
            mine.examples.truncate(examples_max);
        }
    }
}

/// What the rule would do if it were enforced: that is what a replay is for.
fn meant(finding: &Finding) -> Effect {
    finding.would.unwrap_or(finding.effect)
}
