//! Following the record: what comes after a place in it, waiting for more, and how far each webhook has come.
//!
//! The record itself is the queue, so nothing is kept twice. A place in it is a [`Sequence`]. The writer gives those out
//! in the order of its commits, also between processes: who has seen `n` has seen everything up to `n`.

use super::read::{self, Raw, Stored};
use super::{Sequence, Store, StoreError, file};
use crate::model::HookName;
use rusqlite::{Connection, OptionalExtension, params};
use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

/// The step of the schema that webhooks need.
pub(super) const SCHEMA: &str = "
    CREATE TABLE webhook (
        name TEXT PRIMARY KEY,
        position INTEGER NOT NULL
    ) STRICT;
";

/// A batch ends after this many bytes of lines: a reader holds one batch, however long the lines are.
const BATCH_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Counts what this process wrote, for those who wait for it.
#[derive(Default)]
pub(super) struct News {
    count: Mutex<u64>,
    told: Condvar,
}

/// How much of the news somebody has seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Generation(u64);

impl News {
    pub fn tell(&self) {
        let mut count = self.count.lock().unwrap_or_else(PoisonError::into_inner);
        *count = count.wrapping_add(1);
        self.told.notify_all();
    }
}

impl Store {
    /// Records after `seq`, oldest first: at most `count`, fewer if they are long. Empty: there is none yet.
    pub fn after(&self, seq: Sequence, count: usize) -> Result<Vec<Stored>, StoreError> {
        let mut raws: Vec<Raw> = Vec::new();
        {
            let reader = self.reader();
            let sql = format!("SELECT {} FROM record WHERE seq > ?1 ORDER BY seq LIMIT ?2", Raw::COLUMNS);
            let mut statement = reader.prepare_cached(&sql)?;
            let mut rows = statement.query(params![seq, count])?;
            let mut bytes = 0;
            while bytes < BATCH_BYTES_MAX
                && let Some(row) = rows.next()?
            {
                let raw = Raw::read(row)?;
                bytes += raw.line.len();
                raws.push(raw);
            }
        }
        // Others read through the same connection; what takes longer is done without it.
        raws.into_iter().map(Raw::parse).collect()
    }

    /// To be asked for before the records: then nothing that is written in between is slept through.
    #[must_use]
    pub fn generation(&self) -> Generation {
        Generation(*self.0.news.count.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Waits until this process wrote something after `seen`, or the time is over: other processes write too, and tell
    /// nobody.
    pub fn wait(&self, seen: Generation, time_max: Duration) {
        let count = self.0.news.count.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.0.news.told.wait_timeout_while(count, time_max, |count| *count == seen.0));
    }

    /// Ends every [`Self::wait`] under way.
    pub fn wake(&self) {
        self.0.news.tell();
    }

    /// The places that webhooks have come to. Fails on a store that was opened for reading.
    pub fn positions(&self) -> Result<Positions, StoreError> {
        if self.0.writer.is_none() {
            return Err(StoreError::ReadOnly);
        }
        let connection = file::open(&self.0.directory)?;
        // A place that a power cut takes back means that something is delivered again, which may happen anyway. So it
        // costs no fsync, and pushes do not wait for one either.
        connection.pragma_update(None, "synchronous", "NORMAL")?;
        Ok(Positions { connection, directory: self.0.directory.clone() })
    }
}

/// How far each webhook has come: the last record that it was sent or that was none of its business.
pub struct Positions {
    connection: Connection,
    directory: PathBuf,
}

/// The right to be the only process that sends for a webhook. Until dropped.
#[must_use]
pub struct Lease {
    _locked: File,
}

impl Positions {
    /// Where a webhook goes on. A new one begins with what is written from now on.
    pub fn start(&self, name: &HookName) -> Result<Sequence, StoreError> {
        let head = read::head(&self.connection)?.seq;
        let sql = "INSERT INTO webhook (name, position) VALUES (?1, ?2) ON CONFLICT (name) DO NOTHING";
        self.connection.prepare_cached(sql)?.execute(params![name.as_str(), head])?;
        let sql = "SELECT position FROM webhook WHERE name = ?1";
        let position = self.connection.prepare_cached(sql)?.query_row([name.as_str()], |row| row.get(0));
        let position: Sequence = position.optional()?.unwrap_or(head);
        if position <= head {
            return Ok(position);
        }
        // The record was replaced by an older or a new one: the place means nothing in it.
        let sql = "UPDATE webhook SET position = ?2 WHERE name = ?1";
        self.connection.prepare_cached(sql)?.execute(params![name.as_str(), head])?;
        Ok(head)
    }

    /// Never goes back.
    pub fn advance(&self, name: &HookName, position: Sequence) -> Result<(), StoreError> {
        let sql = "UPDATE webhook SET position = ?2 WHERE name = ?1 AND position < ?2";
        self.connection.prepare_cached(sql)?.execute(params![name.as_str(), position])?;
        Ok(())
    }

    /// Forgets webhooks that are not set any more: one that comes back begins anew.
    pub fn keep_only<'n>(&self, names: impl Iterator<Item = &'n HookName>) -> Result<(), StoreError> {
        let kept: Vec<&str> = names.map(HookName::as_str).collect();
        let mut statement = self.connection.prepare_cached("SELECT name FROM webhook")?;
        let known: Vec<String> = statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
        for name in known.iter().filter(|name| !kept.contains(&name.as_str())) {
            self.connection.prepare_cached("DELETE FROM webhook WHERE name = ?1")?.execute([name])?;
        }
        Ok(())
    }

    /// `None`: another process has it.
    pub fn lease(&self, name: &HookName) -> Result<Option<Lease>, StoreError> {
        let directory = self.directory.join("webhooks");
        let failed = |error| StoreError::Open { path: directory.clone(), error: Arc::new(error) };
        DirBuilder::new().recursive(true).mode(0o700).create(&directory).map_err(failed)?;
        let path = directory.join(name.as_str());
        let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path);
        let file = file.map_err(failed)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Lease { _locked: file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(failed(error)),
        }
    }
}
