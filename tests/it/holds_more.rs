//! What else happens to held pushes: clients that wait, newer pushes, people who take them back, stop switches, undo,
//! and a gate that is killed in between.

use crate::holds::{CI, HOLD_RULES, held, state};
use crate::support::*;
use std::process::Stdio;

fn held_packs(world: &World) -> usize {
    std::fs::read_dir(world.path().join("data/held")).expect("there").count()
}

#[test]
fn a_client_that_asks_for_it_waits_for_the_verdict() {
    let world = World::new(HOLD_RULES);
    let client = world.clone_as("claude-1");
    for (approve, ok) in [(true, true), (false, false)] {
        client.commit(&[(CI, &format!("on: push # {approve}\n"))], "ci");
        let args = ["push", "-o", "wait=1m", "origin", &format!("HEAD:{}", client.branch(&approve.to_string()))];
        let mut command = client.command(&client.dir);
        let child = command.args(args).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("git");
        let mut push = String::new();
        wait_for(|| {
            let held = world.json_verb("dana", "held");
            push = held.first().map(|held| held["push"].as_str().expect("an id").to_owned()).unwrap_or_default();
            !push.is_empty()
        });
        world.verb("dana", &if approve { format!("approve {push}") } else { format!("reject {push} -m no") });
        let output = child.wait_with_output().expect("an end");
        let said = text(&output.stderr);
        assert_eq!(output.status.success(), ok, "{said}");
        assert!(said.contains(&format!("held {push}, waiting for a human")), "{said}");
        assert!(said.contains(if approve { "ACCEPTED" } else { "rejected by dana: no" }), "{said}");
    }
    client.commit(&[(CI, "on: push # short\n")], "ci");
    let short = client.push(&["-o", "wait=1s", &format!("HEAD:{}", client.branch("short"))]);
    assert!(!short.ok && short.json()["hold"]["state"] == "waiting", "{}", short.stderr);
    let long = client.push(&["-o", "wait=2h", &format!("HEAD:{}", client.branch("long"))]);
    assert!(!long.ok && long.stderr.contains("wait= takes a time up to 3600 s"), "{}", long.stderr);
}

#[test]
fn a_newer_push_to_the_same_ref_takes_its_place() {
    let world = World::new(HOLD_RULES);
    let client = world.clone_as("claude-1");
    let (first, _) = held(&client, "ci", "on: push\n");
    client.commit(&[(CI, "on: pull_request\n")], "ci again");
    let pushed = client.push_head("ci");
    let second = pushed.json()["push"].as_str().expect("an id").to_owned();
    assert!(pushed.stderr.contains(&format!("it takes the place of your held push {first}")), "{}", pushed.stderr);
    assert_eq!((state(&world, &first).as_str(), state(&world, &second).as_str()), ("superseded", "waiting"));
    let status = world.verb("claude-1", &format!("status {first}"));
    assert!(status.contains(&format!("{second} took its place")), "{status}");
    assert!(world.refused_verb("dana", &format!("approve {first}")).contains("is superseded already"));
    assert_eq!(held_packs(&world), 1);
    // One that needs nobody takes its place too; that of another ref or another agent does not.
    client.git(&["checkout", "-q", "-b", "plain", "origin/main"]);
    client.commit(&[("src/a.rs", "a\n")], "plain");
    client.push_head("other").accepted();
    assert_eq!(state(&world, &second), "waiting");
    client.push_head("ci").accepted();
    assert_eq!(state(&world, &second), "superseded");
    assert_eq!(held_packs(&world), 0);
}

#[test]
fn a_pusher_takes_its_push_back() {
    let world = World::new(HOLD_RULES);
    let client = world.clone_as("claude-1");
    let (push, _) = held(&client, "ci", "on: push\n");
    assert!(world.refused_verb("dana", &format!("withdraw {push}")).contains("not yours to see"));
    world.verb("claude-1", &format!("withdraw {push}"));
    assert!(world.refused_verb("dana", &format!("approve {push}")).contains("is withdrawn already by claude-1"));
    assert!(world.refused_verb("claude-1", &format!("withdraw {push}")).contains("is withdrawn already"));
    assert_eq!(held_packs(&world), 0);
    let (again, _) = held(&client, "ci", "on: push # again\n");
    assert_ne!(again, push);
}

