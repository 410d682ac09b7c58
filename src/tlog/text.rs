//! Numbers and base64 as all the C2SP formats write them. Each value has one spelling; any other is refused.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// The most leaves a tree may have, and the largest index, time or age: what a signed 64-bit integer holds.
pub const NUMBER_MAX: u64 = i64::MAX as u64;

/// A decimal without sign and leading zeroes.
pub fn decimal(text: &str) -> Option<u64> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    text.parse().ok().filter(|number| is_plain && *number <= NUMBER_MAX)
}

/// Standard base64, padded, without spare bits.
pub fn from_base64(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

pub fn to_base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_have_one_spelling() {
        let good = [("0", 0), ("7", 7), ("10", 10), ("9223372036854775807", NUMBER_MAX)];
        good.iter().for_each(|(text, number)| assert_eq!(decimal(text), Some(*number)));
        let bad =
            ["", "00", "01", "+1", "-1", " 1", "1 ", "1e3", "0x1", "٣", "9223372036854775808", "18446744073709551616"];
        bad.iter().for_each(|text| assert_eq!(decimal(text), None, "{text}"));
    }
}
