//! What the log states of held pushes that go no further.

use crate::holds::{CI, HOLD_RULES, held};
use crate::support::*;
use serde_json::Value;

/// The decisions of a push in the log, oldest first.
fn decisions(world: &World, push: &str) -> Vec<Value> {
    let exported = run(world.refgate().args(["log", "export", "--decoded"]));
    let leaves = exported.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    leaves.map(|leaf| leaf["statement"].clone()).filter(|statement| statement["predicate"]["pushId"] == push).collect()
}

/// The last decision of a held push ended it so.
#[track_caller]
fn ended(world: &World, (push, commit): &(String, String), outcome: &str, rule: &str) {
    let found = decisions(world, push);
    let outcomes: Vec<_> = found.iter().map(|one| &one["predicate"]["outcome"]).collect();
    assert_eq!(outcomes, ["held", outcome]);
    let [held, end] = &found[..] else { panic!("{found:?}") };
    assert_eq!(end["subject"], held["subject"]);
    assert_eq!(end["subject"][0]["digest"]["gitCommit"], **commit);
    let (held, end) = (&held["predicate"], &end["predicate"]);
    for same in ["ref", "actor", "resourceUri", "policy"] {
        assert_eq!(end[same], held[same], "{same}");
    }
    assert_ne!(end["decisionId"], held["decisionId"]);
    assert_eq!((&end["evaluations"][0]["ruleId"], &end["evaluations"][0]["result"]), (&rule.into(), &"refuse".into()));
    let rules: Vec<_> = end["evaluations"].as_array().expect("a list").iter().map(|one| &one["ruleId"]).collect();
    assert_eq!(rules, [rule, "ci-files"]);
    assert_eq!(end["evaluations"][1], held["evaluations"][0]);
    assert!(end["recordSha256"].is_string() && end["changeset"].is_null());
}

#[test]
fn every_end_of_a_held_push_is_a_decision() {
    let world = World::new(HOLD_RULES);
    let client = world.clone_as("claude-1");
    let rejected = held(&client, "rejected", "1\n");
    world.verb("dana", &format!("reject {} -m no", rejected.0));
    ended(&world, &rejected, "rejected", "hold.reject");
    assert!(
        !run(world.refgate().args(["log", "export", "--jsonl"])).contains("\"no\""),
        "what people say is not in it"
    );

    let withdrawn = held(&client, "withdrawn", "2\n");
    world.verb("claude-1", &format!("withdraw {}", withdrawn.0));
    ended(&world, &withdrawn, "rejected", "hold.withdraw");

    // By one that is held too, and that one by one that passes.
    let first = held(&client, "superseded", "3\n");
    let second = held(&client, "superseded", "4\n");
    ended(&world, &first, "rejected", "hold.supersede");
    assert_eq!(decisions(&world, &second.0).len(), 1);
    client.git(&["reset", "-q", "--hard", "origin/main"]);
    let third = client.commit(&[("src/a.rs", "1\n")], "fine");
    client.push_head("superseded").accepted();
    ended(&world, &second, "rejected", "hold.supersede");
    let note = world.git(&world.upstream, &["notes", "--ref=refgate", "show", &third]);
    assert_eq!(note.lines().filter(|line| !line.is_empty()).count(), 2, "its own decision and summary");

    let revoked = held(&client, "revoked", "5\n");
    world.verb("dana", "revoke claude-1 -m gone");
    ended(&world, &revoked, "rejected", "hold.revoke");
    world.record_holds();
}

#[test]
fn a_held_push_of_many_refs_ends_with_a_decision_for_each() {
    let world = World::with_settings(HOLD_RULES, "[limits]\nhold_time_max = \"2 s\"\napproval_time_max = \"1 s\"");
    let client = world.clone_as("claude-1");
    client.commit(&[(CI, "1\n")], "ci");
    let refs = ["a", "b"].map(|name| format!("HEAD:{}", client.branch(name)));
    let push = client.push(&refs.each_ref().map(String::as_str)).json()["push"].as_str().expect("an id").to_owned();
    wait_for(|| decisions(&world, &push).len() == 4);
    let expired = &decisions(&world, &push)[2..];
    for (one, name) in expired.iter().zip(["a", "b"]) {
        assert_eq!(
            (&one["predicate"]["outcome"], &one["predicate"]["ref"]["name"]),
            (&"expired".into(), &client.branch(name).into())
        );
        assert_eq!(one["predicate"]["evaluations"][0]["ruleId"], "hold.expire");
    }
    world.record_holds();
}

#[test]
fn a_held_push_whose_pusher_is_gone_is_refused_with_a_decision() {
    let world = World::new(HOLD_RULES);
    let client = world.clone_as("claude-1");
    let gone = held(&client, "x", "1\n");
    let policy = world.path().join("policy.toml");
    let text = std::fs::read_to_string(&policy).expect("there");
    write(&policy, &text.replace("[agent.claude-1]", "[agent.claude-9]"));
    wait_for(|| world.log().contains("the policy was replaced"));
    world.try_verb("dana", &format!("approve {}", gone.0), "");
    let found = decisions(&world, &gone.0);
    let outcomes: Vec<_> = found.iter().map(|one| &one["predicate"]["outcome"]).collect();
    assert_eq!(outcomes, ["held", "rejected"]);
    assert_eq!(found[1]["predicate"]["evaluations"][0]["ruleId"], "push.unknown-pusher");
    world.record_holds();
}

/// The push that takes its place is not to wait for thousands of statements, nor is any other.
#[test]
fn the_end_of_a_very_large_push_by_another_is_recorded_only() {
    let world = World::new(HOLD_RULES);
    let client = world.clone_as("claude-1");
    for (count, ends) in [(1000, 1000), (1001, 0)] {
        client.commit(&[(CI, &format!("{count}\n"))], "ci");
        let refs: Vec<String> =
            (0..count).map(|n| format!("HEAD:{}", client.branch(&format!("{count}/{n}")))).collect();
        let pushed = client.push(&refs.iter().map(String::as_str).collect::<Vec<_>>());
        let push = pushed.json()["push"].as_str().expect("an id").to_owned();
        held(&client, &format!("{count}/7"), &format!("{count} again\n"));
        assert_eq!(crate::holds::state(&world, &push), "superseded");
        assert_eq!(decisions(&world, &push).len(), count + ends);
    }
    world.record_holds();
}
