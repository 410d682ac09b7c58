//! Questions about held pushes, stop switches, and what can be undone.

use super::steps::same;
use super::{Sequence, StoreError};
use crate::model::{HoldState, ObjectId, PrincipalName, PushId, RefName, RepoName};
use crate::record::{DecisionEntry, Record, UpdateEntry, unescape};
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};
use std::collections::HashMap;

/// A held push, as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    pub push: PushId,
    pub repo: RepoName,
    /// Whose it is.
    pub principal: PrincipalName,
    pub state: HoldState,
    /// Of the stored pack.
    pub bytes: u64,
    pub since: Timestamp,
    pub expires: Timestamp,
    pub changed: Timestamp,
    /// Who brought it into this state, if it was somebody.
    pub by: Option<String>,
    pub reason: String,
    pub replaced_by: Option<PushId>,
    pub again: bool,
}

/// An approval that was given, as long as it is not known whether it still counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approved {
    pub by: PrincipalName,
    pub key: String,
    /// SHA-256 of the policy that was in force.
    pub policy: String,
    pub time: Timestamp,
    pub until: Timestamp,
    pub signed: bool,
}

/// A repository that nothing is forwarded to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Freeze {
    pub repo: RepoName,
    pub by: PrincipalName,
    pub reason: String,
    pub since: Timestamp,
    pub until: Option<Timestamp>,
}

/// A principal whose keys open nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revoked {
    pub principal: PrincipalName,
    pub by: PrincipalName,
    pub reason: String,
    pub since: Timestamp,
}

/// A tip that was replaced or deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undo {
    pub push: PushId,
    pub ref_name: RefName,
    pub principal: PrincipalName,
    pub old: ObjectId,
    pub new: Option<ObjectId>,
    pub time: Timestamp,
}

const HOLD: &str =
    "push, repo, principal, state, bytes, since_ms, expires_ms, changed_ms, by, reason, replaced_by, again";
const HOLD_COLUMNS: usize = 12;

/// A column whose word is none of ours: somebody else wrote to the file.
fn bad(index: usize) -> rusqlite::Error {
    rusqlite::Error::InvalidColumnType(index, "a word of refgate".to_owned(), rusqlite::types::Type::Text)
}

fn parsed<T, E>(row: &Row<'_>, index: usize, parse: impl Fn(&str) -> Result<T, E>) -> rusqlite::Result<T> {
    parse(&row.get::<_, String>(index)?).map_err(|_| bad(index))
}

fn time(row: &Row<'_>, index: usize) -> rusqlite::Result<Timestamp> {
    Timestamp::from_millisecond(row.get(index)?).map_err(|_| bad(index))
}

fn object(word: &str) -> Result<ObjectId, ()> {
    ObjectId::from_hex(word.as_bytes()).map_err(|_| ())
}

fn ref_name(word: &str) -> Result<RefName, ()> {
    unescape(word).and_then(|name| RefName::parse(&name).ok()).ok_or(())
}

fn hold(row: &Row<'_>) -> rusqlite::Result<Hold> {
    Ok(Hold {
        push: parsed(row, 0, PushId::parse)?,
        repo: parsed(row, 1, RepoName::parse)?,
        principal: parsed(row, 2, PrincipalName::parse)?,
        state: parsed(row, 3, |word| HoldState::parse(word).ok_or(()))?,
        bytes: row.get(4)?,
        since: time(row, 5)?,
        expires: time(row, 6)?,
        changed: time(row, 7)?,
        by: row.get(8)?,
        reason: row.get(9)?,
        replaced_by: row.get::<_, Option<String>>(10)?.and_then(|push| PushId::parse(&push).ok()),
        again: row.get(11)?,
    })
}

pub fn find(connection: &Connection, push: PushId) -> Result<Option<Hold>, StoreError> {
    let sql = format!("SELECT {HOLD} FROM hold WHERE push = ?1");
    Ok(connection.prepare_cached(&sql)?.query_row([push.to_string()], hold).optional()?)
}

