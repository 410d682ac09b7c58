//! The entries a commit changes: one walk down the commit's tree, its parents' and its merge bases' at once.
//!
//! Directories with equal ids are never opened. Nothing here knows of renames, attributes, ignore rules or
//! submodule settings. A directory and a file of one name are two entries (that is how trees sort them), so a change
//! of type shows as what goes and what comes.

use crate::inspect::merge_rule::{PairBases, is_changed, is_unchanged_below};
use crate::inspect::raw::TreeCursor;
use crate::inspect::trees::Trees;
use crate::inspect::twin::{Siblings, Twin};
use crate::inspect::{Excess, InspectError};
use crate::model::{Entry, Needs, ObjectId};
use std::cmp::Ordering;

/// The trees to compare.
pub(super) struct Comparison {
    /// The commit's, its parents', then the merge bases'. `None` is a tree without entries.
    pub trees: Vec<Option<ObjectId>>,
    pub parent_count: usize,
    pub bases: PairBases,
}

/// What bounds a comparison.
#[derive(Clone, Copy)]
pub(super) struct Bounds {
    pub path_depth_max: usize,
    pub changes_max: usize,
    pub needs: Needs,
}

/// One changed entry.
pub(super) struct Found<'a> {
    pub path: &'a [u8],
    pub new: Option<Entry>,
    pub parents: &'a [Option<Entry>],
    pub twin: Option<Twin>,
}

/// Hears of what the walk meets, and may end it.
pub(super) trait Visitor {
    /// A directory is opened.
    fn directory(&mut self) -> Result<(), InspectError>;
    fn change(&mut self, found: Found<'_>) -> Result<(), InspectError>;
}

/// Tells `visitor` of each changed entry, in the order of trees.
pub(super) fn compare(
    trees: &mut Trees<'_>,
    comparison: &Comparison,
    bounds: Bounds,
    visitor: &mut dyn Visitor,
) -> Result<(), InspectError> {
    let mut walk = Walk { trees, comparison, bounds, stack: Vec::new(), path: Vec::new() };
    if !is_unchanged_below(&comparison.trees, comparison.parent_count, &comparison.bases) {
        walk.open(&comparison.trees, Inherited::default(), 0)?;
    }
    let mut row = Row::default();
    while let Some(directory) = walk.stack.last_mut() {
        if !row.read(&mut directory.cursors)? {
            walk.path.truncate(directory.path_length);
            walk.stack.pop();
        } else if row.is_tree {
            walk.descend(&row, visitor)?;
        } else {
            walk.judge(&row, visitor)?;
        }
    }
    Ok(())
}

/// One name in all trees that are compared.
#[derive(Default)]
struct Row {
    name: Vec<u8>,
    is_tree: bool,
    entries: Vec<Option<Entry>>,
}

impl Row {
    /// Takes the next name off the cursors; `false` at the end of all.
    fn read(&mut self, cursors: &mut [TreeCursor]) -> Result<bool, InspectError> {
        let first = cursors.iter().filter_map(TreeCursor::entry).min_by(|one, other| order(*one, *other));
        let Some((name, entry)) = first else { return Ok(false) };
        self.name.clear();
        self.name.extend_from_slice(name);
        self.is_tree = entry.is_tree();
        self.entries.clear();
        for cursor in cursors {
            let here = cursor.entry().filter(|(name, entry)| *name == self.name && entry.is_tree() == self.is_tree);
            self.entries.push(here.map(|(_, entry)| entry));
            if here.is_some() {
                cursor.advance()?;
            }
        }
        Ok(true)
    }
}

/// The order of entries in a tree: a directory sorts as if its name ended in a slash.
fn order(one: (&[u8], Entry), other: (&[u8], Entry)) -> Ordering {
    let common = one.0.len().min(other.0.len());
    let end = |(name, entry): (&[u8], Entry)| match name.get(common) {
        Some(byte) => *byte,
        None if entry.is_tree() => b'/',
        None => 0,
    };
    let same = one.0.get(..common).cmp(&other.0.get(..common));
    same.then_with(|| end(one).cmp(&end(other))).then_with(|| one.0.len().cmp(&other.0.len()))
}

/// What a directory has from the ones above it.
#[derive(Default, Clone)]
struct Inherited {
    /// The twin of a directory on the way here that the commit adds.
    twin: Option<Twin>,
    /// Every entry below counts as changed: see [`Walk::merged_twin`].
    all_changed: bool,
}

struct Directory {
    cursors: Vec<TreeCursor>,
    path_length: usize,
    siblings: Siblings,
    inherited: Inherited,
}

struct Walk<'a, 'o> {
    trees: &'a mut Trees<'o>,
    comparison: &'a Comparison,
    bounds: Bounds,
    stack: Vec<Directory>,
    path: Vec<u8>,
}

impl Walk<'_, '_> {
    fn open(&mut self, ids: &[Option<ObjectId>], inherited: Inherited, path_length: usize) -> Result<(), InspectError> {
        if self.stack.len() > self.bounds.path_depth_max {
            return Err(Excess::PathDepth(self.bounds.path_depth_max).into());
        }
        let mut cursors = Vec::with_capacity(ids.len());
        for id in ids {
            cursors.push(match id {
                Some(id) => self.trees.open(id)?,
                None => TreeCursor::empty(),
            });
        }
        self.stack.push(Directory { cursors, path_length, siblings: Siblings::default(), inherited });
        Ok(())
    }

