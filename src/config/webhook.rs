//! `[webhook.NAME]`: who is told of which events, and where.

use super::document::token;
use super::upstream::{Refused, is_loopback, refused, split_port};
use super::{Repo, Token, Webhook, WebhookFormat, WebhookUrl};
use crate::model::{EventKind, HookName, RepoName, is_invisible};
use crate::strict::{Problem, Table, Value, suggest};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

/// A stop of the gate waits for a delivery under way.
const TIMEOUT_MAX: Duration = Duration::from_secs(30);
const TIMEOUT_DEFAULT: Duration = Duration::from_secs(10);
const TRIES_MAX: u64 = 1000;
const TRIES_DEFAULT: u32 = 8;

const FORMATS: [(&str, WebhookFormat); 3] =
    [("json", WebhookFormat::Json), ("slack", WebhookFormat::Slack), ("teams", WebhookFormat::Teams)];

type List = Vec<Problem>;
type Repos = BTreeMap<RepoName, Repo>;

/// `repos` are those of the settings; `None` if they could not be read.
pub fn read(
    value: Value<'_, '_>,
    repos: Option<&Repos>,
    base: &Path,
    problems: &mut List,
) -> Option<BTreeMap<HookName, Webhook>> {
    let mut webhooks = BTreeMap::new();
    for (key, span, value) in value.table(problems)?.entries() {
        let name = HookName::parse(&key);
        if let Err(error) = &name {
            problems.push(Problem::new(span, error.to_string()));
        }
        let Some(mut table) = value.table(problems) else { continue };
        let webhook = webhook(&mut table, repos, base, problems);
        table.finish(problems);
        if let (Ok(name), Some(webhook)) = (name, webhook) {
            webhooks.insert(name, webhook);
        }
    }
    Some(webhooks)
}

fn webhook(table: &mut Table<'_, '_>, known: Option<&Repos>, base: &Path, problems: &mut List) -> Option<Webhook> {
    let url = table.require("url", problems);
    let format = table.get("format");
    let is_json = format.is_none_or(|value| value.as_str() == Some("json"));
    let secret = if is_json { table.require("secret", problems) } else { table.get("secret") };
    let secret = match secret {
        Some(value) => token(value, base, problems),
        None => (!is_json).then_some(Token::None),
    };
    let format = format.map_or(Some(WebhookFormat::Json), |value| value.one_of(&FORMATS, problems));
    let events = table.get("events").map_or_else(|| Some(EventKind::ALL.to_vec()), |value| events(value, problems));
    let repos = match table.get("repos") {
        Some(value) => repo_names(value, known, problems).map(Some),
        None => Some(None),
    };
    let timeout = table.get("timeout").map_or(Some(TIMEOUT_DEFAULT), |value| timeout(value, problems));
    let tries = table.get("tries").map_or(Some(TRIES_DEFAULT), |value| tries(value, problems));
    Some(Webhook {
        url: address(url?, base, problems)?,
        secret: secret?,
        format: format?,
        events: events?,
        repos: repos?,
        timeout: timeout?,
        tries: tries?,
    })
}

fn address(value: Value<'_, '_>, base: &Path, problems: &mut List) -> Option<WebhookUrl> {
    if value.is_table() {
        return token(value, base, problems).map(WebhookUrl::Kept);
    }
    let text = value.string(problems)?;
    if let Err(Refused { message, help }) = check_url(text) {
        problems.push(Problem::new(value.span(), message).help(help));
        return None;
    }
    Some(WebhookUrl::Written(text.to_owned()))
}

