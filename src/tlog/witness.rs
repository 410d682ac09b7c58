//! A witness (C2SP tlog-witness): signs a log's checkpoint if it extends the last one it has signed. From bytes to an
//! answer, with its memory on disk; the HTTP around it is somebody else's.

use super::disk::{self, at};
use super::note::NoteError;
use super::storage::{Durability, StorageError};
use super::verify::{self, PROOF_LENGTH_MAX};
use super::{Checkpoint, CheckpointError, Cosigner, Hash, Note, SignedCheckpoint, VerifyingKey, text};
use sha2::{Digest, Sha256};
use std::fmt::{self, Write as _};
use std::fs::{self, File};
use std::path::{Path, PathBuf};

/// The longest request that is read.
pub const REQUEST_LENGTH_MAX: usize = super::note::NOTE_LENGTH_MAX + 4 * 1024;
const TEXT: &str = "text/plain; charset=utf-8";
const SIZE: &str = "text/x.tlog.size";

/// Why bytes are no `add-checkpoint` request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    #[error("the request is longer than {REQUEST_LENGTH_MAX} bytes")]
    Long,
    #[error("the first line is not: old SIZE")]
    OldSize,
    #[error("a line is not the base64 of a SHA-256 hash, or there are more than {PROOF_LENGTH_MAX}")]
    Proof,
    #[error("{0}")]
    Note(#[from] NoteError),
    #[error("{0}")]
    Checkpoint(#[from] CheckpointError),
    #[error("the old size is larger than the checkpoint's")]
    OldIsLarger,
}

/// The body of an `add-checkpoint` request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddCheckpoint {
    /// The size that the sender believes the witness has signed last.
    pub old_size: u64,
    pub proof: Vec<Hash>,
    pub checkpoint: Note,
}

impl AddCheckpoint {
    /// # Errors
    /// The bytes are something else.
    pub fn parse(body: &[u8]) -> Result<Self, RequestError> {
        if body.len() > REQUEST_LENGTH_MAX {
            return Err(RequestError::Long);
        }
        let body = std::str::from_utf8(body).map_err(|_| NoteError::Text)?;
        let (head, note) = body.split_once("\n\n").ok_or(NoteError::NoSignatures)?;
        let mut lines = head.split('\n');
        let old_size = lines.next().and_then(|line| text::decimal(line.strip_prefix("old ")?));
        let old_size = old_size.ok_or(RequestError::OldSize)?;
        let proof: Option<Vec<_>> = lines.take(PROOF_LENGTH_MAX + 1).map(Hash::from_base64).collect();
        let proof = proof.filter(|proof| proof.len() <= PROOF_LENGTH_MAX).ok_or(RequestError::Proof)?;
        Ok(Self { old_size, proof, checkpoint: Note::parse(note.as_bytes())? })
    }
}

/// The body.
impl fmt::Display for AddCheckpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "old {}", self.old_size)?;
        self.proof.iter().try_for_each(|hash| writeln!(f, "{hash}"))?;
        write!(f, "\n{}", self.checkpoint)
    }
}

/// What to send back over HTTP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    pub content_type: &'static str,
    pub body: String,
}

impl Answer {
    fn text(status: u16, text: &dyn fmt::Display) -> Self {
        Self { status, content_type: TEXT, body: format!("{text}\n") }
    }
}

/// A witness of some logs.
#[derive(Debug)]
pub struct Witness {
    cosigner: Cosigner,
    logs: Vec<VerifyingKey>,
    memory: Memory,
}

impl Witness {
    /// Opens the witness's memory in a directory, which is made if it is not there. A log may have several keys.
    ///
    /// Without its memory a witness signs anything once more: the directory is as precious as the key. What it signed
    /// is kept with the log's signature, which shows to others what the log has said.
    ///
    /// # Errors
    /// It cannot be written, or another process has it open.
    pub fn open(directory: &Path, cosigner: Cosigner, logs: Vec<VerifyingKey>) -> Result<Self, StorageError> {
        Ok(Self { cosigner, logs, memory: Memory::open(directory)? })
    }

