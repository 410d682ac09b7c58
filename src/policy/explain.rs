//! Why a push of some paths would pass or not: which grant and rule decides, and why each other one did not.
//!
//! The decision itself comes from the judge, who is given a made-up push that adds the paths as small files.

use crate::model::{
    Change, CommitFacts, Direction, Effect, Entry, Finding, Group, ObjectId, PushFacts, RefName, RefUpdate, RepoName,
    UpdateFacts, UpdateKind, Usage,
};
use crate::policy::grant::Grant;
use crate::policy::pattern::{Place, Subject, Who};
use crate::policy::pattern_list::{PatternList, Why};
use crate::policy::rules::Rule;
use crate::policy::source::Source;
use crate::policy::{Case, Hearing, Judgement, Policy, Principal};
use bstr::BString;
use jiff::Timestamp;

/// What is asked.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    pub principal: &'a Principal,
    pub repo: &'a RepoName,
    pub ref_name: &'a RefName,
    pub operation: UpdateKind,
    pub paths: &'a [BString],
    pub now: Timestamp,
}

/// What is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// On the ref and the operation.
    pub update: Vec<Note>,
    /// On each path.
    pub paths: Vec<(BString, Vec<Note>)>,
    /// `accept`, `hold` or `refuse`.
    pub decision: &'static str,
}

/// What one grant, rule or fixed check does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    pub role: Role,
    pub teller: Teller,
    /// One line, safe to show.
    pub text: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// A grant gives the right.
    Gives,
    /// A rule or check speaks, and this follows.
    Speaks { effect: Effect, would: Option<Effect> },
    /// It has nothing to do with it.
    Silent,
    /// Only the content, the commits or the whole push will tell.
    Open,
}

impl Role {
    /// What decides is told of first.
    fn rank(self) -> u8 {
        match self {
            Self::Speaks { .. } => 0,
            Self::Gives => 1,
            Self::Open => 2,
            Self::Silent => 3,
        }
    }
}

/// Whose note it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Teller {
    Grant(Source),
    Rule(String, Source),
    /// What needs no rule.
    Always(String),
}

impl Policy {
    #[must_use]
    pub fn explain(&self, question: &Question<'_>) -> Explanation {
        let asked = Asked {
            policy: self,
            question,
            principal: self.people.index(question.principal.name.as_str()),
            who: Who::Named(question.principal.name.as_str()),
        };
        asked.answer()
    }
}

struct Asked<'a> {
    policy: &'a Policy,
    question: &'a Question<'a>,
    principal: Option<usize>,
    who: Who<'a>,
}

impl<'a> Asked<'a> {
    fn answer(&self) -> Explanation {
        let mut update = Vec::new();
        let grants = self.grants(&mut update);
        let paths = if self.question.operation == UpdateKind::Delete { &[] } else { self.question.paths };
        let all = self.judge(paths);
        let rules = self.rules(&all, &mut update);
        always(&all.findings, None, &self.ids(), &mut update);
        let paths = paths.iter().map(|path| (path.clone(), self.path(path, &grants, &rules)));
        update.sort_by_key(|note| note.role.rank());
        Explanation { update, paths: paths.collect(), decision: all.decision.as_str() }
    }

