//! `package-lock.json` and `npm-shrinkwrap.json` of all versions, and `pnpm-lock.yaml`.

use super::formats::yaml;
use super::model::{Dependency, Digest, Manifest, Mark, Source};
use super::npm_spec::{name_of, source};
use super::tree::{Malformed, Node, json};

const RUNS: &str = "runs a script when it is installed";

pub fn package_lock(text: &str) -> Result<Manifest, Malformed> {
    let root = json(text)?;
    let mut found = Manifest::of(&root);
    for (path, node) in root.at(&["packages"]).into_iter().flat_map(Node::entries) {
        // What lies not below node_modules is a package of the repository itself.
        let Some((_, last)) = path.rsplit_once("node_modules/") else { continue };
        entry(&mut found, node.word("name").unwrap_or(last), path, node);
        for real in node.at(&["name"]).into_iter().filter_map(Node::text).filter(|real| *real != last) {
            found.dependencies.push(Dependency {
                name: last.to_owned(),
                source: Source::Alias(real.to_owned()),
                is_pinned: true,
                mark: Mark::of(path, node),
                ..Dependency::default()
            });
        }
    }
    // Version 1, and what version 2 repeats for it.
    let mut tables = root.at(&["dependencies"]);
    while let Some(table) = tables.pop() {
        for (name, node) in table.entries() {
            entry(&mut found, name, name, node);
            tables.extend(node.at(&["dependencies"]));
        }
    }
    Ok(found)
}

fn entry(found: &mut Manifest, name: &str, key: &str, node: &Node) {
    let mark = Mark::of(key, node);
    let version = node.word("version").unwrap_or_default();
    let digests: Vec<Digest> = node.at(&["integrity"]).into_iter().filter_map(Node::text).flat_map(sri).collect();
    let mut places: Vec<&str> = node.at(&["resolved"]).into_iter().filter_map(Node::text).collect();
    // Version 1 writes everything that is from no registry where the version is.
    places.extend(Some(version).filter(|version| source(version) != Source::Usual));
    let is_link = node.get("link").is_some_and(Node::is_set);
    let sources: Vec<Source> = places.into_iter().map(|place| resolved(place, is_link)).collect();
    let (own, version, source) = (name.to_owned(), version.to_owned(), Source::Usual);
    let one = Dependency { name: own, version, source, digests, is_pinned: true, mark: mark.clone() };
    found.spread(&one, sources);
    if node.get("hasInstallScript").is_some_and(Node::is_set) {
        found.hook(format!("package {name}"), "", RUNS, mark);
    }
}

/// What a lock file says a package was taken from.
fn resolved(place: &str, is_link: bool) -> Source {
    match source(place) {
        _ if is_link => Source::Path(place.strip_prefix("file:").unwrap_or(place).to_owned()),
        Source::Archive(url) => Source::Registry(url),
        other => other,
    }
}

/// `sha512-…`, several of them, each with options behind `?`.
pub fn sri(text: &str) -> Vec<Digest> {
    let words = text.split_whitespace().map(|word| word.split('?').next().unwrap_or_default());
    words.filter_map(|word| Digest::parse("", word)).collect()
}

pub fn pnpm_lock(text: &str) -> Result<Manifest, Malformed> {
    let root = yaml(text)?;
    let mut found = Manifest::of(&root);
    // Newer ones have a document of their own for what pnpm itself needs.
    let documents = std::iter::once(&root).chain(root.items());
    for (key, node) in documents.flat_map(|document| document.at(&["packages"])).flat_map(Node::entries) {
        let (name, version) = pnpm_key(key);
        let name = node.word("name").unwrap_or(name);
        let version = node.word("version").unwrap_or(version);
        let mark = Mark::of(key, node);
        let digests: Vec<Digest> =
            node.at(&["resolution", "integrity"]).into_iter().filter_map(Node::text).flat_map(sri).collect();
        let (own, version, source) = (name.to_owned(), version.to_owned(), Source::Usual);
        let one = Dependency { name: own, version, source, digests, is_pinned: true, mark: mark.clone() };
        found.spread(&one, pnpm_sources(node));
        if node.get("requiresBuild").is_some_and(Node::is_set) {
            found.hook(format!("package {name}"), "", RUNS, mark);
        }
    }
    Ok(found)
}

