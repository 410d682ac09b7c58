//! The findings as a table, as JSON lines or as SARIF. None of them shows a secret.

use super::super::{complain, print};
use super::{Finding, Looked};
use crate::secret::{Certainty, Rule, scanner};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::fmt::Write;

/// One line a finding, and a sum on stderr.
pub(super) fn human(findings: &[Finding], looked: Looked) {
    let mut rows: Vec<[String; 4]> = Vec::new();
    let mut last: Option<&Finding> = None;
    for finding in findings {
        // What several rules say of one value is said once.
        let is_same = |last: &Finding| {
            last.place == finding.place && finding.start < last.end && finding.certainty <= last.certainty
        };
        if last.is_some_and(is_same) {
            continue;
        }
        last = Some(finding);
        let mut what = finding.rule.title();
        if let Some(encoding) = finding.encoding {
            let _ = write!(what, " ({encoding})");
        }
        if let Some(fingerprint) = &finding.fingerprint {
            let _ = write!(what, "  {fingerprint}");
        }
        let place = format!("{}:{}", finding.place, finding.line);
        rows.push([place, finding.certainty.word().to_owned(), finding.rule.id.clone(), what]);
    }
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let (places, certainties, rules) = (width(0).min(60), width(1), width(2).min(32));
    let text = rows.iter().fold(String::new(), |mut text, [place, certainty, rule, what]| {
        let _ = writeln!(text, "{place:places$}  {certainty:certainties$}  {rule:rules$}  {what}");
        text
    });
    print(&text);
    let (found, megabytes) = (rows.len(), looked.bytes / 1_000_000);
    complain(&format!("refgate: {found} found in {} files and messages, {megabytes} MB\n", looked.texts));
}

/// One object a finding.
pub(super) fn json(findings: &[Finding]) {
    let text = findings.iter().fold(String::new(), |text, finding| text + &object(finding).to_string() + "\n");
    print(&text);
}

fn object(finding: &Finding) -> Value {
    let path = finding.place.path.as_ref().map(|path| String::from_utf8_lossy(path));
    json!({
        "rule": finding.rule.id,
        "provider": finding.rule.provider,
        "what": finding.rule.what,
        "certainty": finding.certainty.word(),
        "path": path,
        "object": finding.place.object,
        "line": finding.line,
        "start": finding.start,
        "end": finding.end,
        "encoding": finding.encoding,
        "fingerprint": finding.fingerprint,
    })
}

/// SARIF 2.1.0, for code scanning services.
pub(super) fn sarif(findings: &[Finding]) {
    let used: Vec<&Rule> = {
        let all = scanner().rules().iter();
        all.filter(|rule| findings.iter().any(|finding| finding.rule.id == rule.id)).collect()
    };
    let rules: Vec<Value> = used.iter().map(|rule| descriptor(rule)).collect();
    let mut times: HashMap<String, u32> = HashMap::new();
    let results: Vec<Value> = findings.iter().map(|finding| result(finding, &used, &mut times)).collect();
    let log = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {"name": "refgate", "version": env!("CARGO_PKG_VERSION"), "rules": rules}},
            "columnKind": "utf16CodeUnits",
            "results": results,
        }],
    });
    print(&format!("{log:#}\n"));
}

fn descriptor(rule: &Rule) -> Value {
    let mut value = json!({"id": rule.id, "shortDescription": {"text": rule.title()}});
    if let (Some(object), true) = (value.as_object_mut(), rule.source.starts_with("https://")) {
        object.insert("helpUri".to_owned(), json!(rule.source));
    }
    value
}

fn result(finding: &Finding, rules: &[&Rule], times: &mut HashMap<String, u32>) -> Value {
    let level = match finding.certainty {
        Certainty::Possible => "note",
        Certainty::Likely => "warning",
        Certainty::Certain => "error",
    };
    let index = rules.iter().position(|rule| rule.id == finding.rule.id);
    let path = finding.place.path.as_deref().unwrap_or_default();
    let mut message = format!("{} ({})", finding.rule.title(), finding.certainty.word());
    if let Some(object) = &finding.place.object {
        let _ = write!(message, " in {object}");
    }
    // Neither the secret nor its line is in it: a finding is the same one as long as its file has as many before it.
    let of = format!("{}\0{}\0{}", finding.rule.id, finding.place, finding.rule.provider);
    let time = times.entry(of.clone()).and_modify(|time| *time += 1).or_insert(0);
    let digest = Sha256::digest(format!("{of}\0{time}"));
    let digest = digest.iter().take(16).fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    });
    let mut prints = json!({"refgate/v1": digest});
    if let (Some(prints), Some(fingerprint)) = (prints.as_object_mut(), &finding.fingerprint) {
        prints.insert("refgateSecret/v1".to_owned(), json!(fingerprint));
    }
    json!({
        "ruleId": finding.rule.id,
        "ruleIndex": index,
        "level": level,
        "message": {"text": message},
        "locations": [{"physicalLocation": {
            "artifactLocation": {"uri": uri(path)},
            "region": {"startLine": finding.line},
        }}],
        "partialFingerprints": prints,
    })
}

/// A path as a URI reference: RFC 3986, 2.1.
fn uri(path: &[u8]) -> String {
    path.iter().fold(String::new(), |mut uri, byte| {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => uri.push(char::from(*byte)),
            _ => drop(write!(uri, "%{byte:02X}")),
        }
        uri
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_path_becomes_a_uri() {
        assert_eq!(super::uri("src/a b\u{e9}%.rs".as_bytes()), "src/a%20b%C3%A9%25.rs");
    }
}
