//! The decision: who may, what every rule says, and the strongest effect of it all.

use crate::model::{Effect, Finding, Needs, UpdateFacts, UpdateKind};
use crate::policy::findings::{ChangeView, Findings, Fix, Voice};
use crate::policy::grant::Grant;
use crate::policy::pattern::{Place, Subject, Who};
use crate::policy::rules::{Rule, always};
use crate::policy::settings::{RepoSettings, SymlinkTargets};
use crate::policy::symlink;
use crate::policy::{Approval, Case, Decision, Judgement, Policy};
use std::collections::{BTreeMap, HashSet};

/// Judges a push. Pure: the same case gives the same findings in the same order.
pub fn judge(policy: &Policy, case: &Case<'_>) -> Judgement {
    let settings = policy.settings(case.repo);
    let mut findings = Findings::new(case.findings_max);
    for finding in case.findings {
        findings.add(finding.clone());
    }
    always::updates(case.facts, &settings, &mut findings);
    let scene = Scene { policy, case, settings, principal: policy.people.index(case.principal.name.as_str()) };
    let lenses = scene.lenses(&mut findings);
    scene.judge_updates(&mut findings);
    scene.judge_commits(&lenses, &mut findings);
    decide(case, findings)
}

fn decide(case: &Case<'_>, findings: Findings) -> Judgement {
    let decision = match findings.strongest() {
        None | Some(Effect::Warn) => {
            let updates = case.facts.updates.iter().map(|u| u.update.clone()).collect();
            Decision::Accept(Approval { repo: case.repo.clone(), updates })
        }
        Some(Effect::Hold) => Decision::Hold,
        Some(Effect::Refuse) => Decision::Refuse,
    };
    let (findings, more_findings) = findings.finish();
    Judgement { findings, more_findings, decision }
}

/// The case with what of the policy concerns it.
struct Scene<'a> {
    policy: &'a Policy,
    case: &'a Case<'a>,
    settings: RepoSettings,
    principal: Option<usize>,
}

/// The grants and rules by which some commits are judged. Ref updates with the same ones share a lens.
struct Lens<'a> {
    grants: Vec<&'a Grant>,
    /// Grants whose quota is used up: they give nothing, but are a better reason than "no grant".
    spent: Vec<&'a Grant>,
    rules: Vec<&'a Rule>,
    /// For each commit of the push, whether it is seen through this lens.
    commits: Vec<bool>,
}

