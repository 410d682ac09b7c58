//! A throw-away bare repository, filled with what a test case says.

use crate::git::command::{CommandError, GitCommand};
use crate::git::local::{LocalError, Repository};
use std::path::Path;
use std::time::Duration;

const TIME_MAX: Duration = Duration::from_secs(120);
const OUTPUT_BYTES_MAX: u64 = 1 << 20;

/// Removed when dropped.
pub struct Scratch {
    dir: tempfile::TempDir,
}

impl Scratch {
    /// An empty one with `main` as its branch.
    pub fn create() -> Result<Self, CommandError> {
        let dir = tempfile::tempdir().map_err(CommandError::Spawn)?;
        let scratch = Self { dir };
        let mut command = GitCommand::git("init")?;
        command.args(["-q", "--bare", "--initial-branch=main", "--template="]).arg(scratch.path());
        command.run(b"", TIME_MAX, OUTPUT_BYTES_MAX)?;
        Ok(scratch)
    }

    #[must_use]
    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    pub fn repository(&self) -> Result<Repository, LocalError> {
        Repository::open(self.path())
    }

    /// Runs a stream of git-fast-import(1). It cannot name files of this machine: git keeps such commands out of
    /// streams unless it is told otherwise.
    pub fn import(&self, stream: &[u8]) -> Result<(), CommandError> {
        let mut command = GitCommand::git("fast-import")?;
        command.git_dir(self.path()).args(["--quiet", "--done", "--force"]);
        let end: &[u8] = if stream.ends_with(b"\n") { b"done\n" } else { b"\ndone\n" };
        let whole = [stream, end].concat();
        command.run(&whole, TIME_MAX, OUTPUT_BYTES_MAX).map(drop)
    }

    /// Takes all refs of a git bundle.
    pub fn fetch_bundle(&self, bundle: &Path) -> Result<(), CommandError> {
        let mut command = GitCommand::git("fetch")?;
        // To git a bundle is a remote like any other.
        command.setting("protocol.file.allow", "always");
        let bundle = std::path::absolute(bundle).map_err(CommandError::Spawn)?;
        command.git_dir(self.path()).args(["-q", "--no-write-fetch-head", "--update-head-ok", "--force", "--"]);
        command.arg(bundle).arg("+refs/*:refs/*");
        command.run(b"", TIME_MAX, OUTPUT_BYTES_MAX).map(drop)
    }
}
