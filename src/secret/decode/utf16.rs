//! UTF-16 to UTF-8.

use std::borrow::Cow;

/// Units looked at to tell UTF-16 without a byte order mark.
const SAMPLE_UNITS: usize = 2048;

/// UTF-16 of either order, with a byte order mark or unmistakable without, as UTF-8; anything else as it is.
///
/// Lines stay lines. A lone surrogate becomes U+FFFD.
#[must_use]
pub fn to_utf8(bytes: &[u8]) -> Cow<'_, [u8]> {
    let (body, unit): (_, fn([u8; 2]) -> u16) = match bytes {
        [0xff, 0xfe, body @ ..] => (body, u16::from_le_bytes),
        [0xfe, 0xff, body @ ..] => (body, u16::from_be_bytes),
        _ => match order(bytes) {
            Some(unit) => (bytes, unit),
            None => return Cow::Borrowed(bytes),
        },
    };
    let units = body.chunks(2).map(|pair| match pair {
        [first, second] => unit([*first, *second]),
        _ => 0xfffd,
    });
    let mut text = String::with_capacity(body.len());
    text.extend(char::decode_utf16(units).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)));
    Cow::Owned(text.into_bytes())
}

/// The byte order, if nearly every unit at the start is ASCII text in it.
fn order(bytes: &[u8]) -> Option<fn([u8; 2]) -> u16> {
    let is_text = |byte: u8| matches!(byte, b'\t' | b'\n' | b'\r' | b' '..=b'~');
    let (mut little, mut big, mut units) = (0_usize, 0_usize, 0_usize);
    for pair in bytes.chunks_exact(2).take(SAMPLE_UNITS) {
        units += 1;
        match pair {
            [text, 0] if is_text(*text) => little += 1,
            [0, text] if is_text(*text) => big += 1,
            _ => {}
        }
    }
    let most = |count: usize| units >= 4 && count * 10 >= units * 7;
    if most(little) {
        return Some(u16::from_le_bytes);
    }
    most(big).then_some(u16::from_be_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn either_order_with_and_without_a_mark() {
        let text = "one = \u{e9}\r\ntwo = \u{1f600}\n";
        let units: Vec<u16> = text.encode_utf16().collect();
        let little: Vec<u8> = units.iter().flat_map(|unit| unit.to_le_bytes()).collect();
        let big: Vec<u8> = units.iter().flat_map(|unit| unit.to_be_bytes()).collect();
        for bytes in [&little, &big, &[&[0xff, 0xfe][..], &little].concat(), &[&[0xfe, 0xff][..], &big].concat()] {
            assert_eq!(to_utf8(bytes), text.as_bytes());
        }
    }

    #[test]
    fn anything_else_stays() {
        for bytes in
            [&b""[..], b"a\0", b"plain text, nothing else", b"\0\0\0\0\0\0\0\0\0\0\0\0", b"a\0\0\0b\0\0\0c\0\0\0"]
        {
            assert!(matches!(to_utf8(bytes), Cow::Borrowed(same) if same == bytes));
        }
        assert_eq!(to_utf8(&[0xff, 0xfe, 0x41, 0, 0x00, 0xd8, 0x42]), "A\u{fffd}\u{fffd}".as_bytes());
    }
}
