//! The entries of the record and their form as a line of JSON.
//!
//! The types of the model know nothing of serde: what is written here is a format that outlives them.

use super::word::{self, Word, enum_word};
use crate::model::{
    CertStatus, Effect, Finding, NonceStatus, ObjectId, PrincipalKind, PrincipalName, Purpose, PushId, RefName,
    RefUpdate, RepoName, UpdateFacts, UpdateKind,
};
use crate::policy::Decision;
use bstr::BString;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::SocketAddr;

/// What was decided on a push. Written before the upstream hears of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DecisionEntry {
    #[serde(with = "word::one")]
    pub push: PushId,
    pub time: Timestamp,
    #[serde(with = "word::one")]
    pub repo: RepoName,
    #[serde(with = "word::one")]
    pub principal: PrincipalName,
    #[serde(with = "word::one")]
    pub principal_kind: PrincipalKind,
    /// `SHA256:…`
    pub key: String,
    pub peer: Option<SocketAddr>,
    /// SHA-256 of the policy's text.
    pub policy: String,
    #[serde(with = "word::one")]
    pub mode: Mode,
    pub updates: Vec<UpdateEntry>,
    pub commits: u64,
    pub pack_bytes: u64,
    pub objects: u64,
    #[serde(with = "word::one")]
    pub decision: Verdict,
    pub findings: Vec<FindingEntry>,
    /// How many more there were than are listed.
    pub more_findings: u64,
    /// How many push options came along; what they said is not kept.
    pub push_options: u64,
    pub client: ClientAgent,
    /// What the push was for; left out for an ordinary one.
    #[serde(with = "word::one", skip_serializing_if = "is_ordinary", default)]
    pub purpose: Purpose,
    /// Of a held push: until when it waits for a human.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub hold_until: Option<Timestamp>,
    /// Of a push that is held already: that one.
    #[serde(with = "word::optional", skip_serializing_if = "Option::is_none", default)]
    pub same_as: Option<PushId>,
    /// Of a held push: the bytes it takes on disk. A thin pack takes more than came over the wire.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub held_bytes: Option<u64>,
    /// Of a signed push.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub push_cert: Option<PushCertEntry>,
}

fn is_ordinary(purpose: &Purpose) -> bool {
    *purpose == Purpose::Push
}

/// The certificate of a signed push.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PushCertEntry {
    /// Of its bytes, signature included, in hex: what the file is called that keeps them.
    pub sha256: String,
    #[serde(with = "word::one")]
    pub status: CertStatus,
    #[serde(with = "word::one")]
    pub nonce_status: NonceStatus,
}

impl PushCertEntry {
    /// Whether it proves that the pusher wanted this push.
    #[must_use]
    pub fn counts(&self) -> bool {
        self.status == CertStatus::Good && self.nonce_status == NonceStatus::Ok
    }
}

/// Whether a decision is followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Enforce,
    Observe,
}

enum_word!(Mode { Enforce = "enforce", Observe = "observe" });

/// The decision's word, without the approval that only the policy can make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Accept,
    Hold,
    Refuse,
}

enum_word!(Verdict { Accept = "accept", Hold = "hold", Refuse = "refuse" });

impl Verdict {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Accept => "accept",
            Self::Hold => "hold",
            Self::Refuse => "refuse",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::from_word(text)
    }
}

