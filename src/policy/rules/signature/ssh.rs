//! SSH signatures (PROTOCOL.sshsig of OpenSSH), as `git commit -S` makes them with gpg.format = ssh.

use crate::policy::rules::signature::flaw::Flaw;
use ssh_key::encoding::{Decode, Encode};
use ssh_key::public::KeyData;
use ssh_key::{Algorithm, HashAlg, PublicKey, SshSig};

/// What git signs under (gpg-interface.c).
const NAMESPACE: &str = "git";

/// Whether `blob` is a signature over `payload` by one of the allowed keys.
pub fn verify(payload: &[u8], blob: &[u8], allowed: &[&KeyData]) -> Result<(), Flaw> {
    let malformed = Flaw::Malformed("it is no SSH signature");
    let signature = SshSig::decode(&mut &*blob).map_err(|_| malformed.clone())?;
    // Read once and written again it is the same: no trailing bytes, no second form of a number.
    if signature.version() != SshSig::VERSION || signature.encode_vec().ok().as_deref() != Some(blob) {
        return Err(malformed);
    }
    // OpenSSH leaves the reserved field out of what it verifies: nothing may be in it.
    if !signature.reserved().is_empty() {
        return Err(malformed);
    }
    if signature.namespace() != NAMESPACE {
        return Err(Flaw::OtherNamespace);
    }
    // Before anything is computed with a key of the client's choice.
    let Some(key) = allowed.iter().find(|key| **key == signature.public_key()) else {
        return Err(Flaw::UnknownKey(signature.public_key().fingerprint(HashAlg::Sha256).to_string()));
    };
    match signature.algorithm() {
        Algorithm::Ed25519 | Algorithm::SkEd25519 | Algorithm::Ecdsa { .. } | Algorithm::SkEcdsaSha2NistP256 => {}
        Algorithm::Rsa { hash: Some(_) } => {}
        Algorithm::Rsa { hash: None } => return Err(Flaw::Weak("SHA-1")),
        _ => return Err(Flaw::Weak("an algorithm that is not trusted")),
    }
    let key = PublicKey::from((*key).clone());
    key.verify(NAMESPACE, payload, &signature).map_err(|_| Flaw::OtherObject)
}

/// The key that a signature says it is by; nothing is verified.
#[must_use]
pub fn signer(blob: &[u8]) -> Option<KeyData> {
    SshSig::decode(&mut &*blob).ok().map(|signature| signature.public_key().clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use sha2::{Digest, Sha256};
    use ssh_key::private::Ed25519Keypair;
    use ssh_key::public::SkEd25519;
    use ssh_key::{PrivateKey, Signature, SigningKey};

    fn pair(seed: u8) -> PrivateKey {
        PrivateKey::from(Ed25519Keypair::from_seed(&[seed; 32]))
    }

    fn key(seed: u8) -> KeyData {
        KeyData::from(&pair(seed))
    }

    fn sign(seed: u8, namespace: &str, hash: HashAlg, payload: &[u8]) -> Vec<u8> {
        SshSig::sign(&pair(seed), namespace, hash, payload).expect("signed").encode_vec().expect("written")
    }

    fn raw_signature(key: &impl SigningKey, data: &[u8]) -> Signature {
        key.try_sign(data).expect("signed")
    }

    #[test]
    fn only_a_signature_by_an_allowed_key_over_this_object_counts() {
        let (one, two) = (key(1), key(2));
        let allowed = [&one, &two];
        for hash in [HashAlg::Sha256, HashAlg::Sha512] {
            assert_eq!(verify(b"payload", &sign(1, "git", hash, b"payload"), &allowed), Ok(()));
            assert_eq!(verify(b"payload", &sign(2, "git", hash, b"payload"), &allowed), Ok(()));
        }
        let good = sign(1, "git", HashAlg::Sha512, b"payload");
        assert_eq!(verify(b"payloaD", &good, &allowed), Err(Flaw::OtherObject));
        let file = sign(1, "file", HashAlg::Sha512, b"payload");
        assert_eq!(verify(b"payload", &file, &allowed), Err(Flaw::OtherNamespace));
        assert!(matches!(verify(b"payload", &good, &[&two]), Err(Flaw::UnknownKey(k)) if k.starts_with("SHA256:")));
        assert!(matches!(verify(b"payload", &good, &[]), Err(Flaw::UnknownKey(_))));
        let trailing = [good.as_slice(), b"\0"].concat();
        assert!(matches!(verify(b"payload", &trailing, &allowed), Err(Flaw::Malformed(_))));
    }

    #[test]
    fn no_changed_byte_and_no_cut_is_taken() {
        let (one, good) = (key(1), sign(1, "git", HashAlg::Sha256, b"payload"));
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 1;
            assert!(verify(b"payload", &bad, &[&one]).is_err(), "{at}");
            assert!(verify(b"payload", &good[..at], &[&one]).is_err(), "{at}");
        }
    }

    #[test]
    fn a_key_of_another_cannot_lend_its_name() {
        // The signature of key 2 under the name of key 1.
        let data = SshSig::signed_data("git", HashAlg::Sha512, b"payload").expect("data");
        let by_two: Signature = raw_signature(&pair(2), &data);
        let lie = SshSig::new(key(1), "git", HashAlg::Sha512, by_two).expect("a signature");
        let lie = lie.encode_vec().expect("written");
        assert_eq!(verify(b"payload", &lie, &[&key(1)]), Err(Flaw::OtherObject));
    }

    #[test]
    fn keys_on_a_security_key_sign_with_their_counter() {
        let token = KeyData::SkEd25519(SkEd25519::new(Ed25519Keypair::from_seed(&[3; 32]).public, "ssh:"));
        let data = SshSig::signed_data("git", HashAlg::Sha512, b"payload").expect("data");
        let trailer = [1, 0, 0, 0, 9];
        let signed = [&Sha256::digest(b"ssh:")[..], &trailer, &Sha256::digest(&data)[..]].concat();
        let raw = raw_signature(&pair(3), &signed);
        let bytes = [raw.as_bytes(), &trailer].concat();
        let signature = Signature::new(Algorithm::SkEd25519, bytes).expect("a signature");
        let blob = SshSig::new(token.clone(), "git", HashAlg::Sha512, signature).expect("a signature");
        let blob = blob.encode_vec().expect("written");
        assert_eq!(verify(b"payload", &blob, &[&token]), Ok(()));
        assert_eq!(verify(b"other", &blob, &[&token]), Err(Flaw::OtherObject));
        assert!(matches!(verify(b"payload", &blob, &[&key(3)]), Err(Flaw::UnknownKey(_))));
    }
}
