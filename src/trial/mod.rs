//! A judgement from objects and policy alone: what a push changes, what is in it, and what the policy says.
//!
//! The gate holds one for each push. Everything else that judges (`check`, `policy test`, `policy backtest`) goes the
//! same way, so that they say what the gate would say; nothing here is recorded or forwarded.

mod case_file;
pub mod cases;
pub mod history;
pub mod local;
mod stream;

use crate::examine::{self, ExamineError, SecretCache};
use crate::git::{Objects, ReadError};
use crate::inspect::{self, InspectError};
use crate::model::{Finding, Limits, ObjectId, PushFacts, RefName, RefUpdate, RepoName, Usage};
use crate::policy::{Case, Examiner, Hearing, Judgement, Policy, Principal};
use jiff::Timestamp;
use std::collections::HashMap;
use std::sync::atomic::AtomicBool;

/// What a push is judged with.
#[derive(Clone, Copy)]
pub struct Trial<'a> {
    pub policy: &'a Policy,
    pub principal: &'a Principal,
    pub repo: &'a RepoName,
    pub limits: &'a Limits,
    pub secrets: &'a SecretCache,
    /// What it asks for, and what people have said of it.
    pub hearing: Hearing<'a>,
}

/// The upstream at one moment.
#[derive(Clone, Copy)]
pub struct Scene<'a> {
    pub refs: &'a [(RefName, ObjectId)],
    /// The likeliest base first.
    pub trusted: &'a [ObjectId],
}

/// Why there is no judgement.
#[derive(Debug, thiserror::Error)]
pub enum TrialError {
    #[error(transparent)]
    Inspect(#[from] InspectError),
    #[error(transparent)]
    Examine(#[from] ExamineError),
}

impl TrialError {
    /// The object that could not be read, if that is why.
    #[must_use]
    pub fn unread(&self) -> Option<&ReadError> {
        match self {
            Self::Inspect(InspectError::Internal(error)) | Self::Examine(ExamineError::Read(error)) => Some(error),
            Self::Inspect(_) | Self::Examine(_) => None,
        }
    }
}

impl Trial<'_> {
    /// What the push changes.
    pub fn inspect(
        &self,
        objects: &Objects,
        updates: &[RefUpdate],
        scene: Scene<'_>,
        stop: &AtomicBool,
    ) -> Result<PushFacts, InspectError> {
        let classes = self.classes(updates);
        let needs = self.policy.needs(self.repo);
        let Scene { refs, trusted } = scene;
        let request = inspect::Request { updates, classes: &classes, upstream: refs, trusted, needs };
        inspect::inspect(objects, &request, self.limits, stop)
    }

    /// What is in the files, commits and tags of the push.
    pub fn examine(
        &self,
        objects: &Objects,
        updates: &[RefUpdate],
        facts: &mut PushFacts,
        stop: &AtomicBool,
    ) -> Result<(), ExamineError> {
        let limit = self.limits.content_bytes_max;
        let examiner = Examiner::new(self.policy, self.principal, self.repo, updates, limit, self.secrets.key());
        examine::examine(objects, &examiner, self.secrets, facts, self.limits, stop)
    }

    /// What the policy says of it.
    pub fn judge(&self, facts: &PushFacts, findings: &[Finding], usage: &Usage, now: Timestamp) -> Judgement {
        self.policy.judge(&Case {
            principal: self.principal,
            repo: self.repo,
            facts,
            findings,
            usage,
            now,
            findings_max: self.limits.findings_max,
            hearing: self.hearing,
        })
    }

    /// All three, for objects that nobody doubts and a principal that has used nothing yet.
    pub fn hold(
        &self,
        objects: &Objects,
        updates: &[RefUpdate],
        scene: Scene<'_>,
        now: Timestamp,
        stop: &AtomicBool,
    ) -> Result<(PushFacts, Judgement), TrialError> {
        let mut facts = self.inspect(objects, updates, scene, stop)?;
        self.examine(objects, updates, &mut facts, stop)?;
        let judgement = self.judge(&facts, &[], &Usage::default(), now);
        Ok((facts, judgement))
    }

    /// Numbers the scopes of the ref updates: equal numbers are judged together.
    fn classes(&self, updates: &[RefUpdate]) -> Vec<usize> {
        let mut scopes = HashMap::new();
        let class = |update: &RefUpdate| {
            let scope = self.policy.scope(self.principal, self.repo, &update.name);
            let next = scopes.len();
            *scopes.entry(scope).or_insert(next)
        };
        updates.iter().map(class).collect()
    }
}
