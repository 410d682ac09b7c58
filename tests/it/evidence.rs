//! What a push leaves behind for others: notes with statements, and the log.

use crate::support::*;
use std::collections::BTreeMap;
use std::process::Command;

const NOTES: &str = "refs/notes/refgate";

/// The statements in the note of a commit, by the ends of their predicate types.
fn statements(world: &World, commit: &str) -> Vec<(String, serde_json::Value)> {
    let shown = world.git_command(&world.upstream).args(["notes", "--ref=refgate", "show", commit]).output();
    let shown = text(&shown.expect("git").stdout);
    let read = |line: &str| {
        let envelope: serde_json::Value = serde_json::from_str(line).expect("an envelope");
        assert_eq!(envelope["payloadType"], "application/vnd.in-toto+json");
        let payload = decode(envelope["payload"].as_str().expect("text"));
        let statement: serde_json::Value = serde_json::from_slice(&payload).expect("a statement");
        (statement["predicateType"].as_str().expect("text").to_owned(), statement)
    };
    shown.lines().filter(|line| !line.is_empty()).map(read).collect()
}

fn decode(text: &str) -> Vec<u8> {
    let mut command = Command::new("openssl");
    feed(command.args(["base64", "-d", "-A"]), text.as_bytes())
}

fn outcome(world: &World, commit: &str, name: &str) -> Option<String> {
    let of = |statement: &serde_json::Value| statement["subject"][0]["annotations"]["sourceRefs"][0] == name;
    let mut found = statements(world, commit)
        .into_iter()
        .filter(|(kind, statement)| kind.ends_with("/attestation/push-decision/v0.1") && of(statement));
    found.next_back().map(|(_, statement)| statement["predicate"]["outcome"].as_str().expect("text").to_owned())
}

fn key(world: &World, purpose: &str) -> std::path::PathBuf {
    let mut found =
        std::fs::read_dir(world.path().join("data/keys")).expect("keys").map(|e| e.expect("an entry").path());
    let named = |path: &std::path::PathBuf| path.file_name().expect("a name").to_string_lossy().starts_with(purpose);
    found.find(named).expect("a key")
}

#[test]
fn a_push_brings_its_evidence_in_the_same_push() {
    let world = World::new(SECRET_RULE);
    let client = world.clone_as("claude-1");
    let main = world.upstream_refs()["refs/heads/main"].clone();
    let id = client.commit(&[("src/a.rs", "1\n")], "fine");
    // Without a terminal git asks for quiet, and a push that went well says nothing.
    let pushed = client.push(&["--progress", &format!("HEAD:{}", client.branch("x"))]);
    pushed.accepted();
    let name = "refs/heads/agent/claude-1/x";
    let found = statements(&world, &id);
    let kinds: Vec<&str> =
        found.iter().map(|(kind, _)| kind.rsplit_once("localhost").map_or(&kind[..], |(_, end)| end)).collect();
    assert_eq!(kinds, ["/attestation/push-decision/v0.1", "https://slsa.dev/verification_summary/v1"]);
    let decision = &found[0].1["predicate"];
    assert_eq!(decision["outcome"], "accepted");
    assert_eq!(decision["ref"]["name"], name);
    assert_eq!((&decision["ref"]["old"], &decision["ref"]["new"]), (&serde_json::Value::Null, &id.clone().into()));
    assert_eq!(decision["actor"]["id"], "claude-1");
    assert_eq!(decision["changeset"]["files"], 1);
    assert_eq!(decision["changeset"]["added"], 1);
    assert_eq!(decision["resourceUri"], "git+ssh://localhost/app");
    assert_eq!(found[1].1["predicate"]["verificationResult"], "PASSED");
    // An agent may rewind its own branch.
    assert_eq!(found[1].1["predicate"]["verifiedLevels"][0], "SLSA_SOURCE_LEVEL_1");

    // The digest of the changeset, by hand: a file that was not there.
    let sha = |bytes: &[u8]| {
        text(&feed(Command::new("sha256sum").arg("-"), bytes)).split(' ').next().expect("hex").to_owned()
    };
    let record = format!("000000 100644 {} {} src/a.rs\0", "0".repeat(64), sha(b"1\n"));
    assert_eq!(decision["changeset"]["digest"]["sha256"], sha(record.as_bytes()));

    // The commit of the notes is signed, and stock git says so.
    let public = run(Command::new("ssh-keygen").arg("-y").arg("-f").arg(key(&world, "notes-")));
    let signers = world.path().join("signers");
    write(&signers, &format!("refgate@localhost namespaces=\"git\" {public}"));
    let allowed = format!("gpg.ssh.allowedSignersFile={}", signers.display());
    world.git(&world.upstream, &["-c", &allowed, "verify-commit", NOTES]);
    write(&signers, "");
    let verified = world.git_command(&world.upstream).args(["-c", &allowed, "verify-commit", NOTES]).output();
    assert!(!verified.expect("git").status.success(), "nobody is trusted");

    // The log has it at the place that the receipt says.
    let receipt = &pushed.json()["log"];
    let index = receipt["decisions"][0]["index"].as_u64().expect("a number");
    assert_eq!(receipt["decisions"][0]["ref"], name);
    assert_eq!(receipt["decisions"][0]["decision"], decision["decisionId"]);
    let checkpoint = receipt["checkpoint"].as_str().expect("a checkpoint");
    let mut lines = checkpoint.lines();
    assert_eq!(lines.next(), Some("localhost/log/1"));
    assert_eq!(lines.next(), Some(&(index + 1).to_string()[..]));
    let note = world.git(&world.upstream, &["notes", "--ref=refgate", "show", &id]);
    let leaf = note.lines().next().expect("a line");
    let exported = run(world.refgate().args(["log", "export", "--jsonl"]));
    assert_eq!(exported.lines().nth(usize::try_from(index).expect("small")), Some(leaf));

    // Refused and held pushes are in the log too, and nowhere else.
    client.commit(&[("secret/key.txt", "1\n")], "not fine");
    let refused = client.push_head("x");
    refused.refused_by("secret-dir");
    assert!(refused.json()["log"]["decisions"][0]["index"].as_u64().expect("a number") > index);
    assert_eq!(statements(&world, &client.git(&["rev-parse", "HEAD"])), []);
    assert_eq!(world.upstream_refs()["refs/heads/main"], main);

    // Nobody pushes there.
    for name in [NOTES, "refs/refgate/log", "refs/notes/x", "refs/attestations/x"] {
        let pushed = client.push(&[&format!("{id}:{name}")]);
        assert!(!pushed.ok, "{name}: {}", pushed.stderr);
    }
    world.record_holds();
}

