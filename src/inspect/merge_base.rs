//! All best common ancestors of two commits, exactly.

use crate::inspect::InspectError;
use crate::inspect::history::{History, Node};
use crate::inspect::paint::{Marks, Paint};
use crate::inspect::walk::reaches;
use std::collections::HashMap;

const ONE: Marks = 1;
const TWO: Marks = 2;
/// Below a common ancestor.
const STALE: Marks = 4;

/// More than this many bases are not told apart: the merge is judged as if nothing in it were clean.
const BASES_MAX: usize = 16;

/// The merge bases of one pair of commits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum MergeBases {
    /// None for unrelated histories, more than one after a criss-cross.
    Known(Vec<Node>),
    TooMany,
}

/// Remembers what it found for a pair: histories repeat their pairs.
#[derive(Default)]
pub(super) struct MergeBaseFinder {
    found: HashMap<(Node, Node), MergeBases>,
}

impl MergeBaseFinder {
    pub fn find(
        &mut self,
        history: &mut History<'_>,
        paint: &mut Paint,
        one: Node,
        two: Node,
    ) -> Result<MergeBases, InspectError> {
        let pair = (one.min(two), one.max(two));
        if let Some(bases) = self.found.get(&pair) {
            return Ok(bases.clone());
        }
        let common = common_ancestors(history, paint, one, two)?;
        let bases = without_redundant(history, paint, common)?;
        self.found.insert(pair, bases.clone());
        Ok(bases)
    }
}

/// Common ancestors among which are all the best ones.
///
/// The walk goes on while any waiting commit is not below a common ancestor. A best common ancestor is below none,
/// so it cannot be missed; with odd dates a lesser one may have had its turn before it was marked stale.
fn common_ancestors(
    history: &mut History<'_>,
    paint: &mut Paint,
    one: Node,
    two: Node,
) -> Result<Vec<Node>, InspectError> {
    if one == two {
        return Ok(vec![one]);
    }
    paint.start(|marks| marks & STALE == 0);
    paint.mark(history, one, ONE)?;
    paint.mark(history, two, TWO)?;
    let mut common = Vec::new();
    while paint.open() > 0 {
        let Some((node, mut marks)) = paint.next(history)? else { break };
        if marks == ONE | TWO {
            common.push(node);
            marks |= STALE;
        }
        for edge in history.parents(node)? {
            let parent = history.edge(edge);
            paint.mark(history, parent, marks)?;
        }
    }
    common.retain(|&node| paint.marks(node) & STALE == 0);
    Ok(common)
}

fn without_redundant(
    history: &mut History<'_>,
    paint: &mut Paint,
    common: Vec<Node>,
) -> Result<MergeBases, InspectError> {
    if common.len() > BASES_MAX {
        return Ok(MergeBases::TooMany);
    }
    let mut best = common;
    let mut at = 0;
    while at < best.len() && best.len() > 1 {
        let candidate = best.remove(at);
        if !reaches(history, paint, &best, candidate)? {
            best.insert(at, candidate);
            at += 1;
        }
    }
    Ok(MergeBases::Known(best))
}
