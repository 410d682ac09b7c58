//! Jobs and steps: where they run, what they run, and what holds them back.

use super::{Context, container, uses};
use crate::policy::rules::ci_privilege::compare::{Ask, Guard, Picture, What};
use crate::policy::rules::ci_privilege::expression::expressions;
use crate::policy::rules::ci_privilege::image::is_like;
use crate::policy::rules::ci_privilege::script::digest;
use crate::policy::rules::ci_privilege::yaml::{Node, Pair};
use crate::policy::rules::ci_privilege::{is_true, shown};
use std::collections::HashSet;
use std::rc::Rc;

/// Labels of one job that are looked up in its matrix; more are as good as computed.
const LABELS_MAX: usize = 20;

pub fn look(holder: &str, job: &Pair, context: &Context<'_>, picture: &mut Picture) {
    let (name, node) = (shown(&job.key), &job.value);
    let message = format!("the job `{name}` is gone, and what it checks with it");
    picture.guard(holder.to_owned(), "workflow", message, "put the job back, under the same name");
    conditions(&[holder.to_owned()], &format!("the job `{name}`"), node, picture);
    guards(holder, &name, node, picture);
    for (label, place) in labels(node) {
        runner(label, place, context, picture);
    }
    if let Some(called) = node.get("uses") {
        uses::look(called, context, picture);
    }
    if let Some(secrets) = node.pair("secrets").filter(|secrets| secrets.value.text() == Some("inherit")) {
        let message = "`secrets: inherit` hands all secrets of the repository to the called workflow".to_owned();
        let ask =
            Ask::new(What::Secrets, format!("inherit:{holder}"), secrets.line, message, "name the secrets it needs");
        picture.ask(ask);
    }
    if let Some(container) = node.get("container") {
        container::look(holder, container, picture);
    }
    for service in node.get("services").iter().flat_map(|services| services.pairs()) {
        container::look(holder, &service.value, picture);
    }
    steps(holder, node, context, picture);
}

/// What a job waits for.
fn guards(holder: &str, name: &str, node: &Node, picture: &mut Picture) {
    if let Some(environment) = node.get("environment") {
        let of = environment.get("name").unwrap_or(environment);
        let text = of.text().unwrap_or_default();
        let message =
            format!("the job `{name}` no longer runs in the environment `{}`, with its approvals", shown(text));
        picture.guard(format!("environment:{holder}:{text}"), holder, message, "put the environment back");
    }
    for (needed, _) in node.get("needs").map(|needs| needs.scalars()).unwrap_or_default() {
        let message = format!("the job `{name}` no longer waits for `{}`", shown(needed));
        picture.guard(format!("needs:{holder}:{needed}"), holder, message, "put it back into `needs`");
    }
    let condition = node.get("if").and_then(|condition| condition.text()).unwrap_or_default();
    if condition.contains("always()") && node.get("needs").is_some() {
        let line = node.get("if").map_or(node.line, |condition| condition.line);
        let message = format!("the job `{name}` runs although what it needs has failed");
        let ask = Ask::new(What::Condition, format!("always:{holder}"), line, message, "leave `always()` out");
        picture.ask(ask.weakens(&[holder.to_owned()]));
    }
}

/// `if` and `continue-on-error` of a job or step that is known by these names.
fn conditions(names: &[String], what: &str, node: &Node, picture: &mut Picture) {
    let (Some(first), keys) = (names.first(), |of: &str| names.iter().map(|name| format!("{of}:{name}")).collect())
    else {
        return;
    };
    let mut weaken = |of: &str, line: u32, message: String, fix: &str| {
        let ask = Ask::new(What::Condition, format!("{of}:{first}"), line, message, fix);
        picture.ask(ask.also(keys(of)).weakens(names));
    };
    if let Some(pair) = node.pair("continue-on-error").filter(|pair| is_true(&pair.value)) {
        weaken("continue", pair.line, format!("{what} no longer fails when it fails"), "leave `continue-on-error` out");
    }
    let Some((condition, text)) = node.pair("if").and_then(|pair| Some((pair, pair.value.text()?))) else { return };
    let parts = parts(text);
    if parts.iter().any(|part| part == "false") {
        weaken("never", condition.line, format!("{what} never runs any more"), "leave `if: false` out");
    }
    for part in parts.into_iter().filter(|part| !matches!(part.as_str(), "false" | "true" | "always()")) {
        let keys = names.iter().map(|name| format!("if:{name}:{part}")).collect();
        let message = format!("{what} no longer has the condition `{}`", shown(&part));
        let fix = "put the condition back".to_owned();
        picture.guards.push(Guard { what: What::Condition, keys, holders: names.to_vec(), message, fix });
    }
}

/// What must all be true: the parts between `&&`. With an `||` the whole is one part.
fn parts(condition: &str) -> Vec<String> {
    let all = expressions(condition);
    let inner = match all.as_slice() {
        [(0, inner)] => inner,
        _ => condition,
    };
    let plain = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    if inner.contains("||") {
        return vec![plain(inner)];
    }
    inner.split("&&").map(plain).filter(|part| !part.is_empty()).collect()
}

