//! Push certificates: `git push --signed` with stock git and ssh, and certificates that no git would send.

use crate::support::*;
use refgate::wire::pkt_line;
use std::collections::BTreeSet;
use std::process::{Command, Stdio};

/// Both agents may push to their own branches, signed; claude-1 also below `free/`, signed or not.
const SIGNED: &str = r#"
[[grant]]
to    = ["claude-*"]
repo  = ["app", "other"]
refs  = ["refs/heads/agent/{principal}/**"]
allow = ["create", "update", "rewind", "delete"]
write = ["src/**"]
signed = true

[[grant]]
to    = ["claude-1"]
repo  = "app"
refs  = ["refs/heads/free/**"]
allow = ["create", "update"]
write = ["src/**"]
"#;

fn world() -> World {
    world_with("")
}

fn world_with(settings: &str) -> World {
    let mut world = World::prepare();
    world.seed();
    world.write_policy(SIGNED);
    world.write_settings(&settings.replace("UPSTREAM", world.upstream.to_str().expect("UTF-8")));
    world.start();
    world
}

/// Tells the client to sign with the key of this principal.
fn sign_as(client: &Client<'_>, name: &str) {
    let public = client.world.path().join(format!("{name}.pub"));
    client.git(&["config", "gpg.format", "ssh"]);
    client.git(&["config", "user.signingkey", public.to_str().expect("UTF-8")]);
}

/// The fields on certificates of the decisions in the record.
fn recorded(world: &World) -> Vec<serde_json::Value> {
    let records = world.records();
    let decisions = records.iter().filter(|record| record["record"] == "decision");
    decisions.map(|record| record["push_cert"].clone()).collect()
}

fn kept(world: &World) -> BTreeSet<String> {
    let dir = std::fs::read_dir(world.path().join("data/certs")).expect("a directory");
    dir.map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8")).collect()
}

#[test]
fn a_push_is_signed_where_a_grant_asks_for_it_and_the_fix_says_how() {
    let world = world();
    let client = world.clone_as("claude-1");
    client.commit(&[("src/a.rs", "1\n")], "one");
    let refused = client.push_head("x");
    refused.refused_by("push-cert.missing");
    assert_eq!(refused.rules(), ["push-cert.missing"], "{}", refused.stderr);
    assert!(kept(&world).is_empty());

    let fix = refused.json()["findings"][0]["fix"].as_str().expect("a fix").to_owned();
    let (command, key) = fix.strip_suffix(", push again").and_then(|fix| fix.split_once(" (")).expect("a command");
    assert_eq!(key, "KEY.pub: the key you push with)");
    let public = world.path().join("claude-1.pub");
    let command = command.replace("KEY.pub", public.to_str().expect("UTF-8"));
    let mut sh = Command::new("sh");
    sh.current_dir(&client.dir).env_clear().envs(envs(&client.command(&client.dir)));
    run(sh.args(["-c", &command]));
    client.push_head("x").accepted();

    // A remote that does not ask is pushed to as before, one that does by what `--signed` says.
    client.git(&["push", "-q", world.upstream.to_str().expect("UTF-8"), "HEAD:refs/heads/plain"]);
    client.commit(&[("src/a.rs", "2\n")], "two");
    client.push(&["--signed=if-asked", &format!("HEAD:{}", client.branch("x"))]).accepted();
    client.push(&["--no-signed", &format!("HEAD:{}", client.branch("y"))]).refused_by("push-cert.missing");
    client.push(&["--signed", "-o", "a=b", "-o", "c", &format!("HEAD:{}", client.branch("y"))]).accepted();
    client.push(&["--signed", "--delete", &client.branch("y")]).accepted();
    let check = "HEAD:refs/check/agent/claude-1/z";
    client.push(&["--no-signed", check]).refused_by("push-cert.missing");
    client.push(&[check]).accepted();

    let certificates = recorded(&world);
    let good = certificates.iter().filter(|entry| !entry.is_null());
    let names: BTreeSet<String> = good
        .inspect(|entry| assert_eq!((&entry["status"], &entry["nonce_status"]), (&"G".into(), &"OK".into())))
        .map(|entry| entry["sha256"].as_str().expect("a digest").to_owned())
        .collect();
    assert_eq!((certificates.len(), names.len()), (8, 5));
    assert_eq!(kept(&world), names);
    world.record_holds();
}

