//! Who may approve what, and every way in which an approval must not count.

use crate::holds::{CI, HOLD_RULES, held, state};
use crate::support::*;
use std::process::Command;

/// Signs a statement as a person does; gives what `approve --signed` reads.
fn signed(world: &World, principal: &str, statement: &str, namespace: &str) -> String {
    let file = world.path().join(format!("statement-{principal}"));
    std::fs::write(&file, statement).expect("write");
    let signature = file.with_extension("sig");
    let _ = std::fs::remove_file(&signature);
    let _ = std::fs::remove_file(world.path().join(format!("statement-{principal}.sig")));
    run(Command::new("ssh-keygen")
        .args(["-q", "-Y", "sign", "-n", namespace, "-f"])
        .arg(world.path().join(principal))
        .arg(&file));
    let signature = std::fs::read_to_string(world.path().join(format!("statement-{principal}.sig"))).expect("signed");
    format!("{statement}{signature}")
}

#[track_caller]
fn not_approved(world: &World, principal: &str, line: &str, input: &str, why: &str) {
    let before = world.upstream_refs();
    let output = world.try_verb(principal, line, input);
    let said = format!("{}{}", text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains(why), "{why:?} in {said}");
    assert_eq!(world.upstream_refs(), before);
}

#[test]
fn agents_ci_the_pusher_and_strangers_never_approve() {
    let world =
        World::new(&format!("{HOLD_RULES}[rule.notes]\nkind = \"path\"\nmatch = \"notes/**\"\nthen = \"hold\"\n"));
    let client = world.clone_as("claude-1");
    let (push, _) = held(&client, "ci", "on: push\n");
    let none = "there is no such push, or it is not yours to see";
    not_approved(&world, "claude-1", &format!("approve {push}"), "", "only humans can do this");
    not_approved(&world, "claude-2", &format!("approve {push}"), "", none);
    not_approved(&world, "runner", &format!("approve {push}"), "", none);
    not_approved(&world, "dana", "approve 01ARZ3NDEKTSV4RRFFQ69G5FAV", "", none);
    for verb in ["status", "explain", "show", "withdraw"] {
        assert!(world.refused_verb("claude-2", &format!("{verb} {push}")).contains(none));
    }
    assert!(world.verb("claude-2", "held").contains("nothing waits"));
    // A human's own push is held like any other, and others approve it.
    let human = world.clone_as("dana");
    let commit = human.commit(&[(CI, "on: push\n")], "ci");
    let pushed = human.push(&["HEAD:refs/heads/x"]);
    let own = pushed.json()["push"].as_str().expect("an id").to_owned();
    not_approved(&world, "dana", &format!("approve {own}"), "", "this is your own push");
    world.verb("lee", &format!("approve {own}"));
    assert_eq!(world.upstream_refs()["refs/heads/x"], commit);
}

#[test]
fn the_sponsor_approves_only_where_the_rule_says_so() {
    let world = World::prepare();
    let mut world = world;
    world.seed();
    world.write_policy(&format!("{GRANTS}{HOLD_RULES}"));
    let policy = world.path().join("policy.toml");
    let sponsored = std::fs::read_to_string(&policy)
        .expect("there")
        .replace("[agent.claude-1]", "[agent.claude-1]\nsponsor = \"dana\"");
    std::fs::write(&policy, &sponsored).expect("write");
    world.write_settings("");
    world.start();
    let client = world.clone_as("claude-1");
    let (push, _) = held(&client, "ci", "on: push\n");
    not_approved(&world, "dana", &format!("approve {push}"), "", "you answer for claude-1");
    std::fs::write(
        &policy,
        sponsored.replace("approvers = [\"owners\"]", "approvers = [\"owners\"]\nsponsor_may_approve = true"),
    )
    .expect("write");
    wait_for(|| world.log().contains("the policy was replaced"));
    world.verb("dana", &format!("approve {push}"));
    assert_eq!(state(&world, &push), "forwarded");
}