    /// The grants that allow the operation.
    fn grants(&self, notes: &mut Vec<Note>) -> Vec<&'a Grant> {
        let mut giving = Vec::new();
        let theirs = |grant: &&Grant| self.principal.is_some_and(|index| grant.to.contains(index));
        for grant in self.policy.grants.iter().filter(theirs) {
            let (role, text) = match self.grant(grant) {
                Ok(text) => {
                    giving.push(grant);
                    (Role::Gives, text)
                }
                Err(text) => (Role::Silent, text),
            };
            notes.push(Note { role, teller: teller(grant), text });
        }
        giving
    }

    /// What of the grant allows the operation, or why it does not.
    fn grant(&self, grant: &Grant) -> Result<String, String> {
        let Question { repo, ref_name, operation, now, .. } = self.question;
        if !grant.is_in(repo) {
            return Err(format!("it is for another repository: {}", self.shown(&grant.repos)));
        }
        if let Some(until) = grant.until.filter(|_| grant.is_expired(*now)) {
            return Err(format!("it expired at {until}"));
        }
        let Some(refs) = &grant.refs else { return Err("it only lets fetch".to_owned()) };
        let pattern = match refs.why_allows(&Subject::name(ref_name.as_bstr()), self.who) {
            Why::Pattern(pattern) => pattern.show(self.name()),
            Why::Exception(exception) => {
                return Err(format!("this ref is an exception in it: `!{}`", exception.show(self.name())));
            }
            Why::Nothing => return Err(format!("it is for other refs: {}", self.shown(refs))),
        };
        if !grant.allow.contains(operation) {
            let words: Vec<&str> = grant.allow.iter().map(|kind| kind.as_str()).collect();
            return Err(format!("it lets {} `{pattern}`, but not {}", words.join(", "), operation.as_str()));
        }
        let has_quota = grant.quota.pushes.is_some() || grant.quota.bytes.is_some();
        let quota = if has_quota { "; what is used of its quota is not counted here" } else { "" };
        let signed = if grant.signed { ", but signed pushes only" } else { "" };
        Ok(format!("it lets {} `{pattern}`{signed}{quota}", operation.as_str()))
    }

    /// The rules that look at this ref of this principal; those that are done with are told of.
    fn rules(&self, judgement: &Judgement, notes: &mut Vec<Note>) -> Vec<&'a Rule> {
        let mut looking = Vec::new();
        for rule in self.policy.rules.iter().filter(|rule| rule.is_in(self.question.repo)) {
            if let Some(spoken) = spoken(rule, &judgement.findings, None) {
                notes.push(note(rule, spoken.0, spoken.1));
                continue;
            }
            let silent = if !rule.is_whose(self.principal) {
                Some((Role::Silent, "it is for other principals".to_owned()))
            } else if !rule.has_ref(self.question.ref_name, self.who) {
                Some((Role::Silent, "it is for other refs".to_owned()))
            } else if rule.kind == "ref-name" {
                Some((Role::Silent, "it has nothing against this ref".to_owned()))
            } else if rule.check.looks_into_objects() {
                looking.extend(Some(rule).filter(|rule| rule.check.looks_into_files()));
                Some((Role::Open, format!("kind `{}` looks into commits and tags", rule.kind)))
            } else if rule.check.patterns().is_none() && !rule.check.looks_into_files() {
                Some((Role::Open, format!("kind `{}` looks at more than the names of refs and paths", rule.kind)))
            } else {
                None
            };
            match silent {
                Some((role, text)) => notes.push(note(rule, role, text)),
                None => looking.push(rule),
            }
        }
        looking
    }

    fn path(&self, path: &BString, grants: &[&Grant], rules: &[&Rule]) -> Vec<Note> {
        let subject = Subject::new(path, Place::Plain);
        let mut notes = Vec::new();
        for grant in grants {
            let (role, text) = match grant.write.as_ref().map(|write| (write, write.why_allows(&subject, self.who))) {
                None => (Role::Silent, "it lets write nothing".to_owned()),
                Some((_, Why::Pattern(pattern))) => (Role::Gives, format!("`{}`", pattern.show(self.name()))),
                Some((_, Why::Exception(exception))) => {
                    (Role::Silent, format!("it is an exception in `write`: `!{}`", exception.show(self.name())))
                }
                Some((write, Why::Nothing)) => (Role::Silent, format!("it lets write {}", self.shown(write))),
            };
            notes.push(Note { role, teller: teller(grant), text });
        }
        let judgement = self.judge(std::slice::from_ref(path));
        for rule in rules {
            let (role, text) = self.rule_on_path(rule, &subject, path, &judgement);
            notes.push(note(rule, role, text));
        }
        // What was said to depend on more may speak all the same.
        let in_repo = self.policy.rules.iter().filter(|rule| rule.is_in(self.question.repo));
        for rule in in_repo.filter(|rule| rules.iter().all(|other| other.id != rule.id)) {
            if let Some((role, message)) = spoken(rule, &judgement.findings, Some(path)) {
                notes.push(note(rule, role, message));
            }
        }
        always(&judgement.findings, Some(path), &self.ids(), &mut notes);
        notes.sort_by_key(|note| note.role.rank());
        notes
    }

    fn rule_on_path(
        &self,
        rule: &Rule,
        subject: &Subject<'_>,
        path: &BString,
        judgement: &Judgement,
    ) -> (Role, String) {
        let why = rule.check.patterns().map(|list| (list, list.why_forbids(subject, self.who)));
        if let Some((role, message)) = spoken(rule, &judgement.findings, Some(path)) {
            let text = match why {
                Some((_, Why::Pattern(pattern))) => format!("`{}`: {message}", pattern.show(self.name())),
                Some((_, Why::Exception(_) | Why::Nothing)) | None => message,
            };
            return (role, text);
        }
        if rule.check.looks_into_files() && rule.check.wants(&added(path), subject, self.who) {
            return (Role::Open, format!("kind `{}` looks into the file", rule.kind));
        }
        let text = match why {
            Some((_, Why::Exception(exception))) => {
                format!("it is an exception: `!{}`", exception.show(self.name()))
            }
            Some((list, Why::Nothing)) => format!("it matches none of {}", self.shown(list)),
            Some((_, Why::Pattern(_))) | None => {
                format!("kind `{}` has nothing against a small ordinary file of this name", rule.kind)
            }
        };
        (Role::Silent, text)
    }

    fn ids(&self) -> Vec<&str> {
        self.policy.rules.iter().map(|rule| rule.id.as_str()).collect()
    }

    fn name(&self) -> &str {
        self.question.principal.name.as_str()
    }

    fn shown(&self, list: &PatternList) -> String {
        const SHOWN_MAX: usize = 3;
        let all = list.show(self.name());
        let few: Vec<String> = all.iter().take(SHOWN_MAX).map(|pattern| format!("`{pattern}`")).collect();
        match all.len().saturating_sub(SHOWN_MAX) {
            0 => few.join(", "),
            more => format!("{} and {more} more", few.join(", ")),
        }
    }

    /// What the policy says of a push that adds these paths.
    fn judge(&self, paths: &[BString]) -> Judgement {
        let Question { principal, repo, ref_name, operation, now, .. } = self.question;
        let id = |number: u8| ObjectId::from([number; 20]);
        let old = (*operation != UpdateKind::Create).then(|| id(1));
        let new = (*operation != UpdateKind::Delete).then(|| id(2));
        let update = RefUpdate { name: (*ref_name).clone(), old, new };
        let changes = paths.iter().map(added).collect();
        let commit = CommitFacts {
            id: id(2),
            direction: Direction::Added,
            parents: vec![id(1)],
            subject: BString::default(),
            changes,
            sightings: Vec::new(),
            is_new: true,
        };
        let is_delete = *operation == UpdateKind::Delete;
        let group = Group { updates: vec![0], commits: vec![0] };
        let facts = PushFacts {
            updates: vec![UpdateFacts { update, kind: *operation, tags: Vec::new(), commit: new }],
            commits: if is_delete { Vec::new() } else { vec![commit] },
            groups: if is_delete { Vec::new() } else { vec![group] },
            lines: Some(0),
            ..PushFacts::default()
        };
        let usage = &Usage::default();
        let findings_max = 1000;
        let hearing = Hearing::of_trial();
        self.policy.judge(&Case {
            principal,
            repo,
            facts: &facts,
            findings: &[],
            usage,
            now: *now,
            findings_max,
            hearing,
        })
    }
}

