//! OpenPGP signatures, as `git commit -S` makes them with gpg, and the certificates they are checked with.
//!
//! A certificate's own signatures are checked once, when the policy is read: what it says of its keys is then a list.

use crate::policy::rules::signature::armor::Armor;
use crate::policy::rules::signature::flaw::Flaw;
use pgp::composed::{Deserializable, SignedPublicKey, SignedPublicSubKey};
use pgp::crypto::hash::HashAlgorithm;
use pgp::packet::{Packet, PacketParser, PublicKey, PublicSubkey, Signature, SignatureType, SignatureVersion};
use pgp::types::{Duration, KeyDetails, Tag, Timestamp, VerifyingKey};

/// One key of a certificate, with what its owner says of it.
#[derive(Debug)]
pub struct Key {
    packet: KeyPacket,
    may_sign: bool,
    is_revoked: bool,
    /// Seconds since 1970.
    valid_from: u64,
    valid_until: Option<u64>,
}

#[derive(Debug)]
enum KeyPacket {
    Primary(PublicKey),
    Subkey(PublicSubkey),
}

/// The keys of an armored block of certificates: at least one that may sign.
pub fn read(text: &str) -> Result<Vec<Key>, &'static str> {
    let bytes = Armor::OpenPgpKey.decode(text.as_bytes()).map_err(|_| "not an armored OpenPGP public key")?;
    let certificates = SignedPublicKey::from_bytes_many(bytes.as_slice()).map_err(|_| "not an OpenPGP public key")?;
    let mut keys = Vec::new();
    for certificate in certificates {
        keys.extend(keys_of(certificate.map_err(|_| "not an OpenPGP public key")?));
    }
    match keys.iter().any(|key: &Key| key.may_sign) {
        true => Ok(keys),
        false => Err("no key in it is for signing, by a signature that can be trusted"),
    }
}

fn keys_of(certificate: SignedPublicKey) -> Vec<Key> {
    let primary = &certificate.primary_key;
    let own = newest(own_signatures(&certificate));
    let created = seconds(primary.created_at());
    // A revocation counts whoever made it and why: who put the key into the policy can take it out.
    let is_revoked = !certificate.details.revocation_signatures.is_empty();
    let valid_until = own.and_then(|own| expiry(created, own.key_expiration_time()));
    let subkeys = certificate.public_subkeys.iter().filter_map(|sub| subkey(sub, primary, is_revoked, valid_until));
    let mut keys: Vec<Key> = subkeys.collect();
    // Without a signature of its own that can be trusted nothing is known of when the key ends.
    if own.is_none() {
        return Vec::new();
    }
    keys.push(Key {
        may_sign: own.is_some_and(|own| own.key_flags().sign()),
        is_revoked,
        valid_from: created,
        valid_until,
        packet: KeyPacket::Primary(primary.clone()),
    });
    keys
}

/// The valid signatures by which the primary key says something of itself.
fn own_signatures(certificate: &SignedPublicKey) -> Vec<&Signature> {
    let primary = &certificate.primary_key;
    let details = &certificate.details;
    let direct = details.direct_signatures.iter().filter(|s| is_sound(s) && s.verify_key(primary).is_ok());
    let is_revocation = |s: &&Signature| s.typ() == Some(SignatureType::CertRevocation);
    let users = details.users.iter().filter(|user| !user.signatures.iter().any(|s| is_revocation(&s)));
    let certifications = users.flat_map(|user| {
        let is_own = |s: &&Signature| is_sound(s) && s.verify_certification(primary, Tag::UserId, &user.id).is_ok();
        user.signatures.iter().filter(is_own)
    });
    direct.chain(certifications).collect()
}

fn subkey(sub: &SignedPublicSubKey, primary: &PublicKey, is_revoked: bool, until: Option<u64>) -> Option<Key> {
    let is_revocation = |s: &&Signature| s.typ() == Some(SignatureType::SubkeyRevocation);
    let is_binding = |s: &&Signature| {
        s.typ() == Some(SignatureType::SubkeyBinding)
            && is_sound(s)
            && s.verify_subkey_binding(primary, &sub.key).is_ok()
    };
    let binding = newest(sub.signatures.iter().filter(is_binding).collect())?;
    // Without its own word a signing key of somebody else could be taken in as a subkey.
    let agrees = binding
        .embedded_signature()
        .is_some_and(|back| is_sound(back) && back.verify_primary_key_binding(&sub.key, primary).is_ok());
    let created = seconds(sub.key.created_at());
    let ends = [expiry(created, binding.key_expiration_time()), until];
    Some(Key {
        may_sign: binding.key_flags().sign() && agrees,
        is_revoked: is_revoked || sub.signatures.iter().any(|s| is_revocation(&s)),
        valid_from: created,
        valid_until: ends.into_iter().flatten().min(),
        packet: KeyPacket::Subkey(sub.key.clone()),
    })
}

