//! Goes through all scalars of a job: variables that hold secrets or others' text, scripts, and what is set.

use super::File;
use crate::policy::rules::ci_privilege::compare::{Ask, Picture, What};
use crate::policy::rules::ci_privilege::script::{digest, downloads, evaluated_lines, is_loaded, variables};
use crate::policy::rules::ci_privilege::shown;
use crate::policy::rules::ci_privilege::yaml::{Node, Pair};

/// Predefined variables that somebody who may only push a branch or open a merge request can write.
pub const TAINTED: [&str; 16] = [
    "CI_COMMIT_AUTHOR",
    "CI_COMMIT_BRANCH",
    "CI_COMMIT_DESCRIPTION",
    "CI_COMMIT_MESSAGE",
    "CI_COMMIT_REF_NAME",
    "CI_COMMIT_TAG",
    "CI_COMMIT_TAG_MESSAGE",
    "CI_COMMIT_TITLE",
    "CI_EXTERNAL_PULL_REQUEST_SOURCE_BRANCH_NAME",
    "CI_MERGE_REQUEST_DESCRIPTION",
    "CI_MERGE_REQUEST_LABELS",
    "CI_MERGE_REQUEST_MILESTONE",
    "CI_MERGE_REQUEST_SOURCE_BRANCH_NAME",
    "CI_MERGE_REQUEST_TITLE",
    "GITLAB_USER_NAME",
    "TRIGGER_PAYLOAD",
];

const SCRIPTS: [&str; 4] = ["script", "before_script", "after_script", "pre_get_sources_script"];

pub fn pair(holder: &str, pair: &Pair, file: &File<'_>, picture: &mut Picture) {
    if pair.key == "variables" {
        for variable in pair.value.pairs() {
            let value = variable.value.get("value").unwrap_or(&variable.value).text().unwrap_or_default();
            if is_loaded(&variable.key, value) {
                let key = format!("env:{holder}:{}={value}", variable.key);
                let message = format!("`{}` changes what every program of the job does", shown(&variable.key));
                let fix = "leave it out, or set it for the one command that needs it";
                picture.ask(Ask::new(What::Env, key, variable.line, message, fix));
            }
        }
    }
    let is_script = SCRIPTS.contains(&pair.key.as_str());
    pair.value.each_scalar(
        &mut |key, node| {
            secrets(holder, node, file, picture);
            if is_script || key.is_some_and(|key| SCRIPTS.contains(&key)) {
                script(holder, node, file, picture);
            }
        },
        None,
    );
}

pub fn scalars(holder: &str, node: &Node, file: &File<'_>, picture: &mut Picture) {
    node.pairs().iter().for_each(|below| pair(holder, below, file, picture));
}

fn secrets(holder: &str, node: &Node, file: &File<'_>, picture: &mut Picture) {
    let Some(text) = node.text().filter(|text| text.contains('$')) else { return };
    let (mut lines, context) = (node.lines(), digest(text));
    for (offset, name) in variables(text) {
        let line = lines.line_at(offset);
        if is_secret(name) && !file.set.contains(name) {
            let message =
                format!("the variable `{}` is named like a secret, is used here, and was not before", shown(name));
            let fix = "leave it out, or have a person add what needs a secret";
            let key = format!("secret:{holder}:{name}");
            picture.ask(Ask::new(What::Secrets, key, line, message, fix).each(context));
        }
    }
}

/// By the name: GitLab does not say in the file which variables of a project are secret.
fn is_secret(name: &str) -> bool {
    // The job's own, which it has anyway.
    const OWN: [&str; 4] =
        ["CI_JOB_TOKEN", "CI_REGISTRY_PASSWORD", "CI_DEPENDENCY_PROXY_PASSWORD", "CI_DEPLOY_PASSWORD"];
    const WORDS: [&str; 11] = [
        "TOKEN",
        "SECRET",
        "SECRETS",
        "PASSWORD",
        "PASSWD",
        "PASSPHRASE",
        "CREDENTIAL",
        "CREDENTIALS",
        "APIKEY",
        "PAT",
        "PASS",
    ];
    const KEYS: [&str; 9] = ["API", "ACCESS", "PRIVATE", "SSH", "SIGNING", "DEPLOY", "GPG", "ENCRYPTION", "LICENSE"];
    let name = name.to_ascii_uppercase();
    let parts: Vec<&str> = name.split('_').collect();
    let is_key = parts.windows(2).any(|pair| matches!(pair, [of, "KEY"] if KEYS.contains(of)));
    !OWN.contains(&name.as_str()) && (is_key || parts.iter().any(|part| WORDS.contains(part)))
}

fn script(holder: &str, node: &Node, file: &File<'_>, picture: &mut Picture) {
    let Some(text) = node.text() else { return };
    let context = digest(text);
    let mut lines = node.lines();
    for offset in downloads(text) {
        let message = "a download is run without being looked at".to_owned();
        let fix = "download to a file, compare its checksum, then run it";
        let key = format!("download:{holder}");
        picture.ask(Ask::new(What::ShellDownload, key, lines.line_at(offset), message, fix).each(context));
    }
    let mut lines = node.lines();
    for (offset, line) in evaluated_lines(text) {
        let number = lines.line_at(offset);
        for (_, name) in variables(line).filter(|(_, name)| TAINTED.contains(name) || file.tainted.contains(name)) {
            let message =
                format!("`${}` in a text that is evaluated runs as code what somebody else wrote", shown(name));
            let fix = "pass it as an argument or in quotes to a command, and evaluate nothing it is in";
            let key = format!("interpolation:{holder}:{name}");
            picture.ask(Ask::new(What::Interpolation, key, number, message, fix).each(context));
        }
    }
}
