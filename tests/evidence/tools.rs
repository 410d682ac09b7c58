//! Single formats, each read by the program it is for.

use crate::support::{git, git_command, try_git};
use crate::world::{FOREIGN, K_ATT, K_GIT, World, key, lines};
use refgate::evidence::{AllowedSigner, Envelope, KeyPurpose, Keys, PublishedKey, Trust, pae};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

fn run(program: &str, arguments: &[&str], input: &[u8]) -> Output {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|error| panic!("{program}: {error}"));
    // A program that needs no input may be gone already.
    let _ = child.stdin.take().expect("piped").write_all(input);
    child.wait_with_output().expect("it ends")
}

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

#[test]
fn git_and_ssh_keygen_verify_a_commit_of_the_notes() {
    let world = World::new();
    let commit = world.publish(&lines(&world.decision()), K_GIT, "");
    let signers = world.path("signers");
    let verify = |repo: &Path| {
        let setting = format!("gpg.ssh.allowedSignersFile={}", signers.display());
        git_command(repo).args(["-c", &setting, "verify-commit", &commit]).output().expect("git runs")
    };
    std::fs::write(&signers, world.trust().to_allowed_signers()).expect("write");
    let good = verify(&world.origin);
    let said = String::from_utf8_lossy(&good.stderr).into_owned();
    let expected = format!("Good \"git\" signature for gate@gate.example with ED25519 key {}", key(K_GIT).public());
    assert_eq!((good.status.code(), said.trim()), (Some(0), &*expected));
    assert_eq!(git(&world.origin, &["fsck", "--strict", "--no-dangling", &commit]), "");

    // The same by ssh-keygen, and in no other namespace.
    let bytes = String::from_utf8(try_git(&world.origin, &["cat-file", "commit", &commit], "").stdout).expect("UTF-8");
    let (before, rest) = bytes.split_once("gpgsig ").expect("signed");
    let (signature, message) = rest.split_once("\n\n").expect("a message");
    let file = world.path("signature");
    std::fs::write(&file, signature.replace("\n ", "\n") + "\n").expect("write");
    for (namespace, code) in [("git", 0), ("file", 255), ("approve@gate.example", 255)] {
        let arguments =
            ["-Y", "verify", "-f", text(&signers), "-I", "gate@gate.example", "-n", namespace, "-s", text(&file)];
        let output = run("ssh-keygen", &arguments, format!("{before}\n{message}").as_bytes());
        assert_eq!(output.status.code(), Some(code), "{namespace}: {}", String::from_utf8_lossy(&output.stderr));
    }

    let mut foreign = world.trust();
    foreign.allowed_signers[0].key = key(FOREIGN).public().key_data().into();
    // Commits here are of November 2023.
    let ended = |until: &str| {
        let valid_after = "2020-01-01T00:00:00Z".parse().expect("a time");
        let published = PublishedKey { key: key(K_GIT).public(), valid_after, valid_before: until.parse().ok() };
        Trust { allowed_signers: vec![AllowedSigner::of_notes("gate@gate.example", &published)], ..world.trust() }
    };
    for (trust, code) in [(foreign, 1), (ended("2024-01-01T00:00:00Z"), 0), (ended("2023-01-01T00:00:00Z"), 1)] {
        std::fs::write(&signers, trust.to_allowed_signers()).expect("write");
        assert_eq!(verify(&world.origin).status.code(), Some(code), "{}", trust.to_allowed_signers());
    }
}

