//! Finds every keyword of every rule in one pass, whatever their case.
//!
//! An automaton takes one step a byte, and each step waits for the one before. Here only every second position is
//! looked at: whether the four bytes there, or the three, may be part of a keyword, by one bit each of tables small
//! enough for the processor's first cache. A keyword of five bytes or more has two quads beside each other, of which
//! one is at an even position; the rarest two are taken. Shorter ones at odd positions are met by a triple one byte further
//! on, or one byte before. Where a bit is set, the keywords behind it are compared.

use super::bigram::rarity;
use crate::secret::rule::Rule;
use std::collections::BTreeMap;

#[derive(Debug)]
pub(super) struct Keywords {
    quads: Grams<QUAD_WORDS>,
    triples: Grams<TRIPLE_WORDS>,
    /// Triples at odd positions, seen from the even one before.
    odd: Grams<TRIPLE_WORDS>,
    words: Vec<Word>,
}

#[derive(Debug)]
struct Word {
    bytes: Vec<u8>,
    rules: Vec<u16>,
}

impl Word {
    fn new(bytes: &[u8], rules: Vec<u16>) -> Self {
        Self { bytes: bytes.to_vec(), rules }
    }

    fn is_at(&self, text: &[u8]) -> bool {
        text.get(..self.bytes.len()).is_some_and(|here| here.eq_ignore_ascii_case(&self.bytes))
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
        let (mut quads, mut triples, mut odd) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        for (word, number) in words.iter().zip(0..) {
            match &word.bytes[..] {
                [a, b, c] => {
                    add(&mut triples, triple(gram(&[*a, *b, *c])), Entry::new(&word.bytes, number, 0));
                    add(&mut odd, triple(gram(&[*a, *b, *c])), Entry::new(&word.bytes, number, -1));
                }
                [first @ .., _] if word.bytes.len() == 4 => {
                    let rest = word.bytes.get(1..).unwrap_or_default();
                    add(&mut quads, quad(gram(&word.bytes)), Entry::new(&word.bytes, number, 0));
                    match rarity(rest) >= rarity(first) {
                        true => add(&mut triples, triple(gram(rest)), Entry::new(&word.bytes, number, 1)),
                        false => add(&mut odd, triple(gram(first)), Entry::new(&word.bytes, number, -1)),
                    }
                }
                bytes => {
                    let at = rarest(bytes);
                    for at in [at, at + 1] {
                        let offset = i8::try_from(at).expect("a short word");
                        let part = bytes.get(at..at + 4).unwrap_or_default();
                        add(&mut quads, quad(gram(part)), Entry::new(bytes, number, offset));
                    }
                }
            }
        }
        Self { quads: Grams::new(quads), triples: Grams::new(triples), odd: Grams::new(odd), words }
    }

