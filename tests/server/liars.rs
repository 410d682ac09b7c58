//! Clients that OpenSSH is not: they sign with keys that are not the ones they offer, and ask twice.

use crate::support::{Server, generate_key};
use russh::client::{AuthResult, Handle, Handler};
use russh::keys::PublicKeyOrCertificate;
use russh::keys::agent::AgentIdentity;
use russh::keys::signature::Signer as _;
use russh::keys::ssh_key::{HashAlg, PrivateKey, Signature};
use russh::{ChannelMsg, SendError, Signer};
use std::sync::Arc;

struct Trusting;

impl Handler for Trusting {
    type Error = russh::Error;

    async fn check_server_key(&mut self, _key: &PublicKeyOrCertificate) -> Result<bool, Self::Error> {
        Ok(true)
    }
}

/// Signs with its own key whatever key was offered.
struct Liar(PrivateKey);

#[derive(Debug)]
struct Failed;

impl From<SendError> for Failed {
    fn from(_: SendError) -> Self {
        Self
    }
}

impl Signer for Liar {
    type Error = Failed;

    async fn auth_sign(
        &mut self,
        _key: &AgentIdentity,
        _hash: Option<HashAlg>,
        mut data: Vec<u8>,
    ) -> Result<Vec<u8>, Failed> {
        let signature: Signature = self.0.try_sign(&data).map_err(|_| Failed)?;
        let name = signature.algorithm().as_str().to_owned();
        let parts = [name.as_bytes(), signature.as_bytes()];
        let length = |n: usize| u32::try_from(n).expect("short").to_be_bytes();
        data.extend(length(parts.iter().map(|part| part.len() + 4).sum()));
        parts.iter().for_each(|part| data.extend(length(part.len()).iter().chain(*part)));
        Ok(data)
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("runtime")
}

async fn connect(server: &Server) -> Handle<Trusting> {
    russh::client::connect(Arc::default(), server.address, Trusting).await.expect("connected")
}

fn private(server: &Server, name: &str) -> PrivateKey {
    PrivateKey::read_openssh_file(server.path(name)).expect("a private key")
}

async fn whoami(client: &Handle<Trusting>) -> String {
    let mut channel = client.channel_open_session().await.expect("a channel");
    channel.exec(true, "whoami").await.expect("sent");
    let mut said = String::new();
    while let Some(message) = channel.wait().await {
        if let ChannelMsg::Data { data } = message {
            said.push_str(&String::from_utf8_lossy(&data));
        }
    }
    said
}

#[test]
fn an_offered_key_is_nobody_until_it_has_signed() {
    let server = Server::start();
    let victim = private(&server, "key").public_key().clone();
    let own = generate_key(server.dir.path(), "own", &["-t", "ed25519"]);
    server.fake.keys.lock().expect("lock").push((own.clone(), "claude-2"));
    runtime().block_on(async {
        let mut client = connect(&server).await;
        let mut liar = Liar(private(&server, "own"));
        let lied = client.authenticate_publickey_with("claude-1", victim, None, &mut liar).await.expect("an answer");
        assert!(matches!(lied, AuthResult::Failure { .. }), "another's key: {lied:?}");
        let honest = client.authenticate_publickey_with("claude-1", own, None, &mut liar).await.expect("an answer");
        assert!(matches!(honest, AuthResult::Success), "the own key, signed for: {honest:?}");
        assert!(whoami(&client).await.starts_with("claude-2 "));
    });
}

#[test]
fn a_certificate_is_nobody_until_its_key_has_signed() {
    let server = Server::start();
    generate_key(server.dir.path(), "certified", &["-t", "ed25519"]);
    crate::support::certify(server.dir.path(), "ca", "certified", &["-V", "-1m:+1h", "-n", "claude-2"]);
    let text = std::fs::read_to_string(server.path("certified-cert.pub")).expect("a certificate");
    let certificate = russh::keys::Certificate::from_openssh(&text).expect("a certificate");
    runtime().block_on(async {
        for (signer, taken) in [("key", false), ("certified", true)] {
            let mut client = connect(&server).await;
            let mut liar = Liar(private(&server, signer));
            let certificate = certificate.clone();
            let result =
                client.authenticate_certificate_with("x", certificate, None, &mut liar).await.expect("an answer");
            assert_eq!(matches!(result, AuthResult::Success), taken, "{signer}: {result:?}");
        }
    });
}

#[test]
fn one_channel_runs_one_command() {
    let server = Server::start();
    runtime().block_on(async {
        let mut client = connect(&server).await;
        let mut honest = Liar(private(&server, "key"));
        let key = honest.0.public_key().clone();
        client.authenticate_publickey_with("x", key, None, &mut honest).await.expect("an answer");
        let mut channel = client.channel_open_session().await.expect("a channel");
        let mut replies = Vec::new();
        for command in ["git-receive-pack 'hungry'", "git-receive-pack 'version'", "whoami"] {
            channel.exec(true, command).await.expect("sent");
            replies.push(loop {
                match channel.wait().await.expect("open") {
                    ChannelMsg::Success => break true,
                    ChannelMsg::Failure => break false,
                    _ => {}
                }
            });
        }
        assert_eq!(replies, [true, false, false]);
        assert_eq!(server.event(), "receive-pack hungry");
        assert_eq!(server.fake.seen.lock().expect("lock").len(), 1);
    });
}
