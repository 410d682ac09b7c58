//! The rules an admin can write: one file a kind, and what all kinds have in common.
//!
//! To add a kind: a new file with its settings, doc text, check and table test, and one line in [`KINDS`].

pub mod always;
pub mod amount;
pub mod binary;
pub mod ci_privilege;
pub mod conflict_marker;
pub mod entry_name;
pub mod entry_type;
pub mod identity;
pub mod invisible_text;
pub mod lfs;
pub mod manifest;
pub mod merge;
pub mod message;
pub mod path;
pub mod ref_name;
pub mod secret;
pub mod signature;
pub mod size;
pub mod test_weakening;
pub mod text;

use crate::model::{Change, CommitFacts, Effect, Needs, PushFacts, RefName, RepoName, UpdateFacts, is_invisible};
use crate::policy::content::{Content, Unreadable};
use crate::policy::findings::{ChangeView, Findings, Voice};
use crate::policy::hearing::CODEOWNERS;
use crate::policy::object_text::{CommitText, TagText};
use crate::policy::pattern::{PatternOf, Subject, Who};
use crate::policy::pattern_list::{PatternList, one_or_more};
use crate::policy::people::{NameList, People};
use crate::policy::pusher::Pusher;
use crate::policy::settings::{MODES, Mode};
use crate::policy::source::{Key, Origin};
use crate::policy::spotted::Spotted;
use crate::strict::{Problem, Span, Table, Value, suggest};
use std::collections::BTreeSet;
use std::fmt;

/// What a kind of rule looks at. Everything it has nothing to say about is empty.
pub trait Check: fmt::Debug + Send + Sync {
    fn update(&self, _update: &UpdateFacts, _who: Who<'_>, _voice: Voice<'_>, _findings: &mut Findings) {}

