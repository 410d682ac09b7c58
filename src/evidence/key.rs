//! One Ed25519 key: what it signs, and how it is named and written. Where keys lie is the business of `keys`.
//!
//! The same key has three spellings: an OpenSSH line, a PEM (SubjectPublicKeyInfo) for openssl, and the fingerprint that
//! statements carry as `keyid`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use ssh_key::private::Ed25519Keypair;
use ssh_key::public::{Ed25519PublicKey, KeyData};
use ssh_key::{Fingerprint, HashAlg, PrivateKey};
use std::fmt;

/// A key that signs for the gate.
#[derive(Clone)]
pub struct GateKey(SigningKey);

impl GateKey {
    #[must_use]
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(seed))
    }

    /// For formats that do their own signing.
    #[must_use]
    pub fn seed(&self) -> [u8; 32] {
        self.0.to_bytes()
    }

    #[must_use]
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }

    /// The key as OpenSSH's formats take it.
    #[must_use]
    pub fn to_ssh(&self) -> PrivateKey {
        PrivateKey::from(Ed25519Keypair::from(&self.0))
    }

    #[must_use]
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).to_bytes()
    }
}

/// Never shows what is secret.
impl fmt::Debug for GateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GateKey({})", self.public())
    }
}

/// The public half, shown as its fingerprint.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

/// What stands before the 32 bytes of an Ed25519 key in its DER (RFC 8410, section 4): nothing in it varies.
const SPKI_PREFIX: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
const PEM_BEGIN: &str = "-----BEGIN PUBLIC KEY-----";
const PEM_END: &str = "-----END PUBLIC KEY-----";

/// Why a text is no public key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAKey {
    #[error("not a PEM public key (-----BEGIN PUBLIC KEY-----)")]
    Pem,
    #[error("not an Ed25519 key; the gate signs with no other kind")]
    Algorithm,
    #[error("not a point of the curve, or one that proves nothing")]
    Point,
}

impl PublicKey {
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, NotAKey> {
        let key = VerifyingKey::from_bytes(bytes).map_err(|_| NotAKey::Point)?;
        if key.is_weak() { Err(NotAKey::Point) } else { Ok(Self(key)) }
    }

    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }

    /// `SHA256:` and the unpadded base64 of the digest, as ssh-keygen shows it.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        self.key_data().fingerprint(HashAlg::Sha256)
    }

    /// The key as `ssh-ed25519 AAAA…`, without a comment.
    #[must_use]
    pub fn to_openssh(&self) -> String {
        // Only a comment could make it fail, and there is none.
        ssh_key::PublicKey::from(self.key_data()).to_openssh().unwrap_or_default()
    }

    pub fn key_data(&self) -> KeyData {
        KeyData::Ed25519(Ed25519PublicKey(*self.as_bytes()))
    }

    /// Whether the key made this signature over the message. Strict: no second form of a signature counts.
    #[must_use]
    pub fn is_signer(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        self.0.verify_strict(message, &Signature::from_bytes(signature)).is_ok()
    }

    /// The form that openssl reads.
    #[must_use]
    pub fn to_pem(&self) -> String {
        let der = [SPKI_PREFIX.as_slice(), self.as_bytes()].concat();
        format!("{PEM_BEGIN}\n{}\n{PEM_END}\n", STANDARD.encode(der))
    }

    /// Reads what [`Self::to_pem`] and `openssl pkey -pubout` write. Space around the lines does not count.
    pub fn from_pem(text: &str) -> Result<Self, NotAKey> {
        let body = text.trim().strip_prefix(PEM_BEGIN).and_then(|rest| rest.strip_suffix(PEM_END));
        let body: String = body.ok_or(NotAKey::Pem)?.split_ascii_whitespace().collect();
        let der = STANDARD.decode(body).map_err(|_| NotAKey::Pem)?;
        let bytes = der.strip_prefix(&SPKI_PREFIX).and_then(|key| key.try_into().ok());
        Self::from_bytes(bytes.ok_or(NotAKey::Algorithm)?)
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.fingerprint().fmt(f)
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 8410, section 10.1.
    const RFC: &str = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n\
                       -----END PUBLIC KEY-----\n";

    #[test]
    fn a_key_reads_back_from_pem() {
        let key = PublicKey::from_pem(RFC).expect("a key");
        assert_eq!(key.to_pem(), RFC);
        assert_eq!(PublicKey::from_pem(&RFC.replace("xA", "xA\r\n ")), Ok(key));
        let not_a_key = [
            ("", NotAKey::Pem),
            (&RFC[1..], NotAKey::Pem),
            (&RFC.replace("MCow", "MCo*"), NotAKey::Pem),
            (&RFC.replace("uE=", "uF="), NotAKey::Pem),
            (&RFC.replace("K2Vw", "K2Vu"), NotAKey::Algorithm),
            (&RFC.replace("MCow", "AAAAMCow"), NotAKey::Algorithm),
        ];
        for (text, why) in not_a_key {
            assert_eq!(PublicKey::from_pem(text), Err(why), "{text}");
        }
        assert_eq!(PublicKey::from_bytes(&[0; 32]), Err(NotAKey::Point), "a point of small order");
    }

    #[test]
    fn fingerprint_and_line_are_those_of_openssh() {
        let key = GateKey::from_seed(&[7; 32]);
        assert!(key.public().to_openssh().starts_with("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI"));
        let shown = format!("{key:?}");
        assert!(shown.starts_with("GateKey(SHA256:") && shown.len() == "GateKey(SHA256:)".len() + 43, "{shown}");
        assert_eq!(key.seed(), [7; 32]);
        let signature = key.sign(b"message");
        assert!(key.public().is_signer(b"message", &signature));
        assert!(!key.public().is_signer(b"messagf", &signature));
        assert!(!GateKey::from_seed(&[8; 32]).public().is_signer(b"message", &signature));
    }
}
