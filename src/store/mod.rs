//! The embedded store: one SQLite file with the record of every push, safe for several processes at once.
//!
//! Calls block; they belong on blocking threads. What `decided` and `settled` return for is on disk. Reads and writes
//! use connections of their own, so that a long listing holds up no push.

mod feed;
mod file;
pub mod holds;
mod leaves;
mod migrate;
mod notary;
mod read;
mod seen;
mod session;
mod steps;
mod writer;

pub use feed::{Generation, Lease, Positions};
pub use holds::{Approved, Freeze, Hold, Revoked, Undo};
pub use leaves::Leaf;
pub use notary::Notary;
pub use read::{Filter, Stored, Unsettled};
pub use seen::{Tip, Tips};
pub use session::Turn;
pub use writer::{Stated, Written};

use crate::evidence::Decision;
use crate::model::{HoldState, PrincipalName, PushId, RefName, RepoName, Usage};
use crate::record::{
    AbortEntry, Broken, ControlEntry, DecisionEntry, EventEntry, ExternalEntry, Hash, Head, HoldEntry, OutcomeEntry,
    Record, ReleaseEntry,
};
use crate::tlog::SignedCheckpoint;
use jiff::Timestamp;
use rusqlite::Connection;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use steps::{Closing, Side};
use writer::{Draft, Writer};

/// Something is wrong with our own disk or file; never the client's fault, and never a reason to go on with a push.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    #[error("cannot open the store {}: {error}", path.display())]
    Open { path: PathBuf, error: Arc<std::io::Error> },
    #[error("{} is not a store of refgate", .0.display())]
    Foreign(PathBuf),
    #[error("the store was written by a newer refgate (schema {found}, this one knows {known}); run that one")]
    Newer { found: i64, known: i64 },
    #[error("the store failed: {0}")]
    Sqlite(#[source] Arc<rusqlite::Error>),
    #[error(transparent)]
    Broken(#[from] Broken),
    #[error("push {0} is not waiting for an outcome")]
    NotWaiting(PushId),
    #[error("push {0} was decided already")]
    Decided(PushId),
    #[error("push {0} is not held")]
    NotHeld(PushId),
    #[error("held push {0} is {word} already", word = .1.as_str())]
    HoldIs(PushId, HoldState),
    #[error("an approval of push {0} does not count any more")]
    NotApproved(PushId),
    #[error("the same is held already, as push {0}")]
    SameHeld(PushId),
    #[error("repository {0} is frozen")]
    Frozen(RepoName),
    #[error("{0} was revoked")]
    Revoked(PrincipalName),
    #[error("somebody else has seen that already")]
    Seen,
    #[error("statements and the log: {0}")]
    Notary(String),
    #[error(
        "the log's checkpoint of {size} leaves is of another history than the store: restore the store of that \
         history, or begin another log with a new key"
    )]
    Forked { size: u64 },
    #[error("record {0} cannot be read")]
    Line(u64),
    #[error("a record cannot be written as a line")]
    Encode,
    #[error("the store was opened for reading")]
    ReadOnly,
    #[error("the store is closed")]
    Closed,
}

impl StoreError {
    /// Whether the store works, and what is wrong is wrong with this record, whoever else writes at the same moment.
    fn is_of_one_record(&self) -> bool {
        self.is_no() || matches!(self, Self::Notary(_) | Self::Encode)
    }

    /// Whether the store works, and only this record does not fit what it holds.
    #[must_use]
    pub fn is_no(&self) -> bool {
        matches!(
            self,
            Self::NotWaiting(_)
                | Self::Decided(_)
                | Self::NotHeld(_)
                | Self::HoldIs(..)
                | Self::SameHeld(_)
                | Self::NotApproved(_)
                | Self::Frozen(_)
                | Self::Revoked(_)
                | Self::Seen
        )
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(Arc::new(error))
    }
}

/// A record's place in the chain, from 1.
pub type Sequence = u64;

/// The store; clones share it.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

struct Inner {
    /// Dropped first: waits for the writes under way.
    writer: Option<Writer>,
    reader: Mutex<Connection>,
    directory: PathBuf,
    news: Arc<feed::News>,
}

impl Store {
    /// Opens the store below the data directory, and makes it if it is not there.
    pub fn open(data: &Path) -> Result<Self, StoreError> {
        Self::open_with(data, None)
    }

