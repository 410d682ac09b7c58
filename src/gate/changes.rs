//! The digest of what a ref update changes, over content: it ties a statement to the bytes without trusting object ids.
//!
//! From the old tip to the new one. Of a ref that is created, from where its first parents leave what the push adds.

use crate::evidence::{Changed, Changeset, ChangesetError, Sha256Digest, Side, changeset_digest};
use crate::git::tree_diff::{DiffError, Difference, differences};
use crate::git::{Objects, ReadError, tree};
use crate::model::{Direction, Entry, Limits, ObjectId, PushFacts, UpdateFacts, UpdateKind};
use imara_diff::{Algorithm, Diff, InternedInput, sources::byte_lines};
use sha2::{Digest, Sha256};
use std::collections::HashMap;

/// Blobs of more bytes are read in pieces.
const BLOB_BYTES_MAX: u64 = 4 << 20;

/// Lines are counted in blobs up to this, and in all of a ref update up to that.
const LINES_BLOB_BYTES_MAX: u64 = 256 << 10;
const LINES_BYTES_MAX: u64 = 4 << 20;
/// Where git looks for a NUL to call a blob binary.
const BINARY_LOOK_BYTES: usize = 8000;

#[derive(Debug, thiserror::Error)]
pub enum ChangesError {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Diff(#[from] DiffError),
    #[error(transparent)]
    Changeset(#[from] ChangesetError),
}

/// The changesets of one push. What several of its refs have in common is looked at once.
pub(super) struct Changes<'a> {
    objects: &'a Objects,
    added: HashMap<ObjectId, Option<ObjectId>>,
    contents: Contents<'a>,
    known: HashMap<(Option<ObjectId>, ObjectId), Changeset>,
}

impl<'a> Changes<'a> {
    pub fn new(objects: &'a Objects, facts: &PushFacts) -> Self {
        let added = facts.commits.iter().filter(|commit| commit.direction == Direction::Added);
        let added = added.map(|commit| (commit.id, commit.parents.first().copied())).collect();
        Self { objects, added, contents: Contents::new(objects), known: HashMap::new() }
    }

    /// The changeset of one update; `None` for a delete.
    pub fn of_update(&mut self, update: &UpdateFacts, limits: &Limits) -> Result<Option<Changeset>, ChangesError> {
        let Some(new) = update.commit else { return Ok(None) };
        let base = match (update.kind, update.update.old) {
            (UpdateKind::Delete, _) => return Ok(None),
            (_, Some(old)) => tree::peel(self.objects, &old)?,
            (_, None) => self.first_known(new),
        };
        if let Some(known) = self.known.get(&(base, new)) {
            return Ok(Some(*known));
        }
        let changeset = self.between(base, new, limits)?;
        self.known.insert((base, new), changeset);
        Ok(Some(changeset))
    }

    fn between(&mut self, base: Option<ObjectId>, new: ObjectId, limits: &Limits) -> Result<Changeset, ChangesError> {
        let objects = self.objects;
        let old = base.map(|commit| tree::of(objects, &commit)).transpose()?;
        let new = tree::of(objects, &new)?;
        let bounds = (limits.path_depth_max, limits.changes_max);
        let found = differences(objects, old, Some(new), bounds)?;
        let (mut added_lines, mut deleted_lines, mut room) = (0, 0, LINES_BYTES_MAX);
        for difference in &found {
            let (added, deleted) = lines(objects, difference, &mut room)?;
            (added_lines, deleted_lines) = (added_lines + added, deleted_lines + deleted);
        }
        let changed = found.into_iter().map(|difference| self.contents.changed(difference));
        let changed = changed.collect::<Result<Vec<_>, _>>()?;
        let files = changed.len() as u64;
        Ok(Changeset { digest: changeset_digest(changed)?, files, added_lines, deleted_lines })
    }

    /// The first commit on the way of first parents that the push does not add; `None`: it adds its root.
    fn first_known(&self, new: ObjectId) -> Option<ObjectId> {
        let mut at = new;
        while let Some(parent) = self.added.get(&at) {
            at = (*parent)?;
        }
        Some(at)
    }
}

/// Lines added and deleted; of what is no text, is large, or comes after too much else, none.
fn lines(objects: &Objects, difference: &Difference, room: &mut u64) -> Result<(u64, u64), ReadError> {
    let mut text = |entry: Option<Entry>| -> Result<Option<Vec<u8>>, ReadError> {
        let Some(entry) = entry.filter(|entry| entry.is_blob()) else { return Ok(Some(Vec::new())) };
        let (_, size) = objects.header(&entry.id)?.ok_or(ReadError::Missing(entry.id))?;
        if size > LINES_BLOB_BYTES_MAX || size > *room {
            return Ok(None);
        }
        *room -= size;
        let blob = tree::blob(objects, &entry.id)?;
        Ok((!blob.iter().take(BINARY_LOOK_BYTES).any(|byte| *byte == 0)).then_some(blob))
    };
    let (Some(old), Some(new)) = (text(difference.old)?, text(difference.new)?) else { return Ok((0, 0)) };
    let input = InternedInput::new(byte_lines(&old[..]), byte_lines(&new[..]));
    let diff = Diff::compute(Algorithm::Myers, &input);
    Ok((u64::from(diff.count_additions()), u64::from(diff.count_removals())))
}

/// SHA-256 of contents, each blob once.
struct Contents<'a> {
    objects: &'a Objects,
    known: HashMap<ObjectId, Sha256Digest>,
}

impl<'a> Contents<'a> {
    fn new(objects: &'a Objects) -> Self {
        Self { objects, known: HashMap::new() }
    }

    fn changed(&mut self, Difference { path, old, new }: Difference) -> Result<Changed, ReadError> {
        let old = old.map(|entry| self.side(entry)).transpose()?;
        let new = new.map(|entry| self.side(entry)).transpose()?;
        Ok(Changed { old, new, path })
    }

    fn side(&mut self, entry: Entry) -> Result<Side, ReadError> {
        if !entry.is_blob() && !entry.is_symlink() {
            // What a submodule names is elsewhere.
            return Ok(Side { mode: entry.mode, content: Sha256Digest::of(entry.id.to_string().as_bytes()) });
        }
        let content = match self.known.get(&entry.id) {
            Some(content) => *content,
            None => self.content(entry.id)?,
        };
        self.known.insert(entry.id, content);
        Ok(Side { mode: entry.mode, content })
    }

    fn content(&mut self, id: ObjectId) -> Result<Sha256Digest, ReadError> {
        let (_, size) = self.objects.header(&id)?.ok_or(ReadError::Missing(id))?;
        if size <= BLOB_BYTES_MAX {
            return Ok(Sha256Digest::of(&tree::blob(self.objects, &id)?));
        }
        let mut hash = Sha256::new();
        self.objects.stream(&id, &mut |piece| hash.update(piece))?;
        Ok(Sha256Digest::new(hash.finalize().into()))
    }
}
