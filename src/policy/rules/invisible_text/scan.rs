//! Looks for such characters in one line.

use crate::policy::rules::invisible_text::classes::{
    Class, has_no_spaces, has_variants, is_emoji, is_ideograph, is_latin, is_mongolian, is_right_to_left, joins,
    latin_twin,
};
use std::fmt;

/// One class of characters in a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    pub class: Class,
    /// Whether there is hardly a good reason for it.
    pub is_strong: bool,
    /// Whether there is text around it.
    pub is_in_text: bool,
    first: char,
    count: usize,
}

/// The flags of England, Scotland and Wales: a black flag and the region's name in tags.
const FLAG: char = '\u{1F3F4}';
const FLAG_TAGS: [&str; 3] = [
    "\u{E0067}\u{E0062}\u{E0065}\u{E006E}\u{E0067}\u{E007F}",
    "\u{E0067}\u{E0062}\u{E0073}\u{E0063}\u{E0074}\u{E007F}",
    "\u{E0067}\u{E0062}\u{E0077}\u{E006C}\u{E0073}\u{E007F}",
];
/// As many in a row are data, not typing.
const ZERO_WIDTH_RUN: usize = 8;
const VARIATION_RUN: usize = 3;
/// Selectors without effect in one line: a few are left over from editing, many carry data.
const STRAY_VARIATIONS_MAX: usize = 3;
/// The same for ideographs with a selector.
const IDEOGRAPH_VARIATIONS_MAX: usize = 8;
/// Characters that must be around something in a binary file for it to be text.
const TEXT_CHARS_MIN: usize = 16;

/// Whether a text has nothing but ASCII and no control characters: the usual case, and fast to tell.
#[must_use]
pub fn is_plain(text: &[u8]) -> bool {
    let is_odd = |byte: u8| byte >= 0x7F || (byte < 0x20 && !matches!(byte, b'\t' | b'\n' | b'\r' | 0x0C));
    // Without an early end within a chunk this runs over many bytes at once.
    text.chunks(4096).all(|chunk| !chunk.iter().fold(false, |found, byte| found | is_odd(*byte)))
}

/// Whether a line has a byte that one of the characters begins with.
#[must_use]
pub fn may_have_any(line: &[u8]) -> bool {
    line.iter().any(|byte| LEADS[usize::from(*byte)])
}

/// Controls, and the first bytes of characters that have a class or a Latin twin.
const LEADS: [bool; 256] = {
    let mut leads = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        leads[byte] = matches!(byte, 0x00..=0x08 | 0x0B | 0x0E..=0x1F | 0x7F | 0xC2 | 0xCD..=0xD4 | 0xD8
            | 0xE1..=0xE3 | 0xEF | 0xF0 | 0xF3);
        byte += 1;
    }
    leads
};

/// What is in a line; `is_first`: of a file.
#[must_use]
pub fn look(line: &[u8], is_first: bool) -> Vec<Seen> {
    let mut all: Vec<Seen> = Vec::new();
    let mut is_start = is_first;
    for chunk in line.utf8_chunks() {
        let mut scan = Scan { seen: Vec::new(), text: chunk.valid(), is_start, ..Scan::default() };
        scan.run();
        is_start = false;
        if scan.seen.is_empty() {
            continue;
        }
        let seen = |c: &char| !c.is_control() && Class::of(*c).is_none();
        let is_in_text = chunk.valid().chars().filter(seen).take(TEXT_CHARS_MIN).count() == TEXT_CHARS_MIN;
        for mut seen in scan.seen {
            seen.is_in_text = is_in_text;
            match all.iter_mut().find(|known| known.is_same(&seen)) {
                Some(known) => known.count += seen.count,
                None => all.push(seen),
            }
        }
    }
    all
}

impl Seen {
    fn is_same(&self, other: &Self) -> bool {
        (self.class, self.is_strong, self.is_in_text) == (other.class, other.is_strong, other.is_in_text)
    }

