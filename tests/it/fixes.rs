//! The fix that a refusal names, run in a shell as it stands: after it the push passes.

use crate::support::*;
use std::process::{Command, Output};

/// A line in a shell with the client's git.
fn shell(client: &Client<'_>, line: &str) -> Output {
    let git = client.command(&client.dir);
    let mut shell = Command::new("sh");
    shell.current_dir(&client.dir).env_clear().args(["-c", line]);
    shell.envs(git.get_envs().filter_map(|(name, value)| Some((name, value?))));
    shell.output().expect("sh")
}

/// Runs every command that the refusal names for a finding, in order, as somebody would who does what the message says.
fn run_fixes(client: &Client<'_>, pushed: &Pushed) {
    for finding in pushed.json()["findings"].as_array().expect("findings") {
        let fix = finding["fix"].as_str().expect("a fix");
        let output = shell(client, fix);
        assert!(output.status.success(), "{fix}\n{}{}", text(&output.stdout), text(&output.stderr));
    }
}

#[test]
fn every_fix_is_a_command_that_makes_the_push_pass() {
    type Make = fn(&Client<'_>);
    let table: [(&str, &str, Make); 9] = [
        ("an edit, and nothing else", "write.outside-grant", |client| {
            client.commit(&[("infra/main.tf", "1\n")], "one");
        }),
        ("a new file, and nothing else", "write.outside-grant", |client| {
            client.commit(&[("infra/it's a [new] file", "1\n")], "one");
        }),
        ("two rules at one path, and another path", "secret-dir", |client| {
            client.commit(&[("secret/new", "1\n"), ("infra/x", "1\n"), ("src/a.rs", "1\n")], "one");
        }),
        ("an earlier commit", "write.outside-grant", |client| {
            client.commit(&[("infra/main.tf", "1\n"), ("src/a.rs", "1\n")], "one");
            client.commit(&[("src/a.rs", "2\n")], "two");
        }),
        ("two earlier commits, each with another path", "write.outside-grant", |client| {
            client.commit(&[("infra/main.tf", "1\n")], "one");
            client.commit(&[("infra/new", "1\n")], "two");
            client.commit(&[("src/a.rs", "2\n")], "three");
        }),
        ("the same file in three commits", "write.outside-grant", |client| {
            for n in ["1\n", "2\n", "3\n"] {
                client.commit(&[("infra/main.tf", n), ("src/a.rs", n)], n.trim());
            }
        }),
        ("a guarded directory under another name", "secret-dir", |client| {
            client.git(&["mv", "secret", "src/open"]);
            client.commit(&[], "moved");
        }),
        ("a merge with an edit of its own", "write.outside-grant", |client| {
            client.commit(&[("src/a.rs", "1\n")], "one");
            client.git(&["switch", "-q", "-c", "side", "HEAD~1"]);
            client.commit(&[("src/b.rs", "1\n")], "side");
            client.git(&["merge", "-q", "--no-commit", "main"]);
            client.commit(&[("infra/main.tf", "1\n")], "evil");
        }),
        ("a first commit of its own history", "write.outside-grant", |client| {
            client.git(&["switch", "-q", "--orphan", "own"]);
            client.commit(&[("infra/x", "1\n"), ("src/a.rs", "1\n")], "root");
            client.commit(&[("src/a.rs", "2\n")], "next");
        }),
    ];
    let world = World::new(SECRET_RULE);
    for (name, rule, make) in table {
        let client = world.clone_as("claude-1");
        make(&client);
        let branch = name.replace([' ', ','], "-");
        let refused = client.push_head(&branch);
        refused.refused_by(rule);
        run_fixes(&client, &refused);
        let pushed = client.push_head(&branch);
        assert!(pushed.ok, "{name}:\n{}\n{}", refused.stderr, pushed.stderr);
    }
}

#[test]
fn a_new_file_in_several_commits_is_taken_out_in_two_steps() {
    let world = World::new("");
    let client = world.clone_as("claude-1");
    client.commit(&[("infra/new", "1\n"), ("src/a.rs", "1\n")], "one");
    client.commit(&[("infra/new", "2\n"), ("src/a.rs", "2\n")], "two");
    let refused = client.push_head("x");
    refused.refused_by("write.outside-grant");
    let json = refused.json();
    let fix = json["findings"][0]["fix"].as_str().expect("a fix");
    let (first, then) = fix.split_once(" # where it stops: ").expect("two steps");
    assert!(!shell(&client, first).status.success(), "git cannot replay the second edit of a file that is gone");
    assert!(shell(&client, then).status.success());
    client.push_head("x").accepted();
}

#[test]
fn a_refused_ref_name_comes_with_one_that_passes() {
    let world = World::new("");
    let client = world.clone_as("claude-1");
    client.commit(&[("src/a.rs", "1\n")], "one");
    client.git(&["tag", "-a", "-m", "annotated", "v1"]);
    for source in ["HEAD:refs/heads/main", "v1:refs/tags/v1", "HEAD:refs/heads/agent/claude-2/x"] {
        let refused = client.push(&[source]);
        refused.refused_by("ref.no-grant");
        run_fixes(&client, &refused);
    }
    let own = ["main", "v1", "x"].map(|name| client.branch(name));
    assert!(own.iter().all(|name| world.upstream_refs().contains_key(name)), "{:?}", world.upstream_refs());
}
