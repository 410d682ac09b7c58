//! Which lines of a changed file count as added, and which stand beside each other for the first time.

use crate::policy::window::{Window, without_end};
use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};

/// Old lines remembered; with more of them every line counts as added.
const KNOWN_LINES_MAX: usize = 2_000_000;

/// Which lines of the new content count as added.
#[derive(Debug)]
pub enum Added {
    /// The file is new here, binary, or had too many lines to remember.
    All,
    /// Those that no parent has in its file of this path.
    Except(KnownLines),
}

/// What is remembered of the parents' lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remember {
    Lines,
    /// Each line with the one before it.
    Pairs,
}

/// Hashes of lines or of pairs of them.
#[derive(Debug)]
pub struct KnownLines {
    /// Keyed at random: nobody can make a line that looks like a known one.
    keys: RandomState,
    hashes: HashSet<u64>,
    what: Remember,
    before: u64,
}

impl KnownLines {
    pub fn new(what: Remember) -> Self {
        Self { keys: RandomState::new(), hashes: HashSet::new(), what, before: 0 }
    }

    /// Takes in the lines of a parent's file, window by window.
    pub fn remember(&mut self, window: &Window<'_>) {
        if window.line == 1 && window.tell.start == 0 {
            self.before = 0;
        }
        for (_, line) in window.lines() {
            if self.is_full() {
                return;
            }
            let line = self.keys.hash_one(line);
            self.hashes.insert(match self.what {
                Remember::Lines => line,
                Remember::Pairs => self.keys.hash_one((self.before, line)),
            });
            self.before = line;
        }
    }

    /// Whether there were too many to remember.
    pub fn is_full(&self) -> bool {
        self.hashes.len() > KNOWN_LINES_MAX
    }
}

impl Added {
    /// `line` with or without its end.
    #[must_use]
    pub fn has(&self, line: &[u8]) -> bool {
        match self {
            Self::All => true,
            Self::Except(known) => !known.hashes.contains(&known.keys.hash_one(without_end(line))),
        }
    }

    /// Whether two lines were not beside each other before; if it is pairs that are known.
    #[must_use]
    pub fn has_pair(&self, first: &[u8], second: &[u8]) -> bool {
        let Self::Except(known) = self else { return true };
        let hash = |line| known.keys.hash_one(without_end(line));
        !known.hashes.contains(&known.keys.hash_one((hash(first), hash(second))))
    }
}
