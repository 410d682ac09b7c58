//! The one place that starts git, and ssh for upstreams.
//!
//! A child gets a cleared environment, only the settings named here, its own process group and a time limit. What
//! it says on stderr is for the debug log alone: exit status and machine output decide, its English never does.

use crate::model::Escaped;
use nix::sys::signal::{Signal, killpg};
use nix::sys::wait::{Id, WaitPidFlag, waitid};
use nix::unistd::Pid;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, OnceLock, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// A child process could not do its work. None of these texts holds what the child printed.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    #[error("{0} is not installed or not in PATH")]
    NotFound(&'static str),
    #[error("cannot start a process: {0}")]
    Spawn(#[source] io::Error),
    #[error("cannot talk to a process: {0}")]
    Pipe(#[source] io::Error),
    #[error("a process took too long and was stopped")]
    TimedOut,
    #[error("a process printed more than is taken")]
    TooMuchOutput,
    #[error("a process failed ({0})")]
    Failed(ExitStatus),
}

/// Settings that hold for every git started here, whatever a repository's own configuration says.
const SETTINGS: [(&str, &str); 14] = [
    ("transfer.bundleURI", "false"),
    ("transfer.advertiseObjectInfo", "false"),
    ("protocol.allow", "never"),
    ("core.fsmonitor", "false"),
    ("gc.auto", "0"),
    ("maintenance.auto", "false"),
    ("credential.helper", ""),
    ("http.followRedirects", "false"),
    ("http.lowSpeedLimit", "1"),
    ("http.lowSpeedTime", "60"),
    ("uploadpack.allowAnySHA1InWant", "false"),
    ("uploadpack.allowTipSHA1InWant", "false"),
    ("uploadpack.allowReachableSHA1InWant", "false"),
    ("uploadpack.advertiseBundleURIs", "false"),
];

/// What `git rev-parse --local-env-vars` names, but for settings and the namespace: those are the caller's to give.
const OTHER_REPOSITORY: [&str; 12] = [
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_DIR",
    "GIT_GRAFT_FILE",
    "GIT_IMPLICIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_INTERNAL_SUPER_PREFIX",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PREFIX",
    "GIT_REPLACE_REF_BASE",
    "GIT_SHALLOW_FILE",
    "GIT_WORK_TREE",
];

/// The most of a child's stderr that is kept for the debug log.
const STDERR_BYTES_MAX: usize = 16 * 1024;

/// A git or ssh command line, put together piece by piece.
#[derive(Debug)]
pub struct GitCommand {
    command: Command,
    name: &'static str,
    settings: Vec<(OsString, OsString)>,
    leftovers: Leftovers,
    stderr: Stderr,
}

/// Where what a process says on stderr goes.
#[derive(Debug)]
enum Stderr {
    /// Its start is kept for the debug log.
    Kept,
    /// A pipe that a process in the background keeps open would be waited for.
    Nowhere,
    Inherited,
    /// A file whose lock the process and all it starts hold as long as they live, also when this one has died.
    Locked(File),
}

/// What happens to processes that a process leaves behind in its group when it ends by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Leftovers {
    Kill,
    /// A hook of the upstream may start work in the background; that is its owner's business.
    Spare,
}

impl GitCommand {
    /// `git <subcommand>`, with our settings and no hooks: for everything that works on the mirror.
    pub fn git(subcommand: &str) -> Result<Self, CommandError> {
        let mut command = Self::bare_git(subcommand)?;
        (command.leftovers, command.stderr) = (Leftovers::Kill, Stderr::Kept);
        command.setting("core.hooksPath", "/dev/null");
        for (key, value) in SETTINGS {
            command.setting(key, value);
        }
        Ok(command)
    }

    /// `git <subcommand>` without our settings: for `receive-pack` on a local upstream, whose owner's configuration
    /// and hooks apply.
    pub fn bare_git(subcommand: &str) -> Result<Self, CommandError> {
        let mut command = Self::cleared(git_program()?, "git");
        (command.leftovers, command.stderr) = (Leftovers::Spare, Stderr::Nowhere);
        for (key, value) in [
            ("GIT_CONFIG_NOSYSTEM", "1"),
            ("GIT_CONFIG_GLOBAL", "/dev/null"),
            ("GIT_TERMINAL_PROMPT", "0"),
            ("GIT_NO_REPLACE_OBJECTS", "1"),
            ("GIT_OPTIONAL_LOCKS", "0"),
            ("GIT_ADVICE", "0"),
        ] {
            command.env(key, value);
        }
        command.arg(subcommand);
        Ok(command)
    }

    /// `git <subcommand>` with the environment and stderr this process was started with, for the repository it was
    /// started for: that repository's settings and hooks may count on them. Only what names another repository goes.
    pub fn own_git(subcommand: &str) -> Result<Self, CommandError> {
        let mut command = Command::new(git_program()?);
        for name in OTHER_REPOSITORY {
            command.env_remove(name);
        }
        command.arg(subcommand);
        Ok(Self { command, name: "git", settings: Vec::new(), leftovers: Leftovers::Spare, stderr: Stderr::Inherited })
    }

    /// `ssh`, with no option yet.
    pub fn ssh() -> Result<Self, CommandError> {
        Ok(Self::cleared(ssh_program()?, "ssh"))
    }

    /// The operator's own program for a credential: it keeps the environment, as it may need its settings.
    #[must_use]
    pub fn credential_program(program: &OsStr) -> Self {
        Self {
            command: Command::new(program),
            name: "credential program",
            settings: Vec::new(),
            leftovers: Leftovers::Kill,
            stderr: Stderr::Kept,
        }
    }

    fn cleared(program: &Path, name: &'static str) -> Self {
        let mut command = Command::new(program);
        command.env_clear().env("PATH", search_path()).env("HOME", "/nonexistent").env("LC_ALL", "C");
        Self { command, name, settings: Vec::new(), leftovers: Leftovers::Kill, stderr: Stderr::Kept }
    }

    pub fn arg(&mut self, arg: impl AsRef<OsStr>) -> &mut Self {
        self.command.arg(arg);
        self
    }

    pub fn args<S: AsRef<OsStr>>(&mut self, args: impl IntoIterator<Item = S>) -> &mut Self {
        self.command.args(args);
        self
    }

    pub fn env(&mut self, key: &str, value: impl AsRef<OsStr>) -> &mut Self {
        self.command.env(key, value);
        self
    }

    /// One git setting, as strong as `-c`, but not in the list of processes: values may be secret.
    pub fn setting(&mut self, key: impl Into<OsString>, value: impl Into<OsString>) -> &mut Self {
        self.settings.push((key.into(), value.into()));
        self
    }

    /// Lets the process share the lock of `file`: whoever tries the lock later learns whether it is still at work.
    pub fn share_lock(&mut self, file: &File) -> Result<&mut Self, CommandError> {
        self.stderr = Stderr::Locked(file.try_clone().map_err(CommandError::Spawn)?);
        Ok(self)
    }

    pub fn git_dir(&mut self, dir: &Path) -> &mut Self {
        self.setting("safe.directory", dir).env("GIT_DIR", dir)
    }

    /// Starts the process with pipes on stdin, stdout and stderr; it is killed when `time_max` has passed.
    pub fn spawn(mut self, time_max: Duration) -> Result<Running, CommandError> {
        if !self.settings.is_empty() {
            self.command.env("GIT_CONFIG_COUNT", self.settings.len().to_string());
        }
        for (i, (key, value)) in self.settings.iter().enumerate() {
            self.command.env(format!("GIT_CONFIG_KEY_{i}"), key).env(format!("GIT_CONFIG_VALUE_{i}"), value);
        }
        let stderr = match self.stderr {
            Stderr::Kept => Stdio::piped(),
            Stderr::Nowhere => Stdio::null(),
            Stderr::Inherited => Stdio::inherit(),
            Stderr::Locked(file) => file.into(),
        };
        self.command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(stderr).process_group(0);
        let child = self.command.spawn().map_err(CommandError::Spawn)?;
        Running::new(child, self.name, self.leftovers, time_max)
    }

    /// Runs to the end with `input` on stdin; the output, if the process says it succeeded.
    pub fn run(self, input: &[u8], time_max: Duration, output_bytes_max: u64) -> Result<Vec<u8>, CommandError> {
        let (status, output) = self.finish(input, time_max, output_bytes_max)?;
        if status.success() { Ok(output) } else { Err(CommandError::Failed(status)) }
    }

    /// Runs to the end, well or badly.
    pub fn finish(
        self,
        input: &[u8],
        time_max: Duration,
        output_bytes_max: u64,
    ) -> Result<(ExitStatus, Vec<u8>), CommandError> {
        let mut running = self.spawn(time_max)?;
        let (stdin, stdout) = running.pipes()?;
        let mut output = Vec::new();
        let read = std::thread::scope(|scope| {
            // A process that does not want its input says why by its exit status.
            scope.spawn(move || feed(stdin, input));
            let read = stdout.take(output_bytes_max.saturating_add(1)).read_to_end(&mut output);
            if !matches!(read, Ok(n) if n as u64 <= output_bytes_max) {
                running.kill();
            }
            read
        });
        let status = running.wait()?;
        match read {
            Ok(n) if n as u64 > output_bytes_max => Err(CommandError::TooMuchOutput),
            Ok(_) => Ok((status, output)),
            Err(e) => Err(CommandError::Pipe(e)),
        }
    }
}

fn feed(mut stdin: ChildStdin, input: &[u8]) {
    if let Err(e) = stdin.write_all(input) {
        tracing::debug!(error = %e, "a process did not read all of its input");
    }
}

pub(super) fn search_path() -> &'static OsStr {
    static PATH: OnceLock<OsString> = OnceLock::new();
    let inherited = || std::env::var_os("PATH").filter(|path| !path.is_empty());
    PATH.get_or_init(|| inherited().unwrap_or_else(|| "/usr/local/bin:/usr/bin:/bin".into()))
}

