//! The rules in effect: the policy's own, and those of the presets its repositories use, with what the policy says of
//! these by their ids.

use crate::model::RepoName;
use crate::policy::pattern::{PatternOf, Subject, Who};
use crate::policy::pattern_list::PatternList;
use crate::policy::people::People;
use crate::policy::presets::{PRESETS, Preset};
use crate::policy::rules::Rule;
use crate::policy::settings::{Mode, Repo};
use crate::policy::source::{Origin, Source};
use crate::strict::{self, Problem, Span, Table, Value, suggest};
use std::collections::{BTreeMap, BTreeSet};

/// One `[rule.ID]` of the policy.
struct Written<'t, 'i> {
    id: String,
    span: Span,
    value: Value<'t, 'i>,
    /// Where it counts; `None` if that cannot be read.
    repos: Option<PatternList>,
    meets: Meets,
}

/// Whether a preset in use has a rule of the same id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Meets {
    Nothing,
    /// Only in repositories that the policy's rule is not for.
    Elsewhere,
    Rule,
}

/// A preset's file as some repositories use it.
struct Use {
    file: &'static Preset,
    /// The preset that was asked for: this one, or one that includes it.
    name: &'static str,
    mode: Option<Mode>,
    repos: BTreeSet<RepoName>,
    /// Where the first of them asks for it.
    span: Span,
}

/// Reads the policy's `[rule.ID]` tables, over the rules of the presets in use.
pub fn rules(
    entries: Vec<(String, Span, Value<'_, '_>)>,
    repos: &BTreeMap<RepoName, Repo>,
    people: &People,
    problems: &mut Vec<Problem>,
) -> Vec<Rule> {
    let uses = uses(repos);
    let mut written: Vec<Written<'_, '_>> =
        entries.into_iter().map(|(id, span, value)| Written::new(id, span, value)).collect();
    let mut of_presets = Vec::new();
    let mut found = Vec::new();
    for used in &uses {
        of_presets.extend(used.rules(&mut written, people, &mut found));
    }
    clashes(&uses, &of_presets, &mut found);
    let mut rules: Vec<Rule> = written.iter().filter_map(|w| w.read(&uses, people, &mut found)).collect();
    // Of a rule that is read over two presets, each problem once.
    for problem in found {
        if !problems.contains(&problem) {
            problems.push(problem);
        }
    }
    rules.extend(of_presets);
    rules
}

fn uses(repos: &BTreeMap<RepoName, Repo>) -> Vec<Use> {
    let mut uses: Vec<Use> = Vec::new();
    for (repo, settings) in repos {
        for (preset, span) in &settings.presets {
            let summary = preset.summary();
            for file in std::iter::once(*preset).chain(summary.includes) {
                if let Some(used) = uses.iter_mut().find(|used| used.name == preset.name && used.file == file) {
                    used.repos.insert(repo.clone());
                    continue;
                }
                let repos = BTreeSet::from([repo.clone()]);
                uses.push(Use { file, name: preset.name, mode: summary.mode, repos, span: span.clone() });
            }
        }
    }
    uses
}

impl<'t, 'i> Written<'t, 'i> {
    fn new(id: String, span: Span, value: Value<'t, 'i>) -> Self {
        // What is wrong with the list is told when the rule is read.
        let mut unheard = Vec::new();
        let repos = match value.table(&mut unheard).and_then(|mut table| table.get("repos")) {
            Some(list) => PatternList::read(list, PatternOf::Repo, &mut unheard),
            None => Some(PatternList::fixed(&["**"], PatternOf::Repo)),
        };
        Self { id, span, value, repos, meets: Meets::Nothing }
    }

    fn is_in(&self, repo: &RepoName) -> bool {
        let name = Subject::name(repo.as_str().as_bytes());
        self.repos.as_ref().is_none_or(|repos| repos.forbids(&name, Who::Anyone))
    }

    /// The policy's own rule; none if it only speaks of a preset's.
    fn read(&self, uses: &[Use], people: &People, problems: &mut Vec<Problem>) -> Option<Rule> {
        if !self.value.has("kind") && self.value.is_table() {
            match self.meets {
                Meets::Rule => return None,
                Meets::Elsewhere => {
                    let message = format!("no repository of this rule has a preset with the rule `{}`", self.id);
                    problems.push(Problem::new(self.span.clone(), message).help("see `repos`"));
                    return None;
                }
                Meets::Nothing if self.needs_preset(uses, problems) => return None,
                Meets::Nothing => {}
            }
        }
        Rule::read((&self.id, self.span.clone()), self.value.table(problems)?, Origin::Policy, people, problems)
    }

