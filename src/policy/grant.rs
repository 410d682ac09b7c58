//! Grants: what gives a principal any right at all.

use crate::model::{Count, Effect, Finding, PrincipalName, RefName, RepoName, UpdateKind, Usage};
use crate::policy::pattern::{PatternOf, Subject, Who};
use crate::policy::pattern_list::PatternList;
use crate::policy::people::{NameList, People};
use crate::policy::rules::signature::{PushCert, SIGNED_PUSH};
use crate::policy::source::{Key, Origin};
use crate::strict::{self, Problem, Span, Table, Value};
use jiff::Timestamp;

/// One `[[grant]]`.
#[derive(Debug)]
pub struct Grant {
    pub to: NameList,
    pub repos: PatternList,
    /// `None` for a grant that only lets read.
    pub refs: Option<PatternList>,
    pub allow: Vec<UpdateKind>,
    /// Nothing, if it is not there.
    pub write: Option<PatternList>,
    pub read: PatternList,
    pub until: Option<Timestamp>,
    pub quota: Quota,
    /// Whether it gives something to signed pushes only.
    pub signed: bool,
    pub span: Span,
    /// Whether the admin wrote `write = []` on purpose.
    pub writes_nothing: bool,
    /// Every key there is, with its value.
    pub keys: Vec<Key>,
}

/// How often, and how much. `None`: no bound.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Quota {
    pub pushes: Option<Rate>,
    pub bytes: Option<Rate>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    pub max: u64,
    pub per: Window,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Window {
    Minute,
    Hour,
    Day,
}

const WINDOWS: [(&str, Window); 3] = [("minute", Window::Minute), ("hour", Window::Hour), ("day", Window::Day)];

pub const OPERATIONS: [(&str, UpdateKind); 4] = [
    ("create", UpdateKind::Create),
    ("update", UpdateKind::Update),
    ("rewind", UpdateKind::Rewind),
    ("delete", UpdateKind::Delete),
];

impl Grant {
    pub fn read(value: Value<'_, '_>, people: &People, problems: &mut Vec<Problem>) -> Option<Self> {
        let mut table = value.table(problems)?;
        let list = |value: Option<Value<'_, '_>>, of, problems: &mut Vec<Problem>| {
            value.and_then(|v| PatternList::read(v, of, problems))
        };
        let to = table.require("to", problems).and_then(|v| NameList::read(v, people, problems));
        let repo = table.require("repo", problems);
        let repos = list(repo, PatternOf::Repo, problems);
        let refs = table.get("refs");
        let allow = table.get("allow");
        if let (Some(only), None) | (None, Some(only)) = (refs, allow) {
            problems.push(
                Problem::new(only.span(), "`refs` and `allow` go together")
                    .help("write both to let push, none of them to let read only"),
            );
        }
        let refs = list(refs, PatternOf::GrantedRef, problems);
        let allow = allow.and_then(|v| read_allow(v, problems)).unwrap_or_default();
        let written = table.get("write");
        let writes_nothing = written.is_some_and(Value::is_empty_array);
        let write = list(written.filter(|_| !writes_nothing), PatternOf::Path, problems);
        let read = match table.get("read") {
            Some(value) => list(Some(value), PatternOf::AnyRef, problems),
            None => Some(PatternList::fixed(&["refs/heads/**", "refs/tags/**"], PatternOf::AnyRef)),
        };
        let until = table.get("until").and_then(|v| read_until(v, problems));
        let quota = table.get("quota").and_then(|v| Quota::read(v, problems)).unwrap_or_default();
        let signed = table.get("signed").and_then(|v| v.boolean(problems)).unwrap_or(false);
        table.finish(problems);
        let span = value.span();
        let defaults = [("read", "[\"refs/heads/**\", \"refs/tags/**\"]"), ("write", "[]"), ("signed", "false")];
        let keys = Origin::Policy.keys(&table, &defaults);
        let (to, repos, read) = (to?, repos?, read?);
        Some(Self { to, repos, refs, allow, write, read, until, quota, signed, span, writes_nothing, keys })
    }

