//! `refgate check-config`: both files by themselves, and whether they fit each other.

use super::{DONE, complain, load, negative, print};
use crate::config::{Config, PolicySource, Token, Upstream, WebhookUrl};
use crate::gate::Kept;
use crate::model::RepoName;
use crate::policy::Policy;
use crate::strict::{self, Problem, Table};
use jiff::Timestamp;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

pub fn run(path: &Path) -> ExitCode {
    let config = match load(path) {
        Ok(config) => config,
        Err(code) => return code,
    };
    let policy_path = policy_path(&config);
    let policy_file = policy_path.display().to_string();
    let text = match std::fs::read_to_string(&policy_path) {
        Ok(text) => text,
        Err(error) => {
            complain(&format!("error: cannot read the policy {policy_file}: {error}\n"));
            return negative();
        }
    };
    let policy = match Policy::parse(&policy_file, &text) {
        Ok(policy) => policy,
        Err(problems) => {
            complain(&problems.to_string());
            return negative();
        }
    };
    let mut warnings = String::new();
    let mut warn = |problem: &Problem| strict::render(&mut warnings, "warning", &policy_file, &text, problem);
    let found = policy.lint(Timestamp::now()).into_iter().chain(unknown_repos(&policy_file, &text, &config));
    let mut count = found.map(|problem| warn(&problem)).count();
    for missing in missing_files(&config) {
        let _ = writeln!(warnings, "warning: {missing}");
        count += 1;
    }
    complain(&warnings);
    let names: Vec<&str> = config.repos.keys().map(RepoName::as_str).collect();
    let names = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    print(&format!("{} and {policy_file} are right\nrepositories: {names}\nwarnings: {count}\n", path.display()));
    DONE
}

/// The file that the settings' policy is read from: of a policy in a repository, what the gate last took from there.
pub fn policy_path(config: &Config) -> PathBuf {
    match &config.policy {
        PolicySource::File(path) => path.clone(),
        PolicySource::Pushed(_) => Kept::below(&config.data).in_force(),
    }
}

/// Repositories that the policy names and the settings do not know: such a grant or rule does nothing.
///
/// Reads the document once more, only for these names; what is wrong with it otherwise was said before.
pub fn unknown_repos(file: &str, text: &str, config: &Config) -> Vec<Problem> {
    let mut found = Vec::new();
    let known: Vec<&str> = config.repos.keys().map(RepoName::as_str).collect();
    let mut check = |name: &str, span| {
        let is_pattern = name.contains(['*', '?', '[', '!', '{']);
        if !is_pattern && !known.contains(&name) {
            let message = format!("there is no repository `{}` in the settings", name.escape_debug());
            found.push(Problem::new(span, message).help(strict::suggest(name, &known)));
        }
    };
    let read = |root: &mut Table<'_, '_>, _: &mut Vec<Problem>| {
        let mut ignored = Vec::new();
        if let Some(mut repos) = root.get("repo").and_then(|value| value.table(&mut ignored)) {
            repos.entries().into_iter().for_each(|(name, span, _)| check(&name, span));
        }
        let grants = root.get("grant").and_then(|value| value.array(&mut ignored)).unwrap_or_default();
        let rules = root.get("rule").and_then(|value| value.table(&mut ignored));
        let rules = rules.map(|mut rules| rules.entries()).unwrap_or_default();
        for item in grants.into_iter().chain(rules.into_iter().map(|(_, _, value)| value)) {
            let Some(mut item) = item.table(&mut ignored) else { continue };
            let Some(value) = item.get("repo").or_else(|| item.get("repos")) else { continue };
            match value.as_str() {
                Some(name) => check(name, value.span()),
                None => {
                    let names = value.strings(&mut ignored).unwrap_or_default();
                    names.into_iter().for_each(|(name, span)| check(name, span));
                }
            }
        }
        root.entries();
        Some(())
    };
    let _ = strict::parse(file, text, read);
    found
}

/// Files that the settings name and that are not there yet.
fn missing_files(config: &Config) -> Vec<String> {
    let mut missing = Vec::new();
    for (name, repo) in &config.repos {
        let files: Vec<(&str, &Path)> = match &repo.upstream {
            Upstream::Local { path } | Upstream::Own { path } => vec![("upstream", path)],
            Upstream::Ssh { identity, known_hosts, .. } => vec![("identity", identity), ("known_hosts", known_hosts)],
            Upstream::Https { token: Token::File(path), .. } => vec![("token", path)],
            Upstream::Https { token: Token::None | Token::Env(_) | Token::Command(_), .. } => Vec::new(),
        };
        for (key, path) in files {
            if !path.exists() {
                missing.push(format!("[repo.{name}] {key}: there is no {}", path.display()));
            }
        }
    }
    for (name, webhook) in &config.webhooks {
        let url = match &webhook.url {
            WebhookUrl::Written(_) => None,
            WebhookUrl::Kept(source) => Some(("url", source)),
        };
        for (key, source) in url.into_iter().chain([("secret", &webhook.secret)]) {
            if let Token::File(path) = source
                && !path.exists()
            {
                missing.push(format!("[webhook.{name}] {key}: there is no {}", path.display()));
            }
        }
    }
    missing
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_repositories_that_are_not_in_the_settings() {
        let settings = "data = \"d\"\npolicy = \"p\"\n[repo.app]\nupstream = \"/srv/app.git\"\n";
        let config = Config::parse("refgate.toml", settings, Path::new("/etc")).expect("it is right");
        let policy = "[repo.app]\nmode = \"enforce\"\n[repo.ap]\nmode = \"enforce\"\n[[grant]]\nrepo = \"app\"\n\
                      [[grant]]\nrepo = \"lib\"\n[[grant]]\nrepo = \"team/*\"\n[[grant]]\nrepo = [\"app\", \"tool\"]\n\
                      [rule.x]\nrepos = \"docs\"\n[rule.y]\nkind = \"path\"\n";
        let found = unknown_repos("policy.toml", policy, &config);
        let lines: Vec<_> =
            found.iter().map(|p| (strict::position(policy, p.span.start).0, p.message.as_str())).collect();
        let message = |name| format!("there is no repository `{name}` in the settings");
        let expected = [(3, message("ap")), (8, message("lib")), (12, message("tool")), (14, message("docs"))];
        assert_eq!(lines, expected.each_ref().map(|(line, text)| (*line, text.as_str())));
    }
}