/// An absolute path: with one, the standard library needs no fork of this large process to start a child.
fn find_program(name: &str) -> Option<PathBuf> {
    let dirs = std::env::split_paths(search_path()).filter(|dir| dir.is_absolute());
    dirs.map(|dir| dir.join(name)).find(|path| path.is_file())
}

pub(super) fn git_program() -> Result<&'static Path, CommandError> {
    static GIT: OnceLock<Option<PathBuf>> = OnceLock::new();
    GIT.get_or_init(|| find_program("git")).as_deref().ok_or(CommandError::NotFound("git"))
}

pub(super) fn ssh_program() -> Result<&'static Path, CommandError> {
    static SSH: OnceLock<Option<PathBuf>> = OnceLock::new();
    SSH.get_or_init(|| find_program("ssh")).as_deref().ok_or(CommandError::NotFound("ssh"))
}

/// A started process. Dropping it kills its whole process group.
#[derive(Debug)]
pub struct Running {
    child: Child,
    name: &'static str,
    leftovers: Leftovers,
    watch: Arc<Watch>,
    threads: Vec<JoinHandle<()>>,
    stderr: Arc<Mutex<Vec<u8>>>,
}

#[derive(Debug)]
struct Watch {
    group: Pid,
    state: Mutex<State>,
    /// Set anew as the work goes on.
    deadline: Mutex<Instant>,
    changed: Condvar,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Running,
    Killed,
    TimedOut,
    /// The process has ended and its id may be another's soon.
    Ended,
}

