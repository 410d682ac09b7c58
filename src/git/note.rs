//! Notes as git-notes(1) keeps them: a blob at the id of what it is about, below any number of two-digit directories.

use crate::git::{Objects, ReadError, tree};
use crate::model::ObjectId;
use gix::objs::Kind;

/// What a tree of notes has for one object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    Nothing,
    Note(Vec<u8>),
    TooLong,
}

/// The note of an object, in the notes of this commit: all blobs there are for it, on lines of their own, at most so many
/// bytes of each.
pub fn find(objects: &Objects, notes: &ObjectId, about: &ObjectId, bytes_max: usize) -> Result<Found, ReadError> {
    let hex = about.to_string();
    let mut rest = hex.as_str();
    let mut directory = Some(tree::of(objects, notes)?);
    let (mut note, mut is_found) = (Vec::new(), false);
    while let Some(id) = directory.take() {
        let (pair, below) = rest.split_at_checked(2).unwrap_or((rest, ""));
        let Some(entries) = tree::list_of(objects, &id, tree::BYTES_MAX)? else { return Ok(Found::TooLong) };
        for (name, entry) in entries {
            if entry.is_blob() && name == rest.as_bytes() {
                let size = objects.header(&entry.id)?.ok_or(ReadError::Missing(entry.id))?.1;
                if usize::try_from(size).map_or(true, |size| size > bytes_max) {
                    return Ok(Found::TooLong);
                }
                if is_found {
                    note.push(b'\n');
                }
                note.extend_from_slice(&tree::blob(objects, &entry.id)?);
                is_found = true;
            }
            if entry.is_tree() && !below.is_empty() && name == pair.as_bytes() {
                directory = Some(entry.id);
            }
        }
        rest = below;
    }
    Ok(if is_found { Found::Note(note) } else { Found::Nothing })
}

/// A commit's bytes.
pub fn commit(objects: &Objects, id: &ObjectId) -> Result<Vec<u8>, ReadError> {
    let mut buffer = Vec::new();
    objects.read(id, Kind::Commit, &mut buffer)?;
    Ok(buffer)
}
