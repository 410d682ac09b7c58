//! Which letters follow each other in words.

/// `FOLLOWS[a][b]`: how much likelier than chance the letter `b` follows `a`, in quarters of a bit. Made by
/// `tests/bench/bigrams.py` from code and English text.
#[rustfmt::skip]
const FOLLOWS: [[i8; 26]; 26] = [
    [1, 3, 4, 3, -1, -1, -2, -11, -2, -15, -6, 5, 0, 5, -14, -1, -13, 5, 2, 6, -4, -6, -10, -8, -7, -12],
    [7, 4, 4, 3, 6, 3, -11, -10, 3, -8, -12, 6, -8, -10, 1, -8, -13, 0, -1, -7, 2, -12, -13, -14, -4, -15],
    [7, 0, 3, 1, 6, 0, -6, 5, 0, -16, 2, 0, -7, -9, 7, -6, -15, 0, -2, 3, -3, -9, -14, -14, -9, -14],
    [6, 2, 3, 4, 10, 3, -7, -8, 6, -12, -14, -3, -7, -7, 1, -7, -12, 0, 0, -6, -2, -10, -10, -12, -8, -15],
    [3, -2, 3, 6, 1, 1, -5, -11, -6, -15, -11, 1, -1, 5, -9, -3, -8, 8, 6, 3, -10, -4, -8, -1, -7, -14],
    [5, 3, 3, 4, 6, 10, -7, -14, 5, -16, -13, 1, -8, -9, 3, -6, -15, -1, 0, -3, -2, -14, -12, -14, -7, -16],
    [4, -6, -4, -5, 10, -6, -2, 3, 4, -12, -9, 0, -3, 2, 2, -4, -11, 5, 3, -3, 1, -8, -9, -10, -7, -8],
    [10, -7, -7, -4, 9, -7, -8, -7, 7, -13, -7, -3, -2, -6, 6, -8, -11, 1, -3, 1, 1, -11, -5, -13, -4, -11],
    [-1, -3, 3, 1, 0, -2, 0, -14, -12, -12, -9, 2, 1, 10, 5, -3, -16, -1, 4, 5, -12, -2, -12, -8, -15, -2],
    [7, -3, -3, -4, 6, -4, -3, -4, 4, -5, 3, -3, -4, -5, 6, -4, -6, -5, 3, -3, 4, -6, -4, -5, -6, -6],
    [5, -4, -3, -1, 10, -4, -6, -3, 7, -11, -7, 0, -5, -3, 2, -3, -9, -2, 4, -2, -1, -8, -7, -10, -3, -9],
    [6, -7, -6, -1, 9, -7, -9, -12, 8, -15, -7, 5, -6, -9, 6, -6, -15, -9, -1, 1, -1, -8, -12, -16, 2, -15],
    [9, -1, -6, -5, 9, -8, -11, -12, 7, -14, -7, -5, 0, -6, 5, 5, -14, -8, 1, -5, 1, -11, -12, -11, -8, -16],
    [4, -9, 3, 4, 5, -1, 8, -9, 3, -12, -4, -6, -9, -2, 3, -6, -14, -8, 4, 7, -3, -6, -11, -16, -8, -12],
    [-5, -3, 4, 0, -8, -4, -3, -10, -5, -13, -6, 2, 2, 9, 0, 2, -16, 7, 2, 1, 2, -2, -1, -9, -11, -14],
    [7, -8, -4, -6, 7, -6, -8, -1, 3, -16, -9, 3, -8, -9, 5, 2, -10, 8, 1, 3, 0, -12, -10, -12, -7, -15],
    [1, -4, -1, -2, -1, -3, -3, -4, 0, -5, -5, 1, -3, -3, -5, -4, 4, 2, 0, -4, 12, -6, -5, -9, -4, -4],
    [6, -7, -1, -2, 10, -7, -3, -13, 6, -16, -5, -5, -2, -3, 5, -4, -15, 0, 3, 2, -2, -6, -10, -14, -2, -15],
    [2, -9, 1, -7, 8, -8, -8, 3, 6, -17, -4, -3, -5, -7, 1, 1, -9, -5, 4, 9, 2, -11, -7, -13, -3, -10],
    [6, -9, -2, -7, 9, -6, -11, 2, 9, -17, -13, -3, -6, -7, 4, -5, -15, 5, 2, 0, -2, -11, -9, -10, -1, -11],
    [0, 1, 0, -3, 1, -2, -4, -11, 0, -13, -9, 4, 2, 8, -7, 2, -15, 5, 6, 5, -9, -10, -13, -9, -12, -10],
    [8, -5, -3, -5, 13, -3, -8, -8, 7, -10, -8, -4, -2, -6, 1, -4, -9, -5, 0, -4, -8, -5, -8, -8, -9, -10],
    [8, -5, -2, -3, 6, -4, -8, 0, 6, -9, -7, -3, -3, 3, 4, -3, -9, 4, 3, -3, -5, -9, -4, -5, -7, -10],
    [3, 0, 4, 0, 5, 2, -6, -3, 3, -9, -6, -3, -2, -5, -2, 5, -9, -2, 0, 6, -5, -5, -7, 2, -2, -9],
    [4, -2, -1, -4, 1, -5, -5, -5, 0, -9, -6, 0, 2, 4, 0, 7, -7, -2, 5, 2, -1, -4, -5, -8, 1, -3],
    [7, -5, -4, -4, 12, -6, -6, -1, 4, -7, -5, -3, -4, -6, 1, -7, -5, -5, -3, -4, -3, -6, -6, -7, -2, 5],
];

