//! The gate is killed, stopped, or given another policy while pushes are under way.

use crate::support::*;
use std::collections::BTreeMap;
use std::io::Read;
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::Child;

/// What must hold whenever a gate has started: no ref without a decision, no accepted push without an outcome, and
/// outcomes that agree with the upstream. For pushes that each create a branch of their own.
#[track_caller]
fn consistent(world: &World) {
    world.record_holds();
    let (records, mut refs) = (world.records(), world.upstream_refs());
    refs.remove("refs/heads/main");
    let of = |kind: &'static str| records.iter().filter(move |record| record["record"] == kind);
    let mut accepted = BTreeMap::new();
    for decision in of("decision").filter(|decision| decision["decision"] == "accept") {
        for update in decision["updates"].as_array().expect("a list") {
            let [name, new] = ["ref", "new"].map(|key| update[key].as_str().expect("a string").to_owned());
            accepted.insert((decision["push"].as_str().expect("an id").to_owned(), name), new);
        }
    }
    for (name, id) in &refs {
        let recorded = accepted.iter().any(|((_, accepted), new)| accepted == name && new == id);
        assert!(recorded, "{name} moved without a decision");
    }
    for ((push, name), new) in &accepted {
        let outcomes: Vec<_> = of("outcome").filter(|outcome| outcome["push"] == **push).collect();
        assert_eq!(outcomes.len(), 1, "{push} has one outcome: {records:?}");
        match outcomes[0]["refs"][0]["result"].as_str() {
            Some("forwarded") => assert_eq!(refs.get(name), Some(new), "{push} has landed"),
            Some("rejected") => assert_eq!(refs.get(name), None, "{push} has not landed"),
            other => panic!("{push} is {other:?}"),
        }
    }
}

/// A world whose upstream waits in a hook: it makes `entered`, and ends with what `release` holds.
fn slow(hook: &str) -> (World, PathBuf) {
    let world = World::new(SECRET_RULE);
    let [entered, release] = ["entered", "release"].map(|name| world.path().join(name).display().to_string());
    world.upstream_hook(
        hook,
        &format!("cat > /dev/null; : > '{entered}'\nwhile ! test -s '{release}'; do test -e '{entered}' || exit 1; sleep 0.05; done\nexit $(cat '{release}')"),
    );
    let dir = {
        let client = world.clone_as("claude-1");
        client.commit(&[("src/a", "slow\n")], "slow");
        client.dir.clone()
    };
    (world, dir)
}

/// A push that is in the upstream's hook.
fn push_into_hook(world: &World, dir: &std::path::Path) -> Child {
    let child = world.client_at(dir, "claude-1").start_push("x");
    wait_for(|| world.path().join("entered").exists());
    child
}

fn release(world: &World, status: &str) {
    // Whole at once: the hook takes the file as soon as it holds anything.
    let path = world.path().join("release");
    std::fs::write(path.with_extension("new"), status).expect("write");
    std::fs::rename(path.with_extension("new"), path).expect("rename");
}

/// Whether every accepted push has its outcome. One that a process of a killed gate is still forwarding waits for it.
fn is_settled(world: &World) -> bool {
    let records = world.records();
    let count = |what: &str| records.iter().filter(|record| record["record"] == what).count();
    let accepted = records.iter().filter(|record| record["decision"] == "accept").count();
    count("outcome") == accepted
}

const X: &str = "refs/heads/agent/claude-1/x";

#[test]
fn killed_while_a_pack_comes_in() {
    let mut world = World::new("");
    let (id, pack) = {
        let client = world.clone_as("claude-1");
        let id = client.commit(&[("src/a.rs", "a\n")], "a");
        (id.clone(), client.pack(&[&id, "^origin/main"]))
    };
    let mut raw = world.raw_ssh("claude-1", &[]);
    raw.send(&commands(&[(NULL_ID, &id, X.as_bytes())], CAPABILITIES));
    raw.send(&pack[..pack.len() - 1]);
    wait_for(|| world.quarantines() == 1);
    world.kill();
    assert!(!raw.finish().is_ok());
    assert_eq!(world.quarantines(), 1);
    world.start();
    assert_eq!(world.quarantines(), 0);
    assert!(world.records().iter().all(|record| record["record"] == "event"));
    consistent(&world);
}

