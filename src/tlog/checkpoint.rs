//! Checkpoints (C2SP tlog-checkpoint): a log's name, size and root, as a note that the log has signed.

use super::cosignature::cosigned_at;
use super::key::{KeyName, VerifyingKey};
use super::note::{Note, NoteError, NoteSignature, SignatureError, Signer};
use super::{Hash, text};
use std::fmt;

/// Why bytes are no checkpoint of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    #[error("{0}")]
    Note(#[from] NoteError),
    #[error("a checkpoint has three lines or more: origin, size, root; none is empty")]
    Lines,
    #[error("the size is no plain decimal number, or too large")]
    Size,
    #[error("the root is not the base64 of a SHA-256 hash")]
    Root,
    #[error("the size is 0, the root is not that of an empty tree")]
    EmptyRoot,
    #[error("it is of another log")]
    Origin,
    #[error("{0}")]
    Signature(#[from] SignatureError),
}

/// What a log says of its tree. Nobody has signed it yet, or that was not checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    origin: String,
    size: u64,
    root: Hash,
    /// Opaque further lines. We write none, but others may, and witnesses sign them along.
    extensions: Vec<String>,
}

impl Checkpoint {
    #[must_use]
    pub fn new(origin: &KeyName, size: u64, root: Hash) -> Self {
        Self { origin: origin.as_str().to_owned(), size, root, extensions: Vec::new() }
    }

    /// Reads a note's text.
    ///
    /// # Errors
    /// It is something else.
    pub fn parse(text: &str) -> Result<Self, CheckpointError> {
        let mut lines = text.strip_suffix('\n').ok_or(CheckpointError::Lines)?.split('\n');
        let mut line = || lines.next().filter(|line| !line.is_empty()).ok_or(CheckpointError::Lines);
        let (origin, size, root) = (line()?, line()?, line()?);
        let size = text::decimal(size).ok_or(CheckpointError::Size)?;
        let root = Hash::from_base64(root).ok_or(CheckpointError::Root)?;
        if size == 0 && root != Hash::of_no_leaves() {
            return Err(CheckpointError::EmptyRoot);
        }
        let extensions: Vec<String> = lines.map(str::to_owned).collect();
        if extensions.iter().any(String::is_empty) {
            return Err(CheckpointError::Lines);
        }
        Ok(Self { origin: origin.to_owned(), size, root, extensions })
    }

    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    #[must_use]
    pub const fn root(&self) -> &Hash {
        &self.root
    }
}

/// The text that is signed.
impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n{}\n{}\n", self.origin, self.size, self.root)?;
        self.extensions.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}

/// A checkpoint whose signature by its log was checked, or just made. May carry cosignatures, which were not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedCheckpoint {
    checkpoint: Checkpoint,
    note: Note,
}

impl SignedCheckpoint {
    /// Signs. The caller answers for it that this log never signed another tree that this one does not extend.
    #[must_use]
    pub(super) fn sign(checkpoint: Checkpoint, signer: &Signer) -> Self {
        let text = checkpoint.to_string();
        let signature = signer.sign(&text);
        Self { checkpoint, note: Note::new(text, signature) }
    }

    /// Reads a checkpoint that this key, named as the log is, must have signed.
    ///
    /// # Errors
    /// It is no checkpoint, of another log, or not signed by it.
    pub fn open(bytes: &[u8], key: &VerifyingKey) -> Result<Self, CheckpointError> {
        Self::check(Note::parse(bytes)?, key)
    }

    /// As [`open`](Self::open), for a note.
    ///
    /// # Errors
    /// It is no checkpoint, of another log, or not signed by it.
    pub fn check(note: Note, key: &VerifyingKey) -> Result<Self, CheckpointError> {
        let checkpoint = Checkpoint::parse(note.text())?;
        if checkpoint.origin != key.name().as_str() {
            return Err(CheckpointError::Origin);
        }
        note.check_signed_by(key)?;
        Ok(Self { checkpoint, note })
    }

