//! The story that the README tells, as people type it: every command of `story.txt` is run by a shell, and all it prints
//! is compared.
//!
//! Ids of pushes, times and sizes differ from run to run: in the file they are what [`Placeholders`] makes of them.
//! `REFGATE_BLESS=1` writes the file anew; `tests/docs.rs` holds the pages to it.

use crate::holds::HOLD_RULES;
use crate::support::*;
use jiff::{SignedDuration, Timestamp};
use regex::{Captures, Regex};
use std::collections::HashMap;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// Who types, and by whose key.
const ACTORS: [(&str, &str); 3] = [("agent$ ", "claude-1"), ("dana$ ", "dana"), ("ci$ ", "runner")];

/// A command with what stands before it and what it prints.
struct Step<'t> {
    before: String,
    prompt: &'static str,
    principal: &'static str,
    command: &'t str,
    printed: String,
}

#[test]
fn the_story_is_true() {
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/story.txt");
    let text = std::fs::read_to_string(&file).expect("the story");
    let mut world = World::prepare();
    world.seed();
    world.write_policy(&format!("{GRANTS}{HOLD_RULES}"));
    world.write_settings("");
    let settings = world.path().join("refgate.toml");
    let named = format!("public_address = \"gate\"\n{}", std::fs::read_to_string(&settings).expect("settings"));
    write(&settings, &named);
    world.start();
    let desks: HashMap<&str, Desk> = ACTORS.iter().map(|(_, name)| (*name, Desk::new(&world, name))).collect();
    let mut placeholders = Placeholders::new();
    let mut told = String::new();
    for step in steps(&text) {
        let printed = desks[step.principal].run(&world, &placeholders.real(step.command));
        let printed = placeholders.put(&printed);
        told += &format!("{}{}{}\n{printed}", step.before, step.prompt, step.command);
        if std::env::var_os("REFGATE_BLESS").is_none() {
            assert_eq!(squeezed(&printed), squeezed(&step.printed), "{}{}", step.prompt, step.command);
        }
    }
    if std::env::var_os("REFGATE_BLESS").is_some() {
        std::fs::write(&file, told).expect("written");
    }
    world.record_holds();
}

fn steps(text: &str) -> Vec<Step<'_>> {
    let mut steps: Vec<Step<'_>> = Vec::new();
    let mut before = String::new();
    for line in text.lines() {
        let prompt = ACTORS.iter().find_map(|(prompt, name)| Some((*prompt, *name, line.strip_prefix(prompt)?)));
        if let Some((prompt, principal, command)) = prompt {
            // An empty line before a heading is not printed by the command above it.
            let gap = steps.last_mut().filter(|_| before.starts_with('#')).map_or(0, |last| last.take_gap());
            let before = "\n".repeat(gap) + &std::mem::take(&mut before);
            steps.push(Step { before, prompt, principal, command, printed: String::new() });
        } else if line.starts_with('#') || !before.is_empty() || steps.is_empty() {
            before += &format!("{line}\n");
        } else if let Some(last) = steps.last_mut() {
            last.printed += &format!("{line}\n");
        }
    }
    steps
}

impl Step<'_> {
    /// Takes the empty lines off the end of what was printed.
    fn take_gap(&mut self) -> usize {
        let kept = self.printed.trim_end_matches('\n').len();
        let kept = if kept == 0 { 0 } else { kept + 1 };
        let gap = self.printed.len() - kept;
        self.printed.truncate(kept);
        gap
    }
}

/// Columns are as wide as what is in them.
fn squeezed(text: &str) -> String {
    Regex::new(" {2,}").expect("a pattern").replace_all(text, "  ").into_owned()
}

/// Where one of them works: a directory, and an `ssh` that knows `gate`.
struct Desk {
    dir: PathBuf,
    principal: &'static str,
}

impl Desk {
    fn new(world: &World, principal: &'static str) -> Self {
        use std::os::unix::fs::PermissionsExt;
        let dir = world.path().join(format!("desk-{principal}"));
        let options = world.ssh_options(principal);
        let config = format!(
            "Host gate\n  HostName 127.0.0.1\n  Port {}\n  User refgate\n  IdentityFile {}\n  {}\n",
            world.port,
            world.path().join(principal).display(),
            options.iter().filter(|o| o.contains('=')).map(|o| o.replace('=', " ")).collect::<Vec<_>>().join("\n  ")
        );
        write(&dir.join("ssh_config"), &config);
        // OpenSSH does not look for its file below $HOME.
        let real = run(Command::new("sh").args(["-c", "command -v ssh"]));
        let ssh = dir.join("bin/ssh");
        write(&ssh, &format!("#!/bin/sh\nexec '{real}' -F '{}' \"$@\"\n", dir.join("ssh_config").display()));
        std::fs::set_permissions(&ssh, std::fs::Permissions::from_mode(0o755)).expect("chmod");
        let upstream = world.upstream.display();
        write(
            &dir.join("gitconfig"),
            &format!("[url \"{upstream}\"]\n  insteadOf = git@git.example.com:acme/app.git\n"),
        );
        write(&dir.join("cwd"), &format!("{}\n", dir.display()));
        Self { dir, principal }
    }

