//! Who gets in, and as whom.

use crate::support::{Answer, Server, answer, certify, finish, generate_key};
use std::process::Stdio;

const DENIED: &str = "nobody@127.0.0.1: Permission denied (publickey).\n";

fn whoami(server: &Server, key: &str) -> Answer {
    let key = server.path(key);
    let mut ssh = server.ssh_without_key(&["-i", key.to_str().expect("UTF-8")], &["whoami"]);
    finish(ssh.spawn().expect("ssh"))
}

#[test]
fn a_known_key_is_its_principal_whatever_the_user_name() {
    let server = Server::start();
    let fingerprint = server.fake.keys.lock().expect("lock")[0].0.fingerprint(ssh_key::HashAlg::Sha256);
    let wanted = answer(0, &format!("claude-1 (agent), key {fingerprint}\n"), "");
    assert_eq!(server.ssh("whoami"), wanted);
    for user in ["root", "claude-2", "git", "dana"] {
        let ssh = server.ssh_options(&["-l", user], &["whoami"]).spawn().expect("ssh");
        assert_eq!(finish(ssh), wanted, "{user}");
    }
    assert_eq!(server.ssh("git-upload-pack 'version'").status, Some(0));
    let seen = server.fake.seen.lock().expect("lock").clone();
    assert_eq!(seen[0].principal.name.as_str(), "claude-1");
    assert_eq!(seen[0].key_fingerprint, fingerprint.to_string());
    assert!(seen[0].peer.is_some_and(|peer| peer.ip().is_loopback()));
}

#[test]
fn every_kind_of_key_works_and_an_unknown_one_does_not() {
    let server = Server::start();
    let kinds: [&[&str]; 5] = [
        &["-t", "ed25519"],
        &["-t", "ecdsa", "-b", "256"],
        &["-t", "ecdsa", "-b", "384"],
        &["-t", "ecdsa", "-b", "521"],
        &["-t", "rsa", "-b", "2048"],
    ];
    for (index, kind) in kinds.iter().enumerate() {
        let name = format!("key{index}");
        let key = generate_key(server.dir.path(), &name, kind);
        assert_eq!(whoami(&server, &name), answer(255, "", DENIED), "{kind:?} unknown");
        server.fake.keys.lock().expect("lock").push((key, "claude-1"));
        assert_eq!(whoami(&server, &name).status, Some(0), "{kind:?} known");
    }
    let sha1 = server.path("key4");
    let options = ["-i", sha1.to_str().expect("UTF-8"), "-o", "PubkeyAcceptedAlgorithms=ssh-rsa"];
    let refused = finish(server.ssh_without_key(&options, &["whoami"]).spawn().expect("ssh"));
    assert_eq!(refused.status, Some(255), "an RSA key signing with SHA-1: {refused:?}");
}

#[test]
fn only_publickey_is_offered() {
    let server = Server::start();
    for method in ["password", "keyboard-interactive", "hostbased", "none"] {
        let option = format!("PreferredAuthentications={method}");
        let ssh = server.ssh_options(&["-o", &option, "-o", "BatchMode=no"], &["whoami"]).spawn().expect("ssh");
        assert_eq!(finish(ssh), answer(255, "", DENIED), "{method}");
    }
}

#[test]
fn certificates() {
    let server = Server::start();
    let dir = server.dir.path();
    generate_key(dir, "other_ca", &["-t", "ed25519"]);
    let valid = ["-V", "-1m:+1h", "-n", "claude-2"];
    let with = |extra: &[&'static str]| [&valid[..], extra].concat();
    let table: [(&str, &str, Vec<&str>, bool); 19] = [
        ("plain", "ca", valid.to_vec(), true),
        ("forever", "ca", vec!["-V", "always:forever", "-n", "claude-2"], true),
        ("several", "ca", vec!["-V", "-1m:+1h", "-n", "x,claude-2"], true),
        ("home", "ca", with(&["-O", "source-address=192.0.2.0/24,127.0.0.0/8"]), true),
        ("nothing", "ca", with(&["-O", "clear"]), true),
        ("extension", "ca", with(&["-O", "extension:note@example.com=x"]), true),
        ("away", "ca", with(&["-O", "source-address=192.0.2.0/24"]), false),
        ("away6", "ca", with(&["-O", "source-address=::1"]), false),
        ("forced", "ca", with(&["-O", "force-command=git-receive-pack 'echo'"]), false),
        ("verify", "ca", with(&["-O", "verify-required"]), false),
        ("critical", "ca", with(&["-O", "critical:new@example.com=x"]), false),
        ("expired", "ca", vec!["-V", "-2h:-1h", "-n", "claude-2"], false),
        ("early", "ca", vec!["-V", "+1h:+2h", "-n", "claude-2"], false),
        ("stranger", "other_ca", valid.to_vec(), false),
        ("selfmade", "selfmade", valid.to_vec(), false),
        ("host", "ca", with(&["-h"]), false),
        ("nobody", "ca", vec!["-V", "-1m:+1h", "-n", "claude-3"], false),
        ("anybody", "ca", vec!["-V", "-1m:+1h"], false),
        ("by_key_id", "ca", vec!["-V", "-1m:+1h", "-n", "x", "-I", "claude-2"], false),
    ];
    for (name, ca, options, taken) in table {
        let key = generate_key(dir, name, &["-t", "ed25519"]);
        certify(dir, ca, name, &options);
        let fingerprint = key.fingerprint(ssh_key::HashAlg::Sha256);
        let wanted = if taken {
            answer(0, &format!("claude-2 (agent), key {fingerprint}\n"), "")
        } else {
            answer(255, "", DENIED)
        };
        assert_eq!(whoami(&server, name), wanted, "{name}");
    }
}

#[test]
fn an_rsa_certificate_works() {
    let server = Server::start();
    generate_key(server.dir.path(), "rsa", &["-t", "rsa", "-b", "2048"]);
    certify(server.dir.path(), "ca", "rsa", &["-V", "-1m:+1h", "-n", "claude-2"]);
    assert_eq!(whoami(&server, "rsa").status, Some(0));
}

/// A connection that is open already gets nowhere after its principal, or its key, was taken out of the policy.
#[test]
fn revocation_reaches_open_connections() {
    let server = Server::start();
    let socket = server.path("control");
    let control = format!("ControlPath={}", socket.display());
    let mut master = server.ssh_options(&["-N", "-M", "-o", &control], &[]).stdin(Stdio::piped()).spawn().expect("ssh");
    crate::support::wait_until("the control socket", || socket.exists());
    let whoami = || finish(server.ssh_options(&["-o", &control], &["whoami"]).spawn().expect("ssh"));
    assert_eq!(whoami().status, Some(0));
    let key = server.fake.keys.lock().expect("lock").pop().expect("the key");
    assert_eq!(whoami(), answer(128, "", "refgate: your access has been revoked\n"));
    server.fake.keys.lock().expect("lock").push((key.0.clone(), "claude-9"));
    assert_eq!(whoami(), answer(128, "", "refgate: your access has been revoked\n"), "the key of another now");
    server.fake.keys.lock().expect("lock").push((key.0, "claude-1"));
    master.kill().expect("killed");
    master.wait().expect("ended");
}
