//! The statement of an approval, as a person signs it: an in-toto Statement v1 with our predicate.
//!
//! It names everything the approval is for. Signed with `ssh-keygen -Y sign -n approve@DOMAIN`, it proves itself: the
//! namespace keeps such a signature apart from every other use of the key. Nothing in it is believed; each field must be
//! what the gate itself would write.

use crate::model::{ObjectId, PushId, RefName};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

const TYPE: &str = "https://in-toto.io/Statement/v1";

/// What an approval is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApprovalOf<'a> {
    /// How the gate calls itself in statements.
    pub domain: &'a str,
    pub push: PushId,
    /// How statements call the repository.
    pub resource: &'a str,
    pub refs: Vec<ApprovedRef>,
    /// SHA-256 of the policy, in hex.
    pub policy: &'a str,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApprovedRef {
    pub name: RefName,
    pub old: Option<ObjectId>,
    pub new: Option<ObjectId>,
    pub tree: Option<ObjectId>,
}

/// Why a statement approves nothing. The texts are for its signer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotThis {
    #[error("it is no approval statement of this gate; get one with: show PUSH --statement")]
    Form,
    #[error("it is for another push")]
    Push,
    #[error("it is for another repository")]
    Repo,
    #[error("it is for other refs, or for other commits")]
    Refs,
    #[error("the policy has changed since; look again, and sign a new one")]
    Policy,
    #[error("it does not say approve")]
    Verdict,
    #[error("it has expired (notAfter)")]
    Expired,
}

#[derive(Serialize, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
struct Statement {
    #[serde(rename = "_type")]
    kind: String,
    subject: Vec<Subject>,
    #[serde(rename = "predicateType")]
    predicate_type: String,
    predicate: Predicate,
}

#[derive(Serialize, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
struct Subject {
    name: String,
    digest: Digest,
}

#[derive(Serialize, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Digest {
    git_commit: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    git_tree: Option<String>,
}

#[derive(Serialize, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Predicate {
    push_id: String,
    resource_uri: String,
    refs: Vec<Move>,
    policy: PolicyDigest,
    verdict: String,
    reason: String,
    not_after: Timestamp,
}

#[derive(Serialize, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
struct Move {
    #[serde(rename = "ref")]
    name: String,
    old: Option<String>,
    new: Option<String>,
}

#[derive(Serialize, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
struct PolicyDigest {
    sha256: String,
}

impl ApprovalOf<'_> {
    /// The namespace of its signature.
    #[must_use]
    pub fn namespace(&self) -> String {
        format!("approve@{}", self.domain)
    }

    /// The text to sign, one line.
    pub fn text(&self, not_after: Timestamp) -> Result<String, serde_json::Error> {
        let mut text = serde_json::to_string(&self.statement(not_after))?;
        text.push('\n');
        Ok(text)
    }

    /// Whether the text approves this at `now`; gives the time until which it does, and the reason it states.
    pub fn check(&self, text: &str, now: Timestamp) -> Result<(Timestamp, String), NotThis> {
        let found: Statement = serde_json::from_str(text).map_err(|_| NotThis::Form)?;
        let Predicate { not_after, .. } = found.predicate;
        let own = self.statement(not_after);
        let (theirs, ours) = (&found.predicate, &own.predicate);
        if found.kind != own.kind || found.predicate_type != own.predicate_type {
            return Err(NotThis::Form);
        }
        if theirs.push_id != ours.push_id {
            return Err(NotThis::Push);
        }
        if theirs.resource_uri != ours.resource_uri {
            return Err(NotThis::Repo);
        }
        if theirs.refs != ours.refs || found.subject != own.subject {
            return Err(NotThis::Refs);
        }
        if theirs.policy != ours.policy {
            return Err(NotThis::Policy);
        }
        if theirs.verdict != ours.verdict {
            return Err(NotThis::Verdict);
        }
        if not_after <= now {
            return Err(NotThis::Expired);
        }
        Ok((not_after, found.predicate.reason))
    }

    fn statement(&self, not_after: Timestamp) -> Statement {
        let hex = |id: Option<ObjectId>| id.map(|id| id.to_string());
        let subject = |of: &ApprovedRef| {
            let digest = Digest { git_commit: of.new.or(of.old)?.to_string(), git_tree: hex(of.tree) };
            Some(Subject { name: of.name.to_string(), digest })
        };
        let refs = self.refs.iter();
        let refs = refs.map(|of| Move { name: of.name.to_string(), old: hex(of.old), new: hex(of.new) }).collect();
        Statement {
            kind: TYPE.to_owned(),
            subject: self.refs.iter().filter_map(subject).collect(),
            predicate_type: format!("https://{}/attestation/approval/v0.1", self.domain),
            predicate: Predicate {
                push_id: self.push.to_string(),
                resource_uri: self.resource.to_owned(),
                refs,
                policy: PolicyDigest { sha256: self.policy.to_owned() },
                verdict: "approve".to_owned(),
                reason: String::new(),
                not_after,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(digit: &str) -> ObjectId {
        ObjectId::from_hex(digit.repeat(40).as_bytes()).expect("hex")
    }

    #[test]
    fn a_statement_approves_what_it_names_and_nothing_else() {
        let name = |text: &str| RefName::parse(text.as_bytes()).expect("a name");
        let approved = |n: &str, old: Option<ObjectId>, new: &str| ApprovedRef {
            name: name(n),
            old,
            new: Some(id(new)),
            tree: Some(id("e")),
        };
        let push = PushId::generate();
        let refs = || vec![approved("refs/heads/x", Some(id("a")), "b")];
        let this = ApprovalOf { domain: "gate", push, resource: "git+ssh://gate/app", refs: refs(), policy: "00" };
        let until: Timestamp = "2026-05-02T00:00:00Z".parse().expect("a time");
        let now: Timestamp = "2026-05-01T00:00:00Z".parse().expect("a time");
        let text = this.text(until).expect("text");
        assert_eq!(this.namespace(), "approve@gate");
        assert_eq!(this.check(&text, now), Ok((until, String::new())));
        assert_eq!(
            this.check(&text.replace("\"reason\":\"\"", "\"reason\":\"fine\""), now),
            Ok((until, "fine".into()))
        );
        let refused = [
            (ApprovalOf { push: PushId::generate(), ..this.clone() }, NotThis::Push),
            (ApprovalOf { resource: "git+ssh://gate/other", ..this.clone() }, NotThis::Repo),
            (ApprovalOf { refs: vec![approved("refs/heads/y", Some(id("a")), "b")], ..this.clone() }, NotThis::Refs),
            (ApprovalOf { refs: vec![approved("refs/heads/x", Some(id("a")), "c")], ..this.clone() }, NotThis::Refs),
            (ApprovalOf { refs: vec![approved("refs/heads/x", None, "b")], ..this.clone() }, NotThis::Refs),
            (ApprovalOf { policy: "11", ..this.clone() }, NotThis::Policy),
            (ApprovalOf { domain: "gate2", ..this.clone() }, NotThis::Form),
        ];
        for (wanted, why) in refused {
            assert_eq!(wanted.check(&text, now), Err(why));
        }
        assert_eq!(this.check(&text, until), Err(NotThis::Expired));
        assert_eq!(this.check(&text.replace("approve\"", "reject\""), now), Err(NotThis::Verdict));
        assert_eq!(this.check("{}", now), Err(NotThis::Form));
        assert_eq!(this.check(&text.replacen('{', "{\"x\":1,", 1), now), Err(NotThis::Form));
    }
}
