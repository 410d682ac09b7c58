//! What moved at an upstream without the gate.

use super::entry::UpdateEntry;
use super::word;
use crate::model::RepoName;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Refs that hold something else than when the gate last saw or moved them. Seen at a contact; when and by whom they were
/// moved, the upstream does not tell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExternalEntry {
    pub time: Timestamp,
    #[serde(with = "word::one")]
    pub repo: RepoName,
    pub updates: Vec<UpdateEntry>,
}