fn envs(command: &Command) -> Vec<(std::ffi::OsString, std::ffi::OsString)> {
    command.get_envs().filter_map(|(key, value)| Some((key.to_owned(), value?.to_owned()))).collect()
}

#[test]
fn what_is_kept_is_verified_by_stock_ssh_keygen_without_the_gate() {
    let world = world();
    let client = world.clone_as("claude-1");
    sign_as(&client, "claude-1");
    let id = client.commit(&[("src/a.rs", "1\n")], "one");
    client.push(&["--signed", &format!("HEAD:{}", client.branch("x"))]).accepted();
    let names = kept(&world);
    let path = world.path().join("data/certs").join(names.first().expect("one"));
    let digest = run(Command::new("sha256sum").arg(&path));
    assert!(digest.starts_with(names.first().expect("one")), "{digest}");

    // As docs/POLICY.md says.
    let key = std::fs::read_to_string(world.path().join("claude-1.pub")).expect("a key");
    write(&world.path().join("allowed_signers"), &format!("claude-1 {key}"));
    let script = format!(
        "sed -n '/^-----BEGIN/,$p' {0} > sig && sed '/^-----BEGIN/,$d' {0} > text && \
         ssh-keygen -Y verify -n git -f allowed_signers -I claude-1 -s sig < text",
        path.display()
    );
    let said = run(Command::new("sh").current_dir(world.path()).args(["-c", &script]));
    assert!(said.starts_with("Good \"git\" signature for claude-1"), "{said}");
    let text = std::fs::read_to_string(world.path().join("text")).expect("signed text");
    assert!(text.contains(&format!("{NULL_ID} {id} refs/heads/agent/claude-1/x\n")), "{text}");
    // It is for this push and no other.
    let decision = world.records().into_iter().find(|record| record["record"] == "decision").expect("a decision");
    assert!(text.contains(&format!("-{}-", decision["push"].as_str().expect("an id"))), "{text}");
}

#[test]
fn only_the_pushers_own_key_counts_and_a_bad_certificate_is_refused_everywhere() {
    let world = world();
    let client = world.clone_as("claude-1");
    client.commit(&[("src/a.rs", "1\n")], "one");
    client.push(&["HEAD:refs/heads/free/a"]).accepted();
    sign_as(&client, "claude-2");
    for target in ["refs/heads/agent/claude-1/x", "refs/heads/free/b"] {
        let refused = client.push(&["--signed", &format!("HEAD:{target}")]);
        assert_eq!(refused.rules(), ["push-cert.bad"], "{}", refused.stderr);
        assert!(refused.stderr.contains("which is no key of yours here"), "{}", refused.stderr);
    }
    sign_as(&client, "claude-1");
    client.push(&["--signed", "HEAD:refs/heads/free/b"]).accepted();
    let found: Vec<_> = recorded(&world).iter().map(|entry| entry["status"].as_str().map(str::to_owned)).collect();
    assert_eq!(found, [None, Some("U".into()), Some("U".into()), Some("G".into())]);
    assert_eq!(kept(&world).len(), 3, "also what is refused");

    // A kind of signature that is not checked.
    let gpg = world.path().join("gpg");
    write(&gpg, "#!/bin/sh\ncat >/dev/null\necho '[GNUPG:] SIG_CREATED ' >&2\necho -----BEGIN PGP SIGNATURE-----\n");
    run(Command::new("chmod").arg("755").arg(&gpg));
    client.git(&["config", "gpg.format", "openpgp"]);
    client.git(&["config", "gpg.program", gpg.to_str().expect("UTF-8")]);
    let refused = client.push(&["--signed", "HEAD:refs/heads/free/c"]);
    refused.refused_by("push-cert.bad");
    assert!(refused.stderr.contains("its signature is not one of SSH"), "{}", refused.stderr);
    assert_eq!(recorded(&world).last().expect("one")["status"], "E");
}

