//! Holds the code to ARCHITECTURE.md: which folder may name which, and what some of them never do.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// Each folder with all it may name of the others. `cli` may name every one.
const MAY_NAME: [(&str, &[&str]); 15] = [
    ("model", &[]),
    ("strict", &[]),
    ("wire", &["model"]),
    ("config", &["model", "strict"]),
    ("git", &["config", "model", "wire"]),
    ("receive", &["git", "model", "wire"]),
    ("inspect", &["git", "model"]),
    ("policy", &["model", "strict"]),
    ("forward", &["config", "git", "model", "wire"]),
    ("record", &["model", "policy"]),
    ("store", &["model", "record"]),
    ("observe", &["config", "record"]),
    (
        "gate",
        &["config", "forward", "git", "inspect", "model", "observe", "policy", "receive", "record", "store", "wire"],
    ),
    ("server", &["gate", "model", "observe", "policy", "wire"]),
    ("cli", &[]),
];

/// The sources by path below `src/`, without their tests.
fn sources() -> BTreeMap<String, String> {
    fn read(root: &Path, dir: &Path, into: &mut BTreeMap<String, String>) {
        for entry in fs::read_dir(dir).expect("a folder") {
            let path = entry.expect("an entry").path();
            let name = path.strip_prefix(root).expect("below").to_str().expect("UTF-8").to_owned();
            if path.is_dir() {
                read(root, &path, into);
            } else if !name.ends_with("/tests.rs") {
                let text = fs::read_to_string(&path).expect("a source");
                into.insert(name, text.split("\n#[cfg(test)]\nmod ").next().unwrap_or_default().to_owned());
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut all = BTreeMap::new();
    read(&root, &root, &mut all);
    all
}

fn folder(file: &str) -> &str {
    file.split('/').next().unwrap_or_default().trim_end_matches(".rs")
}

/// What a source names of this crate: `crate::x…`, and each of `use crate::{x…, y…}`.
fn named(text: &str) -> BTreeSet<&str> {
    let mut names = BTreeSet::new();
    for rest in text.split("crate::").skip(1) {
        let word = |text: &'_ str| text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len());
        let Some(list) = rest.strip_prefix('{') else {
            names.insert(&rest[..word(rest)]);
            continue;
        };
        let (mut depth, mut at_start) = (0, true);
        for (index, c) in list.char_indices() {
            match c {
                '{' => depth += 1,
                '}' if depth == 0 => break,
                '}' => depth -= 1,
                ',' if depth == 0 => at_start = true,
                c if depth == 0 && at_start && !c.is_whitespace() => {
                    names.insert(&list[index..][..word(&list[index..])]);
                    at_start = false;
                }
                _ => {}
            }
        }
    }
    names
}

#[test]
fn finds_what_a_source_names() {
    let text =
        "use crate::model::{A, B};\nuse crate::{git::x, policy::{self, y},\n    wire};\nfn f() { crate::store::z() }";
    assert_eq!(named(text), BTreeSet::from(["git", "model", "policy", "store", "wire"]));
}

#[test]
fn a_folder_names_only_what_it_may() {
    let sources = sources();
    let folders: BTreeSet<&str> = sources.keys().map(|file| folder(file)).collect();
    let known: BTreeSet<&str> = MAY_NAME.iter().map(|(name, _)| *name).chain(["lib", "main"]).collect();
    assert_eq!(folders, known);
    for (file, text) in &sources {
        let own = folder(file);
        let Some((_, may)) = MAY_NAME.iter().find(|(name, _)| *name == own && own != "cli") else { continue };
        for other in named(text).into_iter().filter(|other| known.contains(other) && *other != own) {
            assert!(may.contains(&other), "src/{file} names `{other}`: {own} may name {may:?}");
        }
    }
}

/// A word that only some files may use.
#[track_caller]
fn only(words: &[&str], may: &[&str]) {
    for (file, text) in &sources() {
        let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        let found = code.clone().find(|line| words.iter().any(|word| line.contains(word)));
        let allowed = may.iter().any(|start| file.starts_with(start));
        assert!(found.is_none() || allowed, "src/{file}: {}", found.unwrap_or_default().trim());
    }
}

#[test]
fn each_power_is_in_one_place() {
    // Starting processes. `try` starts the gate itself, which is this program.
    only(&["Command::new", "process::Command"], &["git/", "cli/try_.rs"]);
    // Making what opens the upstream.
    only(&["Approval {", "Approval{"], &["policy/"]);
    // Taking connections; `cli` binds what it hands over.
    only(&["TcpListener", "UnixListener"], &["server/", "observe/http.rs", "cli/serve.rs", "cli/doctor/"]);
    // Ending the process. `git/ssh.rs` is this program in another role.
    only(&["process::exit", "ExitCode"], &["main.rs", "cli/", "git/ssh.rs"]);
}

#[test]
fn what_is_pure_touches_nothing() {
    let words = ["std::fs", "std::process", "std::env", "File::", "TcpStream", "tokio::", "tracing::", "::now()"];
    for (file, text) in sources() {
        if !["model/", "policy/", "record/"].iter().any(|folder| file.starts_with(folder)) {
            continue;
        }
        for line in text.lines().filter(|line| !line.trim_start().starts_with("//")) {
            assert!(!words.iter().any(|word| line.contains(word)), "src/{file}: {}", line.trim());
        }
    }
}
