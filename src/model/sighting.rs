//! What a rule saw where it had to look inside: into a file, a commit object or a tag object.

use crate::model::{Effect, Fix};

/// Made by the policy's examiner; becomes a finding when the push is judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sighting {
    /// The rule's place in the policy that examined.
    pub rule: usize,
    /// Instead of the rule's own effect.
    pub effect: Option<Effect>,
    /// From 1, in the new content; for a commit or tag object in its message.
    pub line: Option<u32>,
    /// As in [`crate::model::Finding`].
    pub message: String,
    pub fix: Fix,
}
