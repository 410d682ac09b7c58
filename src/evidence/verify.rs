//! Level A: whether the statements in a note prove that a commit came through the gate. Pure.
//!
//! The order of lines does not matter, and lines that are not ours are passed over: anyone may add some, nobody can
//! take proof away but by removing it. Says nothing about the log; that is level B.

use crate::evidence::decision_form::PREDICATE_PATH;
use crate::evidence::digest::Sha256Digest;
use crate::evidence::dsse::Envelope;
use crate::evidence::reading::{ActorRead, ApprovedRead, DecisionRead};
use crate::evidence::reason::NotProven;
use crate::evidence::spelling::{self, ResourceUri, Seconds, shown};
use crate::evidence::statement::{self, Statement, WireSubject};
use crate::evidence::trust::{Trust, TrustedVerifier};
use crate::evidence::vsa;
use crate::model::{ObjectId, RefName};
use jiff::Timestamp;
use std::collections::BTreeSet;
use std::time::Duration;

/// The most bytes of a note that are looked at.
pub const NOTE_BYTES_MAX: usize = 4 << 20;

/// How far clocks may be apart.
const SKEW: Duration = Duration::from_secs(300);

/// What is to be proven.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    pub resource: &'a ResourceUri,
    pub ref_name: &'a RefName,
    pub commit: ObjectId,
    pub tree: ObjectId,
    pub now: Timestamp,
    pub age_max: Option<Duration>,
}

/// What is proven: by whom, for what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proven {
    pub verifier_id: String,
    /// Fingerprint of the key that signed the summary.
    pub keyid: String,
    pub levels: Vec<String>,
    pub time: Timestamp,
    pub decision_id: String,
    pub push_id: String,
    pub outcome: String,
    /// Who pushed; a name and a kind.
    pub actor: Option<(String, String)>,
    pub approvers: Vec<String>,
    pub policy: Sha256Digest,
    /// The decision's line: the leaf that level B looks for in the log.
    pub decision_line: Vec<u8>,
    pub previous_index: Option<u64>,
}

/// Looks for the newest summary in the note that proves it; otherwise the reason of the one that came furthest.
pub fn verify(trust: &Trust, note: &[u8], question: &Question<'_>) -> Result<Proven, NotProven> {
    if note.iter().all(u8::is_ascii_whitespace) {
        return Err(NotProven::NoNote);
    }
    if note.len() > NOTE_BYTES_MAX {
        return Err(NotProven::NoteTooLong(NOTE_BYTES_MAX));
    }
    let lines = note.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    // Once for all: a note may be full of copies of one summary.
    let lines: Vec<Named<'_>> = lines.map(|line| (Sha256Digest::of(line), line)).collect();
    let (mut newest, mut why): (Option<Proven>, _) = (None, NotProven::NoSummary);
    for envelope in lines.iter().filter_map(|(_, line)| Envelope::parse(line).ok()) {
        // Only to say why; nothing in it is believed yet.
        if statement::predicate_type(envelope.payload()).as_deref() != Some(vsa::PREDICATE_TYPE) {
            continue;
        }
        match check(trust, &lines, &envelope, question) {
            Ok(proven) if newest.as_ref().is_none_or(|known| known.time < proven.time) => newest = Some(proven),
            Ok(_) => {}
            Err(reason) => why = why.max(reason),
        }
    }
    newest.ok_or(why)
}

/// A line and its digest, by which others name it.
type Named<'a> = (Sha256Digest, &'a [u8]);

fn check(trust: &Trust, lines: &[Named<'_>], envelope: &Envelope, q: &Question<'_>) -> Result<Proven, NotProven> {
    let verifier = signer(trust, envelope)?;
    let summary: Statement<vsa::Predicate> = statement::parse(envelope.payload()).ok_or(NotProven::Form)?;
    let [subject] = summary.subject.as_slice() else { return Err(NotProven::Form) };
    let predicate = &summary.predicate;
    if predicate.verifier.id != verifier.id {
        return Err(NotProven::OtherVerifier(shown(&predicate.verifier.id)));
    }
    let time = predicate.time_verified;
    if !verifier.is_valid_at(time.timestamp()) {
        return Err(NotProven::KeyNotValid(time));
    }
    if predicate.verification_result != vsa::PASSED {
        return Err(NotProven::NotPassed);
    }
    if predicate.resource_uri != q.resource.as_str() {
        return Err(NotProven::OtherRepository(shown(&predicate.resource_uri)));
    }
    check_subject(subject, q)?;
    check_time(time, q)?;
    let (line, decision) = decision(lines, verifier, predicate)?;
    agree(&summary, subject, &decision, q)?;
    Ok(proven(verifier, predicate, line, decision.predicate))
}

/// Who signed, of those that are trusted.
fn signer<'a>(trust: &'a Trust, envelope: &Envelope) -> Result<&'a TrustedVerifier, NotProven> {
    if let Some(verifier) = trust.verifiers.iter().find(|verifier| envelope.is_signed_by(&verifier.key)) {
        return Ok(verifier);
    }
    let known = |keyid: &&str| trust.verifiers.iter().any(|verifier| verifier.key.to_string() == **keyid);
    match envelope.keyids().find(known) {
        Some(keyid) => Err(NotProven::Altered(shown(keyid))),
        None => Err(NotProven::ForeignKey(envelope.keyids().next().map(shown).unwrap_or_default())),
    }
}

