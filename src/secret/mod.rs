//! Finds secrets in bytes: tokens, keys and passwords, by a table of their formats.
//!
//! Pure: no file, clock, network or thread. Bytes in, hits out. Nothing in the bytes or in the path switches a rule
//! off, and the work is bounded by the length of the input. It decides nothing: what a hit means is the policy's.

pub mod check;
mod decode;
mod engine;
mod fingerprint;
mod found;
mod glob;
mod pattern;
mod rule;
mod rules;

pub use decode::{UTF_16, to_utf8};
pub use engine::Scanner;
pub use fingerprint::FingerprintKey;
pub use found::Found;
pub use rule::{Rule, TableError};

use std::ops::Range;
use std::sync::OnceLock;

/// The built-in table, built once.
#[must_use]
pub fn scanner() -> &'static Scanner {
    static SCANNER: OnceLock<Scanner> = OnceLock::new();
    SCANNER.get_or_init(|| Scanner::new(rules::TABLES).expect("the built-in table is right: a test reads it"))
}

/// How sure it is that a hit is a working secret, or was one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Certainty {
    /// It may be: a password by its name, or a token with a wrong checksum.
    Possible,
    /// It has the provider's format.
    Likely,
    /// A checksum or a key's inner structure bears it out.
    Certain,
}

impl Certainty {
    pub const ALL: [Self; 3] = [Self::Possible, Self::Likely, Self::Certain];

    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Possible => "possible",
            Self::Likely => "likely",
            Self::Certain => "certain",
        }
    }

    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|certainty| certainty.word() == word)
    }

    fn raised(self) -> Self {
        match self {
            Self::Possible => Self::Likely,
            Self::Likely | Self::Certain => Self::Certain,
        }
    }
}

/// Something found.
#[derive(Debug, Clone)]
pub struct Hit {
    pub rule: &'static Rule,
    /// From 1; lines end with LF, in the bytes as they were given.
    pub line: u32,
    /// Where the secret, or what it was decoded from, is in the bytes as they were given.
    pub span: Range<usize>,
    pub certainty: Certainty,
    /// What it was hidden in: "base64", "hex", "escapes", "split", …
    pub encoding: Option<&'static str>,
    pub secret: Secret,
}

/// A matched value. It is never shown: it has no text form, and its debug form has only its length.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Secret(Box<[u8]>);

impl Secret {
    fn new(bytes: &[u8]) -> Self {
        Self(bytes.into())
    }

    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Secret({} bytes)", self.0.len())
    }
}
