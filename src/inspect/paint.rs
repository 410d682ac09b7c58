//! Painting history: marks that flow from commits to their parents, newest commit first.
//!
//! The order is only a guess at what will be needed: dates are the client's word. A commit that gets another mark
//! after its turn gets another turn, so what is painted is right whatever the dates say; each walk says in its own
//! words when it may stop.

use crate::inspect::InspectError;
use crate::inspect::history::{History, Node};
use std::cmp::Reverse;
use std::collections::BinaryHeap;

pub(super) type Marks = u8;

/// Waits for its turn. Below it, the bits are the walk's own.
const QUEUED: Marks = 0x80;

/// The state of one walk; cleared and used again by the next.
#[derive(Default)]
pub(super) struct Paint {
    marks: Vec<Marks>,
    touched: Vec<Node>,
    /// Newest first; among equals, first come first served, so that no side runs ahead of the other.
    queue: BinaryHeap<(i64, Reverse<u32>, Node)>,
    counter: u32,
    open: usize,
    is_open: Option<fn(Marks) -> bool>,
    turns: usize,
}

impl Paint {
    /// Starts a walk. `is_open` says with which marks a waiting commit keeps the walk going.
    pub fn start(&mut self, is_open: fn(Marks) -> bool) {
        for node in self.touched.drain(..) {
            self.marks[node as usize] = 0;
        }
        self.queue.clear();
        (self.counter, self.open, self.is_open) = (0, 0, Some(is_open));
    }

    pub fn marks(&self, node: Node) -> Marks {
        self.marks.get(node as usize).map_or(0, |marks| marks & !QUEUED)
    }

    /// How many waiting commits keep the walk going.
    pub fn open(&self) -> usize {
        self.open
    }

    /// Adds marks to a commit, and queues it if they are new. Returns the marks it had.
    pub fn mark(&mut self, history: &mut History<'_>, node: Node, marks: Marks) -> Result<Marks, InspectError> {
        let index = node as usize;
        if self.marks.len() <= index {
            self.marks.resize(index + 1, 0);
        }
        let before = self.marks[index];
        let after = before | marks;
        if after == before {
            return Ok(before & !QUEUED);
        }
        if before == 0 {
            self.touched.push(node);
        }
        if before & QUEUED == 0 {
            let time_s = history.time_s(node)?;
            self.counter = self.counter.wrapping_add(1);
            self.queue.push((time_s, Reverse(self.counter), node));
        } else {
            self.open -= usize::from(self.keeps_open(before));
        }
        self.open += usize::from(self.keeps_open(after));
        self.marks[index] = after | QUEUED;
        Ok(before & !QUEUED)
    }

    /// Adds marks to a commit that was marked before, without another turn.
    pub fn note(&mut self, node: Node, marks: Marks) {
        self.marks[node as usize] |= marks;
    }

    /// The next commit whose marks have to go to its parents.
    pub fn next(&mut self, history: &History<'_>) -> Result<Option<(Node, Marks)>, InspectError> {
        self.turns = self.turns.wrapping_add(1);
        if self.turns.is_multiple_of(256) {
            history.check_stop()?;
        }
        let Some((_, _, node)) = self.queue.pop() else { return Ok(None) };
        let marks = self.marks[node as usize] & !QUEUED;
        self.marks[node as usize] = marks;
        self.open -= usize::from(self.keeps_open(marks));
        Ok(Some((node, marks)))
    }

    fn keeps_open(&self, marks: Marks) -> bool {
        self.is_open.is_some_and(|is_open| is_open(marks & !QUEUED))
    }
}
