//! The database file: where it is, who may read it, and its schema.

use super::StoreError;
use crate::record::Head;
use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};
use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// "rgat", in the file's header: this file is ours.
const APPLICATION_ID: i64 = 0x7267_6174;

/// How long another process's write is waited for.
const BUSY_TIME_MAX: Duration = Duration::from_secs(30);

/// One step of the schema each; the number of steps done is the file's `user_version`.
const MIGRATIONS: [&str; 4] = [
    "
    CREATE TABLE record (
        seq INTEGER PRIMARY KEY,
        kind TEXT NOT NULL,
        time_ms INTEGER NOT NULL,
        push TEXT,
        repo TEXT,
        principal TEXT,
        decision TEXT,
        pack_bytes INTEGER NOT NULL,
        line TEXT NOT NULL,
        hash BLOB NOT NULL
    ) STRICT;
    CREATE INDEX record_push ON record (push);
    CREATE UNIQUE INDEX record_decision ON record (push) WHERE kind = 'decision';
    CREATE INDEX record_usage ON record (principal, repo, time_ms, pack_bytes) WHERE kind IN ('decision', 'abort');
    CREATE TRIGGER record_no_update BEFORE UPDATE ON record BEGIN SELECT RAISE(ABORT, 'records are never changed'); END;
    CREATE TRIGGER record_no_delete BEFORE DELETE ON record BEGIN SELECT RAISE(ABORT, 'records are never removed'); END;

    CREATE TABLE head (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        seq INTEGER NOT NULL,
        hash BLOB NOT NULL
    ) STRICT;

    CREATE TABLE waiting (
        push TEXT PRIMARY KEY,
        seq INTEGER NOT NULL REFERENCES record (seq),
        session TEXT NOT NULL
    ) STRICT;
",
    "
    CREATE TABLE hold (
        push TEXT PRIMARY KEY,
        seq INTEGER NOT NULL REFERENCES record (seq),
        repo TEXT NOT NULL,
        principal TEXT NOT NULL,
        state TEXT NOT NULL,
        -- Which refs move from where to where: the same push again has the same.
        same TEXT NOT NULL,
        bytes INTEGER NOT NULL,
        since_ms INTEGER NOT NULL,
        expires_ms INTEGER NOT NULL,
        changed_ms INTEGER NOT NULL,
        by TEXT,
        reason TEXT NOT NULL,
        replaced_by TEXT,
        -- Approved, and to be tried again: the gate or the upstream went away in between.
        again INTEGER NOT NULL,
        -- Whether the pusher has heard what became of it.
        told INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX hold_same ON hold (principal, repo, same);
    CREATE INDEX hold_open ON hold (repo, since_ms) WHERE state IN ('waiting', 'releasing');
    CREATE INDEX hold_expires ON hold (expires_ms) WHERE state = 'waiting';
    CREATE INDEX hold_untold ON hold (principal, repo) WHERE told = 0;

    CREATE TABLE hold_ref (
        push TEXT NOT NULL REFERENCES hold (push),
        ref TEXT NOT NULL,
        PRIMARY KEY (push, ref)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX hold_ref_name ON hold_ref (ref);

    CREATE TABLE approval (
        push TEXT NOT NULL REFERENCES hold (push),
        approver TEXT NOT NULL,
        key TEXT NOT NULL,
        policy TEXT NOT NULL,
        time_ms INTEGER NOT NULL,
        until_ms INTEGER NOT NULL,
        signed INTEGER NOT NULL,
        PRIMARY KEY (push, approver)
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE freeze (
        repo TEXT PRIMARY KEY,
        by TEXT NOT NULL,
        reason TEXT NOT NULL,
        since_ms INTEGER NOT NULL,
        until_ms INTEGER
    ) STRICT;

    CREATE TABLE revoked (
        principal TEXT PRIMARY KEY,
        by TEXT NOT NULL,
        reason TEXT NOT NULL,
        since_ms INTEGER NOT NULL
    ) STRICT;

    CREATE TABLE undo (
        push TEXT NOT NULL,
        ref TEXT NOT NULL,
        repo TEXT NOT NULL,
        principal TEXT NOT NULL,
        old TEXT NOT NULL,
        new TEXT,
        time_ms INTEGER NOT NULL,
        PRIMARY KEY (push, ref)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX undo_repo ON undo (repo, time_ms);

    -- Its newest pushes, for a principal that asks.
    CREATE INDEX record_pusher ON record (principal) WHERE kind IN ('decision', 'abort');
",
    super::feed::SCHEMA,
    super::leaves::SCHEMA,
];

/// Steps of the schema after which records were still chained, and there was no log.
const CHAINED: usize = 3;

/// The store's own directory, which nobody else may enter, whatever the data directory's mode is.
pub fn directory(data: &Path) -> PathBuf {
    data.join("store")
}

pub fn database(directory: &Path) -> PathBuf {
    directory.join("refgate.db")
}

/// Opens the file for writing, making it (0600, in a directory of 0700) and bringing its schema up to date.
pub fn open(directory: &Path) -> Result<Connection, StoreError> {
    let path = database(directory);
    let failed = |error: io::Error| StoreError::Open { path: path.clone(), error: Arc::new(error) };
    DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(failed)?;
    // SQLite would make the file with the umask's mode; the journal files beside it take the file's.
    OpenOptions::new().append(true).create(true).mode(0o600).open(&path).map_err(failed)?;
    // The file's own name must be on disk before the first record can be said to be.
    for directory in [Some(directory), directory.parent()].into_iter().flatten() {
        File::open(directory).and_then(|directory| directory.sync_all()).map_err(failed)?;
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(&path, flags)?;
    connection.busy_timeout(BUSY_TIME_MAX)?;
    check_schema(&connection, &path)?;
    use_write_ahead_log(&connection)?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    migrate(&mut connection)?;
    Ok(connection)
}

/// Opens a file that must be there with a schema we know.
pub fn open_read_only(directory: &Path) -> Result<Connection, StoreError> {
    let path = database(directory);
    let failed = |error: io::Error| StoreError::Open { path: path.clone(), error: Arc::new(error) };
    std::fs::metadata(&path).map_err(failed)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(&path, flags)?;
    connection.busy_timeout(BUSY_TIME_MAX)?;
    match check_schema(&connection, &path)? {
        0 => Err(StoreError::Foreign(path)),
        _ => Ok(connection),
    }
}

/// The steps of the schema that are done; an error if the file is not ours or newer than we are.
fn check_schema(connection: &Connection, path: &Path) -> Result<usize, StoreError> {
    // One statement sees one state of the file: another process may be making the schema at this moment.
    let sql =
        "SELECT (SELECT application_id FROM pragma_application_id), (SELECT user_version FROM pragma_user_version),
        (SELECT count(*) FROM sqlite_schema)";
    let (application, version, tables): (i64, i64, i64) =
        connection.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    let is_new = application == 0 && version == 0 && tables == 0;
    if !is_new && application != APPLICATION_ID {
        return Err(StoreError::Foreign(path.to_owned()));
    }
    match usize::try_from(version) {
        Ok(done) if done <= MIGRATIONS.len() => Ok(done),
        Ok(_) => Err(StoreError::Newer { found: version, known: MIGRATIONS.len() as i64 }),
        Err(_) => Err(StoreError::Foreign(path.to_owned())),
    }
}

/// Switching to the write-ahead log needs the file for itself, and SQLite does not wait for that by itself.
fn use_write_ahead_log(connection: &Connection) -> Result<(), StoreError> {
    let started = Instant::now();
    loop {
        let switched = connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get::<_, String>(0));
        match switched {
            Ok(mode) if mode.eq_ignore_ascii_case("wal") => return Ok(()),
            Err(error) if !is_busy(&error) => return Err(error.into()),
            Ok(_) | Err(_) if started.elapsed() < BUSY_TIME_MAX => std::thread::sleep(Duration::from_millis(5)),
            Err(error) => return Err(error.into()),
            Ok(_) => return Err(rusqlite::Error::InvalidQuery.into()),
        }
    }
}

fn is_busy(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
}

fn migrate(connection: &mut Connection) -> Result<(), StoreError> {
    let path = connection.path().map(PathBuf::from).unwrap_or_default();
    if check_schema(connection, &path)? == MIGRATIONS.len() {
        return Ok(());
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Asked again: another process may have come first.
    let done = check_schema(&transaction, &path)?;
    for step in MIGRATIONS.iter().skip(done) {
        transaction.execute_batch(step)?;
    }
    if done <= CHAINED {
        super::migrate::chain_to_tree(&transaction)?;
    }
    if done == 0 {
        let Head { seq: _, hash } = Head::EMPTY;
        transaction.execute("INSERT INTO head (one, seq, hash) VALUES (1, 0, ?1)", [hash.as_bytes()])?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    }
    transaction.pragma_update(None, "user_version", MIGRATIONS.len() as i64)?;
    transaction.commit()?;
    Ok(())
}
