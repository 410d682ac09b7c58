//! What a record does to the tables beside the chain, in the record's own transaction: pushes that wait for an outcome,
//! held pushes with their approvals, stop switches, and what can be undone.
//!
//! Every step checks what it builds on first. So of two that would use up the same thing, the second one fails.

use super::seen::{self, Tip};
use super::{StoreError, leaves};
use crate::model::{HoldState, ObjectId, PrincipalName, Purpose, PushId, RefName, RepoName, UpdateKind};
use crate::record::{
    Control, ControlEntry, DecisionEntry, HoldEntry, HoldStep, OutcomeEntry, Record, RefResult, ReleaseEntry,
    UpdateEntry, Verdict,
};
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};
use sha2::{Digest, Sha256};
use std::fmt::Write;

/// What an outcome means for a held push that was approved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closing {
    /// It is over.
    Final,
    /// It was never sent: it stays approved, and is to be tried again.
    Again,
}

/// A change that is no record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Side {
    /// A pusher has heard what became of a held push.
    Told(PushId),
    /// An approved push is not tried again by itself.
    NotAgain(PushId),
    /// What a push replaced at this ref is kept no longer.
    Forgotten(PushId, RefName),
    /// An upstream was seen: for the first time, or refs of it that had moved for decisions of ours.
    Seen(RepoName, Vec<(RefName, Tip)>),
}

pub fn change(tx: &Connection, side: &Side) -> Result<(), StoreError> {
    match side {
        Side::Told(push) => {
            tx.prepare_cached("UPDATE hold SET told = 1 WHERE push = ?1")?.execute([push.to_string()])?;
        }
        Side::NotAgain(push) => {
            tx.prepare_cached("UPDATE hold SET again = 0 WHERE push = ?1")?.execute([push.to_string()])?;
        }
        Side::Forgotten(push, name) => {
            let sql = "DELETE FROM undo WHERE push = ?1 AND ref = ?2";
            tx.prepare_cached(sql)?.execute([push.to_string(), name.to_string()])?;
        }
        Side::Seen(repo, refs) => seen::set(tx, repo, refs)?,
    }
    Ok(())
}

/// Applies a record that is not written yet. `Err` of a kind that [`StoreError::is_no`] names refuses this record alone.
pub fn apply(tx: &Connection, record: &Record, closing: Closing) -> Result<(), StoreError> {
    match record {
        Record::Decision(entry) => decide(tx, entry),
        Record::Hold(entry) => hold_step(tx, entry),
        Record::Release(entry) => release(tx, entry),
        Record::Outcome(entry) => close(tx, entry, closing),
        Record::Control(entry) => control(tx, entry),
        Record::External(entry) => seen::not_seen_yet(tx, entry),
        Record::Abort(_) | Record::Event(_) => Ok(()),
    }
}

/// The same after the record has its number.
pub fn enter(tx: &Connection, record: &Record, seq: u64, session: &str) -> Result<(), StoreError> {
    match record {
        Record::Decision(entry) if opens(entry) => wait_for_outcome(tx, entry.push, seq, session),
        Record::Release(entry) if entry.decision == Verdict::Accept => wait_for_outcome(tx, entry.push, seq, session),
        Record::Decision(entry) => match entry.hold_until {
            Some(until) => insert_hold(tx, entry, until, seq),
            None => Ok(()),
        },
        Record::Hold(_)
        | Record::Release(_)
        | Record::Outcome(_)
        | Record::Abort(_)
        | Record::Control(_)
        | Record::External(_)
        | Record::Event(_) => Ok(()),
    }
}

/// Whether the push is on its way to the upstream from this record on.
#[must_use]
pub fn opens_any(record: &Record) -> bool {
    match record {
        Record::Decision(entry) => opens(entry),
        Record::Release(entry) => entry.decision == Verdict::Accept,
        _ => false,
    }
}

fn opens(entry: &DecisionEntry) -> bool {
    entry.decision == Verdict::Accept && entry.purpose == Purpose::Push
}

fn wait_for_outcome(tx: &Connection, push: PushId, seq: u64, session: &str) -> Result<(), StoreError> {
    let sql = "INSERT INTO waiting (push, seq, session) VALUES (?1, ?2, ?3)";
    tx.prepare_cached(sql)?.execute(params![push.to_string(), seq, session])?;
    Ok(())
}

fn decide(tx: &Connection, entry: &DecisionEntry) -> Result<(), StoreError> {
    let sql = "SELECT 1 FROM record WHERE push = ?1 AND kind = 'decision'";
    if tx.prepare_cached(sql)?.exists([entry.push.to_string()])? {
        return Err(StoreError::Decided(entry.push));
    }
    if opens(entry) || entry.hold_until.is_some() {
        not_stopped(tx, &entry.repo, &entry.principal, entry.time)?;
    }
    if entry.hold_until.is_some() { not_held_yet(tx, entry) } else { Ok(()) }
}

