//! Large blobs, a piece at a time: what a pack or an object file holds as a whole needs no memory of its size.

use crate::git::ReadError;
use crate::model::ObjectId;
use gix::hash::Kind::Sha1;
use gix::odb::pack::data::entry::Header;
use gix::odb::pack::{data, index};
use gix::zlib::{Decompress, FlushDecompress, Status};
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

/// Bytes inflated at a time.
const PIECE_BYTES: usize = 256 * 1024;
/// The longest start of an object file: `blob`, a size and a NUL.
const HEADER_BYTES_MAX: usize = 64;

/// Streams a blob of the object directory; `false` if it is not there, or only as a delta.
pub(super) fn stream(objects_dir: &Path, id: &ObjectId, piece: &mut dyn FnMut(&[u8])) -> Result<bool, ReadError> {
    let failed = |error: io::Error| ReadError::Object(*id, error.to_string());
    let hex = id.to_hex().to_string();
    let (fan_out, rest) = hex.split_at(2);
    match File::open(objects_dir.join(fan_out).join(rest)) {
        Ok(file) => return loose(file, piece).map(|()| true).map_err(failed),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(failed(error)),
    }
    let entries = match std::fs::read_dir(objects_dir.join("pack")) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(failed(error)),
    };
    for entry in entries {
        let path = entry.map_err(failed)?.path();
        if path.extension().is_some_and(|extension| extension == "idx") && packed(&path, id, piece)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn packed(index: &Path, id: &ObjectId, piece: &mut dyn FnMut(&[u8])) -> Result<bool, ReadError> {
    let failed = |error: String| ReadError::Object(*id, error);
    let file = index::File::at(index, Sha1).map_err(|error| failed(error.to_string()))?;
    let Some(at) = file.lookup(id) else { return Ok(false) };
    let pack = data::File::at(index.with_extension("pack"), Sha1).map_err(|error| failed(error.to_string()))?;
    let entry = pack.entry(file.pack_offset_at_index(at)).map_err(|error| failed(error.to_string()))?;
    if entry.header != Header::Blob {
        return Ok(false);
    }
    let end = u64::try_from(pack.pack_end()).unwrap_or(u64::MAX);
    let compressed = pack.entry_slice(entry.data_offset..end).ok_or_else(|| failed("out of the pack".to_owned()))?;
    inflate(&mut &*compressed, piece).map_err(|error| failed(error.to_string()))?;
    Ok(true)
}

fn loose(file: File, piece: &mut dyn FnMut(&[u8])) -> io::Result<()> {
    let mut header = Some(Vec::new());
    inflate(&mut BufReader::with_capacity(PIECE_BYTES, file), &mut |bytes| {
        let Some(start) = &mut header else { return piece(bytes) };
        start.extend_from_slice(bytes);
        if let Some(end) = start.iter().take(HEADER_BYTES_MAX).position(|byte| *byte == 0) {
            piece(start.get(end + 1..).unwrap_or_default());
            header = None;
        }
    })?;
    match header {
        None => Ok(()),
        Some(_) => Err(io::Error::new(io::ErrorKind::InvalidData, "no object header")),
    }
}

/// Inflates one zlib stream.
fn inflate(input: &mut dyn BufRead, piece: &mut dyn FnMut(&[u8])) -> io::Result<()> {
    let mut state = Decompress::new();
    let mut output = vec![0; PIECE_BYTES];
    loop {
        let chunk = input.fill_buf()?;
        let is_end = chunk.is_empty();
        let (before_in, before_out) = (state.total_in(), state.total_out());
        let result = state.decompress(chunk, &mut output, FlushDecompress::None);
        let status = result.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error.to_string()))?;
        let read = usize::try_from(state.total_in() - before_in).unwrap_or(usize::MAX);
        let written = usize::try_from(state.total_out() - before_out).unwrap_or(usize::MAX);
        input.consume(read);
        piece(output.get(..written).unwrap_or_default());
        match status {
            Status::StreamEnd => return Ok(()),
            _ if is_end && written == 0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::command::GitCommand;
    use std::time::Duration;

    fn git(dir: &Path, args: &[&str], input: &[u8]) -> Vec<u8> {
        let mut command = GitCommand::git(args[0]).expect("git");
        command.git_dir(dir).args(&args[1..]);
        command.run(input, Duration::from_secs(60), 1 << 30).expect("it works")
    }

    #[test]
    fn a_blob_comes_in_pieces_from_a_file_and_from_a_pack() {
        let scratch = crate::git::scratch::Scratch::create().expect("a repository");
        let mut state = 1u32;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        };
        let blob: Vec<u8> = (0..3_000_000).map(|i| if i % 3 == 0 { next() } else { b'x' }).collect();
        let hex = git(scratch.path(), &["hash-object", "-w", "--stdin"], &blob);
        let id = ObjectId::from_hex(hex.trim_ascii_end()).expect("an id");
        let objects = scratch.path().join("objects");
        let read = || {
            let (mut whole, mut pieces) = (Vec::new(), 0);
            let found = stream(&objects, &id, &mut |piece| {
                whole.extend_from_slice(piece);
                pieces += 1;
                assert!(piece.len() <= PIECE_BYTES);
            });
            (found.expect("it reads"), whole == blob, pieces > 3)
        };
        assert_eq!(read(), (true, true, true));
        let line = [hex.trim_ascii_end(), b"\n"].concat();
        git(scratch.path(), &["pack-objects", "-q", objects.join("pack/pack").to_str().expect("UTF-8")], &line);
        let (fan_out, rest) = std::str::from_utf8(hex.trim_ascii_end()).expect("hex").split_at(2);
        std::fs::remove_file(objects.join(fan_out).join(rest)).expect("removed");
        assert_eq!(read(), (true, true, true));
        let other = ObjectId::from_hex(&[b'1'; 40]).expect("an id");
        assert!(!stream(&objects, &other, &mut |_| ()).expect("it reads"));
    }

    #[test]
    fn a_broken_file_is_an_error() {
        let dir = tempfile::tempdir().expect("a directory");
        let id = ObjectId::from_hex(&[b'1'; 40]).expect("an id");
        std::fs::create_dir_all(dir.path().join("11")).expect("made");
        std::fs::write(dir.path().join("11").join("1".repeat(38)), b"not zlib").expect("written");
        assert!(stream(dir.path(), &id, &mut |_| ()).is_err());
    }
}
