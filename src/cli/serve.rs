//! `refgate serve`: not wired to the stages yet.

use std::path::Path;
use std::process::ExitCode;

pub fn run(_config: &Path) -> ExitCode {
    super::cannot("`serve` is not wired")
}
