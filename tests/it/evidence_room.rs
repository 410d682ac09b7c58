//! An agent that pushes a lot does not push out the evidence of others.

use crate::checkout::{Checkout, NOTES};
use crate::support::*;

const MAIN_GRANT: &str = "[[grant]]\nto = [\"claude-2\"]\nrepo = \"app\"\nrefs = [\"refs/heads/main\"]\n\
                          allow = [\"update\"]\nwrite = [\"docs/**\"]\n";

/// Main, moved twice through the gate; the commits.
fn main_twice(world: &World) -> [String; 2] {
    let human = world.clone_as("dana");
    [1, 2].map(|n| {
        let id = human.commit(&[("src/main.rs", &format!("{n}\n"))], "main");
        human.push(&["HEAD:refs/heads/main"]).accepted();
        id
    })
}

/// At level C, by a trust file of some time ago.
#[track_caller]
fn is_proven(world: &World, checkout: &Checkout, moves: u64) {
    checkout.wait_for_proof(world, &["--level", "B"]);
    let since = world.git(&world.upstream, &["rev-parse", &format!("main~{moves}")]);
    let (code, said) = checkout.verify(world, &["--level", "C", "--since", &since]);
    assert_eq!((code, &said["chain"]["moves"]), (Some(0), &moves.into()), "{said}");
}

#[test]
fn many_refs_at_one_commit_do_not_fill_its_note() {
    // That some agent may write main does not matter.
    let world = World::new(MAIN_GRANT);
    let [_, tip] = main_twice(&world);
    let (checkout, client) = (Checkout::new(&world, "main"), world.clone_as("claude-1"));
    let refs: Vec<String> = (0..1500).map(|n| format!("{tip}:{}", client.branch(&format!("m/{n}")))).collect();
    client.push(&refs.iter().map(String::as_str).collect::<Vec<_>>()).accepted();
    let size: usize = world.git(&world.upstream, &["notes", "--ref=refgate", "show", &tip]).len();
    assert!(size > 4_000_000 && size <= 4 << 20, "it is full: {size}");
    is_proven(&world, &checkout, 2);
}

#[test]
fn many_commits_do_not_drive_out_the_notes_of_others() {
    let world = World::new(MAIN_GRANT);
    main_twice(&world);
    let (checkout, client) = (Checkout::new(&world, "main"), world.clone_as("claude-1"));
    let mut stream = String::from("reset refs/heads/many\nfrom refs/remotes/origin/main^0\n\n");
    for n in 0..4300 {
        stream.push_str(&format!(
            "commit refs/heads/many\nauthor A <a@b> 1 +0000\ncommitter A <a@b> 1 +0000\ndata 1\n{}\nM 100644 inline src/n\ndata {}\n{n}\n\n",
            n % 10,
            n.to_string().len()
        ));
    }
    feed(client.command(&client.dir).args(["fast-import", "--quiet"]), stream.as_bytes());
    let listed = client.git(&["rev-list", "--max-count=4300", "many"]);
    let refs: Vec<String> =
        listed.lines().enumerate().map(|(n, id)| format!("{id}:{}", client.branch(&format!("n/{n}")))).collect();
    client.push(&refs.iter().map(String::as_str).collect::<Vec<_>>()).accepted();
    let count = || world.git(&world.upstream, &["ls-tree", "-r", NOTES]).lines().count();
    assert_eq!(count(), 4302);
    client.commit(&[("src/a.rs", "1\n")], "one more");
    client.push_head("x").accepted();
    // Half of them stay: those of main, and the newest of who pushed the others.
    assert_eq!(count(), 2049);
    is_proven(&world, &checkout, 2);
    let human = world.clone_as("dana");
    human.commit(&[("src/main.rs", "3\n")], "main");
    human.push(&["HEAD:refs/heads/main"]).accepted();
    is_proven(&world, &Checkout::new(&world, "main"), 3);
}
