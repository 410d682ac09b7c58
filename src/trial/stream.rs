//! The files of a test case as git-fast-import(1) streams.

use crate::git::scratch::quoted;
use crate::model::{ObjectId, RefName};
use crate::trial::case_file::CaseFile;
use crate::trial::cases::CaseError;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Everybody in a case who is not named.
const SOMEBODY: &str = "Somebody <somebody@example.com>";
/// 2026-01-01, so that a case gives the same commits each time.
const TIME_S: u64 = 1_767_225_600;
const DEPTH_MAX: usize = 64;

struct File {
    mode: &'static str,
    content: Vec<u8>,
}

type Files = BTreeMap<Vec<u8>, File>;

/// What the upstream holds: one commit on main, if the case has files for it.
pub fn upstream(dir: &Path, case: &CaseFile) -> Result<Vec<u8>, CaseError> {
    let files = files(&dir.join("upstream"), &case.upstream)?;
    let head =
        Head { name: "refs/heads/main", message: "upstream\n", author: SOMEBODY, committer: SOMEBODY, time_s: TIME_S };
    Ok(if files.is_empty() { Vec::new() } else { commit(&head, None, &files, &[]) })
}

/// What is pushed: one commit on top of main, if the case has files or deletions for it.
pub fn push(dir: &Path, case: &CaseFile, name: &RefName, main: Option<ObjectId>) -> Result<Vec<u8>, CaseError> {
    let files = files(&dir.join("push"), &case.push)?;
    let has_own = ["fi", "bundle"].iter().any(|extension| dir.join("push").with_extension(extension).is_file());
    let is_told = case.message.is_some() || case.author.is_some() || case.committer.is_some();
    if files.is_empty() && case.delete.is_empty() && (has_own || !is_told) {
        return Ok(Vec::new());
    }
    let name = name.as_bstr().to_string();
    let head = Head {
        name: &name,
        message: case.message.as_deref().unwrap_or("work\n"),
        author: case.author.as_deref().unwrap_or(SOMEBODY),
        committer: case.committer.as_deref().or(case.author.as_deref()).unwrap_or(SOMEBODY),
        time_s: TIME_S + 3600,
    };
    Ok(commit(&head, main, &files, &case.delete))
}

struct Head<'a> {
    name: &'a str,
    message: &'a str,
    author: &'a str,
    committer: &'a str,
    time_s: u64,
}

fn commit(head: &Head<'_>, parent: Option<ObjectId>, files: &Files, delete: &[String]) -> Vec<u8> {
    let Head { name, message, author, committer, time_s } = head;
    let mut text = String::new();
    let _ = write!(text, "commit {name}\nauthor {author} {time_s} +0000\ncommitter {committer} {time_s} +0000\n");
    let _ = write!(text, "data {}\n{message}\n", message.len());
    if let Some(parent) = parent {
        let _ = writeln!(text, "from {parent}");
    }
    for path in delete {
        let _ = writeln!(text, "D {}", quoted(path.as_bytes()));
    }
    let mut stream = text.into_bytes();
    for (path, file) in files {
        let line = format!("M {} inline {}\ndata {}\n", file.mode, quoted(path), file.content.len());
        stream.extend_from_slice(line.as_bytes());
        stream.extend_from_slice(&file.content);
        stream.push(b'\n');
    }
    stream.push(b'\n');
    stream
}

fn files(dir: &Path, inline: &BTreeMap<String, String>) -> Result<Files, CaseError> {
    let mut files = Files::new();
    if dir.is_dir() {
        collect(dir, &mut Vec::new(), &mut files).map_err(|error| CaseError::Read { path: dir.to_owned(), error })?;
    }
    for (path, content) in inline {
        files.insert(path.clone().into_bytes(), File { mode: "100644", content: content.clone().into_bytes() });
    }
    Ok(files)
}

fn collect(dir: &Path, above: &mut Vec<u8>, files: &mut Files) -> std::io::Result<()> {
    if above.iter().filter(|byte| **byte == b'/').count() > DEPTH_MAX {
        return Ok(());
    }
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        let length = above.len();
        above.extend_from_slice(entry.file_name().as_bytes());
        let kind = entry.file_type()?;
        if kind.is_dir() {
            above.push(b'/');
            collect(&entry.path(), above, files)?;
        } else if kind.is_symlink() {
            let target = std::fs::read_link(entry.path())?.into_os_string().into_vec();
            files.insert(above.clone(), File { mode: "120000", content: target });
        } else if !kind.is_file() {
            let name = entry.file_name().display().to_string();
            return Err(std::io::Error::other(format!("{name} is neither a file nor a directory nor a symlink")));
        } else {
            let is_executable = entry.metadata()?.permissions().mode() & 0o111 != 0;
            let mode = if is_executable { "100755" } else { "100644" };
            files.insert(above.clone(), File { mode, content: std::fs::read(entry.path())? });
        }
        above.truncate(length);
    }
    Ok(())
}
