//! `path`: no change of these paths passes unseen.

use crate::policy::findings::{ChangeView, Findings, Fix, Voice};
use crate::policy::pattern::{PatternOf, Who};
use crate::policy::pattern_list::PatternList;
use crate::policy::rules::Check;
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
    let value = table.require("match", problems)?;
    let paths = PatternList::read(value, PatternOf::Path, problems)?;
    Some(Box::new(Path { paths }))
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