    fn commit(&self, _commit: &CommitFacts, _voice: Voice<'_>, _findings: &mut Findings) {}

    fn change(&self, _view: &ChangeView<'_>, _who: Who<'_>, _voice: Voice<'_>, _findings: &mut Findings) {}

    /// Whether the check has anything to say about what is in files: [`Self::wants`] and [`Self::content`].
    fn looks_into_files(&self) -> bool {
        false
    }

    /// Whether it is to look into this changed entry. Asked often: by path and entry only.
    fn wants(&self, _change: &Change, _path: &Subject<'_>, _who: Who<'_>) -> bool {
        true
    }

    /// Looks into a changed entry of an added commit: a file, a symlink's target, or what a deletion leaves (nothing).
    /// A change of the mode alone comes too: [`Change::brings_content`].
    fn content(&self, _content: &Content<'_>, _spotted: &mut Spotted<'_>) -> Result<(), Unreadable> {
        Ok(())
    }

    /// Whether the check has anything to say about commit and tag objects: the two below.
    fn looks_into_objects(&self) -> bool {
        false
    }

    fn commit_object(&self, _commit: &CommitText<'_>, _pusher: &Pusher<'_>, _spotted: &mut Spotted<'_>) {}

    fn tag_object(&self, _tag: &TagText<'_>, _pusher: &Pusher<'_>, _spotted: &mut Spotted<'_>) {}

    /// Once for a push, if any of its ref updates is the rule's.
    fn push(&self, _facts: &PushFacts, _voice: Voice<'_>, _findings: &mut Findings) {}

    /// Facts without which the check cannot run.
    fn needs(&self) -> Needs {
        Needs::default()
    }

    /// The paths nobody may change unseen, not even through a link.
    fn guarded_paths(&self) -> Option<&PatternList> {
        None
    }

    /// Why no push at all could pass, if the rule refuses.
    fn stops_everything(&self) -> Option<&'static str> {
        None
    }

    /// Groups the check itself names, with their places.
    fn groups(&self) -> &[(String, Span)] {
        &[]
    }

    /// Patterns of which some may be without effect, for the lint.
    fn patterns(&self) -> Option<&PatternList> {
        None
    }
}

/// A kind of rule as the list below knows it.
pub struct RuleKind {
    pub name: &'static str,
    pub doc: &'static str,
    pub read: Read,
}

/// Reads the keys that only this kind has.
pub type Read = fn(&mut Table<'_, '_>, &mut Vec<Problem>) -> Option<Box<dyn Check>>;

/// Every kind of rule there is.
pub const KINDS: &[RuleKind] = &[
    RuleKind { name: "path", doc: path::DOC, read: path::read },
    RuleKind { name: "ref-name", doc: ref_name::DOC, read: ref_name::read },
    RuleKind { name: "entry-type", doc: entry_type::DOC, read: entry_type::read },
    RuleKind { name: "entry-name", doc: entry_name::DOC, read: entry_name::read },
    RuleKind { name: "size", doc: size::DOC, read: size::read },
    RuleKind { name: "amount", doc: amount::DOC, read: amount::read },
    RuleKind { name: "conflict-marker", doc: conflict_marker::DOC, read: conflict_marker::read },
    RuleKind { name: "text", doc: text::DOC, read: text::read },
    RuleKind { name: "binary", doc: binary::DOC, read: binary::read },
    RuleKind { name: "invisible-text", doc: invisible_text::DOC, read: invisible_text::read },
    RuleKind { name: "lfs", doc: lfs::DOC, read: lfs::read },
    RuleKind { name: "merge", doc: merge::DOC, read: merge::read },
    RuleKind { name: "secret", doc: secret::DOC, read: secret::read },
    RuleKind { name: "identity", doc: identity::DOC, read: identity::read },
    RuleKind { name: "message", doc: message::DOC, read: message::read },
    RuleKind { name: "signature", doc: signature::DOC, read: signature::read },
    RuleKind { name: "manifest", doc: manifest::DOC, read: manifest::read },
    RuleKind { name: "ci-privilege", doc: ci_privilege::DOC, read: ci_privilege::read },
    RuleKind { name: "test-weakening", doc: test_weakening::DOC, read: test_weakening::read },
];

/// One `[rule.ID]`.
#[derive(Debug)]
pub struct Rule {
    pub id: String,
    pub kind: &'static str,
    pub check: Box<dyn Check>,
    pub then: Effect,
    /// Its own mode; the repository's may be to observe as well.
    pub mode: Option<Mode>,
    repos: PatternList,
    /// Of a preset's rule: the repositories it is left in, by name.
    pub only: Option<BTreeSet<RepoName>>,
    refs: PatternList,
    /// `None`: everybody.
    principals: Option<NameList>,
    message: Option<String>,
    fix: Option<String>,
    /// Groups and humans, as written; none: see [`crate::policy::hearing`].
    pub approvers: Vec<String>,
    /// How many of them must approve.
    pub approvals: usize,
    /// Whether the human who answers for the agent counts as one of them.
    pub sponsor_may_approve: bool,
    /// Of a preset's rule that the policy says nothing of: where the preset is asked for.
    pub span: Span,
    pub origin: Origin,
    /// Every key there is, with its value.
    pub keys: Vec<Key>,
}

pub const EFFECTS: [(&str, Effect); 3] = [("warn", Effect::Warn), ("hold", Effect::Hold), ("refuse", Effect::Refuse)];

/// What the policy can make of a preset's rule; that of those that are off is never read to the end.
const EFFECTS_OVER: [(&str, Option<Effect>); 4] =
    [("warn", Some(Effect::Warn)), ("hold", Some(Effect::Hold)), ("refuse", Some(Effect::Refuse)), ("off", None)];

/// What counts where nothing is said. `match` means refs in a `ref-name` rule, and has no default there.
const DEFAULTS: [(&str, &str); 4] =
    [("refs", "[\"**\"]"), ("mode", "\"enforce\""), ("repos", "[\"**\"]"), ("match", "[\"**\"]")];

/// The most people a rule can ask for.
const APPROVALS_MAX: usize = 20;

/// Longest own text of an admin, so that a message stays a line.
const TEXT_LENGTH_MAX: usize = 300;

impl Rule {
    pub fn read(
        (id, span): (&str, Span),
        mut table: Table<'_, '_>,
        origin: Origin,
        people: &People,
        problems: &mut Vec<Problem>,
    ) -> Option<Self> {
        check_id(id, &span, problems);
        let kind = table.require("kind", problems).and_then(|v| read_kind(v, problems));
        let then = table.require("then", problems).and_then(|v| read_effect(v, origin, problems));
        let mode = table.get("mode").and_then(|v| v.one_of(&MODES, problems));
        let repos = scope(&mut table, "repos", PatternOf::Repo, problems);
        let refs = scope(&mut table, "refs", PatternOf::PushedRef, problems);
        let principals = table.get("principals").map(|v| NameList::read(v, people, problems).unwrap_or_default());
        for (name, span) in principals.iter().flat_map(|list| &list.unknown) {
            problems.push(Problem::new(span.clone(), format!("there is no principal or group `{name}`")));
        }
        let message = table.get("message").and_then(|v| read_text(v, problems));
        let fix = table.get("fix").and_then(|v| read_text(v, problems));
        let approvers = table.get("approvers").map(|v| (v.span(), read_approvers(v, people, problems)));
        let approvals = table.get("approvals");
        let sponsor = table.get("sponsor_may_approve");
        let spans = approvers
            .iter()
            .map(|(span, _)| span.clone())
            .chain([approvals, sponsor].into_iter().flatten().map(Value::span));
        for span in spans.filter(|_| matches!(then, Some(Effect::Warn | Effect::Refuse))) {
            problems.push(Problem::new(span, "only a rule with then = \"hold\" has approvers"));
        }
        let approvals = approvals.and_then(|v| read_approvals(v, problems)).unwrap_or(1);
        let sponsor_may_approve = sponsor.and_then(|v| v.boolean(problems)).unwrap_or(false);
        // Without a kind the other keys mean nothing: they are not called unknown.
        let kind = kind?;
        let check = (kind.read)(&mut table, problems);
        table.finish(problems);
        for (name, span) in check.iter().flat_map(|check| check.groups()) {
            if !people.groups().contains_key(name) {
                problems.push(Problem::new(span.clone(), format!("there is no group `{}`", name.escape_debug())));
            }
        }
        Some(Self {
            id: id.to_owned(),
            kind: kind.name,
            check: check?,
            then: then?,
            mode,
            only: None,
            repos: repos?,
            refs: refs?,
            principals,
            message,
            fix,
            approvers: approvers.map(|(_, names)| names).unwrap_or_default(),
            approvals,
            sponsor_may_approve,
            span,
            origin,
            keys: origin.keys(&table, if kind.name == "ref-name" { &DEFAULTS[..3] } else { &DEFAULTS }),
        })
    }

    #[must_use]
    pub fn is_in(&self, repo: &RepoName) -> bool {
        let is_left_in = self.only.as_ref().is_none_or(|only| only.contains(repo));
        is_left_in && self.repos.forbids(&Subject::name(repo.as_str().as_bytes()), Who::Anyone)
    }

    #[must_use]
    pub fn is_whose(&self, principal: Option<usize>) -> bool {
        match (&self.principals, principal) {
            (Some(list), Some(index)) => list.contains(index),
            (None, _) | (_, None) => true,
        }
    }

    #[must_use]
    pub fn has_ref(&self, ref_name: &RefName, who: Who<'_>) -> bool {
        self.refs.forbids(&Subject::name(ref_name.as_bstr()), who)
    }

    /// Whether the rule looks at this ref of this principal. Somebody unknown is looked at by every rule.
    #[must_use]
    pub fn applies(&self, principal: Option<usize>, repo: &RepoName, ref_name: &RefName, who: Who<'_>) -> bool {
        self.is_whose(principal) && self.is_in(repo) && self.has_ref(ref_name, who)
    }

    /// The rule's voice: it only observes if the rule or the repository does.
    #[must_use]
    pub fn voice(&self, repository: Mode) -> Voice<'_> {
        let mode = if self.mode == Some(Mode::Observe) { Mode::Observe } else { repository };
        Voice { id: &self.id, effect: self.then, mode, message: self.message.as_deref(), fix: self.fix.as_deref() }
    }

    /// Whether this rule speaks, as loud or louder, wherever the other one does.
    #[must_use]
    pub fn shadows(&self, other: &Self) -> bool {
        let principals = match (&self.principals, &other.principals) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(ours), Some(theirs)) => ours.covers(theirs),
        };
        let paths = match (self.check.guarded_paths(), other.check.guarded_paths()) {
            (Some(ours), Some(theirs)) => ours.covers(theirs),
            _ => false,
        };
        let repos = match (&self.only, &other.only) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(ours), Some(theirs)) => theirs.is_subset(ours),
        };
        let observes = self.mode == Some(Mode::Observe) && other.mode != self.mode;
        paths
            && principals
            && repos
            && !observes
            && self.then >= other.then
            && self.repos.covers(&other.repos)
            && self.refs.covers(&other.refs)
    }

    /// Whether the rule is written as for all repositories, and is not for those in folders.
    #[must_use]
    pub fn misses_nested_repos(&self) -> bool {
        self.repos.patterns().iter().any(|p| p.to_string() == "*") && !self.repos.is_everything()
    }

    pub fn groups(&self) -> impl Iterator<Item = &String> {
        let own = self.check.groups().iter().map(|(name, _)| name);
        self.principals.iter().flat_map(|list| &list.groups).chain(&self.approvers).chain(own)
    }
}

