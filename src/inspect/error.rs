//! Why a push could not be inspected.

use crate::git::ReadError;
use crate::model::RefName;

/// What the client asked that is over a limit, or that the mirror does not know.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Excess {
    #[error("the push has more than {0} commits to judge (limit commits_max); push in smaller steps")]
    Commits(usize),
    #[error("the push changes more than {0} entries over all its commits (limit changes_max); push in smaller steps")]
    Changes(usize),
    #[error("a commit of the push has more than {0} parents")]
    Parents(usize),
    #[error("a tag is nested more than {0} deep (limit tag_depth_max)")]
    TagDepth(usize),
    #[error("an entry has more than {0} directories above it (limit path_depth_max)")]
    PathDepth(usize),
    #[error("the old value given for {0} is not known here; fetch first")]
    UnknownOld(RefName),
}

/// Why there are no facts. Never a reason to let a push pass.
#[derive(Debug, thiserror::Error)]
pub enum InspectError {
    /// For the client to mend; the text is made for it.
    #[error("{0}")]
    Client(#[from] Excess),
    /// The time for judging is over, or the gate shuts down.
    #[error("inspecting the push took too long (limit judge_time_max)")]
    Stopped,
    /// An object that should be there could not be read.
    #[error("internal error while reading objects")]
    Internal(#[from] ReadError),
}
