//! What a push changes, as values: `inspect` makes them, `policy` judges them.

use crate::model::{ObjectId, RefUpdate, Sighting};
use bstr::BString;

/// A tree entry's raw mode, as the tree spells it, and what it points to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Entry {
    /// Octal as in the tree: 0o100644, 0o100755, 0o120000, 0o160000, 0o40000, or an odd one.
    pub mode: u32,
    pub id: ObjectId,
}

impl Entry {
    #[must_use]
    pub fn is_tree(self) -> bool {
        self.mode & 0o170000 == 0o040000
    }

    #[must_use]
    pub fn is_symlink(self) -> bool {
        self.mode & 0o170000 == 0o120000
    }

    #[must_use]
    pub fn is_gitlink(self) -> bool {
        self.mode & 0o170000 == 0o160000
    }

    #[must_use]
    pub fn is_blob(self) -> bool {
        self.mode & 0o170000 == 0o100000
    }

    #[must_use]
    pub fn is_executable(self) -> bool {
        self.is_blob() && self.mode & 0o111 != 0
    }

    /// Whether git itself would never write this mode.
    #[must_use]
    pub fn is_odd(self) -> bool {
        !matches!(self.mode, 0o100644 | 0o100755 | 0o120000 | 0o160000 | 0o040000)
    }
}

/// One changed path of one commit. Never a tree: directories show as the entries below them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Raw bytes, `/` between the parts.
    pub path: BString,
    /// The entry in each parent, in the parents' order; empty for a root commit.
    pub old: Vec<Option<Entry>>,
    /// The entry in the commit; `None` if the commit has none there.
    pub new: Option<Entry>,
    /// Size of the new blob or symlink in bytes; `None` for a deletion or a gitlink.
    pub size: Option<u64>,
    /// For a symlink: where it points.
    pub link_target: Option<BString>,
    /// For a Git LFS pointer: the size it states, in bytes.
    pub lfs_size: Option<u64>,
    /// Another name in the same new directory that a case-insensitive or normalising file system cannot tell from
    /// this one's last part, or from one of this path's directories; the full path of the twin.
    pub twin: Option<BString>,
    /// The twin's own entry in the new directory. If it is not known, the twin counts as the worst there is.
    pub twin_entry: Option<Entry>,
    /// What rules saw in the content; empty until it was examined.
    pub sightings: Vec<Sighting>,
}

impl Change {
    /// Whether no parent has anything at this path.
    #[must_use]
    pub fn is_addition(&self) -> bool {
        self.new.is_some() && self.old.iter().all(Option::is_none)
    }

    /// Whether the new content is in no parent under this path: a file that becomes executable brings none.
    ///
    /// One that was a symlink's target, or that a submodule's commit only had the id of, was never looked at as a file.
    #[must_use]
    pub fn brings_content(&self) -> bool {
        let has_kind = |old: &Entry, new: &Entry| old.mode & 0o170000 == new.mode & 0o170000;
        self.new.is_some_and(|new| self.old.iter().flatten().all(|old| old.id != new.id || !has_kind(old, &new)))
    }

    #[must_use]
    pub fn is_deletion(&self) -> bool {
        self.new.is_none()
    }
}

/// Which way a commit's change is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// The commit comes in with the push.
    Added,
    /// The push takes the commit out: its change is reversed (`old` holds the commit's entry, `new` its first parent's).
    Dropped,
}

/// One added or dropped commit and the entries it changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitFacts {
    pub id: ObjectId,
    pub direction: Direction,
    pub parents: Vec<ObjectId>,
    /// First line of the message, at most 80 bytes, raw.
    pub subject: BString,
    pub changes: Vec<Change>,
    /// What rules saw in the commit object itself; empty until it was examined.
    pub sightings: Vec<Sighting>,
    /// Whether the object is new to the mirror (`false`: known already, e.g. by another agent's branch).
    pub is_new: bool,
}

/// An annotated tag on the way from a ref to its commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagFacts {
    pub id: ObjectId,
    /// The `tag` header's value, raw.
    pub name: BString,
    pub message: BString,
    pub has_tagger: bool,
    /// The whole object.
    pub raw: BString,
    /// What rules saw in it; empty until it was examined.
    pub sightings: Vec<Sighting>,
}

/// What one ref update is, found from the objects and not from the client's word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum UpdateKind {
    Create,
    /// A fast-forward: old is an ancestor of new. Also a no-op (old equals new).
    Update,
    /// Not a fast-forward; also any change of what an existing tag names.
    Rewind,
    Delete,
}

impl UpdateKind {
    /// The word used in `allow = [...]`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Rewind => "rewind",
            Self::Delete => "delete",
        }
    }
}

/// One ref update with what was found out about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpdateFacts {
    pub update: RefUpdate,
    pub kind: UpdateKind,
    /// Annotated tags peeled on the way, outermost first.
    pub tags: Vec<TagFacts>,
    /// The commit the new value peels to; `None` for a delete, and for a ref to a blob or tree.
    pub commit: Option<ObjectId>,
}

/// Ref updates that are judged by the same grants and rules, and the commits that count for them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Indices into [`PushFacts::updates`].
    pub updates: Vec<usize>,
    /// Indices into [`PushFacts::commits`].
    pub commits: Vec<usize>,
}

/// Everything the policy needs to know of a push.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PushFacts {
    pub updates: Vec<UpdateFacts>,
    /// Each commit once for each direction, parents after children.
    pub commits: Vec<CommitFacts>,
    pub groups: Vec<Group>,
    /// Lines added and removed, if the policy asked for them ([`Needs::lines`]).
    pub lines: Option<u64>,
    /// Sightings that were only counted, as there are enough of their rule and effect.
    pub more_sightings: usize,
    /// Bytes of the pack as received.
    pub pack_bytes: u64,
}

/// Facts that cost something to find out; the policy says which of them it will look at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Needs {
    /// [`PushFacts::lines`].
    pub lines: bool,
    /// [`Change::twin`] of every added name. Without it only twins of symlinks and gitlinks are looked for.
    pub twins: bool,
}
