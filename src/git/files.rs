//! A commit of files whose paths the gate chooses: what it keeps beside the history of a repository.

use crate::git::notes::Committer;
use crate::git::{Made, Objects, ReadError, tree};
use crate::model::{Entry, ObjectId};
use gix::objs::Kind;
use std::collections::BTreeMap;
use std::fmt::Write;

/// Files by their paths; no path is the directory of another.
pub type Files = BTreeMap<String, Entry>;

/// Directories in directories.
const DEPTH_MAX: usize = 16;

/// All files of a commit. `None`: it has more entries than these or nests deep. The gate did not write that, and a few
/// small trees can stand for more paths than there is memory.
pub fn read(objects: &Objects, commit: &ObjectId, entries_max: usize) -> Result<Option<Files>, ReadError> {
    let (mut files, mut count) = (Files::new(), 0);
    let mut waiting = vec![(String::new(), tree::of(objects, commit)?, 0)];
    while let Some((above, id, depth)) = waiting.pop() {
        let Some(entries) = tree::list_of(objects, &id, tree::BYTES_MAX)? else { return Ok(None) };
        count += entries.len();
        if count > entries_max || depth > DEPTH_MAX {
            return Ok(None);
        }
        for (name, entry) in entries {
            let path = format!("{above}{}", String::from_utf8_lossy(&name));
            match entry.is_tree() {
                true => waiting.push((format!("{path}/"), entry.id, depth + 1)),
                false => drop(files.insert(path, entry)),
            }
        }
    }
    Ok(Some(files))
}

/// Whether an entry is a file of these bytes, as [`put`] writes it.
#[must_use]
pub fn is(entry: Entry, bytes: &[u8]) -> bool {
    let id = gix::objs::compute_hash(gix::hash::Kind::Sha1, Kind::Blob, bytes);
    entry.mode == 0o100_644 && id.is_ok_and(|id| id == entry.id)
}

/// Puts a file in its place.
pub fn put(files: &mut Files, path: &str, bytes: Vec<u8>, made: &mut Made) -> Result<(), ReadError> {
    let id = made.add(Kind::Blob, bytes)?;
    files.insert(path.to_owned(), Entry { mode: 0o100_644, id });
    Ok(())
}

/// Makes the commit. `sign` gets it and gives it back with its signature.
pub fn commit<E: From<ReadError>>(
    files: &Files,
    parent: Option<ObjectId>,
    (by, message): (Committer<'_>, &str),
    made: &mut Made,
    sign: impl FnOnce(&[u8]) -> Result<Vec<u8>, E>,
) -> Result<ObjectId, E> {
    let root = write_tree(files.iter().map(|(path, entry)| (path.as_str(), *entry)).collect(), made)?;
    let mut text = format!("tree {root}\n");
    if let Some(parent) = parent {
        let _ = writeln!(text, "parent {parent}");
    }
    let Committer { name, email, time_s } = by;
    let _ = write!(text, "author {name} <{email}> {time_s} +0000\ncommitter {name} <{email}> {time_s} +0000\n\n");
    let _ = writeln!(text, "{message}");
    Ok(made.add(Kind::Commit, sign(text.as_bytes())?)?)
}

fn write_tree(files: Vec<(&str, Entry)>, made: &mut Made) -> Result<ObjectId, ReadError> {
    let mut entries = tree::Entries::new();
    let mut below: BTreeMap<&str, Vec<(&str, Entry)>> = BTreeMap::new();
    for (path, entry) in files {
        match path.split_once('/') {
            Some((directory, rest)) => below.entry(directory).or_default().push((rest, entry)),
            None => drop(entries.insert(path.as_bytes().to_vec(), entry)),
        }
    }
    for (directory, files) in below {
        let id = write_tree(files, made)?;
        entries.insert(directory.as_bytes().to_vec(), Entry { mode: 0o40_000, id });
    }
    made.add(Kind::Tree, tree::encode(&entries))
}
