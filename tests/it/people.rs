//! Who may push, changed over the SSH port; and what each one is told beforehand.

use crate::support::*;

fn world() -> World {
    let mut world = World::prepare();
    world.seed();
    world.write_policy(&format!("# who may do what\n{GRANTS}{SECRET_RULE}"));
    let file = world.path().join("policy.toml");
    let policy = std::fs::read_to_string(&file).expect("a policy");
    write(&file, &format!("admins = [\"dana\"]\n{policy}"));
    world.write_settings("");
    world.start();
    world
}

fn policy(world: &World) -> String {
    std::fs::read_to_string(world.path().join("policy.toml")).expect("a policy")
}

#[test]
fn an_agent_comes_and_pushes_and_goes() {
    let world = world();
    let before = policy(&world);
    let stranger = world.path().join("claude-9");
    run(std::process::Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-C", "a b", "-f"])
        .arg(&stranger));
    let key = std::fs::read_to_string(stranger.with_extension("pub")).expect("a key");
    for who in ["lee", "claude-1"] {
        let refused = world.try_verb(who, "agent add claude-9 --sponsor dana", &key);
        assert!(!refused.status.success(), "{who}");
    }
    assert_eq!(policy(&world), before);
    let added = world.try_verb("dana", "agent add claude-9 --sponsor dana", &key);
    assert_eq!(text(&added.stdout), "policy: add agent claude-9, sponsor dana\n", "{}", text(&added.stderr));
    assert!(policy(&world).contains("# who may do what\n") && policy(&world).contains("[agent.claude-9]\n"));
    let grant = "grant add claude-9 app --refs refs/heads/nine/** --allow create,update --write src/** --until 30d";
    assert_eq!(world.verb("dana", grant), "policy: grant claude-9 create, update in app\n");
    let client = world.clone_as("claude-9");
    client.commit(&[("src/nine.rs", "9\n")], "nine");
    client.push(&["HEAD:refs/heads/nine/x"]).accepted();
    let again = world.try_verb("dana", "key add claude-1", &key);
    assert!(text(&again.stderr).contains("is a key of `claude-9` already"), "{}", text(&again.stderr));
    let removed = world.verb("dana", "agent remove claude-9");
    assert!(removed.starts_with("policy: remove agent claude-9\n"), "{removed}");
    assert!(!world.try_verb("claude-9", "whoami", "").status.success());
    assert_eq!(policy(&world), before, "nothing of it is left");
    assert!(world.refused_verb("dana", "agent remove lee").contains("this is no agent"));
    world.record_holds();
}

#[test]
fn each_is_told_its_own_rights() {
    let world = world();
    let rules = world.verb("claude-1", "rules app");
    assert!(rules.starts_with("claude-1 in app\n\nyou may ") && rules.contains("agent/claude-1/**"), "{rules}");
    assert!(rules.contains("secret-dir") && !rules.contains("dana"), "{rules}");
    assert_eq!(world.json_verb("claude-1", "rules app")[0]["principal"], "claude-1");
    let markdown = world.verb("claude-1", "agents-md app");
    assert!(markdown.contains("HEAD:refs/heads/agent/claude-1/TOPIC") && markdown.contains(" status`"), "{markdown}");
    let unknown = world.refused_verb("claude-1", "rules nothing");
    assert_eq!(unknown, world.refused_verb("lee", "agents-md app"));
}
