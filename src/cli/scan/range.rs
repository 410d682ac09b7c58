//! What a range of commits brought: each commit's changed blobs, its message, and the messages of tags in the range.
//!
//! A blob is scanned as a whole, so that keys of many lines and what must be near each other stay together; a secret
//! that the file had before in the same commit's parents is none of the range's.

use super::{Finding, Looked, Place, Wanted};
use crate::git::command::GitCommand;
use crate::git::local::Repository;
use crate::git::{ObjectStore, Objects, ReadError};
use crate::model::ObjectId;
use crate::secret::{Hit, scanner};
use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

const TIME_MAX: Duration = Duration::from_secs(600);
const OUTPUT_MAX: u64 = 1 << 30;
/// Commits asked for at a time.
const BATCH: usize = 256;

pub(super) fn scan(range: &str, wanted: &Wanted) -> Result<(Vec<Finding>, Looked), String> {
    if range.starts_with('-') {
        return Err(format!("{range}: no range"));
    }
    let here = std::env::current_dir().map_err(|error| error.to_string())?;
    let repository = here.ancestors().find_map(|dir| Repository::open(dir).ok());
    let repository = repository.ok_or("a range is of a repository, and this directory is in none")?;
    let store = ObjectStore::open(&repository.objects_dir).map_err(|error| error.to_string())?;
    let mut scan = Scan {
        git_dir: &repository.git_dir,
        objects: Objects::new(None, &store),
        wanted,
        scanned: HashMap::new(),
        findings: Vec::new(),
        looked: Looked::default(),
    };
    let commits = scan.git("rev-list", &["--reverse", range, "--"], b"");
    let commits = commits.map_err(|why| format!("{range}: {why}"))?;
    let commits: Vec<&[u8]> = commits.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).collect();
    for batch in commits.chunks(BATCH) {
        scan.commits(batch)?;
    }
    scan.tags(&commits)?;
    Ok((scan.findings, scan.looked))
}

struct Scan<'a> {
    git_dir: &'a Path,
    objects: Objects,
    wanted: &'a Wanted,
    /// Hits of the blobs so far, by path: rules may be bound to it.
    scanned: HashMap<(ObjectId, Vec<u8>), Vec<Hit>>,
    findings: Vec<Finding>,
    looked: Looked,
}

/// A file that a commit changed.
#[derive(Debug, PartialEq, Eq)]
struct Change {
    before: Vec<ObjectId>,
    after: ObjectId,
    path: Vec<u8>,
}

