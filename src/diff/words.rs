//! The words around the lines of a diff: git's own where it has some.

use super::value::{Body, FileDiff, Hunk, Unread};
use crate::model::{Entry, ObjectId};

/// Object ids are shown so long.
const ID_LENGTH: usize = 10;

pub(super) fn short(id: &ObjectId) -> String {
    id.to_hex_with_len(ID_LENGTH).to_string()
}

impl FileDiff {
    /// `new file mode 100644` and the like; nothing if the mode stays.
    #[must_use]
    pub fn mode_lines(&self) -> Vec<String> {
        match (self.old, self.new) {
            (None, Some(entry)) => vec![format!("new file mode {:06o}", entry.mode)],
            (Some(entry), None) => vec![format!("deleted file mode {:06o}", entry.mode)],
            (Some(old), Some(new)) if old.mode != new.mode => {
                vec![format!("old mode {:06o}", old.mode), format!("new mode {:06o}", new.mode)]
            }
            (Some(_), Some(_)) | (None, None) => Vec::new(),
        }
    }

    /// `index 1f3c9ab4d2..0c4f8d1e77 100644`, unless the content stays.
    pub(super) fn index_line(&self) -> Option<String> {
        if self.old.map(|entry| entry.id) == self.new.map(|entry| entry.id) {
            return None;
        }
        let id = |entry: Option<Entry>| entry.map_or_else(|| "0".repeat(ID_LENGTH), |entry| short(&entry.id));
        let mode = match (self.old, self.new) {
            (Some(old), Some(new)) if old.mode == new.mode => format!(" {:06o}", new.mode),
            _ => String::new(),
        };
        Some(format!("index {}..{}{mode}", id(self.old), id(self.new)))
    }
}

impl Body {
    /// What is said of a file instead of its lines.
    #[must_use]
    pub fn note(&self) -> Option<String> {
        match self {
            Self::Same | Self::Hunks { .. } => None,
            Self::Binary { old_size, new_size } => Some(format!("binary file, {}", sizes(*old_size, *new_size))),
            Self::Unread { why, old_size, new_size } => {
                Some(format!("{}, {}", unread(*why), sizes(*old_size, *new_size)))
            }
        }
    }
}

impl Hunk {
    /// `@@ -1,3 +1,4 @@`
    #[must_use]
    pub fn range(&self) -> String {
        let side = |start: u32, count: u32| match count {
            1 => start.to_string(),
            count => format!("{start},{count}"),
        };
        let (old, new) = (side(self.old_start, self.old_count), side(self.new_start, self.new_count));
        format!("@@ -{old} +{new} @@")
    }
}

fn unread(why: Unread) -> &'static str {
    match why {
        Unread::TooManyBytes => "too large to show",
        Unread::TooManyLines => "too many lines to compare",
        Unread::Exhausted => "not compared, as the files before took all there is room for",
        Unread::NoBlob => "no file, symlink or submodule",
    }
}

fn sizes(old: Option<u64>, new: Option<u64>) -> String {
    match (old, new) {
        (None, Some(new)) => format!("{new} bytes"),
        (Some(old), Some(new)) => format!("{new} bytes, was {old}"),
        (Some(old), None) => format!("was {old} bytes"),
        (None, None) => "of unknown size".to_owned(),
    }
}
