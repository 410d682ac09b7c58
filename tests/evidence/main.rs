//! Statements as CI meets them: in the notes of a real repository, checked by this program and by a shell script that
//! has only git, openssl, ssh-keygen and jq. Each attack is tried on both.

mod chain;
mod ci;
mod ledger;
mod log;
mod program;
mod tools;
mod trust;
mod world;

#[path = "../support/packages.rs"]
mod packages;
#[path = "../support/mod.rs"]
mod support;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use refgate::evidence::{Envelope, History, NotProven, Outcome, ResourceUri, Sha256Digest, Trust, UpdatedRef};
use std::time::Duration;
use world::{Asked, FOREIGN, K_ATT, K_GIT, MAIN, World, key, lines};

/// Both verifiers on the same note: what each of them says. The program says what its library says, with the exit
/// status of the script.
#[track_caller]
fn both(world: &World, trust: &Trust, note: &[String], asked: &Asked<'_>) -> (Result<(), NotProven>, i32, String) {
    world.publish(note, K_GIT, "");
    let ours = world.ours(trust, note, asked).map(drop);
    let program = world.program(trust, asked);
    let said = String::from_utf8_lossy(&program.stderr).into_owned();
    assert_eq!(program.status.code(), Some(i32::from(ours.is_err())), "{said}");
    if let Err(why) = &ours {
        assert_eq!(said, format!("refgate: not proven: {why}\n"));
    }
    let output = world.script(trust, asked);
    let said = String::from_utf8_lossy(if output.status.success() { &output.stdout } else { &output.stderr });
    (ours, output.status.code().expect("it ends"), said.trim().to_owned())
}

/// Both refuse, with the same words.
#[track_caller]
fn refused(world: &World, trust: &Trust, note: &[String], asked: &Asked<'_>, why: &str) {
    let (ours, code, said) = both(world, trust, note, asked);
    assert_eq!(ours.expect_err("not proven").to_string(), why);
    assert_eq!((code, said), (1, format!("verify.sh: not proven: {why}")));
}

fn main_at_tip(world: &World) -> Asked<'_> {
    Asked { ref_name: MAIN, commit: &world.tip, age_max_s: None }
}

/// The statement in a line, changed, and signed again by this key.
fn forged(line: &str, signer: u8, from: &str, to: &str) -> String {
    let envelope = Envelope::parse(line.as_bytes()).expect("an envelope");
    let payload = String::from_utf8(envelope.payload().to_vec()).expect("UTF-8");
    assert!(payload.contains(from), "{from} in {payload}");
    Envelope::sign(payload.replace(from, to).as_bytes(), &key(signer)).expect("a line").to_string()
}

