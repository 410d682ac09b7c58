//! Goes through all scalars of a job: secrets and event data in expressions, scripts, and what the environment is set to.

use super::Context;
use crate::policy::rules::ci_privilege::compare::{Ask, Picture, What};
use crate::policy::rules::ci_privilege::expression::{Known, Path, expressions, paths};
use crate::policy::rules::ci_privilege::script::{digest, downloads, is_loaded, lines, loaded_in, variables};
use crate::policy::rules::ci_privilege::shown;
use crate::policy::rules::ci_privilege::yaml::{Node, Pair};
use std::collections::HashSet;

/// Keys whose text is run as a program.
const SCRIPTS: [&str; 6] = ["run", "script", "inlinescript", "command", "cmd", "shell"];

/// Environment variables that hold what a stranger can write, anywhere in the file.
#[must_use]
pub fn tainted_env(root: &Node, known: &Known) -> HashSet<String> {
    let mut found = HashSet::new();
    each_env(root, &mut |pair| {
        let text = pair.value.text().unwrap_or_default();
        let is_tainted =
            expressions(text).iter().any(|(_, text)| paths(text).iter().any(|path| known.is_tainted(path)));
        if is_tainted {
            found.insert(pair.key.to_ascii_lowercase());
        }
    });
    found
}

/// Every variable of every `env` below.
fn each_env<'n>(node: &'n Node, look: &mut dyn FnMut(&'n Pair)) {
    for pair in node.pairs() {
        if pair.key == "env" {
            pair.value.pairs().iter().for_each(&mut *look);
        }
        each_env(&pair.value, look);
    }
    node.items().iter().for_each(|item| each_env(item, look));
}

/// A key and what is below it.
pub fn pair(holder: &str, pair: &Pair, context: &Context<'_>, picture: &mut Picture) {
    if pair.key == "env" {
        pair.value.pairs().iter().for_each(|variable| look_at_variable(holder, variable, picture));
    }
    pair.value.each_scalar(&mut |key, node| scalar(holder, key, node, context, picture), Some(&pair.key));
    each_env(&pair.value, &mut |variable| look_at_variable(holder, variable, picture));
}

pub fn scalars(holder: &str, node: &Node, context: &Context<'_>, picture: &mut Picture) {
    node.pairs().iter().for_each(|below| pair(holder, below, context, picture));
}

fn look_at_variable(holder: &str, variable: &Pair, picture: &mut Picture) {
    let value = variable.value.text().unwrap_or_default();
    if is_loaded(&variable.key, value) {
        let key = format!("env:{holder}:{}={value}", variable.key);
        let message = format!("`{}` changes what every program of the job does", shown(&variable.key));
        let fix = "leave it out, or set it for the one command that needs it, inside `run`";
        picture.ask(Ask::new(What::Env, key, variable.line, message, fix));
    }
}

fn scalar(holder: &str, key: Option<&str>, node: &Node, context: &Context<'_>, picture: &mut Picture) {
    let Some(text) = node.text() else { return };
    let is_script = key.is_some_and(|key| SCRIPTS.iter().any(|script| key.eq_ignore_ascii_case(script)));
    if !is_script && !text.contains("${{") {
        return;
    }
    let context_of = digest(text);
    let mut lines = node.lines();
    for (offset, expression) in expressions(text) {
        for path in paths(expression) {
            let place = (lines.line_at(offset), context_of);
            look_at_secret(holder, &path, place, picture);
            if is_script && context.known.is_tainted(&path) {
                let shown = shown(&path.show());
                let message = format!("`${{{{ {shown} }}}}` in a script runs as code what somebody else wrote");
                let fix = format!("put it into `env:` of the step, and read it as \"$NAME\" instead of `{shown}`");
                let key = format!("interpolation:{holder}:{}", path.show());
                picture.ask(Ask::new(What::Interpolation, key, place.0, message, fix).each(place.1));
            }
        }
    }
    if is_script {
        script(holder, text, node, context, picture);
    }
}

fn look_at_secret(holder: &str, path: &Path, (line, context): (u32, u64), picture: &mut Picture) {
    // The job's own token, under each of its names.
    const OWN: [&str; 3] = ["github_token", "gitea_token", "forgejo_token"];
    let Some(secret) = path.secret().filter(|secret| secret.is_none_or(|name| !OWN.contains(&name))) else { return };
    let message = match secret {
        Some(name) => format!("the secret `{}` is used here, and was not before", shown(&name.to_ascii_uppercase())),
        None => "all secrets of the repository are handed out here".to_owned(),
    };
    let key = format!("secret:{holder}:{}", secret.unwrap_or("*"));
    let fix = "leave it out, or have a person add what needs a secret";
    picture.ask(Ask::new(What::Secrets, key, line, message, fix).each(context));
}

fn script(holder: &str, text: &str, node: &Node, context: &Context<'_>, picture: &mut Picture) {
    let (mut lines_of, context_of) = (node.lines(), digest(text));
    for offset in downloads(text) {
        let line = lines_of.line_at(offset);
        let key = format!("download:{holder}");
        let message = "a download is run without being looked at".to_owned();
        let fix = "download to a file, compare its checksum, then run it";
        picture.ask(Ask::new(What::ShellDownload, key, line, message, fix).each(context_of));
    }
    checkout(holder, text, node, context, picture);
    if !(text.contains("GITHUB_ENV") || text.contains("GITHUB_PATH")) {
        return;
    }
    let mut ask = |key: String, line: u32, message: String| {
        let fix = "do not write there what others decide; use the value in the step that needs it";
        picture.ask(Ask::new(What::Env, format!("env:{holder}:{key}"), line, message, fix));
    };
    let mut lines_of = node.lines();
    for (offset, name) in variables(text) {
        if context.known.tainted_env.contains(&name.to_ascii_lowercase()) {
            let message =
                format!("`${}` holds what somebody else wrote, and this script writes to GITHUB_ENV", shown(name));
            ask(format!("${name}"), lines_of.line_at(offset), message);
        }
    }
    let mut lines_of = node.lines();
    for (offset, line) in lines(text).filter(|(_, line)| line.contains("GITHUB_ENV")) {
        if let Some(name) = loaded_in(line) {
            let message = format!("`{name}` changes what every later program of the job does");
            ask(line.trim().to_owned(), lines_of.line_at(offset), message);
        }
    }
}

/// Commands that bring the code of a pull request, in a workflow that has the rights of the repository.
fn checkout(holder: &str, text: &str, node: &Node, context: &Context<'_>, picture: &mut Picture) {
    const COMMANDS: [&str; 3] = ["gh pr checkout", "refs/pull/", "origin pull/"];
    if !context.is_privileged {
        return;
    }
    let mut lines_of = node.lines();
    for (offset, line) in lines(text) {
        if COMMANDS.iter().any(|command| line.contains(command)) {
            super::job::ask_for_checkout(holder, line.trim(), lines_of.line_at(offset), picture);
        }
    }
}
