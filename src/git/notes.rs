//! Git notes (git-notes): a commit whose tree has a blob for each annotated commit, named by its id, in directories of
//! two hex digits. Readers take any fan-out.

use crate::git::notes_kept::{Worth, appended, begun_anew};
use crate::git::tree::{Entries, encode};
use crate::git::{Made, Objects, ReadError, tree};
use crate::model::{Entry, ObjectId};
use gix::objs::{CommitRefIter, Kind};
use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::fmt::Write;

/// The most bytes of a note: of more lines those stay that are worth more, and then the newest.
pub const NOTE_BYTES_MAX: usize = 4 << 20;

/// Commits that are looked at to find out whether one goes on from another.
const WALK_MAX: usize = 4096;

/// Lines for the note of one commit.
#[derive(Debug, Clone)]
pub struct Addition {
    pub commit: ObjectId,
    pub lines: Vec<String>,
}

/// Who commits, and when.
#[derive(Debug, Clone, Copy)]
pub struct Committer<'a> {
    pub name: &'a str,
    pub email: &'a str,
    /// Since 1970.
    pub time_s: i64,
}

/// What the new commit goes on from.
#[derive(Debug, Clone, Default)]
pub struct Base {
    /// Whose notes stay; `None`: there are none.
    pub tree_of: Option<ObjectId>,
    pub parents: Vec<ObjectId>,
}

/// Makes the commit with its objects. `sign` gets the commit and gives it back with its signature.
///
/// Beyond about `notes_max` notes the tree begins anew, with what is worth to be kept: the others stay in the history of the
/// ref.
pub fn commit<E: From<ReadError>>(
    objects: &Objects,
    base: &Base,
    additions: &[Addition],
    (by, notes_max, worth): (Committer<'_>, usize, &Worth<'_>),
    sign: impl FnOnce(&[u8]) -> Result<Vec<u8>, E>,
) -> Result<(ObjectId, Made), E> {
    let mut made = Made::default();
    let root = match &base.tree_of {
        Some(commit) => entries(objects, &tree::of(objects, commit)?)?,
        None => Entries::new(),
    };
    let additions = &together(additions);
    let root = add_notes(objects, root, additions, (notes_max, worth), &mut made)?;
    let root = made.add(Kind::Tree, encode(&root))?;
    let mut text = format!("tree {root}\n");
    for parent in &base.parents {
        let _ = writeln!(text, "parent {parent}");
    }
    let Committer { name, email, time_s } = by;
    let _ = write!(text, "author {name} <{email}> {time_s} +0000\ncommitter {name} <{email}> {time_s} +0000\n\n");
    for addition in additions {
        let _ = writeln!(text, "refgate: {}", addition.commit);
    }
    let id = made.add(Kind::Commit, sign(text.as_bytes())?)?;
    Ok((id, made))
}

/// One addition for each commit: a push may bring a thousand refs to one.
fn together(additions: &[Addition]) -> Vec<Addition> {
    let mut all: Vec<Addition> = Vec::new();
    let mut places: HashMap<ObjectId, usize> = HashMap::new();
    for addition in additions {
        match places.get(&addition.commit).and_then(|at| all.get_mut(*at)) {
            Some(known) => known.lines.extend_from_slice(&addition.lines),
            None => {
                places.insert(addition.commit, all.len());
                all.push(addition.clone());
            }
        }
    }
    all
}

/// A tree's entries; of one that is far larger than the gate writes them, none.
pub(super) fn entries(objects: &Objects, id: &ObjectId) -> Result<Entries, ReadError> {
    Ok(tree::list_of(objects, id, tree::BYTES_MAX)?.unwrap_or_default().into_iter().collect())
}

/// Whether there are more notes than these.
fn is_full(objects: &Objects, root: &Entries, notes_max: usize) -> Result<bool, ReadError> {
    let mut count = 0;
    for entry in root.values() {
        count += if entry.is_tree() { entries(objects, &entry.id)?.len() } else { 1 };
        if count > notes_max {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The note that is there; of one that is far longer than the gate writes them, nothing.
pub(super) fn note(objects: &Objects, id: &ObjectId) -> Result<Vec<u8>, ReadError> {
    let (_, size) = objects.header(id)?.ok_or(ReadError::Missing(*id))?;
    if size > 8 * NOTE_BYTES_MAX as u64 { Ok(Vec::new()) } else { tree::blob(objects, id) }
}

fn add_notes(
    objects: &Objects,
    mut root: Entries,
    additions: &[Addition],
    (notes_max, worth): (usize, &Worth<'_>),
    made: &mut Made,
) -> Result<Entries, ReadError> {
    let mut directories: BTreeMap<Vec<u8>, Entries> = BTreeMap::new();
    for addition in additions {
        let first = addition.commit.to_string().into_bytes()[..2].to_vec();
        if let Some(entry) = root.get(&first).filter(|entry| entry.is_tree())
            && !directories.contains_key(&first)
        {
            directories.insert(first, entries(objects, &entry.id)?);
        }
    }
    // One directory tells about how many there are, but whoever pushes may choose ids for it: so then all are counted.
    let seems_full =
        root.len() > 256 + notes_max / 256 || directories.values().any(|directory| directory.len() > notes_max / 256);
    if seems_full && is_full(objects, &root, notes_max)? {
        directories = begun_anew(objects, &root, notes_max, worth)?;
        root.clear();
    }
    for Addition { commit, lines } in additions {
        let hex = commit.to_string().into_bytes();
        let (first, rest) = hex.split_at(2);
        let directory = directories.entry(first.to_vec()).or_default();
        // One that somebody wrote without directories moves to its place.
        let old = directory.get(rest).copied().or_else(|| root.remove(&hex)).filter(|entry| entry.is_blob());
        let old = match old {
            Some(entry) => note(objects, &entry.id)?,
            None => Vec::new(),
        };
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let id = made.add(Kind::Blob, appended(&old, &lines, worth))?;
        directory.insert(rest.to_vec(), Entry { mode: 0o100_644, id });
    }
    for (name, directory) in directories {
        let id = made.add(Kind::Tree, encode(&directory))?;
        root.insert(name, Entry { mode: 0o40_000, id });
    }
    Ok(root)
}

/// Whether a tip reaches what was a tip before. Of a very long way there, or by a commit as none is, it is taken not to.
pub fn goes_on_from(objects: &Objects, tip: ObjectId, from: ObjectId) -> Result<bool, ReadError> {
    let (mut waiting, mut seen) = (VecDeque::from([tip]), HashSet::new());
    let mut buffer = Vec::new();
    while let Some(id) = waiting.pop_front() {
        if id == from {
            return Ok(true);
        }
        if !seen.insert(id) || seen.len() > WALK_MAX || !tree::is_commit(objects, &id)? {
            continue;
        }
        objects.read(&id, Kind::Commit, &mut buffer)?;
        waiting.extend(CommitRefIter::from_bytes(&buffer, gix::hash::Kind::Sha1).parent_ids());
    }
    Ok(false)
}
