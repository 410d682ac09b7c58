//! Every rule against values made from its own pattern: found, and not when cut, glued to a word, or a placeholder.

mod generate;

use super::TABLES;
use crate::secret::check::samples;
use crate::secret::{Certainty, Hit, Scanner, scanner};
use generate::{Random, Sample, Style};
use std::collections::BTreeSet;

/// Values a rule is tried with.
const ROUNDS: u64 = 8;

/// Checks of which a right value can be made, and which one changed character breaks.
const SUMS: [&str; 7] =
    ["age-bech32", "azure-annotated", "base58check", "crc32-base62", "github-pat", "gitlab-routable", "grafana-crc32"];

/// One entry of the table, on its own, and its keys that the engine keeps to itself.
struct Entry {
    alone: Scanner,
    keys: toml::Table,
}

impl Entry {
    fn id(&self) -> &str {
        self.text("id")
    }

    fn text(&self, key: &str) -> &str {
        self.keys.get(key).and_then(toml::Value::as_str).unwrap_or_default()
    }

    fn list(&self, key: &str) -> Vec<String> {
        strings(self.keys.get(key))
    }

    fn is(&self, key: &str) -> bool {
        self.keys.get(key).and_then(toml::Value::as_bool).unwrap_or_default()
    }

    /// What stands around a value of this rule: a word that has to be near, and a path of the right name.
    fn scan(&self, before: &str, value: &[u8], after: &str) -> Vec<Hit> {
        let near = strings(self.keys.get("near").and_then(|near| near.get("keywords")));
        let near = near.first().map(|word| format!(" {word} ")).unwrap_or_default();
        let same_line =
            self.keys.get("near").and_then(|near| near.get("lines")).and_then(toml::Value::as_integer) == Some(0);
        let text = match same_line {
            true => [near.as_bytes(), b"\t", before.as_bytes(), value, after.as_bytes(), b"\n"].concat(),
            false => [near.as_bytes(), b"\n", before.as_bytes(), value, after.as_bytes(), b"\n"].concat(),
        };
        let path = self.list("paths").first().map(|glob| glob.replace("**/", "a/").replace('*', "x"));
        self.alone.scan(path.as_deref().map(str::as_bytes), &text)
    }
}

fn strings(value: Option<&toml::Value>) -> Vec<String> {
    let list = value.and_then(toml::Value::as_array).map(Vec::as_slice).unwrap_or_default();
    list.iter().filter_map(toml::Value::as_str).map(str::to_owned).collect()
}

/// All entries that have a pattern. Each is alone in its scanner, as hits of others may take its place.
fn entries() -> Vec<Entry> {
    let texts = TABLES.iter().flat_map(|(_, text)| text.split("[[rule]]").skip(1));
    let entry = |text: &str| {
        let lines: String =
            text.lines().filter(|line| !line.starts_with("pair = ")).map(|line| format!("{line}\n")).collect();
        let keys: toml::Table = lines.parse().expect("an entry");
        let alone = Scanner::new(&[("one", &format!("[[rule]]\n{lines}"))]).expect("a table of one");
        Entry { alone, keys }
    };
    texts.map(entry).filter(|entry| !entry.text("pattern").is_empty()).collect()
}

/// A value as the rule's pattern describes it, with what its check wants.
fn sample(entry: &Entry, random: &mut Random, style: Style) -> Sample {
    let mut sample = generate::matching(entry.text("pattern"), random, style);
    let check = entry.text("check");
    if style == Style::Random && !check.is_empty() {
        let seed = u8::try_from(random.below(200)).expect("below 200");
        let right = samples::right(check, sample.secret(), seed);
        sample.replace_secret(&right);
    }
    sample
}

#[test]
fn the_table_is_large_and_every_rule_has_a_source() {
    let rules = scanner().rules();
    let ids: BTreeSet<_> = rules.iter().map(|rule| &rule.id).collect();
    assert_eq!(ids.len(), rules.len(), "ids are unique");
    let providers: BTreeSet<_> = rules.iter().map(|rule| &rule.provider).filter(|name| !name.is_empty()).collect();
    assert!(rules.len() >= 250 && providers.len() >= 160, "{} rules, {} providers", rules.len(), providers.len());
    for rule in rules {
        assert!(rule.source.starts_with("https://") && !rule.what.is_empty(), "{}", rule.id);
    }
}

