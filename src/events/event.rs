//! One event and its JSON form. Pure: a record in, an event out. Who may see it is the business of `reader`.
//!
//! A stable format, version 1, told to its readers in docs/EVENTS.md: keys are added, never renamed or given another meaning. `v`, `cursor`, `time` and `event`
//! are always there, every other key where there is something to say:
//!
//! | key | what it is |
//! |---|---|
//! | `v` | 1 |
//! | `cursor` | place in the record; `events --since` goes on after it. They rise, with gaps |
//! | `time` | RFC 3339, UTC |
//! | `event` | one of those below |
//! | `push` | the push's id |
//! | `repo` | its repository; without it the event is about all of them, or about the gate |
//! | `principal` | whose push it is, or who was revoked or reinstated |
//! | `purpose` | `review` or `check`; not there for an ordinary push |
//! | `decision` | of `push.checked`: `accept`, `hold` or `refuse` |
//! | `refs` | list of `ref`, `old`, `new` (`null`: no such ref), `kind` (`create`, `update`, `rewind`, `delete`), after forwarding also `result` (`forwarded`, `rejected`, `moved`, `unknown`) |
//! | `more_refs` | how many refs there are beyond those listed |
//! | `rules` | ids of the rules that found something, each once |
//! | `by` | the person who did it; of a hold without it: the gate did |
//! | `approved_by` | whose approvals counted |
//! | `reason` | one line, as it was given |
//! | `cause` | of `push.aborted`: a fixed word |
//! | `until` | how long the push waits, the approval counts, or the freeze or revocation lasts |
//! | `replaced_by` | the push that took this one's place |
//! | `detail` | of events of the gate and its policy: what there is to say, by name |
//!
//! Ref names are escaped as everywhere (`\n`, `\xff`, `\u{202e}`).

use crate::model::{
    Escaped, EventKind, ObjectId, PrincipalName, Purpose, PushId, RefName, RepoName, UpdateKind, is_invisible,
};
use crate::record::{
    AbortEntry, Control, ControlEntry, DecisionEntry, EventEntry, FindingEntry, HoldEntry, HoldStep, Holds,
    OutcomeEntry, Record, RefResult, ReleaseEntry, UpdateEntry, Verdict,
};
use jiff::Timestamp;
use serde::{Serialize, Serializer};
use std::collections::BTreeMap;
use std::fmt::Display;

/// The version of the format.
pub const VERSION: u32 = 1;

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Event {
    v: u32,
    pub cursor: u64,
    pub time: Timestamp,
    #[serde(rename = "event", serialize_with = "shown")]
    pub kind: EventKind,
    #[serde(serialize_with = "shown_if", skip_serializing_if = "Option::is_none")]
    pub push: Option<PushId>,
    #[serde(serialize_with = "shown_if", skip_serializing_if = "Option::is_none")]
    pub repo: Option<RepoName>,
    #[serde(serialize_with = "shown_if", skip_serializing_if = "Option::is_none")]
    pub principal: Option<PrincipalName>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub purpose: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decision: Option<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub refs: Vec<EventRef>,
    #[serde(skip_serializing_if = "is_zero")]
    pub more_refs: usize,
    #[serde(serialize_with = "rule_ids", skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<EventRule>,
    #[serde(serialize_with = "shown_if", skip_serializing_if = "Option::is_none")]
    pub by: Option<PrincipalName>,
    #[serde(serialize_with = "shown_list", skip_serializing_if = "Vec::is_empty")]
    pub approved_by: Vec<PrincipalName>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub reason: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub cause: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    #[serde(serialize_with = "shown_if", skip_serializing_if = "Option::is_none")]
    pub replaced_by: Option<PushId>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub detail: BTreeMap<String, String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EventRef {
    #[serde(rename = "ref", serialize_with = "shown")]
    pub name: RefName,
    #[serde(serialize_with = "shown_if")]
    pub old: Option<ObjectId>,
    #[serde(serialize_with = "shown_if")]
    pub new: Option<ObjectId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<&'static str>,
}

/// A rule that found something, and at which ref if the finding says so. Only the rule's id is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventRule {
    pub id: String,
    pub at: Option<RefName>,
}