fn check_subject(subject: &WireSubject, q: &Question<'_>) -> Result<(), NotProven> {
    let found = |id: &Option<String>| shown(id.as_deref().unwrap_or("none"));
    if subject.digest.git_commit != Some(spelling::object(q.commit)) {
        return Err(NotProven::OtherCommit(found(&subject.digest.git_commit)));
    }
    if subject.digest.git_tree != Some(spelling::object(q.tree)) {
        return Err(NotProven::OtherTree(found(&subject.digest.git_tree)));
    }
    let refs = &subject.annotations.source_refs;
    if !refs.contains(&spelling::ref_name(q.ref_name)) {
        return Err(NotProven::OtherRef(refs.first().map_or("none".to_owned(), |name| shown(name))));
    }
    Ok(())
}

fn check_time(time: Seconds, q: &Question<'_>) -> Result<(), NotProven> {
    let age = q.now.duration_since(time.timestamp());
    if age.is_negative() {
        return if age.unsigned_abs() > SKEW { Err(NotProven::FromTheFuture(time)) } else { Ok(()) };
    }
    match q.age_max {
        Some(max) if age.unsigned_abs() > max => Err(NotProven::TooOld(time)),
        Some(_) | None => Ok(()),
    }
}

/// The decision's line, which the summary names by its digest, and what it says.
fn decision<'a>(
    lines: &[Named<'a>],
    verifier: &TrustedVerifier,
    summary: &vsa::Predicate,
) -> Result<(&'a [u8], Statement<DecisionRead>), NotProven> {
    let first = summary.input_attestations.first().ok_or(NotProven::Form)?;
    let named: BTreeSet<Sha256Digest> = summary.input_attestations.iter().map(|input| input.digest.sha256).collect();
    let read = |(digest, line): &Named<'a>| {
        if !named.contains(digest) {
            return None;
        }
        let envelope = Envelope::parse(line).ok()?;
        let decision: Statement<DecisionRead> = statement::parse(envelope.payload())?;
        let kind = decision.predicate_type.strip_prefix("https://")?;
        kind.ends_with(PREDICATE_PATH).then_some((*line, envelope, decision))
    };
    let found = lines.iter().find_map(read);
    let (line, envelope, decision) = found.ok_or(NotProven::DecisionMissing(first.digest.sha256))?;
    if !envelope.is_signed_by(&verifier.key) || decision.predicate.gate.id != verifier.id {
        return Err(NotProven::DecisionForeign);
    }
    Ok((line, decision))
}

/// Summary and decision speak of the same thing, and the decision let it through.
fn agree(
    summary: &Statement<vsa::Predicate>,
    subject: &WireSubject,
    decision: &Statement<DecisionRead>,
    q: &Question<'_>,
) -> Result<(), NotProven> {
    let (said, decided) = (&summary.predicate, &decision.predicate);
    let [other] = decision.subject.as_slice() else { return Err(NotProven::Disagree("subject")) };
    let tip = decided.moved.new.as_ref();
    let is_tip = tip.is_some() && (tip == subject.digest.git_commit.as_ref() || tip == subject.digest.git_tag.as_ref());
    let inputs: BTreeSet<Sha256Digest> = said.input_attestations.iter().map(|input| input.digest.sha256).collect();
    let approvals = decided.approvals.len();
    let names_all = decided.approvals.iter().all(|approval| inputs.contains(&approval.statement_sha256));
    let checks = [
        (other.digest == subject.digest && is_tip, "subject"),
        (decided.moved.name == spelling::ref_name(q.ref_name), "ref"),
        (other.annotations.source_refs.contains(&decided.moved.name), "ref"),
        (decided.resource_uri == said.resource_uri, "repository"),
        (decided.policy.named == said.policy, "policy"),
        (decided.times.decided == said.time_verified, "time"),
        (names_all && said.input_attestations.len() == 1 + approvals, "approvals"),
    ];
    if let Some((_, what)) = checks.into_iter().find(|(holds, _)| !holds) {
        return Err(NotProven::Disagree(what));
    }
    if !matches!(decided.outcome.as_str(), "accepted" | "approved") {
        return Err(NotProven::NotAccepted(shown(&decided.outcome)));
    }
    if decided.policy.mode != "enforce" {
        return Err(NotProven::NotAccepted("the policy was not enforced".to_owned()));
    }
    Ok(())
}