fn pnpm_sources(node: &Node) -> Vec<Source> {
    let all = |key: &str| -> Vec<String> {
        node.at(&["resolution", key]).into_iter().filter_map(Node::text).map(str::to_owned).collect()
    };
    let mut sources: Vec<Source> = all("tarball").into_iter().map(|place| resolved(&place, false)).collect();
    sources.extend(all("repo").into_iter().map(Source::Git));
    sources.extend(all("directory").into_iter().map(Source::Path));
    sources.extend(all("registry").into_iter().map(Source::Registry));
    sources
}

/// `/a/1.0.0`, `/a@1.0.0(peer@1)`, `@s/a@1.0.0`, `/@s/a/1.0.0_peer@1`.
fn pnpm_key(key: &str) -> (&str, &str) {
    let (is_old, key) = key.strip_prefix('/').map_or((false, key), |rest| (true, rest));
    let key = key.split('(').next().unwrap_or_default();
    let name = name_of(key);
    let parts = if name.starts_with('@') { 2 } else { 1 };
    let end = name.match_indices('/').nth(parts - 1).map(|(at, _)| at);
    match end {
        Some(end) if is_old => {
            let version = key.get(end.saturating_add(1)..).unwrap_or_default();
            (name.get(..end).unwrap_or(name), version.split('_').next().unwrap_or_default())
        }
        _ => (name, key.get(name.len()..).unwrap_or_default().trim_start_matches('@')),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(found: &Manifest) -> Vec<String> {
        let show = |d: &Dependency| format!("{} {} {:?} {}", d.name, d.version, d.source, d.digests.len());
        found.dependencies.iter().map(show).collect()
    }

    #[test]
    fn all_versions_of_package_lock_are_read() {
        let one = r#"{"dependencies": {"a": {"version": "1.0.0", "resolved": "https://r.example/a.tgz", "integrity": "sha512-x sha1-y",
            "dependencies": {"b": {"version": "git+ssh://h.example/b.git#1"}}}}}"#;
        assert_eq!(
            shown(&package_lock(one).unwrap()),
            [
                "a 1.0.0 Registry(\"https://r.example/a.tgz\") 2",
                "b git+ssh://h.example/b.git#1 Git(\"git+ssh://h.example/b.git#1\") 0"
            ]
        );
        let three = r#"{"packages": {"": {"name": "x"}, "packages/p": {}, "node_modules/p": {"resolved": "../p", "link": true},
            "node_modules/a/node_modules/@s/c": {"version": "1.0.0", "hasInstallScript": true},
            "node_modules/d": {"name": "real", "version": "2.0.0", "resolved": "https://r.example/d.tgz"}}}"#;
        let found = package_lock(three).unwrap();
        assert_eq!(
            shown(&found),
            [
                "p  Path(\"../p\") 0",
                "@s/c 1.0.0 Usual 0",
                "real 2.0.0 Registry(\"https://r.example/d.tgz\") 0",
                "d  Alias(\"real\") 0"
            ]
        );
        assert_eq!(found.hooks[0].name, "package @s/c");
    }

    #[test]
    fn all_keys_of_pnpm_are_read() {
        for (key, name, version) in [
            ("/a/1.0.0", "a", "1.0.0"),
            ("/@s/a/1.0.0_b@2", "@s/a", "1.0.0"),
            ("/a@1.0.0(b@2)", "a", "1.0.0"),
            ("/@s/a@1.0.0", "@s/a", "1.0.0"),
            ("@s/a@1.0.0", "@s/a", "1.0.0"),
            ("a@https://h.example/a.tgz", "a", "https://h.example/a.tgz"),
        ] {
            assert_eq!(pnpm_key(key), (name, version), "{key}");
        }
        let text = "lockfileVersion: '9.0'\npackages:\n\n  a@1.0.0:\n    resolution: {integrity: sha512-x}\n  \
                    b@https://h.example/b.tgz:\n    resolution: {tarball: https://h.example/b.tgz}\n    version: 2.0.0\n    requiresBuild: true\n";
        let found = pnpm_lock(text).unwrap();
        assert_eq!(shown(&found), ["a 1.0.0 Usual 1", "b 2.0.0 Registry(\"https://h.example/b.tgz\") 0"]);
        assert_eq!(found.hooks.len(), 1);
        assert_eq!(found.dependencies[1].mark, Mark::Line(6));
    }
}
