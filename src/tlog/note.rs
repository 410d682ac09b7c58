//! Signed notes (C2SP signed-note): text, an empty line, signature lines. What is in one is worth nothing until a key
//! that is trusted has signed it.

use super::key::{KeyId, KeyKind, KeyName, VerifyingKey};
use super::text;
use ed25519_dalek::Signer as _;
use std::fmt;

/// The longest note that is read: room for 16 signatures of the largest kind there is.
pub const NOTE_LENGTH_MAX: usize = 128 * 1024;
pub const SIGNATURES_MAX: usize = 64;
/// What a signature line starts with: an em dash and a space.
const MARK: &str = "\u{2014} ";

/// Why bytes are no signed note.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    #[error("the note is longer than {NOTE_LENGTH_MAX} bytes")]
    Long,
    #[error("the note is not UTF-8 text, or has control characters")]
    Text,
    #[error("the note has no signatures after an empty line")]
    NoSignatures,
    #[error("the note has more than {SIGNATURES_MAX} signatures")]
    ManySignatures,
    #[error("a signature line is not of the form: dash, name, base64")]
    SignatureLine,
}

/// Why a note does not count as signed by a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    #[error("it is not signed by that key")]
    Absent,
    /// The signer's name and key id, and yet not the signer's signature: nothing else in such a note is to be believed.
    #[error("a signature is not that of the key it names")]
    Forged,
}

/// One signature line.
#[derive(Clone, PartialEq, Eq)]
pub struct NoteSignature {
    name: KeyName,
    id: KeyId,
    signature: Vec<u8>,
}

impl NoteSignature {
    pub(super) fn new(key: &VerifyingKey, signature: Vec<u8>) -> Self {
        Self { name: key.name().clone(), id: key.id(), signature }
    }

    /// Reads a line without its newline.
    ///
    /// # Errors
    /// It is no signature line.
    pub fn parse(line: &str) -> Result<Self, NoteError> {
        let parts = line.strip_prefix(MARK).and_then(|rest| rest.split_once(' '));
        let (name, encoded) = parts.ok_or(NoteError::SignatureLine)?;
        let name = KeyName::parse(name).ok_or(NoteError::SignatureLine)?;
        let bytes = text::from_base64(encoded).ok_or(NoteError::SignatureLine)?;
        match bytes.split_first_chunk() {
            Some((id, signature)) if !signature.is_empty() => Ok(Self { name, id: *id, signature: signature.to_vec() }),
            _ => Err(NoteError::SignatureLine),
        }
    }

    #[must_use]
    pub const fn name(&self) -> &KeyName {
        &self.name
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.signature
    }

    pub(super) fn names(&self, key: &VerifyingKey) -> bool {
        self.name == *key.name() && self.id == key.id()
    }
}

/// The line, with its newline.
impl fmt::Display for NoteSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let encoded = text::to_base64(&[&self.id, &self.signature[..]].concat());
        writeln!(f, "{MARK}{} {encoded}", self.name.as_str())
    }
}

impl fmt::Debug for NoteSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}+{:08x}", self.name, u32::from_be_bytes(self.id))
    }
}

/// A text and its signatures, not yet checked.
#[derive(Clone, PartialEq, Eq)]
pub struct Note {
    text: String,
    signatures: Vec<NoteSignature>,
}

impl Note {
    /// A text of a form its caller answers for, ending in a newline.
    pub(super) fn new(text: String, signature: NoteSignature) -> Self {
        Self { text, signatures: vec![signature] }
    }

    /// # Errors
    /// The bytes are no signed note.
    pub fn parse(bytes: &[u8]) -> Result<Self, NoteError> {
        if bytes.len() > NOTE_LENGTH_MAX {
            return Err(NoteError::Long);
        }
        let all = std::str::from_utf8(bytes).map_err(|_| NoteError::Text)?;
        if all.contains(|c| c < ' ' && c != '\n') {
            return Err(NoteError::Text);
        }
        let (text, lines) = all.rsplit_once("\n\n").ok_or(NoteError::NoSignatures)?;
        if lines.is_empty() {
            return Err(NoteError::NoSignatures);
        }
        let signatures = parse_lines(lines)?;
        Ok(Self { text: format!("{text}\n"), signatures })
    }

