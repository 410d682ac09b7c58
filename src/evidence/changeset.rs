//! The digest of what an update changes, over content and not over object ids.
//!
//! It ties a statement to the bytes without trusting SHA-1, and does not depend on the text of a diff. SHA-256 over
//! records `<old mode> <new mode> <sha256 old> <sha256 new> <path> NUL`, sorted by the bytes of the path; modes are six
//! octal digits, an absent side is `000000` with 64 zeros. No rename detection: a move is two records.

use crate::evidence::digest::Sha256Digest;
use bstr::{BString, ByteSlice};
use sha2::{Digest, Sha256};

/// One side of a changed entry.
///
/// `content` is the digest of the blob; of a symlink, of its target; of a submodule, of its commit's id in hex.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Side {
    pub mode: u32,
    pub content: Sha256Digest,
}

/// A changed entry; at least one side is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    pub old: Option<Side>,
    pub new: Option<Side>,
    pub path: BString,
}

/// Why a list is no changeset. Each is a mistake of the caller: no push can cause it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ChangesetError {
    #[error("a path is empty or has a NUL")]
    Path,
    #[error("a path stands twice")]
    PathTwice,
    #[error("a mode has more than six octal digits")]
    Mode,
    #[error("an entry has no side")]
    NoSide,
}

/// The digest of these changes, in whatever order they come.
pub fn changeset_digest(changes: impl IntoIterator<Item = Changed>) -> Result<Sha256Digest, ChangesetError> {
    let mut changes: Vec<Changed> = changes.into_iter().collect();
    changes.sort_by(|a, b| a.path.cmp(&b.path));
    if changes.windows(2).any(|pair| matches!(pair, [a, b] if a.path == b.path)) {
        return Err(ChangesetError::PathTwice);
    }
    let mut hash = Sha256::new();
    for change in &changes {
        add(&mut hash, change)?;
    }
    Ok(Sha256Digest::new(hash.finalize().into()))
}

fn add(hash: &mut Sha256, change: &Changed) -> Result<(), ChangesetError> {
    const ABSENT: Side = Side { mode: 0, content: Sha256Digest::ZERO };
    const MODE_MAX: u32 = 0o777_777;
    if change.path.is_empty() || change.path.find_byte(0).is_some() {
        return Err(ChangesetError::Path);
    }
    if change.old.is_none() && change.new.is_none() {
        return Err(ChangesetError::NoSide);
    }
    let (old, new) = (change.old.unwrap_or(ABSENT), change.new.unwrap_or(ABSENT));
    if old.mode > MODE_MAX || new.mode > MODE_MAX {
        return Err(ChangesetError::Mode);
    }
    hash.update(format!("{:06o} {:06o} {} {} ", old.mode, new.mode, old.content, new.content));
    hash.update(change.path.as_slice());
    hash.update([0]);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn side(mode: u32, content: &str) -> Option<Side> {
        Some(Side { mode, content: Sha256Digest::of(content.as_bytes()) })
    }

    fn changed(path: &[u8], old: Option<Side>, new: Option<Side>) -> Changed {
        Changed { old, new, path: path.into() }
    }

    #[test]
    fn the_digest_is_over_sorted_records() {
        let hex = |text: &str| Sha256Digest::of(text.as_bytes()).to_string();
        let zeros = "0".repeat(64);
        let mut text = format!("100644 100755 {} {} a-b", hex("1"), hex("2")).into_bytes();
        text.push(0);
        text.extend_from_slice(format!("000000 120000 {zeros} {} a/b\0", hex("t")).as_bytes());
        text.extend_from_slice(format!("160000 000000 {} {zeros} ", hex("c")).as_bytes());
        text.extend_from_slice(b"\xff\n\0");
        let changes = [
            changed(b"\xff\n", side(0o160_000, "c"), None),
            changed(b"a/b", None, side(0o120_000, "t")),
            changed(b"a-b", side(0o100_644, "1"), side(0o100_755, "2")),
        ];
        assert_eq!(changeset_digest(changes.clone()), Ok(Sha256Digest::of(&text)));
        let reversed = changes.into_iter().rev();
        assert_eq!(changeset_digest(reversed), Ok(Sha256Digest::of(&text)), "the order of the caller does not matter");
        assert_eq!(changeset_digest([]), Ok(Sha256Digest::of(b"")));
    }

    #[test]
    fn what_is_no_change_is_refused() {
        let one = side(0o100_644, "1");
        let table = [
            (vec![changed(b"", one, None)], ChangesetError::Path),
            (vec![changed(b"a\0b", one, None)], ChangesetError::Path),
            (vec![changed(b"a", None, None)], ChangesetError::NoSide),
            (vec![changed(b"a", one, None), changed(b"a", None, one)], ChangesetError::PathTwice),
            (vec![changed(b"a", one, side(0o1_000_000, "1"))], ChangesetError::Mode),
        ];
        for (changes, why) in table {
            assert_eq!(changeset_digest(changes), Err(why));
        }
        assert!(changeset_digest([changed(b"a", one, side(0o777_777, "1"))]).is_ok());
    }
}