impl Event {
    /// Tells a record; `None` if it is no news to anybody.
    #[must_use]
    pub fn of(cursor: u64, record: &Record) -> Option<Self> {
        let event = Self::bare(cursor, record, Self::kind_of(record)?);
        Some(match record {
            Record::Decision(entry) => event.decided(entry),
            Record::Hold(entry) => event.held(entry),
            Record::Release(entry) => event.released(entry),
            Record::Outcome(entry) => event.settled(entry),
            Record::Abort(entry) => event.aborted(entry),
            Record::Control(entry) => event.controlled(entry),
            Record::External(entry) => Self { refs: refs(&entry.updates), ..event },
            Record::Event(entry) => event.noted(entry),
        })
    }

    /// Says of the refs of an outcome what was decided on them: an outcome itself tells only how each ended. Refs that the
    /// event does not have are not added.
    #[must_use]
    pub fn with_decided(mut self, updates: &[UpdateEntry]) -> Self {
        for told in &mut self.refs {
            if let Some(update) = updates.iter().find(|update| update.name == told.name) {
                told.old = update.old;
                told.new = update.new;
                told.kind = update.kind.map(UpdateKind::as_str);
            }
        }
        self
    }

    /// The kind alone, for who wants only some of them.
    #[must_use]
    pub fn kind_of(record: &Record) -> Option<EventKind> {
        Some(match record {
            // The push is held already under another id, which is what its pusher was told.
            Record::Decision(entry) if entry.same_as.is_some() => return None,
            Record::Decision(entry) => match (entry.purpose, entry.decision) {
                (Purpose::Check, _) => EventKind::PushChecked,
                (Purpose::Push | Purpose::Review, Verdict::Accept) => EventKind::PushAccepted,
                (Purpose::Push | Purpose::Review, Verdict::Hold) => EventKind::PushHeld,
                (Purpose::Push | Purpose::Review, Verdict::Refuse) => EventKind::PushRefused,
            },
            Record::Hold(entry) => match entry.step {
                HoldStep::Approve => EventKind::HoldApproved,
                HoldStep::Reject => EventKind::HoldRejected,
                HoldStep::Withdraw => EventKind::HoldWithdrawn,
                HoldStep::Supersede => EventKind::HoldSuperseded,
                HoldStep::Expire => EventKind::HoldExpired,
                HoldStep::Revoke => EventKind::HoldRevoked,
            },
            Record::Release(entry) => match entry.decision {
                Verdict::Accept => EventKind::HoldReleased,
                Verdict::Refuse => EventKind::HoldRefused,
                // Still waiting, as before.
                Verdict::Hold => return None,
            },
            Record::Outcome(entry) => outcome_kind(entry),
            Record::Abort(_) => EventKind::PushAborted,
            Record::Control(entry) => match entry.action {
                Control::Freeze => EventKind::RepoFrozen,
                Control::Thaw => EventKind::RepoThawed,
                Control::Revoke => EventKind::PrincipalRevoked,
                Control::Reinstate => EventKind::PrincipalReinstated,
                Control::Policy => EventKind::PolicyEdited,
            },
            Record::External(_) => EventKind::RepoMoved,
            Record::Event(entry) => match entry.event.as_str() {
                "start" => EventKind::GateStarted,
                "stop" => EventKind::GateStopped,
                "policy-changed" => EventKind::PolicyChanged,
                "policy-refused" => EventKind::PolicyRefused,
                // `settled-at-restart`: the outcome that comes with it tells more.
                _ => return None,
            },
        })
    }

    /// The line without its newline; JSON has none inside.
    #[must_use]
    pub fn to_line(&self) -> String {
        serde_json::to_string(self).expect("strings, numbers and lists can be written")
    }

    fn bare(cursor: u64, record: &Record, kind: EventKind) -> Self {
        Self {
            v: VERSION,
            cursor,
            time: record.time(),
            kind,
            push: record.push(),
            repo: record.repo().cloned(),
            principal: record.principal().cloned(),
            purpose: None,
            decision: None,
            refs: Vec::new(),
            more_refs: 0,
            rules: Vec::new(),
            by: None,
            approved_by: Vec::new(),
            reason: String::new(),
            cause: String::new(),
            until: None,
            replaced_by: None,
            detail: BTreeMap::new(),
        }
    }

