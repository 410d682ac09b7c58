//! From a commit to the trees that have to be compared for it.

use crate::inspect::compare::Comparison;
use crate::inspect::history::{History, Node};
use crate::inspect::job::Job;
use crate::inspect::merge_base::{MergeBaseFinder, MergeBases};
use crate::inspect::merge_rule::PairBases;
use crate::inspect::paint::Paint;
use crate::inspect::{Excess, InspectError};
use crate::model::{Direction, ObjectId};

/// With more parents than this no entry of a merge is held for clean: pairs of parents grow too fast, and nobody
/// merges so.
const PARENTS_MAX: usize = 16;
/// Nor with more different trees of merge bases than this.
const BASE_TREES_MAX: usize = 64;
/// With more than this a merge is not looked at: every tree of every parent is held open at once. git itself names no
/// parent twice, and the widest merge known has 66.
const PARENTS_TAKEN_MAX: usize = 1000;

/// Makes jobs; finds merge bases once for each pair of commits.
pub(super) struct Planner<'a, 'h> {
    history: &'a mut History<'h>,
    paint: &'a mut Paint,
    merge_bases: MergeBaseFinder,
}

impl<'a, 'h> Planner<'a, 'h> {
    pub fn new(history: &'a mut History<'h>, paint: &'a mut Paint) -> Self {
        Self { history, paint, merge_bases: MergeBaseFinder::default() }
    }

    pub fn job(&mut self, node: Node, direction: Direction) -> Result<Job, InspectError> {
        let parents = self.history.parent_nodes(node)?;
        if parents.len() > PARENTS_TAKEN_MAX {
            return Err(Excess::Parents(PARENTS_TAKEN_MAX).into());
        }
        let comparison = match (parents.as_slice(), direction) {
            ([], Direction::Dropped) => self.undone(node, None)?,
            ([parent], Direction::Dropped) => self.undone(node, Some(*parent))?,
            (_, Direction::Added | Direction::Dropped) => self.with_parents(node, &parents)?,
        };
        Ok(Job {
            id: self.history.id(node),
            direction,
            parents: parents.iter().map(|&parent| self.history.id(parent)).collect(),
            is_new: !self.history.is_known(node),
            comparison,
        })
    }

    /// A commit undone: its tree is what was, its parent's what comes back.
    fn undone(&mut self, from: Node, to: Option<Node>) -> Result<Comparison, InspectError> {
        let to = to.map(|node| self.history.tree(node)).transpose()?;
        let from = self.history.tree(from)?;
        Ok(Comparison { trees: vec![to, Some(from)], parent_count: 1, bases: PairBases::unknown() })
    }

    fn with_parents(&mut self, node: Node, parents: &[Node]) -> Result<Comparison, InspectError> {
        let mut trees = vec![Some(self.history.tree(node)?)];
        for &parent in parents {
            trees.push(Some(self.history.tree(parent)?));
        }
        let is_merge = (2..=PARENTS_MAX).contains(&parents.len());
        let needs_bases = is_merge && trees.iter().any(|tree| *tree != trees[0]);
        let bases = match needs_bases {
            true => self.bases(parents, &mut trees)?,
            false => PairBases::unknown(),
        };
        Ok(Comparison { trees, parent_count: parents.len(), bases })
    }

    /// The merge bases of each pair of parents; adds their trees to `trees`, each once.
    fn bases(&mut self, parents: &[Node], trees: &mut Vec<Option<ObjectId>>) -> Result<PairBases, InspectError> {
        let mut pairs = PairBases::new(parents.len());
        let bases_start = trees.len();
        for (i, &one) in parents.iter().enumerate() {
            for (k, &two) in parents.iter().enumerate().skip(i + 1) {
                let found = self.merge_bases.find(self.history, self.paint, one, two)?;
                let MergeBases::Known(bases) = found else { continue };
                let mut places = Vec::with_capacity(bases.len());
                for base in bases {
                    places.push(place(trees, bases_start, self.history.tree(base)?));
                }
                pairs.set(i, k, &places);
                if trees.len() > bases_start + BASE_TREES_MAX {
                    trees.truncate(bases_start);
                    return Ok(PairBases::unknown());
                }
            }
        }
        Ok(pairs)
    }
}

fn place(trees: &mut Vec<Option<ObjectId>>, bases_start: usize, tree: ObjectId) -> usize {
    let known = trees.iter().skip(bases_start).position(|known| *known == Some(tree));
    known.map(|at| bases_start + at).unwrap_or_else(|| {
        trees.push(Some(tree));
        trees.len() - 1
    })
}