    /// Answers an `add-checkpoint` request at a time, in seconds since 1970. What is signed is remembered first.
    ///
    /// # Errors
    /// The memory cannot be read or written: to be answered with 500, and nothing was signed.
    pub fn add_checkpoint(&mut self, body: &[u8], now_s: u64) -> Result<Answer, StorageError> {
        let bad = |error: RequestError| Ok(Answer::text(400, &error));
        let mut request = match AddCheckpoint::parse(body) {
            Ok(request) => request,
            Err(error) => return bad(error),
        };
        let checkpoint = match Checkpoint::parse(request.checkpoint.text()) {
            Ok(checkpoint) => checkpoint,
            Err(error) => return bad(error.into()),
        };
        let keys: Vec<_> = self.logs.iter().filter(|key| key.name().as_str() == checkpoint.origin()).collect();
        if keys.is_empty() {
            return Ok(Answer::text(404, &"this log is not known here"));
        }
        if !is_signed(&request.checkpoint, &keys) {
            return Ok(Answer::text(403, &"the checkpoint is not signed by its log"));
        }
        if request.old_size > checkpoint.size() {
            return bad(RequestError::OldIsLarger);
        }
        let (known_size, known_root) = match self.memory.last(checkpoint.origin())? {
            Some((last, _)) => (last.size(), *last.root()),
            None => (0, Hash::of_no_leaves()),
        };
        let is_other = known_size == checkpoint.size() && known_root != *checkpoint.root();
        if request.old_size != known_size || is_other {
            return Ok(Answer { status: 409, content_type: SIZE, body: format!("{known_size}\n") });
        }
        let new = (checkpoint.size(), checkpoint.root());
        if let Err(error) = verify::consistency((known_size, &known_root), new, &request.proof) {
            return Ok(Answer::text(422, &error));
        }
        // A time of zero would say that there is none.
        let cosignature = self.cosigner.cosign(request.checkpoint.text(), now_s.max(1));
        // What others signed was not checked, and what was signed here before is older.
        request.checkpoint.keep_signed_by(&keys);
        let added = request.checkpoint.add(cosignature.clone());
        if let Err(error) = added {
            return bad(error.into());
        }
        self.memory.remember(checkpoint.origin(), &request.checkpoint)?;
        Ok(Answer { status: 200, content_type: TEXT, body: cosignature.to_string() })
    }

    /// The checkpoint of a log that was signed last, with the log's signature and this witness's, by the SHA-256 of the
    /// log's origin in lower-case hex. `None` if none was, or the log is not known here.
    ///
    /// # Errors
    /// The memory cannot be read.
    pub fn latest(&self, origin_hash: &str) -> Result<Option<Note>, StorageError> {
        let origin = self.logs.iter().map(|key| key.name().as_str()).find(|origin| Memory::name(origin) == origin_hash);
        origin.map_or(Ok(None), |origin| self.memory.last(origin).map(|last| last.map(|(_, note)| note)))
    }
}

/// Signed by one of the log's keys at least, and nothing forged in any's name.
fn is_signed(note: &Note, keys: &[&VerifyingKey]) -> bool {
    let checks: Vec<_> = keys.iter().map(|key| SignedCheckpoint::check(note.clone(), key)).collect();
    let is_forged = |error| error == CheckpointError::Signature(super::note::SignatureError::Forged);
    checks.iter().any(Result::is_ok) && !checks.into_iter().any(|check| check.is_err_and(is_forged))
}

/// The last checkpoint signed of each log: a file each, the signed note.
#[derive(Debug)]
struct Memory {
    root: PathBuf,
    _lock: File,
}

impl Memory {
    fn open(root: &Path) -> Result<Self, StorageError> {
        fs::create_dir_all(root).map_err(at(root))?;
        let lock = disk::lock(root)?;
        // What a killed predecessor has renamed may not be on disk yet; what is read from here on must be.
        disk::sync_directory(root)?;
        Ok(Self { root: root.to_owned(), _lock: lock })
    }

    /// An origin may have any character, a file's name may not.
    fn name(origin: &str) -> String {
        let hash: [u8; 32] = Sha256::digest(origin).into();
        hash.iter().fold(String::new(), |mut name, byte| {
            let _ = write!(name, "{byte:02x}");
            name
        })
    }

    /// A file that cannot be read is an error, never a log that was not seen yet.
    fn last(&self, origin: &str) -> Result<Option<(Checkpoint, Note)>, StorageError> {
        let Some(bytes) = disk::read(&self.root.join(Self::name(origin)))? else { return Ok(None) };
        let note = Note::parse(&bytes).map_err(CheckpointError::Note)?;
        let last = Checkpoint::parse(note.text())?;
        if last.origin() == origin { Ok(Some((last, note))) } else { Err(CheckpointError::Origin.into()) }
    }

    fn remember(&self, origin: &str, note: &Note) -> Result<(), StorageError> {
        disk::replace(&self.root, &Self::name(origin), note.to_string().as_bytes(), Durability::Files)
    }
}
