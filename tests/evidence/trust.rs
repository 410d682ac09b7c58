//! `refgate trust export`: the trust file of a gate from its settings and keys.

use crate::ledger::{Ledger, WITNESSES, name};
use refgate::evidence::{Identity, KeyPurpose, Keys, LogIdentity, LogTrust, Trust};
use refgate::tlog::{Cosigner, Log, Signer};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

struct Gate {
    dir: tempfile::TempDir,
    config: PathBuf,
}

impl Gate {
    fn new(witnesses: usize) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let config = dir.path().join("refgate.toml");
        let witnesses = WITNESSES.iter().take(witnesses).map(|(text, seed)| {
            let key = Cosigner::from_seed(name(text), seed).verifying_key().to_string();
            format!("{{ url = \"https://{text}\", key = \"{key}\" }}")
        });
        let witnesses = witnesses.collect::<Vec<_>>().join(", ");
        let text = format!(
            "data = \"data\"\npolicy = \"policy.toml\"\ndomain = \"gate.example\"\n\
             [repo.app]\nupstream = \"/srv/app.git\"\n\
             [repo.other]\nupstream = \"/srv/other.git\"\nresource_uri = \"git+https://x.example/o\"\n\
             [evidence]\nwitnesses = [{witnesses}]\n"
        );
        std::fs::write(&config, text).expect("write");
        Self { dir, config }
    }

    fn keys(&self) -> Keys {
        let keys = self.dir.path().join("data/keys");
        Keys::open(&keys, "2026-01-02T03:04:05Z".parse().expect("a time")).expect("keys")
    }

    fn export(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_refgate"));
        command.env_clear().args(["trust", "export", "--config"]).arg(&self.config).args(arguments);
        command.output().expect("refgate runs")
    }

    fn trust(&self, arguments: &[&str]) -> Trust {
        let output = self.export(arguments);
        let said = String::from_utf8(output.stdout).expect("UTF-8");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Trust::parse("refgate.trust", &said).unwrap_or_else(|problems| panic!("{problems}{said}"))
    }
}

