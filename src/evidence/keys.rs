//! The gate's signing keys, as files below one directory: `<purpose>-<from>`, such as `statements-20260102T030405Z`.
//!
//! A private key in OpenSSH's format each, readable by its owner only. The name says all there is to say: a key signs
//! from that time on, until the next one of its purpose begins. So rotation is one more file, and no setting can
//! disagree with the keys. What was signed stays checkable: published keys carry their times.

use crate::evidence::key::{GateKey, PublicKey};
use crate::evidence::spelling::Seconds;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use ssh_key::private::KeypairData;
use ssh_key::{LineEnding, PrivateKey};
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// What a key signs. Each kind of signature has its own key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum KeyPurpose {
    /// DSSE envelopes.
    Statements,
    /// Commits of `refs/notes/refgate`.
    Notes,
    /// Checkpoints of the log.
    Log,
}

impl KeyPurpose {
    pub const ALL: [Self; 3] = [Self::Statements, Self::Notes, Self::Log];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Statements => "statements",
            Self::Notes => "notes",
            Self::Log => "log",
        }
    }
}

/// All of these are the operator's to mend.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    #[error("{0}: cannot read or write the signing keys")]
    Io(PathBuf, #[source] io::Error),
    #[error("{0}: the key can be read or changed by others (mode {1:04o}); make it yours alone: chmod 600")]
    Permissions(PathBuf, u32),
    #[error("{0}: not an Ed25519 private key in OpenSSH's format without a passphrase")]
    Format(PathBuf),
    #[error("{0}: a key is named PURPOSE-YYYYMMDDTHHMMSSZ, by the time it begins")]
    Name(PathBuf),
    #[error("{0}: the same key stands there twice; each purpose and time has its own")]
    Twice(PathBuf),
    #[error("no randomness from the operating system for a new key")]
    Random(#[source] io::Error),
    #[error("no key for {} has begun yet", .0.as_str())]
    NotYet(KeyPurpose),
}

/// The keys of all purposes.
#[derive(Debug)]
pub struct Keys(Vec<Dated>);

#[derive(Debug)]
struct Dated {
    purpose: KeyPurpose,
    from: Seconds,
    key: GateKey,
}

/// A key as others may know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublishedKey {
    pub key: PublicKey,
    pub valid_after: Timestamp,
    /// When the next key began or begins.
    pub valid_before: Option<Timestamp>,
}

impl Keys {
    /// Reads the directory, and makes it and the keys that are missing.
    pub fn open(dir: &Path, now: Timestamp) -> Result<Self, KeyError> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(dir)
            .map_err(|error| KeyError::Io(dir.to_owned(), error))?;
        for purpose in KeyPurpose::ALL {
            let keys = Self::read(dir)?;
            if keys.at(purpose, now).is_err() {
                Self::add(dir, purpose, now)?;
            }
        }
        Self::read(dir)
    }

    /// Reads the directory and changes nothing.
    pub fn open_read_only(dir: &Path) -> Result<Self, KeyError> {
        Self::read(dir)
    }

    /// Makes a key that signs from this second on. Where there is one already, it stays.
    pub fn add(dir: &Path, purpose: KeyPurpose, from: Timestamp) -> Result<(), KeyError> {
        let from = Seconds::floor(from);
        let path = dir.join(format!("{}-{}", purpose.as_str(), from.timestamp().strftime(TIME_FORMAT)));
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(|error| KeyError::Random(io::Error::other(error)))?;
        let key = GateKey::from_seed(&seed).to_ssh();
        let text = key.to_openssh(LineEnding::LF).map_err(|_| KeyError::Format(path.clone()))?;
        write_new(dir, &path, text.as_bytes()).map_err(|error| KeyError::Io(path, error))
    }

    fn read(dir: &Path) -> Result<Self, KeyError> {
        let fail = |error| KeyError::Io(dir.to_owned(), error);
        let mut keys: Vec<Dated> = Vec::new();
        for entry in std::fs::read_dir(dir).map_err(fail)? {
            let path = entry.map_err(fail)?.path();
            let Some((purpose, from)) = parse_name(&path)? else { continue };
            let key = read_key(&path)?;
            if keys.iter().any(|other| other.key.public() == key.public()) {
                return Err(KeyError::Twice(path));
            }
            keys.push(Dated { purpose, from, key });
        }
        keys.sort_by_key(|dated| (dated.purpose, dated.from));
        Ok(Self(keys))
    }

    /// The key that signs at this time. Give it the time that the statement states, so that the two never disagree.
    pub fn at(&self, purpose: KeyPurpose, time: Timestamp) -> Result<&GateKey, KeyError> {
        let begun = |dated: &&Dated| dated.purpose == purpose && dated.from <= Seconds::floor(time);
        self.0.iter().rfind(begun).map(|dated| &dated.key).ok_or(KeyError::NotYet(purpose))
    }

    /// All keys of a purpose, oldest first, with their times.
    #[must_use]
    pub fn published(&self, purpose: KeyPurpose) -> Vec<PublishedKey> {
        let of: Vec<&Dated> = self.0.iter().filter(|dated| dated.purpose == purpose).collect();
        let next = of.iter().skip(1).map(|dated| Some(dated.from.timestamp())).chain([None]);
        let publish = |(dated, valid_before): (&&Dated, _)| PublishedKey {
            key: dated.key.public(),
            valid_after: dated.from.timestamp(),
            valid_before,
        };
        of.iter().zip(next).map(publish).collect()
    }
}

