//! `refgate verify` on what a gate has published.

use crate::checkout::{Checkout, LOG, NOTES};
use crate::support::*;

/// The whole way, with stock git in between: what the gate publishes and exports is what `refgate verify` believes.
#[test]
fn what_the_gate_publishes_is_proven_in_a_shallow_clone() {
    let world = World::new("");
    let client = world.clone_as("claude-1");
    for number in 1..=3 {
        client.commit(&[("src/a.rs", &format!("{number}\n"))], "more");
        client.push_head("x").accepted();
    }
    let checkout = Checkout::new(&world, "agent/claude-1/x");
    let (code, said) = checkout.verify(&world, &[]);
    assert_eq!((code, &said["reason"]), (Some(2), &"no-notes".into()), "{said}");
    world.git(&checkout.dir, &["fetch", "-q", "--depth=1", "origin", &format!("{NOTES}:{NOTES}")]);
    let (code, said) = checkout.verify(&world, &[]);
    assert_eq!((code, &said["reached"], &said["notes_signed"]), (Some(0), &"A".into(), &true.into()), "{said}");
    // The log comes a moment after the push.
    assert!(world.git(&checkout.dir, &["for-each-ref", LOG]).is_empty());
    checkout.wait_for_proof(&world, &["--level", "B"]);
    let (code, said) = checkout.verify(&world, &["--level", "C"]);
    assert_eq!((code, &said["reached"], &said["chain"]["moves"]), (Some(0), &"C".into(), &3.into()), "{said}");
    assert_eq!((&said["chain"]["order_checked"], &said["chain"]["since"]), (&true.into(), &serde_json::Value::Null));
}
