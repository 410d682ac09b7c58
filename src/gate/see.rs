//! What people and agents may see of pushes: one of them, their own, those that wait.

use crate::gate::desk::DeskError;
use crate::gate::owners::Found;
use crate::gate::{Gate, Session};
use crate::model::{Effect, PrincipalKind, PrincipalName, Purpose, PushId, RepoName};
use crate::policy::{Demand, Hearing, Policy, Principal};
use crate::record::{AbortEntry, DecisionEntry, OutcomeEntry, Record, RefResult, Verdict};
use crate::store::{Approved, Filter, Hold, holds};
use jiff::Timestamp;

/// Records that are read for one list of pushes.
const READ_MAX: usize = 20_000;

/// A push with all that is recorded of it.
#[derive(Debug, Clone)]
pub struct Seen {
    pub push: PushId,
    /// A decision, or why there was none.
    pub entry: Result<DecisionEntry, AbortEntry>,
    /// The last one, if it was accepted.
    pub outcome: Option<OutcomeEntry>,
    pub hold: Option<Hold>,
    pub approvals: Vec<Approved>,
    /// What has to be said before it goes on, by the policy of this moment.
    pub demands: Vec<Demand>,
    /// The human who answers for its pusher.
    pub sponsor: Option<PrincipalName>,
}

impl Seen {
    /// One word for where the push stands.
    #[must_use]
    pub fn state(&self) -> &'static str {
        let entry = match &self.entry {
            Ok(entry) => entry,
            Err(_) => return "aborted",
        };
        if let Some(hold) = &self.hold {
            return hold.state.as_str();
        }
        match (entry.decision, entry.purpose) {
            (Verdict::Refuse, _) => "refused",
            (_, Purpose::Check) => "checked",
            (Verdict::Hold, _) => "not-held",
            (Verdict::Accept, _) => match &self.outcome {
                None => "under-way",
                Some(outcome) if outcome.refs.iter().all(|r| r.result == RefResult::Forwarded) => "forwarded",
                Some(outcome) if outcome.refs.iter().any(|r| r.result == RefResult::Unknown) => "unknown",
                Some(_) => "not-taken",
            },
        }
    }
}

impl Gate {
    /// One push, if the caller may see it. A push that was held already shows as that one.
    pub fn see(&self, session: &Session, push: PushId) -> Result<Seen, DeskError> {
        let records: Vec<Record> = self.store.find(push)?.into_iter().map(|stored| stored.record).collect();
        let entry = records.iter().find_map(|record| match record {
            Record::Decision(entry) => Some(Ok(entry.clone())),
            Record::Abort(entry) => Some(Err(entry.clone())),
            _ => None,
        });
        let entry = entry.ok_or(DeskError::NotFound)?;
        let (principal, repo) = match &entry {
            Ok(entry) => (&entry.principal, &entry.repo),
            Err(entry) => (&entry.principal, &entry.repo),
        };
        if !self.may_see_push(session, principal, repo) {
            return Err(DeskError::NotFound);
        }
        if let Ok(DecisionEntry { same_as: Some(same), .. }) = &entry {
            return self.see(session, *same);
        }
        self.seen(push, entry, &records)
    }

    fn seen(
        &self,
        push: PushId,
        entry: Result<DecisionEntry, AbortEntry>,
        records: &[Record],
    ) -> Result<Seen, DeskError> {
        let outcome = records.iter().rev().find_map(|record| match record {
            Record::Outcome(outcome) => Some(outcome.clone()),
            _ => None,
        });
        let hold = self.store.ask(|tables| holds::find(tables, push))?;
        let is_open = hold.as_ref().is_some_and(|hold| hold.state.is_open());
        let policy = self.policy();
        let mut seen = Seen { push, entry, outcome, hold, approvals: Vec::new(), demands: Vec::new(), sponsor: None };
        if let Ok(entry) = &seen.entry {
            seen.sponsor = sponsor(&policy, entry);
            if is_open {
                let owners = self.targets.get(&entry.repo).map(|target| target.owners_known(&policy));
                let owners = owners.unwrap_or_default();
                let asked = Asked { policy: &policy, owners, now: Timestamp::now() };
                let approvals = self.store.ask(|tables| holds::approvals(tables, push))?;
                (seen.approvals, seen.demands) = asked.of(entry, approvals);
            }
        }
        Ok(seen)
    }

    /// Everything that waits and that the caller may see, oldest first, of one repository or of all.
    pub fn held(&self, session: &Session, repo: Option<&RepoName>) -> Result<Vec<Seen>, DeskError> {
        if session.principal.kind == PrincipalKind::Ci {
            return Err(DeskError::NotHuman);
        }
        if let Some(repo) = repo {
            self.may_see_repo_of(session, repo)?;
        }
        let mut found = Vec::new();
        for name in self.targets.keys().filter(|name| repo.is_none_or(|repo| repo == *name)) {
            found.extend(self.held_in(session, name)?);
        }
        found.sort_by_key(|seen| seen.hold.as_ref().map(|hold| (hold.since, hold.push)));
        Ok(found)
    }

