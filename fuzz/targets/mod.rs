//! The functions that read hostile bytes, each with what must hold whatever they are given. cargo-fuzz runs them
//! through the files in `fuzz_targets/`, and `tests/fuzz.rs` a fixed number of times in every test run.

#![allow(dead_code, unreachable_pub)]

mod tlog;

pub use tlog::{add_checkpoint, note, proof_file, tile, trust_policy, vkey};

use refgate::config::Config;
use refgate::evidence::{Envelope, GateKey, LINE_BYTES_MAX, PublicKey, Question, Trust};
use refgate::evidence::{parse_allowed_signers, sign_commit, verify};
use refgate::model::{Escaped, RefName};
use refgate::policy::Policy;
use refgate::receive::check::{self, Cause, Report, Special};
use refgate::server::{command as exec, protocol};
use refgate::wire::command::{Bounds, Request};
use refgate::wire::pkt_line::Packet;
use refgate::wire::{advertisement, command, pkt_line, report, sideband};
use std::path::Path;

/// A target by its name.
pub type Target = fn(&[u8]);

pub const TARGETS: [(&str, Target); 16] = [
    ("pkt_line", pkt_line),
    ("commands", commands),
    ("exec_line", exec_line),
    ("policy", policy),
    ("config", config),
    ("advertisement", advertisement),
    ("report", report),
    ("names", names),
    ("objects", objects),
    ("note", note),
    ("vkey", vkey),
    ("trust_policy", trust_policy),
    ("proof_file", proof_file),
    ("add_checkpoint", add_checkpoint),
    ("tile", tile),
    ("evidence", evidence),
];

/// What is read is written again as it was, and no packet is longer than the bytes that came.
pub fn pkt_line(data: &[u8]) {
    let mut input = data;
    loop {
        let before = input;
        let Ok(Some(packet)) = pkt_line::read(&mut input) else { break };
        let taken = &before[..before.len() - input.len()];
        let mut written = Vec::new();
        match packet {
            Packet::Flush => pkt_line::write_flush(&mut written).expect("a vector takes all"),
            Packet::Delimiter => written.extend_from_slice(b"0001"),
            Packet::ResponseEnd => written.extend_from_slice(b"0002"),
            Packet::Data(payload) => {
                assert!(payload.len() <= pkt_line::PAYLOAD_LENGTH_MAX);
                pkt_line::write(&mut written, &payload).expect("it came in a packet");
            }
        }
        assert!(taken[..4].eq_ignore_ascii_case(&written[..4]) && taken[4..] == written[4..]);
    }
    let (bytes_max, mut other) = (1000, 0);
    if let Ok(read) = sideband::read_to_end(&mut &*data, bytes_max, |_, bytes| other += bytes.len()) {
        assert!(read.len() <= bytes_max && read.len() + other <= data.len());
    }
}

/// Commands that are understood are few, name each ref once, and are understood the same when written again.
pub fn commands(data: &[u8]) {
    const UPDATES_MAX: usize = 5;
    let (mut input, mut request) = (data, Request::default());
    let bounds = Bounds { updates_max: UPDATES_MAX, certificate_bytes_max: Some(1000) };
    let understood = command::read_request(&mut input, bounds, &mut request);
    assert!(request.updates.len() <= UPDATES_MAX);
    match understood {
        Ok(()) => {
            let mut names: Vec<_> = request.updates.iter().map(|update| &update.name).collect();
            names.sort();
            names.dedup();
            assert_eq!(names.len(), request.updates.len());
            assert!(request.updates.iter().all(|update| update.old.is_some() || update.new.is_some()));
            let (mut written, mut again) = (Vec::new(), Request::default());
            command::write_updates(&mut written, &request.updates, "").expect("a vector takes all");
            command::read_request(&mut &written[..], bounds, &mut again).expect("what was understood");
            assert_eq!(again.updates, request.updates);
            if let Some(certificate) = &request.certificate {
                assert!(certificate.text().len() <= 1000);
                assert_eq!([certificate.signed(), certificate.signature()].concat(), certificate.text());
                assert_eq!(certificate.commands().count(), request.updates.len());
            }
        }
        Err(error) => shown(&error.to_string()),
    }
    if let Ok(options) = command::read_push_options(&mut input, 3, 20) {
        assert!(options.len() <= 3 && options.iter().all(|option| option.len() <= 20));
    }
}

