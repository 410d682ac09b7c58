//! Every limit of one push, as set in `[limits]`, with stock git: at the limit it is accepted, one over it is refused
//! by the setting's name.

use crate::support::*;

fn world(limit: &str) -> World {
    World::with_settings("", &format!("[limits]\n{limit}"))
}

/// Refused by one limit, and nothing of it is upstream.
#[track_caller]
fn refused_by_limit(client: &Client<'_>, pushed: &Pushed, setting: &str) {
    assert!(!pushed.ok, "should be over {setting}:\n{}", pushed.stderr);
    let json = pushed.json();
    let findings = json["findings"].as_array().expect("a list");
    let names = |finding: &serde_json::Value| finding["message"].as_str().is_some_and(|m| m.contains(setting));
    assert!(findings.iter().any(names), "should name {setting}:\n{}", pushed.stderr);
    assert_eq!(json["retry"], "after-fix");
    let [head, main] = ["HEAD", "origin/main"].map(|rev| client.git(&["rev-parse", rev]));
    assert!(head == main || !client.world.upstream_refs().values().any(|id| *id == head));
    assert_eq!(client.world.quarantines(), 0);
}

/// Text that compresses badly.
fn noise(length: usize, mut seed: u64) -> String {
    std::iter::repeat_with(|| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        char::from(b'!' + u8::try_from((seed >> 33) % 90).expect("small"))
    })
    .take(length)
    .collect()
}

#[test]
fn pack_bytes_max() {
    // The pack's size is git's to choose, so the limit is set to what it chose.
    let mut world = World::new("");
    let (dir, branch) = {
        let client = world.clone_as("claude-1");
        client.commit(&[("src/noise", &noise(5000, 1))], "noise");
        client.push_head("x").accepted();
        client.push(&["--delete", &client.branch("x")]).accepted();
        (client.dir.clone(), client.branch("x"))
    };
    let size = world.records()[1]["pack_bytes"].as_u64().expect("a number");
    for (limit, fits) in [(size - 1, false), (size, true)] {
        world.kill();
        world.write_settings(&format!("[limits]\npack_bytes_max = {limit}"));
        world.start();
        let client = Client { world: &world, dir: dir.clone(), principal: "claude-1".to_owned() };
        client.git(&["remote", "set-url", "origin", &world.url()]);
        let pushed = client.push(&[&format!("HEAD:{branch}")]);
        if fits { pushed.accepted() } else { refused_by_limit(&client, &pushed, "pack_bytes_max") }
    }
}

#[test]
fn pack_objects_max() {
    let world = world("pack_objects_max = 5");
    let client = world.clone_as("claude-1");
    // A commit, two trees, and the files.
    client.commit(&[("src/1", "1"), ("src/2", "2"), ("src/3", "3")], "six");
    refused_by_limit(&client, &client.push_head("x"), "pack_objects_max");
    client.reset();
    client.commit(&[("src/1", "1"), ("src/2", "2")], "five");
    client.push_head("x").accepted();
}

#[test]
fn object_bytes_max() {
    let world = world("object_bytes_max = \"64 KiB\"");
    let client = world.clone_as("claude-1");
    client.commit(&[("src/a", &"x".repeat(65537))], "over");
    refused_by_limit(&client, &client.push_head("x"), "object_bytes_max");
    client.reset();
    client.commit(&[("src/a", &"x".repeat(65536))], "at");
    client.push_head("x").accepted();
}

#[test]
fn inflated_bytes_max() {
    let world = world("inflated_bytes_max = \"64 KiB\"");
    let client = world.clone_as("claude-1");
    client.commit(&[("src/a", &"x".repeat(65536))], "over by its commit and trees");
    refused_by_limit(&client, &client.push_head("x"), "inflated_bytes_max");
    client.reset();
    // A commit and two trees of less than 1000 bytes together.
    client.commit(&[("src/a", &"x".repeat(64536))], "below");
    client.push_head("x").accepted();
}

#[test]
fn delta_depth_max() {
    let world = world("delta_depth_max = 3");
    // fast-import makes each version of a file a delta of the one before it, and a push sends deltas as they are.
    let push = |depth: &str| {
        let client = world.clone_as("claude-1");
        let mut stream = String::new();
        for n in 0..5 {
            let content = format!("{n} {depth}\n{}", noise(3000, 7));
            let from = if n == 0 { "from refs/remotes/origin/main\n" } else { "" };
            stream.push_str(&format!(
                "commit refs/heads/deep\ncommitter A <a@example.com> 1700000000 +0000\ndata 1\nx\n{from}\
                 M 100644 inline src/a\ndata {}\n{content}\n",
                content.len()
            ));
        }
        let args = ["-c", "fastimport.unpackLimit=0", "fast-import", "--quiet", &format!("--depth={depth}")];
        feed(client.command(&client.dir).args(args), stream.as_bytes());
        client.git(&["checkout", "-q", "deep"]);
        client.git(&["config", "pack.window", "0"]);
        let pushed = client.push_head("x");
        (client, pushed)
    };
    let (client, pushed) = push("4");
    refused_by_limit(&client, &pushed, "delta_depth_max");
    push("3").1.accepted();
}

#[test]
fn ref_updates_max() {
    let world = world("ref_updates_max = 3");
    let client = world.clone_as("claude-1");
    let names: Vec<String> = (0..4).map(|n| format!("origin/main:{}", client.branch(&format!("n{n}")))).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let pushed = client.push(&names);
    assert!(!pushed.ok && pushed.stderr.contains("ref_updates_max"), "{}", pushed.stderr);
    assert_eq!(world.upstream_refs().len(), 1);
    client.push(&names[..3]).accepted();
}