/// Who has no key in the policy signs with the key that its certificate is for.
#[test]
fn who_logs_in_with_a_certificate_signs_with_the_same_key() {
    let mut world = World::prepare();
    world.seed();
    let keygen = |args: &[&str]| run(Command::new("ssh-keygen").current_dir(world.path()).args(args));
    keygen(&["-q", "-t", "ed25519", "-N", "", "-f", "ca"]);
    keygen(&["-q", "-s", "ca", "-I", "agents", "-n", "claude-1", "claude-1.pub"]);
    world.write_policy(SIGNED);
    let policy = world.path().join("policy.toml");
    let text = std::fs::read_to_string(&policy).expect("a policy");
    let key = std::fs::read_to_string(world.path().join("claude-1.pub")).expect("a key");
    let text = text.replace(&format!("keys = [\"{}\"]", key.trim()), "principals = [\"claude-1\"]");
    std::fs::write(&policy, text).expect("written");
    world.write_settings("");
    let settings = world.path().join("refgate.toml");
    let ca = std::fs::read_to_string(world.path().join("ca.pub")).expect("a key");
    let text = std::fs::read_to_string(&settings).expect("settings");
    std::fs::write(&settings, format!("user_ca = [\"{}\"]\n{text}", ca.trim())).expect("written");
    world.start();
    let client = world.clone_as("claude-1");
    client.commit(&[("src/a.rs", "1\n")], "one");
    sign_as(&client, "claude-2");
    client.push(&["--signed", &format!("HEAD:{}", client.branch("x"))]).refused_by("push-cert.bad");
    sign_as(&client, "claude-1");
    client.push(&["--signed", &format!("HEAD:{}", client.branch("x"))]).accepted();
}

/// The certificate counts at the release, also after its key has changed.
#[test]
fn a_signed_push_that_is_held_is_forwarded_on_approval() {
    let mut world = World::prepare();
    world.seed();
    let dana =
        "[[grant]]\nto = \"dana\"\nrepo = \"app\"\nrefs = \"refs/heads/**\"\nallow = [\"update\"]\nwrite = \"**\"\n";
    let rule = "[rule.look]\nkind = \"path\"\nmatch = \"src/held.rs\"\nthen = \"hold\"\n";
    world.write_policy(&format!("{SIGNED}{dana}{rule}"));
    world.write_settings("");
    world.start();
    let client = world.clone_as("claude-1");
    sign_as(&client, "claude-1");
    let id = client.commit(&[("src/held.rs", "1\n")], "one");
    client.push(&["HEAD:refs/heads/agent/claude-1/x"]).refused_by("push-cert.missing");
    let held = client.push(&["--signed", "HEAD:refs/heads/agent/claude-1/x"]);
    assert_eq!(held.json()["decision"], "hold", "{}", held.stderr);
    let push = held.json()["push"].as_str().expect("an id").to_owned();
    world.verb("dana", &format!("approve {push}"));
    assert_eq!(world.upstream_refs().get("refs/heads/agent/claude-1/x"), Some(&id));
}

/// A conversation whose certificate the test writes.
struct Forger<'w> {
    world: &'w World,
    pack: Vec<u8>,
    id: String,
}

