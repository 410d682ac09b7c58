//! A gate with real witnesses: what CI can prove while they are there, while one is not, and what a fork looks like.

use crate::checkout::{Checkout, LOG};
use crate::support::*;
use refgate::config;
use refgate::tlog::{KeyKind, KeyName, Log, Signer, VerifyingKey};
use refgate::witness::{KnownSizes, cosign};
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

const BRANCH: &str = "agent/claude-1/x";

/// A running `refgate witness`; killed when it is dropped.
struct Witness {
    child: Child,
    name: &'static str,
    address: String,
    key: String,
}

impl Drop for Witness {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Witness {
    /// Starts it; one that was there before has its memory still.
    fn start(world: &World, name: &'static str, address: &str, log: &str) -> Self {
        let mut command = world.refgate();
        command.args(["witness", "--data", name, "--name", &format!("{name}.example")]);
        command.args(["--listen", address, "--log", log]).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().expect("refgate witness");
        let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let mut next = |start: &str| {
            let line = lines.next().expect("a line").expect("UTF-8");
            line.strip_prefix(start).unwrap_or_else(|| panic!("{line}")).to_owned()
        };
        let key = next("refgate: witness ");
        let address = next("refgate: listening on ");
        Self { child, name, address, key }
    }

    fn restart(self, world: &World, log: &str) -> Self {
        let (name, address) = (self.name, self.address.clone());
        drop(self);
        Self::start(world, name, &address, log)
    }

    fn stop(&mut self) {
        self.child.kill().expect("killed");
        self.child.wait().expect("an end");
    }

    fn settings(&self) -> config::Witness {
        let key = VerifyingKey::parse(&self.key, KeyKind::Cosignature).expect("a vkey");
        config::Witness { url: format!("http://{}", self.address), key }
    }
}

/// The vkey of the gate's log, as the trust file has it.
fn log_key(world: &World) -> String {
    let trust = run(world.refgate().args(["trust", "export"]));
    trust.lines().find_map(|line| line.strip_prefix("log ")).expect("a log").to_owned()
}

/// A gate that knows two witnesses, after `before` has had its way with them.
fn witnessed(before: impl FnOnce(&World, &[Witness; 2])) -> (World, [Witness; 2], String) {
    let mut world = World::new("");
    let log = log_key(&world);
    world.terminate();
    let witnesses = ["one", "two"].map(|name| Witness::start(&world, name, "127.0.0.1:0", &log));
    before(&world, &witnesses);
    let settings = witnesses.each_ref().map(|witness| {
        let Witness { address, key, .. } = witness;
        format!("{{ url = \"http://{address}\", key = \"{key}\" }}")
    });
    world.write_settings(&format!("\n[evidence]\nwitnesses = [{}]\n", settings.join(", ")));
    world.start();
    (world, witnesses, log)
}

fn push(world: &World, client: &Client<'_>, number: u32) -> Checkout {
    client.commit(&[("src/a.rs", &format!("{number}\n"))], "more");
    client.push_head("x").accepted();
    Checkout::new(world, BRANCH)
}

fn cosigned(said: &serde_json::Value) -> Vec<&str> {
    let seen = said["log"]["cosigned"].as_array().expect("a list");
    let mut names: Vec<&str> = seen.iter().map(|seen| seen["witness"].as_str().expect("a name")).collect();
    names.sort_unstable();
    names
}

#[test]
fn a_push_is_proven_with_the_cosignatures_of_all_witnesses() {
    let (world, _witnesses, _) = witnessed(|_, _| {});
    let checkout = push(&world, &world.clone_as("claude-1"), 1);
    checkout.wait_for_proof(&world, &["--level", "B"]);
    let (code, said) = checkout.verify(&world, &["--level", "B", "--max-age", "1h"]);
    assert_eq!((code, cosigned(&said)), (Some(0), vec!["one.example", "two.example"]), "{said}");
    let (code, said) = checkout.verify(&world, &["--level", "C", "--max-age", "1h"]);
    assert_eq!((code, &said["reached"]), (Some(0), &"C".into()), "{said}");
    // A clock that goes on makes them older than nothing.
    wait_for(|| {
        let (code, said) = checkout.verify(&world, &["--level", "B", "--max-age", "0"]);
        code == Some(1) && said["reason"] == "stale"
    });
}

#[test]
fn what_a_witness_missed_is_proven_once_it_is_back() {
    const MISSING: &str = "a witness did not cosign";
    let (mut world, [_one, mut two], log) = witnessed(|_, _| {});
    let client = world.clone_as("claude-1");
    push(&world, &client, 1).wait_for_proof(&world, &["--level", "B"]);
    two.stop();
    let checkout = push(&world, &client, 2);
    let is_missed = |world: &World, checkout: &Checkout| {
        checkout.fetch(world);
        let (code, said) = checkout.verify(world, &["--level", "B"]);
        code == Some(1) && said["reason"] == "quorum"
    };
    wait_for(|| is_missed(&world, &checkout));
    // It is asked again, and nothing is pushed as long as there is nothing to add.
    let pushes =
        |world: &World| world.git(&world.upstream, &["rev-list", "--count", LOG]).parse::<u32>().expect("a number");
    let (before, asked) = (pushes(&world), world.log().matches(MISSING).count());
    wait_for(|| world.log().matches(MISSING).count() >= asked + 2);
    assert_eq!(pushes(&world), before);
    assert!(is_missed(&world, &checkout));
    let mut two = two.restart(&world, &log);
    checkout.wait_for_proof(&world, &["--level", "B"]);
    let (_, said) = checkout.verify(&world, &["--level", "B"]);
    assert_eq!(cosigned(&said), ["one.example", "two.example"]);
    assert_eq!(pushes(&world), before + 1);

    // A gate that was started anew remembers no push, and brings what the witnesses say now.
    two.stop();
    let dir = client.dir.clone();
    let checkout = push(&world, &client, 3);
    wait_for(|| is_missed(&world, &checkout));
    world.kill();
    let _two = two.restart(&world, &log);
    world.start();
    checkout.wait_for_proof(&world, &["--level", "B"]);
    let client = world.client_at(&dir, "claude-1");
    push(&world, &client, 4).wait_for_proof(&world, &["--level", "C"]);
}

/// Somebody with the log's key has shown a witness another history.
#[test]
fn a_witness_that_knows_a_fork_is_an_error() {
    let (world, _witnesses, _) = witnessed(|world, [one, _]| {
        let file =
            std::fs::read_dir(world.path().join("data/keys")).expect("keys").map(|entry| entry.expect("one").path());
        let file = file
            .into_iter()
            .find(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("log-")));
        let key = ssh_key::PrivateKey::read_openssh_file(file.expect("a key")).expect("a key");
        let seed = key.key_data().ed25519().expect("Ed25519").private.to_bytes();
        let signer = Signer::from_seed(KeyName::parse("localhost/log/1").expect("a name"), &seed);
        let mut fork = Log::create(&world.path().join("fork"), signer).expect("a log");
        fork.append(&["what never happened"]).expect("appended");
        let given = cosign(&[one.settings()], &fork.reader(), &mut KnownSizes::default());
        assert!(given.failures.is_empty(), "{:?}", given.failures);
    });
    let checkout = push(&world, &world.clone_as("claude-1"), 1);
    let is_said = |line: &str| line.contains("ERROR") && line.contains("a witness knows another log of this name");
    wait_for(|| world.log().lines().any(is_said));
    wait_for(|| {
        checkout.fetch(&world);
        let (code, said) = checkout.verify(&world, &["--level", "B"]);
        code == Some(1) && said["reason"] == "quorum"
    });
    // The other one is enough for who asks for one.
    write(&checkout.trust, &run(world.refgate().args(["trust", "export", "--quorum", "1"])));
    let (code, said) = checkout.verify(&world, &["--level", "B"]);
    assert_eq!((code, cosigned(&said)), (Some(0), vec!["two.example"]), "{said}");
    assert_eq!(world.log().lines().filter(|line| is_said(line)).count(), 1, "no later try mends it");
}

