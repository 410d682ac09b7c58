//! How ssh is started for an upstream: one key, one pinned host key, no agent, no forwarding, nobody's configuration.

use crate::git::command::{CommandError, GitCommand, ssh_program};
use crate::model::Escaped;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::OnceLock;

/// Names the ssh_config file when this program is started by git in the place of ssh.
pub(super) const CONFIG_VARIABLE: &str = "REFGATE_SSH_CONFIG";

/// What the host is called on ssh's command line; where it is stands in `HostName`.
pub const HOST_ALIAS: &str = "upstream";

/// The parts of an ssh upstream.
#[derive(Debug, Clone, Copy)]
pub struct Destination<'a> {
    pub user: Option<&'a str>,
    pub host: &'a str,
    pub port: Option<u16>,
    pub path: &'a str,
    pub identity: &'a Path,
    pub known_hosts: &'a Path,
}

/// A part of the upstream's address could be taken for something else by ssh or by the shell at the other end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    #[error("the upstream's host name is refused")]
    Host,
    #[error("the upstream's user name is refused")]
    User,
    #[error("the upstream's path is refused")]
    Path,
    #[error("the path of a key or known_hosts file holds a character ssh gives a meaning to")]
    File,
    #[error("plain http is for loopback addresses only")]
    PlainHttp,
    #[error("the upstream's URL is refused")]
    Url,
}

const OPTIONS: [(&str, &str); 22] = [
    ("BatchMode", "yes"),
    ("IdentitiesOnly", "yes"),
    ("IdentityAgent", "none"),
    ("PreferredAuthentications", "publickey"),
    ("PasswordAuthentication", "no"),
    ("KbdInteractiveAuthentication", "no"),
    ("StrictHostKeyChecking", "yes"),
    ("GlobalKnownHostsFile", "/dev/null"),
    ("UpdateHostKeys", "no"),
    ("CheckHostIP", "no"),
    ("CanonicalizeHostname", "no"),
    ("ForwardAgent", "no"),
    ("ForwardX11", "no"),
    ("ClearAllForwardings", "yes"),
    ("PermitLocalCommand", "no"),
    ("ControlMaster", "no"),
    ("ControlPath", "none"),
    ("EscapeChar", "none"),
    ("LogLevel", "ERROR"),
    ("ConnectTimeout", "30"),
    ("ServerAliveInterval", "15"),
    ("ServerAliveCountMax", "4"),
];

impl Destination<'_> {
    /// The options as ssh_config has them, values quoted.
    fn options(&self) -> Result<Vec<(&'static str, String)>, AddressError> {
        self.check()?;
        let mut options: Vec<_> = OPTIONS.map(|(key, value)| (key, value.to_owned())).into();
        options.push(("HostName", self.host.to_owned()));
        options.extend(self.port.map(|port| ("Port", port.to_string())));
        options.extend(self.user.map(|user| ("User", user.to_owned())));
        options.push(("IdentityFile", quoted(self.identity)?));
        options.push(("UserKnownHostsFile", quoted(self.known_hosts)?));
        Ok(options)
    }

    fn check(&self) -> Result<(), AddressError> {
        let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        let starts_well = |text: &str| !text.is_empty() && !text.starts_with('-');
        if !starts_well(self.host) || !self.host.chars().all(|c| plain(c) || c == ':') {
            return Err(AddressError::Host);
        }
        if self.user.is_some_and(|user| !starts_well(user) || !user.chars().all(|c| plain(c) || "+@".contains(c))) {
            return Err(AddressError::User);
        }
        if !starts_well(self.path) || self.path.chars().any(char::is_control) {
            return Err(AddressError::Path);
        }
        Ok(())
    }

    /// ssh for one command of git at the other end: `service` is `git-receive-pack` or `git-upload-pack`.
    pub fn command(&self, service: &str) -> Result<GitCommand, OpenError> {
        let mut command = GitCommand::ssh()?;
        command.args(["-F", "none", "-T"]);
        for (key, value) in self.options()? {
            command.arg(format!("-o{key}={value}"));
        }
        command.args(["--", HOST_ALIAS]).arg(format!("{service} {}", shell_quoted(self.path)));
        Ok(command)
    }

    /// Makes `command`, a git that will connect, use this program as its ssh, with the settings in `file`.
    ///
    /// `GIT_SSH` names a program with no arguments and without a shell; so it is this program, and
    /// [`run_as_ssh`] hands over to ssh.
    pub fn use_for(&self, command: &mut GitCommand, file: &mut tempfile::NamedTempFile) -> Result<(), OpenError> {
        let mut text = format!("Host {HOST_ALIAS}\n");
        for (key, value) in self.options()? {
            text.push_str(&format!("  {key} {value}\n"));
        }
        std::io::Write::write_all(file, text.as_bytes()).map_err(OpenError::File)?;
        command.env("GIT_SSH", own_program().map_err(OpenError::File)?).env("GIT_SSH_VARIANT", "ssh");
        command.env(CONFIG_VARIABLE, file.path());
        Ok(())
    }
}

