//! The embedded store: one SQLite file with the record of every push, safe for several processes at once.
//!
//! Calls block; they belong on blocking threads. What `decided` and `settled` return for is on disk. Reads and writes
//! use connections of their own, so that a long listing holds up no push.

mod feed;
mod file;
mod read;
mod session;
mod writer;

pub use feed::{Generation, Lease, Positions};
pub use read::{Filter, Stored};
pub use session::Turn;

use crate::model::{PrincipalName, PushId, RepoName, Usage};
use crate::record::{AbortEntry, Broken, DecisionEntry, EventEntry, Hash, Head, OutcomeEntry, Record};
use jiff::Timestamp;
use rusqlite::Connection;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use writer::Writer;

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
    #[error("record {0} cannot be read")]
    Line(u64),
    #[error("a record cannot be written as a line")]
    Encode,
    #[error("the store was opened for reading")]
    ReadOnly,
    #[error("the store is closed")]
    Closed,
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
        let directory = file::directory(data);
        let news = Arc::default();
        let writer = Writer::start(file::open(&directory)?, &directory, Arc::clone(&news))?;
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
        self.write(Record::Outcome(entry.clone()))
    }

    /// Writes that a push ended before a decision.
    pub fn aborted(&self, entry: &AbortEntry) -> Result<Sequence, StoreError> {
        self.write(Record::Abort(entry.clone()))
    }

    pub fn note(&self, entry: &EventEntry) -> Result<Sequence, StoreError> {
        self.write(Record::Event(entry.clone()))
    }

    fn write(&self, record: Record) -> Result<Sequence, StoreError> {
        self.0.writer.as_ref().ok_or(StoreError::ReadOnly)?.write(&record)
    }

    /// Accepted pushes without an outcome whose process is gone: to be settled by asking the upstream.
    ///
    /// Pushes under way in this or another running process are not among them.
    pub fn unsettled(&self) -> Result<Vec<DecisionEntry>, StoreError> {
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
