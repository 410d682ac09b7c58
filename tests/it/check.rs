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

/// What git sets for its hooks, and what it does not; the hook's lines are as git writes them.
#[test]
fn a_hook_judges_the_repository_that_git_says() {
    let world = world();
    let client = world.clone_as("claude-1");
    client.git(&["checkout", "-q", "-b", "agent/claude-1/x"]);
    let head = client.commit(&[("src/a.rs", "a\n")], "good");
    let zero = "0".repeat(40);
    let other = tempfile::tempdir().expect("a directory");
    let lines = format!(
        "refs/heads/x {head} refs/heads/agent/claude-1/x {zero}\n(delete) {zero} refs/heads/agent/claude-1/not-there {zero}\n"
    );
    let run = |args: &[&str]| {
        let mut command = world.refgate();
        command.current_dir(other.path()).env("GIT_DIR", client.dir.join(".git")).arg("check").arg("--pre-push");
        command.args(["--as", "claude-1", "--repo", "app", "--policy"]).arg(world.path().join("policy.toml"));
        command.args(args).stdin(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
        let mut child = command.spawn().expect("refgate runs");
        std::io::Write::write_all(&mut child.stdin.take().expect("a pipe"), lines.as_bytes()).expect("written");
        let output = child.wait_with_output().expect("ended");
        (output.status.code(), text(&output.stderr))
    };
    // One commit only, also when the remote is a URL.
    let expected = (Some(0), "refgate: would be accepted (1 commits judged)\n".to_owned());
    assert_eq!(run(&[]), expected);
    assert_eq!(run(&["--remote", &world.url()]), expected);
}

#[test]
fn a_clone_without_all_objects_or_of_another_format_is_told_so() {
    let world = world();
    let client = world.clone_as("claude-1");
    client.git(&["checkout", "-q", "-b", "agent/claude-1/x"]);
    client.commit(&[("src/a.rs", "a\n")], "one");
    client.push(&["HEAD"]).accepted();
    let upstream = format!("file://{}", world.upstream.display());
    world.git(world.path(), &["clone", "-q", "--depth=1", "-b", "agent/claude-1/x", &upstream, "shallow"]);
    world.git(world.path(), &["init", "-q", "--object-format=sha256", "client-sha256"]);
    let shallow = world.path().join("shallow");
    write(&shallow.join("src/b.rs"), "b\n");
    world.git(&shallow, &["add", "."]);
    world.git(&shallow, &["commit", "-q", "-m", "two"]);
    for (dir, expected) in [("shallow", "git fetch --unshallow"), ("client-sha256", "SHA-1 only")] {
        let output = check(&client, &["-C", &world.path().join(dir).display().to_string()]);
        assert_eq!(output.status.code(), Some(2), "{dir}");
        assert!(text(&output.stderr).contains(expected), "{dir}: {}", text(&output.stderr));
    }
}

#[test]
fn a_backtest_counts_what_observing_rules_would_do() {
    let world = world();
    let client = world.clone_as("claude-1");
    client.commit(&[(".github/workflows/x.yml", "on: push\n"), ("src/a.rs", "a\n")], "ci");
    let run = |args: &[&str]| {
        // From below the top, and with a policy in the environment as the hook wants it.
        let mut command = world.refgate();
        command.current_dir(client.dir.join("src")).env("REFGATE_POLICY", "nothing.toml");
        let output = command.args(["policy", "backtest", "--preset", "observe-all"]).args(args).output();
        let output = output.expect("refgate runs");
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        text(&output.stdout)
    };
    let json: serde_json::Value = serde_json::from_str(&run(&["--json"])).expect("JSON");
    assert_eq!(json["rules"][0]["rule"], "ci-files");
    assert_eq!(json["rules"][0]["effect"], "hold");
}
