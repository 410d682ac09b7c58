//! The steps of a held push in the store: each looks at what holds at that very moment, whoever was faster.

use refgate::model::{ObjectId, PrincipalKind, PrincipalName, Purpose, PushId, RefName, RepoName};
use refgate::record::{
    Actor, ApprovalRef, ClientAgent, Control, ControlEntry, DecisionEntry, HoldEntry, HoldStep, Mode, ReleaseEntry,
    UpdateEntry, Verdict,
};
use refgate::store::{Store, StoreError};

const NOW: &str = "2026-05-01T12:00:00Z";
const LATER: &str = "2026-05-02T12:00:00Z";

fn principal(name: &str) -> PrincipalName {
    PrincipalName::parse(name).expect("a name")
}

fn held() -> DecisionEntry {
    let id = ObjectId::from_hex("a".repeat(40).as_bytes()).expect("hex");
    let name = RefName::parse(b"refs/heads/agent/claude-1/x").expect("a ref");
    DecisionEntry {
        push: PushId::generate(),
        time: NOW.parse().expect("a time"),
        repo: RepoName::parse("app").expect("a name"),
        principal: principal("claude-1"),
        principal_kind: PrincipalKind::Agent,
        key: "SHA256:x".to_owned(),
        peer: None,
        policy: "0".repeat(64),
        mode: Mode::Enforce,
        updates: vec![UpdateEntry { name, old: None, new: Some(id), kind: None }],
        commits: 1,
        pack_bytes: 100,
        objects: 3,
        decision: Verdict::Hold,
        findings: Vec::new(),
        more_findings: 0,
        push_options: 0,
        client: ClientAgent::new(b"git/2.47.3"),
        purpose: Purpose::Push,
        hold_until: LATER.parse().ok(),
        same_as: None,
        held_bytes: Some(5000),
        push_cert: None,
    }
}

fn actor(name: &str) -> Actor {
    Actor { principal: principal(name), kind: PrincipalKind::Human, key: "SHA256:x".to_owned() }
}

fn approval(of: &DecisionEntry, by: &str) -> HoldEntry {
    HoldEntry {
        push: of.push,
        time: of.time,
        repo: of.repo.clone(),
        principal: of.principal.clone(),
        step: HoldStep::Approve,
        by: Some(actor(by)),
        policy: of.policy.clone(),
        updates: of.updates.clone(),
        reason: String::new(),
        until: LATER.parse().ok(),
        replaced_by: None,
        signed: None,
    }
}

fn release(of: &DecisionEntry, time: &str, by: &[&str]) -> ReleaseEntry {
    let time = time.parse().expect("a time");
    let given = |by: &&str| ApprovalRef { by: principal(by), key: "SHA256:x".to_owned(), time, signed: false };
    ReleaseEntry {
        push: of.push,
        time,
        repo: of.repo.clone(),
        principal: of.principal.clone(),
        policy: of.policy.clone(),
        mode: of.mode,
        updates: of.updates.clone(),
        decision: Verdict::Accept,
        findings: Vec::new(),
        more_findings: 0,
        approvals: by.iter().map(given).collect(),
    }
}

fn revocation(of: &str) -> ControlEntry {
    ControlEntry {
        time: NOW.parse().expect("a time"),
        action: Control::Revoke,
        repo: None,
        subject: Some(principal(of)),
        by: actor("lee"),
        reason: String::new(),
        until: None,
    }
}

/// A store with one held push that dana has approved.
fn store() -> (tempfile::TempDir, Store, DecisionEntry) {
    let data = tempfile::tempdir().expect("a directory");
    let store = Store::open(data.path()).expect("opened");
    let entry = held();
    store.decided(&entry).expect("held");
    store.stepped(approval(&entry, "dana"), Vec::new()).expect("approved");
    (data, store, entry)
}

#[test]
fn a_push_goes_on_with_approvals_that_count_at_that_moment() {
    let (_data, fine, entry) = store();
    fine.released(None, release(&entry, NOW, &["dana"]), Vec::new()).expect("approved by dana");
    let again = fine.released(None, release(&entry, NOW, &["dana"]), Vec::new()).expect_err("used up");
    assert!(matches!(again, StoreError::HoldIs(..)), "{again}");

    // Both approvals were read, and then dana was revoked.
    let (_data, revoked, entry) = store();
    revoked.controlled(revocation("dana")).expect("revoked");
    let error = revoked.released(Some(approval(&entry, "lee")), release(&entry, NOW, &["dana", "lee"]), Vec::new());
    assert!(matches!(error, Err(StoreError::NotApproved(push)) if push == entry.push), "{error:?}");
    // Nothing of it is written: not the other approval either.
    let alone = revoked.released(None, release(&entry, NOW, &["lee"]), Vec::new());
    assert!(matches!(alone, Err(StoreError::NotApproved(_))), "{alone:?}");

    // Of another policy, of somebody who never approved, and after its time.
    let (_data, others, entry) = store();
    let policy = ReleaseEntry { policy: "1".repeat(64), ..release(&entry, NOW, &["dana"]) };
    assert!(matches!(others.released(None, policy, Vec::new()), Err(StoreError::NotApproved(_))));
    assert!(matches!(
        others.released(None, release(&entry, NOW, &["lee"]), Vec::new()),
        Err(StoreError::NotApproved(_))
    ));
    let late = others.released(None, release(&entry, LATER, &["dana"]), Vec::new());
    assert!(matches!(late, Err(StoreError::HoldIs(..))), "{late:?}");
    others.released(None, release(&entry, NOW, &["dana"]), Vec::new()).expect("approved by dana");
}

#[test]
fn what_is_held_counts_with_what_it_takes_on_disk() {
    let (_data, store, entry) = store();
    let used = store.ask(|tables| refgate::store::holds::used(tables, &entry.repo)).expect("counted");
    assert_eq!(used, (1, 5000));
}