#[test]
fn killed_while_the_upstream_takes_it() {
    for (status, landed) in [("0", true), ("1", false)] {
        let (mut world, dir) = slow("pre-receive");
        let child = push_into_hook(&world, &dir);
        let decided = world.records().iter().filter(|record| record["record"] == "decision").count();
        assert_eq!(decided, 1, "the decision is on disk before the upstream hears of it");
        world.kill();
        let pushed = pushed(child);
        assert!(!pushed.ok, "{}", pushed.stderr);
        assert!(!world.upstream_refs().contains_key(X));
        // The upstream's own process lives on, past the next start: what its ref holds is not yet the outcome.
        world.start();
        assert!(!is_settled(&world));
        release(&world, status);
        wait_for(|| is_settled(&world));
        consistent(&world);
        assert_eq!(world.upstream_refs().contains_key(X), landed);
        assert!(world.records().iter().any(|record| record["event"] == "settled-at-restart"));
    }
}

#[test]
fn killed_after_the_upstream_took_it() {
    let (mut world, dir) = slow("post-receive");
    let child = push_into_hook(&world, &dir);
    assert!(world.upstream_refs().contains_key(X));
    world.kill();
    assert!(!pushed(child).ok, "no ok was said yet");
    release(&world, "0");
    world.start();
    consistent(&world);
    assert!(world.upstream_refs().contains_key(X));
    // The agent tries again, as it was told nothing.
    let client = world.client_at(&dir, "claude-1");
    let again = client.push_head("x");
    assert!(again.ok && again.stderr.contains("Everything up-to-date"), "{}", again.stderr);
}

#[test]
fn killed_at_whatever_moment() {
    let mut world = World::new("");
    let dir = world.clone_as("claude-1").dir.clone();
    type State = fn(&World, &str) -> bool;
    let states: [State; 5] = [
        |world, _| world.log().contains("connection{"),
        |world, _| world.quarantines() > 0,
        |world, _| world.log().contains("decided"),
        |world, name| world.upstream.join("refs/heads/agent/claude-1").join(name).exists(),
        |world, _| world.log().contains("forwarded"),
    ];
    let mut ok = Vec::new();
    for (n, state) in states.iter().enumerate().flat_map(|(n, state)| [(2 * n, state), (2 * n + 1, state)]) {
        let name = format!("n{n}");
        world.kill();
        world.start();
        wait_for(|| is_settled(&world));
        consistent(&world);
        let client = world.client_at(&dir, "claude-1");
        client.commit(&[("src/a", &n.to_string())], "one more");
        let mut child = client.start_push(&name);
        catch(|| state(&world, &name) || child.try_wait().expect("git").is_some());
        world.kill();
        if pushed(child).ok {
            ok.push(format!("refs/heads/agent/claude-1/{name}"));
        }
    }
    world.start();
    wait_for(|| is_settled(&world));
    consistent(&world);
    let refs = world.upstream_refs();
    assert!(ok.iter().all(|name| refs.contains_key(name)), "ok was said of {ok:?}, there are {refs:?}");
    assert_eq!(world.quarantines(), 0);
    let client = world.client_at(&dir, "claude-1");
    client.push_head("end").accepted();
}

#[test]
fn stopped_with_a_push_under_way() {
    let (mut world, dir) = slow("pre-receive");
    let child = push_into_hook(&world, &dir);
    let port = world.port;
    world.signal_pid("TERM", world.gate_pid());
    let refused = || match TcpStream::connect(("127.0.0.1", port)) {
        Err(_) => true,
        Ok(mut stream) => matches!(stream.read(&mut [0; 8]), Ok(0) | Err(_)),
    };
    wait_for(refused);
    release(&world, "0");
    pushed(child).accepted();
    assert_eq!(world.terminate().code(), Some(0), "{}", world.log());
    assert!(world.upstream_refs().contains_key(X));
    assert!(!world.log().contains("panicked"));
    world.start();
    consistent(&world);
    assert!(!world.records().iter().any(|record| record["event"] == "settled-at-restart"));
}

