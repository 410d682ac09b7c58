//! The content behind an entry, if it is of a size that can be shown.

use super::{Bounds, Unread};
use crate::git::{Objects, ReadError};
use crate::model::Entry;
use gix::objs::Kind;

/// One side of a changed file.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Content {
    Absent,
    Text(Vec<u8>),
    Binary(u64),
    Unread(Unread, Option<u64>),
}

impl Content {
    pub fn size(&self) -> Option<u64> {
        match self {
            Self::Absent => None,
            Self::Text(bytes) => Some(bytes.len() as u64),
            Self::Binary(size) => Some(*size),
            Self::Unread(_, size) => *size,
        }
    }

    pub fn text(&self) -> &[u8] {
        match self {
            Self::Text(bytes) => bytes,
            Self::Absent | Self::Binary(_) | Self::Unread(..) => b"",
        }
    }
}

/// Where git looks for a NUL to call a blob binary.
const BINARY_LOOK_BYTES: usize = 8000;

pub(super) fn read(objects: &Objects, entry: Option<Entry>, bounds: &Bounds) -> Result<Content, ReadError> {
    let Some(entry) = entry else { return Ok(Content::Absent) };
    if entry.is_gitlink() {
        return Ok(Content::Text(format!("Subproject commit {}\n", entry.id).into_bytes()));
    }
    let size = match objects.header(&entry.id)? {
        Some((Kind::Blob, size)) => size,
        Some((kind, _)) if entry.is_blob() || entry.is_symlink() => {
            return Err(ReadError::Kind(entry.id, kind, Kind::Blob));
        }
        None if entry.is_blob() || entry.is_symlink() => return Err(ReadError::Missing(entry.id)),
        Some(_) | None => return Ok(Content::Unread(Unread::NoBlob, None)),
    };
    if size > bounds.blob_bytes_max {
        return Ok(Content::Unread(Unread::TooManyBytes, Some(size)));
    }
    let mut buffer = Vec::new();
    objects.read(&entry.id, Kind::Blob, &mut buffer)?;
    if buffer.iter().take(BINARY_LOOK_BYTES).any(|byte| *byte == 0) {
        return Ok(Content::Binary(size));
    }
    if memchr::memchr_iter(b'\n', &buffer).nth(bounds.blob_lines_max).is_some() {
        return Ok(Content::Unread(Unread::TooManyLines, Some(size)));
    }
    Ok(Content::Text(buffer))
}
