//! A policy in a repository behind the gate: admins push it, and a bad one does not get in.

use crate::support::*;
use std::path::PathBuf;

const POLICY_GRANTS: &str = r#"
[[grant]]
to    = "dana"
repo  = "policy"
refs  = ["refs/heads/**"]
allow = ["create", "update", "rewind", "delete"]
write = ["**"]

[[grant]]
to    = "claude-2"
repo  = "policy"
refs  = ["refs/heads/main"]
allow = ["update"]
write = ["**"]
"#;

const CASE: &str = "expect = \"refuse\"\nas = \"claude-1\"\nrepo = \"app\"\nrules = [\"secret-dir\"]\n[push]\n\"secret/key\" = \"x\\n\"\n";

/// A gate whose policy is in `policy.git`, with one test case.
fn world() -> World {
    let mut world = World::prepare();
    world.seed();
    world.write_policy(&format!("{GRANTS}{POLICY_GRANTS}{SECRET_RULE}"));
    let policy = std::fs::read_to_string(world.path().join("policy.toml")).expect("a policy");
    std::fs::remove_file(world.path().join("policy.toml")).expect("removed");
    world.git(world.path(), &["init", "-q", "--bare", "-b", "main", "policy.git"]);
    let seed = world.path().join("policy-seed");
    world.git(world.path(), &["init", "-q", "-b", "main", "policy-seed"]);
    write(&seed.join("policy.toml"), &policy);
    write(&seed.join("tests/secret-dir/case.toml"), CASE);
    world.git(&seed, &["add", "."]);
    world.git(&seed, &["commit", "-q", "-m", "policy"]);
    let url = world.path().join("policy.git").display().to_string();
    world.git(&seed, &["push", "-q", &url, "main"]);
    settings(&world);
    world.start();
    world
}

fn settings(world: &World) {
    let dir = world.path().display();
    let text = format!(
        "listen = \"127.0.0.1:0\"\ndata = \"data\"\npolicy = {{ repo = \"policy\" }}\n\n\
         [repo.app]\nupstream = \"{dir}/upstream.git\"\n[repo.policy]\nupstream = \"{dir}/policy.git\"\n"
    );
    std::fs::write(world.path().join("refgate.toml"), text).expect("write");
}

/// A clone of the policy's repository.
fn policy_client<'w>(world: &'w World, principal: &str) -> Client<'w> {
    let client = world.clone_as(principal);
    let url = world.url().replace("/app", "/policy");
    client.git(&["remote", "set-url", "origin", &url]);
    client.git(&["fetch", "-q", "origin"]);
    client.git(&["checkout", "-q", "-B", "policy", "origin/main"]);
    client
}

fn policy_text(client: &Client<'_>) -> String {
    std::fs::read_to_string(client.dir.join("policy.toml")).expect("a policy")
}

fn push_main(client: &Client<'_>) -> Pushed {
    client.push(&["HEAD:refs/heads/main"])
}

fn recover(world: &World, file: Option<&str>) -> std::process::Output {
    let mut command = world.refgate();
    command.args(["policy", "recover"]);
    if let Some(file) = file {
        command.args(["--file", file]);
    }
    command.output().expect("refgate runs")
}

#[test]
fn an_accepted_policy_is_live_at_once() {
    let world = world();
    let agent = world.clone_as("claude-1");
    agent.commit(&[("docs/plan.md", "plan\n")], "plan");
    agent.push_head("before").accepted();

    let admin = policy_client(&world, "dana");
    let rule = "\n[rule.no-docs]\nkind = \"path\"\nmatch = [\"docs/**\"]\nthen = \"refuse\"\n";
    admin.commit(&[("policy.toml", &(policy_text(&admin) + rule))], "no docs");
    push_main(&admin).accepted();
    agent.push_head("after").refused_by("no-docs");
    let changed = world.records().into_iter().filter(|r| r["event"] == "policy-changed").count();
    assert_eq!(changed, 1, "{:?}", world.records());
    world.record_holds();
}

#[test]
fn it_is_there_again_after_a_restart_and_without_its_upstream() {
    let mut world = world();
    let admin = policy_client(&world, "dana");
    let rule = "\n[rule.no-docs]\nkind = \"path\"\nmatch = [\"docs/**\"]\nthen = \"refuse\"\n";
    admin.commit(&[("policy.toml", &(policy_text(&admin) + rule))], "no docs");
    push_main(&admin).accepted();
    world.kill();
    std::fs::rename(world.path().join("policy.git"), world.path().join("away.git")).expect("moved");
    world.start();
    let agent = world.clone_as("claude-1");
    agent.commit(&[("docs/plan.md", "plan\n")], "plan");
    agent.push_head("x").refused_by("no-docs");
}

