//! What differs between two trees, as raw entries: no renames, no attributes, directories only by what is in them.

use crate::git::{Objects, ReadError, tree};
use crate::model::{Entry, ObjectId};
use bstr::BString;
use std::collections::BTreeMap;

/// One path that the trees do not agree on. Never a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    pub path: BString,
    pub old: Option<Entry>,
    pub new: Option<Entry>,
}

/// The trees nest deeper than this, or differ in more paths: an answer would cost too much.
#[derive(Debug, thiserror::Error)]
pub enum DiffError {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error("the trees differ in more than {0} paths, or nest too deep")]
    TooMuch(usize),
}

/// What differs; `None` is a tree without entries.
pub fn differences(
    objects: &Objects,
    old: Option<ObjectId>,
    new: Option<ObjectId>,
    (depth_max, paths_max): (usize, usize),
) -> Result<Vec<Difference>, DiffError> {
    let mut found = Vec::new();
    let mut waiting = vec![(BString::default(), old, new, 0)];
    while let Some((path, old, new, depth)) = waiting.pop() {
        if old == new {
            continue;
        }
        if depth > depth_max {
            return Err(DiffError::TooMuch(paths_max));
        }
        for (name, (old, new)) in pairs(objects, old, new)? {
            let mut below = path.clone();
            if !below.is_empty() {
                below.push(b'/');
            }
            below.extend_from_slice(&name);
            let tree_of = |entry: Option<Entry>| entry.filter(|entry| entry.is_tree()).map(|entry| entry.id);
            let leaf = |entry: Option<Entry>| entry.filter(|entry| !entry.is_tree());
            if tree_of(old).is_some() || tree_of(new).is_some() {
                waiting.push((below.clone(), tree_of(old), tree_of(new), depth + 1));
            }
            let (old, new) = (leaf(old), leaf(new));
            if old != new {
                if found.len() >= paths_max {
                    return Err(DiffError::TooMuch(paths_max));
                }
                found.push(Difference { path: below, old, new });
            }
        }
    }
    Ok(found)
}

type Pairs = BTreeMap<Vec<u8>, (Option<Entry>, Option<Entry>)>;

/// The entries of both, by name, that are not the same.
fn pairs(objects: &Objects, old: Option<ObjectId>, new: Option<ObjectId>) -> Result<Pairs, ReadError> {
    let list = |id: Option<ObjectId>| id.map_or(Ok(Vec::new()), |id| tree::list(objects, &id));
    let mut pairs = Pairs::new();
    for (name, entry) in list(old)? {
        pairs.entry(name).or_default().0 = Some(entry);
    }
    for (name, entry) in list(new)? {
        pairs.entry(name).or_default().1 = Some(entry);
    }
    pairs.retain(|_, (old, new)| old != new);
    Ok(pairs)
}
