//! Proof files (C2SP tlog-proof): one entry's place in a log, its inclusion proof and a checkpoint, to be checked offline.

use super::note::{NOTE_LENGTH_MAX, NoteError};
use super::policy::{Clock, TrustError, TrustPolicy, Trusted};
use super::verify::{self, PROOF_LENGTH_MAX, ProofError};
use super::{Hash, Note, text};
use std::fmt;

const FIRST_LINE: &str = "c2sp.org/tlog-proof@v1";
/// The longest `extra` that is read, in base64.
pub const EXTRA_LENGTH_MAX: usize = 64 * 1024;
pub const PROOF_FILE_LENGTH_MAX: usize = NOTE_LENGTH_MAX + EXTRA_LENGTH_MAX + 8 * 1024;

/// Why bytes are no proof file, or prove nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProofFileError {
    #[error("the file is too long for a proof")]
    Long,
    #[error("the first line is not {FIRST_LINE}")]
    FirstLine,
    #[error("the extra data is not base64, or too long")]
    Extra,
    #[error("there is no line with the entry's index")]
    Index,
    #[error("a hash of the proof is not the base64 of SHA-256, or there are too many")]
    Hashes,
    #[error("the checkpoint: {0}")]
    Note(#[from] NoteError),
    #[error("{0}")]
    Trust(#[from] TrustError),
    #[error("{0}")]
    Proof(#[from] ProofError),
}

/// What a proof file says. Nothing of it was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProofFile {
    /// Data of whoever made the file. Not covered by any signature: to be used to find things, never to believe them.
    pub extra: Option<Vec<u8>>,
    pub index: u64,
    /// From the leaf's sibling up.
    pub hashes: Vec<Hash>,
    pub checkpoint: Note,
}

impl ProofFile {
    /// # Errors
    /// The bytes are no proof file.
    pub fn parse(bytes: &[u8]) -> Result<Self, ProofFileError> {
        if bytes.len() > PROOF_FILE_LENGTH_MAX {
            return Err(ProofFileError::Long);
        }
        let all = std::str::from_utf8(bytes).map_err(|_| NoteError::Text)?;
        let rest = all.strip_prefix(FIRST_LINE).and_then(|rest| rest.strip_prefix('\n'));
        let rest = rest.ok_or(ProofFileError::FirstLine)?;
        let (head, note) = rest.split_once("\n\n").ok_or(NoteError::NoSignatures)?;
        let mut lines = head.split('\n').peekable();
        let extra = lines.next_if(|line| line.starts_with("extra ")).and_then(|line| line.strip_prefix("extra "));
        let extra = extra.map(parse_extra).transpose()?;
        let index = lines.next().and_then(|line| text::decimal(line.strip_prefix("index ")?));
        let index = index.ok_or(ProofFileError::Index)?;
        let hashes: Option<Vec<_>> = lines.take(PROOF_LENGTH_MAX + 1).map(Hash::from_base64).collect();
        let hashes = hashes.filter(|hashes| hashes.len() <= PROOF_LENGTH_MAX).ok_or(ProofFileError::Hashes)?;
        Ok(Self { extra, index, hashes, checkpoint: Note::parse(note.as_bytes())? })
    }

    /// Checks that the log has this very entry, and that the policy believes the log.
    ///
    /// # Errors
    /// It is not shown.
    pub fn check(&self, entry: &[u8], policy: &TrustPolicy, clock: Clock) -> Result<Trusted, ProofFileError> {
        let trusted = policy.check(self.checkpoint.clone(), clock)?;
        let checkpoint = trusted.checkpoint.checkpoint();
        let leaf = Hash::of_leaf(entry);
        verify::inclusion(leaf, self.index, checkpoint.size(), &self.hashes, checkpoint.root())?;
        Ok(trusted)
    }
}

fn parse_extra(encoded: &str) -> Result<Vec<u8>, ProofFileError> {
    let encoded = Some(encoded).filter(|encoded| encoded.len() <= EXTRA_LENGTH_MAX);
    encoded.and_then(text::from_base64).ok_or(ProofFileError::Extra)
}

/// The file.
impl fmt::Display for ProofFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{FIRST_LINE}")?;
        if let Some(extra) = &self.extra {
            writeln!(f, "extra {}", text::to_base64(extra))?;
        }
        writeln!(f, "index {}", self.index)?;
        self.hashes.iter().try_for_each(|hash| writeln!(f, "{hash}"))?;
        write!(f, "\n{}", self.checkpoint)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Checkpoint, KeyName, SignedCheckpoint, Signer};
    use super::*;

    fn signer() -> Signer {
        Signer::from_seed(KeyName::parse("log").expect("a name"), &[1; 32])
    }

    fn policy() -> TrustPolicy {
        TrustPolicy::parse(format!("log {}\nquorum none\n", signer().verifying_key()).as_bytes()).expect("a policy")
    }

    /// The second of two entries.
    fn proof() -> ProofFile {
        let [one, two] = [Hash::of_leaf(b"one"), Hash::of_leaf(b"two")];
        let checkpoint = Checkpoint::new(signer().verifying_key().name(), 2, Hash::of_node(&one, &two));
        let checkpoint = SignedCheckpoint::sign(checkpoint, &signer()).note().clone();
        ProofFile { extra: Some(b"extra".to_vec()), index: 1, hashes: vec![one], checkpoint }
    }

    const CLOCK: Clock = Clock { now_s: 1000, age_max_s: None };

    #[test]
    fn a_proof_file_is_read_as_it_is_written() {
        let (proof, bare) = (proof(), ProofFile { extra: None, hashes: Vec::new(), ..proof() });
        for proof in [&proof, &bare] {
            assert_eq!(ProofFile::parse(proof.to_string().as_bytes()), Ok(proof.clone()));
        }
        assert!(proof.to_string().starts_with("c2sp.org/tlog-proof@v1\nextra ZXh0cmE=\nindex 1\n"));
    }

    #[test]
    fn a_proof_is_of_one_entry_in_one_place() {
        let proof = proof();
        let trusted = proof.check(b"two", &policy(), CLOCK).expect("it is there");
        assert_eq!(trusted.checkpoint.checkpoint().size(), 2);
        let root = Err(ProofFileError::Proof(ProofError::Root));
        assert_eq!(proof.check(b"one", &policy(), CLOCK), root);
        let elsewhere = |index, hashes: &[Hash]| {
            ProofFile { index, hashes: hashes.to_vec(), ..proof.clone() }.check(b"two", &policy(), CLOCK)
        };
        assert_eq!(elsewhere(0, &proof.hashes), root);
        assert_eq!(elsewhere(2, &proof.hashes), Err(ProofFileError::Proof(ProofError::NoSuchLeaf)));
        assert_eq!(elsewhere(1, &[]), Err(ProofFileError::Proof(ProofError::Length)));
        // A node is no leaf, whatever its bytes are.
        let node = [&[1], &proof.hashes[0].as_bytes()[..], Hash::of_leaf(b"two").as_bytes()].concat();
        assert!(elsewhere(0, &[]).is_err() && proof.check(&node, &policy(), CLOCK).is_err());
    }

    #[test]
    fn what_is_no_proof_file_is_refused() {
        let text = proof().to_string();
        let swap = |from: &str, to: &str| text.replacen(from, to, 1);
        let hash = proof().hashes[0].to_string() + "\n";
        let table = [
            (String::new(), ProofFileError::FirstLine),
            (swap("@v1", "@v2"), ProofFileError::FirstLine),
            (swap("@v1\n", "@v1\r\n"), ProofFileError::FirstLine),
            (swap("extra ZXh0cmE=", "extra ZXh0cmE"), ProofFileError::Extra),
            (swap("extra ZXh0cmE=", &format!("extra {}", "A".repeat(EXTRA_LENGTH_MAX + 4))), ProofFileError::Extra),
            (swap("extra ZXh0cmE=\n", "extra ZXh0cmE=\nextra ZXh0cmE=\n"), ProofFileError::Index),
            (swap("index 1", "index 01"), ProofFileError::Index),
            (swap("index 1\n", ""), ProofFileError::Index),
            (swap("index 1\n", "index 1\nx"), ProofFileError::Hashes),
            (swap(&hash, &hash.repeat(PROOF_LENGTH_MAX + 1)), ProofFileError::Hashes),
            (swap("\n\n", "\n"), ProofFileError::Hashes),
            (text.trim_end().to_owned(), ProofFileError::Note(NoteError::SignatureLine)),
            ("x".repeat(PROOF_FILE_LENGTH_MAX + 1), ProofFileError::Long),
        ];
        for (text, error) in table {
            assert_eq!(ProofFile::parse(text.as_bytes()), Err(error), "{text}");
        }
        assert!(ProofFile::parse(swap(&hash, &hash.repeat(PROOF_LENGTH_MAX)).as_bytes()).is_ok());
        let longest = format!("extra {}", "A".repeat(EXTRA_LENGTH_MAX));
        assert!(ProofFile::parse(swap("extra ZXh0cmE=", &longest).as_bytes()).is_ok());
        (0..text.len()).for_each(|end| assert!(ProofFile::parse(&text.as_bytes()[..end]).is_err(), "{end}"));
    }
}