#[test]
fn a_policy_that_does_not_compile_is_refused_with_the_errors_of_policy_check() {
    let world = world();
    let admin = policy_client(&world, "dana");
    let bad = policy_text(&admin) + "\n[rule.typo]\nkind = \"pth\"\nmatch = [\"docs/**\"]\nthen = \"refuse\"\n";
    let head = admin.commit(&[("policy.toml", &bad)], "typo");
    let pushed = push_main(&admin);
    pushed.refused_by("policy.invalid");
    for expected in ["there is no kind of rule `pth`", "did you mean `path`?", "kind = \"pth\"", "^^^^^"] {
        assert!(pushed.stderr.contains(expected), "{expected:?} in {}", pushed.stderr);
    }
    let line = bad.lines().position(|line| line == "kind = \"pth\"").expect("there") + 1;
    assert_eq!(pushed.json()["findings"][0]["line"], line);
    let policy_git = world.path().join("policy.git");
    assert_ne!(world.git(&policy_git, &["rev-parse", "main"]), head);

    // Corrected by another commit on top, it passes: only the tip is in force.
    let good = bad.replace("\"pth\"", "\"path\"");
    admin.commit(&[("policy.toml", &good)], "fix");
    push_main(&admin).accepted();
}

#[test]
fn a_policy_that_fails_its_own_cases_is_refused() {
    let world = world();
    let admin = policy_client(&world, "dana");
    let without = policy_text(&admin).replace("match = [\"secret/**\"]", "match = [\"other/**\"]");
    admin.commit(&[("policy.toml", &without)], "no more secret/");
    let pushed = push_main(&admin);
    pushed.refused_by("policy.case-failed");
    assert!(pushed.stderr.contains("test case secret-dir: expected refuse, got accept"), "{}", pushed.stderr);
    // With the case it is about, it passes.
    let case = CASE.replace("\"secret/key\"", "\"other/key\"").replace("claude-1", "dana");
    admin.commit(&[("tests/secret-dir/case.toml", &case)], "the case too");
    push_main(&admin).accepted();
}

#[test]
fn no_file_of_the_gate_is_read_through_a_case() {
    let world = world();
    let admin = policy_client(&world, "dana");
    std::fs::create_dir_all(admin.dir.join("tests/link")).expect("made");
    std::os::unix::fs::symlink("../../policy.toml", admin.dir.join("tests/link/case.toml")).expect("a link");
    admin.commit(&[], "a link");
    let pushed = push_main(&admin);
    pushed.refused_by("policy.case-failed");
    assert!(pushed.stderr.contains("symlink"), "{}", pushed.stderr);
}

/// Case folders are what somebody else may have written, and a human only merged.
#[test]
fn a_case_reaches_nothing_of_the_gate() {
    let world = world();
    let admin = policy_client(&world, "dana");
    let new = world.path().join("data/policy/by-hand.toml");
    let stream = format!("option git export-pack-edges={}\n", new.display());
    let upstream = world.path().join("upstream.git");
    for (file, content) in [("push.fi", stream), ("push.bundle", format!("gitdir: {}\n", upstream.display()))] {
        let case = "expect = \"accept\"\nas = \"claude-1\"\nrepo = \"app\"\n";
        admin.commit(&[("tests/bad/case.toml", case), (&format!("tests/bad/{file}"), &content)], "bad");
        let pushed = push_main(&admin);
        pushed.refused_by("policy.case-failed");
        let expected = if file == "push.fi" { "git does not take the push" } else { "git bundle create" };
        assert!(pushed.stderr.contains(expected), "{}", pushed.stderr);
        assert!(!new.exists());
        admin.git(&["reset", "-q", "--hard", "origin/main"]);
    }
}

#[test]
fn sighup_asks_the_upstream_and_keeps_what_it_has() {
    let mut world = world();
    let seed = world.path().join("policy-seed");
    let rule = "\n[rule.no-docs]\nkind = \"path\"\nmatch = [\"docs/**\"]\nthen = \"refuse\"\n";
    let text = std::fs::read_to_string(seed.join("policy.toml")).expect("a policy") + rule;
    write(&seed.join("policy.toml"), &text);
    world.git(&seed, &["commit", "-qam", "past the gate"]);
    let url = world.path().join("policy.git").display().to_string();
    world.git(&seed, &["push", "-q", &url, "main"]);
    world.signal_pid("HUP", world.gate_pid());
    wait_for(|| world.records().iter().any(|r| r["event"] == "policy-changed"));
    world.kill();
    std::fs::rename(world.path().join("policy.git"), world.path().join("away.git")).expect("moved");
    world.start();
    let agent = world.clone_as("claude-1");
    agent.commit(&[("docs/plan.md", "plan\n")], "plan");
    agent.push_head("x").refused_by("no-docs");
}

