//! Finds every keyword of every rule in one pass, whatever their case.
//!
//! An automaton takes one step a byte, and each step waits for the one before. Here only every second position is
//! looked at: whether the four bytes there, or the three or two, may be part of a keyword, by one bit each of tables small
//! enough for the processor's first cache. A keyword of five bytes or more has two quads beside each other, of which
//! one is at an even position; the rarest two are taken. One of four bytes has two triples, and one of three a triple and
//! a pair. Where a bit is set, the keywords behind it are compared.

use super::bigram::rarity;
use crate::secret::rule::Rule;
use std::collections::BTreeMap;

#[derive(Debug)]
pub(super) struct Keywords {
    quads: Grams,
    triples: Grams,
    pairs: Grams,
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
        let (mut quads, mut triples, mut pairs) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        for (word, number) in words.iter().zip(0..) {
            match &word.bytes[..] {
                [a, b, c] => {
                    add(&mut triples, triple(gram(&[*a, *b, *c])), number, 0);
                    add(&mut pairs, pair(gram(&[*b, *c])), number, 1);
                }
                [a, b, c, d] => {
                    add(&mut triples, triple(gram(&[*a, *b, *c])), number, 0);
                    add(&mut triples, triple(gram(&[*b, *c, *d])), number, 1);
                }
                word => {
                    let at = rarest(word);
                    for at in [at, at + 1] {
                        let bytes = word.get(at..at + 4).unwrap_or_default();
                        add(&mut quads, quad(gram(bytes)), number, u8::try_from(at).expect("a short word"));
                    }
                }
            }
        }
        Self { quads: Grams::new(quads), triples: Grams::new(triples), pairs: Grams::new(pairs), words }
    }

    /// Calls `hit` with a keyword's rules and where it starts, once for every keyword in the text, nearly in order.
    pub(super) fn find(&self, text: &[u8], mut hit: impl FnMut(&[u16], usize)) {
        let mut at = 0;
        // Three quads of every second position are in eight bytes.
        while let Some(bytes) = text.get(at..).and_then(<[u8]>::first_chunk::<8>) {
            let bytes = u64::from_le_bytes(*bytes) | EACH_CASE;
            if self.may_be(bytes) | self.may_be(bytes >> 16) | self.may_be(bytes >> 32) != 0 {
                self.compare(text, bytes, at, &mut hit);
                self.compare(text, bytes >> 16, at + 2, &mut hit);
                self.compare(text, bytes >> 32, at + 4, &mut hit);
            }
            at += 6;
        }
        while at < text.len() {
            let byte = |at: usize| u64::from(text.get(at).copied().unwrap_or(0) | CASE);
            let bytes = byte(at) | byte(at + 1) << 8 | byte(at + 2) << 16 | byte(at + 3) << 24;
            self.compare(text, bytes, at, &mut hit);
            at += 2;
        }
    }

    #[inline]
    fn may_be(&self, bytes: u64) -> u64 {
        self.quads.bit(quad(bytes)) | self.triples.bit(triple(bytes)) | self.pairs.bit(pair(bytes))
    }

    fn compare(&self, text: &[u8], bytes: u64, at: usize, hit: &mut impl FnMut(&[u16], usize)) {
        if self.may_be(bytes) == 0 {
            return;
        }
        let short = self.triples.entries(triple(bytes)).iter().chain(self.pairs.entries(pair(bytes)));
        for entry in self.quads.entries(quad(bytes)).iter().chain(short) {
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

/// The lowest two bytes.
#[inline]
fn pair(bytes: u64) -> usize {
    (bytes & 0xffff) as usize
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

    fn entries(&self, slot: usize) -> &[Entry] {
        if self.bit(slot) == 0 {
            return &[];
        }
        let start = |slot: usize| self.starts.get(slot).map_or(0, |start| usize::from(*start));
        self.entries.get(start(slot)..start(slot + 1)).unwrap_or_default()
    }
}

fn add(slots: &mut BTreeMap<usize, Vec<Entry>>, slot: usize, word: u16, offset: u8) {
    slots.entry(slot).or_default().push(Entry { word, offset });
}

/// The bytes as a text has them, folded.
fn gram(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |gram, byte| gram << 8 | u64::from(*byte)) | EACH_CASE
}

/// Where the rarest two quads beside each other are.
fn rarest(word: &[u8]) -> usize {
    let rarity = |five: &[u8]| rarity(&five[..4]).min(rarity(&five[1..]));
    word.windows(5).enumerate().max_by_key(|(_, five)| rarity(five)).map_or(0, |(at, _)| at)
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