#[test]
fn stopped_with_a_push_that_never_ends() {
    let (mut world, dir) = slow("pre-receive");
    world.kill();
    world.write_settings("[limits]\ndrain_time_max = \"1 s\"");
    world.start();
    let child = push_into_hook(&world, &dir);
    let status = world.terminate();
    assert!(status.code().is_some(), "it ends by itself: {status:?}");
    assert!(!pushed(child).ok);
    release(&world, "1");
    std::fs::remove_file(world.upstream.join("hooks/pre-receive")).expect("there");
    world.start();
    wait_for(|| is_settled(&world));
    let settled = world.records().iter().filter(|record| record["event"] == "settled-at-restart").count();
    assert_eq!(settled, 1, "the stopped gate did not wait for the upstream");
    consistent(&world);
}

#[test]
fn a_policy_is_live_once_it_is_written_and_a_broken_one_never() {
    let world = World::new("");
    let client = world.clone_as("claude-1");
    client.commit(&[("secret/key.txt", "x\n")], "secret");
    client.push_head("before").accepted();

    // A file that changes is seen without a signal.
    world.write_policy(&format!("{GRANTS}{SECRET_RULE}"));
    wait_for(|| world.log().contains("the policy was replaced"));
    client.push_head("ruled").refused_by("secret-dir");

    for broken in ["not TOML at all", "[rule.x]\nkind = \"no-such-kind\"\n", ""] {
        let before = world.log().matches("the old one stays").count();
        std::fs::write(world.path().join("policy.toml"), broken).expect("write");
        world.signal_pid("HUP", world.gate_pid());
        wait_for(|| {
            world.log().matches("the old one stays").count() > before
                || world.log().matches("the policy was replaced").count() > 1
        });
        let pushed = client.push_head("broken");
        assert!(!pushed.ok, "{broken:?}: {}", pushed.stderr);
        if !broken.is_empty() {
            pushed.refused_by("secret-dir");
        }
    }
    world.write_policy(GRANTS);
    world.signal_pid("HUP", world.gate_pid());
    wait_for(|| client.push_head("after").ok);
    assert!(world.records().iter().any(|record| record["event"] == "policy-refused"));
    assert!(world.records().iter().any(|record| record["event"] == "policy-changed"));
}

#[test]
fn a_push_keeps_the_policy_it_started_with() {
    let world = World::new("");
    let client = world.clone_as("claude-1");
    let id = client.commit(&[("secret/key.txt", "x\n")], "secret");
    let pack = client.pack(&[&id, "^origin/main"]);
    let mut raw = world.raw_ssh("claude-1", &[]);
    world.write_policy(&format!("{GRANTS}{SECRET_RULE}"));
    world.signal_pid("HUP", world.gate_pid());
    wait_for(|| world.log().contains("the policy was replaced"));
    raw.send(&[commands(&[(NULL_ID, &id, X.as_bytes())], CAPABILITIES), pack].concat());
    let end = raw.finish();
    assert!(end.is_ok(), "{end:?}");
    client.push_head("y").refused_by("secret-dir");
}

#[test]
fn a_key_that_is_taken_out_opens_nothing() {
    let world = World::new("");
    let client = world.clone_as("claude-1");
    let policy = std::fs::read_to_string(world.path().join("policy.toml")).expect("there");
    let at = policy.find("[agent.claude-2]").expect("there");
    std::fs::write(world.path().join("policy.toml"), &policy[at..]).expect("write");
    world.signal_pid("HUP", world.gate_pid());
    wait_for(|| world.log().contains("the policy was replaced"));
    let pushed = client.push(&[&format!("origin/main:{}", client.branch("x"))]);
    assert!(!pushed.ok && pushed.stderr.contains("Permission denied"), "{}", pushed.stderr);
}
