//! Names and Ed25519 keys of those who sign notes, and their text form, the vkey (C2SP signed-note).

use super::text;
use ed25519_dalek::{PUBLIC_KEY_LENGTH, Signature};
use sha2::{Digest, Sha256};
use std::fmt;

/// Who signs: a log's origin, a witness's name. Not empty, no spaces, no plus sign, no control characters.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyName(String);

impl KeyName {
    pub const LENGTH_MAX: usize = 255;

    /// `None` if it is no name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let is_bad = |c: char| c.is_whitespace() || c.is_control() || c == '+';
        let is_name = !text.is_empty() && text.len() <= Self::LENGTH_MAX && !text.contains(is_bad);
        is_name.then(|| Self(text.to_owned()))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", crate::model::Escaped(self.0.as_bytes()))
    }
}

/// What a key signs, and how. C2SP wants a key of its own for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyKind {
    /// 0x01: a log's signature over its checkpoint's text.
    Ed25519,
    /// 0x04: a witness's signature over the text and a time.
    Cosignature,
}

impl KeyKind {
    const fn byte(self) -> u8 {
        match self {
            Self::Ed25519 => 0x01,
            Self::Cosignature => 0x04,
        }
    }
}

/// Tells a signer's keys apart; no proof of anything.
pub type KeyId = [u8; 4];

/// Why a text is not the vkey that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    #[error("a key is written NAME+ID+KEY: eight hex digits and base64")]
    Form,
    #[error("the key's name is empty, too long or has a character no name has")]
    Name,
    #[error("this type of key cannot be used here")]
    Kind,
    #[error("the key's id is not that of its name and key")]
    Id,
    #[error("this is no Ed25519 public key, or a weak one")]
    Key,
}

/// The public half of a signer's key, with its name.
#[derive(Clone, PartialEq, Eq)]
pub struct VerifyingKey {
    name: KeyName,
    kind: KeyKind,
    key: ed25519_dalek::VerifyingKey,
}

impl VerifyingKey {
    /// # Errors
    /// These bytes are no public key.
    pub fn new(name: KeyName, kind: KeyKind, key: &[u8; PUBLIC_KEY_LENGTH]) -> Result<Self, KeyError> {
        let key = ed25519_dalek::VerifyingKey::from_bytes(key).ok().filter(|key| !key.is_weak());
        Ok(Self { name, kind, key: key.ok_or(KeyError::Key)? })
    }

    pub(super) const fn of(name: KeyName, kind: KeyKind, key: ed25519_dalek::VerifyingKey) -> Self {
        Self { name, kind, key }
    }

    /// Reads a vkey, which must be of this kind.
    ///
    /// # Errors
    /// It is something else.
    pub fn parse(vkey: &str, kind: KeyKind) -> Result<Self, KeyError> {
        let (name, rest) = vkey.split_once('+').ok_or(KeyError::Form)?;
        let (id, encoded) = rest.split_once('+').ok_or(KeyError::Form)?;
        let name = KeyName::parse(name).ok_or(KeyError::Name)?;
        let encoded = text::from_base64(encoded).ok_or(KeyError::Form)?;
        let (byte, bytes) = encoded.split_first().ok_or(KeyError::Form)?;
        if *byte != kind.byte() {
            return Err(KeyError::Kind);
        }
        let key = Self::new(name, kind, bytes.try_into().map_err(|_| KeyError::Key)?)?;
        if id == hex(key.id()) { Ok(key) } else { Err(KeyError::Id) }
    }

    #[must_use]
    pub const fn name(&self) -> &KeyName {
        &self.name
    }

    #[must_use]
    pub const fn kind(&self) -> KeyKind {
        self.kind
    }

    #[must_use]
    pub fn id(&self) -> KeyId {
        let hash = Sha256::new()
            .chain_update(self.name.as_str())
            .chain_update(b"\n")
            .chain_update([self.kind.byte()])
            .chain_update(self.key.as_bytes());
        let [a, b, c, d, ..]: [u8; 32] = hash.finalize().into();
        [a, b, c, d]
    }

    /// The key itself, which may stand under several names.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; PUBLIC_KEY_LENGTH] {
        self.key.as_bytes()
    }

    /// Whether it made this signature; malleable signatures and weak keys are refused.
    #[must_use]
    pub(super) fn has_signed(&self, message: &[u8], signature: &[u8]) -> bool {
        let signature = Signature::from_slice(signature);
        signature.is_ok_and(|signature| self.key.verify_strict(message, &signature).is_ok())
    }
}

fn hex(id: KeyId) -> String {
    format!("{:08x}", u32::from_be_bytes(id))
}

/// The vkey.
impl fmt::Display for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let encoded = [&[self.kind.byte()], &self.key.as_bytes()[..]].concat();
        write!(f, "{}+{}+{}", self.name.as_str(), hex(self.id()), text::to_base64(&encoded))
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}+{}", self.name, hex(self.id()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From the documentation of Go's note package.
    const VKEY: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";

    #[test]
    fn vkeys_are_read_as_they_are_written() {
        let key = VerifyingKey::parse(VKEY, KeyKind::Ed25519).expect("a key");
        assert_eq!((key.to_string().as_str(), key.name().as_str()), (VKEY, "PeterNeumann"));
        let again = VerifyingKey::new(key.name().clone(), KeyKind::Cosignature, key.as_bytes()).expect("a key");
        assert_ne!(again.id(), key.id());
        assert_eq!(VerifyingKey::parse(&again.to_string(), KeyKind::Cosignature), Ok(again));
    }

    #[test]
    fn what_is_no_such_vkey_is_refused() {
        let weak = format!("x+00000000+{}", text::to_base64(&[[1].as_slice(), &[0; 32]].concat()));
        let table = [
            ("", KeyError::Form),
            ("PeterNeumann", KeyError::Form),
            ("PeterNeumann+c74f20a3", KeyError::Form),
            ("PeterNeumann+c74f20a3+", KeyError::Form),
            ("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10T", KeyError::Form),
            ("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW+", KeyError::Form),
            ("PeterNeumann+C74F20A3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW", KeyError::Id),
            ("PeterNeumann+0c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW", KeyError::Id),
            ("PeterNeumanm+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW", KeyError::Id),
            ("Peter Neumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW", KeyError::Name),
            ("Peter\u{a0}Neumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW", KeyError::Name),
            ("+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW", KeyError::Name),
            ("PeterNeumann+c74f20a3+BBpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW", KeyError::Kind),
            ("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy", KeyError::Key),
            (&weak, KeyError::Key),
        ];
        for (vkey, error) in table {
            assert_eq!(VerifyingKey::parse(vkey, KeyKind::Ed25519), Err(error), "{vkey}");
        }
        let named = |length| KeyName::parse(&"n".repeat(length)).is_some();
        assert_eq!([named(KeyName::LENGTH_MAX), named(KeyName::LENGTH_MAX + 1)], [true, false]);
    }
}
