//! What stays of notes where there is not room for all, and what of them somebody took away.

use crate::git::note::{self, Found};
use crate::git::notes::{Addition, NOTE_BYTES_MAX, entries, note};
use crate::git::tree::Entries;
use crate::git::{Objects, ReadError, tree};
use crate::model::{Entry, ObjectId};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};

/// Whose lines are: all take turns, so that whoever may push much pushes out only what is its own.
pub struct Worth<'a> {
    /// Of the lines of a note, in their order; `None`: of nobody who counts. Those stay last.
    pub lines: &'a OfLines<'a>,
    /// Commits whose notes stay first.
    pub tips: &'a dyn Fn() -> Vec<ObjectId>,
}

type OfLines<'a> = dyn Fn(&[&[u8]]) -> Vec<Option<Of>> + 'a;

/// Whose a line is, and how new.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Of {
    pub who: String,
    pub time_s: i64,
}

impl Worth<'_> {
    /// No line is anybody's, and no tip is known.
    pub const NONE: Worth<'static> = Worth { lines: &|lines| vec![None; lines.len()], tips: &Vec::new };
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
    let size = |at: usize| all.get(at).map_or(0, |line| line.len() + 1);
    let mut stays = vec![true; all.len()];
    if (0..all.len()).map(size).sum::<usize>() > NOTE_BYTES_MAX {
        let mut by_who: BTreeMap<Option<String>, Vec<usize>> = BTreeMap::new();
        for (at, of) in (worth.lines)(&all).into_iter().enumerate() {
            by_who.entry(of.map(|of| of.who)).or_default().push(at);
        }
        let nobodys = by_who.remove(&None).unwrap_or_default();
        let mut room = NOTE_BYTES_MAX;
        let mut fits = |at: &usize| {
            let rest = room.checked_sub(size(*at));
            room = rest.unwrap_or(room);
            rest.is_some()
        };
        let queues = by_who.into_values().map(|queue| queue.into_iter().rev().collect());
        let nobodys = nobodys.into_iter().rev().collect();
        stays.fill(false);
        let stay = in_turns(queues.collect(), &mut fits);
        for at in stay.into_iter().chain(in_turns(vec![nobodys], &mut fits)) {
            stays[at] = true;
        }
    }
    let kept = all.iter().zip(stays).filter(|(_, stays)| *stays);
    kept.flat_map(|(line, _)| [line, &b"\n"[..]].concat()).collect()
}

/// The first of each queue, then the second of each, and so on. A queue is over with what does not fit.
fn in_turns<T>(mut queues: Vec<VecDeque<T>>, mut fits: impl FnMut(&T) -> bool) -> Vec<T> {
    let mut taken = Vec::new();
    while !queues.is_empty() {
        queues.retain_mut(|queue| match queue.pop_front().filter(|one| fits(one)) {
            Some(one) => {
                taken.push(one);
                true
            }
            None => false,
        });
    }
    taken
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
    let mut all = Vec::new();
    each_beside(objects, (root, &Entries::new()), &[], &mut |name, entry| all.push((name, entry)))?;
    let mut sized = Vec::new();
    for (name, entry) in all {
        let Some((_, size)) = objects.header(&entry.id)? else { continue };
        sized.push((size, name, entry));
    }
    // Most have a few lines: long ones are the last to be read.
    sized.sort_unstable_by(|one, other| (one.0, &one.1).cmp(&(other.0, &other.1)));
    let mut by_who: BTreeMap<String, BTreeSet<(i64, ObjectId)>> = BTreeMap::new();
    let (mut room, mut notes) = (BYTES_MAX, HashMap::new());
    for (size, name, entry) in sized {
        notes.insert(name, entry);
        let Some(rest) = usize::try_from(size).ok().and_then(|size| room.checked_sub(size)) else { continue };
        room = rest;
        let note = note(objects, &entry.id)?;
        for of in (worth.lines)(&lines_of(&note).collect::<Vec<_>>()).into_iter().flatten() {
            by_who.entry(of.who).or_default().insert((of.time_s, name));
        }
    }
    let mut directories: BTreeMap<Vec<u8>, Entries> = BTreeMap::new();
    let mut count = 0;
    let mut keep = |commit: &ObjectId, max: usize| {
        if count >= max {
            return false;
        }
        if let Some(entry) = notes.remove(commit) {
            let name = commit.to_string().into_bytes();
            let (first, rest) = name.split_at(2);
            directories.entry(first.to_vec()).or_default().insert(rest.to_vec(), entry);
            count += 1;
        }
        true
    };
    for tip in (worth.tips)() {
        keep(&tip, notes_max / 4);
    }
    let queues = by_who.into_values().map(|notes| notes.into_iter().rev().map(|(_, commit)| commit).collect());
    in_turns(queues.collect(), |commit| keep(commit, notes_max / 2));
    Ok(directories)
}