    /// Why it gives a push nothing that it would else allow, for now. What the pusher can do about at once comes first.
    #[must_use]
    pub fn withholds(&self, push_cert: PushCert<'_>, usage: &Usage, bytes: u64) -> Option<Finding> {
        // A flawed certificate has a finding of its own.
        if self.signed && matches!(push_cert, PushCert::Missing) {
            return Some(refusal(
                "push-cert.missing",
                "only signed pushes may do this (git push --signed), and this one has no certificate".to_owned(),
                SIGNED_PUSH.to_owned(),
            ));
        }
        self.quota.exceeded(usage, bytes)
    }

    #[must_use]
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.until.is_some_and(|until| until <= now)
    }

    /// Whether the grant is this principal's in this repository.
    #[must_use]
    pub fn is_for(&self, principal: usize, repo: &RepoName) -> bool {
        self.to.contains(principal) && self.is_in(repo)
    }

    #[must_use]
    pub fn is_in(&self, repo: &RepoName) -> bool {
        self.repos.allows(&Subject::name(repo.as_str().as_bytes()), Who::Anyone)
    }

    #[must_use]
    pub fn has_ref(&self, ref_name: &RefName, who: Who<'_>) -> bool {
        self.refs.as_ref().is_some_and(|refs| refs.allows(&Subject::name(ref_name.as_bstr()), who))
    }

    /// Whether the grant lets ask for review of a push to this ref.
    #[must_use]
    pub fn proposes(&self, ref_name: &RefName, who: Who<'_>) -> bool {
        let short = if ref_name.is_branch() { ref_name.short() } else { ref_name.as_bstr() };
        let name = [b"refs/for/".as_slice(), short].concat();
        self.refs.as_ref().is_some_and(|refs| refs.allows(&Subject::name(&name), who))
    }

    /// Whether somebody has this ref by it.
    #[must_use]
    pub fn gives_ref(&self, ref_name: &RefName) -> bool {
        self.refs.as_ref().is_some_and(|refs| refs.allows_anyone(&Subject::name(ref_name.as_bstr())))
    }

    #[must_use]
    pub fn may_write(&self, path: &Subject<'_>, who: Who<'_>) -> bool {
        self.write.as_ref().is_some_and(|write| write.allows(path, who))
    }

    /// `create, update refs/heads/agent/claude-1/**`.
    #[must_use]
    pub fn show_refs(&self, name: &PrincipalName) -> String {
        let words: Vec<&str> = self.allow.iter().map(|kind| kind.as_str()).collect();
        let refs = self.refs.as_ref().map(|refs| refs.show(name.as_str()).join(" ")).unwrap_or_default();
        format!("{} {refs}", words.join(", "))
    }
}

fn read_allow(value: Value<'_, '_>, problems: &mut Vec<Problem>) -> Option<Vec<UpdateKind>> {
    if value.is_empty_array() {
        let problem = Problem::new(value.span(), "an empty list allows nothing");
        problems.push(problem.help("leave `refs` and `allow` out to let read only"));
    }
    read_operations(value, problems)
}

/// Kinds of ref updates by their words.
pub fn read_operations(value: Value<'_, '_>, problems: &mut Vec<Problem>) -> Option<Vec<UpdateKind>> {
    let values = value.array(problems)?;
    Some(values.into_iter().filter_map(|v| v.one_of(&OPERATIONS, problems)).collect())
}

fn read_until(value: Value<'_, '_>, problems: &mut Vec<Problem>) -> Option<Timestamp> {
    let written = value.datetime(problems)?;
    let until = written.to_string().parse().ok();
    if until.is_none() {
        let problem = Problem::new(value.span(), "a date alone is not a moment: the time or its offset is missing");
        problems.push(problem.help("write 2027-01-01T00:00:00Z"));
    }
    until
}

