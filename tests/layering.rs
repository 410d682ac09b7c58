//! Holds the folders of `src/` to their directions (ARCHITECTURE.md, 5 and 6), by the names each of them uses.
//!
//! To allow more, change a table here, and say in the commit why the direction is right.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Which folders each folder may name. A stage also gets the output types of earlier stages, one by one: `folder::Type`.
const MAY_NAME: [(&str, &[&str]); 28] = [
    ("model", &[]),
    ("secret", &[]),
    ("tlog", &["model::Escaped"]),
    ("http", &[]),
    ("strict", &["model::is_invisible"]),
    ("wire", &["model"]),
    ("config", &["model", "strict", "evidence::ResourceUri", "tlog::VerifyingKey", "tlog::KeyKind"]),
    ("git", &["model", "wire", "config::Upstream", "config::Token"]),
    ("receive", &["model", "wire", "git"]),
    ("inspect", &["model", "git"]),
    ("policy", &["model", "strict", "secret"]),
    ("diff", &["model", "git"]),
    ("review", &["model", "diff"]),
    ("examine", &["model", "git", "policy::Examiner", "policy::Blobs", "policy::Unreadable", "secret"]),
    ("trial", &["model", "git", "inspect", "examine", "policy", "strict"]),
    ("forward", &["model", "wire", "git", "config::Upstream", "policy::Approval"]),
    ("record", &["model", "policy::Decision", "evidence::Sha256Digest", "evidence::record_of", "tlog"]),
    ("store", &["model", "record", "evidence", "tlog"]),
    ("events", &["model", "policy::Policy", "policy::Principal", "record", "store"]),
    ("webhook", &["model", "config", "events", "git::credential", "http", "record", "store"]),
    ("witness", &["config", "http", "tlog"]),
    ("observe", &["config::LogFormat", "http", "record::Verdict", "record::RefResult"]),
    (
        "server",
        &[
            "model",
            "wire",
            "policy::Principal",
            "observe::ConnectionOpen",
            "gate::Gate",
            "gate::ProtocolVersion",
            "gate::Session",
            "review::Event",
            "review::Terminal",
            "review::Colors",
            "verbs",
        ],
    ),
    // Levels B and C are about the log, and whoever verifies has nothing but statements and log; neither knows more.
    ("evidence", &["model", "strict", "tlog"]),
    ("verbs", &["diff", "events", "gate", "model", "policy", "record", "review", "store"]),
    (
        "gate",
        &[
            "config", "diff", "events", "evidence", "examine", "forward", "git", "inspect", "model", "observe",
            "policy", "receive", "record", "secret", "store", "strict", "tlog", "trial", "wire", "witness",
        ],
    ),
    (
        "cli",
        &[
            "config", "diff", "evidence", "examine", "forward", "gate", "git", "model", "observe", "policy", "receive",
            "record", "secret", "server", "store", "strict", "tlog", "trial", "verbs", "webhook", "wire", "witness",
        ],
    ),
    ("main", &["cli"]),
];

