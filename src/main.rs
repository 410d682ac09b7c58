//! The `refgate` program: argv in, exit code out.

use std::process::ExitCode;

fn main() -> ExitCode {
    refgate::cli::main()
}
