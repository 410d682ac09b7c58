//! Ways around a human's word, and around what only some may know: each was tried on a running gate.

use crate::holds::{HOLD_RULES, held};
use crate::support::*;

/// What is found in content is told of up to a limit. What is not told of must count all the same: for a ref that a rule
/// looks at, though the limit was used up at one that it does not look at.
#[test]
fn findings_at_one_ref_do_not_use_up_those_of_another() {
    let rule = r#"
[rule.marker]
kind = "text"
match = ["src/**"]
forbid = ["MARK"]
refs = ["refs/heads/agent/*/looked-at"]
then = "refuse"
"#;
    let world = World::with_settings(rule, "[limits]\nfindings_max = 2");
    let client = world.clone_as("claude-1");
    client.commit(&[("src/bad.rs", "MARK\n")], "looked at");
    client.git(&["branch", "looked-at"]);
    // What is newer is seen first.
    for number in 0..4 {
        client.commit(&[(&format!("src/{number}.rs"), "MARK\n")], "free");
    }
    let refs = [("HEAD", "free"), ("looked-at", "looked-at")].map(|(from, to)| format!("{from}:{}", client.branch(to)));
    client.push(&[&refs[0], &refs[1]]).refused_by("marker");
    client.push(&[&refs[1]]).refused_by("marker");
    client.push(&[&refs[0]]).accepted();
}

/// A world in which claude-1 sees only its own branches, though it may ask for review of any.
fn world_of_secrets() -> World {
    let mut world = World::prepare();
    world.seed();
    world.write_policy(
        r#"
[[grant]]
to    = ["claude-1"]
repo  = "app"
refs  = ["refs/heads/agent/{principal}/**", "refs/for/**"]
allow = ["create", "update", "rewind", "delete"]
write = ["src/**"]
read  = ["refs/heads/main", "refs/heads/agent/{principal}/**"]

[[grant]]
to    = ["dana"]
repo  = "app"
refs  = ["refs/heads/**"]
allow = ["create", "update"]
write = ["**"]
"#,
    );
    world.write_settings("");
    world.start();
    world
}

#[test]
fn what_a_push_is_for_does_not_tell_of_hidden_refs() {
    let world = world_of_secrets();
    let dana = world.clone_as("dana");
    let hidden = dana.commit(&[("plan.txt", "buy them\n")], "plan");
    dana.push(&["HEAD:refs/heads/merger"]).accepted();
    let client = world.clone_as("claude-1");
    client.commit(&[("src/a.rs", "a\n")], "a");
    let mut told = Vec::new();
    for prefix in ["refs/for/", "refs/check/"] {
        for name in ["merger", "nothing"] {
            let pushed = client.push(&[&format!("HEAD:{prefix}{name}")]);
            let push = pushed.json()["push"].as_str().expect("an id").to_owned();
            let mut said = pushed.stderr.clone();
            for verb in ["status", "explain", "show"] {
                said.push_str(&text(&world.try_verb("claude-1", &format!("{verb} {push} --json"), "").stdout));
            }
            said.push_str(&world.verb("claude-1", "events"));
            assert!(!said.contains(&hidden) && !said.contains(&hidden[..10]), "{prefix}{name}: {said}");
            told.push(pushed.rules());
        }
    }
    assert_eq!(told[0], told[1], "a review of a ref that is there and of one that is not");
    assert_eq!(told[2], told[3], "a check of a ref that is there and of one that is not");
}

#[test]
fn the_policy_is_not_read_out_by_who_may_not_change_it() {
    let mut world = World::prepare();
    world.seed();
    world.write_policy(GRANTS);
    let file = world.path().join("policy.toml");
    let policy = std::fs::read_to_string(&file).expect("a policy");
    world.git(&world.path().join("seed"), &["checkout", "-q", "-b", "policy"]);
    write(&world.path().join("seed/policy.toml"), &policy);
    world.git(&world.path().join("seed"), &["add", "."]);
    world.git(&world.path().join("seed"), &["commit", "-q", "-m", "policy"]);
    world.git(&world.path().join("seed"), &["push", "-q", world.upstream.to_str().expect("UTF-8"), "policy"]);
    for source in ["\"policy.toml\"", "{ repo = \"app\", ref = \"refs/heads/policy\" }"] {
        world.kill();
        world.write_settings("");
        let settings = world.path().join("refgate.toml");
        let text_of = std::fs::read_to_string(&settings).expect("settings");
        write(&settings, &text_of.replace("policy = \"policy.toml\"", &format!("policy = {source}")));
        world.start();
        let key = std::fs::read_to_string(world.path().join("dana.pub")).expect("a key");
        for who in ["claude-1", "lee", "runner"] {
            let mut answers = Vec::new();
            for line in ["agent add dana", "agent add nobody", "key add dana", "key add nobody"] {
                answers.push(text(&world.try_verb(who, line, &key).stderr));
            }
            for line in ["agent remove dana", "agent remove claude-2", "agent remove nobody"] {
                answers.push(text(&world.try_verb(who, line, "").stderr));
            }
            assert!(answers[0].starts_with("refgate: "), "{answers:?}");
            assert!(answers.iter().all(|answer| *answer == answers[0]), "{source} {who}: {answers:?}");
        }
    }
}

