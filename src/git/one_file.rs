//! A commit that changes one file and nothing else, as a pack: for what the gate itself pushes.

use crate::git::command::CommandError;
use crate::git::local::LocalError;
use crate::git::scratch::{Scratch, quoted};
use crate::model::ObjectId;
use std::path::Path;

/// The ref in the throw-away repository.
const REF: &str = "refs/heads/new";

/// What the commit is to be.
#[derive(Debug, Clone, Copy)]
pub struct OneFile<'a> {
    pub parent: ObjectId,
    pub path: &'a str,
    pub is_executable: bool,
    pub content: &'a [u8],
    /// Name and address.
    pub author: (&'a str, &'a str),
    pub committer: (&'a str, &'a str),
    pub message: &'a str,
    /// Since 1970.
    pub time_s: i64,
}

/// No commit could be made.
#[derive(Debug, thiserror::Error)]
pub enum OneFileError {
    #[error(transparent)]
    Command(#[from] CommandError),
    #[error(transparent)]
    Local(#[from] LocalError),
    #[error("git made no commit")]
    Nothing,
}

impl OneFile<'_> {
    /// The commit on top of its parent, which is in `objects_dir`, and the objects it adds.
    pub fn make(&self, objects_dir: &Path) -> Result<(ObjectId, Vec<u8>), OneFileError> {
        let scratch = Scratch::over(objects_dir)?;
        scratch.import(&self.stream())?;
        let refs = scratch.repository()?.refs()?;
        let made = refs.into_iter().find(|found| found.name.as_bstr() == REF.as_bytes());
        let id = made.ok_or(OneFileError::Nothing)?.id;
        Ok((id, scratch.pack(&id, &self.parent)?))
    }

    /// For git-fast-import(1). Names come from a policy, which takes no `<`, `>` or control character in them.
    fn stream(&self) -> Vec<u8> {
        let Self { parent, message, time_s, .. } = self;
        let ((author, author_email), (committer, committer_email)) = (self.author, self.committer);
        let mode = if self.is_executable { "100755" } else { "100644" };
        let head = format!(
            "commit {REF}\nauthor {author} <{author_email}> {time_s} +0000\n\
             committer {committer} <{committer_email}> {time_s} +0000\n\
             data {}\n{message}\nfrom {parent}\nM {mode} inline {}\ndata {}\n",
            message.len(),
            quoted(self.path.as_bytes()),
            self.content.len()
        );
        [head.as_bytes(), self.content, b"\n"].concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::{ObjectStore, Objects, tree};

    const FIRST: &str = "commit refs/heads/main\ncommitter a <a@b> 1 +0000\ndata 1\nx\nM 644 inline gate/policy.toml\n\
                         data 3\nold\nM 644 inline other\ndata 1\no\n";

    #[test]
    fn a_commit_changes_its_file_only() {
        let upstream = Scratch::create().expect("made");
        upstream.import(FIRST.as_bytes()).expect("filled");
        let parent = upstream.repository().and_then(|r| r.refs()).expect("refs")[0].id;
        let objects_dir = upstream.path().join("objects");
        let one = OneFile {
            parent,
            path: "gate/policy.toml",
            is_executable: false,
            content: b"new\n",
            author: ("dana", "dana@acme.dev"),
            committer: ("refgate", "refgate@refgate"),
            message: "policy: add agent x\n",
            time_s: 1_700_000_000,
        };
        let (id, pack) = one.make(&objects_dir).expect("a commit");
        assert_eq!(one.make(&objects_dir).expect("again").0, id, "nothing of this machine is in it");
        // A commit, two trees and a blob.
        assert_eq!((&pack[..4], &pack[8..12]), (&b"PACK"[..], &[0, 0, 0, 4][..]));
        let scratch = Scratch::over(&objects_dir).expect("made");
        scratch.import(&one.stream()).expect("filled");
        let objects = ObjectStore::open(&scratch.path().join("objects")).expect("open");
        let objects = Objects::new(None, &objects);
        let blob = |commit, path| {
            let entry = tree::find(&objects, commit, path).expect("read").expect("there");
            tree::blob(&objects, &entry.id).expect("a blob")
        };
        assert_eq!((blob(&id, "gate/policy.toml"), blob(&id, "other")), (b"new\n".to_vec(), b"o".to_vec()));
        assert_eq!(blob(&parent, "gate/policy.toml"), b"old");
    }
}
