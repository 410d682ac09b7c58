//! OpenSSH user certificates (PROTOCOL.certkeys): which are taken, and whose they are. Pure; no IO.
//!
//! That the client holds the certified key is proven by SSH before anything here is asked. Key id, serial and
//! extensions are the CA's notes and decide nothing; a critical option we do not know refuses the certificate.

use russh::keys::ssh_key::certificate::{CertType, Certificate};
use russh::keys::ssh_key::{Algorithm, HashAlg, PublicKey};
use std::net::IpAddr;

/// Says why a certificate was refused. For the log; the client only learns that authentication failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    #[error("the certificate is not a user certificate")]
    NotForUsers,
    #[error("no CA of the configuration signed the certificate, or it is not valid now")]
    CaOrValidity,
    #[error("the CA signed with SHA-1")]
    WeakSignature,
    #[error("the certificate names no principal")]
    NoPrincipals,
    #[error("the certificate's source-address does not name the peer")]
    SourceAddress,
    #[error("the certificate has force-command, which only a shell server can honour")]
    ForceCommand,
    #[error("the certificate has a critical option that is not known here")]
    UnknownCriticalOption,
}

/// Checks everything but who the principals are; those are the policy's to know.
pub fn check(certificate: &Certificate, user_ca: &[PublicKey], peer: IpAddr, now: u64) -> Result<(), CertificateError> {
    if certificate.cert_type() != CertType::User {
        return Err(CertificateError::NotForUsers);
    }
    if matches!(certificate.signature().algorithm(), Algorithm::Rsa { hash: None }) {
        return Err(CertificateError::WeakSignature);
    }
    let fingerprints: Vec<_> = user_ca.iter().map(|ca| ca.fingerprint(HashAlg::Sha256)).collect();
    certificate.validate_at(now, &fingerprints).map_err(|_| CertificateError::CaOrValidity)?;
    if certificate.valid_principals().is_empty() {
        return Err(CertificateError::NoPrincipals);
    }
    for (name, value) in certificate.critical_options().iter() {
        match name.as_str() {
            "source-address" if names_peer(value, peer) => {}
            "source-address" => return Err(CertificateError::SourceAddress),
            "force-command" => return Err(CertificateError::ForceCommand),
            _ => return Err(CertificateError::UnknownCriticalOption),
        }
    }
    Ok(())
}

/// Whether a comma-separated list of addresses and CIDR blocks holds the peer. A malformed list holds nobody.
fn names_peer(list: &str, peer: IpAddr) -> bool {
    let blocks: Option<Vec<Block>> = list.split(',').map(Block::parse).collect();
    blocks.is_some_and(|blocks| blocks.iter().any(|block| block.contains(peer.to_canonical())))
}

/// An address block, IPv4-mapped IPv6 written as the IPv4 it is.
struct Block {
    address: IpAddr,
    prefix_length: u32,
}

impl Block {
    fn parse(text: &str) -> Option<Self> {
        let (address, prefix_length) = match text.split_once('/') {
            Some((address, length)) => (address, Some(parse_length(length)?)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().ok()?;
        let prefix_length = prefix_length.unwrap_or(bits(address));
        if prefix_length > bits(address) {
            return None;
        }
        let block = match (address, address.to_canonical()) {
            (IpAddr::V6(_), mapped @ IpAddr::V4(_)) if prefix_length >= 96 => {
                Self { address: mapped, prefix_length: prefix_length.saturating_sub(96) }
            }
            _ => Self { address, prefix_length },
        };
        // As OpenSSH: bits set beyond the prefix are a mistake, and a mistake grants nothing.
        block.contains_exactly_its_prefix().then_some(block)
    }

    fn contains(&self, peer: IpAddr) -> bool {
        bits(self.address) == bits(peer) && self.prefix_of(self.address) == self.prefix_of(peer)
    }

    fn contains_exactly_its_prefix(&self) -> bool {
        let host_bits = bits(self.address).saturating_sub(self.prefix_length);
        let prefix = self.prefix_of(self.address);
        prefix.checked_shl(host_bits).unwrap_or(0) == value(self.address)
    }

    fn prefix_of(&self, address: IpAddr) -> u128 {
        let host_bits = bits(self.address).saturating_sub(self.prefix_length);
        value(address).checked_shr(host_bits).unwrap_or(0)
    }
}

fn parse_length(text: &str) -> Option<u32> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if digits { text.parse().ok() } else { None }
}

fn bits(address: IpAddr) -> u32 {
    match address {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    }
}

fn value(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u128::from(address.to_bits()),
        IpAddr::V6(address) => address.to_bits(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use russh::keys::PrivateKey;
    use russh::keys::ssh_key::certificate::Builder;
    use russh::keys::ssh_key::private::Ed25519Keypair;

    const NOW: u64 = 1_800_000_000;
    const PEER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 1, 2, 3));

    fn key(seed: u8) -> PrivateKey {
        PrivateKey::from(Ed25519Keypair::from_seed(&[seed; 32]))
    }

    fn certificate(change: impl FnOnce(&mut Builder)) -> Certificate {
        certificate_between(NOW, NOW + 1, change)
    }