/// What a client of C2SP tlog-tiles does: it fetches by path, and grows the tree from the entries.
const CLIENT: &str = r#"
import base64, hashlib, sys, urllib.request

def get(path):
    with urllib.request.urlopen(f"{sys.argv[1]}/{path}") as answer:
        return answer.read()

def tree(hashes):
    if len(hashes) == 1:
        return hashes[0]
    left = 1
    while left * 2 < len(hashes):
        left *= 2
    return hashlib.sha256(b"\1" + tree(hashes[:left]) + tree(hashes[left:])).digest()

origin, size, root = get("checkpoint").decode().split("\n")[:3]
size, stored, entries = int(size), b"", []
for first in range(0, size, 256):
    width = min(256, size - first)
    path = f"{first // 256:03}" + ("" if width == 256 else f".p/{width}")
    stored += get(f"tile/0/{path}")
    bundle = get(f"tile/entries/{path}")
    while bundle:
        end = 2 + int.from_bytes(bundle[:2], "big")
        entries.append(bundle[2:end])
        bundle = bundle[end:]
leaves = [hashlib.sha256(b"\0" + entry).digest() for entry in entries]
assert len(leaves) == size and stored == b"".join(leaves), "the tiles differ"
assert tree(leaves) == base64.b64decode(root), "the root differs"
sys.stdout.buffer.write(b"".join(line + b"\n" for line in [origin.encode(), *entries]))
"#;

#[test]
fn any_web_server_serves_the_log() {
    let mut world = World::new("");
    let client = world.clone_as("claude-1");
    for number in 1..=3 {
        client.commit(&[("src/a.rs", &format!("{number}\n"))], "more");
        client.push_head("x").accepted();
    }
    world.terminate();
    let mut server = Command::new("python3");
    server
        .args(["-u", "-m", "http.server", "0", "--bind", "127.0.0.1", "--directory"])
        .arg(world.path().join("data/log/1"));
    let mut server = server.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("python3");
    let mut line = String::new();
    BufReader::new(server.stdout.take().expect("piped")).read_line(&mut line).expect("a line");
    let port = line.split("port ").nth(1).and_then(|rest| rest.split(' ').next()).expect("a port");
    let fetched =
        Command::new("python3").args(["-c", CLIENT, &format!("http://127.0.0.1:{port}")]).output().expect("python3");
    server.kill().and_then(|()| server.wait()).expect("an end");
    assert!(fetched.status.success(), "{}", text(&fetched.stderr));
    let exported = run(world.refgate().args(["log", "export", "--jsonl"]));
    assert_eq!(text(&fetched.stdout), format!("localhost/log/1\n{exported}\n"));
}
