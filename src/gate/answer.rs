//! What the client hears at the end of its push: the message, and the report.

use crate::forward::{Outcome, RefOutcome, Rejection};
use crate::gate::fault::{Blame, Fault};
use crate::gate::hold::{Told, standing};
use crate::gate::judge::{MOVED, Push, moved};
use crate::gate::notes::Notes;
use crate::gate::push::Pushed;
use crate::gate::records;
use crate::model::{Effect, Finding, HoldState, Place, Purpose, RefName, RefUpdate};
use crate::policy::Judgement;
use crate::receive::{Message, Reply, Retry, Standing, Verdict};
use crate::wire::report::{Options, Report, Status};
use std::io;

impl Push<'_> {
    /// Tells the client what the upstream said of each ref.
    pub(super) fn answer_outcomes(
        &self,
        outcomes: &[RefOutcome],
        updates: &[RefUpdate],
        judgement: &Judgement,
        notes: &Notes,
        reply: &Reply<'_>,
    ) {
        let mut findings: Vec<Finding> = outcomes.iter().filter_map(outcome_finding).collect();
        let verdict = match outcomes.iter().map(|o| &o.outcome).max_by_key(|outcome| match outcome {
            Outcome::Ok(_) => 0,
            Outcome::Rejected { .. } => 1,
            Outcome::Unknown => 2,
        }) {
            Some(Outcome::Unknown) => Verdict::Unclear,
            Some(Outcome::Rejected { .. }) => Verdict::NotTaken,
            Some(Outcome::Ok(_)) | None => Verdict::Accepted,
        };
        let retry = match verdict {
            Verdict::Accepted => Retry::No,
            _ if findings.iter().any(|f| f.rule == MOVED) => Retry::AfterFetch,
            _ => Retry::Later,
        };
        tracing::info!(outcome = ?verdict, "forwarded");
        findings.extend(judgement.findings.iter().cloned());
        let found = (&findings[..], judgement.more_findings);
        self.say(verdict, retry, updates, found, (None, Some(notes)), reply);
        let refs = outcomes.iter().map(|o| (o.name.clone(), self.status(&o.outcome))).collect();
        sent(reply.report(&Report { unpack: Ok(()), refs }));
    }

    fn status(&self, outcome: &Outcome) -> Status {
        match outcome {
            Outcome::Ok(options) => Status::Ok(options.clone()),
            Outcome::Rejected { class: Rejection::Moved, .. } => Status::Rejected("fetch first".into()),
            Outcome::Rejected { class: Rejection::OtherMoved, .. } => Status::Rejected("atomic push failed".into()),
            Outcome::Rejected { class: Rejection::Refused, reason } if !self.target.is_talkative() => {
                Status::Rejected(reason.as_str().into())
            }
            Outcome::Rejected { class: Rejection::Refused, .. } => {
                Status::Rejected("refgate: the upstream refused it".into())
            }
            Outcome::Unknown => Status::Rejected("refgate: unclear, fetch to see".into()),
        }
    }

    /// Tells the client of a decision that sends nothing upstream.
    pub(super) fn answer(
        &self,
        verdict: Verdict,
        retry: Retry,
        updates: &[RefUpdate],
        judgement: &Judgement,
        notes: &Notes,
        reply: &Reply<'_>,
    ) {
        let found = (&judgement.findings[..], judgement.more_findings);
        self.say(verdict, retry, updates, found, (None, Some(notes)), reply);
        let count = judgement.findings.iter().filter(|f| f.effect > Effect::Warn).count() + judgement.more_findings;
        let reason = match (&retry, count) {
            _ if verdict == Verdict::WouldHold => "would be held for a human".to_owned(),
            (Retry::AfterFetch, _) => "fetch first".to_owned(),
            (_, 1) => "refgate: 1 finding".to_owned(),
            (_, n) => format!("refgate: {n} findings"),
        };
        sent(reply.refuse(None, &reason));
    }

    /// A push that came to no decision: recorded as such, and the client is told why.
    pub(super) fn abort(&self, updates: &[RefUpdate], fault: &Fault, reply: &Reply<'_>) {
        match fault.blame() {
            Blame::Client => tracing::warn!(error = %fault, "a push came to no decision"),
            Blame::Upstream | Blame::Ourselves => tracing::error!(error = %fault, "a push came to no decision"),
        }
        self.metrics.aborted();
        let finding = fault.finding();
        if let Err(error) = self.store.aborted(&records::abort(self, updates, fault.cause(), &finding.message)) {
            tracing::error!(%error, "the end of a push cannot be recorded");
        }
        let reason = finding.message.clone();
        self.say(Verdict::Refused, fault.retry(), updates, (&[finding], 0), (None, None), reply);
        let unpack = matches!(fault, Fault::Receive(_)).then_some(reason.as_str());
        sent(reply.refuse(unpack, if unpack.is_some() { "unpacker error" } else { "refgate: 1 finding" }));
    }

    fn say(
        &self,
        verdict: Verdict,
        retry: Retry,
        updates: &[RefUpdate],
        (findings, more_findings): (&[Finding], usize),
        (hold, told): (Option<&Standing>, Option<&Notes>),
        reply: &Reply<'_>,
    ) {
        let notes = told.map_or(&[][..], |told| &told.lines);
        let receipt = told.and_then(|told| told.receipt.as_ref());
        let went_well = matches!(verdict, Verdict::Accepted | Verdict::Passed);
        let nothing_to_tell = went_well && findings.is_empty() && notes.is_empty() && hold.is_none();
        if nothing_to_tell && (reply.is_quiet() || !self.target.is_talkative()) {
            return;
        }
        if verdict == Verdict::NotTaken && !self.target.is_talkative() {
            // The repository's own git and hooks have said why.
            return;
        }
        let (push, repo) = (self.id, &self.target.name);
        let gate = self.gate;
        let message =
            Message { verdict, retry, push, repo, updates, findings, more_findings, hold, notes, receipt, gate };
        sent(reply.say(&message.render()));
    }

    /// Tells the client that what it only tried would be accepted.
    pub(super) fn answer_passed(&self, pushed: &Pushed, judgement: &Judgement, notes: &Notes, reply: &Reply<'_>) {
        let found = (&judgement.findings[..], judgement.more_findings);
        self.say(Verdict::Passed, Retry::No, &pushed.asked.updates, found, (None, Some(notes)), reply);
        let ok = |update: &RefUpdate| (update.name.clone(), Status::Ok(Vec::new()));
        sent(reply.report(&Report { unpack: Ok(()), refs: pushed.request.updates.iter().map(ok).collect() }));
    }

    /// Tells the client how its held push stands.
    pub(super) fn answer_held(&self, told: &Told<'_>, reply: &Reply<'_>) {
        let Told { hold, pushed, judged, replaced, notes } = told;
        let verdict = match hold.state {
            HoldState::Waiting | HoldState::Releasing => Verdict::Held,
            HoldState::Forwarded => Verdict::Accepted,
            HoldState::Rejected => Verdict::Rejected,
            HoldState::NotTaken => Verdict::NotTaken,
            HoldState::Refused
            | HoldState::Withdrawn
            | HoldState::Superseded
            | HoldState::Expired
            | HoldState::Revoked => Verdict::Refused,
        };
        let retry = match verdict {
            Verdict::Held | Verdict::Accepted => Retry::No,
            Verdict::NotTaken => Retry::Later,
            _ => Retry::AfterFix,
        };
        let this = Push { id: hold.push, ..*self };
        let standing = standing(hold, &judged.judgement.demands, replaced);
        let found = (&judged.judgement.findings[..], judged.judgement.more_findings);
        this.say(verdict, retry, &pushed.asked.updates, found, (Some(&standing), Some(notes)), reply);
        let status = |meant: &RefUpdate| match (verdict, pushed.asked.purpose) {
            (Verdict::Held, Purpose::Review) => Status::Ok(vec![Options {
                ref_name: RefName::parse(format!("refs/refgate/held/{}", hold.push).as_bytes()).ok(),
                ..Options::default()
            }]),
            (Verdict::Accepted, Purpose::Review) => Status::Ok(vec![Options {
                ref_name: Some(meant.name.clone()),
                old: Some(meant.old),
                new: Some(meant.new),
                forced_update: false,
            }]),
            (Verdict::Accepted, _) => Status::Ok(Vec::new()),
            (Verdict::Held, _) => {
                Status::Rejected(format!("held {}, do not push again; it is forwarded on approval", hold.push).into())
            }
            _ => Status::Rejected(format!("held {}: {}", hold.push, hold.state.as_str()).into()),
        };
        let refs = pushed.request.updates.iter().zip(&pushed.asked.updates);
        let refs = refs.map(|(command, meant)| (command.name.clone(), status(meant))).collect();
        sent(reply.report(&Report { unpack: Ok(()), refs }));
    }
}

