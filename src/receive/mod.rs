//! From the client's pack to objects that can be judged, and the answer the client gets: quarantine, indexing, strict
//! checks, connectivity, messages and the report.

pub mod check;
mod connect;
mod delta;
mod error;
mod existing;
mod findings;
mod index_file;
mod ingest;
mod links;
pub mod message;
mod quarantine;
mod queue;
pub mod reply;
mod resolve;
mod stream;
mod unpack;
mod worker;

pub use check::Cause;
pub use error::{ClientFault, InternalFault, ReceiveError};
pub use existing::check_existing;
pub use message::{GATE_UNKNOWN, LoggedAs, Message, Receipt, Retry, Standing, Verdict};
pub use quarantine::{Durability, Quarantine, QuarantineError};
pub use reply::Reply;
pub use unpack::unpack;

use crate::model::{Effect, Finding, ObjectId, Place};
use gix::objs::Kind;
use std::fmt;

/// What came with a push.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[must_use]
pub struct Received {
    pub objects: u32,
    pub pack_bytes: u64,
    /// Every one of them refuses the push.
    pub problems: Vec<ObjectProblem>,
    /// How many there are beyond those.
    pub more_problems: usize,
    /// Objects that no other one that came refers to: the new values of refs, bases of a thin pack, and strays.
    pub roots: Vec<ObjectId>,
}

/// One object that must not be taken, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectProblem {
    pub id: ObjectId,
    pub kind: Kind,
    pub cause: Cause,
    /// A name, or what is missing; safe to show; may be empty.
    pub detail: String,
}

/// How far a long unpacking is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    Receiving { done: u32, of: u32, bytes: u64 },
    Resolving { done: u32, of: u32 },
}

impl Received {
    /// The problems as findings of the rules that are always on, `object.` and git's name for the problem.
    #[must_use]
    pub fn findings(&self) -> Vec<Finding> {
        self.problems.iter().map(ObjectProblem::finding).collect()
    }
}

impl ObjectProblem {
    fn finding(&self) -> Finding {
        let detail = if self.detail.is_empty() { String::new() } else { format!(": {}", self.detail) };
        Finding {
            rule: format!("object.{}", self.cause.as_str()),
            effect: Effect::Refuse,
            would: None,
            place: Place::default(),
            message: format!("{} {} is malformed{detail}", self.kind, self.id.to_hex_with_len(10)),
            fix: "git fsck --strict names the object; make the commit again with a stock git".to_owned(),
        }
    }
}

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = |done: u32, of: u32| u64::from(done) * 100 / u64::from(of.max(1));
        match *self {
            Self::Receiving { done, of, bytes } => {
                write!(f, "receiving objects: {} % ({done}/{of}), {} MiB", percent(done, of), bytes / (1 << 20))
            }
            Self::Resolving { done, of } => write!(f, "checking objects: {} % ({done}/{of})", percent(done, of)),
        }
    }
}
