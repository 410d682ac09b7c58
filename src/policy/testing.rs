//! Small pushes and policies for the tests of this stage.

use crate::model::{
    Change, CommitFacts, Direction, Entry, Group, ObjectId, PrincipalName, PushFacts, RefName, RefUpdate, RepoName,
    UpdateFacts, UpdateKind, Usage,
};
use crate::policy::{Blobs, Case, Examiner, Hearing, Judgement, Policy, Principal, Unreadable};
use jiff::Timestamp;

pub const FILE: u32 = 0o100644;
pub const EXECUTABLE: u32 = 0o100755;
pub const SYMLINK: u32 = 0o120000;
pub const GITLINK: u32 = 0o160000;

/// `claude-1` may do all to its own branches, everywhere.
pub const OPEN: &str = r#"
agent.claude-1 = {}
[[grant]]
to = "claude-1"
repo = "app"
refs = ["refs/heads/agent/{principal}/**", "refs/tags/**"]
allow = ["create", "update", "rewind", "delete"]
write = "**"
"#;

pub fn id(number: u8) -> ObjectId {
    ObjectId::from([number; 20])
}

pub fn entry(mode: u32, number: u8) -> Option<Entry> {
    Some(Entry { mode, id: id(number) })
}

/// A file that comes in.
pub fn change(path: impl AsRef<[u8]>) -> Change {
    Change {
        path: path.as_ref().into(),
        old: vec![None],
        new: entry(FILE, 200),
        size: Some(10),
        link_target: None,
        lfs_size: None,
        twin: None,
        twin_entry: None,
        sightings: Vec::new(),
    }
}

pub fn symlink(path: &str, target: &str) -> Change {
    Change { new: entry(SYMLINK, 201), link_target: Some(target.into()), ..change(path) }
}

/// Commit `number`, child of `number - 1`.
pub fn commit(number: u8, changes: Vec<Change>) -> CommitFacts {
    CommitFacts {
        id: id(number),
        direction: Direction::Added,
        parents: vec![id(number - 1)],
        subject: "work".into(),
        changes,
        sightings: Vec::new(),
        is_new: true,
    }
}

pub fn update(name: &str, kind: UpdateKind) -> UpdateFacts {
    let new = (kind != UpdateKind::Delete).then(|| id(9));
    let old = (kind != UpdateKind::Create).then(|| id(1));
    let name = RefName::parse(name.as_bytes()).expect("a ref name");
    UpdateFacts { update: RefUpdate { name, old, new }, kind, tags: Vec::new(), commit: new }
}

/// All commits count for all updates.
pub fn push(updates: Vec<UpdateFacts>, commits: Vec<CommitFacts>) -> PushFacts {
    let group = Group { updates: (0..updates.len()).collect(), commits: (0..commits.len()).collect() };
    PushFacts { updates, commits, groups: vec![group], lines: None, more_sightings: 0, pack_bytes: 1000 }
}

/// One commit with these changes, as an update of a branch of `claude-1`.
pub fn one(changes: Vec<Change>) -> PushFacts {
    push(vec![update("refs/heads/agent/claude-1/x", UpdateKind::Update)], vec![commit(9, changes)])
}

pub fn policy(text: &str) -> Policy {
    Policy::parse("policy.toml", text).unwrap_or_else(|e| panic!("{e}"))
}

pub fn now() -> Timestamp {
    "2026-06-01T12:00:00Z".parse().expect("a time")
}

pub fn repo() -> RepoName {
    RepoName::parse("app").expect("a name")
}

pub fn principal(policy: &Policy, name: &str) -> Principal {
    let name = PrincipalName::parse(name).expect("a name");
    policy.principal(&name).expect("a principal").clone()
}

pub fn judge_with_usage(text: &str, facts: &PushFacts, usage: Usage) -> Judgement {
    judge_heard(text, facts, usage, Hearing::default())
}

pub fn judge_heard(text: &str, facts: &PushFacts, usage: Usage, hearing: Hearing<'_>) -> Judgement {
    let policy = policy(text);
    let case = Case {
        principal: &principal(&policy, "claude-1"),
        repo: &repo(),
        facts,
        findings: &[],
        usage: &usage,
        now: now(),
        findings_max: 20,
        hearing,
    };
    policy.judge(&case)
}

pub fn judge(text: &str, facts: &PushFacts) -> Judgement {
    judge_with_usage(text, facts, Usage::default())
}

/// Decision and rules, as `refuse: name.control write.outside-grant`.
pub fn verdict(text: &str, facts: &PushFacts) -> String {
    let judgement = judge(text, facts);
    let rules = judgement.findings.iter().map(|f| f.rule.as_str());
    let all: Vec<&str> = rules.collect();
    [judgement.decision.as_str(), ": ", &all.join(" ")].concat()
}

/// The open policy with one rule `r` of these keys.
pub fn with_rule(keys: &str) -> String {
    format!("{OPEN}\n[rule.r]\nthen = \"refuse\"\n{keys}\n")
}

/// What is said of a rule `r` that is not right.
pub fn problems(keys: &str) -> String {
    Policy::parse("policy.toml", &with_rule(keys)).expect_err("a problem").to_string()
}

