//! `refgate verify` on what a gate has published.

use crate::support::*;

/// The whole way, with stock git in between: what the gate publishes and exports is what `refgate verify` believes.
#[test]
fn what_the_gate_publishes_is_proven_in_a_shallow_clone() {
    let world = World::new("");
    let client = world.clone_as("claude-1");
    let name = "refs/heads/agent/claude-1/x";
    for number in 1..=3 {
        client.commit(&[("src/a.rs", &format!("{number}\n"))], "more");
        client.push_head("x").accepted();
    }
    let trust = world.path().join("refgate.trust");
    write(&trust, &run(world.refgate().args(["trust", "export"])));
    let clone = world.path().join("ci");
    let verify = |arguments: &[&str]| {
        let mut command = world.refgate();
        command.args(["verify", "--json", "--ref", name, "--trust"]).arg(&trust).arg("-C").arg(&clone);
        let output = command.args(arguments).output().expect("refgate runs");
        let said: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
        (output.status.code(), said)
    };
    let url = format!("file://{}", world.upstream.display());
    let target = clone.to_str().expect("UTF-8");
    world.git(world.path(), &["clone", "-q", "--depth=1", "--branch=agent/claude-1/x", &url, target]);
    let (code, said) = verify(&[]);
    assert_eq!((code, &said["reason"]), (Some(2), &"no-notes".into()), "{said}");
    let fetch = |name: &str| world.git(&clone, &["fetch", "-q", "--depth=1", "origin", &format!("+{name}:{name}")]);
    fetch("refs/notes/refgate");
    let (code, said) = verify(&[]);
    assert_eq!((code, &said["reached"], &said["notes_signed"]), (Some(0), &"A".into(), &true.into()), "{said}");
    // The log comes a moment after the push.
    wait_for(|| {
        if world.all_upstream_refs().contains_key("refs/refgate/log") {
            fetch("refs/refgate/log");
        }
        verify(&["--level", "B"]).0 == Some(0)
    });
    let (code, said) = verify(&["--level", "C"]);
    assert_eq!((code, &said["reached"], &said["chain"]["moves"]), (Some(0), &"C".into(), &3.into()), "{said}");
    assert_eq!((&said["chain"]["order_checked"], &said["chain"]["since"]), (&true.into(), &serde_json::Value::Null));
}
