//! A push certificate: what `git push --signed` sends in the place of commands (gitprotocol-pack, "Push Certificate").
//!
//! Reads its form only. Whose signature it has, and whether the nonce is ours, is for others to say.

use crate::wire::command::CommandError;
use crate::wire::pkt_line::{self, Packet};
use bstr::{BString, ByteSlice};
use std::io::Read;
use std::ops::Range;

/// How a client knows that certificates are taken: this, `=` and the nonce among the capabilities.
pub const CAPABILITY: &str = "push-cert";

/// The line that ends one, a packet of its own.
const END: &[u8] = b"push-cert-end\n";
/// How each kind of signature begins (gpg-interface.c of git); no command does.
const SIGNATURE: &[u8] = b"-----BEGIN ";

/// A certificate of the right form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// As it came: what is signed, and then the signature.
    text: BString,
    commands: Range<usize>,
    /// The nonce that it was made for, if it names one.
    pub nonce: Option<BString>,
    pub push_options: Vec<BString>,
}

/// What is wrong with the form of a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CertificateFlaw {
    #[error("it is not of version 0.1")]
    Version,
    #[error("it does not say who pushes")]
    Pusher,
    #[error("it has a header that is not known, twice or not in its place")]
    Header,
    #[error("it has no command")]
    Empty,
    #[error("each packet of it is one line")]
    Line,
    #[error("it has no end")]
    End,
}

impl Certificate {
    #[must_use]
    pub fn text(&self) -> &[u8] {
        &self.text
    }

    /// What the signature is over: headers and commands.
    #[must_use]
    pub fn signed(&self) -> &[u8] {
        self.text.get(..self.commands.end).unwrap_or_default()
    }

    /// Armored; empty if it is not signed.
    #[must_use]
    pub fn signature(&self) -> &[u8] {
        self.text.get(self.commands.end..).unwrap_or_default()
    }

    /// Its commands, a line each.
    pub fn commands(&self) -> impl Iterator<Item = &[u8]> {
        self.text.get(self.commands.clone()).unwrap_or_default().lines()
    }
}

/// Reads what follows the `push-cert` line up to and with the line that ends it.
pub fn read(input: &mut (impl Read + ?Sized), bytes_max: usize) -> Result<Certificate, CommandError> {
    let mut text = Vec::new();
    loop {
        let line = match pkt_line::read(input)? {
            None => return Err(CommandError::Ended),
            Some(Packet::Data(line)) => line,
            Some(Packet::Flush | Packet::Delimiter | Packet::ResponseEnd) => return Err(CertificateFlaw::End.into()),
        };
        if line == END {
            return Ok(parse(text)?);
        }
        if text.len().saturating_add(line.len()) > bytes_max {
            return Err(CommandError::CertificateTooLong(bytes_max));
        }
        // Else what is kept could be cut into other lines than were read; C programs end a text at a NUL.
        if line.find_byte(b'\n') != line.len().checked_sub(1) || line.contains(&0) {
            return Err(CertificateFlaw::Line.into());
        }
        text.extend_from_slice(&line);
    }
}

