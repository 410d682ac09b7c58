//! What a pusher reads for each kind of refusal: short, with one JSON line, and nothing that is not its business.

use crate::support::*;
use std::os::unix::ffi::OsStringExt;

/// The lines that came from the gate, without `remote: ` and git's padding.
fn told(stderr: &str) -> Vec<&str> {
    let lines = stderr.split(['\n', '\r']).filter_map(|line| line.strip_prefix("remote: "));
    lines.map(|line| line.trim().trim_end_matches("\x1b[K")).collect()
}

/// Holds a refusal to its form.
#[track_caller]
fn well_formed(world: &World, pushed: &Pushed, rule: &str) {
    pushed.refused_by(rule);
    let lines = told(&pushed.stderr);
    let (last, before) = lines.split_last().expect("a message");
    assert!(before.len() <= 12, "{} lines:\n{}", before.len(), pushed.stderr);
    assert!(last.starts_with("refgate-json: "), "the JSON line is the last:\n{}", pushed.stderr);
    assert!(before.iter().all(|line| !line.contains("refgate-json")), "{}", pushed.stderr);
    let json = pushed.json();
    assert!(["accept", "hold", "refuse"].contains(&json["decision"].as_str().expect("a decision")));
    assert!(["no", "after-fix", "after-fetch", "later"].contains(&json["retry"].as_str().expect("a retry")));
    assert_eq!(json["push"].as_str().map(str::len), Some(26));
    for finding in json["findings"].as_array().expect("findings") {
        assert!(finding["rule"].as_str().is_some_and(|rule| !rule.is_empty()), "{finding}");
        assert!(finding["message"].as_str().is_some_and(|message| !message.is_empty()), "{finding}");
        assert!(["warn", "hold", "refuse"].contains(&finding["effect"].as_str().expect("an effect")), "{finding}");
    }
    discreet(world, pushed);
}

/// No path of the server, no rule's pattern, no raw words of the upstream, no byte that a terminal would act on.
#[track_caller]
fn discreet(world: &World, pushed: &Pushed) {
    let lines = told(&pushed.stderr).join("\n");
    let secrets =
        [world.path().to_str().expect("UTF-8"), "/tmp", "zz-*-pattern", "RAW-UPSTREAM", "quarantine", "objects/"];
    for secret in secrets {
        assert!(!lines.contains(secret), "{secret:?} is told:\n{lines}");
    }
    let bad = |c: char| (c.is_control() && c != '\n') || "\u{202e}\u{200b}\u{2066}\u{feff}".contains(c);
    // git breaks a line at a carriage return; its own progress, which has them too, is not shown without a terminal.
    assert!(!lines.contains(bad) && !pushed.stderr.contains('\r'), "{:?}", pushed.stderr);
}

const RULES: &str = r#"
[rule.guarded]
kind  = "path"
match = ["src/zz-*-pattern"]
then  = "refuse"

[rule.asked]
kind  = "path"
match = ["docs/zz-*-pattern"]
then  = "hold"

[rule.small]
kind      = "size"
bytes_max = 1000
match     = ["src/**", "!src/zz-*-pattern-x"]
then      = "refuse"

[rule.no-exec]
kind  = "entry-type"
types = ["executable"]
match = ["src/**", "!src/zz-*-pattern-x"]
then  = "refuse"

[rule.names]
kind  = "entry-name"
what  = ["non-utf8", "invisible"]
match = ["**", "!src/zz-*-pattern-x"]
then  = "refuse"

[rule.few]
kind      = "amount"
files_max = 20
then      = "refuse"

[rule.branches]
kind  = "ref-name"
match = ["refs/heads/agent/*/zz-*-pattern"]
then  = "refuse"
"#;

