//! Where a chain of decisions is broken, and why.

use crate::evidence::digest::Sha256Digest;
use crate::evidence::spelling::shown;
use crate::model::ObjectId;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    #[error("the chain is broken at {0}, which has no refgate note")]
    NoNote(ObjectId),
    #[error("the chain is broken at {0}, whose note is too long to be read")]
    NoteTooLong(ObjectId),
    #[error("the chain is broken at {}: no decision of the gate by which the ref came there", at(.0))]
    NoDecision(Option<ObjectId>),
    #[error("the chain is broken at {}: the ref came there past the gate; --since names a trusted base", at(.0))]
    ExternalUpdate(Option<ObjectId>),
    #[error("the chain is broken at {}: the decision did not let the push through: {}", at(.0), shown(.1))]
    NotAccepted(Option<ObjectId>, String),
    #[error("the chain is broken at {0}: the gate did not know how the ref came there; --since names a trusted base")]
    Unknown(ObjectId),
    #[error("the chain is broken at {0}: its decision is not the log's entry {1}, which the next decision names")]
    WrongIndex(ObjectId, u64),
    #[error("the chain cannot be followed beyond {0}: the log's hashes are not here")]
    NoHashes(ObjectId),
    #[error("the base {0} is not on the chain")]
    OtherBase(ObjectId),
    #[error("the chain is longer than {0} moves; --since names a trusted base")]
    TooLong(usize),
    #[error("at {}, a policy that had been replaced came back: {}; --allow-policy-return takes that as meant", at(.1), .0)]
    PolicyReturned(Sha256Digest, Option<ObjectId>),
}

fn at(commit: &Option<ObjectId>) -> String {
    commit.map_or_else(|| "its end".to_owned(), |commit| commit.to_string())
}

impl Broken {
    /// One word for programs; stable.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoNote(_) => "chain-no-note",
            Self::NoteTooLong(_) => "chain-note-too-long",
            Self::NoDecision(_) => "chain-no-decision",
            Self::ExternalUpdate(_) => "chain-external-update",
            Self::NotAccepted(..) => "chain-not-accepted",
            Self::Unknown(_) => "chain-unknown",
            Self::WrongIndex(..) => "chain-wrong-index",
            Self::NoHashes(_) => "chain-no-hashes",
            Self::OtherBase(_) => "chain-other-base",
            Self::TooLong(_) => "chain-too-long",
            Self::PolicyReturned(..) => "policy-returned",
        }
    }

    /// The commit at which it is.
    #[must_use]
    pub fn commit(&self) -> Option<ObjectId> {
        match self {
            Self::NoNote(id) | Self::NoteTooLong(id) | Self::Unknown(id) => Some(*id),
            Self::WrongIndex(id, _) | Self::NoHashes(id) | Self::OtherBase(id) => Some(*id),
            Self::NoDecision(id) | Self::ExternalUpdate(id) => *id,
            Self::NotAccepted(id, _) | Self::PolicyReturned(_, id) => *id,
            Self::TooLong(_) => None,
        }
    }
}
