//! The secret scanner: bytes in, hits out.

use std::borrow::Cow;

/// Something that looks like a secret.
#[derive(Debug)]
pub struct Hit {}

/// UTF-16 as UTF-8.
#[must_use]
pub fn to_utf8(bytes: &[u8]) -> Cow<'_, [u8]> {
    let Some((is_big, body)) = bytes
        .strip_prefix(b"\xff\xfe")
        .map(|body| (false, body))
        .or_else(|| bytes.strip_prefix(b"\xfe\xff").map(|body| (true, body)))
    else {
        return Cow::Borrowed(bytes);
    };
    let units = body.chunks(2).map(|pair| match (pair, is_big) {
        ([one, two], true) => u16::from_be_bytes([*one, *two]),
        ([one, two], false) => u16::from_le_bytes([*one, *two]),
        _ => 0xFFFD,
    });
    let text: String = char::decode_utf16(units).map(|c| c.unwrap_or('\u{FFFD}')).collect();
    Cow::Owned(text.into_bytes())
}

/// Everything found in a file's bytes.
#[must_use]
pub fn scan(_path: &[u8], _bytes: &[u8]) -> Vec<Hit> {
    Vec::new()
}
