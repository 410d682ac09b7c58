//! `refgate receive-pack`: not wired to the stages yet.

use std::process::ExitCode;

pub fn run(_args: &super::ReceivePackArgs) -> ExitCode {
    super::cannot("`receive-pack` is not wired")
}
