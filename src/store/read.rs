//! Questions to the store.

use super::writer::Row;
use super::{Sequence, StoreError, leaves};
use crate::model::{Count, PrincipalName, PushId, RepoName, Usage};
use crate::record::chain::Follow;
use crate::record::{Broken, DecisionEntry, Hash, Head, Record, ReleaseEntry, UpdateEntry, Verdict, Why};
use jiff::Timestamp;
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, params, params_from_iter};

/// A record with its place in the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    pub seq: Sequence,
    pub hash: Hash,
    /// The record's own bytes.
    pub line: String,
    pub record: Record,
}

/// Which records to list; what is not set lets everything through.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    pub repo: Option<RepoName>,
    pub principal: Option<PrincipalName>,
    pub decision: Option<Verdict>,
    /// Only decisions and aborted pushes: one record a push.
    pub pushes_only: bool,
    pub since: Option<Timestamp>,
    pub limit: Option<usize>,
}

pub(super) struct Raw {
    pub seq: Sequence,
    pub line: String,
    hash: Vec<u8>,
}

impl Raw {
    pub const COLUMNS: &'static str = "seq, line, hash";

    pub fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self { seq: row.get(0)?, line: row.get(1)?, hash: row.get(2)? })
    }

    pub fn parse(self) -> Result<Stored, StoreError> {
        let Self { seq, line, hash } = self;
        let record = Record::from_line(&line).map_err(|_| StoreError::Line(seq))?;
        let hash = Hash::from_bytes(&hash).ok_or(StoreError::Line(seq))?;
        Ok(Stored { seq, hash, line, record })
    }
}

pub fn head(connection: &Connection) -> Result<Head, StoreError> {
    let mut statement = connection.prepare_cached("SELECT seq, hash FROM head")?;
    let head = statement.query_row([], |row| Ok((row.get::<_, u64>(0)?, row.get::<_, Vec<u8>>(1)?))).optional()?;
    let head = head.and_then(|(seq, hash)| Some(Head { seq, hash: Hash::from_bytes(&hash)? }));
    head.ok_or(StoreError::Broken(Broken { seq: 0, why: Why::Head }))
}

pub fn newest(connection: &Connection) -> Result<Option<Timestamp>, StoreError> {
    let sql = "SELECT time_ms FROM record ORDER BY seq DESC LIMIT 1";
    let time: Option<i64> = connection.query_row(sql, [], |row| row.get(0)).optional()?;
    Ok(time.and_then(|time| Timestamp::from_millisecond(time).ok()))
}

/// An accepted push without an outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsettled {
    pub push: PushId,
    pub repo: RepoName,
    pub principal: PrincipalName,
    pub time: Timestamp,
    pub updates: Vec<UpdateEntry>,
    /// Whether it had been held, and approved.
    pub is_release: bool,
}

/// Accepted pushes without an outcome, with the session each belongs to.
pub fn waiting(connection: &Connection) -> Result<Vec<(String, Unsettled)>, StoreError> {
    let sql = "SELECT record.seq, line, hash, session FROM waiting JOIN record USING (seq) ORDER BY record.seq";
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement.query_map([], |row| Ok((Raw::read(row)?, row.get::<_, String>(3)?)))?;
    let mut entries = Vec::new();
    for row in rows {
        let (raw, session) = row?;
        let seq = raw.seq;
        let unsettled = match raw.parse()?.record {
            Record::Decision(DecisionEntry { push, repo, principal, time, updates, .. }) => {
                Unsettled { push, repo, principal, time, updates, is_release: false }
            }
            Record::Release(ReleaseEntry { push, repo, principal, time, updates, .. }) => {
                Unsettled { push, repo, principal, time, updates, is_release: true }
            }
            Record::Hold(_)
            | Record::Outcome(_)
            | Record::Abort(_)
            | Record::Control(_)
            | Record::External(_)
            | Record::Event(_) => return Err(StoreError::Line(seq)),
        };
        entries.push((session, unsettled));
    }
    Ok(entries)
}

pub fn usage(
    connection: &Connection,
    principal: &PrincipalName,
    repo: &RepoName,
    now: Timestamp,
) -> Result<Usage, StoreError> {
    let now = now.as_millisecond();
    let [minute, hour, day] = [60, 3600, 86_400].map(|seconds: i64| now.saturating_sub(seconds * 1000));
    // No upper bound: a record from the future (the clock was set back) counts rather than not.
    // total() and not sum(): it never overflows; a float is exact far beyond any real number of bytes.
    let sql = "SELECT count(*) FILTER (WHERE time_ms > ?3), total(pack_bytes) FILTER (WHERE time_ms > ?3),
                      count(*) FILTER (WHERE time_ms > ?4), total(pack_bytes) FILTER (WHERE time_ms > ?4),
                      count(*), total(pack_bytes)
               FROM record
               WHERE kind IN ('decision', 'abort') AND principal = ?1 AND repo = ?2 AND time_ms > ?5";
    let mut statement = connection.prepare_cached(sql)?;
    let usage = statement.query_row(params![principal.as_str(), repo.as_str(), minute, hour, day], |row| {
        let count = |index| {
            Ok::<_, rusqlite::Error>(Count { pushes: row.get(index)?, bytes: row.get::<_, f64>(index + 1)? as u64 })
        };
        Ok(Usage { minute: count(0)?, hour: count(2)?, day: count(4)? })
    })?;
    Ok(usage)
}

