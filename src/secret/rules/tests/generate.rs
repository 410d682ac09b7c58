//! Values a pattern matches, made from the pattern. The same seed makes the same values.

use regex_syntax::ParserBuilder;
use regex_syntax::hir::{Class, Hir, HirKind};
use std::ops::Range;

/// A small generator of numbers (xorshift), seeded with a rule's id.
pub struct Random(u64);

impl Random {
    pub fn new(seed: &str) -> Self {
        let start = 0xcbf2_9ce4_8422_2325_u64;
        Self(seed.bytes().fold(start, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)) | 1)
    }

    pub fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 24).expect("64 bits") % limit.max(1)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// Any character a class allows.
    Random,
    /// The same character wherever it is allowed, as in `xxxx`.
    Placeholder,
}

pub struct Sample {
    pub bytes: Vec<u8>,
    secret: Range<usize>,
}

impl Sample {
    pub fn secret(&self) -> &[u8] {
        &self.bytes[self.secret.clone()]
    }

    pub fn replace_secret(&mut self, secret: &[u8]) {
        self.bytes.splice(self.secret.clone(), secret.iter().copied());
        self.secret.end = self.secret.start + secret.len();
    }

    pub fn shown(&self) -> String {
        String::from_utf8_lossy(&self.bytes).escape_debug().to_string()
    }
}

fn parsed(pattern: &str) -> Hir {
    ParserBuilder::new().unicode(false).utf8(false).build().parse(pattern).expect("a pattern of the table")
}

/// A value the pattern matches; its secret is the group of that name, or all of it.
pub fn matching(pattern: &str, random: &mut Random, style: Style) -> Sample {
    let mut sample = Sample { bytes: Vec::new(), secret: 0..0 };
    write(&parsed(pattern), random, style, &mut sample);
    if sample.secret.is_empty() {
        sample.secret = 0..sample.bytes.len();
    }
    sample
}

/// Whether all that the pattern matches is of one length.
pub fn has_fixed_length(pattern: &str) -> bool {
    let hir = parsed(pattern);
    hir.properties().minimum_len() == hir.properties().maximum_len()
}

fn write(hir: &Hir, random: &mut Random, style: Style, sample: &mut Sample) {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => {}
        HirKind::Literal(literal) => sample.bytes.extend_from_slice(&literal.0),
        HirKind::Class(class) => sample.bytes.push(character(class, random, style)),
        HirKind::Repetition(repetition) => {
            let more = repetition.max.map_or(12, |max| max - repetition.min).min(12);
            let times = repetition.min + u32::try_from(random.below(more as usize + 1)).expect("at most 12");
            (0..times).for_each(|_| write(&repetition.sub, random, style, sample));
        }
        HirKind::Capture(capture) => {
            let start = sample.bytes.len();
            write(&capture.sub, random, style, sample);
            if capture.name.as_deref() == Some("secret") {
                sample.secret = start..sample.bytes.len();
            }
        }
        HirKind::Concat(parts) => parts.iter().for_each(|part| write(part, random, style, sample)),
        HirKind::Alternation(ways) => write(&ways[random.below(ways.len())], random, style, sample),
    }
}

/// A character of the class: a letter or a digit if it has any.
fn character(class: &Class, random: &mut Random, style: Style) -> u8 {
    let all: Vec<u8> = match class {
        Class::Bytes(class) => class.ranges().iter().flat_map(|range| range.start()..=range.end()).collect(),
        Class::Unicode(class) => {
            let characters = class.ranges().iter().flat_map(|range| range.start()..=range.end());
            characters.filter_map(|character| u8::try_from(character).ok()).collect()
        }
    };
    let plain: Vec<u8> = all.iter().copied().filter(u8::is_ascii_alphanumeric).collect();
    if style == Style::Placeholder
        && let Some(stand_in) = [b'x', b'X', b'0'].into_iter().find(|byte| all.contains(byte))
    {
        return stand_in;
    }
    let from = if plain.is_empty() { &all } else { &plain };
    let byte = from[random.below(from.len())];
    // A line end in the middle would end the line the value is on.
    if byte == b'\n' || byte == b'\r' {
        *all.iter().find(|byte| !matches!(byte, b'\n' | b'\r')).unwrap_or(&byte)
    } else {
        byte
    }
}
