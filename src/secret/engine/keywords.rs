//! Finds every keyword of every rule in one pass, whatever their case.
//!
//! An automaton takes one step a byte, and each step waits for the one before. Here only every second position is
//! looked at: whether the three bytes there may be part of a keyword, by one bit of a table small enough for the
//! processor's first cache. A keyword of four bytes or more has two such triples beside each other, of which one is at
//! an even position; the rarest two are taken. Where the bit is set, the keywords behind it are compared.

use super::bigram::rarity;
use crate::secret::rule::Rule;
use std::collections::BTreeMap;

/// Bits of a triple's hash.
const HASH_BITS: u32 = 16;
const SLOTS: usize = 1 << HASH_BITS;
const WORDS: usize = SLOTS / 64;
const TRIPLE: usize = 3;

#[derive(Debug)]
pub(super) struct Keywords {
    /// A bit a hash: whether a keyword has such a triple.
    bits: Box<[u64; WORDS]>,
    /// Of each hash, where its entries start; one more at the end.
    starts: Vec<u32>,
    entries: Vec<Entry>,
    words: Vec<Word>,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    word: u32,
    /// Where in the keyword the triple is.
    offset: usize,
}

#[derive(Debug)]
struct Word {
    bytes: Vec<u8>,
    rules: Vec<u16>,
}

impl Keywords {
    pub(super) fn new(rules: &[Rule]) -> Self {
        let mut words: BTreeMap<&[u8], Vec<u16>> = BTreeMap::new();
        for (rule, number) in rules.iter().zip(0..) {
            for word in &rule.keywords {
                words.entry(word).or_default().push(number);
            }
        }
        let words = words.into_iter().map(|(bytes, rules)| Word { bytes: bytes.to_vec(), rules });
        Self::of(words.collect())
    }

    fn of(words: Vec<Word>) -> Self {
        let mut slots: BTreeMap<usize, Vec<Entry>> = BTreeMap::new();
        for (word, number) in words.iter().zip(0..) {
            for (triple, offset) in triples(&word.bytes) {
                let entries = slots.entry(slot(triple)).or_default();
                if !entries.iter().any(|entry| entry.word == number && entry.offset == offset) {
                    entries.push(Entry { word: number, offset });
                }
            }
        }
        let mut bits = Box::new([0; WORDS]);
        let (mut starts, mut entries) = (Vec::with_capacity(SLOTS + 1), Vec::new());
        for slot in 0..SLOTS {
            starts.push(u32::try_from(entries.len()).expect("the table is small"));
            if let Some(found) = slots.remove(&slot) {
                entries.extend(found);
                if let Some(word) = bits.get_mut(slot / 64) {
                    *word |= 1 << (slot % 64);
                }
            }
        }
        starts.push(u32::try_from(entries.len()).expect("the table is small"));
        Self { bits, starts, entries, words }
    }

    /// Calls `hit` with a keyword's rules and where it starts, once for every keyword in the text, nearly in order.
    pub(super) fn find(&self, text: &[u8], mut hit: impl FnMut(&[u16], usize)) {
        let mut at = 0;
        // Three triples of every second position are in eight bytes.
        while let Some(bytes) = text.get(at..).and_then(<[u8]>::first_chunk::<8>) {
            let bytes = u64::from_le_bytes(*bytes);
            let (first, second, third) = (slot(bytes), slot(bytes >> 16), slot(bytes >> 32));
            if self.bit(first) | self.bit(second) | self.bit(third) != 0 {
                for (slot, at) in [(first, at), (second, at + 2), (third, at + 4)] {
                    if self.bit(slot) != 0 {
                        self.compare(text, slot, at, &mut hit);
                    }
                }
            }
            at += 6;
        }
        while at < text.len() {
            let byte = |at: usize| u64::from(text.get(at).copied().unwrap_or(0));
            let slot = slot(byte(at) | byte(at + 1) << 8 | byte(at + 2) << 16);
            if self.bit(slot) != 0 {
                self.compare(text, slot, at, &mut hit);
            }
            at += 2;
        }
    }

    #[inline]
    fn bit(&self, slot: usize) -> u64 {
        self.bits.get(slot / 64).map_or(0, |word| (word >> (slot % 64)) & 1)
    }

    fn compare(&self, text: &[u8], slot: usize, at: usize, hit: &mut impl FnMut(&[u16], usize)) {
        let start = |slot: usize| self.starts.get(slot).map_or(0, |start| *start as usize);
        for entry in self.entries.get(start(slot)..start(slot + 1)).unwrap_or_default() {
            let (Some(start), Some(word)) = (at.checked_sub(entry.offset), self.words.get(entry.word as usize)) else {
                continue;
            };
            let here = text.get(start..).and_then(|text| text.get(..word.bytes.len()));
            if here.is_some_and(|here| here.eq_ignore_ascii_case(&word.bytes)) {
                hit(&word.rules, start);
            }
        }
    }
}

/// The hash of the lowest three bytes. Letters of either case have the same.
#[inline]
fn slot(triple: u64) -> usize {
    let folded = (triple as u32 & 0x00ff_ffff) | 0x0020_2020;
    (folded.wrapping_mul(0x9e37_79b1) >> (32 - HASH_BITS)) as usize
}

/// Triples of which one is at an even position, whatever the position of the keyword.
fn triples(word: &[u8]) -> Vec<(u64, usize)> {
    let number = |triple: &[u8]| triple.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte));
    if word.len() <= TRIPLE {
        // The second triple goes one byte beyond the keyword, which may be any.
        let rest = word.get(1..).unwrap_or_default();
        let any = (0..=255).map(|last| (number(&[rest, &[last]].concat()), 1));
        return any.chain([(number(word), 0)]).collect();
    }
    let pairs = word.windows(TRIPLE + 1).enumerate();
    let rarity = |pair: &[u8]| rarity(&pair[..TRIPLE]).min(rarity(&pair[1..]));
    let Some((offset, pair)) = pairs.max_by_key(|(_, pair)| rarity(pair)) else { return Vec::new() };
    vec![(number(&pair[..TRIPLE]), offset), (number(&pair[1..]), offset + 1)]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers that look random, the same each time.
    fn random(seed: &mut u64) -> usize {
        *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(*seed >> 40).expect("24 bits")
    }

    #[test]
    fn finds_what_a_search_for_each_finds() {
        let list = ["abc", "ab_", "abca", "bcab", "_a_b", "cabcab", "a_b_c_a", "bb_bb_bb_b", "ccc"];
        let words = list.iter().zip(0..).map(|(word, n)| Word { bytes: word.as_bytes().to_vec(), rules: vec![n] });
        let keywords = Keywords::of(words.collect());
        let mut seed = 1;
        for length in (0..400).map(|n| n % 50) {
            let text: Vec<u8> = (0..length).map(|_| b"aAbBcC__"[random(&mut seed) % 8]).collect();
            let mut found = Vec::new();
            keywords.find(&text, |rules, start| found.push((rules[0], start)));
            found.sort_unstable();
            let lower = text.to_ascii_lowercase();
            let mut expected: Vec<(u16, usize)> = Vec::new();
            for (word, number) in list.iter().zip(0..) {
                let windows = lower.windows(word.len()).enumerate();
                expected.extend(windows.filter(|(_, here)| *here == word.as_bytes()).map(|(at, _)| (number, at)));
            }
            assert_eq!(found, expected, "{:?}", String::from_utf8_lossy(&text));
        }
    }
}