/// The id is shown in messages; ids with a `.` are ours.
fn check_id(id: &str, span: &Span, problems: &mut Vec<Problem>) {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if id.len() > 64 || !id.starts_with(|c: char| c.is_ascii_alphanumeric()) || !id.chars().all(is_plain) {
        let help = "an id has letters, digits, `-` and `_`, starts with a letter or digit, and has at most 64";
        problems.push(Problem::new(span.clone(), "not an id for a rule").help(help));
    }
}

fn read_effect(value: Value<'_, '_>, origin: Origin, problems: &mut Vec<Problem>) -> Option<Effect> {
    match origin {
        Origin::Policy | Origin::Preset(_) => value.one_of(&EFFECTS, problems),
        Origin::PolicyOver(_) => value.one_of(&EFFECTS_OVER, problems).flatten(),
    }
}

fn read_kind(value: Value<'_, '_>, problems: &mut Vec<Problem>) -> Option<&'static RuleKind> {
    let word = value.string(problems)?;
    let kind = KINDS.iter().find(|kind| kind.name == word);
    if kind.is_none() {
        let names: Vec<&str> = KINDS.iter().map(|kind| kind.name).collect();
        let problem = Problem::new(value.span(), format!("there is no kind of rule `{}`", word.escape_debug()));
        problems.push(problem.help(suggest(word, &names)));
    }
    kind
}

