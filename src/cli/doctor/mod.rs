//! `refgate doctor`: what the gate depends on, each with what to do if it is not as it should be.

mod files;
mod known_hosts;
mod probe;

use super::{DONE, DoctorArgs, load, negative, print};
use crate::config::{Config, LogFormat, PolicySource, Token, Upstream, Webhook, WebhookUrl};
use crate::gate::Kept;
use crate::model::{HookName, Limits};
use crate::observe;
use crate::policy::Policy;
use crate::store::Store;
use jiff::Timestamp;
use serde_json::json;
use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::ExitCode;

/// The oldest git that is supported.
const GIT_VERSION_MIN: (u32, u32) = (2, 39);

/// No clock that is right shows less than this.
const TIME_MIN: &str = "2026-01-01T00:00:00Z";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Ok,
    Warn,
    Fail,
}

impl State {
    fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

/// One thing that was looked at.
#[derive(Debug)]
struct Check {
    /// What was looked at: `upstream app`, `data directory`.
    what: String,
    state: State,
    found: String,
    /// What to do; empty if all is well.
    fix: String,
}

impl Check {
    fn ok(what: impl Into<String>, found: impl Into<String>) -> Self {
        Self { what: what.into(), state: State::Ok, found: found.into(), fix: String::new() }
    }

    fn warn(what: impl Into<String>, found: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { what: what.into(), state: State::Warn, found: found.into(), fix: fix.into() }
    }

