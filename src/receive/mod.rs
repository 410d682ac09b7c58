//! From the client's pack to objects that can be judged, and the answer the client gets: quarantine, indexing, strict
//! checks, connectivity, messages and the report.

pub mod check;
mod error;
mod index_file;
mod links;
pub mod message;
mod quarantine;
pub mod reply;

pub use check::Cause;
pub use error::{ClientFault, InternalFault, ReceiveError};
pub use message::{Message, Retry, Verdict};
pub use quarantine::{Durability, Quarantine, QuarantineError};
pub use reply::Reply;

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
