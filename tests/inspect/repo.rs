//! A repository and a quarantine beside it, filled by `git fast-import` from a few words.

use refgate::git::{ObjectStore, Objects};
use refgate::inspect::{Cost, InspectError, Request, inspect_with_cost};
use refgate::model::{CommitFacts, Direction, Limits, Needs, ObjectId, PushFacts, RefName, RefUpdate};
use std::collections::{BTreeMap, HashMap};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::AtomicBool;

/// Path to mode and content; for a gitlink the content is the commit's id in hex.
pub type Files = BTreeMap<Vec<u8>, (u32, Vec<u8>)>;
/// A commit by the number its maker got for it.
pub type Mark = usize;

pub struct Repo {
    dir: tempfile::TempDir,
    stream: Vec<u8>,
    pub specs: Vec<Spec>,
    ids: HashMap<Mark, ObjectId>,
    is_sealed: bool,
}

#[derive(Clone)]
pub struct Spec {
    pub parents: Vec<Mark>,
    pub files: Files,
}

/// `path=content` words; `x:` before the path for an executable, `l:` for a symlink, `s:` for a gitlink.
pub fn files(words: &str) -> Files {
    let file = |word: &str| {
        let (path, content) = word.split_once('=').unwrap_or((word, word));
        let (mode, path) = match path.split_at_checked(2) {
            Some(("x:", path)) => (0o100755, path),
            Some(("l:", path)) => (0o120000, path),
            Some(("s:", path)) => (0o160000, path),
            _ => (0o100644, path),
        };
        let content = if mode == 0o160000 { content.repeat(40 / content.len()) } else { content.to_owned() };
        (path.as_bytes().to_vec(), (mode, content.into_bytes()))
    };
    words.split_whitespace().map(file).collect()
}

impl Repo {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let repo = Self { dir, stream: Vec::new(), specs: Vec::new(), ids: HashMap::new(), is_sealed: false };
        repo.git(&["init", "-q", "--bare", "--template=", "."], b"");
        std::fs::create_dir_all(repo.quarantine().join("pack")).unwrap();
        repo
    }

    fn quarantine(&self) -> PathBuf {
        self.dir.path().join("quarantine")
    }

    /// Runs git; before [`Repo::seal`] objects go to the mirror, then to the quarantine.
    pub fn git(&self, args: &[&str], input: &[u8]) -> Vec<u8> {
        let base = self.dir.path().join("objects");
        let mut command = Command::new("git");
        command.current_dir(self.dir.path()).args(args).env_clear().env("PATH", std::env::var_os("PATH").unwrap());
        for (key, value) in [
            ("HOME", "/nonexistent"),
            ("GIT_CONFIG_NOSYSTEM", "1"),
            ("GIT_CONFIG_GLOBAL", "/dev/null"),
            ("GIT_AUTHOR_NAME", "A"),
            ("GIT_AUTHOR_EMAIL", "a@example.org"),
            ("GIT_AUTHOR_DATE", "1700000000 +0000"),
            ("GIT_COMMITTER_NAME", "A"),
            ("GIT_COMMITTER_EMAIL", "a@example.org"),
            ("GIT_COMMITTER_DATE", "1700000000 +0000"),
        ] {
            command.env(key, value);
        }
        if self.is_sealed {
            command.env("GIT_OBJECT_DIRECTORY", self.quarantine());
            command.env("GIT_ALTERNATE_OBJECT_DIRECTORIES", base);
        }
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let input = input.to_vec();
        let writer = std::thread::spawn(move || stdin.write_all(&input));
        let output = child.wait_with_output().unwrap();
        let _ = writer.join().unwrap();
        assert!(output.status.success(), "git {args:?}");
        output.stdout
    }

    /// A commit a second after the one made before it.
    pub fn commit(&mut self, parents: &[Mark], words: &str) -> Mark {
        self.commit_at(parents, files(words), 1_700_000_000 + self.specs.len() as i64)
    }

    pub fn commit_at(&mut self, parents: &[Mark], files: Files, time_s: i64) -> Mark {
        let mark = self.specs.len();
        let out = &mut self.stream;
        write!(out, "commit refs/c/{mark}\nmark :{}\n", mark + 1).unwrap();
        let message = format!("commit {mark}");
        write!(out, "committer A <a@example.org> {time_s} +0000\ndata {}\n{message}\n", message.len()).unwrap();
        for (at, parent) in parents.iter().enumerate() {
            writeln!(out, "{} :{}", if at == 0 { "from" } else { "merge" }, parent + 1).unwrap();
        }
        out.extend_from_slice(b"deleteall\n");
        for (path, (mode, content)) in &files {
            if *mode == 0o160000 {
                write!(out, "M {mode:o} {} ", std::str::from_utf8(content).unwrap()).unwrap();
            } else {
                write!(out, "M {mode:o} inline ").unwrap();
            }
            out.push(b'"');
            path.iter().for_each(|byte| write!(out, "\\{byte:03o}").unwrap());
            out.extend_from_slice(b"\"\n");
            if *mode != 0o160000 {
                writeln!(out, "data {}", content.len()).unwrap();
                out.extend_from_slice(content);
                out.push(b'\n');
            }
        }
        out.push(b'\n');
        self.specs.push(Spec { parents: parents.to_vec(), files });
        mark
    }

    /// Everything so far is in the mirror; what follows comes with the push.
    pub fn seal(&mut self) {
        self.flush();
        self.is_sealed = true;
    }

    fn flush(&mut self) {
        let stream = std::mem::take(&mut self.stream);
        let marks = self.dir.path().join("marks");
        let (import, export) =
            (format!("--import-marks-if-exists={}", marks.display()), format!("--export-marks={}", marks.display()));
        self.git(
            &[
                "-c",
                "fastimport.unpackLimit=0",
                "fast-import",
                "--quiet",
                "--force",
                "--date-format=raw-permissive",
                &import,
                &export,
            ],
            &stream,
        );
        for line in std::fs::read_to_string(&marks).unwrap().lines() {
            let (mark, id) = line[1..].split_once(' ').unwrap();
            self.ids.insert(mark.parse::<usize>().unwrap() - 1, ObjectId::from_hex(id.as_bytes()).unwrap());
        }
    }

    pub fn id(&mut self, mark: Mark) -> ObjectId {
        if !self.stream.is_empty() {
            self.flush();
        }
        self.ids[&mark]
    }

    /// Writes a blob to the mirror, whatever was sealed.
    pub fn late_blob(&mut self, data: &[u8]) -> ObjectId {
        let was_sealed = std::mem::replace(&mut self.is_sealed, false);
        let id = self.object("blob", data);
        self.git(&["-c", "gc.auto=0", "pack-objects", "-q", "objects/pack/pack"], format!("{id}\n").as_bytes());
        self.git(&["prune-packed", "-q"], b"");
        self.is_sealed = was_sealed;
        id
    }

    /// Writes an object of any bytes.
    pub fn object(&self, kind: &str, data: &[u8]) -> ObjectId {
        let id = self.git(&["hash-object", "-t", kind, "-w", "--literally", "--stdin"], data);
        ObjectId::from_hex(id.trim_ascii()).unwrap()
    }

    pub fn tag(&self, target: ObjectId, kind: &str, name: &str) -> ObjectId {
        let text =
            format!("object {target}\ntype {kind}\ntag {name}\ntagger A <a@example.org> 1 +0000\n\nabout {name}\n");
        self.object("tag", text.as_bytes())
    }

    pub fn stores(&self) -> Stores {
        let open = |path: &Path| ObjectStore::open(path).unwrap();
        Stores { new: open(&self.quarantine()), base: open(&self.dir.path().join("objects")) }
    }
}

