//! A hit without its secret: what may be kept, shown and recorded.

use crate::secret::{Certainty, FingerprintKey, Hit, Rule};
use std::ops::Range;

/// What is told of a hit.
#[derive(Debug, Clone)]
pub struct Found {
    pub rule: &'static Rule,
    /// From 1.
    pub line: u32,
    /// Where it is in the bytes that were looked through.
    pub span: Range<usize>,
    pub certainty: Certainty,
    /// What it was hidden in, if anything.
    pub encoding: Option<&'static str>,
    /// By which an admin can allow this one value; none without a key.
    pub fingerprint: Option<String>,
}

impl Found {
    /// Leaves the secret behind.
    #[must_use]
    pub fn new(hit: Hit, key: Option<&FingerprintKey>) -> Self {
        let fingerprint = key.map(|key| key.fingerprint(hit.secret.bytes()));
        let Hit { rule, line, span, certainty, encoding, .. } = hit;
        Self { rule, line, span, certainty, encoding, fingerprint }
    }
}
