//! The document `refgate.toml`: which keys there are and what each may hold.

use super::repository::repos;
use super::{Config, LogFormat, PolicySource, PushedPolicy, Repo, Token, evidence, limits, upstream, webhook};
use crate::model::{Limits, RefName, RepoName};
use crate::strict::{self, Problem, Problems, Table, Value};
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

const LISTEN_DEFAULT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::UNSPECIFIED), 2222);

/// For a gate that nobody elsewhere verifies anything of.
const DOMAIN_DEFAULT: &str = "localhost";

type List = Vec<Problem>;

pub fn parse(file: &str, text: &str, base: &Path) -> Result<Config, Problems> {
    strict::parse(file, text, |root, problems| read(root, base, problems))
}

fn read(root: &mut Table<'_, '_>, base: &Path, problems: &mut List) -> Option<Config> {
    let listen = root.get("listen").map_or_else(|| Some(vec![LISTEN_DEFAULT]), |value| listen(value, problems));
    let data = root.require("data", problems).and_then(|value| path(value, base, problems));
    let policy = root.require("policy", problems).and_then(|value| policy(value, base, problems));
    let user_ca = root.get("user_ca").map_or_else(|| Some(Vec::new()), |value| public_keys(value, problems));
    let words = [("text", LogFormat::Text), ("json", LogFormat::Json)];
    let log = root.get("log").map_or(Some(LogFormat::Text), |value| value.one_of(&words, problems));
    let metrics_listen = root.get("metrics_listen").and_then(|value| socket_address(value, problems));
    let public_address = root.get("public_address").and_then(|value| public_address(value, problems));
    let domain = root.get("domain").map_or_else(|| Some(DOMAIN_DEFAULT.to_owned()), |value| domain(value, problems));
    let named = domain.as_deref().unwrap_or(DOMAIN_DEFAULT);
    let repos = root.get("repo").map_or_else(|| Some(BTreeMap::new()), |value| repos(value, (base, named), problems));
    if let (Some(PolicySource::Pushed(pushed)), Some(repos)) = (&policy, &repos)
        && !repos.contains_key(&pushed.repo)
        && let Some(value) = root.get("policy")
    {
        let problem = Problem::new(value.span(), format!("there is no [repo.{}] for the policy", pushed.repo));
        problems.push(problem.help("the policy's repository is one of those behind the gate"));
    }
    if let (Some(PolicySource::Pushed(pushed)), Some(repos)) = (&policy, &repos)
        && let Some(twin) = same_upstream(pushed, repos)
        && let Some(value) = root.get("policy")
    {
        let message = format!("[repo.{twin}] has the upstream of [repo.{}] too", pushed.repo);
        let help = "a push there would change the policy unseen: keep the policy in a repository of one name";
        problems.push(Problem::new(value.span(), message).help(help));
    }
    let webhooks = root
        .get("webhook")
        .map_or_else(|| Some(BTreeMap::new()), |value| webhook::read(value, repos.as_ref(), base, problems));
    let witnesses = root.get("evidence").map_or_else(|| Some(Vec::new()), |value| evidence::read(value, problems));
    let limits = root.get("limits").map_or_else(|| Some(Limits::default()), |value| read_limits(value, problems));
    Some(Config {
        listen: listen?,
        data: data?,
        policy: policy?,
        user_ca: user_ca?,
        repos: repos?,
        limits: limits?,
        log: log?,
        metrics_listen,
        public_address,
        domain: domain?,
        webhooks: webhooks?,
        witnesses: witnesses?,
    })
}

/// Another name for the repository of the policy.
fn same_upstream<'r>(pushed: &PushedPolicy, repos: &'r BTreeMap<RepoName, Repo>) -> Option<&'r RepoName> {
    let upstream = repos.get(&pushed.repo)?.upstream.place();
    repos.iter().find(|(name, repo)| **name != pushed.repo && repo.upstream.place() == upstream).map(|(name, _)| name)
}

fn read_limits(value: Value<'_, '_>, problems: &mut List) -> Option<Limits> {
    let mut table = value.table(problems)?;
    let limits = limits::read(&mut table, problems);
    table.finish(problems);
    Some(limits)
}

fn listen(value: Value<'_, '_>, problems: &mut List) -> Option<Vec<SocketAddr>> {
    if value.as_str().is_some() {
        return socket_address(value, problems).map(|address| vec![address]);
    }
    let mut addresses = Vec::new();
    for item in value.array(problems)? {
        let Some(address) = socket_address(item, problems) else { continue };
        if addresses.contains(&address) && address.port() != 0 {
            problems.push(Problem::new(item.span(), "the same address twice"));
        }
        addresses.push(address);
    }
    if addresses.is_empty() {
        problems.push(Problem::new(value.span(), "no address to listen on").help("the default is \"0.0.0.0:2222\""));
    }
    Some(addresses)
}

fn socket_address(value: Value<'_, '_>, problems: &mut List) -> Option<SocketAddr> {
    let text = value.string(problems)?;
    let address = text.parse().ok();
    if address.is_none() {
        let help = "write an IP address and a port: \"0.0.0.0:2222\", \"[::]:2222\", \"127.0.0.1:9464\"";
        problems.push(Problem::new(value.span(), "not an address and port").help(help));
    }
    address
}

fn public_address(value: Value<'_, '_>, problems: &mut List) -> Option<String> {
    let text = value.string(problems)?;
    if let Err(refused) = upstream::check_public_address(text) {
        problems.push(
            Problem::new(value.span(), refused.message).help("write \"host\", \"host:port\" or \"user@host:port\""),
        );
        return None;
    }
    Some(text.to_owned())
}