/// A value's score below which it looks random, for each pair of bytes. At it, 99.5 % of random values of 16 characters
/// and more are told as such, and under 1 % of the names in code.
const RANDOM_BELOW: f32 = 0.5;
/// What a letter beside a digit says, and a capital after a small letter, and no change of case where both occur.
const DIGIT_SWITCH: i32 = -6;
const CASE_SWITCH: i32 = -8;
const SAME_CASE: i32 = 3;

/// Whether the value is no words. Works on letters and digits; separators count for nothing.
pub(super) fn is_random(value: &[u8]) -> bool {
    let mixed = value.iter().any(u8::is_ascii_lowercase) && value.iter().any(u8::is_ascii_uppercase);
    let score: i32 = value.iter().zip(value.iter().skip(1)).map(|(a, b)| score(*a, *b, mixed)).sum();
    let pairs = value.len().saturating_sub(1).max(1);
    #[expect(clippy::cast_precision_loss, reason = "a value is short")]
    let mean = score as f32 / pairs as f32;
    mean < RANDOM_BELOW
}

fn score(a: u8, b: u8, mixed: bool) -> i32 {
    match (letter(a), letter(b)) {
        (Some(_), Some(_)) if a.is_ascii_lowercase() && b.is_ascii_uppercase() => CASE_SWITCH,
        (Some(first), Some(second)) => {
            let follows = FOLLOWS.get(first).and_then(|row| row.get(second)).map_or(0, |score| i32::from(*score));
            let same = mixed && a.is_ascii_lowercase() == b.is_ascii_lowercase();
            follows + if same { SAME_CASE } else { 0 }
        }
        (Some(_), None) if b.is_ascii_digit() => DIGIT_SWITCH,
        (None, Some(_)) if a.is_ascii_digit() => DIGIT_SWITCH,
        _ => 0,
    }
}

fn letter(byte: u8) -> Option<usize> {
    byte.is_ascii_alphabetic().then(|| usize::from(byte.to_ascii_lowercase() - b'a'))
}

/// How rare these bytes are after each other in code and text, roughly and in quarters of a bit.
pub(super) fn rarity(bytes: &[u8]) -> i32 {
    const BY_FREQUENCY: &[u8; 26] = b"etaoinsrlcdupmfhgbyvwkxqjz";
    let alone = |byte: u8| match byte {
        b' ' => 12,
        b'-' | b'_' => 22,
        _ => BY_FREQUENCY.iter().zip(16..).find(|(letter, _)| **letter == byte).map_or(28, |(_, rarity)| rarity),
    };
    let after = |a: u8, b: u8| match (letter(a), letter(b)) {
        (Some(first), Some(second)) => {
            19 - FOLLOWS.get(first).and_then(|row| row.get(second)).map_or(0, |score| i32::from(*score))
        }
        _ if a == b => 2,
        _ => alone(b),
    };
    let rest: i32 = bytes.iter().zip(bytes.iter().skip(1)).map(|(a, b)| after(*a, *b)).sum();
    bytes.first().map_or(0, |first| alone(*first)) + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_random_values_are_told_apart() {
        for (value, expected) in [
            ("correct-horse-battery-staple", false),
            ("getPasswordFromVaultOrFile", false),
            ("MY_APPLICATION_SECRET_NAME", false),
            ("settings.database.password", false),
            ("integration_test_user_token", false),
            ("zq8Xw3LkP0vB7nRtY2mJ", true),
            ("9f86d081884c7d659a2feaa0c55ad015", true),
            ("kxqzvjwpfhgtbnmcrd", true),
            ("MZXW6YTBOI5DGNBVGY3TQ", true),
            ("", true),
            ("a", true),
        ] {
            assert_eq!(is_random(value.as_bytes()), expected, "{value}");
        }
    }
}