/// Calls for each note of a tree that another has not in the same place, however they are laid out.
fn each_beside(
    objects: &Objects,
    (root, other): (&Entries, &Entries),
    above: &[u8],
    found: &mut dyn FnMut(ObjectId, Entry),
) -> Result<(), ReadError> {
    for (name, entry) in root.iter().filter(|(name, entry)| other.get(*name) != Some(entry)) {
        let path = [above, name].concat();
        if entry.is_tree() && path.len() < 40 {
            let below = match other.get(name).filter(|entry| entry.is_tree()) {
                Some(entry) => entries(objects, &entry.id)?,
                None => Entries::new(),
            };
            each_beside(objects, (&entries(objects, &entry.id)?, &below), &path, found)?;
        } else if entry.is_blob()
            && let Ok(commit) = ObjectId::from_hex(&path)
        {
            found(commit, *entry);
        }
    }
    Ok(())
}

/// The lines of the notes of one commit that those of another have not, wherever that one keeps them. `None`: more than
/// is put back line by line.
pub fn missing(objects: &Objects, from: &ObjectId, of: &ObjectId) -> Result<Option<Vec<Addition>>, ReadError> {
    let root = |commit: &ObjectId| entries(objects, &tree::of(objects, commit)?);
    let (ours, theirs) = (root(of)?, root(from)?);
    let mut changed = Vec::new();
    each_beside(objects, (&ours, &theirs), &[], &mut |commit, entry| changed.push((commit, entry)))?;
    if changed.len() > MISSING_MAX {
        return Ok(None);
    }
    let (mut missing, mut room) = (Vec::new(), BYTES_MAX);
    for (commit, entry) in changed {
        // Whoever writes to the upstream past the gate may have named what is not there.
        if objects.header(&entry.id)?.is_none() {
            continue;
        }
        let ours = note(objects, &entry.id)?;
        let Some(rest) = room.checked_sub(ours.len()) else { return Ok(None) };
        room = rest;
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

    /// Lines are of whom they start with.
    fn of(lines: &[&[u8]]) -> Vec<Option<Of>> {
        let of = |line: &&[u8]| {
            let who = String::from_utf8(line.get(..1)?.to_vec()).ok()?;
            (who != "-").then_some(Of { who, time_s: 0 })
        };
        lines.iter().map(of).collect()
    }

    #[test]
    fn who_writes_much_pushes_out_what_is_its_own() {
        let worth = Worth { lines: &of, ..Worth::NONE };
        let long = |who: &str, bytes: usize| format!("{who}{}", "x".repeat(bytes - 2));
        let much: Vec<String> = (0..5).map(|n| format!("b{n}{}", "x".repeat(NOTE_BYTES_MAX / 4 - 3))).collect();
        let much: Vec<&str> = much.iter().map(String::as_str).collect();
        let note = super::appended(b"a 1\na 2\n- 3\nc 4\n", &much, &worth);
        let note = String::from_utf8(note).expect("text");
        let starts: Vec<&str> = note.lines().map(|line| &line[..2]).collect();
        assert_eq!(
            starts,
            ["a ", "a ", "- ", "c ", "b2", "b3", "b4"],
            "in their order, and nobody's where there is room"
        );
        let note = super::appended(b"- 1\na 2\n", &[&long("b", NOTE_BYTES_MAX - 4)], &worth);
        assert!(note.starts_with(b"a 2\nb") && note.len() == NOTE_BYTES_MAX);
    }
}