#[test]
fn two_approvals_are_two_people() {
    let world = World::new(&HOLD_RULES.replace("approvers = [\"owners\"]", "approvers = [\"owners\"]\napprovals = 2"));
    let client = world.clone_as("claude-1");
    let (push, commit) = held(&client, "ci", "on: push\n");
    for _ in 0..2 {
        let told = world.verb("dana", &format!("approve {push}"));
        assert!(told.contains("still needs 2 of owners, 1 given"), "{told}");
        assert!(!world.upstream_has(&commit));
    }
    assert!(world.verb("dana", &format!("status {push}")).contains("yes     dana"));
    world.verb("lee", &format!("approve {push}"));
    assert_eq!(world.upstream_refs()["refs/heads/agent/claude-1/ci"], commit);
    let release = world.records().into_iter().find(|record| record["record"] == "release").expect("a release");
    assert_eq!(release["approvals"].as_array().map(Vec::len), Some(2));
}

/// An approval is for one push, once, as long as nothing of what it was given for has changed.
#[test]
fn b19_an_approval_cannot_be_used_for_anything_else() {
    let world = World::new(&HOLD_RULES.replace("approvers = [\"owners\"]", "approvers = [\"owners\"]\napprovals = 2"));
    let client = world.clone_as("claude-1");
    let (push, _) = held(&client, "ci", "on: push\n");
    let (other, _) = held(&client, "other", "on: pull_request\n");
    let statement = world.verb("dana", &format!("show {push} --statement"));
    let good = signed(&world, "dana", &statement, "approve@localhost");
    let approve = |push: &str| format!("approve {push} --signed");
    // Another push, and so another ref and tip.
    not_approved(&world, "dana", &approve(&other), &good, "it is for another push");
    let renamed = statement.replace(&push, &other);
    let moved = signed(&world, "dana", &renamed, "approve@localhost");
    not_approved(&world, "dana", &approve(&other), &moved, "it is for other refs");
    let repo = signed(&world, "dana", &statement.replace("localhost/app", "localhost/lib"), "approve@localhost");
    not_approved(&world, "dana", &approve(&push), &repo, "it is for another repository");
    let past = statement.replace("\"notAfter\":\"2", "\"notAfter\":\"1");
    let past = signed(&world, "dana", &past, "approve@localhost");
    not_approved(&world, "dana", &approve(&push), &past, "it has expired");
    // A signature for something else, of somebody else, over something else, or none.
    let git = signed(&world, "dana", &statement, "git");
    not_approved(&world, "dana", &approve(&push), &git, "the signature is not one of yours");
    let lee = signed(&world, "lee", &statement, "approve@localhost");
    not_approved(&world, "dana", &approve(&push), &lee, "the signature is not one of yours");
    let agent = signed(&world, "claude-1", &statement, "approve@localhost");
    not_approved(&world, "dana", &approve(&push), &agent, "the signature is not one of yours");
    not_approved(&world, "dana", &approve(&push), &good.replacen("approve", "Approve", 1), "the signature is not one");
    not_approved(&world, "dana", &approve(&push), &statement, "standard input must hold the statement");
    // As it was meant.
    let output = world.try_verb("dana", &approve(&push), &good);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let step = world.records().into_iter().find(|record| record["step"] == "approve").expect("recorded");
    let signature = step["signed"]["signature"].as_str().expect("kept");
    verify_offline(&world, step["signed"]["statement"].as_str().expect("kept"), signature);
    world.verb("lee", &format!("approve {push}"));
    assert_eq!(state(&world, &push), "forwarded");
    // Twice.
    not_approved(&world, "dana", &approve(&push), &good, "is forwarded already");
    not_approved(&world, "lee", &format!("approve {push}"), "", "is forwarded already");
    not_approved(&world, "dana", &format!("reject {push} -m late"), "", "is forwarded already");
}

/// What is in the record proves itself with OpenSSH alone.
fn verify_offline(world: &World, statement: &str, signature: &str) {
    let key = std::fs::read_to_string(world.path().join("dana.pub")).expect("a key");
    let allowed = world.path().join("allowed_signers");
    std::fs::write(&allowed, format!("dana namespaces=\"approve@localhost\" {key}")).expect("write");
    let file = world.path().join("kept.sig");
    std::fs::write(&file, signature).expect("write");
    let mut verify = Command::new("ssh-keygen");
    verify
        .args(["-q", "-Y", "verify", "-I", "dana", "-n", "approve@localhost", "-f"])
        .arg(&allowed)
        .arg("-s")
        .arg(&file);
    let mut child = verify.stdin(std::process::Stdio::piped()).spawn().expect("ssh-keygen");
    std::io::Write::write_all(&mut child.stdin.take().expect("piped"), statement.as_bytes()).expect("written");
    assert!(child.wait().expect("an end").success());
}

