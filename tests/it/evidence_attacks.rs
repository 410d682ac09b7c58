//! Who can write to the upstream, or push a lot, against the evidence.

use crate::support::*;
use std::process::Command;

const NOTES: &str = "refs/notes/refgate";
const LOG: &str = "refs/refgate/log";

fn note(world: &World, commit: &str) -> String {
    let shown = world.git_command(&world.upstream).args(["notes", "--ref=refgate", "show", commit]).output();
    text(&shown.expect("git").stdout)
}

fn hash_object(world: &World, kind: &str, bytes: &[u8]) -> String {
    let mut command = world.git_command(&world.upstream);
    command.args(["hash-object", "-w", "-t", kind, "--stdin"]);
    text(&feed(&mut command, bytes)).trim().to_owned()
}

/// A tree, from what `git ls-tree` would list of it.
fn mktree(world: &World, listed: &str) -> String {
    let mut command = world.git_command(&world.upstream);
    text(&feed(command.args(["mktree", "--missing"]), listed.as_bytes())).trim().to_owned()
}

/// A commit of a tree with 10^depth paths.
fn bomb(world: &World, depth: usize) -> String {
    let blob = hash_object(world, "blob", b"x");
    let mut inner = format!("100644 blob {blob}\tx\n");
    for _ in 0..depth {
        let tree = mktree(world, &inner);
        inner = (0..10).map(|n| format!("040000 tree {tree}\td{n}\n")).collect();
    }
    let tree = mktree(world, &inner);
    world.git(&world.upstream, &["commit-tree", "-m", "x", &tree])
}

/// Accepted, and with a note of two lines.
#[track_caller]
fn push_with_note(world: &World, client: &Client<'_>, content: &str) -> String {
    let id = client.commit(&[("src/a.rs", content)], content);
    client.push_head("x").accepted();
    assert_eq!(note(world, &id).lines().count(), 2, "{content}\n{}", world.log());
    id
}

#[test]
fn what_is_no_commit_in_the_place_of_the_notes_is_replaced() {
    let mut world = World::new("");
    let first = {
        let client = world.clone_as("claude-1");
        push_with_note(&world, &client, "0")
    };
    let blob = hash_object(&world, "blob", b"x");
    let tree = world.git(&world.upstream, &["rev-parse", &format!("{first}^{{tree}}")]);
    let tag = format!("object {first}\ntype commit\ntag t\ntagger a <a@b> 1 +0000\n\nx\n");
    let tag = hash_object(&world, "tag", tag.as_bytes());
    // Nor is a commit that is longer than ours are: it goes on from the notes, and is not read.
    let notes = world.git(&world.upstream, &["rev-parse", NOTES]);
    let by = "author a <a@b> 1 +0000\ncommitter a <a@b> 1 +0000";
    let long = format!("tree {tree}\nparent {notes}\n{by}\n\n{}\n", "x".repeat(1 << 20));
    let long = hash_object(&world, "commit", long.as_bytes());
    for (n, id) in [&blob, &tree, &tag, &long].into_iter().enumerate() {
        for restart in [false, true] {
            world.git(&world.upstream, &["update-ref", NOTES, id]);
            if restart {
                world.terminate();
                world.start();
            }
            let client = world.clone_as("claude-1");
            client.git(&["reset", "-q", "--hard", "origin/agent/claude-1/x"]);
            push_with_note(&world, &client, &format!("{n}{restart}"));
            assert_eq!(note(&world, &first).lines().count(), 2, "put back");
        }
    }
    let mut is_gone_on_from = world.git_command(&world.upstream);
    is_gone_on_from.args(["merge-base", "--is-ancestor", &long, NOTES]);
    assert_eq!(is_gone_on_from.status().expect("git").code(), Some(1));
    // Before the gate has ever written notes.
    let other = World::new("");
    let blob = hash_object(&other, "blob", b"x");
    other.git(&other.upstream, &["update-ref", NOTES, &blob]);
    let client = other.clone_as("claude-1");
    push_with_note(&other, &client, "1");
}

#[test]
fn what_is_no_log_in_the_place_of_the_log_is_replaced() {
    let world = World::new("");
    let client = world.clone_as("claude-1");
    let has_log = |id: &str| {
        wait_for(|| {
            let digest = text(&feed(
                Command::new("sha256sum").arg("-"),
                note(&world, id).lines().next().unwrap_or_default().as_bytes(),
            ));
            let listed =
                world.git_command(&world.upstream).args(["ls-tree", "--name-only", &format!("{LOG}:proof")]).output();
            text(&listed.expect("git").stdout).contains(&format!("{}.tlog-proof", &digest[..64]))
        });
    };
    let id = push_with_note(&world, &client, "0");
    has_log(&id);
    let bad = [hash_object(&world, "blob", b"x"), bomb(&world, 9)];
    for (n, bad) in bad.iter().enumerate() {
        world.git(&world.upstream, &["update-ref", LOG, bad]);
        let id = push_with_note(&world, &client, &format!("a{n}"));
        has_log(&id);
    }
}