    fn certificate_between(after: u64, before: u64, change: impl FnOnce(&mut Builder)) -> Certificate {
        let subject = key(2).public_key().key_data().clone();
        let mut builder = Builder::new(vec![7; 16], subject, after, before).expect("a builder");
        builder.cert_type(CertType::User).expect("set once").key_id("trust me, I am dana").expect("set once");
        change(&mut builder);
        builder.sign(&key(1)).expect("signed")
    }

    fn principal(builder: &mut Builder) {
        builder.valid_principal("claude-1").expect("a principal");
    }

    fn verdict(certificate: &Certificate) -> Result<(), CertificateError> {
        check(certificate, &[key(9).public_key().clone(), key(1).public_key().clone()], PEER, NOW)
    }

    fn with_option(name: &'static str, value: &'static str) -> Certificate {
        certificate(|b| {
            principal(b);
            b.critical_option(name, value).expect("an option");
        })
    }

    #[test]
    fn takes_what_the_ca_signed_for_now_and_here() {
        assert_eq!(verdict(&certificate(principal)), Ok(()));
        assert_eq!(verdict(&with_option("source-address", "10.0.0.0/8")), Ok(()));
        assert_eq!(verdict(&certificate_between(0, u64::MAX >> 1, principal)), Ok(()));
        let noted = certificate(|b| {
            principal(b);
            b.extension("permit-pty", "").expect("an extension");
        });
        assert_eq!(verdict(&noted), Ok(()));
    }

    #[test]
    fn refuses_each_thing_that_is_wrong() {
        use CertificateError as E;
        let host = {
            let subject = key(2).public_key().key_data().clone();
            let mut b = Builder::new(vec![7; 16], subject, NOW, NOW + 1).expect("a builder");
            b.cert_type(CertType::Host).expect("set once").valid_principal("claude-1").expect("a principal");
            b.sign(&key(1)).expect("signed")
        };
        assert_eq!(verdict(&host), Err(E::NotForUsers));
        let good = certificate(principal);
        assert_eq!(check(&good, &[], PEER, NOW), Err(E::CaOrValidity));
        assert_eq!(check(&good, &[key(2).public_key().clone()], PEER, NOW), Err(E::CaOrValidity));
        assert_eq!(check(&good, &[key(1).public_key().clone()], PEER, NOW - 1), Err(E::CaOrValidity));
        assert_eq!(check(&good, &[key(1).public_key().clone()], PEER, NOW + 1), Err(E::CaOrValidity));
        assert_eq!(verdict(&certificate(|b| drop(b.all_principals_valid()))), Err(E::NoPrincipals));
        assert_eq!(verdict(&with_option("source-address", "10.1.2.4")), Err(E::SourceAddress));
        assert_eq!(verdict(&with_option("force-command", "git-receive-pack app")), Err(E::ForceCommand));
        assert_eq!(verdict(&with_option("verify-required", "")), Err(E::UnknownCriticalOption));
        assert_eq!(verdict(&with_option("x@example.com", "")), Err(E::UnknownCriticalOption));
    }

    #[test]
    fn a_changed_certificate_is_not_valid() {
        let mut bytes = certificate(principal).to_bytes().expect("bytes");
        let at = bytes.windows(8).position(|w| w == b"claude-1").expect("the principal");
        bytes[at..at + 8].copy_from_slice(b"claude-2");
        let changed = Certificate::from_bytes(&bytes).expect("still well formed");
        assert_eq!(verdict(&changed), Err(CertificateError::CaOrValidity));
    }

    #[test]
    fn source_address_lists() {
        let table = [
            ("10.1.2.3", "10.1.2.3", true),
            ("10.1.2.3/32", "10.1.2.3", true),
            ("10.1.2.3/32", "10.1.2.4", false),
            ("10.1.2.0/24", "10.1.2.255", true),
            ("10.1.2.0/24", "10.1.3.0", false),
            ("0.0.0.0/0", "192.0.2.1", true),
            ("0.0.0.0/0", "2001:db8::1", false),
            ("::/0", "192.0.2.1", false),
            ("::/0", "2001:db8::1", true),
            ("2001:db8::/32", "2001:db8:1::1", true),
            ("2001:db8::/32", "2001:db9::1", false),
            ("10.1.2.0/24", "::ffff:10.1.2.3", true),
            ("::ffff:10.1.2.0/120", "10.1.2.3", true),
            ("::ffff:10.1.2.3", "10.1.2.3", true),
            ("192.0.2.1,10.0.0.0/8", "10.9.9.9", true),
            ("", "10.1.2.3", false),
            ("10.1.2.3/24", "10.1.2.3", false),
            ("10.1.2.3/33", "10.1.2.3", false),
            ("10.1.2.3/+8", "10.1.2.3", false),
            ("10.1.2.3/", "10.1.2.3", false),
            ("10.1.2.*", "10.1.2.3", false),
            ("!192.0.2.1,10.1.2.3", "10.1.2.3", false),
            ("10.1.2.3,nonsense", "10.1.2.3", false),
            ("10.1.2.3, 192.0.2.1", "10.1.2.3", false),
        ];
        for (list, peer, wanted) in table {
            assert_eq!(names_peer(list, peer.parse().expect("an address")), wanted, "{list:?} {peer}");
        }
    }
}
