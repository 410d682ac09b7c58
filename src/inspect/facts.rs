//! What is to be known of a changed entry beside its name: size, where a link points, what an LFS pointer stands for,
//! and how many lines changed.

use crate::git::{Objects, ReadError};
use crate::inspect::compare::Found;
use crate::model::{Change, Entry, ObjectId};
use bstr::{BString, ByteSlice};
use gix::objs::Kind;
use imara_diff::{Algorithm, Diff, InternedInput, sources::byte_lines};
use std::collections::HashMap;

/// The longest target of a symlink that is kept; no system takes a longer one.
const LINK_TARGET_BYTES_MAX: usize = 4096;
/// Git LFS looks no further to find out whether a blob is a pointer.
const LFS_POINTER_BYTES_MAX: u64 = 1024;
const LFS_VERSION: &[u8] = b"version https://git-lfs.github.com/spec/v1\n";
/// Lines of larger blobs are not counted.
const LINES_BYTES_MAX: u64 = 1024 * 1024;
/// Where git looks for a NUL to call a blob binary.
const BINARY_LOOK_BYTES: usize = 8000;

/// Reads blobs for one thread.
pub(super) struct BlobFacts<'a> {
    objects: &'a Objects,
    buffer: Vec<u8>,
    other_buffer: Vec<u8>,
    /// Targets cut short: their blobs may be large, and named by any number of entries.
    long_targets: HashMap<ObjectId, BString>,
}

impl<'a> BlobFacts<'a> {
    pub fn new(objects: &'a Objects) -> Self {
        Self { objects, buffer: Vec::new(), other_buffer: Vec::new(), long_targets: HashMap::new() }
    }

    /// The change as the policy sees it.
    pub fn change(&mut self, found: &Found<'_>) -> Result<Change, ReadError> {
        let mut change = Change {
            path: found.path.into(),
            old: found.parents.to_vec(),
            new: found.new,
            size: None,
            link_target: None,
            lfs_size: None,
            twin: found.twin.as_ref().map(|twin| twin.name.clone()),
            twin_entry: found.twin.as_ref().map(|twin| twin.entry),
            sightings: Vec::new(),
        };
        let Some(entry) = found.new.filter(|entry| !entry.is_gitlink()) else { return Ok(change) };
        let size = self.size(entry)?;
        change.size = size;
        if entry.is_symlink() {
            change.link_target = Some(self.link_target(entry.id, size.unwrap_or(0))?);
        } else if entry.is_blob() && size.is_some_and(may_be_lfs_pointer) {
            self.objects.read(&entry.id, Kind::Blob, &mut self.buffer)?;
            change.lfs_size = lfs_size(&self.buffer);
        }
        Ok(change)
    }

    /// A blob must be there; of an entry with an odd mode nobody knows what it names.
    fn size(&self, entry: Entry) -> Result<Option<u64>, ReadError> {
        let is_regular = entry.is_blob() || entry.is_symlink();
        match self.objects.header(&entry.id)? {
            Some((Kind::Blob, size)) => Ok(Some(size)),
            Some((kind, _)) if is_regular => Err(ReadError::Kind(entry.id, kind, Kind::Blob)),
            None if is_regular => Err(ReadError::Missing(entry.id)),
            Some(_) | None => Ok(None),
        }
    }

    fn link_target(&mut self, id: ObjectId, size: u64) -> Result<BString, ReadError> {
        if let Some(target) = self.long_targets.get(&id) {
            return Ok(target.clone());
        }
        self.objects.read(&id, Kind::Blob, &mut self.buffer)?;
        let target: BString = self.buffer.get(..LINK_TARGET_BYTES_MAX).unwrap_or(&self.buffer).into();
        if size > LINK_TARGET_BYTES_MAX as u64 {
            self.long_targets.insert(id, target.clone());
        }
        Ok(target)
    }

    /// Lines added and removed against the first parent's blob. Binary and oversized blobs have none.
    pub fn lines(&mut self, change: &Change) -> Result<u64, ReadError> {
        let old = change.old.first().copied().flatten();
        let has_old = text(self.objects, old, &mut self.buffer)?;
        let has_new = text(self.objects, change.new, &mut self.other_buffer)?;
        let old = if has_old { self.buffer.as_slice() } else { b"" };
        let new = if has_new { self.other_buffer.as_slice() } else { b"" };
        let input = InternedInput::new(byte_lines(old), byte_lines(new));
        let diff = Diff::compute(Algorithm::Myers, &input);
        Ok(u64::from(diff.count_additions()) + u64::from(diff.count_removals()))
    }
}

/// Reads a blob if it is text of a moderate size.
fn text(objects: &Objects, entry: Option<Entry>, buffer: &mut Vec<u8>) -> Result<bool, ReadError> {
    let Some(entry) = entry.filter(|entry| entry.is_blob()) else { return Ok(false) };
    let (_, size) = objects.header(&entry.id)?.ok_or(ReadError::Missing(entry.id))?;
    if size > LINES_BYTES_MAX {
        return Ok(false);
    }
    objects.read(&entry.id, Kind::Blob, buffer)?;
    Ok(!buffer.iter().take(BINARY_LOOK_BYTES).any(|byte| *byte == 0))
}

fn may_be_lfs_pointer(size: u64) -> bool {
    (LFS_VERSION.len() as u64..=LFS_POINTER_BYTES_MAX).contains(&size)
}

fn lfs_size(blob: &[u8]) -> Option<u64> {
    let rest = blob.strip_prefix(LFS_VERSION)?;
    let digits = rest.lines().find_map(|line| line.strip_prefix(b"size "))?;
    digits.to_str().ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lfs_pointers_are_known_by_their_lines() {
        let version = "version https://git-lfs.github.com/spec/v1\n";
        let table = [
            (format!("{version}oid sha256:00\nsize 12345\n"), Some(12345)),
            (format!("{version}size 0"), Some(0)),
            (format!("{version}oid sha256:00\n"), None),
            (format!("{version}size x\n"), None),
            (format!("{version}size 99999999999999999999999\n"), None),
            ("version https://example.org/v1\nsize 1\n".to_owned(), None),
            (format!(" {version}size 1\n"), None),
        ];
        for (blob, size) in table {
            assert_eq!(lfs_size(blob.as_bytes()), size, "{blob}");
        }
    }
}
