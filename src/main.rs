//! The `refgate` program: argv in, exit code out.

use std::process::ExitCode;

fn main() -> ExitCode {
    if let Some(code) = refgate::git::ssh::run_as_ssh() {
        return code;
    }
    refgate::cli::main()
}
