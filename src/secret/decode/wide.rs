//! Text with a NUL beside each character: UTF-16 of either order, a whole file of it or a string in a program.

use super::Decoded;

/// What it is called.
pub const UTF_16: &str = "UTF-16";

/// The shortest run of characters that is looked at.
const CHARACTERS_MIN: usize = 12;

pub(super) fn each(text: &[u8], found: &mut dyn FnMut(&Decoded)) {
    let mut from = 0;
    while let Some(zero) = memchr::memchr(0, text.get(from..).unwrap_or_default()).map(|n| from + n) {
        // Little-endian: the character is before its NUL. Big-endian: after it.
        let end = [zero.checked_sub(1).filter(|start| *start >= from.saturating_sub(1)), Some(zero)]
            .into_iter()
            .flatten()
            .find_map(|start| run(text, start, usize::from(start == zero), found));
        from = end.unwrap_or_else(|| zero + text.iter().skip(zero).take_while(|byte| **byte == 0).count());
    }
}

/// Reads characters from here; the end, if there are enough of them.
fn run(text: &[u8], start: usize, character: usize, found: &mut dyn FnMut(&Decoded)) -> Option<usize> {
    // A byte order mark is no character, nor the second half of one that is not ASCII.
    text.get(start + character).filter(|byte| byte.is_ascii())?;
    let pairs = text.get(start..)?.chunks_exact(2);
    let characters = pairs.map_while(|pair| {
        let (byte, other) = (pair.get(character)?, pair.get(1 - character)?);
        (*other == 0 && (matches!(byte, b'\t' | b'\n' | b'\r' | b' '..=b'~') || *byte >= 0x80)).then_some(*byte)
    });
    let count = characters.clone().count();
    if count < CHARACTERS_MIN {
        return None;
    }
    let mut decoded = Decoded::new((2, 1));
    decoded.piece(start, Some(UTF_16));
    decoded.bytes.extend(characters);
    found(&decoded);
    Some(start + count * 2)
}
