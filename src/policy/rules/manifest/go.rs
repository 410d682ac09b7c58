//! `go.mod`, `go.work` and `go.sum`.

use super::model::{Dependency, Digest, Manifest, Mark, Source};
use super::tree::Malformed;

pub fn go_mod(text: &str) -> Result<Manifest, Malformed> {
    let mut found = Manifest::default();
    let mut block: Option<String> = None;
    for (number, line) in (1_u32..).zip(text.trim_start_matches('\u{feff}').lines()) {
        let words = words(line).ok_or_else(|| Malformed(format!("line {number} has a quote that does not end")))?;
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        match (block.as_deref(), words.as_slice()) {
            (_, []) => {}
            (Some(_), [")"]) => block = None,
            (None, [verb, "("]) => block = Some((*verb).to_owned()),
            (None, [verb, rest @ ..]) => directive(&mut found, verb, rest, number),
            (Some(verb), words) => directive(&mut found, verb, words, number),
        }
    }
    if block.is_some() {
        return Err(Malformed("a block does not end".to_owned()));
    }
    Ok(found)
}

/// Words, quoted or not, up to a comment. `(` and `=>` are words.
fn words(line: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut rest = line.trim();
    while !rest.is_empty() && !rest.starts_with("//") {
        let quote = rest.chars().next().filter(|c| matches!(c, '"' | '`'));
        let (word, after) = match quote {
            Some(quote) => rest.get(1..)?.split_once(quote)?,
            None if rest.starts_with(['(', ')', ',']) => rest.split_at(1),
            None => rest.split_at(rest.find([' ', '\t', '(', ')', ',']).unwrap_or(rest.len())),
        };
        if word != "," {
            words.push(word.to_owned());
        }
        rest = after.trim_start();
    }
    Some(words)
}

fn directive(found: &mut Manifest, verb: &str, words: &[&str], line: u32) {
    let mark = Mark::Line(line);
    match (verb, words) {
        ("require", [name, version, ..]) => {
            let (name, version) = ((*name).to_owned(), (*version).to_owned());
            found.dependencies.push(Dependency { name, version, is_pinned: true, mark, ..Dependency::default() });
        }
        ("replace", words) => {
            let Some(arrow) = words.iter().position(|word| *word == "=>") else { return };
            let name = words.first().copied().unwrap_or_default().to_owned();
            let after = arrow.saturating_add(1);
            let target = words.get(after).copied().unwrap_or_default();
            let version = words.get(after.saturating_add(1)).copied().unwrap_or_default().to_owned();
            // Without a version it is a path.
            let is_path = version.is_empty();
            let source = if is_path { Source::Path(target.to_owned()) } else { Source::Alias(target.to_owned()) };
            if !is_path {
                let (name, version, mark) = (target.to_owned(), version.clone(), mark.clone());
                found.dependencies.push(Dependency { name, version, is_pinned: true, mark, ..Dependency::default() });
            }
            found.dependencies.push(Dependency { name, version, source, is_pinned: true, mark, digests: Vec::new() });
        }
        ("use", [path, ..]) => {
            let source = Source::Path((*path).to_owned());
            found.dependencies.push(Dependency {
                name: (*path).to_owned(),
                source,
                is_pinned: true,
                mark,
                ..Dependency::default()
            });
        }
        ("toolchain", [name, ..]) if !is_release(name) => {
            found.always("toolchain", *name, "names a toolchain that is no release of Go", mark);
        }
        _ => {}
    }
}

/// `go1.22.3`, `go1.22rc1`, `default`, `local`.
fn is_release(name: &str) -> bool {
    let version = name.strip_prefix("go").unwrap_or_default();
    let is_version = version.starts_with(|c: char| c.is_ascii_digit())
        && version.replace("rc", "").replace("beta", "").bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    is_version || matches!(name, "default" | "local")
}

pub fn go_sum(text: &str) -> Result<Manifest, Malformed> {
    let mut found = Manifest::default();
    for (number, line) in (1_u32..).zip(text.lines()) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [name, version, digest] = words.as_slice() else {
            if words.is_empty() {
                continue;
            }
            return Err(Malformed(format!("line {number} is not a module, its version and a digest")));
        };
        let (version, of) = version.split_once('/').unwrap_or((version, ""));
        let (algorithm, value) = digest.split_once(':').unwrap_or(("", digest));
        found.dependencies.push(Dependency {
            name: (*name).to_owned(),
            version: version.to_owned(),
            source: Source::Usual,
            digests: vec![Digest::new(of, algorithm, value)],
            is_pinned: true,
            mark: Mark::Line(number),
        });
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_directive_is_read() {
        let text = "module x // y\n\ngo 1.22\ntoolchain go1.22.3\nrequire a.example/a v1.0.0\nrequire (\n\t\"b.example/b\" v1.1.0 // indirect\n)\n\
                    replace a.example/a => ../a\nreplace (\n\tb.example/b v1.1.0 => c.example/c v1.0.0\n)\nexclude d.example/d v1.0.0\n";
        let found = go_mod(text).unwrap();
        let shown: Vec<String> =
            found.dependencies.iter().map(|d| format!("{} {} {:?}", d.name, d.version, d.source)).collect();
        let expected = [
            "a.example/a v1.0.0 Usual",
            "b.example/b v1.1.0 Usual",
            "a.example/a  Path(\"../a\")",
            "c.example/c v1.0.0 Usual",
            "b.example/b v1.0.0 Alias(\"c.example/c\")",
        ];
        assert_eq!(shown, expected);
        assert!(found.settings.is_empty());
        assert_eq!(go_mod("toolchain go1.22.3-evil\n").unwrap().settings.len(), 1);
        assert_eq!(go_mod("go 1.22\nuse (\n ./a\n ../b\n)\n").unwrap().dependencies.len(), 2);
        for text in ["require (\n", "require \"a v1\n"] {
            assert!(go_mod(text).is_err(), "{text}");
        }
    }

    #[test]
    fn sums_are_read() {
        let text = "a.example/a v1.0.0 h1:aa=\na.example/a v1.0.0/go.mod h1:bb=\n";
        let found = go_sum(text).unwrap();
        let shown: Vec<String> =
            found.dependencies.iter().map(|d| format!("{} {} {:?}", d.name, d.version, d.digests)).collect();
        assert_eq!(shown.len(), 2);
        assert!(shown[1].starts_with("a.example/a v1.0.0 [Digest { of: \"go.mod\", algorithm: \"h1\""), "{}", shown[1]);
        assert!(go_sum("<<<<<<< ours\n").is_err());
    }
}
