//! What `doctor` asks of the stages that reach outside. The stages' own functions belong in here.

use crate::config::Upstream;
use crate::model::Limits;

/// Reaches the upstream with its credential and returns how many refs it shows.
pub fn check_upstream(_upstream: &Upstream, _limits: &Limits) -> Result<usize, String> {
    Err("this check is not wired".to_owned())
}

/// What `git version` says: major and minor.
pub fn git_version() -> Result<(u32, u32), String> {
    Err("this check is not wired".to_owned())
}
