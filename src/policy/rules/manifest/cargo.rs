//! `Cargo.toml`, `Cargo.lock`, `.cargo/config.toml` and `rust-toolchain.toml`.

use super::formats::toml;
use super::model::{Dependency, Digest, Manifest, Mark, Source};
use super::npm_spec::is_exact;
use super::tree::{Malformed, Node};
use std::collections::HashMap;

const TABLES: [&str; 5] =
    ["dependencies", "dev-dependencies", "dev_dependencies", "build-dependencies", "build_dependencies"];

pub fn cargo_toml(text: &str) -> Result<Manifest, Malformed> {
    let root = toml(text)?;
    let mut found = Manifest::of(&root);
    for key in TABLES {
        for keys in [&[key][..], &["target", "*", key], &["workspace", key]] {
            for (name, node) in root.at(keys).into_iter().flat_map(Node::entries) {
                found.dependencies.extend(dependency(name, node, &Source::Usual));
                if key.starts_with("build") {
                    found.hook(format!("{key}.{name}"), "", "runs when the crate is built", Mark::Line(node.line));
                }
            }
        }
    }
    for (name, node) in root.at(&["patch", "*"]).into_iter().chain(root.at(&["replace"])).flat_map(Node::entries) {
        // One that replaces by another version alone is still another package than its users ask for.
        found.dependencies.extend(dependency(name, node, &Source::Odd("a replacement for it")));
    }
    hooks(&mut found, &root);
    Ok(found)
}

fn hooks(found: &mut Manifest, root: &Node) {
    for table in ["package", "project"] {
        for node in root.at(&[table, "build"]).into_iter().filter(|node| node.is_set()) {
            found.hook("package.build", node.flat(), "is run when the crate is built", Mark::Line(node.line));
        }
        for node in root.at(&[table, "links"]) {
            found.hook("package.links", node.flat(), "lets a build script link a library", Mark::Line(node.line));
        }
    }
    for key in ["proc-macro", "proc_macro"] {
        for node in root.at(&["lib", key]).into_iter().filter(|node| node.is_set()) {
            found.hook("lib.proc-macro", "", PROC_MACRO, Mark::Line(node.line));
        }
    }
    for key in ["crate-type", "crate_type"] {
        for node in root.at(&["lib", key]).into_iter().filter(|node| node.texts().contains(&"proc-macro")) {
            found.hook("lib.proc-macro", "", PROC_MACRO, Mark::Line(node.line));
        }
    }
}

const PROC_MACRO: &str = "is run when a crate that uses it is built";

/// `name = "1"`, `name = { version, git, path, registry, package, … }`. What `workspace = true` says stands elsewhere.
fn dependency(name: &str, node: &Node, otherwise: &Source) -> Vec<Dependency> {
    let version = node.text().or_else(|| node.word("version")).unwrap_or_default();
    let mut sources = Vec::new();
    for (key, value) in node.entries() {
        let text = value.text().unwrap_or_default().to_owned();
        match key {
            "git" => sources.push(Source::Git(text)),
            "path" | "base" => sources.push(Source::Path(text)),
            "registry" if text != "crates-io" => sources.push(Source::Named(text)),
            "registry-index" => sources.push(Source::Registry(text)),
            "package" if text != name => sources.push(Source::Alias(text)),
            _ => {}
        }
    }
    if sources.is_empty() {
        sources.push(otherwise.clone());
    }
    let is_workspace = node.get("workspace").is_some_and(Node::is_set);
    let revision = node.word("rev").unwrap_or_default();
    let mut found = Vec::new();
    for source in sources {
        let is_pinned = match &source {
            Source::Git(_) => super::npm_spec::is_commit(revision),
            Source::Path(_) => true,
            _ => is_workspace || version.strip_prefix('=').is_some_and(|version| is_exact(version.trim())),
        };
        let (version, mark) = (version.to_owned(), Mark::Line(node.line));
        if let Source::Alias(real) = &source {
            let (name, version, mark) = (real.clone(), version.clone(), mark.clone());
            found.push(Dependency { name, version, is_pinned, mark, ..Dependency::default() });
        }
        // `serde:1.0.0` and registry URLs in `[replace]`.
        let name = name.rsplit(['#', '/']).next().unwrap_or(name).split([':', '@']).next().unwrap_or(name);
        found.push(Dependency { name: name.to_owned(), version, source, is_pinned, mark, digests: Vec::new() });
    }
    found
}

