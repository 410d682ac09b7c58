//! An existing repository on this machine, found as git-receive-pack finds it.

use crate::git::command::{CommandError, GitCommand};
use crate::model::RefName;
use std::ffi::OsStr;
use std::fs::File;
use std::io::Read;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where a repository and its objects are; absolute paths.
#[derive(Debug, Clone)]
pub struct Repository {
    pub git_dir: PathBuf,
    pub objects_dir: PathBuf,
}

#[derive(Debug, thiserror::Error)]
pub enum LocalError {
    #[error("{} is not a git repository", .0.display())]
    NotARepository(PathBuf),
    #[error(transparent)]
    Command(#[from] CommandError),
}

/// Whether a ref of the repository in `dir` is symbolic: then a push to it would move another ref.
///
/// Only what is in the file of the ref itself tells: packed refs are never symbolic.
#[must_use]
pub fn is_symbolic_ref(dir: &Path, name: &RefName) -> bool {
    let name = OsStr::from_bytes(name.as_bstr());
    let starts_as_symbolic = |path: PathBuf| {
        let mut start = [0; 4];
        File::open(path).and_then(|mut file| file.read_exact(&mut start)).is_ok() && start == *b"ref:"
    };
    starts_as_symbolic(dir.join(name)) || starts_as_symbolic(dir.join(".git").join(name))
}

const TIME_MAX: Duration = Duration::from_secs(30);

impl Repository {
    /// Opens `dir`, `dir/.git`, `dir.git` or `dir.git/.git`, the first that is one: gitrepository-layout's ways to
    /// name a repository in a URL.
    pub fn open(dir: &Path) -> Result<Self, LocalError> {
        let mut with_suffix = dir.as_os_str().to_owned();
        with_suffix.push(".git");
        let with_suffix = PathBuf::from(with_suffix);
        let candidates = [dir.join(".git"), dir.to_owned(), with_suffix.join(".git"), with_suffix];
        let found = candidates
            .iter()
            .find(|path| path.is_file() || path.join("HEAD").exists() && path.join("objects").exists());
        let found = found.ok_or_else(|| LocalError::NotARepository(dir.to_owned()))?;
        let mut command = GitCommand::git("rev-parse")?;
        let absolute = std::path::absolute(found).map_err(CommandError::Spawn)?;
        command.git_dir(&absolute).setting("safe.directory", "*");
        command.args(["--path-format=absolute", "--git-dir", "--git-path", "objects"]);
        let output = command.run(b"", TIME_MAX, 64 * 1024)?;
        let mut lines =
            output.split(|byte| *byte == b'\n').map(|line| PathBuf::from(std::ffi::OsString::from_vec(line.to_vec())));
        match (lines.next(), lines.next()) {
            (Some(git_dir), Some(objects_dir)) if objects_dir.is_dir() => Ok(Self { git_dir, objects_dir }),
            _ => Err(LocalError::NotARepository(dir.to_owned())),
        }
    }
}
