//! What people have to say to a push that is held: who may approve it, how many must, and who has.

use crate::model::{Effect, Finding, PrincipalKind, PrincipalName, Purpose, RefName, RepoName, UpdateKind};
use crate::policy::codeowners::{self, CodeOwners, Syntax};
use crate::policy::grant::Grant;
use crate::policy::pattern::Who;
use crate::policy::people::Person;
use crate::policy::rules::Rule;
use crate::policy::rules::signature::PushCert;
use crate::policy::{Policy, Principal};
use bstr::BString;
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// The word in a list of approvers that stands for the owners of the held paths.
pub const CODEOWNERS: &str = "CODEOWNERS";

/// The rule of a push that asks for review.
pub const REVIEW: &str = "review.asked";

/// What a push is judged with beside its facts: what it asks for, and what people have said of it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Hearing<'a> {
    pub purpose: Purpose,
    /// Who has approved it, each once, with an approval that still counts.
    pub approvers: &'a [PrincipalName],
    pub owners: Owners<'a>,
    pub push_cert: PushCert<'a>,
}

impl Hearing<'_> {
    /// For what is only tried: nobody has said anything, and it would be signed where that is asked for.
    #[must_use]
    pub fn of_trial() -> Self {
        Self { push_cert: PushCert::Assumed, ..Self::default() }
    }
}

/// A ref of a push, and what happens to it, if that is known.
pub type Move<'a> = (&'a RefName, Option<UpdateKind>);

/// What has to be said before a held push goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Demand {
    /// The rules that hold it.
    pub rules: BTreeSet<String>,
    /// As the policy names them: groups, humans, `CODEOWNERS`.
    pub from: Vec<String>,
    /// How many different people must approve.
    pub needed: usize,
    /// The people whose approval counts.
    pub may: BTreeSet<PrincipalName>,
    /// Those of them who have approved.
    pub given: BTreeSet<PrincipalName>,
}

impl Demand {
    #[must_use]
    pub fn is_met(&self) -> bool {
        self.given.len() >= self.needed
    }

    /// Whether there are enough people who could meet it.
    #[must_use]
    pub fn can_be_met(&self) -> bool {
        self.may.len() >= self.needed
    }

    /// `1 of owners`, `2 of owners or lee, 1 given`.
    #[must_use]
    pub fn show(&self) -> String {
        let given = if self.given.is_empty() { String::new() } else { format!(", {} given", self.given.len()) };
        let nobody = if self.can_be_met() { "" } else { " (too few people)" };
        format!("{} of {}{given}{nobody}", self.needed, self.from.join(" or "))
    }
}

/// What holds a push: by rule, the paths it is held for. Other findings of the rule have no path.
pub type Held = BTreeMap<String, BTreeSet<BString>>;

/// Takes note of a finding that holds.
pub fn note(held: &mut Held, finding: &Finding) {
    if finding.effect == Effect::Hold {
        held.entry(finding.rule.clone()).or_default().extend(finding.place.path.clone());
    }
}

/// The same of paths alone.
pub fn note_paths<'p>(held: &mut Held, rule: &str, paths: impl Iterator<Item = &'p BString>) {
    let known = held.entry(rule.to_owned()).or_default();
    for path in paths {
        if !known.contains(path) {
            known.insert(path.clone());
        }
    }
}

/// The CODEOWNERS file of the upstream's default branch.
#[derive(Debug, Clone, Copy, Default)]
pub enum Owners<'a> {
    /// There is none, or no rule asks for it.
    #[default]
    Missing,
    /// It cannot be read as one: nobody is known to be an owner.
    Unreadable,
    File(&'a CodeOwners),
}

/// Who is asked to approve something that is held.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Ask {
    from: Vec<String>,
    may: BTreeSet<PrincipalName>,
    needed: usize,
}

