//! The mirror and its objects. The only place that spawns git (`command`).

pub mod command;
pub mod objects;

pub use command::CommandError;
pub use objects::{ObjectStore, Objects, ReadError};
