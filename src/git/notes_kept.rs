//! What stays of notes where there is not room for all, and what of them somebody took away.

use crate::git::note::{self, Found};
use crate::git::notes::{Addition, NOTE_BYTES_MAX, entries, note};
use crate::git::tree::Entries;
use crate::git::{Objects, ReadError, tree};
use crate::model::{Entry, ObjectId};
use std::collections::{BTreeMap, HashMap, HashSet};

/// What is worth more than its age. Else whoever may push much could push out the notes of others.
pub struct Worth<'a> {
    /// Of a line: how new it is, if it is to stay before others do.
    pub line: &'a dyn Fn(&[u8]) -> Option<i64>,
    /// Commits whose notes stay, whatever is in them; and those whose notes stay after all that have such lines.
    pub tips: &'a dyn Fn() -> [Vec<ObjectId>; 2],
}

impl Worth<'_> {
    /// All lines are the same, and no tip is known.
    pub const NONE: Worth<'static> = Worth { line: &|_| None, tips: &|| [Vec::new(), Vec::new()] };
}

/// Bytes of notes that are read to find out which of them stay, or which are missing.
const BYTES_MAX: usize = 256 << 20;
/// Notes that are looked for one by one.
const MISSING_MAX: usize = 8192;

/// The note with these lines at its end, each line once.
pub fn appended(old: &[u8], lines: &[&str], worth: &Worth<'_>) -> Vec<u8> {
    let mut known = HashSet::new();
    let all = lines_of(old).chain(lines.iter().map(|line| line.as_bytes()));
    let all: Vec<&[u8]> = all.filter(|line| known.insert(*line)).collect();
    let size = |line: &[u8]| line.len() + 1;
    let mut stays = vec![true; all.len()];
    if all.iter().map(|line| size(line)).sum::<usize>() > NOTE_BYTES_MAX {
        let kept: Vec<bool> = all.iter().map(|line| (worth.line)(line).is_some()).collect();
        let mut room = NOTE_BYTES_MAX;
        stays.fill(false);
        for first in [true, false] {
            for at in (0..all.len()).rev().filter(|at| kept[*at] == first) {
                let Some(rest) = room.checked_sub(size(all[at])) else { break };
                (room, stays[at]) = (rest, true);
            }
        }
    }
    let kept = all.iter().zip(stays).filter(|(_, stays)| *stays);
    kept.flat_map(|(line, _)| [line, &b"\n"[..]].concat()).collect()
}

fn lines_of(note: &[u8]) -> impl Iterator<Item = &[u8]> {
    note.split(|byte| *byte == b'\n').filter(|line| !line.is_empty())
}

/// The directories that a tree of notes begins anew with: at most half of what it takes.
pub fn begun_anew(
    objects: &Objects,
    root: &Entries,
    notes_max: usize,
    worth: &Worth<'_>,
) -> Result<BTreeMap<Vec<u8>, Entries>, ReadError> {
    let mut notes: HashMap<Vec<u8>, Entry> = HashMap::new();
    for (name, entry) in root {
        match entry.is_tree() {
            true => notes.extend(
                entries(objects, &entry.id)?.into_iter().map(|(rest, entry)| ([&name[..], &rest].concat(), entry)),
            ),
            false => drop(notes.insert(name.clone(), *entry)),
        }
    }
    notes.retain(|name, entry| entry.is_blob() && ObjectId::from_hex(name).is_ok());
    let [mut stay, last]: [Vec<Vec<u8>>; 2] =
        (worth.tips)().map(|tips| tips.iter().map(|tip| tip.to_string().into_bytes()).collect());
    let (mut room, mut ranked) = (BYTES_MAX, Vec::new());
    for (name, entry) in &notes {
        let (_, size) = objects.header(&entry.id)?.ok_or(ReadError::Missing(entry.id))?;
        let Some(rest) = usize::try_from(size).ok().and_then(|size| room.checked_sub(size)) else { continue };
        room = rest;
        if let Some(newest) = lines_of(&note(objects, &entry.id)?).filter_map(worth.line).max() {
            ranked.push((newest, name));
        }
    }
    ranked.sort_unstable_by(|one, other| other.cmp(one));
    stay.extend(ranked.into_iter().map(|(_, name)| name.clone()));
    stay.extend(last);
    let mut directories: BTreeMap<Vec<u8>, Entries> = BTreeMap::new();
    for (name, entry) in stay.iter().filter_map(|name| notes.remove_entry(name)).take(notes_max / 2) {
        let (first, rest) = name.split_at(2);
        directories.entry(first.to_vec()).or_default().insert(rest.to_vec(), entry);
    }
    Ok(directories)
}

