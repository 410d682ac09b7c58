//! The decision: who may, what every rule says, and the strongest effect of it all.

use crate::model::{Direction, Effect, Finding, Group, Needs, Purpose, PushFacts, UpdateFacts, UpdateKind};
use crate::policy::findings::{ChangeView, Findings, Fix, Shape, Voice, Word, shell_word, short};
use crate::policy::grant::Grant;
use crate::policy::hearing;
use crate::policy::pattern::{Place, Subject, Who};
use crate::policy::rules::signature::PushCert;
use crate::policy::rules::{Rule, always};
use crate::policy::settings::{RepoSettings, Review, SymlinkTargets};
use crate::policy::symlink;
use crate::policy::{Approval, Case, Decision, Demand, Judgement, Policy, REVIEW};
use std::collections::{BTreeMap, BTreeSet, HashSet};

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
    scene.ask_for_review(&mut findings);
    if let PushCert::Flawed(certificate) = case.hearing.push_cert {
        let fix = Fix::Text(certificate.fix().to_owned());
        findings.push(Voice::always("push-cert.bad"), certificate.message(), fix);
    }
    decide(policy, case, findings)
}

fn decide(policy: &Policy, case: &Case<'_>, findings: Findings) -> Judgement {
    let moves: Vec<_> = case.facts.updates.iter().map(|u| (&u.update.name, Some(u.kind))).collect();
    let demands = policy.demands(&findings.held, &moves, case.principal, case.repo, &case.hearing, case.now);
    // Only a push can be approved; what is only tried is told what would hold it.
    let is_approved =
        case.hearing.purpose != Purpose::Check && !demands.is_empty() && demands.iter().all(Demand::is_met);
    let decision = match findings.strongest() {
        None | Some(Effect::Warn) => accept(case),
        Some(Effect::Hold) if is_approved => accept(case),
        Some(Effect::Hold) => Decision::Hold,
        Some(Effect::Refuse) => Decision::Refuse,
    };
    let (findings, more_findings) = findings.finish(shape(case.facts), case.facts.more_sightings);
    Judgement { findings, more_findings, decision, demands }
}

fn accept(case: &Case<'_>) -> Decision {
    let updates = case.facts.updates.iter().map(|u| u.update.clone()).collect();
    Decision::Accept(Approval { repo: case.repo.clone(), updates })
}

fn shape(facts: &PushFacts) -> Shape {
    let mut added = facts.commits.iter().filter(|commit| commit.direction == Direction::Added);
    match facts.updates.len() < 2 && added.all(|commit| commit.parents.len() < 2) {
        true => Shape::Line,
        false => Shape::Branched,
    }
}

/// The case with what of the policy concerns it.
struct Scene<'a> {
    policy: &'a Policy,
    case: &'a Case<'a>,
    settings: RepoSettings,
    principal: Option<usize>,
}

/// Grants or rules with their places in the policy.
type Numbered<'a, T> = Vec<(usize, &'a T)>;

/// Which grants, grants that withhold, and rules.
type LensKey = (Vec<usize>, Vec<usize>, Vec<usize>);

