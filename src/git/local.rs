//! An existing repository on this machine, found as git-receive-pack finds it.

use crate::git::command::{CommandError, GitCommand};
use crate::model::{ObjectId, RefName};
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
    #[error("{} names its objects by SHA-256; refgate takes SHA-1 only", .0.display())]
    Sha256(PathBuf),
    #[error("git said something that is not understood")]
    Malformed,
    #[error("`{0}` names no commit here")]
    NoSuchRevision(String),
    #[error(transparent)]
    Command(#[from] CommandError),
}

/// A ref of a repository.
#[derive(Debug, Clone)]
pub struct Ref {
    pub name: RefName,
    pub id: ObjectId,
    /// What it stands for, if it is symbolic.
    pub target: Option<RefName>,
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
/// A million refs.
const REFS_BYTES_MAX: u64 = 256 << 20;

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
        command.args(["--path-format=absolute", "--git-dir", "--git-path", "objects", "--show-object-format"]);
        let output = command.run(b"", TIME_MAX, 64 * 1024)?;
        let mut lines =
            output.split(|byte| *byte == b'\n').map(|line| PathBuf::from(std::ffi::OsString::from_vec(line.to_vec())));
        match (lines.next(), lines.next()) {
            _ if lines.next().is_some_and(|format| format.as_os_str() == "sha256") => {
                Err(LocalError::Sha256(dir.to_owned()))
            }
            (Some(git_dir), Some(objects_dir)) if objects_dir.is_dir() => Ok(Self { git_dir, objects_dir }),
            _ => Err(LocalError::NotARepository(dir.to_owned())),
        }
    }

    /// Opens the nearest one at or above `dir`, as git does.
    pub fn around(dir: &Path) -> Result<Self, LocalError> {
        let absolute = std::path::absolute(dir).map_err(CommandError::Spawn)?;
        let found = absolute.ancestors().map(Self::open).find(|found| match found {
            Ok(_) | Err(LocalError::Sha256(_)) => true,
            Err(_) => false,
        });
        found.unwrap_or_else(|| Err(LocalError::NotARepository(dir.to_owned())))
    }

    fn git(&self, subcommand: &str) -> Result<GitCommand, LocalError> {
        let mut command = GitCommand::git(subcommand)?;
        command.git_dir(&self.git_dir).setting("safe.directory", "*");
        Ok(command)
    }

    /// All refs, HEAD not among them.
    pub fn refs(&self) -> Result<Vec<Ref>, LocalError> {
        let mut command = self.git("for-each-ref")?;
        command.arg("--format=%(objectname) %(refname) %(symref)");
        let output = command.run(b"", TIME_MAX, REFS_BYTES_MAX)?;
        let parse = |line: &[u8]| {
            let mut parts = line.splitn(3, |byte| *byte == b' ');
            let id = ObjectId::from_hex(parts.next()?).ok()?;
            let name = RefName::parse(parts.next()?).ok()?;
            Some(Ref { name, id, target: parts.next().and_then(|target| RefName::parse(target).ok()) })
        };
        let lines = output.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        lines.map(|line| parse(line).ok_or(LocalError::Malformed)).collect()
    }

    /// The branch HEAD is on; `None` if it is detached.
    pub fn branch(&self) -> Result<Option<RefName>, LocalError> {
        let mut command = self.git("symbolic-ref")?;
        command.args(["-q", "HEAD"]);
        let (status, output) = command.finish(b"", TIME_MAX, REFS_BYTES_MAX)?;
        let name = output.strip_suffix(b"\n").unwrap_or(&output);
        Ok(RefName::parse(name).ok().filter(|_| status.success()))
    }

    /// The commit that a revision names (gitrevisions(7)).
    pub fn commit(&self, revision: &str) -> Result<ObjectId, LocalError> {
        let mut command = self.git("rev-parse")?;
        command.args(["-q", "--verify", "--end-of-options"]).arg(format!("{revision}^{{commit}}"));
        let (status, output) = command.finish(b"", TIME_MAX, REFS_BYTES_MAX)?;
        let id = ObjectId::from_hex(output.strip_suffix(b"\n").unwrap_or(&output)).ok();
        id.filter(|_| status.success()).ok_or_else(|| LocalError::NoSuchRevision(revision.to_owned()))
    }

    /// The commits of a branch by first parents, newest first, each with its committer date: `since` a date git
    /// understands, at most `max`.
    pub fn first_parents(
        &self,
        tip: ObjectId,
        since: Option<i64>,
        max: Option<usize>,
    ) -> Result<Vec<Step>, LocalError> {
        let mut command = self.git("rev-list")?;
        command.args(["--first-parent", "--parents", "--timestamp"]);
        if let Some(since) = since {
            command.arg(format!("--since-as-filter={since}"));
        }
        if let Some(max) = max {
            command.arg(format!("--max-count={max}"));
        }
        command.arg(tip.to_string());
        let output = command.run(b"", Duration::from_secs(600), 1 << 32)?;
        let parse = |line: &[u8]| {
            let mut words = line.split(|byte| *byte == b' ');
            let time_s = std::str::from_utf8(words.next()?).ok()?.parse().ok()?;
            let id = ObjectId::from_hex(words.next()?).ok()?;
            Some(Step { id, parent: words.next().and_then(|word| ObjectId::from_hex(word).ok()), time_s })
        };
        let lines = output.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        lines.map(|line| parse(line).ok_or(LocalError::Malformed)).collect()
    }
}

/// One commit on the way back by first parents.
#[derive(Debug, Clone, Copy)]
pub struct Step {
    pub id: ObjectId,
    pub parent: Option<ObjectId>,
    /// Committer date, seconds since 1970.
    pub time_s: i64,
}
