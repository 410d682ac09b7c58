//! Scanning: keywords, then the patterns of their rules around each, then what speaks against a match.

mod bigram;
mod candidate;
mod hits;
mod keywords;
mod layer;
mod values;

use super::rule::{self, Rule, TableError};
use super::{Hit, Secret};
use keywords::Keywords;
use sha2::{Digest, Sha256};
use std::fmt::Write;

/// Part of the digest: what it finds changes with this.
const ENGINE: &str = "1";

/// A table of rules, ready to scan.
#[derive(Debug)]
pub struct Scanner {
    rules: &'static [Rule],
    keywords: Keywords,
    digest: String,
}

impl Scanner {
    /// Reads a table. Its rules live as long as the program, as hits name them.
    pub(super) fn new(tables: &[(&str, &str)]) -> Result<Self, TableError> {
        let rules: &'static [Rule] = Vec::leak(rule::read(tables)?);
        let mut hash = Sha256::new().chain_update(ENGINE);
        for (name, text) in tables {
            hash.update(format!("\0{name}\0{}\0", text.len()));
            hash.update(text);
        }
        let digest = hash.finalize().iter().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        });
        Ok(Self { rules, keywords: Keywords::new(rules), digest })
    }

    /// Everything in a file's or a message's bytes, in their order. The path only chooses rules bound to names.
    #[must_use]
    pub fn scan(&self, path: Option<&[u8]>, bytes: &[u8]) -> Vec<Hit> {
        let found = layer::scan(self, path, bytes);
        hits::finish(self.rules, found, bytes)
    }

    /// What the name alone says: a key file, a file of passwords.
    #[must_use]
    pub fn scan_name(&self, path: &[u8]) -> Option<Hit> {
        let rule = self.rules.iter().find(|rule| rule.file_name.iter().any(|name| name.is_match(path)))?;
        let (span, secret) = (0..0, Secret::new(b""));
        Some(Hit { rule, line: 1, span, certainty: rule.certainty, encoding: None, secret })
    }

    /// SHA-256 of the table and the engine's version, in hex: equal digests find the same.
    #[must_use]
    pub fn digest(&self) -> &str {
        &self.digest
    }

    #[must_use]
    pub fn rules(&self) -> &[Rule] {
        self.rules
    }
}

#[cfg(test)]
mod tests;