#[test]
fn openssl_verifies_a_statement() {
    let world = World::new();
    let line = world.decision().sign(&key(K_ATT)).expect("a line");
    let envelope: serde_json::Value = serde_json::from_str(line.as_str()).expect("JSON");
    let sig = envelope["signatures"][0]["sig"].as_str().expect("a signature");
    let sig = run("openssl", &["base64", "-d", "-A"], sig.as_bytes()).stdout;
    let (file, pem, sig_file) = (world.path("pae"), world.path("pem"), world.path("sig"));
    std::fs::write(&sig_file, sig).expect("write");
    for (payload, seed, code) in [
        (line.payload().to_vec(), K_ATT, 0),
        (line.payload().to_vec(), FOREIGN, 1),
        ([line.payload(), b" "].concat(), K_ATT, 1),
    ] {
        std::fs::write(&file, pae(&payload)).expect("write");
        std::fs::write(&pem, key(seed).public().to_pem()).expect("write");
        let arguments = ["pkeyutl", "-verify", "-pubin", "-inkey", text(&pem), "-rawin", "-in", text(&file)];
        let output = run("openssl", &[&arguments[..], &["-sigfile", text(&sig_file)]].concat(), b"");
        assert_eq!(output.status.code(), Some(code), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn ssh_keygen_reads_the_private_keys() {
    let dir = tempfile::tempdir().expect("a directory");
    let now = "2026-01-02T03:04:05Z".parse().expect("a time");
    let keys = Keys::open(dir.path(), now).expect("keys");
    for purpose in KeyPurpose::ALL {
        let path = dir.path().join(format!("{}-20260102T030405Z", purpose.as_str()));
        let output = run("ssh-keygen", &["-y", "-f", text(&path)], b"");
        let public = keys.at(purpose, now).expect("a key").public();
        assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), public.to_openssh());
        let output = run("ssh-keygen", &["-l", "-f", text(&path)], b"");
        let shown = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(shown.contains(&public.to_string()), "{shown}");
    }
}

/// `tests/run` puts the packages there.
const PYTHON_PACKAGES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/target/python");

/// Runs a program that has these packages.
fn python(package: &str, program: &str, arguments: &[&str], input: &str) -> String {
    let is_there = Path::new(PYTHON_PACKAGES).join(package).is_dir();
    assert!(is_there, "no {package} in target/python; tests/run installs it");
    let program = format!("import sys, json\nsys.path.insert(0, {PYTHON_PACKAGES:?})\n{program}");
    let output = run("python3", &[&["-c", &program], arguments].concat(), input.as_bytes());
    let said = String::from_utf8_lossy(if output.status.success() { &output.stdout } else { &output.stderr });
    said.trim().to_owned()
}

#[test]
fn securesystemslib_verifies_a_statement() {
    let world = World::new();
    let line = world.decision().sign(&key(K_ATT)).expect("a line");
    let program = "from securesystemslib.dsse import Envelope\nfrom securesystemslib.signer import SSlibKey\n\
                   envelope = Envelope.from_dict(json.load(sys.stdin))\n\
                   key = SSlibKey(sys.argv[1], 'ed25519', 'ed25519', {'public': sys.argv[2]})\n\
                   print(*envelope.verify([key], 1))";
    for (seed, expected) in [(K_ATT, true), (FOREIGN, false)] {
        let key = key(seed).public();
        let hex: String = key.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        let arguments = [&*key.to_string(), &hex];
        let said = python("securesystemslib", program, &arguments, line.as_str());
        let error = "Accepted signatures do not match threshold";
        assert!(if expected { said == key.to_string() } else { said.contains(error) }, "{said}");
    }
}

/// The frame only: the package's own form of a summary has one level, where the specification has a list.
#[test]
fn in_toto_attestation_reads_both_statements() {
    let world = World::new();
    let program = "from google.protobuf import json_format\n\
                   from in_toto_attestation.v1 import statement_pb2\n\
                   from in_toto_attestation.v1.statement import Statement\n\
                   read = json_format.Parse(sys.stdin.read(), statement_pb2.Statement())\n\
                   Statement.copy_from_pb(read).validate()\n\
                   subject = read.subject[0]\n\
                   print(read.predicate_type, subject.digest['gitCommit'], subject.annotations['sourceRefs'][0])";
    let types = ["https://gate.example/attestation/push-decision/v0.1", "https://slsa.dev/verification_summary/v1"];
    for (line, kind) in lines(&world.decision()).iter().zip(types) {
        let envelope = Envelope::parse(line.as_bytes()).expect("an envelope");
        let statement = String::from_utf8(envelope.payload().to_vec()).expect("UTF-8");
        let said = python("in_toto_attestation", program, &[], &statement);
        assert_eq!(said, format!("{kind} {} refs/heads/main", world.tip));
    }
}