/// Whether events may be sent there. In clear only within this machine.
pub fn check_url(text: &str) -> Result<(), Refused> {
    const HELP: &str = "write \"https://host/path\", or { file = \"path\" } or { env = \"NAME\" } with it";
    if text.chars().any(|c| c.is_control() || c.is_whitespace() || is_invisible(c) || c == '\\') {
        return refused("a URL has no spaces, backslashes, control or invisible characters", HELP);
    }
    let Some((scheme @ ("https" | "http"), rest)) = text.split_once("://") else {
        return refused("a webhook is called over https://", HELP);
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.contains('@') {
        return refused("a user or password does not belong into the URL", HELP);
    }
    if rest.contains('#') {
        return refused("a URL that is called has no fragment", HELP);
    }
    let (host, _) = split_port(authority)?;
    if scheme == "http" && !is_loopback(&host) {
        return refused("http:// would send the events in clear", "write https:// (http:// is for localhost only)");
    }
    Ok(())
}

fn events(value: Value<'_, '_>, problems: &mut List) -> Option<Vec<EventKind>> {
    let mut kinds = Vec::new();
    for (pattern, span) in value.strings(problems)? {
        let meant = EventKind::matching(pattern);
        if meant.is_empty() {
            let known: Vec<&str> = EventKind::ALL.iter().map(|kind| kind.as_str()).collect();
            let problem = Problem::new(span, "no event is called so").help(suggest(pattern, &known));
            problems.push(problem);
        }
        kinds.extend(meant);
    }
    if value.is_empty_array() {
        let help = "leave the line out to get all events";
        problems.push(Problem::new(value.span(), "a webhook without events").help(help));
    }
    Some(kinds)
}

fn repo_names(value: Value<'_, '_>, known: Option<&Repos>, problems: &mut List) -> Option<Vec<RepoName>> {
    let mut names = Vec::new();
    for (text, span) in value.strings(problems)? {
        let name = RepoName::parse(text).ok();
        if let Some(known) = known
            && name.as_ref().is_none_or(|name| !known.contains_key(name))
        {
            let known: Vec<&str> = known.keys().map(RepoName::as_str).collect();
            problems.push(Problem::new(span, "there is no such [repo.…]").help(suggest(text, &known)));
        }
        names.extend(name);
    }
    if value.is_empty_array() {
        let help = "leave the line out to get those of all repositories";
        problems.push(Problem::new(value.span(), "a webhook without repositories").help(help));
    }
    Some(names)
}

fn timeout(value: Value<'_, '_>, problems: &mut List) -> Option<Duration> {
    let time = value.duration(problems)?;
    if time.is_zero() || time > TIMEOUT_MAX {
        let problem = Problem::new(value.span(), "not a time to wait for an answer");
        problems.push(problem.help("the longest is \"30 s\": a stop of the gate waits for it"));
        return None;
    }
    Some(time)
}

fn tries(value: Value<'_, '_>, problems: &mut List) -> Option<u32> {
    let number = value.unsigned(problems)?;
    if !(1..=TRIES_MAX).contains(&number) {
        problems.push(Problem::new(value.span(), "not a number of tries").help("from 1 to 1000"));
        return None;
    }
    u32::try_from(number).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_go_over_https_or_stay_on_this_machine() {
        for good in [
            "https://hooks.example.com/services/T0/B0/x",
            "https://host",
            "https://host:8443?sig=a%2Fb&x=y",
            "https://[2001:db8::1]/x",
            "http://localhost:8080/x",
            "http://127.0.0.1/x",
            "http://127.9.9.9",
            "http://[::1]:80",
        ] {
            assert_eq!(check_url(good), Ok(()), "{good}");
        }
        for bad in [
            "",
            "hooks.example.com",
            "ftp://host/x",
            "HTTPS://host/x",
            "https://",
            "https:///x",
            "https://user@host/x",
            "https://user:pass@host/x",
            "https://host/x#y",
            "https://host/a b",
            "https://host/a\nb",
            "https://host/a\u{202e}b",
            "https://host\\@other/",
            "https://-host/",
            "https://host:0/",
            "https://host:65536/",
            "http://host/x",
            "http://localhost.example.com/x",
            "http://127.0.0.1.example.com/x",
            "http://localhost?@example.com\\",
            "http://10.0.0.1/x",
            "http://[::2]/x",
        ] {
            assert!(check_url(bad).is_err(), "{bad}");
        }
    }
}