    fn fail(what: impl Into<String>, found: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { what: what.into(), state: State::Fail, found: found.into(), fix: fix.into() }
    }
}

pub fn run(path: &Path, args: &DoctorArgs) -> ExitCode {
    let config = match load(path) {
        Ok(config) => config,
        Err(code) => return code,
    };
    // What git and ssh say of an upstream that is not reached is what the operator needs to see.
    if let Err(error) = observe::start_log(LogFormat::Text, "refgate::git::command=debug") {
        return super::cannot(error);
    }
    let checks = examine(&config);
    print(&if args.json { as_json(&checks) } else { as_text(&checks) });
    if checks.iter().any(|check| check.state == State::Fail) { negative() } else { DONE }
}

fn examine(config: &Config) -> Vec<Check> {
    let mut checks = vec![policy(config), git()];
    let needs_ssh = config.repos.values().any(|repo| matches!(repo.upstream, Upstream::Ssh { .. }));
    if needs_ssh {
        checks.push(files::program("ssh", "ssh", "install the OpenSSH client"));
    }
    checks.extend(files::data_directory(&config.data, config.limits.pack_bytes_max));
    checks.push(clock(&config.data, Timestamp::now()));
    checks.extend(config.listen.iter().chain(&config.metrics_listen).map(|address| listen(*address)));
    if config.repos.is_empty() {
        checks.push(Check::warn("repositories", "there is none", "add a [repo.NAME] to refgate.toml"));
    }
    for (name, repo) in &config.repos {
        let before = checks.len();
        checks.extend(credential(name.as_str(), &repo.upstream));
        let is_lost = checks.iter().skip(before).any(|check| check.state == State::Fail);
        checks.push(upstream(name.as_str(), &repo.upstream, &config.limits, is_lost));
    }
    checks.extend(config.webhooks.iter().flat_map(|(name, settings)| webhook(name, settings)));
    checks
}

fn policy(config: &Config) -> Check {
    let what = "policy";
    let (path, fix) = match &config.policy {
        PolicySource::File(path) => (path.clone(), "set `policy` to the admin's file"),
        PolicySource::Pushed(_) => {
            (Kept::below(&config.data).in_force(), "start the gate once, or run refgate policy recover --file FILE")
        }
    };
    let shown = path.display().to_string();
    match std::fs::read_to_string(&path) {
        Err(error) => Check::fail(what, format!("cannot read {shown}: {error}"), fix),
        Ok(text) => match Policy::parse(&shown, &text) {
            Ok(_) => Check::ok(what, format!("{shown} compiles")),
            Err(problems) => {
                let first = problems.list.first().map_or("", |problem| problem.message.as_str());
                Check::fail(what, format!("{shown}: {first}"), "run refgate check-config to see where")
            }
        },
    }
}

fn git() -> Check {
    let (major, minor) = GIT_VERSION_MIN;
    match probe::git_version() {
        Err(why) => Check::fail("git", why, format!("install git {major}.{minor} or later")),
        Ok(version) if version < GIT_VERSION_MIN => {
            let found = format!("version {}.{}", version.0, version.1);
            Check::fail("git", found, format!("install git {major}.{minor} or later"))
        }
        Ok((major, minor)) => Check::ok("git", format!("version {major}.{minor}")),
    }
}

/// Certificates, grants and quotas go by the clock, and so does the order of the record.
fn clock(data: &Path, now: Timestamp) -> Check {
    let what = "clock";
    let fix = "set the clock, and keep it with NTP";
    if TIME_MIN.parse().is_ok_and(|oldest: Timestamp| now < oldest) {
        return Check::fail(what, format!("{now} is long ago"), fix);
    }
    if !Store::path(data).exists() {
        return Check::ok(what, now.strftime("%F %T UTC").to_string());
    }
    match Store::open_read_only(data).and_then(|store| store.newest()) {
        Err(error) => {
            Check::fail("record", error.to_string(), "restore store/ from a backup, or ask which process changed it")
        }
        Ok(Some(newest)) if now < newest => {
            Check::fail(what, format!("{now} is before the newest record, {newest}"), fix)
        }
        Ok(_) => Check::ok(what, now.strftime("%F %T UTC").to_string()),
    }
}

fn listen(address: SocketAddr) -> Check {
    let what = format!("address {address}");
    match TcpListener::bind(address) {
        Ok(_) => Check::ok(what, "free"),
        Err(error) if error.kind() == ErrorKind::AddrInUse => {
            Check::warn(what, "in use", "fine if the gate is running; else stop what listens there")
        }
        Err(error) => Check::fail(what, error.to_string(), "set `listen` to an address of this machine"),
    }
}

/// What can be said of a credential without using it.
fn credential(name: &str, upstream: &Upstream) -> Vec<Check> {
    match upstream {
        Upstream::Local { .. } | Upstream::Own { .. } => Vec::new(),
        Upstream::Ssh { host, port, identity, known_hosts, .. } => {
            vec![files::private_key(name, identity), host_key(name, host, *port, known_hosts)]
        }
        Upstream::Https { token, .. } => {
            vec![match token {
                Token::None => {
                    let advice = "fine only if the upstream takes pushes from anybody";
                    Check::warn(format!("token of {name}"), "not set", advice)
                }
                Token::Env(_) | Token::File(_) | Token::Command(_) => source(format!("token of {name}"), token),
            }]
        }
    }
}

/// Whether a secret can be had from where the settings say.
fn source(what: String, token: &Token) -> Check {
    match token {
        Token::None => Check::ok(what, "not set"),
        Token::File(path) => files::secret(what, path),
        Token::Env(variable) => match std::env::var_os(variable) {
            Some(value) if !value.is_empty() => Check::ok(what, format!("${variable} is set")),
            _ => Check::fail(what, format!("${variable} is not set here"), "set it for the gate's process"),
        },
        Token::Command(words) => {
            let program = words.first().map_or("", String::as_str);
            files::program(&what, program, "install it, or write its full path")
        }
    }
}

fn webhook(name: &HookName, webhook: &Webhook) -> Vec<Check> {
    let url = match &webhook.url {
        WebhookUrl::Written(_) => None,
        WebhookUrl::Kept(token) => Some(source(format!("URL of webhook {name}"), token)),
    };
    let secret = match &webhook.secret {
        Token::None => None,
        token => Some(source(format!("secret of webhook {name}"), token)),
    };
    url.into_iter().chain(secret).collect()
}

fn host_key(name: &str, host: &str, port: Option<u16>, file: &Path) -> Check {
    let what = format!("host key of {name}");
    let scan = port.map_or(String::new(), |port| format!("-p {port} "));
    let fix = format!("ssh-keyscan {scan}{host} >> {}, and compare it with what the host publishes", file.display());
    match std::fs::read_to_string(file) {
        Err(error) => Check::fail(what, format!("cannot read {}: {error}", file.display()), fix),
        Ok(text) => match known_hosts::pinned_keys(&text, host, port) {
            0 => Check::fail(what, format!("{host} is not pinned in {}", file.display()), fix),
            1 => Check::ok(what, format!("{host} is pinned, 1 key")),
            count => Check::ok(what, format!("{host} is pinned, {count} keys")),
        },
    }
}

fn upstream(name: &str, upstream: &Upstream, limits: &Limits, is_lost: bool) -> Check {
    let what = format!("upstream {name}");
    if is_lost {
        return Check::fail(what, "not tried", "first see to what is wrong above");
    }
    match probe::check_upstream(upstream, limits) {
        Ok(1) => Check::ok(what, "answers, 1 ref"),
        Ok(refs) => Check::ok(what, format!("answers, {refs} refs")),
        Err(why) => {
            Check::fail(what, why, "check the address, the network and the credential; what git said stands above")
        }
    }
}

fn as_text(checks: &[Check]) -> String {
    let width = checks.iter().map(|check| check.what.chars().count()).max().unwrap_or(0);
    let mut text = String::new();
    for Check { what, state, found, fix } in checks {
        text += &format!("{:4}  {what:width$}  {found}\n", state.as_str());
        if !fix.is_empty() {
            text += &format!("      {:width$}  -> {fix}\n", "");
        }
    }
    text
}

fn as_json(checks: &[Check]) -> String {
    let line = |check: &Check| {
        let Check { what, state, found, fix } = check;
        format!("{}\n", json!({ "check": what, "state": state.as_str(), "found": found, "fix": fix }))
    };
    checks.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::EventEntry;

    #[test]
    fn the_clock_must_not_be_before_the_newest_record() {
        let data = tempfile::tempdir().expect("a directory");
        let time = |text: &str| text.parse::<Timestamp>().expect("a time");
        assert_eq!(clock(data.path(), time("2025-12-31T23:59:59Z")).state, State::Fail);
        assert_eq!(clock(data.path(), time("2026-01-01T00:00:00Z")).state, State::Ok);
        let store = Store::open(data.path()).expect("it opens");
        store.note(&EventEntry::new("start", time("2026-06-01T00:00:00Z"))).expect("noted");
        assert_eq!(clock(data.path(), time("2026-05-31T23:59:59Z")).state, State::Fail);
        assert_eq!(clock(data.path(), time("2026-06-01T00:00:00Z")).state, State::Ok);
    }

    #[test]
    fn an_address_that_is_taken_is_told() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        assert_eq!(listen(listener.local_addr().expect("an address")).state, State::Warn);
        assert_eq!(listen("127.0.0.1:0".parse().expect("an address")).state, State::Ok);
        assert_eq!(listen("192.0.2.1:2222".parse().expect("an address")).state, State::Fail);
    }

    #[test]
    fn a_host_that_is_not_pinned_fails_with_the_command_to_run() {
        let dir = tempfile::tempdir().expect("a directory");
        let file = dir.path().join("known_hosts");
        let check = host_key("app", "git.example.com", Some(2200), &file);
        assert!(check.state == State::Fail && check.fix.contains("ssh-keyscan -p 2200 git.example.com"), "{check:?}");
        std::fs::write(&file, "").expect("written");
        assert!(host_key("app", "git.example.com", None, &file).found.contains("is not pinned"));
    }

    #[test]
    fn both_forms_show_every_check() {
        let checks = [Check::ok("git", "version 2.47"), Check::fail("clock", "wrong", "set \"it\"")];
        assert_eq!(as_text(&checks), "ok    git    version 2.47\nfail  clock  wrong\n             -> set \"it\"\n");
        let lines = as_json(&checks);
        assert_eq!(lines.lines().count(), 2);
        assert!(lines.contains(r#"{"check":"clock","fix":"set \"it\"","found":"wrong","state":"fail"}"#), "{lines}");
    }
}
