//! What is checked without any rule: which refs there are, what they hold, and names and modes that no tree needs.

use crate::model::{Change, Entry, Group, PushFacts, RefName, TagFacts, UpdateFacts, UpdateKind};
use crate::policy::findings::{ChangeView, Findings, Fix, Voice, Word, shell_word, short};
use crate::policy::fold::{self, DotName};
use crate::policy::name_flaw::{self, NameFlaw};
use crate::policy::settings::{RepoSettings, ReservedNames, TagsWithoutTagger};
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
    let fix = Fix::Text("push to a branch or tag".to_owned());
    findings.update(Voice::always("ref.not-allowed"), update, message.to_owned(), fix);
}

fn target(update: &UpdateFacts, findings: &mut Findings) {
    if update.kind == UpdateKind::Delete {
        return;
    }
    let voice = Voice::always("ref.not-a-commit");
    let Some(commit) = &update.commit else {
        let message = "a ref must lead to a commit, not to a tree or a blob".to_owned();
        let fix = Fix::Text("push a commit, or a tag of one".to_owned());
        findings.update(voice, update, message, fix);
        return;
    };
    if update.update.name.is_branch() && !update.tags.is_empty() {
        let message = "a branch must hold a commit itself, not an annotated tag".to_owned();
        let target = shell_word(update.update.name.as_bstr(), Word::Ref).unwrap_or_else(|| "BRANCH".to_owned());
        let fix = Fix::Text(format!("git push origin {}:{target}", short(commit)));
        findings.update(voice, update, message, fix);
    }
}

fn tags(update: &UpdateFacts, settings: &RepoSettings, findings: &mut Findings) {
    let name = shell_word(update.update.name.short(), Word::Ref).unwrap_or_else(|| "TAG".to_owned());
    let commit = update.commit.as_ref().map_or_else(|| "COMMIT".to_owned(), short);
    let again = Fix::Text(format!("make the tag again: git tag -f -a {name} {commit}"));
    for tag in &update.tags {
        if !has_good_name(tag) {
            let message = "the tag object's own name is not the name of a ref".to_owned();
            findings.update(Voice::always("tag.bad-name"), update, message, again.clone());
        }
        if !tag.has_tagger && settings.tags_without_tagger == TagsWithoutTagger::Refuse {
            let message = "the tag object does not say who tagged".to_owned();
            findings.update(Voice::always("tag.no-tagger"), update, message, again.clone());
        }
    }
}

fn has_good_name(tag: &TagFacts) -> bool {
    RefName::parse(&[b"refs/tags/", tag.name.as_slice()].concat()).is_ok()
}

