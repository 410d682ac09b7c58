//! `[repo.NAME]` of the policy: how a repository's pushes are judged beside grants and rules.

use crate::model::RepoName;
use crate::policy::codeowners::Syntax;
use crate::policy::pattern_list::one_or_more;
use crate::policy::people::People;
use crate::policy::presets::{self, PRESETS, Preset};
use crate::policy::rules::read_approvers;
use crate::policy::source::{Key, Origin};
use crate::strict::{Problem, Span, Table, Value, suggest};
use std::collections::BTreeMap;

/// `[repo.NAME]` as it was read.
#[derive(Debug, Default)]
pub struct Repo {
    pub settings: RepoSettings,
    /// The presets in use, each with its place.
    pub presets: Vec<(&'static Preset, Span)>,
    /// Who approves what is held and says nothing of it itself: groups and humans, as written.
    pub approvers: Vec<String>,
    /// Whose rules its CODEOWNERS file follows.
    pub codeowners: Syntax,
    pub keys: Vec<Key>,
    pub span: Span,
}

/// Settings of one repository; the default is the strictest of each that lets something upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RepoSettings {
    pub mode: Mode,
    pub symlink_targets: SymlinkTargets,
    pub tags_without_tagger: TagsWithoutTagger,
    pub reserved_names: ReservedNames,
    pub review: Review,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    #[default]
    Enforce,
    /// Rules only warn. Grants, quotas and the checks that are always on stay as they are.
    Observe,
}

pub const MODES: [(&str, Mode); 2] = [("enforce", Mode::Enforce), ("observe", Mode::Observe)];

impl Mode {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Enforce => "enforce",
            Self::Observe => "observe",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SymlinkTargets {
    /// A symlink leads to what its pusher may write himself, and nowhere else.
    #[default]
    Checked,
    Any,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TagsWithoutTagger {
    #[default]
    Refuse,
    /// For old tags: git wrote some without.
    Allow,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ReservedNames {
    /// No new name that Windows reserves. One that is there already can be changed.
    #[default]
    Refuse,
    Allow,
}

/// Of which refs a review may be asked that are not the pusher's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Review {
    /// Of every branch there is that it may fetch. Nothing moves without a human.
    #[default]
    Branches,
    /// Of those that a grant names below `refs/for/`.
    Granted,
}

/// What counts where nothing is said.
pub const DEFAULTS: [(&str, &str); 6] = [
    ("review", "\"branches\""),
    ("codeowners", "\"github\""),
    ("mode", "\"enforce\""),
    ("symlink_targets", "\"checked\""),
    ("tags_without_tagger", "\"refuse\""),
    ("reserved_names", "\"refuse\""),
];

/// Reads all `[repo.NAME]`.
pub fn read(root: &mut Table<'_, '_>, people: &People, problems: &mut Vec<Problem>) -> BTreeMap<RepoName, Repo> {
    let mut all = BTreeMap::new();
    let Some(mut table) = root.get("repo").and_then(|v| v.table(problems)) else { return all };
    for (name, span, value) in table.entries() {
        match RepoName::parse(&name) {
            Err(error) => problems.push(Problem::new(span, error.to_string())),
            Ok(name) => {
                let settings = value.table(problems).map(|mut table| read_one(&mut table, people, problems));
                all.insert(name, settings.unwrap_or_default());
            }
        }
    }
    all
}

fn read_one(table: &mut Table<'_, '_>, people: &People, problems: &mut Vec<Problem>) -> Repo {
    let presets = table.get("preset").map(|v| read_presets(v, problems)).unwrap_or_default();
    let mode = table.get("mode").and_then(|v| v.one_of(&MODES, problems));
    let symlink_targets = table
        .get("symlink_targets")
        .and_then(|v| v.one_of(&[("checked", SymlinkTargets::Checked), ("any", SymlinkTargets::Any)], problems));
    let tags_without_tagger = table.get("tags_without_tagger").and_then(|v| {
        v.one_of(&[("refuse", TagsWithoutTagger::Refuse), ("allow", TagsWithoutTagger::Allow)], problems)
    });
    let reserved_names = table
        .get("reserved_names")
        .and_then(|v| v.one_of(&[("refuse", ReservedNames::Refuse), ("allow", ReservedNames::Allow)], problems));
    let review = table
        .get("review")
        .and_then(|v| v.one_of(&[("branches", Review::Branches), ("granted", Review::Granted)], problems));
    let approvers = table.get("approvers").map(|v| read_approvers(v, people, problems)).unwrap_or_default();
    let codeowners = table.get("codeowners").and_then(|v| v.one_of(&Syntax::WORDS, problems)).unwrap_or_default();
    table.finish(problems);
    let settings = RepoSettings {
        mode: mode.unwrap_or_default(),
        symlink_targets: symlink_targets.unwrap_or_default(),
        tags_without_tagger: tags_without_tagger.unwrap_or_default(),
        reserved_names: reserved_names.unwrap_or_default(),
        review: review.unwrap_or_default(),
    };
    Repo {
        settings,
        presets,
        approvers,
        codeowners,
        keys: Origin::Policy.keys(table, &DEFAULTS),
        span: table.span.clone(),
    }
}

fn read_presets(value: Value<'_, '_>, problems: &mut Vec<Problem>) -> Vec<(&'static Preset, Span)> {
    let mut found: Vec<(&'static Preset, Span)> = Vec::new();
    for (name, span) in one_or_more(value, problems).unwrap_or_default() {
        let Some(preset) = presets::find(name) else {
            let names: Vec<&str> = PRESETS.iter().map(|preset| preset.name).collect();
            let problem = Problem::new(span, format!("there is no preset `{}`", name.escape_debug()));
            problems.push(problem.help(suggest(name, &names)));
            continue;
        };
        if found.iter().any(|(other, _)| other.name == preset.name) {
            problems.push(Problem::new(span.clone(), "this preset is named twice"));
        }
        found.push((preset, span));
    }
    found
}