impl<'a> Scene<'a> {
    fn who(&self) -> Who<'a> {
        Who::Named(self.case.principal.name.as_str())
    }

    /// The grants that give this principal anything in this repository now.
    fn grants(&self) -> impl Iterator<Item = (usize, &'a Grant)> {
        let all = self.policy.grants.iter().enumerate();
        all.filter(|(_, grant)| self.principal.is_some_and(|p| grant.is_for(p, self.case.repo)))
            .filter(|(_, grant)| !grant.is_expired(self.case.now))
    }

    fn rules(&self, update: &'a UpdateFacts) -> impl Iterator<Item = (usize, &'a Rule)> {
        let (repo, name) = (self.case.repo, &update.update.name);
        let all = self.policy.rules.iter().enumerate();
        all.filter(move |(_, rule)| rule.applies(self.principal, repo, name, self.who()))
    }

    /// Finds out for each ref update what allows it, and through which lens its commits are to be seen.
    fn lenses(&self, findings: &mut Findings) -> Vec<Lens<'a>> {
        let facts = self.case.facts;
        let mut lenses: BTreeMap<(Vec<usize>, Vec<usize>, Vec<usize>), Lens<'a>> = BTreeMap::new();
        let mut groups = vec![Vec::new(); facts.updates.len()];
        for (index, group) in facts.groups.iter().enumerate() {
            for update in &group.updates {
                groups.get_mut(*update).map(|list: &mut Vec<usize>| list.push(index));
            }
        }
        for (update, groups) in facts.updates.iter().zip(groups) {
            let (grants, spent) = self.grants_of(update, findings);
            if update.kind == UpdateKind::Delete {
                continue;
            }
            let rules: Vec<_> = self.rules(update).collect();
            let indices = |list: &[(usize, &Grant)]| list.iter().map(|(i, _)| *i).collect::<Vec<_>>();
            let key = (indices(&grants), indices(&spent), rules.iter().map(|(i, _)| *i).collect());
            let lens = lenses.entry(key).or_insert_with(|| Lens {
                grants: grants.into_iter().map(|(_, g)| g).collect(),
                spent: spent.into_iter().map(|(_, g)| g).collect(),
                rules: rules.into_iter().map(|(_, r)| r).collect(),
                commits: vec![false; facts.commits.len()],
            });
            for commit in groups.iter().filter_map(|g| facts.groups.get(*g)).flat_map(|g| &g.commits) {
                if let Some(seen) = lens.commits.get_mut(*commit) {
                    *seen = true;
                }
            }
        }
        lenses.into_values().collect()
    }

    /// The grants that allow this ref update, and those that would with quota left.
    #[expect(clippy::type_complexity, reason = "two lists of the same, used once")]
    fn grants_of(
        &self,
        update: &UpdateFacts,
        findings: &mut Findings,
    ) -> (Vec<(usize, &'a Grant)>, Vec<(usize, &'a Grant)>) {
        let case = self.case;
        let name = &update.update.name;
        let allowing = self.grants().filter(|(_, g)| g.allow.contains(&update.kind) && g.has_ref(name, self.who()));
        let exceeded = |grant: &Grant| grant.quota.exceeded(case.usage, case.facts.pack_bytes);
        let (spent, live): (Vec<_>, Vec<_>) = allowing.partition(|(_, grant)| exceeded(grant).is_some());
        if !live.is_empty() {
            return (live, spent);
        }
        match spent.iter().find_map(|(_, grant)| exceeded(grant)) {
            Some(finding) => findings.add(finding),
            None => self.refuse_update(update, findings),
        }
        (live, spent)
    }

    fn refuse_update(&self, update: &UpdateFacts, findings: &mut Findings) {
        let kind = update.kind.as_str();
        let principal = &self.case.principal.name;
        let here: Vec<_> = self.grants().filter(|(_, g)| g.has_ref(&update.update.name, self.who())).collect();
        let mut allowed: Vec<&str> = here.iter().flat_map(|(_, g)| &g.allow).map(|k| k.as_str()).collect();
        allowed.sort_unstable();
        allowed.dedup();
        let all: Vec<String> =
            self.grants().filter(|(_, g)| g.refs.is_some()).map(|(_, g)| g.show_refs(principal)).collect();
        let message = match (allowed.is_empty(), all.is_empty()) {
            (false, _) => format!("you may {} this ref, but not {kind} it", allowed.join(", ")),
            (true, false) => format!("you may not {kind} this ref; you may {}", first_few(&all, "; ")),
            (true, true) => "you may push nothing to this repository".to_owned(),
        };
        let fix = match update.kind {
            UpdateKind::Rewind if !allowed.is_empty() => {
                Fix::Text("push without --force, on top of what is there: git pull --rebase".to_owned())
            }
            UpdateKind::Create | UpdateKind::Update | UpdateKind::Rewind if !all.is_empty() => {
                Fix::Text("push to a ref that is yours: git push origin HEAD:refs/heads/…".to_owned())
            }
            UpdateKind::Create | UpdateKind::Update | UpdateKind::Rewind | UpdateKind::Delete => Fix::Ask,
        };
        findings.update(Voice::always("ref.no-grant"), update, message, fix);
    }

    fn voice(&self, rule: &'a Rule) -> Voice<'a> {
        rule.voice(self.settings.mode)
    }

    fn judge_updates(&self, findings: &mut Findings) {
        let mut seen = HashSet::new();
        for update in &self.case.facts.updates {
            for (index, rule) in self.rules(update) {
                rule.check.update(update, self.who(), self.voice(rule), findings);
                if seen.insert(index) {
                    rule.check.push(self.case.facts, self.voice(rule), findings);
                }
            }
        }
    }

    fn judge_commits(&self, lenses: &[Lens<'a>], findings: &mut Findings) {
        let tips: HashSet<_> = self.case.facts.updates.iter().filter_map(|u| u.commit).collect();
        for (index, commit) in self.case.facts.commits.iter().enumerate() {
            let lenses: Vec<&Lens<'a>> = lenses.iter().filter(|l| l.commits.get(index) == Some(&true)).collect();
            for rule in lenses.iter().flat_map(|lens| &lens.rules) {
                rule.check.commit(commit, self.voice(rule), findings);
            }
            for change in &commit.changes {
                let is_link = change.old.iter().flatten().chain(&change.new).any(|e| e.is_symlink() || e.is_gitlink());
                let place = if is_link { Place::Link } else { Place::Plain };
                let path = Subject::new(&change.path, place);
                let view = ChangeView { commit, change, path, is_tip: tips.contains(&commit.id) };
                always::change(&view, findings);
                for lens in &lenses {
                    self.judge_change(lens, &view, findings);
                }
            }
        }
    }

    fn judge_change(&self, lens: &Lens<'a>, view: &ChangeView<'_>, findings: &mut Findings) {
        let may_write = |grants: &[&Grant]| grants.iter().any(|g| g.may_write(&view.path, self.who()));
        let has_grant = !(lens.grants.is_empty() && lens.spent.is_empty());
        if has_grant && !may_write(&lens.grants) {
            match lens.spent.iter().find(|g| g.may_write(&view.path, self.who())) {
                Some(grant) => findings.add(self.quota_finding(grant)),
                None => {
                    let message = self.may_write_only(lens);
                    findings.change(Voice::always("write.outside-grant"), view, message, Fix::Undo);
                }
            }
        }
        for rule in &lens.rules {
            rule.check.change(view, self.who(), self.voice(rule), findings);
        }
        if self.settings.symlink_targets == SymlinkTargets::Checked {
            self.judge_symlink(lens, view, findings);
        }
    }

    fn quota_finding(&self, grant: &Grant) -> Finding {
        let exceeded = grant.quota.exceeded(self.case.usage, self.case.facts.pack_bytes);
        exceeded.expect("only grants with an exceeded quota are spent")
    }

    fn may_write_only(&self, lens: &Lens<'a>) -> String {
        let name = self.case.principal.name.as_str();
        let mut shown: Vec<String> = Vec::new();
        for list in lens.grants.iter().chain(&lens.spent).filter_map(|g| g.write.as_ref()) {
            shown.extend(list.show(name));
        }
        let mut seen = HashSet::new();
        shown.retain(|pattern| seen.insert(pattern.clone()));
        match shown.is_empty() {
            true => "you may write no path on this ref".to_owned(),
            false => format!("you may write {}", first_few(&shown, " ")),
        }
    }

    fn judge_symlink(&self, lens: &Lens<'a>, view: &ChangeView<'_>, findings: &mut Findings) {
        if !view.change.new.is_some_and(|new| new.is_symlink()) {
            return;
        }
        let voice = Voice::always("symlink.target");
        let Some(target) = &view.change.link_target else {
            findings.change(voice, view, "the symlink's target could not be read".to_owned(), Fix::Ask);
            return;
        };
        let target = match symlink::resolve(&view.change.path, target) {
            Ok(target) => target,
            Err(bad) => {
                findings.change(voice, view, bad.message().to_owned(), Fix::Undo);
                return;
            }
        };
        let may_write = |g: &&Grant| g.write.as_ref().is_some_and(|list| list.allows_below(&target, self.who()));
        let has_grant = !(lens.grants.is_empty() && lens.spent.is_empty());
        if has_grant && !lens.grants.iter().chain(&lens.spent).any(may_write) {
            findings.change(voice, view, "the symlink leads to a path you may not write".to_owned(), Fix::Undo);
            return;
        }
        let subject = Subject::new(&target, Place::Link);
        let blocking = lens.rules.iter().filter(|rule| self.voice(rule).effect > Effect::Warn);
        let mut guards = blocking.filter_map(|rule| rule.check.guarded_paths());
        if guards.any(|paths| paths.forbids(&subject, self.who())) {
            findings.change(voice, view, "the symlink leads to a guarded path".to_owned(), Fix::Undo);
        }
    }
}

/// A list short enough for a line.
fn first_few(list: &[String], between: &str) -> String {
    const SHOWN_MAX: usize = 8;
    let shown = list.iter().take(SHOWN_MAX).cloned().collect::<Vec<_>>().join(between);
    match list.len().saturating_sub(SHOWN_MAX) {
        0 => shown,
        more => format!("{shown}{between}and {more} more"),
    }
}

/// What of the costly facts the rules of a repository look at.
#[must_use]
pub fn needs<'a>(rules: impl Iterator<Item = &'a Rule>) -> Needs {
    rules
        .map(|rule| rule.check.needs())
        .fold(Needs::default(), |all, one| Needs { lines: all.lines || one.lines, twins: all.twins || one.twins })
}
