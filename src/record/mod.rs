//! What is kept of a push: the entries, their form as a line, and the tree over the lines.
//!
//! Values and bytes only. Keeping them is the business of `store`.

mod approval;
pub mod chain;
mod control;
mod entry;
mod external;
mod hold;
mod leaf;
mod line;
mod word;

pub use approval::{ApprovalOf, ApprovedRef, NotThis};
pub use chain::{Broken, Hash, Head, Why};
pub use control::{Control, ControlEntry};
pub use entry::{
    AbortEntry, ClientAgent, DecisionEntry, EventEntry, FindingEntry, Holds, Mode, OutcomeEntry, PushCertEntry,
    RefOutcome, RefResult, UpdateEntry, Verdict,
};
pub use external::ExternalEntry;
pub use hold::{Actor, ApprovalRef, HoldEntry, HoldStep, ReleaseEntry, Signed};
pub use leaf::plain_leaf;
pub use line::Record;
pub use word::unescape;
