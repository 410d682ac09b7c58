//! The trailers of a message are those git itself finds.

use refgate::policy::rules::message::trailers::trailers;
use std::fmt::Write as _;
use std::io::Write as _;
use std::process::{Command, Stdio};

const LINES: [&str; 12] = [
    "title",
    "",
    "",
    "Key: value",
    "Other-Key: a: b",
    " goes on",
    "Signed-off-by: A <a@b>",
    "words in a row",
    "(cherry picked from commit 1234)",
    "# a comment",
    "Key : value",
    "https://acme.dev",
];

/// Messages of up to 12 lines, the same in every run.
fn messages() -> Vec<String> {
    let mut state = 1_u64;
    let mut next = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).expect("31 bits") % below
    };
    (0..3000)
        .map(|_| {
            let lines = (0..next(12)).map(|_| format!("{}\n", LINES[next(LINES.len())])).collect::<String>();
            format!("title\n{lines}")
        })
        .collect()
}

fn git(dir: &std::path::Path, args: &[&str]) -> Command {
    let mut command = Command::new("git");
    command.current_dir(dir).args(args).env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", "/dev/null");
    command
}

#[test]
fn trailers_are_those_that_git_finds() {
    let dir = tempfile::tempdir().expect("a directory");
    assert!(git(dir.path(), &["init", "-q", "--bare"]).status().expect("git").success());
    let messages = messages();
    let mut stream = String::new();
    for (index, message) in messages.iter().enumerate() {
        let _ = write!(
            stream,
            "commit refs/heads/main\nmark :{}\ncommitter A <a@b> {} +0000\ndata {}\n{message}\n",
            index + 1,
            index + 1,
            message.len()
        );
    }
    let mut import = git(dir.path(), &["fast-import", "--quiet"]).stdin(Stdio::piped()).spawn().expect("git");
    import.stdin.take().expect("piped").write_all(stream.as_bytes()).expect("written");
    assert!(import.wait().expect("git").success());
    let format = "--format=%(trailers:only,unfold)%x00";
    let shown = git(dir.path(), &["log", "--reverse", format, "refs/heads/main"]).output().expect("git").stdout;
    let shown = String::from_utf8(shown).expect("UTF-8");
    let shown: Vec<&str> = shown.split_terminator("\0").collect();
    let mut found_any = 0;
    for (message, shown) in messages.iter().zip(&shown) {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_owned()).expect("UTF-8");
        let found: Vec<String> =
            trailers(message.as_bytes()).map(|t| format!("{}: {}", text(t.key), text(&t.value))).collect();
        let expected: Vec<&str> = shown.trim_matches('\n').lines().collect();
        assert_eq!(found, expected, "{message:?}");
        found_any += usize::from(!found.is_empty());
    }
    assert!(found_any > 300, "{found_any}");
}