#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error(transparent)]
    Address(#[from] AddressError),
    #[error(transparent)]
    Command(#[from] CommandError),
    #[error("cannot prepare ssh: {0}")]
    File(#[source] std::io::Error),
}

/// A file name for ssh_config: quoted, and with nothing that ssh would expand.
fn quoted(path: &Path) -> Result<String, AddressError> {
    let text = std::str::from_utf8(path.as_os_str().as_bytes()).map_err(|_| AddressError::File)?;
    if !text.starts_with('/') || text.contains("${") || text.chars().any(|c| c.is_control() || c == '"' || c == '\\') {
        return Err(AddressError::File);
    }
    Ok(format!("\"{}\"", text.replace('%', "%%")))
}

/// As git quotes a path for the shell at the other end.
fn shell_quoted(path: &str) -> String {
    format!("'{}'", path.replace('\'', "'\\''").replace('!', "'\\!'"))
}

static OWN_PROGRAM: OnceLock<PathBuf> = OnceLock::new();

/// Names the program whose `main` calls [`run_as_ssh`]; without it, the one that runs. For tests.
pub fn use_program(program: PathBuf) {
    if let Err(again) = OWN_PROGRAM.set(program) {
        tracing::debug!(program = %Escaped(again.as_os_str().as_bytes()), "the program is set already");
    }
}

pub(super) fn own_program() -> std::io::Result<PathBuf> {
    OWN_PROGRAM.get().map_or_else(std::env::current_exe, |program| Ok(program.clone()))
}

/// To be called before anything else in `main`: becomes ssh if git started this program in its place.
#[must_use]
pub fn run_as_ssh() -> Option<ExitCode> {
    let config = std::env::var_os(CONFIG_VARIABLE)?;
    let program = match ssh_program() {
        Ok(program) => program,
        Err(e) => return Some(fail(&e)),
    };
    let mut command = Command::new(program);
    command.arg("-F").arg(config).args(std::env::args_os().skip(1)).env_remove(CONFIG_VARIABLE);
    Some(fail(&command.exec()))
}

fn fail(error: &dyn std::error::Error) -> ExitCode {
    eprintln!("refgate: cannot start ssh: {error}");
    ExitCode::from(255)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn destination<'a>(user: &'a str, host: &'a str, path: &'a str, file: &'a str) -> Destination<'a> {
        let file = Path::new(file);
        Destination { user: Some(user), host, port: Some(22), path, identity: file, known_hosts: file }
    }

    #[test]
    fn refuses_what_ssh_or_a_shell_could_take_for_something_else() {
        let table = [
            ("git", "github.com", "acme/app.git", "/k", None),
            ("git", "::1", "/srv/it's a repo!", "/a b/%h", None),
            ("git", "-oProxyCommand=x", "a", "/k", Some(AddressError::Host)),
            ("git", "a b", "a", "/k", Some(AddressError::Host)),
            ("git", "a%h", "a", "/k", Some(AddressError::Host)),
            ("git", "", "a", "/k", Some(AddressError::Host)),
            ("-l", "h", "a", "/k", Some(AddressError::User)),
            ("a\nb", "h", "a", "/k", Some(AddressError::User)),
            ("git", "h", "-x", "/k", Some(AddressError::Path)),
            ("git", "h", "a\nb", "/k", Some(AddressError::Path)),
            ("git", "h", "", "/k", Some(AddressError::Path)),
            ("git", "h", "a", "k", Some(AddressError::File)),
            ("git", "h", "a", "/k\"", Some(AddressError::File)),
            ("git", "h", "a", "/${HOME}", Some(AddressError::File)),
        ];
        for (user, host, path, file, error) in table {
            assert_eq!(destination(user, host, path, file).options().err(), error, "{user} {host} {path} {file}");
        }
    }

    #[test]
    fn quotes_for_the_shell_and_for_ssh() {
        assert_eq!(shell_quoted("it's!"), "'it'\\''s'\\!''");
        assert_eq!(quoted(Path::new("/a b/%h")).as_deref(), Ok("\"/a b/%%h\""));
    }
}
