//! Finds every keyword of every rule in one pass, whatever their case.
//!
//! An automaton takes one step a byte, and each step waits for the one before. Here only every second position is
//! looked at: whether the four bytes there, or the three, may be part of a keyword, by one bit each of tables small
//! enough for the processor's first cache. A keyword of five bytes or more has two quads beside each other, of which
//! one is at an even position; the rarest two are taken. A shorter one has two triples. Where a bit is set, the
//! keywords behind it are compared.

use super::bigram::rarity;
use crate::secret::rule::Rule;
use std::collections::BTreeMap;

#[derive(Debug)]
pub(super) struct Keywords {
    quads: Grams,
    triples: Grams,
    words: Vec<Word>,
}

#[derive(Debug)]
struct Word {
    bytes: Vec<u8>,
    rules: Vec<u16>,
    /// Its first eight bytes, folded as texts are, and which bits of them count.
    start: u64,
    mask: u64,
}

impl Word {
    fn new(bytes: &[u8], rules: Vec<u16>) -> Self {
        let number = |byte: fn(&u8) -> u8| bytes.iter().take(8).rev().fold(0, |all, b| all << 8 | u64::from(byte(b)));
        Self { bytes: bytes.to_vec(), rules, start: number(|byte| byte | CASE), mask: number(|_| 0xff) }
    }

    fn is_at(&self, text: &[u8]) -> bool {
        let is_start = text
            .first_chunk::<8>()
            .is_none_or(|start| (u64::from_le_bytes(*start) | EACH_CASE) & self.mask == self.start);
        is_start && text.get(..self.bytes.len()).is_some_and(|here| here.eq_ignore_ascii_case(&self.bytes))
    }
}

/// The bit that small letters have and capitals have not.
const CASE: u8 = 0x20;
const EACH_CASE: u64 = 0x2020_2020_2020_2020;

impl Keywords {
    pub(super) fn new(rules: &[Rule]) -> Self {
        let mut words: BTreeMap<&[u8], Vec<u16>> = BTreeMap::new();
        for (rule, number) in rules.iter().zip(0..) {
            for word in &rule.keywords {
                let rules = words.entry(word).or_default();
                if rules.last() != Some(&number) {
                    rules.push(number);
                }
            }
        }
        Self::of(words.into_iter().map(|(bytes, rules)| Word::new(bytes, rules)).collect())
    }

    fn of(words: Vec<Word>) -> Self {
        let (mut quads, mut triples) = (BTreeMap::new(), BTreeMap::new());
        for (word, number) in words.iter().zip(0..) {
            match word.bytes.len() {
                ..=4 => add(&mut triples, number, short(&word.bytes), triple),
                _ => add(&mut quads, number, long(&word.bytes), quad),
            }
        }
        Self { quads: Grams::new(quads), triples: Grams::new(triples), words }
    }

    /// Calls `hit` with a keyword's rules and where it starts, once for every keyword in the text, nearly in order.
    pub(super) fn find(&self, text: &[u8], mut hit: impl FnMut(&[u16], usize)) {
        let mut at = 0;
        // Three quads of every second position are in eight bytes.
        while let Some(bytes) = text.get(at..).and_then(<[u8]>::first_chunk::<8>) {
            let bytes = u64::from_le_bytes(*bytes) | EACH_CASE;
            let long = [quad(bytes), quad(bytes >> 16), quad(bytes >> 32)];
            let short = [triple(bytes), triple(bytes >> 16), triple(bytes >> 32)];
            if self.quads.any(long) | self.triples.any(short) != 0 {
                for ((long, short), at) in long.into_iter().zip(short).zip((at..).step_by(2)) {
                    self.compare(text, long, short, at, &mut hit);
                }
            }
            at += 6;
        }
        while at < text.len() {
            let byte = |at: usize| u64::from(text.get(at).copied().unwrap_or(0) | CASE);
            let bytes = byte(at) | byte(at + 1) << 8 | byte(at + 2) << 16 | byte(at + 3) << 24;
            self.compare(text, quad(bytes), triple(bytes), at, &mut hit);
            at += 2;
        }
    }

