//! `Gemfile`, as far as it is no more than a list, and `Gemfile.lock`.
//!
//! A Gemfile is a Ruby program. What it does beside its list is for a path rule and a reader.

use super::model::{Dependency, Digest, Manifest, Mark, Source};
use super::npm_spec::{is_commit, is_exact};
use super::tree::Malformed;
use std::collections::HashMap;

pub fn gemfile(text: &str) -> Result<Manifest, Malformed> {
    let mut found = Manifest::default();
    for (number, line) in (1_u32..).zip(text.lines()) {
        let line = line.trim();
        let mark = Mark::Line(number);
        let end = line.find([' ', '(', '\t']).unwrap_or(line.len());
        let (verb, rest) = line.split_at(end);
        let rest = rest.trim_start_matches([' ', '(', '\t']);
        let strings = strings(rest);
        let first = strings.first().cloned().unwrap_or_default();
        match verb {
            "gem" => gem(&mut found, &first, rest, &strings, mark),
            "source" if rest.starts_with(":rubygems") => {}
            // Of a variable or constant nothing is known: that is no host that is allowed.
            "source" if strings.is_empty() => found.registry("source", rest, mark),
            "source" => found.registry("source", first, mark),
            "git" | "github" | "path" => {
                let source = place(verb, &first);
                // Not the whole URL: there may be a password in it.
                let name = first.rsplit('/').next().unwrap_or_default().to_owned();
                found.dependencies.push(Dependency { name, source, mark, ..Dependency::default() });
            }
            "plugin" => found.hook(format!("plugin {first}"), rest, "is run by bundler", mark),
            "eval_gemfile" => found.hook("eval_gemfile", rest, "is run by bundler", mark),
            "git_source" => found.always("git_source", rest, "says where packages come from", mark),
            _ => {}
        }
    }
    Ok(found)
}

fn gem(found: &mut Manifest, name: &str, rest: &str, strings: &[String], mark: Mark) {
    let options = ["git", "github", "gitlab", "bitbucket", "gist", "path", "source"];
    let mut sources: Vec<Source> =
        options.into_iter().filter_map(|key| Some(place(key, &option(rest, key)?))).collect();
    if sources.is_empty() {
        sources.push(Source::Usual);
    }
    let version = strings.get(1).cloned().unwrap_or_default();
    let revision = option(rest, "ref").unwrap_or_default();
    for source in sources {
        let is_pinned = match &source {
            Source::Git(_) => is_commit(&revision),
            Source::Path(_) => true,
            _ => is_exact(version.trim_start_matches(['=', ' '])),
        };
        let (name, version, mark) = (name.to_owned(), version.clone(), mark.clone());
        found.dependencies.push(Dependency { name, version, source, is_pinned, mark, digests: Vec::new() });
    }
}

fn place(key: &str, value: &str) -> Source {
    match key {
        "path" => Source::Path(value.to_owned()),
        "source" => Source::Registry(value.to_owned()),
        "github" | "gitlab" | "bitbucket" | "gist" if !value.contains("://") => {
            let host = if key == "bitbucket" { "bitbucket.org".to_owned() } else { format!("{key}.com") };
            Source::Git(format!("https://{host}/{value}"))
        }
        _ => Source::Git(value.to_owned()),
    }
}

/// The value in `key: "value"` and `:key => "value"`; `?` if it is no string.
fn option(text: &str, key: &str) -> Option<String> {
    let forms = [format!("{key}:"), format!(":{key} =>"), format!(":{key}=>")];
    let is_start = |at: usize| !text.get(..at).unwrap_or_default().ends_with(|c: char| c.is_alphanumeric() || c == '_');
    let after = forms.iter().find_map(|form| {
        let (at, _) = text.match_indices(form.as_str()).find(|(at, _)| is_start(*at))?;
        text.get(at.checked_add(form.len())?..)
    })?;
    let value = after.trim_start();
    let is_string = value.starts_with(['"', '\'']);
    Some(if is_string { strings(value).into_iter().next().unwrap_or_default() } else { "?".to_owned() })
}

/// Quoted strings of a line, up to a comment.
fn strings(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find(['"', '\'', '#']) {
        let (_, tail) = rest.split_at(at);
        let mut chars = tail.chars();
        let Some(quote) = chars.next().filter(|c| *c != '#') else { break };
        let Some((string, after)) = chars.as_str().split_once(quote) else { break };
        found.push(string.to_owned());
        rest = after;
    }
    found
}

/// Remotes of one section, and digests of one version; bundler writes one of each.
const REMOTES_MAX: usize = 8;
const DIGESTS_MAX: usize = 8;