pub fn cargo_lock(text: &str) -> Result<Manifest, Malformed> {
    let root = toml(text)?;
    let mut found = Manifest::of(&root);
    // Version 1 kept the digests apart, under `checksum NAME VERSION (SOURCE)`.
    let tables = root.at(&["metadata"]).into_iter().flat_map(Node::entries);
    let apart = tables.filter_map(|(key, node)| Some((key.strip_prefix("checksum ")?, node.text()?)));
    let apart: HashMap<&str, &str> = apart.collect();
    for node in root.at(&["package", "*"]) {
        let [name, version, source] = ["name", "version", "source"].map(|key| node.word(key).unwrap_or_default());
        let old = apart.get(format!("{name} {version} ({source})").as_str()).copied();
        let checksum = node.word("checksum").or(old).filter(|text| *text != "<none>");
        found.dependencies.push(Dependency {
            name: name.to_owned(),
            version: version.to_owned(),
            source: lock_source(source),
            digests: checksum.map(|text| Digest::new("", "sha256", text)).into_iter().collect(),
            is_pinned: true,
            mark: Mark::Line(node.line),
        });
    }
    Ok(found)
}

fn lock_source(text: &str) -> Source {
    match text {
        // Of the repository itself, or patched in from a path, which Cargo.toml says.
        "" => Source::Path(String::new()),
        "registry+https://github.com/rust-lang/crates.io-index" | "sparse+https://index.crates.io/" => Source::Usual,
        _ if text.starts_with("git+") => Source::Git(text.to_owned()),
        _ if text.starts_with("path+") => Source::Path(text.trim_start_matches("path+file://").to_owned()),
        _ => Source::Registry(text.to_owned()),
    }
}

/// Keys of Cargo's configuration that name something to run.
const COMMANDS: [&[&str]; 13] = [
    &["build", "rustc"],
    &["build", "rustc-wrapper"],
    &["build", "rustc-workspace-wrapper"],
    &["build", "rustdoc"],
    &["build", "rustflags"],
    &["target", "*", "runner"],
    &["target", "*", "linker"],
    &["target", "*", "rustflags"],
    &["registry", "global-credential-providers"],
    &["registry", "credential-provider"],
    &["registries", "*", "credential-provider"],
    &["credential-alias", "*"],
    &["env", "*"],
];

pub fn cargo_config(text: &str) -> Result<Manifest, Malformed> {
    let root = toml(text)?;
    let mut found = Manifest::of(&root);
    for keys in COMMANDS {
        for node in root.at(keys) {
            let effect = "can change what runs when cargo is called";
            found.hook(keys.join("."), node.flat(), effect, Mark::Line(node.line));
        }
    }
    let indices = [
        &["registries", "*", "index"][..],
        &["registry", "index"],
        &["source", "*", "registry"],
        &["source", "*", "git"],
    ];
    for keys in indices {
        for node in root.at(keys) {
            found.registry(keys.join("."), node.flat(), Mark::Line(node.line));
        }
    }
    let changing = [
        (&["source", "*", "replace-with"][..], "takes all packages of a registry from somewhere else"),
        (&["source", "*", "local-registry"], "takes packages from a folder"),
        (&["source", "*", "directory"], "takes packages from a folder"),
        (&["registry", "default"], "makes another registry the usual one"),
        (&["paths"], "takes packages from other folders"),
        (&["include"], "reads more settings from another file"),
        (&["http", "proxy"], "sends downloads through a proxy"),
        (&["http", "cainfo"], "changes which certificates count"),
        (&["http", "check-revoke"], "changes which certificates count"),
    ];
    for (keys, why) in changing {
        for node in root.at(keys) {
            found.always(keys.join("."), node.flat(), why, Mark::Line(node.line));
        }
    }
    for (name, node) in root.at(&["patch", "*"]).into_iter().flat_map(Node::entries) {
        found.dependencies.extend(dependency(name, node, &Source::Odd("a replacement for it")));
    }
    Ok(found)
}

