//! One text, the original or a decoded one: which places of it are tried with which rules.

use super::Scanner;
use super::candidate::{Found, judge, stands_left};
use crate::secret::decode::{self, Decoded};
use crate::secret::pattern::Match;
use crate::secret::rule::Rule;
use std::ops::Range;

/// How deep encodings may be nested.
const DEPTH_MAX: usize = 2;
/// How much of a line before and after a keyword is searched.
const BEFORE_MAX: usize = 400;
const AFTER_MAX: usize = 4 << 10;
/// How far a block of several lines goes.
const BLOCK_MAX: usize = 16 << 10;
/// Matches looked at in one window, if each is refused for what stands beside it.
const TRIES_MAX: usize = 64;

/// A text, and what it was decoded from.
pub(super) struct Frame<'a> {
    pub(super) text: &'a [u8],
    pub(super) from: Option<(&'a Frame<'a>, &'a Decoded)>,
}

impl Frame<'_> {
    /// A range of this text in the original bytes.
    pub(super) fn origin(&self, range: &Range<usize>) -> Range<usize> {
        match self.from {
            None => range.clone(),
            Some((outer, decoded)) => outer.origin(&decoded.source(range)),
        }
    }

    fn depth(&self) -> usize {
        self.from.map_or(0, |(outer, _)| outer.depth() + 1)
    }
}

/// Everything found in the original bytes, and in what is encoded in them.
pub(super) fn scan(scanner: &Scanner, path: Option<&[u8]>, bytes: &[u8]) -> Vec<Found> {
    scan_counted(scanner, path, bytes).0
}

/// The same, and how many bytes were looked at for it.
pub(super) fn scan_counted(scanner: &Scanner, path: Option<&[u8]>, bytes: &[u8]) -> (Vec<Found>, usize) {
    let mut work =
        Work { scanner, path, found: Vec::new(), progress: Vec::new(), texts: 0, bound: Vec::new(), work: 0 };
    work.frame(&Frame { text: bytes, from: None });
    (work.found, work.work)
}

struct Work<'a> {
    scanner: &'a Scanner,
    path: Option<&'a [u8]>,
    found: Vec<Found>,
    /// Of each rule, in the text it was last tried in.
    progress: Vec<Progress>,
    /// Texts so far.
    texts: u64,
    /// Rules bound to names that were met, and whether this is such a file.
    bound: Vec<(usize, bool)>,
    /// Bytes looked at: those of all texts, and of the places where patterns were tried.
    work: usize,
}

/// What was done for one rule in one text.
#[derive(Debug, Clone, Copy, Default)]
struct Progress {
    /// The number of the text.
    text: u64,
    /// Up to here, the text was searched.
    searched: usize,
    /// Bytes of the places it was tried at.
    tried: usize,
}

impl Work<'_> {
    fn frame(&mut self, frame: &Frame<'_>) {
        self.texts += 1;
        self.work = self.work.saturating_add(frame.text.len());
        let scanner = self.scanner;
        scanner.keywords.find(frame.text, |rules, start| {
            for &rule in rules {
                self.keyword(frame, usize::from(rule), start);
            }
        });
        if frame.depth() < DEPTH_MAX {
            decode::each(frame.text, &mut |decoded| {
                self.frame(&Frame { text: &decoded.bytes, from: Some((frame, decoded)) });
            });
        }
    }

    fn is_for(&mut self, rule: &Rule, number: usize) -> bool {
        if rule.paths.is_empty() {
            return true;
        }
        if let Some((_, is_for)) = self.bound.iter().find(|(bound, _)| *bound == number) {
            return *is_for;
        }
        let is_for = rule.is_for(self.path);
        self.bound.push((number, is_for));
        is_for
    }

    /// What was done for a rule in this text.
    fn progress(&mut self, number: usize) -> Progress {
        if self.progress.is_empty() {
            self.progress.resize(self.scanner.rules.len(), Progress::default());
        }
        let text = self.texts;
        let last = self.progress.get(number).copied().filter(|progress| progress.text == text);
        last.unwrap_or(Progress { text, ..Progress::default() })
    }

    fn keyword(&mut self, frame: &Frame<'_>, number: usize, at: usize) {
        let Some(rule) = self.scanner.rules.get(number) else { return };
        let text = frame.text;
        let pattern = rule.compiled();
        // Nearly every short keyword is in the middle of a word.
        if pattern.starts() == Some(&[0]) && !stands_left(rule, text, at) || !self.is_for(rule, number) {
            return;
        }
        let mut progress = self.progress(number);
        self.search(frame, number, at, &mut progress);
        if let Some(kept) = self.progress.get_mut(number) {
            *kept = progress;
        }
    }

    fn search(&mut self, frame: &Frame<'_>, number: usize, at: usize, progress: &mut Progress) {
        let Some(rule) = self.scanner.rules.get(number) else { return };
        let text = frame.text;
        let pattern = rule.compiled();
        let after = if rule.block { BLOCK_MAX } else { AFTER_MAX };
        let end = if rule.block { text.len() } else { line(text, at).end };
        let end = end.min(at.saturating_add(after));
        // Trying each place costs up to a window each time: on a text made to do that, search on instead.
        let starts =
            pattern.starts().filter(|_| progress.tried <= text.len().saturating_mul(8).saturating_add(1 << 16));
        if let Some(starts) = starts {
            for start in starts.iter().filter_map(|before| at.checked_sub(*before)) {
                progress.tried = progress.tried.saturating_add(end.saturating_sub(start));
                self.work = self.work.saturating_add(end.saturating_sub(start));
                if let Some(found) = pattern.at(text, start, end) {
                    self.matched(frame, number, &found);
                }
            }
            return;
        }
        // The window before this one reached far enough, or to the line's end.
        if progress.searched >= end || progress.searched >= at.saturating_add(after / 2) {
            return;
        }
        let start = line(text, at).start;
        progress.searched = end;
        self.work = self.work.saturating_add(end.saturating_sub(start));
        let mut from = start;
        for tries in 0.. {
            let Some(found) = pattern.within(text, from..end) else { return };
            let taken = self.matched(frame, number, &found);
            from = if taken || tries > TRIES_MAX { found.whole.end } else { found.whole.start };
            from = from.max(found.whole.start.saturating_add(1));
            if from >= end {
                return;
            }
        }
    }

    /// Whether the match is a hit.
    fn matched(&mut self, frame: &Frame<'_>, number: usize, found: &Match) -> bool {
        let Some(rule) = self.scanner.rules.get(number) else { return false };
        let Some(hit) = judge(rule, number, frame, found) else { return false };
        self.found.push(hit);
        true
    }
}

/// The line of this position, without its end; of a long one what is around it.
fn line(text: &[u8], at: usize) -> Range<usize> {
    let far = at.saturating_sub(BEFORE_MAX);
    let start = memchr::memrchr(b'\n', text.get(far..at).unwrap_or_default()).map_or(far, |n| far + n + 1);
    let limit = at.saturating_add(AFTER_MAX).min(text.len());
    let end = memchr::memchr(b'\n', text.get(at..limit).unwrap_or_default()).map_or(limit, |n| at + n);
    start..end
}
