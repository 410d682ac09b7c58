//! A record from before there was a log becomes one: each of its records gets its plain leaf, and the tree's root for its
//! hash in the place of the chain's. What the chain's last hash was stays in the first record after it.

use super::{StoreError, leaves};
use crate::record::{Broken, EventEntry, Hash, Record, Why};
use crate::tlog::Peaks;
use jiff::Timestamp;
use rusqlite::{Connection, params};

/// The event that says where the chain ended.
pub const CHAIN_ENDED: &str = "chain-ended";

/// Follows the chain and grows the tree. A chain that does not hold is not gone on with.
pub(super) fn chain_to_tree(tx: &Connection) -> Result<(), StoreError> {
    let mut tree = Peaks::default();
    let (mut chain, mut last) = (Hash::NONE, 0);
    tx.execute_batch("DROP TRIGGER record_no_update")?;
    {
        let mut rows = tx.prepare("SELECT seq, line, hash FROM record ORDER BY seq")?;
        let mut rows = rows.query([])?;
        let mut update = tx.prepare("UPDATE record SET hash = ?2 WHERE seq = ?1")?;
        while let Some(row) = rows.next()? {
            let (seq, line, hash): (u64, String, Vec<u8>) = (row.get(0)?, row.get(1)?, row.get(2)?);
            let broken = |why| Broken { seq, why };
            chain = chain.chained(seq, &line);
            if seq != last + 1 {
                return Err(broken(Why::Sequence).into());
            }
            if Hash::from_bytes(&hash) != Some(chain) {
                return Err(broken(Why::Hash).into());
            }
            let record = Record::from_line(&line).map_err(|_| broken(Why::Line))?;
            leaves::append_plain(tx, &mut tree, &record, (seq, &line))?;
            update.execute(params![seq, Hash::from(tree.root()).as_bytes()])?;
            last = seq;
        }
    }
    let written: Option<(u64, Vec<u8>)> = {
        let mut head = tx.prepare("SELECT seq, hash FROM head")?;
        let mut rows = head.query([])?;
        rows.next()?.map(|row| Ok::<_, rusqlite::Error>((row.get(0)?, row.get(1)?))).transpose()?
    };
    // A file that is being made has no head yet.
    if let Some((seq, hash)) = written {
        if seq != last || Hash::from_bytes(&hash) != Some(chain) {
            return Err(Broken { seq: last, why: Why::Head }.into());
        }
        let (hash, last) = if last == 0 { (Hash::NONE, 0) } else { end(tx, &mut tree, chain, last)? };
        let sql = "UPDATE head SET seq = ?1, hash = ?2, size = ?3, peaks = ?4";
        tx.execute(sql, params![last, hash.as_bytes(), tree.size(), tree.to_bytes()])?;
    }
    tx.execute_batch(
        "CREATE TRIGGER record_no_update BEFORE UPDATE ON record
         BEGIN SELECT RAISE(ABORT, 'records are never changed'); END;",
    )?;
    Ok(())
}

/// The record that says where the chain ended.
fn end(tx: &Connection, tree: &mut Peaks, chain: Hash, last: u64) -> Result<(Hash, u64), StoreError> {
    let (seq, now) = (last + 1, Timestamp::now());
    let event = EventEntry::new(CHAIN_ENDED, now).detail("records", last).detail("hash", chain);
    let record = Record::Event(event);
    let line = record.to_line().map_err(|_| StoreError::Encode)?;
    leaves::append_plain(tx, tree, &record, (seq, &line))?;
    let hash = Hash::from(tree.root());
    let sql = "INSERT INTO record (seq, kind, time_ms, pack_bytes, line, hash) VALUES (?1, ?2, ?3, 0, ?4, ?5)";
    tx.execute(sql, params![seq, record.kind(), now.as_millisecond(), line, hash.as_bytes()])?;
    Ok((hash, seq))
}
