//! Errors become answers here and nowhere else: what the pusher is told, what the log says, what the record keeps.

use crate::examine::ExamineError;
use crate::gate::asked::AskedError;
use crate::git::ReadError;
use crate::git::mirror::MirrorError;
use crate::inspect::InspectError;
use crate::model::{Effect, Finding, Place, PushId};
use crate::receive::{QuarantineError, ReceiveError, Retry};
use crate::store::StoreError;
use crate::wire::command::CommandError;

/// Why a push whose commands were understood came to no decision.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    #[error(transparent)]
    Commands(#[from] CommandError),
    #[error(transparent)]
    Asked(#[from] AskedError),
    #[error("the objects of a held push cannot be kept or read: {0}")]
    Held(#[source] std::io::Error),
    #[error("a push certificate cannot be kept: {0}")]
    Certificate(#[source] std::io::Error),
    #[error("the objects of held push {0} are gone")]
    Gone(PushId),
    #[error("the policy was replaced while a held push was judged by it")]
    Replaced,
    #[error(transparent)]
    Receive(#[from] ReceiveError),
    #[error(transparent)]
    Inspect(#[from] InspectError),
    #[error(transparent)]
    Examine(#[from] ExamineError),
    #[error("the upstream cannot be asked: {0}")]
    Upstream(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error(transparent)]
    Mirror(#[from] MirrorError),
    #[error(transparent)]
    Quarantine(#[from] QuarantineError),
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("evidence cannot be made: {0}")]
    Evidence(String),
    #[error("the policy that was pushed cannot be tried: {0}")]
    Policy(String),
    #[error("it took longer than {0} allows")]
    Time(&'static str),
}

/// Whose fault it is: decides the log level, the word in the record and whether trying again can help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blame {
    Client,
    Upstream,
    Ourselves,
}

impl Fault {
    #[must_use]
    pub fn blame(&self) -> Blame {
        match self {
            Self::Commands(_) | Self::Asked(_) | Self::Receive(ReceiveError::Client(_)) | Self::Time(_) => {
                Blame::Client
            }
            Self::Store(
                StoreError::Frozen(_) | StoreError::Revoked(_) | StoreError::HoldIs(..) | StoreError::SameHeld(_),
            ) => Blame::Client,
            Self::Inspect(InspectError::Client(_)) => Blame::Client,
            Self::Receive(ReceiveError::Stopped) | Self::Inspect(InspectError::Stopped) => Blame::Client,
            Self::Examine(ExamineError::Stopped) => Blame::Client,
            Self::Upstream(_) | Self::Mirror(MirrorError::Upstream(_)) => Blame::Upstream,
            Self::Examine(ExamineError::Read(_) | ExamineError::Unreadable(_)) => Blame::Ourselves,
            Self::Receive(ReceiveError::Internal(_)) | Self::Inspect(InspectError::Internal(_)) => Blame::Ourselves,
            Self::Held(_)
            | Self::Certificate(_)
            | Self::Gone(_)
            | Self::Replaced
            | Self::Policy(_)
            | Self::Evidence(_)
            | Self::Mirror(_)
            | Self::Quarantine(_)
            | Self::Read(_)
            | Self::Store(_) => Blame::Ourselves,
        }
    }

    /// The fixed word in the record.
    #[must_use]
    pub fn cause(&self) -> &'static str {
        match (self, self.blame()) {
            (Self::Receive(_), Blame::Client) => "bad-pack",
            (Self::Commands(_) | Self::Asked(_), _) => "bad-commands",
            (Self::Store(StoreError::Frozen(_)), _) => "frozen",
            (Self::Store(StoreError::Revoked(_)), _) => "revoked",
            (_, Blame::Client) => "limit",
            (_, Blame::Upstream) => "upstream",
            (_, Blame::Ourselves) => "internal",
        }
    }

    #[must_use]
    pub fn retry(&self) -> Retry {
        match self.blame() {
            Blame::Client if matches!(self, Self::Store(_)) => Retry::Later,
            Blame::Client => Retry::AfterFix,
            Blame::Upstream | Blame::Ourselves => Retry::Later,
        }
    }

    /// The one finding the pusher is shown. Our own errors show no inside.
    #[must_use]
    pub fn finding(&self) -> Finding {
        let (message, fix) = match self {
            Self::Commands(error) => {
                (error.to_string(), "push with a stock git client, in smaller steps if it is over a limit")
            }
            Self::Asked(error) => (error.to_string(), ""),
            Self::Store(StoreError::Frozen(_)) => (
                "this repository is frozen: a human has stopped all pushes to it".to_owned(),
                "wait until it is thawed, then push again",
            ),
            Self::Store(StoreError::Revoked(_)) => ("your access has been revoked".to_owned(), ""),
            Self::Store(StoreError::HoldIs(..) | StoreError::SameHeld(_)) => (
                "a held push of yours to the same ref was decided at this moment".to_owned(),
                "git fetch origin, and push again",
            ),
            Self::Receive(ReceiveError::Client(fault)) => {
                (fault.to_string(), "push in smaller steps, or run git fsck and git repack -adf if the pack is broken")
            }
            Self::Receive(ReceiveError::Stopped) => {
                ("receiving took longer than receive_time_max".to_owned(), "push in smaller steps")
            }
            Self::Inspect(InspectError::Client(excess)) => (excess.to_string(), ""),
            Self::Inspect(InspectError::Stopped) | Self::Examine(ExamineError::Stopped) => {
                ("judging took longer than judge_time_max".to_owned(), "push in smaller steps")
            }
            Self::Time(setting) => (format!("it took longer than {setting}"), "push in smaller steps"),
            Self::Upstream(_) | Self::Mirror(MirrorError::Upstream(_)) => {
                ("the upstream cannot be reached".to_owned(), "push again later; tell the operator if it stays so")
            }
            Self::Receive(ReceiveError::Internal(_))
            | Self::Inspect(InspectError::Internal(_))
            | Self::Examine(ExamineError::Read(_) | ExamineError::Unreadable(_))
            | Self::Held(_)
            | Self::Certificate(_)
            | Self::Gone(_)
            | Self::Replaced
            | Self::Policy(_)
            | Self::Evidence(_)
            | Self::Mirror(_)
            | Self::Quarantine(_)
            | Self::Read(_)
            | Self::Store(_) => (
                "internal error; nothing was accepted".to_owned(),
                "push again later; tell the operator the push id if it stays so",
            ),
        };
        let rule = format!("push.{}", self.cause());
        Finding { rule, effect: Effect::Refuse, would: None, place: Place::default(), message, fix: fix.to_owned() }
    }
}
