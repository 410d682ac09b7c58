//! OpenPGP armor: the CRC-24 at its end, and the packet it begins with.

use super::Verdict;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// An armored block from its `-----BEGIN` line on.
///
/// The sum is optional since RFC 9580; without it the first packet has to be a secret key, which is a form, no proof.
pub(super) fn armor(block: &[u8]) -> Verdict {
    let text = bstr::ByteSlice::replace(block, b"\\r", b"");
    let text = bstr::ByteSlice::replace(text.as_slice(), b"\\n", b"\n");
    let mut data = Vec::new();
    let mut sum = None;
    let mut lines = text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    if !lines.by_ref().any(|line| line.starts_with(b"-----BEGIN PGP ")) {
        return Verdict::Unknown;
    }
    let mut ended = false;
    for line in lines {
        match line {
            line if line.starts_with(b"-----END") => {
                ended = true;
                break;
            }
            [b'=', digits @ ..] if digits.len() == 4 => sum = STANDARD.decode(digits).ok(),
            line if line.contains(&b':') => {} // an armor header
            line => data.extend_from_slice(line),
        }
    }
    if !ended {
        return Verdict::Unknown;
    }
    let Ok(bytes) = STANDARD.decode(data) else { return Verdict::Wrong };
    match sum {
        Some(sum) => Verdict::fits(sum == crc24(&bytes).to_be_bytes().get(1..).unwrap_or_default()),
        None if begins_with_secret_key(&bytes) => Verdict::Unknown,
        None => Verdict::Wrong,
    }
}

/// RFC 9580, 6.1.
fn crc24(bytes: &[u8]) -> u32 {
    let sum = bytes.iter().fold(0x00b7_04ce_u32, |sum, byte| {
        (0..8).fold(sum ^ (u32::from(*byte) << 16), |sum, _| {
            let shifted = sum << 1;
            if shifted & 0x0100_0000 == 0 { shifted } else { shifted ^ 0x0186_4cfb }
        })
    });
    sum & 0x00ff_ffff
}

/// Packet tag 5, in the old header form or the new one.
fn begins_with_secret_key(bytes: &[u8]) -> bool {
    bytes.first().is_some_and(
        |first| if first & 0x40 == 0 { (first >> 2) & 15 == 5 } else { first & 63 == 5 } && first & 0x80 != 0,
    )
}

/// A block with its sum, of bytes that begin as a secret key does.
#[cfg(test)]
pub(super) fn write(body: &[u8]) -> String {
    let bytes = [&[0x95][..], body].concat();
    let text = STANDARD.encode(&bytes);
    let lines: Vec<_> = text.as_bytes().chunks(64).map(|line| String::from_utf8_lossy(line).into_owned()).collect();
    let sum = STANDARD.encode(&crc24(&bytes).to_be_bytes()[1..]);
    let label = format!("PGP {} KEY BLOCK", "PRIVATE");
    format!("-----BEGIN {label}-----\n\n{}\n={sum}\n-----END {label}-----", lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_the_sum_of_the_empty_and_the_usual_string() {
        assert_eq!(crc24(b""), 0x00b7_04ce);
        assert_eq!(crc24(b"123456789"), 0x0021_cf02);
    }

    #[test]
    fn a_block_is_right_as_written_and_wrong_with_one_character_changed() {
        let body: Vec<u8> = (0..=255).collect();
        let block = write(&body);
        assert_eq!(armor(block.as_bytes()), Verdict::Right);
        assert_eq!(armor(block.replace('\n', "\\n").as_bytes()), Verdict::Right, "in a one-line literal");
        assert_eq!(armor(block.replace('\n', "\r\n").as_bytes()), Verdict::Right);
        assert_eq!(armor(block.replacen("\n\n", "\nVersion: 1\n\n", 1).as_bytes()), Verdict::Right);
        let at = block.find("\n\n").expect("a blank line") + 12;
        let mut flipped = block.clone().into_bytes();
        flipped[at] = if flipped[at] == b'x' { b'y' } else { b'x' };
        assert_eq!(armor(&flipped), Verdict::Wrong);
    }

    #[test]
    fn a_block_without_a_sum_is_held_to_its_first_packet() {
        let block = write(&[7; 90]);
        let sum = block.rfind("\n=").expect("a sum");
        let without = format!("{}{}", &block[..sum], &block[sum + 6..]);
        assert_eq!(armor(without.as_bytes()), Verdict::Unknown);
        let public = without.replacen("\n\nlQ", "\n\nmQ", 1);
        assert_ne!(public, without);
        assert_eq!(armor(public.as_bytes()), Verdict::Wrong, "a public key in a secret key's armor");
    }
}
