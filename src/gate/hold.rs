//! A push that needs a human: kept whole, recorded, and answered at once.

use crate::gate::ended::{End, Ending};
use crate::gate::fault::Fault;
use crate::gate::held::HeldPacks;
use crate::gate::judge::{Judged, Push};
use crate::gate::notes::Notes;
use crate::gate::push::Pushed;
use crate::model::{Effect, Finding, HoldState, Place, PushId, RefName};
use crate::policy::{Decision, Demand};
use crate::receive::{Receipt, Reply, Retry, Standing, Verdict};
use crate::record::{HoldStep, UpdateEntry};
use crate::store::{Hold, StoreError, holds};
use jiff::{SignedDuration, Timestamp};
use std::time::{Duration, Instant};

/// How often the push of a client that waits is looked at.
const LOOK_INTERVAL: Duration = Duration::from_millis(200);
/// Statements of held pushes whose place another one takes, in one transaction that others wait for. The end of one that
/// would make more is recorded and has a plain leaf.
const REPLACED_STATED_MAX: usize = 1000;
/// How often such a client hears that nothing has happened yet.
const TELL_INTERVAL: Duration = Duration::from_secs(10);

/// A held push with all there is to tell its pusher.
pub(super) struct Told<'a> {
    pub hold: &'a Hold,
    pub pushed: &'a Pushed,
    pub judged: &'a Judged,
    pub replaced: &'a [PushId],
    pub notes: &'a Notes,
}

