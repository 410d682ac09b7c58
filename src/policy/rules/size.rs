//! `size`: how big a file may be.

use crate::model::Effect;
use crate::policy::findings::{ChangeView, Findings, Fix, Voice};
use crate::policy::pattern::Who;
use crate::policy::pattern_list::PatternList;
use crate::policy::rules::{Check, read_match};
use crate::strict::{Problem, Table};

pub const DOC: &str = r#"kind = "size"
Speaks of every new content of a file that is bigger than this, in every commit, also if a later one shrinks it again.
    bytes_max = "1 MiB"
    match     = ["**"]      # all paths, if not given
For a Git LFS pointer the size it states counts, if that is more."#;

#[derive(Debug)]
struct Size {
    bytes_max: u64,
    paths: PatternList,
}

pub fn read(table: &mut Table<'_, '_>, problems: &mut Vec<Problem>) -> Option<Box<dyn Check>> {
    let paths = read_match(table, problems);
    let bytes_max = table.require("bytes_max", problems).and_then(|v| v.bytes(problems));
    Some(Box::new(Size { bytes_max: bytes_max?, paths: paths? }))
}

impl Check for Size {
    fn change(&self, view: &ChangeView<'_>, who: Who<'_>, voice: Voice<'_>, findings: &mut Findings) {
        let change = view.change;
        if change.new.is_none_or(|new| new.is_gitlink()) {
            return;
        }
        if !change.brings_content() || !self.paths.forbids(&view.path, who) {
            return;
        }
        let Some(size) = change.size else {
            let voice = voice.instead(Some(Effect::Refuse));
            findings.change(voice, view, "the size of this file could not be found".to_owned(), Fix::Ask);
            return;
        };
        let size = size.max(change.lfs_size.unwrap_or(0));
        if size > self.bytes_max {
            let message = format!("{size} bytes; at most {} may be", self.bytes_max);
            findings.change(voice, view, message, Fix::Undo);
        }
    }

    fn patterns(&self) -> Option<&PatternList> {
        Some(&self.paths)
    }

    fn stops_everything(&self) -> Option<&'static str> {
        (self.bytes_max == 0 && self.paths.is_everything()).then_some("only empty files are not too big for it")
    }
}

#[cfg(test)]
mod tests {
    use crate::model::Change;
    use crate::policy::testing::*;

    #[test]
    fn b17_b23_every_new_content_counts_with_what_a_pointer_hides() {
        let rule = "kind = \"size\"\nbytes_max = 100\nmatch = [\"**\", \"!big/**\"]";
        let sized = |size| Change { size: Some(size), ..change("a") };
        let table = [
            (sized(100), false),
            (sized(101), true),
            (Change { lfs_size: Some(100), ..sized(50) }, false),
            (Change { lfs_size: Some(101), ..sized(50) }, true),
            (Change { lfs_size: Some(1), ..sized(101) }, true),
            (Change { old: vec![entry(FILE, 3)], ..sized(101) }, true),
            (Change { old: vec![entry(FILE, 200)], new: entry(EXECUTABLE, 200), ..sized(101) }, false),
            (Change { path: "big/a".into(), ..sized(101) }, false),
            (Change { path: "Big/a".into(), ..sized(101) }, true),
            (Change { new: None, size: None, old: vec![entry(FILE, 3)], ..sized(0) }, false),
            (Change { new: entry(GITLINK, 3), size: None, ..sized(0) }, false),
        ];
        for (change, found) in table {
            assert_eq!(speaks(rule, change.clone()), found, "{change:?}");
        }
    }

    #[test]
    fn refuses_what_it_cannot_measure_even_if_it_only_warns() {
        let text = with_rule("kind = \"size\"\nbytes_max = 100").replace("then = \"refuse\"", "then = \"warn\"");
        let unknown = Change { size: None, ..change("a") };
        assert_eq!(verdict(&text, &one(vec![unknown])), "refuse: r");
    }
}