/// One changed entry. What is taken out is never in the way.
pub fn change(view: &ChangeView<'_>, settings: &RepoSettings, findings: &mut Findings) {
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
    let flaws = [
        ("name.control", NameFlaw::Control),
        ("name.backslash", NameFlaw::Backslash),
        ("name.bidi", NameFlaw::Bidi),
        ("name.reserved", NameFlaw::Device),
    ];
    // Short forms of git's own names have their own words already.
    let is_git_name = names.iter().any(Option::is_some);
    let allows_reserved = settings.reserved_names == ReservedNames::Allow || !change.is_addition() || is_git_name;
    for (id, flaw) in flaws.into_iter().filter(|(_, flaw)| *flaw != NameFlaw::Device || !allows_reserved) {
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

#[cfg(test)]
mod tests {
    use crate::model::UpdateKind::{Create, Delete, Update};
    use crate::model::{Change, TagFacts, UpdateFacts};
    use crate::policy::testing::*;

    const TREE: u32 = 0o040000;

    #[test]
    fn b12_only_branches_and_tags_are_there() {
        let all = OPEN.replace("\"refs/tags/**\"", "\"refs/heads/**\", \"**\"");
        for (name, kind, expected) in [
            ("refs/heads/main", Update, "accept: "),
            ("refs/tags/v1", Create, "accept: "),
            ("refs/replace/0101010101010101010101010101010101010101", Create, "refuse: ref.not-allowed"),
            ("refs/notes/commits", Update, "refuse: ref.not-allowed"),
            ("refs/pull/1/head", Create, "refuse: ref.not-allowed"),
            ("refs/for/main", Create, "refuse: ref.not-allowed"),
            ("refs/check/main", Create, "refuse: ref.not-allowed"),
            ("refs/refgate/undo/x", Delete, "refuse: ref.not-allowed"),
            ("refs/headsx/main", Create, "refuse: ref.not-allowed"),
        ] {
            assert_eq!(verdict(&all, &push(vec![update(name, kind)], vec![])), expected, "{name}");
        }
    }

    #[test]
    fn b13_every_ref_leads_to_a_commit() {
        let tag = |name: &str, has_tagger| TagFacts {
            id: id(3),
            name: name.into(),
            message: "".into(),
            has_tagger,
            raw: "".into(),
            sightings: Vec::new(),
        };
        let of = |name: &str, tags, commit| UpdateFacts { tags, commit, ..update(name, Create) };
        let old_tags = format!("{OPEN}[repo.app]\ntags_without_tagger = \"allow\"\n");
        let branch = "refs/heads/agent/claude-1/x";
        let table = [
            (OPEN, of("refs/tags/v1", vec![tag("v1", true)], Some(id(1))), "accept: "),
            (OPEN, of("refs/tags/v1", vec![], None), "refuse: ref.not-a-commit"),
            (OPEN, of("refs/tags/v1", vec![tag("v1", true)], None), "refuse: ref.not-a-commit"),
            (OPEN, of(branch, vec![], None), "refuse: ref.not-a-commit"),
            (OPEN, of(branch, vec![tag("v1", true)], Some(id(1))), "refuse: ref.not-a-commit"),
            (OPEN, of("refs/tags/v1", vec![tag("a b", true)], Some(id(1))), "refuse: tag.bad-name"),
            (OPEN, of("refs/tags/v1", vec![tag("", true)], Some(id(1))), "refuse: tag.bad-name"),
            (OPEN, of("refs/tags/v1", vec![tag("v1", false)], Some(id(1))), "refuse: tag.no-tagger"),
            (&old_tags, of("refs/tags/v1", vec![tag("v1", false)], Some(id(1))), "accept: "),
        ];
        for (text, update, expected) in table {
            assert_eq!(verdict(text, &push(vec![update.clone()], vec![])), expected, "{update:?}");
        }
    }

    #[test]
    fn b7_b9_b10_names_and_modes_no_tree_needs_are_refused_and_may_be_taken_out() {
        let as_link = |path: &str| Change { new: entry(GITLINK, 3), size: None, ..change(path) };
        let mode = |mode| Change { new: entry(mode, 3), ..change("a") };
        let table = [
            (change("src/.git/hooks/x"), "name.dot-git"),
            (change("src/.GIT"), "name.dot-git"),
            (change("git~1"), "name.dot-git"),
            (change(".g\u{200c}it/x"), "name.dot-git"),
            (change(".git. /x"), "name.dot-git"),
            (change(".gitmodules"), ""),
            (change("sub/.gitattributes"), ""),
            (change(".gitmodules/x"), "name.dot-git-file"),
            (as_link(".gitmodules"), "name.dot-git-file"),
            (as_link(".GITMODULES"), "name.dot-git-file"),
            (as_link("sub/.gitattributes"), "name.dot-git-file"),
            (as_link("gitign~1"), "name.dot-git-file"),
            (symlink(".mailmap", "x"), "name.dot-git-file"),
            (mode(0o100664), "entry.odd-mode"),
            (mode(0o100666), "entry.odd-mode"),
            (mode(0o170000), "entry.odd-mode"),
            (mode(EXECUTABLE), ""),
            (change("a\nb"), "name.control"),
            (change("sub\r/b"), "name.control"),
            (change("a\\b"), "name.backslash"),
            (change("a b"), ""),
            (change("a\u{202e}b"), "name.bidi"),
            (change("src/aux.c"), "name.reserved"),
            (change("a:b"), ""),
            (change("a\"b?"), ""),
            (change("a."), "name.reserved"),
            (Change { old: vec![entry(FILE, 2)], ..change("src/aux.c") }, ""),
        ];
        for (change, rule) in table {
            let expected = if rule.is_empty() { "accept: ".to_owned() } else { format!("refuse: {rule}") };
            assert_eq!(verdict(OPEN, &one(vec![change.clone()])), expected, "{change:?}");
            let freed = format!("{OPEN}[repo.app]\nreserved_names = \"allow\"\n");
            if rule == "name.reserved" {
                assert_eq!(verdict(&freed, &one(vec![change.clone()])), "accept: ");
            }
            let gone = Change { old: vec![change.new], new: None, size: None, link_target: None, ..change };
            assert_eq!(verdict(OPEN, &one(vec![gone])), "accept: ");
        }
    }

    #[test]
    fn twins_a_checkout_could_write_through_are_refused() {
        let twin = |path: &str, mode, twin: &str, other| Change {
            new: entry(mode, 3),
            twin: Some(twin.into()),
            twin_entry: other,
            ..change(path)
        };
        let any = format!("{OPEN}[repo.app]\nsymlink_targets = \"any\"\n");
        let table = [
            (twin("A", FILE, "a", entry(FILE, 1)), false),
            (twin("A", EXECUTABLE, "a", entry(FILE, 1)), false),
            (twin("A/x", FILE, "a", entry(TREE, 1)), false),
            (twin("A", FILE, "a", entry(SYMLINK, 1)), true),
            (twin("A", FILE, "a", entry(GITLINK, 1)), true),
            (twin("A", FILE, "a", entry(TREE, 1)), true),
            (twin("A/x", FILE, "a", entry(FILE, 1)), true),
            (twin("A/x", FILE, "a", entry(SYMLINK, 1)), true),
            (Change { link_target: Some("x".into()), ..twin("A", SYMLINK, "a", entry(FILE, 1)) }, true),
            (twin("A", GITLINK, "a", entry(TREE, 1)), true),
            (twin("A", FILE, "a", None), true),
        ];
        for (change, refused) in table {
            let expected = if refused { "refuse: name.twin" } else { "accept: " };
            assert_eq!(verdict(&any, &one(vec![change.clone()])), expected, "{change:?}");
        }
    }

    #[test]
    fn facts_that_do_not_fit_together_refuse() {
        let mut facts = one(vec![]);
        facts.groups.clear();
        assert_eq!(verdict(OPEN, &facts), "refuse: ref.unknown-change");
        let mut facts = one(vec![]);
        facts.updates[0].kind = Delete;
        assert_eq!(verdict(OPEN, &facts), "refuse: ref.unknown-change");
        let mut facts = one(vec![]);
        facts.groups[0].commits.push(7);
        assert_eq!(verdict(OPEN, &facts), "refuse: push.unknown-change");
    }
}
