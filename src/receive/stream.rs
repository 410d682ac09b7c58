//! Reads a pack from its first byte to its last, and not one more (gitformat-pack).
//!
//! Nothing a header says is believed before the bytes are there: buffers grow with what arrives.

use super::{ClientFault, InternalFault, ReceiveError};
use crate::model::{Limits, ObjectId};
use gix::hash::Kind::Sha1;
use gix::objs::Kind;
use gix::zlib::{Decompress, FlushDecompress, Status};
use std::io::{BufRead, ErrorKind, Write};
use std::sync::atomic::{AtomicBool, Ordering};

/// How an object stands in a pack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    Whole(Kind),
    /// A delta against the object at this offset.
    OffsetDelta(u64),
    /// A delta against the object of this id.
    RefDelta(ObjectId),
}

/// The start of one entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    pub offset: u64,
    pub length: u8,
    pub form: Form,
    /// Of the object or the delta, inflated, as the pack says.
    pub size: u64,
}

/// The pack on its way in: hashed, counted and copied to `copy` as it is read.
pub struct Stream<'a, W> {
    input: &'a mut dyn BufRead,
    copy: W,
    limits: &'a Limits,
    stop: &'a AtomicBool,
    hasher: gix::hash::Hasher,
    crc32: crc32fast::Hasher,
    inflate: Decompress,
    scratch: Vec<u8>,
    /// Bytes read so far.
    offset: u64,
}

/// Bytes inflated at a time.
const SCRATCH: usize = 64 * 1024;

impl<'a, W: Write> Stream<'a, W> {
    /// Reads the pack's header; the number of objects comes with it.
    pub fn open(
        input: &'a mut dyn BufRead,
        copy: W,
        limits: &'a Limits,
        stop: &'a AtomicBool,
    ) -> Result<(Self, u32), ReceiveError> {
        let mut stream = Self {
            input,
            copy,
            limits,
            stop,
            hasher: gix::hash::hasher(Sha1),
            crc32: crc32fast::Hasher::new(),
            inflate: Decompress::new(),
            scratch: vec![0; SCRATCH],
            offset: 0,
        };
        let signature = stream.take::<4>()?;
        if &signature != b"PACK" {
            return Err(ClientFault::NotAPack.into());
        }
        let version = u32::from_be_bytes(stream.take()?);
        if !matches!(version, 2 | 3) {
            return Err(ClientFault::Version(version).into());
        }
        let objects = u32::from_be_bytes(stream.take()?);
        if objects > limits.pack_objects_max {
            return Err(ClientFault::PackObjects(limits.pack_objects_max).into());
        }
        Ok((stream, objects))
    }

    #[must_use]
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Reads the start of the next entry.
    pub fn head(&mut self) -> Result<Head, ReceiveError> {
        let offset = self.offset;
        let malformed = || ClientFault::Entry(offset);
        self.crc32 = crc32fast::Hasher::new();
        let mut byte = self.byte()?;
        let type_bits = (byte >> 4) & 7;
        let mut size = u64::from(byte & 15);
        let mut shift = 4;
        while byte & 0x80 != 0 {
            byte = self.byte()?;
            if shift > 56 {
                return Err(malformed().into());
            }
            size |= u64::from(byte & 0x7f) << shift;
            shift += 7;
        }
        let form = match type_bits {
            1 => Form::Whole(Kind::Commit),
            2 => Form::Whole(Kind::Tree),
            3 => Form::Whole(Kind::Blob),
            4 => Form::Whole(Kind::Tag),
            6 => Form::OffsetDelta(self.base_offset(offset)?),
            7 => Form::RefDelta(ObjectId::from(self.take::<20>()?)),
            _ => return Err(malformed().into()),
        };
        if size > self.limits.object_bytes_max {
            return Err(ClientFault::ObjectBytes(self.limits.object_bytes_max).into());
        }
        let length = u8::try_from(self.offset - offset).map_err(|_| malformed())?;
        Ok(Head { offset, length, form, size })
    }

    /// The distance to the base, seven bits a byte, each continuation adding one.
    fn base_offset(&mut self, offset: u64) -> Result<u64, ReceiveError> {
        let malformed = || ReceiveError::from(ClientFault::BaseOffset(offset));
        let mut byte = self.byte()?;
        let mut distance = u64::from(byte & 0x7f);
        while byte & 0x80 != 0 {
            byte = self.byte()?;
            distance = distance.checked_add(1).filter(|d| *d < 1 << 56).ok_or_else(malformed)?;
            distance = (distance << 7) | u64::from(byte & 0x7f);
        }
        offset.checked_sub(distance).filter(|base| *base < offset).ok_or_else(malformed)
    }