impl Policy {
    /// What must be said before this push goes on: one demand for each set of people asked.
    #[must_use]
    pub(in crate::policy) fn demands(
        &self,
        held: &Held,
        moves: &[Move<'_>],
        pusher: &Principal,
        repo: &RepoName,
        hearing: &Hearing<'_>,
        now: Timestamp,
    ) -> Vec<Demand> {
        let mut demands: Vec<Demand> = Vec::new();
        for (id, paths) in held {
            let rule = self.rules.iter().find(|rule| rule.id == *id && rule.is_in(repo));
            let sponsor = pusher.sponsor.as_ref().filter(|_| !rule.is_some_and(|rule| rule.sponsor_may_approve));
            let is_free = |name: &PrincipalName| *name != pusher.name && Some(name) != sponsor;
            let asks = match self.approvers_of(repo) {
                // Without a word of the policy, who could have done it.
                [] if id == REVIEW => vec![self.ask_those_who_may(moves, repo, now)],
                _ => self.asks(rule, paths, repo, hearing.owners, now),
            };
            for Ask { from, may, needed } in asks {
                let may: BTreeSet<PrincipalName> = may.into_iter().filter(is_free).collect();
                let same = |demand: &&mut Demand| demand.may == may && demand.needed == needed && demand.from == from;
                if let Some(demand) = demands.iter_mut().find(same) {
                    demand.rules.insert(id.clone());
                    continue;
                }
                let given = hearing.approvers.iter().filter(|name| may.contains(*name)).cloned().collect();
                demands.push(Demand { rules: BTreeSet::from([id.clone()]), from, needed, may, given });
            }
        }
        demands
    }

    /// Who approves what a rule holds: the rule's own approvers, else the repository's, else every human who may push
    /// something there. Where the owners of paths are asked, each set of them.
    fn asks(
        &self,
        rule: Option<&Rule>,
        paths: &BTreeSet<BString>,
        repo: &RepoName,
        owners: Owners<'_>,
        now: Timestamp,
    ) -> Vec<Ask> {
        let own = rule.map(|rule| rule.approvers.as_slice()).unwrap_or_default();
        let needed = rule.map_or(1, |rule| rule.approvals);
        let named = if own.is_empty() { self.approvers_of(repo) } else { own };
        if !named.iter().any(|name| name == CODEOWNERS) {
            return vec![self.ask_named(named, needed, repo, now)];
        }
        let others: Vec<String> = named.iter().filter(|name| *name != CODEOWNERS).cloned().collect();
        let mut asks: Vec<Ask> = Vec::new();
        let mut add = |ask: Ask| {
            if !asks.contains(&ask) {
                asks.push(ask)
            }
        };
        let mut is_unowned = paths.is_empty();
        for path in paths {
            let demands = match owners {
                Owners::File(file) => file.demands(path),
                Owners::Missing => Vec::new(),
                Owners::Unreadable => {
                    add(self.ask_owners(None, &others, needed));
                    continue;
                }
            };
            is_unowned |= demands.is_empty();
            demands.iter().for_each(|demand| add(self.ask_owners(Some(demand), &others, needed)));
        }
        if is_unowned {
            // What nobody owns is for those who look after the repository.
            let of_repo: Vec<String> =
                self.approvers_of(repo).iter().filter(|name| *name != CODEOWNERS).cloned().collect();
            let named = if others.is_empty() { of_repo } else { others };
            add(self.ask_named(&named, needed, repo, now));
        }
        asks
    }

    fn ask_those_who_may(&self, moves: &[Move<'_>], repo: &RepoName, now: Timestamp) -> Ask {
        let may = |principal: &&Principal| {
            let who = Who::Named(principal.name.as_str());
            let gives = |(name, kind): &Move<'_>| {
                let is_allowed = |grant: &Grant| kind.is_none_or(|kind| grant.allow.contains(&kind));
                self.grants_for(principal, repo, now).any(|grant| is_allowed(grant) && grant.has_ref(name, who))
            };
            principal.kind == PrincipalKind::Human && moves.iter().all(gives)
        };
        let may = self.people.all().filter(may).map(|principal| principal.name.clone()).collect();
        Ask { from: vec!["the humans who may push to it".to_owned()], may, needed: 1 }
    }

    fn approvers_of(&self, repo: &RepoName) -> &[String] {
        self.repos.get(repo).map(|repo| repo.approvers.as_slice()).unwrap_or_default()
    }

    fn ask_named(&self, named: &[String], needed: usize, repo: &RepoName, now: Timestamp) -> Ask {
        if named.is_empty() {
            let pushing = self.people.all().filter(|principal| self.may_push_something(principal, repo, now));
            let humans = pushing.filter(|principal| principal.kind == PrincipalKind::Human);
            let may = humans.map(|principal| principal.name.clone()).collect();
            return Ask { from: vec!["the humans who push here".to_owned()], may, needed };
        }
        let people = named.iter().flat_map(|name| self.humans_called(name));
        Ask { from: named.to_vec(), may: people.map(|person| person.principal.name.clone()).collect(), needed }
    }

    /// `None`: nobody knows who the owners are.
    fn ask_owners(&self, demand: Option<&codeowners::Demand>, others: &[String], needed: usize) -> Ask {
        let owners = demand.map(|demand| demand.owners.as_slice()).unwrap_or_default();
        let mut from: Vec<String> = owners.iter().map(ToString::to_string).collect();
        if from.is_empty() {
            from.push(CODEOWNERS.to_owned());
        }
        from.extend(others.iter().cloned());
        let mut may: BTreeSet<PrincipalName> =
            demand.map(|demand| self.owners(demand)).unwrap_or_default().into_iter().cloned().collect();
        let people = others.iter().flat_map(|name| self.humans_called(name));
        may.extend(people.map(|person| person.principal.name.clone()));
        Ask { from, may, needed: needed.max(demand.map_or(1, |demand| demand.approvals)) }
    }

    /// Whose syntax the repository's CODEOWNERS has, if any rule there asks the owners.
    #[must_use]
    pub fn asks_owners(&self, repo: &RepoName) -> Option<Syntax> {
        let of_rules = self.rules.iter().filter(|rule| rule.is_in(repo)).flat_map(|rule| &rule.approvers);
        let asks = self.approvers_of(repo).iter().chain(of_rules).any(|name| name == CODEOWNERS);
        asks.then(|| self.repos.get(repo).map_or(Syntax::GitHub, |repo| repo.codeowners))
    }

    /// The same for what was held before, by the findings that were recorded: rule and path.
    #[must_use]
    pub fn demands_of<'f>(
        &self,
        holding: impl Iterator<Item = (&'f str, Option<&'f BString>)>,
        moves: &[Move<'_>],
        pusher: &Principal,
        repo: &RepoName,
        hearing: &Hearing<'_>,
        now: Timestamp,
    ) -> Vec<Demand> {
        let mut held = Held::new();
        for (rule, path) in holding {
            held.entry(rule.to_owned()).or_default().extend(path.cloned());
        }
        let mut demands = self.demands(&held, moves, pusher, repo, hearing, now);
        let approvers = self.approvers_of(repo);
        if approvers.iter().any(|name| name == CODEOWNERS) {
            // Which paths a review is for is in no finding: whoever may look through it may be an owner.
            let humans = self.people.all().filter(|human| self.may_review(human, repo, now));
            let free = humans.filter(|human| human.name != pusher.name && Some(&human.name) != pusher.sponsor.as_ref());
            let may: BTreeSet<PrincipalName> = free.map(|human| human.name.clone()).collect();
            for demand in demands.iter_mut().filter(|demand| demand.rules.contains(REVIEW)) {
                demand.from = approvers.to_vec();
                demand.may.clone_from(&may);
                demand.given = hearing.approvers.iter().filter(|name| may.contains(*name)).cloned().collect();
            }
        }
        demands
    }

    /// The human of this name, or the humans in the group of this name.
    fn humans_called<'p>(&'p self, name: &'p str) -> impl Iterator<Item = &'p Person> {
        let members = self.people.members(name);
        let all = self.people.person(name).into_iter().chain(members);
        all.filter(|person| person.principal.kind == PrincipalKind::Human)
    }

    fn may_push_something(&self, principal: &Principal, repo: &RepoName, now: Timestamp) -> bool {
        self.grants_for(principal, repo, now).any(|grant| !grant.allow.is_empty())
    }

    /// Whether this is a human who may see what others push to the repository, and what is held there: one who may push
    /// there too, whom a rule asks, one of `admins`, or, where owners of paths are asked, who may fetch there. Else who may
    /// only fetch sees what is fetched.
    #[must_use]
    pub fn may_review(&self, principal: &Principal, repo: &RepoName, now: Timestamp) -> bool {
        if principal.kind != PrincipalKind::Human || self.people.person(principal.name.as_str()).is_none() {
            return false;
        }
        let is_called = |name: &String| self.humans_called(name).any(|person| person.principal.name == principal.name);
        let of_rules = self.rules.iter().filter(|rule| rule.is_in(repo)).flat_map(|rule| &rule.approvers);
        let may_own = self.asks_owners(repo).is_some() && self.may_see_repo(principal, repo, now);
        may_own
            || self.may_push_something(principal, repo, now)
            || self.is_admin(principal)
            || self.approvers_of(repo).iter().chain(of_rules).any(is_called)
    }

    /// Whether this human may stop and start things: one of `admins`; where the policy has none, every human who may
    /// push something to the repository.
    #[must_use]
    pub fn may_stop(&self, principal: &Principal, repo: &RepoName, now: Timestamp) -> bool {
        match &self.admins {
            Some(_) => self.is_admin(principal),
            None => principal.kind == PrincipalKind::Human && self.may_push_something(principal, repo, now),
        }
    }

    /// Whether this human is one of `admins`.
    #[must_use]
    pub fn is_admin(&self, principal: &Principal) -> bool {
        let is_called = |name: &String| self.humans_called(name).any(|person| person.principal.name == principal.name);
        principal.kind == PrincipalKind::Human && self.admins.iter().flatten().any(is_called)
    }

    /// Whether the policy says who its admins are.
    #[must_use]
    pub fn has_admins(&self) -> bool {
        self.admins.is_some()
    }

    /// Whether a human's key is one of those the policy lists, or proves it by a certificate's principal.
    #[must_use]
    pub fn is_key_of(&self, name: &PrincipalName, key: &ssh_key::PublicKey) -> bool {
        self.principal_by_key(key).is_some_and(|principal| principal.name == *name)
    }
}