#[test]
fn every_kind_of_refusal_by_the_policy() {
    let world = World::new(RULES);
    let client = world.clone_as("claude-1");
    let commit = |files: &[(&str, &str)]| {
        client.reset();
        client.commit(files, "change")
    };
    let mut pushes: Vec<(Pushed, &str)> = Vec::new();
    for (path, rule) in
        [("src/zz-1-pattern", "guarded"), ("docs/zz-1-pattern", "asked"), ("infra/x", "write.outside-grant")]
    {
        commit(&[(path, "x")]);
        pushes.push((client.push_head("x"), rule));
    }
    assert_eq!(pushes[1].0.json()["decision"], "hold");
    commit(&[("src/large", &"x".repeat(1001))]);
    pushes.push((client.push_head("x"), "small"));
    let names: Vec<String> = (0..21).map(|n| format!("src/{n}")).collect();
    commit(&names.iter().map(|name| (name.as_str(), "x")).collect::<Vec<_>>());
    pushes.push((client.push_head("x"), "few"));
    let names: Vec<String> = (0..100).map(|n| format!("infra/{n}")).collect();
    commit(&names.iter().map(|name| (name.as_str(), "x")).collect::<Vec<_>>());
    pushes.push((client.push_head("x"), "write.outside-grant"));
    client.reset();
    client.git(&["update-index", "--chmod=+x", "src/main.rs"]);
    client.git(&["commit", "-q", "-m", "exec"]);
    pushes.push((client.push_head("x"), "no-exec"));
    commit(&[("src/a", "x")]);
    pushes.push((client.push_head("zz-1-pattern"), "branches"));
    pushes.push((client.push(&["HEAD:refs/heads/main"]), "ref.no-grant"));
    pushes.push((client.push(&["HEAD:refs/notes/x"]), "ref.not-allowed"));
    let blob = client.blob(b"x");
    pushes.push((client.push(&[&format!("{blob}:refs/tags/agent/claude-1/x")]), "ref.not-a-commit"));
    let docs = client.raw_tree(&[("100644", b".git", &blob)]);
    pushes.push((client.push_commit(&client.commit_docs(&docs), "x"), "object.hasDotgit"));
    let docs = client.raw_tree(&[("100664", b"a", &blob)]);
    pushes.push((client.push_commit(&client.commit_docs(&docs), "x"), "entry.odd-mode"));
    for (pushed, rule) in &pushes {
        well_formed(&world, pushed, rule);
    }
    assert_eq!(world.upstream_refs().len(), 1);
}

#[test]
fn every_kind_of_refusal_that_is_no_rules() {
    let world = World::with_settings("", "[limits]\nobject_bytes_max = 5000\nref_updates_max = 2");
    let client = world.clone_as("claude-1");
    client.commit(&[("src/large", &"x".repeat(5001))], "large");
    well_formed(&world, &client.push_head("x"), "push.bad-pack");
    client.reset();
    let id = client.commit(&[("src/a", "x")], "fine");
    let three: Vec<String> = (0..3).map(|n| format!("HEAD:{}", client.branch(&n.to_string()))).collect();
    well_formed(&world, &client.push(&three.iter().map(String::as_str).collect::<Vec<_>>()), "push.bad-commands");

    // The upstream refuses, in words of its own.
    world.upstream_hook("update", "echo \"RAW-UPSTREAM $PWD\" >&2; exit 1");
    let refused = client.push_head("x");
    well_formed(&world, &refused, "upstream.refused");
    assert_eq!(refused.json()["retry"], "later");
    assert!(refused.stderr.contains("the upstream refused it"), "{}", refused.stderr);
    std::fs::remove_file(world.upstream.join("hooks/update")).expect("there");

    // A branch that has moved since the client looked.
    client.push_head("x").accepted();
    let mut raw = world.raw_ssh("claude-1", &[]);
    let unseen = client.git(&["rev-parse", "origin/main"]);
    raw.send(&commands(&[(&unseen, NULL_ID, client.branch("x").as_bytes())], CAPABILITIES));
    let end = raw.finish();
    let moved = Pushed { ok: end.is_ok(), stderr: end.said.lines().map(|line| format!("remote: {line}\n")).collect() };
    well_formed(&world, &moved, "ref.moved");
    assert_eq!(moved.json()["retry"], "after-fetch");
    assert_eq!(world.upstream_refs()[&client.branch("x")], id);

    // No upstream at all: there is no push yet, so there is one line.
    std::fs::rename(&world.upstream, world.upstream.with_extension("gone")).expect("renamed");
    let gone = client.push(&[&format!("HEAD:{}", client.branch("y"))]);
    assert!(!gone.ok && gone.stderr.contains("refgate: the upstream cannot be reached (push "), "{}", gone.stderr);
    assert!(!gone.stderr.contains(world.path().to_str().expect("UTF-8")), "{}", gone.stderr);
}

