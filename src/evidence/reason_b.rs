//! Why a decision is not proven to be in the log.

use crate::tlog::verify::ProofError;
use crate::tlog::{CheckpointError, ProofFileError, TrustError};

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotLogged {
    #[error("the published log has neither a proof of the decision nor the hashes to make one")]
    NoProof,
    #[error("the proof of the decision cannot be read: {0}")]
    ProofForm(ProofFileError),
    #[error("the decision is not among the {0} entries of the log")]
    NotInLog(u64),
    #[error("the proof of the decision does not hold: {0}")]
    Proof(ProofError),
    #[error("the log's checkpoint is not signed by the log: {0}")]
    Signature(CheckpointError),
    #[error("the log's checkpoint is not believed: {0}")]
    Checkpoint(TrustError),
    #[error(
        "the log has {size} entries where the trust file knows of {known}: it was rolled back, or is to be fetched again"
    )]
    BeforeMinimum { size: u64, known: u64 },
    #[error("the log has {size} entries where a proof of it knows of {known}: it was rolled back")]
    RolledBack { size: u64, known: u64 },
    #[error("the log was rewritten: its {new} entries do not go on from the {old} that are known")]
    Forked { old: u64, new: u64 },
}

impl NotLogged {
    /// One word for programs; stable.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoProof => "no-proof",
            Self::ProofForm(_) => "proof-form",
            Self::NotInLog(_) => "not-in-log",
            Self::Proof(_) => "proof",
            Self::Signature(_) => "log-signature",
            Self::Checkpoint(TrustError::Checkpoint(_)) => "log-signature",
            Self::Checkpoint(TrustError::Forged(_)) => "cosignature-forged",
            Self::Checkpoint(TrustError::Quorum) => "quorum",
            Self::Checkpoint(TrustError::Stale) => "stale",
            Self::BeforeMinimum { .. } | Self::RolledBack { .. } => "log-rolled-back",
            Self::Forked { .. } => "log-rewritten",
        }
    }

    /// Whether the log may prove it yet, once it is fetched again: witnesses answer after the push.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        match self {
            Self::NoProof | Self::NotInLog(_) | Self::BeforeMinimum { .. } => true,
            Self::Checkpoint(error) => matches!(error, TrustError::Quorum | TrustError::Stale),
            Self::ProofForm(_)
            | Self::Proof(_)
            | Self::Signature(_)
            | Self::RolledBack { .. }
            | Self::Forked { .. } => false,
        }
    }

    /// Whether no other proof can make up for it: the log is known to have shown two faces.
    pub(super) fn is_final(&self) -> bool {
        self.rank() >= 7
    }

    /// The reason of the check that came further.
    pub(super) fn or_further(self, other: Self) -> Self {
        if other.rank() > self.rank() { other } else { self }
    }

    fn rank(&self) -> u8 {
        match self {
            Self::NoProof => 0,
            Self::ProofForm(_) => 1,
            Self::NotInLog(_) => 2,
            Self::Proof(_) => 3,
            Self::Signature(_) => 4,
            Self::Checkpoint(_) => 5,
            Self::BeforeMinimum { .. } => 6,
            Self::RolledBack { .. } => 7,
            Self::Forked { .. } => 8,
        }
    }
}
