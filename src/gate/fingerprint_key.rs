//! The key by which secrets get names that tell nothing about them; made at the first start.

use crate::gate::keeper::KeeperError;
use crate::secret::FingerprintKey;
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

/// 64 hex digits. Whoever has it can try guesses against fingerprints.
const FILE: &str = "fingerprint_key";

/// Reads the key below the data directory, or makes one.
pub fn load_or_create(data: &Path) -> Result<FingerprintKey, KeeperError> {
    let path = data.join(FILE);
    match read(&path) {
        Err(KeeperError::Read { error, .. }) if error.kind() == io::ErrorKind::NotFound => create(&path),
        read => read,
    }
}

fn read(path: &Path) -> Result<FingerprintKey, KeeperError> {
    let failed = |error| KeeperError::Read { path: path.to_owned(), error };
    let text = std::fs::read_to_string(path).map_err(failed)?;
    let invalid = || failed(io::Error::new(io::ErrorKind::InvalidData, "not 64 hex digits"));
    parse(text.trim_end()).ok_or_else(invalid)
}

fn create(path: &Path) -> Result<FingerprintKey, KeeperError> {
    let failed = |error| KeeperError::Write { path: path.to_owned(), error };
    let mut key = [0; 32];
    getrandom::fill(&mut key).map_err(|error| failed(error.into()))?;
    let hex: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
    let dir = path.parent().unwrap_or(Path::new("."));
    let put = || {
        // Of mode 0600, and never half written under its name.
        let mut file = tempfile::NamedTempFile::new_in(dir)?;
        file.write_all(format!("{hex}\n").as_bytes())?;
        file.as_file().sync_all()?;
        file.persist_noclobber(path)?;
        File::open(dir)?.sync_all()
    };
    match put() {
        Ok(()) => Ok(FingerprintKey::new(key)),
        // Another push was first: without a gate each one is a process of its own.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => read(path),
        Err(error) => Err(failed(error)),
    }
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
    fn all_who_come_first_have_the_same() {
        let dir = tempfile::tempdir().expect("a directory");
        let made = || load_or_create(dir.path()).expect("made").fingerprint(b"x");
        let all: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(made)).collect();
            threads.into_iter().map(|thread| thread.join().expect("ended")).collect()
        });
        assert!(all.iter().all(|fingerprint| *fingerprint == made()), "{all:?}");
        assert_eq!(std::fs::read_dir(dir.path()).expect("there").count(), 1);
    }

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
