//! What proves to others what came through the gate: where it is published, and who witnesses the log.

use super::upstream::Refused;
use super::{Publish, Witness};
use crate::evidence::ResourceUri;
use crate::model::{RefName, RepoName};
use crate::strict::{Problem, Value};
use crate::tlog::{KeyKind, VerifyingKey};

type List = Vec<Problem>;

/// The most witnesses: each is asked after every push.
const WITNESSES_MAX: usize = 16;

/// Reads `[evidence]`.
pub fn read(value: Value<'_, '_>, problems: &mut List) -> Option<Vec<Witness>> {
    let mut table = value.table(problems)?;
    let mut witnesses: Vec<Witness> = Vec::new();
    if let Some(value) = table.get("witnesses") {
        for item in value.array(problems)? {
            let Some(witness) = witness(item, problems) else { continue };
            if witnesses.iter().any(|known| known.key.as_bytes() == witness.key.as_bytes()) {
                problems.push(Problem::new(item.span(), "the same key twice"));
            }
            witnesses.push(witness);
        }
        if witnesses.len() > WITNESSES_MAX {
            problems.push(Problem::new(value.span(), format!("more than {WITNESSES_MAX} witnesses")));
        }
    }
    table.finish(problems);
    Some(witnesses)
}

fn witness(value: Value<'_, '_>, problems: &mut List) -> Option<Witness> {
    let mut table = value.table(problems)?;
    let url = table.require("url", problems).and_then(|value| url(value, problems));
    let key = table.require("key", problems).and_then(|value| {
        let key = VerifyingKey::parse(value.string(problems)?, KeyKind::Cosignature);
        let help = "write the witness's vkey: \"witness.example.org+1a2b3c4d+BA…\"";
        key.map_err(|error| problems.push(Problem::new(value.span(), error.to_string()).help(help))).ok()
    });
    table.finish(problems);
    Some(Witness { url: url?, key: key? })
}

/// The prefix of `/add-checkpoint`.
fn url(value: Value<'_, '_>, problems: &mut List) -> Option<String> {
    let text = value.string(problems)?;
    match super::webhook::check_url(text) {
        Ok(()) => Some(text.trim_end_matches('/').to_owned()),
        Err(Refused { message, help }) => {
            let problem = Problem::new(value.span(), message);
            problems.push(if help.is_empty() { problem } else { problem.help(help) });
            None
        }
    }
}

/// Reads a repository's `resource_uri`; without one it is at the gate's domain.
pub fn resource(value: Option<Value<'_, '_>>, problems: &mut List) -> Option<Option<ResourceUri>> {
    let Some(value) = value else { return Some(None) };
    let uri = ResourceUri::parse(value.string(problems)?);
    uri.map_err(|error| problems.push(Problem::new(value.span(), error.to_string()))).ok().map(Some)
}

/// The URI of a repository that has no other.
pub fn resource_default(domain: &str, repo: &RepoName) -> Option<ResourceUri> {
    ResourceUri::parse(&format!("git+ssh://{domain}/{repo}")).ok()
}

/// Reads a repository's `evidence`.
pub fn publish(value: Value<'_, '_>, problems: &mut List) -> Option<Publish> {
    let help = "write \"notes\", \"off\", or where the upstream takes refs: \"refs/heads/refgate\"";
    match value.string(problems)? {
        "notes" => Some(Publish::notes()),
        "off" => Some(Publish::Off),
        text => {
            let name = |last: &str| RefName::parse(format!("{text}/{last}").as_bytes()).ok();
            let names = name("notes").zip(name("log")).filter(|_| text.starts_with("refs/") && text.len() > 5);
            if names.is_none() {
                problems.push(Problem::new(value.span(), "no place for evidence").help(help));
            }
            names.map(|(notes, log)| Publish::At { notes, log })
        }
    }
}
