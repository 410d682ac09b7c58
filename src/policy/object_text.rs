//! Commit and tag objects as rules on authors, messages and signatures see them: raw, and cut at the places git cuts.

use crate::model::{CommitFacts, TagFacts};
use crate::secret::FingerprintKey;
use bstr::ByteSlice;

/// One commit object.
#[derive(Debug, Clone, Copy)]
pub struct CommitText<'a> {
    pub facts: &'a CommitFacts,
    pub raw: &'a [u8],
    /// For names of secrets that tell nothing about them.
    pub key: Option<&'a FingerprintKey>,
}

/// One tag object.
#[derive(Debug, Clone, Copy)]
pub struct TagText<'a> {
    pub facts: &'a TagFacts,
    pub raw: &'a [u8],
    /// For names of secrets that tell nothing about them.
    pub key: Option<&'a FingerprintKey>,
}

impl<'a> CommitText<'a> {
    #[must_use]
    pub fn message(&self) -> &'a [u8] {
        message(self.raw)
    }

    /// The value of a header's first line: `author`, `committer`, `encoding`.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&'a [u8]> {
        header(self.raw, name)
    }
}

impl<'a> TagText<'a> {
    #[must_use]
    pub fn message(&self) -> &'a [u8] {
        message(self.raw)
    }

    #[must_use]
    pub fn header(&self, name: &str) -> Option<&'a [u8]> {
        header(self.raw, name)
    }
}

fn message(raw: &[u8]) -> &[u8] {
    raw.find(b"\n\n").and_then(|at| raw.get(at + 2..)).unwrap_or_default()
}

fn header<'a>(raw: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let mut headers = raw.split(|b| *b == b'\n').take_while(|line| !line.is_empty());
    headers.find_map(|line| line.strip_prefix(name.as_bytes())?.strip_prefix(b" "))
}