    /// What to do about it.
    #[must_use]
    pub fn fix(&self) -> String {
        let code = self.first as u32;
        match self.class {
            Class::Homoglyph => {
                let latin = latin_twin(self.first).unwrap_or('?');
                format!("write the Latin letter {latin} instead of U+{code:04X}")
            }
            Class::Control => format!("take U+{code:04X} out, or write it as an escape"),
            Class::Bidi | Class::Tags | Class::Variation | Class::Filler | Class::ZeroWidth => {
                format!("take U+{code:04X} out")
            }
        }
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let code = self.first as u32;
        match self.class {
            Class::Bidi => write!(f, "U+{code:04X} turns the text around: it is not shown in the order it is read in"),
            Class::Tags => write!(f, "U+{code:04X} is an invisible letter: text that nobody sees"),
            Class::Variation => write!(f, "the variation selector U+{code:04X} has no effect here but to carry data"),
            Class::Filler => write!(f, "U+{code:04X} is a letter without a shape"),
            Class::ZeroWidth if self.is_strong => {
                write!(f, "many zero-width characters in a row, the last U+{code:04X}: they may carry data")
            }
            Class::ZeroWidth => write!(f, "the character U+{code:04X} is not seen"),
            Class::Control => write!(f, "the control character U+{code:04X}"),
            Class::Homoglyph => {
                let latin = latin_twin(self.first).unwrap_or('?');
                write!(f, "a Latin word with U+{code:04X}, which looks like the Latin letter {latin}")
            }
        }?;
        match self.count {
            0 | 1 => Ok(()),
            count => write!(f, " ({count} such in this line)"),
        }
    }
}

/// How far a line has been looked at.
#[derive(Default)]
struct Scan<'t> {
    seen: Vec<Seen>,
    text: &'t str,
    /// Whether the text is the beginning of a file.
    is_start: bool,
    /// The character before, and the last one before that is seen.
    before: Option<char>,
    visible: Option<char>,
    variations: usize,
    strays: usize,
    ideograph_variations: usize,
    zero_widths: usize,
    is_right_to_left: Option<bool>,
    word: Word,
}

/// The word that is being read.
#[derive(Default)]
struct Word {
    has_latin: bool,
    twin: Option<char>,
    is_told: bool,
}

