//! What was fetched: the commit under test, notes and log, read from the repository without starting git.

use crate::evidence::{NOTE_BYTES_MAX, NotSigned, NoteOf, Trust, commit_signer};
use crate::git::revision::{LocalClone, RevisionError, commit_time_s};
use crate::git::{ReadError, note, tree};
use crate::model::ObjectId;
use jiff::Timestamp;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// The most bytes of a file of the log: a proof file is the longest.
const LOG_FILE_BYTES_MAX: u64 = 1 << 18;

#[derive(Debug, thiserror::Error)]
pub enum FetchedError {
    #[error(transparent)]
    Revision(#[from] RevisionError),
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error("{0} is longer than a commit of the gate's")]
    NotTheGates(String),
    #[error("{path} of the log has {size} bytes, more than is read")]
    LogFileTooLong { path: String, size: u64 },
}

pub struct Fetched(LocalClone);

impl Fetched {
    pub fn open(dir: &Path) -> Result<Self, FetchedError> {
        Ok(Self(LocalClone::around(dir)?))
    }

    pub fn commit(&self, revision: &str) -> Result<Option<ObjectId>, FetchedError> {
        Ok(self.0.commit(revision)?)
    }

    /// The same for one that the gate has made.
    pub fn commit_of_gate(&self, revision: &str) -> Result<Option<ObjectId>, FetchedError> {
        let Some(id) = self.commit(revision)? else { return Ok(None) };
        match tree::is_commit(self.0.objects(), &id)? {
            true => Ok(Some(id)),
            false => Err(FetchedError::NotTheGates(revision.to_owned())),
        }
    }

    pub fn tree(&self, commit: &ObjectId) -> Result<ObjectId, FetchedError> {
        Ok(tree::of(self.0.objects(), commit)?)
    }

    /// The note of a commit; of a tag, that of the commit it stands for, as far as it is here.
    pub fn note(&self, notes_commit: &ObjectId, about: ObjectId) -> Result<NoteOf, FetchedError> {
        let about = self.0.peel(about)?.unwrap_or(about);
        Ok(match note::find(self.0.objects(), notes_commit, &about, NOTE_BYTES_MAX)? {
            note::Found::Nothing => NoteOf::Nothing,
            note::Found::Note(note) => NoteOf::Note(note),
            note::Found::TooLong => NoteOf::TooLong,
        })
    }

    /// Who signed the notes, of those who may.
    pub fn notes_signer(
        &self,
        notes_commit: &ObjectId,
        trust: &Trust,
    ) -> Result<Result<String, NotSigned>, FetchedError> {
        let commit = note::commit(self.0.objects(), notes_commit)?;
        let time = commit_time_s(&commit).and_then(|seconds| Timestamp::from_second(seconds).ok());
        let time = time.unwrap_or(Timestamp::MIN);
        Ok(commit_signer(&commit, time, &trust.allowed_signers))
    }

    /// A file of the log.
    pub fn log_file(&self, log_commit: &ObjectId, path: &str) -> Result<Option<Vec<u8>>, FetchedError> {
        let objects = self.0.objects();
        let Some(entry) = tree::find(objects, log_commit, path)?.filter(|entry| entry.is_blob()) else {
            return Ok(None);
        };
        let (_, size) = objects.header(&entry.id)?.ok_or(ReadError::Missing(entry.id))?;
        if size > LOG_FILE_BYTES_MAX {
            return Err(FetchedError::LogFileTooLong { path: path.to_owned(), size });
        }
        Ok(Some(tree::blob(objects, &entry.id)?))
    }

    /// Whether this file is one of the commit's.
    pub fn has_file(&self, commit: &ObjectId, file: &Path) -> Result<bool, FetchedError> {
        let Some(top) = self.0.work_tree().and_then(|top| top.canonicalize().ok()) else { return Ok(false) };
        let Ok(file) = file.canonicalize() else { return Ok(false) };
        let Ok(below) = file.strip_prefix(top) else { return Ok(false) };
        Ok(tree::find_bytes(self.0.objects(), commit, below.as_os_str().as_bytes())?.is_some())
    }
}
