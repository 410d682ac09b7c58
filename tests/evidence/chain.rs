//! Level C: every move of the ref was decided by the gate, and what a chain that lacks one looks like.

use crate::ledger::{Ledger, is};
use crate::support::git;
use crate::world::{FOREIGN, K_ATT, key, ref_name};
use refgate::evidence::{Decision, Envelope, ResourceUri, Sha256Digest};
use std::time::Duration;

const C: [&str; 2] = ["--level", "C"];

fn since(commit: &str) -> [&str; 4] {
    ["--level", "C", "--since", commit]
}

fn policy(name: &str) -> impl FnOnce(&mut Decision) {
    let digest = Sha256Digest::of(name.as_bytes());
    move |decision| decision.policy.digest = digest
}

/// Without the log's hashes, nothing but the notes is left.
fn without_tiles(ledger: &mut Ledger) {
    ledger.publish(|files| files.retain(|path, _| !path.starts_with("tile/")));
}

#[test]
fn a_chain_goes_back_to_where_the_ref_was_created() {
    let (mut ledger, clone) = Ledger::of_three();
    let trust = ledger.trust(2, None);
    let (code, said) = ledger.ask(&clone, &trust, &C);
    let chain = &said["chain"];
    assert_eq!((code, &said["reached"], &chain["moves"]), (0, &"C".into(), &3.into()), "{said}");
    assert_eq!((&chain["since"], &chain["order_checked"]), (&serde_json::Value::Null, &true.into()));
    assert_eq!(chain["policies"], serde_json::json!([Sha256Digest::of(b"policy").to_string()]));

    without_tiles(&mut ledger);
    ledger.fetch(&clone);
    let (code, said) = ledger.ask(&clone, &trust, &C);
    assert_eq!((code, &said["verdict"], &said["reason"]), (2, &"cannot-check".into(), &"chain-no-hashes".into()));
    assert_eq!(ledger.answer(&clone, &trust, &["--level", "B"]), is(0, "B", "-"));
}

#[test]
fn a_base_must_be_on_the_chain() {
    let mut ledger = Ledger::new();
    let first = ledger.external();
    let commits: Vec<String> = (0..3).map(|_| ledger.accept(|_| {})).collect();
    ledger.publish(|_| {});
    let clone = ledger.clone();
    let trust = ledger.trust(2, None);
    assert_eq!(ledger.answer(&clone, &trust, &C), is(1, "B", "chain-external-update"));
    for (base, moves) in [(&first, 3), (&commits[0], 2), (&commits[1], 1), (&commits[2], 1)] {
        let (code, said) = ledger.ask(&clone, &trust, &since(base));
        assert_eq!((code, &said["chain"]["moves"], &said["chain"]["since"]), (0, &moves.into(), &base.as_str().into()));
    }
    let other = "1".repeat(40);
    assert_eq!(ledger.answer(&clone, &trust, &since(&other)), is(1, "B", "chain-external-update"));
    assert_eq!(ledger.answer(&clone, &trust, &since("nowhere")), is(2, "-", "no-commit"));
    // The chain holds, but does not come by there.
    let (ledger, clone) = Ledger::of_three();
    assert_eq!(ledger.answer(&clone, &ledger.trust(2, None), &since(&other)), is(1, "B", "chain-other-base"));
}

#[test]
fn a_move_past_the_gate_breaks_the_chain() {
    let mut ledger = Ledger::new();
    ledger.accept(|_| {});
    let past = ledger.external();
    ledger.accept(|_| {});
    ledger.publish(|_| {});
    let clone = ledger.clone();
    let trust = ledger.trust(2, None);
    let (code, said) = ledger.ask(&clone, &trust, &C);
    assert_eq!((code, &said["reason"], &said["reached"]), (1, &"chain-external-update".into(), &"B".into()), "{said}");
    assert_eq!(said["chain"]["broken_at"], past.as_str());
    let message =
        format!("the chain is broken at {past}: the ref came there past the gate; --since names a trusted base");
    assert_eq!(said["message"], message.as_str());
    // Whoever can write notes takes the line away.
    ledger.notes.remove(&past);
    ledger.publish(|_| {});
    ledger.fetch(&clone);
    assert_eq!(ledger.answer(&clone, &trust, &C), is(1, "B", "chain-no-note"));
    // The gate did not know how the ref came there.
    let mut ledger = Ledger::new();
    ledger.accept(|_| {});
    ledger.accept(|decision| decision.previous.ref_index = None);
    ledger.publish(|_| {});
    let clone = ledger.clone();
    assert_eq!(ledger.answer(&clone, &ledger.trust(2, None), &C), is(1, "B", "chain-unknown"));
}

