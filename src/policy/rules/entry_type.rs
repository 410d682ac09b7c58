//! `entry-type`: symlinks, submodules, executable files.

use crate::model::{Change, Entry};
use crate::policy::findings::{ChangeView, Findings, Fix, Voice};
use crate::policy::pattern::Who;
use crate::policy::pattern_list::PatternList;
use crate::policy::rules::{Check, read_match};
use crate::strict::{Problem, Table};

pub const DOC: &str = r#"kind = "entry-type"
Speaks of changed entries of these types.
    types = ["symlink", "gitlink", "executable", "odd-mode"]
    match = ["**"]      # all paths, if not given
symlink: added or with another target. gitlink: a submodule, added or with another commit. executable: a file that
becomes executable or comes in so. odd-mode: a mode git itself never writes (always refused)."#;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Type {
    Symlink,
    Gitlink,
    Executable,
    OddMode,
}

const TYPES: [(&str, Type); 4] = [
    ("symlink", Type::Symlink),
    ("gitlink", Type::Gitlink),
    ("executable", Type::Executable),
    ("odd-mode", Type::OddMode),
];

#[derive(Debug)]
struct EntryType {
    types: Vec<Type>,
    paths: PatternList,
}

pub fn read(table: &mut Table<'_, '_>, problems: &mut Vec<Problem>) -> Option<Box<dyn Check>> {
    let paths = read_match(table, problems);
    let value = table.require("types", problems)?;
    let values = value.array(problems)?;
    if values.is_empty() {
        problems.push(Problem::new(value.span(), "an empty list matches nothing"));
    }
    let types = values.into_iter().filter_map(|v| v.one_of(&TYPES, problems)).collect();
    Some(Box::new(EntryType { types, paths: paths? }))
}

impl Type {
    fn found(self, change: &Change, new: Entry) -> Option<&'static str> {
        let becomes_executable = || new.is_executable() && !change.old.iter().flatten().any(|e| e.is_executable());
        match self {
            Self::Symlink => new.is_symlink().then_some("a symlink"),
            Self::Gitlink => new.is_gitlink().then_some("a submodule (gitlink)"),
            Self::Executable => becomes_executable().then_some("a file made executable"),
            Self::OddMode => new.is_odd().then_some("a file mode git never writes"),
        }
    }
}

impl Check for EntryType {
    fn change(&self, view: &ChangeView<'_>, who: Who<'_>, voice: Voice<'_>, findings: &mut Findings) {
        let Some(new) = view.change.new else { return };
        let Some(what) = self.types.iter().find_map(|t| t.found(view.change, new)) else { return };
        if self.paths.forbids(&view.path, who) {
            findings.change(voice, view, what.to_owned(), Fix::Undo);
        }
    }

    fn patterns(&self) -> Option<&PatternList> {
        Some(&self.paths)
    }
}

#[cfg(test)]
mod tests {
    use crate::model::Change;
    use crate::policy::testing::*;

    #[test]
    fn speaks_of_its_types_and_no_other() {
        let rule = |kind: &str| format!("kind = \"entry-type\"\ntypes = [\"{kind}\"]");
        let now_executable = Change { new: entry(EXECUTABLE, 3), ..change("a") };
        let table = [
            ("symlink", symlink("a", "b"), true),
            ("symlink", Change { old: vec![entry(SYMLINK, 3)], ..symlink("a", "b") }, true),
            ("symlink", Change { old: vec![entry(SYMLINK, 3)], new: None, ..change("a") }, false),
            ("symlink", change("a"), false),
            ("gitlink", Change { new: entry(GITLINK, 3), size: None, ..change("a") }, true),
            ("gitlink", symlink("a", "b"), false),
            ("executable", now_executable.clone(), true),
            ("executable", Change { old: vec![entry(FILE, 3)], ..now_executable.clone() }, true),
            ("executable", Change { old: vec![entry(EXECUTABLE, 4)], ..now_executable.clone() }, false),
            ("executable", Change { old: vec![entry(FILE, 4), entry(EXECUTABLE, 4)], ..now_executable.clone() }, false),
            ("executable", change("a"), false),
        ];
        for (kind, change, found) in table {
            assert_eq!(speaks(&rule(kind), change.clone()), found, "{kind} {change:?}");
        }
        let only = "kind = \"entry-type\"\ntypes = [\"executable\", \"symlink\"]\nmatch = [\"**\", \"!bin/**\"]";
        assert!(speaks(only, now_executable.clone()));
        assert!(!speaks(only, Change { path: "bin/a".into(), ..now_executable }));
        let odd = Change { new: entry(0o100664, 3), ..change("a") };
        assert_eq!(verdict(&with_rule(&rule("odd-mode")), &one(vec![odd])), "refuse: entry.odd-mode r");
    }
}
