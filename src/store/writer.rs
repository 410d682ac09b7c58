//! The one thread that writes, with group commit.
//!
//! A commit costs one fsync, whatever is in it. So all writes that wait go into one transaction, and all their callers
//! are told after its commit: many pushes at once cost as many fsyncs as follow one after another, not one each.

use super::feed::News;
use super::leaves;
use super::notary::{Notary, Published};
use super::session::Session;
use super::steps::{self, Closing, Side};
use super::{Sequence, StoreError};
use crate::evidence::{Decision, Line};
use crate::record::{Broken, Hash, Head, Record, Verdict, Why};
use crate::tlog::{Peaks, SignedCheckpoint};
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

/// Writes that may wait; the next caller blocks until there is room.
const WAITING_MAX: usize = 1024;

/// Writes in one transaction.
const BATCH_MAX: usize = 512;

/// A decision that is in the log.
#[derive(Debug, Clone)]
pub struct Stated {
    /// With what it follows on.
    pub decision: Decision,
    pub line: Line,
    pub index: u64,
}

/// What was written.
#[derive(Debug, Clone)]
pub struct Written {
    /// The number of the last record.
    pub seq: Sequence,
    pub stated: Vec<Stated>,
    /// Covers it, where this process publishes the log.
    pub checkpoint: Option<Arc<SignedCheckpoint>>,
}

type Answer = Result<Written, StoreError>;

enum Job {
    Write {
        entries: Vec<Entry>,
        sides: Vec<Side>,
        answer: SyncSender<Answer>,
    },
    /// Cosignatures for the published checkpoint, if it is still the one.
    Cosigned(Box<SignedCheckpoint>),
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
    /// What the log has of it; without any, its plain leaf.
    decisions: Vec<Decision>,
}

/// A record to be written, as its caller gives it.
pub struct Draft {
    pub record: Record,
    pub closing: Closing,
    pub decisions: Vec<Decision>,
}

impl From<Record> for Draft {
    fn from(record: Record) -> Self {
        Self { record, closing: Closing::Final, decisions: Vec::new() }
    }
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
    pub fn start(
        connection: Connection,
        directory: &Path,
        news: Arc<News>,
        notary: Option<Notary>,
    ) -> Result<Self, StoreError> {
        let (jobs, waiting) = sync_channel(WAITING_MAX);
        let published = notary.clone().map(|notary| Published::open(notary, &connection)).transpose()?;
        let mut thread = Thread { connection, directory: directory.to_owned(), session: None, news, notary, published };
        let failed = |error| StoreError::Open { path: directory.to_owned(), error: Arc::new(error) };
        let builder = std::thread::Builder::new().name("store".to_owned());
        let thread = builder.spawn(move || thread.run(&waiting)).map_err(failed)?;
        Ok(Self { jobs: Some(jobs), thread: Some(thread) })
    }

    /// Returns when the records are on disk, all or none of them.
    pub fn write(&self, drafts: Vec<Draft>, sides: Vec<Side>) -> Answer {
        let encode = |Draft { record, closing, decisions }| {
            let line = record.to_line().map_err(|_| StoreError::Encode)?;
            Ok(Entry { row: Row::new(&record, line), record, closing, decisions })
        };
        let entries = drafts.into_iter().map(encode).collect::<Result<Vec<_>, StoreError>>()?;
        let (answer, answered) = sync_channel(1);
        self.send(Job::Write { entries, sides, answer })?;
        answered.recv().map_err(|_| StoreError::Closed)?
    }

    /// Hands over cosignatures; they are published when it is their turn.
    pub fn cosigned(&self, checkpoint: SignedCheckpoint) -> Result<(), StoreError> {
        self.send(Job::Cosigned(Box::new(checkpoint)))
    }

    fn send(&self, job: Job) -> Result<(), StoreError> {
        self.jobs.as_ref().ok_or(StoreError::Closed)?.send(job).map_err(|_| StoreError::Closed)
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
    notary: Option<Notary>,
    published: Option<Published>,
}

/// The newest record, and the tree over all leaves.
#[derive(Debug, Clone)]
struct State {
    head: Head,
    tree: Peaks,
}

/// One caller's share of a transaction.
type Share = Result<(Sequence, Vec<Stated>), StoreError>;

impl Thread {
    fn run(&mut self, waiting: &Receiver<Job>) {
        while let Ok(first) = waiting.recv() {
            let mut batch = vec![first];
            batch.extend(waiting.try_iter().take(BATCH_MAX - 1));
            let shares = self.commit(&batch);
            let checkpoint = match (&shares, &mut self.published) {
                (Ok(_), Some(published)) => published.catch_up(&self.connection).map(Arc::new),
                (Ok(_) | Err(_), _) => None,
            };
            self.news.tell();
            let mut shares = shares.map(Vec::into_iter);
            for job in batch {
                let answer = match job {
                    Job::Cosigned(checkpoint) => {
                        if let Some(published) = &mut self.published {
                            published.cosigned(&checkpoint);
                        }
                        continue;
                    }
                    Job::Write { answer, .. } => answer,
                };
                let share = match &mut shares {
                    Ok(shares) => shares.next().unwrap_or(Err(StoreError::Closed)),
                    Err(error) => Err(error.clone()),
                };
                let checkpoint = checkpoint.clone();
                // Nobody may be waiting any more; the record stands all the same.
                let _ = answer.send(share.map(|(seq, stated)| Written { seq, stated, checkpoint }));
            }
        }
    }