#[test]
fn an_accepted_commit_is_proven_by_both() {
    let world = World::new();
    let (trust, decision) = (world.trust(), world.decision());
    let note = lines(&decision);
    let proven = world.ours(&trust, &note, &main_at_tip(&world)).expect("proven");
    assert_eq!(proven.verifier_id, world::VERIFIER);
    assert_eq!(proven.keyid, key(K_ATT).public().to_string());
    let levels = ["SLSA_SOURCE_LEVEL_3", "ORG_SOURCE_GATE_PATHS", "ORG_SOURCE_GATE_HUMAN_APPROVED"];
    assert_eq!(proven.levels, levels);
    assert_eq!(proven.actor, Some(("claude-1".to_owned(), "agent".to_owned())));
    assert_eq!(proven.approvers, ["dana"]);
    assert_eq!(proven.decision_line, note[0].as_bytes());

    let expected = format!(
        "proven: {} may be refs/heads/main\nby {}, {}, {}\npush {} of claude-1, approved",
        world.tip,
        world::VERIFIER,
        refgate::evidence::Seconds::floor(decision.decided),
        levels.join(" "),
        decision.push,
    );
    let foreign = forged(&note[1], FOREIGN, "PASSED", "PASSED");
    let reversed = vec![note[1].clone(), note[0].clone()];
    let mixed = vec!["".into(), "{}".into(), foreign, note[1].clone(), "not json \u{1b}".into(), note[0].clone()];
    let two = lines(&{
        let mut other = world.decision();
        other.subject.ref_name = world::ref_name("refs/heads/release");
        other
    });
    let with_other_ref = [two, note.clone()].concat();
    for note in [note.clone(), reversed, mixed, with_other_ref] {
        let (ours, code, said) = both(&world, &trust, &note, &main_at_tip(&world));
        assert_eq!((ours, code, said), (Ok(()), 0, expected.clone()));
    }
    // As long as a leaf may be, about.
    let mut long = decision.clone();
    long.evaluations = vec![long.evaluations[0].clone(); 700];
    let (ours, code, said) = both(&world, &trust, &lines(&long), &main_at_tip(&world));
    assert_eq!((ours, code, said), (Ok(()), 0, expected));
    // Git makes directories of the first digits when there are many notes.
    for fan_out in [world.tip[..2].to_owned(), format!("{}/{}", &world.tip[..2], &world.tip[2..4])] {
        world.publish(&note, K_GIT, &fan_out);
        let output = world.script(&trust, &main_at_tip(&world));
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn an_annotated_tag_is_proven_by_its_commit() {
    let world = World::new();
    let name = "refs/tags/v1";
    let tag = world::id(&"1".repeat(40));
    let mut decision = world.decision();
    decision.subject.ref_name = world::ref_name(name);
    decision.subject.tag = Some(tag);
    decision.update = UpdatedRef { old: None, new: Some(tag), history: History::Kept };
    let asked = Asked { ref_name: name, ..main_at_tip(&world) };
    let (ours, code, _) = both(&world, &world.trust(), &lines(&decision), &asked);
    assert_eq!((ours, code), (Ok(()), 0));
}

#[test]
fn a_statement_proves_nothing_for_another_ref_repository_or_commit() {
    let world = World::new();
    let (trust, note) = (world.trust(), lines(&world.decision()));
    let at_tip = main_at_tip(&world);
    let asked = Asked { ref_name: "refs/heads/release", ..main_at_tip(&world) };
    refused(&world, &trust, &note, &asked, "the summary is for another ref: refs/heads/main");

    let mut elsewhere = world.trust();
    for uri in elsewhere.repos.values_mut() {
        *uri = ResourceUri::parse("git+ssh://gate.example/other").expect("a URI");
    }
    let why = format!("the summary is for another repository: {}", world::RESOURCE);
    refused(&world, &elsewhere, &note, &at_tip, &why);

    // The note of the commit before, moved to the tip.
    let mut before = world.decision();
    before.subject.commit = world::id(&world.before);
    before.subject.tree = Some(world.tree(&world.before));
    before.update.new = Some(world::id(&world.before));
    let why = format!("the summary is for another commit: {}", world.before);
    refused(&world, &trust, &lines(&before), &at_tip, &why);

    let mut tree = world.decision();
    tree.subject.tree = Some(world.tree(&world.before));
    let why = format!("the summary is for another tree: {}", world.tree(&world.before));
    refused(&world, &trust, &lines(&tree), &at_tip, &why);
}

#[test]
fn what_was_altered_or_signed_by_others_proves_nothing() {
    let world = World::new();
    let (trust, note) = (world.trust(), lines(&world.decision()));
    let asked = main_at_tip(&world);

    let envelope = Envelope::parse(note[1].as_bytes()).expect("an envelope");
    let payload = String::from_utf8(envelope.payload().to_vec()).expect("UTF-8");
    let other = STANDARD.encode(payload.replace("LEVEL_3", "LEVEL_4"));
    let altered = note[1].replace(&STANDARD.encode(payload), &other);
    let ours = world.ours(&trust, &[note[0].clone(), altered.clone()], &asked).expect_err("not proven");
    assert_eq!(ours, NotProven::Altered(key(K_ATT).public().to_string()));
    let (_, code, said) = both(&world, &trust, &[note[0].clone(), altered], &asked);
    assert_eq!((code, &*said), (1, "verify.sh: not proven: the summary was altered: its signature does not match"));

    let foreign = forged(&note[1], FOREIGN, "PASSED", "PASSED");
    let lie = foreign.replace(&key(FOREIGN).public().to_string(), &key(K_ATT).public().to_string());
    for (line, ours_why, script_why) in [
        (
            foreign,
            NotProven::ForeignKey(key(FOREIGN).public().to_string()),
            "the summary is signed by a key that is not trusted",
        ),
        (
            lie,
            NotProven::Altered(key(K_ATT).public().to_string()),
            "the summary was altered: its signature does not match",
        ),
    ] {
        let (ours, code, said) = both(&world, &trust, &[note[0].clone(), line], &asked);
        assert_eq!(ours, Err(ours_why));
        assert_eq!((code, said), (1, format!("verify.sh: not proven: {script_why}")));
    }
}

#[test]
fn a_key_counts_only_in_its_time_and_for_its_verifier() {
    let world = World::new();
    let note = lines(&world.decision());
    let asked = main_at_tip(&world);
    let decided = world.decision().decided;
    let second = Duration::from_secs(1);
    let time = refgate::evidence::Seconds::floor(decided);
    let why = format!("the summary is of {time}, when its key was not valid");
    let with = |after: Option<jiff::Timestamp>, before: Option<jiff::Timestamp>| {
        let mut trust = world.trust();
        trust.verifiers[0].valid_after = after;
        trust.verifiers[0].valid_before = before;
        trust
    };
    let time = time.timestamp();
    refused(&world, &with(None, Some(time)), &note, &asked, &why);
    refused(&world, &with(Some(time + second), None), &note, &asked, &why);
    for trust in [with(None, Some(time + second)), with(Some(time), None), with(None, None)] {
        let (ours, code, _) = both(&world, &trust, &note, &asked);
        assert_eq!((ours, code), (Ok(()), 0));
    }
    let mut renamed = world.trust();
    renamed.verifiers[0].id = "https://gate.example/refgate/v1".to_owned();
    let (ours, code, said) = both(&world, &renamed, &note, &asked);
    assert_eq!(ours, Err(NotProven::OtherVerifier(world::VERIFIER.to_owned())));
    let script = "verify.sh: not proven: the summary is of a verifier which its key does not speak for";
    assert_eq!((code, &*said), (1, script));
}

#[test]
fn a_decision_must_be_there_and_agree() {
    let world = World::new();
    let (trust, note) = (world.trust(), lines(&world.decision()));
    let asked = main_at_tip(&world);
    let decision_digest = |line: &str| Sha256Digest::of(line.as_bytes()).to_string();

    let (ours, code, said) = both(&world, &trust, &note[1..], &asked);
    let digest = Sha256Digest::of(note[0].as_bytes());
    assert_eq!(ours, Err(NotProven::DecisionMissing(digest)));
    let missing = "verify.sh: not proven: the decision is missing from the note, or not signed by the gate";
    assert_eq!((code, &*said), (1, missing));
    refused(&world, &trust, &note[..1], &asked, "the note has no verification summary");

    // A summary that names a decision which says something else: only the gate's own key could make one.
    let differing = [
        ("\"name\":\"refs/heads/main\"", "\"name\":\"refs/heads/x\"", "ref"),
        ("gate.example/app", "gate.example/other", "repository"),
        ("\"gitTree\":\"", "\"gitTag\":\"", "subject"),
        (&format!("\"new\":\"{}\"", world.tip), "\"new\":null", "subject"),
        ("gate.example/policy", "gate.example/other", "policy"),
        ("\"decided\":\"20", "\"decided\":\"19", "time"),
        (&Sha256Digest::of(b"approval").to_string(), &Sha256Digest::of(b"other").to_string(), "approvals"),
    ];
    for (from, to, what) in differing {
        let decision = forged(&note[0], K_ATT, from, to);
        let summary = forged(&note[1], K_ATT, &decision_digest(&note[0]), &decision_digest(&decision));
        let why = format!("the summary and the decision do not agree on the {what}");
        refused(&world, &trust, &[decision, summary], &asked, &why);
    }
    for (from, to, what) in [
        ("\"outcome\":\"approved\"", "\"outcome\":\"rejected\"", "rejected"),
        ("\"mode\":\"enforce\"", "\"mode\":\"monitor\"", "the policy was not enforced"),
    ] {
        let decision = forged(&note[0], K_ATT, from, to);
        let summary = forged(&note[1], K_ATT, &decision_digest(&note[0]), &decision_digest(&decision));
        let why = format!("the decision did not let the push through: {what}");
        refused(&world, &trust, &[decision, summary], &asked, &why);
    }
    let foreign = forged(&note[0], FOREIGN, "approved", "approved");
    let summary = forged(&note[1], K_ATT, &decision_digest(&note[0]), &decision_digest(&foreign));
    let (ours, code, said) = both(&world, &trust, &[foreign, summary], &asked);
    assert_eq!((ours, code, &*said), (Err(NotProven::DecisionForeign), 1, missing));
    let failed = forged(&note[1], K_ATT, "PASSED", "FAILED");
    refused(&world, &trust, &[note[0].clone(), failed], &asked, "the summary does not say PASSED");
}

#[test]
fn age_is_counted_from_the_decision() {
    let world = World::new();
    let trust = world.trust();
    let aged = |seconds: u64| Asked { age_max_s: Some(seconds), ..main_at_tip(&world) };
    let decision = world.decision();
    let time = refgate::evidence::Seconds::floor(decision.decided);
    let (ours, code, _) = both(&world, &trust, &lines(&decision), &aged(3600));
    assert_eq!((ours, code), (Ok(()), 0));
    let why = format!("the summary is of {time}, which is too long ago (--max-age)");
    refused(&world, &trust, &lines(&decision), &aged(599), &why);

    let mut future = world.decision();
    future.decided = world.now + Duration::from_secs(600);
    let time = refgate::evidence::Seconds::floor(future.decided);
    let why = format!("the summary is of {time}, which is still to come; check the clock");
    refused(&world, &trust, &lines(&future), &main_at_tip(&world), &why);
}

#[test]
fn without_a_note_nothing_is_proven() {
    let world = World::new();
    let (trust, asked) = (world.trust(), main_at_tip(&world));
    let said = |code: i32, why: &str, asked: &Asked<'_>| {
        let output = world.script(&trust, asked);
        let error = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        assert_eq!((output.status.code(), error), (Some(code), format!("verify.sh: {why}")));
    };
    let none = "the commit has no refgate note; it did not come through the gate";
    said(1, "not proven: origin has no refs/notes/refgate", &asked);
    world.publish(&lines(&world.decision()), K_GIT, "");
    said(1, &format!("not proven: {none}"), &Asked { commit: &world.before, ..main_at_tip(&world) });
    said(2, "cannot check: there is no commit x here", &Asked { commit: "x", ..main_at_tip(&world) });
    said(
        2,
        "cannot check: --ref is a full name, such as refs/heads/main",
        &Asked { ref_name: "main", ..main_at_tip(&world) },
    );
    refused(&world, &trust, &[String::new()], &asked, none);
    refused(&world, &trust, &["x".to_owned()], &asked, "the note has no verification summary");
}

/// A repository among the files under test, with a commit that is proven, does not stand in for the one around it.
#[test]
fn what_is_below_the_top_is_judged_by_the_repository_around_it() {
    let world = World::new();
    world.publish(&lines(&world.decision()), K_GIT, "");
    let trust = world.trust();
    let (toml, json) = (world.path("t.toml"), world.path("t.json"));
    std::fs::write(&toml, trust.to_toml()).expect("write");
    std::fs::write(&json, trust.to_json()).expect("write");
    support::git(&world.clone, &["fetch", "-q", "--depth=1", "origin", "+refs/notes/refgate:refs/notes/refgate"]);
    let (inner, src) = (world.clone.join("services/app"), world.clone.join("src"));
    std::fs::create_dir_all(&src).expect("made");
    let codes = |dir: &std::path::Path| {
        let mut program = std::process::Command::new(env!("CARGO_BIN_EXE_refgate"));
        program.current_dir(dir).args(["verify", "--ref", MAIN, "HEAD", "--trust"]).arg(&toml);
        let mut script = std::process::Command::new("sh");
        script.current_dir(dir).arg(concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/ci/verify.sh"));
        script.args(["--ref", MAIN, "--notes", "refs/notes/refgate", "--trust"]).arg(&json);
        [program, script].map(|mut command| command.output().expect("it runs").status.code().expect("it ends"))
    };
    assert_eq!(codes(&src), [0, 0], "a directory is as good as the top");
    let linked = world.path("linked");
    support::git(&world.clone, &["worktree", "add", "-q", linked.to_str().expect("UTF-8"), "--detach"]);
    assert_eq!(codes(&linked), [0, 0], "and so is a work tree beside it");
    let (from, to) = (world.clone.to_str().expect("UTF-8"), inner.to_str().expect("UTF-8"));
    support::git(&world.clone, &["clone", "-q", "--mirror", from, to]);
    let evil = support::commit(&world.clone, Some(&world.tip), "evil", "1\n");
    support::git(&world.clone, &["reset", "-q", "--hard", &evil]);
    assert_eq!(codes(&src), [1, 1]);
    assert_eq!(codes(&inner), [1, 2]);
}

/// As many as a full note has: of refs that others brought to the same commit.
#[test]
fn a_long_note_is_searched() {
    let world = World::new();
    let mut note: Vec<String> = (0..1000)
        .flat_map(|n| {
            let mut decision = world.decision();
            decision.subject.ref_name = world::ref_name(&format!("refs/heads/agent/{n}"));
            lines(&decision)
        })
        .collect();
    let trust = world.trust();
    let (ours, code, said) = both(&world, &trust, &note, &main_at_tip(&world));
    let of_others = "the summary is for another ref: refs/heads/agent/";
    assert!(ours.expect_err("not proven").to_string().starts_with(of_others) && said.contains(of_others), "{said}");
    assert_eq!(code, 1);
    note.splice(1000..1000, lines(&world.decision()));
    let (ours, code, said) = both(&world, &trust, &note, &main_at_tip(&world));
    assert_eq!((ours, code), (Ok(()), 0), "{said}");
}

#[test]
fn notes_that_the_gate_did_not_sign_are_refused() {
    let world = World::new();
    let (trust, asked) = (world.trust(), main_at_tip(&world));
    world.publish(&lines(&world.decision()), FOREIGN, "");
    let output = world.script(&trust, &asked);
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    assert_eq!(
        (output.status.code(), &*said),
        (Some(1), "verify.sh: not proven: the notes are not signed by the gate")
    );
}

#[test]
fn a_summary_is_made_for_what_was_let_through_only() {
    let world = World::new();
    let key = key(K_ATT);
    for outcome in [Outcome::Held, Outcome::Rejected, Outcome::Expired, Outcome::ExternalUpdate] {
        let mut decision = world.decision();
        decision.outcome = outcome;
        let line = decision.sign(&key).expect("a line");
        let controls = refgate::evidence::RefControls {
            continuity: refgate::evidence::Continuity::Unbroken,
            history: refgate::evidence::RefHistory::Protected,
        };
        assert!(refgate::evidence::Summary::new(&decision, &line, controls).is_err(), "{outcome:?}");
    }
}