    /// All that a line prints in this one's shell, which stays in the directory it went to.
    fn run(&self, world: &World, line: &str) -> String {
        let cwd = self.dir.join("cwd");
        let script = format!("cd \"$(cat '{0}')\" || exit\n{line}\npwd > '{0}'\n", cwd.display());
        let git = world.git_command(&self.dir);
        let path = std::env::var("PATH").expect("a path");
        let name = self.principal;
        let mut shell = Command::new("sh");
        shell.arg("-c").arg(format!("exec 2>&1\n{script}")).env_clear().stdin(Stdio::null());
        shell.envs(git.get_envs().filter_map(|(key, value)| Some((key, value?))));
        shell.env("PATH", format!("{}:{path}", self.dir.join("bin").display()));
        shell.env("GIT_CONFIG_GLOBAL", self.dir.join("gitconfig"));
        for role in ["AUTHOR", "COMMITTER"] {
            shell.env(format!("GIT_{role}_NAME"), name).env(format!("GIT_{role}_EMAIL"), format!("{name}@example.com"));
        }
        text(&shell.output().expect("a shell").stdout)
    }
}

/// What stands in the file for what differs from run to run.
struct Placeholders {
    begun: Timestamp,
    pushes: Vec<String>,
    patterns: [Regex; 6],
}

/// The time of the story.
const THEN: &str = "2027-01-08T09:30:00Z";
/// Columns of the line for programs that are shown.
const JSON_COLUMNS: usize = 78;

impl Placeholders {
    fn new() -> Self {
        let pattern = |text: &str| Regex::new(text).expect("a pattern");
        let patterns = [
            pattern(r"\b01[0-9A-HJKMNP-TV-Z]{24}\b"),
            pattern(r"\b20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z"),
            pattern(r"\b(20\d\d-\d\d-\d\d) (\d\d:\d\d) UTC"),
            pattern(r"\b\d+ s( ago|  )"),
            pattern(r"[\d.]+ [KM]?i?B on disk"),
            pattern(r"(?m)[ \t]+$"),
        ];
        Self { begun: Timestamp::now(), pushes: Vec::new(), patterns }
    }

    fn id(number: usize) -> String {
        format!("01JD7Q2V8BFYDQ3M5TXK0NZ4E{}", number + 1)
    }

    /// A command with the ids of this run.
    fn real(&self, command: &str) -> String {
        self.pushes.iter().enumerate().fold(command.to_owned(), |text, (n, id)| text.replace(&Self::id(n), id))
    }

    /// The same day of the story.
    fn time(&self, time: &str) -> Timestamp {
        let time: Timestamp = time.parse().expect("a time");
        let days = (time.duration_since(self.begun).as_secs() + 43_200) / 86_400;
        THEN.parse::<Timestamp>().expect("a time") + SignedDuration::from_hours(24 * days)
    }

    fn put(&mut self, printed: &str) -> String {
        let [push, time, minute, ago, disk, end] = self.patterns.clone();
        for found in push.find_iter(printed) {
            if !self.pushes.iter().any(|known| known == found.as_str()) {
                self.pushes.push(found.as_str().to_owned());
            }
        }
        let number = |id: &str| self.pushes.iter().position(|known| known == id).unwrap_or_default();
        let text = push.replace_all(printed, |found: &Captures<'_>| Self::id(number(&found[0])));
        let text = time.replace_all(&text, |found: &Captures<'_>| self.time(&found[0]).to_string());
        let text = minute.replace_all(&text, |found: &Captures<'_>| {
            self.time(&format!("{}T{}:00Z", &found[1], &found[2])).strftime("%F %H:%M UTC").to_string()
        });
        let text = ago.replace_all(&text, "5 s$1");
        let text = disk.replace_all(&text, "412 B on disk");
        let text = end.replace_all(&text, "");
        text.lines().map(|line| Self::cut(line) + "\n").collect()
    }

    fn cut(line: &str) -> String {
        match line.starts_with("remote: refgate-json: ") {
            true => line.chars().take(JSON_COLUMNS).chain(['…']).collect(),
            false => line.to_owned(),
        }
    }
}
