//! The leaves of the log, in the transaction of their record; and what a statement says of those before it.

use super::{Sequence, StoreError};
use crate::evidence::{Decision, Outcome, Previous};
use crate::model::{ObjectId, RefName, RepoName};
use crate::record::{Hash, Record, plain_leaf};
use crate::tlog::{Hash as TreeHash, Peaks};
use rusqlite::{Connection, OptionalExtension, params};

/// The step of the schema that the log needs.
pub(super) const SCHEMA: &str = "
    CREATE TABLE leaf (
        idx INTEGER PRIMARY KEY,
        seq INTEGER NOT NULL,
        text TEXT NOT NULL
    ) STRICT;
    CREATE INDEX leaf_seq ON leaf (seq);
    CREATE TRIGGER leaf_no_update BEFORE UPDATE ON leaf BEGIN SELECT RAISE(ABORT, 'leaves are never changed'); END;
    CREATE TRIGGER leaf_no_delete BEFORE DELETE ON leaf BEGIN SELECT RAISE(ABORT, 'leaves are never removed'); END;

    -- The tree over all leaves: its size and its complete subtrees.
    ALTER TABLE head ADD COLUMN size INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE head ADD COLUMN peaks BLOB NOT NULL DEFAULT x'';

    -- Repositories whose upstream was seen, and how many decisions on them there are.
    CREATE TABLE repository (
        repo TEXT PRIMARY KEY,
        seq INTEGER NOT NULL
    ) STRICT;

    -- The leaf by which a ref was to come to an object; '' for its end.
    CREATE TABLE came (
        repo TEXT NOT NULL,
        ref TEXT NOT NULL,
        object TEXT NOT NULL,
        idx INTEGER NOT NULL,
        external INTEGER NOT NULL,
        PRIMARY KEY (repo, ref, object, idx)
    ) STRICT, WITHOUT ROWID;

    -- What each branch and tag of an upstream held when it was seen or moved last.
    CREATE TABLE tip (
        repo TEXT NOT NULL,
        ref TEXT NOT NULL,
        object TEXT NOT NULL,
        idx INTEGER NOT NULL,
        PRIMARY KEY (repo, ref)
    ) STRICT, WITHOUT ROWID;
";

/// Before the first leaf: what a ref held when its upstream was seen first.
pub(super) const BEFORE: i64 = -1;

/// A leaf that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leaf {
    pub index: u64,
    pub seq: Sequence,
    pub text: String,
}

/// Appends the leaves of a record that has none of its own.
pub(super) fn append_plain(
    tx: &Connection,
    tree: &mut Peaks,
    record: &Record,
    (seq, line): (Sequence, &str),
) -> Result<(), StoreError> {
    let text = plain_leaf(record, seq, line).map_err(|_| StoreError::Encode)?;
    append(tx, tree, seq, &text).map(drop)
}

/// Appends one leaf and says where it is.
pub(super) fn append(tx: &Connection, tree: &mut Peaks, seq: Sequence, text: &str) -> Result<u64, StoreError> {
    let index = tree.size();
    let sql = "INSERT INTO leaf (idx, seq, text) VALUES (?1, ?2, ?3)";
    tx.prepare_cached(sql)?.execute(params![index, seq, text])?;
    tree.push(TreeHash::of_leaf(text.as_bytes())).ok_or(StoreError::Encode)?;
    Ok(index)
}

/// The tree as it was written last.
pub(super) fn tree(connection: &Connection) -> Result<Option<Peaks>, StoreError> {
    let sql = "SELECT size, peaks FROM head";
    let found = connection.prepare_cached(sql)?.query_row([], |row| Ok((row.get(0)?, row.get::<_, Vec<u8>>(1)?)));
    Ok(found.optional()?.and_then(|(size, bytes)| Peaks::from_bytes(size, &bytes)))
}

/// Where the chain of decisions on this ref goes on from; counts the decision.
pub(super) fn previous(tx: &Connection, repo: &RepoName, decision: &Decision) -> Result<Previous, StoreError> {
    let sql = "INSERT INTO repository (repo, seq) VALUES (?1, 1) ON CONFLICT (repo) DO UPDATE SET seq = seq + 1
               RETURNING seq";
    let repo_seq = tx.prepare_cached(sql)?.query_row([repo.as_str()], |row| row.get(0))?;
    let ref_index = match decision.update.old {
        Some(old) => match tip_index(tx, repo, &decision.subject.ref_name, old)? {
            Some(index) => Some(index),
            None => newest(tx, repo, &decision.subject.ref_name, Some(old))?,
        },
        None => None,
    };
    Ok(Previous { ref_index, repo_seq })
}

/// The leaf by which the ref came to what it holds, if it is known to hold this. Of several that were to bring it there,
/// only one did.
fn tip_index(tx: &Connection, repo: &RepoName, name: &RefName, object: ObjectId) -> Result<Option<u64>, StoreError> {
    let sql = "SELECT idx FROM tip WHERE repo = ?1 AND ref = ?2 AND object = ?3";
    let values = params![repo.as_str(), name.to_string(), word(Some(object))];
    let index: Option<i64> = tx.prepare_cached(sql)?.query_row(values, |row| row.get(0)).optional()?;
    Ok(index.and_then(|index| u64::try_from(index).ok()))
}

