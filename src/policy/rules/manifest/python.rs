//! `pyproject.toml`, `uv.toml`, `Pipfile` and `setup.cfg`.

use super::formats::toml;
use super::ini;
use super::model::{Dependency, Manifest, Mark, Source};
use super::npm_spec::is_commit;
use super::pep::{is_exact, normalised, requirement, source};
use super::tree::{Malformed, Node};

const BUILT: &str = "is run when the package is built or installed";

/// Lists of requirements.
const LISTS: [&[&str]; 14] = [
    &["project", "dependencies"],
    &["project", "optional-dependencies", "*"],
    &["dependency-groups", "*"],
    &["build-system", "requires"],
    &["tool", "uv", "dev-dependencies"],
    &["tool", "uv", "override-dependencies"],
    &["tool", "uv", "constraint-dependencies"],
    &["tool", "uv", "build-constraint-dependencies"],
    &["tool", "pdm", "dev-dependencies", "*"],
    &["tool", "poetry", "requires"],
    &["tool", "hatch", "envs", "*", "dependencies"],
    &["tool", "hatch", "envs", "*", "extra-dependencies"],
    &["tool", "hatch", "build", "hooks", "*", "dependencies"],
    &["tool", "hatch", "build", "targets", "*", "dependencies"],
];

/// Tables of names with what is asked for.
const TABLES: [&[&str]; 7] = [
    &["tool", "poetry", "dependencies"],
    &["tool", "poetry", "dev-dependencies"],
    &["tool", "poetry", "group", "*", "dependencies"],
    &["tool", "poetry", "requires-plugins"],
    &["tool", "pdm", "overrides"],
    &["tool", "pdm", "resolution", "overrides"],
    &["tool", "uv", "sources"],
];

/// What runs code of the package, or of others, when it is built.
const HOOKS: [&[&str]; 11] = [
    &["build-system", "requires"],
    &["build-system", "build-backend"],
    &["build-system", "backend-path"],
    &["tool", "poetry", "build"],
    &["tool", "poetry", "requires-plugins"],
    &["tool", "pdm", "build"],
    &["tool", "pdm", "plugins"],
    &["tool", "hatch", "build", "hooks"],
    &["tool", "hatch", "metadata", "hooks"],
    &["tool", "setuptools", "cmdclass"],
    &["tool", "hatch", "build", "targets", "*", "hooks"],
];

pub fn pyproject(text: &str) -> Result<Manifest, Malformed> {
    let root = toml(text)?;
    let mut found = Manifest::of(&root);
    for list in LISTS.iter().flat_map(|keys| root.at(keys)) {
        for item in list.items() {
            found.dependencies.extend(item.text().and_then(|text| requirement(text, Mark::Line(item.line))));
        }
    }
    for table in TABLES.iter().flat_map(|keys| root.at(keys)) {
        named(&mut found, table, is_exact_poetry);
    }
    for keys in HOOKS {
        for node in root.at(keys).into_iter().filter(|node| node.is_set()) {
            found.hook(keys.join("."), node.flat(), BUILT, Mark::Line(node.line));
        }
    }
    for list in root.at(&["tool", "poetry", "source"]).into_iter().chain(root.at(&["tool", "pdm", "source"])) {
        sources(&mut found, list);
    }
    for table in root.at(&["tool", "uv"]).into_iter().chain(root.at(&["tool", "uv", "pip"])) {
        uv(&mut found, table);
    }
    Ok(found)
}

/// The same as `tool.uv` of `pyproject.toml`.
pub fn uv_toml(text: &str) -> Result<Manifest, Malformed> {
    let root = toml(text)?;
    let mut found = Manifest::of(&root);
    uv(&mut found, &root);
    for table in root.at(&["pip"]) {
        uv(&mut found, table);
    }
    Ok(found)
}

fn uv(found: &mut Manifest, table: &Node) {
    for key in ["index-url", "extra-index-url", "find-links", "default-index"] {
        for node in table.at(&[key]) {
            node.texts().into_iter().for_each(|url| found.registry(key, url, Mark::Line(node.line)));
        }
    }
    table.at(&["index"]).into_iter().for_each(|list| sources(found, list));
    for key in ["allow-insecure-host", "trusted-host"] {
        for node in table.at(&[key]).into_iter().filter(|node| node.is_set()) {
            found.always(key, node.flat(), "lets packages come without a valid certificate", Mark::Line(node.line));
        }
    }
    for node in table.at(&["index-strategy"]).into_iter().filter(|node| node.text() != Some("first-index")) {
        found.always("index-strategy", node.flat(), "lets a package come from any index", Mark::Line(node.line));
    }
}

/// `[[source]]`, each with a URL.
fn sources(found: &mut Manifest, list: &Node) {
    for item in list.items() {
        // PyPI goes by its name alone in poetry.
        for url in item.at(&["url"]) {
            found.registry(item.word("name").unwrap_or("source"), url.flat(), Mark::Line(url.line));
        }
    }
}

/// A table of names, as poetry, pdm, uv and Pipfile have them.
fn named(found: &mut Manifest, table: &Node, is_exact: fn(&str) -> bool) {
    for (name, node) in table.entries().filter(|(name, _)| *name != "python") {
        let alternatives = if node.items().is_empty() { std::slice::from_ref(node) } else { node.items() };
        for node in alternatives {
            let version = node.text().or_else(|| node.word("version")).unwrap_or_default();
            let revision = ["rev", "ref", "commit"].into_iter().find_map(|key| node.word(key)).unwrap_or_default();
            let sources = table_sources(node);
            for source in sources {
                let is_pinned = match &source {
                    Source::Git(_) => is_commit(revision),
                    Source::Path(_) => true,
                    _ => is_exact(version),
                };
                let (name, version, mark) = (normalised(name), version.to_owned(), Mark::Line(node.line));
                found.dependencies.push(Dependency { name, version, source, is_pinned, mark, digests: Vec::new() });
            }
        }
    }
}