/// Whoever comes second is told so.
#[test]
fn two_who_approve_at_once_forward_it_once() {
    let world = World::new(HOLD_RULES);
    let client = world.clone_as("claude-1");
    for round in 0..4 {
        let (push, commit) = held(&client, &format!("ci{round}"), &format!("on: push # {round}\n"));
        let line = format!("approve {push}");
        let said: Vec<String> = std::thread::scope(|scope| {
            let both = ["dana", "lee"].map(|who| scope.spawn(|| world.try_verb(who, &line, "")));
            both.into_iter()
                .map(|one| one.join().expect("an end"))
                .map(|o| text(&o.stdout) + &text(&o.stderr))
                .collect()
        });
        assert_eq!(said.iter().filter(|said| said.contains("is in the upstream")).count(), 1, "{said:?}");
        assert!(!said.iter().any(|said| said.contains("internal error")), "{said:?}");
        assert_eq!(world.upstream_refs()[&client.branch(&format!("ci{round}"))], commit);
    }
    world.record_holds();
}

#[test]
fn a_held_push_whose_objects_are_gone_goes_nowhere_and_can_be_got_rid_of() {
    let world = World::new(HOLD_RULES);
    let client = world.clone_as("claude-1");
    let (push, _) = held(&client, "ci", "on: push\n");
    let before = world.upstream_refs();
    std::fs::remove_dir_all(world.path().join("data/held").join(&push)).expect("removed");
    for line in ["approve", "show"] {
        let said = world.refused_verb("dana", &format!("{line} {push}"));
        assert!(said.contains("objects are gone") && said.contains("reject"), "{line}: {said}");
    }
    assert_eq!(world.upstream_refs(), before);
    world.verb("dana", &format!("reject {push} -m gone"));
    assert!(world.verb("dana", "held").contains("nothing waits"));
}

/// The owners of what a review changes are asked, where the repository says that owners approve.
#[test]
fn a_review_asks_the_owners_of_what_it_changes() {
    let rules = HOLD_RULES.replace("[rule.ci-files]", "[repo.app]\napprovers = [\"CODEOWNERS\"]\n\n[rule.ci-files]");
    let world = World::new(&rules);
    let dana = world.clone_as("dana");
    dana.commit(&[("CODEOWNERS", "/src/ @lee\n")], "owners");
    dana.push(&["HEAD:refs/heads/main"]).accepted();
    let client = world.clone_as("claude-1");
    let commit = client.commit(&[("src/a.rs", "a\n")], "a");
    let pushed = client.push(&["HEAD:refs/for/main"]);
    assert!(pushed.ok, "{}", pushed.stderr);
    let push = pushed.json()["push"].as_str().expect("an id").to_owned();
    let said = world.refused_verb("dana", &format!("approve {push}"));
    assert!(said.contains("counts for nothing"), "{said}");
    assert!(!world.upstream_has(&commit));
    world.verb("lee", &format!("approve {push}"));
    assert_eq!(world.upstream_refs()["refs/heads/main"], commit);
}

/// And of all that is held for what is in it, however much that is.
#[test]
fn owners_are_asked_for_what_is_only_counted_too() {
    let rule = r#"
[rule.marker]
kind = "text"
match = ["src/**"]
forbid = ["MARK"]
then = "hold"
approvers = ["CODEOWNERS"]
"#;
    let world = World::with_settings(&format!("{HOLD_RULES}{rule}"), "[limits]\nfindings_max = 2");
    let dana = world.clone_as("dana");
    dana.commit(&[("CODEOWNERS", "/src/ @dana\n/src/z/ @lee\n")], "owners");
    dana.push(&["HEAD:refs/heads/main"]).accepted();
    let client = world.clone_as("claude-1");
    let files = ["a", "b", "c", "d", "z/z"].map(|name| format!("src/{name}.rs"));
    let files: Vec<(&str, &str)> = files.iter().map(|name| (name.as_str(), "MARK\n")).collect();
    client.commit(&files, "marks");
    let pushed = client.push_head("x");
    let push = pushed.json()["push"].as_str().expect("an id").to_owned();
    let told = world.verb("dana", &format!("approve {push}"));
    assert!(told.contains("still needs"), "{told}");
    world.verb("lee", &format!("approve {push}"));
    assert!(world.upstream_refs().contains_key(&client.branch("x")));
}
