//! The SSH signature of a commit, as `git commit -S` with `gpg.format=ssh` makes it and `git verify-commit` checks it.
//!
//! A pure function of the commit's bytes. Neither makes nor stores objects.

use crate::evidence::key::GateKey;
use bstr::ByteSlice;
use ssh_key::{HashAlg, LineEnding};

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
}
