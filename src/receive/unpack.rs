//! Takes a pack into the quarantine: indexed, every object checked, everything connected.

use super::connect::connect;
use super::findings::{Findings, bytes};
use super::index_file::{self, Row};
use super::ingest::{self, Setting, Source, Table};
use super::resolve::{Resolved, resolve};
use super::{ClientFault, InternalFault, Progress, Quarantine, ReceiveError, Received};
use crate::git::{ObjectStore, Objects};
use crate::model::{Limits, ObjectId};
use gix::hash::Kind::Sha1;
use gix::objs::Kind;
use std::collections::HashSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::atomic::AtomicBool;

/// Reads one pack from `input`, exactly to its end, and puts it with its index into the quarantine.
///
/// A pack with bad objects is taken too, so that the push can be told of all of them; nothing of it leaves the
/// quarantine as long as there is a problem.
pub fn unpack(
    input: &mut dyn BufRead,
    quarantine: &mut Quarantine,
    base: &ObjectStore,
    limits: &Limits,
    progress: &(dyn Fn(Progress) + Sync),
    stop: &AtomicBool,
) -> Result<Received, ReceiveError> {
    let path = quarantine.pack_dir().join("tmp_pack");
    let opened = OpenOptions::new().read(true).write(true).create_new(true).open(&path);
    let file = opened.map_err(InternalFault::Quarantine)?;
    let findings = Findings::new(limits.findings_max, None);
    let setting = Setting { limits, findings: &findings, progress, stop, held_max: ingest::HELD_MAX };
    let table = ingest::read(input, BufWriter::with_capacity(256 * 1024, &file), setting)?;
    let (objects, pack_bytes) = (table.entries.len() as u32, table.end + 20);
    if objects == 0 {
        fs::remove_file(&path).map_err(InternalFault::Quarantine)?;
        return Ok(Received { objects, pack_bytes, ..Received::default() });
    }
    let (rows, checksum) = index(table, &file, base, setting)?;
    keep(quarantine, &path, &rows, &checksum).map_err(InternalFault::Quarantine)?;
    let mut roots = Vec::new();
    let problems = connect(findings, &rows, || quarantine.store(), base, limits.findings_max, &mut roots)?;
    Ok(Received { objects, pack_bytes, problems: problems.list, more_problems: problems.more, roots })
}

/// Resolves the deltas, completes a thin pack, and returns all objects sorted by id with the pack's checksum.
fn index(
    mut table: Table,
    file: &File,
    base: &ObjectStore,
    setting: Setting<'_>,
) -> Result<(Vec<Row>, [u8; 20]), ReceiveError> {
    let (resolved, external) = resolve(&table, file, base, setting)?;
    let mut rows = rows(&mut table, resolved);
    // A base that the mirror has may have come with the pack as well, as a delta that was resolved later.
    let known: HashSet<[u8; 20]> = match external.is_empty() {
        true => HashSet::new(),
        false => rows.iter().map(|row| row.id).collect(),
    };
    let external: Vec<ObjectId> = external.into_iter().filter(|id| !known.contains(&bytes(id))).collect();
    let mut checksum = table.checksum;
    if !external.is_empty() {
        checksum = complete(file, table.end, &external, base, &mut rows)?;
    }
    rows.sort_unstable_by_key(|row| row.id);
    if let Some((row, _)) = rows.iter().zip(rows.iter().skip(1)).find(|(a, b)| a.id == b.id) {
        return Err(ClientFault::Duplicate(row.id.into()).into());
    }
    Ok((rows, checksum))
}

/// Every entry of the pack as an object.
pub(super) fn rows(table: &mut Table, resolved: Vec<Resolved>) -> Vec<Row> {
    let mut kinds: Vec<Kind> = table
        .entries
        .iter()
        .map(|entry| match entry.source {
            Source::Whole(kind) => kind,
            Source::Entry(_) | Source::Id(_) => Kind::Blob,
        })
        .collect();
    for Resolved { index, id, kind } in resolved {
        if let (Some(entry), Some(slot)) = (table.entries.get_mut(index as usize), kinds.get_mut(index as usize)) {
            entry.id = id;
            *slot = kind;
        }
    }
    let row =
        |(entry, kind): (ingest::Entry, Kind)| Row { id: entry.id, offset: entry.offset, crc32: entry.crc32, kind };
    std::mem::take(&mut table.entries).into_iter().zip(kinds).map(row).collect()
}

