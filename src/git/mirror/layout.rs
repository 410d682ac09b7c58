//! The files of a mirror that are not objects and refs: made by us, with no template and a fixed configuration.

use crate::model::RefName;
use bstr::ByteSlice;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::SystemTime;
use tempfile::NamedTempFile;

pub(super) const CONFIG: &str = "\
[core]
\trepositoryformatversion = 0
\tbare = true
\tfilemode = true
\tlogAllRefUpdates = false
\tcheckRoundtripEncoding = utf-8
[gc]
\tauto = 0
[receive]
\tdenyCurrentBranch = refuse
";

const FETCHING: &str = "refgate-fetching";
const REFRESHED: &str = "refgate-refreshed";

/// Where upload-pack finds what one fetch may see.
pub(in crate::git) const SERVE: &str = "refgate-serve";

/// Makes the directories and files that are missing, and takes away what a process that died left locked.
pub(super) fn create_or_repair(dir: &Path) -> io::Result<()> {
    for part in ["objects/pack", "objects/info", "refs/heads", "refs/tags", SERVE] {
        fs::create_dir_all(dir.join(part))?;
    }
    // Whatever is written there, ours holds.
    write_whole(dir, "config", CONFIG.as_bytes())?;
    // git takes a directory for a repository only if it has a HEAD, so this comes last.
    if !dir.join("HEAD").exists() {
        write_whole(dir, "HEAD", b"ref: refs/heads/main\n")?;
    }
    remove_locks(&dir.join("refs"))?;
    for lock in ["packed-refs.lock", "HEAD.lock", "config.lock"] {
        remove_if_there(&dir.join(lock))?;
    }
    fs::read_dir(dir.join(SERVE))?.try_for_each(|entry| fs::remove_dir_all(entry?.path()))
}

/// No ref name ends in `.lock`, so these can only be locks.
fn remove_locks(dir: &Path) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            remove_locks(&entry.path())?;
        } else if entry.file_name().as_bytes().ends_with(b".lock") {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
        _ => Ok(()),
    }
}

fn write_whole(dir: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    let mut file = NamedTempFile::new_in(dir)?;
    file.write_all(bytes)?;
    file.persist(dir.join(name)).map_err(|e| e.error)?;
    Ok(())
}

pub(super) fn write_head(dir: &Path, head: &RefName) -> io::Result<()> {
    write_whole(dir, "HEAD", &[b"ref: ", head.as_bstr().as_bytes(), b"\n"].concat())
}

pub(super) fn read_head(dir: &Path) -> io::Result<Option<RefName>> {
    let mut bytes = Vec::new();
    File::open(dir.join("HEAD"))?.take(4096).read_to_end(&mut bytes)?;
    Ok(parse_head(&bytes))
}

fn parse_head(bytes: &[u8]) -> Option<RefName> {
    RefName::parse(bytes.strip_prefix(b"ref: ")?.trim_end()).ok()
}

/// The branch a local repository's HEAD names, bare or not; `None` where the file alone does not tell.
pub(super) fn local_head(repository: &Path) -> Option<RefName> {
    [repository.join(".git"), repository.to_owned()].iter().find_map(|dir| {
        // A repository that keeps its refs elsewhere has a HEAD that names nothing.
        (!dir.join("reftable").exists()).then(|| read_head(dir).ok().flatten())?
    })
}

pub(super) fn touch_refreshed(dir: &Path) -> io::Result<()> {
    let file = File::options().create(true).truncate(false).write(true).open(dir.join(REFRESHED))?;
    file.set_modified(SystemTime::now())
}

pub(super) fn refreshed_at(dir: &Path) -> Option<SystemTime> {
    fs::metadata(dir.join(REFRESHED)).ok()?.modified().ok()
}

/// Marks that objects may come in whose own objects are not there yet.
pub(super) fn set_fetching(dir: &Path) -> io::Result<()> {
    File::create(dir.join(FETCHING)).map(drop)
}

pub(super) fn clear_fetching(dir: &Path) -> io::Result<()> {
    remove_if_there(&dir.join(FETCHING))
}

pub(super) fn is_fetching(dir: &Path) -> bool {
    dir.join(FETCHING).exists()
}

pub(super) fn count_packs(dir: &Path) -> io::Result<usize> {
    let mut count = 0;
    for entry in fs::read_dir(dir.join("objects/pack"))? {
        count += usize::from(entry?.file_name().as_bytes().ends_with(b".pack"));
    }
    Ok(count)
}
