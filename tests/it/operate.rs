//! What an operator does with a running gate: metrics, reload, stop.

use crate::support::*;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};

#[test]
fn metrics_count_what_happened() {
    let port = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a free port").port();
    let mut world = World::prepare();
    world.seed();
    world.write_policy(&format!("{GRANTS}{SECRET_RULE}"));
    world.write_settings("");
    let settings = std::fs::read_to_string(world.path().join("refgate.toml")).expect("there");
    let settings = format!("metrics_listen = \"127.0.0.1:{port}\"\n{settings}");
    std::fs::write(world.path().join("refgate.toml"), settings).expect("write");
    world.start();
    let client = world.clone_as("claude-1");
    client.commit(&[("src/a.rs", "1\n")], "fine");
    client.push_head("x").accepted();
    client.commit(&[("secret/key.txt", "1\n")], "not fine");
    client.push_head("x").refused_by("secret-dir");

    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("metrics");
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").expect("write");
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("an answer");
    for line in [
        "refgate_pushes_total{decision=\"accept\"} 1",
        "refgate_pushes_total{decision=\"refuse\"} 1",
        "refgate_forwarded_refs_total{outcome=\"forwarded\"} 1",
        "refgate_findings_total{kind=\"secret-dir\"} 1",
    ] {
        assert!(text.contains(line), "{line} in\n{text}");
    }
}