/// Appends the bases a thin pack leaves out, so that the pack stands by itself, and corrects count and checksum.
fn complete(
    file: &File,
    end: u64,
    external: &[ObjectId],
    base: &ObjectStore,
    rows: &mut Vec<Row>,
) -> Result<[u8; 20], ReceiveError> {
    let objects = Objects::new(None, base);
    let mut buffer = Vec::new();
    let mut output = BufWriter::new(file);
    output.seek(SeekFrom::Start(end)).map_err(InternalFault::Quarantine)?;
    let mut offset = end;
    for id in external {
        let kind = objects.find(id, &mut buffer).map_err(InternalFault::from)?;
        let kind = kind.ok_or(InternalFault::Objects(crate::git::ReadError::Missing(*id)))?;
        let entry = encode(kind, &buffer).map_err(InternalFault::Quarantine)?;
        output.write_all(&entry).map_err(InternalFault::Quarantine)?;
        rows.push(Row { id: bytes(id), offset, crc32: crc32fast::hash(&entry), kind });
        offset += entry.len() as u64;
    }
    output.flush().map_err(InternalFault::Quarantine)?;
    let count = u32::try_from(rows.len()).map_err(|_| InternalFault::Memory)?;
    seal(file, offset, count).map_err(|error| InternalFault::Quarantine(error).into())
}

/// One whole object as an entry of a pack.
pub(super) fn encode(kind: Kind, data: &[u8]) -> io::Result<Vec<u8>> {
    use gix::zlib::{Compression, stream::deflate};
    let type_bits: u8 = match kind {
        Kind::Commit => 1,
        Kind::Tree => 2,
        Kind::Blob => 3,
        Kind::Tag => 4,
    };
    let mut entry = Vec::new();
    let mut rest = data.len() as u64;
    let mut byte = (type_bits << 4) | (rest & 15) as u8;
    rest >>= 4;
    while rest > 0 {
        entry.push(byte | 0x80);
        byte = (rest & 0x7f) as u8;
        rest >>= 7;
    }
    entry.push(byte);
    let mut compressor = deflate::Write::new(entry, Compression::BEST_SPEED);
    compressor.write_all(data)?;
    compressor.flush()?;
    Ok(compressor.into_inner())
}

/// Writes the number of objects into a pack's header and the checksum at its end.
fn seal(mut file: &File, end: u64, objects: u32) -> io::Result<[u8; 20]> {
    file.seek(SeekFrom::Start(8))?;
    file.write_all(&objects.to_be_bytes())?;
    file.seek(SeekFrom::Start(0))?;
    let mut hasher = gix::hash::hasher(Sha1);
    let mut reader = BufReader::with_capacity(256 * 1024, file.take(end));
    loop {
        let chunk = reader.fill_buf()?;
        if chunk.is_empty() {
            break;
        }
        hasher.update(chunk);
        let length = chunk.len();
        reader.consume(length);
    }
    let checksum = bytes(&hasher.try_finalize().map_err(io::Error::other)?);
    file.seek(SeekFrom::Start(end))?;
    file.write_all(&checksum)?;
    file.set_len(end + 20)?;
    Ok(checksum)
}

/// Writes the index and gives both files the name they will have in the mirror.
fn keep(quarantine: &mut Quarantine, tmp_pack: &Path, rows: &[Row], checksum: &[u8; 20]) -> io::Result<()> {
    let dir = quarantine.pack_dir();
    let tmp_index = dir.join("tmp_idx");
    let file = OpenOptions::new().write(true).create_new(true).open(&tmp_index)?;
    index_file::write(BufWriter::with_capacity(256 * 1024, file), rows, checksum)?;
    let pack = dir.join(format!("pack-{}.pack", ObjectId::from(*checksum)));
    fs::rename(tmp_pack, &pack)?;
    fs::rename(tmp_index, pack.with_extension("idx"))?;
    quarantine.set_pack(pack);
    Ok(())
}