/// Words that only these folders or files may have in their code. An empty list: nobody.
const ONLY: [(&str, &[&str]); 25] = [
    // Only git/ starts a process; `try` plays the agent too, and makes its keys.
    ("Command::new", &["git/", "cli/try_.rs"]),
    ("CommandExt", &["git/"]),
    // Only server/ and http/ listen, on what cli/ has bound; the doctor tries whether it could. observe/ and witness/
    // hand on what http/ is to listen on.
    ("TcpListener", &["server/", "http/", "observe/", "witness/", "cli/serve.rs", "cli/witness.rs", "cli/doctor/"]),
    ("UnixListener", &[]),
    ("UdpSocket", &[]),
    ("TcpStream", &["server/", "http/"]),
    ("clap::", &["cli/"]),
    ("process::exit", &["main.rs"]),
    ("russh::", &["server/", "cli/"]),
    // Webhooks call out over HTTP, and who asks the witnesses that the operator named for cosignatures; git does it for
    // upstreams.
    ("ureq::", &["http/client.rs", "webhook/", "witness/client.rs"]),
    ("rusqlite::", &["store/"]),
    ("ed25519_dalek::", &["evidence/", "tlog/"]),
    // A push's manifests are written in it too; an edit of the policy needs the place of every value.
    ("toml::", &["strict/", "secret/rule.rs", "policy/rules/manifest/", "policy/edit/"]),
    ("gix::", &["git/", "diff/", "examine/", "inspect/", "model/", "receive/", "wire/"]),
    ("gix_pack::", &["git/", "receive/"]),
    // The manifests' JSON keeps keys that stand twice, which no ready type of serde_json does.
    (
        "serde::",
        &["record/", "evidence/", "events/event.rs", "receive/message.rs", "secret/rule.rs", "policy/rules/manifest/"],
    ),
    ("nix::", &["git/", "cli/doctor/"]),
    ("ratatui_core::", &["review/"]),
    ("tokio::", &["server/", "http/", "observe/", "witness/", "cli/"]),
    (
        "tracing::",
        &[
            "cli/",
            "forward/",
            "gate/",
            "git/",
            "http/",
            "observe/",
            "server/",
            "store/notary.rs",
            "verbs/",
            "webhook/",
            "witness/",
        ],
    ),
    // Only the policy makes an approval.
    ("Approval {", &["policy/"]),
    ("Approval(", &["policy/"]),
    ("unsafe ", &[]),
    ("todo!", &[]),
    ("unimplemented!", &[]),
];

/// The policy and the secret scanner are pure, and the model and the wire do no IO of their own.
const PURE: [&str; 4] = ["policy/", "secret/", "model/", "wire/"];
const IMPURE: [&str; 12] = [
    "std::fs",
    "std::net",
    "std::process",
    "std::env",
    "std::thread",
    "std::sync::Mutex",
    "SystemTime",
    "Instant",
    "Timestamp::now",
    "tempfile::",
    "getrandom::",
    "println!",
];

struct Source {
    /// Below `src/`.
    path: String,
    folder: String,
    /// Without comments, strings and tests.
    code: String,
}

fn sources() -> Vec<Source> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    collect(&root, &root, &mut found);
    assert!(found.len() > 50, "the sources are here");
    found
}

fn collect(root: &Path, dir: &Path, found: &mut Vec<Source>) {
    for entry in std::fs::read_dir(dir).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            collect(root, &path, found);
            continue;
        }
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
        // Whole files of tests.
        if !name.ends_with(".rs") || name == "tests.rs" || name == "testing.rs" {
            continue;
        }
        let below = path.strip_prefix(root).expect("below").to_str().expect("UTF-8").to_owned();
        let folder = below.split('/').next().unwrap_or_default().trim_end_matches(".rs").to_owned();
        let code = code(&std::fs::read_to_string(&path).expect("text"));
        found.push(Source { path: below, folder, code });
    }
}

/// Leaves out what is not code, roughly: line comments, the content of one-line strings, and everything from the first
/// test module on, which is the last thing in a file.
fn code(text: &str) -> String {
    let mut code = String::new();
    for line in text.lines() {
        if line.trim_start() == "#[cfg(test)]" && !line.starts_with(' ') {
            break;
        }
        let line = line.split("//").next().unwrap_or_default();
        let outside = line.split('"').step_by(2).collect::<Vec<_>>().join("\"\"");
        code.push_str(&outside);
        code.push('\n');
    }
    code
}

/// `folder::Item` for each `crate::folder::…`; an item of a folder is `*` where the folder itself is named.
fn crate_names(code: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for (at, start) in code.match_indices("crate::") {
        if code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == '$') {
            continue;
        }
        expand(&code[at + start.len()..], "", 2, &mut names);
    }
    names
}

