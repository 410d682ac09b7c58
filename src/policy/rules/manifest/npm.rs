//! `package.json`, and `pnpm-workspace.yaml`, which says some of the same.

use super::formats::yaml;
use super::model::{Dependency, Manifest, Mark, Source};
use super::npm_spec::{is_pinned, name_of, source};
use super::tree::{Malformed, Node, json};
use std::collections::HashSet;

const TABLES: [&str; 5] =
    ["dependencies", "devDependencies", "optionalDependencies", "peerDependencies", "resolutions"];

/// Beginnings like `build:*` that are looked for; more are there to hide something.
const STARTS_MAX: usize = 50;
/// How long the names of nested overrides may become together.
const PATH_MAX: usize = 500;
/// Scripts are followed through so many others.
const ROUNDS_MAX: usize = 20;

/// Scripts that npm, yarn or pnpm run by themselves.
const RUN_BY_THEMSELVES: [&str; 18] = [
    "preinstall",
    "install",
    "postinstall",
    "preuninstall",
    "uninstall",
    "postuninstall",
    "prepublish",
    "preprepare",
    "prepare",
    "postprepare",
    "prepublishOnly",
    "prepack",
    "postpack",
    "publish",
    "postpublish",
    "dependencies",
    "pnpm:devPreinstall",
    "npm:preinstall",
];

/// Keys that let packages run scripts at installation, or load code into the package manager.
const ALLOWING: [(&[&str], &str); 8] = [
    (&["pnpm", "onlyBuiltDependencies"], "lets packages run scripts when they are installed"),
    (&["pnpm", "neverBuiltDependencies"], "says which packages run no scripts"),
    (&["pnpm", "patchedDependencies"], "patches packages"),
    (&["pnpm", "packageExtensions"], "adds dependencies to other packages"),
    (&["trustedDependencies"], "lets packages run scripts when they are installed"),
    (&["dependenciesMeta"], "may let packages run scripts when they are installed"),
    (&["allowScripts"], "lets packages run scripts when they are installed"),
    (&["patchedDependencies"], "patches packages"),
];

pub fn package_json(text: &str) -> Result<Manifest, Malformed> {
    let root = json(text)?;
    let mut found = Manifest::of(&root);
    for table in TABLES {
        for (name, node) in root.at(&[table]).into_iter().flat_map(Node::entries) {
            add(&mut found, name, node);
        }
    }
    overrides(&mut found, &root, &["overrides"]);
    overrides(&mut found, &root, &["resolutions"]);
    overrides(&mut found, &root, &["pnpm", "overrides"]);
    scripts(&mut found, &root);
    for (keys, effect) in ALLOWING {
        for node in root.at(keys).into_iter().filter(|node| node.is_set()) {
            let key = keys.last().copied().unwrap_or_default();
            found.hook(keys.join("."), node.flat(), effect, Mark::of(key, node));
        }
    }
    for (key, effect) in [("gypfile", "lets node-gyp build the package when it is installed"), ("bin", BIN)] {
        for node in root.at(&[key]).into_iter().filter(|node| node.is_set()) {
            found.hook(key, node.flat(), effect, Mark::of(key, node));
        }
    }
    for node in root.at(&["directories", "bin"]) {
        found.hook("directories.bin", node.flat(), BIN, Mark::of("bin", node));
    }
    for node in root.at(&["publishConfig", "registry"]) {
        found.registry("publishConfig.registry", node.flat(), Mark::of("registry", node));
    }
    for node in root.at(&["packageManager"]).into_iter().filter(|node| node.flat().contains("://")) {
        found.registry("packageManager", node.flat(), Mark::of("packageManager", node));
    }
    Ok(found)
}

const BIN: &str = "puts commands where others find them by name";

pub fn pnpm_workspace(text: &str) -> Result<Manifest, Malformed> {
    let root = yaml(text)?;
    let mut found = Manifest::of(&root);
    for table in root.at(&["catalog"]).into_iter().chain(root.at(&["catalogs", "*"])) {
        for (name, node) in table.entries() {
            add(&mut found, name, node);
        }
    }
    overrides(&mut found, &root, &["overrides"]);
    let (_, pnpm): (Vec<_>, Vec<_>) = ALLOWING.iter().partition(|(keys, _)| keys.len() == 1);
    for (keys, effect) in pnpm {
        let key = keys.last().copied().unwrap_or_default();
        for node in root.at(&[key]).into_iter().filter(|node| node.is_set()) {
            found.hook(key, node.flat(), effect, Mark::of(key, node));
        }
    }
    for key in ["configDependencies", "dangerouslyAllowAllBuilds", "allowBuilds", "scriptShell", "pnpmfile"] {
        for node in root.at(&[key]).into_iter().filter(|node| node.is_set()) {
            found.hook(key, node.flat(), "lets code run when packages are installed", Mark::of(key, node));
        }
    }
    for node in root.at(&["registry"]).into_iter().chain(root.at(&["registries", "*"])) {
        found.registry("registry", node.flat(), Mark::of("registry", node));
    }
    Ok(found)
}

