//! What stock git does every day, through the gate.

use crate::support::*;

#[test]
fn create_update_rewind_and_delete_of_an_own_branch() {
    let world = World::new("");
    let client = world.clone_as("claude-1");
    let first = client.commit(&[("src/a.rs", "1\n")], "one");
    client.push_head("x").accepted();
    assert_eq!(world.upstream_refs()[&client.branch("x")], first);

    let second = client.commit(&[("src/a.rs", "2\n")], "two");
    client.push_head("x").accepted();
    assert_eq!(world.upstream_refs()[&client.branch("x")], second);

    client.git(&["reset", "-q", "--hard", "HEAD~1"]);
    let third = client.commit(&[("src/a.rs", "3\n")], "three");
    assert!(!client.push_head("x").ok, "git itself wants --force");
    client.push(&["--force", &format!("HEAD:{}", client.branch("x"))]).accepted();
    assert_eq!(world.upstream_refs()[&client.branch("x")], third);

    client.push(&["--delete", &client.branch("x")]).accepted();
    assert!(!world.upstream_refs().contains_key(&client.branch("x")));
}

#[test]
fn what_the_policy_does_not_grant_is_refused_with_a_fix() {
    let world = World::new(SECRET_RULE);
    let client = world.clone_as("claude-1");
    client.commit(&[("infra/main.tf", "changed\n"), ("secret/key.txt", "changed\n")], "both");
    let pushed = client.push_head("x");
    assert!(!pushed.ok);
    assert_eq!(pushed.rules(), ["secret-dir", "write.outside-grant"]);
    assert!(pushed.stderr.contains("REFUSED"), "{}", pushed.stderr);
    assert!(
        pushed.stderr.contains("[remote rejected] HEAD -> agent/claude-1/x (refgate: 2 findings)"),
        "{}",
        pushed.stderr
    );
    assert!(!world.upstream_refs().contains_key(&client.branch("x")));

    let main = client.push(&["HEAD:refs/heads/main"]);
    main.refused_by("ref.no-grant");
    let others = client.push(&["HEAD:refs/heads/agent/claude-2/x"]);
    others.refused_by("ref.no-grant");
}

#[test]
fn what_is_held_says_so_and_why() {
    let world =
        World::new("[rule.docs]\nkind = \"path\"\nmatch = [\"docs/**\"]\nthen = \"hold\"\napprovers = [\"dana\"]\n");
    let client = world.clone_as("claude-1");
    client.commit(&[("docs/a.md", "1\n")], "docs");
    let pushed = client.push_head("x");
    pushed.refused_by("docs");
    assert!(pushed.stderr.contains("needs 1 of dana; expires 2"), "{}", pushed.stderr);
    assert_eq!((pushed.json()["decision"].as_str(), pushed.json()["outcome"].as_str()), (Some("hold"), Some("held")));
    client.git(&["reset", "-q", "--hard", "origin/main"]);
    client.commit(&[("src/a.rs", "1\n")], "src");
    client.push_head("x").accepted();
}

#[test]
fn tags_light_and_annotated() {
    let world = World::new("");
    let client = world.clone_as("claude-1");
    client.commit(&[("src/a.rs", "1\n")], "one");
    client.git(&["tag", "light"]);
    client.git(&["tag", "-a", "-m", "annotated", "heavy"]);
    client.push(&["light:refs/tags/agent/claude-1/light", "heavy:refs/tags/agent/claude-1/heavy"]).accepted();
    assert_eq!(world.upstream_refs()["refs/tags/agent/claude-1/heavy"], client.git(&["rev-parse", "heavy"]));
    client.push(&["light:refs/tags/other"]).refused_by("ref.no-grant");
}

#[test]
fn many_refs_at_once_and_atomic() {
    let world = World::new("");
    let client = world.clone_as("claude-1");
    client.commit(&[("src/a.rs", "1\n")], "one");
    let refspecs: Vec<String> = (0..50).map(|n| format!("HEAD:{}", client.branch(&format!("many/{n}")))).collect();
    let mut args: Vec<&str> = refspecs.iter().map(String::as_str).collect();
    args.insert(0, "--atomic");
    client.push(&args).accepted();
    assert_eq!(world.upstream_refs().len(), 51);

    let own = format!("HEAD:{}", client.branch("own"));
    client.push(&[&own, "HEAD:refs/heads/main"]).refused_by("ref.no-grant");
    assert!(!world.upstream_refs().contains_key(&client.branch("own")), "a push is one decision");
}

#[test]
fn a_push_that_changes_nothing_and_a_push_with_no_pack() {
    let world = World::new("");
    let client = world.clone_as("claude-1");
    client.push(&[&format!("origin/main:{}", client.branch("x"))]).accepted();
    let again = client.push(&[&format!("origin/main:{}", client.branch("x"))]);
    again.accepted();
    assert!(again.stderr.contains("Everything up-to-date"), "{}", again.stderr);
}

