//! Names as file systems compare them: the one place that says which two names may end up as one file.

use std::borrow::Cow;
use unicode_normalization::UnicodeNormalization;

/// Folds one part of a path, so that parts a case-insensitive or normalising file system cannot tell apart are equal.
///
/// Case (all of Unicode), canonical normalisation (NFC), the code points HFS+ ignores, and the dots and spaces at
/// the end that Windows drops. Bytes that are not UTF-8 stay as they are. A part that would vanish keeps its dots
/// and spaces.
#[must_use]
pub fn fold_segment(segment: &[u8]) -> Cow<'_, [u8]> {
    if segment.is_ascii() {
        let kept = trim_end(segment);
        return match kept.iter().any(u8::is_ascii_uppercase) {
            true => Cow::Owned(kept.to_ascii_lowercase()),
            false => Cow::Borrowed(kept),
        };
    }
    let mut folded = Vec::with_capacity(segment.len());
    for chunk in segment.utf8_chunks() {
        folded.extend_from_slice(fold_text(chunk.valid()).as_bytes());
        folded.extend_from_slice(chunk.invalid());
    }
    folded.truncate(trim_end(&folded).len());
    Cow::Owned(folded)
}

/// Whether `segment` folds to `folded`, which is folded already. Spares the allocation for ASCII.
#[must_use]
pub fn folds_to(segment: &[u8], folded: &[u8]) -> bool {
    match segment.is_ascii() {
        true => trim_end(segment).eq_ignore_ascii_case(folded),
        false => *fold_segment(segment) == *folded,
    }
}

/// Upper case first, then lower case: characters with an odd upper case (`ſ`, the Kelvin sign, `ß`) meet their kin.
fn fold_text(text: &str) -> String {
    let upper = text.chars().filter(|&c| !is_ignored_by_hfs(c)).nfc().flat_map(char::to_uppercase);
    upper.flat_map(char::to_lowercase).nfc().collect()
}

fn is_ignored_by_hfs(c: char) -> bool {
    matches!(c as u32, 0x200C..=0x200F | 0x202A..=0x202E | 0x206A..=0x206F | 0xFEFF)
}

fn trim_end(segment: &[u8]) -> &[u8] {
    let end = segment.iter().rposition(|byte| !matches!(byte, b'.' | b' '));
    end.and_then(|last| segment.get(..=last)).unwrap_or(segment)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_file_systems_confuse_fold_to_one() {
        let twins: [(&[u8], &[u8]); 14] = [
            (b"Secret", b"secret"),
            (b"secret.", b"SECRET"),
            (b"secret . .", b"secret"),
            ("Straße".as_bytes(), b"STRASSE"),
            ("ſecret".as_bytes(), b"secret"),
            ("\u{212a}ey".as_bytes(), b"key"),
            ("GRÜN".as_bytes(), "grün".as_bytes()),
            ("gru\u{308}n".as_bytes(), "grün".as_bytes()),
            ("GRU\u{308}N".as_bytes(), "grün".as_bytes()),
            (".g\u{200c}it".as_bytes(), b".git"),
            ("\u{feff}a\u{206a}".as_bytes(), b"a"),
            ("ΣΑΣ".as_bytes(), "σας".as_bytes()),
            (b"A\xff", b"a\xff"),
            ("ê\u{323}".as_bytes(), "ệ".as_bytes()),
        ];
        for (one, other) in twins {
            let folded = fold_segment(other);
            assert_eq!(fold_segment(one), folded);
            assert!(folds_to(one, &folded) && folds_to(other, &folded));
            assert_eq!(fold_segment(&folded), folded, "folding twice changes nothing");
        }
    }

    #[test]
    fn other_names_stay_apart() {
        let different: [(&[u8], &[u8]); 6] = [
            (b"secret", b"secrets"),
            (b".a", b"a"),
            (b" a", b"a"),
            (b"\xff", b"\xfe"),
            (b"...", b"."),
            ("ü".as_bytes(), b"u"),
        ];
        for (one, other) in different {
            assert_ne!(fold_segment(one), fold_segment(other));
            assert!(!folds_to(one, &fold_segment(other)));
        }
        assert_eq!(*fold_segment(b"... "), *b"... ", "never nothing");
    }
}