#[test]
fn nobody_locks_everybody_out_by_a_push() {
    let world = world();
    let admin = policy_client(&world, "dana");
    let text = policy_text(&admin);
    let table = [
        ("policy.lock-out", text.replace("repo  = \"policy\"", "repo  = \"other\"")),
        ("policy.lock-out", text.replace("[human.dana]", "[agent.dana]")),
        ("policy.lock-out", text.replace("repo  = \"policy\"", "repo  = \"policy\"\nuntil = 2126-01-01T00:00:00Z")),
        ("policy.lock-out", text.clone() + "\n[rule.freeze]\nkind = \"path\"\nmatch = [\"**\"]\nthen = \"hold\"\n"),
        ("policy.gone", String::new()),
    ];
    for (rule, text) in table {
        match text.is_empty() {
            true => {
                admin.git(&["rm", "-q", "policy.toml"]);
                admin.commit(&[], "gone");
            }
            false => drop(admin.commit(&[("policy.toml", &text)], "out")),
        }
        push_main(&admin).refused_by(rule);
        admin.git(&["reset", "-q", "--hard", "origin/main"]);
    }
    admin.push(&[":refs/heads/main"]).refused_by("policy.gone");
    let agent = policy_client(&world, "claude-2");
    agent.commit(&[("README.md", "x\n")], "an agent");
    push_main(&agent).refused_by("policy.not-human");
    // Other branches of that repository are like those of any other.
    admin.commit(&[("policy.toml", "no policy at all\n")], "a draft");
    admin.push(&["HEAD:refs/heads/draft"]).accepted();
}

#[test]
fn the_operator_gets_back_in_by_hand() {
    let world = world();
    let before = world.path().join("before.toml");
    let admin = policy_client(&world, "dana");
    std::fs::write(&before, policy_text(&admin)).expect("written");
    // What rules say of contents is nothing that a lock-out can be told by.
    let freeze = "\n[rule.freeze]\nkind = \"text\"\nrepos = \"policy\"\nforbid = ['.']\nthen = \"hold\"\n";
    admin.commit(&[("policy.toml", &(policy_text(&admin) + freeze))], "freeze");
    push_main(&admin).accepted();
    admin.commit(&[("README.md", "x\n")], "more");
    push_main(&admin).refused_by("freeze");

    assert_eq!(recover(&world, Some("nothing.toml")).status.code(), Some(2));
    let output = recover(&world, None);
    assert!(output.status.success(), "{}", text(&output.stderr));
    wait_for(|| world.records().iter().filter(|r| r["event"] == "policy-changed").count() == 2);
    let thawed = policy_text(&admin).replace(freeze, "");
    admin.commit(&[("policy.toml", &thawed)], "thaw");
    push_main(&admin).accepted();
    assert!(!by_hand(&world).exists(), "what was pushed since counts");
}

fn by_hand(world: &World) -> PathBuf {
    world.path().join("data/policy/by-hand.toml")
}

#[test]
fn the_first_policy_can_be_given_by_hand() {
    let mut world = World::prepare();
    world.seed();
    world.write_policy(&format!("{GRANTS}{POLICY_GRANTS}"));
    std::fs::rename(world.path().join("policy.toml"), world.path().join("first.toml")).expect("renamed");
    world.git(world.path(), &["init", "-q", "--bare", "-b", "main", "policy.git"]);
    settings(&world);
    let output = world.refgate().arg("serve").output().expect("refgate runs");
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("refgate policy recover --file"), "{}", text(&output.stderr));
    assert!(recover(&world, Some("first.toml")).status.success());
    world.start();
    let admin = world.clone_as("dana");
    admin.git(&["remote", "set-url", "origin", &world.url().replace("/app", "/policy")]);
    admin.git(&["checkout", "-q", "--orphan", "policy"]);
    admin.git(&["rm", "-rfq", "."]);
    let first = std::fs::read_to_string(world.path().join("first.toml")).expect("there");
    admin.commit(&[("policy.toml", &first)], "policy");
    push_main(&admin).accepted();
    assert!(!by_hand(&world).exists());
}

#[test]
fn check_config_and_doctor_know_where_the_policy_is() {
    let world = world();
    let output = world.refgate().arg("check-config").output().expect("refgate runs");
    assert!(output.status.success(), "{}", text(&output.stderr));
    let output = world.refgate().arg("doctor").output().expect("refgate runs");
    assert!(text(&output.stdout).contains("last.toml compiles"), "{}", text(&output.stdout));
}