    /// There may be thousands: what is the same for all is found out once.
    fn held_in(&self, session: &Session, repo: &RepoName) -> Result<Vec<Seen>, DeskError> {
        let (policy, now) = (self.policy(), Timestamp::now());
        let Some(target) = self.targets.get(repo) else { return Ok(Vec::new()) };
        let may_review = policy.may_review(&session.principal, repo, now);
        let asked = Asked { policy: &policy, owners: target.owners_known(&policy), now };
        let (lines, mut approvals) = self
            .store
            .ask(|tables| Ok((holds::open_with_lines(tables, repo)?, holds::open_approvals(tables, repo)?)))?;
        let mut found = Vec::new();
        for (hold, line) in lines {
            if !may_review && hold.principal != session.principal.name {
                continue;
            }
            let entry = line.decision()?;
            let (approvals, demands) = asked.of(&entry, approvals.remove(&hold.push).unwrap_or_default());
            let (push, sponsor) = (hold.push, sponsor(&policy, &entry));
            found.push(Seen { push, entry: Ok(entry), outcome: None, hold: Some(hold), approvals, demands, sponsor });
        }
        Ok(found)
    }

    /// Whether the caller may know of the repository at all.
    pub fn may_see_repo_of(&self, session: &Session, repo: &RepoName) -> Result<(), DeskError> {
        let (policy, now, principal) = (self.policy(), Timestamp::now(), &session.principal);
        let may = policy.may_see_repo(principal, repo, now) || policy.may_review(principal, repo, now);
        if may && self.targets.contains_key(repo) { Ok(()) } else { Err(DeskError::NoRepo) }
    }

    /// The caller's newest pushes, newest first.
    pub fn own(&self, session: &Session, max: usize) -> Result<Vec<Seen>, DeskError> {
        self.pushes(session, Filter { principal: Some(session.principal.name.clone()), ..newest(max) })
    }

    /// The newest pushes that the filter and the caller's rights let through, newest first.
    pub fn pushes(&self, session: &Session, mut filter: Filter) -> Result<Vec<Seen>, DeskError> {
        let wanted = filter.limit.unwrap_or(usize::MAX);
        if session.principal.kind != PrincipalKind::Human {
            // Others' pushes are not for it, whatever it asks for.
            if filter.principal.as_ref().is_some_and(|name| *name != session.principal.name) {
                return Ok(Vec::new());
            }
            filter.principal = Some(session.principal.name.clone());
        }
        // What the caller may not see is among what is read: more is read until there is enough.
        loop {
            let records = self.store.list(&filter)?;
            let is_all = filter.limit.is_none_or(|limit| records.len() < limit || limit >= READ_MAX);
            let mut visible = records.into_iter().filter(|stored| {
                let (repo, principal) = (stored.record.repo(), stored.record.principal());
                repo.zip(principal).is_some_and(|(repo, name)| self.may_see_push(session, name, repo))
            });
            let found: Vec<_> = visible.by_ref().take(wanted).collect();
            if is_all || found.len() == wanted {
                return found.into_iter().filter_map(|stored| self.seen_of(stored.record).transpose()).collect();
            }
            filter.limit = filter.limit.map(|limit| limit.saturating_mul(8).min(READ_MAX));
        }
    }

    fn seen_of(&self, record: Record) -> Result<Option<Seen>, DeskError> {
        let Some(push) = record.push() else { return Ok(None) };
        let records: Vec<Record> = self.store.find(push)?.into_iter().map(|stored| stored.record).collect();
        match record {
            Record::Decision(entry) => Ok(Some(self.seen(push, Ok(entry), &records)?)),
            Record::Abort(entry) => Ok(Some(self.seen(push, Err(entry), &records)?)),
            _ => Ok(None),
        }
    }

    /// How clients call the gate's verbs.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }
}

/// By what it is told who is asked to approve.
struct Asked<'a> {
    policy: &'a Policy,
    owners: Found,
    now: Timestamp,
}

impl Asked<'_> {
    /// The approvals that still count, and what has to be said before the push goes on.
    fn of(&self, entry: &DecisionEntry, mut approvals: Vec<Approved>) -> (Vec<Approved>, Vec<Demand>) {
        let Self { policy, owners, now } = self;
        approvals.retain(|approved| approved.until > *now && approved.policy == policy.digest());
        let by: Vec<_> = approvals.iter().map(|approved| approved.by.clone()).collect();
        let holding = entry.findings.iter().filter(|finding| finding.effect == Effect::Hold);
        let holding = holding.map(|finding| (finding.rule.as_str(), finding.path.as_ref()));
        let unknown = Principal { name: entry.principal.clone(), kind: entry.principal_kind, sponsor: None };
        let pusher = policy.principal(&entry.principal).unwrap_or(&unknown);
        let owners = owners.as_owners();
        let hearing = Hearing { purpose: entry.purpose, approvers: &by, owners, ..Hearing::default() };
        let moves: Vec<_> = entry.updates.iter().map(|update| (&update.name, update.kind)).collect();
        let demands = policy.demands_of(holding, &moves, pusher, &entry.repo, &hearing, *now);
        (approvals, demands)
    }
}

fn sponsor(policy: &Policy, entry: &DecisionEntry) -> Option<PrincipalName> {
    policy.principal(&entry.principal).and_then(|pusher| pusher.sponsor.clone())
}

fn newest(max: usize) -> Filter {
    Filter { pushes_only: true, limit: Some(max), ..Filter::default() }
}