fn names(dir: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(dir).expect("a directory");
    let mut names: Vec<String> =
        entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[test]
fn a_gate_without_keys_has_nothing_to_export_and_gets_none() {
    let gate = Gate::new(0);
    let output = gate.export(&[]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(2) && said.contains("there are no keys yet"), "{said}");
    assert!(!gate.dir.path().join("data").exists());
    std::fs::create_dir_all(gate.dir.path().join("data/keys")).expect("a directory");
    let output = gate.export(&[]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(2) && said.contains("no key for statements has begun yet"), "{said}");
    assert!(names(&gate.dir.path().join("data/keys")).is_empty());
}

#[test]
fn the_trust_file_is_of_the_settings_and_the_keys() {
    let gate = Gate::new(2);
    let keys = gate.keys();
    let trust = gate.trust(&[]);
    let identity = Identity::new("gate.example");
    let repos: Vec<String> = trust.repos.iter().map(|(name, uri)| format!("{name} {uri}")).collect();
    assert_eq!(repos, ["app git+ssh://gate.example/app", "other git+https://x.example/o"]);
    assert_eq!(trust, identity.trust(&keys, trust.repos.clone(), trust.log.clone()));
    let policy = trust.log.as_ref().expect("a log").policy.clone();
    let log = keys.at(KeyPurpose::Log, jiff::Timestamp::now()).expect("a key");
    let signer = Signer::from_seed(name("gate.example/log/1"), &log.seed());
    let vkeys = WITNESSES.map(|(text, seed)| Cosigner::from_seed(name(text), &seed).verifying_key().to_string());
    let expected = format!(
        "log {}\nwitness one.example {}\nwitness two.example {}\ngroup witnesses 2 one.example two.example\n\
         quorum witnesses\n",
        signer.verifying_key(),
        vkeys[0],
        vkeys[1]
    );
    assert_eq!(policy, expected);
    let one = gate.trust(&["--quorum", "1"]).log.expect("a log").policy;
    assert_eq!(one, expected.replace("witnesses 2", "witnesses 1"));
    for quorum in ["0", "3"] {
        assert_eq!(gate.export(&["--quorum", quorum]).status.code(), Some(2));
    }
    let none = Gate::new(0);
    none.keys();
    let policy = none.trust(&[]).log.expect("a log").policy;
    assert!(policy.starts_with("log gate.example/log/1+") && policy.ends_with("\nquorum none\n"), "{policy}");
}

#[test]
fn a_new_key_of_the_log_begins_an_epoch() {
    let gate = Gate::new(0);
    gate.keys();
    let now = jiff::Timestamp::now();
    let dir = gate.dir.path().join("data/keys");
    Keys::add(&dir, KeyPurpose::Log, now - Duration::from_secs(60)).expect("a key");
    Keys::add(&dir, KeyPurpose::Log, now + Duration::from_secs(86_400)).expect("a key to come");
    let keys = Keys::open_read_only(&dir).expect("keys");
    let log = LogIdentity::at(&Identity::new("gate.example"), &keys, now).expect("a log").expect("one");
    assert_eq!((log.epoch, log.key.name().as_str()), (2, "gate.example/log/2"));
    let trust = gate.trust(&[]);
    assert_eq!(LogTrust::read(trust.log.as_ref().expect("a log")).expect("read").origin(), "gate.example/log/2");
}

#[test]
fn the_checkpoint_of_the_log_is_the_least_there_is() {
    let gate = Gate::new(0);
    let keys = gate.keys();
    let seed = keys.at(KeyPurpose::Log, jiff::Timestamp::now()).expect("a key").seed();
    let data = gate.dir.path().join("elsewhere");
    std::fs::create_dir_all(data.join("log")).expect("a directory");
    std::fs::rename(gate.dir.path().join("data/keys"), data.join("keys")).expect("renamed");
    let mut log =
        Log::create(&data.join("log/1"), Signer::from_seed(name("gate.example/log/1"), &seed)).expect("a log");
    log.append(&["x"]).expect("appended");
    let argument = data.to_str().expect("UTF-8").to_owned();
    let trust = gate.trust(&["--data", &argument]);
    assert_eq!(trust.log.expect("a log").checkpoint, Some(log.checkpoint().to_string()));
    // One that the log has not signed is not handed out.
    std::fs::write(data.join("log/1/checkpoint"), log.checkpoint().to_string().replace("\n1\n", "\n2\n"))
        .expect("write");
    assert_eq!(gate.export(&["--data", &argument]).status.code(), Some(2));
}

#[test]
fn other_tools_get_their_own_files() {
    let gate = Gate::new(2);
    let keys = gate.keys();
    let dir = gate.dir.path().join("data/keys");
    Keys::add(&dir, KeyPurpose::Statements, "2026-02-03T04:05:06Z".parse().expect("a time")).expect("a key");
    drop(keys);
    let keys = Keys::open_read_only(&dir).expect("keys");
    let out = gate.dir.path().join("out/below");
    let output = gate.export(&["--out", out.to_str().expect("UTF-8")]);
    assert!(output.status.success() && output.stdout.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    let trust = gate.trust(&[]);
    let read = |name: &str| std::fs::read_to_string(out.join(name)).expect(name);
    assert_eq!(read("refgate.trust"), trust.to_toml());
    assert_eq!(read("refgate.trust.json"), trust.to_json());
    assert_eq!(read("allowed_signers"), trust.to_allowed_signers());
    assert_eq!(read("att.pem"), keys.published(KeyPurpose::Statements)[1].key.to_pem());
    let mut expected = vec!["allowed_signers".to_owned(), "att.pem".to_owned()];
    expected.extend(["refgate.trust".to_owned(), "refgate.trust.json".to_owned()]);
    for published in keys.published(KeyPurpose::Statements) {
        let name = published.key.to_string().replace([':', '+'], "-").replace('/', "_") + ".pem";
        assert_eq!(read(&name), published.key.to_pem());
        expected.push(name);
    }
    expected.sort();
    assert_eq!(names(&out), expected);
}

/// The two commands together: what the gate exports is what a verifier believes.
#[test]
fn an_exported_file_verifies_what_the_gate_states() {
    let gate = Gate::new(0);
    let keys = gate.keys();
    let ledger = Ledger::new();
    let world = &ledger.world;
    let decision = world.decision();
    let statements = keys.at(KeyPurpose::Statements, decision.decided).expect("a key");
    world.publish(&crate::world::lines_of(&decision, statements), crate::world::K_GIT, "");
    crate::support::git(&world.clone, &["fetch", "-q", "--depth=1", "origin", "refs/notes/refgate"]);
    let trust = String::from_utf8(gate.export(&[]).stdout).expect("UTF-8");
    let arguments = ["--ref", crate::world::MAIN, "--repo", "app", "--notes", "FETCH_HEAD", "--json", &world.tip];
    let output = world.refgate(&world.clone, &trust, &arguments);
    let value: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!((output.status.code(), &value["reached"]), (Some(0), &"A".into()), "{value}");
    assert_eq!(value["notes_signed"], false, "they are signed by another key here");
}