/// `{ git = …, path = …, url = …, index = … }`; one of nothing is from the usual place.
pub fn table_sources(node: &Node) -> Vec<Source> {
    let mut found = Vec::new();
    for (key, value) in node.entries() {
        let text = value.text().unwrap_or_default().to_owned();
        found.extend(match key {
            "git" | "hg" | "svn" | "bzr" => Some(Source::Git(text)),
            "url" | "file" => Some(source(&text)),
            "path" | "directory" | "editable" | "virtual" if !text.is_empty() => Some(Source::Path(text)),
            "index" | "source" if !text.is_empty() && text != "pypi" => Some(Source::Named(text)),
            "registry" => Some(Source::Registry(text)),
            _ => None,
        });
    }
    if found.is_empty() {
        found.push(Source::Usual);
    }
    found
}

/// In poetry a bare version means exactly that one.
fn is_exact_poetry(version: &str) -> bool {
    is_exact(version) || super::npm_spec::is_exact(version)
}

pub fn pipfile(text: &str) -> Result<Manifest, Malformed> {
    let root = toml(text)?;
    let mut found = Manifest::of(&root);
    for (key, node) in root.entries() {
        match key {
            "source" => sources(&mut found, node),
            "requires" | "scripts" | "pipenv" | "pipfile" => {}
            _ => named(&mut found, node, is_exact),
        }
    }
    Ok(found)
}

pub fn setup_cfg(text: &str) -> Result<Manifest, Malformed> {
    let mut found = Manifest::default();
    for entry in ini::entries(text) {
        let mark = Mark::Line(entry.line);
        let key = entry.key.to_ascii_lowercase().replace('-', "_");
        let is_list = matches!(key.as_str(), "install_requires" | "setup_requires" | "tests_require")
            || entry.section == "options.extras_require";
        if is_list && entry.section.starts_with("options") {
            for (line, text) in &entry.values {
                found.dependencies.extend(requirement(text, Mark::Line(*line)));
            }
        }
        match (entry.section.as_str(), key.as_str()) {
            ("options", "setup_requires" | "cmdclass") => found.hook(key, entry.flat(), BUILT, mark),
            ("options", "dependency_links") | ("easy_install", "index_url" | "find_links") => {
                entry.values.iter().for_each(|(line, url)| found.registry(key.clone(), url.clone(), Mark::Line(*line)));
            }
            _ => {}
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_of_pyproject_is_seen() {
        let text = r#"
[build-system]
requires = ["hatchling"]
build-backend = "backend"
backend-path = ["."]
[project]
dependencies = ["a==1", "b @ git+https://h.example/b"]
[project.optional-dependencies]
x = ["c>=1"]
[dependency-groups]
dev = ["d", {include-group = "x"}]
[tool.poetry.dependencies]
python = "^3"
E = "^1"
f = [{version = "1.0.0", source = "corp"}, {path = "../f"}]
[tool.poetry.group.dev.dependencies]
g = {git = "https://h.example/g", rev = "main"}
[[tool.poetry.source]]
name = "corp"
url = "https://corp.example/simple"
[tool.uv]
extra-index-url = ["https://u.example"]
[tool.uv.sources]
a = {index = "corp"}
[[tool.uv.index]]
url = "https://i.example"
[tool.pdm.dev-dependencies]
t = ["h"]
"#;
        let found = pyproject(text).unwrap();
        let names: Vec<String> = found.dependencies.iter().map(|d| format!("{} {}", d.name, d.is_pinned)).collect();
        let expected = [
            "a true",
            "b false",
            "c false",
            "d false",
            "hatchling false",
            "h false",
            "e false",
            "f true",
            "f true",
            "g false",
            "a false",
        ];
        assert_eq!(names, expected);
        let hooks: Vec<&str> = found.hooks.iter().map(|hook| hook.name.as_str()).collect();
        assert_eq!(hooks, ["build-system.requires", "build-system.build-backend", "build-system.backend-path"]);
        let urls: Vec<&str> = found.settings.iter().map(|setting| setting.value.as_str()).collect();
        assert_eq!(urls, ["https://corp.example/simple", "https://u.example", "https://i.example"]);
        assert_eq!(found.settings[0].mark, Mark::Line(20));
    }

    #[test]
    fn pipfile_and_setup_cfg_are_read() {
        let text = "[[source]]\nurl = \"https://p.example\"\n[packages]\na = \"*\"\nb = {version = \"==1\", index = \"x\"}\n[docs]\nc = {file = \"https://h.example/c.zip\"}\n[requires]\npython_version = \"3\"\n";
        let found = pipfile(text).unwrap();
        assert_eq!(found.dependencies.len(), 3);
        assert_eq!(found.settings[0].value, "https://p.example");
        let text = "[metadata]\nname = x\n[options]\ninstall_requires =\n  a>=1\n  b\nsetup-requires = c\n[options.extras_require]\nt =\n  d\n[easy_install]\nindex-url = https://i.example\n";
        let found = setup_cfg(text).unwrap();
        let names: Vec<(&str, &Mark)> = found.dependencies.iter().map(|d| (d.name.as_str(), &d.mark)).collect();
        assert_eq!(
            names,
            [("a", &Mark::Line(5)), ("b", &Mark::Line(6)), ("c", &Mark::Line(7)), ("d", &Mark::Line(10))]
        );
        assert_eq!((found.hooks.len(), found.settings.len()), (1, 1));
    }
}
