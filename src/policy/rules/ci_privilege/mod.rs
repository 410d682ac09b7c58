//! `ci-privilege`: what a change of a CI workflow gives to those who can make it run.
//!
//! Each version of a file becomes a picture: what it asks for, and what guards it. What the new picture has gained and
//! lost is spoken of. The shape of the file, its comments and the order of its jobs mean nothing.

mod compare;
mod expression;
mod github;
mod gitlab;
mod image;
mod script;
mod source;
#[cfg(test)]
mod tests;
mod yaml;

use crate::model::{Change, Effect, Escaped};
use crate::policy::content::{Content, Unreadable};
use crate::policy::findings::Fix;
use crate::policy::pattern::{Subject, Who};
use crate::policy::pattern_list::{PatternList, one_or_more};
use crate::policy::rules::Check;
use crate::policy::rules::ci_privilege::compare::{Found, WHATS, What};
use crate::policy::rules::ci_privilege::source::{Families, Family, Version};
use crate::policy::rules::ci_privilege::yaml::Node;
use crate::policy::spotted::Spotted;
use crate::strict::{Problem, Table, Value};
use std::collections::HashSet;

pub const DOC: &str = r#"kind = "ci-privilege"
Speaks of what a change of a CI workflow gives to those who can make it run: it reads the old and the new file as YAML,
and compares what they ask for. Comments, names and order mean nothing. In a new file all that it asks for is new; of a
deleted workflow the checks are gone.
    what    = ["permissions", "secrets"]    # all of the words below, if not given
    match   = ["**", "!.github/workflows/docs.yml"]   # all workflows, if not given; also names other files to look at
    runners = ["ubuntu-latest", "acme-*"]   # labels and tags that may be used; if not given, those of the forge
    actions = ["actions/*", "acme/*"]       # actions that may be used, by tag too; if not given, any by commit id
Workflows are `.github/workflows/**`, `.forgejo/workflows/**` and `.gitea/workflows/**` with `.yml` or `.yaml`, any
`action.yml`, `.gitlab-ci.yml`, any `*.gitlab-ci.yml` and `.gitlab/ci/**`, in any spelling. Another file that `match`
names is read as what it looks like.
`permissions`: a job's token may write more than before, or its `permissions` are gone (GitHub); a new `id_tokens`.
`trigger`: an event by which strangers start the workflow with the repository's rights (`pull_request_target`,
`workflow_run`, `issue_comment` and the like), a filter of it or of `push` that is gone or lets more through; a new
downstream pipeline (GitLab).
`secrets`: a use of a secret more than before in a job, `secrets: inherit`, all secrets at once; in GitLab variables
that are named like secrets and are not set in the file.
`runner`: a label that the old file does not have and `runners` does not list.
`action`: an action that `actions` does not list. `unpinned`: an action, reusable workflow or image that is named by
tag or branch, and is new or was named by commit id or digest before. `include`: GitLab includes of another project,
an address, a component, or a file that is not named as above.
`interpolation`: `${{ … }}` in a script that gives text others write (`github.event`, `head_ref`, `ref_name`, free
inputs); in GitLab such variables in a line with `eval` or `sh -c`.
`checkout-of-pr`: the code of a pull request in a workflow with the repository's rights.
`condition`: a job, an `if`, an environment, a `needs`, a `rules` entry that is gone, or `continue-on-error` and the like
that are new; a deleted workflow. `container`: privileged ones, paths and sockets of the machine, docker in docker.
`env`: variables that change every later program, such as `LD_PRELOAD`, and others' text written to GITHUB_ENV.
`shell-download`: `curl … | sh`. It only warns, unless `what` names it.
Independent of `what` it speaks of a file that is no YAML, or that readers of YAML do not read alike (a key twice, odd
tags and line breaks), if the old one was not so; a link in the place of a workflow; a file too large to be parsed.
Not compared are the commands of scripts themselves. A merge speaks only of what is new against every parent."#;

#[derive(Debug)]
struct CiPrivilege {
    what: HashSet<What>,
    is_what_given: bool,
    families: Families,
    allowed: Allowed,
}

/// What the policy allows by name.
#[derive(Debug, Default)]
struct Allowed {
    runners: Option<Vec<String>>,
    actions: Option<Vec<String>>,
}

pub fn read(table: &mut Table<'_, '_>, problems: &mut Vec<Problem>) -> Option<Box<dyn Check>> {
    let what = table.get("what").map(|value| read_what(value, problems));
    let families = Families::read(table, problems);
    let mut list = |key| match table.get(key) {
        Some(value) => Some(read_names(value, problems)?),
        None => None,
    };
    let allowed = Allowed { runners: list("runners"), actions: list("actions") };
    let is_what_given = what.is_some();
    let what = what.unwrap_or_else(|| WHATS.iter().map(|(_, what)| *what).collect());
    Some(Box::new(CiPrivilege { what, is_what_given, families: families?, allowed }))
}

fn read_what(value: Value<'_, '_>, problems: &mut Vec<Problem>) -> HashSet<What> {
    let values = match value.as_str() {
        Some(_) => vec![value],
        None => value.array(problems).unwrap_or_default(),
    };
    if values.is_empty() {
        problems.push(Problem::new(value.span(), "an empty list matches nothing"));
    }
    values.into_iter().filter_map(|value| value.one_of(&WHATS, problems)).collect()
}

