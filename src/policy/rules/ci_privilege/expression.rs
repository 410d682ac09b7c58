//! `${{ … }}`: which contexts an expression reads, and whether a stranger can write what it gives.

use std::collections::HashSet;

/// One step of a path such as `github.event['issue'].title`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// In lower case: expressions do not care.
    Name(String),
    /// `*`, or an index that is computed.
    Any,
}

/// A context and what is read of it.
#[derive(Debug, PartialEq, Eq)]
pub struct Path {
    pub parts: Vec<Part>,
    /// Only compared: what comes out is true or false.
    pub is_compared: bool,
}

/// Offset and text of every expression in a text.
#[must_use]
pub fn expressions(text: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(start) = text.get(at..).and_then(|rest| rest.find("${{")).map(|offset| at + offset) {
        let body = text.get(start + 3..).unwrap_or_default();
        let length = end_of(body);
        found.push((start, body.get(..length).unwrap_or_default()));
        at = start + 3 + length;
    }
    found
}

/// Where `}}` is, outside of strings. Without one, the next expression or the end of the text ends it.
fn end_of(body: &str) -> usize {
    let bytes = body.as_bytes();
    let mut is_string = false;
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            b'\'' => is_string = !is_string,
            b'}' if !is_string && bytes.get(at + 1) == Some(&b'}') => return at,
            b'$' if bytes.get(at..at + 3) == Some(b"${{") => return at,
            _ => {}
        }
    }
    bytes.len()
}

/// Functions that give true, false or a digest, whatever goes in.
const HARMLESS_FUNCTIONS: [&str; 4] = ["contains", "startswith", "endswith", "hashfiles"];

/// The paths an expression reads.
#[must_use]
pub fn paths(expression: &str) -> Vec<Path> {
    let mut reader = Reader { rest: expression, functions: Vec::new(), harmless: 0, was_comparison: false };
    let mut found = Vec::new();
    while let Some(c) = reader.rest.chars().next() {
        if c.is_ascii_alphabetic() || c == '_' {
            found.extend(reader.path());
        } else {
            reader.other(c);
        }
    }
    found
}

struct Reader<'t> {
    rest: &'t str,
    /// Whether each open parenthesis is one of a harmless function.
    functions: Vec<bool>,
    harmless: usize,
    was_comparison: bool,
}

impl<'t> Reader<'t> {
    fn skip(&mut self, bytes: usize) {
        self.rest = self.rest.get(bytes..).unwrap_or_default();
    }

    fn skip_space(&mut self) {
        self.rest = self.rest.trim_start();
    }

    /// Anything that is no name.
    fn other(&mut self, c: char) {
        match c {
            '\'' => {
                self.string();
                self.was_comparison = false;
                return;
            }
            '(' => self.functions.push(false),
            ')' => self.harmless -= usize::from(self.functions.pop() == Some(true)),
            _ => {}
        }
        match c {
            '=' | '!' | '<' | '>' => self.was_comparison = true,
            c if c.is_whitespace() => {}
            _ => self.was_comparison = false,
        }
        self.skip(c.len_utf8());
    }

    /// A string with its quotes; `''` within it is a quote.
    fn string(&mut self) -> String {
        let mut text = String::new();
        self.skip(1);
        loop {
            let end = self.rest.find('\'').unwrap_or(self.rest.len());
            text.push_str(self.rest.get(..end).unwrap_or_default());
            self.skip((end + 1).min(self.rest.len()));
            if !self.rest.starts_with('\'') {
                return text;
            }
            text.push('\'');
            self.skip(1);
        }
    }

    fn name(&mut self) -> &'t str {
        let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
        let end = self.rest.find(|c| !is_name(c)).unwrap_or(self.rest.len());
        let name = self.rest.get(..end).unwrap_or_default();
        self.skip(end);
        name
    }

    /// A name and all that is read of it; nothing if it is a function.
    fn path(&mut self) -> Option<Path> {
        let mut is_compared = std::mem::take(&mut self.was_comparison) || self.harmless > 0;
        let first = self.name().to_ascii_lowercase();
        self.skip_space();
        if self.rest.starts_with('(') {
            let is_harmless = HARMLESS_FUNCTIONS.contains(&first.as_str());
            self.functions.push(is_harmless);
            self.harmless += usize::from(is_harmless);
            self.skip(1);
            return None;
        }
        let mut parts = vec![Part::Name(first)];
        loop {
            self.skip_space();
            if self.rest.starts_with('.') {
                self.skip(1);
                self.skip_space();
                let name = self.name();
                if name.is_empty() {
                    self.skip(usize::from(self.rest.starts_with('*')));
                }
                parts.push(if name.is_empty() { Part::Any } else { Part::Name(name.to_ascii_lowercase()) });
            } else if self.rest.starts_with('[') {
                self.skip(1);
                self.skip_space();
                let name = self.rest.starts_with('\'').then(|| self.string().to_ascii_lowercase());
                self.skip_space();
                let is_closed = self.rest.starts_with(']');
                parts.push(name.filter(|_| is_closed).map_or(Part::Any, Part::Name));
                if !is_closed {
                    // What is computed in there has paths of its own.
                    break;
                }
                self.skip(1);
            } else {
                break;
            }
        }
        is_compared |= ["==", "!=", "<", ">"].iter().any(|operator| self.rest.starts_with(operator));
        Some(Path { parts, is_compared })
    }
}

impl Path {
    fn name(&self, at: usize) -> Option<&str> {
        match self.parts.get(at) {
            Some(Part::Name(name)) => Some(name),
            Some(Part::Any) | None => None,
        }
    }