/// The stop switches, looked at in the transaction that would let a push go on: there is no moment in between.
fn not_stopped(tx: &Connection, repo: &RepoName, principal: &PrincipalName, now: Timestamp) -> Result<(), StoreError> {
    let sql = "SELECT 1 FROM freeze WHERE repo = ?1 AND (until_ms IS NULL OR until_ms > ?2)";
    if tx.prepare_cached(sql)?.exists(params![repo.as_str(), now.as_millisecond()])? {
        return Err(StoreError::Frozen(repo.clone()));
    }
    let sql = "SELECT 1 FROM revoked WHERE principal = ?1";
    match tx.prepare_cached(sql)?.exists([principal.as_str()])? {
        true => Err(StoreError::Revoked(principal.clone())),
        false => Ok(()),
    }
}

/// Which refs move from where to where, whatever their order.
#[must_use]
pub fn same(updates: &[UpdateEntry]) -> String {
    let id = |id: Option<ObjectId>| id.map_or_else(|| "-".to_owned(), |id| id.to_string());
    let mut lines: Vec<String> =
        updates.iter().map(|update| format!("{} {} {}\n", update.name, id(update.old), id(update.new))).collect();
    lines.sort_unstable();
    Sha256::digest(lines.concat()).iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// Two that push the same at the same moment get one place.
fn not_held_yet(tx: &Connection, entry: &DecisionEntry) -> Result<(), StoreError> {
    let sql =
        "SELECT push FROM hold WHERE principal = ?1 AND repo = ?2 AND same = ?3 AND state IN ('waiting', 'releasing')";
    let values = params![entry.principal.as_str(), entry.repo.as_str(), same(&entry.updates)];
    let found: Option<String> = tx.prepare_cached(sql)?.query_row(values, |row| row.get(0)).optional()?;
    match found.and_then(|push| PushId::parse(&push).ok()) {
        Some(push) => Err(StoreError::SameHeld(push)),
        None => Ok(()),
    }
}

fn insert_hold(tx: &Connection, entry: &DecisionEntry, until: Timestamp, seq: u64) -> Result<(), StoreError> {
    let sql =
        "INSERT INTO hold (push, seq, repo, principal, state, same, bytes, since_ms, expires_ms, changed_ms, reason,
                                 again, told)
               VALUES (?1, ?2, ?3, ?4, 'waiting', ?5, ?6, ?7, ?8, ?7, '', 0, 1)";
    let (push, since) = (entry.push.to_string(), entry.time.as_millisecond());
    let bytes = i64::try_from(entry.held_bytes.unwrap_or(entry.pack_bytes)).unwrap_or(i64::MAX);
    tx.prepare_cached(sql)?.execute(params![
        push,
        seq,
        entry.repo.as_str(),
        entry.principal.as_str(),
        same(&entry.updates),
        bytes,
        since,
        until.as_millisecond()
    ])?;
    let mut insert = tx.prepare_cached("INSERT INTO hold_ref (push, ref) VALUES (?1, ?2)")?;
    for update in &entry.updates {
        insert.execute(params![push, update.name.to_string()])?;
    }
    Ok(())
}

fn state(tx: &Connection, push: PushId) -> Result<HoldState, StoreError> {
    let sql = "SELECT state FROM hold WHERE push = ?1";
    let word: Option<String> = tx.prepare_cached(sql)?.query_row([push.to_string()], |row| row.get(0)).optional()?;
    word.and_then(|word| HoldState::parse(&word)).ok_or(StoreError::NotHeld(push))
}

fn require(tx: &Connection, push: PushId, wanted: HoldState) -> Result<(), StoreError> {
    match state(tx, push)? {
        found if found == wanted => Ok(()),
        found => Err(StoreError::HoldIs(push, found)),
    }
}

fn hold_step(tx: &Connection, entry: &HoldEntry) -> Result<(), StoreError> {
    require(tx, entry.push, HoldState::Waiting)?;
    let end = match entry.step {
        HoldStep::Approve => return approve(tx, entry),
        HoldStep::Reject => HoldState::Rejected,
        HoldStep::Withdraw => HoldState::Withdrawn,
        HoldStep::Supersede => HoldState::Superseded,
        HoldStep::Expire => HoldState::Expired,
        HoldStep::Revoke => HoldState::Revoked,
    };
    let by = entry.by.as_ref().map(|actor| actor.principal.to_string());
    let sql =
        "UPDATE hold SET state = ?2, changed_ms = ?3, by = ?4, reason = ?5, replaced_by = ?6, again = 0, told = ?7
               WHERE push = ?1";
    let told = matches!(entry.step, HoldStep::Withdraw | HoldStep::Supersede);
    let replaced_by = entry.replaced_by.map(|push| push.to_string());
    let (push, time) = (entry.push.to_string(), entry.time.as_millisecond());
    tx.prepare_cached(sql)?.execute(params![push, end.as_str(), time, by, entry.reason, replaced_by, told])?;
    Ok(())
}

