//! Keys of the gate's own: 32 random bytes each, made at the first start, in a file below the data directory.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    #[error("cannot read {}: {error}", path.display())]
    Read { path: PathBuf, error: io::Error },
    #[error("cannot make {}: {error}", path.display())]
    Write { path: PathBuf, error: io::Error },
}

/// Reads the key of this name, or makes one.
pub fn load_or_create(data: &Path, name: &str) -> Result<[u8; 32], KeyFileError> {
    let path = data.join(name);
    match read(&path) {
        Err(KeyFileError::Read { error, .. }) if error.kind() == io::ErrorKind::NotFound => create(&path),
        read => read,
    }
}

fn read(path: &Path) -> Result<[u8; 32], KeyFileError> {
    let failed = |error| KeyFileError::Read { path: path.to_owned(), error };
    let text = std::fs::read_to_string(path).map_err(failed)?;
    let invalid = || failed(io::Error::new(io::ErrorKind::InvalidData, "not 64 hex digits"));
    parse(text.trim_end()).ok_or_else(invalid)
}

fn create(path: &Path) -> Result<[u8; 32], KeyFileError> {
    let failed = |error| KeyFileError::Write { path: path.to_owned(), error };
    let mut key = [0; 32];
    getrandom::fill(&mut key).map_err(|error| failed(error.into()))?;
    let hex: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
    match put(path, format!("{hex}\n").as_bytes()) {
        Ok(()) => Ok(key),
        // Another push was first: without a gate each one is a process of its own.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => read(path),
        Err(error) => Err(failed(error)),
    }
}

/// Makes a file of mode 0600 that is whole and on disk once it has its name. One that is there stays as it is.
pub fn put(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let dir = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(dir)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist_noclobber(path)?;
    File::open(dir)?.sync_all()
}

/// Reads what is in the file.
#[must_use]
pub fn parse(hex: &str) -> Option<[u8; 32]> {
    let mut key = [0; 32];
    if hex.len() != 64 || !hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    for (byte, at) in key.iter_mut().zip((0..64).step_by(2)) {
        *byte = u8::from_str_radix(hex.get(at..at + 2)?, 16).ok()?;
    }
    Some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_who_come_first_have_the_same() {
        let dir = tempfile::tempdir().expect("a directory");
        let made = || load_or_create(dir.path(), "key").expect("made");
        let all: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(made)).collect();
            threads.into_iter().map(|thread| thread.join().expect("ended")).collect()
        });
        assert!(all.iter().all(|key| *key == made()), "{all:?}");
        assert_eq!(std::fs::read_dir(dir.path()).expect("there").count(), 1);
    }

    #[test]
    fn is_made_once_for_its_owner_alone() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().expect("a directory");
        let first = load_or_create(dir.path(), "key").expect("made");
        assert_eq!(load_or_create(dir.path(), "key").expect("read"), first);
        assert_ne!(load_or_create(dir.path(), "other").expect("made"), first);
        let path = dir.path().join("key");
        assert_eq!(std::fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o600);
        for bad in ["", "00", &"g".repeat(64), &"+1".repeat(32), &"0".repeat(66), &"é".repeat(32)] {
            std::fs::write(&path, bad).expect("written");
            assert!(load_or_create(dir.path(), "key").is_err(), "{bad}");
        }
    }
}
