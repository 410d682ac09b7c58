//! What a push changes: which commits come and go with each ref update, and which entries each of them changes.
//!
//! Objects in, facts out. Looks at raw objects only: no rename detection, no attributes, no replace refs, no
//! settings of the pushed trees, and no word of the client's that the objects do not bear out. Where an exact answer
//! would cost a walk of the whole history, it errs on the side of judging too much. It decides nothing.

mod compare;
mod error;
mod facts;
mod group;
mod history;
mod job;
mod merge_base;
mod merge_rule;
mod order;
mod paint;
mod plan;
mod raw;
mod trees;
mod twin;
mod update;
mod walk;

pub use error::{Excess, InspectError};

use crate::git::Objects;
use crate::inspect::compare::Bounds;
use crate::inspect::group::{Commits, find_commits};
use crate::inspect::history::{History, Node};
use crate::inspect::order::children_first;
use crate::inspect::paint::Paint;
use crate::inspect::plan::Planner;
use crate::inspect::update::inspect_update;
use crate::model::{Direction, Group, Limits, Needs, ObjectId, PushFacts, RefName, RefUpdate};
use std::collections::{HashMap, HashSet};
use std::sync::atomic::AtomicBool;

/// What is asked of one push.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    pub updates: &'a [RefUpdate],
    /// For each update a number that is equal for those the same grants and rules apply to.
    pub classes: &'a [usize],
    /// All upstream refs as they are now.
    pub upstream: &'a [(RefName, ObjectId)],
    /// Trusted tips. The default branch and other likely ones should come first: the rest is read only if needed.
    pub trusted: &'a [ObjectId],
    pub needs: Needs,
}

/// What an inspection read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cost {
    /// Commit objects read to find out which count.
    pub commits_walked: usize,
}

/// Finds out what a push changes.
pub fn inspect(
    objects: &Objects,
    request: &Request<'_>,
    limits: &Limits,
    stop: &AtomicBool,
) -> Result<PushFacts, InspectError> {
    inspect_with_cost(objects, request, limits, stop).map(|(facts, _)| facts)
}

/// The same, and what it cost.
pub fn inspect_with_cost(
    objects: &Objects,
    request: &Request<'_>,
    limits: &Limits,
    stop: &AtomicBool,
) -> Result<(PushFacts, Cost), InspectError> {
    let mut history = History::new(objects, stop);
    let mut paint = Paint::default();
    let mut updates = Vec::with_capacity(request.updates.len());
    for update in request.updates {
        updates.push(inspect_update(&mut history, &mut paint, update, limits)?);
    }
    let found = find_commits(&mut history, &mut paint, request, &updates, limits)?;
    let listed = Listed::new(&mut history, &found, limits.commits_max)?;
    let mut planner = Planner::new(&mut history, &mut paint);
    let mut jobs = Vec::with_capacity(listed.commits.len());
    for &(node, direction) in &listed.commits {
        jobs.push(planner.job(node, direction)?);
    }
    let cost = Cost { commits_walked: history.commits_read() };
    let Limits { path_depth_max, changes_max, .. } = *limits;
    let bounds = Bounds { path_depth_max, changes_max, needs: request.needs };
    let (commits, lines) = job::run(objects, &jobs, bounds, stop)?;
    let facts = PushFacts {
        updates: updates.into_iter().map(|update| update.facts).collect(),
        commits,
        groups: found.iter().map(|group| listed.group(group)).collect(),
        lines: request.needs.lines.then_some(lines),
        more_sightings: 0,
        pack_bytes: 0,
    };
    Ok((facts, cost))
}

/// Every commit that counts, once for each direction.
struct Listed {
    commits: Vec<(Node, Direction)>,
    places: HashMap<(Node, Direction), usize>,
}

impl Listed {
    /// Children before parents; what is added first, then what is dropped.
    fn new(history: &mut History<'_>, found: &[Commits], commits_max: usize) -> Result<Self, InspectError> {
        let mut commits = Vec::new();
        for direction in [Direction::Added, Direction::Dropped] {
            let all: HashSet<Node> = found.iter().flat_map(|group| group.of(direction)).copied().collect();
            if commits.len() + all.len() > commits_max {
                return Err(Excess::Commits(commits_max).into());
            }
            commits.extend(children_first(history, &all)?.into_iter().map(|node| (node, direction)));
        }
        let places = commits.iter().enumerate().map(|(place, commit)| (*commit, place)).collect();
        Ok(Self { commits, places })
    }

    fn group(&self, group: &Commits) -> Group {
        let place = |direction| move |node: &Node| self.places.get(&(*node, direction)).copied();
        let added = group.added.iter().filter_map(place(Direction::Added));
        let mut commits: Vec<usize> = added.chain(group.dropped.iter().filter_map(place(Direction::Dropped))).collect();
        commits.sort_unstable();
        Group { updates: group.updates.clone(), commits }
    }
}