fn approve(tx: &Connection, entry: &HoldEntry) -> Result<(), StoreError> {
    let (Some(by), Some(until)) = (&entry.by, entry.until) else { return Err(StoreError::Encode) };
    let sql = "SELECT 1 FROM revoked WHERE principal = ?1";
    if tx.prepare_cached(sql)?.exists([by.principal.as_str()])? {
        return Err(StoreError::Revoked(by.principal.clone()));
    }
    let sql = "INSERT OR REPLACE INTO approval (push, approver, key, policy, time_ms, until_ms, signed)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    tx.prepare_cached(sql)?.execute(params![
        entry.push.to_string(),
        by.principal.as_str(),
        by.key,
        entry.policy,
        entry.time.as_millisecond(),
        until.as_millisecond(),
        entry.signed.is_some()
    ])?;
    Ok(())
}

fn release(tx: &Connection, entry: &ReleaseEntry) -> Result<(), StoreError> {
    require(tx, entry.push, HoldState::Waiting)?;
    let (state, told) = match entry.decision {
        Verdict::Accept => {
            not_stopped(tx, &entry.repo, &entry.principal, entry.time)?;
            still_approved(tx, entry)?;
            (HoldState::Releasing, true)
        }
        Verdict::Hold | Verdict::Refuse => (HoldState::Refused, false),
    };
    let by: Vec<&str> = entry.approvals.iter().map(|approval| approval.by.as_str()).collect();
    let reason = match entry.decision {
        Verdict::Accept => String::new(),
        Verdict::Hold | Verdict::Refuse => entry.findings.first().map(|f| f.message.clone()).unwrap_or_default(),
    };
    let sql = "UPDATE hold SET state = ?2, changed_ms = ?3, by = ?4, reason = ?5, again = 0, told = ?6 WHERE push = ?1";
    let (push, time) = (entry.push.to_string(), entry.time.as_millisecond());
    tx.prepare_cached(sql)?.execute(params![push, state.as_str(), time, by.join(", "), reason, told])?;
    Ok(())
}

/// The push was judged with these approvals some time ago: each must count now too, and its time must not be over.
fn still_approved(tx: &Connection, entry: &ReleaseEntry) -> Result<(), StoreError> {
    let (push, now) = (entry.push.to_string(), entry.time.as_millisecond());
    let sql = "SELECT 1 FROM hold WHERE push = ?1 AND expires_ms > ?2";
    if !tx.prepare_cached(sql)?.exists(params![push, now])? {
        return Err(StoreError::HoldIs(entry.push, HoldState::Expired));
    }
    let sql = "SELECT 1 FROM approval WHERE push = ?1 AND approver = ?2 AND policy = ?3 AND until_ms > ?4";
    let mut counts = tx.prepare_cached(sql)?;
    for approval in &entry.approvals {
        if !counts.exists(params![push, approval.by.as_str(), entry.policy, now])? {
            return Err(StoreError::NotApproved(entry.push));
        }
    }
    Ok(())
}

fn close(tx: &Connection, entry: &OutcomeEntry, closing: Closing) -> Result<(), StoreError> {
    let push = entry.push.to_string();
    let sql = "SELECT line, record.seq FROM waiting JOIN record USING (seq) WHERE waiting.push = ?1";
    let read = |row: &rusqlite::Row<'_>| Ok((row.get::<_, String>(0)?, row.get::<_, u64>(1)?));
    let opened = tx.prepare_cached(sql)?.query_row([&push], read).optional()?;
    let (line, seq) = opened.ok_or(StoreError::NotWaiting(entry.push))?;
    tx.prepare_cached("DELETE FROM waiting WHERE push = ?1")?.execute([&push])?;
    let opened = Record::from_line(&line).map_err(|_| StoreError::Encode)?;
    let updates = match &opened {
        Record::Decision(entry) => &entry.updates,
        Record::Release(entry) => &entry.updates,
        _ => return Err(StoreError::NotWaiting(entry.push)),
    };
    keep_undo(tx, entry, updates)?;
    follow_tips(tx, entry, updates, seq)?;
    match &opened {
        Record::Release(_) => end_release(tx, entry, closing),
        _ => Ok(()),
    }
}

