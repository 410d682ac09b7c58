//! Findings as commands on this machine show them: all of them, each with its fix.

use crate::model::{Effect, Escaped, Finding, Place};
use serde_json::{Value, json};
use std::fmt::Write;

/// Where a finding is, with spaces after it; nothing for the push as a whole.
pub fn place(place: &Place) -> String {
    let mut shown = String::new();
    if let Some(path) = &place.path {
        let _ = write!(shown, "{}", Escaped(path));
        if let Some(line) = place.line {
            let _ = write!(shown, ":{line}");
        }
        shown.push_str("  ");
    } else if let Some(name) = &place.ref_name {
        let _ = write!(shown, "{name}  ");
    }
    if let Some(commit) = &place.commit {
        let _ = write!(shown, "in {}  ", commit.to_hex_with_len(10));
    }
    shown
}

/// A list for people, numbered as on the gate.
pub fn list(findings: &[Finding], more: usize) -> String {
    let mut text = String::new();
    for (index, finding) in findings.iter().enumerate() {
        let effect = match finding.effect {
            Effect::Warn => " (warning)",
            Effect::Hold => " (hold)",
            Effect::Refuse => "",
        };
        let _ =
            writeln!(text, "  {}. {}{effect}  {}{}", index + 1, finding.rule, place(&finding.place), finding.message);
        if !finding.fix.is_empty() {
            let _ = writeln!(text, "     fix: {}", finding.fix);
        }
    }
    if more > 0 {
        let _ = writeln!(text, "  and {more} more");
    }
    text
}

/// One finding with the keys of the gate's JSON line.
pub fn json(finding: &Finding) -> Value {
    let mut value = json!({
        "rule": finding.rule,
        "effect": finding.effect.as_str(),
        "message": finding.message,
        "fix": finding.fix,
    });
    let Place { ref_name, commit, path, line } = &finding.place;
    let mut set = |key: &str, item: Option<Value>| {
        if let (Some(object), Some(item)) = (value.as_object_mut(), item) {
            object.insert(key.to_owned(), item);
        }
    };
    set("ref", ref_name.as_ref().map(|name| name.to_string().into()));
    set("commit", commit.map(|id| id.to_string().into()));
    set("path", path.as_ref().map(|path| Escaped(path).to_string().into()));
    set("line", line.map(Into::into));
    value
}