impl From<&Decision> for Verdict {
    fn from(decision: &Decision) -> Self {
        match decision {
            Decision::Accept(_) => Self::Accept,
            Decision::Hold => Self::Hold,
            Decision::Refuse => Self::Refuse,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UpdateEntry {
    #[serde(rename = "ref", with = "word::one")]
    pub name: RefName,
    #[serde(with = "word::optional")]
    pub old: Option<ObjectId>,
    #[serde(with = "word::optional")]
    pub new: Option<ObjectId>,
    /// Not known if the push was refused before its objects were looked at.
    #[serde(with = "word::optional")]
    pub kind: Option<UpdateKind>,
}

impl UpdateEntry {
    #[must_use]
    pub fn to_update(&self) -> RefUpdate {
        RefUpdate { name: self.name.clone(), old: self.old, new: self.new }
    }
}

impl From<&RefUpdate> for UpdateEntry {
    fn from(update: &RefUpdate) -> Self {
        Self { name: update.name.clone(), old: update.old, new: update.new, kind: None }
    }
}

impl From<&UpdateFacts> for UpdateEntry {
    fn from(facts: &UpdateFacts) -> Self {
        Self { kind: Some(facts.kind), ..Self::from(&facts.update) }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FindingEntry {
    pub rule: String,
    #[serde(with = "word::one")]
    pub effect: Effect,
    /// Of a rule that only observed: its own effect.
    #[serde(with = "word::optional", skip_serializing_if = "Option::is_none", default)]
    pub would: Option<Effect>,
    #[serde(rename = "ref", with = "word::optional", skip_serializing_if = "Option::is_none", default)]
    pub ref_name: Option<RefName>,
    #[serde(with = "word::optional", skip_serializing_if = "Option::is_none", default)]
    pub commit: Option<ObjectId>,
    #[serde(with = "word::optional", skip_serializing_if = "Option::is_none", default)]
    pub path: Option<BString>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub line: Option<u32>,
    pub message: String,
    pub fix: String,
}

impl From<&Finding> for FindingEntry {
    fn from(finding: &Finding) -> Self {
        let place = finding.place.clone();
        Self {
            rule: finding.rule.clone(),
            effect: finding.effect,
            would: finding.would,
            ref_name: place.ref_name,
            commit: place.commit,
            path: place.path,
            line: place.line,
            message: finding.message.clone(),
            fix: finding.fix.clone(),
        }
    }
}

/// What the client's git calls itself; its first bytes, if it makes it long.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ClientAgent(#[serde(with = "word::one")] BString);

impl ClientAgent {
    pub const LENGTH_MAX: usize = 200;

    #[must_use]
    pub fn new(agent: &[u8]) -> Self {
        Self(agent.iter().take(Self::LENGTH_MAX).copied().collect::<Vec<u8>>().into())
    }
}

/// What came of an accepted push. Written before the client hears of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutcomeEntry {
    #[serde(with = "word::one")]
    pub push: PushId,
    pub time: Timestamp,
    #[serde(with = "word::one")]
    pub repo: RepoName,
    #[serde(with = "word::one")]
    pub principal: PrincipalName,
    pub refs: Vec<RefOutcome>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefOutcome {
    #[serde(rename = "ref", with = "word::one")]
    pub name: RefName,
    #[serde(with = "word::one")]
    pub result: RefResult,
    /// The upstream's word for a rejection; empty if there is none.
    #[serde(with = "word::one")]
    pub reason: BString,
    /// What the upstream's ref holds after.
    #[serde(with = "word::one")]
    pub holds: Holds,
}

impl RefOutcome {
    /// Why a push counts as rejected that was on its way when the gate stopped: its ref held the old value.
    pub const STOPPED: &str = "the gate stopped before it was sent";

    /// Whether the ref did not and will not move for this push: the upstream itself has said so.
    #[must_use]
    pub fn is_refused(&self) -> bool {
        let is_guess = [RefUpdate::NO_ANSWER, Self::STOPPED].iter().any(|guess| self.reason == *guess);
        matches!(self.result, RefResult::Rejected | RefResult::Moved) && !is_guess
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefResult {
    /// The upstream took it.
    Forwarded,
    /// The upstream did not want it.
    Rejected,
    /// The upstream's ref did not hold the old value any more.
    Moved,
    /// The upstream could not be asked.
    Unknown,
}

enum_word!(RefResult { Forwarded = "forwarded", Rejected = "rejected", Moved = "moved", Unknown = "unknown" });

impl RefResult {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Forwarded => "forwarded",
            Self::Rejected => "rejected",
            Self::Moved => "moved",
            Self::Unknown => "unknown",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holds {
    Unknown,
    /// There is no such ref.
    Nothing,
    Object(ObjectId),
}

impl Word for Holds {
    fn to_word(&self) -> String {
        match self {
            Self::Unknown => "unknown".to_owned(),
            Self::Nothing => "nothing".to_owned(),
            Self::Object(id) => id.to_string(),
        }
    }

    fn from_word(word: &str) -> Option<Self> {
        match word {
            "unknown" => Some(Self::Unknown),
            "nothing" => Some(Self::Nothing),
            id => ObjectId::from_word(id).map(Self::Object),
        }
    }
}

/// A push that ended before there was a decision: a bad pack, a limit, a client that went away.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AbortEntry {
    #[serde(with = "word::one")]
    pub push: PushId,
    pub time: Timestamp,
    #[serde(with = "word::one")]
    pub repo: RepoName,
    #[serde(with = "word::one")]
    pub principal: PrincipalName,
    #[serde(with = "word::one")]
    pub principal_kind: PrincipalKind,
    pub key: String,
    pub peer: Option<SocketAddr>,
    pub updates: Vec<UpdateEntry>,
    /// Bytes received; they count for the quota.
    pub pack_bytes: u64,
    /// A fixed word: `bad-pack`, `client-gone`, `limit`.
    pub cause: String,
    /// One line, safe to show.
    pub message: String,
    pub client: ClientAgent,
}

/// Something that happened to the gate itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventEntry {
    pub time: Timestamp,
    /// A fixed word: `start`, `stop`, `policy-changed`, `policy-refused`, `settled-at-restart`.
    pub event: String,
    #[serde(with = "word::optional", skip_serializing_if = "Option::is_none", default)]
    pub push: Option<PushId>,
    /// What there is to say, by name; safe to show.
    pub detail: BTreeMap<String, String>,
}

impl EventEntry {
    #[must_use]
    pub fn new(event: &str, time: Timestamp) -> Self {
        Self { time, event: event.to_owned(), push: None, detail: BTreeMap::new() }
    }

    #[must_use]
    pub fn detail(mut self, name: &str, value: impl ToString) -> Self {
        self.detail.insert(name.to_owned(), value.to_string());
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Place;
    use crate::record::Record;

    fn decision() -> DecisionEntry {
        let id = |c: &str| ObjectId::from_hex(c.repeat(40).as_bytes()).expect("hex");
        let name = RefName::parse("refs/heads/gr\u{fc}n".as_bytes()).expect("a ref");
        let finding = Finding {
            rule: "ci-files".to_owned(),
            effect: Effect::Hold,
            would: None,
            place: Place { ref_name: None, commit: Some(id("b")), path: Some(b"a\xff\n\"b".into()), line: Some(3) },
            message: "m".to_owned(),
            fix: String::new(),
        };
        DecisionEntry {
            push: PushId::parse("01JD7Q2ZZZZZZZZZZZZZZZZZZZ").expect("an id"),
            time: "2026-01-02T03:04:05.678Z".parse().expect("a time"),
            repo: RepoName::parse("team/app").expect("a name"),
            principal: PrincipalName::parse("claude-1").expect("a name"),
            principal_kind: PrincipalKind::Agent,
            key: "SHA256:x".to_owned(),
            peer: Some("[::1]:22".parse().expect("an address")),
            policy: "00".to_owned(),
            mode: Mode::Enforce,
            updates: vec![UpdateEntry { name, old: None, new: Some(id("a")), kind: Some(UpdateKind::Create) }],
            commits: 1,
            pack_bytes: u64::MAX,
            objects: 3,
            decision: Verdict::Hold,
            findings: vec![FindingEntry::from(&finding)],
            more_findings: 0,
            push_options: 0,
            client: ClientAgent::new(b"git/2.47\x1b"),
            purpose: Purpose::Push,
            hold_until: None,
            same_as: None,
            held_bytes: None,
            push_cert: None,
        }
    }

    #[test]
    fn a_decision_is_one_line_that_reads_back() {
        let record = Record::Decision(decision());
        let line = record.to_line().expect("it can be written");
        let a = "a".repeat(40);
        let b = "b".repeat(40);
        let expected = format!(
            "{{\"record\":\"decision\",\"push\":\"01JD7Q2ZZZZZZZZZZZZZZZZZZZ\",\"time\":\"2026-01-02T03:04:05.678Z\",\
             \"repo\":\"team/app\",\"principal\":\"claude-1\",\"principal_kind\":\"agent\",\"key\":\"SHA256:x\",\
             \"peer\":\"[::1]:22\",\"policy\":\"00\",\"mode\":\"enforce\",\"updates\":[{{\"ref\":\"refs/heads/grün\",\
             \"old\":null,\"new\":\"{a}\",\"kind\":\"create\"}}],\"commits\":1,\"pack_bytes\":18446744073709551615,\
             \"objects\":3,\"decision\":\"hold\",\"findings\":[{{\"rule\":\"ci-files\",\"effect\":\"hold\",\
             \"commit\":\"{b}\",\"path\":\"a\\\\xff\\\\n\\\"b\",\"line\":3,\"message\":\"m\",\"fix\":\"\"}}],\
             \"more_findings\":0,\"push_options\":0,\"client\":\"git/2.47\\\\x1b\"}}"
        );
        assert_eq!(line, expected);
        assert_eq!(Record::from_line(&line).expect("it reads back"), record);
    }

    #[test]
    fn what_a_rule_would_have_done_is_kept() {
        let mut entry = decision();
        entry.findings[0].would = Some(Effect::Refuse);
        let record = Record::Decision(entry);
        let line = record.to_line().expect("it can be written");
        assert!(line.contains("\"effect\":\"hold\",\"would\":\"refuse\",\"commit\""), "{line}");
        assert_eq!(Record::from_line(&line).expect("it reads back"), record);
    }

    #[test]
    fn a_push_certificate_is_told_in_words_of_git() {
        let push_cert =
            PushCertEntry { sha256: "ab".repeat(32), status: CertStatus::Unknown, nonce_status: NonceStatus::Missing };
        assert!(!push_cert.counts());
        let record = Record::Decision(DecisionEntry { push_cert: Some(push_cert), ..decision() });
        let line = record.to_line().expect("it can be written");
        let expected = format!(
            ",\"push_cert\":{{\"sha256\":\"{}\",\"status\":\"U\",\"nonce_status\":\"MISSING\"}}}}",
            "ab".repeat(32)
        );
        assert!(line.ends_with(&expected), "{line}");
        assert_eq!(Record::from_line(&line).expect("it reads back"), record);
    }

    #[test]
    fn an_outcome_and_an_event_read_back() {
        let decision = decision();
        let outcome = |result, holds| RefOutcome {
            name: decision.updates[0].name.clone(),
            result,
            reason: b"hook \xffdeclined".into(),
            holds,
        };
        let refs = vec![
            outcome(RefResult::Forwarded, Holds::Object(decision.updates[0].new.expect("new"))),
            outcome(RefResult::Rejected, Holds::Nothing),
            outcome(RefResult::Moved, Holds::Unknown),
        ];
        let (repo, principal) = (decision.repo.clone(), decision.principal.clone());
        let outcome = OutcomeEntry { push: decision.push, time: decision.time, repo, principal, refs };
        let event = EventEntry::new("policy-changed", decision.time).detail("old", "1").detail("new", "2");
        for record in [Record::Outcome(outcome), Record::Event(event)] {
            let line = record.to_line().expect("it can be written");
            assert!(!line.contains('\n'));
            assert_eq!(Record::from_line(&line).expect("it reads back"), record, "{line}");
        }
    }

    #[test]
    fn what_a_client_calls_itself_is_cut_at_the_limit() {
        for (length, kept) in [(200, 200), (201, 200)] {
            assert_eq!(ClientAgent::new(&vec![b'x'; length]).0.len(), kept);
        }
    }
}
