//! Files and directories, on several threads. Large files are read in windows, so that memory stays bounded.

use super::{Finding, Looked, Place, Wanted, unreadable};
use crate::secret::{Hit, scanner};
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

/// The longest file that is read as a whole, and how much is read of a longer one at a time.
const WINDOW: usize = 16 << 20;
/// How much of a window is looked at again in the next one: more than any secret and what must be near it.
const OVERLAP: usize = 128 << 10;

pub(super) fn scan(paths: &[PathBuf], wanted: &Wanted) -> (Vec<Finding>, Looked) {
    let mut all = Vec::new();
    let mut looked = Looked::default();
    for path in paths {
        list(path, &mut all, &mut looked);
    }
    let next = AtomicUsize::new(0);
    let worker = || {
        let (mut findings, mut looked, mut buffer) = (Vec::new(), Looked::default(), Vec::new());
        while let Some((path, is_link)) = all.get(next.fetch_add(1, Ordering::Relaxed)) {
            let result = match is_link {
                true => link(path, wanted, &mut findings),
                false => file(path, WINDOW, OVERLAP, wanted, &mut buffer, &mut findings),
            };
            match result {
                Ok(bytes) => (looked.texts, looked.bytes) = (looked.texts + 1, looked.bytes + bytes),
                Err(error) => {
                    unreadable(path, &error);
                    looked.failures += 1;
                }
            }
        }
        (findings, looked)
    };
    let mut findings = Vec::new();
    let threads = wanted.threads.min(all.len()).max(1);
    std::thread::scope(|scope| {
        let started: Vec<_> = (0..threads).map(|_| scope.spawn(worker)).collect();
        for thread in started {
            let (found, part) = thread.join().expect("scanning does not panic");
            findings.extend(found);
            looked.texts += part.texts;
            looked.bytes += part.bytes;
            looked.failures += part.failures;
        }
    });
    (findings, looked)
}

/// The files at and below a path, and whether each is a symbolic link. Only `.git` is left out: a repository's own
/// files, whose objects are compressed.
fn list(path: &Path, all: &mut Vec<(PathBuf, bool)>, looked: &mut Looked) {
    let mut waiting = vec![path.to_owned()];
    while let Some(path) = waiting.pop() {
        let kind = match std::fs::symlink_metadata(&path) {
            Ok(metadata) => metadata.file_type(),
            Err(error) => {
                unreadable(&path, &error);
                looked.failures += 1;
                continue;
            }
        };
        if kind.is_dir() {
            match std::fs::read_dir(&path).and_then(|entries| entries.collect::<io::Result<Vec<_>>>()) {
                Ok(entries) => {
                    let inner = entries.iter().filter(|entry| entry.file_name() != ".git");
                    waiting.extend(inner.map(std::fs::DirEntry::path));
                }
                Err(error) => {
                    unreadable(&path, &error);
                    looked.failures += 1;
                }
            }
        } else if kind.is_file() || kind.is_symlink() {
            all.push((path, kind.is_symlink()));
        }
    }
}

/// What git keeps of a symbolic link: where it points to.
fn link(path: &Path, wanted: &Wanted, findings: &mut Vec<Finding>) -> io::Result<u64> {
    let target = std::fs::read_link(path)?;
    let (place, bytes) = (place(path), target.as_os_str().as_bytes());
    findings.extend(scanner().scan(None, bytes).iter().filter_map(|hit| wanted.finding(hit, &place, 0, 0)));
    Ok(bytes.len() as u64)
}

fn place(path: &Path) -> Place {
    let path = path.strip_prefix("./").unwrap_or(path);
    Place { path: Some(path.as_os_str().as_bytes().to_vec()), object: None }
}

