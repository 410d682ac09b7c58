//! What a rule found, and what follows from it.

use crate::model::{Escaped, ObjectId, RefName};
use bstr::BString;
use std::fmt::Write;

/// What follows from a finding. The order is the strength: the strongest of a push decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Effect {
    Warn,
    Hold,
    Refuse,
}

impl Effect {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Warn => "warn",
            Self::Hold => "hold",
            Self::Refuse => "refuse",
        }
    }
}

/// What the pusher can do about a finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fix {
    Text(String),
    /// Take the change of this path out of the commits it is in.
    Undo,
    /// Rewrite the commits it is in, and do this to the file: "read the value from the environment instead".
    Edit(String),
    /// Rewrite the commits it is in, with this command for each of them.
    Amend(String),
    /// Ask a person: nothing the pusher can do alone.
    Ask,
}

/// Where a finding is. Every part is optional: a finding may be about the push as a whole.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Place {
    pub ref_name: Option<RefName>,
    pub commit: Option<ObjectId>,
    pub path: Option<BString>,
    pub line: Option<u32>,
}

impl Place {
    /// Escaped, as messages show it, with spaces after it; nothing for the push as a whole.
    #[must_use]
    pub fn shown(&self) -> String {
        let mut shown = String::new();
        if let Some(path) = &self.path {
            let _ = write!(shown, "{}", Escaped(path));
            if let Some(line) = self.line {
                let _ = write!(shown, ":{line}");
            }
            shown.push_str("  ");
        } else if let Some(name) = &self.ref_name {
            let _ = write!(shown, "{name}  ");
        }
        if let Some(commit) = &self.commit {
            let _ = write!(shown, "in {}  ", commit.to_hex_with_len(10));
        }
        shown
    }
}

/// One thing a rule saw, with what the pusher can do about it.
///
/// `message` and `fix` are single lines, already safe to show: bytes from the client go into `place`, or through
/// [`crate::model::Escaped`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The rule's id: `ci-files` as the admin named it, or a fixed `kind.cause` such as `write.outside-grant`.
    pub rule: String,
    pub effect: Effect,
    /// Of a rule that only observes: what its effect would be. `effect` is then a warning.
    pub would: Option<Effect>,
    pub place: Place,
    pub message: String,
    pub fix: String,
}
