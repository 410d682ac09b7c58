//! PEM private keys: whether what stands between the lines is a key of the kind they name.

use super::der::{INTEGER, OBJECT_IDENTIFIER, OCTET_STRING, SEQUENCE, element, tags};
use super::{Verdict, openpgp};
use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// Hand-made and wrapped keys lose their padding often, and are keys all the same.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// A block from `-----BEGIN` on. Without its end line it is a part of a key, which nothing can be said of.
pub(super) fn private_key(block: &[u8]) -> Verdict {
    let Some((label, body)) = label_and_body(block) else { return Verdict::Unknown };
    if label.starts_with(b"PGP ") {
        return openpgp::armor(block);
    }
    let Some(characters) = base64_characters(body) else { return Verdict::Unknown };
    let Ok(bytes) = LENIENT.decode(characters) else { return Verdict::Wrong };
    match label {
        b"RSA PRIVATE KEY" | b"DSA PRIVATE KEY" => Verdict::fits(integers(&bytes)),
        b"EC PRIVATE KEY" => Verdict::fits(sequence_of(&bytes, &[INTEGER, OCTET_STRING])),
        b"PRIVATE KEY" => Verdict::fits(sequence_of(&bytes, &[INTEGER, SEQUENCE, OCTET_STRING])),
        b"ENCRYPTED PRIVATE KEY" => Verdict::fits(encrypted(&bytes)),
        b"OPENSSH PRIVATE KEY" => Verdict::fits(bytes.starts_with(b"openssh-key-v1\0")),
        _ => Verdict::Unknown,
    }
}

/// The label, and what stands between the two lines. Escaped line ends count as line ends.
fn label_and_body(block: &[u8]) -> Option<(&[u8], &[u8])> {
    let from = bstr::ByteSlice::find(block, b"-----BEGIN ")?.checked_add(11)?;
    let rest = block.get(from..)?;
    let label = rest.get(..bstr::ByteSlice::find(rest, b"-----")?)?;
    let body = rest.get(label.len().checked_add(5)?..)?;
    let end = bstr::ByteSlice::find(body, b"-----END ")?;
    Some((label, body.get(..end)?))
}

/// The base64 of the body; `None` where headers or the quoting of some language stand between, which is for nobody to judge.
fn base64_characters(body: &[u8]) -> Option<Vec<u8>> {
    let mut characters = Vec::with_capacity(body.len());
    let mut bytes = body.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' => match bytes.next()? {
                b'n' | b'r' | b't' | b'\n' | b'\r' | b'\\' => {}
                b'/' => characters.push(b'/'),
                _ => return None,
            },
            byte if byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=') => characters.push(*byte),
            byte if byte.is_ascii_whitespace() => {}
            _ => return None,
        }
    }
    // `\\n`: the second backslash was taken, and its letter stands as one of the base64's own.
    (!bstr::ByteSlice::contains_str(body, b"\\\\")).then_some(characters)
}

/// PKCS #1 and the like: a sequence of integers, six or nine of them.
fn integers(bytes: &[u8]) -> bool {
    let Some(outer) = element(bytes).filter(|outer| outer.tag == SEQUENCE && outer.rest.is_empty()) else {
        return false;
    };
    tags(outer.content, 16)
        .is_some_and(|tags| tags.len() >= 6 && tags.iter().all(|tag| *tag == INTEGER || *tag == SEQUENCE))
}

/// A sequence that begins with elements of these tags.
fn sequence_of(bytes: &[u8], expected: &[u8]) -> bool {
    let Some(outer) = element(bytes).filter(|outer| outer.tag == SEQUENCE && outer.rest.is_empty()) else {
        return false;
    };
    tags(outer.content, expected.len()).is_some_and(|tags| tags == expected)
}

/// PKCS #8 under a passphrase: the algorithm with its identifier, then the octets.
fn encrypted(bytes: &[u8]) -> bool {
    sequence_of(bytes, &[SEQUENCE, OCTET_STRING])
        && element(bytes)
            .and_then(|outer| element(outer.content))
            .and_then(|algorithm| element(algorithm.content))
            .is_some_and(|identifier| identifier.tag == OBJECT_IDENTIFIER)
}

#[cfg(test)]
mod tests {
    use super::super::samples;
    use super::*;

    #[test]
    fn keys_of_each_kind_are_right_and_damaged_ones_wrong() {
        for label in ["RSA ", "DSA ", "EC ", "", "ENCRYPTED ", "OPENSSH "] {
            for newline in ["\n", "\r\n", "\\n", "\n    ", "\\r\\n"] {
                let block = samples::pem(label, newline);
                assert_eq!(private_key(block.as_bytes()), Verdict::Right, "{label}{newline:?}");
            }
            let block = samples::pem(label, "\n");
            let at = block.find('\n').expect("lines") + 1;
            let damaged = format!("{}{}{}", &block[..at], "QUFB", &block[at..]);
            assert_eq!(private_key(damaged.as_bytes()), Verdict::Wrong, "{label} with other bytes in front");
        }
    }

    #[test]
    fn what_cannot_be_read_is_unknown() {
        let block = samples::pem("RSA ", "\n");
        let cut = &block[..block.len() - 40];
        assert_eq!(private_key(cut.as_bytes()), Verdict::Unknown, "no end line");
        let headed = block.replacen('\n', "\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\n", 1);
        assert_eq!(private_key(headed.as_bytes()), Verdict::Unknown, "encrypted the old way");
        let quoted = block.replace('\n', "\" +\n\"");
        assert_eq!(private_key(quoted.as_bytes()), Verdict::Unknown, "a literal in parts");
    }
}
