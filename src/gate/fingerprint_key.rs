//! The key by which secrets get names that tell nothing about them; made at the first start.

use crate::gate::key_file::{self, KeyFileError};
use crate::secret::FingerprintKey;
use std::path::Path;

/// 64 hex digits. Whoever has it can try guesses against fingerprints.
const FILE: &str = "fingerprint_key";

/// Reads the key below the data directory, or makes one.
pub fn load_or_create(data: &Path) -> Result<FingerprintKey, KeyFileError> {
    key_file::load_or_create(data, FILE).map(FingerprintKey::new)
}

/// Reads what is in the file.
#[must_use]
pub fn parse(hex: &str) -> Option<FingerprintKey> {
    key_file::parse(hex).map(FingerprintKey::new)
}