/// Labels of the machines a job runs on, also those that a matrix brings.
fn labels(job: &Node) -> Vec<(&str, &Node)> {
    let Some(runs_on) = job.get("runs-on") else { return Vec::new() };
    let (mut found, mut seen) = (Vec::new(), HashSet::new());
    for (text, node) in runs_on.scalars() {
        if !seen.insert(text.trim()) {
            continue;
        }
        let of_matrix = text.trim().strip_prefix("${{").and_then(|rest| rest.strip_suffix("}}")).map(str::trim);
        let name = of_matrix.and_then(|rest| rest.strip_prefix("matrix.")).filter(|_| seen.len() <= LABELS_MAX);
        match name.and_then(|name| matrix(job, name)) {
            Some(values) => found.extend(values.iter().flat_map(|value| value.scalars())),
            None => found.push((text, node)),
        }
    }
    found
}

/// What a matrix gives for a name; nothing if it is computed.
fn matrix<'n>(job: &'n Node, name: &str) -> Option<Vec<&'n Rc<Node>>> {
    let matrix = job.get("strategy")?.get("matrix")?;
    let included = matrix.get("include");
    let is_computed = |node: &Node| node.text().is_some_and(|text| text.contains("${{"));
    if is_computed(matrix) || included.is_some_and(|included| is_computed(included)) {
        return None;
    }
    let more = included.iter().flat_map(|included| included.items()).filter_map(|item| item.get(name));
    let all: Vec<_> = matrix.get(name).into_iter().chain(more).collect();
    (!all.is_empty()).then_some(all)
}

fn runner(label: &str, node: &Node, context: &Context<'_>, picture: &mut Picture) {
    let is_allowed = match &context.allowed.runners {
        Some(list) => list.iter().any(|pattern| is_like(pattern, label)),
        None => is_hosted(label),
    };
    if is_allowed {
        return;
    }
    let shown = shown(label);
    let (message, fix) = match &context.allowed.runners {
        Some(list) => {
            let message = format!("the job runs on `{shown}`, which the policy does not list");
            (message, format!("use one of these runners: {}", list.join(", ")))
        }
        None => {
            let message = format!("the job runs on `{shown}`, a runner that was not used here before");
            (message, "use a runner that is used already, or one of the forge's own such as `ubuntu-latest`".to_owned())
        }
    };
    let key = format!("runner:{}", label.to_ascii_lowercase());
    picture.ask(Ask::new(What::Runner, key, node.line, message, fix));
}

/// GitHub's own machines, by the names it documents: `ubuntu-24.04-arm`, `macos-latest-xlarge`.
fn is_hosted(label: &str) -> bool {
    let label = label.to_ascii_lowercase();
    let Some((system, rest)) = label.split_once('-') else { return false };
    let is_version = |part: &str| part == "latest" || part.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    let is_size = |part: &str| matches!(part, "arm" | "slim" | "large" | "xlarge" | "intel");
    matches!(system, "ubuntu" | "windows" | "macos") && rest.split('-').all(|part| is_version(part) || is_size(part))
}

pub fn steps(holder: &str, node: &Node, context: &Context<'_>, picture: &mut Picture) {
    for step in node.get("steps").iter().flat_map(|steps| steps.items()) {
        let names = names(holder, step);
        for name in &names {
            picture.holder(name.clone(), step.line);
        }
        let called = ["name", "id", "uses", "run"].iter().find_map(|key| step.get(key)?.text());
        let what = format!("the step `{}`", shown(called.unwrap_or_default().lines().next().unwrap_or_default()));
        conditions(&names, &what, step, picture);
        let Some(action) = step.get("uses") else { continue };
        uses::look(action, context, picture);
        if context.is_privileged && action.text().is_some_and(|text| text.contains("checkout")) {
            checkout(holder, step, picture);
        }
    }
}

/// All that a step can be known by, so that a new name alone makes no new step.
fn names(holder: &str, step: &Node) -> Vec<String> {
    let text = |key: &str| step.get(key).and_then(|node| node.text());
    let mut names = Vec::new();
    names.extend(text("id").map(|id| format!("{holder}/id:{id}")));
    names.extend(text("name").map(|name| format!("{holder}/name:{name}")));
    names.extend(text("uses").map(|uses| format!("{holder}/uses:{}", uses.split('@').next().unwrap_or_default())));
    names.extend(text("run").map(|run| format!("{holder}/run:{}", digest(run.trim()))));
    names
}

/// A checkout of anything but what the event itself names.
fn checkout(holder: &str, step: &Node, picture: &mut Picture) {
    let with = step.get("with");
    for key in ["ref", "repository"] {
        let Some(node) = with.and_then(|with| with.get(key)) else { continue };
        let text = node.text().unwrap_or_default();
        let lower = text.to_ascii_lowercase();
        let sources = ["head", "event", "inputs", "steps", "needs", "env", "ref_name"];
        let is_computed = lower.contains("${{") && sources.iter().any(|word| lower.contains(word));
        if is_computed || lower.contains("refs/pull/") {
            ask_for_checkout(holder, text, node.line, picture);
        }
    }
}

pub fn ask_for_checkout(holder: &str, what: &str, line: u32, picture: &mut Picture) {
    let message = format!("`{}` brings a stranger's code into a run that has the repository's rights", shown(what));
    let fix = "build pull requests under `pull_request`, without secrets";
    picture.ask(Ask::new(What::CheckoutOfPr, format!("checkout:{holder}:{what}"), line, message, fix));
}
