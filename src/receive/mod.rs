//! From the client's pack to objects that can be judged: quarantine, indexing, strict checks, connectivity.

pub mod check;
mod connect;
mod delta;
mod error;
mod existing;
mod findings;
mod index_file;
mod ingest;
mod links;
mod quarantine;
mod queue;
mod resolve;
mod stream;
mod unpack;
mod worker;

pub use check::Cause;
pub use error::{ClientFault, InternalFault, ReceiveError};
pub use existing::check_existing;
pub use quarantine::{Durability, Quarantine, QuarantineError};
pub use unpack::unpack;

use crate::git::{Objects, ReadError};
use crate::model::ObjectId;
use gix::objs::Kind;

/// What came with a push.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct Received {
    pub objects: u32,
    pub pack_bytes: u64,
    /// Every one of them refuses the push.
    pub problems: Vec<ObjectProblem>,
    /// How many there are beyond those.
    pub more_problems: usize,
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

/// What a ref update's new value is; `None` if neither the push nor the mirror has it.
///
/// With the mirror closed and everything new connected, this is all there is to ask about a tip.
pub fn tip_kind(objects: &Objects, tip: &ObjectId) -> Result<Option<Kind>, ReadError> {
    Ok(objects.header(tip)?.map(|(kind, _)| kind))
}
