//! The signature of a push certificate (`git push --signed`): bytes and keys in, what it is worth out.

use super::armor::Armor;
use super::flaw::Flaw;
use super::ssh;
use crate::model::{CertStatus, NonceStatus};
use ssh_key::HashAlg;
use ssh_key::public::KeyData;

/// How to sign pushes, as a fix says it: with `if-asked`, one to somewhere else goes on as before.
pub const SIGNED_PUSH: &str = "git config gpg.format ssh && git config user.signingkey KEY.pub && git config \
                               push.gpgSign if-asked (KEY.pub: the key you push with), push again";

/// What is known of the certificate of a push.
#[derive(Debug, Clone, Copy, Default)]
pub enum PushCert<'a> {
    #[default]
    Missing,
    /// Signed by the pusher for this very push.
    Counts,
    Flawed(&'a Checked),
    /// Nothing is pushed: what is only tried is taken as if it were signed.
    Assumed,
}

/// A certificate that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    pub status: CertStatus,
    pub nonce: NonceStatus,
    flaw: Option<Flaw>,
}

impl Checked {
    /// `login` is the fingerprint of the key that logged in: who has only certificates in the policy signs with that one.
    #[must_use]
    pub fn new(signed: &[u8], signature: &[u8], keys: &[KeyData], login: &str, nonce: NonceStatus) -> Self {
        let flaw = verify(signed, signature, keys, login).err();
        let status = match &flaw {
            None => CertStatus::Good,
            Some(Flaw::Missing) => CertStatus::NotSigned,
            Some(Flaw::OtherFormat) => CertStatus::Unchecked,
            Some(Flaw::UnknownKey(_)) => CertStatus::Unknown,
            Some(_) => CertStatus::Bad,
        };
        Self { status, nonce, flaw }
    }

    #[must_use]
    pub fn heard(&self) -> PushCert<'_> {
        match (&self.flaw, self.nonce) {
            (None, NonceStatus::Ok) => PushCert::Counts,
            (Some(_), _) | (None, NonceStatus::Missing | NonceStatus::Bad) => PushCert::Flawed(self),
        }
    }

    /// What is wrong with it, for its pusher.
    #[must_use]
    pub fn message(&self) -> String {
        let nonce = match self.nonce {
            NonceStatus::Ok => None,
            NonceStatus::Missing => Some("it has no nonce".to_owned()),
            NonceStatus::Bad => Some("its nonce is not the one that this connection was given, or too old".to_owned()),
        };
        let signature = self.flaw.as_ref().map(|flaw| match flaw {
            Flaw::OtherFormat => "its signature is not one of SSH".to_owned(),
            Flaw::OtherObject => "its signature is not over what it says".to_owned(),
            Flaw::UnknownKey(key) => format!("its signature is by {key}, which is no key of yours here"),
            other => other.to_string(),
        });
        let flaws: Vec<String> = signature.into_iter().chain(nonce).collect();
        format!("the push certificate does not count: {}", flaws.join("; "))
    }

    #[must_use]
    pub fn fix(&self) -> &'static str {
        if self.flaw.is_some() { SIGNED_PUSH } else { "push again with --signed: each connection has its own nonce" }
    }
}

fn verify(signed: &[u8], signature: &[u8], keys: &[KeyData], login: &str) -> Result<(), Flaw> {
    if signature.is_empty() {
        return Err(Flaw::Missing);
    }
    if Armor::of_signature(signature) != Some(Armor::Ssh) {
        return Err(Flaw::OtherFormat);
    }
    let blob = Armor::Ssh.decode(signature)?;
    let own = ssh::signer(&blob).filter(|key| key.fingerprint(HashAlg::Sha256).to_string() == login);
    let allowed: Vec<&KeyData> = keys.iter().chain(&own).collect();
    ssh::verify(signed, &blob, &allowed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ssh_key::private::Ed25519Keypair;
    use ssh_key::{LineEnding, PrivateKey, SshSig};

    fn pair(seed: u8) -> PrivateKey {
        PrivateKey::from(Ed25519Keypair::from_seed(&[seed; 32]))
    }

    fn sign(seed: u8, namespace: &str, payload: &[u8]) -> String {
        let signature = SshSig::sign(&pair(seed), namespace, HashAlg::Sha512, payload).expect("signed");
        signature.to_pem(LineEnding::LF).expect("armored") + "\n"
    }

    #[test]
    fn a_certificate_counts_with_a_key_of_the_pusher_and_its_nonce() {
        let keys = [KeyData::from(&pair(1)), KeyData::from(&pair(2))];
        let login = pair(3).fingerprint(HashAlg::Sha256).to_string();
        let good = sign(1, "git", b"payload");
        let pgp = "-----BEGIN PGP SIGNATURE-----\n\nAAAA\n-----END PGP SIGNATURE-----\n".to_owned();
        let table = [
            (good.clone(), CertStatus::Good, ""),
            (sign(2, "git", b"payload"), CertStatus::Good, ""),
            (sign(3, "git", b"payload"), CertStatus::Good, ""),
            (sign(4, "git", b"payload"), CertStatus::Unknown, "which is no key of yours here"),
            (sign(1, "git", b"other"), CertStatus::Bad, "is not over what it says"),
            (sign(3, "git", b"other"), CertStatus::Bad, "is not over what it says"),
            (sign(1, "file", b"payload"), CertStatus::Bad, "was not made for git"),
            (good.replacen("\n", "\nAAAA", 1), CertStatus::Bad, "cannot be read"),
            (format!("{good}{good}"), CertStatus::Bad, "something comes after it"),
            (String::new(), CertStatus::NotSigned, "it is not signed"),
            (pgp, CertStatus::Unchecked, "is not one of SSH"),
        ];
        for (signature, status, told) in table {
            let checked = Checked::new(b"payload", signature.as_bytes(), &keys, &login, NonceStatus::Ok);
            assert_eq!(checked.status, status, "{signature}");
            match checked.heard() {
                PushCert::Counts => assert_eq!(told, ""),
                PushCert::Flawed(flawed) => {
                    assert!(!told.is_empty() && flawed.message().contains(told), "{}", flawed.message());
                    assert_eq!(flawed.fix(), SIGNED_PUSH);
                }
                PushCert::Missing | PushCert::Assumed => panic!("there is one"),
            }
        }
        for nonce in [NonceStatus::Missing, NonceStatus::Bad] {
            let checked = Checked::new(b"payload", good.as_bytes(), &keys, "", nonce);
            assert_eq!((checked.status, checked.nonce), (CertStatus::Good, nonce));
            assert!(matches!(checked.heard(), PushCert::Flawed(_)) && checked.message().contains("nonce"));
            assert_ne!(checked.fix(), SIGNED_PUSH);
        }
    }
}