/// `rust-toolchain.toml`; the older `rust-toolchain` may be a channel and no TOML.
pub fn toolchain(text: &str) -> Result<Manifest, Malformed> {
    let root = match toml(text) {
        Err(_) if !text.contains('[') => return Ok(Manifest::default()),
        other => other?,
    };
    let mut found = Manifest::of(&root);
    for node in root.at(&["toolchain", "path"]) {
        found.hook("toolchain.path", node.flat(), "is the compiler that is run", Mark::Line(node.line));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(found: &Manifest) -> Vec<String> {
        let show = |d: &Dependency| format!("{} {:?} {} {}", d.name, d.source, d.is_pinned, d.digests.len());
        found.dependencies.iter().map(show).collect()
    }

    #[test]
    fn every_table_of_cargo_toml_is_seen() {
        let text = r#"
[package]
build = "make.rs"
links = "z"
[lib]
proc-macro = true
[dependencies]
a = "1"
b = { version = "=1.2.3", registry = "corp" }
c = { package = "real", version = "1" }
[build-dependencies]
d = { path = "../d" }
[target.'cfg(unix)'.dev-dependencies]
e = { git = "https://h.example/e", branch = "main" }
[workspace.dependencies]
f.version = "1"
[patch.crates-io]
a = { git = "https://h.example/a" }
[replace]
"g:1.0.0" = { version = "2" }
"#;
        let found = cargo_toml(text).unwrap();
        let expected = [
            "a Usual false 0",
            "b Named(\"corp\") true 0",
            "real Usual false 0",
            "c Alias(\"real\") false 0",
            "f Usual false 0",
            "e Git(\"https://h.example/e\") false 0",
            "d Path(\"../d\") true 0",
            "a Git(\"https://h.example/a\") false 0",
            "g Odd(\"a replacement for it\") false 0",
        ];
        assert_eq!(shown(&found), expected);
        let hooks: Vec<&str> = found.hooks.iter().map(|hook| hook.name.as_str()).collect();
        assert_eq!(hooks, ["build-dependencies.d", "package.build", "package.links", "lib.proc-macro"]);
    }

    #[test]
    fn locks_and_settings_are_read() {
        let usual = "registry+https://github.com/rust-lang/crates.io-index";
        let text = format!(
            "[[package]]\nname = \"a\"\nversion = \"1.0.0\"\nsource = \"{usual}\"\nchecksum = \"aa\"\n[[package]]\nname = \"b\"\nversion = \"1.0.0\"\nsource = \"{usual}\"\n\
             [[package]]\nname = \"me\"\nversion = \"0.1.0\"\n[[package]]\nname = \"c\"\nsource = \"git+https://h.example/c?rev=1#2\"\n\
             [metadata]\n\"checksum b 1.0.0 ({usual})\" = \"bb\"\n"
        );
        let expected = [
            "a Usual true 1",
            "b Usual true 1",
            "me Path(\"\") true 0",
            "c Git(\"git+https://h.example/c?rev=1#2\") true 0",
        ];
        assert_eq!(shown(&cargo_lock(&text).unwrap()), expected);
        let text = "[source.crates-io]\nreplace-with = \"m\"\n[source.m]\nregistry = \"https://m.example\"\n[build]\nrustc-wrapper = \"x\"\n[registries.corp]\nindex = \"sparse+https://c.example/\"\n";
        let found = cargo_config(text).unwrap();
        assert_eq!((found.hooks.len(), found.settings.len()), (1, 3));
    }
}
