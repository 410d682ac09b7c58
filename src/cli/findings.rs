//! Findings as commands on this machine show them: all of them, each with its fix.

use crate::model::{Effect, Escaped, Finding, Place};
use serde_json::{Value, json};
use std::fmt::Write;

/// A list for people, numbered as on the gate.
pub fn list(findings: &[Finding], more: usize) -> String {
    let mut text = String::new();
    for (index, finding) in findings.iter().enumerate() {
        let effect = match (finding.would, finding.effect) {
            (Some(would), _) => &format!(" (observed: would {})", would.as_str()),
            (None, Effect::Warn) => " (warning)",
            (None, Effect::Hold) => " (hold)",
            (None, Effect::Refuse) => "",
        };
        let _ =
            writeln!(text, "  {}. {}{effect}  {}{}", index + 1, finding.rule, finding.place.shown(), finding.message);
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
    set("would", finding.would.map(|would| would.as_str().into()));
    set("ref", ref_name.as_ref().map(|name| name.to_string().into()));
    set("commit", commit.map(|id| id.to_string().into()));
    set("path", path.as_ref().map(|path| Escaped(path).to_string().into()));
    set("line", line.map(Into::into));
    value
}