/// The leaf of a record by which a ref was to come to an object.
pub(super) fn of_record(
    tx: &Connection,
    repo: &RepoName,
    (name, object): (&RefName, Option<ObjectId>),
    seq: Sequence,
) -> Result<Option<u64>, StoreError> {
    let sql =
        "SELECT max(idx) FROM came JOIN leaf USING (idx) WHERE repo = ?1 AND ref = ?2 AND object = ?3 AND seq = ?4";
    let values = params![repo.as_str(), name.to_string(), word(object), seq];
    Ok(tx.prepare_cached(sql)?.query_row(values, |row| row.get(0))?)
}

/// The newest leaf by which a ref was to come to an object.
pub(super) fn newest(
    connection: &Connection,
    repo: &RepoName,
    name: &RefName,
    object: Option<ObjectId>,
) -> Result<Option<u64>, StoreError> {
    let sql = "SELECT max(idx) FROM came WHERE repo = ?1 AND ref = ?2 AND object = ?3";
    let values = params![repo.as_str(), name.to_string(), word(object)];
    Ok(connection.prepare_cached(sql)?.query_row(values, |row| row.get(0))?)
}

/// Remembers where a decision that lets through, or an external update, brings its ref.
pub(super) fn note_move(tx: &Connection, repo: &RepoName, decision: &Decision, index: u64) -> Result<(), StoreError> {
    match decision.outcome {
        Outcome::Accepted | Outcome::Approved | Outcome::ExternalUpdate => {}
        Outcome::Held | Outcome::Rejected | Outcome::Expired => return Ok(()),
    }
    let (name, new) = (&decision.subject.ref_name, decision.update.new);
    let external = decision.outcome == Outcome::ExternalUpdate;
    let sql = "INSERT INTO came (repo, ref, object, idx, external) VALUES (?1, ?2, ?3, ?4, ?5)";
    tx.prepare_cached(sql)?.execute(params![repo.as_str(), name.to_string(), word(new), index, external])?;
    match decision.outcome {
        Outcome::ExternalUpdate => set_tip(tx, repo, name, new, Some(index)),
        _ => Ok(()),
    }
}

/// A record's leaf did not bring its ref there after all: if it comes there now, it is by others.
pub(super) fn forget_move(
    tx: &Connection,
    repo: &RepoName,
    (name, object): (&RefName, Option<ObjectId>),
    seq: Sequence,
) -> Result<(), StoreError> {
    let sql = "DELETE FROM came WHERE repo = ?1 AND ref = ?2 AND object = ?3
               AND idx IN (SELECT idx FROM leaf WHERE seq = ?4)";
    tx.prepare_cached(sql)?.execute(params![repo.as_str(), name.to_string(), word(object), seq])?;
    Ok(())
}

/// What a ref holds from now on, and by which leaf.
pub(super) fn set_tip(
    tx: &Connection,
    repo: &RepoName,
    name: &RefName,
    object: Option<ObjectId>,
    index: Option<u64>,
) -> Result<(), StoreError> {
    let sql = "INSERT OR REPLACE INTO tip (repo, ref, object, idx) VALUES (?1, ?2, ?3, ?4)";
    let index = index.and_then(|index| i64::try_from(index).ok()).unwrap_or(BEFORE);
    tx.prepare_cached(sql)?.execute(params![repo.as_str(), name.to_string(), word(object), index])?;
    Ok(())
}

pub(super) fn word(object: Option<ObjectId>) -> String {
    object.map(|id| id.to_string()).unwrap_or_default()
}

/// Leaves from an index on, oldest first, at most so many.
pub(super) fn from(connection: &Connection, index: u64, count: usize) -> Result<Vec<Leaf>, StoreError> {
    let sql = "SELECT idx, seq, text FROM leaf WHERE idx >= ?1 ORDER BY idx LIMIT ?2";
    let mut statement = connection.prepare_cached(sql)?;
    let read = |row: &rusqlite::Row<'_>| Ok(Leaf { index: row.get(0)?, seq: row.get(1)?, text: row.get(2)? });
    let rows = statement.query_map(params![index, count], read)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The tree's root when it had this size.
pub(super) fn root_at(connection: &Connection, size: u64) -> Result<Option<Hash>, StoreError> {
    match root_of_record(connection, size)? {
        Some(root) => Ok(Some(root)),
        None => grown(connection, size),
    }
}

/// The same where no record ended: the files are made in pieces, and one may have ended within a push of many refs.
fn grown(connection: &Connection, size: u64) -> Result<Option<Hash>, StoreError> {
    let mut tree = Peaks::default();
    let mut statement = connection.prepare_cached("SELECT text FROM leaf WHERE idx < ?1 ORDER BY idx")?;
    let mut rows = statement.query([size])?;
    while let Some(row) = rows.next()? {
        tree.push(TreeHash::of_leaf(row.get::<_, String>(0)?.as_bytes())).ok_or(StoreError::Encode)?;
    }
    Ok((tree.size() == size).then(|| tree.root().into()))
}

/// The root that stands in the record that ended there, if one did.
fn root_of_record(connection: &Connection, size: u64) -> Result<Option<Hash>, StoreError> {
    let sql = "SELECT hash FROM record WHERE seq = (SELECT seq FROM leaf WHERE idx = ?1)
               AND NOT EXISTS (SELECT 1 FROM leaf WHERE idx = ?1 + 1 AND seq = record.seq)";
    let Some(last) = size.checked_sub(1) else { return Ok(Some(TreeHash::of_no_leaves().into())) };
    let hash = connection.prepare_cached(sql)?.query_row([last], |row| row.get::<_, Vec<u8>>(0)).optional()?;
    Ok(hash.and_then(|hash| Hash::from_bytes(&hash)))
}
