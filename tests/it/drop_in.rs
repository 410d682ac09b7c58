//! `refgate receive-pack` in the place of git-receive-pack, and `refgate hook pre-receive` inside git's own. Both call
//! the repository after its directory, `upstream`.

use crate::support::*;
use std::os::unix::fs::PermissionsExt;

fn receive_pack(world: &World, principal: &str) -> String {
    format!(
        "--receive-pack={} receive-pack --as {principal} --policy {} --data {}",
        env!("CARGO_BIN_EXE_refgate"),
        world.path().join("policy.toml").display(),
        world.path().join("own-data").display()
    )
}

/// Pushes from `client` straight to the upstream's directory, with refgate as its receive-pack.
fn push(world: &World, client: &Client<'_>, principal: &str, args: &[&str]) -> Pushed {
    let program = receive_pack(world, principal);
    let upstream = world.upstream.display().to_string();
    let output = client.command(&client.dir).args(["push", &program, &upstream]).args(args).output().expect("git");
    Pushed { ok: output.status.success(), stderr: text(&output.stderr) }
}

#[test]
fn receive_pack_judges_and_then_lets_git_take_it() {
    let world = World::new(SECRET_RULE);
    let client = world.clone_as("claude-1");
    let id = client.commit(&[("src/a.rs", "1\n")], "fine");
    let pushed = push(&world, &client, "claude-1", &["HEAD:refs/heads/agent/claude-1/x"]);
    pushed.accepted();
    assert!(!pushed.stderr.contains("push.id"), "the log is not the client's: {}", pushed.stderr);
    assert_eq!(world.upstream_refs()["refs/heads/agent/claude-1/x"], id);

    client.commit(&[("secret/key.txt", "1\n")], "not fine");
    push(&world, &client, "claude-1", &["HEAD:refs/heads/agent/claude-1/x"]).refused_by("secret-dir");
    assert_eq!(world.upstream_refs()["refs/heads/agent/claude-1/x"], id);

    let unknown = push(&world, &client, "nobody", &["HEAD:refs/heads/agent/claude-1/x"]);
    assert!(!unknown.ok && !unknown.stderr.contains("unexpectedly"), "{}", unknown.stderr);
    assert!(!unknown.stderr.contains("policy") && !unknown.stderr.contains("INFO"), "{}", unknown.stderr);

    push(&world, &client, "claude-1", &["--delete", "refs/heads/agent/claude-1/x"]).accepted();
    let log = run(world.refgate().args(["log", "--verify", "--data"]).arg(world.path().join("own-data")));
    assert!(log.contains("the chain holds"), "{log}");
}

#[test]
fn a_policy_for_one_repository_is_for_the_directory_it_is_given_with() {
    let world = World::new("");
    let client = world.clone_as("claude-1");
    let two = "repo  = [\"app\", \"upstream\"]";
    for (repo, taken) in
        [("repo  = \"other\"", true), ("repo  = [\"other\", \"third\"]", false), ("repo  = \"*\"", true)]
    {
        world.write_policy(&GRANTS.replace(two, repo));
        client.commit(&[("src/a.rs", repo)], "fine");
        let pushed = push(&world, &client, "claude-1", &["HEAD:refs/heads/agent/claude-1/x"]);
        assert_eq!(pushed.ok, taken, "{repo}: {}", pushed.stderr);
    }
}

#[test]
fn receive_pack_relays_what_the_repositorys_own_hooks_say() {
    let world = World::new("");
    let client = world.clone_as("claude-1");
    let hook = world.upstream.join("hooks/update");
    write(&hook, "#!/bin/sh\necho \"hook says $1\"\nexit 1\n");
    std::fs::set_permissions(&hook, std::fs::Permissions::from_mode(0o755)).expect("chmod");
    client.commit(&[("src/a.rs", "1\n")], "fine");
    let pushed = push(&world, &client, "claude-1", &["HEAD:refs/heads/agent/claude-1/x"]);
    assert!(!pushed.ok && pushed.stderr.contains("hook says refs/heads/agent/claude-1/x"), "{}", pushed.stderr);
    assert!(pushed.stderr.contains("hook declined"), "{}", pushed.stderr);
}