#[test]
fn many_pushes_at_once_keep_every_note() {
    let world = World::new("");
    let clients: Vec<_> = (0..4).map(|_| world.clone_as("claude-1")).collect();
    let mut ids = BTreeMap::new();
    for round in 0..3 {
        let started: Vec<_> = clients
            .iter()
            .enumerate()
            .map(|(n, client)| {
                let id = client.commit(&[("src/a.rs", &format!("{round} {n}\n"))], "one");
                ids.insert(id, format!("refs/heads/agent/claude-1/{n}"));
                client.start_push(&n.to_string())
            })
            .collect();
        started.into_iter().for_each(|child| crate::support::pushed(child).accepted());
    }
    for (id, name) in &ids {
        assert_eq!(outcome(&world, id, name).as_deref(), Some("accepted"), "{id}");
    }
    let commits = world.git(&world.upstream, &["rev-list", "--count", NOTES]);
    assert_eq!(commits, ids.len().to_string());
    world.record_holds();
}

#[test]
fn what_moves_outside_is_recorded_once_and_stated() {
    let world = World::new("");
    let client = world.clone_as("claude-1");
    let first = client.commit(&[("src/a.rs", "1\n")], "one");
    client.push_head("x").accepted();
    let name = "refs/heads/agent/claude-1/x";
    // Somebody with another key to the upstream.
    let tree = world.git(&world.upstream, &["rev-parse", &format!("{first}^{{tree}}")]);
    let outside = world.git(&world.upstream, &["commit-tree", "-p", &first, "-m", "outside", &tree]);
    world.git(&world.upstream, &["update-ref", name, &outside]);
    world.git(&world.upstream, &["update-ref", "refs/heads/new", &outside]);
    let external = || world.records().into_iter().filter(|record| record["record"] == "external").collect::<Vec<_>>();
    // A fetch is a contact as well as a push.
    client.git(&["fetch", "-q", "origin"]);
    let records = external();
    let id = client.commit(&[("src/b.rs", "1\n")], "two");
    client.push_head("y").accepted();
    assert_eq!(records.len(), 1, "{records:?}");
    let updates = records[0]["updates"].as_array().expect("a list");
    let moved: Vec<_> =
        updates.iter().map(|u| (u["ref"].as_str().expect("a ref"), u["new"].as_str().expect("an id"))).collect();
    assert_eq!(moved, [(name, &outside[..]), ("refs/heads/new", &outside)]);
    assert_eq!(outcome(&world, &outside, name).as_deref(), Some("external-update"));
    assert!(run(world.refgate().args(["log"])).contains("external"), "log shows it");
    // The next decision on the ref says what it goes on from.
    client.git(&["reset", "-q", "--hard", &outside]);
    let next = client.commit(&[("src/c.rs", "1\n")], "three");
    client.push_head("x").accepted();
    assert_eq!(external().len(), 1, "seen once");
    let found = statements(&world, &next);
    let previous = found[0].1["predicate"]["previous"]["refIndex"].as_u64().expect("an index");
    let exported = run(world.refgate().args(["log", "export", "--jsonl"]));
    let leaf = exported.lines().nth(usize::try_from(previous).expect("small")).expect("a leaf");
    assert!(world.git(&world.upstream, &["notes", "--ref=refgate", "show", &outside]).lines().any(|line| line == leaf));
    assert_eq!(found[1].1["predicate"]["verifiedLevels"][0], "SLSA_SOURCE_LEVEL_1");
    assert_eq!(outcome(&world, &id, "refs/heads/agent/claude-1/y").as_deref(), Some("accepted"));
    world.record_holds();
}

