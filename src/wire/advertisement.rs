//! The reference advertisement of receive-pack (gitprotocol-pack, "Reference Discovery").

use crate::model::{Escaped, ObjectId, RefName};
use crate::wire::pkt_line::{self, Packet, PacketError};
use bstr::{BString, ByteSlice};
use std::io::{self, Read, Write};

/// What an upstream says of itself before a push.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Advertisement {
    /// Refs in the order they came; `.have` lines are left out.
    pub refs: Vec<(RefName, ObjectId)>,
    pub capabilities: Vec<BString>,
}

impl Advertisement {
    #[must_use]
    pub fn has(&self, capability: &str) -> bool {
        self.capabilities.iter().any(|c| c == capability)
    }

    /// The value of `name=value`.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&[u8]> {
        let value = |c: &'_ BString| -> Option<usize> {
            c.strip_prefix(name.as_bytes())?.starts_with(b"=").then_some(name.len() + 1)
        };
        self.capabilities.iter().find_map(|c| c.get(value(c)?..))
    }
}

#[derive(Debug, thiserror::Error)]
pub enum AdvertisementError {
    #[error(transparent)]
    Packet(#[from] PacketError),
    #[error("the connection ended before the refs were told")]
    Ended,
    #[error("the other side says: {0}")]
    Remote(String),
    #[error("a line of the ref advertisement is malformed")]
    Malformed,
    #[error("more than {0} refs are advertised")]
    TooMany(usize),
}

/// Writes the advertisement a server sends first: refs with the capabilities after a NUL on the first line.
pub fn encode<'a>(
    output: &mut (impl Write + ?Sized),
    version_1: bool,
    refs: impl IntoIterator<Item = (&'a RefName, &'a ObjectId)>,
    capabilities: &str,
) -> io::Result<()> {
    let mut buffer = Vec::new();
    if version_1 {
        pkt_line::write(&mut buffer, b"version 1\n")?;
    }
    let mut first = true;
    for (name, id) in refs {
        let mut line = format!("{id} ").into_bytes();
        line.extend_from_slice(name.as_bstr());
        end_line(&mut line, &mut first, capabilities);
        pkt_line::write(&mut buffer, &line)?;
    }
    if first {
        let mut line = format!("{} capabilities^{{}}", ObjectId::null(gix::hash::Kind::Sha1)).into_bytes();
        end_line(&mut line, &mut first, capabilities);
        pkt_line::write(&mut buffer, &line)?;
    }
    pkt_line::write_flush(&mut buffer)?;
    output.write_all(&buffer)?;
    output.flush()
}

fn end_line(line: &mut Vec<u8>, first: &mut bool, capabilities: &str) {
    if std::mem::take(first) {
        line.push(0);
        line.extend_from_slice(capabilities.as_bytes());
    }
    line.push(b'\n');
}

/// Reads an advertisement up to its flush packet. Peeled lines, shallow lines and refs with names that
/// `git check-ref-format` refuses are left out: nothing could be pushed there.
pub fn parse(input: &mut (impl Read + ?Sized), refs_max: usize) -> Result<Advertisement, AdvertisementError> {
    let mut advertisement = Advertisement::default();
    let mut first = true;
    loop {
        let line = match pkt_line::read(input)?.ok_or(AdvertisementError::Ended)? {
            Packet::Flush => return Ok(advertisement),
            Packet::Data(line) => line,
            Packet::Delimiter | Packet::ResponseEnd => return Err(AdvertisementError::Malformed),
        };
        if let Some(message) = line.strip_prefix(b"ERR ") {
            return Err(AdvertisementError::Remote(Escaped(message.trim_end()).to_string()));
        }
        if first && line.starts_with(b"version ") {
            continue;
        }
        let line = line.strip_suffix(b"\n").unwrap_or(&line);
        let (line, capabilities) = line.split_once_str("\0").unwrap_or((line, b""));
        if std::mem::take(&mut first) {
            advertisement.capabilities = capabilities.fields().map(BString::from).collect();
        }
        parse_ref(line, &mut advertisement.refs)?;
        if advertisement.refs.len() > refs_max {
            return Err(AdvertisementError::TooMany(refs_max));
        }
    }
}

fn parse_ref(line: &[u8], refs: &mut Vec<(RefName, ObjectId)>) -> Result<(), AdvertisementError> {
    if line.starts_with(b"shallow ") {
        return Ok(());
    }
    let (hex, name) = line.split_once_str(" ").ok_or(AdvertisementError::Malformed)?;
    let id = super::object_id::parse(hex).ok_or(AdvertisementError::Malformed)?;
    if let (Some(id), Ok(name)) = (id, RefName::parse(name)) {
        refs.push((name, id));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> RefName {
        RefName::parse(text.as_bytes()).expect("valid")
    }

    fn id(digit: char) -> ObjectId {
        ObjectId::from_hex(digit.to_string().repeat(40).as_bytes()).expect("hex")
    }

    #[test]
    fn what_is_written_is_read_again() {
        let refs = [(name("refs/heads/a"), id('a')), (name("refs/tags/v1"), id('b'))];
        for (version_1, refs) in [(false, &refs[..]), (true, &refs[..]), (false, &[]), (true, &[])] {
            let mut bytes = Vec::new();
            encode(&mut bytes, version_1, refs.iter().map(|(n, i)| (n, i)), "report-status object-format=sha1")
                .expect("write");
            let read = parse(&mut &bytes[..], 2).expect("read");
            assert_eq!(read.refs, refs);
            assert!(read.has("report-status") && !read.has("report"));
            assert_eq!(read.value("object-format"), Some(&b"sha1"[..]));
            assert_eq!(read.value("object"), None);
        }
    }

    #[test]
    fn the_number_of_refs_is_limited() {
        let refs = [(name("refs/heads/a"), id('a')), (name("refs/tags/v1"), id('b'))];
        let mut bytes = Vec::new();
        encode(&mut bytes, false, refs.iter().map(|(n, i)| (n, i)), "").expect("write");
        assert!(parse(&mut &bytes[..], 2).is_ok());
        assert!(matches!(parse(&mut &bytes[..], 1), Err(AdvertisementError::TooMany(1))));
    }

    #[test]
    fn an_error_packet_is_told_escaped() {
        let mut bytes = Vec::new();
        pkt_line::write(&mut bytes, b"ERR no \x1b[31maccess\n").expect("write");
        let error = parse(&mut &bytes[..], 9).expect_err("an error").to_string();
        assert_eq!(error, "the other side says: no \\x1b[31maccess");
    }
}
