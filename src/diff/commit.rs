//! One commit as a diff.

use super::compare::{Room, compare};
use super::content::{self, Content};
use super::value::{Body, CommitDiff, FileDiff, Unread};
use super::{Bounds, Marks, header};
use crate::git::{Objects, ReadError};
use crate::model::{Change, CommitFacts, Entry};
use bstr::ByteSlice;
use std::time::Instant;

/// Compares what a commit changes, file by file; the marked files come first, so that no other can crowd them out.
pub fn diff_commit(
    objects: &Objects,
    facts: &CommitFacts,
    marks: &Marks,
    bounds: &Bounds,
) -> Result<CommitDiff, ReadError> {
    let (marked, others): (Vec<&Change>, Vec<&Change>) =
        facts.changes.iter().partition(|change| marks.has(change.path.as_bstr()));
    let mut work = Work { objects, marks, bounds, start: Instant::now(), lines: bounds.commit_lines_max };
    let mut files = Vec::new();
    for change in marked.into_iter().chain(others).take(bounds.files_max) {
        files.push(work.file(change)?);
    }
    Ok(CommitDiff {
        id: facts.id,
        direction: facts.direction,
        parents: facts.parents.clone(),
        header: header::read(objects, &facts.id, bounds)?,
        more_files: facts.changes.len() - files.len(),
        files,
    })
}

/// What is left of what a commit may cost.
struct Work<'a> {
    objects: &'a Objects,
    marks: &'a Marks,
    bounds: &'a Bounds,
    start: Instant,
    lines: usize,
}

impl Work<'_> {
    fn file(&mut self, change: &Change) -> Result<FileDiff, ReadError> {
        let (parent, old) = before(change);
        let body = self.body(change, old)?;
        Ok(FileDiff { path: change.path.clone(), old, new: change.new, parent, body })
    }

    fn body(&mut self, change: &Change, old: Option<Entry>) -> Result<Body, ReadError> {
        let kind = |entry: Entry| entry.mode & 0o170000;
        if let (Some(old), Some(new)) = (old, change.new)
            && old.id == new.id
            && kind(old) == kind(new)
        {
            return Ok(Body::Same);
        }
        if self.is_exhausted() {
            return Ok(Body::Unread { why: Unread::Exhausted, old_size: None, new_size: change.size });
        }
        let old = content::read(self.objects, old, self.bounds)?;
        let new = content::read(self.objects, change.new, self.bounds)?;
        let (old_size, new_size) = (old.size(), new.size());
        match (&old, &new) {
            (Content::Unread(why, _), _) | (_, Content::Unread(why, _)) => {
                Ok(Body::Unread { why: *why, old_size, new_size })
            }
            (Content::Binary(_), _) | (_, Content::Binary(_)) => Ok(Body::Binary { old_size, new_size }),
            (Content::Absent | Content::Text(_), Content::Absent | Content::Text(_)) => {
                Ok(self.compare(change, old.text(), new.text()))
            }
        }
    }

    fn is_exhausted(&self) -> bool {
        self.lines == 0 || self.start.elapsed() > self.bounds.time_max
    }

    fn compare(&mut self, change: &Change, old: &[u8], new: &[u8]) -> Body {
        let lines = self.lines.min(self.bounds.file_lines_max);
        let room = Room { bounds: self.bounds, lines, marked: self.marks.lines(change.path.as_bstr()) };
        let body = compare(old, new, &room);
        if let Body::Hunks { hunks, .. } = &body {
            let kept = hunks.iter().map(|hunk| hunk.lines.len()).sum();
            self.lines = self.lines.saturating_sub(kept);
        }
        body
    }
}

/// What the entry is compared with: of a merge the first parent that has something else there.
fn before(change: &Change) -> (usize, Option<Entry>) {
    let differs = change.old.iter().position(|old| *old != change.new);
    let parent = differs.unwrap_or(0);
    (parent, change.old.get(parent).copied().flatten())
}