/// The client may have gone; the record has the decision and the outcome all the same.
fn sent(result: io::Result<()>) {
    if let Err(error) = result {
        tracing::info!(%error, "the client did not hear the end of its push");
    }
}

pub(super) fn retry_after(judgement: &Judgement) -> Retry {
    let mut strong = judgement.findings.iter().filter(|f| f.effect > Effect::Warn);
    let first = strong.next();
    if first.is_some_and(|f| f.rule.starts_with("quota.")) && strong.all(|f| f.rule.starts_with("quota.")) {
        Retry::Later
    } else if judgement.findings.iter().any(|f| f.rule == MOVED) {
        Retry::AfterFetch
    } else {
        Retry::AfterFix
    }
}

fn outcome_finding(outcome: &RefOutcome) -> Option<Finding> {
    let name = &outcome.name;
    let finding = |rule: &str, message: &str, fix: &str| {
        let place = Place { ref_name: Some(name.clone()), ..Place::default() };
        let (rule, message, fix) = (rule.to_owned(), message.to_owned(), fix.to_owned());
        Some(Finding { rule, effect: Effect::Refuse, would: None, place, message, fix })
    };
    match &outcome.outcome {
        Outcome::Ok(_) => None,
        Outcome::Rejected { class: Rejection::Moved, .. } => Some(moved(name)),
        Outcome::Rejected { class: Rejection::OtherMoved, .. } => {
            finding("upstream.atomic", "not moved, because another ref of this push was refused", "")
        }
        Outcome::Rejected { class: Rejection::Refused, .. } => finding(
            "upstream.refused",
            "the policy accepts it, but the upstream refused it (a protection or hook there)",
            "ask the operator with the push id",
        ),
        Outcome::Unknown => finding(
            "upstream.unclear",
            "the upstream did not say whether it took this",
            "git fetch origin, and look before you push again",
        ),
    }
}
