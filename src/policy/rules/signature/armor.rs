//! Text armor: base64 between a line that begins and a line that ends it. Nothing before, nothing after.

use crate::policy::rules::signature::flaw::Flaw;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bstr::ByteSlice;

/// Longer than any signature or public key.
const ARMORED_MAX: usize = 256 * 1024;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Armor {
    Ssh,
    OpenPgp,
    OpenPgpKey,
}

/// How git knows where the signature of a tag begins (gpg-interface.c).
const BEGINS: [&str; 4] = [
    "-----BEGIN PGP SIGNATURE-----",
    "-----BEGIN PGP MESSAGE-----",
    "-----BEGIN SIGNED MESSAGE-----",
    "-----BEGIN SSH SIGNATURE-----",
];

#[must_use]
pub fn is_begin(line: &[u8]) -> bool {
    BEGINS.iter().any(|begin| line.starts_with(begin.as_bytes()))
}

impl Armor {
    /// What the first line of a signature says it is.
    #[must_use]
    pub fn of_signature(text: &[u8]) -> Option<Self> {
        [Self::Ssh, Self::OpenPgp].into_iter().find(|armor| text.starts_with(armor.line("BEGIN").as_bytes()))
    }

    fn line(self, word: &str) -> String {
        let label = match self {
            Self::Ssh => "SSH SIGNATURE",
            Self::OpenPgp => "PGP SIGNATURE",
            Self::OpenPgpKey => "PGP PUBLIC KEY BLOCK",
        };
        format!("-----{word} {label}-----")
    }

    /// The bytes in it.
    pub fn decode(self, text: &[u8]) -> Result<Vec<u8>, Flaw> {
        if text.len() > ARMORED_MAX {
            return Err(Flaw::Malformed("it is too long"));
        }
        let mut lines = text.lines().map(|line| line.trim_ascii_end());
        if lines.next() != Some(self.line("BEGIN").as_bytes()) {
            return Err(Flaw::Malformed("its first line"));
        }
        let end = self.line("END");
        let mut body: Vec<&[u8]> = lines.by_ref().take_while(|line| *line != end.as_bytes()).collect();
        // Where there is no end all lines are taken, and none is left that could tell.
        if !text.lines().any(|line| line.trim_ascii_end() == end.as_bytes()) {
            return Err(Flaw::Malformed("it has no end"));
        }
        if lines.any(|line| !line.is_empty()) {
            return Err(Flaw::Malformed("something comes after it"));
        }
        if self != Self::Ssh {
            // `Version: …` and the like, then an empty line; and a checksum nobody needs (RFC 9580, 6.1).
            let blank = body.iter().position(|line| line.is_empty()).ok_or(Flaw::Malformed("its headers"))?;
            if body.drain(..=blank).any(|line| !line.is_empty() && !line.contains_str(": ")) {
                return Err(Flaw::Malformed("its headers"));
            }
            body.pop_if(|line| line.len() == 5 && line.starts_with(b"="));
        }
        STANDARD.decode(body.concat()).map_err(|_| Flaw::Malformed("it is not base64"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(armor: Armor, text: &str) -> Result<Vec<u8>, Flaw> {
        let text = text.replace("E-", &armor.line("END")).replace("B-", &armor.line("BEGIN"));
        armor.decode(text.as_bytes())
    }

    #[test]
    fn only_one_whole_block_is_read() {
        let ssh = |text: &str| decode(Armor::Ssh, text);
        assert_eq!(ssh("B-\nAAEC\nAw==\nE-\n"), Ok(vec![0, 1, 2, 3]));
        assert_eq!(ssh("B-\r\nAAEC\r\nE-\r\n\r\n"), Ok(vec![0, 1, 2]));
        assert_eq!(ssh("B-\nAAEC\nE-"), Ok(vec![0, 1, 2]));
        let around = ["", "B-\n", "B-\nAAEC\n", "x\nB-\nAAEC\nE-\n", "B- x\nAAEC\nE-\n", " B-\nAAEC\nE-\n"];
        let after = ["B-\nAAEC\nE-\nx\n", "B-\nAAEC\nE-\nB-\nAAEC\nE-\n"];
        let inside =
            ["B-\nAA\nE-\n", "B-\nAA==\nAAEC\nE-\n", "B-\nA\u{e9}EC\nE-\n", "B-\n\nAA*C\nE-\n", "B-\nAB==\nE-\n"];
        for bad in around.into_iter().chain(after).chain(inside) {
            assert!(ssh(bad).is_err(), "{bad}");
        }
        let pgp = |text: &str| decode(Armor::OpenPgp, text);
        assert_eq!(pgp("B-\n\nAAEC\n=abcd\nE-\n"), Ok(vec![0, 1, 2]));
        assert_eq!(pgp("B-\nVersion: 1\nComment: x\n\nAAEC\nE-\n"), Ok(vec![0, 1, 2]));
        for bad in
            ["B-\nAAEC\nE-\n", "B-\nAAEC\n\nAAEC\nE-\n", "B-\n\nAAEC\n=abcd\nAAEC\nE-\n", "B-\n\nAAEC\nE-\nAAEC\n"]
        {
            assert!(pgp(bad).is_err(), "{bad}");
        }
        assert!(ssh(&format!("B-\n{}\nE-\n", "AAAA".repeat(100_000))).is_err());
    }
}
