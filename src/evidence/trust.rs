//! `refgate.trust`: what a verifier believes, in one file. TOML, or the same as JSON; strict, with a version.
//!
//! Names the pairs of `verifier.id` and key that may sign, the repositories, who may sign notes, and the log. It must
//! come from outside the tree under test. `export` writes it, and the forms that other tools read.

use crate::evidence::allowed_signers::{AllowedSigner, parse_allowed_signers};
use crate::evidence::key::PublicKey;
use crate::evidence::spelling::{ResourceUri, Seconds};
use crate::evidence::trust_json;
use crate::model::RepoName;
use crate::strict::{Problem, Problems, Table, Value, parse};
use jiff::Timestamp;
use std::collections::BTreeMap;

pub(super) const VERSION: u64 = 1;

/// The most bytes of the file, and the most verifiers in it.
const FILE_BYTES_MAX: usize = 1 << 20;
const VERIFIERS_MAX: usize = 100;

#[derive(Debug, Clone, PartialEq)]
pub struct Trust {
    pub verifiers: Vec<TrustedVerifier>,
    pub repos: BTreeMap<RepoName, ResourceUri>,
    /// Who may sign the commits of the notes.
    pub allowed_signers: Vec<AllowedSigner>,
    pub log: Option<TrustedLog>,
}

/// A `verifier.id` and the one key that may speak for it. Both are believed together only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustedVerifier {
    pub id: String,
    pub key: PublicKey,
    /// What it signed counts from this time on,
    pub valid_after: Option<Timestamp>,
    /// and before this one.
    pub valid_before: Option<Timestamp>,
}

/// For those who read the log; kept here as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustedLog {
    /// C2SP tlog-policy.
    pub policy: String,
    /// The log is at least as long as this checkpoint, and goes on from it.
    pub checkpoint: Option<String>,
}

/// Why no repository could be chosen.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnknownRepo {
    #[error("the trust file has no repository {0}")]
    NoSuch(RepoName),
    #[error("the trust file has {0} repositories; say which one with --repo")]
    Several(usize),
}

impl Trust {
    /// Reads the file, TOML or JSON; of TOML all problems at once, each with its place.
    pub fn parse(file: &str, text: &str) -> Result<Self, Problems> {
        let whole = |why: String| {
            let list = vec![Problem::new(0..0, why)];
            Problems { file: file.to_owned(), text: String::new(), list }
        };
        if text.len() > FILE_BYTES_MAX {
            return Err(whole(format!("longer than {FILE_BYTES_MAX} bytes")));
        }
        // No TOML begins so.
        if text.trim_start().starts_with('{') {
            let toml = trust_json::to_toml(text).map_err(|error| whole(error.to_string()))?;
            return parse(file, &toml, read);
        }
        parse(file, text, read)
    }

    /// The URI of the repository under test: the one that is named, or the only one.
    pub fn resource(&self, repo: Option<&RepoName>) -> Result<&ResourceUri, UnknownRepo> {
        match repo {
            Some(name) => self.repos.get(name).ok_or_else(|| UnknownRepo::NoSuch(name.clone())),
            None if self.repos.len() == 1 => self.repos.values().next().ok_or(UnknownRepo::Several(0)),
            None => Err(UnknownRepo::Several(self.repos.len())),
        }
    }
}

impl TrustedVerifier {
    /// Whether a statement of this time may be of this key.
    #[must_use]
    pub fn is_valid_at(&self, time: Timestamp) -> bool {
        self.valid_after.is_none_or(|after| after <= time) && self.valid_before.is_none_or(|before| time < before)
    }
}

fn read(root: &mut Table<'_, '_>, problems: &mut Vec<Problem>) -> Option<Trust> {
    let version = root.require("version", problems)?;
    if version.unsigned(problems)? != VERSION {
        let help = format!("this program reads version {VERSION}");
        problems.push(Problem::new(version.span(), "not a version it knows").help(help));
        return None;
    }
    let verifiers = root.require("verifier", problems).and_then(|value| read_verifiers(value, problems));
    let repos = root.require("repo", problems).and_then(|value| read_repos(value, problems));
    let notes = root.get("notes").map_or(Some(Vec::new()), |value| read_notes(value, problems));
    let log = root.get("log").map(|value| read_log(value, problems));
    Some(Trust {
        verifiers: verifiers?,
        repos: repos?,
        allowed_signers: notes?,
        log: log.map_or(Some(None), |log| log.map(Some))?,
    })
}

