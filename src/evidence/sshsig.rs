//! The SSH signature of a commit, as `git commit -S` with `gpg.format=ssh` makes it and `git verify-commit` checks it.
//!
//! Pure functions of the commit's bytes. Neither makes nor stores objects.

use crate::evidence::allowed_signers::AllowedSigner;
use crate::evidence::key::GateKey;
use bstr::ByteSlice;
use jiff::Timestamp;
use ssh_key::{HashAlg, LineEnding, SshSig};

/// The namespace of git's signatures.
pub const GIT_NAMESPACE: &str = "git";

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CommitError {
    #[error("not a commit object: no tree line first, or no blank line after the headers")]
    Malformed,
    #[error("the commit is signed already")]
    Signed,
    #[error("the signature could not be made")]
    Signature,
}

/// The commit with the signature as its last header.
///
/// What is signed is the commit without it, so the bytes given here are just what a verifier puts together again.
pub fn sign_commit(commit: &[u8], key: &GateKey) -> Result<Vec<u8>, CommitError> {
    let end = commit.find("\n\n").ok_or(CommitError::Malformed)? + 1;
    let (headers, message) = commit.split_at(end);
    let header = header_name(headers)?;
    if headers.lines().any(|line| line.starts_with(b"gpgsig")) {
        return Err(CommitError::Signed);
    }
    let signature = key.to_ssh().sign(GIT_NAMESPACE, HashAlg::Sha512, commit);
    let armored = signature.and_then(|signature| signature.to_pem(LineEnding::LF));
    let armored = armored.map_err(|_| CommitError::Signature)?;
    let mut signed = headers.to_vec();
    for (index, line) in armored.lines().enumerate() {
        signed.extend_from_slice(if index == 0 { header } else { b"" });
        signed.push(b' ');
        signed.extend_from_slice(line.as_bytes());
        signed.push(b'\n');
    }
    signed.extend_from_slice(message);
    Ok(signed)
}

/// A repository of SHA-256 objects has its own header.
fn header_name(headers: &[u8]) -> Result<&'static [u8], CommitError> {
    let tree = headers.lines().next().and_then(|line| line.strip_prefix(b"tree ")).ok_or(CommitError::Malformed)?;
    match tree.len() {
        40 => Ok(b"gpgsig"),
        64 => Ok(b"gpgsig-sha256"),
        _ => Err(CommitError::Malformed),
    }
}

/// Why nobody who may is known to have signed a commit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotSigned {
    #[error("it has no SSH signature, or more than one")]
    Absent,
    #[error("it is signed by a key that may not sign it: {0}")]
    Foreign(String),
    #[error("it is signed by {0}, whose time is over or has not come")]
    NotValid(String),
    #[error("it was altered: the signature of {0} does not match")]
    Altered(String),
}

/// The fingerprint of the key that signed a commit, which must be one of these signers' at the commit's time.
///
/// The time is the committer's own word, as it is for git: a key that was stolen has to leave the list.
pub fn commit_signer(commit: &[u8], time: Timestamp, signers: &[AllowedSigner]) -> Result<String, NotSigned> {
    let (unsigned, armored) = split(commit).ok_or(NotSigned::Absent)?;
    let signature = SshSig::from_pem(&armored).map_err(|_| NotSigned::Absent)?;
    let fingerprint = signature.public_key().fingerprint(HashAlg::Sha256).to_string();
    let is_known = |signer: &&AllowedSigner| {
        let is_for_git = signer.namespaces.is_empty() || signer.namespaces.iter().any(|name| name == GIT_NAMESPACE);
        is_for_git && signer.key.key_data() == signature.public_key()
    };
    let known: Vec<&AllowedSigner> = signers.iter().filter(is_known).collect();
    let Some(first) = known.first() else { return Err(NotSigned::Foreign(fingerprint)) };
    if first.key.verify(GIT_NAMESPACE, &unsigned, &signature).is_err() {
        return Err(NotSigned::Altered(fingerprint));
    }
    let is_in_time = |signer: &&AllowedSigner| {
        signer.valid_after.is_none_or(|after| after <= time) && signer.valid_before.is_none_or(|before| time < before)
    };
    if known.iter().any(is_in_time) { Ok(fingerprint) } else { Err(NotSigned::NotValid(fingerprint)) }
}