/// B21: what is held is in no place that a fetch looks at.
#[test]
fn b21_a_held_commit_cannot_be_fetched() {
    let world = World::new(HOLD_RULES);
    let client = world.clone_as("claude-1");
    let (push, commit) = held(&client, "ci", "on: push\n");
    for principal in ["claude-1", "claude-2", "dana"] {
        let other = world.clone_as(principal);
        for want in [commit.as_str(), &format!("refs/refgate/held/{push}"), "refs/refgate/*:refs/x/*"] {
            let fetched = other.try_git(&["fetch", "-q", "origin", want]);
            let has = other.try_git(&["cat-file", "-e", &commit]);
            assert!(!has.status.success(), "{principal} {want}: {}", text(&fetched.stderr));
        }
    }
    // B14: nor is anything built on it known.
    let other = world.empty_client("claude-2");
    other.git(&["fetch", "-q", client.dir.to_str().expect("UTF-8"), "HEAD"]);
    other.git(&["checkout", "-q", "FETCH_HEAD"]);
    other.commit(&[("src/b.rs", "b\n")], "on top");
    let pushed = other.push_head("x");
    assert!(!pushed.ok && pushed.rules().contains(&"ci-files".to_owned()), "{}", pushed.stderr);
}

#[test]
fn limits_of_held_pushes_at_the_limit_and_one_over() {
    let limits = "[limits]\nheld_pushes_max = 2\nheld_pushes_per_principal_max = 1";
    let world = World::with_settings(HOLD_RULES, limits);
    let client = world.clone_as("claude-1");
    held(&client, "a", "a");
    client.commit(&[(CI, "b\n")], "ci");
    let over = client.push_head("b");
    assert!(over.stderr.contains("(held_pushes_per_principal_max)"), "{}", over.stderr);
    let other = world.clone_as("claude-2");
    held(&other, "a", "a");
    let human = world.clone_as("dana");
    human.commit(&[(CI, "c\n")], "ci");
    let over = human.push(&["HEAD:refs/heads/c"]);
    assert!(over.stderr.contains("(held_pushes_max)"), "{}", over.stderr);

    let world = World::with_settings(HOLD_RULES, "[limits]\nheld_pushes_max = 2");
    let client = world.clone_as("claude-1");
    for name in ["a", "b"] {
        held(&client, name, name);
    }
    client.commit(&[(CI, "c\n")], "ci");
    let over = client.push_head("c");
    over.refused_by("hold.pushes");
    assert_eq!(over.json()["retry"], "later");
    assert_eq!(held_packs(&world), 2);
    let dir = client.dir.clone();
    let mut world = world;
    let size = world.json_verb("dana", "held").iter().map(|held| held["bytes"].as_u64().expect("bytes")).sum::<u64>();
    world.kill();
    world.write_settings(&format!("[limits]\nheld_bytes_max = \"{} B\"", size + 10));
    world.start();
    let client = world.client_at(&dir, "claude-1");
    client.push_head("c").refused_by("hold.bytes");
    world.kill();
    world.write_settings("[limits]\nheld_bytes_max = \"1 MiB\"");
    world.start();
    let client = world.client_at(&dir, "claude-1");
    assert_eq!(client.push_head("c").json()["outcome"], "held");
}