    #[must_use]
    pub fn is_in(&self, context: &str) -> bool {
        self.name(0) == Some(context)
    }

    /// The secret it reads; `Some(None)` if it is all of them, or nobody knows which.
    #[must_use]
    pub fn secret(&self) -> Option<Option<&str>> {
        self.is_in("secrets").then(|| self.name(1))
    }

    #[must_use]
    pub fn show(&self) -> String {
        let parts = self.parts.iter().map(|part| match part {
            Part::Name(name) => name.as_str(),
            Part::Any => "*",
        });
        parts.collect::<Vec<_>>().join(".")
    }
}

/// What a file says of names that expressions read.
#[derive(Debug, Default)]
pub struct Known {
    /// Inputs that are booleans, numbers or choices.
    pub safe_inputs: HashSet<String>,
    /// Environment variables that hold what a stranger can write, in lower case.
    pub tainted_env: HashSet<String>,
}

/// Ends of `github.event.…` that hold no free text.
const SAFE_ENDS: [&str; 24] = [
    "action",
    "after",
    "before",
    "conclusion",
    "created",
    "created_at",
    "deleted",
    "draft",
    "event",
    "fork",
    "forced",
    "id",
    "login",
    "merge_commit_sha",
    "merged",
    "node_id",
    "number",
    "private",
    "run_attempt",
    "run_id",
    "run_number",
    "sha",
    "status",
    "updated_at",
];

impl Known {
    /// Whether somebody who may only open an issue, a pull request or a branch can write what this gives.
    #[must_use]
    pub fn is_tainted(&self, path: &Path) -> bool {
        if path.is_compared {
            return false;
        }
        match (path.name(0), path.parts.get(1)) {
            (Some("inputs"), _) => !path.name(1).is_some_and(|name| self.safe_inputs.contains(name)),
            (Some("env"), Some(Part::Name(name))) => self.tainted_env.contains(name),
            (Some("env"), _) => !self.tainted_env.is_empty(),
            (Some("github" | "gitea" | "forgejo" | "forge"), Some(Part::Name(name))) => match name.as_str() {
                "head_ref" | "ref_name" => true,
                "event" if path.name(2) == Some("inputs") => {
                    !path.name(3).is_some_and(|name| self.safe_inputs.contains(name))
                }
                "event" => {
                    !path.name(path.parts.len() - 1).is_some_and(|end| path.parts.len() > 2 && SAFE_ENDS.contains(&end))
                }
                _ => false,
            },
            (Some("github" | "gitea" | "forgejo" | "forge"), _) => true,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_strangers_can_write() {
        let known = Known { safe_inputs: ["dry-run".to_owned()].into(), tainted_env: ["title".to_owned()].into() };
        let table = [
            ("echo ${{ github.event.issue.title }}", true),
            ("echo ${{github.event['issue'][ 'title' ]}}", true),
            ("echo ${{ GitHub.Event.Comment.Body }}", true),
            ("echo ${{ github.event.commits[0].message }}", true),
            ("echo ${{ github.event.commits.*.message }}", true),
            ("echo ${{ toJSON(github.event) }} ${{ toJSON(github) }}", true),
            ("echo ${{ format('{0}', github.head_ref) }}", true),
            ("echo ${{ github[matrix.what].x }}", true),
            ("echo ${{ github.event.issue.title || 'a' == 'b' }}", true),
            ("echo ${{ 'it''s' }} ${{ github.ref_name }}", true),
            ("echo ${{ inputs.name }} ${{ github.event.inputs.name }}", true),
            ("echo ${{ env.TITLE }}", true),
            ("echo ${{ ' }} ${{ github.head_ref }}", true),
            ("echo ${{ gitea.event.issue.body", true),
            ("echo ${{ github.event.issue.number }} ${{ github.event.pull_request.head.sha }}", false),
            ("echo ${{ github.event_name == 'push' }} ${{ github.sha }} ${{ github.repository }}", false),
            ("echo ${{ github.event.label.name == 'deploy' && 'yes' || 'no' }}", false),
            ("echo ${{ 'x' != github.head_ref }}", false),
            ("echo ${{ contains(github.event.pull_request.title, 'wip') }}", false),
            ("echo ${{ inputs.dry-run }} ${{ env.OTHER }} ${{ matrix.os }} ${{ steps.a.outputs.b }}", false),
            ("echo ${{ 'github.head_ref' }} github.head_ref", false),
            ("echo {{ github.head_ref }}", false),
        ];
        for (text, tainted) in table {
            let all: Vec<Path> = expressions(text).iter().flat_map(|(_, text)| paths(text)).collect();
            assert_eq!(all.iter().any(|path| known.is_tainted(path)), tainted, "{text} {all:?}");
        }
    }

    #[test]
    fn finds_secrets() {
        let table: [(&str, &[Option<&str>]); 6] = [
            ("secrets.NPM_TOKEN", &[Some("npm_token")]),
            ("Secrets['a'] || secrets.b", &[Some("a"), Some("b")]),
            ("toJSON(secrets)", &[None]),
            ("secrets[matrix.name]", &[None]),
            ("secrets.*", &[None]),
            ("'secrets.x' == github.secrets", &[]),
        ];
        for (text, expected) in table {
            let all = paths(text);
            let found: Vec<Option<&str>> = all.iter().filter_map(Path::secret).collect();
            assert_eq!(found, expected, "{text}");
        }
    }
}
