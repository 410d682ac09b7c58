//! The order in which commits are told of.

use crate::inspect::InspectError;
use crate::inspect::history::{History, Node};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet};

/// Sorts commits so that each comes before its parents. Otherwise the newest first; that is for the reader only.
pub(super) fn children_first(history: &mut History<'_>, commits: &HashSet<Node>) -> Result<Vec<Node>, InspectError> {
    let mut children: HashMap<Node, usize> = commits.iter().map(|&node| (node, 0)).collect();
    for &node in commits {
        for edge in history.parents(node)? {
            if let Some(count) = children.get_mut(&history.edge(edge)) {
                *count += 1;
            }
        }
    }
    let mut ready = BinaryHeap::new();
    for (&node, _) in children.iter().filter(|(_, count)| **count == 0) {
        ready.push((history.time_s(node)?, Reverse(node)));
    }
    let mut sorted = Vec::with_capacity(commits.len());
    while let Some((_, Reverse(node))) = ready.pop() {
        sorted.push(node);
        for edge in history.parents(node)? {
            let parent = history.edge(edge);
            let Some(count) = children.get_mut(&parent) else { continue };
            *count -= 1;
            if *count == 0 {
                ready.push((history.time_s(parent)?, Reverse(parent)));
            }
        }
    }
    Ok(sorted)
}