#[test]
fn a_frozen_repository_forwards_nothing_until_it_is_thawed() {
    let world = World::new(HOLD_RULES);
    let client = world.clone_as("claude-1");
    let (push, _) = held(&client, "ci", "on: push\n");
    assert!(world.refused_verb("claude-1", "freeze app").contains("only humans"));
    assert!(world.refused_verb("dana", "freeze nowhere").contains("no such repository"));
    let told = world.verb("dana", "freeze app --until 8h -m incident 7");
    assert!(told.contains("nothing is forwarded to app"), "{told}");
    client.git(&["checkout", "-q", "-b", "plain", "origin/main"]);
    client.commit(&[("src/a.rs", "a\n")], "plain");
    let frozen = client.push_head("x");
    assert!(!frozen.ok && frozen.stderr.contains("this repository is frozen"), "{}", frozen.stderr);
    assert_eq!(frozen.json()["retry"], "later");
    assert!(world.refused_verb("dana", &format!("approve {push}")).contains("frozen"));
    assert_eq!(state(&world, &push), "waiting");
    // Looking is not stopped, and a check is only looking.
    assert!(client.push(&["HEAD:refs/check/agent/claude-1/x"]).ok);
    let dir = client.dir.clone();
    let mut world = world;
    world.kill();
    world.start();
    let client = world.client_at(&dir, "claude-1");
    assert!(!client.push_head("x").ok, "a freeze outlives the gate");
    world.verb("dana", "thaw app");
    client.push_head("x").accepted();
    world.verb("dana", &format!("approve {push}"));
    world.verb("dana", "freeze app --until 1s");
    wait_for(|| client.push(&["HEAD:refs/heads/agent/claude-1/y"]).ok);
    let freeze = world.records().into_iter().find(|record| record["action"] == "freeze").expect("recorded");
    assert_eq!((freeze["by"]["principal"].as_str(), freeze["reason"].as_str()), (Some("dana"), Some("incident 7")));
    world.record_holds();
}

#[test]
fn a_revoked_agent_is_out_at_once() {
    let world = World::new(HOLD_RULES);
    let client = world.clone_as("claude-1");
    let (push, _) = held(&client, "ci", "on: push\n");
    // A push of it is under way.
    let commit = client.commit(&[("src/b.rs", "b\n")], "b");
    let mut raw = world.raw_ssh("claude-1", &[]);
    raw.send(&commands(&[(NULL_ID, &commit, b"refs/heads/agent/claude-1/raw")], CAPABILITIES));
    wait_for(|| world.quarantines() == 1);
    let told = world.verb("dana", "revoke claude-1 -m leaked key");
    assert!(told.contains("1 session and 1 held push ended"), "{told}");
    assert!(!raw.finish().is_ok());
    let pushed = client.push_head("x");
    assert!(!pushed.ok && pushed.stderr.contains("Permission denied"), "{}", pushed.stderr);
    assert_eq!(state(&world, &push), "revoked");
    assert!(world.refused_verb("dana", &format!("approve {push}")).contains("is revoked already"));
    assert!(world.refused_verb("dana", "revoke dana").contains("no such principal"), "nobody itself");
    let dir = client.dir.clone();
    let mut world = world;
    world.kill();
    world.start();
    let client = world.client_at(&dir, "claude-1");
    assert!(!client.push_head("x").ok, "a revocation outlives the gate");
    world.verb("dana", "reinstate claude-1");
    client.git(&["reset", "-q", "--hard", "origin/main"]);
    client.commit(&[("src/a.rs", "a\n")], "a");
    client.push_head("x").accepted();
    world.record_holds();
}

#[test]
fn what_a_push_replaced_or_deleted_is_put_back() {
    let world = World::new(HOLD_RULES);
    let client = world.clone_as("claude-1");
    let branch = client.branch("x");
    let first = client.commit(&[("src/a.rs", "a\n")], "first");
    client.push_head("x").accepted();
    client.git(&["commit", "-q", "--amend", "-m", "second"]);
    let second = client.git(&["rev-parse", "HEAD"]);
    client.push(&["-f", &format!("HEAD:{branch}")]).accepted();
    client.push(&[&format!(":{branch}")]).accepted();
    let list = world.json_verb("dana", "undo list app");
    let [deleted, replaced] = &list[..] else { panic!("{list:?}") };
    assert_eq!((deleted["old"].as_str(), replaced["old"].as_str()), (Some(&*second), Some(&*first)));
    let id = |value: &serde_json::Value| value["push"].as_str().expect("an id").to_owned();
    assert!(world.refused_verb("claude-2", &format!("undo restore {}", id(deleted))).contains("no such push"));
    // Not in order: what the second push replaced is not there to be replaced back.
    let early = world.refused_verb("dana", &format!("undo restore {}", id(replaced)));
    assert!(early.contains("fetch first"), "{early}");
    world.verb("dana", &format!("undo restore {}", id(deleted)));
    assert_eq!(world.upstream_refs()[&branch], second);
    let restored = world.verb("dana", &format!("undo restore {}", id(replaced)));
    assert!(restored.starts_with("restored what push"), "{restored}");
    assert_eq!(world.upstream_refs()[&branch], first);
    // It was a push of the human's, and can be undone itself.
    let log = world.json_verb("dana", "log");
    assert_eq!((log[0]["principal"].as_str(), log[0]["state"].as_str()), (Some("dana"), Some("forwarded")));
    world.verb("dana", &format!("undo restore {}", id(&log[0])));
    assert_eq!(world.upstream_refs()[&branch], second);
    world.record_holds();
}