/// Headers in the order that git writes them, an empty line, commands, and the signature.
fn parse(text: Vec<u8>) -> Result<Certificate, CertificateFlaw> {
    let mut headers = text.lines();
    if headers.next() != Some(b"certificate version 0.1") {
        return Err(CertificateFlaw::Version);
    }
    // Who pushes is what the key says, and where to is where it came: neither line is anything but the client's word.
    let mut header = headers.next().ok_or(CertificateFlaw::Pusher)?;
    header.strip_prefix(b"pusher ").ok_or(CertificateFlaw::Pusher)?;
    let mut next = || headers.next().ok_or(CertificateFlaw::Header);
    header = next()?;
    if header.starts_with(b"pushee ") {
        header = next()?;
    }
    let mut nonce = None;
    if let Some(value) = header.strip_prefix(b"nonce ") {
        nonce = Some(value.into());
        header = next()?;
    }
    let mut push_options = Vec::new();
    while let Some(value) = header.strip_prefix(b"push-option ") {
        push_options.push(value.into());
        header = next()?;
    }
    if !header.is_empty() {
        return Err(CertificateFlaw::Header);
    }
    // No header is empty: the first empty line is the one that ends them.
    let start = text.find(b"\n\n").ok_or(CertificateFlaw::Header)?.saturating_add(2);
    let commands = text.get(start..).unwrap_or_default().lines_with_terminator();
    let length: usize = commands.take_while(|line| !line.starts_with(SIGNATURE)).map(<[u8]>::len).sum();
    if length == 0 {
        return Err(CertificateFlaw::Empty);
    }
    Ok(Certificate { commands: start..start.saturating_add(length), text: text.into(), nonce, push_options })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADERS: &str =
        "certificate version 0.1\npusher SHA256:x 1700000000 +0000\npushee ssh://gate/app\nnonce 1-a-b\n";
    const SIGNED: &str = "-----BEGIN SSH SIGNATURE-----\nAAAA\n-----END SSH SIGNATURE-----\n";
    const COMMAND: &str = "old new ref\n";

    fn packets(text: &str) -> Vec<u8> {
        let mut bytes = Vec::new();
        text.split_inclusive('\n').for_each(|line| pkt_line::write(&mut bytes, line.as_bytes()).expect("fits"));
        bytes
    }

    fn read_text(text: &str, bytes_max: usize) -> Result<Certificate, CommandError> {
        read(&mut &packets(&format!("{text}push-cert-end\n"))[..], bytes_max)
    }

    #[test]
    fn reads_what_git_sends() {
        let text = format!("{HEADERS}push-option a=b\npush-option \n\n{COMMAND}{COMMAND}{SIGNED}");
        let certificate = read_text(&text, text.len()).expect("a certificate");
        assert_eq!(certificate.text(), text.as_bytes());
        assert_eq!([certificate.signed(), certificate.signature()].concat(), text.as_bytes());
        assert_eq!(certificate.signature(), SIGNED.as_bytes());
        assert_eq!(certificate.commands().collect::<Vec<_>>(), [b"old new ref", b"old new ref"]);
        assert_eq!(
            (certificate.nonce, certificate.push_options),
            (Some("1-a-b".into()), vec!["a=b".into(), "".into()])
        );
        let bare = format!("certificate version 0.1\npusher x\n\n{COMMAND}");
        let bare = read_text(&bare, 1000).expect("a certificate");
        assert_eq!((bare.nonce.as_ref(), bare.signature()), (None, &b""[..]));
    }

    #[test]
    fn is_as_long_as_the_limit_and_no_longer() {
        let text = format!("{HEADERS}\n{COMMAND}{SIGNED}");
        assert!(read_text(&text, text.len()).is_ok());
        let over = read_text(&text, text.len() - 1);
        assert!(matches!(over, Err(CommandError::CertificateTooLong(max)) if max == text.len() - 1), "{over:?}");
    }

    #[test]
    fn refuses_what_is_malformed() {
        use CertificateFlaw as F;
        let table = [
            (String::new(), F::Version),
            (HEADERS.replace("0.1", "0.2"), F::Version),
            ("certificate version 0.1\n".to_owned(), F::Pusher),
            (HEADERS.replace("pusher", "pushed"), F::Pusher),
            (HEADERS.to_owned(), F::Header),
            (format!("{HEADERS}nonce again\n\n{COMMAND}"), F::Header),
            (format!("{HEADERS}pushee ssh://other\n\n{COMMAND}"), F::Header),
            (format!("{HEADERS}unknown header\n\n{COMMAND}"), F::Header),
            (format!("{HEADERS}push-option a\nnonce late\n\n{COMMAND}"), F::Header),
            (format!("{HEADERS}{COMMAND}{SIGNED}"), F::Header),
            (format!("{HEADERS}\n"), F::Empty),
            (format!("{HEADERS}\n{SIGNED}"), F::Empty),
            (format!("{HEADERS}\n{COMMAND}\0\n"), F::Line),
        ];
        for (text, expected) in table {
            let found = read_text(&text, 1000);
            assert!(matches!(&found, Err(CommandError::Certificate(flaw)) if *flaw == expected), "{text:?} {found:?}");
        }
        let whole = format!("{HEADERS}\n{COMMAND}{SIGNED}");
        assert!(matches!(read(&mut &packets(&whole)[..], 1000), Err(CommandError::Ended)));
        for odd in [&b"0000"[..], b"0001", b"0002", b"0004", b"0006ab", b"0007a\nb", b"0006\n\n"] {
            assert!(read(&mut &[&packets(&whole)[..], odd].concat()[..], 1000).is_err(), "{odd:?}");
        }
    }
}
