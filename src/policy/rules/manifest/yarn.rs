//! `yarn.lock`, in yarn's own format of version 1 and in the YAML of later ones.

use super::formats::yaml;
use super::model::{Dependency, Digest, Manifest, Mark, Source};
use super::npm_lock::sri;
use super::npm_spec::{name_of, source};
use super::tree::{Malformed, Node};

pub fn lock(text: &str) -> Result<Manifest, Malformed> {
    let is_yaml = text.lines().any(|line| line.trim_end() == "__metadata:");
    if is_yaml { berry(text) } else { classic(text) }
}

/// Names one entry may be about.
const NAMES_MAX: usize = 8;

/// An entry of version 1 that is being read.
#[derive(Default)]
struct Entry {
    keys: Vec<String>,
    line: u32,
    version: String,
    resolved: Vec<String>,
    digests: Vec<Digest>,
}

fn classic(text: &str) -> Result<Manifest, Malformed> {
    let mut found = Manifest::default();
    let mut entry = Entry::default();
    for (number, line) in (1_u32..).zip(text.trim_start_matches('\u{feff}').lines()) {
        let line = line.trim_end();
        let body = line.trim_start_matches(' ');
        if body.is_empty() || body.starts_with('#') {
            continue;
        }
        let indent = line.len() - body.len();
        let words = words(body).ok_or_else(|| Malformed(format!("line {number} is not of yarn's format")))?;
        match (indent, words.as_slice()) {
            (0, keys) if body.ends_with(':') && !keys.is_empty() => {
                entry.finish(&mut found)?;
                entry = Entry { keys: keys.to_vec(), line: number, ..Entry::default() };
            }
            (0, _) => return Err(Malformed(format!("line {number} is not of yarn's format"))),
            (2, [key, value, ..]) if key == "version" => entry.version.clone_from(value),
            (2, [key, value, ..]) if key == "resolved" => entry.resolved.push(value.clone()),
            (2, [key, rest @ ..]) if key == "integrity" => entry.digests.extend(rest.iter().flat_map(|word| sri(word))),
            _ => {}
        }
    }
    entry.finish(&mut found)?;
    Ok(found)
}

/// The words of a line, quoted or not; commas, and the colon at the end, are none.
fn words(line: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut rest = line.strip_suffix(':').unwrap_or(line).trim();
    while !rest.is_empty() {
        let (word, after) = match rest.strip_prefix('"') {
            Some(quoted) => {
                let (end, _) = quoted
                    .char_indices()
                    .scan(false, |escaped, (at, c)| {
                        let is_end = c == '"' && !*escaped;
                        *escaped = c == '\\' && !*escaped;
                        Some((at, is_end))
                    })
                    .find(|(_, is_end)| *is_end)?;
                let word = serde_json::from_str(rest.get(..end.checked_add(2)?)?).ok()?;
                (word, quoted.get(end.checked_add(1)?..)?)
            }
            None => {
                let end = rest.find([' ', ',']).unwrap_or(rest.len());
                let (word, after) = rest.split_at(end);
                (word.to_owned(), after)
            }
        };
        words.push(word);
        rest = after.trim_start_matches([' ', ',']);
    }
    Some(words)
}

impl Entry {
    fn finish(&mut self, found: &mut Manifest) -> Result<(), Malformed> {
        let entry = std::mem::take(self);
        let mut names: Vec<String> = entry.keys.iter().map(|key| real_name(key)).collect();
        names.dedup();
        // All keys of an entry ask for the same package.
        if names.len() > NAMES_MAX {
            return Err(Malformed(format!("line {} has keys of many packages", entry.line)));
        }
        let mut sources = Vec::new();
        let mut digests = entry.digests;
        for url in &entry.resolved {
            let (place, sha1) = url.split_once('#').unwrap_or((url, ""));
            sources.push(match source(url) {
                Source::Archive(_) => Source::Registry(place.to_owned()),
                other => other,
            });
            if digests.is_empty() && sha1.len() == 40 && matches!(sources.last(), Some(Source::Registry(_))) {
                digests.push(Digest::new("", "sha1", sha1));
            }
        }
        for name in names {
            let (version, source, digests) = (entry.version.clone(), Source::Usual, digests.clone());
            let one = Dependency { name, version, source, digests, is_pinned: true, mark: Mark::Line(entry.line) };
            found.spread(&one, sources.clone());
        }
        Ok(())
    }
}

