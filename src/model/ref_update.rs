//! One command of a push.

use crate::model::{ObjectId, RefName};

/// What the client asks of one ref. The null object id of the protocol is `None` here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefUpdate {
    pub name: RefName,
    /// What the ref holds before, by the client's word; checked against the upstream when it is forwarded.
    pub old: Option<ObjectId>,
    /// What the ref shall hold after; `None` deletes it.
    pub new: Option<ObjectId>,
}

impl RefUpdate {
    /// Why an update counts as rejected of which the upstream said nothing: its ref still held the old value.
    pub const NO_ANSWER: &str = "the upstream did not answer";
}