#[test]
fn receive_pack_is_as_quiet_as_git_and_keeps_the_callers_environment() {
    let world = World::new("");
    let client = world.clone_as("claude-1");
    let hook = world.upstream.join("hooks/update");
    write(&hook, "#!/bin/sh\ntest \"$FROM_CALLER\" = yes && test \"$HOME\" != /nonexistent\n");
    std::fs::set_permissions(&hook, std::fs::Permissions::from_mode(0o755)).expect("chmod");
    client.commit(&[("src/a.rs", "1\n")], "fine");
    let branch = "HEAD:refs/heads/agent/claude-1/x";
    let refused = push(&world, &client, "claude-1", &[branch]);
    assert!(!refused.ok && refused.stderr.contains("hook declined"), "{}", refused.stderr);
    assert!(!refused.stderr.contains("refgate:"), "git and the hook have said all: {}", refused.stderr);

    let mut command = client.command(&client.dir);
    command.env("FROM_CALLER", "yes");
    let program = receive_pack(&world, "claude-1");
    let output = command.args(["push", &program, &world.upstream.display().to_string(), branch]).output().expect("git");
    let stderr = text(&output.stderr);
    assert!(output.status.success() && !stderr.contains("refgate:") && !stderr.contains("remote:"), "{stderr}");

    world.git(&world.upstream, &["config", "receive.advertiseAtomic", "false"]);
    let atomic = push(&world, &client, "claude-1", &["--atomic", "HEAD:refs/heads/agent/claude-1/y"]);
    assert!(!atomic.ok && atomic.stderr.contains("atomic"), "{}", atomic.stderr);
}

/// Installs the shim and returns the upstream's path for plain git pushes.
fn install_hook(world: &World, principal: &str) -> String {
    let hook = world.upstream.join("hooks/pre-receive");
    let shim = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/hooks/pre-receive")).expect("the shim");
    let settings = format!(
        "#!/bin/sh\nexport REFGATE='{}' REFGATE_PRINCIPAL='{principal}' REFGATE_POLICY='{}'\n",
        env!("CARGO_BIN_EXE_refgate"),
        world.path().join("policy.toml").display()
    );
    write(&hook, &format!("{settings}{shim}"));
    std::fs::set_permissions(&hook, std::fs::Permissions::from_mode(0o755)).expect("chmod");
    world.upstream.display().to_string()
}

#[test]
fn the_hook_judges_what_git_holds_in_quarantine() {
    let world = World::new(SECRET_RULE);
    let dana = world.clone_as("dana");
    let upstream = install_hook(&world, "claude-1");
    let push = |args: &[&str]| {
        let output = dana.command(&dana.dir).args(["push", &upstream]).args(args).output().expect("git");
        Pushed { ok: output.status.success(), stderr: text(&output.stderr) }
    };
    let id = dana.commit(&[("src/a.rs", "1\n")], "fine");
    push(&["HEAD:refs/heads/agent/claude-1/x"]).accepted();
    assert_eq!(world.upstream_refs()["refs/heads/agent/claude-1/x"], id);
    push(&["HEAD:refs/heads/main"]).refused_by("ref.no-grant");
    let bad = dana.commit(&[("secret/key.txt", "1\n")], "not fine");
    push(&["HEAD:refs/heads/agent/claude-1/x"]).refused_by("secret-dir");
    assert!(!world.upstream_has(&bad));
    push(&["--delete", "refs/heads/agent/claude-1/x"]).accepted();
}

#[test]
fn the_hook_refuses_on_any_doubt() {
    let world = World::new(SECRET_RULE);
    let dana = world.clone_as("dana");
    dana.commit(&[("src/a.rs", "1\n")], "fine");
    let push = |upstream: &str| {
        let args = ["push", upstream, "HEAD:refs/heads/agent/claude-1/x"];
        !dana.command(&dana.dir).args(args).output().expect("git").status.success()
    };
    assert!(push(&install_hook(&world, "nobody")), "an unknown principal");
    let upstream = install_hook(&world, "claude-1");
    std::fs::write(world.path().join("policy.toml"), "broken").expect("write");
    assert!(push(&upstream), "a policy that does not compile");
    std::fs::remove_file(world.path().join("policy.toml")).expect("there");
    assert!(push(&upstream), "no policy");
    let hook = world.upstream.join("hooks/pre-receive");
    let shim =
        std::fs::read_to_string(&hook).expect("there").replace(env!("CARGO_BIN_EXE_refgate"), "/nonexistent/refgate");
    std::fs::write(&hook, shim).expect("write");
    assert!(push(&upstream), "no program");
}