    #[must_use]
    pub const fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    #[must_use]
    pub const fn note(&self) -> &Note {
        &self.note
    }

    /// Adds those of the cosignatures that one of these witnesses made of this checkpoint, in the place of older ones,
    /// and says how many they are. Others are left out.
    ///
    /// # Errors
    /// There are as many as a note may have.
    pub fn add_cosignatures(&mut self, given: &[NoteSignature], keys: &[VerifyingKey]) -> Result<usize, NoteError> {
        let mut added = 0;
        for signature in given {
            let alone = Note::new(self.note.text().to_owned(), signature.clone());
            if keys.iter().any(|key| cosigned_at(&alone, key).is_ok()) {
                self.note.add(signature.clone())?;
                added += 1;
            }
        }
        Ok(added)
    }
}

/// The note, as it is stored and sent.
impl fmt::Display for SignedCheckpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.note.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &str = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";

    #[test]
    fn the_example_of_the_specification_is_read_as_it_is_written() {
        let checkpoint = Checkpoint::parse(BODY).expect("a checkpoint");
        assert_eq!((checkpoint.origin(), checkpoint.size()), ("example.com/behind-the-sofa", 20_852_163));
        assert_eq!(checkpoint.to_string(), BODY);
        let extended = format!("{BODY}an extension\nanother\n");
        assert_eq!(Checkpoint::parse(&extended).expect("a checkpoint").to_string(), extended);
    }

    #[test]
    fn what_is_no_checkpoint_is_refused() {
        let swap = |from: &str, to: &str| BODY.replace(from, to);
        let table = [
            (String::new(), CheckpointError::Lines),
            (BODY.trim_end().to_owned(), CheckpointError::Lines),
            (swap("example.com/behind-the-sofa", ""), CheckpointError::Lines),
            ("a\n1\n".to_owned(), CheckpointError::Lines),
            (format!("{BODY}\n"), CheckpointError::Lines),
            (format!("{BODY}x\n\n"), CheckpointError::Lines),
            (swap("20852163", "020852163"), CheckpointError::Size),
            (swap("20852163", "-1"), CheckpointError::Size),
            (swap("20852163", "9223372036854775808"), CheckpointError::Size),
            (swap("20852163", "0"), CheckpointError::EmptyRoot),
            (swap("2I=", "2J="), CheckpointError::Root),
            (swap("2I=", ""), CheckpointError::Root),
        ];
        for (text, error) in table {
            assert_eq!(Checkpoint::parse(&text), Err(error), "{text}");
        }
        assert!(Checkpoint::parse(&swap("20852163", "9223372036854775807")).is_ok());
    }

    #[test]
    fn a_checkpoint_is_of_one_log_and_signed_by_it() {
        let signer = |name: &str, seed: u8| Signer::from_seed(KeyName::parse(name).expect("a name"), &[seed; 32]);
        let (log, other_key, other_name) = (signer("log", 1), signer("log", 2), signer("gol", 1));
        let checkpoint = Checkpoint::new(log.verifying_key().name(), 1, Hash::of_leaf(b"x"));
        let signed = SignedCheckpoint::sign(checkpoint, &log);
        let open = |key: &Signer| SignedCheckpoint::open(signed.to_string().as_bytes(), key.verifying_key());
        assert_eq!(open(&log), Ok(signed.clone()));
        assert_eq!(open(&other_key), Err(CheckpointError::Signature(SignatureError::Absent)));
        assert_eq!(open(&other_name), Err(CheckpointError::Origin));
        let rewritten = signed.to_string().replace("\n1\n", "\n2\n");
        let opened = SignedCheckpoint::open(rewritten.as_bytes(), log.verifying_key());
        assert_eq!(opened, Err(CheckpointError::Signature(SignatureError::Forged)));
    }
}
