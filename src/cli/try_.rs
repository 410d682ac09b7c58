//! `refgate try`: not wired to the stages yet.

use std::process::ExitCode;

pub fn run() -> ExitCode {
    super::cannot("`try` is not wired")
}
