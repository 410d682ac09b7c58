//! What is kept of a push: the entries, their form as a line, and the hash chain over the lines.
//!
//! Values and bytes only. Keeping them is the business of `store`.

pub mod chain;
mod entry;
mod word;

pub use chain::{Broken, Hash, Head, Why};
pub use entry::{
    AbortEntry, ClientAgent, DecisionEntry, EventEntry, FindingEntry, Holds, Mode, OutcomeEntry, Record, RefOutcome,
    RefResult, UpdateEntry, Verdict,
};
pub use word::unescape;