fn read_names(value: Value<'_, '_>, problems: &mut Vec<Problem>) -> Option<Vec<String>> {
    let names = one_or_more(value, problems)?;
    for (name, span) in &names {
        if name.trim().is_empty() {
            problems.push(Problem::new(span.clone(), "an empty name matches nothing"));
        }
    }
    Some(names.into_iter().map(|(name, _)| name.to_owned()).collect())
}

impl Check for CiPrivilege {
    fn looks_into_files(&self) -> bool {
        true
    }

    fn wants(&self, change: &Change, path: &Subject<'_>, who: Who<'_>) -> bool {
        (change.brings_content() || change.is_deletion()) && self.families.of(path, who).is_some()
    }

    fn content(&self, content: &Content<'_>, spotted: &mut Spotted<'_>) -> Result<(), Unreadable> {
        let change = content.change;
        let Some(family) = self.families.of(content.path, content.who) else { return Ok(()) };
        if change.new.is_some_and(|new| !new.is_blob()) {
            let message = "a link stands where the forge looks for workflows, and cannot be judged";
            spotted.add(None, message, Fix::Edit("put a file there".to_owned()));
            return Ok(());
        }
        if self.was_moved(content) {
            return Ok(());
        }
        let Some(text) = content.text()? else {
            spotted.unable("this file is too large to be read as a workflow");
            return Ok(());
        };
        let parents = content.parent_texts()?;
        let Some(family) = family.or_guess(text, parents.iter().copied().flatten()) else { return Ok(()) };
        let new = (!change.is_deletion()).then_some(text);
        self.look(family, &parents, new, spotted);
        Ok(())
    }

    fn patterns(&self) -> Option<&PatternList> {
        self.families.matched()
    }
}

impl CiPrivilege {
    /// Whether the same bytes were a workflow of the same kind under another name, which this commit takes away.
    fn was_moved(&self, content: &Content<'_>) -> bool {
        let (Some(new), here) = (content.change.new, self.families.kind(content.path)) else { return false };
        content.change.is_addition()
            && here != Family::Unknown
            && content.commit.changes.iter().filter(|other| other.is_deletion()).any(|other| {
                let had = |old: &Option<crate::model::Entry>| old.is_some_and(|old| old.id == new.id && old.is_blob());
                other.old.first().is_some_and(had)
                    && self.families.of(&Subject::name(&other.path), content.who) == Some(here)
            })
    }

    /// Compares with each parent; what is new against all of them is spoken of.
    fn look(&self, family: Family, parents: &[Option<&[u8]>], new: Option<&[u8]>, spotted: &mut Spotted<'_>) {
        let new = new.map(|text| Version::read(family, text, &self.allowed));
        let is_known = parents.iter().any(Option::is_some);
        let mut all: Option<Vec<Found>> = None;
        for parent in parents.iter().filter(|parent| parent.is_some() || !is_known) {
            let old = parent.map(|text| Version::read(family, text, &self.allowed)).unwrap_or_default();
            let found = match &new {
                Some(new) => new.against(&old),
                None => old.gone(),
            };
            all = Some(match all {
                None => found,
                Some(before) => before.into_iter().filter(|one| found.contains(one)).collect(),
            });
        }
        // The commit has no parent.
        let none = || new.as_ref().map(|new| new.against(&Version::default())).unwrap_or_default();
        for found in all.unwrap_or_else(none) {
            self.tell(found, spotted);
        }
    }

    fn tell(&self, found: Found, spotted: &mut Spotted<'_>) {
        let fix = Fix::Edit(found.fix);
        match found.what {
            None => spotted.add(found.line, found.message, fix),
            Some(what) if !self.what.contains(&what) => {}
            Some(What::ShellDownload) if !self.is_what_given => {
                spotted.add_as(Effect::Warn, found.line, found.message, fix);
            }
            Some(_) => spotted.add(found.line, found.message, fix),
        }
    }
}

/// Longest part of a file that is shown.
const SHOWN_CHARS_MAX: usize = 80;

/// A text of the file for a message: the start of it, made safe.
fn shown(text: &str) -> String {
    let text = text.trim();
    let end = text.char_indices().nth(SHOWN_CHARS_MAX).map_or(text.len(), |(at, _)| at);
    let more = if end < text.len() { "…" } else { "" };
    format!("{}{more}", Escaped(text.get(..end).unwrap_or_default().as_bytes()))
}

/// A name as part of keys: a long one would be in many of them.
fn short(name: &str) -> String {
    match name.get(..100) {
        Some(start) if name.len() > 100 => format!("{start}#{}", script::digest(name)),
        None if name.len() > 100 => format!("#{}", script::digest(name)),
        _ => name.to_owned(),
    }
}

/// Whether a value switches something on; an expression may.
fn is_true(node: &Node) -> bool {
    let Some(text) = node.text().map(str::trim) else { return node.is_map() };
    let is_word = ["true", "yes", "on", "y", "1"].iter().any(|word| text.eq_ignore_ascii_case(word));
    is_word || text.starts_with("${{")
}