    fn descend(&mut self, row: &Row, visitor: &mut dyn Visitor) -> Result<(), InspectError> {
        let Comparison { parent_count, bases, .. } = self.comparison;
        let ids: Vec<Option<ObjectId>> = row.entries.iter().map(|entry| entry.map(|entry| entry.id)).collect();
        let is_unchanged = is_unchanged_below(&ids, *parent_count, bases);
        let twin = self.twin(row)?;
        let mut inherited = self.inherited();
        inherited.all_changed |= self.merged_twin(row, twin.as_ref())?;
        if is_unchanged && !inherited.all_changed {
            return Ok(());
        }
        visitor.directory()?;
        inherited.twin = inherited.twin.or_else(|| twin.map(|twin| self.full_path(twin)));
        let path_length = self.path.len();
        self.path.extend_from_slice(&row.name);
        self.path.push(b'/');
        self.open(&ids, inherited, path_length)
    }

    fn judge(&mut self, row: &Row, visitor: &mut dyn Visitor) -> Result<(), InspectError> {
        let Comparison { parent_count, bases, .. } = self.comparison;
        let Some((new, others)) = row.entries.split_first() else { return Ok(()) };
        let twin = self.twin(row)?;
        let is_forced = new.is_some() && self.stack.last().is_some_and(|directory| directory.inherited.all_changed);
        let is_changed = is_forced || is_changed(&row.entries, *parent_count, bases);
        if !is_changed && !self.merged_twin(row, twin.as_ref())? {
            return Ok(());
        }
        let inherited = self.inherited().twin.filter(|_| new.is_some());
        let twin = inherited.or_else(|| twin.map(|twin| self.full_path(twin)));
        let path_length = self.path.len();
        self.path.extend_from_slice(&row.name);
        let parents = others.get(..*parent_count).unwrap_or(others);
        let heard = visitor.change(Found { path: &self.path, new: *new, parents, twin });
        self.path.truncate(path_length);
        heard
    }

    fn inherited(&self) -> Inherited {
        self.stack.last().map(|directory| directory.inherited.clone()).unwrap_or_default()
    }

    fn full_path(&self, twin: Twin) -> Twin {
        Twin { name: [&self.path[..], &twin.name].concat().into(), ..twin }
    }

    /// The twin of a name that the first parent has not, or has as something harmless.
    fn twin(&mut self, row: &Row) -> Result<Option<Twin>, InspectError> {
        let mut entries = row.entries.iter();
        let Some(new) = entries.next().copied().flatten() else { return Ok(None) };
        let is_special = |entry: Entry| entry.is_symlink() || entry.is_gitlink();
        let is_risky = match entries.next().filter(|_| self.comparison.parent_count > 0) {
            Some(Some(old)) => is_special(new) && !is_special(*old),
            Some(None) | None => true,
        };
        let Some(directory) = self.stack.last_mut().filter(|_| is_risky) else { return Ok(None) };
        let Some(result) = directory.cursors.first() else { return Ok(None) };
        Ok(directory.siblings.twin(result, &row.name, new, self.bounds.needs)?)
    }

    /// Whether a merge brings two names together that no parent has both of: each is clean, the pair is the merge's.
    fn merged_twin(&self, row: &Row, twin: Option<&Twin>) -> Result<bool, InspectError> {
        let (Some(twin), Some(directory)) = (twin, self.stack.last()) else { return Ok(false) };
        let parent_count = self.comparison.parent_count;
        if parent_count < 2 {
            return Ok(false);
        }
        for parent in directory.cursors.iter().skip(1).take(parent_count) {
            if Siblings::has_names(parent, &row.name, &twin.name)? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