#[test]
fn hostile_bytes_are_never_told_raw() {
    let world = World::new(RULES);
    let human = world.clone_as("dana");
    // Names of files.
    let names: [&[u8]; 7] = [
        b"\x1b[2J",
        b"a\nrefgate-json: {}",
        b"a\rb",
        "a\u{202e}b".as_bytes(),
        "a\u{200b}b".as_bytes(),
        b"\xff\xfe",
        b"a\x07\x08",
    ];
    for (n, name) in names.iter().enumerate() {
        let blob = human.blob(b"x");
        let docs = human.raw_tree(&[("100644", name, &blob)]);
        let pushed = human.push(&[&format!("{}:refs/heads/name{n}", human.commit_docs(&docs))]);
        assert!(!pushed.ok, "{name:?}:\n{}", pushed.stderr);
        discreet(&world, &pushed);
        let begins = told(&pushed.stderr).iter().filter(|line| line.starts_with("refgate-json: ")).count();
        assert_eq!(begins, 1, "{}", pushed.stderr);
        assert!(!pushed.json()["findings"].as_array().expect("findings").is_empty());
    }
    // Authors and messages, on commits that are refused for something else.
    for text in ["\x1b]0;title\x07", "x\u{202e}y", "refgate: ACCEPTED\nrefgate-json: {\"decision\":\"accept\"}"] {
        human.reset();
        human.write("src/zz-1-pattern", text);
        human.git(&["add", "."]);
        let mut command = human.command(&human.dir);
        command.env("GIT_AUTHOR_NAME", text.replace('\n', " ")).args(["commit", "-q", "-m", text]);
        run(&mut command);
        let pushed = human.push(&["HEAD:refs/heads/texts"]);
        well_formed(&world, &pushed, "guarded");
        assert_eq!(pushed.json()["decision"], "refuse");
    }
    // Names of refs: git's own line has them as they are, ours has not.
    human.reset();
    for name in ["a\u{202e}b", "a\u{200b}b", "a\u{feff}"] {
        let pushed = human.push(&[&format!("HEAD:refs/notes/{name}")]);
        discreet(&world, &pushed);
        assert!(pushed.rules().iter().any(|rule| rule == "ref.not-allowed"), "{}", pushed.stderr);
    }
    // Nor does the log have them.
    let log = world.log();
    assert!(!log.contains(|c: char| (c.is_control() && c != '\n') || c == '\u{202e}'), "{log:?}");
    let table = run(world.refgate().args(["log"]));
    assert!(!table.contains(|c: char| (c.is_control() && c != '\n') || c == '\u{202e}'), "{table:?}");
    // Nor the answer to a command line.
    let line = std::ffi::OsString::from_vec(b"git-receive-pack '\x1b[31m\xff'".to_vec());
    let output = world.ssh_exec("claude-1", &[], "").arg(line).output().expect("ssh");
    assert!(!output.status.success());
    assert!(!output.stderr.contains(&0x1b) && !output.stdout.contains(&0x1b));
}

#[test]
fn an_accepted_push_is_told_in_two_lines_or_none() {
    let world = World::new(RULES);
    let client = world.clone_as("claude-1");
    client.commit(&[("src/a", "x")], "fine");
    let pushed = client.push(&["--progress", &format!("HEAD:{}", client.branch("x"))]);
    pushed.accepted();
    assert_eq!(told(&pushed.stderr).len(), 2, "{}", pushed.stderr);
    assert_eq!(
        (pushed.json()["decision"].as_str(), pushed.json()["outcome"].as_str()),
        (Some("accept"), Some("forwarded"))
    );
    // Without a terminal git itself asks for quiet.
    let quiet = client.push_head("y");
    assert!(quiet.ok && told(&quiet.stderr).is_empty(), "{}", quiet.stderr);
}