/// What was signed, and the signature: a commit has exactly one.
fn split(commit: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let (headers, message) = commit.split_at(commit.find("\n\n")? + 1);
    let start = [header_name(headers).ok()?, b" "].concat();
    let (mut unsigned, mut armored, mut found, mut is_within) = (Vec::new(), Vec::new(), 0, false);
    for line in headers.lines_with_terminator() {
        let of_signature = match line.strip_prefix(start.as_slice()) {
            Some(first) => {
                found += 1;
                Some(first)
            }
            None => line.strip_prefix(b" ").filter(|_| is_within),
        };
        is_within = of_signature.is_some();
        match of_signature {
            Some(line) => armored.extend_from_slice(line),
            None => unsigned.extend_from_slice(line),
        }
    }
    unsigned.extend_from_slice(message);
    (found == 1).then_some((unsigned, armored))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ssh_key::SshSig;

    #[test]
    fn the_signature_is_the_last_header_and_covers_the_rest() {
        let commit = format!("tree {}\nauthor A <a> 1 +0000\ncommitter A <a> 1 +0000\n\nm\n\nx\n", "a".repeat(40));
        let key = GateKey::from_seed(&[1; 32]);
        let signed = String::from_utf8(sign_commit(commit.as_bytes(), &key).expect("signed")).expect("UTF-8");
        let (before, rest) = signed.split_once("gpgsig ").expect("a header");
        let (signature, message) = rest.split_once("\n\n").expect("a message");
        assert_eq!(format!("{before}\n{message}"), commit, "nothing else changed");
        let signature: SshSig = signature.replace("\n ", "\n").parse().expect("a signature");
        let public = ssh_key::PublicKey::from(key.public().key_data());
        assert!(public.verify("git", commit.as_bytes(), &signature).is_ok());
        assert!(public.verify("approve@gate", commit.as_bytes(), &signature).is_err());
        assert_eq!(sign_commit(signed.as_bytes(), &key), Err(CommitError::Signed));
    }

    #[test]
    fn what_is_no_commit_is_not_signed() {
        let key = GateKey::from_seed(&[1; 32]);
        let long = format!("tree {}\n\n", "a".repeat(64));
        assert!(sign_commit(long.as_bytes(), &key).expect("signed").find("\ngpgsig-sha256 -----BEGIN").is_some());
        for bad in ["", "\n\n", "tree abc\n\n", "tree ", &long.replace("\n\n", "\n"), &format!("x\n{long}")] {
            assert_eq!(sign_commit(bad.as_bytes(), &key), Err(CommitError::Malformed), "{bad:?}");
        }
    }

    #[test]
    fn a_commit_is_signed_by_who_may_and_when_they_may() {
        let commit = format!("tree {}\ncommitter A <a> 1 +0000\n\nm\n", "a".repeat(40));
        let (key, other) = (GateKey::from_seed(&[1; 32]), GateKey::from_seed(&[2; 32]));
        let signed = sign_commit(commit.as_bytes(), &key).expect("signed");
        let at = |seconds: i64| Timestamp::from_second(seconds).expect("a time");
        let may = |key: &GateKey, options: &str| {
            let line = format!("gate {options}{}\n", key.public().to_openssh());
            crate::evidence::parse_allowed_signers(&line).expect("a signer")
        };
        let keyid = key.public().to_string();
        let ask = |commit: &[u8], signers: &[AllowedSigner]| commit_signer(commit, at(1000), signers);
        for options in ["", "namespaces=\"git\" ", "namespaces=\"file,git\",valid-after=\"19700101Z\" "] {
            assert_eq!(ask(&signed, &may(&key, options)), Ok(keyid.clone()), "{options}");
        }
        assert_eq!(ask(&signed, &may(&key, "namespaces=\"file\" ")), Err(NotSigned::Foreign(keyid.clone())));
        assert_eq!(ask(&signed, &may(&other, "")), Err(NotSigned::Foreign(keyid.clone())));
        assert_eq!(ask(&signed, &[]), Err(NotSigned::Foreign(keyid.clone())));
        for options in ["valid-after=\"19700102Z\" ", "valid-before=\"19700101001000Z\" "] {
            assert_eq!(ask(&signed, &may(&key, options)), Err(NotSigned::NotValid(keyid.clone())), "{options}");
        }
        let twice = [may(&key, "valid-after=\"19700102Z\" "), may(&key, "")].concat();
        assert_eq!(ask(&signed, &twice), Ok(keyid.clone()));
        assert_eq!(ask(&signed.replace("\n\nm", "\n\nx"), &may(&key, "")), Err(NotSigned::Altered(keyid)));
        assert_eq!(ask(commit.as_bytes(), &may(&key, "")), Err(NotSigned::Absent));
    }

    #[test]
    fn no_byte_of_a_signed_commit_can_be_changed_and_none_is_read_past() {
        let commit = format!("tree {}\ncommitter A <a> 1 +0000\n\nm\n", "a".repeat(40));
        let key = GateKey::from_seed(&[1; 32]);
        let signed = sign_commit(commit.as_bytes(), &key).expect("signed");
        let line = format!("gate {}\n", key.public().to_openssh());
        let signers = crate::evidence::parse_allowed_signers(&line).expect("a signer");
        let is_signed = |commit: &[u8]| commit_signer(commit, Timestamp::UNIX_EPOCH, &signers).is_ok();
        assert!(is_signed(&signed));
        for at in 0..signed.len() {
            assert!(!is_signed(&signed[..at]), "cut at {at}");
            let mut changed = signed.clone();
            changed[at] = b'\0';
            assert!(!is_signed(&changed), "byte {at}");
        }
        // A second signature, over whatever.
        let header = signed.find("gpgsig").expect("a header");
        let end = signed.find("\n\n").expect("the end") + 1;
        let twice = [&signed[..end], &signed[header..]].concat();
        assert!(!is_signed(&twice));
    }
}