/// Quarantine and mirror, open.
pub struct Stores {
    new: ObjectStore,
    base: ObjectStore,
}

impl Stores {
    pub fn objects(&self) -> Objects {
        Objects::new(Some(&self.new), &self.base)
    }
}

/// One inspection, in the making.
#[derive(Default)]
pub struct Run {
    pub updates: Vec<RefUpdate>,
    pub classes: Vec<usize>,
    pub upstream: Vec<(RefName, ObjectId)>,
    pub trusted: Vec<ObjectId>,
    pub needs: Needs,
    pub limits: Limits,
}

impl Run {
    pub fn update(mut self, name: &str, old: Option<ObjectId>, new: Option<ObjectId>) -> Self {
        let name = RefName::parse(name.as_bytes()).unwrap();
        if let Some(old) = old {
            self.upstream.push((name.clone(), old));
        }
        self.updates.push(RefUpdate { name, old, new });
        self.classes.push(0);
        self
    }

    pub fn upstream(mut self, name: &str, id: ObjectId) -> Self {
        self.upstream.push((RefName::parse(name.as_bytes()).unwrap(), id));
        self
    }

    /// An upstream ref with a trusted tip.
    pub fn trusted(mut self, name: &str, id: ObjectId) -> Self {
        self.trusted.push(id);
        self.upstream(name, id)
    }

    pub fn needs(self, needs: Needs) -> Self {
        Self { needs, ..self }
    }

    pub fn limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    pub fn try_run(&self, repo: &Repo) -> Result<(PushFacts, Cost), InspectError> {
        self.run_until(repo, &AtomicBool::new(false))
    }

    pub fn stopped(&self, repo: &Repo) -> InspectError {
        self.run_until(repo, &AtomicBool::new(true)).unwrap_err()
    }

    fn run_until(&self, repo: &Repo, stop: &AtomicBool) -> Result<(PushFacts, Cost), InspectError> {
        let request = Request {
            updates: &self.updates,
            classes: &self.classes,
            upstream: &self.upstream,
            trusted: &self.trusted,
            needs: self.needs,
        };
        inspect_with_cost(&repo.stores().objects(), &request, &self.limits, stop)
    }

    pub fn run(&self, repo: &Repo) -> PushFacts {
        self.try_run(repo).unwrap().0
    }

    pub fn error(&self, repo: &Repo) -> InspectError {
        self.try_run(repo).unwrap_err()
    }
}

/// The ids of the commits that count, sorted.
pub fn ids(facts: &PushFacts, direction: Direction) -> Vec<ObjectId> {
    let mut ids: Vec<_> = facts.commits.iter().filter(|c| c.direction == direction).map(|c| c.id).collect();
    ids.sort();
    ids
}

/// A commit's changes as `A path`, `M path` and `D path`, with ` ~twin`.
pub fn shown(commit: &CommitFacts) -> Vec<String> {
    let one = |change: &refgate::model::Change| {
        let letter = match (change.is_addition(), change.is_deletion()) {
            (true, _) => 'A',
            (_, true) => 'D',
            _ => 'M',
        };
        let twin = change.twin.as_ref().map(|twin| format!(" ~{}", twin.escape_ascii())).unwrap_or_default();
        format!("{letter} {}{twin}", change.path.escape_ascii())
    };
    commit.changes.iter().map(one).collect()
}

pub fn changes_of(facts: &PushFacts, id: ObjectId) -> Vec<String> {
    let commit = facts.commits.iter().find(|commit| commit.id == id);
    shown(commit.unwrap_or_else(|| panic!("{id} does not count")))
}
