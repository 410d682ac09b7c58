//! The one thread that writes, with group commit.
//!
//! A commit costs one fsync, whatever is in it. So all writes that wait go into one transaction, and all their callers
//! are told after its commit: many pushes at once cost as many fsyncs as follow one after another, not one each.

use super::feed::News;
use super::session::Session;
use super::steps::{self, Closing, Side};
use super::{Sequence, StoreError};
use crate::record::{Broken, Hash, Head, Record, Verdict, Why};
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

/// Writes that may wait; the next caller blocks until there is room.
const WAITING_MAX: usize = 1024;

/// Writes in one transaction.
const BATCH_MAX: usize = 512;

type Answer = Result<Sequence, StoreError>;

struct Job {
    entries: Vec<Entry>,
    sides: Vec<Side>,
    answer: SyncSender<Answer>,
}

/// A record as its line and the columns it is found by.
pub(super) struct Row {
    pub kind: &'static str,
    pub time_ms: i64,
    pub push: Option<String>,
    pub repo: Option<String>,
    pub principal: Option<String>,
    pub decision: Option<&'static str>,
    pub pack_bytes: i64,
    pub line: String,
}

/// A record to be written, with what its outcome means for an approved push.
pub struct Entry {
    record: Record,
    row: Row,
    closing: Closing,
}

impl Row {
    pub fn new(record: &Record, line: String) -> Self {
        Self {
            kind: record.kind(),
            time_ms: record.time().as_millisecond(),
            push: record.push().map(|push| push.to_string()),
            repo: record.repo().map(ToString::to_string),
            principal: record.principal().map(ToString::to_string),
            decision: record.decision().map(Verdict::as_str),
            pack_bytes: i64::try_from(record.pack_bytes()).unwrap_or(i64::MAX),
            line,
        }
    }
}

/// The way to the writing thread.
pub struct Writer {
    jobs: Option<SyncSender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    pub fn start(connection: Connection, directory: &Path, news: Arc<News>) -> Result<Self, StoreError> {
        let (jobs, waiting) = sync_channel(WAITING_MAX);
        let mut thread = Thread { connection, directory: directory.to_owned(), session: None, news };
        let failed = |error| StoreError::Open { path: directory.to_owned(), error: Arc::new(error) };
        let builder = std::thread::Builder::new().name("store".to_owned());
        let thread = builder.spawn(move || thread.run(&waiting)).map_err(failed)?;
        Ok(Self { jobs: Some(jobs), thread: Some(thread) })
    }

    /// Returns when the records are on disk, all or none of them, with the number of the last.
    pub fn write(&self, records: Vec<(Record, Closing)>, sides: Vec<Side>) -> Answer {
        let encode = |(record, closing): (Record, Closing)| {
            let line = record.to_line().map_err(|_| StoreError::Encode)?;
            Ok(Entry { row: Row::new(&record, line), record, closing })
        };
        let entries = records.into_iter().map(encode).collect::<Result<Vec<_>, StoreError>>()?;
        let (answer, answered) = sync_channel(1);
        self.jobs
            .as_ref()
            .ok_or(StoreError::Closed)?
            .send(Job { entries, sides, answer })
            .map_err(|_| StoreError::Closed)?;
        answered.recv().map_err(|_| StoreError::Closed)?
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        drop(self.jobs.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Thread {
    connection: Connection,
    directory: PathBuf,
    /// Started with the first accepted push.
    session: Option<Session>,
    news: Arc<News>,
}

impl Thread {
    fn run(&mut self, waiting: &Receiver<Job>) {
        while let Ok(first) = waiting.recv() {
            let mut batch = vec![first];
            batch.extend(waiting.try_iter().take(BATCH_MAX - 1));
            let answers = self.commit(&batch);
            self.news.tell();
            for (index, job) in batch.into_iter().enumerate() {
                let answer = match &answers {
                    Ok(answers) => answers.get(index).cloned().unwrap_or(Err(StoreError::Closed)),
                    Err(error) => Err(error.clone()),
                };
                // Nobody may be waiting any more; the record stands all the same.
                let _ = job.answer.send(answer);
            }
        }
    }

    /// Writes a batch. An outer error means that nothing of it was written.
    fn commit(&mut self, batch: &[Job]) -> Result<Vec<Answer>, StoreError> {
        let is_accepted = |job: &Job| job.entries.iter().any(|entry| steps::opens_any(&entry.record));
        if self.session.is_none() && batch.iter().any(is_accepted) {
            let failed = |error| StoreError::Open { path: self.directory.clone(), error: Arc::new(error) };
            self.session = Some(Session::start(&self.directory).map_err(failed)?);
        }
        let session = self.session.as_ref().map_or("", Session::name);
        let mut transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut head = head(&transaction)?;
        let mut answers = Vec::with_capacity(batch.len());
        for job in batch {
            match append_all(&mut transaction, job, session, head) {
                Ok(next) => {
                    head = next;
                    answers.push(Ok(next.seq));
                }
                Err(error) if error.is_no() => answers.push(Err(error)),
                Err(error) => return Err(error),
            }
        }
        let sql = "UPDATE head SET seq = ?1, hash = ?2";
        transaction.prepare_cached(sql)?.execute(params![head.seq, head.hash.as_bytes()])?;
        transaction.commit()?;
        Ok(answers)
    }
}

/// Appends the records of one caller: all, or on an error none.
fn append_all(transaction: &mut Transaction<'_>, job: &Job, session: &str, mut head: Head) -> Result<Head, StoreError> {
    let savepoint = transaction.savepoint()?;
    for entry in &job.entries {
        head = append(&savepoint, entry, session, head)?;
    }
    for side in &job.sides {
        steps::change(&savepoint, side)?;
    }
    savepoint.commit()?;
    Ok(head)
}

/// The head in this transaction, which must be the newest record.
fn head(transaction: &Transaction<'_>) -> Result<Head, StoreError> {
    let written = super::read::head(transaction)?;
    let sql = "SELECT seq, hash FROM record ORDER BY seq DESC LIMIT 1";
    let newest = transaction
        .prepare_cached(sql)?
        .query_row([], |row| Ok((row.get(0)?, row.get::<_, Vec<u8>>(1)?)))
        .optional()?;
    let newest = match newest {
        None => Some(Head::EMPTY),
        Some((seq, hash)) => Hash::from_bytes(&hash).map(|hash| Head { seq, hash }),
    };
    if newest != Some(written) {
        return Err(Broken { seq: newest.map_or(0, |head| head.seq), why: Why::Head }.into());
    }
    Ok(written)
}

/// Appends one record.
fn append(connection: &Connection, entry: &Entry, session: &str, head: Head) -> Result<Head, StoreError> {
    let seq = head.seq.saturating_add(1);
    let row = &entry.row;
    steps::apply(connection, &entry.record, entry.closing)?;
    let hash = head.hash.next(seq, &row.line);
    let sql = "INSERT INTO record (seq, kind, time_ms, push, repo, principal, decision, pack_bytes, line, hash)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
    connection.prepare_cached(sql)?.execute(params![
        seq,
        row.kind,
        row.time_ms,
        row.push,
        row.repo,
        row.principal,
        row.decision,
        row.pack_bytes,
        row.line,
        hash.as_bytes()
    ])?;
    steps::enter(connection, &entry.record, seq, session)?;
    Ok(Head { seq, hash })
}