fn add(found: &mut Manifest, name: &str, node: &Node) {
    let Some(spec) = node.text() else { return };
    let source = source(spec);
    let mark = Mark::of(name, node);
    if let Source::Alias(real) = &source {
        found.dependencies.push(Dependency {
            name: real.clone(),
            version: spec.to_owned(),
            is_pinned: true,
            mark: mark.clone(),
            ..Dependency::default()
        });
    }
    found.dependencies.push(Dependency {
        name: selected(name).to_owned(),
        version: spec.to_owned(),
        source,
        is_pinned: is_pinned(spec),
        mark,
        ..Dependency::default()
    });
}

/// The package that a key of `overrides` or `resolutions` is about: `a>b@1`, `**/b`, `a/@s/b`.
fn selected(key: &str) -> &str {
    let last = key.rsplit('>').next().unwrap_or(key).trim();
    // The scope belongs to the name.
    let (rest, name) = last.rsplit_once('/').unwrap_or(("", last));
    let scope = rest.rsplit('/').next().unwrap_or_default();
    let start =
        if scope.starts_with('@') { last.len() - name.len() - scope.len() - 1 } else { last.len() - name.len() };
    name_of(last.get(start..).unwrap_or(last))
}

/// Overrides decide for packages that are not named in any other table.
fn overrides(found: &mut Manifest, root: &Node, keys: &[&str]) {
    let mut tables: Vec<(String, &Node)> = root.at(keys).into_iter().map(|node| (keys.join("."), node)).collect();
    while let Some((path, table)) = tables.pop() {
        for (name, node) in table.entries() {
            let path = format!("{path}: {name}");
            // A longer path is told as a whole.
            if node.is_table() && path.len() <= PATH_MAX {
                tables.push((path, node));
                continue;
            }
            // `.` in npm's overrides is the package of the key above, `$name` a dependency of this file.
            if name != "." && !node.text().is_some_and(|spec| spec.starts_with('$')) && keys != ["resolutions"] {
                add(found, name, node);
            }
            let effect = "replaces a dependency of other packages";
            found.hook(path, node.flat(), effect, Mark::of(name, node));
        }
    }
}

/// The scripts that run by themselves, and those they call by name.
fn scripts(found: &mut Manifest, root: &Node) {
    let scripts: Vec<(&str, &Node)> = root.at(&["scripts"]).into_iter().flat_map(Node::entries).collect();
    let mut called: HashSet<&str> = RUN_BY_THEMSELVES.into_iter().collect();
    let mut words: HashSet<&str> = HashSet::new();
    let mut left = scripts;
    for round in 0..=ROUNDS_MAX {
        // `run-s build:*` calls all that begin so.
        let starts: Vec<&str> =
            words.iter().filter_map(|word| word.strip_suffix('*')).filter(|s| s.len() > 1).collect();
        let is_called = |name: &str| {
            let main = name.strip_prefix("pre").or_else(|| name.strip_prefix("post")).unwrap_or(name);
            // A chain this long is there to hide something.
            round == ROUNDS_MAX
                || starts.len() > STARTS_MAX
                || called.contains(name)
                || words.contains(name)
                || words.contains(main)
                || starts.iter().any(|start| name.starts_with(start))
        };
        let (now, later): (Vec<_>, Vec<_>) = left.into_iter().partition(|(name, _)| is_called(name));
        if now.is_empty() {
            return;
        }
        for (name, node) in now {
            let effect = match RUN_BY_THEMSELVES.contains(&name) {
                true => "is run when the package is installed, packed or published",
                false => "is run by a script that runs when the package is installed, packed or published",
            };
            let command = node.text().unwrap_or_default();
            let is_separator = |c: char| c.is_whitespace() || matches!(c, ';' | '&' | '|' | '(' | ')' | '"' | '\'');
            words.extend(command.split(is_separator).filter(|word| !word.is_empty()));
            found.hook(format!("scripts.{name}"), node.flat(), effect, Mark::of(name, node));
        }
        called.clear();
        left = later;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_and_script_is_seen() {
        let text = r#"{
            "scripts": {"test": "x", "prepare": "npm run build && run-s gen:*", "build": "tsc", "postbuild": "cp", "gen:a": "a", "lint": "y"},
            "dependencies": {"a": "^1", "b": "npm:real@1.0.0"},
            "devDependencies": {"c": "git+https://h.example/c.git"},
            "peerDependencies": {"d": "*"}, "optionalDependencies": {"e": "1.0.0"},
            "overrides": {"f": {"g@1": "2.0.0", ".": "3"}, "a": "$a"},
            "resolutions": {"**/h": "1", "i/@s/j": "1"},
            "bin": "cli.js", "gypfile": true, "pnpm": {"overrides": {"k>l": "1"}}
        }"#;
        let found = package_json(text).unwrap();
        let mut names: Vec<&str> = found.dependencies.iter().map(|d| d.name.as_str()).collect();
        names.sort_unstable();
        assert_eq!(names, ["@s/j", "a", "b", "c", "d", "e", "g", "h", "l", "real"]);
        let mut hooks: Vec<&str> = found.hooks.iter().map(|hook| hook.name.as_str()).collect();
        hooks.sort_unstable();
        let expected = [
            "bin",
            "gypfile",
            "overrides: a",
            "overrides: f: .",
            "overrides: f: g@1",
            "pnpm.overrides: k>l",
            "resolutions: **/h",
            "resolutions: i/@s/j",
            "scripts.build",
            "scripts.gen:a",
            "scripts.postbuild",
            "scripts.prepare",
        ];
        assert_eq!(hooks, expected);
    }
}
