//! The record told as events: what happened, as one JSON object each, to those who may know of it.
//!
//! An event is a view of one record and is not kept anywhere: its cursor is the record's place in the chain. So nothing
//! is lost while nobody listens, and a reader goes on after a restart where it was. Nothing here decides or records.

mod event;
mod feed;
mod reader;
mod source;
#[cfg(test)]
mod tests;

pub use event::{Event, EventRef, EventRule, VERSION};
pub use feed::{FeedError, Follow, InvalidSince, Since, follow};
pub use reader::Reader;
pub use source::complete;
