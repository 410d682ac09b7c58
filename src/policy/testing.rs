//! Small pushes and policies for the tests of this stage.

use crate::model::{
    Change, CommitFacts, Direction, Entry, Group, ObjectId, PrincipalName, PushFacts, RefName, RefUpdate, RepoName,
    UpdateFacts, UpdateKind, Usage,
};
use crate::policy::{Case, Judgement, Policy, Principal};
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
    PushFacts { updates, commits, groups: vec![group], lines: None, pack_bytes: 1000 }
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
    let policy = policy(text);
    let case = Case {
        principal: &principal(&policy, "claude-1"),
        repo: &repo(),
        facts,
        findings: &[],
        usage: &usage,
        now: now(),
        findings_max: 20,
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
