//! `docs/` says what the code does: rules, ids, limits and their defaults.

use refgate::config::Config;
use refgate::model::Limits;
use refgate::policy::rules::KINDS;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn root(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn read(path: &str) -> String {
    fs::read_to_string(root(path)).expect(path)
}

/// The cells of every table row of a page.
fn rows(page: &str) -> Vec<Vec<&str>> {
    let rows = page.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"));
    rows.map(|row| row.split(" | ").map(str::trim).collect()).collect()
}

/// What stands between backquotes.
fn quoted(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

#[test]
fn the_rule_reference_is_what_the_kinds_say() {
    let mut expected = String::new();
    for kind in KINDS {
        let (_, text) = kind.doc.split_once('\n').expect("a first line with the kind");
        expected += &format!("\n### `kind = \"{}\"`\n\n", kind.name);
        let mut was_code = false;
        for line in text.lines() {
            let is_code = line.starts_with("    ");
            if is_code != was_code {
                expected += "\n";
            }
            was_code = is_code;
            expected += line;
            expected += "\n";
        }
    }
    expected += "\n";
    let page = read("docs/POLICY.md");
    let (before, rest) = page.split_once("<!-- rules -->\n").expect("the mark");
    let (found, after) = rest.split_once("<!-- /rules -->").expect("the mark");
    if std::env::var_os("REFGATE_BLESS").is_some() {
        let text = format!("{before}<!-- rules -->\n{expected}<!-- /rules -->{after}");
        fs::write(root("docs/POLICY.md"), text).expect("written");
        return;
    }
    assert_eq!(found, expected, "REFGATE_BLESS=1 cargo test --test docs writes it anew");
}

#[test]
fn every_limit_is_told_with_its_default() {
    let page = read("docs/SETTINGS.md");
    let shown: Vec<(&str, &str)> = rows(&page)
        .iter()
        .filter_map(|cells| match cells.as_slice() {
            [name, default, _] => Some((quoted(name).next()?, quoted(default).next()?)),
            _ => None,
        })
        .filter(|(name, _)| name.ends_with("_max"))
        .collect();
    let lines: String = shown.iter().map(|(name, default)| format!("{name} = {default}\n")).collect();
    let text = format!("data = \"d\"\npolicy = \"p\"\n[limits]\n{lines}");
    let config = Config::parse("refgate.toml", &text, Path::new("/etc")).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(config.limits, Limits::default());
    let fields = format!("{:#?}", Limits::default());
    let fields = fields.lines().filter_map(|line| line.strip_prefix("    ")?.split_once(": "));
    let fields: BTreeSet<&str> = fields.map(|(name, _)| name).filter(|name| !name.starts_with(' ')).collect();
    assert_eq!(shown.iter().map(|(name, _)| *name).collect::<BTreeSet<_>>(), fields);
}

#[test]
fn every_key_of_the_settings_and_of_the_policy_is_told() {
    for (page, folders) in [
        ("docs/SETTINGS.md", &["src/config/document.rs"][..]),
        ("docs/POLICY.md", &["src/policy/people.rs", "src/policy/grant.rs", "src/policy/settings.rs"][..]),
        ("docs/POLICY.md", &["src/policy/rules/mod.rs"][..]),
    ] {
        let told = read(page);
        for source in folders {
            let source = read(source);
            let source = source.split("mod tests").next().unwrap_or_default();
            let keys = [".get(\"", ".require(\""].into_iter().flat_map(|call| source.split(call).skip(1));
            for key in keys.filter_map(|rest| rest.split('"').next()) {
                // A preset is refused with its own words: there is none yet.
                let is_told = told.contains(&format!("`{key}`"))
                    || told.contains(&format!("`[{key}"))
                    || told.contains(&format!("{key} = "))
                    || key == "preset";
                assert!(is_told, "{page} does not tell of `{key}`");
            }
        }
    }
}

/// Files of a folder of the sources, without their tests.
fn sources(folder: &str, into: &mut String) {
    for entry in fs::read_dir(root(folder)).expect(folder) {
        let path = entry.expect("an entry").path();
        let name = path.strip_prefix(env!("CARGO_MANIFEST_DIR")).expect("below").to_str().expect("UTF-8").to_owned();
        if path.is_dir() {
            sources(&name, into);
        } else {
            *into += read(&name).split("#[cfg(test)]").next().unwrap_or_default();
        }
    }
}

#[test]
fn every_id_of_a_finding_is_told() {
    let mut code = String::new();
    ["src/policy", "src/gate"].iter().for_each(|folder| sources(folder, &mut code));
    let is_id = |text: &&str| {
        let plain = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b == b'-');
        text.split_once('.').is_some_and(|(group, name)| plain(group) && plain(name) && !matches!(name, "git" | "toml"))
    };
    let mut ids: BTreeSet<String> = code.split('"').filter(is_id).map(str::to_owned).collect();
    for cause in ["bad-pack", "bad-commands", "limit", "upstream", "internal"] {
        assert!(code.contains(&format!("=> \"{cause}\"")), "{cause}");
        ids.insert(format!("push.{cause}"));
    }
    let page = read("docs/POLICY.md");
    let (_, tables) = page.split_once("\n## Always on\n").expect("the heading");
    let told = rows(tables).into_iter().filter_map(|cells| cells.first().copied());
    let told: BTreeSet<String> = told.flat_map(quoted).map(str::to_owned).filter(|id| id != "object.CAUSE").collect();
    assert_eq!(told, ids);
}

#[test]
fn what_the_pages_name_is_there() {
    for page in ["README.md", "ARCHITECTURE.md", "THREATS.md", "docs/POLICY.md", "docs/SETTINGS.md"] {
        let text = read(page);
        let links = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        for link in links.filter(|link| !link.contains("://")) {
            let path = root(page).parent().expect("a folder").join(link);
            assert!(path.exists(), "{page} links to {link}");
        }
        for name in quoted(&text) {
            let folder = ["src/", "tests/", "deploy/", "hooks/", "docs/", "benches/"];
            let is_path = folder.iter().any(|folder| name.starts_with(folder)) && !name.contains([' ', '*']);
            assert!(!is_path || root(name).exists() || root("src").join(name).exists(), "{page} names {name}");
            let is_source = name.ends_with(".rs") && !name.contains(['*', ' ']);
            let found = [root(name), root("src").join(name)].iter().any(|path| path.exists());
            assert!(!is_source || found, "{page} names {name}");
        }
    }
}
