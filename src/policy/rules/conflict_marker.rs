//! `conflict-marker`: a merge that was committed before it was done.

use crate::model::Change;
use crate::policy::content::{Content, Unreadable};
use crate::policy::findings::Fix;
use crate::policy::pattern::{Subject, Who};
use crate::policy::pattern_list::PatternList;
use crate::policy::rules::{Check, read_match};
use crate::policy::spotted::Spotted;
use crate::strict::{Problem, Table};

pub const DOC: &str = r#"kind = "conflict-marker"
Speaks of the marks git leaves at a conflict: a line of seven `<` and a name, one of seven `=`, one of seven `>` and a
name, in this order, at least one of them added.
    match = ["**"]      # all paths, if not given
Also with the middle part of merge.conflictStyle = diff3. Seven `=` alone are a heading, and mean nothing."#;

/// How git writes them (git-merge(1), "HOW CONFLICTS ARE PRESENTED").
const OURS: &[u8] = b"<<<<<<< ";
const MIDDLE: &[u8] = b"=======";
const THEIRS: &[u8] = b">>>>>>> ";

#[derive(Debug)]
struct ConflictMarker {
    paths: PatternList,
}

pub fn read(table: &mut Table<'_, '_>, problems: &mut Vec<Problem>) -> Option<Box<dyn Check>> {
    Some(Box::new(ConflictMarker { paths: read_match(table, problems)? }))
}

/// How much of a conflict has been seen.
#[derive(Clone, Copy)]
enum Seen {
    Nothing,
    Ours { line: u32, added: bool },
    Middle { line: u32, added: bool },
}

impl Check for ConflictMarker {
    fn looks_into_files(&self) -> bool {
        true
    }

    fn wants(&self, change: &Change, path: &Subject<'_>, who: Who<'_>) -> bool {
        change.brings_content() && self.paths.forbids(path, who)
    }

    fn content(&self, content: &Content<'_>, spotted: &mut Spotted<'_>) -> Result<(), Unreadable> {
        // Nearly every file has none of these, and a whole file is searched faster than its lines are cut.
        let mut has_mark = false;
        content.windows(&mut |window| has_mark = has_mark || memchr::memmem::find(window.bytes, OURS).is_some())?;
        if !has_mark {
            return Ok(());
        }
        let mut seen = Seen::Nothing;
        let mut found = Vec::new();
        content.lines(&mut |number, line| {
            seen = match seen {
                _ if line.starts_with(OURS) => Seen::Ours { line: number, added: content.has_added(line)? },
                Seen::Ours { line: first, added } if line == MIDDLE => {
                    Seen::Middle { line: first, added: added || content.has_added(line)? }
                }
                Seen::Middle { line: first, added } if line.starts_with(THEIRS) => {
                    if added || content.has_added(line)? {
                        found.push(first);
                    }
                    Seen::Nothing
                }
                other => other,
            };
            Ok(())
        })?;
        for line in found {
            let fix = Fix::Edit("resolve the conflict that starts there".to_owned());
            spotted.add(Some(line), "a merge conflict was committed unresolved", fix);
        }
        Ok(())
    }

    fn patterns(&self) -> Option<&PatternList> {
        Some(&self.paths)
    }
}

#[cfg(test)]
mod tests {
    use crate::policy::testing::*;

    const RULE: &str = "kind = \"conflict-marker\"\nmatch = [\"**\", \"!docs/**\"]";

    fn conflict() -> String {
        let mark = |c: char| String::from(c).repeat(7);
        format!("{} HEAD\none\n{}\ntwo\n{} topic\n", mark('<'), mark('='), mark('>'))
    }

    #[test]
    fn speaks_of_whole_conflicts_with_an_added_mark() {
        let conflict = conflict();
        let diff3 = conflict.replace("one\n", "one\n||||||| base\nzero\n");
        let table = [
            ("a", None, format!("x\n{conflict}y\n"), vec![2]),
            ("a", None, conflict.replace('\n', "\r\n"), vec![1]),
            ("a", Some("x\n"), format!("x\n{diff3}{conflict}"), vec![2, 9]),
            ("a", Some(conflict.as_str()), format!("{conflict}more\n"), vec![]),
            ("a", None, conflict.replace("=======", "========"), vec![]),
            ("a", None, "Title\n=======\n".to_owned(), vec![]),
            ("a", None, conflict.replace(">>>>>>> ", ">>>>>>>> "), vec![]),
            ("docs/a", None, conflict.clone(), vec![]),
        ];
        for (path, old, new, lines) in table {
            let found = judge_files(&with_rule(RULE), &[(path, old.map(str::as_bytes), Some(new.as_bytes()))]);
            let expected: Vec<String> = lines
                .iter()
                .map(|line| format!("refuse r {path}:{line} a merge conflict was committed unresolved"))
                .collect();
            assert_eq!(found, expected, "{new}");
        }
    }

    #[test]
    fn sees_through_utf_16_and_over_the_windows_of_a_large_file() {
        let conflict = conflict();
        let utf16: Vec<u8> = [0xFEFF].into_iter().chain(conflict.encode_utf16()).flat_map(u16::to_le_bytes).collect();
        assert_eq!(judge_files(&with_rule(RULE), &[("a", None, Some(&utf16))]).len(), 1);
        for shift in [0, 15, 16, 31, 32, 33] {
            let before = "0123456789abcde\n".repeat(4 * 1024 * 1024 / 16 - 4096 + shift * 128);
            let large = format!("{before}{conflict}{}", "x\n".repeat(2 * 1024 * 1024));
            let line = before.len() / 16 + 1;
            let found = judge_files(&with_rule(RULE), &[("a", None, Some(large.as_bytes()))]);
            assert_eq!(found, [format!("refuse r a:{line} a merge conflict was committed unresolved")], "{shift}");
        }
    }
}
