//! Names as file systems compare them: the one place that says which two names may end up as one file.

use crate::model::is_invisible;
use std::borrow::Cow;
use unicode_normalization::UnicodeNormalization;

/// Folds one part of a path, so that parts some file system cannot tell apart are equal.
///
/// Case (all of Unicode), canonical normalisation, invisible characters (HFS+ ignores some of them), and what
/// Windows drops at the end: dots, spaces, `:stream`. More names are equal than on any one file system.
#[must_use]
pub fn fold_segment(segment: &[u8]) -> Cow<'_, [u8]> {
    if segment.is_ascii() {
        return fold_text(strip_ntfs(segment));
    }
    let folded = fold_text(segment);
    Cow::Owned(strip_ntfs(&folded).to_vec())
}

/// Whether `segment` folds to `folded`, which is folded already. Spares the allocation for ASCII.
#[must_use]
pub fn folds_to(segment: &[u8], folded: &[u8]) -> bool {
    match segment.is_ascii() {
        true => strip_ntfs(segment).eq_ignore_ascii_case(folded),
        false => *fold_segment(segment) == *folded,
    }
}

/// Folds case and normal form, and drops invisible characters. Bytes that are not UTF-8 stay.
///
/// Decomposed (NFD): decomposed texts can be cut and joined. Lower, upper, lower case: one of them alone leaves the
/// long s, the Kelvin sign or the capital sharp s apart.
#[must_use]
pub fn fold_text(bytes: &[u8]) -> Cow<'_, [u8]> {
    if bytes.is_ascii() {
        return match bytes.iter().any(u8::is_ascii_uppercase) {
            true => Cow::Owned(bytes.to_ascii_lowercase()),
            false => Cow::Borrowed(bytes),
        };
    }
    let mut folded = Vec::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        let visible = chunk.valid().nfd().filter(|c| !is_invisible(*c));
        let cased = visible.flat_map(char::to_lowercase).flat_map(char::to_uppercase).flat_map(char::to_lowercase);
        let text: String = cased.nfd().filter(|c| !is_invisible(*c)).collect();
        folded.extend_from_slice(text.as_bytes());
        folded.extend_from_slice(chunk.invalid());
    }
    Cow::Owned(folded)
}

/// Cuts `:stream` and then dots and spaces at the end, as Windows does; a name of nothing else stays.
#[must_use]
pub fn strip_ntfs(segment: &[u8]) -> &[u8] {
    let name = segment.split(|byte| *byte == b':').next().unwrap_or(segment);
    let last = name.iter().rposition(|byte| !matches!(byte, b'.' | b' '));
    last.and_then(|last| name.get(..=last)).unwrap_or(segment)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_file_systems_confuse_fold_to_one() {
        let twins: [(&[u8], &[u8]); 17] = [
            (b"secret::$DATA", b"secret"),
            (b"secret. :x:y", b"secret"),
            ("a\u{fe0f}\u{ad}".as_bytes(), b"a"),
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
        let different: [(&[u8], &[u8]); 7] = [
            (b":a", b":b"),
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
