//! `path`: no change of these paths passes unseen.

use crate::policy::findings::{ChangeView, Findings, Fix, Voice};
use crate::policy::pattern::Who;
use crate::policy::pattern_list::PatternList;
use crate::policy::rules::{Check, read_match};
use crate::strict::{Problem, Table};

pub const DOC: &str = r#"kind = "path"
Speaks of every added, edited, deleted, moved or re-moded entry whose path matches.
    match = [".github/**", "!.github/README.md"]
Paths match in any spelling some file system takes for the same: upper and lower case, Unicode normal forms,
invisible characters, NTFS forms. Exceptions (`!`) match byte for byte only. A symlink or submodule also counts
for all that lies below its name."#;

#[derive(Debug)]
struct Path {
    paths: PatternList,
}

pub fn read(table: &mut Table<'_, '_>, problems: &mut Vec<Problem>) -> Option<Box<dyn Check>> {
    table.require("match", problems)?;
    Some(Box::new(Path { paths: read_match(table, problems)? }))
}

impl Check for Path {
    fn change(&self, view: &ChangeView<'_>, who: Who<'_>, voice: Voice<'_>, findings: &mut Findings) {
        if self.paths.forbids(&view.path, who) {
            findings.change(voice, view, "this path is guarded".to_owned(), Fix::Undo);
        }
    }

    fn guarded_paths(&self) -> Option<&PatternList> {
        Some(&self.paths)
    }

    fn patterns(&self) -> Option<&PatternList> {
        Some(&self.paths)
    }

    fn stops_everything(&self) -> Option<&'static str> {
        self.paths.is_everything().then_some("every change of every path matches it")
    }
}

#[cfg(test)]
mod tests {
    use crate::model::{Change, Direction};
    use crate::policy::testing::*;

    const RULE: &str = "kind = \"path\"\nmatch = [\".github/**\", \"secret/**\", \"Makefile\", \"!secret/open/**\"]";

    #[test]
    fn speaks_of_every_way_to_change_a_path() {
        let path = "secret/key";
        let table = [
            change(path),
            Change { old: vec![entry(FILE, 5)], ..change(path) },
            Change { old: vec![entry(FILE, 200)], new: entry(EXECUTABLE, 200), ..change(path) },
            Change { old: vec![entry(FILE, 5)], new: None, size: None, ..change(path) },
            Change { old: vec![entry(FILE, 5), entry(FILE, 6)], ..change(path) },
            Change { old: vec![], ..change(path) },
        ];
        for change in table {
            assert!(speaks(RULE, change.clone()), "{change:?}");
        }
    }

    #[test]
    fn b1_b2_b7_speaks_of_any_spelling_and_of_both_sides_of_a_move() {
        for path in [".github/workflows/ci.yml", ".GitHub/x", "SECRET/x", "\u{17f}ecret/x", "makefile", "secret/Open/x"]
        {
            assert!(speaks(RULE, change(path)), "{path}");
        }
        for path in ["github/x", "secrets/x", "secret/open/x", "src/Makefile", "docs/grün.md"] {
            assert!(!speaks(RULE, change(path)), "{path}");
        }
        let moved = vec![
            Change { old: vec![entry(FILE, 5)], new: None, ..change("secret/key") },
            Change { new: entry(FILE, 5), ..change("src/key") },
        ];
        assert_eq!(verdict(&with_rule(RULE), &one(moved)), "refuse: r");
    }

    #[test]
    fn b6_speaks_of_links_above_the_path() {
        let any = "[repo.app]\nsymlink_targets = \"any\"\n";
        let link = |path: &str, mode| Change { new: entry(mode, 7), ..symlink(path, "x") };
        for (change, speaks) in [
            (link("secret", SYMLINK), true),
            (link("Secret", GITLINK), true),
            (link(".github", GITLINK), true),
            (change("secret"), true),
            (Change { old: vec![entry(SYMLINK, 3)], new: entry(FILE, 4), ..change("secret") }, true),
            (link("other", SYMLINK), false),
        ] {
            let text = format!("{}{any}", with_rule(RULE));
            let expected = if speaks { "refuse: r" } else { "accept: " };
            assert_eq!(verdict(&text, &one(vec![change.clone()])), expected, "{change:?}");
        }
    }

    #[test]
    fn b3_b16_speaks_of_every_commit_and_of_dropped_ones() {
        let removed = Change { old: vec![entry(FILE, 5)], new: None, ..change("secret/key") };
        let mut facts = one(vec![removed]);
        facts.commits.push(commit(8, vec![change("secret/key")]));
        facts.groups[0].commits.push(1);
        let judgement = judge(&with_rule(RULE), &facts);
        let [finding] = judgement.findings.as_slice() else { panic!("{judgement:?}") };
        assert_eq!(finding.message, "this path is guarded (and in 1 other commit)");
        assert!(finding.fix.starts_with("git rebase -X theirs -x 'git rm -qf "), "{}", finding.fix);
        assert!(finding.fix.contains(" 0707070707 # where it stops: git rm "), "{}", finding.fix);
        assert_eq!(finding.place.commit, Some(id(8)), "where it began");

        let mut facts = one(vec![change("secret/key")]);
        facts.commits[0].direction = Direction::Dropped;
        let judgement = judge(&with_rule(RULE), &facts);
        assert_eq!(judgement.findings[0].message, "this path is guarded; dropped by this rewind");
    }
}