impl Forger<'_> {
    /// The nonce of a conversation that has just begun.
    fn nonce(raw: &Raw) -> String {
        text(raw.advertisement.value("push-cert").expect("a nonce"))
    }

    fn command(&self, name: &str) -> String {
        format!("{NULL_ID} {} refs/heads/agent/claude-1/{name}\n", self.id)
    }

    fn certificate(&self, nonce: &str, commands: &str) -> String {
        let headers = "certificate version 0.1\npusher claude-1 1700000000 +0000\npushee ssh://gate/app\n";
        format!("{headers}nonce {nonce}\n\n{commands}")
    }

    fn sign(&self, text: &str) -> String {
        let mut command = Command::new("ssh-keygen");
        command.args(["-q", "-Y", "sign", "-n", "git", "-f"]).arg(self.world.path().join("claude-1"));
        String::from_utf8(feed(command.stderr(Stdio::null()), text.as_bytes())).expect("armored")
    }

    /// As git sends it, a packet for each line, with more lines after it.
    fn send(&self, mut raw: Raw, certificate: &str, end: &[&str]) -> RawEnd {
        let mut bytes = Vec::new();
        pkt_line::write(&mut bytes, format!("push-cert\0 {CAPABILITIES}").as_bytes()).expect("fits");
        for line in certificate.split_inclusive('\n').chain(end.iter().copied()) {
            pkt_line::write(&mut bytes, line.as_bytes()).expect("fits");
        }
        pkt_line::write_flush(&mut bytes).expect("fits");
        bytes.extend_from_slice(&self.pack);
        raw.send(&bytes);
        raw.finish()
    }

    /// With a certificate that is made of the nonce and then signed.
    fn try_signed(&self, text: impl FnOnce(String) -> String) -> RawEnd {
        let raw = self.world.raw_ssh("claude-1", &[]);
        let text = text(Self::nonce(&raw));
        let signature = self.sign(&text);
        self.send(raw, &format!("{text}{signature}"), &END)
    }
}

const END: [&str; 1] = ["push-cert-end\n"];

fn forger<'w>(world: &'w World, client: &Client<'_>) -> Forger<'w> {
    let id = client.commit(&[("src/a.rs", "1\n")], "one");
    Forger { world, pack: client.pack(&[&id, "^origin/main"]), id }
}

#[track_caller]
fn refused(world: &World, end: &RawEnd, told: &str) {
    assert!(!end.is_ok() && end.text().contains(told), "should be told {told:?}: {}", end.text());
    assert!(!end.text().contains("internal error"), "{}", end.text());
    assert_eq!(world.upstream_refs().len(), 1, "{told}");
}

#[test]
fn certificates_that_are_changed_used_again_or_of_elsewhere() {
    let world = world_with("[repo.other]\nupstream = \"UPSTREAM\"\n");
    let client = world.clone_as("claude-1");
    let pid = world.gate_pid();
    let forger = forger(&world, &client);
    let (x, y) = (forger.command("x"), forger.command("y"));

    // Another ref than was signed for, another signed text, none.
    let raw = world.raw_ssh("claude-1", &[]);
    let text = forger.certificate(&Forger::nonce(&raw), &x);
    let (signature, changed) = (forger.sign(&text), text.replace(&x, &y));
    let end = forger.send(raw, &format!("{changed}{signature}"), &END);
    refused(&world, &end, "its signature is not over what it says");
    let raw = world.raw_ssh("claude-1", &[]);
    let text = forger.certificate(&Forger::nonce(&raw), &x);
    refused(&world, &forger.send(raw, &text, &END), "it is not signed");

    // No nonce, one made up, one of another conversation, of another repository, and the whole of a certificate again.
    let bare = |_| forger.certificate("", &x).replace("nonce \n", "");
    refused(&world, &forger.try_signed(bare), "it has no nonce");
    let told = "its nonce is not the one that this connection was given";
    refused(&world, &forger.try_signed(|nonce| forger.certificate(&nonce.replace('-', "-0"), &x)), told);
    let earlier = Forger::nonce(&world.raw_ssh("claude-1", &[]));
    refused(&world, &forger.try_signed(|_| forger.certificate(&earlier, &x)), told);
    let other = Raw::start(&mut world.ssh_exec("claude-1", &[], "git-receive-pack 'other'"));
    refused(&world, &forger.try_signed(|_| forger.certificate(&Forger::nonce(&other), &x)), told);
    let statuses: Vec<String> = recorded(&world)
        .iter()
        .map(|entry| {
            format!("{} {}", entry["status"].as_str().expect("G"), entry["nonce_status"].as_str().expect("OK"))
        })
        .collect();
    assert_eq!(statuses, ["B OK", "N OK", "G MISSING", "G BAD", "G BAD", "G BAD"]);

    let raw = world.raw_ssh("claude-1", &[]);
    let text = forger.certificate(&Forger::nonce(&raw), &x);
    let whole = format!("{text}{}", forger.sign(&text));
    let end = forger.send(raw, &whole, &END);
    assert!(end.is_ok(), "{}", end.text());
    client.git(&["fetch", "-q"]);
    run(world.git_command(&world.upstream).args(["update-ref", "-d", "refs/heads/agent/claude-1/x"]));
    refused(&world, &forger.send(world.raw_ssh("claude-1", &[]), &whole, &END), told);
    assert!(!world.log().contains("panicked"));
    assert_eq!(world.gate_pid(), pid);
    world.record_holds();
}

