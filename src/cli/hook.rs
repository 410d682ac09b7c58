//! `refgate hook pre-receive`: not wired to the stages yet.

use std::path::Path;
use std::process::ExitCode;

pub fn pre_receive(_config: &Path) -> ExitCode {
    super::cannot("`hook pre-receive` is not wired")
}
