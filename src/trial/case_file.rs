//! `case.toml`: what a test case expects, and small files right in it.

use crate::model::{RefName, RepoName};
use crate::strict::{self, Problem, Problems, Table, Value};
use std::collections::BTreeMap;

/// What is expected of the judgement.
#[derive(Debug, Clone)]
pub struct Expect {
    /// accept, hold or refuse.
    pub decision: &'static str,
    /// Exactly the rules that speak; any, if not given.
    pub rules: Option<Vec<String>>,
}

/// The file as it is written.
#[derive(Debug)]
pub struct CaseFile {
    pub expect: Expect,
    pub principal: Option<String>,
    pub repo: Option<RepoName>,
    pub ref_name: Option<RefName>,
    pub message: Option<String>,
    pub author: Option<String>,
    pub committer: Option<String>,
    pub delete: Vec<String>,
    /// Paths and contents beside those of the directories of the same names.
    pub upstream: BTreeMap<String, String>,
    pub push: BTreeMap<String, String>,
}

const DECISIONS: [(&str, &str); 3] = [("accept", "accept"), ("hold", "hold"), ("refuse", "refuse")];

impl CaseFile {
    pub fn parse(file: &str, text: &str) -> Result<Self, Problems> {
        strict::parse(file, text, read)
    }
}

fn read(root: &mut Table<'_, '_>, problems: &mut Vec<Problem>) -> Option<CaseFile> {
    let decision = root.require("expect", problems).and_then(|v| v.one_of(&DECISIONS, problems));
    let rules = root.get("rules").map(|v| texts(v, problems));
    let mut text = |key, problems: &mut Vec<Problem>| {
        root.get(key)
            .and_then(|value: Value<'_, '_>| value.string(problems).map(|text| (text.to_owned(), value.span())))
    };
    let principal = text("as", problems);
    let repo = text("repo", problems);
    let ref_name = text("ref", problems);
    let message = text("message", problems);
    let author = text("author", problems);
    let committer = text("committer", problems);
    let delete = root.get("delete").map(|v| texts(v, problems)).unwrap_or_default();
    let upstream = files(root, "upstream", problems);
    let push = files(root, "push", problems);
    let mut invalid = |span, error: String| problems.push(Problem::new(span, error));
    let repo = repo.and_then(|(name, span)| RepoName::parse(&name).map_err(|e| invalid(span, e.to_string())).ok());
    let ref_name = ref_name
        .and_then(|(name, span)| RefName::parse(name.as_bytes()).map_err(|e| invalid(span, e.to_string())).ok());
    for (who, span) in [&author, &committer].into_iter().flatten() {
        if who.contains('\n') || !who.contains(" <") || !who.ends_with('>') {
            invalid(span.clone(), "not a name and an address: write \"Dana <dana@example.com>\"".to_owned());
        }
    }
    let first = |pair: Option<(String, strict::Span)>| pair.map(|(text, _)| text);
    Some(CaseFile {
        expect: Expect { decision: decision?, rules },
        principal: first(principal),
        repo,
        ref_name,
        message: first(message),
        author: first(author),
        committer: first(committer),
        delete,
        upstream,
        push,
    })
}

fn texts(value: Value<'_, '_>, problems: &mut Vec<Problem>) -> Vec<String> {
    let all = value.strings(problems).unwrap_or_default();
    all.into_iter().map(|(text, _)| text.to_owned()).collect()
}

/// A table of paths; a content is one text, or parts that are put together, so that no file of a case has to hold what a
/// scanner would find in it.
fn files(root: &mut Table<'_, '_>, key: &'static str, problems: &mut Vec<Problem>) -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    let Some(mut table) = root.get(key).and_then(|v| v.table(problems)) else { return files };
    for (path, _, value) in table.entries() {
        let content = match value.as_str() {
            Some(text) => text.to_owned(),
            None => texts(value, problems).concat(),
        };
        files.insert(path, content);
    }
    files
}