pub fn gemfile_lock(text: &str) -> Result<Manifest, Malformed> {
    let mut found = Manifest::default();
    let mut section = "";
    let mut remotes: Vec<String> = Vec::new();
    let mut checksums = HashMap::new();
    for (number, line) in (1_u32..).zip(text.lines()) {
        let line = line.trim_end();
        let body = line.trim_start();
        match line.len() - body.len() {
            0 if body.is_empty() => {}
            0 if body.starts_with(['<', '=', '>']) => {
                return Err(Malformed(format!("line {number} is no part of a lock")));
            }
            0 => {
                section = body;
                remotes.clear();
            }
            2 if body.starts_with("remote:") && remotes.len() >= REMOTES_MAX => {
                return Err(Malformed(format!("line {number} is one remote too many")));
            }
            2 if body.starts_with("remote:") => remotes.push(body.split_at("remote:".len()).1.trim().to_owned()),
            2 if section == "CHECKSUMS" => checksum(&mut checksums, body),
            4 if matches!(section, "GEM" | "GIT" | "PATH" | "PLUGIN SOURCE") => {
                let (name, version) = name_and_version(body);
                for remote in &remotes {
                    let source = match section {
                        "GEM" => Source::Registry(remote.clone()),
                        "PATH" => Source::Path(remote.clone()),
                        _ => Source::Git(remote.clone()),
                    };
                    let (name, version, mark) = (name.to_owned(), version.to_owned(), Mark::Line(number));
                    found.dependencies.push(Dependency {
                        name,
                        version,
                        source,
                        is_pinned: true,
                        mark,
                        digests: Vec::new(),
                    });
                }
            }
            _ => {}
        }
    }
    for dependency in &mut found.dependencies {
        let key = (dependency.name.as_str(), dependency.version.as_str());
        dependency.digests = checksums.get(&key).cloned().unwrap_or_default();
    }
    Ok(found)
}

/// `name (1.2.3) sha256=…`
fn checksum<'a>(found: &mut HashMap<(&'a str, &'a str), Vec<Digest>>, body: &'a str) {
    let words = body.rsplit(' ').next().into_iter().flat_map(|text| text.split(','));
    // Bundler leaves the digest out of what has none.
    let digests = words.filter(|word| word.contains('=')).filter_map(|text| Digest::parse("", text));
    let known = found.entry(name_and_version(body)).or_default();
    known.extend(digests.take(DIGESTS_MAX.saturating_sub(known.len())));
}

fn name_and_version(body: &str) -> (&str, &str) {
    let (name, rest) = body.split_once(" (").unwrap_or((body, ""));
    (name.trim_end_matches('!'), rest.split(')').next().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(found: &Manifest) -> Vec<String> {
        let show = |d: &Dependency| format!("{} {} {:?} {}", d.name, d.version, d.source, d.digests.len());
        found.dependencies.iter().map(show).collect()
    }

    #[test]
    fn lists_and_locks_are_read() {
        let text = "source 'https://rubygems.org'\ngem 'a', '~> 1' # x\n  gem(\"b\", git: 'https://h.example/b', ref: 'x')\ngem 'c', :github => 'u/c'\n\
                    gem 'd', path: '../d'\ngem 'e', git: URL\nplugin 'p'\n";
        let found = gemfile(text).unwrap();
        let expected = [
            "a ~> 1 Usual 0",
            "b https://h.example/b Git(\"https://h.example/b\") 0",
            "c u/c Git(\"https://github.com/u/c\") 0",
            "d ../d Path(\"../d\") 0",
            "e  Git(\"?\") 0",
        ];
        assert_eq!(shown(&found), expected);
        assert_eq!((found.hooks.len(), found.settings.len()), (1, 1));
        let text = "GEM\n  remote: https://rubygems.org/\n  specs:\n    a (1.0.0)\n      b (>= 1)\n    b (1.1.0)\n\nGIT\n  remote: https://h.example/g\n  revision: 1\n  specs:\n    g (0.1)\n\nDEPENDENCIES\n  a!\n\nCHECKSUMS\n  a (1.0.0) sha256=aa\n  b (1.1.0)\n";
        let expected = [
            "a 1.0.0 Registry(\"https://rubygems.org/\") 1",
            "b 1.1.0 Registry(\"https://rubygems.org/\") 0",
            "g 0.1 Git(\"https://h.example/g\") 0",
        ];
        assert_eq!(shown(&gemfile_lock(text).unwrap()), expected);
    }
}
