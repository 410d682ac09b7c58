//! Applies a delta to its base (gitformat-pack, "Deltified representation").

/// The delta breaks its own rules, or its result would be larger than allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeltaFault {
    Malformed,
    TooLarge,
}

/// Writes the result into `output`, which is cleared first and never grows beyond `bytes_max`.
pub fn apply(base: &[u8], delta: &[u8], bytes_max: u64, output: &mut Vec<u8>) -> Result<(), DeltaFault> {
    output.clear();
    let mut input = Input(delta);
    if input.size()? != base.len() as u64 {
        return Err(DeltaFault::Malformed);
    }
    let size = input.size()?;
    if size > bytes_max {
        return Err(DeltaFault::TooLarge);
    }
    let size = usize::try_from(size).map_err(|_| DeltaFault::TooLarge)?;
    output.try_reserve_exact(size).map_err(|_| DeltaFault::TooLarge)?;
    while let Some(command) = input.byte() {
        let part = match command {
            0 => None,
            0x80.. => input.copy_range(command).and_then(|(start, end)| base.get(start..end)),
            length => input.take(usize::from(length)),
        };
        let part = part.ok_or(DeltaFault::Malformed)?;
        if part.len() > size - output.len() {
            return Err(DeltaFault::Malformed);
        }
        output.extend_from_slice(part);
    }
    if output.len() == size { Ok(()) } else { Err(DeltaFault::Malformed) }
}

struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (part, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(part)
    }

    fn size(&mut self) -> Result<u64, DeltaFault> {
        let mut size = 0_u64;
        for shift in (0..63).step_by(7) {
            let byte = self.byte().ok_or(DeltaFault::Malformed)?;
            size |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(size);
            }
        }
        Err(DeltaFault::Malformed)
    }

    /// Four bits say which bytes of the offset follow, three more which of the length.
    fn copy_range(&mut self, command: u8) -> Option<(usize, usize)> {
        let mut number = |bits: std::ops::Range<u8>| {
            let mut value = 0_usize;
            for (position, bit) in bits.enumerate() {
                if command & (1 << bit) != 0 {
                    value |= usize::from(self.byte()?) << (8 * position);
                }
            }
            Some(value)
        };
        let start = number(0..4)?;
        let length = match number(4..7)? {
            0 => 0x10000,
            length => length,
        };
        Some((start, start.checked_add(length)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(base: &[u8], delta: &[u8]) -> Result<Vec<u8>, DeltaFault> {
        let mut output = vec![1, 2, 3];
        apply(base, delta, 70_000, &mut output).map(|()| output)
    }

    #[test]
    fn copies_and_inserts() {
        assert_eq!(run(b"hello world", b"\x0b\x08\x91\x06\x05\x03abc"), Ok(b"worldabc".to_vec()));
        assert_eq!(run(b"", b"\x00\x00"), Ok(vec![]));
        let base = vec![7; 0x10000];
        assert_eq!(run(&base, b"\x80\x80\x04\x80\x80\x04\x80").map(|r| r.len()), Ok(0x10000));
    }

    #[test]
    fn malformed_deltas_are_refused() {
        let base = b"hello world";
        for delta in [
            &b""[..],
            b"\x0b",
            b"\x0a\x01\x01a",
            b"\x0b\x01\x00",
            b"\x0b\x01\x02ab",
            b"\x0b\x02\x01a",
            b"\x0b\x03\x05ab",
            b"\x0b\x05\x91\x07\x05",
            b"\x0b\x05\x91\x06",
            b"\x0b\x05\xff\xff\xff\xff\xff\xff\xff\xff",
            b"\x8b\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01\x05",
        ] {
            assert_eq!(run(base, delta), Err(DeltaFault::Malformed), "{delta:?}");
        }
        assert_eq!(run(b"", b"\x00\xf1\xa2\x04"), Err(DeltaFault::TooLarge));
        assert_eq!(run(b"", b"\x00\xff\xff\xff\xff\xff\xff\xff\x7f"), Err(DeltaFault::TooLarge));
    }
}
