//! The pack an upstream gets.

use super::{ForwardError, Source};
use crate::git::command::{CommandError, GitCommand};
use crate::git::{Made, PackEntries};
use crate::model::{ObjectId, RefName, RefUpdate};
use sha1::{Digest, Sha1};
use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;
use std::time::Duration;

/// A pack on disk, from its first byte to its checksum.
#[derive(Debug)]
pub(super) enum Pack {
    File(File),
    /// The pack with no objects.
    Empty,
    /// One that is there, if any, with objects of the gate's own at its end.
    Joined(Option<File>, PackEntries),
}

/// Bytes of a pack before its first object, and of its checksum.
const HEADER_BYTES: usize = 12;
const CHECKSUM_BYTES: usize = 20;

/// `PACK`, version 2, 0 objects, and their SHA-1.
pub(super) const EMPTY: [u8; 32] = *b"PACK\0\0\0\x02\0\0\0\0\
    \x02\x9d\x08\x82\x3b\xd8\xa8\xea\xb5\x10\xad\x6a\xc7\x5c\x82\x3c\xfd\x3e\xd3\x1e";

impl Pack {
    pub fn write_to(&self, output: &mut impl Write) -> io::Result<()> {
        match self {
            Self::Empty => output.write_all(&EMPTY),
            Self::File(file) => io::copy(&mut &*file, output).map(drop),
            Self::Joined(file, entries) => join(file.as_ref(), entries, output),
        }
    }
}

/// Writes the pack with the entries at its end: offsets within it stay what they are.
fn join(file: Option<&File>, entries: &PackEntries, output: &mut impl Write) -> io::Result<()> {
    let mut header = *EMPTY.first_chunk::<HEADER_BYTES>().unwrap_or(&[0; HEADER_BYTES]);
    let mut rest = 0;
    if let Some(mut file) = file {
        file.read_exact(&mut header)?;
        let length = file.metadata()?.len();
        rest = length.checked_sub((HEADER_BYTES + CHECKSUM_BYTES) as u64).ok_or(io::ErrorKind::UnexpectedEof)?;
    }
    let [.., a, b, c, d] = header;
    let count = u32::from_be_bytes([a, b, c, d]).checked_add(entries.count).ok_or(io::ErrorKind::InvalidData)?;
    header[HEADER_BYTES - 4..].copy_from_slice(&count.to_be_bytes());
    let mut hash = Sha1::new();
    let mut put = |bytes: &[u8]| {
        hash.update(bytes);
        output.write_all(bytes)
    };
    put(&header)?;
    let mut buffer = vec![0; 128 * 1024];
    let mut body = file.map(|file| file.take(rest));
    while let Some(body) = &mut body {
        match body.read(&mut buffer)? {
            0 if body.limit() > 0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            0 => break,
            n => put(buffer.get(..n).unwrap_or_default())?,
        }
    }
    put(&entries.bytes)?;
    output.write_all(&hash.finalize())
}

/// What to send first; nothing if all updates are deletes.
pub(super) fn first(
    updates: &[RefUpdate],
    source: Source<'_>,
    upstream_refs: &[(RefName, ObjectId)],
) -> Result<Option<Pack>, ForwardError> {
    let mut new = updates.iter().filter_map(|update| update.new).peekable();
    if new.peek().is_none() {
        return Ok(None);
    }
    let failed = |e: io::Error| ForwardError::Pack(e.into());
    let own = source.own.map(Made::pack_entries).transpose().map_err(failed)?;
    if let Some(path) = source.pack {
        let file = File::open(path).map_err(failed)?;
        return Ok(Some(match own {
            Some(own) => Pack::Joined(Some(file), own),
            None => Pack::File(file),
        }));
    }
    let tips: HashSet<_> = upstream_refs.iter().map(|(_, id)| *id).collect();
    let is_own = |id: &ObjectId| source.own.is_some_and(|own| own.get(id).is_some());
    if new.all(|id| tips.contains(&id) || is_own(&id)) {
        return Ok(Some(own.map_or(Pack::Empty, |own| Pack::Joined(None, own))));
    }
    make(updates, source, upstream_refs).map(Some)
}

const MAKE_TIME_MAX: Duration = Duration::from_secs(3600);

/// Makes a pack of all that the new values reach and the upstream's refs do not.
pub(super) fn make(
    updates: &[RefUpdate],
    source: Source<'_>,
    upstream_refs: &[(RefName, ObjectId)],
) -> Result<Pack, ForwardError> {
    let mut command = GitCommand::git("pack-objects")?;
    use_objects(&mut command, source);
    command.args(["--revs", "--stdout", "--thin", "--delta-base-offset", "-q"]);
    let objects = crate::git::Objects::new(None, source.objects);
    let mut input = Vec::new();
    for id in updates.iter().filter_map(|update| update.new) {
        input.extend_from_slice(format!("{id}\n").as_bytes());
    }
    for (_, id) in upstream_refs.iter().filter(|(_, id)| objects.in_base(id)) {
        input.extend_from_slice(format!("^{id}\n").as_bytes());
    }
    run_to_file(command, &input).map_err(|e| ForwardError::Pack(e.into()))
}

fn run_to_file(command: GitCommand, input: &[u8]) -> Result<Pack, CommandError> {
    let mut running = command.spawn(MAKE_TIME_MAX)?;
    let (mut stdin, mut stdout) = running.pipes()?;
    let mut file = tempfile::tempfile().map_err(CommandError::Pipe)?;
    let copied = std::thread::scope(|scope| {
        scope.spawn(move || {
            if let Err(e) = stdin.write_all(input) {
                tracing::debug!(error = %e, "pack-objects did not read all revisions");
            }
        });
        io::copy(&mut stdout, &mut file)
    });
    let status = running.wait()?;
    copied.and_then(|_| io::Seek::rewind(&mut file)).map_err(CommandError::Pipe)?;
    if status.success() { Ok(Pack::File(file)) } else { Err(CommandError::Failed(status)) }
}

/// Lets a git see the quarantine's objects over the mirror's.
pub(super) fn use_objects(command: &mut GitCommand, source: Source<'_>) {
    command.git_dir(source.git_dir);
    if let Some(quarantine) = source.quarantine {
        command.env("GIT_OBJECT_DIRECTORY", quarantine);
        command.env("GIT_ALTERNATE_OBJECT_DIRECTORIES", list_entry(source.objects_dir));
    }
}

/// A path as an entry of a list that is joined by colons: C-quoted if need be.
fn list_entry(path: &Path) -> OsString {
    let bytes = path.as_os_str().as_bytes();
    if !bytes.contains(&b':') && !bytes.starts_with(b"\"") {
        return OsStr::from_bytes(bytes).to_owned();
    }
    let mut quoted = vec![b'"'];
    for byte in bytes {
        if matches!(byte, b'"' | b'\\') {
            quoted.push(b'\\');
        }
        quoted.push(*byte);
    }
    quoted.push(b'"');
    OsString::from_vec(quoted)
}
