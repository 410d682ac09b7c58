//! A repository around a work tree, read without starting git: what names a commit, and its objects.
//!
//! For checks in CI, which are to take milliseconds and to work in any clone. Settings of the machine and of the user are
//! not read, replace refs and grafts never applied.

use crate::git::{ObjectStore, Objects, ReadError};
use crate::model::ObjectId;
use gix::objs::{CommitRefIter, Kind, TagRefIter};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Why no revision can be read.
#[derive(Debug, thiserror::Error)]
pub enum RevisionError {
    #[error("{} is in no git repository", .0.display())]
    NotARepository(PathBuf),
    #[error("{} names its objects by SHA-256; refgate takes SHA-1 only", .0.display())]
    Sha256(PathBuf),
    #[error("a ref cannot be read: {0}")]
    Ref(String),
    #[error("a chain of more than {TAGS_MAX} tags")]
    TagChain,
    #[error("a chain of more than {SYMBOLIC_MAX} symbolic refs")]
    SymbolicChain,
    #[error(transparent)]
    Read(#[from] ReadError),
}

/// Tags of tags, and symbolic refs, that are followed.
const TAGS_MAX: usize = 10;
const SYMBOLIC_MAX: usize = 5;

pub struct LocalClone {
    repository: gix::Repository,
    objects: Objects,
}

impl LocalClone {
    /// Opens the nearest repository with a work tree at or above `dir`, or a bare one that is `dir` itself; whoever owns
    /// it: CI often runs as somebody else.
    ///
    /// A bare one above or inside a work tree counts for nothing: it may be files of the tree under test, which cannot have
    /// a `.git`.
    pub fn around(dir: &Path) -> Result<Self, RevisionError> {
        let none = || RevisionError::NotARepository(dir.to_owned());
        let absolute = std::path::absolute(dir).map_err(|_| none())?;
        let options = gix::open::Options::isolated;
        let trust = gix::sec::trust::Mapping { full: options(), reduced: options() };
        let upwards = gix::discover::upwards::Options { dot_git_only: true, ..Default::default() };
        let found = gix::ThreadSafeRepository::discover_opts(&absolute, upwards, trust);
        let found = found.or_else(|_| gix::ThreadSafeRepository::open_opts(&absolute, options()));
        let repository = found.map_err(|_| none())?.to_thread_local();
        if repository.object_hash() != gix::hash::Kind::Sha1 {
            return Err(RevisionError::Sha256(dir.to_owned()));
        }
        let objects = Objects::new(None, &ObjectStore::open(&repository.common_dir().join("objects"))?);
        Ok(Self { repository, objects })
    }

    #[must_use]
    pub fn objects(&self) -> &Objects {
        &self.objects
    }

    /// Where files are checked out; a bare repository has no such place.
    #[must_use]
    pub fn work_tree(&self) -> Option<&Path> {
        self.repository.workdir()
    }

    /// The commit that a full id, a ref, HEAD or FETCH_HEAD names, tags peeled; short names of refs as git takes them.
    /// `None`: there is none here.
    pub fn commit(&self, revision: &str) -> Result<Option<ObjectId>, RevisionError> {
        let named = match ObjectId::from_hex(revision.as_bytes()) {
            Ok(id) => Some(id),
            Err(_) if revision == "FETCH_HEAD" => self.fetch_head(),
            Err(_) => self.reference(revision)?,
        };
        named.map_or(Ok(None), |id| self.peel(id))
    }

    /// The commit that a commit or tag stands for. `None`: it is something else, or not here.
    pub fn peel(&self, mut id: ObjectId) -> Result<Option<ObjectId>, RevisionError> {
        let mut buffer = Vec::new();
        for _ in 0..=TAGS_MAX {
            match self.objects.header(&id)? {
                Some((Kind::Commit, _)) => return Ok(Some(id)),
                Some((Kind::Tag, _)) => {
                    self.objects.read(&id, Kind::Tag, &mut buffer)?;
                    let target = TagRefIter::from_bytes(&buffer, gix::hash::Kind::Sha1).target_id();
                    id = target.map_err(|_| ReadError::Malformed(id))?;
                }
                Some((Kind::Tree | Kind::Blob, _)) | None => return Ok(None),
            }
        }
        Err(RevisionError::TagChain)
    }

    fn reference(&self, name: &str) -> Result<Option<ObjectId>, RevisionError> {
        // What cannot be a ref's name names none.
        let Ok(partial) = <&gix::refs::PartialNameRef>::try_from(name) else { return Ok(None) };
        let wrong = |error: &dyn std::fmt::Display| RevisionError::Ref(error.to_string());
        let Some(mut found) = self.repository.try_find_reference(partial).map_err(|error| wrong(&error))? else {
            return Ok(None);
        };
        for _ in 0..SYMBOLIC_MAX {
            if let Some(id) = found.try_id() {
                return Ok(Some(id.detach()));
            }
            match found.follow() {
                Some(next) => found = next.map_err(|error| wrong(&error))?,
                None => return Ok(None),
            }
        }
        Err(RevisionError::SymbolicChain)
    }

    /// What the last fetch brought first: where git writes it.
    fn fetch_head(&self) -> Option<ObjectId> {
        let mut id = [0; 40];
        File::open(self.repository.git_dir().join("FETCH_HEAD")).ok()?.read_exact(&mut id).ok()?;
        ObjectId::from_hex(&id).ok()
    }
}

/// When a commit says that it was made, in seconds since 1970.
pub fn commit_time_s(commit: &[u8]) -> Option<i64> {
    let committer = CommitRefIter::from_bytes(commit, gix::hash::Kind::Sha1).committer().ok()?;
    Some(committer.time().ok()?.seconds)
}