/// Reads a path or a `{…}` list of paths, `depth` parts deep.
fn expand(text: &str, prefix: &str, depth: usize, names: &mut BTreeSet<String>) {
    if let Some(list) = text.strip_prefix('{') {
        let (mut level, mut start) = (0_usize, 0);
        for (at, c) in list.char_indices() {
            match c {
                '{' => level += 1,
                ',' | '}' if level == 0 => {
                    let item = list[start..at].trim();
                    if !item.is_empty() {
                        expand(item, prefix, depth, names);
                    }
                    start = at + 1;
                    if c == '}' {
                        return;
                    }
                }
                '}' => level -= 1,
                _ => {}
            }
        }
        return;
    }
    let end = text.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(text.len());
    let (word, rest) = text.split_at(end);
    let name = format!("{prefix}{word}");
    match rest.strip_prefix("::").filter(|_| depth > 1) {
        Some(rest) => expand(rest, &format!("{name}::"), depth - 1, names),
        None if depth > 1 && prefix.is_empty() => drop(names.insert(format!("{name}::*"))),
        None => drop(names.insert(name)),
    }
}

#[test]
fn folders_name_only_what_lies_before_them() {
    let mut violations = Vec::new();
    for source in sources().iter().filter(|source| source.folder != "lib") {
        let Some((_, allowed)) = MAY_NAME.iter().find(|(folder, _)| *folder == source.folder) else {
            violations.push(format!("{}: this folder is not in the table", source.path));
            continue;
        };
        for name in crate_names(&source.code) {
            let folder = name.split("::").next().unwrap_or_default();
            let is_allowed = folder == source.folder || allowed.contains(&folder) || allowed.contains(&name.as_str());
            if !is_allowed {
                violations.push(format!("{} names {name}", source.path));
            }
        }
    }
    assert!(violations.is_empty(), "\n{}", violations.join("\n"));
}

#[test]
fn nobody_climbs_out_of_its_folder() {
    let mut violations = Vec::new();
    for source in sources() {
        // The modules above this one, the crate not counted.
        let parts = source.path.split('/').count() - usize::from(source.path.ends_with("/mod.rs"));
        for up in 1..6 {
            let climb = vec!["super"; up].join("::") + "::";
            if source.code.contains(&climb) && up >= parts {
                violations.push(format!("{} uses {climb}", source.path));
            }
        }
    }
    assert!(violations.is_empty(), "\n{}", violations.join("\n"));
}

#[test]
fn some_things_are_done_in_one_place_only() {
    let mut violations = Vec::new();
    for source in sources() {
        for (word, places) in ONLY {
            let boundary = |at: usize| !source.code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
            let used = source.code.match_indices(word).any(|(at, _)| boundary(at));
            if used && !places.iter().any(|place| source.path.starts_with(place)) {
                violations.push(format!("{} has {word}", source.path));
            }
        }
    }
    assert!(violations.is_empty(), "\n{}", violations.join("\n"));
}

#[test]
fn the_policy_the_model_and_the_wire_are_pure() {
    let mut violations = Vec::new();
    for source in sources().iter().filter(|source| PURE.iter().any(|place| source.path.starts_with(place))) {
        for word in IMPURE.iter().filter(|word| source.code.contains(*word)) {
            violations.push(format!("{} has {word}", source.path));
        }
    }
    assert!(violations.is_empty(), "\n{}", violations.join("\n"));
}

/// Longer than `LINES_MAX`, for now. The numbers only go down.
const LONG: [(&str, usize); 1] = [("git/command.rs", 500)];
const LINES_MAX: usize = 400;

#[test]
fn files_stay_short() {
    for source in sources() {
        let lines = source.code.lines().count();
        let max = LONG.iter().find(|(path, _)| *path == source.path).map_or(LINES_MAX, |(_, max)| *max);
        assert!(lines <= max, "{} has {lines} lines without its tests; at most {max}", source.path);
    }
}

#[test]
fn names_are_found_in_every_form_of_a_path() {
    let code = "use crate::model::{Limits, RefName};\nuse crate::{git, wire::pkt_line::{self, Packet}};\n\
                fn f() -> crate::policy::Approval { crate::gate::x::y() }\npub(crate) use crate::store;\n";
    let names: Vec<String> = crate_names(code).into_iter().collect();
    let expected =
        ["gate::x", "git::*", "model::Limits", "model::RefName", "policy::Approval", "store::*", "wire::pkt_line"];
    assert_eq!(names, expected);
}
