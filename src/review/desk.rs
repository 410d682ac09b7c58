//! Where the reviewer gets what it shows, and who does what it is told.

use crate::diff::CommitDiff;
use crate::model::{CommitFacts, Direction, Finding, ObjectId, PrincipalName, PushId, RepoName, UpdateFacts};
use bstr::BString;
use jiff::Timestamp;

/// What the reviewer needs of the gate. Whoever asks is known to the desk, and so is what they may see and do.
pub trait Desk {
    /// Held pushes that this person may see, oldest first.
    fn queue(&mut self) -> Result<Vec<Waiting>, DeskError>;

    fn open(&mut self, push: PushId) -> Result<Held, DeskError>;

    /// One of [`Held::commits`], by its place there. Asked for one at a time, when it is looked at.
    fn commit(&mut self, push: PushId, commit: usize) -> Result<CommitDiff, DeskError>;

    /// Returns what to tell, in one line.
    fn approve(&mut self, push: PushId) -> Result<String, DeskError>;

    /// The same; the reason is one line that is not empty.
    fn reject(&mut self, push: PushId, reason: &str) -> Result<String, DeskError>;

    /// Ages are told by it.
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

/// Why the desk did not do it. Shown on the screen's last line, and the review goes on.
#[derive(Debug, thiserror::Error)]
pub enum DeskError {
    #[error("this push no longer waits (R refreshes)")]
    Gone,
    /// What to tell the person, in one line.
    #[error("{0}")]
    Refused(String),
    #[error("something failed on the server; see its log")]
    Internal,
}

/// A line of the queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    pub push: PushId,
    pub repo: RepoName,
    pub principal: PrincipalName,
    pub sponsor: Option<PrincipalName>,
    /// As people name them.
    pub refs: Vec<String>,
    pub since: Timestamp,
    pub expires: Timestamp,
    /// Of the strongest finding.
    pub first_rule: String,
    pub findings: usize,
    /// `1 of owners`
    pub missing: String,
    /// Whether the person who asks may decide it.
    pub verdict: MayDecide,
    /// Of its pack.
    pub bytes: u64,
}

/// Whether the person at the screen may approve and reject.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MayDecide {
    Decide,
    OnlyLook,
}

/// A held push but for its diffs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    pub waiting: Waiting,
    pub updates: Vec<UpdateFacts>,
    /// Strongest first.
    pub findings: Vec<Finding>,
    /// Findings that were only counted.
    pub more_findings: usize,
    /// In the order they are to be read.
    pub commits: Vec<Commit>,
}

/// A commit as lists show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    pub id: ObjectId,
    pub direction: Direction,
    pub parents: usize,
    /// Raw.
    pub subject: BString,
    pub files: usize,
}

impl From<&CommitFacts> for Commit {
    fn from(facts: &CommitFacts) -> Self {
        Self {
            id: facts.id,
            direction: facts.direction,
            parents: facts.parents.len(),
            subject: facts.subject.clone(),
            files: facts.changes.len(),
        }
    }
}
