//! The pack an upstream gets.

use super::{ForwardError, Source};
use crate::git::command::{CommandError, GitCommand};
use crate::model::{ObjectId, RefName, RefUpdate};
use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;
use std::time::Duration;

/// A pack on disk, from its first byte to its checksum.
#[derive(Debug)]
pub(super) enum Pack {
    File(File),
    /// The pack with no objects.
    Empty,
}

/// `PACK`, version 2, 0 objects, and their SHA-1.
pub(super) const EMPTY: [u8; 32] = *b"PACK\0\0\0\x02\0\0\0\0\
    \x02\x9d\x08\x82\x3b\xd8\xa8\xea\xb5\x10\xad\x6a\xc7\x5c\x82\x3c\xfd\x3e\xd3\x1e";

impl Pack {
    pub fn write_to(&self, output: &mut impl Write) -> io::Result<()> {
        match self {
            Self::Empty => output.write_all(&EMPTY),
            Self::File(file) => io::copy(&mut &*file, output).map(drop),
        }
    }
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
    if let Some(path) = source.pack {
        let file = File::open(path).map_err(|e| ForwardError::Pack(e.into()))?;
        return Ok(Some(Pack::File(file)));
    }
    let tips: HashSet<_> = upstream_refs.iter().map(|(_, id)| *id).collect();
    if new.all(|id| tips.contains(&id)) {
        return Ok(Some(Pack::Empty));
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