#[test]
fn undo_is_judged_by_what_the_caller_may_do_and_ends_with_its_time() {
    let world = World::with_settings(HOLD_RULES, "[limits]\nundo_time_max = \"3 s\"");
    let client = world.clone_as("claude-1");
    client.commit(&[("src/a.rs", "a\n")], "first");
    client.push_head("x").accepted();
    client.push(&[&format!(":{}", client.branch("x"))]).accepted();
    let push = world.json_verb("dana", "undo list app")[0]["push"].as_str().expect("an id").to_owned();
    // lee may look, and push nothing.
    let said = world.refused_verb("lee", &format!("undo restore {push}"));
    assert!(said.contains("you may push nothing"), "{said}");
    wait_for(|| world.json_verb("dana", "undo list app").is_empty());
    let said = world.refused_verb("dana", &format!("undo restore {push}"));
    assert!(said.contains("it cannot be undone") || said.contains("no such push"), "{said}");
    let kept = || world.git(&world.path().join("data/mirrors/app.git"), &["for-each-ref", "refs/refgate/undo"]);
    wait_for(|| kept().is_empty());
}

/// The gate dies after it has recorded an approval and before the upstream has answered.
#[test]
fn killed_between_approval_and_outcome_it_is_forwarded_exactly_once() {
    for (orphan, released) in [("lives", "0"), ("dies", "0")] {
        let mut world = World::new(HOLD_RULES);
        let count = world.path().join("count");
        let [entered, release] = ["entered", "release"].map(|name| world.path().join(name));
        world.upstream_hook(
            "pre-receive",
            &format!(
                "cat > /dev/null; echo $PPID > '{}.new'; mv '{}.new' '{}'\nwhile ! test -s '{}'; do test -e '{}' || exit 1; sleep 0.05; done\nexit $(cat '{}')",
                entered.display(), entered.display(), entered.display(), release.display(), entered.display(), release.display()
            ),
        );
        // One line for each time that a branch moves; its evidence moves along.
        world.upstream_hook(
            "reference-transaction",
            &format!(
                "if test \"$1\" = committed; then grep ' refs/heads/' >> '{}'; else cat > /dev/null; fi; true",
                count.display()
            ),
        );
        let (push, commit) = held(&world.clone_as("claude-1"), "ci", "on: push\n");
        let mut approve = world.ssh_exec("dana", &[], &format!("approve {push}"));
        let child = approve.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("ssh");
        wait_for(|| entered.exists());
        let records = world.records();
        assert!(records.iter().any(|record| record["record"] == "release"), "it is on disk first");
        world.kill();
        assert!(!child.wait_with_output().expect("an end").status.success());
        if orphan == "dies" {
            let pid: u32 = std::fs::read_to_string(&entered).expect("there").trim().parse().expect("a pid");
            world.signal_pid("KILL", pid);
        }
        world.start();
        std::fs::write(release.with_extension("new"), released).expect("write");
        std::fs::rename(release.with_extension("new"), &release).expect("rename");
        wait_for(|| state(&world, &push) == "forwarded");
        assert_eq!(world.upstream_refs()["refs/heads/agent/claude-1/ci"], commit);
        let lines = std::fs::read_to_string(&count).expect("there");
        assert_eq!(lines.lines().count(), 1, "{orphan}: {lines}");
        let outcomes: Vec<_> = world.records().into_iter().filter(|record| record["record"] == "outcome").collect();
        assert_eq!(outcomes.last().expect("one")["refs"][0]["result"], "forwarded");
        wait_for(|| held_packs(&world) == 0);
        assert!(world.refused_verb("dana", &format!("approve {push}")).contains("is forwarded already"));
        world.record_holds();
    }
}