#[test]
fn notes_that_were_taken_away_with_their_objects_are_put_back() {
    let world = World::new("");
    let client = world.clone_as("claude-1");
    let id = push_with_note(&world, &client, "0");
    world.git(&world.upstream, &["update-ref", "-d", NOTES]);
    world.git(&world.upstream, &["gc", "-q", "--prune=now"]);
    // Brings nothing that the upstream does not have.
    client.push_head("y").accepted();
    assert_eq!(note(&world, &id).lines().count(), 4);
}

/// Whoever takes lines away with a commit that goes on from ours.
#[test]
fn lines_that_were_taken_away_with_a_new_commit_are_put_back() {
    let mut world = World::new("");
    let ids = {
        let client = world.clone_as("claude-1");
        ["0", "1"].map(|content| push_with_note(&world, &client, content))
    };
    let before = ids.each_ref().map(|id| note(&world, id));
    let events =
        |world: &World| world.records().iter().filter(|record| record["event"] == "evidence-rewritten").count();
    let edits = ["one line", "all notes", "a line more"];
    for (n, edit) in edits.iter().enumerate() {
        match *edit {
            "one line" => {
                let line = before[0].lines().next().expect("a line").to_owned();
                world.git(&world.upstream, &["notes", "--ref=refgate", "add", "-f", "-m", &line, &ids[0]]);
            }
            "all notes" => notes_commit(&world, &mktree(&world, "")),
            _ => drop(world.git(&world.upstream, &["notes", "--ref=refgate", "append", "-m", "theirs", &ids[0]])),
        }
        if n == 1 {
            world.terminate();
            world.start();
        }
        let client = world.clone_as("claude-1");
        client.git(&["reset", "-q", "--hard", "origin/agent/claude-1/x"]);
        push_with_note(&world, &client, edit);
        for (id, before) in ids.iter().zip(&before) {
            let now = note(&world, id);
            assert!(before.lines().all(|line| now.lines().any(|other| other == line)), "{edit}: {now}");
        }
        assert_eq!(events(&world), (n + 1).min(2), "{edit}");
    }
    assert!(note(&world, &ids[0]).contains("theirs"), "what others add stays");
}

/// Somebody's notes with this tree, on top of those that are there.
fn notes_commit(world: &World, tree: &str) {
    let commit = world.git(&world.upstream, &["commit-tree", "-p", NOTES, "-m", "x", tree]);
    world.git(&world.upstream, &["update-ref", NOTES, &commit]);
}

/// Notes may lie below any number of directories, and among them may be what is no note.
#[test]
fn lines_are_put_back_wherever_somebody_moved_them_before() {
    let world = World::new("");
    let client = world.clone_as("claude-1");
    let id = push_with_note(&world, &client, "0");
    let before = note(&world, &id);
    let blob = world.git(&world.upstream, &["rev-parse", &format!("{NOTES}:{}/{}", &id[..2], &id[2..])]);
    let inner = mktree(&world, &format!("100644 blob {blob}\t{}\n", &id[4..]));
    let outer = mktree(&world, &format!("040000 tree {inner}\t{}\n", &id[2..4]));
    let link = "1".repeat(40);
    let root = mktree(&world, &format!("160000 commit {link}\t{link}\n040000 tree {outer}\t{}\n", &id[..2]));
    notes_commit(&world, &root);
    assert_eq!(note(&world, &id), before, "git finds it there");
    push_with_note(&world, &client, "1");
    assert_eq!(note(&world, &id), before);
    notes_commit(&world, &mktree(&world, ""));
    push_with_note(&world, &client, "2");
    assert_eq!(note(&world, &id), before);
    assert_eq!(world.records().iter().filter(|record| record["event"] == "evidence-rewritten").count(), 1);
}

#[test]
fn many_refs_at_one_commit_make_one_note() {
    let world = World::new("");
    let client = world.clone_as("claude-1");
    let id = client.commit(&[("src/a.rs", "1\n")], "one");
    let refs: Vec<String> = (0..300).map(|n| format!("{id}:{}", client.branch(&format!("m/{n}")))).collect();
    let refs: Vec<&str> = refs.iter().map(String::as_str).collect();
    client.push(&refs).accepted();

    // Not the sizes of files: a push of the log's own ref may come and go below objects/ meanwhile.
    let size = world.git(&world.upstream, &["count-objects", "-v"]);
    let kib = |name: &str| -> u64 {
        let line = size.lines().find_map(|line| line.strip_prefix(name)).expect("a line");
        line.trim().parse().expect("a number")
    };
    assert!(kib("size:") + kib("size-pack:") < 5_000 && note(&world, &id).len() > 900_000, "{size}");
}

