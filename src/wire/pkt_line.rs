//! pkt-line framing (gitprotocol-common, "pkt-line Format").

use std::io::{self, Read, Write};

/// The longest packet, its four length digits included (gitprotocol-common: 65520).
pub const PACKET_LENGTH_MAX: usize = 65520;
/// The most bytes one packet carries.
pub const PAYLOAD_LENGTH_MAX: usize = PACKET_LENGTH_MAX - 4;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Packet {
    Data(Vec<u8>),
    /// `0000`
    Flush,
    /// `0001`, protocol v2 only
    Delimiter,
    /// `0002`, protocol v2 only
    ResponseEnd,
}

#[derive(Debug, thiserror::Error)]
pub enum PacketError {
    #[error("the connection ended within a packet")]
    Truncated,
    #[error("a packet length is four hex digits between 0004 and fff0")]
    Length,
    #[error(transparent)]
    Io(io::Error),
}

/// Reads one packet; `None` where the stream ends between two packets.
pub fn read(input: &mut (impl Read + ?Sized)) -> Result<Option<Packet>, PacketError> {
    let mut digits = [0; 4];
    if read_up_to(input, &mut digits)? == 0 {
        return Ok(None);
    }
    match parse_length(digits)? {
        0 => Ok(Some(Packet::Flush)),
        1 => Ok(Some(Packet::Delimiter)),
        2 => Ok(Some(Packet::ResponseEnd)),
        length @ 4..=PACKET_LENGTH_MAX => {
            let mut payload = vec![0; length - 4];
            if read_up_to(input, &mut payload)? == 0 && length > 4 {
                return Err(PacketError::Truncated);
            }
            Ok(Some(Packet::Data(payload)))
        }
        _ => Err(PacketError::Length),
    }
}

fn parse_length(digits: [u8; 4]) -> Result<usize, PacketError> {
    let digit = |b: u8| (b as char).to_digit(16).ok_or(PacketError::Length);
    digits.iter().try_fold(0, |n, b| Ok(n * 16 + digit(*b)? as usize))
}

/// Fills the buffer, or reads nothing at all because the stream has ended.
fn read_up_to(input: &mut (impl Read + ?Sized), buffer: &mut [u8]) -> Result<usize, PacketError> {
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match input.read(rest) {
            Ok(0) if filled == 0 => return Ok(0),
            Ok(0) => return Err(PacketError::Truncated),
            Ok(n) => filled += n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(PacketError::Io(e)),
        }
    }
    Ok(filled)
}

/// Writes one data packet. The payload must fit: callers that have more split it.
pub fn write(output: &mut (impl Write + ?Sized), payload: &[u8]) -> io::Result<()> {
    if payload.len() > PAYLOAD_LENGTH_MAX {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "a packet's payload is too long"));
    }
    let mut packet = Vec::with_capacity(payload.len() + 4);
    packet.extend_from_slice(format!("{:04x}", payload.len() + 4).as_bytes());
    packet.extend_from_slice(payload);
    output.write_all(&packet)
}

pub fn write_flush(output: &mut (impl Write + ?Sized)) -> io::Result<()> {
    output.write_all(b"0000")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_each_kind_of_packet() {
        let mut input: &[u8] = b"0000000100020004000ahello\n";
        let mut packets = Vec::new();
        while let Some(packet) = read(&mut input).expect("well formed") {
            packets.push(packet);
        }
        let data = |b: &[u8]| Packet::Data(b.to_vec());
        assert_eq!(packets, [Packet::Flush, Packet::Delimiter, Packet::ResponseEnd, data(b""), data(b"hello\n")]);
    }

    #[test]
    fn refuses_what_is_malformed() {
        for bad in [&b"0003"[..], b"fff1", b"ffff", b"00g0", b" 004", b"+004", b"000", b"0008ab"] {
            assert!(read(&mut &*bad).is_err(), "{bad:?}");
        }
        assert!(read(&mut &b"0009"[..]).is_err());
    }

    #[test]
    fn length_is_limited() {
        let mut longest = Vec::new();
        write(&mut longest, &[b'x'; PAYLOAD_LENGTH_MAX]).expect("fits");
        assert!(longest.starts_with(b"fff0"));
        assert!(matches!(read(&mut &longest[..]), Ok(Some(Packet::Data(d))) if d.len() == PAYLOAD_LENGTH_MAX));
        assert!(write(&mut Vec::new(), &[b'x'; PAYLOAD_LENGTH_MAX + 1]).is_err());
    }
}
