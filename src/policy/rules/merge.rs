//! `merge`: linear history.

use crate::model::{CommitFacts, Direction};
use crate::policy::findings::{Findings, Fix, Voice, short};
use crate::policy::rules::Check;
use crate::strict::{Problem, Table};

pub const DOC: &str = r#"kind = "merge"
Speaks of merge commits that come in.
    linear = true         # of every one
    # or
    parents_max = 2       # only of those with more parents than this
A commit that only a rewind drops does not count, nor one that the ref has already."#;

#[derive(Debug)]
struct Merge {
    parents_max: usize,
}

pub fn read(table: &mut Table<'_, '_>, problems: &mut Vec<Problem>) -> Option<Box<dyn Check>> {
    let (linear, parents_max) = (table.get("linear"), table.get("parents_max"));
    let parents_max = match (linear, parents_max) {
        (Some(linear), None) => {
            if !linear.boolean(problems)? {
                problems.push(Problem::new(linear.span(), "without this there is nothing the rule could speak of"));
                return None;
            }
            1
        }
        (None, Some(value)) => {
            let number = value.unsigned(problems)?;
            if number == 0 {
                let problem = Problem::new(value.span(), "nearly every commit has a parent");
                problems.push(problem.help("write `linear = true` to have no merge commits"));
                return None;
            }
            usize::try_from(number).unwrap_or(usize::MAX)
        }
        (None, None) | (Some(_), Some(_)) => {
            let problem = Problem::new(table.span.clone(), "this rule has either `linear` or `parents_max`");
            problems.push(problem.help("write `linear = true` to have no merge commits"));
            return None;
        }
    };
    Some(Box::new(Merge { parents_max }))
}

impl Check for Merge {
    fn commit(&self, commit: &CommitFacts, voice: Voice<'_>, findings: &mut Findings) {
        let parents = commit.parents.as_slice();
        let ([_, merged, ..], Direction::Added) = (parents, commit.direction) else { return };
        if parents.len() <= self.parents_max {
            return;
        }
        let (message, fix) = match self.parents_max {
            1 => {
                let fix = format!("git rebase {}, push again", short(merged));
                ("a merge commit; only a linear history may come in here".to_owned(), fix)
            }
            max => {
                let message = format!("a merge of {} parents; at most {max} may be", parents.len());
                (message, "merge the branches one after the other, push again".to_owned())
            }
        };
        findings.commit(voice, commit, message, Fix::Text(fix));
    }
}

#[cfg(test)]
mod tests {
    use crate::model::{CommitFacts, Direction};
    use crate::policy::testing::*;

    fn found(keys: &str, direction: Direction, parents: u8) -> String {
        let mut facts = one(vec![]);
        let parents = (1..=parents).map(id).collect();
        facts.commits = vec![CommitFacts { direction, parents, ..commit(9, vec![]) }];
        let judgement = judge(&with_rule(&format!("kind = \"merge\"\n{keys}")), &facts);
        let shown = judgement.findings.iter().map(|f| format!("{} {}: {}", f.rule, f.message, f.fix));
        shown.collect::<Vec<_>>().join("; ")
    }

    #[test]
    fn speaks_of_merges_that_come_in() {
        let linear = "r a merge commit; only a linear history may come in here: git rebase 0202020202, push again";
        let three = "r a merge of 3 parents; at most 2 may be: merge the branches one after the other, push again";
        let table = [
            ("linear = true", Direction::Added, 0, ""),
            ("linear = true", Direction::Added, 1, ""),
            ("linear = true", Direction::Added, 2, linear),
            ("linear = true", Direction::Added, 3, linear),
            ("linear = true", Direction::Dropped, 2, ""),
            ("parents_max = 1", Direction::Added, 2, linear),
            ("parents_max = 2", Direction::Added, 2, ""),
            ("parents_max = 2", Direction::Added, 3, three),
            ("parents_max = 2", Direction::Dropped, 3, ""),
        ];
        for (keys, direction, parents, expected) in table {
            assert_eq!(found(keys, direction, parents), expected, "{keys} {direction:?} {parents}");
        }
    }

    #[test]
    fn bad_settings_are_named() {
        for (keys, problem) in [
            ("", "either `linear` or `parents_max`"),
            ("linear = true\nparents_max = 2", "either `linear` or `parents_max`"),
            ("linear = false", "nothing the rule could speak of"),
            ("parents_max = 0", "nearly every commit has a parent"),
        ] {
            assert!(problems(&format!("kind = \"merge\"\n{keys}")).contains(problem), "{keys}");
        }
    }
}
