//! Push certificates: the nonce they are signed over, what they are worth, and the place where they are kept.
//!
//! Whose signature counts is the policy's to say.

use crate::gate::judge::Push;
use crate::gate::key_file::{self, KeyFileError};
use crate::model::{NonceStatus, PushId, RepoName};
use crate::policy::Checked;
use crate::record::PushCertEntry;
use crate::wire::certificate::{CAPABILITY, Certificate};
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// 64 hex digits. Whoever has it can make nonces that look like this gate's.
const SEED_FILE: &str = "push_cert_seed";
/// Holds a file for each certificate, called by the SHA-256 of what is in it.
const DIR: &str = "certs";

pub struct Certificates {
    seed: [u8; 32],
    dir: PathBuf,
}

#[derive(Debug, thiserror::Error)]
pub enum CertificatesError {
    #[error(transparent)]
    Seed(#[from] KeyFileError),
    #[error("cannot prepare {}: {error}", path.display())]
    Directory { path: PathBuf, error: io::Error },
}

impl Certificates {
    pub fn open(data: &Path) -> Result<Self, CertificatesError> {
        let seed = key_file::load_or_create(data, SEED_FILE)?;
        let dir = data.join(DIR);
        let made = DirBuilder::new().mode(0o700).recursive(true).create(&dir);
        made.map_err(|error| CertificatesError::Directory { path: dir.clone(), error })?;
        Ok(Self { seed, dir })
    }

    /// `SECONDS-PUSH-HMAC`. It names the push, so that a certificate is good for that one alone, also in the eyes of who
    /// reads the record: nobody can put one under two pushes.
    #[must_use]
    pub fn nonce(&self, repo: &RepoName, push: PushId, seconds: i64) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.seed).expect("HMAC takes a key of any length");
        mac.update(format!("{seconds}\0{push}\0{repo}").as_bytes());
        format!("{seconds}-{push}-{}", hex(&mac.finalize().into_bytes()))
    }

    /// Whether a certificate was made for this push, and not long ago.
    #[must_use]
    pub fn check_nonce(
        &self,
        nonce: Option<&[u8]>,
        (repo, push): (&RepoName, PushId),
        now: i64,
        age_max: Duration,
    ) -> NonceStatus {
        let Some(nonce) = nonce else { return NonceStatus::Missing };
        let seconds = std::str::from_utf8(nonce).ok().and_then(|text| text.split('-').next()?.parse::<i64>().ok());
        // A clock that was set back in between is no fault of the client's.
        let is_ours = |seconds: &i64| {
            self.nonce(repo, push, *seconds).as_bytes() == nonce && seconds.abs_diff(now) <= age_max.as_secs()
        };
        if seconds.is_some_and(|seconds| is_ours(&seconds)) { NonceStatus::Ok } else { NonceStatus::Bad }
    }

    /// Keeps a certificate, once for all pushes that bring it, and says what it is called. It is on disk afterwards.
    pub fn keep(&self, text: &[u8]) -> io::Result<String> {
        let name = hex(&Sha256::digest(text));
        match key_file::put(&self.dir.join(&name), text) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
            Ok(()) | Err(_) => Ok(name),
        }
    }
}

impl Push<'_> {
    /// Among the capabilities, where certificates are taken: with what they are to be signed over.
    pub(super) fn nonce_capability(&self) -> Option<String> {
        let nonce = self.certificates?.nonce(&self.target.name, self.id, Timestamp::now().as_second());
        Some(format!("{CAPABILITY}={nonce}"))
    }

    /// What the certificate of this push is worth, just after it has come.
    pub(super) fn check_push_cert(&self, certificate: &Certificate) -> Checked {
        let push = (&self.target.name, self.id);
        let nonce = certificate.nonce.as_ref().map(|nonce| nonce.as_slice());
        let (now, age_max) = (Timestamp::now().as_second(), self.limits.push_cert_time_max);
        // Without a seed no certificate gets as far as here.
        let nonce = self.certificates.map_or(NonceStatus::Bad, |own| own.check_nonce(nonce, push, now, age_max));
        let session = self.session;
        let parts = (certificate.signed(), certificate.signature());
        let checked = self.policy.check_push_cert(&session.principal.name, &session.key_fingerprint, parts, nonce);
        tracing::debug!(status = checked.status.as_str(), nonce = checked.nonce.as_str(), "a push certificate");
        checked
    }

    /// Keeps the certificate; what the record says of it.
    pub(super) fn keep_push_cert(&self, text: &[u8], checked: &Checked) -> io::Result<Option<PushCertEntry>> {
        let Some(certificates) = self.certificates else { return Ok(None) };
        let sha256 = certificates.keep(text)?;
        Ok(Some(PushCertEntry { sha256, status: checked.status, nonce_status: checked.nonce }))
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repo(name: &str) -> RepoName {
        RepoName::parse(name).expect("a name")
    }

    #[test]
    fn a_nonce_counts_for_its_push_and_its_time_only() {
        let dirs = [(); 2].map(|()| tempfile::tempdir().expect("a directory"));
        let [own, other] = [0, 1].map(|n: usize| Certificates::open(dirs[n].path()).expect("opened"));
        let (app, apq, push) = (repo("app"), repo("apq"), PushId::generate());
        let nonce = own.nonce(&app, push, 1_700_000_000);
        // What git signs without a question (send-pack.c, "reject_invalid_nonce").
        assert!(nonce.len() <= 256 && nonce.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'), "{nonce}");
        let check = |nonce: &str, repo, push, now| {
            own.check_nonce(Some(nonce.as_bytes()), (repo, push), now, Duration::from_secs(600))
        };
        for (now, expected) in [
            (1_700_000_000, NonceStatus::Ok),
            (1_700_000_600, NonceStatus::Ok),
            (1_700_000_601, NonceStatus::Bad),
            (1_699_999_400, NonceStatus::Ok),
            (1_699_999_399, NonceStatus::Bad),
        ] {
            assert_eq!(check(&nonce, &app, push, now), expected, "{now}");
        }
        let now = 1_700_000_000;
        assert_eq!(check(&nonce, &apq, push, now), NonceStatus::Bad);
        assert_eq!(check(&nonce, &app, PushId::generate(), now), NonceStatus::Bad);
        assert_eq!(check(&other.nonce(&app, push, now), &app, push, now), NonceStatus::Bad);
        for bad in ["", "-", "x", &nonce[1..], &format!("+{nonce}"), &format!("0{nonce}"), &format!("{nonce}0"), "é"] {
            assert_eq!(check(bad, &app, push, now), NonceStatus::Bad, "{bad}");
        }
        let missing = own.check_nonce(None, (&app, push), now, Duration::from_secs(600));
        assert_eq!(missing, NonceStatus::Missing);
        let again = Certificates::open(dirs[0].path()).expect("opened");
        assert_eq!(again.nonce(&app, push, now), nonce, "the seed is kept");
    }

    #[test]
    fn a_certificate_is_kept_once_under_its_digest() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().expect("a directory");
        let certificates = Certificates::open(dir.path()).expect("opened");
        let name = certificates.keep(b"abc").expect("kept");
        assert_eq!(name, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(certificates.keep(b"abc").expect("kept"), name);
        certificates.keep(b"abd").expect("kept");
        let path = dir.path().join("certs").join(&name);
        assert_eq!(std::fs::read(&path).expect("there"), b"abc");
        let mode = |path: &Path| std::fs::metadata(path).expect("there").permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(&dir.path().join("certs"))), (0o600, 0o700));
        assert_eq!(std::fs::read_dir(dir.path().join("certs")).expect("there").count(), 2);
    }
}