#[test]
fn push_options_max_and_push_option_bytes_max() {
    let world = world("push_options_max = 2\npush_option_bytes_max = 4");
    let client = world.clone_as("claude-1");
    let push = |name: &str, options: &[&str]| {
        let refspec = format!("origin/main:{}", client.branch(name));
        let mut args: Vec<&str> = options.iter().flat_map(|option| ["-o", option]).collect();
        args.push(&refspec);
        client.push(&args)
    };
    push("two", &["a", "b"]).accepted();
    push("four", &["abcd"]).accepted();
    let three = push("three", &["a", "b", "c"]);
    assert!(!three.ok && three.stderr.contains("push_options_max"), "{}", three.stderr);
    let five = push("five", &["abcde"]);
    assert!(!five.ok && five.stderr.contains("push_option_bytes_max"), "{}", five.stderr);
    assert_eq!(world.upstream_refs().len(), 3);
}

#[test]
fn commits_max() {
    let world = world("commits_max = 3");
    let client = world.clone_as("claude-1");
    (0..4).for_each(|n| drop(client.commit(&[("src/a", &n.to_string())], "one more")));
    refused_by_limit(&client, &client.push_head("x"), "commits_max");
    client.push(&[&format!("HEAD~1:{}", client.branch("x"))]).accepted();
    // In smaller steps, as the message says.
    client.push_head("x").accepted();
}

#[test]
fn changes_max() {
    let world = world("changes_max = 3");
    let client = world.clone_as("claude-1");
    client.commit(&[("src/1", "x"), ("src/2", "x")], "two");
    client.commit(&[("src/1", "y"), ("src/2", "y")], "two more");
    refused_by_limit(&client, &client.push_head("x"), "changes_max");
    client.git(&["reset", "-q", "--soft", "HEAD~1"]);
    client.git(&["reset", "-q", "--", "src/2"]);
    client.git(&["commit", "-q", "-m", "one more"]);
    client.push_head("x").accepted();
}

#[test]
fn tag_depth_max() {
    let world = world("tag_depth_max = 2");
    let client = world.clone_as("claude-1");
    client.git(&["tag", "-a", "-m", "1", "one", "origin/main"]);
    client.git(&["tag", "-a", "-m", "2", "two", "one"]);
    client.git(&["tag", "-a", "-m", "3", "three", "two"]);
    let push = |name: &str| client.push(&[&format!("{name}:refs/tags/agent/claude-1/{name}")]);
    refused_by_limit(&client, &push("three"), "tag_depth_max");
    assert_eq!(world.upstream_refs().len(), 1);
    push("two").accepted();
}

#[test]
fn path_depth_max() {
    let world = world("path_depth_max = 4");
    let client = world.clone_as("claude-1");
    client.commit(&[("src/2/3/4/5/file", "x")], "over");
    refused_by_limit(&client, &client.push_head("x"), "path_depth_max");
    client.reset();
    client.commit(&[("src/2/3/4/file", "x")], "at");
    client.push_head("x").accepted();
}

#[test]
fn findings_max() {
    let world = World::with_settings(SECRET_RULE, "[limits]\nfindings_max = 3");
    let client = world.clone_as("claude-1");
    let told = |count: usize| {
        client.reset();
        let names: Vec<String> = (0..count).map(|n| format!("secret/{n}")).collect();
        let files: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "x")).collect();
        client.commit(&files, "secrets");
        let pushed = client.push_head("x");
        pushed.refused_by("secret-dir");
        let json = pushed.json();
        (json["findings"].as_array().map_or(0, Vec::len), json["more_findings"].as_u64().unwrap_or(0))
    };
    assert_eq!(told(3), (3, 0));
    assert_eq!(told(4), (3, 1));
}

#[test]
fn connections_per_principal_max() {
    let world = world("connections_per_principal_max = 1");
    let client = world.clone_as("claude-1");
    let held = world.raw_ssh("claude-1", &[]);
    let refused = client.push(&[&format!("origin/main:{}", client.branch("x"))]);
    assert!(!refused.ok, "{}", refused.stderr);
    // Another principal has its own.
    let other = world.empty_client("claude-2");
    other.git(&["ls-remote", "-q", "origin"]);
    held.finish();
    wait_for(|| client.push(&[&format!("origin/main:{}", client.branch("x"))]).ok);
}

#[test]
fn forward_time_max_and_a_slow_upstream() {
    let world = world("forward_time_max = \"1 s\"");
    let release = world.path().join("release");
    world.upstream_hook("pre-receive", &format!("while ! test -e '{}'; do sleep 0.1; done", release.display()));
    let client = world.clone_as("claude-1");
    let id = client.commit(&[("src/a", "x")], "slow");
    let pushed = client.push_head("x");
    assert!(!pushed.ok, "ok was said before the upstream said it:\n{}", pushed.stderr);
    assert_eq!(pushed.json()["decision"], "accept");
    std::fs::write(&release, "").expect("write");
    std::fs::remove_file(world.upstream.join("hooks/pre-receive")).expect("there");
    let again = client.push_head("y");
    again.accepted();
    assert_eq!(world.upstream_refs()[&client.branch("y")], id);
    world.record_holds();
}