#[test]
fn a_changed_policy_voids_an_approval() {
    let rules = HOLD_RULES.replace("approvers = [\"owners\"]", "approvers = [\"owners\"]\napprovals = 2");
    let world = World::new(&rules);
    let client = world.clone_as("claude-1");
    let (push, commit) = held(&client, "ci", "on: push\n");
    let statement = world.verb("lee", &format!("show {push} --statement"));
    let old = signed(&world, "lee", &statement, "approve@localhost");
    world.verb("dana", &format!("approve {push}"));
    world.write_policy(&format!("{GRANTS}{rules}# changed\n"));
    wait_for(|| world.log().contains("the policy was replaced"));
    not_approved(&world, "lee", &format!("approve {push} --signed"), &old, "the policy has changed since");
    let told = world.verb("lee", &format!("approve {push}"));
    assert!(told.contains("still needs 2 of owners, 1 given"), "dana's is void: {told}");
    world.verb("dana", &format!("approve {push}"));
    assert_eq!(world.upstream_refs()["refs/heads/agent/claude-1/ci"], commit);
}

#[test]
fn a_policy_that_refuses_now_wins() {
    let world = World::new(HOLD_RULES);
    let client = world.clone_as("claude-1");
    let (push, commit) = held(&client, "ci", "on: push\n");
    world.write_policy(&format!(
        "{GRANTS}{}",
        HOLD_RULES.replace("then      = \"hold\"\napprovers = [\"owners\"]", "then = \"refuse\"")
    ));
    wait_for(|| world.log().contains("the policy was replaced"));
    not_approved(&world, "dana", &format!("approve {push}"), "", "ci-files");
    assert_eq!(state(&world, &push), "refused");
    assert!(!world.upstream_has(&commit));
    not_approved(&world, "dana", &format!("approve {push}"), "", "is refused already");
}

#[test]
fn an_upstream_that_moved_means_fetch_first() {
    let world = World::new(HOLD_RULES);
    let client = world.clone_as("claude-1");
    client.commit(&[("src/a.rs", "a\n")], "a");
    client.push_head("ci").accepted();
    let (push, _) = held(&client, "ci", "on: push\n");
    // Somebody else moves the ref, past the gate.
    let refs = world.upstream_refs();
    world.git(&world.upstream, &["update-ref", "refs/heads/agent/claude-1/ci", &refs["refs/heads/main"]]);
    let before = world.upstream_refs();
    let said = world.refused_verb("dana", &format!("approve {push}"));
    assert!(said.contains("the upstream moved since"), "{said}");
    assert_eq!(world.upstream_refs(), before);
    assert_eq!(state(&world, &push), "refused");
    let status = world.verb("claude-1", &format!("status {push}"));
    assert!(status.contains("fetch first"), "{status}");
}

#[test]
fn nothing_is_approved_after_it_expired() {
    let world = World::with_settings(HOLD_RULES, "[limits]\nhold_time_max = \"2 s\"\napproval_time_max = \"1 s\"");
    let client = world.clone_as("claude-1");
    let (push, commit) = held(&client, "ci", "on: push\n");
    wait_for(|| state(&world, &push) == "expired");
    not_approved(&world, "dana", &format!("approve {push}"), "", "is expired already");
    assert!(!world.upstream_has(&commit));
    assert_eq!(std::fs::read_dir(world.path().join("data/held")).expect("there").count(), 0);
    // It can be asked again.
    let again = client.push_head("ci");
    assert_ne!(again.json()["push"], *push, "{}", again.stderr);
    assert!(again.stderr.contains(&format!("held push {push} has expired")), "{}", again.stderr);
}

#[test]
fn a_revoked_human_approves_nothing_and_what_he_approved_counts_no_more() {
    let rules = HOLD_RULES.replace("approvers = [\"owners\"]", "approvers = [\"owners\"]\napprovals = 2");
    let world = World::new(&format!("{rules}\n"));
    let policy = std::fs::read_to_string(world.path().join("policy.toml")).expect("there");
    std::fs::write(world.path().join("policy.toml"), format!("admins = [\"dana\"]\n{policy}")).expect("write");
    wait_for(|| world.log().contains("the policy was replaced"));
    let client = world.clone_as("claude-1");
    let (push, commit) = held(&client, "ci", "on: push\n");
    world.verb("lee", &format!("approve {push}"));
    assert!(world.refused_verb("lee", "revoke dana").contains("the policy's admins may"));
    world.verb("dana", "revoke lee -m left");
    let output = world.try_verb("lee", &format!("approve {push}"), "");
    assert!(!output.status.success() && text(&output.stderr).contains("Permission denied"));
    let told = world.verb("dana", &format!("approve {push}"));
    assert!(told.contains("2 of owners, 1 given"), "{told}");
    assert!(!world.upstream_has(&commit));
}