#[test]
fn the_logs_files_are_made_again_whatever_is_missing() {
    let mut world = World::new("");
    {
        let client = world.clone_as("claude-1");
        push_with_note(&world, &client, "0");
    }
    let log = world.path().join("data/log/1");
    for name in ["checkpoint", "head", "tile", "lock"] {
        world.terminate();
        let path = log.join(name);
        if path.is_dir() { std::fs::remove_dir_all(&path) } else { std::fs::remove_file(&path) }.expect("removed");
        world.start();
        let client = world.clone_as("claude-1");
        client.git(&["reset", "-q", "--hard", "origin/agent/claude-1/x"]);
        push_with_note(&world, &client, name);
        assert!(log.join("checkpoint").exists() && log.join("tile").exists());
    }
}

#[test]
fn a_place_for_evidence_is_the_gates_where_a_policy_only_observes_too() {
    let world = World::prepare();
    world.seed();
    let mut world = world;
    world.write_policy(&format!("[repo.app]\nmode = \"observe\"\n{GRANTS}"));
    world.write_settings("");
    world.start();
    let client = world.clone_as("claude-1");
    let id = client.commit(&[("src/a.rs", "1\n")], "one");
    let pushed = client.push(&[&format!("{id}:{NOTES}")]);
    assert!(!pushed.ok, "{}", pushed.stderr);
    client.push_head("x").accepted();
    assert_eq!(note(&world, &id).lines().count(), 1, "no summary");
}

#[test]
fn long_names_of_odd_bytes_fit_a_statement() {
    use std::os::unix::ffi::OsStrExt;
    let rules: String = ["a", "b", "c", "d"]
        .map(|name| format!("[rule.{name}]\nkind = \"path\"\nmatch = [\"src/{name}/**\"]\nthen = \"refuse\"\n"))
        .concat();
    let world = World::new(&rules);
    let client = world.clone_as("claude-1");
    for name in ["a", "b", "c", "d"] {
        let dir = client.dir.join("src").join(name);
        std::fs::create_dir_all(&dir).expect("a directory");
        for n in 0..8u8 {
            let mut file = vec![0x90; 240];
            file.push(b'a' + n);
            std::fs::write(dir.join(std::ffi::OsStr::from_bytes(&file)), "x").expect("written");
        }
    }
    client.git(&["add", "-A"]);
    client.git(&["commit", "-q", "-m", "odd"]);
    let part = "\u{e000}".repeat(80);
    let name = [&part[..], &part, &part, &part[..180]].join("/");
    let pushed = client.push(&[&format!("HEAD:{}", client.branch(&name))]);
    eprintln!("{}", pushed.stderr);
    pushed.refused_by("a");
}

/// Commits whose ids begin with these two digits, on top of a commit.
fn ground(world: &World, on: &str, first: &str, count: usize) -> Vec<String> {
    use sha1::{Digest, Sha1};
    let tree = world.git(&world.upstream, &["rev-parse", &format!("{on}^{{tree}}")]);
    let mut found = Vec::new();
    for n in 0.. {
        let by = "Agent <agent@example.com> 1700000000 +0000";
        let text = format!("tree {tree}\nparent {on}\nauthor {by}\ncommitter {by}\n\n{n}\n");
        let id = Sha1::digest(format!("commit {}\0{text}", text.len()));
        if format!("{:02x}", id[0]) == first {
            found.push(text);
        }
        if found.len() == count {
            break;
        }
    }
    found
}

#[test]
fn chosen_ids_do_not_take_the_notes_of_others_away() {
    let world = World::new("");
    let client = world.clone_as("claude-1");
    let id = push_with_note(&world, &client, "0");
    let commits = ground(&world, &id, &id[..2], 40);
    let refs: Vec<String> = commits
        .iter()
        .enumerate()
        .map(|(n, text)| {
            let mut command = client.command(&client.dir);
            command.args(["hash-object", "-w", "-t", "commit", "--stdin"]);
            let commit = crate::support::text(&feed(&mut command, text.as_bytes())).trim().to_owned();
            format!("{commit}:{}", client.branch(&format!("g/{n}")))
        })
        .collect();
    for refs in refs.chunks(20) {
        client.push(&refs.iter().map(String::as_str).collect::<Vec<_>>()).accepted();
    }
    assert_eq!(note(&world, &id).lines().count(), 2);
}
