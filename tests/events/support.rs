//! Records for the tests of events and webhooks.

#![allow(dead_code, unreachable_pub)]

use refgate::model::{ObjectId, PrincipalKind, PrincipalName, Purpose, PushId, RefName, RepoName};
use refgate::record::{ClientAgent, DecisionEntry, EventEntry, Mode, UpdateEntry, Verdict};
use refgate::store::Store;
use std::path::Path;

pub fn temporary() -> tempfile::TempDir {
    tempfile::tempdir().expect("a directory")
}

pub fn open(data: &Path) -> Store {
    Store::open(data).expect("the store opens")
}

/// Writes an event of the gate.
pub fn note(store: &Store) {
    store.note(&EventEntry::new("start", "2026-05-01T12:00:00Z".parse().expect("a time"))).expect("noted");
}

/// An accepted push that makes one ref.
pub fn decision(principal: &str, ref_name: &str) -> DecisionEntry {
    let new = ObjectId::from_hex("a".repeat(40).as_bytes()).expect("hex");
    let name = RefName::parse(ref_name.as_bytes()).expect("a ref");
    DecisionEntry {
        push: PushId::generate(),
        time: "2026-05-01T12:00:00Z".parse().expect("a time"),
        repo: RepoName::parse("app").expect("a name"),
        principal: PrincipalName::parse(principal).expect("a name"),
        principal_kind: PrincipalKind::Agent,
        key: "SHA256:x".to_owned(),
        peer: None,
        policy: "0".repeat(64),
        mode: Mode::Enforce,
        updates: vec![UpdateEntry { name, old: None, new: Some(new), kind: None }],
        commits: 1,
        pack_bytes: 100,
        objects: 3,
        decision: Verdict::Accept,
        findings: Vec::new(),
        more_findings: 0,
        push_options: 0,
        client: ClientAgent::default(),
        purpose: Purpose::Push,
        hold_until: None,
        same_as: None,
        held_bytes: None,
        push_cert: None,
    }
}
