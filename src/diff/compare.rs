//! Two texts as hunks.

use super::Bounds;
use super::marks::is_near;
use super::value::{Body, Hunk, Line, LineKind, Text};
use imara_diff::{Algorithm, Diff, InternedInput, sources::byte_lines};
use std::ops::Range;

/// What one file may take.
pub(super) struct Room<'a> {
    pub bounds: &'a Bounds,
    /// Lines left for it, beside those near a mark.
    pub lines: usize,
    /// Marked lines of the new side, in order.
    pub marked: &'a [u32],
}

/// Compares line by line.
///
/// Myers' algorithm, as git does by default. The histogram algorithm takes quadratic time if every other line
/// changed, and the pusher chooses the lines.
pub(super) fn compare(old: &[u8], new: &[u8], room: &Room<'_>) -> Body {
    let input = InternedInput::new(byte_lines(old), byte_lines(new));
    let mut diff = Diff::compute(Algorithm::Myers, &input);
    diff.postprocess_lines(&input);
    let side = |tokens: &[imara_diff::Token]| tokens.iter().map(|token| input.interner[*token]).collect();
    let (old, new): (Vec<&[u8]>, Vec<&[u8]>) = (side(&input.before), side(&input.after));
    let mut hunks = Hunks { room, old: &old, new: &new, done: Vec::new(), current: None, kept: 0, left_out: 0 };
    let context = room.bounds.context_lines;
    // Where the last change ended, on both sides.
    let (mut old_at, mut new_at) = (0, 0);
    let mut is_first = true;
    for change in diff.hunks() {
        let gap = change.before.start - old_at;
        let after = if is_first { 0 } else { context.min(gap) };
        hunks.context(old_at, new_at, after);
        if gap > after {
            let before = context.min(gap - after);
            if gap > after + before {
                hunks.end();
            }
            hunks.context(change.before.start - before, change.after.start - before, before);
        }
        hunks.change(&change);
        (old_at, new_at, is_first) = (change.before.end, change.after.end, false);
    }
    if !is_first {
        hunks.context(old_at, new_at, context.min(count(&old) - old_at));
    }
    hunks.end();
    let (added, removed) = (u64::from(diff.count_additions()), u64::from(diff.count_removals()));
    Body::Hunks { hunks: hunks.done, added, removed, left_out: hunks.left_out }
}

fn count(lines: &[&[u8]]) -> u32 {
    u32::try_from(lines.len()).unwrap_or(u32::MAX)
}

struct Hunks<'a> {
    room: &'a Room<'a>,
    old: &'a [&'a [u8]],
    new: &'a [&'a [u8]],
    done: Vec<Hunk>,
    current: Option<Hunk>,
    kept: usize,
    /// Lines left out since the last one kept.
    left_out: u64,
}

impl Hunks<'_> {
    fn context(&mut self, old: u32, new: u32, count: u32) {
        for at in 0..count {
            self.line(LineKind::Context, old + at, new + at);
        }
    }

    fn change(&mut self, change: &imara_diff::Hunk) {
        let Range { start: new, .. } = change.after;
        change.before.clone().for_each(|old| self.line(LineKind::Removed, old, new));
        let Range { end: old, .. } = change.before;
        change.after.clone().for_each(|new| self.line(LineKind::Added, old, new));
    }

    /// `old` and `new` count from 0 and say where on both sides this is.
    fn line(&mut self, kind: LineKind, old: u32, new: u32) {
        let is_near = kind != LineKind::Removed && is_near(self.room.marked, new + 1);
        if self.kept >= self.room.lines && !is_near {
            self.end();
            self.left_out += 1;
            return;
        }
        self.kept += 1;
        let side = if kind == LineKind::Removed { self.old.get(old as usize) } else { self.new.get(new as usize) };
        let whole = side.copied().unwrap_or_default();
        let bare = whole.strip_suffix(b"\n");
        let line = Line {
            kind,
            old: (kind != LineKind::Added).then_some(old + 1),
            new: (kind != LineKind::Removed).then_some(new + 1),
            text: Text::start_of(bare.unwrap_or(whole), self.room.bounds.line_bytes_max),
            has_newline: bare.is_some(),
        };
        let left_out = &mut self.left_out;
        let hunk = self.current.get_or_insert_with(|| Hunk {
            left_out: std::mem::take(left_out),
            old_start: old,
            old_count: 0,
            new_start: new,
            new_count: 0,
            lines: Vec::new(),
        });
        hunk.old_count += u32::from(line.old.is_some());
        hunk.new_count += u32::from(line.new.is_some());
        hunk.lines.push(line);
    }

    fn end(&mut self) {
        let Some(mut hunk) = self.current.take() else { return };
        // A side without lines is named by the line before.
        hunk.old_start += u32::from(hunk.old_count > 0);
        hunk.new_start += u32::from(hunk.new_count > 0);
        self.done.push(hunk);
    }
}
