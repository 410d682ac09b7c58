//! Files of a commit's tree, for the few that refgate itself has to read.

use crate::git::{Objects, ReadError};
use crate::model::{Entry, ObjectId};
use gix::objs::{CommitRefIter, Kind, TagRefIter, TreeRefIter};
use std::collections::BTreeMap;

/// The entry at `path` in a commit's tree.
pub fn find(objects: &Objects, commit: &ObjectId, path: &str) -> Result<Option<Entry>, ReadError> {
    find_bytes(objects, commit, path.as_bytes())
}

/// The same for a path that may hold any bytes.
pub fn find_bytes(objects: &Objects, commit: &ObjectId, path: &[u8]) -> Result<Option<Entry>, ReadError> {
    let mut entry = Entry { mode: 0o40000, id: of(objects, commit)? };
    for name in path.split(|byte| *byte == b'/') {
        if !entry.is_tree() {
            return Ok(None);
        }
        match list(objects, &entry.id)?.into_iter().find(|(known, _)| known == name) {
            Some((_, found)) => entry = found,
            None => return Ok(None),
        }
    }
    Ok(Some(entry))
}

/// The commit that an object stands for, tags peeled; `None`: it stands for none.
pub fn peel(objects: &Objects, id: &ObjectId) -> Result<Option<ObjectId>, ReadError> {
    /// Tags of tags of tags: more are no way to name a commit.
    const DEPTH_MAX: usize = 64;
    let (mut id, mut buffer) = (*id, Vec::new());
    for _ in 0..DEPTH_MAX {
        match objects.find(&id, &mut buffer)? {
            Some(Kind::Commit) => return Ok(Some(id)),
            Some(Kind::Tag) => {
                let tag = TagRefIter::from_bytes(&buffer, gix::hash::Kind::Sha1);
                id = tag.target_id().map_err(|_| ReadError::Malformed(id))?;
            }
            Some(_) | None => return Ok(None),
        }
    }
    Ok(None)
}

/// The tree of a commit.
pub fn of(objects: &Objects, commit: &ObjectId) -> Result<ObjectId, ReadError> {
    let mut buffer = Vec::new();
    objects.read(commit, Kind::Commit, &mut buffer)?;
    let mut commit_object = CommitRefIter::from_bytes(&buffer, gix::hash::Kind::Sha1);
    commit_object.tree_id().map_err(|_| ReadError::Malformed(*commit))
}

/// Names and entries, in the order of the tree.
pub type Listed = Vec<(Vec<u8>, Entry)>;

/// The names and entries of one tree.
pub fn list(objects: &Objects, tree: &ObjectId) -> Result<Listed, ReadError> {
    let mut buffer = Vec::new();
    objects.read(tree, Kind::Tree, &mut buffer)?;
    let entries = TreeRefIter::from_bytes(&buffer, gix::hash::Kind::Sha1).map(|entry| {
        let entry = entry.map_err(|_| ReadError::Malformed(*tree))?;
        let mode = u32::from(entry.mode.value());
        Ok((entry.filename.to_vec(), Entry { mode, id: entry.oid.to_owned() }))
    });
    entries.collect()
}

/// The most bytes of a tree that the gate itself writes, by far.
pub const BYTES_MAX: u64 = 8 << 20;

/// The same; `None`: the tree has more bytes.
pub fn list_of(objects: &Objects, tree: &ObjectId, bytes_max: u64) -> Result<Option<Listed>, ReadError> {
    let (_, size) = objects.header(tree)?.ok_or(ReadError::Missing(*tree))?;
    if size > bytes_max { Ok(None) } else { list(objects, tree).map(Some) }
}

/// The same for a commit: one of its notes names each commit that they are of.
const COMMIT_BYTES_MAX: u64 = 1 << 20;

/// Whether an object is there and is a commit, of no more bytes than one of the gate's own may have.
pub fn is_commit(objects: &Objects, id: &ObjectId) -> Result<bool, ReadError> {
    Ok(objects.header(id)?.is_some_and(|(kind, size)| kind == Kind::Commit && size <= COMMIT_BYTES_MAX))
}

/// A blob's bytes.
pub fn blob(objects: &Objects, id: &ObjectId) -> Result<Vec<u8>, ReadError> {
    let mut buffer = Vec::new();
    objects.read(id, Kind::Blob, &mut buffer)?;
    Ok(buffer)
}

/// The entries of a tree that is made, by their names.
pub type Entries = BTreeMap<Vec<u8>, Entry>;

/// In git's order: a directory sorts as if its name ended in a slash.
pub fn encode(entries: &Entries) -> Vec<u8> {
    let mut sorted: Vec<_> = entries.iter().collect();
    sorted.sort_by_key(|(name, entry)| [&name[..], if entry.is_tree() { b"/" } else { b"" }].concat());
    let mut bytes = Vec::new();
    for (name, entry) in sorted {
        bytes.extend_from_slice(format!("{:o} ", entry.mode).as_bytes());
        bytes.extend_from_slice(name);
        bytes.push(0);
        bytes.extend_from_slice(entry.id.as_bytes());
    }
    bytes
}
