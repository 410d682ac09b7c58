//! The words of the design as types. Values are made by parsing only; nothing here does IO.

mod change;
mod escape;
mod event_kind;
mod finding;
mod fold;
mod hold_state;
mod limits;
mod name;
mod purpose;
mod push_cert;
mod push_id;
mod ref_name;
mod ref_update;
mod sighting;
mod usage;

pub use change::{Change, CommitFacts, Direction, Entry, Group, Needs, PushFacts, TagFacts, UpdateFacts, UpdateKind};
pub use escape::{Escaped, is_invisible};
pub use event_kind::EventKind;
pub use finding::{Effect, Finding, Fix, Place};
pub use fold::{fold_segment, fold_text, folds_to, strip_ntfs};
pub use gix::ObjectId;
pub use hold_state::HoldState;
pub use limits::{Limits, exact_size};
pub use name::{HookName, InvalidName, PrincipalKind, PrincipalName, RepoName};
pub use purpose::Purpose;
pub use push_cert::{CertStatus, NonceStatus};
pub use push_id::{InvalidPushId, PushId};
pub use ref_name::{InvalidRefName, RefName};
pub use ref_update::RefUpdate;
pub use sighting::Sighting;
pub use usage::{Count, Usage};