impl Quota {
    fn read(value: Value<'_, '_>, problems: &mut Vec<Problem>) -> Option<Self> {
        let mut table: Table<'_, '_> = value.table(problems)?;
        let pushes = table.get("pushes");
        let bytes = table.get("bytes");
        table.finish(problems);
        let pushes = pushes.and_then(|v| Rate::read(v, |text| text.parse().ok(), "\"60/hour\"", problems));
        let bytes = bytes.and_then(|v| Rate::read(v, strict::parse_bytes, "\"200 MiB/day\"", problems));
        Some(Self { pushes, bytes })
    }

    /// What of it one more push of so many bytes would break.
    #[must_use]
    pub fn exceeded(&self, usage: &Usage, bytes: u64) -> Option<Finding> {
        if let Some(rate) = self.pushes
            && rate.used(usage).pushes.saturating_add(1) > rate.max
        {
            let message = format!("{} pushes in a {} are the most this grant has", rate.max, rate.per.as_str());
            return Some(quota_finding("quota.pushes", message, rate));
        }
        if let Some(rate) = self.bytes
            && rate.used(usage).bytes.saturating_add(bytes) > rate.max
        {
            let message = format!("{} bytes in a {} are the most this grant has", rate.max, rate.per.as_str());
            return Some(quota_finding("quota.bytes", message, rate));
        }
        None
    }
}

fn quota_finding(rule: &str, message: String, rate: Rate) -> Finding {
    let fix = format!("push again later, at most one {} from now", rate.per.as_str());
    refusal(rule, message, fix)
}

/// About a push as a whole.
fn refusal(rule: &str, message: String, fix: String) -> Finding {
    Finding { rule: rule.to_owned(), effect: Effect::Refuse, would: None, place: Default::default(), message, fix }
}

impl Rate {
    fn read(
        value: Value<'_, '_>,
        amount: fn(&str) -> Option<u64>,
        example: &str,
        problems: &mut Vec<Problem>,
    ) -> Option<Self> {
        let text = value.string(problems)?;
        let rate = text.rsplit_once('/').and_then(|(number, word)| {
            let per = WINDOWS.iter().find(|(name, _)| *name == word.trim())?.1;
            Some(Self { max: amount(number.trim())?, per })
        });
        match rate {
            None => {
                let help = format!("write an amount per minute, hour or day: {example}");
                problems.push(Problem::new(value.span(), "not an amount in a time").help(help));
            }
            Some(Self { max: 0, .. }) => {
                problems.push(Problem::new(value.span(), "a quota of nothing grants nothing"));
            }
            Some(_) => {}
        }
        rate
    }

    fn used(self, usage: &Usage) -> Count {
        match self.per {
            Window::Minute => usage.minute,
            Window::Hour => usage.hour,
            Window::Day => usage.day,
        }
    }
}

impl Window {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Minute => "minute",
            Self::Hour => "hour",
            Self::Day => "day",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quota_holds_at_its_limit_and_not_one_over() {
        let per_hour = |max| Some(Rate { max, per: Window::Hour });
        let usage = |pushes, bytes| Usage { hour: Count { pushes, bytes }, ..Usage::default() };
        let rule = |quota: Quota, usage, bytes| quota.exceeded(&usage, bytes).map(|f| f.rule);
        let pushes = Quota { pushes: per_hour(60), bytes: None };
        assert_eq!(rule(pushes, usage(59, 0), 0), None);
        assert_eq!(rule(pushes, usage(60, 0), 0), Some("quota.pushes".into()));
        let bytes = Quota { pushes: None, bytes: per_hour(100) };
        assert_eq!(rule(bytes, usage(0, 90), 10), None);
        assert_eq!(rule(bytes, usage(0, 90), 11), Some("quota.bytes".into()));
        assert_eq!(rule(bytes, usage(0, u64::MAX), u64::MAX), Some("quota.bytes".into()));
        let day = Usage { day: Count { pushes: 99, bytes: 999 }, ..Usage::default() };
        assert_eq!(rule(pushes, day, 0), None);
        assert_eq!(rule(Quota::default(), usage(u64::MAX, u64::MAX), 1), None);
    }
}
