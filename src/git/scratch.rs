//! A throw-away bare repository, filled with what a test case says.

use crate::git::command::{CommandError, GitCommand};
use crate::git::local::{LocalError, Repository};
use crate::model::ObjectId;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::time::Duration;

const TIME_MAX: Duration = Duration::from_secs(120);
const OUTPUT_BYTES_MAX: u64 = 1 << 20;
const PACK_BYTES_MAX: u64 = 256 << 20;

/// 256 MiB in memory, the gate's own bound by default.
const OBJECT_BYTES_MAX: &str = "268435456";

/// Features a stream may ask for. Others, and options, read and write files of this machine by their paths.
const FEATURES: [&[u8]; 4] = [b"done", b"notes", b"date-format=raw", b"date-format=rfc2822"];

/// After its first command git-fast-import takes neither features nor options.
const NO_MORE_OPTIONS: &[u8] = b"checkpoint\n";

/// How bundles begin (gitformat-bundle(5)).
const BUNDLE_STARTS: [&[u8; 16]; 2] = [b"# v2 git bundle\n", b"# v3 git bundle\n"];

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

    /// One that has the objects of another directory too.
    pub fn over(objects_dir: &Path) -> Result<Self, CommandError> {
        let scratch = Self::create()?;
        let mut alternates = objects_dir.as_os_str().as_encoded_bytes().to_vec();
        alternates.push(b'\n');
        let file = scratch.path().join("objects/info/alternates");
        let written =
            file.parent().map_or(Ok(()), std::fs::create_dir_all).and_then(|()| std::fs::write(&file, alternates));
        written.map_err(CommandError::Spawn)?;
        Ok(scratch)
    }

    /// A pack of what one commit reaches and another does not.
    pub fn pack(&self, new: &ObjectId, without: &ObjectId) -> Result<Vec<u8>, CommandError> {
        let mut command = self.git("pack-objects")?;
        command.args(["--quiet", "--revs", "--stdout", "--delta-base-offset"]);
        command.run(format!("{new}\n^{without}\n").as_bytes(), TIME_MAX, PACK_BYTES_MAX)
    }

    #[must_use]
    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    pub fn repository(&self) -> Result<Repository, LocalError> {
        Repository::open(self.path())
    }

    /// A few bytes of a bundle can stand for an object of many gigabytes: git gives up on one that is too large.
    fn git(&self, subcommand: &str) -> Result<GitCommand, CommandError> {
        let mut command = GitCommand::git(subcommand)?;
        command.git_dir(self.path()).env("GIT_ALLOC_LIMIT", OBJECT_BYTES_MAX);
        command.setting("core.bigFileThreshold", "1000g").setting("pack.threads", "1");
        Ok(command)
    }

    /// Runs a stream of git-fast-import(1). Git refuses one that has an `option`, or a `feature` other than [`FEATURES`].
    pub fn import(&self, stream: &[u8]) -> Result<(), CommandError> {
        let mut command = self.git("fast-import")?;
        command.args(["--quiet", "--done", "--force"]);
        let end: &[u8] = if stream.ends_with(b"\n") { b"done\n" } else { b"\ndone\n" };
        let (features, rest) = split_features(stream);
        let whole = [features, NO_MORE_OPTIONS, rest, end].concat();
        command.run(&whole, TIME_MAX, OUTPUT_BYTES_MAX).map(drop)
    }

    /// Takes all refs of a git bundle; `false` if the file is none.
    pub fn fetch_bundle(&self, bundle: &Path) -> Result<bool, CommandError> {
        // To git any other file may stand for a repository elsewhere on this machine (`gitdir: /path`).
        if !is_bundle(bundle).map_err(CommandError::Spawn)? {
            return Ok(false);
        }
        let mut command = self.git("fetch")?;
        // To git a bundle is a remote like any other.
        command.setting("protocol.file.allow", "always");
        let bundle = std::path::absolute(bundle).map_err(CommandError::Spawn)?;
        command.args(["-q", "--no-write-fetch-head", "--update-head-ok", "--force", "--"]);
        command.arg(bundle).arg("+refs/*:refs/*");
        command.run(b"", TIME_MAX, OUTPUT_BYTES_MAX).map(|_| true)
    }
}

