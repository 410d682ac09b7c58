//! `docs/` says what the code does: rules, ids, limits and their defaults.

use refgate::config::Config;
use refgate::model::{EventKind, HoldState, Limits};
use refgate::policy::codeowners;
use refgate::policy::presets::PRESETS;
use refgate::policy::rules::KINDS;
use refgate::verbs::{For, VERBS};
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
    generated("docs/POLICY.md", "rules", &expected);
}

/// Holds what stands between two marks to what the program says, or writes it there.
fn generated(name: &str, mark: &str, expected: &str) {
    let (start, end) = (format!("<!-- {mark} -->\n"), format!("<!-- /{mark} -->"));
    // Two tests may write to the same page.
    static PAGE: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let _page = PAGE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let page = read(name);
    let (before, rest) = page.split_once(&start).expect("the mark");
    let (found, after) = rest.split_once(&end).expect("the mark");
    let expected = format!("{expected}\n");
    if std::env::var_os("REFGATE_BLESS").is_some() {
        fs::write(root(name), [before, &start, &expected, &end, after].concat()).expect("written");
        return;
    }
    let differs = found.lines().zip(expected.lines()).find(|(found, expected)| found != expected);
    assert_eq!(differs, None, "REFGATE_BLESS=1 cargo test --test docs writes it anew");
    assert_eq!(found.len(), expected.len(), "REFGATE_BLESS=1 cargo test --test docs writes it anew");
}

#[test]
fn the_presets_are_told_as_they_are() {
    let mut expected = String::new();
    for preset in PRESETS {
        let summary = preset.summary();
        expected += &format!("\n### `preset = \"{}\"`\n\n{}\n", preset.name, preset.comment());
        for included in &summary.includes {
            expected += &format!("\nIts rules are those of `{}`.\n", included.name);
        }
        if !summary.rules.is_empty() {
            expected += "\n| rule | kind | then | what the pusher is told |\n|---|---|---|---|\n";
        }
        for [id, kind, then, message] in &summary.rules {
            let message = if message.is_empty() { "what the kind says" } else { message };
            expected += &format!("| `{id}` | `{kind}` | {then} | {message} |\n");
        }
    }
    generated("docs/POLICY.md", "presets", &expected);
}

#[test]
fn every_verb_is_told_with_its_usage() {
    let mut expected = "| verb | for | what it does |\n|---|---|---|\n".to_owned();
    for (_, whose, usage, what) in VERBS {
        let whose = match whose {
            For::All => "all",
            For::Human => "humans",
        };
        expected += &format!("| `{}` | {whose} | {what} |\n", usage.replace('|', "\\|"));
    }
    generated("docs/HOLDS.md", "verbs", &expected);
}

#[test]
fn owners_of_paths_are_told_as_the_program_says() {
    let (_, text) = codeowners::DOC.split_once('\n').expect("a first line with the setting");
    let (mut expected, mut is_list) = (String::new(), false);
    for line in text.lines() {
        // Each syntax is an item of a list, what follows the list a paragraph.
        let syntax = line.split_once(": ").filter(|(names, _)| {
            let known = |name: &str| codeowners::Syntax::WORDS.iter().any(|(word, _)| *word == name);
            names.split(", ").all(known)
        });
        is_list = (is_list || syntax.is_some()) && !line.starts_with("An owner ");
        expected += &match syntax {
            Some((names, rest)) => {
                format!(
                    "{}- `{}`: {rest}\n",
                    if expected.contains("- ") { "" } else { "\n" },
                    names.replace(", ", "`, `")
                )
            }
            None if is_list => format!("  {line}\n"),
            None if line.starts_with("An owner ") => format!("\n{line}\n"),
            None => format!("{line}\n"),
        };
    }
    generated("docs/HOLDS.md", "codeowners", &expected);
}

/// `tests/it/story.rs` holds the story to the program.
#[test]
fn the_story_is_told_as_it_was_run() {
    let story = read("tests/it/story.txt");
    let (first, second) = story.split_once("\n## Asking first\n").expect("two acts");
    generated("README.md", "story", &format!("```console\n{}```\n", shortened(first.trim())));
    generated("docs/HOLDS.md", "story", &format!("```console\n{}\n```\n", second.trim()));
}

/// The story with only the ends of what prints more than a dozen lines.
fn shortened(story: &str) -> String {
    let is_typed = |line: &&&str| ["# ", "agent$ ", "dana$ ", "ci$ "].iter().any(|start| line.starts_with(start));
    let lines: Vec<&str> = story.lines().collect();
    let mut text = String::new();
    let mut rest = &lines[..];
    while !rest.is_empty() {
        let typed = rest.iter().take_while(is_typed).count();
        let printed = rest[typed..].iter().take_while(|line| !is_typed(line)).count();
        let (block, after) = rest.split_at(typed + printed);
        let (typed, printed) = block.split_at(typed);
        let shown = match printed {
            [first, second, .., third, fourth, fifth] if printed.len() > 12 => {
                vec![*first, *second, "…", *third, *fourth, *fifth]
            }
            printed => printed.to_vec(),
        };
        typed.iter().chain(&shown).for_each(|line| text += &format!("{line}\n"));
        rest = after;
    }
    text
}