/// What is taken names a repository, and means the same when written as git writes it.
pub fn exec_line(data: &[u8]) {
    match exec::parse(data) {
        Ok(exec::Command::ReceivePack(repo)) => {
            let again = exec::parse(format!("git-receive-pack '{repo}'").as_bytes());
            assert_eq!(again, Ok(exec::Command::ReceivePack(repo.clone())));
            assert!(!repo.as_str().contains("..") && !repo.as_str().starts_with(['-', '/', '.']));
        }
        Ok(exec::Command::UploadPack(repo)) => {
            let again = exec::parse(format!("git-upload-pack '{repo}'").as_bytes());
            assert_eq!(again, Ok(exec::Command::UploadPack(repo)));
        }
        Ok(exec::Command::Verb(_)) => assert!(data.len() <= exec::COMMAND_LENGTH_MAX),
        Err(error) => shown(&error.to_string()),
    }
    if let Ok(text) = std::str::from_utf8(data)
        && protocol::parse(text).is_some()
    {
        assert!(text.len() <= protocol::VALUE_LENGTH_MAX && text.is_ascii());
    }
}

/// A policy compiles to the same twice, or its problems are shown safely.
pub fn policy(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match (Policy::parse("policy.toml", text), Policy::parse("policy.toml", text)) {
        (Ok(one), Ok(two)) => assert_eq!(one.digest(), two.digest()),
        (Err(one), Err(two)) => {
            assert_eq!(one.to_string(), two.to_string());
            shown(&one.to_string());
        }
        _ => panic!("one text, two answers"),
    }
}

pub fn config(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match Config::parse("refgate.toml", text, Path::new("/base")) {
        Ok(config) => {
            assert!(config.data.is_absolute());
            if let refgate::config::PolicySource::File(path) = &config.policy {
                assert!(path.is_absolute());
            }
        }
        Err(problems) => shown(&problems.to_string()),
    }
}

/// An advertisement that is read has at most so many refs, and is read the same when written again.
pub fn advertisement(data: &[u8]) {
    const REFS_MAX: usize = 5;
    match advertisement::parse(&mut &*data, REFS_MAX) {
        Ok(read) => {
            assert!(read.refs.len() <= REFS_MAX);
            let mut written = Vec::new();
            let refs = read.refs.iter().map(|(name, id)| (name, id));
            advertisement::encode(&mut written, false, refs, "").expect("a vector takes all");
            let again = advertisement::parse(&mut &written[..], REFS_MAX).expect("what was read");
            assert_eq!(again.refs, read.refs);
        }
        Err(error) => shown(&error.to_string()),
    }
}

/// A report keeps its refs and their statuses when written again; a rejection never turns into an "ok".
pub fn report(data: &[u8]) {
    let Ok(read) = report::parse(data) else { return };
    let is_ok = |status: &report::Status| matches!(status, report::Status::Ok(_));
    for version in [report::Version::V1, report::Version::V2] {
        let mut written = Vec::new();
        report::encode(&mut written, version, &read).expect("a vector takes all");
        let again = report::parse(&written[..]).expect("what was read");
        let refs = |report: &report::Report| -> Vec<(RefName, bool)> {
            report.refs.iter().map(|(name, status)| (name.clone(), is_ok(status))).collect()
        };
        assert_eq!(refs(&again), refs(&read));
        assert_eq!(again.unpack.is_ok(), read.unpack.is_ok());
    }
}

/// Names that are taken are what they look like; what is shown of any bytes is safe on a terminal.
pub fn names(data: &[u8]) {
    if let Ok(name) = RefName::parse(data) {
        assert_eq!(name.as_bstr(), data);
        assert!(data.starts_with(b"refs/") && data.len() <= RefName::LENGTH_MAX);
        assert!(!data.iter().any(|byte| byte.is_ascii_control() || b" ~^:?*[\\".contains(byte)));
    }
    let text = Escaped(data).to_string();
    shown(&text);
    assert!(text.len() <= data.len().saturating_mul(10));
}