/// A path in the form git-fast-import calls quoted; it takes any bytes.
#[must_use]
pub fn quoted(path: &[u8]) -> String {
    let mut text = String::from("\"");
    for byte in path {
        match byte {
            b'"' | b'\\' => text.extend(['\\', char::from(*byte)]),
            b' '..=b'~' => text.push(char::from(*byte)),
            _ => {
                let _ = write!(text, "\\{byte:03o}");
            }
        }
    }
    text.push('"');
    text
}

/// The lines at the start that ask for features a stream may ask for, and what comes after them.
fn split_features(stream: &[u8]) -> (&[u8], &[u8]) {
    let is_fine = |line: &&[u8]| line.strip_prefix(b"feature ").is_some_and(|name| FEATURES.contains(&name));
    let lines = stream.split_inclusive(|byte| *byte == b'\n').map_while(|line| line.strip_suffix(b"\n"));
    let length = lines.take_while(is_fine).map(|line| line.len() + 1).sum();
    stream.split_at_checked(length).unwrap_or((b"", stream))
}

fn is_bundle(path: &Path) -> io::Result<bool> {
    let mut start = Vec::new();
    File::open(path)?.take(16).read_to_end(&mut start)?;
    Ok(BUNDLE_STARTS.iter().any(|known| start == **known))
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMMIT: &str = "commit refs/heads/x\ncommitter a <a@b> 1 +0000\ndata 1\nx\nM 644 inline a\ndata 1\na\n";

    #[test]
    fn a_stream_names_no_file_of_this_machine() {
        let dir = tempfile::tempdir().expect("a directory");
        let marks = dir.path().join("marks");
        std::fs::write(&marks, "").expect("written");
        let (there, new) = (marks.display(), dir.path().join("new").display().to_string());
        let refused = [
            format!("option git export-pack-edges={new}\n"),
            format!("# a comment\nfeature done\noption git export-pack-edges={new}\n"),
            format!("feature rewrite-submodules-to=x:{there}\n"),
            format!("feature rewrite-submodules-from=x:{there}\n"),
            format!("feature import-marks={there}\n"),
            format!("feature export-marks={new}\n"),
            "option git quiet\n".to_owned(),
        ];
        for start in refused {
            let scratch = Scratch::create().expect("made");
            let result = scratch.import(format!("{start}{COMMIT}").as_bytes());
            assert!(matches!(result, Err(CommandError::Failed(_))), "{start}: {result:?}");
            assert!(!dir.path().join("new").exists(), "{start}");
        }
        for start in ["", "# a comment\n", "feature done\nfeature date-format=raw\n# a comment\n"] {
            let scratch = Scratch::create().expect("made");
            scratch.import(format!("{start}{COMMIT}").as_bytes()).expect(start);
            assert_eq!(scratch.repository().and_then(|r| r.refs()).expect("refs").len(), 1, "{start}");
        }
    }

    #[test]
    fn a_bundle_is_no_way_into_another_repository() {
        let other = Scratch::create().expect("made");
        other.import(COMMIT.as_bytes()).expect("filled");
        let dir = tempfile::tempdir().expect("a directory");
        let bundle = dir.path().join("push.bundle");
        for content in [format!("gitdir: {}\n", other.path().display()), String::new(), "# v2 git bundle".to_owned()] {
            std::fs::write(&bundle, &content).expect("written");
            let scratch = Scratch::create().expect("made");
            assert!(!scratch.fetch_bundle(&bundle).expect("read"), "{content}");
            assert!(scratch.repository().and_then(|r| r.refs()).expect("refs").is_empty(), "{content}");
        }
        let mut command = GitCommand::git("bundle").expect("git");
        command.git_dir(other.path()).args(["create", "-q"]).arg(&bundle).arg("refs/heads/x");
        command.run(b"", TIME_MAX, OUTPUT_BYTES_MAX).expect("made");
        let scratch = Scratch::create().expect("made");
        assert!(scratch.fetch_bundle(&bundle).expect("fetched"));
        assert_eq!(scratch.repository().and_then(|r| r.refs()).expect("refs").len(), 1);
    }
}
