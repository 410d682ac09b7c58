//! Statements for the tests of this folder.

use crate::evidence::allowed_signers::AllowedSigner;
use crate::evidence::decision::*;
use crate::evidence::digest::Sha256Digest;
use crate::evidence::key::GateKey;
use crate::evidence::keys::PublishedKey;
use crate::evidence::spelling::ResourceUri;
use crate::evidence::statement::Subject;
use crate::evidence::trust::{Trust, TrustedLog, TrustedVerifier};
use crate::model::{ObjectId, PrincipalKind, PrincipalName, PushId, RefName, RepoName};
use jiff::Timestamp;
use std::collections::BTreeMap;

pub(super) const RESOURCE: &str = "git+ssh://gate.example/app";
pub(super) const VERIFIER: &str = "https://gate.example/refgate/v0";

pub(super) fn key(seed: u8) -> GateKey {
    GateKey::from_seed(&[seed; 32])
}

pub(super) fn id(digit: &str) -> ObjectId {
    ObjectId::from_hex(digit.repeat(40).as_bytes()).expect("hex")
}

pub(super) fn name(name: &str) -> PrincipalName {
    PrincipalName::parse(name).expect("a name")
}

pub(super) fn ref_name(name: &str) -> RefName {
    RefName::parse(name.as_bytes()).expect("a ref")
}

pub(super) fn decision() -> Decision {
    let evaluation = |rule: &str, result, paths: &[&[u8]]| Evaluation {
        rule: rule.to_owned(),
        result,
        paths: Paths::Listed(paths.iter().map(|path| (*path).into()).collect()),
        evidence: None,
    };
    let blob = Paths::Blob { digest: Sha256Digest::of(b"paths"), count: 9000 };
    let many = Evaluation {
        paths: blob,
        evidence: Some(Sha256Digest::of(b"seen")),
        ..evaluation("lfs", RuleResult::Pass, &[])
    };
    Decision {
        gate: Gate {
            domain: "gate.example".to_owned(),
            verifier_id: VERIFIER.to_owned(),
            version: "0.1.0".to_owned(),
            build: Some(Sha256Digest::of(b"build")),
        },
        id: DecisionId::parse("01JD7Q2ZZZZZZZZZZZZZZZZZZZ").expect("an id"),
        push: PushId::parse("01JD7Q2YYYYYYYYYYYYYYYYYYY").expect("an id"),
        outcome: Outcome::Accepted,
        resource: ResourceUri::parse(RESOURCE).expect("a URI"),
        subject: Subject { commit: id("b"), tree: Some(id("c")), tag: None, ref_name: ref_name("refs/heads/main") },
        update: UpdatedRef { old: Some(id("a")), new: Some(id("b")), history: History::Kept },
        actor: Some(Actor {
            name: name("claude-1"),
            kind: PrincipalKind::Agent,
            key_fingerprint: "SHA256:agent".to_owned(),
            on_behalf_of: Some(name("dana")),
        }),
        push_cert: Some(PushCert {
            digest: Sha256Digest::of(b"cert"),
            status: "G".to_owned(),
            nonce_status: "OK".to_owned(),
        }),
        client_claims: BTreeMap::from([("agent".to_owned(), "git/2.47\u{1b}".into())]),
        policy: PolicyUsed {
            uri: "git+ssh://gate.example/policy".to_owned(),
            digest: Sha256Digest::of(b"policy"),
            commit: Some(id("d")),
            mode: PolicyMode::Enforce,
        },
        evaluations: vec![evaluation("ci-files", RuleResult::Warn, &[b"a\xff\n", "grün".as_bytes()]), many],
        changeset: Some(Changeset { digest: Sha256Digest::of(b"changes"), files: 2, added_lines: 3, deleted_lines: 1 }),
        approvals: vec![ApprovalDigest {
            statement: Sha256Digest::of(b"approval"),
            approver: name("lee"),
            key_fingerprint: "SHA256:lee".to_owned(),
        }],
        previous: Previous { ref_index: Some(41), repo_seq: 7 },
        record: Some(Sha256Digest::of(b"record")),
        received: "2026-01-02T03:04:05.678Z".parse().expect("a time"),
        decided: "2026-01-02T03:04:06.789Z".parse().expect("a time"),
    }
}

pub(super) fn pushed_by(pusher: &str, kind: PrincipalKind) -> Decision {
    let key_fingerprint = "SHA256:x".to_owned();
    let actor = Actor { name: name(pusher), kind, key_fingerprint, on_behalf_of: None };
    Decision { actor: Some(actor), ..approved(decision(), &[]) }
}

pub(super) fn approved(decision: Decision, approvers: &[&str]) -> Decision {
    let approval = |approver: &&str| ApprovalDigest {
        statement: Sha256Digest::of(approver.as_bytes()),
        approver: name(approver),
        key_fingerprint: "SHA256:y".to_owned(),
    };
    Decision { approvals: approvers.iter().map(approval).collect(), ..decision }
}

/// Trusts the keys of these seeds, for the one repository `app`.
pub(super) fn trust(seeds: &[u8]) -> Trust {
    let verifier = |seed: &u8| TrustedVerifier {
        id: VERIFIER.to_owned(),
        key: key(*seed).public(),
        valid_after: None,
        valid_before: None,
    };
    let published = PublishedKey { key: key(9).public(), valid_after: Timestamp::UNIX_EPOCH, valid_before: None };
    let resource = ResourceUri::parse(RESOURCE).expect("a URI");
    Trust {
        verifiers: seeds.iter().map(verifier).collect(),
        repos: BTreeMap::from([(RepoName::parse("app").expect("a name"), resource)]),
        allowed_signers: vec![AllowedSigner::of_notes("gate@gate.example", &published)],
        log: Some(TrustedLog {
            policy: "log gate.example/log+00+AA\n".to_owned(),
            checkpoint: Some("c\n1\n\n— x\n".to_owned()),
        }),
    }
}
