//! Real upstreams and real git for tests: everything on loopback and in temporary directories.

#![allow(dead_code, unreachable_pub)]

pub mod hook;
pub mod http;
pub mod sshd;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// git with nobody's configuration and fixed names and dates.
pub fn git_command(dir: &Path) -> Command {
    let mut command = Command::new("git");
    command.current_dir(dir).env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
    for (key, value) in [
        ("HOME", "/nonexistent"),
        ("LC_ALL", "C"),
        ("GIT_CONFIG_NOSYSTEM", "1"),
        ("GIT_CONFIG_GLOBAL", "/dev/null"),
        ("GIT_TERMINAL_PROMPT", "0"),
        ("GIT_AUTHOR_NAME", "A"),
        ("GIT_AUTHOR_EMAIL", "a@example.com"),
        ("GIT_AUTHOR_DATE", "1700000000 +0000"),
        ("GIT_COMMITTER_NAME", "A"),
        ("GIT_COMMITTER_EMAIL", "a@example.com"),
        ("GIT_COMMITTER_DATE", "1700000000 +0000"),
    ] {
        command.env(key, value);
    }
    command
}

pub fn try_git(dir: &Path, args: &[&str], input: &str) -> Output {
    let mut command = git_command(dir);
    command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("git starts");
    child.stdin.take().expect("piped").write_all(input.as_bytes()).expect("git reads");
    child.wait_with_output().expect("git ends")
}

/// Runs git, which must succeed; what it prints, trimmed.
pub fn git_with(dir: &Path, args: &[&str], input: &str) -> String {
    let output = try_git(dir, args, input);
    assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8").trim().to_owned()
}

pub fn git(dir: &Path, args: &[&str]) -> String {
    git_with(dir, args, "")
}

/// Makes an empty bare repository.
pub fn init_bare(dir: PathBuf) -> PathBuf {
    std::fs::create_dir_all(&dir).expect("create");
    git(&dir, &["init", "-q", "--bare", "-b", "main", "."]);
    dir
}

/// Makes a commit of one file, reachable from no ref.
pub fn commit(repo: &Path, parent: Option<&str>, name: &str, content: &str) -> String {
    let blob = git_with(repo, &["hash-object", "-w", "--stdin"], content);
    let tree = git_with(repo, &["mktree"], &format!("100644 blob {blob}\t{name}\n"));
    let mut args = vec!["commit-tree", "-m", "message", &tree];
    args.extend(parent.iter().flat_map(|parent| ["-p", parent]));
    git(repo, &args)
}

/// A commit with a megabyte that does not compress.
pub fn large_commit(repo: &Path) -> String {
    let mut state = 1_u32;
    let mut noise = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        char::from(b'!' + u8::try_from((state >> 16) % 90).expect("small"))
    };
    let content: String = (0..1 << 20).map(|_| noise()).collect();
    commit(repo, None, "large", &content)
}

/// Installs a hook of one sh script.
pub fn hook(repo: &Path, name: &str, script: &str) {
    use std::os::unix::fs::PermissionsExt;
    let path = repo.join("hooks").join(name);
    std::fs::create_dir_all(repo.join("hooks")).expect("create");
    std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).expect("write");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("chmod");
}

/// The value of a ref; `None` if it is not there.
pub fn rev(repo: &Path, name: &str) -> Option<String> {
    let output = try_git(repo, &["rev-parse", "--verify", "-q", name], "");
    output.status.success().then(|| String::from_utf8(output.stdout).expect("hex").trim().to_owned())
}
