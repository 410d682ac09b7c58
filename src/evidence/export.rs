//! The trust file written, and the same in forms that other tools read: PEM and allowed_signers.

use crate::evidence::allowed_signers::AllowedSigner;
use crate::evidence::keys::PublishedKey;
use crate::evidence::spelling::Seconds;
use crate::evidence::sshsig::GIT_NAMESPACE;
use crate::evidence::trust::{Trust, TrustedVerifier, VERSION};
use crate::strict::quoted;
use jiff::Timestamp;
use std::fmt::Write;

impl Trust {
    /// `refgate.trust`.
    #[must_use]
    pub fn to_toml(&self) -> String {
        let mut toml = format!(
            "# What proves that a commit came through the gate. Keep it outside of the tree it judges.\nversion = {VERSION}\n"
        );
        for verifier in &self.verifiers {
            toml += &verifier_to_toml(verifier);
        }
        for (name, uri) in &self.repos {
            toml += &format!("\n[repo.{}]\nresource_uri = {}\n", quoted(name.as_str()), quoted(uri.as_str()));
        }
        if !self.allowed_signers.is_empty() {
            toml += &format!("\n[notes]\n{}", lines("allowed_signers", &self.to_allowed_signers()));
        }
        if let Some(log) = &self.log {
            toml += &format!("\n[log]\n{}", lines("policy", &log.policy));
            toml += &log.checkpoint.as_ref().map(|text| lines("checkpoint", text)).unwrap_or_default();
        }
        toml
    }

    /// For `gpg.ssh.allowedSignersFile` and `ssh-keygen -Y verify`.
    #[must_use]
    pub fn to_allowed_signers(&self) -> String {
        let mut text = String::new();
        for signer in &self.allowed_signers {
            // A String takes everything.
            let _ = writeln!(text, "{signer}");
        }
        text
    }

    /// The PEM of each key that signs statements, by its fingerprint.
    #[must_use]
    pub fn to_pems(&self) -> Vec<(String, String)> {
        self.verifiers.iter().map(|verifier| (verifier.key.to_string(), verifier.key.to_pem())).collect()
    }
}

impl TrustedVerifier {
    /// A key of this gate, for its verifier id.
    #[must_use]
    pub fn new(id: &str, key: &PublishedKey) -> Self {
        let PublishedKey { key, valid_after, valid_before } = *key;
        Self { id: id.to_owned(), key, valid_after: Some(valid_after), valid_before }
    }
}

impl AllowedSigner {
    /// A key of this gate that signs notes.
    ///
    /// Only a key that has ended has times: older OpenSSH does not read them in UTC, and a date that the signer of a
    /// commit chose itself proves little.
    #[must_use]
    pub fn of_notes(principal: &str, key: &PublishedKey) -> Self {
        let until = key.valid_before;
        Self {
            principals: vec![principal.to_owned()],
            namespaces: vec![GIT_NAMESPACE.to_owned()],
            valid_after: until.map(|_| key.valid_after),
            valid_before: until,
            key: key.key.key_data().into(),
        }
    }
}

fn verifier_to_toml(verifier: &TrustedVerifier) -> String {
    let time = |name: &str, time: Option<Timestamp>| {
        time.map(|time| format!("{name} = {}\n", Seconds::floor(time))).unwrap_or_default()
    };
    let times = time("valid_after", verifier.valid_after) + &time("valid_before", verifier.valid_before);
    format!("\n[[verifier]]\nid = {}\n{times}{}", quoted(&verifier.id), lines("key", &verifier.key.to_pem()))
}

/// Several lines as they stand.
fn lines(name: &str, text: &str) -> String {
    format!("{name} = '''\n{text}'''\n")
}

#[cfg(test)]
mod tests {
    use crate::evidence::testing;
    use crate::evidence::{AllowedSigner, PublishedKey, TrustedVerifier};

    #[test]
    fn a_key_of_the_notes_has_times_only_when_it_has_ended() {
        let key = testing::key(1).public();
        let (from, until) = ("2026-01-01T00:00:00Z".parse().expect("a time"), "2026-02-01T00:00:00Z".parse().ok());
        let now = PublishedKey { key, valid_after: from, valid_before: None };
        let ended = PublishedKey { valid_before: until, ..now };
        let line = key.to_openssh();
        assert_eq!(AllowedSigner::of_notes("g", &now).to_string(), format!("g namespaces=\"git\" {line}"));
        assert_eq!(
            AllowedSigner::of_notes("g", &ended).to_string(),
            format!("g namespaces=\"git\",valid-after=\"20260101000000Z\",valid-before=\"20260201000000Z\" {line}")
        );
        let verifier = TrustedVerifier::new("v", &ended);
        let at = |text: &str| verifier.is_valid_at(text.parse().expect("a time"));
        assert!(!at("2025-12-31T23:59:59Z") && at("2026-01-01T00:00:00Z"));
        assert!(at("2026-01-31T23:59:59Z") && !at("2026-02-01T00:00:00Z"));
    }
}
