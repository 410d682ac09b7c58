//! `lfs`: Git LFS pointers, where they must be, must not be, or must be right.

mod pointer;

use crate::model::Change;
use crate::policy::content::{Content, Unreadable};
use crate::policy::findings::Fix;
use crate::policy::pattern::{Subject, Who};
use crate::policy::pattern_list::PatternList;
use crate::policy::rules::{Check, read_match};
use crate::policy::spotted::Spotted;
use crate::strict::{Problem, Table};

pub const DOC: &str = r#"kind = "lfs"
Speaks of files that should be Git LFS pointers and are none, that are and should not be, or that are no right ones.
    pointer  = "required"       # or "forbidden", or "checked": what looks like a pointer must be a right one
    size_max = "2 GiB"          # of the file that a pointer stands for; no limit, if not given
    match    = ["assets/**"]    # all paths, if not given
A right pointer is what `git lfs` writes: less than 1024 bytes, the line `version https://git-lfs.github.com/spec/v1`,
then lines `key value` sorted by key, which are `oid sha256:` with 64 hexadecimal digits, `size` with a decimal
number, perhaps extensions `ext-0-name`, and nothing more. An empty file is its own pointer. Symlinks do not count.
Whether the LFS server has the file that a pointer stands for is not checked: `git lfs push` brings it, not `git push`."#;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expect {
    Required,
    Forbidden,
    Checked,
}

#[derive(Debug)]
struct Lfs {
    expect: Expect,
    size_max: Option<u64>,
    paths: PatternList,
}

pub fn read(table: &mut Table<'_, '_>, problems: &mut Vec<Problem>) -> Option<Box<dyn Check>> {
    let words = [("required", Expect::Required), ("forbidden", Expect::Forbidden), ("checked", Expect::Checked)];
    let paths = read_match(table, problems);
    let size_max = table.get("size_max");
    let expect = table.require("pointer", problems).and_then(|v| v.one_of(&words, problems));
    if let (Some(value), Some(Expect::Forbidden)) = (size_max, expect) {
        problems.push(Problem::new(value.span(), "where there are no pointers there is no size to compare"));
        return None;
    }
    let size_max = match size_max {
        Some(value) => Some(value.bytes(problems)?),
        None => None,
    };
    Some(Box::new(Lfs { expect: expect?, size_max, paths: paths? }))
}

impl Check for Lfs {
    fn looks_into_files(&self) -> bool {
        true
    }

    fn wants(&self, change: &Change, path: &Subject<'_>, who: Who<'_>) -> bool {
        let is_file = change.new.is_some_and(|new| new.is_blob());
        is_file && change.brings_content() && self.paths.forbids(path, who)
    }

    fn content(&self, content: &Content<'_>, spotted: &mut Spotted<'_>) -> Result<(), Unreadable> {
        // What is stored counts: git lfs does not read UTF-16. A large file is no pointer, whatever it begins with.
        let bytes = content.raw()?.unwrap_or(b"large");
        let looks = pointer::looks_like_one(bytes);
        if !looks && self.expect != Expect::Required {
            return Ok(());
        }
        if self.expect == Expect::Forbidden {
            let fix = "put the file itself there, with its path no longer in .gitattributes (git lfs untrack)";
            spotted.add(None, "a Git LFS pointer, where the file itself belongs", Fix::Edit(fix.to_owned()));
            return Ok(());
        }
        let again = "run git lfs install and git lfs track, then git rm --cached and git add the file again";
        match pointer::parse(bytes) {
            Ok(size) => {
                if let Some(max) = self.size_max.filter(|max| size > *max) {
                    spotted.add(None, format!("the pointer stands for {size} bytes; at most {max} may be"), Fix::Undo);
                }
            }
            Err(_) if !looks => {
                spotted.add(None, "the file itself, where a Git LFS pointer belongs", Fix::Edit(again.to_owned()));
            }
            Err(flaw) => {
                let message = format!("not a right Git LFS pointer: {flaw}");
                spotted.add(flaw.line, message, Fix::Edit(again.to_owned()));
            }
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

    fn found(keys: &str, bytes: &[u8]) -> String {
        let rule = with_rule(&format!("kind = \"lfs\"\nmatch = [\"**\", \"!docs/**\"]\n{keys}"));
        let found = judge_files(&rule, &[("a", None, Some(bytes)), ("docs/a", None, Some(bytes))]);
        found.join("; ").replace("refuse r a", "")
    }

    #[test]
    fn speaks_of_what_is_not_as_it_has_to_be() {
        let pointer = |size: u64| {
            format!("version https://git-lfs.github.com/spec/v1\noid sha256:{}\nsize {size}\n", "a1".repeat(32))
        };
        let good = pointer(1000);
        let torn = good.replace("sha256", "sha1");
        let large = "x".repeat(7 * 1024 * 1024);
        let itself = " the file itself, where a Git LFS pointer belongs";
        let no_right = ":2 not a right Git LFS pointer: `oid` is not sha256: and 64 digits 0-9 a-f";
        let forbidden = " a Git LFS pointer, where the file itself belongs";
        let too_much = " the pointer stands for 1000 bytes; at most 999 may be";
        let table = [
            ("pointer = \"required\"", good.as_str(), ""),
            ("pointer = \"required\"", "payload", itself),
            ("pointer = \"required\"", large.as_str(), itself),
            ("pointer = \"required\"", torn.as_str(), no_right),
            ("pointer = \"required\"", "", ""),
            ("pointer = \"required\"\nsize_max = 1000", good.as_str(), ""),
            ("pointer = \"required\"\nsize_max = 999", good.as_str(), too_much),
            ("pointer = \"forbidden\"", good.as_str(), forbidden),
            ("pointer = \"forbidden\"", torn.as_str(), forbidden),
            ("pointer = \"forbidden\"", "payload", ""),
            ("pointer = \"checked\"", good.as_str(), ""),
            ("pointer = \"checked\"", torn.as_str(), no_right),
            ("pointer = \"checked\"", "payload", ""),
            ("pointer = \"checked\"", large.as_str(), ""),
            ("pointer = \"checked\"\nsize_max = 999", good.as_str(), too_much),
        ];
        for (keys, bytes, expected) in table {
            assert_eq!(found(keys, bytes.as_bytes()), expected, "{keys}");
        }
    }

    #[test]
    fn bad_settings_are_named() {
        for (keys, problem) in [
            ("", "`pointer` is missing"),
            ("pointer = \"right\"", "not possible here"),
            ("pointer = \"forbidden\"\nsize_max = 1", "no size to compare"),
            ("pointer = \"checked\"\nsize_max = \"1 XB\"", "not a size"),
        ] {
            assert!(problems(&format!("kind = \"lfs\"\n{keys}")).contains(problem), "{keys}");
        }
    }
}
