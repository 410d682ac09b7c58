//! Held pushes: kept, shown, approved, rejected, withdrawn, superseded, expired; and what never works.

use crate::support::*;

/// CI files are held for the owners.
pub const HOLD_RULES: &str = r#"
[group]
owners = ["dana", "lee"]

[[grant]]
to    = ["claude-*"]
repo  = "app"
refs  = ["refs/heads/agent/{principal}/**", "refs/for/main"]
allow = ["create", "update", "rewind", "delete"]
write = [".github/**", "src/**"]

[[grant]]
to   = ["lee", "runner"]
repo = "app"

[rule.ci-files]
kind      = "path"
match     = [".github/**"]
then      = "hold"
approvers = ["owners"]
"#;

pub const CI: &str = ".github/workflows/ci.yml";

/// A push of a CI file to the agent's own branch, which is held; gives the push id and the commit.
#[track_caller]
pub fn held(client: &Client<'_>, name: &str, text: &str) -> (String, String) {
    let commit = client.commit(&[(CI, text)], "ci");
    let pushed = client.push_head(name);
    assert!(!pushed.ok, "{}", pushed.stderr);
    let json = pushed.json();
    assert_eq!(json["outcome"], "held", "{}", pushed.stderr);
    (json["push"].as_str().expect("an id").to_owned(), commit)
}

pub fn state(world: &World, push: &str) -> String {
    let found = world.json_verb("dana", &format!("status {push}"));
    found[0]["state"].as_str().expect("a state").to_owned()
}

#[test]
fn a_held_push_is_forwarded_on_approval_without_a_second_push() {
    let world = World::new(HOLD_RULES);
    let client = world.clone_as("claude-1");
    let (push, commit) = held(&client, "ci", "on: push\n");
    assert!(!world.upstream_has(&commit), "nothing of it is upstream");
    let list = world.verb("dana", "held");
    assert!(list.contains(&push) && list.contains("1 of owners") && list.contains("1 held, "), "{list}");
    assert!(list.lines().all(|line| line.chars().count() <= 80), "{list}");
    let told = world.verb("dana", &format!("approve {push}"));
    assert!(told.contains("is in the upstream of app"), "{told}");
    assert_eq!(world.upstream_refs()["refs/heads/agent/claude-1/ci"], commit);
    client.git(&["fetch", "-q"]);
    assert_eq!(client.git(&["rev-parse", "origin/agent/claude-1/ci"]), commit);
    assert_eq!(state(&world, &push), "forwarded");
    assert_eq!(world.verb("dana", "held"), "nothing waits for a human\n");
    // The agent hears of it with its next push, once.
    client.commit(&[("src/a.rs", "a\n")], "more");
    let next = client.push_head("ci");
    assert!(
        next.ok && next.stderr.contains(&format!("held push {push} was approved and forwarded by dana")),
        "{}",
        next.stderr
    );
    client.commit(&[("src/a.rs", "b\n")], "more");
    assert!(!client.push_head("ci").stderr.contains("since then"));
    world.record_holds();
}

#[test]
fn the_same_push_again_has_the_same_id_and_its_state() {
    let world = World::new(HOLD_RULES);
    let client = world.clone_as("claude-1");
    let (push, _) = held(&client, "ci", "on: push\n");
    let again = client.push_head("ci");
    assert!(!again.ok && again.json()["push"] == *push && again.json()["outcome"] == "held", "{}", again.stderr);
    assert!(again.stderr.contains(&format!("(held {push}, do not push again; it is forwarded on approval)")));
    world.verb("dana", &format!("reject {push} -m \"use the shared workflow\""));
    assert_eq!(state(&world, &push), "rejected");
    let after = client.push_head("ci");
    assert!(!after.ok && after.json()["push"] == *push && after.json()["outcome"] == "rejected", "{}", after.stderr);
    assert!(after.stderr.contains("rejected by dana: use the shared workflow"), "{}", after.stderr);
    let status = world.verb("claude-1", &format!("status {push}"));
    assert!(status.contains("reason  use the shared workflow"), "{status}");
    assert!(world.verb("dana", "held").contains("nothing waits"));
}