/// Owners are read from the default branch, never from the push.
#[test]
fn owners_of_the_paths_approve() {
    let rules = HOLD_RULES.replace("approvers = [\"owners\"]", "approvers = [\"CODEOWNERS\"]");
    let world = World::new(&rules);
    let human = world.clone_as("dana");
    human.commit(&[("CODEOWNERS", "/.github/ @lee\n/.github/free.yml\n")], "owners");
    human.push(&["HEAD:refs/heads/main"]).accepted();
    let client = world.clone_as("claude-1");
    client.commit(&[("src/CODEOWNERS", "* @dana\n")], "not where it is read");
    let (push, commit) = held(&client, "ci", "on: push\n");
    let status = world.verb("dana", &format!("status {push}"));
    assert!(status.contains("needs   1 of @lee for ci-files"), "{status}");
    not_approved(
        &world,
        "dana",
        &format!("approve {push}"),
        "",
        "your approval counts for nothing here: it needs 1 of @lee",
    );
    world.verb("lee", &format!("approve {push}"));
    assert_eq!(world.upstream_refs()["refs/heads/agent/claude-1/ci"], commit);
    // What nobody owns is for who pushes there.
    client.commit(&[(".github/free.yml", "x\n")], "free");
    let pushed = client.push_head("free");
    let push = pushed.json()["push"].as_str().expect("an id").to_owned();
    world.verb("dana", &format!("approve {push}"));
}

/// Whoever comes first decides, and the others hear of it.
#[test]
fn many_decide_at_once_and_one_counts() {
    let world = World::new(HOLD_RULES);
    let client = world.clone_as("claude-1");
    for round in 0..4 {
        let (push, commit) = held(&client, &format!("r{round}"), &format!("on: push # {round}\n"));
        let lines = [("dana", "approve"), ("lee", "approve"), ("dana", "reject"), ("claude-1", "withdraw")];
        let started: Vec<_> = lines
            .iter()
            .map(|(who, verb)| {
                let reason = if *verb == "reject" { " -m no" } else { "" };
                let mut command = world.ssh_exec(who, &[], &format!("{verb} {push}{reason}"));
                command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().expect("ssh")
            })
            .collect();
        let mut done = Vec::new();
        for (child, (_, verb)) in started.into_iter().zip(lines) {
            let output = child.wait_with_output().expect("an end");
            let said = text(&output.stderr);
            match output.status.success() {
                true => done.push(verb),
                false => assert!(said.contains(" already"), "{verb}: {said}"),
            }
        }
        assert_eq!(done.len(), 1, "{done:?}");
        let forwarded = state(&world, &push) == "forwarded";
        assert_eq!((done[0] == "approve", world.upstream_has(&commit)), (forwarded, forwarded));
    }
    world.record_holds();
}

#[test]
fn who_is_not_asked_ends_nothing() {
    let rules = HOLD_RULES.replace("approvers = [\"owners\"]", "approvers = [\"dana\"]");
    let grant = "[[grant]]\nto = \"lee\"\nrepo = \"app\"\nrefs = \"refs/heads/lee/**\"\nallow = [\"create\"]\n";
    let world = World::new(&format!("{rules}{grant}"));
    let client = world.clone_as("claude-1");
    let (push, _) = held(&client, "ci", "on: push\n");
    let refusing = "[rule.no-ci]\nkind = \"text\"\nforbid = [\"on: push\"]\nthen = \"refuse\"\n";
    world.write_policy(&format!("{GRANTS}{rules}{grant}{refusing}"));
    wait_for(|| world.log().contains("the policy was replaced"));
    not_approved(&world, "lee", &format!("approve {push}"), "", "your approval counts for nothing here");
    assert_eq!(state(&world, &push), "waiting");
    not_approved(&world, "dana", &format!("approve {push}"), "", "no-ci");
    assert_eq!(state(&world, &push), "refused");
}