    /// The same, with what signs statements and publishes the log.
    pub fn open_with(data: &Path, notary: Option<Notary>) -> Result<Self, StoreError> {
        let directory = file::directory(data);
        let news = Arc::default();
        let writer = Writer::start(file::open(&directory)?, &directory, Arc::clone(&news), notary)?;
        let reader = Mutex::new(file::open_read_only(&directory)?);
        Ok(Self(Arc::new(Inner { writer: Some(writer), reader, directory, news })))
    }

    /// Opens a store that must be there; every write fails.
    pub fn open_read_only(data: &Path) -> Result<Self, StoreError> {
        let directory = file::directory(data);
        let reader = Mutex::new(file::open_read_only(&directory)?);
        Ok(Self(Arc::new(Inner { writer: None, reader, directory, news: Arc::default() })))
    }

    /// The database file of a data directory.
    #[must_use]
    pub fn path(data: &Path) -> PathBuf {
        file::database(&file::directory(data))
    }

    /// Writes a decision. An accepted push waits for its outcome from now on.
    pub fn decided(&self, entry: &DecisionEntry) -> Result<Sequence, StoreError> {
        self.write(Record::Decision(entry.clone()))
    }

    /// Writes what came of an accepted push, once.
    pub fn settled(&self, entry: &OutcomeEntry) -> Result<Sequence, StoreError> {
        self.settled_with(entry, Vec::new()).map(|written| written.seq)
    }

    /// The same, with refs of the gate's own that moved along.
    pub fn settled_with(&self, entry: &OutcomeEntry, own: Vec<(RefName, Tip)>) -> Result<Written, StoreError> {
        let sides = if own.is_empty() { Vec::new() } else { vec![Side::Seen(entry.repo.clone(), own)] };
        self.write_all(vec![Record::Outcome(entry.clone()).into()], sides)
    }

    /// Writes that a push ended before a decision.
    pub fn aborted(&self, entry: &AbortEntry) -> Result<Sequence, StoreError> {
        self.write(Record::Abort(entry.clone()))
    }

    pub fn note(&self, entry: &EventEntry) -> Result<Sequence, StoreError> {
        self.write(Record::Event(entry.clone()))
    }

    /// Writes a decision with its statements, the ends of held pushes whose place it takes with theirs, and those of which
    /// its pusher now hears: all or nothing. What comes back as stated is of this push.
    pub fn decided_over(
        &self,
        entry: &DecisionEntry,
        decisions: Vec<Decision>,
        replaced: Vec<(HoldEntry, Vec<Decision>)>,
        told: Vec<PushId>,
    ) -> Result<Written, StoreError> {
        let draft = Draft { decisions, ..Record::Decision(entry.clone()).into() };
        let step = |(step, decisions)| Draft { decisions, ..Record::Hold(step).into() };
        let drafts = std::iter::once(draft).chain(replaced.into_iter().map(step));
        let mut written = self.write_all(drafts.collect(), told.into_iter().map(Side::Told).collect())?;
        written.stated.retain(|stated| stated.decision.push == entry.push);
        Ok(written)
    }

    /// Writes a step of a held push, with its statements if it ends there.
    pub fn stepped(&self, entry: HoldEntry, decisions: Vec<Decision>) -> Result<Sequence, StoreError> {
        let draft = Draft { decisions, ..Record::Hold(entry).into() };
        self.write_all(vec![draft], Vec::new()).map(|written| written.seq)
    }

    /// Writes that a held push goes on or is refused, with its statements, and with the approval that made it so, if
    /// there is a new one.
    pub fn released(
        &self,
        approval: Option<HoldEntry>,
        entry: ReleaseEntry,
        decisions: Vec<Decision>,
    ) -> Result<Written, StoreError> {
        let release = Draft { decisions, ..Record::Release(entry).into() };
        let drafts = approval.map(|step| Record::Hold(step).into()).into_iter().chain([release]);
        self.write_all(drafts.collect(), Vec::new())
    }

    /// Writes what came of an approved push that was never sent: it is to be tried again.
    pub fn unsent(&self, entry: &OutcomeEntry) -> Result<Sequence, StoreError> {
        let draft = Draft { closing: Closing::Again, ..Record::Outcome(entry.clone()).into() };
        self.write_all(vec![draft], Vec::new()).map(|written| written.seq)
    }

    /// Writes what somebody does to the gate.
    pub fn controlled(&self, entry: ControlEntry) -> Result<Sequence, StoreError> {
        self.write(Record::Control(entry))
    }

