//! The mirror and its objects. The only place that spawns git (`command`).

mod big_blob;
pub mod client;
pub mod command;
pub mod credential;
mod delta_cache;
pub mod files;
pub mod local;
mod made;
pub mod mirror;
pub mod note;
pub mod notes;
pub mod notes_kept;
pub mod objects;
pub mod one_file;
pub mod revision;
pub mod scratch;
pub mod ssh;
pub mod tree;
pub mod tree_diff;
pub mod upload_pack;
pub mod upstream;

pub use command::CommandError;
pub use made::{Made, PackEntries};
pub use mirror::{Mirror, MirrorError, RefMap};
pub use objects::{ObjectStore, Objects, ReadError};
pub use upstream::UpstreamError;
