//! A stock git client as an agent has it, for `refgate try`: nobody's settings, one key, one known host.

use crate::git::command::{CommandError, git_program, search_path};
use crate::git::ssh;
use std::io;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// Runs `git args…` in `dir` and returns all it printed. `ssh_config` is the file ssh is started with.
pub fn run(dir: &Path, ssh_config: &Path, args: &[&str]) -> Result<Output, CommandError> {
    let own = ssh::own_program().map_err(CommandError::Spawn)?;
    let mut command = Command::new(git_program()?);
    command.current_dir(dir).args(args).env_clear().stdin(Stdio::null());
    command.env("PATH", search_path()).env("HOME", dir).env("LC_ALL", "C").env("GIT_TERMINAL_PROMPT", "0");
    command.env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", "/dev/null");
    command.env("GIT_SSH", own).env("GIT_SSH_VARIANT", "ssh").env(ssh::CONFIG_VARIABLE, ssh_config);
    for who in ["AUTHOR", "COMMITTER"] {
        command.env(format!("GIT_{who}_NAME"), "claude-1").env(format!("GIT_{who}_EMAIL"), "claude-1@agents.example");
    }
    command.output().map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => CommandError::NotFound("git"),
        _ => CommandError::Spawn(error),
    })
}
