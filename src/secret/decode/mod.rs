//! Text that is written in another form: what it says, and where each byte of that comes from.
//!
//! The work is bounded by the forms themselves. A run is read at four positions as base64 (three bytes for each four)
//! and at two as hex (one for each two); UTF-16 gives half of its bytes, and unescaping never more than there were. All
//! decoded texts of a text together are thus at most six times as long as it. A hostile text cannot have it all at once.

mod base64;
mod invisible;
mod map;
mod runs;
mod split;
mod unescape;
mod utf16;
mod wide;

pub use utf16::to_utf8;
pub use wide::UTF_16;

pub(super) use map::Decoded;

/// Gives `found` each stretch of the text that says something in another form.
pub(super) fn each(text: &[u8], found: &mut dyn FnMut(&Decoded)) {
    runs::each(text, found);
    unescape::each(text, found);
    wide::each(text, found);
}

#[cfg(test)]
mod tests;
