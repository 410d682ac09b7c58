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

/// Whether a terminal obeys the character instead of showing it: control characters but for line feed and tab, and
/// those that turn the direction of the text around them.
#[must_use]
pub fn is_obeyed(c: char) -> bool {
    (c.is_control() && c != '\n' && c != '\t') || matches!(c as u32, 0x202A..=0x202E | 0x2066..=0x2069)
}

fn message(raw: &[u8]) -> &[u8] {
    raw.find(b"\n\n").and_then(|at| raw.get(at + 2..)).unwrap_or_default()
}

fn header<'a>(raw: &'a [u8], name: &str) -> Option<&'a [u8]> {
    headers(raw, name).next()
}

/// The first lines of all headers of this name. What two readers take for another one is never taken at all.
pub fn headers<'a>(raw: &'a [u8], name: &str) -> impl Iterator<Item = &'a [u8]> {
    let lines = raw.split(|b| *b == b'\n').take_while(|line| !line.is_empty());
    lines.filter_map(move |line| line.strip_prefix(name.as_bytes())?.strip_prefix(b" "))
}
