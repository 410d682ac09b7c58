//! Pushes as JSON, with stable keys: the answers of `status`, `explain`, `held`, `show` and `log` with `--json`.

use crate::gate::Seen;
use crate::model::{Escaped, ObjectId, PrincipalKind};
use crate::policy::Demand;
use crate::record::{FindingEntry, UpdateEntry};
use serde_json::{Map, Value, json};

/// One push. `findings` are left out of lists.
#[must_use]
pub fn push(seen: &Seen, with: With, reader: PrincipalKind) -> Value {
    let mut object = Map::new();
    let mut put = |key: &str, value: Value| drop(object.insert(key.to_owned(), value));
    put("push", json!(seen.push.to_string()));
    put("state", json!(seen.state()));
    let (repo, principal, time, updates) = match &seen.entry {
        Ok(entry) => (&entry.repo, &entry.principal, entry.time, &entry.updates),
        Err(entry) => (&entry.repo, &entry.principal, entry.time, &entry.updates),
    };
    put("repo", json!(repo.as_str()));
    put("principal", json!(principal.as_str()));
    put("sponsor", json!(seen.sponsor.as_ref().map(|name| name.as_str())));
    put("time", json!(time.to_string()));
    put("refs", updates.iter().map(update).collect());
    match &seen.entry {
        Ok(entry) => {
            put("decision", json!(entry.decision.as_str()));
            put("purpose", json!(entry.purpose.as_str()));
            put("policy", json!(entry.policy));
            put("rules", rules(&entry.findings));
            if with == With::Findings {
                put("findings", entry.findings.iter().map(finding).collect());
                put("more_findings", json!(entry.more_findings));
            }
        }
        Err(entry) => put("message", json!(entry.message)),
    }
    if let Some(hold) = &seen.hold {
        put("since", json!(hold.since.to_string()));
        put("expires", json!(hold.expires.to_string()));
        put("changed", json!(hold.changed.to_string()));
        put("by", json!(hold.by));
        put("reason", json!(hold.reason));
        put("replaced_by", json!(hold.replaced_by.map(|push| push.to_string())));
        put("bytes", json!(hold.bytes));
        put("needs", seen.demands.iter().map(|missing| demand(missing, reader)).collect());
        let approvals = seen.approvals.iter().map(|approved| {
            json!({"by": approved.by.as_str(), "time": approved.time.to_string(), "until": approved.until.to_string(),
                   "signed": approved.signed})
        });
        put("approvals", approvals.collect());
    }
    Value::Object(object)
}

/// What is told of a push.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum With {
    Summary,
    Findings,
}

#[must_use]
pub fn update(update: &UpdateEntry) -> Value {
    let id = |id: Option<ObjectId>| id.map(|id| id.to_string());
    json!({"ref": update.name.to_string(), "old": id(update.old), "new": id(update.new),
           "kind": update.kind.map(|kind| kind.as_str())})
}

fn rules(findings: &[FindingEntry]) -> Value {
    let mut rules: Vec<&str> = findings.iter().map(|finding| finding.rule.as_str()).collect();
    rules.sort_unstable();
    rules.dedup();
    json!(rules)
}

fn finding(finding: &FindingEntry) -> Value {
    let mut value = json!({"rule": finding.rule, "effect": finding.effect.as_str(), "message": finding.message});
    let Some(object) = value.as_object_mut() else { return value };
    let mut put = |key: &str, value: Option<Value>| drop(value.map(|value| object.insert(key.to_owned(), value)));
    put("would", finding.would.map(|would| json!(would.as_str())));
    put("ref", finding.ref_name.as_ref().map(|name| json!(name.to_string())));
    put("commit", finding.commit.map(|id| json!(id.to_string())));
    put("path", finding.path.as_ref().map(|path| json!(Escaped(path).to_string())));
    put("line", finding.line.map(|line| json!(line)));
    put("fix", Some(&finding.fix).filter(|fix| !fix.is_empty()).map(|fix| json!(fix)));
    value
}

/// What is missing for a held push to go on.
#[must_use]
pub fn demand(demand: &Demand, reader: PrincipalKind) -> Value {
    let names = |set: &std::collections::BTreeSet<crate::model::PrincipalName>| -> Vec<String> {
        set.iter().map(ToString::to_string).collect()
    };
    let mut value = json!({"rules": demand.rules, "from": demand.from, "needed": demand.needed,
                           "missing": demand.needed.saturating_sub(demand.given.len())});
    // People's names are for people.
    if let (PrincipalKind::Human, Some(object)) = (reader, value.as_object_mut()) {
        object.insert("may".to_owned(), json!(names(&demand.may)));
        object.insert("given".to_owned(), json!(names(&demand.given)));
    }
    value
}
