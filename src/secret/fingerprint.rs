//! Names for secrets that tell nothing about them.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::fmt::Write;

/// The operator's key for fingerprints: without it, a fingerprint cannot be tried against guesses.
#[derive(Clone)]
pub struct FingerprintKey([u8; 32]);

impl FingerprintKey {
    #[must_use]
    pub fn new(key: [u8; 32]) -> Self {
        Self(key)
    }

    /// `fp1-` and 32 hex digits of HMAC-SHA256: equal for equal secrets.
    #[must_use]
    pub fn fingerprint(&self, secret: &[u8]) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes a key of any length");
        mac.update(secret);
        let digest = mac.finalize().into_bytes();
        digest.iter().take(16).fold("fp1-".to_owned(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
    }
}

impl std::fmt::Debug for FingerprintKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FingerprintKey(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_hmac_sha256_cut_to_16_bytes() {
        let key = FingerprintKey::new([0x0b; 32]);
        let print = key.fingerprint(b"Hi There");
        assert_eq!(print.len(), 36);
        assert!(print.starts_with("fp1-"));
        assert_eq!(print, key.fingerprint(b"Hi There"));
        assert_ne!(print, key.fingerprint(b"Hi there"));
        assert_ne!(print, FingerprintKey::new([0x0c; 32]).fingerprint(b"Hi There"));
        assert_eq!(format!("{key:?}"), "FingerprintKey(..)");
    }
}