/// Whether a signature is of a kind that still means something: dated, and not over a broken hash.
fn is_sound(signature: &Signature) -> bool {
    let is_strong = matches!(
        signature.hash_alg(),
        Some(
            HashAlgorithm::Sha224
                | HashAlgorithm::Sha256
                | HashAlgorithm::Sha384
                | HashAlgorithm::Sha512
                | HashAlgorithm::Sha3_256
                | HashAlgorithm::Sha3_512
        )
    );
    let is_recent = matches!(signature.version(), SignatureVersion::V4 | SignatureVersion::V6);
    is_strong && is_recent && signature.created().is_some()
}

fn newest(mut signatures: Vec<&Signature>) -> Option<&Signature> {
    signatures.sort_by_key(|s| s.created());
    signatures.pop()
}

fn seconds(time: Timestamp) -> u64 {
    u64::from(time.as_secs())
}

/// When something ends; nothing and zero mean never.
fn expiry(created: u64, after: Option<Duration>) -> Option<u64> {
    let after = std::time::Duration::from(after?).as_secs();
    (after > 0).then(|| created.saturating_add(after))
}

/// Whether `blob` is a signature over `payload` by one of the keys, all of it valid at `date`.
pub fn verify(payload: &[u8], blob: &[u8], date: Option<u64>, keys: &[Key]) -> Result<(), Flaw> {
    let mut packets = PacketParser::new(blob);
    let signature = match (packets.next(), packets.next()) {
        (Some(Ok(Packet::Signature(signature))), None) => signature,
        (Some(Ok(Packet::Signature(_))), Some(_)) => return Err(Flaw::Several),
        _ => return Err(Flaw::Malformed("it is no OpenPGP signature")),
    };
    if !packets.into_inner().is_empty() {
        return Err(Flaw::Malformed("something comes after it"));
    }
    if signature.typ() != Some(SignatureType::Binary) {
        return Err(Flaw::Malformed("it is not over bytes as they are"));
    }
    if !is_sound(&signature) {
        return Err(Flaw::Weak("SHA-1, or something older"));
    }
    let mut named = keys.iter().filter(|key| key.is_named_by(&signature)).peekable();
    if named.peek().is_none() {
        return Err(Flaw::UnknownKey(issuer(&signature)));
    }
    let key = named.find(|key| key.verify(&signature, payload)).ok_or(Flaw::OtherObject)?;
    let made = signature.created().map(seconds).ok_or(Flaw::NotValidThen)?;
    let date = date.ok_or(Flaw::NotValidThen)?;
    let lasts = expiry(made, signature.signature_expiration_time()).is_none_or(|end| date < end);
    match key {
        key if key.is_revoked => Err(Flaw::Revoked),
        key if !key.may_sign => Err(Flaw::NotForSigning),
        key if !key.is_valid(made) || !key.is_valid(date) || !lasts => Err(Flaw::NotValidThen),
        _ => Ok(()),
    }
}

impl Key {
    fn is_valid(&self, at: u64) -> bool {
        self.valid_from <= at && self.valid_until.is_none_or(|until| at < until)
    }

    fn is_named_by(&self, signature: &Signature) -> bool {
        let (id, fingerprint) = match &self.packet {
            KeyPacket::Primary(key) => (key.legacy_key_id(), key.fingerprint()),
            KeyPacket::Subkey(key) => (key.legacy_key_id(), key.fingerprint()),
        };
        let fingerprints = signature.issuer_fingerprint();
        fingerprints.contains(&&fingerprint) || signature.issuer_key_id().contains(&&id)
    }

    fn verify(&self, signature: &Signature, payload: &[u8]) -> bool {
        fn verify(key: &impl VerifyingKey, signature: &Signature, payload: &[u8]) -> bool {
            signature.verify(key, payload).is_ok()
        }
        match &self.packet {
            KeyPacket::Primary(key) => verify(key, signature, payload),
            KeyPacket::Subkey(key) => verify(key, signature, payload),
        }
    }
}

