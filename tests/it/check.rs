//! `refgate check` and the pre-push hook: the gate's judgement in a clone, before anything is sent.

use crate::support::*;
use std::path::Path;
use std::process::Output;

fn world() -> World {
    World::new(SECRET_RULE)
}

fn check(client: &Client<'_>, args: &[&str]) -> Output {
    let mut command = client.world.refgate();
    command.current_dir(&client.dir).arg("check").args(args);
    command.args(["--as", "claude-1", "--repo", "app", "--policy", "../policy.toml"]).output().expect("refgate runs")
}

#[test]
fn says_what_the_gate_would_say() {
    let world = world();
    let client = world.clone_as("claude-1");
    client.git(&["checkout", "-q", "-b", "agent/claude-1/x"]);
    client.commit(&[("src/a.rs", "a\n")], "good");
    let good = check(&client, &[]);
    assert_eq!(
        (good.status.code(), text(&good.stdout).as_str()),
        (Some(0), "refgate: would be accepted (1 commits judged)\n")
    );

    client.commit(&[("secret/key.txt", "mine\n")], "bad");
    client.git(&["rm", "-q", "secret/key.txt"]);
    client.commit(&[("src/b.rs", "b\n")], "more");
    let bad = check(&client, &["--json"]);
    assert_eq!(bad.status.code(), Some(1));
    let json: serde_json::Value = serde_json::from_slice(&bad.stdout).expect("JSON");
    let pushed = client.push(&["HEAD"]);
    pushed.refused_by("secret-dir");
    assert_eq!(json["decision"], "refuse");
    assert_eq!(json["commits"], 3);
    assert_eq!(json["findings"][0]["rule"], "secret-dir");
    assert_eq!(json["findings"][0]["fix"], pushed.json()["findings"][0]["fix"]);
    // Part of it, or from another point on.
    assert_eq!(check(&client, &["HEAD~2"]).status.code(), Some(0));
    assert_eq!(check(&client, &["HEAD~1..HEAD"]).status.code(), Some(1));
    assert_eq!(check(&client, &["HEAD~3..HEAD~2"]).status.code(), Some(0));
    assert_eq!(check(&client, &["--ref", "refs/heads/main", "HEAD~2"]).status.code(), Some(1));
}

#[test]
fn what_cannot_be_run_is_no_answer() {
    let world = world();
    let client = world.clone_as("claude-1");
    for args in [&["no-such-commit"][..], &["--ref", "main"], &["-C", "/"], &["HEAD...main"], &["--remote", "--x"]] {
        let output = check(&client, args);
        assert!(output.status.code() == Some(2) || args[0] == "--remote", "{args:?} {}", text(&output.stderr));
        assert!(!output.stderr.is_empty() || args[0] == "--remote", "{args:?}");
    }
}

#[test]
fn the_pre_push_hook_stops_a_bad_push_before_it_is_sent() {
    let world = world();
    let client = world.clone_as("claude-1");
    let hook = Path::new(env!("CARGO_MANIFEST_DIR")).join("hooks/pre-push");
    std::fs::copy(hook, client.dir.join(".git/hooks/pre-push")).expect("copied");
    let push = |name: &str, refgate: &str| {
        let mut command = client.command(&client.dir);
        command.env("REFGATE", refgate).env("REFGATE_POLICY", world.path().join("policy.toml"));
        command.env("REFGATE_PRINCIPAL", "claude-1").env("REFGATE_REPO", "app");
        let output = command.args(["push", "origin", &format!("HEAD:{}", client.branch(name))]).output().expect("git");
        (output.status.success(), text(&output.stderr))
    };
    let program = env!("CARGO_BIN_EXE_refgate");
    client.commit(&[("src/a.rs", "a\n")], "good");
    let (ok, said) = push("x", program);
    assert!(ok, "{said}");
    client.commit(&[("secret/key.txt", "mine\n")], "bad");
    let before = world.records().len();
    let (ok, said) = push("x", program);
    assert!(!ok && said.contains("would be REFUSED") && said.contains("secret-dir"), "{said}");
    assert_eq!(world.records().iter().filter(|r| r["record"] == "decision").count(), 1, "the gate has not heard of it");
    assert!(world.records().len() <= before + 1);
    let (ok, said) = push("x", "/nonexistent/refgate");
    assert!(!ok && said.contains("--no-verify"), "{said}");
    // A delete has nothing to judge but the right to delete.
    client.git(&["push", "-q", "--no-verify", "origin", &format!(":{}", client.branch("x"))]);
}