    /// Calls `hit` with a keyword's rules and where it starts, once for every keyword in the text, nearly in order.
    pub(super) fn find(&self, text: &[u8], mut hit: impl FnMut(&[u16], usize)) {
        let mut at = 0;
        // Three quads of every second position are in eight bytes.
        while let Some(bytes) = text.get(at..).and_then(<[u8]>::first_chunk::<8>) {
            let bytes = u64::from_le_bytes(*bytes) | EACH_CASE;
            let (first, second, third) = (self.may_be(bytes), self.may_be(bytes >> 16), self.may_be(bytes >> 32));
            if (first | second | third) & 1 != 0 {
                for (may_be, bytes, at) in
                    [(first, bytes, at), (second, bytes >> 16, at + 2), (third, bytes >> 32, at + 4)]
                {
                    if may_be & 1 != 0 {
                        self.compare(text, bytes, at, &mut hit);
                    }
                }
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

    /// The lowest bit says whether a part of a keyword may be at these bytes.
    #[inline]
    fn may_be(&self, bytes: u64) -> u64 {
        self.quads.bit(quad(bytes)) | self.triples.bit(triple(bytes)) | self.odd.bit(triple(bytes >> 8))
    }

    fn compare(&self, text: &[u8], bytes: u64, at: usize, hit: &mut impl FnMut(&[u16], usize)) {
        let slots = [
            self.quads.entries(quad(bytes)),
            self.triples.entries(triple(bytes)),
            self.odd.entries(triple(bytes >> 8)),
        ];
        for entries in slots {
            for entry in entries {
                let Some(start) = at.checked_add_signed(-isize::from(entry.offset)) else { continue };
                let here = text.get(start..).unwrap_or_default();
                if !entry.may_be_at(here) {
                    continue;
                }
                if let Some(word) = self.words.get(usize::from(entry.word)).filter(|word| word.is_at(here)) {
                    hit(&word.rules, start);
                }
            }
        }
    }
}

/// Bits of a gram's hash: there are more quads than triples, and each bit that is set by chance costs a comparison.
const QUAD_BITS: u32 = 18;
const TRIPLE_BITS: u32 = 17;
/// Words of 64 bits in a table of each.
const QUAD_WORDS: usize = 1 << (QUAD_BITS - 6);
const TRIPLE_WORDS: usize = 1 << (TRIPLE_BITS - 6);
const HASH: u32 = 0x9e37_79b1;

/// The hash of the lowest four bytes, which are folded.
#[inline]
fn quad(bytes: u64) -> usize {
    ((bytes as u32).wrapping_mul(HASH) >> (32 - QUAD_BITS)) as usize
}

/// The hash of the lowest three bytes, which are folded.
#[inline]
fn triple(bytes: u64) -> usize {
    ((bytes as u32 & 0x00ff_ffff).wrapping_mul(HASH) >> (32 - TRIPLE_BITS)) as usize
}

/// Parts of keywords, by their hash.
#[derive(Debug)]
struct Grams<const WORDS: usize> {
    /// A bit a hash: whether there is such a part.
    bits: Box<[u64; WORDS]>,
    /// How many bits are set before each word of them.
    ranks: Box<[u16; WORDS]>,
    /// For each bit that is set, where its entries start; one more at the end.
    starts: Vec<u16>,
    entries: Vec<Entry>,
}

/// A part of a keyword.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    /// The keyword's first eight bytes, folded, and how many there are if it is shorter.
    start: u64,
    length: u8,
    /// Where in the keyword the part is.
    offset: i8,
    word: u16,
}

impl Entry {
    fn new(bytes: &[u8], word: u16, offset: i8) -> Self {
        let (start, length) = (bytes.get(..8).unwrap_or(bytes), u8::try_from(bytes.len().min(8)).unwrap_or(8));
        let mask = u64::MAX >> (64 - 8 * u32::from(length));
        Self { start: gram(start) & mask, length, offset, word }
    }

    #[inline]
    fn may_be_at(&self, text: &[u8]) -> bool {
        let mask = u64::MAX >> (64 - 8 * u32::from(self.length));
        text.first_chunk::<8>().is_none_or(|start| (u64::from_le_bytes(*start) | EACH_CASE) & mask == self.start)
    }
}

impl<const WORDS: usize> Grams<WORDS> {
    fn new(slots: BTreeMap<usize, Vec<Entry>>) -> Self {
        let small = |number: usize| u16::try_from(number).expect("the table is small");
        let (mut bits, mut ranks) = (Box::new([0_u64; WORDS]), Box::new([0; WORDS]));
        let (mut starts, mut entries) = (vec![0], Vec::new());
        for (slot, mut found) in slots {
            found.sort_unstable();
            found.dedup();
            entries.extend(found);
            starts.push(small(entries.len()));
            if let Some(word) = bits.get_mut(slot / 64) {
                *word |= 1 << (slot % 64);
            }
        }
        let mut before = 0;
        for (word, rank) in bits.iter().zip(ranks.iter_mut()) {
            *rank = small(before);
            before += word.count_ones() as usize;
        }
        Self { bits, ranks, starts, entries }
    }

    /// The lowest bit says whether there is such a part.
    #[inline]
    fn bit(&self, slot: usize) -> u64 {
        self.bits.get(slot / 64).map_or(0, |word| word >> (slot % 64))
    }

    fn entries(&self, slot: usize) -> &[Entry] {
        let (Some(word), Some(rank)) = (self.bits.get(slot / 64), self.ranks.get(slot / 64)) else { return &[] };
        let bit = 1_u64 << (slot % 64);
        if word & bit == 0 {
            return &[];
        }
        let rank = usize::from(*rank) + (word & (bit - 1)).count_ones() as usize;
        let (Some(start), Some(end)) = (self.starts.get(rank), self.starts.get(rank + 1)) else { return &[] };
        self.entries.get(usize::from(*start)..usize::from(*end)).unwrap_or_default()
    }
}

fn add(slots: &mut BTreeMap<usize, Vec<Entry>>, slot: usize, entry: Entry) {
    slots.entry(slot).or_default().push(entry);
}

/// The bytes as a text has them, folded.
fn gram(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |gram, byte| gram << 8 | u64::from(*byte)) | EACH_CASE
}

/// Where the rarest two quads beside each other are.
fn rarest(word: &[u8]) -> usize {
    let is_common = |quad: &[u8]| COMMON.split(' ').any(|common| common.as_bytes() == quad);
    let rarity = |quad: &[u8]| if is_common(quad) { i32::MIN } else { rarity(quad) };
    let both = |five: &[u8]| rarity(&five[..4]).min(rarity(&five[1..]));
    word.windows(5).enumerate().max_by_key(|(_, five)| both(five)).map_or(0, |(at, _)| at)
}

/// Quads that are common in code and text, of those that keywords have; counted in the sources of some hundred projects.
const COMMON: &str = "\
    ---- .com .org _con _key _pat _sta abil able acka acke alid alue ampl ance appl arch arge aria arti asse ate_ \
    ates atic atio atte ault auth back base bili bloc buil byte cati cces cens cess char chec ckag clea code com/ \
    comm comp cond conf cons cont core coun crip cryp ctio ctor cume data date defa dent ding docu dule ecur efau \
    emov ence ende ense enti entr ents equi eral erve espa essa essi est_ evel even faul file form gist gith gmen \
    hash heck here icat icen iden ight igna ilit info ing. ing: ing_ ings inst inte ion_ ions istr iter ithu itio \
    itte lass leas lice link lite lity load lock make mand mark ment merg mess meta modu ndex nfig ning niti node \
    nsta nten nter ntry nts. ocum odul oken omme onfi onte open org/ orte othe ount over pace pack pert plic port \
    posi pres prin ps:/ ptio publ push quir rans rant ream regi repo requ ress ring ript rite rust rypt s:// sage \
    scri serv set_ sign sion spac ssag ssio stan stat stor stre stri tabl tati tent tera term test text ther this \
    thor thub tial time tion tive toke tool tory tps: tran trea tree trin tter twar type ubli uffe uild uire umen \
    user utho vali valu warn word work writ \
";

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
