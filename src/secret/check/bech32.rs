//! Bech32 (BIP 173): what age writes its identities in.

use super::Verdict;

const ALPHABET: &[u8; 32] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";
const GENERATORS: [u32; 5] = [0x3b6a_57b2, 0x2650_8e6d, 0x1ea1_19fa, 0x3d42_33dd, 0x2a14_62b3];
const CHARACTERS_MAX: usize = 4096;

/// An age identity, classic or post-quantum: right if its last six characters are the sum of the others.
pub(super) fn age(text: &[u8]) -> Verdict {
    if text.len() > CHARACTERS_MAX {
        return Verdict::Unknown;
    }
    let text = text.to_ascii_lowercase();
    let Some(at) = text.iter().rposition(|byte| *byte == b'1') else { return Verdict::Unknown };
    let (Some(prefix), Some(data)) = (text.get(..at), at.checked_add(1).and_then(|start| text.get(start..))) else {
        return Verdict::Unknown;
    };
    if prefix.is_empty() || data.len() < 6 {
        return Verdict::Unknown;
    }
    let Some(data) = values(data) else { return Verdict::Wrong };
    Verdict::fits(polymod(expanded(prefix).chain(data)) == 1)
}

fn values(data: &[u8]) -> Option<Vec<u8>> {
    data.iter().map(|byte| u8::try_from(ALPHABET.iter().position(|known| known == byte)?).ok()).collect()
}

fn expanded(prefix: &[u8]) -> impl Iterator<Item = u8> {
    let high = prefix.iter().map(|byte| byte >> 5);
    let low = prefix.iter().map(|byte| byte & 31);
    high.chain([0]).chain(low)
}

fn polymod(values: impl Iterator<Item = u8>) -> u32 {
    values.fold(1, |sum, value| {
        let top = sum >> 25;
        let shifted = ((sum & 0x01ff_ffff) << 5) ^ u32::from(value);
        GENERATORS
            .iter()
            .enumerate()
            .filter(|(bit, _)| (top >> bit) & 1 == 1)
            .fold(shifted, |sum, (_, generator)| sum ^ generator)
    })
}

/// Puts the sum in place of the last six characters.
#[cfg(test)]
pub(super) fn fix(text: &mut [u8]) {
    let given = text.to_vec();
    let lower = text.to_ascii_lowercase();
    let at = lower.iter().rposition(|byte| *byte == b'1').expect("a separator");
    let data = values(&lower[at + 1..lower.len() - 6]).expect("bech32 characters");
    let sum = polymod(expanded(&lower[..at]).chain(data).chain([0; 6])) ^ 1;
    let start = text.len() - 6;
    for (place, character) in text[start..].iter_mut().enumerate() {
        let value = (sum >> (5 * (5 - place))) & 31;
        let written = ALPHABET[value as usize];
        *character = if lower == given { written } else { written.to_ascii_uppercase() };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_is_right_as_written_and_wrong_with_one_character_changed() {
        let mut text = b"AGE-SECRET-KEY-1".to_vec();
        text.extend(ALPHABET.to_ascii_uppercase().repeat(2).into_iter().take(58));
        assert_eq!(age(&text), Verdict::Wrong);
        fix(&mut text);
        assert_eq!(age(&text), Verdict::Right);
        for at in 17..text.len() {
            let mut flipped = text.clone();
            flipped[at] = if flipped[at] == b'Q' { b'P' } else { b'Q' };
            assert_eq!(age(&flipped), Verdict::Wrong, "changed at {at}");
        }
    }

    #[test]
    fn knows_the_sum_of_the_specification() {
        // BIP 173's shortest valid string: the prefix `a` and no data.
        assert_eq!(age(b"A12UEL5L"), Verdict::Right);
        assert_eq!(age(b"A12UEL5Q"), Verdict::Wrong);
    }
}
