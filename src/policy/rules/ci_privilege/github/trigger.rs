//! `on`: what starts a workflow, and what its filters hold back.

use crate::policy::rules::ci_privilege::compare::{Ask, Guard, Picture, What};
use crate::policy::rules::ci_privilege::shown;
use crate::policy::rules::ci_privilege::yaml::Node;
use std::collections::HashSet;

/// One event a workflow runs on.
pub struct Event<'n> {
    /// In lower case.
    pub name: String,
    pub line: u32,
    settings: Option<&'n Node>,
}

/// Events by which somebody who cannot push makes a workflow run with the repository's secrets, or who can push makes
/// code run that no check has seen.
const PRIVILEGED: [&str; 12] = [
    "pull_request_target",
    "workflow_run",
    "issue_comment",
    "issues",
    "discussion",
    "discussion_comment",
    "pull_request_comment",
    "repository_dispatch",
    "fork",
    "watch",
    "gollum",
    "public",
];

#[must_use]
pub fn is_privileged(event: &str) -> bool {
    PRIVILEGED.contains(&event)
}

/// The events, in each of the three forms of `on`. For readers of YAML 1.1 that key is `true`.
#[must_use]
pub fn events(root: &Node) -> Vec<Event<'_>> {
    let mut found = Vec::new();
    for on in root.pairs().iter().filter(|pair| matches!(pair.key.as_str(), "on" | "true")) {
        for (name, node) in on.value.scalars().into_iter().filter(|_| !on.value.is_map()) {
            found.push(Event { name: name.to_ascii_lowercase(), line: node.line, settings: None });
        }
        for pair in on.value.pairs() {
            let name = pair.key.to_ascii_lowercase();
            found.push(Event { name, line: pair.line, settings: Some(&pair.value) });
        }
    }
    found
}

/// Inputs that hold no free text wherever they are declared.
#[must_use]
pub fn safe_inputs(events: &[Event<'_>]) -> HashSet<String> {
    let (mut safe, mut free) = (HashSet::new(), HashSet::new());
    let inputs = events.iter().filter_map(|event| event.settings?.get("inputs"));
    for input in inputs.flat_map(|inputs| inputs.pairs()) {
        let kind = input.value.get("type").and_then(|kind| kind.text()).unwrap_or("string");
        let is_safe = matches!(kind, "boolean" | "number" | "choice" | "environment");
        let into = if is_safe { &mut safe } else { &mut free };
        into.insert(input.key.to_ascii_lowercase());
    }
    safe.retain(|name| !free.contains(name));
    safe
}

pub fn look(root: &Node, events: &[Event<'_>], picture: &mut Picture) {
    picture.holder("workflow".to_owned(), root.line);
    for event in events {
        let key = format!("on:{}", event.name);
        picture.holder(key.clone(), event.line);
        if is_privileged(&event.name) {
            let name = &event.name;
            let message = format!("`{name}` starts the workflow with the repository's rights on what others do");
            let fix = "use `pull_request` or `push`, which run without secrets of the repository for strangers";
            picture.ask(Ask::new(What::Trigger, key.clone(), event.line, message, fix));
        }
        if matches!(event.name.as_str(), "push" | "pull_request" | "merge_group") {
            let message = format!("the workflow no longer runs on `{}`", event.name);
            picture.guard(key, "workflow", message, "put the trigger back");
        }
        if event.name == "push" || is_privileged(&event.name) {
            filters(event, picture);
        }
    }
}

fn filters(event: &Event<'_>, picture: &mut Picture) {
    let Some(settings) = event.settings else { return };
    let holder = format!("on:{}", event.name);
    for filter in settings.pairs() {
        let key = format!("filter:{}:{}", event.name, filter.key);
        let mut guard = |key: String, message: String| {
            let (keys, holders) = (vec![key], vec![holder.clone()]);
            picture.guards.push(Guard { what: What::Trigger, keys, holders, message, fix: "put it back".to_owned() });
        };
        match filter.key.as_str() {
            "branches" | "tags" | "types" | "workflows" => {
                guard(key.clone(), format!("the filter `{}` of `{}` is gone", filter.key, event.name));
                picture.holder(key.clone(), filter.line);
            }
            "branches-ignore" | "tags-ignore" => {
                for (entry, _) in filter.value.scalars() {
                    let message =
                        format!("`{}` of `{}` no longer leaves out `{}`", filter.key, event.name, shown(entry));
                    guard(format!("{key}:{entry}"), message);
                }
                continue;
            }
            _ => continue,
        }
        // A branch more is no matter for `push`; all branches of a kind are.
        let counts = |entry: &str| event.name != "push" || entry.contains(['*', '?', '+', '[']);
        for (entry, node) in filter.value.scalars().into_iter().filter(|(entry, _)| counts(entry)) {
            let message = format!("`{}` of `{}` now lets `{}` through too", filter.key, event.name, shown(entry));
            let ask =
                Ask::new(What::Trigger, format!("{key}:{entry}"), node.line, message, "keep the filter as it was");
            picture.ask(ask.weakens(std::slice::from_ref(&key)));
        }
    }
}
