//! What each branch and tag of an upstream held when it was last seen, and by which leaf of the log: so that what moved
//! without the gate is noticed, once.

use super::steps::Side;
use super::{Store, StoreError, leaves};
use crate::evidence::old_of;
use crate::model::{ObjectId, RefName, RepoName};
use crate::record::{ExternalEntry, unescape};
use rusqlite::{Connection, OptionalExtension, params};
use std::collections::HashMap;

/// What a ref held; `None`: it was not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tip {
    pub object: Option<ObjectId>,
    /// The leaf by which it came to that; `None`: it was so before there were leaves on it.
    pub index: Option<u64>,
}

/// The tips of one repository. One that was never seen has none to compare with.
pub type Tips = HashMap<RefName, Tip>;

impl Store {
    /// What the refs of a repository held. `None`: its upstream was never seen.
    pub fn tips(&self, repo: &RepoName) -> Result<Option<Tips>, StoreError> {
        let reader = self.reader();
        let sql = "SELECT 1 FROM repository WHERE repo = ?1";
        if !reader.prepare_cached(sql)?.exists([repo.as_str()])? {
            return Ok(None);
        }
        let mut statement = reader.prepare_cached("SELECT ref, object, idx FROM tip WHERE repo = ?1")?;
        let mut rows = statement.query([repo.as_str()])?;
        let mut tips = Tips::new();
        while let Some(row) = rows.next()? {
            let (name, object): (String, String) = (row.get(0)?, row.get(1)?);
            let name = unescape(&name).and_then(|name| RefName::parse(&name).ok()).ok_or(StoreError::Encode)?;
            let object = match object.as_str() {
                "" => None,
                hex => Some(ObjectId::from_hex(hex.as_bytes()).map_err(|_| StoreError::Encode)?),
            };
            tips.insert(name, Tip { object, index: u64::try_from(row.get::<_, i64>(2)?).ok() });
        }
        Ok(Some(tips))
    }

    /// Whether a decision of ours has brought the ref there since that leaf: which one.
    pub fn brought_there(
        &self,
        repo: &RepoName,
        name: &RefName,
        object: Option<ObjectId>,
        since: Option<u64>,
    ) -> Result<Option<u64>, StoreError> {
        let index = leaves::newest(&self.reader(), repo, name, object)?;
        Ok(index.filter(|index| since.is_none_or(|since| *index > since)))
    }

    /// What the branches and tags of a repository held before a leaf, as far as the log tells: where the newest earlier
    /// decision or move brought each, or what it held when it was seen first.
    pub fn refs_at(&self, repo: &RepoName, index: u64) -> Result<Vec<(RefName, ObjectId)>, StoreError> {
        let tips = self.tips(repo)?.unwrap_or_default();
        let reader = self.reader();
        let mut before = reader.prepare_cached(
            "SELECT object FROM came WHERE repo = ?1 AND ref = ?2 AND idx < ?3 ORDER BY idx DESC LIMIT 1",
        )?;
        let mut first = reader.prepare_cached(
            "SELECT leaf.text FROM came JOIN leaf USING (idx) WHERE repo = ?1 AND ref = ?2 AND idx >= ?3
             ORDER BY idx LIMIT 1",
        )?;
        let mut refs = Vec::new();
        for (name, tip) in tips {
            let values = params![repo.as_str(), name.to_string(), index];
            let object: Option<String> = before.query_row(values, |row| row.get(0)).optional()?;
            let object = match object {
                Some(hex) => ObjectId::from_hex(hex.as_bytes()).ok(),
                // Not moved yet: what its first move went on from.
                None => match first.query_row(values, |row| row.get::<_, String>(0)).optional()? {
                    Some(leaf) => old_of(leaf.as_bytes()),
                    None => tip.object,
                },
            };
            refs.extend(object.map(|object| (name, object)));
        }
        refs.sort_by(|one, other| one.0.cmp(&other.0));
        Ok(refs)
    }

    /// Whether nothing moved the ref without the gate since it was created, or since its upstream was seen first.
    pub fn is_unbroken(&self, repo: &RepoName, name: &RefName) -> Result<bool, StoreError> {
        let sql = "SELECT coalesce(max(idx) FILTER (WHERE external), -1) <=
                          coalesce(max(idx) FILTER (WHERE NOT external AND object = ''), -1)
                   FROM came WHERE repo = ?1 AND ref = ?2";
        let values = params![repo.as_str(), name.to_string()];
        Ok(self.reader().prepare_cached(sql)?.query_row(values, |row| row.get(0))?)
    }

    /// An upstream was seen for the first time, or refs of it where our decisions have brought them.
    pub fn saw(&self, repo: &RepoName, refs: Vec<(RefName, Tip)>) -> Result<(), StoreError> {
        self.write_all(Vec::new(), vec![Side::Seen(repo.clone(), refs)]).map(drop)
    }
}

pub(super) fn set(tx: &Connection, repo: &RepoName, refs: &[(RefName, Tip)]) -> Result<(), StoreError> {
    let sql = "INSERT INTO repository (repo, seq) VALUES (?1, 0) ON CONFLICT (repo) DO NOTHING";
    tx.prepare_cached(sql)?.execute([repo.as_str()])?;
    refs.iter().try_for_each(|(name, tip)| leaves::set_tip(tx, repo, name, tip.object, tip.index))
}

/// Each update must go on from what was seen last: else it is known, or there is newer.
pub(super) fn not_seen_yet(tx: &Connection, entry: &ExternalEntry) -> Result<(), StoreError> {
    let sql = "SELECT object FROM tip WHERE repo = ?1 AND ref = ?2";
    let mut known = tx.prepare_cached(sql)?;
    for update in &entry.updates {
        let mut rows = known.query(params![entry.repo.as_str(), update.name.to_string()])?;
        let object: String = rows.next()?.map(|row| row.get(0)).transpose()?.unwrap_or_default();
        if object != leaves::word(update.old) || update.old == update.new {
            return Err(StoreError::Seen);
        }
    }
    Ok(())
}
