//! Tests of the whole program: stock `git` and `ssh` against a running gate with a real upstream.

mod approvals;
mod attack;
mod attack_holds;
mod cases;
mod check;
mod checkout;
mod ci;
mod crash;
mod cves;
mod drop_in;
mod ended;
mod evidence;
mod evidence_attacks;
mod evidence_room;
mod fetch;
mod fixes;
mod holds;
mod holds_more;
mod limits;
mod messages;
mod operate;
#[path = "../support/packages.rs"]
mod packages;
mod people;
mod policy_push;
mod push;
mod push_cert;
mod raw;
mod review;
#[path = "../support/mod.rs"]
mod servers;
mod signed;
mod story;
mod support;
mod terminal;
mod upstreams;
mod verify;
mod witness;
