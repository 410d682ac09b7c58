//! `[repo.NAME]`: one repository behind the gate.

use super::document::{path, token};
use super::upstream::{self, Address, Refused};
use super::{Publish, Repo, StaleFetch, Token, Upstream, evidence};
use crate::evidence::ResourceUri;
use crate::model::RepoName;
use crate::strict::{Problem, Table, Value};
use std::collections::BTreeMap;
use std::path::Path;

type List = Vec<Problem>;

/// The user name that GitHub and GitLab both take beside a token.
const USERNAME_DEFAULT: &str = "x-access-token";

pub fn repos(
    value: Value<'_, '_>,
    (base, domain): (&Path, &str),
    problems: &mut List,
) -> Option<BTreeMap<RepoName, Repo>> {
    let mut repos: BTreeMap<RepoName, Repo> = BTreeMap::new();
    for (key, span, value) in value.table(problems)?.entries() {
        let name = RepoName::parse(&key);
        if let Err(error) = &name {
            problems.push(Problem::new(span, error.to_string()).help("clients write it as ssh://host/NAME"));
        }
        let Some(mut table) = value.table(problems) else { continue };
        let resource = evidence::resource(table.get("resource_uri"), problems);
        let draft = repo(&mut table, base, problems);
        table.finish(problems);
        let Ok(name) = name else { continue };
        let Some(resource) = resource.and_then(|uri| uri.or_else(|| evidence::resource_default(domain, &name))) else {
            continue;
        };
        if let Some((other, _)) = repos.iter().find(|(_, known)| known.resource == resource) {
            let problem = Problem::new(value.span(), format!("[repo.{other}] has the same resource_uri"));
            problems.push(problem.help("what is stated for one of them would count for the other"));
        }
        if let Some(draft) = draft {
            repos.insert(name, draft.with(resource));
        }
    }
    Some(repos)
}

/// A repository without its name in statements.
struct Draft {
    upstream: Upstream,
    stale_fetch: StaleFetch,
    trusted: Option<Vec<String>>,
    publish: Publish,
}

impl Draft {
    fn with(self, resource: ResourceUri) -> Repo {
        let Self { upstream, stale_fetch, trusted, publish } = self;
        Repo { upstream, stale_fetch, trusted, resource, publish }
    }
}

fn repo(table: &mut Table<'_, '_>, base: &Path, problems: &mut List) -> Option<Draft> {
    let upstream = upstream(table, base, problems);
    let stale_fetch = table.get("stale_fetch").map_or(Some(StaleFetch::Refuse), |value| stale_fetch(value, problems));
    let trusted = match table.get("trusted") {
        Some(value) => Some(ref_patterns(value, problems)?),
        None => None,
    };
    let publish = table.get("evidence").map_or(Some(Publish::notes()), |value| evidence::publish(value, problems));
    Some(Draft { upstream: upstream?, stale_fetch: stale_fetch?, trusted, publish: publish? })
}

fn stale_fetch(value: Value<'_, '_>, problems: &mut List) -> Option<StaleFetch> {
    if value.as_str() == Some("refuse") {
        return Some(StaleFetch::Refuse);
    }
    let before = problems.len();
    let age_max = value.duration(problems);
    if let Some(problem) = problems.get_mut(before) {
        problem.help = "write \"refuse\", or how old the mirror may be: \"5 min\"".to_owned();
    }
    age_max.map(|age_max| StaleFetch::Serve { age_max })
}

fn ref_patterns(value: Value<'_, '_>, problems: &mut List) -> Option<Vec<String>> {
    let mut patterns = Vec::new();
    for (text, span) in value.strings(problems)? {
        let plain = text.strip_prefix('!').unwrap_or(text);
        if !plain.starts_with("refs/") || plain.contains(|c: char| c.is_control() || c == ' ') {
            let help = "write full names, with `*` within a part and `**` across: \"refs/heads/release/*\"";
            problems.push(Problem::new(span, "not a pattern of full ref names").help(help));
        }
        patterns.push(text.to_owned());
    }
    Some(patterns)
}

/// The keys that belong to one kind of upstream only; each is read whatever the upstream is, so that a key at the
/// wrong kind gets a clear word instead of "unknown".
struct Credentials<'t, 'i> {
    identity: Option<Value<'t, 'i>>,
    known_hosts: Option<Value<'t, 'i>>,
    username: Option<Value<'t, 'i>>,
    token: Option<Value<'t, 'i>>,
}

fn upstream(table: &mut Table<'_, '_>, base: &Path, problems: &mut List) -> Option<Upstream> {
    let address = table.require("upstream", problems);
    let credentials = Credentials {
        identity: table.get("identity"),
        known_hosts: table.get("known_hosts"),
        username: table.get("username"),
        token: table.get("token"),
    };
    let address = address?;
    match upstream::parse(address.string(problems)?, base) {
        Ok(Address::Local(path)) => {
            let Credentials { identity, known_hosts, username, token } = credentials;
            only_for("an ssh", [identity, known_hosts], problems);
            only_for("an https", [username, token], problems);
            Some(Upstream::Local { path })
        }
        Ok(Address::Ssh { user, host, port, path: repo_path }) => {
            only_for("an https", [credentials.username, credentials.token], problems);
            let [identity, known_hosts] = [
                (
                    credentials.identity,
                    "identity",
                    "the private key that may push there: identity = \"keys/app_deploy\"",
                ),
                (
                    credentials.known_hosts,
                    "known_hosts",
                    "the pinned key of the host: known_hosts = \"keys/known_hosts\"",
                ),
            ]
            .map(|(value, key, help)| match value {
                Some(value) => path(value, base, problems),
                None => {
                    let problem = Problem::new(address.span(), format!("an ssh upstream needs `{key}`"));
                    problems.push(problem.help(help));
                    None
                }
            });
            let (identity, known_hosts) = (identity?, known_hosts?);
            Some(Upstream::Ssh { user, host, port, path: repo_path, identity, known_hosts })
        }
        Ok(Address::Https(url)) => {
            only_for("an ssh", [credentials.identity, credentials.known_hosts], problems);
            let username = match credentials.username {
                Some(value) => username(value, problems)?,
                None => USERNAME_DEFAULT.to_owned(),
            };
            let token = credentials.token.map_or(Some(Token::None), |value| token(value, base, problems))?;
            Some(Upstream::Https { url, username, token })
        }
        Err(Refused { message, help }) => {
            problems.push(Problem::new(address.span(), message).help(help));
            None
        }
    }
}

fn only_for(kind: &str, values: [Option<Value<'_, '_>>; 2], problems: &mut List) {
    for value in values.into_iter().flatten() {
        problems.push(Problem::new(value.span(), format!("this is for {kind} upstream only")));
    }
}

fn username(value: Value<'_, '_>, problems: &mut List) -> Option<String> {
    let text = value.string(problems)?;
    if text.is_empty() || text.chars().any(|c| c.is_control() || c.is_whitespace() || c == ':') {
        problems.push(Problem::new(value.span(), "a username has no spaces, colons or control characters"));
        return None;
    }
    Some(text.to_owned())
}
