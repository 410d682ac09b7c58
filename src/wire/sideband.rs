//! side-band-64k: three streams on one (gitprotocol-pack, "Packfile Data" and gitprotocol-capabilities).

use crate::wire::pkt_line::{self, Packet, PacketError};
use std::io::{self, Read, Write};

/// Which stream a packet belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Band {
    Data = 1,
    Progress = 2,
    Error = 3,
}

/// The most bytes one side-band packet carries beside its band number.
pub const CHUNK_LENGTH_MAX: usize = pkt_line::PAYLOAD_LENGTH_MAX - 1;

/// Writes bytes on a band, in as many packets as they need.
pub fn write(output: &mut (impl Write + ?Sized), band: Band, bytes: &[u8]) -> io::Result<()> {
    let mut buffer = Vec::with_capacity(bytes.len() + 5);
    for chunk in bytes.chunks(CHUNK_LENGTH_MAX) {
        let mut payload = Vec::with_capacity(chunk.len() + 1);
        payload.push(band as u8);
        payload.extend_from_slice(chunk);
        pkt_line::write(&mut buffer, &payload)?;
    }
    output.write_all(&buffer)
}

#[derive(Debug, thiserror::Error)]
pub enum SidebandError {
    #[error(transparent)]
    Packet(#[from] PacketError),
    #[error("a packet is on no known band")]
    Band,
    #[error("more than {0} bytes on the data band")]
    TooLong(usize),
}

/// Reads all bands to the flush packet or the end of the stream: the data band is returned, the others go to `other`.
pub fn read_to_end(
    input: &mut (impl Read + ?Sized),
    data_bytes_max: usize,
    mut other: impl FnMut(Band, &[u8]),
) -> Result<Vec<u8>, SidebandError> {
    let mut data = Vec::new();
    while let Some(packet) = pkt_line::read(input)? {
        let payload = match packet {
            Packet::Flush => break,
            Packet::Data(payload) => payload,
            Packet::Delimiter | Packet::ResponseEnd => return Err(SidebandError::Band),
        };
        match payload.split_first() {
            Some((1, bytes)) if data.len().saturating_add(bytes.len()) > data_bytes_max => {
                return Err(SidebandError::TooLong(data_bytes_max));
            }
            Some((1, bytes)) => data.extend_from_slice(bytes),
            Some((2, bytes)) => other(Band::Progress, bytes),
            Some((3, bytes)) => other(Band::Error, bytes),
            // An empty packet keeps the connection alive.
            None => {}
            Some(_) => return Err(SidebandError::Band),
        }
    }
    Ok(data)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let long = vec![b'x'; CHUNK_LENGTH_MAX * 2 + 1];
        let mut bytes = Vec::new();
        write(&mut bytes, Band::Data, &long).expect("write");
        write(&mut bytes, Band::Progress, b"hello").expect("write");
        write(&mut bytes, Band::Data, b"end").expect("write");
        pkt_line::write_flush(&mut bytes).expect("write");
        let mut heard = Vec::new();
        let data =
            read_to_end(&mut &bytes[..], long.len() + 3, |band, b| heard.push((band, b.to_vec()))).expect("read");
        assert_eq!(data, [&long[..], b"end"].concat());
        assert_eq!(heard, [(Band::Progress, b"hello".to_vec())]);
        assert!(matches!(read_to_end(&mut &bytes[..], long.len() + 2, |_, _| ()), Err(SidebandError::TooLong(_))));
    }

    #[test]
    fn refuses_an_unknown_band() {
        assert!(read_to_end(&mut &b"0006\x04x"[..], 9, |_, _| ()).is_err());
    }
}