const TIME_FORMAT: &str = "%Y%m%dT%H%M%SZ";

/// `None` for a file that is no key of ours. One that could be meant as a key must be named right.
fn parse_name(path: &Path) -> Result<Option<(KeyPurpose, Seconds)>, KeyError> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    if name.ends_with(".pub") || name.contains(".new-") {
        return Ok(None);
    }
    for purpose in KeyPurpose::ALL {
        let Some(text) = name.strip_prefix(purpose.as_str()).and_then(|rest| rest.strip_prefix('-')) else { continue };
        let civil = DateTime::strptime(TIME_FORMAT, text).ok();
        let zoned = civil.and_then(|civil| civil.to_zoned(TimeZone::UTC).ok());
        let from = zoned.map(|zoned| zoned.timestamp());
        let exact = from.filter(|from| from.strftime(TIME_FORMAT).to_string() == text);
        let from = exact.ok_or_else(|| KeyError::Name(path.to_owned()))?;
        return Ok(Some((purpose, Seconds::floor(from))));
    }
    Ok(None)
}

fn read_key(path: &Path) -> Result<GateKey, KeyError> {
    /// An Ed25519 key has some 400 bytes.
    const FILE_BYTES_MAX: u64 = 16 * 1024;
    let fail = |error| KeyError::Io(path.to_owned(), error);
    let file = File::open(path).map_err(fail)?;
    let mode = file.metadata().map_err(fail)?.mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(KeyError::Permissions(path.to_owned(), mode));
    }
    let mut text = String::new();
    file.take(FILE_BYTES_MAX).read_to_string(&mut text).map_err(fail)?;
    let key = PrivateKey::from_openssh(&text).map_err(|_| KeyError::Format(path.to_owned()))?;
    match key.key_data() {
        KeypairData::Ed25519(pair) => Ok(GateKey::from_seed(&pair.private.to_bytes())),
        _ => Err(KeyError::Format(path.to_owned())),
    }
}

