//! The key by which secrets get names that tell nothing about them; made at the first start.

use crate::gate::keeper::{self, KeeperError};
use crate::secret::FingerprintKey;
use std::path::Path;

/// 64 hex digits. Whoever has it can try guesses against fingerprints.
const FILE: &str = "fingerprint_key";

/// Reads the key below the data directory, or makes one.
pub fn load_or_create(data: &Path) -> Result<FingerprintKey, KeeperError> {
    let path = data.join(FILE);
    match std::fs::read_to_string(&path) {
        Ok(text) => {
            let invalid = || std::io::Error::new(std::io::ErrorKind::InvalidData, "not 64 hex digits");
            parse(text.trim_end()).ok_or_else(|| KeeperError::Read { path, error: invalid() })
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => create(&path),
        Err(error) => Err(KeeperError::Read { path, error }),
    }
}

fn create(path: &Path) -> Result<FingerprintKey, KeeperError> {
    let mut key = [0; 32];
    getrandom::fill(&mut key).map_err(|error| KeeperError::Write { path: path.to_owned(), error: error.into() })?;
    let hex: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
    keeper::write(path, &format!("{hex}\n"))?;
    Ok(FingerprintKey::new(key))
}

/// Reads what is in the file.
#[must_use]
pub fn parse(hex: &str) -> Option<FingerprintKey> {
    let mut key = [0; 32];
    if hex.len() != 64 || !hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    for (byte, at) in key.iter_mut().zip((0..64).step_by(2)) {
        *byte = u8::from_str_radix(hex.get(at..at + 2)?, 16).ok()?;
    }
    Some(FingerprintKey::new(key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_made_once() {
        let dir = tempfile::tempdir().expect("a directory");
        let first = load_or_create(dir.path()).expect("made");
        let again = load_or_create(dir.path()).expect("read");
        assert_eq!(first.fingerprint(b"x"), again.fingerprint(b"x"));
        for bad in ["", "00", &"g".repeat(64), &"+1".repeat(32), &"0".repeat(66), &"é".repeat(32)] {
            std::fs::write(dir.path().join(FILE), bad).expect("written");
            assert!(load_or_create(dir.path()).is_err(), "{bad}");
        }
    }
}