    fn decided(self, entry: &DecisionEntry) -> Self {
        let is_check = entry.purpose == Purpose::Check;
        Self {
            purpose: (entry.purpose != Purpose::Push).then(|| entry.purpose.as_str()),
            decision: is_check.then(|| entry.decision.as_str()),
            refs: refs(&entry.updates),
            rules: rules(&entry.findings),
            until: entry.hold_until,
            ..self
        }
    }

    fn held(self, entry: &HoldEntry) -> Self {
        Self {
            refs: refs(&entry.updates),
            by: entry.by.as_ref().map(|actor| actor.principal.clone()),
            reason: one_line(&entry.reason),
            until: entry.until,
            replaced_by: entry.replaced_by,
            ..self
        }
    }

    fn released(self, entry: &ReleaseEntry) -> Self {
        let approved_by = entry.approvals.iter().map(|approval| approval.by.clone()).collect();
        Self { refs: refs(&entry.updates), rules: rules(&entry.findings), approved_by, ..self }
    }

    fn settled(self, entry: &OutcomeEntry) -> Self {
        let refs = entry.refs.iter().map(|outcome| EventRef {
            name: outcome.name.clone(),
            old: None,
            new: match outcome.holds {
                Holds::Object(id) => Some(id),
                Holds::Unknown | Holds::Nothing => None,
            },
            kind: None,
            result: Some(outcome.result.as_str()),
        });
        Self { refs: refs.collect(), ..self }
    }

    fn aborted(self, entry: &AbortEntry) -> Self {
        Self { refs: refs(&entry.updates), reason: one_line(&entry.message), cause: one_line(&entry.cause), ..self }
    }

    fn controlled(self, entry: &ControlEntry) -> Self {
        Self {
            principal: entry.subject.clone(),
            by: Some(entry.by.principal.clone()),
            reason: one_line(&entry.reason),
            until: entry.until,
            ..self
        }
    }

    fn noted(self, entry: &EventEntry) -> Self {
        let detail = entry.detail.iter().map(|(name, value)| (name.clone(), one_line(value)));
        Self { detail: detail.collect(), ..self }
    }
}

fn outcome_kind(entry: &OutcomeEntry) -> EventKind {
    let is = |result: RefResult| move |outcome: &crate::record::RefOutcome| outcome.result == result;
    if entry.refs.is_empty() || entry.refs.iter().any(is(RefResult::Unknown)) {
        EventKind::PushUnknown
    } else if entry.refs.iter().all(is(RefResult::Forwarded)) {
        EventKind::PushForwarded
    } else {
        EventKind::PushNotTaken
    }
}

fn refs(updates: &[UpdateEntry]) -> Vec<EventRef> {
    let one = |update: &UpdateEntry| EventRef {
        name: update.name.clone(),
        old: update.old,
        new: update.new,
        kind: update.kind.map(UpdateKind::as_str),
        result: None,
    };
    updates.iter().map(one).collect()
}

/// Each pair of rule and ref once, in the order of the findings.
fn rules(findings: &[FindingEntry]) -> Vec<EventRule> {
    let mut rules: Vec<EventRule> = Vec::new();
    for finding in findings {
        let rule = EventRule { id: finding.rule.clone(), at: finding.ref_name.clone() };
        if !rules.contains(&rule) {
            rules.push(rule);
        }
    }
    rules
}

/// The record has such texts ready to show; whatever is not is escaped now.
fn one_line(text: &str) -> String {
    let is_plain = !text.chars().any(|c| c.is_control() || is_invisible(c));
    if is_plain { text.to_owned() } else { Escaped(text.as_bytes()).to_string() }
}

fn is_zero(count: &usize) -> bool {
    *count == 0
}

fn shown<T: Display, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

fn shown_if<T: Display, S: Serializer>(value: &Option<T>, serializer: S) -> Result<S::Ok, S::Error> {
    value.as_ref().map(ToString::to_string).serialize(serializer)
}

fn shown_list<T: Display, S: Serializer>(list: &[T], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(list.iter().map(ToString::to_string))
}

fn rule_ids<S: Serializer>(rules: &[EventRule], serializer: S) -> Result<S::Ok, S::Error> {
    let mut ids: Vec<&str> = Vec::new();
    for rule in rules {
        if !ids.contains(&rule.id.as_str()) {
            ids.push(&rule.id);
        }
    }
    ids.serialize(serializer)
}