#[test]
fn every_state_of_a_hold_is_told() {
    let page = read("docs/HOLDS.md");
    let told = rows(&page).into_iter().filter_map(|cells| cells.first().copied());
    let told: Vec<&str> = told.flat_map(quoted).filter(|word| HoldState::parse(word).is_some()).collect();
    let states = told.iter().filter_map(|word| HoldState::parse(word)).collect::<Vec<_>>();
    assert_eq!(told.len(), 10, "{told:?}");
    assert!(states[..2].iter().all(|state| state.is_open()) && !states[2..].iter().any(|state| state.is_open()));
    let source = read("src/model/hold_state.rs");
    assert!(source.contains("const ALL: [Self; 10]"), "another state is to be told of too");
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
fn every_event_and_every_key_of_it_is_told() {
    let page = read("docs/EVENTS.md");
    let told: BTreeSet<&str> = quoted(&page).filter(|name| EventKind::parse(name).is_some()).collect();
    assert_eq!(told, EventKind::ALL.iter().map(|kind| kind.as_str()).collect());
    let source = read("src/events/event.rs");
    for row in source.lines().filter_map(|line| line.strip_prefix("//! | ")) {
        assert!(page.contains(&format!("\n| {row}\n")), "docs/EVENTS.md lacks the row: {row}");
    }
}

#[test]
fn every_key_of_the_settings_and_of_the_policy_is_told() {
    for (page, folders) in [
        ("docs/SETTINGS.md", &["src/config/document.rs", "src/config/webhook.rs"][..]),
        ("docs/POLICY.md", &["src/policy/people.rs", "src/policy/grant.rs", "src/policy/settings.rs"][..]),
        ("docs/POLICY.md", &["src/policy/rules/mod.rs"][..]),
    ] {
        let told = read(page);
        for source in folders {
            let source = read(source);
            let source = source.split("mod tests").next().unwrap_or_default();
            let keys = [".get(\"", ".require(\""].into_iter().flat_map(|call| source.split(call).skip(1));
            for key in keys.filter_map(|rest| rest.split('"').next()) {
                let is_told = told.contains(&format!("`{key}`"))
                    || told.contains(&format!("`[{key}"))
                    || told.contains(&format!("{key} = "));
                assert!(is_told, "{page} does not tell of `{key}`");
            }
        }
    }
}

/// Files of a folder of the sources, without their tests and whole files of those.
fn sources(folder: &str, into: &mut String) {
    for entry in fs::read_dir(root(folder)).expect(folder) {
        let path = entry.expect("an entry").path();
        let name = path.strip_prefix(env!("CARGO_MANIFEST_DIR")).expect("below").to_str().expect("UTF-8").to_owned();
        // What is quoted there are names of files and keys of package managers.
        if name.ends_with("rules/manifest") || name.ends_with("/tests.rs") {
            continue;
        }
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
    for cause in ["bad-pack", "bad-commands", "frozen", "revoked", "limit", "upstream", "internal"] {
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
    let docs = fs::read_dir(root("docs")).expect("docs").map(|entry| entry.expect("an entry").file_name());
    let docs = docs.filter_map(|name| Some(format!("docs/{}", name.to_str().filter(|name| name.ends_with(".md"))?)));
    let pages = ["README.md", "ARCHITECTURE.md", "THREATS.md", "CHANGELOG.md"].map(str::to_owned);
    for page in pages.into_iter().chain(docs).collect::<Vec<_>>() {
        let page = page.as_str();
        let text = read(page);
        let links = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        for link in links.filter(|link| !link.contains("://")) {
            let (path, heading) = link.split_once('#').unwrap_or((link, ""));
            let path = match path {
                "" => root(page),
                path => root(page).parent().expect("a folder").join(path),
            };
            assert!(path.exists(), "{page} links to {link}");
            if !heading.is_empty() {
                let text = fs::read_to_string(path).expect(link);
                let headings = text.lines().filter_map(|line| line.trim_start_matches('#').strip_prefix(' '));
                let is_kept = |c: &char| c.is_alphanumeric() || " -_".contains(*c);
                let anchor =
                    |line: &str| line.to_lowercase().chars().filter(is_kept).collect::<String>().replace(' ', "-");
                let mut anchors = headings.map(anchor);
                assert!(anchors.any(|anchor| anchor == heading), "{page} links to {link}");
            }
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
