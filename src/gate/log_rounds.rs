//! Which witness is asked in this round, and which repository is shown the log: only for something new, and after a
//! failure not at once again. Holds what was done and when; asks nobody itself.

use crate::config::Witness;
use crate::model::RepoName;
use crate::tlog::SignedCheckpoint;
use crate::tlog::cosignature::cosigned_at;
use crate::witness::{CosignError, KnownSizes};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// How often the same checkpoint is cosigned and shown again, so that its age says nothing of the gate's.
const HEARTBEAT: Duration = Duration::from_secs(3600);
/// How long the log may be longer than a repository is shown. A trust file may know of its newest entry, whatever that is
/// of: until then it seems to be rolled back there.
const BEHIND_MAX: Duration = Duration::from_secs(300);
/// The wait after a failure: at first, and at most, as it doubles.
const PAUSE: Duration = Duration::from_secs(2);
const PAUSE_MAX: Duration = Duration::from_secs(60);

/// The keys of the witnesses that have cosigned a checkpoint.
pub type Seen = BTreeSet<[u8; 32]>;

/// What was published of the log, and when.
#[derive(Debug, Default)]
pub struct LogRounds {
    pub sizes: KnownSizes,
    /// The newest that a witness has cosigned; the file of it is written a moment later.
    newest: Option<SignedCheckpoint>,
    /// By the witness's key: the size that it has cosigned last.
    witnesses: BTreeMap<[u8; 32], Turn<u64>>,
    repos: BTreeMap<RepoName, Turn<Shown>>,
}

/// A state of the log that a repository's ref has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    pub size: u64,
    pub seen: Seen,
}

/// Why a repository is shown the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// A decision of it is to be proven, or better than it is.
    News,
    /// It was not for long; this can wait.
    Heartbeat,
}

impl LogRounds {
    /// This checkpoint, with the cosignatures that are known already.
    pub fn known(&self, checkpoint: &SignedCheckpoint) -> SignedCheckpoint {
        let newest = self.newest.as_ref().filter(|newest| newest.checkpoint() == checkpoint.checkpoint());
        newest.unwrap_or(checkpoint).clone()
    }

    pub fn is_due(&self, witness: &Witness, size: u64, now: Instant) -> bool {
        let Some(turn) = self.witnesses.get(witness.key.as_bytes()) else { return true };
        turn.may_try(now) && (turn.is_older(HEARTBEAT, now) || turn.done.is_some_and(|(signed, _)| signed != size))
    }

    pub fn has_cosigned(&mut self, witness: &Witness, checkpoint: SignedCheckpoint, now: Instant) {
        let size = checkpoint.checkpoint().size();
        self.witnesses.entry(*witness.key.as_bytes()).or_default().succeeded(size, now);
        self.newest = Some(checkpoint);
    }

    pub fn has_not_cosigned(&mut self, witness: &Witness, error: &CosignError, now: Instant) {
        // Of a fork somebody must hear; asking soon again mends nothing.
        let least = if error.is_fork() { HEARTBEAT } else { PAUSE };
        self.witnesses.entry(*witness.key.as_bytes()).or_default().failed(least, now);
    }

    /// `unproven`: the last leaf of the repository that still lacks a proof or a cosignature. The third: what it would
    /// be shown.
    pub fn reason(
        &self,
        repo: &RepoName,
        unproven: Option<u64>,
        Shown { size, seen }: &Shown,
        witnesses: &[Witness],
        now: Instant,
    ) -> Option<Reason> {
        let none = Turn::default();
        let turn = self.repos.get(repo).unwrap_or(&none);
        let is_news = |index| match &turn.done {
            Some((shown, _)) => index >= shown.size || !seen.is_subset(&shown.seen),
            None => true,
        };
        if !turn.may_try(now) {
            return None;
        }
        // What nobody cosigns does not age.
        let is_old = !witnesses.is_empty() && turn.is_older(HEARTBEAT, now);
        let is_behind =
            turn.done.as_ref().is_none_or(|(shown, _)| shown.size < *size) && turn.is_older(BEHIND_MAX, now);
        match unproven {
            Some(index) if is_news(index) => Some(Reason::News),
            Some(_) | None => (is_old || is_behind).then_some(Reason::Heartbeat),
        }
    }

    pub fn was_shown(&mut self, repo: &RepoName, shown: Shown, now: Instant) {
        self.repos.entry(repo.clone()).or_default().succeeded(shown, now);
    }

    pub fn was_not_shown(&mut self, repo: &RepoName, now: Instant) {
        self.repos.entry(repo.clone()).or_default().failed(PAUSE, now);
    }
}

/// Those of the witnesses that have cosigned it.
pub fn seen(checkpoint: &SignedCheckpoint, witnesses: &[Witness]) -> Seen {
    let has_cosigned = |witness: &&Witness| cosigned_at(checkpoint.note(), &witness.key).is_ok();
    witnesses.iter().filter(has_cosigned).map(|witness| *witness.key.as_bytes()).collect()
}

/// Something that is done again and again, and that may fail.
#[derive(Debug)]
struct Turn<D> {
    done: Option<(D, Instant)>,
    /// The last failure, if nothing went well since, and how long to wait from then on.
    failed: Option<(Duration, Instant)>,
}

impl<D> Default for Turn<D> {
    fn default() -> Self {
        Self { done: None, failed: None }
    }
}

impl<D> Turn<D> {
    fn may_try(&self, now: Instant) -> bool {
        self.failed.is_none_or(|(pause, at)| now.saturating_duration_since(at) >= pause)
    }