    /// Inflates the entry's data, handing it to `take` in pieces; returns the CRC-32 over the entry's bytes.
    pub fn data(&mut self, head: &Head, mut take: impl FnMut(&[u8])) -> Result<u32, ReceiveError> {
        // Deflate needs no more than this; without a bound, empty blocks could go on for as long as the pack may be.
        let compressed_max = head.size.saturating_mul(2).saturating_add(64 * 1024);
        let broken = || ReceiveError::from(ClientFault::Zlib(head.offset));
        self.inflate.reset();
        loop {
            let chunk = fill(self.input, self.stop)?;
            let (before_in, before_out) = (self.inflate.total_in(), self.inflate.total_out());
            let result = self.inflate.decompress(chunk, &mut self.scratch, FlushDecompress::None);
            let consumed = self.inflate.total_in() - before_in;
            let written = self.inflate.total_out() - before_out;
            let (consumed, written) = (usize::try_from(consumed).ok(), usize::try_from(written).ok());
            let used = consumed.and_then(|n| chunk.get(..n)).ok_or_else(broken)?;
            self.hasher.update(used);
            self.crc32.update(used);
            self.copy.write_all(used).map_err(InternalFault::Quarantine)?;
            let is_stuck = used.is_empty() && written == Some(0);
            let length = used.len();
            self.input.consume(length);
            self.count(length)?;
            let status = result.map_err(|_| broken())?;
            if self.inflate.total_out() > head.size {
                return Err(ClientFault::Size(head.offset).into());
            }
            take(written.and_then(|n| self.scratch.get(..n)).ok_or_else(broken)?);
            match status {
                Status::StreamEnd if self.inflate.total_out() == head.size => break,
                Status::StreamEnd => return Err(ClientFault::Size(head.offset).into()),
                Status::Ok | Status::BufError if is_stuck => return Err(broken()),
                Status::Ok | Status::BufError => {}
            }
            if self.inflate.total_in() > compressed_max {
                return Err(broken());
            }
        }
        Ok(std::mem::take(&mut self.crc32).finalize())
    }

    /// Reads the checksum at the pack's end and compares it.
    pub fn trailer(mut self) -> Result<[u8; 20], ReceiveError> {
        let hasher = std::mem::replace(&mut self.hasher, gix::hash::hasher(Sha1));
        let expected = hasher.try_finalize().map_err(|_| ClientFault::Checksum)?;
        let trailer = self.take::<20>()?;
        if expected.as_slice() != trailer {
            return Err(ClientFault::Checksum.into());
        }
        self.copy.flush().map_err(InternalFault::Quarantine)?;
        Ok(trailer)
    }

    fn byte(&mut self) -> Result<u8, ReceiveError> {
        self.take::<1>().map(|[byte]| byte)
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], ReceiveError> {
        let mut bytes = [0; N];
        for byte in &mut bytes {
            *byte = *fill(self.input, self.stop)?.first().ok_or(ClientFault::Truncated)?;
            self.input.consume(1);
        }
        self.hasher.update(&bytes);
        self.crc32.update(&bytes);
        self.copy.write_all(&bytes).map_err(InternalFault::Quarantine)?;
        self.count(N)?;
        Ok(bytes)
    }

    fn count(&mut self, bytes: usize) -> Result<(), ReceiveError> {
        self.offset = self.offset.saturating_add(bytes as u64);
        if self.offset > self.limits.pack_bytes_max {
            return Err(ClientFault::PackBytes(self.limits.pack_bytes_max).into());
        }
        Ok(())
    }
}

/// The next bytes of the input, at least one.
fn fill<'i>(input: &'i mut dyn BufRead, stop: &AtomicBool) -> Result<&'i [u8], ReceiveError> {
    loop {
        if stop.load(Ordering::Relaxed) {
            return Err(ReceiveError::Stopped);
        }
        match input.fill_buf() {
            Ok(_) => break,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(input_error(error)),
        }
    }
    // A second call, as the borrow checker does not let the first one's slice out of the loop; it reads nothing.
    match input.fill_buf() {
        Ok([]) => Err(ClientFault::Truncated.into()),
        Ok(bytes) => Ok(bytes),
        Err(error) => Err(input_error(error)),
    }
}

fn input_error(error: std::io::Error) -> ReceiveError {
    match error.kind() {
        ErrorKind::UnexpectedEof
        | ErrorKind::ConnectionReset
        | ErrorKind::ConnectionAborted
        | ErrorKind::BrokenPipe => ClientFault::Truncated.into(),
        _ => InternalFault::Input(error).into(),
    }
}