impl Scan<'_> {
    fn run(&mut self) {
        let text = self.text;
        let mut skip_to = 0;
        for (at, c) in text.char_indices() {
            if at < skip_to {
                continue;
            }
            let rest = text.get(at + c.len_utf8()..).unwrap_or_default();
            if c == FLAG
                && let Some(tags) = FLAG_TAGS.iter().find(|tags| rest.starts_with(**tags))
            {
                skip_to = at + c.len_utf8() + tags.len();
            }
            self.take(c, at, rest.chars().next());
            self.before = Some(c);
        }
    }

    fn take(&mut self, c: char, at: usize, next: Option<char>) {
        let class = Class::of(c);
        if class != Some(Class::Variation) {
            self.variations = 0;
        }
        if class != Some(Class::ZeroWidth) {
            self.zero_widths = 0;
        }
        match class {
            None => {
                self.read(c);
                self.visible = Some(c);
            }
            Some(class @ (Class::Bidi | Class::Tags | Class::Filler)) => self.note(class, true, c),
            Some(Class::Variation) => self.variation(c, next),
            Some(Class::ZeroWidth) => {
                self.zero_widths += 1;
                if self.zero_widths == ZERO_WIDTH_RUN {
                    self.note(Class::ZeroWidth, true, c);
                }
                if !self.is_needed(c, at, next) {
                    self.note(Class::ZeroWidth, false, c);
                }
            }
            Some(class @ (Class::Control | Class::Homoglyph)) => self.note(class, false, c),
        }
    }

    fn note(&mut self, class: Class, is_strong: bool, first: char) {
        match self.seen.iter_mut().find(|seen| seen.class == class && seen.is_strong == is_strong) {
            Some(seen) => seen.count += 1,
            None => self.seen.push(Seen { class, is_strong, is_in_text: false, first, count: 1 }),
        }
    }

    fn variation(&mut self, c: char, next: Option<char>) {
        let before = |is: fn(char) -> bool| self.before.is_some_and(is);
        self.variations += 1;
        let is_supplement = c >= '\u{E0100}';
        let selects = match c {
            '\u{FE0F}' if before(|c| c.is_ascii_digit() || matches!(c, '#' | '*')) => next == Some('\u{20E3}'),
            '\u{FE0E}' | '\u{FE0F}' => before(is_emoji),
            _ if is_supplement => before(is_ideograph) && self.ideograph_variations < IDEOGRAPH_VARIATIONS_MAX,
            _ => before(has_variants),
        };
        self.ideograph_variations += usize::from(is_supplement);
        self.strays += usize::from(!selects);
        if !selects || self.variations >= VARIATION_RUN {
            let is_many = self.variations >= VARIATION_RUN || self.strays > STRAY_VARIATIONS_MAX;
            self.note(Class::Variation, is_many || is_supplement, c);
        }
    }

    /// Whether the words or pictures around it need a zero-width character.
    fn is_needed(&mut self, c: char, at: usize, next: Option<char>) -> bool {
        let before = |is: fn(char) -> bool| self.before.is_some_and(is);
        let after = |is: fn(char) -> bool| next.is_some_and(is);
        match c {
            '\u{200D}' => {
                let is_picture = before(|c| c == '\u{FE0F}' || is_emoji(c)) && self.visible.is_some_and(is_emoji);
                (is_picture && after(is_emoji)) || before(joins)
            }
            '\u{200C}' => before(joins) || after(joins),
            '\u{200B}' | '\u{2060}' => before(has_no_spaces) || after(has_no_spaces),
            '\u{180B}'..='\u{180F}' => before(is_mongolian),
            '\u{200E}' | '\u{200F}' | '\u{061C}' => {
                *self.is_right_to_left.get_or_insert_with(|| self.text.contains(is_right_to_left))
            }
            '\u{FEFF}' => self.is_start && at == 0,
            _ => false,
        }
    }

    /// Takes in a visible character of a word.
    fn read(&mut self, c: char) {
        let is_mark = matches!(c, '\u{300}'..='\u{36F}');
        if !c.is_alphanumeric() && !is_mark {
            self.word = Word::default();
            return;
        }
        // The letter of an escape such as `\n` is not a letter of the word behind it.
        let is_escape = matches!(self.before, Some('\\' | '%')) && c.is_ascii();
        self.word.has_latin |= is_latin(c) && !is_escape;
        if self.word.twin.is_none() {
            self.word.twin = latin_twin(c).map(|_| c);
        }
        if let Word { has_latin: true, twin: Some(twin), is_told: false } = self.word {
            self.word.is_told = true;
            self.note(Class::Homoglyph, false, twin);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As `bidi! 202E`: `!` is strong, and a number after `*` is the count.
    fn found(line: &str) -> String {
        let show = |seen: &Seen| {
            let strong = if seen.is_strong { "!" } else { "" };
            let count = if seen.count > 1 { format!("*{}", seen.count) } else { String::new() };
            format!("{}{strong} {:04X}{count}", seen.class.word(), seen.first as u32)
        };
        assert_eq!(may_have_any(line.as_bytes()) || look(line.as_bytes(), true).is_empty(), true, "{line:?}");
        look(line.as_bytes(), true).iter().map(show).collect::<Vec<_>>().join(", ")
    }

    #[test]
    fn what_hides_or_deceives_is_seen() {
        let table = [
            ("if a \u{202e}// b\u{202c}", "bidi! 202E*2"),
            ("x\u{2066}y\u{2069}", "bidi! 2066*2"),
            ("a\u{e0041}\u{e0042}", "tags! E0041*2"),
            ("\u{e0001}", "tags! E0001"),
            ("\u{1f3f4}\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0078}\u{e007f}", "tags! E0067*6"),
            ("\u{1f3f4}\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}\u{e0041}", "tags! E0041"),
            ("\u{1f600}\u{fe0f}\u{fe0f}\u{fe01}", "variation FE0F, variation! FE01"),
            ("a\u{fe00}b\u{fe01}", "variation FE00*2"),
            ("a\u{fe00}b\u{fe01}c\u{fe02}d\u{fe03}", "variation FE00*3, variation! FE03"),
            ("a\u{e0100}", "variation! E0100"),
            ("1\u{fe0f}", "variation FE0F"),
            ("\u{3164} = 1, \u{ffa0}\u{115f}", "filler! 3164*3"),
            ("pass\u{200b}word", "zero-width 200B"),
            ("a\u{200d}b\u{200c}c\u{2060}d\u{ad}e\u{200e}", "zero-width 200D*5"),
            ("a\u{feff}b", "zero-width FEFF"),
            (
                "a\u{200b}\u{200c}\u{200b}\u{200c}\u{200b}\u{200c}\u{200b}\u{200c}b",
                "zero-width 200B*8, zero-width! 200C",
            ),
            ("a\u{2028}b", "zero-width 2028"),
            ("\u{1b}[31mred\u{7}", "control 001B*2"),
            ("a\u{9b}b\u{7f}", "control 009B*2"),
            ("p\u{430}ypal \u{430}dmin", "homoglyph 0430*2"),
            ("g\u{3bf}\u{3bf}gle", "homoglyph 03BF"),
            ("\u{410}dmin1", "homoglyph 0410"),
            ("scop\u{200b}\u{435}", "zero-width 200B, homoglyph 0435"),
        ];
        for (line, expected) in table {
            assert_eq!(found(line), expected, "{line:?}");
        }
        let many = "\u{4e00}\u{e0101}".repeat(9);
        assert_eq!(found(&many), "variation! E0101");
    }

    #[test]
    fn what_writing_needs_passes() {
        for line in [
            "plain\ttext\u{c}",
            "\u{feff}start of a file",
            "\u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467} \u{2764}\u{fe0f}\u{200d}\u{1f525} \u{1f44d}\u{1f3fd}",
            "\u{1f3f3}\u{fe0f}\u{200d}\u{1f308} \u{1f575}\u{1f3fb}\u{200d}\u{2642}\u{fe0f} 1\u{fe0f}\u{20e3} #\u{fe0f}\u{20e3}",
            "\u{1f3f4}\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}",
            "\u{1f3f4}\u{e0067}\u{e0062}\u{e0073}\u{e0063}\u{e0074}\u{e007f}\u{1f3f4}\u{e0067}\u{e0062}\u{e0077}\u{e006c}\u{e0073}\u{e007f}",
            "\u{915}\u{94d}\u{200d}\u{937} \u{915}\u{94d}\u{200c}\u{937}",
            "\u{645}\u{6cc}\u{200c}\u{62e}\u{648}\u{627}\u{647}\u{645}",
            "\u{5d0}\u{200f}! \u{200e}(x)",
            "\u{e01}\u{200b}\u{e02}",
            "\u{1820}\u{180b}",
            "\u{8fbb}\u{e0100} \u{2229}\u{fe00} \u{3001}\u{fe01}",
            "Gr\u{fc}\u{df}e \u{3b1}\u{3b2} \u{43f}\u{440}\u{438}\u{432}\u{435}\u{442} \u{4e2d}\u{6587} \u{65e5}\u{672c}",
            "\u{394}x \u{3c0}r \u{3bb}f k\u{3a9} \u{3bc}s git-\u{430}",
            "\"\\n\u{43e}\u{43d}\" \"%s\u{430}\" get_\u{438}\u{43c}\u{44f}",
        ] {
            assert_eq!(found(line), "", "{line:?}");
        }
    }

    #[test]
    fn plain_text_is_known_at_once() {
        assert!(is_plain(b"") && is_plain(&b"plain\ttext\r\n\x0c".repeat(1000)));
        for odd in [&b"\0"[..], b"\x1b", b"\x7f", b"\x80", b"\x0b"] {
            assert!(!is_plain(&[&b"x".repeat(5000), odd].concat()), "{odd:?}");
        }
    }

    #[test]
    fn every_character_told_of_has_a_known_first_byte() {
        for c in ('\0'..=char::MAX).filter(|c| Class::of(*c).is_some() || latin_twin(*c).is_some()) {
            let mut buffer = [0; 4];
            assert!(may_have_any(c.encode_utf8(&mut buffer).as_bytes()), "U+{:04X}", c as u32);
        }
    }
}