/// Writes beside the place and links there: a crash leaves a whole key or none, and of two that start at the same time
/// one makes the key.
fn write_new(dir: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".new-{}", std::process::id()));
    let temporary = PathBuf::from(name);
    let write = || {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
        file.write_all(bytes)?;
        file.sync_all()
    };
    let linked = write().and_then(|()| std::fs::hard_link(&temporary, path));
    let removed = std::fs::remove_file(&temporary);
    match linked {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        Ok(()) | Err(_) => removed?,
    }
    File::open(dir)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn time(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    #[test]
    fn keys_are_made_once_for_the_owner_alone() {
        let dir = tempfile::tempdir().expect("a directory");
        let dir = dir.path().join("keys");
        let now = time("2026-01-02T03:04:05.6Z");
        let keys = Keys::open(&dir, now).expect("keys");
        let again = Keys::open(&dir, time("2027-01-02T03:04:05Z")).expect("keys");
        let mut names = Vec::new();
        for purpose in KeyPurpose::ALL {
            assert_eq!(keys.published(purpose), again.published(purpose));
            names.push(format!("{}-20260102T030405Z", purpose.as_str()));
            let mode = std::fs::metadata(dir.join(names.last().expect("a name"))).expect("a file").mode();
            assert_eq!(mode & 0o7777, 0o600);
            assert!(keys.at(purpose, now).is_ok());
            assert!(matches!(keys.at(purpose, time("2026-01-02T03:04:04.9Z")), Err(KeyError::NotYet(_))));
        }
        let entries = std::fs::read_dir(&dir).expect("a directory");
        let name = |entry: io::Result<std::fs::DirEntry>| entry.expect("an entry").file_name().into_string();
        let mut found: Vec<String> = entries.map(|entry| name(entry).expect("UTF-8")).collect();
        found.sort();
        names.sort();
        assert_eq!(found, names, "nothing else is left");
        let mode = std::fs::metadata(&dir).expect("a directory").mode();
        assert_eq!(mode & 0o7777, 0o700);
    }

    #[test]
    fn a_new_key_signs_from_its_time_on_and_ends_the_old_one() {
        let dir = tempfile::tempdir().expect("a directory");
        let (first, second) = (time("2026-01-01T00:00:00Z"), time("2026-06-01T00:00:00Z"));
        Keys::open(dir.path(), first).expect("keys");
        Keys::add(dir.path(), KeyPurpose::Statements, second).expect("one more");
        Keys::add(dir.path(), KeyPurpose::Statements, second).expect("the same stays");
        let keys = Keys::open(dir.path(), first).expect("keys");
        let published = keys.published(KeyPurpose::Statements);
        assert_eq!(published.len(), 2);
        assert_eq!((published[0].valid_after, published[0].valid_before), (first, Some(second)));
        assert_eq!((published[1].valid_after, published[1].valid_before), (second, None));
        for (at, key) in [("2026-05-31T23:59:59.9Z", 0), ("2026-06-01T00:00:00Z", 1)] {
            let signer = keys.at(KeyPurpose::Statements, time(at)).expect("a key").public();
            assert_eq!(signer, published[key].key, "{at}");
        }
        assert_eq!(keys.published(KeyPurpose::Notes).len(), 1);
    }

    #[test]
    fn a_doubtful_file_is_an_error_and_never_passed_over() {
        let now = time("2026-01-01T00:00:00Z");
        let with = |name: &str, bytes: &[u8], mode: u32| {
            let dir = tempfile::tempdir().expect("a directory");
            Keys::open(dir.path(), now).expect("keys");
            let path = dir.path().join(name);
            std::fs::write(&path, bytes).expect("write");
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("chmod");
            Keys::open(dir.path(), now)
        };
        let key = GateKey::from_seed(&[1; 32]).to_ssh().to_openssh(LineEnding::LF).expect("text");
        assert!(with("notes-20260202T000000Z", key.as_bytes(), 0o400).is_ok());
        assert!(with("notes-20260202T000000Z.pub", b"x", 0o644).is_ok());
        assert!(with("README", b"x", 0o644).is_ok());
        assert!(matches!(with("notes-20260202T000000Z", key.as_bytes(), 0o640), Err(KeyError::Permissions(_, 0o640))));
        assert!(matches!(with("notes-20260202T000000Z", b"x", 0o600), Err(KeyError::Format(_))));
        for name in ["notes-", "notes-2026", "log-20260202T000000", "statements-20261302T000000Z", "log-x.bak"] {
            assert!(matches!(with(name, key.as_bytes(), 0o600), Err(KeyError::Name(_))), "{name}");
        }
        let dir = tempfile::tempdir().expect("a directory");
        Keys::open(dir.path(), now).expect("keys");
        let from = dir.path().join("notes-20260101T000000Z");
        std::fs::copy(from, dir.path().join("log-20260202T000000Z")).expect("copy");
        assert!(matches!(Keys::open(dir.path(), now), Err(KeyError::Twice(_))), "one key, one kind of signature");
    }
}
