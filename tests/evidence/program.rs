//! `refgate verify` as a program: what is missing, what it says to people, and that it starts nothing.

use crate::ledger::{Ledger, is};
use crate::support::{commit, git};
use crate::world::{Asked, FOREIGN, K_ATT, K_GIT, MAIN, World, key, lines};
use refgate::evidence::Seconds;
use std::process::Output;

fn said(output: &Output) -> (i32, String) {
    let text = [&output.stdout[..], &output.stderr].concat();
    (output.status.code().expect("it ends"), String::from_utf8(text).expect("UTF-8"))
}

#[test]
fn what_is_not_here_cannot_be_checked() {
    let world = World::new();
    let trust = world.trust().to_toml();
    let ask = |trust: &str, arguments: &[&str]| said(&world.refgate(&world.clone, trust, arguments));
    let fetch = "git fetch --depth=1 origin refs/notes/refgate:refs/notes/refgate";
    let none =
        format!("refgate: cannot check: no notes were fetched: there is no refs/notes/refgate here:\n  {fetch}\n");
    assert_eq!(ask(&trust, &["--ref", MAIN]), (2, none));

    world.publish(&lines(&world.decision()), K_GIT, "");
    git(&world.clone, &fetch.split(' ').skip(1).collect::<Vec<_>>());
    let other = "1".repeat(40);
    let several = trust.clone() + "\n[repo.other]\nresource_uri = \"git+ssh://gate.example/other\"\n";
    let cases: [(&str, &[&str], &str); 12] = [
        (&trust, &["--ref", "main"], "--ref is a full name, such as refs/heads/main"),
        (&trust, &["--ref", "refs/heads/a..b"], "--ref is a full name, such as refs/heads/main"),
        (&trust, &["--ref", MAIN, "nothing"], "there is no commit nothing here"),
        (&trust, &["--ref", MAIN, &other], "a shallow clone has only what was fetched"),
        (&trust, &["--ref", MAIN, "--notes", "refs/notes/x"], "there is no refs/notes/x here"),
        (&trust, &["--ref", MAIN, "--repo", "x"], "the trust file has no repository x"),
        (&several, &["--ref", MAIN], "the trust file has 2 repositories; say which one with --repo"),
        ("", &["--ref", MAIN], "the trust file cannot be used"),
        ("version = 2\n", &["--ref", MAIN], "the trust file cannot be used"),
        (&format!("{trust}\n[log]\npolicy = \"x\"\n"), &["--ref", MAIN], "the trust file cannot be used: [log] policy"),
        (&trust.replace("MCow", "MCox"), &["--ref", MAIN], "the trust file cannot be used"),
        (&trust, &["--ref", MAIN, "--max-age", "x"], "--max-age"),
    ];
    for (trust, arguments, why) in cases {
        let (code, text) = ask(trust, arguments);
        assert!(code == 2 && text.contains(why), "{arguments:?} {code}: {text}");
    }
    let (code, text) = ask(&several, &["--ref", MAIN, "--repo", "app"]);
    assert_eq!(code, 0, "{text}");

    let outside = tempfile::tempdir().expect("a directory");
    let (code, text) = said(&world.refgate(outside.path(), &trust, &["--ref", MAIN]));
    assert!(code == 2 && text.contains("is in no git repository"), "{text}");
    let missing = world.refgate(&world.clone, &trust, &["--ref", MAIN, "--trust", "/nonexistent"]);
    assert_eq!(missing.status.code(), Some(2));
}

#[test]
fn a_removed_note_is_not_proven_and_notes_that_were_not_fetched_cannot_be_checked() {
    let world = World::new();
    let (trust, asked) = (world.trust(), Asked { ref_name: MAIN, commit: &world.tip, age_max_s: None });
    world.publish(&lines(&world.decision()), K_GIT, "");
    assert_eq!(world.program(&trust, &asked).status.code(), Some(0));
    let before = Asked { commit: &world.before, ..asked };
    let none = "refgate: not proven: the commit has no refgate note; it did not come through the gate\n";
    assert_eq!(said(&world.program(&trust, &before)), (1, none.to_owned()));
    assert_eq!(world.script(&trust, &before).status.code(), Some(1));
}

#[test]
fn a_note_is_read_up_to_its_limit() {
    let world = World::new();
    let (trust, asked) = (world.trust(), Asked { ref_name: MAIN, commit: &world.tip, age_max_s: None });
    let note = lines(&world.decision());
    let length: usize = note.iter().map(|line| line.len() + 1).sum();
    let room = refgate::evidence::NOTE_BYTES_MAX - length - 1;
    for (padding, code) in [(room, 0), (room + 1, 1)] {
        world.publish(&[note.clone(), vec![" ".repeat(padding)]].concat(), K_GIT, "");
        assert_eq!(said(&world.program(&trust, &asked)).0, code);
        assert_eq!(world.script(&trust, &asked).status.code(), Some(code));
    }
}