/// Scans one file; how long it is.
fn file(
    path: &Path,
    window: usize,
    overlap: usize,
    wanted: &Wanted,
    buffer: &mut Vec<u8>,
    findings: &mut Vec<Finding>,
) -> io::Result<u64> {
    let place = place(path);
    let name = place.path.as_deref();
    findings.extend(name.and_then(|name| scanner().scan_name(name)).and_then(|hit| wanted.finding(&hit, &place, 0, 0)));
    let mut file = File::open(path)?;
    let (mut offset, mut lines) = (0_u64, 0_u32);
    buffer.clear();
    loop {
        let room = window.saturating_sub(buffer.len()) as u64;
        let is_end = (file.by_ref().take(room).read_to_end(buffer)? as u64) < room;
        // The rest is looked at in the next window, where what follows it is known.
        let settled = if is_end { buffer.len() } else { buffer.len().saturating_sub(overlap) };
        let before = if offset == 0 { 0 } else { overlap / 2 };
        let after = if is_end { buffer.len() } else { buffer.len().saturating_sub(overlap / 2) };
        let here = |hit: &&Hit| (before..after).contains(&hit.span.start) || (is_end && hit.span.start == after);
        let hits = scanner().scan(name, buffer);
        findings.extend(hits.iter().filter(here).filter_map(|hit| wanted.finding(hit, &place, offset, lines)));
        if is_end {
            return Ok(offset + buffer.len() as u64);
        }
        let ends = memchr::memchr_iter(b'\n', buffer.get(..settled).unwrap_or_default()).count();
        lines = lines.saturating_add(u32::try_from(ends).unwrap_or(u32::MAX));
        offset += settled as u64;
        buffer.drain(..settled);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Certainty;

    fn token(n: usize) -> String {
        // No checksum: a possible one.
        format!("gh{}_{:0>6}0aZ1cXq2eVg3hUi4jTk5lSm6nRp7Yw", 'p', n)
    }

    #[test]
    fn windows_find_the_same_as_the_whole() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("f");
        let mut text = String::new();
        for n in 0..200 {
            text += &format!("line {n}\n{}{}\n", " ".repeat(n * 7 % 61), token((n + 1) * 4937));
        }
        std::fs::write(&path, &text).expect("written");
        let wanted = Wanted { certainty: Certainty::Possible, key: None, threads: 1 };
        let mut expected = Vec::new();
        let length = file(&path, 1 << 20, 1 << 10, &wanted, &mut Vec::new(), &mut expected).expect("read");
        assert_eq!((length, expected.len()), (text.len() as u64, 200));
        for (window, overlap) in [(600, 200), (601, 200), (1024, 256), (4000, 512)] {
            let mut found = Vec::new();
            let length = file(&path, window, overlap, &wanted, &mut Vec::new(), &mut found).expect("read");
            assert_eq!(length, text.len() as u64);
            let key = |finding: &Finding| (finding.start, finding.end, finding.line);
            assert!(found.iter().map(key).eq(expected.iter().map(key)), "{window} {overlap}");
        }
    }

    #[test]
    fn only_git_is_left_out_and_links_are_not_followed() {
        let dir = tempfile::tempdir().expect("a directory");
        let write = |name: &str| {
            let path = dir.path().join(name);
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("made");
            std::fs::write(path, token(1)).expect("written");
        };
        ["a.png", "node_modules/b.min.js", "Cargo.lock", ".git/config", "sub/.git/x", ".github/c"]
            .iter()
            .for_each(|name| write(name));
        std::os::unix::fs::symlink("a.png", dir.path().join("link")).expect("linked");
        std::os::unix::fs::symlink("..", dir.path().join("sub/up")).expect("linked");
        let wanted = Wanted { certainty: Certainty::Possible, key: None, threads: 2 };
        let (findings, looked) = scan(&[dir.path().to_owned()], &wanted);
        assert_eq!((findings.len(), looked.texts, looked.failures), (4, 6, 0));
        let (_, looked) = scan(&[dir.path().join("none")], &wanted);
        assert_eq!(looked.failures, 1);
    }
}
