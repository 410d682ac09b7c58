//! Writes a pack index, version 2 (gitformat-pack).

use gix::hash::Kind::Sha1;
use std::io::{self, Write};

/// One object of a pack, as its index knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    pub id: [u8; 20],
    pub offset: u64,
    pub crc32: u32,
    pub kind: gix::objs::Kind,
}

/// Offsets from here on go to the table of 64-bit offsets.
const LARGE_OFFSET: u64 = 0x8000_0000;

/// `rows` must be sorted by id.
pub fn write(output: impl Write, rows: &[Row], pack_checksum: &[u8; 20]) -> io::Result<()> {
    let mut output = Hashing { inner: output, hasher: gix::hash::hasher(Sha1) };
    output.write_all(b"\xfftOc\x00\x00\x00\x02")?;
    write_fanout(&mut output, rows)?;
    for row in rows {
        output.write_all(&row.id)?;
    }
    for row in rows {
        output.write_all(&row.crc32.to_be_bytes())?;
    }
    write_offsets(&mut output, rows)?;
    output.write_all(pack_checksum)?;
    output.flush()?;
    let checksum = output.hasher.try_finalize().map_err(io::Error::other)?;
    output.inner.write_all(checksum.as_slice())?;
    output.inner.flush()
}

/// For each first byte, how many ids have it or a smaller one.
fn write_fanout(output: &mut impl Write, rows: &[Row]) -> io::Result<()> {
    let mut counts = [0_u32; 256];
    for row in rows {
        if let Some(count) = row.id.first().and_then(|byte| counts.get_mut(usize::from(*byte))) {
            *count += 1;
        }
    }
    let mut total = 0_u32;
    for count in counts {
        total += count;
        output.write_all(&total.to_be_bytes())?;
    }
    Ok(())
}

fn write_offsets(output: &mut impl Write, rows: &[Row]) -> io::Result<()> {
    let mut large = Vec::new();
    for row in rows {
        let small = match u32::try_from(row.offset) {
            Ok(offset) if u64::from(offset) < LARGE_OFFSET => offset,
            _ => {
                large.push(row.offset);
                u32::try_from(large.len() - 1).map_err(io::Error::other)? | 0x8000_0000
            }
        };
        output.write_all(&small.to_be_bytes())?;
    }
    large.iter().try_for_each(|offset| output.write_all(&offset.to_be_bytes()))
}

/// Collects small writes, and hashes what goes through.
struct Hashing<W> {
    inner: W,
    hasher: gix::hash::Hasher,
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.hasher.update(bytes.get(..written).unwrap_or(bytes));
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_beyond_two_gigabytes_go_to_their_own_table() {
        let row = |first: u8, offset: u64| {
            let mut id = [0; 20];
            id[0] = first;
            Row { id, offset, crc32: 7, kind: gix::objs::Kind::Blob }
        };
        let rows = [row(1, 12), row(2, 0x7fff_ffff), row(3, 0x8000_0000), row(255, 1 << 40)];
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("pack-1.idx");
        write(std::fs::File::create(&path).expect("created"), &rows, &[9; 20]).expect("written");
        let index = gix::odb::pack::index::File::at(&path, Sha1).expect("readable");
        let read: Vec<u64> = index.iter().map(|entry| entry.pack_offset).collect();
        assert_eq!(read, [12, 0x7fff_ffff, 0x8000_0000, 1 << 40]);
        let stop = std::sync::atomic::AtomicBool::new(false);
        index.verify_checksum(&mut gix::progress::Discard, &stop).expect("checksum");
    }
}
