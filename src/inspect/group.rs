//! Ref updates that share a walk, and the commits that count for them.

use crate::inspect::history::{History, Node};
use crate::inspect::paint::Paint;
use crate::inspect::update::{Update, peel};
use crate::inspect::walk::{exclusive, fresh};
use crate::inspect::{Excess, InspectError, Request};
use crate::model::{Direction, Limits, ObjectId, UpdateKind};
use std::collections::{HashMap, HashSet};

/// Trusted tips looked at before all others.
const FIRST_TIPS: usize = 16;

/// A group of updates with its commits, still by their place in the history.
pub(super) struct Commits {
    pub updates: Vec<usize>,
    pub added: Vec<Node>,
    pub dropped: Vec<Node>,
}

impl Commits {
    pub fn of(&self, direction: Direction) -> &[Node] {
        match direction {
            Direction::Added => &self.added,
            Direction::Dropped => &self.dropped,
        }
    }
}

/// What decides whether updates share a walk: their class, and the old value or that there is none. Deletes, which
/// have no commits, stay among themselves.
#[derive(PartialEq, Eq, Hash)]
struct Key {
    class: usize,
    is_delete: bool,
    old: Option<ObjectId>,
}

/// Finds the commits of every group. The limit on commits is on each walk; the caller holds it over all.
pub(super) fn find_commits(
    history: &mut History<'_>,
    paint: &mut Paint,
    request: &Request<'_>,
    updates: &[Update],
    limits: &Limits,
) -> Result<Vec<Commits>, InspectError> {
    let mut finder = Finder {
        trusted_ids: request.trusted.iter().copied().collect(),
        trusted: Tips::new(request.trusted.to_vec()),
        kept: Tips::new(kept(request, updates)),
        limits,
        history,
        paint,
    };
    let groups = grouped(request, updates);
    groups.into_iter().map(|indices| finder.commits_of(indices, updates)).collect()
}

fn grouped(request: &Request<'_>, updates: &[Update]) -> Vec<Vec<usize>> {
    let mut places = HashMap::new();
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for (index, update) in updates.iter().enumerate() {
        let is_delete = update.facts.kind == UpdateKind::Delete;
        let old = update.facts.update.old.filter(|_| !is_delete);
        let class = request.classes.get(index).copied().unwrap_or(usize::MAX - index);
        let place = *places.entry(Key { class, is_delete, old }).or_insert(groups.len());
        match groups.get_mut(place) {
            Some(group) => group.push(index),
            None => groups.push(vec![index]),
        }
    }
    groups
}

/// The upstream's refs that will still hold what they hold. A ref that the same push rewinds or deletes keeps
/// nothing: else two refs that hold a commit could be rewound together, each excused by the other.
fn kept(request: &Request<'_>, updates: &[Update]) -> Vec<ObjectId> {
    let loses = |kind| matches!(kind, UpdateKind::Rewind | UpdateKind::Delete);
    let losing = updates.iter().filter(|update| loses(update.facts.kind)).map(|update| &update.facts.update.name);
    let losing: HashSet<_> = losing.collect();
    request.upstream.iter().filter(|(name, _)| !losing.contains(name)).map(|(_, id)| *id).collect()
}

struct Finder<'a, 'h> {
    history: &'a mut History<'h>,
    paint: &'a mut Paint,
    limits: &'a Limits,
    trusted_ids: HashSet<ObjectId>,
    trusted: Tips,
    kept: Tips,
}

impl Finder<'_, '_> {
    fn commits_of(&mut self, indices: Vec<usize>, updates: &[Update]) -> Result<Commits, InspectError> {
        let of_group = || indices.iter().filter_map(|&index| updates.get(index));
        let tips: Vec<Node> = of_group().filter_map(|update| update.new).collect();
        let old = of_group().find_map(|update| update.old);
        let added = self.added(&tips, old)?;
        let mut dropped = Vec::new();
        let mut seen = HashSet::new();
        for update in of_group().filter(|update| update.facts.kind == UpdateKind::Rewind) {
            let Some(old) = update.old else { continue };
            if seen.insert(update.new) {
                dropped.extend(self.dropped(old, update.new)?);
            }
        }
        dropped.sort_unstable();
        dropped.dedup();
        Ok(Commits { updates: indices, added, dropped })
    }

    /// Reached from `tips`, not from `old`, not from a trusted tip.
    fn added(&mut self, tips: &[Node], old: Option<Node>) -> Result<Vec<Node>, InspectError> {
        let found = fresh(self.history, tips, self.limits.commits_max)?;
        let mut commits = found.commits;
        let is_hidden = |&node: &Node| Some(node) == old || self.trusted_ids.contains(&self.history.id(node));
        let wanted: Vec<Node> = found.boundary.into_iter().filter(|node| !is_hidden(node)).collect();
        if wanted.is_empty() {
            return Ok(commits);
        }
        // There may be thousands of trusted tips, and most often the first few hide all there is to hide. Only if
        // they do not is every one of them read.
        for tips_max in [FIRST_TIPS, usize::MAX] {
            let mut hidden: Vec<Node> = old.into_iter().collect();
            hidden.extend_from_slice(self.trusted.first(self.history, self.limits, tips_max)?);
            let known = exclusive(self.history, self.paint, &wanted, &hidden)?;
            if known.is_empty() || tips_max >= self.trusted.count() {
                commits.extend(known);
                break;
            }
        }
        Ok(commits)
    }

    /// Reached from `old`, not from `new`, not from an upstream ref that stays.
    fn dropped(&mut self, old: Node, new: Option<Node>) -> Result<Vec<Node>, InspectError> {
        // All that is dropped is in the mirror, so of the new side only what the mirror has can keep it.
        let new: Vec<Node> = new.into_iter().collect();
        let mut hidden = fresh(self.history, &new, self.limits.commits_max)?.boundary;
        if exclusive(self.history, self.paint, &[old], &hidden)?.is_empty() {
            return Ok(Vec::new());
        }
        hidden.extend_from_slice(self.kept.first(self.history, self.limits, usize::MAX)?);
        exclusive(self.history, self.paint, &[old], &hidden)
    }
}

/// Ref tips that are peeled when they are needed, and once.
struct Tips {
    ids: Vec<ObjectId>,
    peeled: usize,
    commits: Vec<Node>,
}

impl Tips {
    fn new(mut ids: Vec<ObjectId>) -> Self {
        let mut seen = HashSet::with_capacity(ids.len());
        ids.retain(|id| seen.insert(*id));
        Self { ids, peeled: 0, commits: Vec::new() }
    }

    fn count(&self) -> usize {
        self.ids.len()
    }

    /// The commits of at least the first `tips_max` tips. A tip that the mirror has not, or that leads to no commit,
    /// hides nothing.
    fn first(&mut self, history: &mut History<'_>, limits: &Limits, tips_max: usize) -> Result<&[Node], InspectError> {
        while let Some(id) = self.ids.get(self.peeled).filter(|_| self.peeled < tips_max) {
            self.peeled += 1;
            if !history.objects.in_base(id) {
                continue;
            }
            match peel(history, *id, limits.tag_depth_max, &mut Vec::new()) {
                Ok(commit) => self.commits.extend(commit),
                // The upstream's own odd tag: not the client's fault, and it hides nothing.
                Err(InspectError::Client(Excess::TagDepth(_))) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(&self.commits)
    }
}
