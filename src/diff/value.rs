//! A diff as values.

use crate::model::{Direction, Entry, ObjectId};
use bstr::BString;
use jiff::Timestamp;

/// One commit with what it changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitDiff {
    pub id: ObjectId,
    /// Of a dropped commit the files show what taking it out changes.
    pub direction: Direction,
    pub parents: Vec<ObjectId>,
    pub header: Header,
    /// Marked files first, then as the commit's tree has them.
    pub files: Vec<FileDiff>,
    /// Changed files beyond [`super::Bounds::files_max`].
    pub more_files: usize,
}

/// What a commit says of itself; all of it is the pusher's word.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Header {
    /// `Name <email>`, raw.
    pub author: BString,
    pub author_time: Option<Timestamp>,
    pub committer: BString,
    pub message: Text,
}

/// Raw bytes, perhaps only the start of what there is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Text {
    pub bytes: BString,
    /// Bytes left out at the end.
    pub cut: u64,
}

impl Text {
    /// Keeps at most `max` bytes, whole characters if it is UTF-8.
    #[must_use]
    pub fn start_of(bytes: &[u8], max: usize) -> Self {
        let is_inside = |at: usize| bytes.get(at).is_some_and(|byte| byte & 0xC0 == 0x80);
        let end = match bytes.len() <= max {
            true => bytes.len(),
            false => (max.saturating_sub(3)..=max).rev().find(|at| !is_inside(*at)).unwrap_or(max),
        };
        let kept = bytes.get(..end).unwrap_or(bytes);
        Self { bytes: kept.into(), cut: (bytes.len() - kept.len()) as u64 }
    }
}

/// One changed file of one commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileDiff {
    pub path: BString,
    pub old: Option<Entry>,
    pub new: Option<Entry>,
    /// Which parent `old` is of, from 0: of a merge the first that has something else there.
    pub parent: usize,
    pub body: Body,
}

/// What of a file's content can be shown. A symlink's content is its target, a submodule's a line with its commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// Only the mode changed.
    Same,
    Hunks {
        hunks: Vec<Hunk>,
        added: u64,
        removed: u64,
        /// Lines left out after the last hunk.
        left_out: u64,
    },
    Binary {
        old_size: Option<u64>,
        new_size: Option<u64>,
    },
    Unread {
        why: Unread,
        old_size: Option<u64>,
        new_size: Option<u64>,
    },
}

/// Why a file was not compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unread {
    TooManyBytes,
    TooManyLines,
    /// The commit's other files took all the time, or all the lines, there are.
    Exhausted,
    /// Its mode says neither file, symlink nor submodule, and it names no blob.
    NoBlob,
}

/// Lines that are together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hunk {
    /// Lines of the diff left out before it: those that had no room.
    pub left_out: u64,
    /// As in git: from 1; the line before if the side has none.
    pub old_start: u32,
    pub old_count: u32,
    pub new_start: u32,
    pub new_count: u32,
    pub lines: Vec<Line>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineKind {
    Context,
    Added,
    Removed,
}

/// One line without its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    pub kind: LineKind,
    pub old: Option<u32>,
    pub new: Option<u32>,
    pub text: Text,
    /// `false`: the file ends here without a newline.
    pub has_newline: bool,
}