impl Scan<'_> {
    fn git(&self, subcommand: &str, args: &[&str], input: &[u8]) -> Result<Vec<u8>, String> {
        let mut command = GitCommand::git(subcommand).map_err(|error| error.to_string())?;
        command.git_dir(self.git_dir).setting("safe.directory", "*");
        command.args(args);
        command.run(input, TIME_MAX, OUTPUT_MAX).map_err(|error| format!("git {subcommand}: {error}"))
    }

    fn commits(&mut self, commits: &[&[u8]]) -> Result<(), String> {
        let input = [&commits.join(&b'\n')[..], b"\n"].concat();
        let args = ["--stdin", "-r", "-z", "-c", "--root", "--raw", "--no-renames", "--full-index", "--no-abbrev"];
        let output = self.git("diff-tree", &args, &input)?;
        for (commit, changes) in parse(&output) {
            for change in changes {
                self.change(&commit, &change).map_err(|error| error.to_string())?;
            }
        }
        for commit in commits {
            let id = ObjectId::from_hex(commit).map_err(|error| error.to_string())?;
            self.message(&id).map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    fn change(&mut self, commit: &str, change: &Change) -> Result<(), ReadError> {
        let hits = self.blob(change.after, &change.path)?;
        let place = Place { path: Some(change.path.clone()), object: Some(commit.to_owned()) };
        let is_root = change.before.iter().all(ObjectId::is_null);
        let name = scanner().scan_name(&change.path).filter(|_| is_root);
        self.findings.extend(name.and_then(|hit| self.wanted.finding(&hit, &place, 0, 0)));
        if hits.is_empty() {
            return Ok(());
        }
        let mut known = Vec::new();
        for before in change.before.iter().filter(|id| !id.is_null()) {
            known.extend(self.blob(*before, &change.path)?);
        }
        let is_new = |hit: &&Hit| !known.iter().any(|old| old.rule.id == hit.rule.id && old.secret == hit.secret);
        let new = hits.iter().filter(is_new).filter_map(|hit| self.wanted.finding(hit, &place, 0, 0));
        self.findings.extend(new);
        Ok(())
    }

    /// The hits of a blob.
    fn blob(&mut self, id: ObjectId, path: &[u8]) -> Result<Vec<Hit>, ReadError> {
        if let Some(hits) = self.scanned.get(&(id, path.to_vec())) {
            return Ok(hits.clone());
        }
        let mut bytes = Vec::new();
        if self.objects.find(&id, &mut bytes)?.is_none() {
            return Err(ReadError::Missing(id));
        }
        self.looked.texts += 1;
        self.looked.bytes += bytes.len() as u64;
        let hits = scanner().scan(Some(path), &bytes);
        self.scanned.insert((id, path.to_vec()), hits.clone());
        Ok(hits)
    }

    /// The message of a commit or tag, and what it says of people; lines are counted from the message's first.
    fn message(&mut self, id: &ObjectId) -> Result<(), ReadError> {
        let mut bytes = Vec::new();
        if self.objects.find(id, &mut bytes)?.is_none() {
            return Err(ReadError::Missing(*id));
        }
        self.looked.texts += 1;
        self.looked.bytes += bytes.len() as u64;
        let header = memchr::memmem::find(&bytes, b"\n\n").map_or(0, |at| at + 2);
        let lines = memchr::memchr_iter(b'\n', bytes.get(..header).unwrap_or_default()).count();
        let lines = u32::try_from(lines).unwrap_or(u32::MAX);
        let place = Place { path: None, object: Some(id.to_string()) };
        for hit in scanner().scan(None, &bytes) {
            let finding = self.wanted.finding(&hit, &place, 0, 0);
            self.findings.extend(finding.map(|finding| Finding {
                line: if hit.span.start < header { 1 } else { hit.line.saturating_sub(lines) },
                ..finding
            }));
        }
        Ok(())
    }

    fn tags(&mut self, commits: &[&[u8]]) -> Result<(), String> {
        let format = "--format=%(objecttype) %(objectname) %(*objectname)";
        let output = self.git("for-each-ref", &[format, "refs/tags"], b"")?;
        let commits: std::collections::HashSet<&[u8]> = commits.iter().copied().collect();
        for line in output.split(|byte| *byte == b'\n') {
            let mut words = line.split(|byte| *byte == b' ');
            let (Some(b"tag"), Some(tag), Some(peeled)) = (words.next(), words.next(), words.next()) else { continue };
            if commits.contains(peeled) {
                let id = ObjectId::from_hex(tag).map_err(|error| error.to_string())?;
                self.message(&id).map_err(|error| error.to_string())?;
            }
        }
        Ok(())
    }
}

/// Reads the output of `diff-tree --stdin -r -z --raw -c`: git-diff-tree(1), "raw output format". Entries that are no
/// blob any more, and submodules, are left out.
fn parse(output: &[u8]) -> Vec<(String, Vec<Change>)> {
    let mut all: Vec<(String, Vec<Change>)> = Vec::new();
    let mut fields = output.split(|byte| *byte == 0).filter(|field| !field.is_empty());
    while let Some(field) = fields.next() {
        let parents = field.iter().take_while(|byte| **byte == b':').count();
        if parents == 0 {
            all.push((String::from_utf8_lossy(field.trim_ascii()).into_owned(), Vec::new()));
            continue;
        }
        let words: Vec<&[u8]> = field.get(parents..).unwrap_or_default().split(|byte| *byte == b' ').collect();
        let (modes, rest) = words.split_at(words.len().min(parents + 1));
        let ids: Vec<ObjectId> = rest.iter().take(parents + 1).filter_map(|id| ObjectId::from_hex(id).ok()).collect();
        let (Some(path), Some((after, before))) = (fields.next(), ids.split_last()) else { continue };
        let is_blob = !matches!(modes.last(), Some(&b"000000" | &b"160000"));
        if let Some((_, changes)) = all.last_mut().filter(|_| is_blob && !after.is_null()) {
            changes.push(Change { before: before.to_vec(), after: *after, path: path.to_vec() });
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn raw_output_of_plain_commits_and_merges() {
        let id = |digit: char| digit.to_string().repeat(40);
        let (a, b, c, zero) = (id('a'), id('b'), id('c'), id('0'));
        let text = format!(
            "{a}\0:000000 100644 {zero} {b} A\0new\0:100644 000000 {b} {zero} D\0old\0{b}\0\
             ::100644 100644 100755 {a} {b} {c} MM\0both\nlines\0:000000 160000 {zero} {c} A\0sub\0{c}\0"
        );
        let parsed = parse(text.as_bytes());
        let of = |id: &String| ObjectId::from_hex(id.as_bytes()).expect("an id");
        let change = |before: &[&String], after, path: &str| Change {
            before: before.iter().map(|id| of(id)).collect(),
            after: of(after),
            path: path.as_bytes().to_vec(),
        };
        let expected = vec![
            (a.clone(), vec![change(&[&zero], &b, "new")]),
            (b.clone(), vec![change(&[&a, &b], &c, "both\nlines")]),
            (c.clone(), vec![]),
        ];
        assert_eq!(parsed, expected);
    }
}
