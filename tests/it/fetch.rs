//! What agents can fetch: what the upstream holds at this moment, as far as they may see it, and nothing else.

use crate::support::*;
use std::process::Output;

fn version(n: u8) -> String {
    format!("protocol.version={n}")
}

fn refs(listed: &str) -> Vec<&str> {
    listed.lines().filter_map(|line| line.split_once('\t')).map(|(_, name)| name).collect()
}

#[test]
fn clone_fetch_and_ls_remote_in_every_version_of_the_protocol() {
    let world = World::new("");
    let human = world.clone_as("dana");
    for n in 0..=2 {
        let (client, version) = (world.empty_client("claude-1"), version(n));
        let listed = client.git(&["-c", &version, "ls-remote", "origin"]);
        assert_eq!(refs(&listed)[..2], ["HEAD", "refs/heads/main"], "{listed}");
        client.git(&["-c", &version, "fetch", "-q", "origin"]);
        assert_eq!(client.git(&["rev-parse", "origin/main"]), world.upstream_refs()["refs/heads/main"]);
        let id = human.commit(&[("src/a", &n.to_string())], "more");
        human.push(&["HEAD:refs/heads/main", &format!("HEAD:refs/tags/v{n}")]).accepted();
        client.git(&["-c", &version, "fetch", "-q", "--tags", "origin"]);
        assert_eq!(client.git(&["rev-parse", "origin/main"]), id);
        assert_eq!(client.git(&["rev-parse", &format!("v{n}")]), id);
    }
}

#[test]
fn shallow_and_partial_clones_get_the_rest_later() {
    let world = World::new("");
    let human = world.clone_as("dana");
    (0..4).for_each(|n| drop(human.commit(&[("src/a", &n.to_string())], "more")));
    human.push(&["HEAD:refs/heads/main"]).accepted();
    for n in 0..=2 {
        let (client, version) = (world.empty_client("claude-1"), version(n));
        let git = |args: &[&str]| client.git(&[&["-c", &version], args].concat());
        git(&["fetch", "-q", "--depth=1", "origin", "main"]);
        assert_eq!(client.git(&["rev-list", "--count", "FETCH_HEAD"]), "1");
        git(&["fetch", "-q", "--deepen=1", "origin", "main"]);
        assert_eq!(client.git(&["rev-list", "--count", "FETCH_HEAD"]), "2");
        git(&["fetch", "-q", "--unshallow", "origin", "main"]);
        assert_eq!(client.git(&["rev-list", "--count", "FETCH_HEAD"]), "5");
    }
    let client = world.empty_client("claude-1");
    client.git(&["fetch", "-q", "--filter=blob:none", "origin", "main"]);
    client.git(&["checkout", "-q", "FETCH_HEAD"]);
    assert_eq!(std::fs::read_to_string(client.dir.join("src/a")).expect("fetched"), "3");
}

const READS: &str = r#"
[[grant]]
to    = ["claude-1"]
repo  = "app"
refs  = ["refs/heads/agent/{principal}/**"]
allow = ["create"]
write = ["**"]
read  = ["refs/heads/main", "refs/heads/agent/claude-1/**"]

[[grant]]
to    = ["claude-2", "dana"]
repo  = ["app", "other"]
refs  = ["refs/heads/**"]
allow = ["create", "update", "rewind", "delete"]
write = ["**"]
"#;

/// A world with `READS` alone and a second repository that claude-1 may not see.
fn world() -> World {
    let mut world = World::new("");
    world.kill();
    world.write_policy(READS);
    world.write_settings(&format!("\n[repo.other]\nupstream = \"{}\"", world.upstream.display()));
    world.start();
    world
}

#[test]
fn what_may_not_be_read_is_neither_shown_nor_given_by_id() {
    let world = world();
    let human = world.clone_as("dana");
    let secret = human.commit(&[("src/hidden", "hidden\n")], "hidden");
    let blob = human.git(&["rev-parse", "HEAD:src/hidden"]);
    human.push(&["HEAD:refs/heads/hidden"]).accepted();
    // A tip that was dropped is no one's to read any more.
    human.commit(&[("src/dropped", "dropped\n")], "dropped");
    let dropped = human.git(&["rev-parse", "HEAD"]);
    human.push(&["HEAD:refs/heads/hidden"]).accepted();
    human.push(&["--force", &format!("{secret}:refs/heads/hidden")]).accepted();
    let main = world.upstream_refs()["refs/heads/main"].clone();
    for n in 0..=2 {
        let (client, version) = (world.empty_client("claude-1"), version(n));
        let listed = client.git(&["-c", &version, "ls-remote", "origin"]);
        assert_eq!(refs(&listed), ["HEAD", "refs/heads/main"], "version {n}");
        for wanted in [&secret, &blob, &dropped, "refs/heads/hidden", "hidden"] {
            let output = client.try_git(&["-c", &version, "fetch", "-q", "origin", wanted]);
            assert!(!output.status.success(), "{wanted} in version {n}");
        }
        assert!(!client.try_git(&["cat-file", "-e", &secret]).status.success());
        client.git(&["-c", &version, "fetch", "-q", "origin", &main]);
        // A push is shown no more than a fetch.
        let raw = world.raw_ssh("claude-1", &[]);
        let names: Vec<String> = raw.advertisement.refs.iter().map(|(name, _)| name.to_string()).collect();
        assert_eq!(names, ["refs/heads/main"]);
        raw.finish();
    }
    let other = world.empty_client("claude-2");
    other.git(&["fetch", "-q", "origin", "refs/heads/hidden"]);
    assert_eq!(other.git(&["rev-parse", "FETCH_HEAD"]), secret);
}