    /// Writes what moved without the gate, with its statements. [`StoreError::Seen`]: it is known.
    pub fn moved_outside(&self, entry: ExternalEntry, decisions: Vec<Decision>) -> Result<Written, StoreError> {
        self.write_all(vec![Draft { decisions, ..Record::External(entry).into() }], Vec::new())
    }

    /// Puts cosignatures into the published checkpoint, if it is still the one they are of.
    pub fn cosigned(&self, checkpoint: SignedCheckpoint) -> Result<(), StoreError> {
        self.0.writer.as_ref().ok_or(StoreError::ReadOnly)?.cosigned(checkpoint)
    }

    /// An approved push waits for new approvals.
    pub fn not_again(&self, push: PushId) -> Result<(), StoreError> {
        self.write_all(Vec::new(), vec![Side::NotAgain(push)]).map(drop)
    }

    /// What a push replaced at this ref is kept no longer.
    pub fn forget_undo(&self, push: PushId, name: RefName) -> Result<(), StoreError> {
        self.write_all(Vec::new(), vec![Side::Forgotten(push, name)]).map(drop)
    }

    fn write(&self, record: Record) -> Result<Sequence, StoreError> {
        self.write_all(vec![record.into()], Vec::new()).map(|written| written.seq)
    }

    fn write_all(&self, drafts: Vec<Draft>, sides: Vec<Side>) -> Result<Written, StoreError> {
        self.0.writer.as_ref().ok_or(StoreError::ReadOnly)?.write(drafts, sides)
    }

    /// Leaves of the log from an index on, oldest first, at most so many.
    pub fn leaves(&self, index: u64, count: usize) -> Result<Vec<Leaf>, StoreError> {
        leaves::from(&self.reader(), index, count)
    }

    /// Asks the tables of held pushes ([`holds`]).
    pub fn ask<T>(&self, question: impl FnOnce(&Connection) -> Result<T, StoreError>) -> Result<T, StoreError> {
        question(&self.reader())
    }

    /// Accepted pushes without an outcome whose process is gone: to be settled by asking the upstream.
    ///
    /// Pushes under way in this or another running process are not among them.
    pub fn unsettled(&self) -> Result<Vec<Unsettled>, StoreError> {
        let waiting = read::waiting(&self.reader())?;
        let mut sessions = session::Liveness::new(&self.0.directory);
        let gone = waiting.into_iter().filter(|(session, _)| !sessions.is_alive(session));
        Ok(gone.map(|(_, entry)| entry).collect())
    }

    /// Waits until no other push of the principal is between [`Self::usage`] and [`Self::decided`]: else several that
    /// come at once would each be counted as the last one its quota has.
    pub fn turn(&self, principal: &PrincipalName) -> Result<Turn, StoreError> {
        let directory = &self.0.directory;
        let failed = |error| StoreError::Open { path: directory.clone(), error: Arc::new(error) };
        Turn::wait(directory, principal.as_str()).map_err(failed)
    }

    /// What a principal used of a repository in the minute, hour and day before `now`.
    pub fn usage(&self, principal: &PrincipalName, repo: &RepoName, now: Timestamp) -> Result<Usage, StoreError> {
        read::usage(&self.reader(), principal, repo, now)
    }

    /// All records of a push, oldest first.
    pub fn find(&self, push: PushId) -> Result<Vec<Stored>, StoreError> {
        read::find(&self.reader(), push)
    }

    /// The newest records that the filter lets through, newest first.
    pub fn list(&self, filter: &Filter) -> Result<Vec<Stored>, StoreError> {
        read::list(&self.reader(), filter)
    }

    /// The head as it was written last.
    pub fn head(&self) -> Result<Head, StoreError> {
        read::head(&self.reader())
    }

    /// Time of the newest record.
    pub fn newest(&self) -> Result<Option<Timestamp>, StoreError> {
        read::newest(&self.reader())
    }

    /// Computes the whole chain again. The outer error is ours (the file cannot be read); the inner says what is wrong
    /// with the records. `remembered` is the hash of a head seen before, which must be in the chain.
    pub fn verify(&self, remembered: Option<Hash>) -> Result<Result<Head, Broken>, StoreError> {
        read::verify(&file::open_read_only(&self.0.directory)?, remembered)
    }

    fn reader(&self) -> MutexGuard<'_, Connection> {
        self.0.reader.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