    fn compare(&self, text: &[u8], long: usize, short: usize, at: usize, hit: &mut impl FnMut(&[u16], usize)) {
        for entry in self.quads.entries(long).iter().chain(self.triples.entries(short)) {
            let Some(word) = self.words.get(usize::from(entry.word)) else { continue };
            let Some(start) = at.checked_sub(usize::from(entry.offset)) else { continue };
            if word.is_at(text.get(start..).unwrap_or_default()) {
                hit(&word.rules, start);
            }
        }
    }
}

/// Bits of a gram's hash.
const HASH_BITS: u32 = 16;
const SLOTS: usize = 1 << HASH_BITS;
const BIT_WORDS: usize = SLOTS / 64;
const HASH: u32 = 0x9e37_79b1;

/// The hash of the lowest four bytes, which are folded.
#[inline]
fn quad(bytes: u64) -> usize {
    ((bytes as u32).wrapping_mul(HASH) >> (32 - HASH_BITS)) as usize
}

/// The hash of the lowest three bytes, which are folded.
#[inline]
fn triple(bytes: u64) -> usize {
    ((bytes as u32 & 0x00ff_ffff).wrapping_mul(HASH) >> (32 - HASH_BITS)) as usize
}

/// Parts of keywords, by their hash.
#[derive(Debug)]
struct Grams {
    /// A bit a hash: whether there is such a part.
    bits: Box<[u64; BIT_WORDS]>,
    /// Of each hash, where its entries start; one more at the end.
    starts: Vec<u16>,
    entries: Vec<Entry>,
}

/// A part of a keyword.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    word: u16,
    /// Where in the keyword it is.
    offset: u8,
}

impl Grams {
    fn new(slots: BTreeMap<usize, Vec<Entry>>) -> Self {
        let (mut bits, mut entries) = (Box::new([0; BIT_WORDS]), Vec::new());
        let mut starts = vec![0; SLOTS + 1];
        for (slot, mut found) in slots {
            found.sort_unstable();
            found.dedup();
            entries.extend(found);
            if let Some(word) = bits.get_mut(slot / 64) {
                *word |= 1 << (slot % 64);
            }
            if let Some(next) = starts.get_mut(slot + 1) {
                *next = u16::try_from(entries.len()).expect("the table is small");
            }
        }
        let mut last = 0;
        for start in &mut starts {
            last = last.max(*start);
            *start = last;
        }
        Self { bits, starts, entries }
    }

    #[inline]
    fn bit(&self, slot: usize) -> u64 {
        self.bits.get(slot / 64).map_or(0, |word| (word >> (slot % 64)) & 1)
    }

    #[inline]
    fn any(&self, [first, second, third]: [usize; 3]) -> u64 {
        self.bit(first) | self.bit(second) | self.bit(third)
    }

    fn entries(&self, slot: usize) -> &[Entry] {
        if self.bit(slot) == 0 {
            return &[];
        }
        let start = |slot: usize| self.starts.get(slot).map_or(0, |start| usize::from(*start));
        self.entries.get(start(slot)..start(slot + 1)).unwrap_or_default()
    }
}

fn add(slots: &mut BTreeMap<usize, Vec<Entry>>, word: u16, parts: Vec<(u64, u8)>, hash: fn(u64) -> usize) {
    for (part, offset) in parts {
        slots.entry(hash(part | EACH_CASE)).or_default().push(Entry { word, offset });
    }
}

fn number(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// The rarest two quads beside each other.
fn long(word: &[u8]) -> Vec<(u64, u8)> {
    let fives = word.windows(5).zip(0..=250_u8);
    let best = fives.max_by_key(|(five, _)| rarity(&five[..4]).min(rarity(&five[1..])));
    best.map_or_else(Vec::new, |(five, at)| vec![(number(&five[..4]), at), (number(&five[1..]), at + 1)])
}

/// Both triples. The second one of a word of three bytes goes one byte beyond it, which may be any.
fn short(word: &[u8]) -> Vec<(u64, u8)> {
    let first = (number(word.get(..3).unwrap_or_default()), 0);
    match word.get(1..).unwrap_or_default() {
        second @ [_, _, _] => vec![first, (number(second), 1)],
        rest => (0..=255).map(|last| (number(&[rest, &[last]].concat()), 1)).chain([first]).collect(),
    }
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
        let list = ["abc", "ab_", "abca", "bcab", "_a_b", "cabcab", "a_b_c_a", "bb_bb_bb_b", "ccc", "abc_"];
        let words = list.iter().zip(0..).map(|(word, n)| Word::new(word.as_bytes(), vec![n]));
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
