//! The brief for a program. Its keys are stable.

use super::{Brief, GrantBrief, RuleBrief};
use serde_json::{Map, Value, json};

impl Brief {
    /// One object; every list is whole.
    #[must_use]
    pub fn json(&self) -> Value {
        json!({
            "principal": self.principal.as_str(),
            "repo": self.repo.as_str(),
            "grants": self.grants.iter().map(GrantBrief::json).collect::<Vec<_>>(),
            "rules": self.rules.iter().map(RuleBrief::json).collect::<Vec<_>>(),
            "limits": {
                "pack_bytes_max": self.limits.pack_bytes_max,
                "object_bytes_max": self.limits.object_bytes_max,
                "ref_updates_max": self.limits.ref_updates_max,
                "commits_max": self.limits.commits_max,
            },
        })
    }
}

impl GrantBrief {
    fn json(&self) -> Value {
        json!({
            "allow": self.allow.iter().map(|kind| kind.as_str()).collect::<Vec<_>>(),
            "refs": self.refs,
            "review": self.review,
            "write": self.write,
            "read": self.read,
            "until": self.until.map(|until| until.to_string()),
            "pushes": self.pushes,
            "bytes": self.bytes,
            "signed": self.signed,
        })
    }
}

impl RuleBrief {
    fn json(&self) -> Value {
        let settings: Map<String, Value> =
            self.settings.iter().map(|(key, value)| (key.clone(), value.clone().into())).collect();
        json!({
            "id": self.id,
            "kind": self.kind,
            "then": self.then.as_str(),
            "mode": if self.observes { "observe" } else { "enforce" },
            "about": self.about,
            "refs": self.refs,
            "settings": settings,
            "approvers": self.approvers,
            "approvals": if self.approvers.is_empty() { Value::Null } else { self.approvals.into() },
            "message": self.message,
        })
    }
}
