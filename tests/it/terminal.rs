//! A person at a real terminal: a window of tmux with `ssh` in it, its keys and its screen.
//!
//! Each terminal is a tmux server of its own with a private socket and nobody's settings.

use crate::support::*;
use regex::Regex;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// How long a screen may take to come.
const PATIENCE: Duration = Duration::from_secs(30);
const LOOK_INTERVAL: Duration = Duration::from_millis(30);
/// A screen that stays so long is the one to keep, where the files of screens are written.
const SETTLE_TIME: Duration = Duration::from_millis(1500);

pub struct Terminal<'w> {
    world: &'w World,
    /// The directory of the socket, of the script it runs and of what was written to it.
    dir: PathBuf,
}

impl<'w> Terminal<'w> {
    /// `ssh -t gate LINE` in a window of 80x24, after a line that says "before".
    #[track_caller]
    pub fn open(world: &'w World, principal: &str, line: &str) -> Self {
        Self::open_with(world, principal, &format!("-t -p {} refgate@127.0.0.1 {line}", world.port))
    }

    #[track_caller]
    pub fn open_with(world: &'w World, principal: &str, arguments: &str) -> Self {
        let dir = tempfile::Builder::new().prefix("tty-").tempdir_in(world.path()).expect("a directory").keep();
        let ssh = world.ssh_command(principal);
        let script = format!(
            "echo before\nsh -c 'echo $$ > pid; exec {ssh} {arguments}'\nstatus=$?\necho \"ended $status\"\n\
             echo $status > status\nexec sleep 600\n"
        );
        write(&dir.join("script"), &script);
        let terminal = Self { world, dir };
        terminal.tmux(&["new-session", "-d", "-x", "80", "-y", "24", "sleep 600"]);
        terminal.tmux(&["set-option", "-g", "status", "off"]);
        terminal.tmux(&["set-option", "-g", "default-terminal", "screen-256color"]);
        terminal.tmux(&["pipe-pane", "-o", "exec cat > written"]);
        terminal.tmux(&["respawn-pane", "-k", "exec sh ./script"]);
        terminal
    }

    #[track_caller]
    fn tmux(&self, args: &[&str]) -> String {
        let mut command = Command::new("tmux");
        command.args(["-u", "-L", "gate", "-f", "/dev/null"]).args(args).current_dir(&self.dir);
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("TMUX_TMPDIR", &self.dir).env("HOME", self.world.path().join("home"));
        command.env("SHELL", "/bin/sh").env("LC_ALL", "C.UTF-8");
        let output = command.output().unwrap_or_else(|error| panic!("tmux ({error}); tests/run installs it"));
        assert!(output.status.success(), "{args:?}: {}", text(&output.stderr));
        text(&output.stdout)
    }

    /// Presses keys, by tmux's names: `Enter`, `Escape`, `C-c`, `BTab`, or a character.
    #[track_caller]
    pub fn keys(&self, keys: &[&str]) {
        self.tmux(&[&["send-keys", "-t", ":"], keys].concat());
    }

    /// Types a text.
    #[track_caller]
    pub fn text(&self, text: &str) {
        self.tmux(&["send-keys", "-t", ":", "-l", text]);
    }

    #[track_caller]
    pub fn resize(&self, columns: u16, rows: u16) {
        self.tmux(&["resize-window", "-x", &columns.to_string(), "-y", &rows.to_string()]);
    }

    #[track_caller]
    pub fn screen(&self) -> String {
        self.tmux(&["capture-pane", "-p"])
    }

    /// Waits for a screen with this in it.
    #[track_caller]
    pub fn wait(&self, wanted: &str) -> String {
        let end = Instant::now() + PATIENCE;
        loop {
            let screen = self.screen();
            if screen.contains(wanted) {
                return screen;
            }
            assert!(Instant::now() < end, "{wanted:?} does not show:\n{screen}");
            std::thread::sleep(LOOK_INTERVAL);
        }
    }

    /// Waits for the screen of this file; what differs each time stands there for all.
    #[track_caller]
    pub fn look(&self, name: &str) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/screens").join(name).with_extension("txt");
        if std::env::var_os("REFGATE_BLESS").is_some() {
            std::thread::sleep(SETTLE_TIME);
            return write(&path, &usual(&self.screen()));
        }
        let expected = std::fs::read_to_string(&path).unwrap_or_default();
        let end = Instant::now() + PATIENCE;
        loop {
            let screen = usual(&self.screen());
            if screen == expected {
                return;
            }
            assert!(Instant::now() < end, "{name} is not as it was; REFGATE_BLESS=1 writes it anew:\n{screen}");
            std::thread::sleep(LOOK_INTERVAL);
        }
    }

    /// Every byte that came to the terminal so far.
    pub fn written(&self) -> Vec<u8> {
        std::fs::read(self.dir.join("written")).expect("there")
    }

    /// Waits for ssh to end; its exit status. One that is killed leaves the screen as it was, wherever the cursor is.
    pub fn status(&self) -> String {
        let read = || std::fs::read_to_string(self.dir.join("status")).ok().filter(|text| text.ends_with('\n'));
        wait_for(|| read().is_some());
        read().expect("a status").trim().to_owned()
    }

    /// The process of ssh.
    pub fn pid(&self) -> u32 {
        let read = || std::fs::read_to_string(self.dir.join("pid")).ok()?.trim().parse().ok();
        wait_for(|| read().is_some());
        read().expect("a number")
    }
}

impl Drop for Terminal<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- the terminal ---\n{}", self.screen());
        }
        self.tmux(&["kill-server"]);
    }
}

/// Push ids by their order, and one time, age and size for all.
fn usual(screen: &str) -> String {
    let of = |pattern: &str| Regex::new(pattern).expect("a pattern");
    let mut seen: Vec<String> = Vec::new();
    let screen = of("[0-9A-HJKMNP-TV-Z]{26}").replace_all(screen, |found: &regex::Captures<'_>| {
        let push = found[0].to_owned();
        let at = seen.iter().position(|known| *known == push).unwrap_or(seen.len());
        if at == seen.len() {
            seen.push(push);
        }
        format!("01{:0>24}", at + 1)
    });
    let screen = of(r"\d{4}-\d\d-\d\d \d\d:\d\d UTC").replace_all(&screen, "2000-01-01 00:00 UTC");
    let screen = of(r"([ >])\d+m\b").replace_all(&screen, "${1}0m");
    of(r", \d+ (bytes|KiB)\b").replace_all(&screen, ", 1 $1").into_owned()
}
