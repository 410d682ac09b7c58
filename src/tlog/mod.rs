//! A transparency log: an append-only list of entries that nobody, its keeper included, can change unseen.
//!
//! The formats are those of C2SP (tlog-tiles, signed-note, tlog-checkpoint, tlog-cosignature, tlog-proof, tlog-policy,
//! tlog-witness), the trees those of RFC 6962. Knows nothing of pushes and policies, calls nobody and takes no clients.

pub mod checkpoint;
pub mod cosignature;
mod disk;
mod frontier;
mod hash;
pub mod key;
pub mod note;
mod peaks;
pub mod policy;
pub mod proof;
mod published;
mod reader;
pub mod storage;
mod text;
pub mod tile;
pub mod tree;
mod trust;
pub mod verify;
pub mod witness;

#[cfg(test)]
mod tests;

pub use checkpoint::{Checkpoint, CheckpointError, SignedCheckpoint};
pub use cosignature::Cosigner;
pub use frontier::Frontier;
pub use hash::Hash;
pub use key::{KeyKind, KeyName, VerifyingKey};
pub use note::{Note, NoteSignature, Signer};
pub use peaks::Peaks;
pub use policy::{Clock, TrustError, TrustPolicy, Trusted};
pub use proof::{ProofFile, ProofFileError};
pub use published::{Published, PublishedError, ReadFile};
pub use reader::LogReader;
pub use storage::{Appended, Durability, Log, StorageError};
pub use tile::{Tile, TileKind};
pub use tree::{Node, Part};
pub use trust::{PolicyError, PolicyFlaw};
pub use witness::{AddCheckpoint, Witness};