fn proven(verifier: &TrustedVerifier, summary: &vsa::Predicate, line: &[u8], decision: DecisionRead) -> Proven {
    let actor = |actor: ActorRead| (shown(&actor.id), shown(&actor.kind));
    Proven {
        verifier_id: verifier.id.clone(),
        keyid: verifier.key.to_string(),
        levels: summary.verified_levels.iter().map(|level| shown(level)).collect(),
        time: summary.time_verified.timestamp(),
        decision_id: shown(&decision.decision_id),
        push_id: shown(&decision.push_id),
        outcome: decision.outcome,
        actor: decision.actor.map(actor),
        approvers: decision.approvals.into_iter().map(|ApprovedRead { approver, .. }| shown(&approver)).collect(),
        policy: summary.policy.digest.sha256,
        decision_line: line.to_vec(),
        previous_index: decision.previous.ref_index,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::levels::{Continuity, RefControls, RefHistory};
    use crate::evidence::testing;
    use crate::evidence::vsa::Summary;
    use crate::model::Escaped;

    fn note() -> String {
        let (decision, key) = (testing::decision(), testing::key(1));
        let controls = RefControls { continuity: Continuity::Unbroken, history: RefHistory::Protected };
        let line = decision.sign(&key).expect("a line");
        let summary = Summary::new(&decision, &line, controls).expect("a summary").sign(&key).expect("a line");
        format!("{line}\n{summary}")
    }

    fn ask(note: &[u8]) -> Result<Proven, NotProven> {
        let trust = testing::trust(&[1]);
        let question = Question {
            resource: trust.resource(None).expect("one"),
            ref_name: &testing::ref_name("refs/heads/main"),
            commit: testing::id("b"),
            tree: testing::id("c"),
            now: "2026-01-02T03:05:00Z".parse().expect("a time"),
            age_max: None,
        };
        verify(&trust, note, &question)
    }

    #[test]
    fn no_byte_of_the_proof_can_be_changed() {
        let note = note();
        let proven = ask(note.as_bytes()).expect("proven");
        assert_eq!((proven.approvers, proven.previous_index), (vec!["lee".to_owned()], Some(41)));
        for at in 0..note.len() {
            let mut changed = note.clone().into_bytes();
            changed[at] ^= 1 << (at % 7);
            assert!(ask(&changed).is_err(), "byte {at}: {}", Escaped(&changed));
            assert!(ask(&note.as_bytes()[..at]).is_err(), "cut at {at}");
        }
    }

    #[test]
    fn a_note_is_read_up_to_its_limit() {
        let mut long = note().into_bytes();
        long.resize(NOTE_BYTES_MAX, b'\n');
        assert!(ask(&long).is_ok());
        long.push(b'\n');
        assert_eq!(ask(&long), Err(NotProven::NoteTooLong(NOTE_BYTES_MAX)));
        assert_eq!(ask(b" \n\n"), Err(NotProven::NoNote));
        assert_eq!(ask(b"x"), Err(NotProven::NoSummary));
    }

    #[test]
    fn what_strangers_wrote_is_shown_escaped_and_short() {
        let note = note();
        let keyid = testing::key(1).public().to_string();
        let hostile = note.replace(&keyid, "\\u001b[31m");
        assert_eq!(ask(hostile.as_bytes()), Err(NotProven::ForeignKey("\\x1b[31m".to_owned())));
        let long = note.replace(&keyid, &"x".repeat(1000));
        assert_eq!(ask(long.as_bytes()), Err(NotProven::ForeignKey(format!("{}…", "x".repeat(200)))));
    }

    #[test]
    fn clocks_may_differ_a_little() {
        let note = note();
        let at = |now: &str| {
            let trust = testing::trust(&[1]);
            let question = Question {
                resource: trust.resource(None).expect("one"),
                ref_name: &testing::ref_name("refs/heads/main"),
                commit: testing::id("b"),
                tree: testing::id("c"),
                now: now.parse().expect("a time"),
                age_max: Some(Duration::from_secs(60)),
            };
            verify(&trust, note.as_bytes(), &question).map(|proven| proven.outcome)
        };
        let time = Seconds::parse("2026-01-02T03:04:06Z").expect("a time");
        assert_eq!(at("2026-01-02T02:59:06Z"), Ok("accepted".to_owned()));
        assert_eq!(at("2026-01-02T02:59:05Z"), Err(NotProven::FromTheFuture(time)));
        assert_eq!(at("2026-01-02T03:05:06Z"), Ok("accepted".to_owned()));
        assert_eq!(at("2026-01-02T03:05:07Z"), Err(NotProven::TooOld(time)));
    }
}