fn domain(value: Value<'_, '_>, problems: &mut List) -> Option<String> {
    let text = value.string(problems)?;
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '-');
    if text.is_empty() || text.len() > 253 || !text.chars().all(is_plain) || text.starts_with(['.', '-']) {
        let help = "write a name of yours that stays: \"gate.example.org\"";
        problems.push(Problem::new(value.span(), "not a domain name in lower case").help(help));
        return None;
    }
    Some(text.to_owned())
}

pub(super) fn path(value: Value<'_, '_>, base: &Path, problems: &mut List) -> Option<PathBuf> {
    let text = value.string(problems)?;
    let refusal = match text {
        "" => Some("the path is empty"),
        _ if text.contains(char::is_control) => Some("a path must not hold control characters"),
        _ if text.starts_with('~') => Some("`~` is not expanded: write the full path"),
        _ => None,
    };
    if let Some(message) = refusal {
        problems.push(Problem::new(value.span(), message));
        return None;
    }
    Some(base.join(text))
}

fn policy(value: Value<'_, '_>, base: &Path, problems: &mut List) -> Option<PolicySource> {
    if !value.is_table() {
        return path(value, base, problems).map(PolicySource::File);
    }
    let mut table = value.table(problems)?;
    let repo = table.require("repo", problems).and_then(|value| {
        let name = RepoName::parse(value.string(problems)?);
        name.map_err(|error| problems.push(Problem::new(value.span(), error.to_string()))).ok()
    });
    let ref_name = match table.get("ref") {
        None => RefName::parse(b"refs/heads/main").ok(),
        Some(value) => policy_ref(value, problems),
    };
    let file = table.get("file").map_or_else(|| Some("policy.toml".to_owned()), |value| path_in_tree(value, problems));
    let cases = table.get("cases").map_or_else(|| Some("tests".to_owned()), |value| path_in_tree(value, problems));
    table.finish(problems);
    Some(PolicySource::Pushed(PushedPolicy { repo: repo?, ref_name: ref_name?, file: file?, cases: cases? }))
}

fn policy_ref(value: Value<'_, '_>, problems: &mut List) -> Option<RefName> {
    let name = RefName::parse(value.string(problems)?.as_bytes()).ok().filter(RefName::is_branch);
    if name.is_none() {
        problems.push(Problem::new(value.span(), "not a branch").help("write the full name: \"refs/heads/main\""));
    }
    name
}

fn path_in_tree(value: Value<'_, '_>, problems: &mut List) -> Option<String> {
    let text = value.string(problems)?;
    let is_plain = |part: &str| !part.is_empty() && part != "." && part != ".." && !part.contains(char::is_control);
    if !text.split('/').all(is_plain) {
        let help = "write it from the top of the repository: \"gate/policy.toml\"";
        problems.push(Problem::new(value.span(), "not a path in a repository").help(help));
        return None;
    }
    Some(text.to_owned())
}

fn public_keys(value: Value<'_, '_>, problems: &mut List) -> Option<Vec<ssh_key::PublicKey>> {
    let mut keys: Vec<ssh_key::PublicKey> = Vec::new();
    for (text, span) in value.strings(problems)? {
        match ssh_key::PublicKey::from_openssh(text) {
            Ok(key) if keys.iter().any(|known| known.key_data() == key.key_data()) => {
                problems.push(Problem::new(span, "the same key twice"));
            }
            Ok(key) => keys.push(key),
            Err(_) => {
                let help = "write one line of a .pub file: \"ssh-ed25519 AAAA… name\"";
                problems.push(Problem::new(span, "not an OpenSSH public key").help(help));
            }
        }
    }
    Some(keys)
}

pub(super) fn token(value: Value<'_, '_>, base: &Path, problems: &mut List) -> Option<Token> {
    const HELP: &str = "write { env = \"NAME\" }, { file = \"path\" } or { command = [\"program\", \"argument\"] }";
    if value.as_str().is_some() {
        let problem = Problem::new(value.span(), "a token does not belong into this file");
        problems.push(problem.help(HELP));
        return None;
    }
    let mut table = value.table(problems)?;
    let sources = [table.get("env"), table.get("file"), table.get("command")];
    table.finish(problems);
    match sources {
        [Some(value), None, None] => token_variable(value, problems),
        [None, Some(value), None] => path(value, base, problems).map(Token::File),
        [None, None, Some(value)] => token_command(value, problems),
        _ => {
            problems.push(Problem::new(value.span(), "a token comes from exactly one place").help(HELP));
            None
        }
    }
}

fn token_variable(value: Value<'_, '_>, problems: &mut List) -> Option<Token> {
    let text = value.string(problems)?;
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if text.is_empty() || text.starts_with(|c: char| c.is_ascii_digit()) || !text.chars().all(allowed) {
        problems.push(Problem::new(value.span(), "not the name of an environment variable"));
        return None;
    }
    Some(Token::Env(text.to_owned()))
}

fn token_command(value: Value<'_, '_>, problems: &mut List) -> Option<Token> {
    let words: Vec<String> = value.strings(problems)?.iter().map(|(word, _)| (*word).to_owned()).collect();
    let has_program = words.first().is_some_and(|program| !program.is_empty() && !program.starts_with('-'));
    if !has_program || words.iter().any(|word| word.contains('\0')) {
        let problem = Problem::new(value.span(), "not a program and its arguments");
        problems.push(problem.help("write command = [\"/usr/bin/program\", \"argument\"]; no shell reads it"));
        return None;
    }
    Some(Token::Command(words))
}
