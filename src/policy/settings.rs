//! `[repo.NAME]` of the policy: how a repository's pushes are judged beside grants and rules.

use crate::model::RepoName;
use crate::strict::{Problem, Table};
use std::collections::BTreeMap;

/// Settings of one repository; the default is the strictest of each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RepoSettings {
    pub mode: Mode,
    pub symlink_targets: SymlinkTargets,
    pub tags_without_tagger: TagsWithoutTagger,
    pub reserved_names: ReservedNames,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    #[default]
    Enforce,
    /// Rules only warn. Grants, quotas and the checks that are always on stay as they are.
    Observe,
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

/// Named bundles of rules. There are none yet.
const PRESETS: [&str; 0] = [];

/// Reads all `[repo.NAME]`.
pub fn read(root: &mut Table<'_, '_>, problems: &mut Vec<Problem>) -> BTreeMap<RepoName, RepoSettings> {
    let mut all = BTreeMap::new();
    let Some(mut table) = root.get("repo").and_then(|v| v.table(problems)) else { return all };
    for (name, span, value) in table.entries() {
        match RepoName::parse(&name) {
            Err(error) => problems.push(Problem::new(span, error.to_string())),
            Ok(name) => {
                let settings = value.table(problems).map(|mut table| read_one(&mut table, problems));
                all.insert(name, settings.unwrap_or_default());
            }
        }
    }
    all
}

fn read_one(table: &mut Table<'_, '_>, problems: &mut Vec<Problem>) -> RepoSettings {
    if let Some(value) = table.get("preset")
        && let Some(name) = value.string(problems)
    {
        let known = if PRESETS.is_empty() { "none" } else { &PRESETS.join(", ") };
        let problem = Problem::new(value.span(), format!("there is no preset `{}`", name.escape_debug()));
        problems.push(problem.help(format!("presets are not available yet; there are: {known}")));
    }
    let mode =
        table.get("mode").and_then(|v| v.one_of(&[("enforce", Mode::Enforce), ("observe", Mode::Observe)], problems));
    let symlink_targets = table
        .get("symlink_targets")
        .and_then(|v| v.one_of(&[("checked", SymlinkTargets::Checked), ("any", SymlinkTargets::Any)], problems));
    let tags_without_tagger = table.get("tags_without_tagger").and_then(|v| {
        v.one_of(&[("refuse", TagsWithoutTagger::Refuse), ("allow", TagsWithoutTagger::Allow)], problems)
    });
    let reserved_names = table
        .get("reserved_names")
        .and_then(|v| v.one_of(&[("refuse", ReservedNames::Refuse), ("allow", ReservedNames::Allow)], problems));
    table.finish(problems);
    RepoSettings {
        mode: mode.unwrap_or_default(),
        symlink_targets: symlink_targets.unwrap_or_default(),
        tags_without_tagger: tags_without_tagger.unwrap_or_default(),
        reserved_names: reserved_names.unwrap_or_default(),
    }
}
