//! Every kind of record as its event, word for word.

use super::Event;
use crate::model::{
    Effect, EventKind, ObjectId, PrincipalKind, PrincipalName, Purpose, PushId, RefName, RepoName, UpdateKind,
};
use crate::record::{
    AbortEntry, Actor, ApprovalRef, ClientAgent, Control, ControlEntry, DecisionEntry, EventEntry, ExternalEntry,
    FindingEntry, HoldEntry, HoldStep, Holds, Mode, OutcomeEntry, Record, RefOutcome, RefResult, ReleaseEntry,
    UpdateEntry, Verdict,
};
use jiff::Timestamp;

const PUSH: &str = "01JD7Q2ZZZZZZZZZZZZZZZZZZZ";

fn time(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

fn id(digit: &str) -> ObjectId {
    ObjectId::from_hex(digit.repeat(40).as_bytes()).expect("hex")
}

fn principal(name: &str) -> PrincipalName {
    PrincipalName::parse(name).expect("a name")
}

fn update() -> UpdateEntry {
    let name = RefName::parse("refs/heads/a\u{202e}".as_bytes()).expect("a ref");
    UpdateEntry { name, old: None, new: Some(id("b")), kind: Some(UpdateKind::Create) }
}

fn finding(rule: &str) -> FindingEntry {
    FindingEntry {
        rule: rule.to_owned(),
        effect: Effect::Hold,
        would: None,
        ref_name: None,
        commit: None,
        path: Some("secret/path".into()),
        line: None,
        message: "what was found".to_owned(),
        fix: String::new(),
    }
}

fn decision(purpose: Purpose, decision: Verdict) -> DecisionEntry {
    DecisionEntry {
        push: PushId::parse(PUSH).expect("an id"),
        time: time("2026-05-01T12:00:00Z"),
        repo: RepoName::parse("app").expect("a name"),
        principal: principal("claude-1"),
        principal_kind: PrincipalKind::Agent,
        key: "SHA256:x".to_owned(),
        peer: Some("192.0.2.1:1".parse().expect("an address")),
        policy: "0".repeat(64),
        mode: Mode::Enforce,
        updates: vec![update()],
        commits: 1,
        pack_bytes: 1,
        objects: 1,
        decision,
        findings: vec![finding("ci-files"), finding("size"), finding("ci-files")],
        more_findings: 0,
        push_options: 0,
        client: ClientAgent::default(),
        purpose,
        hold_until: (decision == Verdict::Hold).then(|| time("2026-05-08T12:00:00Z")),
        same_as: None,
        held_bytes: None,
        push_cert: None,
    }
}

fn actor(name: &str) -> Actor {
    Actor { principal: principal(name), kind: PrincipalKind::Human, key: "SHA256:y".to_owned() }
}

fn hold(step: HoldStep) -> HoldEntry {
    let of = decision(Purpose::Push, Verdict::Hold);
    HoldEntry {
        push: of.push,
        time: of.time,
        repo: of.repo,
        principal: of.principal,
        step,
        by: (step == HoldStep::Approve || step == HoldStep::Reject).then(|| actor("dana")),
        policy: of.policy,
        updates: of.updates,
        reason: if step == HoldStep::Reject { "not \"now\"\nsorry".to_owned() } else { String::new() },
        until: (step == HoldStep::Approve).then(|| time("2026-05-02T12:00:00Z")),
        replaced_by: (step == HoldStep::Supersede).then_some(of.push),
        signed: None,
    }
}

fn release(decision_: Verdict) -> ReleaseEntry {
    let of = decision(Purpose::Push, Verdict::Hold);
    let approval = ApprovalRef { by: principal("dana"), key: String::new(), time: of.time, signed: false };
    ReleaseEntry {
        push: of.push,
        time: of.time,
        repo: of.repo,
        principal: of.principal,
        policy: of.policy,
        mode: Mode::Enforce,
        updates: of.updates,
        decision: decision_,
        findings: vec![finding("size")],
        more_findings: 0,
        approvals: vec![approval],
    }
}

fn outcome(results: &[RefResult]) -> OutcomeEntry {
    let of = decision(Purpose::Push, Verdict::Accept);
    let one = |result: &RefResult| RefOutcome {
        name: update().name,
        result: *result,
        reason: "hook declined".into(),
        holds: Holds::Object(id("b")),
    };
    OutcomeEntry {
        push: of.push,
        time: of.time,
        repo: of.repo,
        principal: of.principal,
        refs: results.iter().map(one).collect(),
    }
}

fn abort() -> AbortEntry {
    let of = decision(Purpose::Push, Verdict::Refuse);
    AbortEntry {
        push: of.push,
        time: of.time,
        repo: of.repo,
        principal: of.principal,
        principal_kind: of.principal_kind,
        key: of.key,
        peer: of.peer,
        updates: Vec::new(),
        pack_bytes: 7,
        cause: "bad-pack".to_owned(),
        message: "a bad\u{200b} pack".to_owned(),
        client: ClientAgent::default(),
    }
}

fn control(action: Control) -> ControlEntry {
    let of_principal = matches!(action, Control::Revoke | Control::Reinstate);
    ControlEntry {
        time: time("2026-05-01T12:00:00Z"),
        action,
        repo: (action == Control::Freeze).then(|| RepoName::parse("app").expect("a name")),
        subject: of_principal.then(|| principal("claude-1")),
        by: actor("dana"),
        reason: "incident".to_owned(),
        until: (action == Control::Freeze).then(|| time("2026-05-02T12:00:00Z")),
    }
}

fn note(word: &str) -> Record {
    Record::Event(EventEntry::new(word, time("2026-05-01T12:00:00Z")).detail("policy", "00"))
}

/// What every event of the push above begins and goes on with.
fn of_push(name: &str, rest: &str) -> String {
    format!(
        r#"{{"v":1,"cursor":7,"time":"2026-05-01T12:00:00Z","event":"{name}","push":"{PUSH}","repo":"app","principal":"claude-1"{rest}}}"#
    )
}

fn of_gate(name: &str, rest: &str) -> String {
    format!(r#"{{"v":1,"cursor":7,"time":"2026-05-01T12:00:00Z","event":"{name}"{rest}}}"#)
}

fn refs(more: &str) -> String {
    let new = "b".repeat(40);
    format!(r#""refs":[{{"ref":"refs/heads/a\\u{{202e}}","old":null,"new":"{new}","kind":"create"{more}}}]"#)
}

fn table() -> Vec<(Record, String)> {
    use RefResult::{Forwarded, Moved, Rejected, Unknown};
    let of = |purpose, verdict| Record::Decision(decision(purpose, verdict));
    let (refs, result) = (refs(""), |word: &str| format!(",{}", refs(&format!(r#","result":"{word}""#))));
    let found = format!(r#",{refs},"rules":["ci-files","size"]"#);
    let until = r#","until":"2026-05-08T12:00:00Z""#;
    let released = format!(r#",{refs},"rules":["size"],"approved_by":["dana"]"#);
    let detail = r#","detail":{"policy":"00"}"#;
    let by = r#","by":"dana","reason":"incident""#;
    vec![
        (of(Purpose::Push, Verdict::Accept), of_push("push.accepted", &found)),
        (of(Purpose::Push, Verdict::Hold), of_push("push.held", &format!("{found}{until}"))),
        (of(Purpose::Push, Verdict::Refuse), of_push("push.refused", &found)),
        (of(Purpose::Review, Verdict::Hold), of_push("push.held", &format!(r#","purpose":"review"{found}{until}"#))),
        (
            of(Purpose::Check, Verdict::Accept),
            of_push("push.checked", &format!(r#","purpose":"check","decision":"accept"{found}"#)),
        ),
        (
            of(Purpose::Check, Verdict::Refuse),
            of_push("push.checked", &format!(r#","purpose":"check","decision":"refuse"{found}"#)),
        ),
        (
            Record::Hold(hold(HoldStep::Approve)),
            of_push("hold.approved", &format!(r#",{refs},"by":"dana","until":"2026-05-02T12:00:00Z""#)),
        ),
        (
            Record::Hold(hold(HoldStep::Reject)),
            of_push("hold.rejected", &format!(r#",{refs},"by":"dana","reason":"not \"now\"\\nsorry""#)),
        ),
        (Record::Hold(hold(HoldStep::Withdraw)), of_push("hold.withdrawn", &format!(",{refs}"))),
        (
            Record::Hold(hold(HoldStep::Supersede)),
            of_push("hold.superseded", &format!(r#",{refs},"replaced_by":"{PUSH}""#)),
        ),
        (Record::Hold(hold(HoldStep::Expire)), of_push("hold.expired", &format!(",{refs}"))),
        (Record::Hold(hold(HoldStep::Revoke)), of_push("hold.revoked", &format!(",{refs}"))),
        (Record::Release(release(Verdict::Accept)), of_push("hold.released", &released)),
        (Record::Release(release(Verdict::Refuse)), of_push("hold.refused", &released)),
        (Record::Outcome(outcome(&[Forwarded])), of_push("push.forwarded", &result("forwarded"))),
        (Record::Outcome(outcome(&[Rejected])), of_push("push.not-taken", &result("rejected"))),
        (Record::Outcome(outcome(&[Moved])), of_push("push.not-taken", &result("moved"))),
        (Record::Outcome(outcome(&[Unknown])), of_push("push.unknown", &result("unknown"))),
        (Record::Outcome(outcome(&[])), of_push("push.unknown", "")),
        (Record::Abort(abort()), of_push("push.aborted", r#","reason":"a bad\\u{200b} pack","cause":"bad-pack""#)),
        (
            Record::Control(control(Control::Freeze)),
            of_gate("repo.frozen", &format!(r#","repo":"app"{by},"until":"2026-05-02T12:00:00Z""#)),
        ),
        (Record::Control(control(Control::Thaw)), of_gate("repo.thawed", by)),
        (
            Record::Control(control(Control::Revoke)),
            of_gate("principal.revoked", &format!(r#","principal":"claude-1"{by}"#)),
        ),
        (
            Record::Control(control(Control::Reinstate)),
            of_gate("principal.reinstated", &format!(r#","principal":"claude-1"{by}"#)),
        ),
        (Record::Control(control(Control::Policy)), of_gate("policy.edited", by)),
        (
            Record::External(ExternalEntry {
                time: time("2026-05-01T12:00:00Z"),
                repo: RepoName::parse("app").expect("a name"),
                updates: vec![update()],
            }),
            of_gate("repo.moved", &format!(r#","repo":"app",{refs}"#)),
        ),
        (note("start"), of_gate("gate.started", detail)),
        (note("stop"), of_gate("gate.stopped", detail)),
        (note("policy-changed"), of_gate("policy.changed", detail)),
        (note("policy-refused"), of_gate("policy.refused", detail)),
    ]
}

#[test]
fn each_record_is_told_as_its_event() {
    let table = table();
    for (record, line) in &table {
        let decided = if matches!(record, Record::Outcome(_)) { vec![update()] } else { Vec::new() };
        let event = Event::of(7, record).expect("an event").with_decided(&decided);
        assert_eq!(event.to_line(), *line);
        serde_json::from_str::<serde_json::Value>(line).expect("JSON");
    }
    let told = |kind: &&EventKind| !table.iter().any(|(record, _)| Event::kind_of(record) == Some(**kind));
    assert_eq!(EventKind::ALL.iter().find(told), None, "every kind is in the table");
}

#[test]
fn what_is_no_news_is_no_event() {
    let again = DecisionEntry { same_as: PushId::parse(PUSH).ok(), ..decision(Purpose::Push, Verdict::Hold) };
    for record in
        [Record::Decision(again), note("settled-at-restart"), note("?"), Record::Release(release(Verdict::Hold))]
    {
        assert_eq!(Event::of(7, &record), None);
    }
}

#[test]
fn an_outcome_whose_decision_is_not_known_tells_what_the_upstream_holds() {
    let event = Event::of(7, &Record::Outcome(outcome(&[RefResult::Forwarded]))).expect("an event");
    let [update] = event.refs.as_slice() else { panic!("one ref") };
    assert_eq!((update.old, update.new, update.kind), (None, Some(id("b")), None));
}

#[test]
fn one_unknown_ref_makes_the_outcome_unknown() {
    use RefResult::{Forwarded, Rejected, Unknown};
    for (results, kind) in [
        (&[Forwarded, Forwarded][..], EventKind::PushForwarded),
        (&[Forwarded, Rejected], EventKind::PushNotTaken),
        (&[Forwarded, Unknown], EventKind::PushUnknown),
        (&[Rejected, Unknown], EventKind::PushUnknown),
    ] {
        assert_eq!(Event::kind_of(&Record::Outcome(outcome(results))), Some(kind));
    }
}