#[test]
fn a_key_that_left_the_trust_file_proves_nothing() {
    let world = World::new();
    let asked = Asked { ref_name: MAIN, commit: &world.tip, age_max_s: None };
    world.publish(&lines(&world.decision()), K_GIT, "");
    let mut trust = world.trust();
    trust.verifiers[0].key = key(FOREIGN).public();
    let why =
        format!("refgate: not proven: the summary is signed by a key that is not trusted: {}\n", key(K_ATT).public());
    assert_eq!(said(&world.program(&trust, &asked)), (1, why));
    assert_eq!(world.script(&trust, &asked).status.code(), Some(1));
}

/// Statements prove themselves, so this says it and leaves the level alone; the script, which is for those who look at
/// git's own signatures first, refuses.
#[test]
fn notes_that_the_gate_did_not_sign_are_told() {
    let ledger = Ledger::new();
    let world = &ledger.world;
    let trust = world.trust();
    let asked = |world: &World| {
        git(&world.clone, &["fetch", "-q", "--depth=1", "origin", "+refs/notes/refgate:refs/notes/refgate"]);
        let (code, value) = ledger.ask(&world.clone, &trust, &[&world.tip]);
        (code, value["notes_signed"].clone())
    };
    for (signer, is_signed) in [(K_GIT, true), (FOREIGN, false)] {
        world.publish(&lines(&world.decision()), signer, "");
        assert_eq!(asked(world), (0, is_signed.into()));
    }
    let unsigned = git(&world.origin, &["commit-tree", "-m", "x", "refs/notes/refgate^{tree}"]);
    git(&world.origin, &["update-ref", "refs/notes/refgate", &unsigned]);
    assert_eq!(asked(world), (0, false.into()));
    let open = refgate::evidence::Trust { allowed_signers: Vec::new(), ..world.trust() };
    let (code, value) = ledger.ask(&world.clone, &open, &[&world.tip]);
    assert_eq!((code, &value["notes_signed"]), (0, &serde_json::Value::Null));
}

#[test]
fn notes_are_found_at_any_depth_and_by_any_name() {
    let world = World::new();
    let trust = world.trust().to_toml();
    for fan_out in [world.tip[..2].to_owned(), format!("{}/{}", &world.tip[..2], &world.tip[2..4])] {
        world.publish(&lines(&world.decision()), K_GIT, &fan_out);
        git(&world.clone, &["fetch", "-q", "--depth=1", "origin", "refs/notes/refgate"]);
        let id = git(&world.clone, &["rev-parse", "FETCH_HEAD"]);
        for notes in ["FETCH_HEAD", &id] {
            for commit in ["HEAD", "main", "origin/main", MAIN, &world.tip] {
                let output = world.refgate(&world.clone, &trust, &["--ref", MAIN, "--notes", notes, commit]);
                assert_eq!(output.status.code(), Some(0), "{notes} {commit} {:?}", said(&output));
            }
        }
    }
    // From within the work tree, and in another work tree of the same repository.
    std::fs::create_dir(world.clone.join("below")).expect("a directory");
    git(&world.clone, &["worktree", "add", "-q", "--detach", "../tree"]);
    for place in [world.clone.join("below"), world.path("tree")] {
        let id = git(&world.clone, &["rev-parse", "FETCH_HEAD"]);
        let output = world.refgate(&place, &trust, &["--ref", MAIN, "--notes", &id]);
        assert_eq!(output.status.code(), Some(0), "{:?}", said(&output));
    }
}