/// What the gate let through and the upstream did not take is none of the gate's doing if it comes there later.
#[test]
fn what_the_upstream_rejected_and_took_from_others_is_outside() {
    let world = World::new("");
    let client = world.clone_as("claude-1");
    client.commit(&[("src/a.rs", "1\n")], "one");
    client.push_head("x").accepted();
    let rejected = client.commit(&[("src/a.rs", "2\n")], "two");
    world.upstream_hook("pre-receive", "exit 1");
    assert!(!client.push_head("x").ok);
    std::fs::remove_file(world.upstream.join("hooks/pre-receive")).expect("there");
    let there = world.upstream.display().to_string();
    client.git(&["push", "-q", &there, "HEAD:refs/heads/agent/claude-1/x"]);
    let next = client.commit(&[("src/a.rs", "3\n")], "three");
    client.push_head("x").accepted();
    let name = "refs/heads/agent/claude-1/x";
    assert_eq!(outcome(&world, &rejected, name).as_deref(), Some("external-update"));
    assert_eq!(outcome(&world, &next, name).as_deref(), Some("accepted"));
    assert_eq!(world.records().iter().filter(|record| record["record"] == "external").count(), 1);
    world.record_holds();
}

#[test]
fn notes_that_were_taken_away_are_put_back() {
    let mut world = World::new("");
    let client = world.clone_as("claude-1");
    let first = client.commit(&[("src/a.rs", "1\n")], "one");
    client.push_head("x").accepted();
    let second = client.commit(&[("src/a.rs", "2\n")], "two");
    client.push_head("x").accepted();
    let name = "refs/heads/agent/claude-1/x";
    // Rewound, deleted, replaced; with the gate running, and after a restart.
    let tip = world.all_upstream_refs()[NOTES].clone();
    let other = world.git(&world.upstream, &["commit-tree", "-m", "x", &format!("{first}^{{tree}}")]);
    let rewound = world.git(&world.upstream, &["rev-parse", &format!("{tip}^")]);
    let mut count = 2;
    for (how, restart) in [(Some(&rewound), false), (None, false), (Some(&other), true), (None, true)] {
        match how {
            Some(id) => world.git(&world.upstream, &["update-ref", NOTES, id]),
            None => world.git(&world.upstream, &["update-ref", "-d", NOTES]),
        };
        if restart {
            world.terminate();
            world.start();
        }
        count += 1;
        let client = world.clone_as("claude-1");
        client.git(&["reset", "-q", "--hard", "origin/agent/claude-1/x"]);
        let id = client.commit(&[("src/a.rs", &format!("{count}\n"))], "more");
        client.push_head("x").accepted();
        for id in [&first, &second, &id] {
            assert_eq!(outcome(&world, id, name).as_deref(), Some("accepted"), "{how:?} {restart}");
        }
    }
    let rewritten = world.records().into_iter().filter(|record| record["event"] == "evidence-rewritten").count();
    assert_eq!(rewritten, 4);
}

#[test]
fn a_setting_publishes_elsewhere_or_not_at_all() {
    let own = World::with_settings("", "evidence = \"refs/heads/refgate\"");
    let client = own.clone_as("dana");
    let id = client.commit(&[("src/a.rs", "1\n")], "one");
    client.push(&["HEAD:refs/heads/x"]).accepted();
    let refs = own.all_upstream_refs();
    assert!(refs.contains_key("refs/heads/refgate/notes") && !refs.contains_key(NOTES), "{refs:?}");
    let (first, rest) = id.split_at(2);
    let note = own.git(&own.upstream, &["show", &format!("refs/heads/refgate/notes:{first}/{rest}")]);
    assert_eq!(note.lines().count(), 2);
    // Nor what would be in the way of it.
    for name in ["refgate/notes", "refgate/log", "refgate/log/x", "refgate/notes/x", "refgate", "Refgate/notes"] {
        client.push(&[&format!("{id}:refs/heads/{name}")]).refused_by("ref.evidence");
    }
    client.push(&[&format!("{id}:refs/heads/refgate2")]).accepted();

    let off = World::with_settings("", "evidence = \"off\"");
    let client = off.clone_as("dana");
    client.commit(&[("src/a.rs", "1\n")], "one");
    client.push(&["HEAD:refs/heads/x"]).accepted();
    assert_eq!(off.all_upstream_refs(), off.upstream_refs());
    assert!(
        run(off.refgate().args(["log", "export", "--jsonl"])).contains("payloadType"),
        "the log has it all the same"
    );
}