/// Who a signature says made it.
fn issuer(signature: &Signature) -> String {
    let fingerprint = signature.issuer_fingerprint().first().map(|fingerprint| fingerprint.to_string());
    let id = || signature.issuer_key_id().first().map(|id| id.to_string());
    fingerprint.or_else(id).map_or_else(|| "somebody it does not name".to_owned(), |key| key.to_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;
    use pgp::composed::{ArmorOptions, KeyType, SecretKeyParamsBuilder, SignedKeyDetails, SignedSecretKey};
    use pgp::composed::{EncryptionCaps, SubkeyParamsBuilder};
    use pgp::packet::{KeyFlags, SignatureConfig, Subpacket, SubpacketData, UserId};
    use pgp::ser::Serialize;
    use pgp::types::{Password, SigningKey};
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    const MADE: u32 = 1_700_000_000;
    const DAY: u32 = 86_400;

    /// A certificate in the making: a primary key and one subkey, both of which could sign.
    struct Owner(SignedSecretKey);

    impl Owner {
        fn new(seed: u64) -> Self {
            let mut subkey = SubkeyParamsBuilder::default();
            subkey.key_type(KeyType::Ed25519Legacy).can_sign(true).can_encrypt(EncryptionCaps::None);
            subkey.created_at(Timestamp::from_secs(MADE));
            let mut params = SecretKeyParamsBuilder::default();
            params.key_type(KeyType::Ed25519Legacy).can_certify(true).can_sign(true).can_encrypt(EncryptionCaps::None);
            params.created_at(Timestamp::from_secs(MADE)).primary_user_id("Dana <dana@acme.dev>".into());
            params.subkeys(vec![subkey.build().expect("a subkey")]);
            let params = params.build().expect("parameters");
            Self(params.generate(StdRng::seed_from_u64(seed)).expect("a key"))
        }

        fn config(&self, typ: SignatureType, made: u32, key: &impl SigningKey) -> SignatureConfig {
            let mut config = SignatureConfig::v4(typ, key.algorithm(), HashAlgorithm::Sha512);
            config.hashed_subpackets = vec![
                Subpacket::regular(SubpacketData::SignatureCreationTime(Timestamp::from_secs(made))).expect("a packet"),
                Subpacket::regular(SubpacketData::IssuerFingerprint(key.fingerprint())).expect("a packet"),
            ];
            config
        }

        /// What the primary key says of itself.
        fn own(&self, made: u32, flags: KeyFlags, days: u32) -> Signature {
            let key = &self.0.primary_key;
            let mut config = self.config(SignatureType::CertPositive, made, key);
            config.hashed_subpackets.extend(about(flags, days));
            let public = key.public_key();
            config.sign_certification(key, public, &Password::empty(), Tag::UserId, &user()).expect("signed")
        }

        fn binding(&self, flags: KeyFlags, days: u32, back: Option<Signature>) -> Signature {
            let (key, sub) = (&self.0.primary_key, &self.0.secret_subkeys[0].key);
            let mut config = self.config(SignatureType::SubkeyBinding, MADE, key);
            config.hashed_subpackets.extend(about(flags, days));
            let back =
                back.map(|b| Subpacket::regular(SubpacketData::EmbeddedSignature(Box::new(b))).expect("a packet"));
            config.hashed_subpackets.extend(back);
            config.sign_subkey_binding(key, key.public_key(), &Password::empty(), sub.public_key()).expect("signed")
        }

        /// The subkey's word that it is one of `primary`.
        fn back(&self, primary: &Self) -> Signature {
            let sub = &self.0.secret_subkeys[0].key;
            let config = self.config(SignatureType::KeyBinding, MADE, sub);
            let (public, primary) = (sub.public_key(), primary.0.primary_key.public_key());
            config.sign_primary_key_binding(sub, public, &Password::empty(), primary).expect("signed")
        }

        fn revocation(&self, typ: SignatureType) -> Signature {
            let (key, sub) = (&self.0.primary_key, &self.0.secret_subkeys[0].key);
            let config = self.config(typ, MADE + DAY, key);
            match typ {
                SignatureType::SubkeyRevocation => {
                    config.sign_subkey_binding(key, key.public_key(), &Password::empty(), sub.public_key())
                }
                _ => config.sign_key(key, &Password::empty(), key.public_key()),
            }
            .expect("signed")
        }

        fn certificate(&self, own: Vec<Signature>, revoked: Vec<Signature>, binding: Vec<Signature>) -> Vec<Key> {
            let users = vec![pgp::types::SignedUser::new(user(), own)];
            let details = SignedKeyDetails::new(revoked, vec![], users, vec![]);
            let sub = SignedPublicSubKey::new(self.0.secret_subkeys[0].key.public_key().clone(), binding);
            let primary = self.0.primary_key.public_key().clone();
            let certificate = SignedPublicKey::new(primary, details, vec![sub]);
            read(&certificate.to_armored_string(ArmorOptions::default()).expect("armored")).unwrap_or_default()
        }

        fn sign(&self, typ: SignatureType, made: u32, payload: &[u8]) -> Vec<u8> {
            self.sign_with(&self.0.primary_key, typ, made, payload)
        }

        fn sign_by_subkey(&self, payload: &[u8]) -> Vec<u8> {
            let sub = &self.0.secret_subkeys[0].key;
            self.sign_with(sub, SignatureType::Binary, MADE + DAY, payload)
        }

        fn sign_with(&self, key: &impl SigningKey, typ: SignatureType, made: u32, payload: &[u8]) -> Vec<u8> {
            packet(&self.config(typ, made, key).sign(key, &Password::empty(), payload).expect("signed"))
        }
    }

    fn user() -> UserId {
        UserId::from_str(pgp::types::PacketHeaderVersion::New, "Dana <dana@acme.dev>").expect("a user id")
    }

    fn flags(sign: bool) -> KeyFlags {
        let mut flags = KeyFlags::default();
        flags.set_certify(true);
        flags.set_sign(sign);
        flags
    }

    fn about(flags: KeyFlags, days: u32) -> Vec<Subpacket> {
        let lasts = Duration::from_secs(days * DAY);
        let all = [SubpacketData::KeyFlags(flags), SubpacketData::KeyExpirationTime(lasts)];
        all.map(|data| Subpacket::regular(data).expect("a packet")).to_vec()
    }

    fn packet(signature: &Signature) -> Vec<u8> {
        let mut bytes = Vec::new();
        Packet::from(signature.clone()).to_writer(&mut bytes).expect("written");
        bytes
    }

    const BINARY: SignatureType = SignatureType::Binary;

    fn at(days: u32) -> Option<u64> {
        Some(u64::from(MADE + days * DAY))
    }

    #[test]
    fn only_a_signature_by_an_allowed_key_over_this_object_counts() {
        let (dana, eve) = (Owner::new(1), Owner::new(2));
        let keys = dana.certificate(vec![dana.own(MADE, flags(true), 0)], vec![], vec![]);
        let good = dana.sign(BINARY, MADE + DAY, b"payload");
        assert_eq!(verify(b"payload", &good, at(1), &keys), Ok(()));
        assert_eq!(verify(b"payloaD", &good, at(1), &keys), Err(Flaw::OtherObject));
        let others = eve.sign(BINARY, MADE + DAY, b"payload");
        let fingerprint = eve.0.primary_key.fingerprint().to_string().to_uppercase();
        assert_eq!(verify(b"payload", &others, at(1), &keys), Err(Flaw::UnknownKey(fingerprint)));
        assert!(matches!(verify(b"payload", &good, at(1), &[]), Err(Flaw::UnknownKey(_))));
        assert_eq!(verify(b"payload", &[good.clone(), good.clone()].concat(), at(1), &keys), Err(Flaw::Several));
        for odd in [&good[..good.len() - 1], &[good.as_slice(), b"\0"].concat(), b"", b"\xff\xff"] {
            assert!(verify(b"payload", odd, at(1), &keys).is_err(), "{odd:?}");
        }
        let text = dana.sign(SignatureType::Text, MADE + DAY, b"payload");
        assert!(matches!(verify(b"payload", &text, at(1), &keys), Err(Flaw::Malformed(_))));
        // Behind the packet's header of two bytes: version, type, algorithm of the key, of the hash.
        let mut weak = good.clone();
        weak[5] = HashAlgorithm::Sha1.into();
        assert!(matches!(verify(b"payload", &weak, at(1), &keys), Err(Flaw::Weak(_))));
        for index in 0..good.len() {
            let mut bad = good.clone();
            bad[index] ^= 1;
            // Bits of the unhashed part and of lengths may mean nothing; what is signed may not change.
            let _ = verify(b"payload", &bad, at(1), &keys);
            assert!(verify(b"payloaD", &bad, at(1), &keys).is_err(), "{index}");
        }
    }

    #[test]
    fn a_key_counts_while_it_is_valid() {
        let dana = Owner::new(1);
        let sign = |day: u32| dana.sign(BINARY, MADE + day * DAY, b"payload");
        let ten = dana.certificate(vec![dana.own(MADE, flags(true), 10)], vec![], vec![]);
        let table = [
            (sign(1), at(1), Ok(())),
            (sign(9), at(9), Ok(())),
            (sign(10), at(10), Err(Flaw::NotValidThen)),
            (sign(1), at(10), Err(Flaw::NotValidThen)),
            (sign(10), at(1), Err(Flaw::NotValidThen)),
            (sign(1), at(0).map(|t| t - 1), Err(Flaw::NotValidThen)),
            (sign(1), None, Err(Flaw::NotValidThen)),
            (dana.sign(BINARY, MADE - 1, b"payload"), at(1), Err(Flaw::NotValidThen)),
        ];
        for (index, (signature, date, expected)) in table.into_iter().enumerate() {
            assert_eq!(verify(b"payload", &signature, date, &ten), expected, "{index}");
        }
        // The newest word counts, whichever way round they stand.
        let (old, new) = (dana.own(MADE, flags(true), 10), dana.own(MADE + DAY, flags(true), 100));
        for own in [vec![old.clone(), new.clone()], vec![new, old]] {
            assert_eq!(verify(b"payload", &sign(50), at(50), &dana.certificate(own, vec![], vec![])), Ok(()));
        }
        let revoked = vec![dana.revocation(SignatureType::KeyRevocation)];
        let revoked = dana.certificate(vec![dana.own(MADE, flags(true), 0)], revoked, vec![]);
        assert_eq!(verify(b"payload", &sign(0), at(0), &revoked), Err(Flaw::Revoked));
        assert!(dana.certificate(vec![dana.own(MADE, flags(false), 0)], vec![], vec![]).is_empty());
        // Somebody else's word about the key is none.
        let eve = Owner::new(2);
        assert!(dana.certificate(vec![eve.own(MADE, flags(true), 0)], vec![], vec![]).is_empty());
    }

    #[test]
    fn a_subkey_counts_if_both_keys_say_so() {
        let (dana, eve) = (Owner::new(1), Owner::new(2));
        let signature = dana.sign_by_subkey(b"payload");
        let own = || vec![dana.own(MADE, flags(true), 0)];
        let check =
            |binding: Vec<Signature>| verify(b"payload", &signature, at(1), &dana.certificate(own(), vec![], binding));
        assert_eq!(check(vec![dana.binding(flags(true), 0, Some(dana.back(&dana)))]), Ok(()));
        assert_eq!(check(vec![dana.binding(flags(true), 0, None)]), Err(Flaw::NotForSigning));
        assert_eq!(check(vec![dana.binding(flags(true), 0, Some(eve.back(&dana)))]), Err(Flaw::NotForSigning));
        assert_eq!(check(vec![dana.binding(flags(false), 0, Some(dana.back(&dana)))]), Err(Flaw::NotForSigning));
        assert_eq!(check(vec![dana.binding(flags(true), 1, Some(dana.back(&dana)))]), Err(Flaw::NotValidThen));
        assert!(matches!(check(vec![eve.binding(flags(true), 0, None)]), Err(Flaw::UnknownKey(_))));
        assert!(matches!(check(vec![]), Err(Flaw::UnknownKey(_))));
        let binding = || dana.binding(flags(true), 0, Some(dana.back(&dana)));
        let revoked = vec![binding(), dana.revocation(SignatureType::SubkeyRevocation)];
        assert_eq!(check(revoked), Err(Flaw::Revoked));
        // What ends or revokes the primary key ends its subkeys.
        let ends = dana.certificate(vec![dana.own(MADE, flags(true), 1)], vec![], vec![binding()]);
        assert_eq!(verify(b"payload", &signature, at(1), &ends), Err(Flaw::NotValidThen));
        let gone = vec![dana.revocation(SignatureType::KeyRevocation)];
        let gone = dana.certificate(own(), gone, vec![binding()]);
        assert_eq!(verify(b"payload", &signature, at(1), &gone), Err(Flaw::Revoked));
    }

    #[test]
    fn what_is_no_certificate_is_an_error() {
        let block =
            |body: &str| format!("-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n{body}\n-----END PGP PUBLIC KEY BLOCK-----");
        for bad in ["", "-----BEGIN", &block(""), &block("AAEC"), &block("*")] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
