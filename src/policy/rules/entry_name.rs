//! `entry-name`: names that mislead people or break a file system.

use crate::model::{Change, Needs};
use crate::policy::findings::{ChangeView, Findings, Fix, Voice};
use crate::policy::name_flaw::{self, NameFlaw};
use crate::policy::pattern::Who;
use crate::policy::pattern_list::PatternList;
use crate::policy::rules::{Check, read_match};
use crate::strict::{Problem, Table};

pub const DOC: &str = r#"kind = "entry-name"
Speaks of entries that come in or change under a path with one of these flaws, in any of its parts.
    what       = ["control", "bidi", "invisible", "non-utf8", "reserved", "backslash", "case-twin"]
    length_max = 200        # bytes of the whole path
    depth_max  = 20         # directories above the entry
    match      = ["**"]     # all paths, if not given
At least one of `what`, `length_max` and `depth_max`. reserved: what Windows cannot have or takes for another name
(CON, NUL, COM1, a trailing dot or space, any of < > " : | ? *, a short name such as ABCDEF~1). case-twin: two names
in one directory that differ in case or Unicode form only. Control characters, backslashes, and twins of which one is
no plain file are refused without any rule."#;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Flaw(NameFlaw),
    CaseTwin,
}

const WHAT: [(&str, What); 7] = [
    ("control", What::Flaw(NameFlaw::Control)),
    ("bidi", What::Flaw(NameFlaw::Bidi)),
    ("invisible", What::Flaw(NameFlaw::Invisible)),
    ("non-utf8", What::Flaw(NameFlaw::NonUtf8)),
    ("reserved", What::Flaw(NameFlaw::Reserved)),
    ("backslash", What::Flaw(NameFlaw::Backslash)),
    ("case-twin", What::CaseTwin),
];

#[derive(Debug)]
struct EntryName {
    what: Vec<What>,
    length_max: Option<u64>,
    depth_max: Option<u64>,
    paths: PatternList,
}

pub fn read(table: &mut Table<'_, '_>, problems: &mut Vec<Problem>) -> Option<Box<dyn Check>> {
    let paths = read_match(table, problems);
    let what = table.get("what").and_then(|v| v.array(problems)).unwrap_or_default();
    let what: Vec<What> = what.into_iter().filter_map(|v| v.one_of(&WHAT, problems)).collect();
    let length_max = table.get("length_max").and_then(|v| v.unsigned(problems));
    let depth_max = table.get("depth_max").and_then(|v| v.unsigned(problems));
    if what.is_empty() && length_max.is_none() && depth_max.is_none() {
        let problem = Problem::new(table.span.clone(), "nothing is asked of names here");
        problems.push(problem.help("set `what`, `length_max` or `depth_max`"));
    }
    Some(Box::new(EntryName { what, length_max, depth_max, paths: paths? }))
}

impl EntryName {
    fn found(&self, change: &Change) -> Option<String> {
        let length = u64::try_from(change.path.len()).unwrap_or(u64::MAX);
        if let Some(max) = self.length_max.filter(|max| length > *max) {
            return Some(format!("the path is {length} bytes long; at most {max} may be"));
        }
        let depth = u64::try_from(change.path.iter().filter(|b| **b == b'/').count()).unwrap_or(u64::MAX);
        if let Some(max) = self.depth_max.filter(|max| depth > *max) {
            return Some(format!("{depth} directories above it; at most {max} may be"));
        }
        self.what.iter().find_map(|what| match what {
            What::Flaw(flaw) => name_flaw::has(&change.path, *flaw).then(|| flaw.message().to_owned()),
            What::CaseTwin => change.twin.as_ref().map(|twin| name_flaw::twin_message(twin)),
        })
    }
}

impl Check for EntryName {
    fn change(&self, view: &ChangeView<'_>, who: Who<'_>, voice: Voice<'_>, findings: &mut Findings) {
        if view.change.is_deletion() || !self.paths.forbids(&view.path, who) {
            return;
        }
        if let Some(message) = self.found(view.change) {
            findings.change(voice, view, message, Fix::Undo);
        }
    }

    fn needs(&self) -> Needs {
        Needs { lines: false, twins: self.what.contains(&What::CaseTwin) }
    }

    fn patterns(&self) -> Option<&PatternList> {
        Some(&self.paths)
    }

    fn stops_everything(&self) -> Option<&'static str> {
        (self.length_max == Some(0) && self.paths.is_everything()).then_some("every path is too long for it")
    }
}

#[cfg(test)]
mod tests {
    use crate::model::{Change, Needs};
    use crate::policy::testing::*;

    #[test]
    fn b7_speaks_of_the_flaws_it_is_asked_for() {
        let rule = |what: &str| format!("kind = \"entry-name\"\nwhat = [\"{what}\"]");
        let table = [
            ("bidi", "a\u{202e}b", true),
            ("bidi", "a\u{200b}b", false),
            ("invisible", "dir\u{200b}/b", true),
            ("invisible", "grün", false),
            ("reserved", "src/NUL.txt", true),
            ("reserved", "src/null.txt", false),
        ];
        for (what, path, found) in table {
            assert_eq!(speaks(&rule(what), change(path)), found, "{what} {path}");
        }
        assert!(speaks(&rule("non-utf8"), change(b"a\xff")));
        assert!(!speaks(&rule("non-utf8"), change("é")));
        let gone = Change { new: None, old: vec![entry(FILE, 1)], ..change("NUL") };
        assert!(!speaks(&rule("reserved"), gone));
        for (what, path, rules) in [("control", "a\nb", "name.control"), ("backslash", "a\\b", "name.backslash")] {
            let expected = format!("refuse: {rules} r");
            assert_eq!(verdict(&with_rule(&rule(what)), &one(vec![change(path)])), expected);
        }
    }

    #[test]
    fn length_and_depth_hold_at_the_limit_and_not_one_over() {
        let rule = "kind = \"entry-name\"\nlength_max = 9\ndepth_max = 2\nmatch = [\"**\", \"!free/**\"]";
        for (path, found) in
            [("123456789", false), ("1234567890", true), ("a/b/c", false), ("a/b/c/d", true), ("free/567890", false)]
        {
            assert_eq!(speaks(rule, change(path)), found, "{path}");
        }
    }

    #[test]
    fn plain_twins_are_the_rules_and_other_twins_always_refused() {
        let rule = with_rule("kind = \"entry-name\"\nwhat = [\"case-twin\"]");
        assert_eq!(policy(&rule).needs(&repo()), Needs { lines: false, twins: true });
        let twin = |mode| Change { twin: Some("readme".into()), twin_entry: entry(mode, 1), ..change("README") };
        assert_eq!(verdict(&rule, &one(vec![twin(FILE)])), "refuse: r");
        assert_eq!(verdict(OPEN, &one(vec![twin(FILE)])), "accept: ");
        assert_eq!(verdict(&rule, &one(vec![twin(SYMLINK)])), "refuse: name.twin r");
        assert_eq!(verdict(OPEN, &one(vec![twin(SYMLINK)])), "refuse: name.twin");
    }
}