/// Objects, and the files that git itself reads: no byte makes their checks panic, and few make them speak for long.
pub fn objects(data: &[u8]) {
    use gix::objs::Kind::{Blob, Commit, Tag, Tree};
    struct Counting(usize);
    impl Report for Counting {
        fn problem(&mut self, _cause: Cause, detail: String) {
            shown(&detail);
            self.0 += 1;
        }
        fn link(&mut self, _id: [u8; 20], _kind: gix::objs::Kind) {
            self.0 += 1;
        }
        fn special(&mut self, _id: [u8; 20], _special: Special) {
            self.0 += 1;
        }
    }
    for kind in [Blob, Commit, Tag, Tree] {
        let mut report = Counting(0);
        check::check(kind, data, &mut report);
        assert!(report.0 <= data.len() * 4 + 16);
    }
    check::check_gitmodules(data).iter().for_each(|(_, detail)| shown(detail));
    let _ = check::check_gitattributes(data);
}

/// Nothing is proven by bytes that no trusted key signed; what is read is written again as it was.
pub fn evidence(data: &[u8]) {
    match Envelope::parse(data) {
        Ok(envelope) => assert!(data.len() <= LINE_BYTES_MAX && envelope.keyids().count() > 0),
        Err(error) => shown(&error.to_string()),
    }
    let trust = Trust::parse("refgate.trust", EVIDENCE_TRUST).expect("it is right");
    let id = refgate::model::ObjectId::from_hex(&[b'a'; 40]).expect("hex");
    let question = Question {
        resource: trust.resource(None).expect("one"),
        ref_name: &RefName::parse(b"refs/heads/main").expect("a ref"),
        commit: id,
        tree: id,
        now: jiff::Timestamp::UNIX_EPOCH,
        age_max: None,
    };
    shown(&verify(&trust, data, &question).expect_err("nobody has the key").to_string());
    if let Ok(signed) = sign_commit(data, &GateKey::from_seed(&[1; 32])) {
        assert!(sign_commit(&signed, &GateKey::from_seed(&[1; 32])).is_err(), "signed once");
    }
    let Ok(text) = std::str::from_utf8(data) else { return };
    match Trust::parse("refgate.trust", text) {
        Ok(trust) => assert_eq!(Trust::parse("refgate.trust", &trust.to_toml()).ok(), Some(trust)),
        Err(problems) => shown(&problems.to_string()),
    }
    match parse_allowed_signers(text) {
        Ok(signers) => {
            let written: String = signers.iter().map(|signer| format!("{signer}\n")).collect();
            assert_eq!(parse_allowed_signers(&written), Ok(signers));
        }
        Err(error) => shown(&error.to_string()),
    }
    if let Ok(key) = PublicKey::from_pem(text) {
        assert_eq!(PublicKey::from_pem(&key.to_pem()), Ok(key));
    }
}

/// The key of RFC 8410, whose other half is not used here.
pub const EVIDENCE_TRUST: &str = r#"
version = 1
[[verifier]]
id = "https://gate.example/refgate/v0"
valid_after = 2026-01-01T00:00:00Z
key = '''
-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=
-----END PUBLIC KEY-----
'''
[repo.app]
resource_uri = "git+ssh://gate.example/app"
[notes]
allowed_signers = '''
gate@gate.example namespaces="git" ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBm/RAlphM3+hUG6wWfcO5bIUIaqMLa2ywxcOK1wMWbh
'''
[log]
policy = "quorum none"
checkpoint = "x"
"#;

/// Text for a terminal: lines of what can be seen.
fn shown(text: &str) {
    let bad = |c: char| (c.is_control() && c != '\n' && c != '\t') || c == '\u{202e}';
    assert!(!text.contains(bad), "{text:?}");
}
