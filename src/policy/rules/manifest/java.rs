//! `pom.xml` and `.mvn/extensions.xml`, and the settings of the wrappers of Gradle and Maven.

use super::model::{Dependency, Digest, Manifest, Mark, Source};
use super::tree::Malformed;
use super::xml::{XmlNode, xml};

pub fn pom(text: &str) -> Result<Manifest, Malformed> {
    let root = xml(text)?;
    let mut found = Manifest::default();
    let mut left: Vec<&XmlNode> = vec![&root];
    while let Some(node) = left.pop() {
        left.extend(&node.children);
        let mark = Mark::Line(node.line);
        match node.name.as_str() {
            "dependency" | "parent" | "plugin" | "extension" | "annotationProcessorPaths" | "path" => {
                let Some(name) = artifact(node) else { continue };
                let version = node.word("version").to_owned();
                let source = match (node.word("systemPath"), node.word("relativePath")) {
                    ("", "") => Source::Usual,
                    ("", path) | (path, _) => Source::Path(path.trim_start_matches("${project.basedir}/").to_owned()),
                };
                if matches!(node.name.as_str(), "plugin" | "extension") {
                    found.hook(
                        format!("{} {name}", node.name),
                        "",
                        "is run by Maven when the project is built",
                        mark.clone(),
                    );
                }
                let is_pinned = !version.is_empty()
                    && !version.contains(['[', '(', ','])
                    && !matches!(version.as_str(), "LATEST" | "RELEASE");
                found.dependencies.push(Dependency { name, version, source, is_pinned, mark, digests: Vec::new() });
            }
            "repository" | "pluginRepository" | "mirror" if !node.word("url").is_empty() => {
                found.registry(node.name.clone(), node.word("url"), mark);
            }
            _ => {}
        }
    }
    Ok(found)
}

/// `group:artifact`; Maven's own group if a plugin names none.
fn artifact(node: &XmlNode) -> Option<String> {
    let name = node.word("artifactId");
    let group = match node.word("groupId") {
        "" => "org.apache.maven.plugins",
        group => group,
    };
    (!name.is_empty()).then(|| format!("{group}:{name}"))
}

/// Keys and values as java.util.Properties reads them, with their lines.
fn properties(text: &str) -> Vec<(u32, String, String)> {
    let mut found = Vec::new();
    let mut open: Option<(u32, String)> = None;
    for (number, line) in (1_u32..).zip(text.split('\n')) {
        for part in line.strip_suffix('\r').unwrap_or(line).split('\r') {
            let part = part.trim_start_matches(BLANKS);
            let (start, mut whole) = match open.take() {
                None if part.is_empty() || part.starts_with(['#', '!']) => continue,
                None => (number, String::new()),
                Some(open) => open,
            };
            let escapes = part.chars().rev().take_while(|c| *c == '\\').count();
            if escapes % 2 == 1 {
                whole.push_str(part.get(..part.len() - 1).unwrap_or_default());
                open = Some((start, whole));
            } else {
                whole.push_str(part);
                found.push(pair(start, &whole));
            }
        }
    }
    found.extend(open.map(|(start, whole)| pair(start, &whole)));
    found
}

const BLANKS: [char; 3] = [' ', '\t', '\u{c}'];

fn pair(line: u32, text: &str) -> (u32, String, String) {
    let mut is_escaped = false;
    let is_end = |c: char| {
        let was_escaped = is_escaped;
        is_escaped = c == '\\' && !was_escaped;
        !was_escaped && (matches!(c, '=' | ':') || BLANKS.contains(&c))
    };
    let (key, rest) = text.split_at(text.find(is_end).unwrap_or(text.len()));
    let rest = rest.trim_start_matches(BLANKS);
    let value = rest.strip_prefix(['=', ':']).unwrap_or(rest).trim_start_matches(BLANKS);
    (line, unescaped(key), unescaped(value))
}

fn unescaped(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\\') {
        plain.push_str(before);
        let hex = after.strip_prefix('u').and_then(|hex| hex.get(..4));
        let code = hex.and_then(|hex| u32::from_str_radix(hex, 16).ok());
        let mut chars = after.chars();
        let next = chars.next();
        rest = match code {
            Some(_) => after.get(5..).unwrap_or_default(),
            None => chars.as_str(),
        };
        plain.extend(code.map_or(next, |code| Some(char::from_u32(code).unwrap_or('\u{fffd}'))));
    }
    plain.push_str(rest);
    plain
}

/// `gradle-wrapper.properties` and `maven-wrapper.properties`.
pub fn wrapper(text: &str) -> Result<Manifest, Malformed> {
    let mut found = Manifest::default();
    let entries = properties(text);
    let value = |key: &str| {
        let of_key = entries.iter().rfind(|(_, name, _)| name == key);
        of_key.map(|(line, _, value)| (value.clone(), Mark::Line(*line)))
    };
    for (name, url, sum) in
        [("distribution", "distributionUrl", "distributionSha256Sum"), ("wrapper", "wrapperUrl", "wrapperSha256Sum")]
    {
        let Some((place, mark)) = value(url) else { continue };
        let digests = value(sum).into_iter().map(|(sum, _)| Digest::new("", "sha256", &sum)).collect();
        found.hook(url, place.clone(), "is downloaded and run when the project is built", mark.clone());
        let (name, source, version) = (name.to_owned(), Source::Registry(place.clone()), place);
        found.dependencies.push(Dependency { name, version, source, digests, is_pinned: true, mark });
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn projects_and_wrappers_are_read() {
        let text = "<?xml version=\"1.0\"?>\n<project xmlns=\"x\">\n <dependencies>\n  <dependency><groupId>g</groupId><artifactId>a</artifactId>\n   <version>1.0</version></dependency>\n </dependencies>\n\
                    <repositories><repository><url>https://r.example/&amp;</url></repository></repositories>\n<build><plugins><plugin><artifactId>p</artifactId></plugin></plugins></build>\n</project>\n";
        let found = pom(text).unwrap();
        let mut names: Vec<(&str, &Mark)> = found.dependencies.iter().map(|d| (d.name.as_str(), &d.mark)).collect();
        names.sort_by_key(|(name, _)| *name);
        assert_eq!(names, [("g:a", &Mark::Line(4)), ("org.apache.maven.plugins:p", &Mark::Line(8))]);
        assert_eq!(found.settings[0].value, "https://r.example/&");
        assert_eq!(found.hooks.len(), 1);
        for text in ["<a>", "<!DOCTYPE a [<!ENTITY x \"y\">]><a>&x;</a>", "<a>&x;</a>", "<a></b>", &"<a>".repeat(1000)]
        {
            assert!(pom(text).is_err(), "{text}");
        }
        for text in [
            "distrib\\\n  utionUrl https\\://x",
            "d\\istrib\\u0075tionUrl:https://x",
            "a=b\rdistributionUrl = https:\\/\\/x",
        ] {
            assert_eq!(wrapper(text).unwrap().dependencies[0].source.url(), "https://x", "{text:?}");
        }
        let text = "distributionUrl=https\\://services.gradle.org/distributions/gradle-8.5-bin.zip\ndistributionSha256Sum=aa\n";
        let found = wrapper(text).unwrap();
        assert_eq!(found.dependencies[0].source.url(), "https://services.gradle.org/distributions/gradle-8.5-bin.zip");
        assert_eq!(found.dependencies[0].digests.len(), 1);
    }
}
