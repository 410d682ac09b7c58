//! `composer.json` and `composer.lock`.

use super::model::{Dependency, Digest, Manifest, Mark, Source};
use super::npm_spec::is_exact;
use super::tree::{Malformed, Node, json};
use std::collections::HashSet;

pub fn composer_json(text: &str) -> Result<Manifest, Malformed> {
    let root = json(text)?;
    let mut found = Manifest::of(&root);
    for table in ["require", "require-dev", "replace", "provide"] {
        for (name, node) in root.at(&[table]).into_iter().flat_map(Node::entries).filter(|(name, _)| !is_platform(name))
        {
            let version = node.text().unwrap_or_default();
            found.dependencies.push(Dependency {
                name: name.to_ascii_lowercase(),
                version: version.to_owned(),
                is_pinned: is_exact(version.trim_start_matches(['v', '='])),
                mark: Mark::of(name, node),
                ..Dependency::default()
            });
        }
    }
    for node in root.at(&["repositories", "*"]) {
        repository(&mut found, node);
    }
    // `{"packagist.org": false}`, as a table or in a list.
    for (name, node) in
        root.at(&["repositories"]).into_iter().chain(root.at(&["repositories", "*"])).flat_map(Node::entries)
    {
        if name.contains("packagist") && !node.is_set() {
            found.always("repositories", name, "takes no package from packagist.org any more", Mark::of(name, node));
        }
    }
    scripts(&mut found, &root);
    for key in ["allow-plugins", "bin-dir", "vendor-dir"] {
        for node in root.at(&["config", key]).into_iter().filter(|node| node.is_set()) {
            found.hook(
                format!("config.{key}"),
                node.flat(),
                "can let code of packages run in composer",
                Mark::of(key, node),
            );
        }
    }
    for node in root.at(&["bin"]) {
        found.hook("bin", node.flat(), "puts commands where others find them by name", Mark::of("bin", node));
    }
    for (key, why) in
        [("secure-http", "lets packages come unencrypted"), ("disable-tls", "lets packages come unencrypted")]
    {
        let weak = root.at(&["config", key]).into_iter().filter(|node| node.is_set() == (key == "disable-tls"));
        weak.for_each(|node| found.always(key, node.flat(), why, Mark::of(key, node)));
    }
    Ok(found)
}

/// PHP itself and its extensions.
fn is_platform(name: &str) -> bool {
    !name.contains('/')
}

fn repository(found: &mut Manifest, node: &Node) {
    if node.word("type") == Some("package") {
        let why = "describes packages by itself, and says where they come from";
        found.always("repositories", node.flat(), why, Mark::Text("\"package\"".to_owned()));
    }
    for url in node.at(&["url"]).into_iter().filter_map(Node::text) {
        let mark = Mark::Text(serde_json::Value::from(url).to_string());
        if node.word("type") == Some("path") {
            let (name, source) = (url.to_owned(), Source::Path(url.to_owned()));
            found.dependencies.push(Dependency { name, source, is_pinned: true, mark, ..Dependency::default() });
        } else {
            found.registry("repositories", url, mark);
        }
    }
}

/// Scripts of events, and those they call with `@name`.
fn scripts(found: &mut Manifest, root: &Node) {
    let mut left: Vec<(&str, &Node)> = root.at(&["scripts"]).into_iter().flat_map(Node::entries).collect();
    let is_event = |name: &str| {
        let name = name.to_ascii_lowercase();
        name.starts_with("pre-") || name.starts_with("post-") || matches!(name.as_str(), "init" | "command")
    };
    let mut called: HashSet<&str> = HashSet::new();
    for round in 0..20 {
        let (now, later): (Vec<_>, Vec<_>) =
            left.into_iter().partition(|(name, _)| round == 19 || is_event(name) || called.contains(name));
        for (name, node) in &now {
            let words = node.texts().into_iter().flat_map(str::split_whitespace);
            called.extend(words.filter_map(|word| word.strip_prefix('@')));
            found.hook(format!("scripts.{name}"), node.flat(), "is run by composer", Mark::of(name, node));
        }
        if now.is_empty() {
            return;
        }
        left = later;
    }
}

pub fn composer_lock(text: &str) -> Result<Manifest, Malformed> {
    let root = json(text)?;
    let mut found = Manifest::of(&root);
    for node in root.at(&["packages", "*"]).into_iter().chain(root.at(&["packages-dev", "*"])) {
        let name = node.word("name").unwrap_or_default().to_ascii_lowercase();
        let mark = Mark::Text(format!("\"{name}\""));
        let shasum = node.at(&["dist", "shasum"]).into_iter().filter_map(Node::text).filter(|text| !text.is_empty());
        let digests: Vec<Digest> = shasum.map(|text| Digest::new("", "sha1", text)).collect();
        let mut sources = Vec::new();
        for from in node.at(&["source"]).into_iter().chain(node.at(&["dist"])) {
            let is_path = from.word("type") == Some("path");
            let urls = from.at(&["url"]).into_iter().filter_map(Node::text).map(str::to_owned);
            sources.extend(urls.map(|url| if is_path { Source::Path(url) } else { Source::Hosted(url) }));
        }
        let version = node.word("version").unwrap_or_default().to_owned();
        let (own, source) = (name.clone(), Source::Usual);
        let one = Dependency { name: own, version, source, digests, is_pinned: true, mark: mark.clone() };
        found.spread(&one, sources);
        if node.word("type") == Some("composer-plugin") {
            found.hook(format!("package {name}"), "", "is run by composer as a plugin", mark);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn manifest_and_lock_are_read() {
        let text = r#"{"require": {"php": ">=8", "A/b": "^1"}, "require-dev": {"c/d": "1.0.0"},
            "repositories": [{"type": "vcs", "url": "https://h.example/x"}, {"packagist.org": false}, {"type": "path", "url": "../y"}],
            "scripts": {"post-install-cmd": ["@build"], "build": "make", "test": "x"}, "config": {"allow-plugins": {"a/b": true}}}"#;
        let found = composer_json(text).unwrap();
        let names: Vec<&str> = found.dependencies.iter().map(|d| d.name.as_str()).collect();
        assert_eq!(names, ["a/b", "c/d", "../y"]);
        let hooks: Vec<&str> = found.hooks.iter().map(|hook| hook.name.as_str()).collect();
        assert_eq!(hooks, ["scripts.post-install-cmd", "scripts.build", "config.allow-plugins"]);
        assert_eq!(found.settings.len(), 2);
        let text = r#"{"packages": [{"name": "a/b", "version": "1.0.0", "type": "composer-plugin",
            "source": {"type": "git", "url": "https://github.com/a/b.git"}, "dist": {"url": "https://h.example/b.zip", "shasum": ""}}]}"#;
        let found = composer_lock(text).unwrap();
        assert_eq!((found.dependencies.len(), found.hooks.len()), (2, 1));
    }
}