/// The lines of the notes of one commit that those of another have not, wherever that one keeps them. `None`: more than
/// is put back line by line.
pub fn missing(objects: &Objects, from: &ObjectId, of: &ObjectId) -> Result<Option<Vec<Addition>>, ReadError> {
    let root = |commit: &ObjectId| entries(objects, &tree::of(objects, commit)?);
    let (ours, theirs) = (root(of)?, root(from)?);
    let (mut missing, mut looked, mut room) = (Vec::new(), 0, BYTES_MAX);
    for (first, entry) in ours.iter().filter(|(name, entry)| theirs.get(*name) != Some(entry)) {
        let below = |root: &Entries| match root.get(first).filter(|entry| entry.is_tree()) {
            Some(entry) => entries(objects, &entry.id),
            None => Ok(Entries::new()),
        };
        let (ours, theirs) = match entry.is_tree() {
            true => (below(&ours)?, below(&theirs)?),
            false => (Entries::from([(Vec::new(), *entry)]), Entries::new()),
        };
        for (rest, entry) in ours.iter().filter(|(name, entry)| theirs.get(*name) != Some(entry)) {
            let Ok(commit) = ObjectId::from_hex(&[&first[..], rest].concat()) else { continue };
            let ours = note(objects, &entry.id)?;
            (looked, room) = (looked + 1, room.saturating_sub(ours.len()));
            if looked > MISSING_MAX || room == 0 {
                return Ok(None);
            }
            let theirs = match note::find(objects, from, &commit, NOTE_BYTES_MAX)? {
                Found::Note(note) => note,
                Found::Nothing | Found::TooLong => Vec::new(),
            };
            let known: HashSet<&[u8]> = lines_of(&theirs).collect();
            let lines = lines_of(&ours).filter(|line| !known.contains(line));
            let lines: Vec<String> = lines.filter_map(|line| String::from_utf8(line.to_vec()).ok()).collect();
            if !lines.is_empty() {
                missing.push(Addition { commit, lines });
            }
        }
    }
    Ok(Some(missing))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_has_each_line_once_and_of_too_many_the_newest() {
        let appended = |old: &[u8], lines: &[&str]| super::appended(old, lines, &Worth::NONE);
        assert_eq!(appended(b"", &["a", "b"]), b"a\nb\n");
        assert_eq!(appended(b"a\nb\n", &["b", "c", "c"]), b"a\nb\nc\n");
        let half = "x".repeat(NOTE_BYTES_MAX / 2 - 1);
        let other = half.replace('x', "y");
        assert_eq!(appended(half.as_bytes(), &[&other]).len(), NOTE_BYTES_MAX);
        let longer = format!("{other}y");
        assert_eq!(appended(half.as_bytes(), &[&longer]), format!("{longer}\n").into_bytes());
    }

    #[test]
    fn lines_that_are_worth_more_stay() {
        let is_good = |line: &[u8]| line.starts_with(b"good").then_some(1);
        let worth = Worth { line: &is_good, ..Worth::NONE };
        let long = "x".repeat(NOTE_BYTES_MAX - 12);
        let note = super::appended(b"good 1\nbad\n", &[&long, "good 2"], &worth);
        assert_eq!(String::from_utf8(note).expect("text"), "good 1\ngood 2\n", "neither is the bad one put before");
        let note = super::appended(b"good 1\nbad\n", &[&long[2..], "bad too"], &worth);
        assert_eq!(note, b"good 1\nbad too\n");
    }
}