/// Where a rule applies; everywhere, if nothing is said.
fn scope(
    table: &mut Table<'_, '_>,
    key: &'static str,
    of: PatternOf,
    problems: &mut Vec<Problem>,
) -> Option<PatternList> {
    match table.get(key) {
        Some(value) => PatternList::read(value, of, problems),
        None => Some(PatternList::fixed(&["**"], of)),
    }
}

/// Paths a rule is about: `match`, or all, without those of `except`.
pub fn read_match(table: &mut Table<'_, '_>, problems: &mut Vec<Problem>) -> Option<PatternList> {
    let paths = scope(table, "match", PatternOf::Path, problems);
    match table.get("except") {
        Some(value) => paths?.except(value, PatternOf::Path, problems),
        None => paths,
    }
}

fn read_text(value: Value<'_, '_>, problems: &mut Vec<Problem>) -> Option<String> {
    let text = value.string(problems)?;
    if text.is_empty() || text.len() > TEXT_LENGTH_MAX || text.chars().any(|c| c.is_control() || is_invisible(c)) {
        let help = format!("write one line of at most {TEXT_LENGTH_MAX} bytes, of visible characters");
        problems.push(Problem::new(value.span(), "not a text for a message").help(help));
        return None;
    }
    Some(text.to_owned())
}

/// Groups and humans, and perhaps the owners of the paths.
pub fn read_approvers(value: Value<'_, '_>, people: &People, problems: &mut Vec<Problem>) -> Vec<String> {
    let names = one_or_more(value, problems).unwrap_or_default();
    for (name, span) in &names {
        if *name != CODEOWNERS && !people.groups().contains_key(*name) && !people.is_human(name) {
            let problem = Problem::new(span.clone(), format!("there is no group or human `{}`", name.escape_debug()));
            problems.push(problem.help("write groups of [group], humans of [human.NAME], or \"CODEOWNERS\""));
        }
    }
    names.into_iter().map(|(name, _)| name.to_owned()).collect()
}

fn read_approvals(value: Value<'_, '_>, problems: &mut Vec<Problem>) -> Option<usize> {
    let number = value.unsigned(problems)?;
    let found = usize::try_from(number).ok().filter(|number| (1..=APPROVALS_MAX).contains(number));
    if found.is_none() {
        problems.push(Problem::new(value.span(), format!("from 1 to {APPROVALS_MAX} people can be asked to approve")));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_a_doc_text_that_names_it() {
        for kind in KINDS {
            assert!(kind.doc.contains(&format!("kind = \"{}\"", kind.name)), "{} has no doc text", kind.name);
            assert!(kind.doc.len() > 100, "{} has hardly any doc text", kind.name);
        }
    }
}
