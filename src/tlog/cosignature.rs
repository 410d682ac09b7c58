//! Cosignatures (C2SP tlog-cosignature v1, Ed25519): a witness's word that, at a time, this was the log's largest tree it
//! had seen, and that it extends all those before.

use super::key::{KeyKind, KeyName, VerifyingKey};
use super::note::{Note, NoteError, NoteSignature, SignatureError, parse_lines};
use super::text;
use ed25519_dalek::Signer as _;
use std::fmt;

/// The longest answer of a witness that is read.
pub const ANSWER_LENGTH_MAX: usize = 16 * 1024;

fn message(time: u64, text: &str) -> Vec<u8> {
    format!("cosignature/v1\ntime {time}\n{text}").into_bytes()
}

/// A witness's secret key with its name.
pub struct Cosigner {
    key: ed25519_dalek::SigningKey,
    public: VerifyingKey,
}

impl Cosigner {
    #[must_use]
    pub fn from_seed(name: KeyName, seed: &[u8; 32]) -> Self {
        let key = ed25519_dalek::SigningKey::from_bytes(seed);
        let public = VerifyingKey::of(name, KeyKind::Cosignature, key.verifying_key());
        Self { key, public }
    }

    #[must_use]
    pub const fn verifying_key(&self) -> &VerifyingKey {
        &self.public
    }

    /// Signs a checkpoint's text at a time, in seconds since 1970. The caller answers for having checked what it says.
    #[must_use]
    pub(super) fn cosign(&self, text: &str, time: u64) -> NoteSignature {
        let time = time.min(text::NUMBER_MAX);
        let signature = self.key.sign(&message(time, text)).to_bytes();
        NoteSignature::new(&self.public, [&time.to_be_bytes()[..], &signature].concat())
    }
}

impl fmt::Debug for Cosigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cosigner({:?})", self.public)
    }
}

/// The newest time, in seconds since 1970, at which this witness's key has cosigned the note.
///
/// # Errors
/// It has not, or one of its cosignatures is forged.
pub fn cosigned_at(note: &Note, key: &VerifyingKey) -> Result<u64, SignatureError> {
    if key.kind() != KeyKind::Cosignature {
        return Err(SignatureError::Absent);
    }
    let mut newest = None;
    for signature in note.signatures().iter().filter(|signature| signature.names(key)) {
        let (time, signature) = signature.bytes().split_first_chunk().ok_or(SignatureError::Forged)?;
        let time = u64::from_be_bytes(*time);
        if time > text::NUMBER_MAX || !key.has_signed(&message(time, note.text()), signature) {
            return Err(SignatureError::Forged);
        }
        newest = newest.max(Some(time));
    }
    newest.ok_or(SignatureError::Absent)
}

/// Reads what a witness answered to a checkpoint: signature lines, which are still to be checked.
///
/// # Errors
/// It is something else.
pub fn parse_answer(bytes: &[u8]) -> Result<Vec<NoteSignature>, NoteError> {
    if bytes.len() > ANSWER_LENGTH_MAX {
        return Err(NoteError::Long);
    }
    parse_lines(std::str::from_utf8(bytes).map_err(|_| NoteError::Text)?)
}

#[cfg(test)]
mod tests {
    use super::super::Hash;
    use super::super::checkpoint::{Checkpoint, SignedCheckpoint};
    use super::super::note::Signer;
    use super::*;

    fn name(text: &str) -> KeyName {
        KeyName::parse(text).expect("a name")
    }

    fn signed() -> Note {
        let log = Signer::from_seed(name("log"), &[1; 32]);
        SignedCheckpoint::sign(Checkpoint::new(&name("log"), 1, Hash::of_leaf(b"x")), &log).note().clone()
    }

    #[test]
    fn the_example_of_the_specification_is_read() {
        let line = "— witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf\
                    5nNo0xUe+mbIUBkBIfZ+qnA==\n";
        let [signature] = &parse_answer(line.as_bytes()).expect("an answer")[..] else { panic!("one line") };
        assert_eq!(signature.bytes()[..8], 1_679_315_147_u64.to_be_bytes());
        assert_eq!((signature.bytes().len(), signature.to_string().as_str()), (72, line));
        assert_eq!(parse_answer(b""), Err(NoteError::SignatureLine));
        assert_eq!(parse_answer(line.trim_end().as_bytes()), Err(NoteError::SignatureLine));
        assert_eq!(parse_answer(&[b'x'; ANSWER_LENGTH_MAX + 1]), Err(NoteError::Long));
        assert_eq!(parse_answer(&[b'x'; ANSWER_LENGTH_MAX]), Err(NoteError::SignatureLine));
    }

    #[test]
    fn a_cosignature_is_over_the_text_and_the_time() {
        let witness = Cosigner::from_seed(name("w"), &[3; 32]);
        let mut note = signed();
        assert_eq!(cosigned_at(&note, witness.verifying_key()), Err(SignatureError::Absent));
        let cosignature = witness.cosign(note.text(), 1_700_000_000);
        note.add(cosignature.clone()).expect("room");
        assert_eq!(cosigned_at(&note, witness.verifying_key()), Ok(1_700_000_000));
        // The same key as a log's key signs nothing here.
        let as_log = Signer::from_seed(name("w"), &[3; 32]);
        assert_eq!(note.check_signed_by(as_log.verifying_key()), Err(SignatureError::Absent));
        assert_eq!(cosigned_at(&note, as_log.verifying_key()), Err(SignatureError::Absent));
        let altered = Note::parse(note.to_string().replace("\n1\n", "\n2\n").as_bytes()).expect("a note");
        assert_eq!(cosigned_at(&altered, witness.verifying_key()), Err(SignatureError::Forged));
        // A later time than was signed.
        let mut later = cosignature.bytes().to_vec();
        later[7] += 1;
        let mut forged = signed();
        forged.add(NoteSignature::new(witness.verifying_key(), later)).expect("room");
        assert_eq!(cosigned_at(&forged, witness.verifying_key()), Err(SignatureError::Forged));
        let mut short = signed();
        short.add(NoteSignature::new(witness.verifying_key(), vec![0; 7])).expect("room");
        assert_eq!(cosigned_at(&short, witness.verifying_key()), Err(SignatureError::Forged));
        let mut newer = note.clone();
        newer.add(witness.cosign(note.text(), 1_700_000_009)).expect("room");
        assert_eq!(cosigned_at(&newer, witness.verifying_key()), Ok(1_700_000_009));
    }
}