#[test]
fn review_is_asked_for_with_refs_for() {
    let world = World::new(HOLD_RULES);
    let client = world.clone_as("claude-1");
    let commit = client.commit(&[("src/a.rs", "a\n")], "a");
    let pushed = client.push(&["HEAD:refs/for/main"]);
    assert!(pushed.ok, "{}", pushed.stderr);
    let push = pushed.json()["push"].as_str().expect("an id").to_owned();
    assert!(pushed.stderr.contains(&format!("HEAD -> refs/refgate/held/{push}")), "{}", pushed.stderr);
    let again = client.push(&["HEAD:refs/for/main"]);
    assert!(again.ok && again.json()["push"] == *push, "{}", again.stderr);
    let other = world.clone_as("claude-2");
    other.commit(&[("src/b.rs", "b\n")], "b");
    other.push(&["HEAD:refs/for/other"]).refused_by("ref.no-grant");
    world.verb("dana", &format!("approve {push}"));
    assert_eq!(world.upstream_refs()["refs/heads/main"], commit);
    // What is not on top of the branch is to be rebased first.
    let behind = other.push(&["HEAD:refs/for/main"]);
    behind.refused_by("ref.moved");
}

#[test]
fn review_may_be_asked_of_branches_there_are_unless_the_policy_wants_them_named() {
    let rules = HOLD_RULES.replace(", \"refs/for/main\"", "");
    let world = World::new(&rules);
    let client = world.clone_as("claude-1");
    let commit = client.commit(&[("src/a.rs", "a\n")], "a");
    client.push(&["HEAD:refs/heads/main"]).refused_by("ref.no-grant");
    client.push(&["HEAD:refs/for/new"]).refused_by("ref.no-grant");
    let pushed = client.push(&["HEAD:refs/for/main"]);
    assert!(pushed.ok, "{}", pushed.stderr);
    let push = pushed.json()["push"].as_str().expect("an id").to_owned();
    let status = world.verb("dana", &format!("status {push}"));
    assert!(status.contains("1 of the humans who may push to it for review.asked"), "{status}");
    // lee is an owner, and may not push to main.
    assert!(world.refused_verb("lee", &format!("approve {push}")).contains("your approval counts for nothing here"));
    world.verb("dana", &format!("approve {push}"));
    assert_eq!(world.upstream_refs()["refs/heads/main"], commit);
    client.commit(&[("infra/main.tf", "x\n")], "not its to write");
    client.push(&["HEAD:refs/for/main"]).refused_by("write.outside-grant");
    world.write_policy(&format!("{GRANTS}{rules}[repo.app]\nreview = \"granted\"\n"));
    wait_for(|| world.log().contains("the policy was replaced"));
    client.git(&["reset", "-q", "--hard", "origin/main"]);
    client.commit(&[("src/b.rs", "b\n")], "b");
    client.push(&["HEAD:refs/for/main"]).refused_by("ref.no-grant");
}

#[test]
fn a_check_is_judged_in_full_and_leaves_only_its_record() {
    let world = World::new(&format!("{HOLD_RULES}{SECRET_RULE}"));
    let client = world.clone_as("claude-1");
    let before = world.upstream_refs();
    client.commit(&[("src/a.rs", "a\n")], "a");
    let passed = client.push(&["HEAD:refs/check/agent/claude-1/x"]);
    assert!(passed.ok, "{}", passed.stderr);
    client.commit(&[(CI, "on: push\n")], "ci");
    let held = client.push(&["HEAD:refs/check/agent/claude-1/x"]);
    assert!(!held.ok && held.json()["decision"] == "hold" && held.json()["outcome"] == "checked", "{}", held.stderr);
    client.commit(&[("secret/key.txt", "x\n")], "s");
    let refused = client.push(&["HEAD:refs/check/agent/claude-1/x"]);
    refused.refused_by("secret-dir");
    assert_eq!(refused.rules(), ["ci-files", "secret-dir"]);
    assert_eq!(world.upstream_refs(), before);
    assert!(world.verb("dana", "held").contains("nothing waits"));
    assert_eq!(std::fs::read_dir(world.path().join("data/held")).expect("there").count(), 0);
    let log = world.verb("dana", "log");
    assert!(log.contains("checked") && log.contains("refused"), "{log}");
    world.record_holds();
}