    /// What is signed.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    #[must_use]
    pub fn signatures(&self) -> &[NoteSignature] {
        &self.signatures
    }

    /// Checks the signatures of a key of kind [`KeyKind::Ed25519`].
    ///
    /// # Errors
    /// There is none, or one that is forged.
    pub fn check_signed_by(&self, key: &VerifyingKey) -> Result<(), SignatureError> {
        let mut known = self.signatures.iter().filter(|signature| signature.names(key)).peekable();
        if key.kind() != KeyKind::Ed25519 || known.peek().is_none() {
            return Err(SignatureError::Absent);
        }
        let is_good = known.all(|signature| key.has_signed(self.text.as_bytes(), &signature.signature));
        if is_good { Ok(()) } else { Err(SignatureError::Forged) }
    }

    /// Adds a signature, in the place of an older one by the same key.
    ///
    /// # Errors
    /// There are as many as a note may have.
    pub fn add(&mut self, signature: NoteSignature) -> Result<(), NoteError> {
        let has_room = self.signatures.len() < SIGNATURES_MAX;
        let is_same = |old: &&mut NoteSignature| old.name == signature.name && old.id == signature.id;
        match self.signatures.iter_mut().find(is_same) {
            Some(old) => *old = signature,
            None if has_room => self.signatures.push(signature),
            None => return Err(NoteError::ManySignatures),
        }
        Ok(())
    }

    /// Leaves out the signatures of everybody but these keys.
    pub(super) fn keep_signed_by(&mut self, keys: &[&VerifyingKey]) {
        self.signatures.retain(|signature| keys.iter().any(|key| signature.names(key)));
    }
}

/// Signature lines, each with its newline.
pub(super) fn parse_lines(lines: &str) -> Result<Vec<NoteSignature>, NoteError> {
    let lines = lines.strip_suffix('\n').ok_or(NoteError::SignatureLine)?;
    let signatures =
        lines.split('\n').take(SIGNATURES_MAX + 1).map(NoteSignature::parse).collect::<Result<Vec<_>, _>>()?;
    if signatures.len() > SIGNATURES_MAX { Err(NoteError::ManySignatures) } else { Ok(signatures) }
}

/// The note as it is stored and sent.
impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        self.signatures.iter().try_for_each(|signature| write!(f, "{signature}"))
    }
}

impl fmt::Debug for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", crate::model::Escaped(self.to_string().as_bytes()))
    }
}

/// A log's secret key with its name.
pub struct Signer {
    key: ed25519_dalek::SigningKey,
    public: VerifyingKey,
}

impl Signer {
    #[must_use]
    pub fn from_seed(name: KeyName, seed: &[u8; 32]) -> Self {
        let key = ed25519_dalek::SigningKey::from_bytes(seed);
        let public = VerifyingKey::of(name, KeyKind::Ed25519, key.verifying_key());
        Self { key, public }
    }

    #[must_use]
    pub const fn verifying_key(&self) -> &VerifyingKey {
        &self.public
    }

