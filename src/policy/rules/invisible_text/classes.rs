//! Which characters are of which class, and which characters of writing systems need them.

/// What is spoken of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    Bidi,
    Tags,
    Variation,
    Filler,
    ZeroWidth,
    Control,
    Homoglyph,
}

impl Class {
    pub const ALL: [Self; 7] =
        [Self::Bidi, Self::Tags, Self::Variation, Self::Filler, Self::ZeroWidth, Self::Control, Self::Homoglyph];

    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Bidi => "bidi",
            Self::Tags => "tags",
            Self::Variation => "variation",
            Self::Filler => "filler",
            Self::ZeroWidth => "zero-width",
            Self::Control => "control",
            Self::Homoglyph => "homoglyph",
        }
    }

    /// Whether bytes that are no text hardly ever look like it.
    #[must_use]
    pub fn is_rare(self) -> bool {
        !matches!(self, Self::Control | Self::Homoglyph)
    }

    /// The class of a character that is not seen; letters are not looked at here.
    #[must_use]
    pub fn of(c: char) -> Option<Self> {
        match c as u32 {
            0x202A..=0x202E | 0x2066..=0x2069 => Some(Self::Bidi),
            0xFE00..=0xFE0F | 0xE0100..=0xE01EF => Some(Self::Variation),
            0xE0000..=0xE0FFF => Some(Self::Tags),
            0x115F | 0x1160 | 0x17B4 | 0x17B5 | 0x3164 | 0xFFA0 => Some(Self::Filler),
            0x00AD | 0x034F | 0x061C | 0x180B..=0x180F | 0x200B..=0x200F | 0x2028 | 0x2029 => Some(Self::ZeroWidth),
            0x2060..=0x2065 | 0x206A..=0x206F | 0xFEFF | 0xFFF0..=0xFFFB => Some(Self::ZeroWidth),
            0x1BCA0..=0x1BCA3 | 0x1D173..=0x1D17A => Some(Self::ZeroWidth),
            0x09 | 0x0A | 0x0C | 0x0D => None,
            0x00..=0x1F | 0x7F..=0x9F => Some(Self::Control),
            _ => None,
        }
    }
}

/// Scripts whose words need joiners and non-joiners.
#[must_use]
pub fn joins(c: char) -> bool {
    matches!(c as u32,
        0x0620..=0x08FF | 0x0900..=0x0DFF | 0x0F00..=0x109F | 0x1780..=0x17B3 | 0x17B6..=0x180A | 0x1810..=0x18AF | 0x1B00..=0x1C4F
        | 0xA800..=0xAAFF | 0xABC0..=0xABFF | 0xFB50..=0xFDFF | 0xFE70..=0xFEFC | 0x10A00..=0x10FFF
        | 0x11000..=0x11FFF | 0x1E900..=0x1E95F)
}

/// Scripts without spaces, whose words a zero-width space parts.
#[must_use]
pub fn has_no_spaces(c: char) -> bool {
    matches!(c as u32, 0x0E00..=0x109F | 0x1780..=0x17B3 | 0x17B6..=0x17FF | 0x1950..=0x1AAF | 0x1B80..=0x1BBF | 0xAA60..=0xAADF)
}

/// Scripts written from right to left.
#[must_use]
pub fn is_right_to_left(c: char) -> bool {
    matches!(c as u32, 0x0590..=0x060F | 0x061B | 0x061D..=0x08FF | 0xFB1D..=0xFDFF | 0xFE70..=0xFEFC
        | 0x10800..=0x10FFF | 0x1E800..=0x1EFFF)
}

#[must_use]
pub fn is_mongolian(c: char) -> bool {
    matches!(c as u32, 0x1800..=0x180A | 0x1810..=0x18AF)
}