#[test]
fn an_unknown_and_a_forbidden_repository_are_the_same() {
    let world = world();
    let ask = |principal: &str, service: &str, repo: &str| -> (Option<i32>, String, String) {
        let Output { status, stdout, stderr } =
            world.ssh_exec(principal, &[], &format!("{service} '{repo}'")).output().expect("ssh");
        (status.code(), text(&stdout).replace(repo, "REPO"), text(&stderr).replace(repo, "REPO"))
    };
    for service in ["git-receive-pack", "git-upload-pack"] {
        let (forbidden, unknown) = (ask("claude-1", service, "other"), ask("claude-1", service, "seven"));
        assert_eq!(forbidden, unknown);
        assert_eq!(forbidden.0, Some(128));
        // Whose it is sees refs; that the client then hangs up is an error to both services.
        let (status, stdout, _) = ask("claude-2", service, "other");
        assert_eq!(status, ask("claude-2", service, "app").0);
        assert!(stdout.contains("refs/heads/main"), "{stdout}");
    }
}

#[test]
fn an_upstream_that_is_gone_is_told_and_nothing_stale_is_served() {
    let mut world = World::new("");
    let (client, gone) = (world.clone_as("claude-1"), world.upstream.with_extension("gone"));
    std::fs::rename(&world.upstream, &gone).expect("renamed");
    for n in 0..=2 {
        let output = client.try_git(&["-c", &version(n), "fetch", "origin"]);
        assert!(!output.status.success());
        let said = text(&output.stderr);
        assert!(said.contains("the upstream cannot be reached"), "{said}");
        assert!(!said.contains(world.upstream.to_str().expect("UTF-8")), "{said}");
    }
    let pushed = client.push(&[&format!("origin/main:{}", client.branch("x"))]);
    assert!(!pushed.ok && pushed.stderr.contains("the upstream cannot be reached"), "{}", pushed.stderr);

    let dir = client.dir.clone();
    world.kill();
    world.write_settings("stale_fetch = \"5 min\"");
    world.start();
    let client = world.client_at(&dir, "claude-1");
    client.git(&["fetch", "-q", "origin"]);
    let pushed = client.push(&[&format!("origin/main:{}", client.branch("x"))]);
    assert!(!pushed.ok, "a push is never stale: {}", pushed.stderr);
    std::fs::rename(&gone, &world.upstream).expect("renamed");
    client.push(&[&format!("origin/main:{}", client.branch("x"))]).accepted();
}

#[test]
fn what_is_made_upstream_directly_is_seen_at_once() {
    let world = World::new("");
    let client = world.clone_as("claude-1");
    let seed = world.path().join("seed");
    write(&seed.join("src/new"), "new\n");
    world.git(&seed, &["add", "."]);
    world.git(&seed, &["commit", "-q", "-m", "direct"]);
    let id = world.git(&seed, &["rev-parse", "HEAD"]);
    let url = world.upstream.to_str().expect("UTF-8");
    world.git(&seed, &["push", "-q", url, "HEAD:refs/heads/direct"]);
    let listed = client.git(&["ls-remote", "origin", "refs/heads/direct"]);
    assert!(listed.starts_with(&id), "{listed}");
    client.git(&["fetch", "-q", "origin"]);
    assert_eq!(client.git(&["rev-parse", "origin/direct"]), id);
    world.git(&seed, &["push", "-q", url, ":refs/heads/direct"]);
    assert_eq!(client.git(&["ls-remote", "origin", "refs/heads/direct"]), "");
    client.git(&["fetch", "-q", "--prune", "origin"]);
    assert!(!client.try_git(&["rev-parse", "--verify", "origin/direct"]).status.success());
}