/// The grants and rules by which some commits are judged. Ref updates with the same ones share a lens.
struct Lens<'a> {
    grants: Vec<&'a Grant>,
    /// Grants whose quota is used up, or that want a signed push: they give nothing, but are a better reason than "no
    /// grant".
    spent: Vec<&'a Grant>,
    rules: Numbered<'a, Rule>,
    /// Groups of the push that are seen through this lens.
    groups: BTreeSet<usize>,
    /// For each commit of the push, whether it is.
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
        let mut lenses: BTreeMap<LensKey, Lens<'a>> = BTreeMap::new();
        for (update, groups) in facts.updates.iter().zip(groups_of_updates(facts)) {
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
                rules,
                groups: BTreeSet::new(),
                commits: vec![false; facts.commits.len()],
            });
            // A group of many refs is gone through once.
            let new_groups = groups.into_iter().filter(|(index, _)| lens.groups.insert(*index));
            for commit in new_groups.flat_map(|(_, group)| &group.commits) {
                if let Some(seen) = lens.commits.get_mut(*commit) {
                    *seen = true;
                }
            }
        }
        lenses.into_values().collect()
    }

    /// The grants that allow this ref update, and those that would with quota left or a certificate.
    fn grants_of(&self, update: &UpdateFacts, findings: &mut Findings) -> (Numbered<'a, Grant>, Numbered<'a, Grant>) {
        let allowing = self.grants().filter(|(_, g)| self.reaches(g, update));
        let (spent, live): (Vec<_>, Vec<_>) = allowing.partition(|(_, grant)| self.withheld(grant).is_some());
        if !live.is_empty() {
            return (live, spent);
        }
        match spent.iter().find_map(|(_, grant)| self.withheld(grant)) {
            Some(finding) => findings.add(finding),
            None => self.refuse_update(update, findings),
        }
        (live, spent)
    }

    /// Whether the grant gives this ref for what the push asks: a review may also be asked of a ref that is not its own.
    fn reaches(&self, grant: &Grant, update: &UpdateFacts) -> bool {
        let name = &update.update.name;
        let is_own = grant.allow.contains(&update.kind) && grant.has_ref(name, self.who());
        if is_own || self.case.hearing.purpose == Purpose::Push {
            return is_own;
        }
        let is_named = grant.allow.contains(&update.kind) && grant.proposes(name, self.who());
        // A branch there is that it may fetch: a human decides, and only on what this grant lets write.
        let is_open = self.settings.review == Review::Branches
            && update.kind == UpdateKind::Update
            && name.is_branch()
            && grant.refs.is_some()
            && grant.read.allows(&Subject::name(name.as_bstr()), self.who());
        is_named || is_open
    }

    /// A push that asks for review is held, whatever the rules say; so would be one that can only ask for it.
    fn ask_for_review(&self, findings: &mut Findings) {
        let asks_owners = self.policy.asks_owners(self.case.repo).is_some();
        let held = Voice { effect: Effect::Hold, ..Voice::always(REVIEW) };
        for update in &self.case.facts.updates {
            let name = &update.update.name;
            let is_own = self.grants().any(|(_, g)| g.allow.contains(&update.kind) && g.has_ref(name, self.who()));
            let only_by_review = match self.case.hearing.purpose {
                Purpose::Push => false,
                Purpose::Review => true,
                Purpose::Check => !is_own,
            };
            if only_by_review && matches!(update.kind, UpdateKind::Rewind | UpdateKind::Delete) {
                let message = "fetch first: this is not on top of what the branch holds now".to_owned();
                let fix = Fix::Text("git fetch origin, rebase onto that branch, and push again".to_owned());
                findings.update(Voice::always("ref.moved"), update, message, fix);
            } else if only_by_review {
                let message = "asks for review: a human decides".to_owned();
                findings.update(held, update, message, Fix::Text(String::new()));
                // It is held for all that it changes: whose that is, decides.
                let changes = self.case.facts.commits.iter().flat_map(|commit| &commit.changes);
                hearing::note_paths(
                    &mut findings.held,
                    REVIEW,
                    changes.filter(|_| asks_owners).map(|change| &change.path),
                );
            }
        }
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
            UpdateKind::Create | UpdateKind::Update | UpdateKind::Rewind => self.own_ref(update),
            UpdateKind::Delete => Fix::Ask,
        };
        findings.update(Voice::always("ref.no-grant"), update, message, fix);
    }

    /// The command that pushes the same to a ref of the principal's own.
    fn own_ref(&self, update: &UpdateFacts) -> Fix {
        let principal = self.case.principal.name.as_str();
        let creating = self.grants().filter(|(_, grant)| grant.allow.contains(&UpdateKind::Create));
        let patterns: Vec<String> =
            creating.filter_map(|(_, g)| g.refs.as_ref()).flat_map(|r| r.show(principal)).collect();
        let own = patterns.iter().filter_map(|p| p.strip_suffix("/**").or_else(|| p.strip_suffix("/*")));
        let Some(own) = own.into_iter().find(|start| !start.contains(['*', '?', '!', '\\'])) else { return Fix::Ask };
        let name = update.update.name.as_bstr().rsplit(|b| *b == b'/').next().unwrap_or_default();
        let target = shell_word(&[own.as_bytes(), b"/", name].concat(), Word::Ref);
        // Of a tag, what it leads to: a branch holds commits.
        match (target, update.commit.as_ref()) {
            (Some(target), Some(new)) => Fix::Text(format!("git push origin {}:{target}", short(new))),
            (None, _) | (_, None) => Fix::Text(format!("push to a ref of another name below {own}/")),
        }
    }

    fn voice(&self, rule: &'a Rule) -> Voice<'a> {
        rule.voice(self.settings.mode)
    }

    fn judge_updates(&self, findings: &mut Findings) {
        let mut seen = HashSet::new();
        for update in &self.case.facts.updates {
            for (index, rule) in self.rules(update) {
                rule.check.update(update, self.who(), self.voice(rule), findings);
                for tag in &update.tags {
                    for sighting in tag.sightings.iter().filter(|sighting| sighting.rule == index) {
                        findings.tag_sighting(self.voice(rule), update, sighting);
                    }
                }
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
            let is_tip = tips.contains(&commit.id);
            for (index, rule) in lenses.iter().flat_map(|lens| &lens.rules) {
                rule.check.commit(commit, self.voice(rule), findings);
                for sighting in commit.sightings.iter().filter(|sighting| sighting.rule == *index) {
                    findings.commit_sighting(self.voice(rule), commit, is_tip, sighting);
                }
            }
            for change in &commit.changes {
                let is_link = change.old.iter().flatten().chain(&change.new).any(|e| e.is_symlink() || e.is_gitlink());
                let place = if is_link { Place::Link } else { Place::Plain };
                let path = Subject::new(&change.path, place);
                let view = ChangeView { commit, change, path, is_tip };
                always::change(&view, &self.settings, findings);
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
                Some(grant) => findings.add(self.withheld(grant).expect("only grants that withhold are spent")),
                None => {
                    let message = self.may_write_only(lens);
                    findings.change(Voice::always("write.outside-grant"), view, message, Fix::Undo);
                }
            }
        }
        for (index, rule) in &lens.rules {
            rule.check.change(view, self.who(), self.voice(rule), findings);
            for sighting in view.change.sightings.iter().filter(|sighting| sighting.rule == *index) {
                findings.change_sighting(self.voice(rule), view, sighting);
            }
        }
        if self.settings.symlink_targets == SymlinkTargets::Checked {
            self.judge_symlink(lens, view, findings);
        }
    }

    /// Why a grant that would allow something does not, for now.
    fn withheld(&self, grant: &Grant) -> Option<Finding> {
        let Case { hearing, usage, facts, .. } = self.case;
        grant.withholds(hearing.push_cert, usage, facts.pack_bytes)
    }

    fn may_write_only(&self, lens: &Lens<'a>) -> String {
        let name = self.case.principal.name.as_str();
        let mut shown: Vec<String> = Vec::new();
        for list in lens.grants.iter().chain(&lens.spent).filter_map(|g| g.write.as_ref()) {
            shown.extend(list.show(name));
        }
        let mut seen = HashSet::new();
        shown.retain(|pattern| seen.insert(pattern.clone()));
        let (exceptions, shown): (Vec<_>, Vec<_>) = shown.into_iter().partition(|pattern| pattern.starts_with('!'));
        let exceptions: Vec<String> = exceptions.iter().map(|pattern| pattern[1..].to_owned()).collect();
        match (shown.is_empty(), exceptions.is_empty()) {
            (true, _) => "you may write no path on this ref".to_owned(),
            (false, true) => format!("you may write {}", first_few(&shown, " ")),
            (false, false) => {
                format!("you may write {}, but not {}", first_few(&shown, " "), first_few(&exceptions, " "))
            }
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
        let blocking = lens.rules.iter().filter(|(_, rule)| self.voice(rule).blocks());
        let mut guards = blocking.filter_map(|(_, rule)| rule.check.guarded_paths());
        if guards.any(|paths| paths.forbids(&subject, self.who())) {
            findings.change(voice, view, "the symlink leads to a guarded path".to_owned(), Fix::Undo);
        }
    }
}

/// For each ref update the groups it is in, with their places.
fn groups_of_updates(facts: &PushFacts) -> Vec<Vec<(usize, &Group)>> {
    let mut groups = vec![Vec::new(); facts.updates.len()];
    for (index, group) in facts.groups.iter().enumerate() {
        for update in &group.updates {
            if let Some(list) = groups.get_mut(*update) {
                list.push((index, group));
            }
        }
    }
    groups
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

#[cfg(test)]
mod tests {
    use crate::model::UpdateKind::{Create, Delete, Rewind, Update};
    use crate::model::{Change, CommitFacts, Count, Direction, Effect, Finding, Group, NonceStatus, PushFacts, Usage};
    use crate::policy::testing::*;
    use crate::policy::{Case, Checked, Decision, Hearing, PushCert};

    const GRANTS: &str = r#"
agent.claude-1 = {}
agent.claude-2 = {}
human.dana = {}
[group]
bots = ["claude-*"]
[[grant]]
to = "bots"
repo = "app"
refs = "refs/heads/agent/{principal}/**"
allow = ["create", "update"]
write = ["src/**", "tests/**", "!src/keys/**"]
[[grant]]
to = "claude-1"
repo = "app"
refs = "refs/heads/shared"
allow = ["update", "rewind", "delete"]
write = "docs/**"
[[grant]]
to = "claude-1"
repo = "other"
refs = "refs/heads/**"
allow = ["create"]
write = "**"
[[grant]]
to = "claude-1"
repo = "app"
refs = "refs/heads/old"
allow = ["update"]
write = "**"
until = 2026-01-01T00:00:00Z
"#;

    #[test]
    fn b18_a_ref_update_needs_a_grant_for_this_ref_and_this_operation() {
        let table = [
            ("refs/heads/agent/claude-1/x", Create, true),
            ("refs/heads/agent/claude-1/x/y", Update, true),
            ("refs/heads/agent/claude-1/x", Rewind, false),
            ("refs/heads/agent/claude-1/x", Delete, false),
            ("refs/heads/agent/claude-1", Create, false),
            ("refs/heads/agent/claude-2/x", Update, false),
            ("refs/heads/agent/claude-1x/x", Update, false),
            ("refs/heads/agent/Claude-1/x", Update, false),
            ("refs/heads/x/refs/heads/agent/claude-1/x", Update, false),
            ("refs/heads/shared", Rewind, true),
            ("refs/heads/shared", Delete, true),
            ("refs/heads/shared", Create, false),
            ("refs/heads/shared2", Update, false),
            ("refs/heads/main", Create, false),
            ("refs/tags/v1", Create, false),
            ("refs/heads/old", Update, false),
        ];
        for (name, kind, allowed) in table {
            let expected = if allowed { "accept: " } else { "refuse: ref.no-grant" };
            assert_eq!(verdict(GRANTS, &push(vec![update(name, kind)], vec![])), expected, "{name} {kind:?}");
        }
    }

    #[test]
    fn a_refused_ref_update_is_told_what_is_possible() {
        let message = |name, kind| {
            let judgement = judge(GRANTS, &push(vec![update(name, kind)], vec![]));
            (judgement.findings[0].message.clone(), judgement.findings[0].fix.clone())
        };
        assert_eq!(
            message("refs/heads/agent/claude-1/x", Rewind),
            (
                "you may create, update this ref, but not rewind it".into(),
                "push without --force, on top of what is there: git pull --rebase".into()
            )
        );
        assert_eq!(
            message("refs/heads/main", Update).0,
            "you may not update this ref; you may create, update refs/heads/agent/claude-1/**; \
             update, rewind, delete refs/heads/shared"
        );
        let fix = message("refs/heads/main", Update).1;
        assert_eq!(fix, "git push origin 0909090909:refs/heads/agent/claude-1/main");
        let nothing = judge("agent.claude-1 = {}", &push(vec![update("refs/heads/main", Update)], vec![]));
        assert_eq!(nothing.findings[0].message, "you may push nothing to this repository");
    }

    #[test]
    fn every_changed_path_needs_a_grant_that_writes_it() {
        let table = [
            ("src/main.rs", true),
            ("tests/a", true),
            ("Src/main.rs", false),
            ("src", false),
            ("infra/main.tf", false),
            ("docs/x", false),
            ("src/keys/x", false),
            ("src/KEYS/x", false),
            ("src2/x", false),
        ];
        for (path, allowed) in table {
            let expected = if allowed { "accept: " } else { "refuse: write.outside-grant" };
            assert_eq!(verdict(GRANTS, &one(vec![change(path)])), expected, "{path}");
            let gone = Change { old: vec![entry(FILE, 1)], new: None, ..change(path) };
            assert_eq!(verdict(GRANTS, &one(vec![gone])), expected, "{path} deleted");
        }
    }

    #[test]
    fn b26_grants_of_one_ref_do_not_lend_paths_to_another() {
        let names = ["refs/heads/agent/claude-1/x", "refs/heads/shared"];
        let both = |changes| push(names.map(|n| update(n, Update)).to_vec(), vec![commit(9, changes)]);
        assert_eq!(verdict(GRANTS, &both(vec![change("docs/x")])), "refuse: write.outside-grant");
        assert_eq!(verdict(GRANTS, &both(vec![change("src/x")])), "refuse: write.outside-grant");
        let mut apart = push(
            names.map(|n| update(n, Update)).to_vec(),
            vec![commit(9, vec![change("src/x")]), commit(8, vec![change("docs/x")])],
        );
        apart.groups = vec![Group { updates: vec![0], commits: vec![0] }, Group { updates: vec![1], commits: vec![1] }];
        assert_eq!(verdict(GRANTS, &apart), "accept: ");
        apart.groups.swap(0, 1);
        apart.groups[0].commits = vec![0];
        apart.groups[1].commits = vec![1];
        assert_eq!(verdict(GRANTS, &apart), "refuse: write.outside-grant write.outside-grant");
        let mut mixed = both(vec![change("docs/x")]);
        mixed.updates[0].kind = Delete;
        mixed.updates[0].update.new = None;
        assert_eq!(verdict(GRANTS, &mixed), "refuse: ref.no-grant");
    }

    #[test]
    fn b16_what_a_rewind_drops_is_judged_like_what_it_adds() {
        let dropped = CommitFacts { direction: Direction::Dropped, ..commit(8, vec![change("src/x")]) };
        let facts = push(vec![update("refs/heads/shared", Rewind)], vec![dropped]);
        let judgement = judge(GRANTS, &facts);
        assert_eq!(judgement.findings[0].message, "you may write docs/**; dropped by this rewind");
        assert!(judgement.findings[0].fix.contains("without --force"));
    }

    #[test]
    fn the_fix_is_a_command_with_real_ids() {
        let fix = |facts: &PushFacts| judge(GRANTS, facts).findings[0].fix.clone();
        let edited = |path| Change { old: vec![change(path).new], ..change(path) };
        let tip = one(vec![edited("infra/main.tf")]);
        let amend = "git commit --amend --allow-empty --no-edit";
        assert_eq!(fix(&tip), format!("git restore -SW -s 0808080808 -- infra/main.tf && {amend}"));
        let added = one(vec![change("infra/x")]);
        assert_eq!(fix(&added), format!("git rm -qf --ignore-unmatch -- infra/x && {amend}"));
        let quoted = one(vec![edited("infra/a b'[c]")]);
        assert_eq!(fix(&quoted), format!("git restore -SW -s 0808080808 -- ':(literal)infra/a b'\\''[c]' && {amend}"));
        let hidden = one(vec![change("infra/\u{202e}")]);
        assert_eq!(fix(&hidden), format!("take the change out and {amend}"));
        let mut earlier = one(vec![]);
        earlier.commits.push(commit(8, vec![edited("infra/x")]));
        earlier.groups[0].commits.push(1);
        let take_out = format!("git restore -SW -s 0707070707 -- infra/x && {amend}");
        assert_eq!(fix(&earlier), format!("git rebase -X theirs -x '{take_out}' 0707070707"));
        earlier.commits[0].parents.push(id(6));
        assert_eq!(
            fix(&earlier),
            format!(
                "git rebase -i --rebase-merges 0707070707, edit 0808080808: {take_out}; git rebase --continue, push again"
            )
        );
        let mut root = one(vec![Change { old: vec![], ..change("infra/x") }]);
        root.commits[0].parents.clear();
        assert_eq!(fix(&root), format!("git rm -qf --ignore-unmatch -- infra/x && {amend}"));
        let mut merge = one(vec![change("infra/x")]);
        merge.commits[0].parents = vec![id(7), id(6)];
        assert_eq!(fix(&merge), "git reset --hard 0707070707 && git merge 0606060606");
    }

    #[test]
    fn a_used_up_quota_grants_nothing_until_another_grant_does() {
        let limited = GRANTS.replace("write = [", "quota = { pushes = \"2/hour\", bytes = \"2000 B/day\" }\nwrite = [");
        let usage = |pushes, bytes| Usage {
            hour: Count { pushes, bytes: 0 },
            day: Count { pushes: 0, bytes },
            ..Usage::default()
        };
        let rules = |text: &str, usage| {
            let judgement = judge_with_usage(text, &one(vec![change("src/x")]), usage);
            judgement.findings.into_iter().map(|f| f.rule).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(rules(&limited, usage(1, 1000)), "");
        assert_eq!(rules(&limited, usage(2, 0)), "quota.pushes");
        assert_eq!(rules(&limited, usage(0, 1001)), "quota.bytes");
        let second = "[[grant]]\nto = \"claude-1\"\nrepo = \"app\"\nrefs = \"refs/heads/**\"\nallow = [\"update\"]\n";
        let more = format!("{limited}{second}write = \"src/**\"\n");
        assert_eq!(rules(&more, usage(2, 0)), "");
        let less = format!("{limited}{second}write = \"docs/**\"\n");
        assert_eq!(rules(&less, usage(2, 0)), "quota.pushes");
    }

    #[test]
    fn a_grant_for_signed_pushes_gives_others_nothing() {
        let signed = GRANTS.replacen("write = [", "signed = true\nwrite = [", 1);
        let flawed = Checked::new(b"", b"", &[], "", NonceStatus::Ok);
        let rules = |text: &str, push_cert: PushCert<'_>, path: &str| {
            let hearing = Hearing { push_cert, ..Hearing::default() };
            let judgement = judge_heard(text, &one(vec![change(path)]), Usage::default(), hearing);
            judgement.findings.into_iter().map(|f| f.rule).collect::<Vec<_>>().join(" ")
        };
        for (push_cert, expected) in [
            (PushCert::Missing, "push-cert.missing"),
            (PushCert::Counts, ""),
            (PushCert::Assumed, ""),
            (PushCert::Flawed(&flawed), "push-cert.bad"),
        ] {
            assert_eq!(rules(&signed, push_cert, "src/x"), expected, "{push_cert:?}");
        }
        // Who signs means it, whether it is asked for or not.
        assert_eq!(rules(GRANTS, PushCert::Missing, "src/x"), "");
        assert_eq!(rules(GRANTS, PushCert::Counts, "src/x"), "");
        assert_eq!(rules(GRANTS, PushCert::Flawed(&flawed), "src/x"), "push-cert.bad");
        // Another grant is enough, for what it lets write.
        let second = "[[grant]]\nto = \"claude-1\"\nrepo = \"app\"\nrefs = \"refs/heads/**\"\nallow = [\"update\"]\n";
        let two = format!("{signed}{second}write = \"docs/**\"\n");
        assert_eq!(rules(&two, PushCert::Missing, "docs/x"), "");
        assert_eq!(rules(&two, PushCert::Missing, "src/x"), "push-cert.missing");
        assert_eq!(rules(&two, PushCert::Missing, "infra/x"), "write.outside-grant");
        assert_eq!(rules(&two, PushCert::Counts, "src/x"), "");
        // What can be done at once is told before what has to be waited for.
        let used = signed.replacen("signed", "quota = { pushes = \"1/hour\" }\nsigned", 1);
        let usage = Usage { hour: Count { pushes: 1, bytes: 0 }, ..Usage::default() };
        let judgement = judge_heard(&used, &one(vec![change("src/x")]), usage, Hearing::default());
        assert_eq!(judgement.findings[0].rule, "push-cert.missing");
        let problem = crate::policy::Policy::parse("p", &GRANTS.replacen("write", "signed = 1\nwrite", 1));
        assert!(problem.expect_err("a problem").to_string().contains("signed"));
    }

    #[test]
    fn b23_a_symlink_leads_only_to_what_may_be_written() {
        let rule = "[rule.r]\nkind = \"path\"\nmatch = \"src/guarded/**\"\nthen = \"hold\"\n";
        let text = format!("{GRANTS}{rule}");
        let table = [
            (symlink("src/l", "lib/x"), "accept: "),
            (symlink("src/l", "../tests/x"), "accept: "),
            (symlink("src/l", "../infra"), "refuse: symlink.target"),
            (symlink("src/l", "../../etc"), "refuse: symlink.target"),
            (symlink("src/l", "/etc/passwd"), "refuse: symlink.target"),
            (symlink("src/l", "../.git/config"), "refuse: symlink.target"),
            (symlink("src/l", "keys/x"), "refuse: symlink.target"),
            (symlink("src/l", "keys"), "refuse: symlink.target"),
            (symlink("src/l", "."), "refuse: symlink.target"),
            (symlink("src/l", "guarded/x"), "refuse: symlink.target"),
            (symlink("src/l", "Guarded"), "refuse: symlink.target"),
            (Change { link_target: None, ..symlink("src/l", "") }, "refuse: symlink.target"),
            (Change { old: vec![entry(SYMLINK, 1)], new: None, ..change("src/l") }, "accept: "),
        ];
        for (change, expected) in table {
            assert_eq!(verdict(&text, &one(vec![change.clone()])), expected, "{change:?}");
        }
        let any = format!("{text}[repo.app]\nsymlink_targets = \"any\"\n");
        assert_eq!(verdict(&any, &one(vec![symlink("src/l", "/etc/passwd")])), "accept: ");
        assert_eq!(verdict(&any, &one(vec![symlink("src/guarded", "lib")])), "hold: r");
    }

    #[test]
    fn the_strongest_effect_decides_and_observing_lets_rules_only_warn() {
        let rule = |id: &str, path: &str, then: &str| {
            format!("[rule.{id}]\nkind = \"path\"\nmatch = \"{path}\"\nthen = \"{then}\"\n")
        };
        let rules = [rule("w", "**/w", "warn"), rule("h", "**/h", "hold"), rule("r", "**/r", "refuse")].concat();
        let text = format!("{GRANTS}{rules}");
        let of = |paths: &[&str]| one(paths.iter().map(change).collect());
        assert_eq!(verdict(&text, &of(&["src/x"])), "accept: ");
        assert_eq!(verdict(&text, &of(&["src/w"])), "accept: w");
        assert_eq!(verdict(&text, &of(&["src/w", "src/h"])), "hold: h w");
        assert_eq!(verdict(&text, &of(&["src/h", "src/w", "src/r"])), "refuse: r h w");
        let observe = format!("{text}[repo.app]\nmode = \"observe\"\n");
        assert_eq!(verdict(&observe, &of(&["src/h", "src/w", "src/r"])), "accept: r h w");
        assert_eq!(verdict(&observe, &of(&["src/r", "infra/x"])), "refuse: write.outside-grant r");
        assert_eq!(verdict(&observe, &of(&["src/a\nb"])), "refuse: name.control");
    }

    #[test]
    fn rules_apply_where_they_say() {
        let text =
            |keys: &str| format!("{GRANTS}[rule.r]\nkind = \"path\"\nmatch = \"**\"\nthen = \"refuse\"\n{keys}\n");
        for (keys, speaks) in [
            ("", true),
            ("repos = \"app\"", true),
            ("repos = [\"a*\"]", true),
            ("repos = [\"other\"]", false),
            ("refs = \"refs/heads/agent/{principal}/**\"", true),
            ("refs = \"refs/heads/Agent/**\"", true),
            ("refs = [\"**\", \"!refs/heads/agent/**\"]", false),
            ("refs = \"refs/tags/**\"", false),
            ("principals = \"claude-1\"", true),
            ("principals = [\"bots\"]", true),
            ("principals = [\"dana\", \"claude-2\"]", false),
        ] {
            let expected = if speaks { "refuse: r" } else { "accept: " };
            assert_eq!(verdict(&text(keys), &one(vec![change("src/x")])), expected, "{keys}");
        }
    }

    #[test]
    fn the_admins_words_replace_ours() {
        let text = format!(
            "{GRANTS}[rule.r]\nkind = \"path\"\nmatch = \"src/x\"\nthen = \"refuse\"\nmessage = \"ask Dana\"\nfix = \"call 123\"\n"
        );
        let judgement = judge(&text, &one(vec![change("src/x")]));
        assert_eq!(
            (judgement.findings[0].message.as_str(), judgement.findings[0].fix.as_str()),
            ("ask Dana", "call 123")
        );
    }

    #[test]
    fn findings_are_capped_counted_and_in_one_order_and_those_of_earlier_stages_count() {
        let policy = policy(GRANTS);
        let earlier = |message: &str, effect| Finding {
            rule: "object.bad".into(),
            effect,
            would: None,
            place: Default::default(),
            message: message.into(),
            fix: String::new(),
        };
        let given = [earlier("b", Effect::Warn), earlier("a", Effect::Refuse), earlier("c", Effect::Refuse)];
        let changes = ["infra/1", "infra/2", "infra/3"].iter().map(change).collect();
        let facts = push(vec![update("refs/heads/agent/claude-1/x", Update)], vec![commit(9, changes)]);
        let judged = |findings_max| {
            let case = Case {
                principal: &principal(&policy, "claude-1"),
                repo: &repo(),
                facts: &facts,
                findings: &given,
                usage: &Usage::default(),
                now: now(),
                findings_max,
                hearing: crate::policy::Hearing::default(),
            };
            let judgement = policy.judge(&case);
            let shown = |f: Finding| f.place.path.map_or(f.message, |path| path.to_string());
            let shown: Vec<String> = judgement.findings.into_iter().map(shown).collect();
            (shown.join(" "), judgement.more_findings, judgement.decision.as_str())
        };
        assert_eq!(judged(6), ("a c infra/1 infra/2 infra/3 b".into(), 0, "refuse"));
        assert_eq!(judged(5), ("a c infra/1 infra/2 infra/3".into(), 1, "refuse"));
        assert_eq!(judged(3), ("a c infra/1".into(), 3, "refuse"));
        assert_eq!(judged(0), (String::new(), 6, "refuse"));
    }

    #[test]
    fn somebody_the_policy_does_not_know_may_do_nothing_and_every_rule_looks() {
        let rule = "[rule.r]\nkind = \"path\"\nmatch = \"**\"\nthen = \"refuse\"\nprincipals = \"dana\"\n";
        let policy = policy(&format!("{GRANTS}{rule}"));
        let mut stranger = principal(&policy, "claude-1");
        stranger.name = crate::model::PrincipalName::parse("claude-3").expect("a name");
        let case = Case {
            principal: &stranger,
            repo: &repo(),
            facts: &push(vec![update("refs/heads/agent/claude-3/x", Update)], vec![commit(9, vec![change("src/x")])]),
            findings: &[],
            usage: &Usage::default(),
            now: now(),
            findings_max: 9,
            hearing: crate::policy::Hearing::default(),
        };
        let rules: Vec<String> = policy.judge(&case).findings.into_iter().map(|f| f.rule).collect();
        assert_eq!(rules, ["ref.no-grant", "r"]);
        assert!(!policy.may_see_repo(&stranger, &repo(), now()));
    }

    #[test]
    fn many_refs_over_many_commits_are_gone_through_once() {
        let updates = (0..3000).map(|i| update(&format!("refs/heads/agent/claude-1/{i}"), Create)).collect();
        let commits = (0..3000).map(|_| commit(8, vec![change("src/x")])).collect();
        assert_eq!(verdict(GRANTS, &push(updates, commits)), "accept: ");
    }

    #[test]
    fn an_approval_holds_the_updates_of_the_push() {
        let facts = one(vec![change("src/x")]);
        let Decision::Accept(approval) = judge(GRANTS, &facts).decision else { panic!("not accepted") };
        assert_eq!(approval.repo(), &repo());
        assert_eq!(approval.updates(), [facts.updates[0].update.clone()]);
    }
}