    fn is_older(&self, age: Duration, now: Instant) -> bool {
        self.done.as_ref().is_none_or(|(_, at)| now.saturating_duration_since(*at) > age)
    }

    fn succeeded(&mut self, done: D, now: Instant) {
        *self = Self { done: Some((done, now)), failed: None };
    }

    fn failed(&mut self, least: Duration, now: Instant) {
        let doubled = self.failed.map_or(least, |(pause, _)| PAUSE_MAX.min(pause.saturating_mul(2)));
        self.failed = Some((doubled.max(least), now));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tlog::{Cosigner, KeyName, Log, Signer};

    fn witness(seed: u8) -> Witness {
        let name = KeyName::parse("w").expect("a name");
        let key = Cosigner::from_seed(name, &[seed; 32]).verifying_key().clone();
        Witness { url: "http://127.0.0.1".to_owned(), key }
    }

    fn checkpoint(entries: &[&str]) -> SignedCheckpoint {
        let dir = tempfile::tempdir().expect("a directory");
        let signer = Signer::from_seed(KeyName::parse("log").expect("a name"), &[1; 32]);
        let mut log = Log::create(dir.path(), signer).expect("a log");
        log.append(entries).expect("appended");
        log.checkpoint().clone()
    }

    fn after(seconds: u64) -> Instant {
        static START: std::sync::LazyLock<Instant> = std::sync::LazyLock::new(Instant::now);
        *START + Duration::from_secs(seconds)
    }

    #[test]
    fn a_witness_is_asked_for_what_is_new_and_once_an_hour() {
        let (mut rounds, one) = (LogRounds::default(), witness(1));
        assert!(rounds.is_due(&one, 2, after(0)));
        rounds.has_cosigned(&one, checkpoint(&["a", "b"]), after(0));
        for (size, seconds, is_due) in [(2, 2, false), (2, 3600, false), (2, 3601, true), (3, 2, true)] {
            assert_eq!(rounds.is_due(&one, size, after(seconds)), is_due, "{size} {seconds}");
        }
        assert!(rounds.is_due(&witness(2), 2, after(2)), "each for itself");
    }

    #[test]
    fn a_witness_that_fails_is_asked_more_and_more_seldom() {
        let (mut rounds, one) = (LogRounds::default(), witness(1));
        let mut now = 0;
        for pause in [2, 4, 8, 16, 32, 60, 60] {
            rounds.has_not_cosigned(&one, &CosignError::Status(500), after(now));
            // Nor for what is new: each time may take seconds that the proofs of others wait.
            assert!(!rounds.is_due(&one, now, after(now + pause - 1)), "{pause}");
            now += pause;
            assert!(rounds.is_due(&one, now, after(now)), "{pause}");
        }
        rounds.has_cosigned(&one, checkpoint(&["a"]), after(now));
        rounds.has_not_cosigned(&one, &CosignError::Status(500), after(now));
        assert!(rounds.is_due(&one, 2, after(now + 2)), "it begins anew");
        rounds.has_not_cosigned(&one, &CosignError::OtherTree, after(now));
        assert!(!rounds.is_due(&one, 2, after(now + 3599)) && rounds.is_due(&one, 2, after(now + 3600)));
    }

    #[test]
    fn cosignatures_that_are_not_in_the_file_yet_are_known() {
        let mut rounds = LogRounds::default();
        let [two, three] = [checkpoint(&["a", "b"]), checkpoint(&["a", "b", "c"])];
        rounds.has_cosigned(&witness(1), two.clone(), after(0));
        assert_eq!((rounds.known(&two), rounds.known(&three)), (two, three));
    }

    #[test]
    fn a_repository_is_shown_what_it_has_not_seen() {
        let repo = RepoName::parse("app").expect("a name");
        let (mut rounds, witnesses) = (LogRounds::default(), [witness(1), witness(2)]);
        let keys: Vec<[u8; 32]> = witnesses.iter().map(|witness| *witness.key.as_bytes()).collect();
        let seen = |count: usize| keys[..count].iter().copied().collect::<Seen>();
        let reason = |rounds: &LogRounds, unproven, count, seconds| {
            rounds.reason(&repo, unproven, &Shown { size: 5, seen: seen(count) }, &witnesses, after(seconds))
        };
        let (news, heartbeat) = (Some(Reason::News), Some(Reason::Heartbeat));
        assert_eq!((reason(&rounds, Some(4), 0, 0), reason(&rounds, None, 2, 0)), (news, heartbeat));
        let of_size = |size| Shown { size, seen: Seen::new() };
        assert_eq!(rounds.reason(&repo, None, &of_size(5), &[], after(0)), heartbeat, "what it has is not known");
        rounds.was_shown(&repo, Shown { size: 5, seen: seen(1) }, after(0));
        for (unproven, count, seconds, expected) in [
            (None, 2, 2, None),
            // A witness is still away: no more of the same.
            (Some(4), 1, 2, None),
            (Some(4), 0, 2, None),
            (Some(4), 2, 2, news),
            (Some(5), 1, 2, news),
            (Some(4), 1, 3601, heartbeat),
            (None, 2, 3601, heartbeat),
        ] {
            assert_eq!(reason(&rounds, unproven, count, seconds), expected, "{unproven:?} {count} {seconds}");
        }
        for (size, seconds, expected) in [(5, 301, None), (6, 300, None), (6, 301, heartbeat)] {
            assert_eq!(rounds.reason(&repo, None, &of_size(size), &[], after(seconds)), expected, "{size} {seconds}");
        }
        rounds.was_not_shown(&repo, after(10));
        assert_eq!((reason(&rounds, Some(5), 2, 11), reason(&rounds, Some(5), 2, 12)), (None, news));
    }
}
