//! A desk over a repository that a test fills.

use bstr::BString;
use jiff::Timestamp;
use refgate::diff::{Bounds, CommitDiff, Marks, diff_commit};
use refgate::git::scratch::Scratch;
use refgate::git::{ObjectStore, Objects};
use refgate::inspect::{Request, inspect};
use refgate::model::{
    CommitFacts, Effect, Finding, Limits, Needs, ObjectId, Place, PrincipalName, PushFacts, PushId, RefName, RefUpdate,
    RepoName,
};
use refgate::review::{Commit, Desk, DeskError, Held, MayDecide, Waiting};
use std::fmt::Write;

/// Files of one commit, path to content; a path with `x:` before it is executable, with `l:` a symlink.
pub struct Spec<'a> {
    pub author: &'a [u8],
    pub message: &'a [u8],
    pub files: &'a [(&'a [u8], &'a [u8])],
}

/// A line of commits; the first one is what the ref held before.
pub fn push(specs: &[Spec<'_>]) -> (Scratch, PushFacts) {
    let scratch = Scratch::create().expect("a repository");
    let mut stream = Vec::new();
    for (at, spec) in specs.iter().enumerate() {
        stream.extend_from_slice(format!("commit refs/c/{at}\n").as_bytes());
        for role in ["author", "committer"] {
            stream.extend_from_slice(&[role.as_bytes(), b" ", spec.author, b" 1767225600 +0000\n"].concat());
        }
        stream.extend_from_slice(format!("data {}\n", spec.message.len()).as_bytes());
        stream.extend_from_slice(spec.message);
        stream.push(b'\n');
        if at > 0 {
            stream.extend_from_slice(format!("from refs/c/{}\n", at - 1).as_bytes());
        }
        stream.extend_from_slice(b"deleteall\n");
        spec.files.iter().for_each(|(path, content)| file(&mut stream, path, content));
    }
    scratch.import(&stream).expect("imported");
    let ids: Vec<ObjectId> = (0..specs.len()).map(|at| tip(&scratch, at)).collect();
    let name = RefName::parse(b"refs/heads/agent/claude-1/login").expect("a name");
    let old = (ids.len() > 1).then(|| ids[0]);
    let updates = [RefUpdate { name, old, new: ids.last().copied() }];
    let request = Request { updates: &updates, classes: &[0], upstream: &[], trusted: &[], needs: Needs::default() };
    let mut facts = inspect(&objects(&scratch), &request, &Limits::default(), &false.into()).expect("facts");
    // Oldest first, as they are read.
    facts.commits.reverse();
    (scratch, facts)
}

fn file(stream: &mut Vec<u8>, path: &[u8], content: &[u8]) {
    let (mode, path) = match path.split_at_checked(2) {
        Some((b"x:", path)) => ("100755", path),
        Some((b"l:", path)) => ("120000", path),
        _ => ("100644", path),
    };
    let quoted: String = path.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "\\{byte:03o}");
        text
    });
    stream.extend_from_slice(format!("M {mode} inline \"{quoted}\"\ndata {}\n", content.len()).as_bytes());
    stream.extend_from_slice(content);
    stream.push(b'\n');
}

fn tip(scratch: &Scratch, at: usize) -> ObjectId {
    let text = std::fs::read(scratch.path().join(format!("refs/c/{at}"))).expect("a loose ref");
    ObjectId::from_hex(text.trim_ascii_end()).expect("an id")
}

fn objects(scratch: &Scratch) -> Objects {
    let store = ObjectStore::open(&scratch.path().join("objects")).expect("objects");
    Objects::new(None, &store)
}

pub struct Item {
    pub held: Held,
    pub facts: Vec<CommitFacts>,
    pub objects: Option<Scratch>,
}

#[derive(Default)]
pub struct FakeDesk {
    pub items: Vec<Item>,
    /// What was done, in order.
    pub log: Vec<String>,
    /// Every decision fails so.
    pub refusal: Option<&'static str>,
}

pub fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_767_225_600 + second).expect("a time")
}

pub fn waiting(number: usize, verdict: MayDecide) -> Waiting {
    Waiting {
        push: PushId::parse(&format!("01JD7Q2000000000000000{number:04}")).expect("an id"),
        repo: RepoName::parse("app").expect("a name"),
        principal: PrincipalName::parse("claude-1").expect("a name"),
        sponsor: Some(PrincipalName::parse("dana").expect("a name")),
        refs: vec!["agent/claude-1/login".to_owned()],
        since: at(0),
        expires: at(7 * 86_400),
        first_rule: "ci-files".to_owned(),
        findings: 1,
        missing: "1 of owners".to_owned(),
        verdict,
        bytes: 2048,
    }
}

/// A push with a repository behind it.
pub fn item(number: usize, specs: &[Spec<'_>], findings: impl Fn(&[CommitFacts]) -> Vec<Finding>) -> Item {
    let (scratch, facts) = push(specs);
    let findings = findings(&facts.commits);
    let mut waiting = waiting(number, MayDecide::Decide);
    waiting.findings = findings.len();
    let commits = facts.commits.iter().map(Commit::from).collect();
    let held = Held { waiting, updates: facts.updates, findings, more_findings: 0, commits };
    Item { held, facts: facts.commits, objects: Some(scratch) }
}

pub fn finding(rule: &str, commit: &CommitFacts, path: Option<&[u8]>, line: Option<u32>, message: &str) -> Finding {
    let path = path.map(BString::from);
    Finding {
        rule: rule.to_owned(),
        effect: Effect::Hold,
        would: None,
        place: Place { commit: Some(commit.id), path, line, ref_name: None },
        message: message.to_owned(),
        fix: String::new(),
    }
}

impl FakeDesk {
    fn item(&self, push: PushId) -> Result<&Item, DeskError> {
        self.items.iter().find(|item| item.held.waiting.push == push).ok_or(DeskError::Gone)
    }

    fn decide(&mut self, push: PushId, what: String) -> Result<(), DeskError> {
        if let Some(why) = self.refusal {
            return Err(DeskError::Refused(why.to_owned()));
        }
        self.item(push)?;
        self.log.push(what);
        self.items.retain(|item| item.held.waiting.push != push);
        Ok(())
    }
}

impl Desk for FakeDesk {
    fn queue(&mut self) -> Result<Vec<Waiting>, DeskError> {
        Ok(self.items.iter().map(|item| item.held.waiting.clone()).collect())
    }

    fn open(&mut self, push: PushId) -> Result<Held, DeskError> {
        Ok(self.item(push)?.held.clone())
    }

    fn commit(&mut self, push: PushId, commit: usize) -> Result<CommitDiff, DeskError> {
        let item = self.item(push)?;
        let facts = item.facts.get(commit).ok_or(DeskError::Internal)?;
        let scratch = item.objects.as_ref().ok_or(DeskError::Internal)?;
        let marks = Marks::of(&item.held.findings, &facts.id);
        diff_commit(&objects(scratch), facts, &marks, &Bounds::default()).map_err(|_| DeskError::Internal)
    }

    fn approve(&mut self, push: PushId) -> Result<String, DeskError> {
        self.decide(push, format!("approve {push}"))?;
        Ok("approved, and forwarded to app".to_owned())
    }

    fn reject(&mut self, push: PushId, reason: &str) -> Result<String, DeskError> {
        self.decide(push, format!("reject {push}: {reason}"))?;
        Ok("rejected".to_owned())
    }

    fn now(&self) -> Timestamp {
        at(3 * 3600)
    }
}