#[test]
fn certificates_of_no_right_form() {
    let world = world_with("[limits]\npush_cert_bytes_max = 4000");
    let client = world.clone_as("claude-1");
    let forger = forger(&world, &client);
    let x = forger.command("x");
    let decisions = recorded(&world).len();

    let signed = |raw: &Raw, commands: &str| {
        let text = forger.certificate(&Forger::nonce(raw), commands);
        format!("{text}{}", forger.sign(&text))
    };
    let table: [(&[&str], &str); 6] = [
        (&[], "it has no end"),
        (&[END[0], &forger.command("y")], "no command beside it"),
        (&[END[0], "push-cert\0 report-status", "certificate version 0.1\n"], "no command beside it"),
        (&["no line", END[0]], "each packet of it is one line"),
        (&["two\nlines\n", END[0]], "each packet of it is one line"),
        (&["a nul\0\n", END[0]], "each packet of it is one line"),
    ];
    for (end, told) in table {
        let raw = world.raw_ssh("claude-1", &[]);
        let certificate = signed(&raw, &x);
        refused(&world, &forger.send(raw, &certificate, end), told);
    }
    for (change, told) in [
        (("version 0.1", "version 1"), "it is not of version 0.1"),
        (("pusher ", "pushed "), "it does not say who pushes"),
        (("nonce ", "nonsense "), "it has a header that is not known"),
        ((x.as_str(), "hello\n"), "a command is"),
        ((x.as_str(), &x.repeat(2)), "named twice"),
        ((x.as_str(), ""), "it has no command"),
    ] {
        let text = |nonce: String| forger.certificate(&nonce, &x).replacen(change.0, change.1, 1);
        refused(&world, &forger.try_signed(text), told);
    }
    // An option that is signed and not sent, or the other way round.
    let option = |nonce: String| forger.certificate(&nonce, &x).replacen("\n\n", "\npush-option a\n\n", 1);
    refused(&world, &forger.try_signed(option), "the push options are not those of the push certificate");

    // As long as may be, and one byte longer. What makes it long is after the end of the signature.
    let padded = |over: usize| {
        let raw = world.raw_ssh("claude-1", &[]);
        let text = forger.certificate(&Forger::nonce(&raw), &x);
        let signature = forger.sign(&text);
        let padding = 4000 + over - text.len() - signature.len();
        let text = text.replacen("claude-1 ", &format!("claude-1{} ", "x".repeat(padding)), 1);
        let certificate = format!("{text}{}", forger.sign(&text));
        assert_eq!(certificate.len(), 4000 + over);
        forger.send(raw, &certificate, &END)
    };
    refused(&world, &padded(1), "push_cert_bytes_max");
    assert_eq!((recorded(&world).len(), kept(&world).len()), (decisions, 0), "there was no decision on any of them");
    let end = padded(0);
    assert!(end.is_ok(), "{}", end.text());
    world.record_holds();
}

/// In the place of git nothing is advertised, and a certificate that comes all the same is refused.
#[test]
fn without_a_gate_no_certificate_is_taken() {
    let world = world();
    let client = world.clone_as("claude-1");
    let forger = forger(&world, &client);
    let raw = world.raw_drop_in("claude-1");
    assert!(raw.advertisement.value("push-cert").is_none());
    let certificate = forger.certificate("1-2", &forger.command("x"));
    let end = forger.send(raw, &certificate, &END);
    refused(&world, &end, "signed pushes are not supported");
    assert!(!world.path().join("own-data/certs").exists());
}