/// The ref comes to a commit a second time, past the gate. The note has the decision of the first time too.
#[test]
fn an_older_decision_does_not_stand_in_for_a_later_move() {
    let mut ledger = Ledger::new();
    let first = ledger.accept(|_| {});
    ledger.accept(|_| {});
    let line = {
        let before = ledger.notes[&first].len();
        ledger.external_to(&first, |_| {});
        ledger.notes[&first][before].clone()
    };
    ledger.accept(|_| {});
    ledger.publish(|_| {});
    let clone = ledger.clone();
    let trust = ledger.trust(2, None);
    assert_eq!(ledger.answer(&clone, &trust, &C), is(1, "B", "chain-external-update"));
    ledger.notes.get_mut(&first).expect("a note").retain(|other| *other != line);
    ledger.publish(|_| {});
    ledger.fetch(&clone);
    assert_eq!(ledger.answer(&clone, &trust, &C), is(1, "B", "chain-wrong-index"));
    // The same for the commit under test itself: an old decision does not stand in for how the ref came there last.
    let mut ledger = Ledger::new();
    let first = ledger.accept(|_| {});
    ledger.accept(|_| {});
    ledger.external_to(&first, |_| {});
    ledger.publish(|_| {});
    let clone = ledger.clone();
    assert_eq!(ledger.answer(&clone, &ledger.trust(2, None), &C), is(1, "B", "chain-external-update"));
    // A rewind that the gate let through is no break.
    let mut ledger = Ledger::new();
    let first = ledger.accept(|_| {});
    ledger.accept(|_| {});
    ledger.accept_to(&first, |_| {});
    ledger.publish(|_| {});
    let clone = ledger.clone();
    let (code, said) = ledger.ask(&clone, &ledger.trust(2, None), &C);
    assert_eq!((code, &said["chain"]["moves"], &said["log"]["index"]), (0, &3.into(), &2.into()), "{said}");
    ledger.accept(|_| {});
    ledger.publish(|_| {});
    let clone = ledger.clone();
    let (code, said) = ledger.ask(&clone, &ledger.trust(2, None), &C);
    assert_eq!((code, &said["chain"]["moves"]), (0, &4.into()), "{said}");
}

#[test]
fn a_missing_or_strange_decision_breaks_the_chain() {
    let (ledger, clone) = Ledger::of_three();
    let middle = git(&ledger.world.origin, &["rev-parse", "main~1"]);
    let line = ledger.notes[&middle][0].clone();
    let payload = String::from_utf8(Envelope::parse(line.as_bytes()).expect("an envelope").payload().to_vec());
    let payload = payload.expect("UTF-8");
    let signed = |signer: u8, from: &str, to: &str| {
        assert!(payload.contains(from), "{from}");
        Envelope::sign(payload.replace(from, to).as_bytes(), &key(signer)).expect("a line").to_string()
    };
    let elsewhere = crate::world::RESOURCE.replace("app", "other");
    let table = [
        (None, "chain-no-note"),
        (Some("x".to_owned()), "chain-no-decision"),
        (Some(signed(FOREIGN, "approved", "approved")), "chain-no-decision"),
        (Some(signed(K_ATT, crate::world::VERIFIER, "https://gate.example/refgate/v1")), "chain-no-decision"),
        (Some(signed(K_ATT, "\"name\":\"refs/heads/main\"", "\"name\":\"refs/heads/x\"")), "chain-no-decision"),
        (Some(signed(K_ATT, crate::world::RESOURCE, &elsewhere)), "chain-no-decision"),
        (Some(signed(K_ATT, &format!("\"new\":\"{middle}\""), "\"new\":null")), "chain-no-decision"),
        (Some(signed(K_ATT, "\"decided\":\"20", "\"decided\":\"19")), "chain-no-decision"),
        (Some(signed(K_ATT, "\"repoSeq\":2", "\"repoSeq\":3")), "chain-no-decision"),
        // What the gate could have signed, but has not put into the log at that place.
        (Some(signed(K_ATT, "claude-1", "claude-2")), "chain-wrong-index"),
    ];
    let mut ledger = ledger;
    for (note, reason) in table {
        match &note {
            None => drop(ledger.notes.remove(&middle)),
            Some(line) => drop(ledger.notes.insert(middle.clone(), vec![line.clone()])),
        }
        ledger.publish(|_| {});
        ledger.fetch(&clone);
        assert_eq!(ledger.answer(&clone, &ledger.trust(2, None), &C), is(1, "B", reason), "{note:?}");
    }
}

#[test]
fn what_was_not_let_through_breaks_the_chain() {
    let mut ledger = Ledger::new();
    ledger.accept(|_| {});
    // Observed only: there is no summary of it, and yet the ref moved.
    ledger.observed();
    ledger.accept(|_| {});
    ledger.publish(|_| {});
    let clone = ledger.clone();
    assert_eq!(ledger.answer(&clone, &ledger.trust(2, None), &C), is(1, "B", "chain-not-accepted"));
}