#[test]
fn each_rule_finds_what_its_pattern_describes() {
    let mut missed = Vec::new();
    for entry in entries() {
        let mut random = Random::new(entry.id());
        let mut found = 0;
        for _ in 0..ROUNDS {
            let sample = sample(&entry, &mut random, Style::Random);
            let text = sample.bytes.to_ascii_lowercase();
            let has = |word: &String| memchr::memmem::find(&text, word.to_ascii_lowercase().as_bytes()).is_some();
            if !entry.list("keywords").iter().any(has) {
                missed.push(format!("{} has no keyword in {}", entry.id(), sample.shown()));
            }
            let hits = entry.scan("", &sample.bytes, "");
            found += u64::from(hits.iter().any(|hit| hit.rule.id == entry.id()));
            if SUMS.contains(&entry.text("check")) {
                let sure = hits.iter().any(|hit| hit.certainty == Certainty::Certain);
                if !sure {
                    missed.push(format!("{} is not certain of a right sum: {}", entry.id(), sample.shown()));
                }
            }
        }
        // Chance makes a value now and then that looks like words, or has too few different characters.
        let enough = if entry.is("random") || entry.keys.contains_key("entropy_min") { ROUNDS / 2 } else { ROUNDS - 1 };
        if found < enough {
            let sample = sample(&entry, &mut random, Style::Random);
            missed.push(format!("{}: {found} of {ROUNDS}; such as {}", entry.id(), sample.shown()));
        }
    }
    missed.dedup();
    assert!(missed.is_empty(), "{} rules\n{}", missed.len(), missed.join("\n"));
}

#[test]
fn a_wrong_sum_is_never_certain() {
    for entry in entries().iter().filter(|entry| SUMS.contains(&entry.text("check"))) {
        let mut random = Random::new(entry.id());
        for _ in 0..ROUNDS {
            let mut sample = sample(entry, &mut random, Style::Random);
            let mut secret = sample.secret().to_vec();
            let middle = secret.len() / 2;
            let at = (middle..).find(|at| secret[*at].is_ascii_alphanumeric()).expect("a character to change");
            secret[at] = match secret[at] {
                b'Q' => b'P',
                b'q' => b'p',
                b'7' => b'8',
                byte if byte.is_ascii_uppercase() => b'Q',
                byte if byte.is_ascii_lowercase() => b'q',
                _ => b'7',
            };
            sample.replace_secret(&secret);
            let hits = entry.scan("", &sample.bytes, "");
            let worst = hits.iter().map(|hit| hit.certainty).max();
            assert!(worst.is_none_or(|worst| worst < Certainty::Certain), "{}: {}", entry.id(), sample.shown());
        }
    }
}

#[test]
fn no_rule_finds_a_value_cut_short_or_glued_to_a_word() {
    let mut wrong = Vec::new();
    for entry in entries() {
        let pattern = entry.text("pattern");
        let mut random = Random::new(entry.id());
        let sample = sample(&entry, &mut random, Style::Random);
        let fixed = generate::has_fixed_length(pattern) && entry.text("case") != "insensitive";
        let found = |before: &str, value: &[u8], after: &str| !entry.scan(before, value, after).is_empty();
        if fixed && found("", &sample.bytes[..sample.bytes.len() - 1], "") {
            wrong.push(format!("{} cut: {}", entry.id(), sample.shown()));
        }
        if fixed && !entry.keys.contains_key("right") && found("", &sample.bytes, "a") {
            wrong.push(format!("{} with a word after it: {}", entry.id(), sample.shown()));
        }
        if fixed && !entry.keys.contains_key("left") && found("a", &sample.bytes, "") {
            wrong.push(format!("{} with a word before it: {}", entry.id(), sample.shown()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_rule_finds_a_placeholder() {
    let mut wrong = Vec::new();
    for entry in entries() {
        let mut random = Random::new(entry.id());
        let sample = sample(&entry, &mut random, Style::Placeholder);
        if sample.secret().len() >= 8 && !entry.scan("", &sample.bytes, "").is_empty() {
            wrong.push(format!("{}: {}", entry.id(), sample.shown()));
        }
    }
    assert!(wrong.is_empty(), "{} rules\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn names_of_files_are_told() {
    let cases = [
        ("home/.ssh/id_ed25519", Some("file-ssh-private-key")),
        ("id_ed25519.pub", None),
        ("a/b.kdbx", Some("file-keepass")),
        (".env", Some("file-env")),
        ("app/.env.production", Some("file-env")),
        (".env.example", None),
        ("src/environment.rs", None),
        ("terraform.tfstate", Some("file-terraform-state")),
        (".aws/credentials", Some("file-aws-credentials")),
        ("certs/server.p12", Some("file-pkcs12")),
        ("config/master.key", Some("file-rails-key")),
        ("docs/keys.md", None),
        ("src/key.rs", None),
        ("secrets.yaml", Some("file-credentials")),
    ];
    for (path, expected) in cases {
        let hit = scanner().scan_name(path.as_bytes());
        assert_eq!(hit.as_ref().map(|hit| hit.rule.id.as_str()), expected, "{path}");
    }
}