fn read_verifiers(value: Value<'_, '_>, problems: &mut Vec<Problem>) -> Option<Vec<TrustedVerifier>> {
    let values = value.array(problems)?;
    if values.is_empty() || values.len() > VERIFIERS_MAX {
        problems.push(Problem::new(value.span(), format!("between 1 and {VERIFIERS_MAX} verifiers")));
        return None;
    }
    let mut verifiers: Vec<TrustedVerifier> = Vec::new();
    for value in values {
        let verifier = read_verifier(value, problems)?;
        if verifiers.iter().any(|other| other.key == verifier.key) {
            problems.push(Problem::new(value.span(), "this key stands twice; one key speaks for one verifier"));
        }
        verifiers.push(verifier);
    }
    Some(verifiers)
}

fn read_verifier(value: Value<'_, '_>, problems: &mut Vec<Problem>) -> Option<TrustedVerifier> {
    let mut table = value.table(problems)?;
    let id = table.require("id", problems).and_then(|value| visible(value, problems));
    let key = table.require("key", problems).and_then(|value| {
        let key = PublicKey::from_pem(value.string(problems)?);
        key.map_err(|error| problems.push(Problem::new(value.span(), error.to_string()))).ok()
    });
    let mut time = |name| table.get(name).map_or(Some(None), |value| read_time(value, problems).map(Some));
    let (valid_after, valid_before) = (time("valid_after"), time("valid_before"));
    table.finish(problems);
    let verifier = TrustedVerifier { id: id?, key: key?, valid_after: valid_after?, valid_before: valid_before? };
    if verifier.valid_after.zip(verifier.valid_before).is_some_and(|(after, before)| after >= before) {
        problems.push(Problem::new(value.span(), "valid_before is not after valid_after"));
    }
    Some(verifier)
}

/// Visible ASCII: it stands in messages and is compared byte for byte.
fn visible(value: Value<'_, '_>, problems: &mut Vec<Problem>) -> Option<String> {
    let text = value.string(problems)?;
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        problems.push(Problem::new(value.span(), "visible ASCII characters only, and at least one"));
        return None;
    }
    Some(text.to_owned())
}

fn read_time(value: Value<'_, '_>, problems: &mut Vec<Problem>) -> Option<Timestamp> {
    let text = value.datetime(problems)?.to_string();
    let time = Seconds::parse(&text);
    if time.is_none() {
        problems.push(Problem::new(value.span(), "a time in whole seconds of UTC: 2027-01-01T00:00:00Z"));
    }
    time.map(Seconds::timestamp)
}

fn read_repos(value: Value<'_, '_>, problems: &mut Vec<Problem>) -> Option<BTreeMap<RepoName, ResourceUri>> {
    let mut repos = BTreeMap::new();
    for (name, span, value) in value.table(problems)?.entries() {
        let name = RepoName::parse(&name).map_err(|error| problems.push(Problem::new(span, error.to_string()))).ok();
        let mut table = value.table(problems)?;
        let resource = table.require("resource_uri", problems).and_then(|value| {
            let uri = ResourceUri::parse(value.string(problems)?);
            uri.map_err(|error| problems.push(Problem::new(value.span(), error.to_string()))).ok()
        });
        table.finish(problems);
        repos.insert(name?, resource?);
    }
    if repos.is_empty() {
        problems.push(Problem::new(value.span(), "no repository"));
        return None;
    }
    Some(repos)
}

fn read_notes(value: Value<'_, '_>, problems: &mut Vec<Problem>) -> Option<Vec<AllowedSigner>> {
    let mut table = value.table(problems)?;
    let signers = table.require("allowed_signers", problems).and_then(|value| {
        let signers = parse_allowed_signers(value.string(problems)?);
        signers.map_err(|error| problems.push(Problem::new(value.span(), error.to_string()))).ok()
    });
    table.finish(problems);
    signers
}

