//! Which commits come and which go, and whether one commit is an ancestor of another.
//!
//! All of it costs what the push is large, not what the repository is: nothing here walks to the root because the
//! root is there.

use crate::inspect::history::{History, Node};
use crate::inspect::paint::{Marks, Paint};
use crate::inspect::{Excess, InspectError};
use std::collections::HashSet;

/// Wanted, unless it is hidden as well.
const WANTED: Marks = 1;
const HIDDEN: Marks = 2;
/// Had its turn while it was not hidden.
const FOUND: Marks = 4;

/// How many more commits are painted hidden after the last wanted one had its turn.
const SLOP: usize = 512;

/// The commits of a push that the mirror does not have, and the first ones it has below them.
#[derive(Debug, Default)]
pub(super) struct Fresh {
    pub commits: Vec<Node>,
    pub boundary: Vec<Node>,
}

/// Walks from `tips` to what the mirror has. Needs no dates: the mirror is closed, so all above is new.
pub(super) fn fresh(history: &mut History<'_>, tips: &[Node], commits_max: usize) -> Result<Fresh, InspectError> {
    let mut found = Fresh::default();
    let mut seen = HashSet::new();
    let mut stack: Vec<Node> = tips.iter().rev().copied().collect();
    while let Some(node) = stack.pop() {
        if !seen.insert(node) {
            continue;
        }
        if history.is_known(node) {
            found.boundary.push(node);
            continue;
        }
        if found.commits.len() >= commits_max {
            return Err(Excess::Commits(commits_max).into());
        }
        found.commits.push(node);
        stack.extend(history.parents(node)?.map(|edge| history.edge(edge)));
    }
    Ok(found)
}

/// Whether `target` is reached from any of `from`, itself included. Exact whatever the dates are.
///
/// Paint flows from `from` (WANTED) and from `target` (HIDDEN) towards the roots. A commit with both is an ancestor
/// of `target`, so `target` cannot lie below it; once no waiting commit has WANTED alone, it lies nowhere.
pub(super) fn reaches(
    history: &mut History<'_>,
    paint: &mut Paint,
    from: &[Node],
    target: Node,
) -> Result<bool, InspectError> {
    paint.start(|marks| marks == WANTED);
    paint.mark(history, target, HIDDEN)?;
    if from.contains(&target) {
        return Ok(true);
    }
    for &node in from {
        paint.mark(history, node, WANTED)?;
    }
    while paint.open() > 0 {
        let Some((node, marks)) = paint.next(history)? else { break };
        for edge in history.parents(node)? {
            let parent = history.edge(edge);
            if parent == target && marks & WANTED != 0 {
                return Ok(true);
            }
            paint.mark(history, parent, marks)?;
        }
    }
    Ok(false)
}

/// The commits reached from `wanted` and not from `hidden`; all of them known to the mirror.
///
/// Stops at once when every waiting commit is hidden and nothing was found: what is below them is hidden too. If
/// something was found, hidden paint could still reach it by a detour past older dates; it gets [`SLOP`] more turns
/// to do so, anew after each commit it takes back. Where that is too few a commit is judged that need not be: too
/// much is judged, never too little.
pub(super) fn exclusive(
    history: &mut History<'_>,
    paint: &mut Paint,
    wanted: &[Node],
    hidden: &[Node],
) -> Result<Vec<Node>, InspectError> {
    paint.start(|marks| marks & (WANTED | HIDDEN) == WANTED);
    for &node in hidden {
        paint.mark(history, node, HIDDEN)?;
    }
    for &node in wanted {
        paint.mark(history, node, WANTED)?;
    }
    let mut found = Vec::new();
    let mut taken_back = 0;
    let mut slop = SLOP;
    while paint.open() > 0 || (taken_back < found.len() && slop > 0) {
        let Some((node, marks)) = paint.next(history)? else { break };
        let is_hidden = marks & HIDDEN != 0;
        if is_hidden {
            slop = slop.saturating_sub(usize::from(paint.open() == 0));
        } else {
            found.push(node);
            paint.note(node, FOUND);
            slop = SLOP;
        }
        for edge in history.parents(node)? {
            let parent = history.edge(edge);
            let before = paint.mark(history, parent, if is_hidden { HIDDEN } else { WANTED })?;
            if is_hidden && before & (FOUND | HIDDEN) == FOUND {
                taken_back += 1;
                slop = SLOP;
            }
        }
    }
    found.retain(|&node| paint.marks(node) & HIDDEN == 0);
    Ok(found)
}
