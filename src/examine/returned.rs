//! What a rewind brings back: of what the dropped commits took out, that which the new tips hold again.

use crate::git::{Objects, ReadError, tree};
use crate::model::{Change, Direction, ObjectId, PushFacts, Sighting, UpdateKind};
use bstr::ByteSlice;
use gix::objs::Kind;

/// The commits at which each dropped commit's refs end now; nothing for an added one.
pub(super) fn new_tips(facts: &PushFacts) -> Vec<Vec<ObjectId>> {
    let mut tips = vec![Vec::new(); facts.commits.len()];
    for group in &facts.groups {
        let updates = group.updates.iter().filter_map(|index| facts.updates.get(*index));
        let ends: Vec<ObjectId> =
            updates.filter(|update| update.kind == UpdateKind::Rewind).filter_map(|update| update.commit).collect();
        for index in &group.commits {
            let is_dropped = facts.commits.get(*index).is_some_and(|commit| commit.direction == Direction::Dropped);
            if let Some(tips) = tips.get_mut(*index).filter(|_| is_dropped) {
                tips.extend_from_slice(&ends);
            }
        }
    }
    tips
}

/// Keeps the sightings of what one of the tips holds: the file as it was, or the line that was seen.
///
/// A commit that is only made again takes out again what the dropped one took out: that is nothing that comes back.
pub(super) fn keep(
    objects: &Objects,
    tips: &[ObjectId],
    change: &Change,
    sightings: &mut Vec<Sighting>,
) -> Result<(), ReadError> {
    if sightings.is_empty() {
        return Ok(());
    }
    let mut there = Vec::new();
    for tip in tips {
        let entry = tree::find_bytes(objects, tip, &change.path)?;
        let (Some(entry), Some(new)) = (entry, change.new) else {
            // Gone there too, as it was before the dropped commit brought it.
            if entry.is_none() && change.new.is_none() {
                return Ok(());
            }
            continue;
        };
        if entry.id == new.id {
            return Ok(());
        }
        if entry.is_blob() || entry.is_symlink() {
            there.push(tree::blob(objects, &entry.id)?);
        }
    }
    let mut before = Vec::new();
    if let (Some(new), false) = (change.new, there.is_empty()) {
        objects.read(&new.id, Kind::Blob, &mut before)?;
    }
    sightings.retain(|sighting| {
        let at = sighting.line.and_then(|line| usize::try_from(line).ok()?.checked_sub(1));
        let line = at.and_then(|at| before.lines().nth(at));
        line.is_some_and(|line| there.iter().any(|blob| blob.lines().any(|other| other == line)))
    });
    Ok(())
}