fn read_log(value: Value<'_, '_>, problems: &mut Vec<Problem>) -> Option<TrustedLog> {
    let mut table = value.table(problems)?;
    let policy = table.require("policy", problems).and_then(|value| text(value, problems));
    let checkpoint = table.get("checkpoint").map_or(Some(None), |value| text(value, problems).map(Some));
    table.finish(problems);
    Some(TrustedLog { policy: policy?, checkpoint: checkpoint? })
}

/// Lines of visible text.
fn text(value: Value<'_, '_>, problems: &mut Vec<Problem>) -> Option<String> {
    let text = value.string(problems)?;
    if text.contains(|c: char| c.is_control() && c != '\n') || text.contains("'''") {
        problems.push(Problem::new(value.span(), "only lines of visible text, without '''"));
        return None;
    }
    Some(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::testing;

    fn trust() -> Trust {
        testing::trust(&[1, 2])
    }

    #[test]
    fn it_reads_back_what_it_wrote() {
        let mut trust = trust();
        trust.verifiers[0].valid_after = Some("2026-01-01T00:00:00Z".parse().expect("a time"));
        trust.verifiers[0].valid_before = Some("2026-06-01T00:00:00Z".parse().expect("a time"));
        assert_eq!(Trust::parse("t", &trust.to_toml()), Ok(trust.clone()));
        trust.log = None;
        trust.allowed_signers.clear();
        assert_eq!(Trust::parse("t", &trust.to_toml()), Ok(trust));
    }

    #[test]
    fn what_is_not_known_or_not_right_is_named() {
        let good = trust().to_toml();
        let with = |from: &str, to: &str| {
            assert!(good.contains(from), "{from}");
            let found = Trust::parse("t", &good.replacen(from, to, 1));
            found.err().map(|problems| problems.list[0].message.clone()).unwrap_or_default()
        };
        let key = testing::key(2).public().to_pem();
        let table = [
            ("version = 1", "", "the key `version` is missing here"),
            ("version = 1", "version = 2", "not a version it knows"),
            ("version = 1", "version = 1\nx = 1", "unknown key `x`"),
            ("id = ", "x = 1\nid = ", "unknown key `x`"),
            ("id = ", "idd = ", "the key `id` is missing here"),
            (testing::VERIFIER, "", "visible ASCII characters only, and at least one"),
            ("BEGIN PUBLIC", "BEGIN", "not a PEM public key (-----BEGIN PUBLIC KEY-----)"),
            (&testing::key(1).public().to_pem(), &key, "this key stands twice; one key speaks for one verifier"),
            ("git+ssh", "ssh", "a resource URI starts with git+https:// or git+ssh:// and a host"),
            (
                "\"app\"",
                "\"-app\"",
                "a part of a name must not start with '-' or '.', hold '..', or end in '.git' or '.lock'",
            ),
            ("gate@gate.example", ",", "line 1: an empty or odd name of a principal or namespace"),
            ("id = ", "valid_after = 2026-01-01\nid = ", "a time in whole seconds of UTC: 2027-01-01T00:00:00Z"),
            (
                "id = ",
                "valid_after = 2026-01-01T00:00:00Z\nvalid_before = 2026-01-01T00:00:00Z\nid = ",
                "valid_before is not after valid_after",
            ),
        ];
        for (from, to, message) in table {
            assert_eq!(with(from, to), message, "{from} -> {to}");
        }
        assert!(Trust::parse("t", &format!("{good}#{}", "x".repeat(FILE_BYTES_MAX))).is_err());
    }

    #[test]
    fn the_repository_is_the_named_or_the_only_one() {
        let mut trust = trust();
        let repo = |name| RepoName::parse(name).expect("a name");
        assert_eq!(trust.resource(None).map(ResourceUri::as_str), Ok(testing::RESOURCE));
        assert_eq!(trust.resource(Some(&repo("x"))), Err(UnknownRepo::NoSuch(repo("x"))));
        trust.repos.insert(repo("x"), ResourceUri::parse("git+ssh://gate.example/x").expect("a URI"));
        assert_eq!(trust.resource(None), Err(UnknownRepo::Several(2)));
        assert_eq!(trust.resource(Some(&repo("app"))).map(ResourceUri::as_str), Ok(testing::RESOURCE));
    }
}