    /// Signs a note's text, which ends in a newline. The same text gets the same signature.
    #[must_use]
    pub(super) fn sign(&self, text: &str) -> NoteSignature {
        NoteSignature::new(&self.public, self.key.sign(text.as_bytes()).to_bytes().to_vec())
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signer({:?})", self.public)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From the documentation of Go's note package.
    const SEED: &str = "hAoAtUUbI2E8kQzMPVAgOv5juF9nHT2JS/F1ccoMXMU=";
    const SKEY: &str = "AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
    const VKEY: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    const NOTE: &str = "If you think cryptography is the answer to your problem,\n\
        then you don't know what your problem is.\n\n\
        — PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

    fn signer() -> Signer {
        let seed = text::from_base64(SKEY).expect("base64")[1..].try_into().expect("32 bytes");
        Signer::from_seed(KeyName::parse("PeterNeumann").expect("a name"), &seed)
    }

    #[test]
    fn a_note_of_another_implementation_is_read_checked_and_made_again() {
        let note = Note::parse(NOTE.as_bytes()).expect("a note");
        let key = VerifyingKey::parse(VKEY, KeyKind::Ed25519).expect("a key");
        assert_eq!(note.check_signed_by(&key), Ok(()));
        assert_eq!(note.to_string(), NOTE);
        assert_eq!(signer().verifying_key(), &key);
        assert_eq!(Note::new(note.text().to_owned(), signer().sign(note.text())), note);
    }

    #[test]
    fn an_altered_text_another_key_and_a_forgery_are_told_apart() {
        let key = VerifyingKey::parse(VKEY, KeyKind::Ed25519).expect("a key");
        let seed = text::from_base64(SEED).expect("base64").try_into().expect("32 bytes");
        let other = Signer::from_seed(KeyName::parse("PeterNeumann").expect("a name"), &seed);
        let altered = Note::parse(NOTE.replace("answer", "question").as_bytes()).expect("a note");
        assert_eq!(altered.check_signed_by(&key), Err(SignatureError::Forged));
        let mut note = Note::parse(NOTE.as_bytes()).expect("a note");
        assert_eq!(note.check_signed_by(other.verifying_key()), Err(SignatureError::Absent));
        let by_other = other.sign(note.text());
        note.add(by_other.clone()).expect("room");
        assert_eq!((note.check_signed_by(&key), note.check_signed_by(other.verifying_key())), (Ok(()), Ok(())));
        // A bad signature spoils a good one beside it.
        let forged = NoteSignature { id: key.id(), ..by_other };
        note.signatures.push(forged);
        assert_eq!(note.check_signed_by(&key), Err(SignatureError::Forged));
    }

    #[test]
    fn what_is_no_note_is_refused() {
        let line = NOTE.rsplit_once("\n\n").expect("a note").1;
        let table: [(String, NoteError); 13] = [
            (String::new(), NoteError::NoSignatures),
            ("text\n".to_owned(), NoteError::NoSignatures),
            ("text\n\n".to_owned(), NoteError::NoSignatures),
            (format!("text\n{line}"), NoteError::NoSignatures),
            (format!("text\n\n{line}\n"), NoteError::NoSignatures),
            (format!("text\n\n{}", line.trim_end()), NoteError::SignatureLine),
            (format!("text\n\n{line}x\n"), NoteError::SignatureLine),
            (format!("text\n\n-{}", &line[3..]), NoteError::SignatureLine),
            ("text\n\n— a b c\n".to_owned(), NoteError::SignatureLine),
            ("text\n\n— a AAAAAA==\n".to_owned(), NoteError::SignatureLine),
            (format!("te\txt\n\n{line}"), NoteError::Text),
            (format!("text\r\n\r\n{line}"), NoteError::Text),
            (format!("text\n\n{}", line.repeat(SIGNATURES_MAX + 1)), NoteError::ManySignatures),
        ];
        for (text, error) in table {
            assert_eq!(Note::parse(text.as_bytes()), Err(error), "{text}");
        }
        assert_eq!(Note::parse(b"\xff\n\n"), Err(NoteError::Text));
        assert!(Note::parse(format!("text\n\n{}", line.repeat(SIGNATURES_MAX)).as_bytes()).is_ok());
        let long = |length: usize| Note::parse(format!("{}\n\n{line}", "x".repeat(length - 2 - line.len())).as_bytes());
        assert!(long(NOTE_LENGTH_MAX).is_ok());
        assert_eq!(long(NOTE_LENGTH_MAX + 1), Err(NoteError::Long));
    }

    #[test]
    fn the_text_ends_at_the_last_empty_line() {
        let line = NOTE.rsplit_once("\n\n").expect("a note").1;
        let note = Note::parse(format!("a\n\nb\n\n\n{line}").as_bytes()).expect("a note");
        assert_eq!(note.text(), "a\n\nb\n\n");
    }
}
