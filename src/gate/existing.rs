//! The same judgement inside an existing repository: git has received the push and asks before it moves refs.

use crate::forward::{Outcome, RefOutcome};
use crate::gate::fault::Fault;
use crate::gate::judge::{Judged, Push};
use crate::gate::records;
use crate::git::{ObjectStore, upstream};
use crate::model::RefUpdate;
use crate::policy::Decision;
use crate::receive::{self, Message, Received, Retry, Verdict};
use crate::wire::command::Request;
use std::path::Path;
use std::sync::atomic::AtomicBool;

/// What git is told, and its client.
#[must_use]
pub struct Answer {
    pub verdict: Verdict,
    /// For stderr, which git relays to the client; empty if there is nothing to tell.
    pub text: String,
}

impl Push<'_> {
    /// Judges a push that git holds in `quarantine` (none if it brought no objects). Whatever fails, the answer is no.
    pub fn judge_existing(&self, updates: Vec<RefUpdate>, quarantine: Option<&Path>) -> Answer {
        let request = Request { updates, ..Request::default() };
        self.decide_existing(&request, quarantine).unwrap_or_else(|fault| {
            tracing::error!(error = %fault, "a push came to no decision");
            let finding = fault.finding();
            let entry = records::abort(self, &request.updates, fault.cause(), &finding.message);
            if let Err(error) = self.store.aborted(&entry) {
                tracing::error!(%error, "the end of a push cannot be recorded");
            }
            self.render(Verdict::Refused, fault.retry(), &request.updates, &[finding], 0)
        })
    }

    fn decide_existing(&self, request: &Request, quarantine: Option<&Path>) -> Result<Answer, Fault> {
        let stop = AtomicBool::new(false);
        let refs = upstream::ls_remote(&self.target.upstream, self.limits).map_err(|e| Fault::Upstream(e.into()))?.refs;
        let (mut received, mut new) = (Received::default(), None);
        if let Some(dir) = quarantine {
            received = receive::check_existing(dir, self.target.objects(), self.limits, &stop)?;
            new = Some(ObjectStore::open(dir)?);
        }
        let Judged { facts, judgement, turn, .. } =
            self.judge(&request.updates, &refs, (new.as_ref(), self.target.objects()), &received, &stop)?;
        self.store.decided(&records::decision(self, (request, &request.updates), &received, 0, &facts, &judgement))?;
        drop(turn);
        let (verdict, retry) = match &judgement.decision {
            Decision::Accept(approval) => {
                // Whether the refs move is git's to say, after this hook has ended.
                let unknown = |u: &RefUpdate| RefOutcome { name: u.name.clone(), outcome: Outcome::Unknown };
                let outcomes: Vec<_> = approval.updates().iter().map(unknown).collect();
                self.store.settled(&records::outcome(self, approval.updates(), &outcomes))?;
                (Verdict::Accepted, Retry::No)
            }
            Decision::Hold => (Verdict::NotHeld, Retry::AfterFix),
            Decision::Refuse => (Verdict::Refused, Retry::AfterFix),
        };
        Ok(self.render(verdict, retry, &request.updates, &judgement.findings, judgement.more_findings))
    }

    fn render(
        &self,
        verdict: Verdict,
        retry: Retry,
        updates: &[RefUpdate],
        findings: &[crate::model::Finding],
        more_findings: usize,
    ) -> Answer {
        if verdict == Verdict::Accepted && findings.is_empty() {
            return Answer { verdict, text: String::new() };
        }
        let (push, repo) = (self.id, &self.target.name);
        let (hold, notes, receipt, gate) = (None, &[][..], None, self.gate);
        let message =
            Message { verdict, retry, push, repo, updates, findings, more_findings, hold, notes, receipt, gate };
        let text = message.render();
        Answer { verdict, text }
    }
}