/// A small ordinary file that comes in.
fn added(path: &BString) -> Change {
    Change {
        path: path.clone(),
        old: vec![None],
        new: Some(Entry { mode: 0o100_644, id: ObjectId::from([3; 20]) }),
        size: Some(1),
        link_target: None,
        lfs_size: None,
        twin: None,
        twin_entry: None,
        sightings: Vec::new(),
    }
}

fn teller(grant: &Grant) -> Teller {
    Teller::Grant(Source::Policy(grant.span.clone()))
}

fn note(rule: &Rule, role: Role, text: String) -> Note {
    Note { role, teller: Teller::Rule(rule.id.clone(), rule.source()), text }
}

/// What a rule says of a path, or of no path.
fn spoken(rule: &Rule, findings: &[Finding], path: Option<&BString>) -> Option<(Role, String)> {
    let finding = findings.iter().find(|f| f.rule == rule.id && f.place.path.as_ref() == path)?;
    Some((Role::Speaks { effect: finding.effect, would: finding.would }, finding.message.clone()))
}

/// What the checks say that need no rule.
fn always(findings: &[Finding], path: Option<&BString>, ids: &[&str], notes: &mut Vec<Note>) {
    let fixed = findings.iter().filter(|f| f.place.path.as_ref() == path && !ids.contains(&f.rule.as_str()));
    notes.extend(fixed.map(|finding| Note {
        role: Role::Speaks { effect: finding.effect, would: finding.would },
        teller: Teller::Always(finding.rule.clone()),
        text: finding.message.clone(),
    }));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::testing::*;

    const TEXT: &str = r#"
agent.claude-1 = {}
agent.claude-2 = {}
[[grant]]
to = "claude-1"
repo = "app"
refs = ["refs/heads/agent/{principal}/**", "!refs/heads/agent/claude-1/no"]
allow = ["create", "update"]
write = ["src/**", ".github/**", "!src/keys/**"]
[[grant]]
to = "claude-1"
repo = "lib"
read = "refs/heads/**"
[[grant]]
to = "claude-1"
repo = "app"
refs = "refs/heads/**"
allow = ["update"]
write = "**"
until = 2020-01-01T00:00:00Z
[[grant]]
to = "claude-2"
repo = "app"
[repo.app]
preset = "moved-tags"
[rule.ci]
kind = "path"
match = [".github/**", "!.github/README.md"]
then = "hold"
[rule.seen]
kind = "path"
match = "src/main.rs"
then = "refuse"
mode = "observe"
[rule.marks]
kind = "conflict-marker"
match = "src/**"
then = "refuse"
[rule.much]
kind = "amount"
files_max = 10
then = "refuse"
[rule.others]
kind = "path"
match = "**"
then = "refuse"
principals = "claude-2"
"#;

    /// The answer as lines: those of the ref, then those of the path, then the decision.
    fn lines(ref_name: &str, operation: UpdateKind, path: &str) -> (Vec<String>, Vec<String>, &'static str) {
        let policy = policy(TEXT);
        let ref_name = RefName::parse(ref_name.as_bytes()).expect("a ref");
        let (principal, repo) = (principal(&policy, "claude-1"), repo());
        let paths = [BString::from(path)];
        let question =
            Question { principal: &principal, repo: &repo, ref_name: &ref_name, operation, paths: &paths, now: now() };
        let explanation = policy.explain(&question);
        let line = |note: &Note| {
            let at = |source: &Source| match source {
                Source::Policy(span) => crate::strict::position(TEXT, span.start).0.to_string(),
                Source::Preset(name) | Source::Over(_, name) => (*name).to_owned(),
                Source::Default => "default".to_owned(),
            };
            let teller = match &note.teller {
                Teller::Grant(source) => format!("grant {}", at(source)),
                Teller::Rule(id, source) => format!("{id} {}", at(source)),
                Teller::Always(id) => id.clone(),
            };
            let role = match note.role {
                Role::Gives => "+".to_owned(),
                Role::Speaks { effect, would: None } => effect.as_str().to_owned(),
                Role::Speaks { would: Some(would), .. } => format!("({})", would.as_str()),
                Role::Silent => "-".to_owned(),
                Role::Open => "?".to_owned(),
            };
            format!("{role} {teller}: {}", note.text)
        };
        let of_path = explanation.paths.iter().flat_map(|(_, notes)| notes).map(line).collect();
        (explanation.update.iter().map(line).collect(), of_path, explanation.decision)
    }

    const MINE: &str = "refs/heads/agent/claude-1/x";

    #[test]
    fn says_of_each_grant_and_rule_what_it_does_on_the_ref() {
        let (update, _, decision) = lines(MINE, UpdateKind::Update, "src/a");
        let expected = [
            "+ grant 4: it lets update `refs/heads/agent/claude-1/**`",
            "? much 39: kind `amount` looks at more than the names of refs and paths",
            "- grant 10: it is for another repository: `lib`",
            "- grant 14: it expired at 2020-01-01T00:00:00Z",
            "- others 43: it is for other principals",
            "- moved-tags moved-tags: it has nothing against this ref",
            "- deleted-tags moved-tags: it has nothing against this ref",
        ];
        assert_eq!((update.as_slice(), decision), (expected.map(str::to_owned).as_slice(), "accept"));
        for (name, operation, line) in [
            (
                MINE,
                UpdateKind::Rewind,
                "- grant 4: it lets create, update `refs/heads/agent/claude-1/**`, but not rewind",
            ),
            (
                "refs/heads/agent/claude-1/no",
                UpdateKind::Create,
                "- grant 4: this ref is an exception in it: `!refs/heads/agent/claude-1/no`",
            ),
            (
                "refs/heads/main",
                UpdateKind::Update,
                "- grant 4: it is for other refs: `refs/heads/agent/claude-1/**`, `!refs/heads/agent/claude-1/no`",
            ),
            ("refs/tags/v1", UpdateKind::Rewind, "refuse moved-tags moved-tags: a tag that is there stays where it is"),
            (
                "refs/tags/v1",
                UpdateKind::Delete,
                "refuse ref.no-grant: you may not delete this ref; you may create, update refs/heads/agent/claude-1/** !refs/heads/agent/claude-1/no",
            ),
        ] {
            let (update, _, decision) = lines(name, operation, "src/a");
            assert!(update.contains(&line.to_owned()), "{line}\n{update:#?}");
            assert_eq!(decision, "refuse");
        }
    }

    #[test]
    fn says_of_each_grant_and_rule_what_it_does_on_a_path() {
        let table: [(&str, &[&str], &str); 6] = [
            (
                "src/a",
                &[
                    "+ grant 4: `src/**`",
                    "- ci 26: it matches none of `.github/**`, `!.github/README.md`",
                    "- seen 30: it matches none of `src/main.rs`",
                    "? marks 35: kind `conflict-marker` looks into the file",
                ],
                "accept",
            ),
            (
                ".GitHub/x",
                &["refuse write.outside-grant: you may write src/** .github/**, but not src/keys/**"],
                "refuse",
            ),
            (".github/x", &["hold ci 26: `.github/**`: this path is guarded"], "hold"),
            (".github/README.md", &["- ci 26: it is an exception: `!.github/README.md`"], "accept"),
            ("src/main.rs", &["(refuse) seen 30: `src/main.rs`: this path is guarded"], "accept"),
            ("src/Keys/a", &["- grant 4: it is an exception in `write`: `!src/keys/**`"], "refuse"),
        ];
        for (path, expected, decision) in table {
            let (_, notes, decided) = lines(MINE, UpdateKind::Update, path);
            for line in expected {
                assert!(notes.contains(&(*line).to_owned()), "{path}: {line}\n{notes:#?}");
            }
            assert_eq!(decided, decision, "{path}");
        }
        let (_, notes, _) = lines(MINE, UpdateKind::Delete, "src/a");
        assert_eq!(notes, Vec::<String>::new(), "a delete changes no path");
    }

    /// What decides is among the notes: their strongest effect is the decision, over many pushes.
    #[test]
    fn the_notes_bear_out_the_decision() {
        let text = format!(
            "{TEXT}[rule.few]\nkind = \"amount\"\nfiles_max = 2\nthen = \"hold\"\n\
             [rule.deep]\nkind = \"entry-name\"\ndepth_max = 2\nthen = \"warn\"\n\
             [rule.names]\nkind = \"ref-name\"\nmust_match = \"refs/heads/agent/**\"\nthen = \"hold\"\n"
        );
        let policy = policy(&text);
        let (principal, repo) = (principal(&policy, "claude-1"), repo());
        let names = [MINE, "refs/heads/agent/claude-1/no", "refs/heads/main", "refs/tags/v1"];
        let some = ["src/keys/a", ".github/x", ".GITHUB/x", "src/main.rs", "src/b/c/d", ".git/x"];
        for (name, operation) in names.into_iter().flat_map(|name| {
            [UpdateKind::Create, UpdateKind::Update, UpdateKind::Rewind, UpdateKind::Delete]
                .map(|operation| (name, operation))
        }) {
            for chosen in 0..1_u32 << some.len() {
                let is_chosen = |(index, _): &(usize, &&str)| chosen >> index & 1 == 1;
                let paths: Vec<BString> =
                    some.iter().enumerate().filter(is_chosen).map(|(_, path)| (*path).into()).collect();
                let ref_name = RefName::parse(name.as_bytes()).expect("a ref");
                let (principal, repo) = (&principal, &repo);
                let question = Question { principal, repo, ref_name: &ref_name, operation, paths: &paths, now: now() };
                let Explanation { update, paths, decision } = policy.explain(&question);
                let effects =
                    update.iter().chain(paths.iter().flat_map(|(_, notes)| notes)).filter_map(|note| match note.role {
                        Role::Speaks { effect, .. } => Some(effect),
                        Role::Gives | Role::Silent | Role::Open => None,
                    });
                let expected = match effects.max() {
                    None | Some(Effect::Warn) => "accept",
                    Some(Effect::Hold) => "hold",
                    Some(Effect::Refuse) => "refuse",
                };
                assert_eq!(decision, expected, "{name} {operation:?} {update:#?} {paths:#?}");
            }
        }
    }
}