/// Judges one change by one rule: whether the rule speaks, beside what is said of the name without any rule.
pub fn speaks(keys: &str, change: Change) -> bool {
    let without = verdict(OPEN, &one(vec![change.clone()]));
    let with = verdict(&with_rule(keys), &one(vec![change]));
    let said = |verdict: &str| verdict.split_once(": ").map_or(String::new(), |(_, rules)| rules.to_owned());
    let (without, with) = (said(&without), said(&with));
    match with.strip_suffix("r").map(str::trim_end) {
        Some(rest) if rest == without => true,
        _ if with == without => false,
        _ => panic!("{with} beside {without}"),
    }
}

/// Contents by object id, for rules that look inside.
#[derive(Default)]
pub struct Memory(pub std::collections::HashMap<ObjectId, std::sync::Arc<Vec<u8>>>);

impl Memory {
    /// Takes a blob in; the id is made up, the same for the same bytes.
    pub fn add(&mut self, bytes: &[u8]) -> ObjectId {
        let digest = <sha2::Sha256 as sha2::Digest>::digest(bytes);
        let id = ObjectId::try_from(&digest[..20]).expect("20 bytes");
        self.0.insert(id, std::sync::Arc::new(bytes.to_owned()));
        id
    }
}

impl Blobs for Memory {
    fn read(&self, id: &ObjectId) -> Result<std::sync::Arc<Vec<u8>>, Unreadable> {
        self.0.get(id).cloned().ok_or_else(|| Unreadable(format!("no blob {id}").into()))
    }

    fn size(&self, id: &ObjectId) -> Result<u64, Unreadable> {
        Ok(self.read(id)?.len() as u64)
    }

    fn stream(&self, id: &ObjectId, piece: &mut dyn FnMut(&[u8])) -> Result<(), Unreadable> {
        // Odd pieces, so that nothing depends on where they are cut.
        self.read(id)?.chunks(100_003).for_each(piece);
        Ok(())
    }

    fn secrets(&self, _id: &ObjectId, path: &[u8], bytes: &[u8]) -> std::sync::Arc<Vec<crate::secret::Found>> {
        let seal = |hit| crate::secret::Found::new(hit, Some(&KEY));
        std::sync::Arc::new(crate::secret::scanner().scan(Some(path), bytes).into_iter().map(seal).collect())
    }
}

/// One changed file: path, what the parent has there, what the commit has.
pub type File<'a> = (&'a str, Option<&'a [u8]>, Option<&'a [u8]>);

/// Judges one commit that changes these files; each finding as `refuse r src/a:3 message`.
pub fn judge_files(text: &str, files: &[File<'_>]) -> Vec<String> {
    let mut memory = Memory::default();
    let file = |memory: &mut Memory, bytes: &[u8]| Some(Entry { mode: FILE, id: memory.add(bytes) });
    let changes = files.iter().map(|(path, old, new)| Change {
        old: vec![old.and_then(|bytes| file(&mut memory, bytes))],
        new: new.and_then(|bytes| file(&mut memory, bytes)),
        size: new.map(|bytes| bytes.len() as u64),
        ..change(path)
    });
    let facts = one(changes.collect());
    judge_examined(text, facts, &memory, b"")
}

/// Judges a push whose first commit is `raw` (if that is not empty) with the rules that look inside.
pub fn judge_examined(text: &str, facts: PushFacts, memory: &Memory, raw: &[u8]) -> Vec<String> {
    let show = |finding: &crate::model::Finding| {
        let path = finding.place.path.as_ref().map(|path| format!(" {path}")).unwrap_or_default();
        let line = finding.place.line.map(|line| format!(":{line}")).unwrap_or_default();
        format!("{} {}{path}{line} {}", finding.effect.as_str(), finding.rule, finding.message)
    };
    examined(text, facts, memory, raw).findings.iter().map(show).collect()
}

/// The fixes of the findings of [`judge_examined`].
pub fn examined_fixes(text: &str, facts: PushFacts, memory: &Memory, raw: &[u8]) -> Vec<String> {
    examined(text, facts, memory, raw).findings.into_iter().map(|finding| finding.fix).collect()
}

fn examined(text: &str, mut facts: PushFacts, memory: &Memory, raw: &[u8]) -> Judgement {
    let policy = policy(text);
    let principal = principal(&policy, "claude-1");
    let updates: Vec<RefUpdate> = facts.updates.iter().map(|u| u.update.clone()).collect();
    let examiner = Examiner::new(&policy, &principal, &repo(), &updates, CONTENT_BYTES_MAX, Some(&KEY));
    for at in 0..facts.commits.len() {
        let commit = facts.commits[at].clone();
        for (index, change) in commit.changes.iter().enumerate() {
            facts.commits[at].changes[index].sightings =
                examiner.change(&commit, change, memory).unwrap_or_else(|error| panic!("{error:?}"));
        }
        if !raw.is_empty() {
            facts.commits[at].sightings = examiner.commit(&commit, raw);
        }
    }
    for tag in facts.updates.iter_mut().flat_map(|update| &mut update.tags) {
        tag.sightings = examiner.tag(tag);
    }
    let case = Case {
        principal: &principal,
        repo: &repo(),
        facts: &facts,
        findings: &[],
        usage: &Usage::default(),
        now: now(),
        findings_max: 20,
        hearing: Hearing::default(),
    };
    policy.judge(&case)
}

static KEY: crate::secret::FingerprintKey = crate::secret::FingerprintKey::new([7; 32]);

/// The limit in these tests: small, so that a large file is no burden.
pub const CONTENT_BYTES_MAX: u64 = 6 * 1024 * 1024;
