//! What a commit changes, for people to read: hunks of lines, as values and as the text of `git show`.
//!
//! Reads objects only, a bounded part of them ([`Bounds`]), and says what it left out. It judges nothing: rules look
//! at whole files (`examine`), people at this.

mod bounds;
mod commit;
mod compare;
mod content;
mod header;
mod marks;
mod text;
mod value;
mod words;

pub use bounds::Bounds;
pub use commit::diff_commit;
pub use marks::Marks;
pub use text::{Color, write_commit};
pub use value::{Body, CommitDiff, FileDiff, Header, Hunk, Line, LineKind, Text, Unread};

#[cfg(test)]
mod tests;