impl Push<'_> {
    /// Holds the push, or says how it stands if it is held already.
    pub(super) fn hold(
        &self,
        packs: &HeldPacks,
        mut pushed: Pushed,
        mut judged: Judged,
        reply: &Reply<'_>,
    ) -> Result<(), Fault> {
        let mut notes = self.notes()?;
        let mut entry = self.entry(&pushed, &judged);
        let known = self.known(&entry.updates)?;
        let bytes = pushed.quarantine.bytes().map_err(Fault::Held)?;
        if known.is_none()
            && let Some(excess) = self.excess(bytes)?
        {
            judged.judgement.findings.insert(0, excess);
            judged.judgement.decision = Decision::Refuse;
            let entry = self.entry(&pushed, &judged);
            let decisions = self.decisions(&pushed, &judged, &entry)?;
            notes.receipt = Receipt::of(&self.record(&entry, decisions, Vec::new(), notes.pushes())?);
            self.answer(Verdict::Refused, Retry::Later, &pushed.asked.updates, &judged.judgement, &notes, reply);
            return Ok(());
        }
        let decisions = self.decisions(&pushed, &judged, &entry)?;
        let mut replaced = Vec::new();
        match &known {
            Some(known) => entry.same_as = Some(known.push),
            None => {
                entry.hold_until = Some(later(entry.time, self.limits.hold_time_max));
                entry.held_bytes = Some(bytes);
                let refs: Vec<&RefName> = entry.updates.iter().map(|update| &update.name).collect();
                replaced = self.replaced(&refs)?;
                let quarantine = std::mem::replace(&mut pushed.quarantine, packs.nothing());
                packs.keep(self.id, quarantine).map_err(Fault::Held)?;
            }
        }
        let ids: Vec<PushId> = replaced.iter().map(|end| end.step.push).collect();
        let mut push = known.map_or(self.id, |known| known.push);
        match self.record(&entry, decisions.clone(), replaced, notes.pushes()) {
            Ok(written) => {
                notes.receipt = Receipt::of(&written);
                ids.iter().for_each(|push| packs.remove(*push));
            }
            Err(Fault::Store(StoreError::SameHeld(same))) => {
                // It came a second time at the same moment.
                packs.remove(self.id);
                (entry.same_as, entry.hold_until, entry.held_bytes) = (Some(same), None, None);
                notes.receipt = Receipt::of(&self.record(&entry, decisions, Vec::new(), notes.pushes())?);
                push = same;
            }
            Err(fault) => {
                packs.remove(self.id);
                return Err(fault);
            }
        }
        drop(judged.turn.take());
        let hold = self.wait_for_human(push, pushed.wait, reply)?;
        let told = Told { hold: &hold, pushed: &pushed, judged: &judged, replaced: &ids, notes: &notes };
        self.answer_held(&told, reply);
        Ok(())
    }

    /// The same push, if it is held or a human has said no to it.
    fn known(&self, updates: &[UpdateEntry]) -> Result<Option<Hold>, Fault> {
        let (repo, principal) = (&self.target.name, &self.session.principal.name);
        let found = self.store.ask(|tables| holds::find_same(tables, repo, principal, updates))?;
        Ok(found.filter(|hold| hold.state.is_open() || hold.state == HoldState::Rejected))
    }

    /// What the repository's held pushes may not be more than.
    fn excess(&self, more: u64) -> Result<Option<Finding>, Fault> {
        let (repo, name) = (&self.target.name, &self.session.principal.name);
        let (count, bytes) = self.store.ask(|tables| holds::used(tables, repo))?;
        let own = self.store.ask(|tables| holds::used_by(tables, repo, name))?;
        let (rule, message) = if count >= self.limits.held_pushes_max {
            let max = self.limits.held_pushes_max;
            ("hold.pushes", format!("{max} pushes to this repository wait for a human already (held_pushes_max)"))
        } else if own >= self.limits.held_pushes_per_principal_max {
            let max = self.limits.held_pushes_per_principal_max;
            ("hold.pushes", format!("{max} pushes of yours wait for a human already (held_pushes_per_principal_max)"))
        } else if bytes.saturating_add(more) > self.limits.held_bytes_max {
            let max = self.limits.held_bytes_max;
            ("hold.bytes", format!("held pushes to this repository may have {max} bytes together (held_bytes_max)"))
        } else {
            return Ok(None);
        };
        let fix = "withdraw held pushes of yours that are not needed, or wait until some are decided";
        let (rule, fix) = (rule.to_owned(), fix.to_owned());
        Ok(Some(Finding { rule, effect: Effect::Refuse, would: None, place: Place::default(), message, fix }))
    }

    /// Held pushes of the same principal to one of these refs, whose place this push takes.
    pub(super) fn replaced(&self, refs: &[&RefName]) -> Result<Vec<End>, Fault> {
        let Some(packs) = self.holds.filter(|_| !refs.is_empty()) else { return Ok(Vec::new()) };
        let (repo, principal) = (&self.target.name, &self.session.principal.name);
        let found = self.store.ask(|tables| holds::overlapping(tables, repo, principal, refs))?;
        let reason = "a newer push to the same ref took its place";
        let mut room = REPLACED_STATED_MAX;
        let end = |hold: &Hold| {
            let mut end = self.ending(packs, hold, Ending { step: HoldStep::Supersede, by: None, reason });
            end.step.replaced_by = Some(self.id);
            match room.checked_sub(end.decisions.len()) {
                Some(rest) => room = rest,
                None => end.decisions = Vec::new(),
            }
            end
        };
        Ok(found.iter().map(end).collect())
    }

    /// How the push stands; if its client asked for it, after a human has said something, or after that time.
    fn wait_for_human(&self, push: PushId, wait: Option<Duration>, reply: &Reply<'_>) -> Result<Hold, Fault> {
        let begun = Instant::now();
        let mut told = None;
        loop {
            let hold = self.store.ask(|tables| holds::find(tables, push))?;
            let hold = hold.ok_or(StoreError::NotHeld(push))?;
            let is_stopping = self.holds.is_some_and(HeldPacks::is_stopping);
            let waits = |wait: &Duration| hold.state.is_open() && begun.elapsed() < *wait && !is_stopping;
            let Some(wait) = wait.filter(waits) else {
                return Ok(hold);
            };
            if told.is_none_or(|told: Instant| told.elapsed() >= TELL_INTERVAL) {
                told = Some(Instant::now());
                let (done, of) = (begun.elapsed().as_secs(), wait.as_secs());
                // Who has gone is not waited for.
                if reply.say(&format!("refgate: held {push}, waiting for a human: {done} s of {of} s\n")).is_err() {
                    return Ok(hold);
                }
            }
            std::thread::sleep(LOOK_INTERVAL);
        }
    }
}

/// How a held push stands, as its pusher is told.
pub(super) fn standing(hold: &Hold, demands: &[Demand], replaced: &[PushId]) -> Standing {
    let is_open = hold.state.is_open();
    let needs = demands.iter().filter(|demand| is_open && !demand.is_met()).map(Demand::show);
    Standing {
        state: hold.state.as_str(),
        needs: needs.collect(),
        expires: hold.expires.strftime("%FT%TZ").to_string(),
        by: hold.by.clone(),
        reason: hold.reason.clone(),
        replaces: replaced.iter().map(ToString::to_string).collect(),
    }
}

/// A moment later by so much; the end of time, if there is no such moment.
#[must_use]
pub fn later(time: Timestamp, by: Duration) -> Timestamp {
    SignedDuration::try_from(by).ok().and_then(|by| time.checked_add(by).ok()).unwrap_or(Timestamp::MAX)
}