/// Pictures, and signs that can be shown as one.
#[must_use]
pub fn is_emoji(c: char) -> bool {
    matches!(c as u32,
        0xA9 | 0xAE | 0x203C | 0x2049 | 0x20E3 | 0x2122 | 0x2139 | 0x2190..=0x21FF | 0x2300..=0x23FF | 0x24C2
        | 0x25A0..=0x27BF | 0x2900..=0x297F | 0x2B00..=0x2BFF | 0x3030 | 0x303D | 0x3297 | 0x3299
        | 0x1F000..=0x1FAFF)
}

/// What the first selectors are defined for: mathematical signs, ideographs and their punctuation, Myanmar letters.
#[must_use]
pub fn has_variants(c: char) -> bool {
    matches!(c as u32, 0x1000..=0x109F | 0x2200..=0x22FF | 0x2A00..=0x2AFF | 0x3001 | 0x3002 | 0xA840..=0xA87F
        | 0xFF00..=0xFF65 | 0x10AC0..=0x10AFF | 0x13000..=0x1345F)
        || is_ideograph(c)
}

#[must_use]
pub fn is_ideograph(c: char) -> bool {
    matches!(c as u32, 0x3400..=0x4DBF | 0x4E00..=0x9FFF | 0xF900..=0xFAFF | 0x20000..=0x3FFFF)
}

/// The Latin letter that a Greek or Cyrillic one looks like (Unicode's confusables.txt, those of one stroke with it).
#[must_use]
pub fn latin_twin(c: char) -> Option<char> {
    let (twins, latin) = match c as u32 {
        0x0370..=0x03FF => ("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧανορικυϲϳ", "ABEZHIKMNOPTYXavopikucj"),
        0x0400..=0x052F => ("АВЕКМНОРСТУХЅІЈԌԚԜаеорсухѕіјһԁԛԝӀӏ", "ABEKMHOPCTYXSIJGQWaeopcyxsijhdqwIl"),
        _ => return None,
    };
    let at = twins.chars().position(|twin| twin == c)?;
    latin.chars().nth(at)
}

/// Whether a letter is Latin, as far as words are mixed with it.
#[must_use]
pub fn is_latin(c: char) -> bool {
    c.is_ascii_alphabetic() || (matches!(c as u32, 0xC0..=0x24F | 0x1E00..=0x1EFF) && c.is_alphabetic())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::is_invisible;

    #[test]
    fn everything_invisible_has_a_class() {
        for c in '\0'..=char::MAX {
            let class = Class::of(c);
            assert!(!is_invisible(c) || class.is_some(), "U+{:04X}", c as u32);
            let is_hidden = is_invisible(c) || c.is_control();
            assert!(class.is_none() || is_hidden, "U+{:04X} is seen", c as u32);
        }
    }

    #[test]
    fn no_character_that_passes_is_itself_hidden() {
        for c in ('\0'..=char::MAX).filter(|c| Class::of(*c).is_some()) {
            let lists = [joins, has_no_spaces, is_emoji, has_variants, is_mongolian, is_right_to_left];
            let found = lists.iter().any(|list| list(c)) || latin_twin(c).is_some() || is_latin(c);
            assert!(!found, "U+{:04X}", c as u32);
        }
    }

    #[test]
    fn twins_look_alike() {
        for (c, latin) in
            [('а', 'a'), ('о', 'o'), ('Ο', 'O'), ('ο', 'o'), ('ԝ', 'w'), ('Ѕ', 'S'), ('ϳ', 'j'), ('ӏ', 'l')]
        {
            assert_eq!(latin_twin(c), Some(latin), "{c}");
        }
        for c in ['Δ', 'λ', 'μ', 'π', 'ж', 'a', 'é', '中'] {
            assert_eq!(latin_twin(c), None, "{c}");
        }
        for range in [0x370..=0x3FF_u32, 0x400..=0x52F] {
            let twins = range.filter_map(char::from_u32).filter(|c| latin_twin(*c).is_some()).count();
            assert!(twins > 20, "the two lists are of one length");
        }
    }
}