/// The newest held push of this principal that moves the same refs from and to the same objects.
pub fn find_same(
    connection: &Connection,
    repo: &RepoName,
    principal: &PrincipalName,
    updates: &[UpdateEntry],
) -> Result<Option<Hold>, StoreError> {
    let sql = format!(
        "SELECT {HOLD} FROM hold WHERE principal = ?1 AND repo = ?2 AND same = ?3 ORDER BY since_ms DESC, push DESC LIMIT 1"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    Ok(statement.query_row(params![principal.as_str(), repo.as_str(), same(updates)], hold).optional()?)
}

/// Held pushes that something can still become of, oldest first.
pub fn open(connection: &Connection, repo: &RepoName) -> Result<Vec<Hold>, StoreError> {
    let sql = format!(
        "SELECT {HOLD} FROM hold WHERE repo = ?1 AND state IN ('waiting', 'releasing') ORDER BY since_ms, push"
    );
    all(connection, &sql, [repo.as_str()])
}

/// The same of all repositories, those that are not set up any more included.
pub fn open_anywhere(connection: &Connection) -> Result<Vec<PushId>, StoreError> {
    let mut statement = connection.prepare_cached("SELECT push FROM hold WHERE state IN ('waiting', 'releasing')")?;
    let rows = statement.query_map([], |row| parsed(row, 0, PushId::parse))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Those of a repository with the records that held them: a list of many is one question.
pub fn open_with_lines(connection: &Connection, repo: &RepoName) -> Result<Vec<(Hold, Line)>, StoreError> {
    let sql = format!(
        "SELECT {HOLD}, seq, (SELECT line FROM record WHERE record.seq = hold.seq) FROM hold
         WHERE repo = ?1 AND state IN ('waiting', 'releasing') ORDER BY since_ms, push"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let rows = statement.query_map([repo.as_str()], |row| {
        Ok((hold(row)?, Line { seq: row.get(HOLD_COLUMNS)?, text: row.get(HOLD_COLUMNS + 1)? }))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The record that held a push, as it is kept: to be read while nobody waits for the store.
#[derive(Debug)]
pub struct Line {
    seq: Sequence,
    text: String,
}

impl Line {
    pub fn decision(&self) -> Result<DecisionEntry, StoreError> {
        match Record::from_line(&self.text) {
            Ok(Record::Decision(entry)) => Ok(entry),
            Ok(_) | Err(_) => Err(StoreError::Line(self.seq)),
        }
    }
}

/// The approvals of all of them, by push.
pub fn open_approvals(connection: &Connection, repo: &RepoName) -> Result<HashMap<PushId, Vec<Approved>>, StoreError> {
    let sql = format!(
        "SELECT {APPROVAL}, push FROM approval WHERE push IN
         (SELECT push FROM hold WHERE repo = ?1 AND state IN ('waiting', 'releasing')) ORDER BY time_ms"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query([repo.as_str()])?;
    let mut found: HashMap<PushId, Vec<Approved>> = HashMap::new();
    while let Some(row) = rows.next()? {
        found.entry(parsed(row, 6, PushId::parse)?).or_default().push(approved(row)?);
    }
    Ok(found)
}

/// Held pushes of a principal that wait.
pub fn waiting_of(connection: &Connection, name: &PrincipalName) -> Result<Vec<Hold>, StoreError> {
    let sql = format!("SELECT {HOLD} FROM hold WHERE principal = ?1 AND state = 'waiting' ORDER BY since_ms, push");
    all(connection, &sql, [name.as_str()])
}

/// Waiting pushes of a principal that move one of these refs.
pub fn overlapping(
    connection: &Connection,
    repo: &RepoName,
    principal: &PrincipalName,
    refs: &[&RefName],
) -> Result<Vec<Hold>, StoreError> {
    // With + there is no index but that of the ref: a principal may have thousands of others.
    let sql = format!(
        "SELECT {HOLD} FROM hold WHERE push IN (SELECT push FROM hold_ref WHERE ref = ?3)
         AND +principal = ?1 AND +repo = ?2 AND state = 'waiting'"
    );
    let mut found: Vec<Hold> = Vec::new();
    for name in refs {
        let more = all(connection, &sql, params![principal.as_str(), repo.as_str(), name.to_string()])?;
        found.extend(
            more.into_iter().filter(|hold| !found.iter().any(|known| known.push == hold.push)).collect::<Vec<_>>(),
        );
    }
    Ok(found)
}

/// What became of pushes of which the pusher has not heard yet.
pub fn untold(connection: &Connection, repo: &RepoName, name: &PrincipalName) -> Result<Vec<Hold>, StoreError> {
    let sql = format!(
        "SELECT {HOLD} FROM hold WHERE principal = ?1 AND repo = ?2 AND told = 0 ORDER BY changed_ms DESC LIMIT 20"
    );
    all(connection, &sql, params![name.as_str(), repo.as_str()])
}

/// Waiting pushes whose time is over.
pub fn expired(connection: &Connection, now: Timestamp) -> Result<Vec<Hold>, StoreError> {
    let sql = format!("SELECT {HOLD} FROM hold WHERE state = 'waiting' AND expires_ms <= ?1 ORDER BY expires_ms");
    all(connection, &sql, [now.as_millisecond()])
}

/// Approved pushes that did not get to the upstream.
pub fn again(connection: &Connection) -> Result<Vec<Hold>, StoreError> {
    all(connection, &format!("SELECT {HOLD} FROM hold WHERE state = 'waiting' AND again = 1 ORDER BY since_ms"), [])
}

fn all(connection: &Connection, sql: &str, values: impl rusqlite::Params) -> Result<Vec<Hold>, StoreError> {
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement.query_map(values, hold)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// How many held pushes of a repository there are, and the bytes of their packs.
pub fn used(connection: &Connection, repo: &RepoName) -> Result<(u64, u64), StoreError> {
    let sql = "SELECT count(*), total(bytes) FROM hold WHERE repo = ?1 AND state IN ('waiting', 'releasing')";
    let used = connection
        .prepare_cached(sql)?
        .query_row([repo.as_str()], |row| Ok((row.get(0)?, row.get::<_, f64>(1)? as u64)))?;
    Ok(used)
}

/// How many of them are this principal's.
pub fn used_by(connection: &Connection, repo: &RepoName, name: &PrincipalName) -> Result<u64, StoreError> {
    let sql = "SELECT count(*) FROM hold WHERE repo = ?1 AND principal = ?2 AND state IN ('waiting', 'releasing')";
    let values = params![repo.as_str(), name.as_str()];
    Ok(connection.prepare_cached(sql)?.query_row(values, |row| row.get(0))?)
}

pub fn approvals(connection: &Connection, push: PushId) -> Result<Vec<Approved>, StoreError> {
    let sql = format!("SELECT {APPROVAL} FROM approval WHERE push = ?1 ORDER BY time_ms");
    let mut statement = connection.prepare_cached(&sql)?;
    let rows = statement.query_map([push.to_string()], approved)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

const APPROVAL: &str = "approver, key, policy, time_ms, until_ms, signed";

fn approved(row: &Row<'_>) -> rusqlite::Result<Approved> {
    Ok(Approved {
        by: parsed(row, 0, PrincipalName::parse)?,
        key: row.get(1)?,
        policy: row.get(2)?,
        time: time(row, 3)?,
        until: time(row, 4)?,
        signed: row.get(5)?,
    })
}

/// The freezes that last at `now`.
pub fn freezes(connection: &Connection, now: Timestamp) -> Result<Vec<Freeze>, StoreError> {
    let sql =
        "SELECT repo, by, reason, since_ms, until_ms FROM freeze WHERE until_ms IS NULL OR until_ms > ?1 ORDER BY repo";
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement.query_map([now.as_millisecond()], |row| {
        Ok(Freeze {
            repo: parsed(row, 0, RepoName::parse)?,
            by: parsed(row, 1, PrincipalName::parse)?,
            reason: row.get(2)?,
            since: time(row, 3)?,
            until: row.get::<_, Option<i64>>(4)?.and_then(|ms| Timestamp::from_millisecond(ms).ok()),
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub fn revoked(connection: &Connection) -> Result<Vec<Revoked>, StoreError> {
    let sql = "SELECT principal, by, reason, since_ms FROM revoked ORDER BY principal";
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement.query_map([], |row| {
        Ok(Revoked {
            principal: parsed(row, 0, PrincipalName::parse)?,
            by: parsed(row, 1, PrincipalName::parse)?,
            reason: row.get(2)?,
            since: time(row, 3)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// What a push replaced or deleted, with its repository.
pub fn undo_of(connection: &Connection, push: PushId) -> Result<Vec<(RepoName, Undo)>, StoreError> {
    let sql = format!("SELECT {UNDO}, repo FROM undo WHERE push = ?1 ORDER BY ref");
    undos(connection, &sql, [push.to_string()])
}

/// What was replaced or deleted before `until`.
pub fn undo_before(connection: &Connection, until: Timestamp) -> Result<Vec<(RepoName, Undo)>, StoreError> {
    let sql = format!("SELECT {UNDO}, repo FROM undo WHERE time_ms < ?1 ORDER BY time_ms LIMIT 100");
    undos(connection, &sql, [until.as_millisecond()])
}

const UNDO: &str = "push, ref, principal, old, new, time_ms";

fn undos(
    connection: &Connection,
    sql: &str,
    values: impl rusqlite::Params,
) -> Result<Vec<(RepoName, Undo)>, StoreError> {
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement.query_map(values, |row| Ok((parsed(row, 6, RepoName::parse)?, undo_row(row)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn undo_row(row: &Row<'_>) -> rusqlite::Result<Undo> {
    Ok(Undo {
        push: parsed(row, 0, PushId::parse)?,
        ref_name: parsed(row, 1, ref_name)?,
        principal: parsed(row, 2, PrincipalName::parse)?,
        old: parsed(row, 3, object)?,
        new: row.get::<_, Option<String>>(4)?.and_then(|id| object(&id).ok()),
        time: time(row, 5)?,
    })
}

/// What was replaced or deleted in a repository since `since`, newest first.
pub fn undo(connection: &Connection, repo: &RepoName, since: Timestamp) -> Result<Vec<Undo>, StoreError> {
    let sql = format!(
        "SELECT {UNDO} FROM undo WHERE repo = ?1 AND time_ms >= ?2 ORDER BY time_ms DESC, push DESC, ref LIMIT 1000"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let rows = statement.query_map(params![repo.as_str(), since.as_millisecond()], undo_row)?;
    Ok(rows.collect::<Result<_, _>>()?)
}