#[test]
fn the_first_push_to_an_empty_upstream() {
    let mut world = World::prepare();
    world.write_policy(GRANTS);
    world.write_settings("");
    world.start();
    let human = world.empty_client("dana");
    let id = human.commit(&[("anything", "1\n")], "first");
    human.push(&["HEAD:refs/heads/main"]).accepted();
    assert_eq!(world.upstream_refs()["refs/heads/main"], id);
    let agent = world.clone_as("claude-1");
    assert_eq!(agent.git(&["rev-parse", "HEAD"]), id);
}

#[test]
fn force_with_lease_tells_of_a_moved_ref() {
    let world = World::new("");
    let client = world.clone_as("claude-1");
    client.commit(&[("src/a.rs", "1\n")], "one");
    client.push_head("x").accepted();
    let branch = client.branch("x");
    let lease = format!("--force-with-lease={branch}:{}", client.git(&["rev-parse", "HEAD"]));
    client.git(&["commit", "-q", "--amend", "-m", "other"]);
    client.push(&[&lease, &format!("HEAD:{branch}")]).accepted();
    client.git(&["commit", "-q", "--amend", "-m", "third"]);
    let stale = client.push(&[&lease, &format!("HEAD:{branch}")]);
    assert!(!stale.ok && stale.stderr.contains("stale info"), "{}", stale.stderr);
}

#[test]
fn a_push_from_a_shallow_and_from_a_partial_clone() {
    let world = World::new("");
    let human = world.clone_as("dana");
    for n in 0..5 {
        human.commit(&[("src/a.rs", &format!("{n}\n"))], "more");
    }
    human.push(&["HEAD:refs/heads/main"]).accepted();
    for filter in ["--depth=1", "--filter=blob:none", "--filter=tree:0"] {
        let mut client = world.empty_client("claude-1");
        let name = format!("clone{}", filter.replace(['=', ':'], "-"));
        let output =
            client.command(world.path()).args(["clone", "-q", filter, &world.url(), &name]).output().expect("git");
        assert!(output.status.success(), "{}", text(&output.stderr));
        client.dir = world.path().join(&name);
        let id = client.commit(&[("src/b.rs", filter)], "from a small clone");
        client.push_head(&name).accepted();
        assert_eq!(world.upstream_refs()[&client.branch(&name)], id);
    }
}

#[test]
fn push_options_are_taken_and_mean_nothing() {
    let world = World::new(SECRET_RULE);
    let client = world.clone_as("claude-1");
    client.commit(&[("secret/key.txt", "x\n")], "skip-policy: true");
    let branch = format!("HEAD:{}", client.branch("x"));
    client.push(&["-o", "refgate.skip", "-o", "ci.skip;policy=off", &branch]).refused_by("secret-dir");
}

#[test]
fn a_mirror_of_a_whole_repository() {
    let mut world = World::prepare();
    world.write_policy(GRANTS);
    world.write_settings("");
    world.start();
    let human = world.empty_client("dana");
    for n in 0..20 {
        human.commit(&[("src/a.rs", &format!("{n}\n")), (&format!("src/{n}.rs"), "x\n")], "more");
        human.git(&["tag", "-a", "-m", "release", &format!("v{n}")]);
    }
    human.git(&["branch", "topic", "HEAD~5"]);
    // A mirror has no remote-tracking refs of its own.
    human.git(&["config", "--unset", "remote.origin.fetch"]);
    human.push(&["--mirror"]).accepted();
    let refs = world.upstream_refs();
    assert_eq!(refs.len(), 22);
    human.git(&["tag", "-d", "v3"]);
    human.git(&["branch", "-f", "topic", "HEAD~7"]);
    human.push(&["--mirror"]).accepted();
    let refs = world.upstream_refs();
    assert!(!refs.contains_key("refs/tags/v3"));
    assert_eq!(refs["refs/heads/topic"], human.git(&["rev-parse", "topic"]));
}

#[test]
fn an_object_format_that_is_not_the_servers_is_refused_clearly() {
    let world = World::new("");
    let dir = world.path().join("sha256");
    world.git(world.path(), &["init", "-q", "--object-format=sha256", "-b", "main", "sha256"]);
    let client = Client { world: &world, dir, principal: "claude-1".to_owned() };
    client.git(&["remote", "add", "origin", &world.url()]);
    client.commit(&[("src/a.rs", "1\n")], "one");
    let pushed = client.push_head("x");
    assert!(!pushed.ok && pushed.stderr.contains("hash algorithm"), "{}", pushed.stderr);
}