pub fn find(connection: &Connection, push: PushId) -> Result<Vec<Stored>, StoreError> {
    let sql = format!("SELECT {} FROM record WHERE push = ?1 ORDER BY seq", Raw::COLUMNS);
    let mut statement = connection.prepare_cached(&sql)?;
    let rows = statement.query_map([push.to_string()], Raw::read)?;
    rows.map(|row| row?.parse()).collect()
}

pub fn list(connection: &Connection, filter: &Filter) -> Result<Vec<Stored>, StoreError> {
    let mut sql = format!("SELECT {} FROM record WHERE TRUE", Raw::COLUMNS);
    let mut values: Vec<Value> = Vec::new();
    let conditions = [
        ("repo = ?", filter.repo.as_ref().map(|repo| Value::from(repo.to_string()))),
        ("principal = ?", filter.principal.as_ref().map(|name| Value::from(name.to_string()))),
        ("decision = ?", filter.decision.map(|verdict| Value::from(verdict.as_str().to_owned()))),
        ("time_ms >= ?", filter.since.map(|time| Value::from(time.as_millisecond()))),
    ];
    for (condition, value) in conditions {
        if let Some(value) = value {
            sql = sql + " AND " + condition;
            values.push(value);
        }
    }
    if filter.pushes_only {
        sql += " AND kind IN ('decision', 'abort', 'external')";
    }
    sql += " ORDER BY seq DESC LIMIT ?";
    // A negative limit is none.
    values.push(filter.limit.map_or(-1, |limit| i64::try_from(limit).unwrap_or(i64::MAX)).into());
    let mut statement = connection.prepare(&sql)?;
    let rows = statement.query_map(params_from_iter(values), Raw::read)?;
    rows.map(|row| row?.parse()).collect()
}

/// Follows the chain in one view of the file, while others may go on writing.
pub fn verify(connection: &Connection, remembered: Option<Hash>) -> Result<Result<Head, Broken>, StoreError> {
    let transaction = connection.unchecked_transaction()?;
    let written = match head(&transaction) {
        Ok(written) => written,
        Err(StoreError::Broken(broken)) => return Ok(Err(broken)),
        Err(error) => return Err(error),
    };
    let sql =
        "SELECT seq, line, hash, kind, time_ms, push, repo, principal, decision, pack_bytes FROM record ORDER BY seq";
    let mut statement = transaction.prepare(sql)?;
    let mut rows = statement.query([])?;
    let mut leaves = transaction.prepare("SELECT seq, text, idx FROM leaf ORDER BY idx")?;
    let mut leaves = Leaves { rows: leaves.query([])?, next: None, index: 0 };
    leaves.advance()?;
    let mut follow = Follow::new(remembered);
    while let Some(row) = rows.next()? {
        let own = leaves.of(row.get(0)?)?;
        if let Err(broken) = step(&mut follow, row, &own)? {
            return Ok(Err(broken));
        }
    }
    let is_whole = leaves.next.is_none() && leaves::tree(&transaction)?.as_ref() == Some(follow.tree());
    let finished = follow.finish(written);
    if finished.is_ok() && !is_whole { Ok(Err(Broken { seq: written.seq, why: Why::Head })) } else { Ok(finished) }
}

/// The leaves in their order, beside the records.
struct Leaves<'a> {
    rows: rusqlite::Rows<'a>,
    next: Option<(Sequence, String)>,
    index: u64,
}

impl Leaves<'_> {
    fn advance(&mut self) -> Result<(), StoreError> {
        self.next = None;
        if let Some(row) = self.rows.next()? {
            // One that is missing in between leaves the rest to nobody.
            if row.get::<_, u64>(2)? == self.index {
                self.next = Some((row.get(0)?, row.get(1)?));
                self.index += 1;
            } else {
                self.next = Some((Sequence::MAX, String::new()));
            }
        }
        Ok(())
    }

    /// Those of a record that come next.
    fn of(&mut self, seq: Sequence) -> Result<Vec<String>, StoreError> {
        let mut own = Vec::new();
        while let Some((_, text)) = self.next.take_if(|(of, _)| *of == seq) {
            own.push(text);
            self.advance()?;
        }
        Ok(own)
    }
}

fn step(follow: &mut Follow, row: &rusqlite::Row<'_>, leaves: &[String]) -> Result<Result<(), Broken>, StoreError> {
    let Raw { seq, line, hash } = Raw::read(row)?;
    let Some(hash) = Hash::from_bytes(&hash) else { return Ok(Err(Broken { seq, why: Why::Hash })) };
    if let Err(broken) = follow.step(seq, &line, leaves, hash) {
        return Ok(Err(broken));
    }
    let Ok(record) = Record::from_line(&line) else { return Ok(Err(Broken { seq, why: Why::Line })) };
    let expected = Row::new(&record, line);
    let columns_match = row.get::<_, String>(3)? == expected.kind
        && row.get::<_, i64>(4)? == expected.time_ms
        && row.get::<_, Option<String>>(5)? == expected.push
        && row.get::<_, Option<String>>(6)? == expected.repo
        && row.get::<_, Option<String>>(7)? == expected.principal
        && row.get::<_, Option<String>>(8)?.as_deref() == expected.decision
        && row.get::<_, i64>(9)? == expected.pack_bytes;
    if columns_match { Ok(Ok(())) } else { Ok(Err(Broken { seq, why: Why::Columns })) }
}