    /// Writes a batch. An outer error means that nothing of it was written.
    fn commit(&mut self, batch: &[Job]) -> Result<Vec<Share>, StoreError> {
        let is_accepted = |job: &Job| match job {
            Job::Write { entries, .. } => entries.iter().any(|entry| steps::opens_any(&entry.record)),
            Job::Cosigned(_) => false,
        };
        if self.session.is_none() && batch.iter().any(is_accepted) {
            let failed = |error| StoreError::Open { path: self.directory.clone(), error: Arc::new(error) };
            self.session = Some(Session::start(&self.directory).map_err(failed)?);
        }
        let by = (self.session.as_ref().map_or("", Session::name), self.notary.as_ref());
        let mut transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut state = state(&transaction)?;
        let mut shares = Vec::with_capacity(batch.len());
        for job in batch {
            let Job::Write { entries, sides, .. } = job else { continue };
            match append_all(&mut transaction, (entries, sides), by, state.clone()) {
                Ok((next, stated)) => {
                    shares.push(Ok((next.head.seq, stated)));
                    state = next;
                }
                Err(error) if error.is_of_one_record() => shares.push(Err(error)),
                Err(error) => return Err(error),
            }
        }
        let State { head, tree } = state;
        let sql = "UPDATE head SET seq = ?1, hash = ?2, size = ?3, peaks = ?4";
        let values = params![head.seq, head.hash.as_bytes(), tree.size(), tree.to_bytes()];
        transaction.prepare_cached(sql)?.execute(values)?;
        transaction.commit()?;
        Ok(shares)
    }
}

/// The name of this process's session, and who signs.
type By<'a> = (&'a str, Option<&'a Notary>);

/// Appends the records of one caller: all, or on an error none.
fn append_all(
    transaction: &mut Transaction<'_>,
    (entries, sides): (&[Entry], &[Side]),
    by: By<'_>,
    mut state: State,
) -> Result<(State, Vec<Stated>), StoreError> {
    let savepoint = transaction.savepoint()?;
    let mut stated = Vec::new();
    for entry in entries {
        append(&savepoint, entry, by, &mut state, &mut stated)?;
    }
    for side in sides {
        steps::change(&savepoint, side)?;
    }
    savepoint.commit()?;
    Ok((state, stated))
}

/// The newest record and the tree in this transaction, which must agree with what was written last.
fn state(transaction: &Transaction<'_>) -> Result<State, StoreError> {
    let head = head(transaction)?;
    let broken = || StoreError::from(Broken { seq: head.seq, why: Why::Head });
    let tree = leaves::tree(transaction)?.ok_or_else(broken)?;
    let is_whole = if head.seq == 0 { tree.size() == 0 } else { Hash::from(tree.root()) == head.hash };
    if is_whole { Ok(State { head, tree }) } else { Err(broken()) }
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

/// Appends one record, and its leaves to the tree.
fn append(
    connection: &Connection,
    entry: &Entry,
    (session, notary): By<'_>,
    state: &mut State,
    stated: &mut Vec<Stated>,
) -> Result<(), StoreError> {
    let seq = state.head.seq.saturating_add(1);
    let row = &entry.row;
    steps::apply(connection, &entry.record, entry.closing)?;
    match (&entry.decisions[..], entry.record.repo(), notary) {
        (decisions @ [_, ..], Some(repo), Some(notary)) => {
            for decision in decisions {
                let previous = leaves::previous(connection, repo, decision)?;
                let record = Some(crate::evidence::Sha256Digest::of(row.line.as_bytes()));
                let decision = Decision { previous, record, ..decision.clone() };
                let (decision, line) = notary.sign(decision)?;
                let index = leaves::append(connection, &mut state.tree, seq, line.as_str())?;
                leaves::note_move(connection, repo, &decision, index)?;
                stated.push(Stated { decision, line, index });
            }
        }
        _ => leaves::append_plain(connection, &mut state.tree, &entry.record, (seq, &row.line))?,
    }
    let hash = Hash::from(state.tree.root());
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
    state.head = Head { seq, hash };
    Ok(())
}
