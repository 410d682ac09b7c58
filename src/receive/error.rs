//! What can go wrong while a pack is received, and whose fault it is.

use crate::git::ReadError;
use crate::model::{ObjectId, exact_size};
use std::io;

/// Why a pack was not taken. A bad object is not among these: it is an [`super::ObjectProblem`], so that all are told.
#[derive(Debug, thiserror::Error)]
pub enum ReceiveError {
    #[error(transparent)]
    Client(#[from] ClientFault),
    #[error(transparent)]
    Internal(#[from] InternalFault),
    /// The stop flag was set: a time limit, a lost connection or a shutdown; who set it knows which.
    #[error("stopped")]
    Stopped,
}

/// What the client did wrong; the text is for the client and names the limit's setting.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClientFault {
    #[error("the connection ended within the pack")]
    Truncated,
    #[error("what came is not a pack")]
    NotAPack,
    #[error("pack version {0} is not supported, only 2 and 3 are")]
    Version(u32),
    #[error("the pack's checksum is wrong")]
    Checksum,
    #[error("the pack is larger than {} (pack_bytes_max)", exact_size(*.0))]
    PackBytes(u64),
    #[error("the pack has more than {0} objects (pack_objects_max)")]
    PackObjects(u32),
    #[error("an object is larger than {} (object_bytes_max)", exact_size(*.0))]
    ObjectBytes(u64),
    #[error("the pack unfolds to more than {} (inflated_bytes_max)", exact_size(*.0))]
    InflatedBytes(u64),
    #[error("a delta chain is longer than {0} (delta_depth_max); repack with a smaller pack.depth")]
    DeltaDepth(u16),
    #[error("the pack has a malformed entry at offset {0}")]
    Entry(u64),
    #[error("the compressed data at offset {0} of the pack is broken")]
    Zlib(u64),
    #[error("the object at offset {0} of the pack is not as long as its header says")]
    Size(u64),
    #[error("the delta at offset {0} of the pack is malformed")]
    Delta(u64),
    #[error("the delta at offset {0} of the pack has no base at the offset it names")]
    BaseOffset(u64),
    #[error("the pack has a delta against object {0}, which is neither in the pack nor on the server")]
    MissingBase(ObjectId),
    #[error("the pack holds object {0} twice")]
    Duplicate(ObjectId),
    #[error("an object with the marks of a SHA-1 collision attack, offset {0} of the pack")]
    Collision(u64),
    #[error("the object file {0} does not hold the object of its name")]
    LooseObject(ObjectId),
}

/// Ours or the machine's. Never shown to a client.
#[derive(Debug, thiserror::Error)]
pub enum InternalFault {
    #[error("quarantine: {0}")]
    Quarantine(#[source] io::Error),
    #[error("reading from the client: {0}")]
    Input(#[source] io::Error),
    #[error("reading objects: {0}")]
    Objects(#[from] ReadError),
    #[error("out of memory")]
    Memory,
    #[error("a checking thread failed")]
    Thread,
}

impl ReceiveError {
    /// What the client is told.
    #[must_use]
    pub fn outside(&self) -> String {
        match self {
            Self::Client(fault) => fault.to_string(),
            Self::Internal(_) => "the server could not take the pack; nothing was changed".to_owned(),
            Self::Stopped => "stopped before the whole pack was checked; nothing was changed".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_named_with_their_setting() {
        let text = |fault: ClientFault| ReceiveError::from(fault).outside();
        assert_eq!(text(ClientFault::PackBytes(1 << 30)), "the pack is larger than 1 GiB (pack_bytes_max)");
        assert_eq!(text(ClientFault::ObjectBytes(1500)), "an object is larger than 1500 bytes (object_bytes_max)");
        assert_eq!(text(ClientFault::PackBytes(0)), "the pack is larger than 0 bytes (pack_bytes_max)");
    }

    #[test]
    fn the_inside_of_the_server_is_not_told() {
        let fault = InternalFault::Quarantine(io::Error::other("/srv/secret"));
        assert!(!ReceiveError::from(fault).outside().contains("secret"));
    }
}
