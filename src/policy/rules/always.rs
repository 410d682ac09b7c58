//! What is checked without any rule: which refs there are, what they hold, and names and modes that no tree needs.

use crate::model::{Change, Entry, Group, PushFacts, RefName, TagFacts, UpdateFacts, UpdateKind};
use crate::policy::findings::{ChangeView, Findings, Fix, Voice};
use crate::policy::fold::{self, DotName};
use crate::policy::name_flaw::{self, NameFlaw};
use crate::policy::settings::{RepoSettings, TagsWithoutTagger};
use std::collections::HashSet;

/// The refs and tags of a push.
pub fn updates(facts: &PushFacts, settings: &RepoSettings, findings: &mut Findings) {
    let grouped: HashSet<usize> = facts.groups.iter().flat_map(|group| group.updates.iter().copied()).collect();
    for (index, update) in facts.updates.iter().enumerate() {
        namespace(update, findings);
        target(update, findings);
        tags(update, settings, findings);
        let is_delete = update.kind == UpdateKind::Delete;
        if is_delete != update.update.new.is_none() || (!is_delete && !grouped.contains(&index)) {
            let message = "what this ref update changes could not be found out".to_owned();
            findings.update(Voice::always("ref.unknown-change"), update, message, Fix::Ask);
        }
    }
    let whole = |group: &Group| {
        group.updates.iter().all(|i| *i < facts.updates.len()) && group.commits.iter().all(|i| *i < facts.commits.len())
    };
    if !facts.groups.iter().all(whole) {
        let message = "what this push changes could not be found out".to_owned();
        findings.push(Voice::always("push.unknown-change"), message, Fix::Ask);
    }
}

fn namespace(update: &UpdateFacts, findings: &mut Findings) {
    let name: &RefName = &update.update.name;
    if name.is_branch() || name.is_tag() {
        return;
    }
    let is_in = |prefix: &str| name.as_bstr().starts_with(prefix.as_bytes());
    let message = if is_in("refs/for/") {
        "asking for review with refs/for/ is not there yet"
    } else if is_in("refs/check/") {
        "trying a push with refs/check/ is not there yet"
    } else {
        "only refs/heads/ and refs/tags/ can be pushed to"
    };
    let fix = Fix::Text("push to a branch: git push origin HEAD:refs/heads/…".to_owned());
    findings.update(Voice::always("ref.not-allowed"), update, message.to_owned(), fix);
}

fn target(update: &UpdateFacts, findings: &mut Findings) {
    if update.kind == UpdateKind::Delete {
        return;
    }
    let voice = Voice::always("ref.not-a-commit");
    if update.commit.is_none() {
        let message = "a ref must lead to a commit, not to a tree or a blob".to_owned();
        let fix = Fix::Text("push a commit, or a tag of one".to_owned());
        findings.update(voice, update, message, fix);
    } else if update.update.name.is_branch() && !update.tags.is_empty() {
        let message = "a branch must hold a commit itself, not an annotated tag".to_owned();
        let fix = Fix::Text("push the commit: git push origin TAG^{commit}:refs/heads/…".to_owned());
        findings.update(voice, update, message, fix);
    }
}

fn tags(update: &UpdateFacts, settings: &RepoSettings, findings: &mut Findings) {
    let again = |name: &str| Fix::Text(format!("make the tag again: git tag -f -a {name} {name}^{{commit}}"));
    for tag in &update.tags {
        if !has_good_name(tag) {
            let message = "the tag object's own name is not the name of a ref".to_owned();
            findings.update(Voice::always("tag.bad-name"), update, message, again("NAME"));
        }
        if !tag.has_tagger && settings.tags_without_tagger == TagsWithoutTagger::Refuse {
            let message = "the tag object does not say who tagged".to_owned();
            findings.update(Voice::always("tag.no-tagger"), update, message, again("NAME"));
        }
    }
}

fn has_good_name(tag: &TagFacts) -> bool {
    RefName::parse(&[b"refs/tags/", tag.name.as_slice()].concat()).is_ok()
}

/// One changed entry. What is taken out is never in the way.
pub fn change(view: &ChangeView<'_>, findings: &mut Findings) {
    let change = view.change;
    let Some(new) = change.new else { return };
    let mut say = |id: &str, message: &str| {
        findings.change(Voice::always(id), view, message.to_owned(), Fix::Undo);
    };
    let names: Vec<Option<DotName>> = view.path.folded_segments().map(fold::dot_name).collect();
    if names.contains(&Some(DotName::Git)) {
        say("name.dot-git", "some file systems take a part of this path for .git");
    }
    let is_regular = new.is_blob() && !new.is_odd();
    let above = names.split_last().map(|(_, above)| above).unwrap_or_default();
    let is_last = names.last() == Some(&Some(DotName::File));
    if above.contains(&Some(DotName::File)) || (is_last && !is_regular) {
        say("name.dot-git-file", "a file that git itself reads must be a regular file");
    }
    if new.is_odd() {
        say("entry.odd-mode", "git never writes this file mode");
    }
    for (id, flaw) in [("name.control", NameFlaw::Control), ("name.backslash", NameFlaw::Backslash)] {
        if name_flaw::has(&change.path, flaw) {
            say(id, flaw.message());
        }
    }
    if let Some(twin) = &change.twin
        && is_dangerous_twin(change, twin)
    {
        let message = format!("{}, and one of the two is no plain file", name_flaw::twin_message(twin));
        say("name.twin", &message);
    }
}

/// Whether a checkout could write through one name into the other: all but two files, or two directories.
fn is_dangerous_twin(change: &Change, twin: &[u8]) -> bool {
    let Some(other) = change.twin_entry else { return true };
    let depth = |path: &[u8]| path.iter().filter(|b| **b == b'/').count();
    if depth(twin) < depth(&change.path) {
        return !other.is_tree();
    }
    let is_file = |entry: Entry| entry.is_blob();
    !(change.new.is_some_and(is_file) && is_file(other))
}