#[test]
fn what_is_proven_fits_a_screen() {
    let (ledger, clone) = Ledger::of_three();
    let tip = ledger.tip.clone().expect("a tip");
    let trust = ledger.trust(2, None).to_toml();
    let text = |arguments: &[&str]| {
        let (code, text) = said(&ledger.world.refgate(&clone, &trust, &[&["--ref", MAIN], arguments].concat()));
        // Ids and times differ from run to run.
        let push = text.split("push      ").nth(1).and_then(|rest| rest.get(..26)).unwrap_or("-").to_owned();
        let now = Seconds::floor(ledger.world.now).to_string();
        let decided = Seconds::floor(ledger.world.now - std::time::Duration::from_secs(597)).to_string();
        let text = text.replace(&push, "PUSH").replace(&now, "NOW").replace(&decided, "TIME").replace(&tip, "TIP");
        (code, text.replace(&key(K_ATT).public().to_string(), "K").replace(&key(K_GIT).public().to_string(), "N"))
    };
    let proven = "  signed    by https://gate.example/refgate/v0, key K, TIME
  push      PUSH of claude-1 (agent), approved by dana
  levels    SLSA_SOURCE_LEVEL_3 ORG_SOURCE_GATE_PATHS ORG_SOURCE_GATE_HUMAN_APPROVED
  policy    sha256 1eb6ae5b3d5c5f9d
  notes     signed by key N
  log       entry 2 of 3 in gate.example/log/1
  witnesses one.example NOW, two.example NOW
";
    let digest = refgate::evidence::Sha256Digest::of(b"policy").to_string();
    let proven = proven.replace("1eb6ae5b3d5c5f9d", &digest);
    let head = |level: &str| format!("proven at level {level}: TIP may be {MAIN} of git+ssh://gate.example/app\n");
    let more = "level C was not tried: --level C follows every move of the ref\n";
    assert_eq!(text(&[]), (0, head("B") + &proven + more));
    let chain = format!(
        "  chain     3 moves since the ref was created, each decided by the gate\n  policies  {}\n",
        &digest[..12]
    );
    assert_eq!(text(&["--level", "c"]), (0, head("C") + &proven + &chain));

    git(&clone, &["update-ref", "-d", "refs/refgate/log"]);
    let (proven, _) = proven.split_once("  log ").expect("the log");
    let fetch = "  git fetch --depth=1 origin refs/refgate/log:refs/refgate/log\n";
    assert_eq!(text(&[]), (0, format!("{}{proven}not level B: the log was not fetched\n{fetch}", head("A"))));
    let head = "refgate: cannot check level B: the log was not fetched\n";
    assert_eq!(text(&["--level", "B"]), (2, format!("{head}{proven}{fetch}")));
}

#[test]
fn a_trust_file_of_the_tree_under_test_is_warned_of() {
    let world = World::new();
    world.publish(&lines(&world.decision()), K_GIT, "");
    git(&world.clone, &["fetch", "-q", "--depth=1", "origin", "refs/notes/refgate"]);
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_refgate"));
    // The file `a` is in the commit.
    std::fs::write(world.clone.join("a"), world.trust().to_toml()).expect("write");
    command.current_dir(&world.clone).args(["verify", "--trust", "a", "--ref", MAIN, "--notes", "FETCH_HEAD"]);
    let output = command.output().expect("refgate runs");
    let warning = "refgate: warning: a is part of the tree under test: who changes one can change both\n";
    assert_eq!((output.status.code(), String::from_utf8_lossy(&output.stderr).as_ref()), (Some(0), warning));
}

#[test]
fn a_tag_is_proven_by_the_note_of_its_commit() {
    let ledger = Ledger::new();
    let world = &ledger.world;
    git(&world.origin, &["tag", "-a", "-m", "x", "v1", &world.tip]);
    let tag = git(&world.origin, &["rev-parse", "v1"]);
    let mut decision = world.decision();
    decision.subject.ref_name = crate::world::ref_name("refs/tags/v1");
    decision.subject.tag = Some(crate::world::id(&tag));
    decision.update.old = None;
    decision.update.new = Some(crate::world::id(&tag));
    world.publish(&lines(&decision), K_GIT, "");
    git(&world.clone, &["fetch", "-q", "--depth=1", "origin", "tag", "v1", "+refs/notes/refgate:refs/notes/refgate"]);
    let trust = world.trust().to_toml();
    for commit in ["v1", "refs/tags/v1", &tag, &world.tip] {
        let output = world.refgate(&world.clone, &trust, &["--ref", "refs/tags/v1", commit]);
        assert_eq!(output.status.code(), Some(0), "{commit} {:?}", said(&output));
    }
}

/// A replace ref would show another tree for the same commit.
#[test]
fn replaced_objects_are_not_believed() {
    let world = World::new();
    world.publish(&lines(&world.decision()), K_GIT, "");
    git(&world.clone, &["fetch", "-q", "--depth=1", "origin", "+refs/notes/refgate:refs/notes/refgate"]);
    let other = commit(&world.clone, None, "a", "evil\n");
    git(&world.clone, &["replace", &world.tip, &other]);
    let output = world.refgate(&world.clone, &world.trust().to_toml(), &["--ref", MAIN, "--json", &world.tip]);
    let value: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(
        (output.status.code(), value["tree"].as_str()),
        (Some(0), Some(world.tree(&world.tip).to_string().as_str()))
    );
}

#[test]
fn hostile_bytes_are_told_escaped_and_never_panic() {
    let ledger = Ledger::new();
    let world = &ledger.world;
    let trust = world.trust();
    for note in ["\u{1b}[31m", "{\"payload\":\"\",\"payloadType\":\"x\",\"signatures\":[]}", "[[[[", "\\u0000"] {
        world.publish(&[note.to_owned()], K_GIT, "");
        git(&world.clone, &["fetch", "-q", "--depth=1", "origin", "+refs/notes/refgate:refs/notes/refgate"]);
        assert_eq!(ledger.answer(&world.clone, &trust, &[&world.tip]), is(1, "-", "no-summary"));
    }
}
