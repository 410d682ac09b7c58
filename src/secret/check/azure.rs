//! Microsoft's keys that name their own kind: a marker at a fixed place, then a Marvin32 checksum.

use super::Verdict;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};

/// The seed of the annotated form, as its library spells it.
const ANNOTATED_SEED: &[u8; 8] = b"Default0";

/// The annotated form (Azure DevOps, and newer keys): 52 random characters, `JQQJ9`, metadata, the provider's four
/// characters, and the sum of the first 60 bytes cut to three (84 characters) or whole (88).
pub(super) fn annotated(text: &[u8]) -> Verdict {
    let Some(text) = text.get(..84) else { return Verdict::Unknown };
    if text.get(52..57) != Some(b"JQQJ9".as_slice()) {
        return Verdict::Unknown;
    }
    let Ok(bytes) = STANDARD.decode(text) else { return Verdict::Wrong };
    let (Some(covered), Some(sum)) = (bytes.get(..60), bytes.get(60..63)) else { return Verdict::Wrong };
    if marvin32(covered, u64::from_be_bytes(*ANNOTATED_SEED)).to_le_bytes().starts_with(sum) {
        return Verdict::Right;
    }
    // Keys derived from others carry the sum in another alphabet.
    if text.get(57) == Some(&b'D') || text.get(57) == Some(&b'H') { Verdict::Unknown } else { Verdict::Wrong }
}

/// The older form: base64 of 32, 39, 40, 42 or 64 bytes that end in a marker and four bytes of sum. Each service has a
/// seed of its own, not all of them published, so only the form is looked at.
pub(super) fn identifiable(text: &[u8]) -> Verdict {
    let bare = text.strip_suffix(b"==").or_else(|| text.strip_suffix(b"=")).unwrap_or(text);
    let standard: Vec<u8> = bare
        .iter()
        .map(|byte| match byte {
            b'-' => b'+',
            b'_' => b'/',
            other => *other,
        })
        .collect();
    if STANDARD_NO_PAD.decode(&standard).is_ok() { Verdict::Unknown } else { Verdict::Wrong }
}

/// Marvin32, folded to 32 bits.
fn marvin32(data: &[u8], seed: u64) -> u32 {
    let (low, high) = marvin(data, seed);
    low ^ high
}

fn marvin(data: &[u8], seed: u64) -> (u32, u32) {
    let bytes = seed.to_le_bytes();
    let half =
        |at: usize| bytes.get(at..).and_then(|rest| rest.first_chunk::<4>()).copied().map_or(0, u32::from_le_bytes);
    let mut state = (half(0), half(4));
    let mut blocks = data.chunks_exact(4);
    for block in &mut blocks {
        state = mixed(state, block);
    }
    let mut last = blocks.remainder().to_vec();
    last.push(0x80);
    state = mixed(state, &last);
    mixed(state, &[])
}

/// One round, with up to four bytes (little-endian) going in.
fn mixed((low, high): (u32, u32), block: &[u8]) -> (u32, u32) {
    let input = block.iter().rev().fold(0, |number: u32, byte| (number << 8) | u32::from(*byte));
    let mut low = low.wrapping_add(input);
    let mut high = high ^ low;
    low = low.rotate_left(20).wrapping_add(high);
    high = high.rotate_left(9) ^ low;
    low = low.rotate_left(27).wrapping_add(high);
    high = high.rotate_left(19);
    (low, high)
}

/// Puts the sum in place of the last characters. The metadata in between stays as it is.
#[cfg(test)]
pub(super) fn fix(text: &mut [u8]) {
    let bytes = STANDARD.decode(&text[..80]).expect("base64");
    let sum = marvin32(&bytes, u64::from_be_bytes(*ANNOTATED_SEED)).to_le_bytes();
    text[80..84].copy_from_slice(STANDARD.encode(&sum[..3]).as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marvin_gives_the_values_of_its_test_vectors() {
        let vectors: [(&[u8], u64); 6] = [
            (&[], 0x30ed_35c1_00cd_3c7d),
            (&[0xaf], 0x48e7_3fc7_7d75_ddc1),
            (&[0xe7, 0x0f], 0xb5f6_e1fc_485d_bff8),
            (&[0x37, 0xf4, 0x95], 0xf0b0_7c78_9b8c_f7e8),
            (&[0x86, 0x42, 0xdc, 0x59], 0x7008_f2e8_7e9c_f556),
            (&[0x15, 0x3f, 0xb7, 0x98, 0x26], 0xe6c0_8c6d_a2af_a997),
        ];
        for (data, expected) in vectors {
            let (low, high) = marvin(data, 0x004f_b61a_001b_dbcc);
            assert_eq!((u64::from(high) << 32) | u64::from(low), expected, "{data:02x?}");
        }
    }

    #[test]
    fn an_annotated_key_is_right_as_issued_and_wrong_with_one_character_changed() {
        let mut key =
            format!("{}{}99BFAC{}{}{}", "k3J9".repeat(13), "JQQJ", "A".repeat(14), "AZ", "DO0000").into_bytes();
        assert_eq!(key.len(), 84);
        assert_eq!(annotated(&key), Verdict::Wrong);
        fix(&mut key);
        assert_eq!(annotated(&key), Verdict::Right);
        for at in (0..52).chain(80..84) {
            let mut flipped = key.clone();
            flipped[at] = if flipped[at] == b'x' { b'y' } else { b'x' };
            assert_eq!(annotated(&flipped), Verdict::Wrong, "changed at {at}");
        }
    }
}
