//! Finds every keyword of every rule in one pass.

use crate::secret::rule::Rule;
use aho_corasick::{AhoCorasick, AhoCorasickKind};
use std::collections::BTreeMap;

#[derive(Debug)]
pub(super) struct Keywords {
    automaton: AhoCorasick,
    /// The rules of each keyword.
    rules: Vec<Vec<u16>>,
}

impl Keywords {
    pub(super) fn new(rules: &[Rule]) -> Self {
        let mut words: BTreeMap<&[u8], Vec<u16>> = BTreeMap::new();
        for (rule, number) in rules.iter().zip(0..) {
            for word in &rule.keywords {
                words.entry(word).or_default().push(number);
            }
        }
        let mut builder = AhoCorasick::builder();
        builder.ascii_case_insensitive(true).kind(Some(AhoCorasickKind::DFA));
        let automaton = builder.build(words.keys()).expect("the table is small");
        Self { automaton, rules: words.into_values().collect() }
    }

    /// Calls `hit` with a keyword's rules and where it starts and ends, for every one in the text.
    pub(super) fn find(&self, text: &[u8], mut hit: impl FnMut(&[u16], usize, usize)) {
        for found in self.automaton.find_overlapping_iter(text) {
            let rules = self.rules.get(found.pattern().as_usize()).map(Vec::as_slice);
            hit(rules.unwrap_or_default(), found.start(), found.end());
        }
    }
}