    /// Says what a rule without a kind may be meant to be, if it could be a preset's.
    fn needs_preset(&self, uses: &[Use], problems: &mut Vec<Problem>) -> bool {
        let ids: Vec<(&str, String)> = PRESETS
            .iter()
            .flat_map(|preset| preset.summary().rules.into_iter().map(|[id, ..]| (preset.name, id)))
            .collect();
        let not_in_use = ids.iter().find(|(_, id)| *id == self.id);
        let in_use = ids.iter().filter(|(name, _)| uses.iter().any(|used| used.file.name == *name));
        let in_use: Vec<&str> = in_use.map(|(_, id)| id.as_str()).collect();
        let help = match not_in_use {
            Some((preset, _)) => format!("the preset `{preset}` has it: write preset = \"{preset}\" in [repo.NAME]"),
            None if in_use.is_empty() => return false,
            None => suggest(&self.id, &in_use),
        };
        let message = format!("this rule has no `kind`, and no preset in use has a rule `{}`", self.id);
        problems.push(Problem::new(self.span.clone(), message).help(help));
        true
    }
}

impl Use {
    fn rules(&self, written: &mut [Written<'_, '_>], people: &People, problems: &mut Vec<Problem>) -> Vec<Rule> {
        let read = |root: &mut Table<'_, '_>, own: &mut Vec<Problem>| {
            let entries = root.get("rule").and_then(|v| v.table(own)).map(|mut table| table.entries());
            let mut rules = Vec::new();
            for (id, _, base) in entries.unwrap_or_default() {
                let said = written.iter_mut().find(|written| written.id == id);
                let taken: BTreeSet<RepoName> = match &said {
                    Some(said) => self.repos.iter().filter(|repo| said.is_in(repo)).cloned().collect(),
                    None => BTreeSet::new(),
                };
                let left: BTreeSet<RepoName> = self.repos.difference(&taken).cloned().collect();
                if !left.is_empty()
                    && let Some(table) = base.table(own)
                {
                    let rule = Rule::read((&id, self.span.clone()), table, Origin::Preset(self.name), people, own);
                    rules.extend(rule.map(|rule| self.placed(rule, left)));
                }
                if let Some(said) = said {
                    said.meets = said.meets.max(if taken.is_empty() { Meets::Elsewhere } else { Meets::Rule });
                    let rule = self.overridden(said, base, people, problems);
                    rules.extend(rule.filter(|_| !taken.is_empty()).map(|rule| self.placed(rule, taken)));
                }
            }
            // The keys that a summary has.
            root.entries();
            Some(rules)
        };
        strict::parse(self.file.name, self.file.text, read).unwrap_or_else(|broken| {
            let message = format!("the preset `{}` itself is broken: {broken}", self.file.name);
            problems.push(Problem::new(self.span.clone(), message));
            Vec::new()
        })
    }

    fn placed(&self, mut rule: Rule, repos: BTreeSet<RepoName>) -> Rule {
        rule.only = Some(repos);
        if let (None, Some(mode)) = (rule.mode, self.mode) {
            rule.mode = Some(mode);
            for key in rule.keys.iter_mut().filter(|key| key.name == "mode") {
                key.value = Some(format!("\"{}\"", mode.as_str()));
                key.source = Source::Preset(self.name);
            }
        }
        rule
    }

    /// The preset's rule with what the policy says of it; none if that replaces it or switches it off.
    fn overridden<'t>(
        &self,
        said: &Written<'t, '_>,
        base: Value<'t, '_>,
        people: &People,
        problems: &mut Vec<Problem>,
    ) -> Option<Rule> {
        if said.value.has("kind") {
            return None;
        }
        let mut own = said.value.table(problems)?;
        if own.get("then").and_then(Value::as_str) == Some("off") {
            own.get("repos").map(|list| PatternList::read(list, PatternOf::Repo, problems));
            own.finish(problems);
            return None;
        }
        let table = said.value.table_over(base, problems)?;
        Rule::read((&said.id, said.span.clone()), table, Origin::PolicyOver(self.name), people, problems)
    }
}

/// Two presets of one repository that have a rule of the same id: which of them an id means would not be clear.
fn clashes(uses: &[Use], rules: &[Rule], problems: &mut Vec<Problem>) {
    let mut told = BTreeSet::new();
    for (index, second) in rules.iter().enumerate() {
        let same = |first: &&Rule| {
            let meet = first.only.iter().zip(&second.only).any(|(ours, theirs)| !ours.is_disjoint(theirs));
            first.id == second.id && first.origin.preset() != second.origin.preset() && meet
        };
        let Some(first) = rules.iter().take(index).find(same) else { continue };
        let (Some(a), Some(b)) = (first.origin.preset(), second.origin.preset()) else { continue };
        let place = uses.iter().find(|used| used.name == b).map(|used| used.span.clone()).unwrap_or_default();
        if told.insert((a, b)) {
            let message = format!("`{a}` and `{b}` both have the rule `{}`", second.id);
            problems.push(Problem::new(place, message).help("use one of the two presets"));
        }
    }
}
