//! `amount`: how much one push may bring.

use crate::model::{Effect, Needs, PushFacts};
use crate::policy::findings::{Findings, Fix, Voice};
use crate::policy::rules::Check;
use crate::strict::{Problem, Table};
use std::collections::HashSet;

pub const DOC: &str = r#"kind = "amount"
Speaks of a push that is more than this, over all its refs and commits, with those that a rewind drops.
    commits_max = 50
    files_max   = 100        # different paths
    lines_max   = 5000       # added and removed
    bytes_max   = "10 MiB"   # of the pack
At least one of the four. It counts the whole push as soon as one of its refs is one of the rule's."#;

#[derive(Debug)]
struct Amount {
    commits_max: Option<u64>,
    files_max: Option<u64>,
    lines_max: Option<u64>,
    bytes_max: Option<u64>,
}

pub fn read(table: &mut Table<'_, '_>, problems: &mut Vec<Problem>) -> Option<Box<dyn Check>> {
    let keys = ["commits_max", "files_max", "lines_max"];
    let [commits_max, files_max, lines_max] = keys.map(|key| table.get(key));
    let bytes_max = table.get("bytes_max");
    if [commits_max, files_max, lines_max, bytes_max].iter().all(Option::is_none) {
        let problem = Problem::new(table.span.clone(), "nothing is bounded here");
        problems.push(problem.help("set commits_max, files_max, lines_max or bytes_max"));
        return None;
    }
    let [commits_max, files_max, lines_max] =
        [commits_max, files_max, lines_max].map(|value| value.and_then(|v| v.unsigned(problems)));
    let bytes_max = bytes_max.and_then(|v| v.bytes(problems));
    Some(Box::new(Amount { commits_max, files_max, lines_max, bytes_max }))
}

impl Check for Amount {
    fn push(&self, facts: &PushFacts, voice: Voice<'_>, findings: &mut Findings) {
        let mut over = Vec::new();
        let mut compare = |found: u64, max: Option<u64>, what: &str| {
            if let Some(max) = max.filter(|max| found > *max) {
                over.push(format!("{found} {what}, at most {max}"));
            }
        };
        let commits: HashSet<_> = facts.commits.iter().map(|c| (c.id, c.direction)).collect();
        compare(count(commits.len()), self.commits_max, "commits");
        if self.files_max.is_some() {
            let paths: HashSet<_> = facts.commits.iter().flat_map(|c| &c.changes).map(|c| &c.path).collect();
            compare(count(paths.len()), self.files_max, "files");
        }
        compare(facts.pack_bytes, self.bytes_max, "bytes");
        if let Some(lines) = facts.lines {
            compare(lines, self.lines_max, "lines");
        } else if self.lines_max.is_some() {
            let voice = voice.instead(Some(Effect::Refuse));
            findings.push(voice, "the lines of this push could not be counted".to_owned(), Fix::Ask);
            return;
        }
        if !over.is_empty() {
            let fix = Fix::Text("push less at once, in several pushes of their own".to_owned());
            findings.push(voice, format!("this push is too much at once: {}", over.join("; ")), fix);
        }
    }

    fn needs(&self) -> Needs {
        Needs { lines: self.lines_max.is_some(), twins: false }
    }

    fn stops_everything(&self) -> Option<&'static str> {
        let is_zero = [self.commits_max, self.files_max, self.bytes_max].contains(&Some(0));
        is_zero.then_some("no push with anything new is small enough")
    }
}

fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use crate::model::{CommitFacts, Direction, Needs, PushFacts, UpdateKind};
    use crate::policy::testing::*;

    fn speaks(keys: &str, facts: &PushFacts) -> bool {
        match verdict(&with_rule(&format!("kind = \"amount\"\n{keys}")), facts).as_str() {
            "accept: " => false,
            "refuse: r" => true,
            other => panic!("{other}"),
        }
    }

    fn facts() -> PushFacts {
        let names = ["refs/heads/agent/claude-1/x", "refs/heads/agent/claude-1/y"];
        let updates = names.map(|n| update(n, UpdateKind::Create)).to_vec();
        let commits = vec![
            commit(9, vec![change("a"), change("b")]),
            commit(8, vec![change("b")]),
            CommitFacts { direction: Direction::Dropped, ..commit(7, vec![change("c")]) },
        ];
        PushFacts { lines: Some(40), pack_bytes: 1000, ..push(updates, commits) }
    }

    #[test]
    fn b26_counts_the_whole_push_at_the_limit_and_one_over() {
        for (keys, found) in [
            ("commits_max = 3", false),
            ("commits_max = 2", true),
            ("files_max = 3", false),
            ("files_max = 2", true),
            ("lines_max = 40", false),
            ("lines_max = 39", true),
            ("bytes_max = 1000", false),
            ("bytes_max = 999", true),
            ("commits_max = 3\nfiles_max = 3\nlines_max = 40\nbytes_max = 1000", false),
            ("commits_max = 2\nrefs = [\"refs/heads/agent/claude-1/y\"]", true),
            ("commits_max = 2\nrefs = [\"refs/heads/agent/claude-1/z\"]", false),
        ] {
            assert_eq!(speaks(keys, &facts()), found, "{keys}");
        }
    }

    #[test]
    fn refuses_if_the_lines_were_not_counted() {
        let text = with_rule("kind = \"amount\"\nlines_max = 9").replace("\"refuse\"", "\"warn\"");
        assert_eq!(policy(&text).needs(&repo()), Needs { lines: true, twins: false });
        assert_eq!(verdict(&text, &PushFacts { lines: None, ..facts() }), "refuse: r");
        assert_eq!(policy(OPEN).needs(&repo()), Needs::default());
    }
}
