//! `review`: the gate as the full-screen reviewer's desk.

use super::held::told;
use super::pushes::refs;
use super::{NEGATIVE, Said};
use crate::diff::{Bounds, CommitDiff, Marks, diff_commit};
use crate::gate::{DeskError as GateError, Gate, Looked, Seen, Session};
use crate::model::{Direction, PrincipalKind, PushId};
use crate::review::{self, Commit, Desk, DeskError, Event, Held, MayDecide, Terminal, Waiting};
use std::io::Write;
use std::sync::mpsc::Receiver;

/// Runs the reviewer until its person leaves; blocking.
pub fn review(
    gate: &Gate,
    session: &Session,
    terminal: Terminal,
    events: &Receiver<Event>,
    output: &mut dyn Write,
) -> Said {
    if session.principal.kind != PrincipalKind::Human {
        return Said { stderr: "refgate: only humans can do this\n".to_owned(), status: NEGATIVE };
    }
    let mut desk = GateDesk { gate, session, opened: None };
    match review::run(&mut desk, events, output, terminal) {
        Ok(()) => Said::default(),
        // The person has gone.
        Err(_) => Said { status: NEGATIVE, ..Said::default() },
    }
}

struct GateDesk<'a> {
    gate: &'a Gate,
    session: &'a Session,
    /// The push on the screen, with the order in which its commits are read: oldest first, what is dropped last.
    opened: Option<(PushId, Looked, Vec<usize>)>,
}

impl Desk for GateDesk<'_> {
    fn queue(&mut self) -> Result<Vec<Waiting>, DeskError> {
        let held = self.gate.held(self.session, None).map_err(refused)?;
        Ok(held.iter().filter_map(|seen| self.waiting(seen)).collect())
    }

    fn open(&mut self, push: PushId) -> Result<Held, DeskError> {
        let looked = self.gate.look(self.session, push).map_err(refused)?;
        let waiting = self.waiting(&looked.seen).ok_or(DeskError::Gone)?;
        let commits = &looked.facts.commits;
        let of = |direction| (0..commits.len()).rev().filter(move |index| commits[*index].direction == direction);
        let order: Vec<usize> = of(Direction::Added).chain(of(Direction::Dropped)).collect();
        let held = Held {
            waiting,
            updates: looked.facts.updates.clone(),
            findings: looked.findings.clone(),
            more_findings: looked.more_findings,
            commits: order.iter().map(|index| Commit::from(&commits[*index])).collect(),
        };
        self.opened = Some((push, looked, order));
        Ok(held)
    }

    fn commit(&mut self, push: PushId, commit: usize) -> Result<CommitDiff, DeskError> {
        let (_, looked, order) = self.opened.as_ref().filter(|(opened, ..)| *opened == push).ok_or(DeskError::Gone)?;
        let index = order.get(commit).ok_or(DeskError::Gone)?;
        let facts = looked.facts.commits.get(*index).ok_or(DeskError::Gone)?;
        let marks = Marks::of(&looked.findings, &facts.id);
        diff_commit(&looked.objects, facts, &marks, &Bounds::default()).map_err(|error| {
            tracing::error!(push.id = %push, %error, "a held push cannot be shown");
            DeskError::Internal
        })
    }

    fn approve(&mut self, push: PushId) -> Result<String, DeskError> {
        // What counts is what was on the screen.
        let (_, looked, _) = self.opened.as_ref().filter(|(opened, ..)| *opened == push).ok_or(DeskError::Gone)?;
        let released = self.gate.approve_as_seen(self.session, push, &looked.policy).map_err(refused)?;
        let seen = self.gate.see(self.session, push).map_err(refused)?;
        Ok(told(&released, &seen).lines().next().unwrap_or_default().to_owned())
    }

    fn reject(&mut self, push: PushId, reason: &str) -> Result<String, DeskError> {
        self.gate.reject(self.session, push, reason).map_err(refused)?;
        Ok(format!("rejected: push {push}; its pusher is told why"))
    }
}

impl GateDesk<'_> {
    fn waiting(&self, seen: &Seen) -> Option<Waiting> {
        let (Ok(entry), Some(hold)) = (&seen.entry, &seen.hold) else { return None };
        let me = &self.session.principal.name;
        let missing: Vec<String> = seen.demands.iter().filter(|d| !d.is_met()).map(|d| d.show()).collect();
        let may_approve = seen.demands.iter().any(|demand| demand.may.contains(me));
        Some(Waiting {
            push: seen.push,
            repo: entry.repo.clone(),
            principal: entry.principal.clone(),
            sponsor: seen.sponsor.clone(),
            refs: entry.updates.iter().map(|update| refs(std::slice::from_ref(update))).collect(),
            since: hold.since,
            expires: hold.expires,
            first_rule: entry.findings.first().map(|finding| finding.rule.clone()).unwrap_or_default(),
            findings: entry.findings.len() + usize::try_from(entry.more_findings).unwrap_or(0),
            missing: if missing.is_empty() { seen.state().to_owned() } else { missing.join(", ") },
            verdict: if may_approve { MayDecide::Decide } else { MayDecide::OnlyLook },
            bytes: hold.bytes,
        })
    }
}

fn refused(error: GateError) -> DeskError {
    match error {
        GateError::Internal(inner) => {
            tracing::error!(error = %inner, "a review failed");
            DeskError::Internal
        }
        error => DeskError::Refused(error.to_string()),
    }
}
