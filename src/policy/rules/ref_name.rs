//! `ref-name`: how refs may be called.

use crate::model::{UpdateFacts, UpdateKind};
use crate::policy::findings::{Findings, Fix, Voice};
use crate::policy::grant::read_operations;
use crate::policy::pattern::{PatternOf, Subject, Who};
use crate::policy::pattern_list::PatternList;
use crate::policy::rules::Check;
use crate::strict::{Problem, Table};

pub const DOC: &str = r#"kind = "ref-name"
Speaks of refs that are created, updated or rewound under a name that matches, or that does not match what it must.
    match      = ["refs/heads/release/**"]
    must_match = ["refs/heads/agent/{principal}/**", "refs/tags/v*"]
    operations = ["create", "update", "rewind"]     # these, if not given; "delete" is the fourth
At least one of `match` and `must_match`. `match` counts in any spelling, `must_match` byte for byte."#;

/// Deleting is spoken of only where it is asked for: it brings no name.
const OPERATIONS: [UpdateKind; 3] = [UpdateKind::Create, UpdateKind::Update, UpdateKind::Rewind];

#[derive(Debug)]
struct NameOfRef {
    forbidden: Option<PatternList>,
    required: Option<PatternList>,
    operations: Vec<UpdateKind>,
}

pub fn read(table: &mut Table<'_, '_>, problems: &mut Vec<Problem>) -> Option<Box<dyn Check>> {
    let (forbidden, required) = (table.get("match"), table.get("must_match"));
    if forbidden.is_none() && required.is_none() {
        let problem = Problem::new(table.span.clone(), "one of the keys `match` and `must_match` is missing here");
        problems.push(problem);
        return None;
    }
    let (had_forbidden, had_required) = (forbidden.is_some(), required.is_some());
    let forbidden = forbidden.and_then(|v| PatternList::read(v, PatternOf::PushedRef, problems));
    let required = required.and_then(|v| PatternList::read(v, PatternOf::PushedRef, problems));
    let operations = table.get("operations").and_then(|v| read_operations(v, problems));
    let operations = operations.unwrap_or_else(|| OPERATIONS.to_vec());
    let is_whole = forbidden.is_some() == had_forbidden && required.is_some() == had_required;
    is_whole.then(|| Box::new(NameOfRef { forbidden, required, operations }) as Box<dyn Check>)
}

impl Check for NameOfRef {
    fn update(&self, update: &UpdateFacts, who: Who<'_>, voice: Voice<'_>, findings: &mut Findings) {
        if !self.operations.contains(&update.kind) {
            return;
        }
        let name = Subject::name(update.update.name.as_bstr());
        let is_forbidden = self.forbidden.as_ref().is_some_and(|list| list.forbids(&name, who));
        let is_missed = self.required.as_ref().is_some_and(|list| !list.allows(&name, who));
        if is_forbidden || is_missed {
            let (message, fix) = match update.kind {
                UpdateKind::Delete => ("this ref may not be deleted", Fix::Ask),
                UpdateKind::Create | UpdateKind::Update | UpdateKind::Rewind => (
                    "this ref may not be pushed under this name",
                    Fix::Text("push to a ref of another name: git push origin HEAD:refs/heads/…".to_owned()),
                ),
            };
            findings.update(voice, update, message.to_owned(), fix);
        }
    }

    fn stops_everything(&self) -> Option<&'static str> {
        let all = self.forbidden.as_ref().is_some_and(|list| {
            list.is_everything()
                || list.covers(&PatternList::fixed(&["refs/heads/**", "refs/tags/**"], PatternOf::AnyRef))
        });
        let any = OPERATIONS.iter().all(|kind| self.operations.contains(kind));
        (all && any).then_some("every ref matches it")
    }
}

#[cfg(test)]
mod tests {
    use crate::model::UpdateKind;
    use crate::policy::testing::*;

    fn verdict_of(keys: &str, name: &str, kind: UpdateKind) -> String {
        let open = OPEN.replace("refs/heads/agent/{principal}/**", "refs/heads/**");
        let text = format!("{open}[rule.r]\nkind = \"ref-name\"\nthen = \"refuse\"\n{keys}\n");
        verdict(&text, &push(vec![update(name, kind)], vec![]))
    }

    #[test]
    fn b18_names_are_anchored_at_both_ends() {
        use UpdateKind::{Create, Delete, Rewind, Update};
        let forbidden = "match = [\"refs/heads/ma\", \"refs/heads/release/**\"]";
        let required = "must_match = [\"refs/heads/agent/{principal}/*\", \"refs/tags/v*\"]";
        let table = [
            (forbidden, "refs/heads/ma", Create, true),
            (forbidden, "refs/heads/MA", Update, true),
            (forbidden, "refs/heads/master2", Create, false),
            (forbidden, "refs/heads/x/refs/heads/ma", Create, false),
            (forbidden, "refs/heads/release/1", Rewind, true),
            (forbidden, "refs/heads/release/1", Delete, false),
            (required, "refs/heads/agent/claude-1/x", Create, false),
            (required, "refs/heads/agent/claude-1/x/y", Create, true),
            (required, "refs/heads/agent/claude-2/x", Create, true),
            (required, "refs/heads/Agent/claude-1/x", Create, true),
            (required, "refs/tags/v1", Create, false),
            (required, "refs/tags/x", Create, true),
            (required, "refs/tags/x", Delete, false),
        ];
        for (keys, name, kind, speaks) in table {
            let expected = if speaks { "refuse: r" } else { "accept: " };
            assert_eq!(verdict_of(keys, name, kind), expected, "{keys} {name} {kind:?}");
        }
    }
}