#[test]
fn killed_after_the_upstream_took_it_it_is_settled_as_forwarded() {
    let mut world = World::new(HOLD_RULES);
    let [entered, release] = ["entered", "release"].map(|name| world.path().join(name).display().to_string());
    world.upstream_hook(
        "post-receive",
        &format!("grep ' refs/heads/' >> '{entered}' || exit 0\nwhile ! test -s '{release}'; do test -e '{entered}' || exit 1; sleep 0.05; done"),
    );
    let (push, commit) = held(&world.clone_as("claude-1"), "ci", "on: push\n");
    let mut approve = world.ssh_exec("dana", &[], &format!("approve {push}"));
    let child = approve.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("ssh");
    wait_for(|| std::path::Path::new(&entered).exists());
    world.kill();
    assert!(!child.wait_with_output().expect("an end").status.success());
    std::fs::write(&release, "0").expect("write");
    world.start();
    wait_for(|| state(&world, &push) == "forwarded");
    assert_eq!(world.upstream_refs()["refs/heads/agent/claude-1/ci"], commit);
    assert_eq!(std::fs::read_to_string(&entered).expect("there").lines().count(), 1);
    world.record_holds();
}

#[test]
fn held_pushes_and_their_packs_outlive_a_killed_gate() {
    let mut world = World::new(HOLD_RULES);
    let (push, commit) = held(&world.clone_as("claude-1"), "ci", "on: push\n");
    let stray = world.path().join("data/held/01ARZ3NDEKTSV4RRFFQ69G5FAV/pack");
    std::fs::create_dir_all(&stray).expect("made");
    world.kill();
    // The mirror is a cache: it may go.
    std::fs::remove_dir_all(world.path().join("data/mirrors")).expect("removed");
    world.start();
    assert_eq!(held_packs(&world), 1, "what belongs to no push is swept");
    world.verb("dana", &format!("approve {push}"));
    assert_eq!(world.upstream_refs()["refs/heads/agent/claude-1/ci"], commit);
}

#[test]
fn long_names_and_many_pushes_fit_a_screen() {
    let world = World::new(HOLD_RULES);
    let client = world.clone_as("claude-1");
    let long = "a-name-that-is-longer-than-any-screen/".repeat(4);
    for number in 0..51 {
        held(&client, &format!("{number}/{long}日本語"), &format!("on: push # {number}\n"));
    }
    let list = world.verb("dana", "held");
    assert_eq!(list.lines().count(), 1 + 50 + 2, "{list}");
    assert!(list.contains("and 1 newer: held --json has all\n51 held, "), "{list}");
    for line in ["held", "log -n 60", "status"] {
        let who = if line == "status" { "claude-1" } else { "dana" };
        let list = world.verb(who, line);
        assert!(list.lines().all(|line| line.chars().count() <= 80), "{list}");
    }
    assert_eq!(world.json_verb("dana", "held").len(), 51);
}

#[test]
fn a_push_that_the_upstream_refuses_takes_nobodys_place() {
    let world = World::new(HOLD_RULES);
    let client = world.clone_as("claude-1");
    let (push, _) = held(&client, "ci", "on: push\n");
    world.upstream_hook("pre-receive", "exit 1");
    client.git(&["checkout", "-q", "-b", "plain", "origin/main"]);
    client.commit(&[("src/a.rs", "a\n")], "plain");
    client.push_head("ci").refused_by("upstream.refused");
    assert_eq!(state(&world, &push), "waiting");
    std::fs::remove_file(world.upstream.join("hooks/pre-receive")).expect("there");
    client.push_head("ci").accepted();
    assert_eq!((state(&world, &push).as_str(), held_packs(&world)), ("superseded", 0));
}
