//! Base58Check: what wallets write keys in (BIP 32 `xprv…`, Wallet Import Format).

use super::Verdict;
use sha2::{Digest, Sha256};

const ALPHABET: &[u8; 58] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";

/// Longer than any key; decoding is quadratic, so there is a limit.
const CHARACTERS_MAX: usize = 128;

/// Right if the last four bytes are the start of the double SHA-256 of the others.
pub(super) fn check(text: &[u8]) -> Verdict {
    if text.len() > CHARACTERS_MAX || text.len() < 8 {
        return Verdict::Unknown;
    }
    let Some(bytes) = decode(text) else { return Verdict::Wrong };
    let Some((payload, sum)) = bytes.len().checked_sub(4).and_then(|at| bytes.split_at_checked(at)) else {
        return Verdict::Wrong;
    };
    Verdict::fits(Sha256::digest(Sha256::digest(payload)).starts_with(sum))
}

fn decode(text: &[u8]) -> Option<Vec<u8>> {
    let mut bytes: Vec<u8> = Vec::with_capacity(text.len()); // little-endian until the end
    for character in text {
        let mut carry = u32::try_from(ALPHABET.iter().position(|known| known == character)?).ok()?;
        for byte in &mut bytes {
            carry = carry.checked_add(u32::from(*byte).checked_mul(58)?)?;
            *byte = u8::try_from(carry & 0xff).ok()?;
            carry >>= 8;
        }
        if carry > 0 {
            bytes.push(u8::try_from(carry).ok()?);
        }
    }
    let zeros = text.iter().take_while(|character| **character == b'1').count();
    bytes.extend(std::iter::repeat_n(0, zeros));
    bytes.reverse();
    Some(bytes)
}

#[cfg(test)]
pub(super) fn encode_with_sum(payload: &[u8]) -> String {
    let mut bytes = payload.to_vec();
    bytes.extend_from_slice(&Sha256::digest(Sha256::digest(payload))[..4]);
    let mut digits: Vec<u32> = Vec::new();
    for byte in &bytes {
        let mut carry = u32::from(*byte);
        for digit in &mut digits {
            carry += *digit << 8;
            *digit = carry % 58;
            carry /= 58;
        }
        while carry > 0 {
            digits.push(carry % 58);
            carry /= 58;
        }
    }
    digits.extend(bytes.iter().take_while(|byte| **byte == 0).map(|_| 0));
    digits.iter().rev().map(|digit| char::from(ALPHABET[*digit as usize])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_right_as_written_and_wrong_with_one_character_changed() {
        let payloads: [Vec<u8>; 3] = [
            [&[0x80][..], &[7; 32], &[1]].concat(),
            [&[0x04, 0x88, 0xad, 0xe4][..], &[9; 74]].concat(),
            vec![0, 0, 5, 6, 7, 8],
        ];
        for payload in payloads {
            let text = encode_with_sum(&payload);
            assert_eq!(check(text.as_bytes()), Verdict::Right, "{} bytes", payload.len());
            for at in 0..text.len() {
                let mut flipped = text.clone().into_bytes();
                flipped[at] = if flipped[at] == b'k' { b'm' } else { b'k' };
                assert_eq!(check(&flipped), Verdict::Wrong, "changed at {at}");
            }
        }
    }

    #[test]
    fn what_is_not_base58_is_wrong_and_what_is_too_long_unknown() {
        assert_eq!(check(b"0OIl0OIl0OIl"), Verdict::Wrong);
        assert_eq!(check(&[b'2'; CHARACTERS_MAX + 1]), Verdict::Unknown);
    }
}