/// The package a key is about: of `a@npm:b@1` it is `b`.
fn real_name(key: &str) -> String {
    let name = name_of(key);
    let range = key.get(name.len()..).unwrap_or_default().trim_start_matches('@');
    match source(range) {
        Source::Alias(real) => real,
        _ => name.to_owned(),
    }
}

fn berry(text: &str) -> Result<Manifest, Malformed> {
    let root = yaml(text)?;
    let mut found = Manifest::of(&root);
    for (key, node) in root.entries().filter(|(key, _)| *key != "__metadata") {
        let checksums = node.at(&["checksum"]).into_iter().filter_map(Node::text);
        // `10c0/…`: the digest of what yarn has packed anew, by its own format.
        let digest = |text: &str| Digest::new("", "sha512", text.rsplit('/').next().unwrap_or_default());
        let digests: Vec<Digest> = checksums.map(digest).collect();
        let mut resolutions: Vec<&str> = node.at(&["resolution"]).into_iter().filter_map(Node::text).collect();
        if resolutions.is_empty() {
            resolutions.push(key);
        }
        for resolution in resolutions {
            let name = name_of(resolution);
            let reference = resolution.get(name.len()..).unwrap_or_default().trim_start_matches('@');
            found.dependencies.push(Dependency {
                name: name.to_owned(),
                version: node.word("version").unwrap_or_default().to_owned(),
                source: berry_source(reference),
                digests: digests.clone(),
                is_pinned: true,
                mark: Mark::of(key, node),
            });
        }
    }
    Ok(found)
}

fn berry_source(reference: &str) -> Source {
    if let Some((_, archive)) = reference.split_once("__archiveUrl=") {
        let url = archive.split('&').next().unwrap_or_default();
        return Source::Registry(url.replace("%3A", ":").replace("%2F", "/").replace("%40", "@"));
    }
    let patched = reference.strip_prefix("patch:").unwrap_or_default();
    // Patches that yarn brings itself.
    if patched.contains("builtin<") && !patched.contains("~/") && !patched.contains("./") {
        return Source::Usual;
    }
    // Bound to the workspace that asks for it.
    source(reference.split("::").next().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Vec<String> {
        let show = |d: &Dependency| format!("{} {} {:?} {} {:?}", d.name, d.version, d.source, d.digests.len(), d.mark);
        lock(text).unwrap().dependencies.iter().map(show).collect()
    }

    #[test]
    fn both_formats_are_read() {
        let one = "# yarn lockfile v1\n\n\n\"@s/a@^1\", \"@s/a@~1.0\":\n  version \"1.0.0\"\n  resolved \"https://r.example/a.tgz#0123456789012345678901234567890123456789\"\n  \
                   dependencies:\n    b \"^1\"\n\nb@^1:\n  version \"1.1.0\"\n  resolved \"git+https://h.example/b.git#1\"\n  integrity sha512-x\n\n\"c@npm:real@1\":\n  version \"1\"\n";
        assert_eq!(
            shown(one),
            [
                "@s/a 1.0.0 Registry(\"https://r.example/a.tgz\") 1 Line(4)",
                "b 1.1.0 Git(\"git+https://h.example/b.git#1\") 1 Line(10)",
                "real 1 Usual 0 Line(15)"
            ]
        );
        let two = "__metadata:\n  version: 8\n\n\"a@npm:^1, a@npm:~1\":\n  version: 1.0.0\n  resolution: \"a@npm:1.0.0::__archiveUrl=https%3A%2F%2Fr.example%2Fa.tgz\"\n  checksum: 10c0/abc\n\n\
                   \"w@workspace:.\":\n  version: 0.0.0-use.local\n  resolution: \"w@workspace:.\"\n  linkType: soft\n\n\
                   \"g@https://h.example/g.git\":\n  version: 1.0.0\n  resolution: \"g@https://h.example/g.git#commit=1\"\n";
        assert_eq!(
            shown(two),
            [
                "a 1.0.0 Registry(\"https://r.example/a.tgz\") 1 Line(4)",
                "w 0.0.0-use.local Usual 0 Line(9)",
                "g 1.0.0 Git(\"https://h.example/g.git#commit=1\") 0 Line(14)"
            ]
        );
        for text in ["<<<<<<< ours\n", "\"a@1:\n  version \"1\"\n", "a\n", "__metadata:\n  a: &x 1\n  b: *x\n"] {
            assert!(lock(text).is_err(), "{text}");
        }
    }
}