#[test]
fn indices_go_down_along_the_chain() {
    let mut ledger = Ledger::new();
    ledger.accept(|_| {});
    ledger.accept(|decision| decision.previous.ref_index = Some(1));
    ledger.publish(|_| {});
    let clone = ledger.clone();
    assert_eq!(ledger.answer(&clone, &ledger.trust(2, None), &C), is(1, "B", "chain-wrong-index"));
    let mut ledger = Ledger::new();
    ledger.accept(|_| {});
    ledger.log.append(&["other"]).expect("appended");
    ledger.accept(|decision| decision.previous.ref_index = Some(1));
    ledger.publish(|_| {});
    let clone = ledger.clone();
    assert_eq!(ledger.answer(&clone, &ledger.trust(2, None), &C), is(1, "B", "chain-wrong-index"));
}

#[test]
fn a_policy_does_not_come_back_unseen() {
    let mut ledger = Ledger::new();
    let commits: Vec<String> = ["a", "b", "b", "a", "a"].iter().map(|name| ledger.accept(policy(name))).collect();
    ledger.publish(|_| {});
    let clone = ledger.clone();
    let trust = ledger.trust(2, None);
    let digest = |name: &str| Sha256Digest::of(name.as_bytes()).to_string();
    let (code, said) = ledger.ask(&clone, &trust, &C);
    assert_eq!((code, &said["reason"]), (1, &"policy-returned".into()), "{said}");
    assert_eq!(said["chain"]["broken_at"], commits[3].as_str(), "where it came back");
    let (code, said) = ledger.ask(&clone, &trust, &["--level", "C", "--allow-policy-return"]);
    assert_eq!(code, 0, "{said}");
    assert_eq!(said["chain"]["policies"], serde_json::json!([digest("a"), digest("b"), digest("a")]));
    assert_eq!(said["chain"]["returned_policies"], serde_json::json!([digest("a")]));
    // Before the base is another matter.
    assert_eq!(ledger.answer(&clone, &trust, &since(&commits[1])), is(0, "C", "-"));
    let mut ledger = Ledger::new();
    ["a", "b", "c"].iter().for_each(|name| drop(ledger.accept(policy(name))));
    ledger.publish(|_| {});
    let clone = ledger.clone();
    assert_eq!(ledger.answer(&clone, &ledger.trust(2, None), &C), is(0, "C", "-"));
}

#[test]
fn other_refs_and_repositories_in_the_same_note_do_not_disturb() {
    let mut ledger = Ledger::new();
    ledger.accept(|_| {});
    let middle = ledger.accept(|_| {});
    ledger.accept(|_| {});
    let mut other = ledger.world.decision();
    other.subject.ref_name = ref_name("refs/heads/x");
    other.update.new = Some(crate::world::id(&middle));
    let elsewhere =
        Decision { resource: ResourceUri::parse("git+ssh://gate.example/x").expect("a URI"), ..other.clone() };
    let more: Vec<String> =
        [other, elsewhere].iter().map(|decision| decision.sign(&key(K_ATT)).expect("a line").to_string()).collect();
    ledger.notes.get_mut(&middle).expect("a note").splice(0..0, more);
    ledger.publish(|_| {});
    let clone = ledger.clone();
    assert_eq!(ledger.answer(&clone, &ledger.trust(2, None), &C), is(0, "C", "-"));
}

/// Clocks go back, and have whole seconds: what was decided after what is counted.
#[test]
fn a_move_past_the_gate_that_seems_older_breaks_the_chain() {
    let mut ledger = Ledger::new();
    let first = ledger.accept(|decision| decision.decided += Duration::from_secs(100));
    ledger.accept(|_| {});
    ledger.external_to(&first, |_| {});
    ledger.publish(|_| {});
    let clone = ledger.clone();
    assert_eq!(ledger.answer(&clone, &ledger.trust(2, None), &C), is(1, "B", "chain-external-update"));
}

/// The tag's object is not in the clone; its commit is.
#[test]
fn a_tag_that_came_back_past_the_gate_breaks_the_chain() {
    let tag = |decision: &mut Decision| {
        let tag = crate::world::id(&"1".repeat(40));
        (decision.subject.tag, decision.update.new) = (Some(tag), Some(tag));
    };
    let mut ledger = Ledger::new();
    let first = ledger.accept(tag);
    ledger.accept(|_| {});
    ledger.external_to(&first, tag);
    ledger.publish(|_| {});
    let clone = ledger.clone();
    assert_eq!(ledger.answer(&clone, &ledger.trust(2, None), &C), is(1, "B", "chain-external-update"));
}
