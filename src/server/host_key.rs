//! The server's host key: an Ed25519 key in OpenSSH's format, made on first start, readable by its owner only.

use russh::keys::PrivateKey;
use russh::keys::ssh_key::{LineEnding, private::Ed25519Keypair};
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Bytes of a host key file; an Ed25519 key has some 400, an RSA key some 3000.
const FILE_LENGTH_MAX: u64 = 64 * 1024;

/// All of these are the operator's to mend.
#[derive(Debug, thiserror::Error)]
pub enum HostKeyError {
    #[error("{0}: cannot read or write the key")]
    Io(PathBuf, #[source] io::Error),
    #[error("{0}: the key can be read or changed by others (mode {1:04o}); make it yours alone: chmod 600")]
    Permissions(PathBuf, u32),
    #[error("{0}: not a private key in OpenSSH's format without a passphrase")]
    Format(PathBuf),
    #[error("no randomness from the operating system for a new key")]
    Random(#[source] io::Error),
}

/// Reads the host key, or makes one where there is none.
pub fn load_or_create_host_key(path: &Path) -> Result<PrivateKey, HostKeyError> {
    match File::open(path) {
        Ok(file) => load(path, file),
        Err(error) if error.kind() == io::ErrorKind::NotFound => create(path),
        Err(error) => Err(HostKeyError::Io(path.to_owned(), error)),
    }
}

fn load(path: &Path, file: File) -> Result<PrivateKey, HostKeyError> {
    let fail = |error| HostKeyError::Io(path.to_owned(), error);
    let mode = file.metadata().map_err(fail)?.mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(HostKeyError::Permissions(path.to_owned(), mode));
    }
    let mut text = String::new();
    file.take(FILE_LENGTH_MAX).read_to_string(&mut text).map_err(fail)?;
    match PrivateKey::from_openssh(&text) {
        Ok(key) if !key.is_encrypted() => Ok(key),
        Ok(_) | Err(_) => Err(HostKeyError::Format(path.to_owned())),
    }
}

/// Writes a new key beside its place and links it there, so that a crash leaves a whole key or none and a second
/// server that starts at the same time uses the key of the first.
fn create(path: &Path) -> Result<PrivateKey, HostKeyError> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(|error| HostKeyError::Random(io::Error::other(error)))?;
    let key = PrivateKey::from(Ed25519Keypair::from_seed(&seed));
    let text = key.to_openssh(LineEnding::LF).map_err(|_| HostKeyError::Format(path.to_owned()))?;

    let mut name = path.as_os_str().to_owned();
    name.push(format!(".new-{}", std::process::id()));
    let temporary = PathBuf::from(name);
    let linked = write_new(&temporary, text.as_bytes()).and_then(|()| std::fs::hard_link(&temporary, path));
    let removed = std::fs::remove_file(&temporary);
    match linked.and(removed).and_then(|()| sync_directory(path)) {
        Ok(()) => Ok(key),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            load(path, File::open(path).map_err(|error| HostKeyError::Io(path.to_owned(), error))?)
        }
        Err(error) => Err(HostKeyError::Io(path.to_owned(), error)),
    }
}

fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn sync_directory(path: &Path) -> io::Result<()> {
    let parent = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(parent)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn is_made_once_and_kept() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("host_key");
        let made = load_or_create_host_key(&path).expect("made");
        let read = load_or_create_host_key(&path).expect("read");
        assert_eq!(made.public_key().key_data(), read.public_key().key_data());
        assert_eq!(std::fs::metadata(&path).expect("there").mode() & 0o7777, 0o600);
        assert_eq!(std::fs::read_dir(dir.path()).expect("there").count(), 1);
    }

    #[test]
    fn is_refused_if_others_can_read_it_or_it_is_no_key() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("host_key");
        load_or_create_host_key(&path).expect("made");
        for mode in [0o640, 0o604, 0o620] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("set");
            let error = load_or_create_host_key(&path).expect_err("refused");
            assert!(matches!(error, HostKeyError::Permissions(_, m) if m == mode), "{error}");
        }
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o400)).expect("set");
        load_or_create_host_key(&path).expect("the owner's alone");
        let broken = dir.path().join("broken");
        write_new(&broken, b"no key\n").expect("written");
        assert!(matches!(load_or_create_host_key(&broken), Err(HostKeyError::Format(_))));
        let missing = dir.path().join("missing/host_key");
        assert!(matches!(load_or_create_host_key(&missing), Err(HostKeyError::Io(..))));
    }
}