fn keep_undo(tx: &Connection, entry: &OutcomeEntry, updates: &[UpdateEntry]) -> Result<(), StoreError> {
    for update in updates {
        let (Some(UpdateKind::Rewind | UpdateKind::Delete), Some(old)) = (update.kind, update.old) else { continue };
        let has_moved = entry.refs.iter().any(|r| r.name == update.name && r.result == RefResult::Forwarded);
        if !has_moved {
            continue;
        }
        let sql = "INSERT OR REPLACE INTO undo (push, ref, repo, principal, old, new, time_ms)
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
        tx.prepare_cached(sql)?.execute(params![
            entry.push.to_string(),
            update.name.to_string(),
            entry.repo.as_str(),
            entry.principal.as_str(),
            old.to_string(),
            update.new.map(|id| id.to_string()),
            entry.time.as_millisecond()
        ])?;
    }
    Ok(())
}

/// The refs that have moved are where the decision wanted them, which is the record `seq`; those that have not, not.
fn follow_tips(tx: &Connection, entry: &OutcomeEntry, updates: &[UpdateEntry], seq: u64) -> Result<(), StoreError> {
    for update in updates {
        let outcome = entry.refs.iter().find(|r| r.name == update.name);
        match outcome {
            Some(outcome) if outcome.result == RefResult::Forwarded => {
                let index = leaves::of_record(tx, &entry.repo, (&update.name, update.new), seq)?;
                leaves::set_tip(tx, &entry.repo, &update.name, update.new, index)?;
            }
            Some(outcome) if outcome.is_refused() => {
                leaves::forget_move(tx, &entry.repo, (&update.name, update.new), seq)?;
            }
            // It may still come there.
            Some(_) | None => {}
        }
    }
    Ok(())
}

fn end_release(tx: &Connection, entry: &OutcomeEntry, closing: Closing) -> Result<(), StoreError> {
    require(tx, entry.push, HoldState::Releasing)?;
    let all = |result: RefResult| entry.refs.iter().all(|outcome| outcome.result == result);
    let any = |result: RefResult| entry.refs.iter().any(|outcome| outcome.result == result);
    let (state, reason) = match closing {
        Closing::Again => (HoldState::Waiting, ""),
        Closing::Final if all(RefResult::Forwarded) => (HoldState::Forwarded, ""),
        Closing::Final if any(RefResult::Unknown) => {
            (HoldState::NotTaken, "the upstream did not say what became of it")
        }
        Closing::Final if any(RefResult::Moved) => (HoldState::Refused, "the upstream moved"),
        Closing::Final => (HoldState::NotTaken, "the upstream refused it"),
    };
    let (again, told) = (closing == Closing::Again, state == HoldState::Waiting);
    let sql = "UPDATE hold SET state = ?2, changed_ms = ?3, reason = ?4, again = ?5, told = ?6 WHERE push = ?1";
    let (push, time) = (entry.push.to_string(), entry.time.as_millisecond());
    tx.prepare_cached(sql)?.execute(params![push, state.as_str(), time, reason, again, told])?;
    Ok(())
}

fn control(tx: &Connection, entry: &ControlEntry) -> Result<(), StoreError> {
    let (by, time) = (entry.by.principal.as_str(), entry.time.as_millisecond());
    match (entry.action, &entry.repo, &entry.subject) {
        (Control::Freeze, Some(repo), _) => {
            let sql =
                "INSERT OR REPLACE INTO freeze (repo, by, reason, since_ms, until_ms) VALUES (?1, ?2, ?3, ?4, ?5)";
            let until = entry.until.map(Timestamp::as_millisecond);
            tx.prepare_cached(sql)?.execute(params![repo.as_str(), by, entry.reason, time, until])?;
        }
        (Control::Thaw, Some(repo), _) => {
            tx.prepare_cached("DELETE FROM freeze WHERE repo = ?1")?.execute([repo.as_str()])?;
        }
        (Control::Revoke, _, Some(name)) => {
            let sql = "INSERT OR REPLACE INTO revoked (principal, by, reason, since_ms) VALUES (?1, ?2, ?3, ?4)";
            tx.prepare_cached(sql)?.execute(params![name.as_str(), by, entry.reason, time])?;
            tx.prepare_cached(
                "DELETE FROM approval WHERE approver = ?1 AND push IN (SELECT push FROM hold WHERE state = 'waiting')",
            )?
            .execute([name.as_str()])?;
        }
        (Control::Reinstate, _, Some(name)) => {
            tx.prepare_cached("DELETE FROM revoked WHERE principal = ?1")?.execute([name.as_str()])?;
        }
        (Control::Policy, _, _) => {}
        (Control::Freeze | Control::Thaw, None, _) | (Control::Revoke | Control::Reinstate, _, None) => {
            return Err(StoreError::Encode);
        }
    }
    Ok(())
}