impl Watch {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn kill(&self, reason: State) {
        let mut state = self.state();
        if *state == State::Running {
            *state = reason;
            if let Err(e) = killpg(self.group, Signal::SIGKILL) {
                tracing::debug!(error = %e, "cannot kill a process group");
            }
        }
        self.changed.notify_all();
    }

    fn deadline(&self) -> std::sync::MutexGuard<'_, Instant> {
        self.deadline.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn kill_in_time(&self) {
        let mut state = self.state();
        while *state == State::Running {
            let Some(left) = self.deadline().checked_duration_since(Instant::now()).filter(|d| !d.is_zero()) else {
                drop(state);
                return self.kill(State::TimedOut);
            };
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Running {
    fn new(
        mut child: Child,
        name: &'static str,
        leftovers: Leftovers,
        time_max: Duration,
    ) -> Result<Self, CommandError> {
        let group = Pid::from_raw(i32::try_from(child.id()).expect("a process id fits"));
        let deadline = Instant::now().checked_add(time_max).ok_or(CommandError::TimedOut)?;
        let (state, deadline) = (Mutex::new(State::Running), Mutex::new(deadline));
        let watch = Arc::new(Watch { group, state, deadline, changed: Condvar::new() });
        let stderr = Arc::new(Mutex::new(Vec::new()));
        let pipe = child.stderr.take();
        let mut running = Self { child, name, leftovers, watch, threads: Vec::new(), stderr };
        let watch = Arc::clone(&running.watch);
        running.thread(move || watch.kill_in_time())?;
        let kept = Arc::clone(&running.stderr);
        running.thread(move || pipe.into_iter().for_each(|pipe| keep_start(pipe, &kept)))?;
        Ok(running)
    }

    fn thread(&mut self, work: impl FnOnce() + Send + 'static) -> Result<(), CommandError> {
        self.threads.push(std::thread::Builder::new().spawn(work).map_err(CommandError::Spawn)?);
        Ok(())
    }

    /// The pipes to and from the process; they can be taken once.
    pub fn pipes(&mut self) -> Result<(ChildStdin, ChildStdout), CommandError> {
        let taken = || CommandError::Pipe(io::ErrorKind::BrokenPipe.into());
        Ok((self.child.stdin.take().ok_or_else(taken)?, self.child.stdout.take().ok_or_else(taken)?))
    }

    /// Gives the process this much time from now on.
    pub fn limit(&self, time_max: Duration) {
        if let Some(deadline) = Instant::now().checked_add(time_max) {
            let _state = self.watch.state();
            *self.watch.deadline() = deadline;
            self.watch.changed.notify_all();
        }
    }

    /// Whether the process has ended by itself.
    pub fn has_ended(&self) -> bool {
        use nix::sys::wait::WaitStatus;
        let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT | WaitPidFlag::WNOHANG;
        !matches!(waitid(Id::Pid(self.watch.group), flags), Ok(WaitStatus::StillAlive))
    }

    /// Ends the process and all it started, now.
    pub fn kill(&self) {
        self.watch.kill(State::Killed);
    }

    /// What kills the process from another thread.
    pub fn killer(&self) -> impl Fn() + Send + Sync + 'static {
        let watch = Arc::clone(&self.watch);
        move || watch.kill(State::Killed)
    }

    /// Waits for the end. A process that ran over its time is an error; one that failed is not.
    pub fn wait(&mut self) -> Result<ExitStatus, CommandError> {
        drop(self.child.stdin.take());
        // Not reaped before the watch knows: until then the group's id cannot be anyone else's.
        while let Err(nix::errno::Errno::EINTR) =
            waitid(Id::Pid(self.watch.group), WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT)
        {}
        let state = std::mem::replace(&mut *self.watch.state(), State::Ended);
        if state != State::Ended && (state != State::Running || self.leftovers == Leftovers::Kill) {
            // What it left behind in its group must not outlive it, nor keep its stderr open.
            let _ = killpg(self.watch.group, Signal::SIGKILL);
        }
        self.watch.changed.notify_all();
        let status = self.child.wait().map_err(CommandError::Pipe)?;
        self.threads.drain(..).for_each(|thread| drop(thread.join()));
        self.log(status);
        if state == State::TimedOut { Err(CommandError::TimedOut) } else { Ok(status) }
    }

    fn log(&self, status: ExitStatus) {
        let stderr = self.stderr.lock().unwrap_or_else(PoisonError::into_inner);
        if !stderr.is_empty() || !status.success() {
            tracing::debug!(process.name = self.name, %status, stderr = %Escaped(&stderr), "process ended");
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.threads.is_empty() {
            self.kill();
            if let Err(e) = self.wait() {
                tracing::debug!(error = %e, "a process was dropped");
            }
        }
    }
}

/// Reads to the end, so that the process never blocks, and keeps only the start.
fn keep_start(mut pipe: impl Read, kept: &Mutex<Vec<u8>>) {
    let mut buffer = [0; 4096];
    while let Ok(n @ 1..) = pipe.read(&mut buffer) {
        let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        let room = STDERR_BYTES_MAX.saturating_sub(kept.len()).min(n);
        kept.extend(buffer.iter().take(room));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> GitCommand {
        let mut command = GitCommand::credential_program("sh".as_ref());
        command.args(["-c", script]);
        command
    }

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn output_is_limited() {
        assert_eq!(shell("printf 12345678").run(b"", 20 * SECOND, 8).expect("at the limit"), b"12345678");
        let over = shell("printf 123456789; sleep 600").run(b"", 20 * SECOND, 8);
        assert!(matches!(over, Err(CommandError::TooMuchOutput)));
    }

    #[test]
    fn time_is_limited_for_the_whole_group() {
        let started = Instant::now();
        let late = shell("sleep 600 & sleep 600").run(b"", SECOND / 5, 8);
        assert!(matches!(late, Err(CommandError::TimedOut)), "{late:?}");
        assert!(started.elapsed() < 10 * SECOND);
    }

    #[test]
    fn a_process_left_in_the_background_does_not_hold_up_the_end() {
        let started = Instant::now();
        let output = shell("sleep 600 >/dev/null & echo done").run(b"", 30 * SECOND, 8);
        assert_eq!(output.expect("done"), b"done\n");
        assert!(started.elapsed() < 10 * SECOND);
    }

    #[test]
    fn failure_and_unread_input_are_told_apart() {
        assert!(matches!(shell("exit 3").run(&[b'x'; 1 << 20], 20 * SECOND, 8), Err(CommandError::Failed(_))));
        assert_eq!(shell("true").run(&[b'x'; 1 << 20], 20 * SECOND, 8).expect("no need of the input"), b"");
        assert_eq!(shell("cat").run(b"in", 20 * SECOND, 8).expect("read"), b"in");
    }

    #[test]
    fn git_sees_only_our_environment() {
        let mut command = GitCommand::git("config").expect("git");
        command.args(["--get-all", "protocol.allow"]);
        assert_eq!(command.run(b"", 20 * SECOND, 100).expect("set"), b"never\n");
        let command = GitCommand::git("var").expect("git");
        let keys: Vec<_> = command.command.get_envs().map(|(key, _)| key.to_string_lossy().into_owned()).collect();
        assert!(keys.iter().all(|key| key.starts_with("GIT_") || matches!(&**key, "PATH" | "HOME" | "LC_ALL")));
    }
}
