//! Which log and which witnesses to believe (C2SP tlog-policy), and whether a checkpoint has enough cosignatures.
//!
//! Stricter than the draft in one thing: a policy names exactly one log. Where there are several, some readers of this
//! format want all of them and some any.

use super::cosignature::cosigned_at;
use super::note::SignatureError;
use super::trust::{Group, Quorum};
use super::{CheckpointError, KeyName, Note, SignedCheckpoint, VerifyingKey};

/// A witness's clock may be so far ahead of ours.
const CLOCK_SKEW_MAX_S: u64 = 300;

/// A log, witnesses, and how many of them it takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustPolicy {
    pub(super) log: VerifyingKey,
    pub(super) witnesses: Vec<VerifyingKey>,
    pub(super) groups: Vec<Group>,
    pub(super) quorum: Option<Quorum>,
}

/// When a checkpoint is looked at, and how old a cosignature may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clock {
    /// Seconds since 1970.
    pub now_s: u64,
    /// `None`: of any age.
    pub age_max_s: Option<u64>,
}

/// Why a checkpoint is not believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TrustError {
    #[error("{0}")]
    Checkpoint(#[from] CheckpointError),
    #[error("a cosignature that names witness {0:?} is not that witness's")]
    Forged(KeyName),
    #[error("not enough witnesses have cosigned it")]
    Quorum,
    #[error("not enough witnesses have cosigned it lately, or at a time that is not to come")]
    Stale,
}

/// A checkpoint that meets a policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trusted {
    pub checkpoint: SignedCheckpoint,
    /// Each witness of the policy whose cosignature counted, and when it cosigned.
    pub cosigned: Vec<(KeyName, u64)>,
}

impl TrustPolicy {
    /// The log's key.
    #[must_use]
    pub const fn log(&self) -> &VerifyingKey {
        &self.log
    }

    #[must_use]
    pub fn witnesses(&self) -> &[VerifyingKey] {
        &self.witnesses
    }

    /// Checks a checkpoint: signed by the log, and by a quorum of witnesses within the clock's age.
    ///
    /// With an age, at least one witness must have cosigned even where the policy's quorum is `none`: nothing else says
    /// when a checkpoint was made.
    ///
    /// # Errors
    /// It is not to be believed.
    pub fn check(&self, note: Note, clock: Clock) -> Result<Trusted, TrustError> {
        let checkpoint = SignedCheckpoint::check(note, &self.log)?;
        let mut times = Vec::with_capacity(self.witnesses.len());
        for key in &self.witnesses {
            times.push(match cosigned_at(checkpoint.note(), key) {
                Ok(time) => Some(time),
                Err(SignatureError::Absent) => None,
                Err(SignatureError::Forged) => return Err(TrustError::Forged(key.name().clone())),
            });
        }
        let is_fresh = |time: u64| {
            let is_past = time <= clock.now_s.saturating_add(CLOCK_SKEW_MAX_S);
            is_past && clock.age_max_s.is_none_or(|age_max| clock.now_s.saturating_sub(time) <= age_max)
        };
        let fresh: Vec<bool> = times.iter().map(|time| time.is_some_and(is_fresh)).collect();
        if !self.is_met(&times.iter().map(Option::is_some).collect::<Vec<_>>()) {
            return Err(TrustError::Quorum);
        }
        if !self.is_met(&fresh) || (clock.age_max_s.is_some() && !fresh.contains(&true)) {
            return Err(TrustError::Stale);
        }
        let counted = self.witnesses.iter().zip(times).filter_map(|(key, time)| {
            let time = time.filter(|time| is_fresh(*time))?;
            Some((key.name().clone(), time))
        });
        Ok(Trusted { cosigned: counted.collect(), checkpoint })
    }

    /// Whether these witnesses, in the policy's order, are a quorum.
    fn is_met(&self, witnesses: &[bool]) -> bool {
        let holds = |member: &Quorum, groups: &[bool]| match member {
            Quorum::Witness(at) => witnesses.get(*at).copied().unwrap_or(false),
            Quorum::Group(at) => groups.get(*at).copied().unwrap_or(false),
        };
        let mut groups = Vec::with_capacity(self.groups.len());
        // Groups name only those before them.
        for group in &self.groups {
            let count = group.members.iter().filter(|member| holds(member, &groups)).count();
            groups.push(count >= group.threshold);
        }
        self.quorum.as_ref().is_none_or(|quorum| holds(quorum, &groups))
    }
}
