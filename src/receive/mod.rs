//! From the client's pack to objects that can be judged: quarantine, indexing, strict checks, connectivity.

pub mod check;
mod error;
mod index_file;
mod links;
mod quarantine;

pub use check::Cause;
pub use error::{ClientFault, InternalFault, ReceiveError};
pub use quarantine::{Durability, Quarantine, QuarantineError};

use crate::model::ObjectId;
use gix::objs::Kind;

/// One object that must not be taken, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectProblem {
    pub id: ObjectId,
    pub kind: Kind,
    pub cause: Cause,
    /// A name, or what is missing; safe to show; may be empty.
    pub detail: String,
}