#[test]
fn the_log_comes_to_the_upstream_a_moment_later() {
    const LOG: &str = "refs/refgate/log";
    let mut world = World::new(SECRET_RULE);
    let client = world.clone_as("claude-1");
    let id = client.commit(&[("src/a.rs", "1\n")], "one");
    client.push_head("x").accepted();
    wait_for(|| world.all_upstream_refs().contains_key(LOG));
    let files = |world: &World| world.git(&world.upstream, &["ls-tree", "-r", "--name-only", LOG]);
    let note = world.git(&world.upstream, &["notes", "--ref=refgate", "show", &id]);
    let leaf = note.lines().next().expect("a line");
    let digest = text(&feed(Command::new("sha256sum").arg("-"), leaf.as_bytes()));
    let digest = digest.split(' ').next().expect("hex");
    let found = files(&world);
    assert!(found.lines().any(|path| path == format!("proof/{digest}.tlog-proof")), "{found}");
    assert!(found.lines().any(|path| path.starts_with("tile/0/000.p/")), "{found}");
    assert!(!found.contains("tile/entries"), "entries stay at the gate: {found}");
    let checkpoint = world.git(&world.upstream, &["show", &format!("{LOG}:checkpoint")]);
    assert_eq!(checkpoint.lines().next(), Some("localhost/log/1"));

    // What was pushed just before the gate stops is there too.
    let id = client.commit(&[("src/a.rs", "2\n")], "two");
    client.push_head("x").accepted();
    world.terminate();
    let note = world.git(&world.upstream, &["notes", "--ref=refgate", "show", &id]);
    let digest = text(&feed(Command::new("sha256sum").arg("-"), note.lines().next().expect("a line").as_bytes()));
    assert!(files(&world).contains(&format!("proof/{}.tlog-proof", &digest[..64])));
}

#[test]
fn a_recorded_push_is_judged_again_by_its_own_policy() {
    const HELD: &str = "[rule.infra]\nkind = \"path\"\nmatch = \"src/held/**\"\nthen = \"hold\"\n";
    let world = World::new(&format!("{SECRET_RULE}{HELD}"));
    let client = world.clone_as("claude-1");
    let index = |pushed: &Pushed| pushed.json()["log"]["decisions"][0]["index"].to_string();
    let push = |name: &str| client.push(&["--progress", &format!("HEAD:{}", client.branch(name))]);
    let replay = |index: &str| {
        let output = world.refgate().args(["replay", index]).output().expect("it runs");
        (output.status.code(), text(&output.stdout) + &text(&output.stderr))
    };
    client.commit(&[("src/a.rs", "1\n")], "one");
    let accepted = index(&push("x"));
    client.commit(&[("src/held/a.rs", "1\n")], "two");
    let held = index(&push("y"));
    client.commit(&[("secret/key.txt", "1\n")], "three");
    let refused = index(&push("z"));
    for index in [&accepted, &held] {
        assert_eq!(replay(index).0, Some(0), "{}", replay(index).1);
    }
    let (code, why) = replay(&refused);
    assert!(code == Some(2) && why.contains("not kept"), "{why}");
    assert_eq!(replay("0").0, Some(2), "the start of the gate is no decision");
    assert_eq!(replay("9999").0, Some(2));
    // The policy has changed since.
    world.write_policy(GRANTS);
    wait_for(|| world.records().iter().any(|record| record["event"] == "policy-changed"));
    assert_eq!(replay(&held).0, Some(0), "{}", replay(&held).1);
    // A gate that recorded another decision than its rules give.
    let database = rusqlite::Connection::open(world.path().join("data/store/refgate.db")).expect("it opens");
    let sql = "DROP TRIGGER record_no_update; UPDATE record SET line = replace(line, '\"src/held/**\"', '')
               WHERE kind = 'decision'; UPDATE record SET line = replace(replace(line, '\"rule\":\"infra\"', '\"rule\":\"other\"'),
               '\"decision\":\"hold\"', '\"decision\":\"accept\"') WHERE kind = 'decision'";
    database.execute_batch(sql).expect("changed");
    let (code, why) = replay(&held);
    assert!(code == Some(1) && why.contains("NOT reproduced"), "{why}");
}
