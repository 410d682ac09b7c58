//! Diffs of real commits, held to what git prints.

use super::*;
use crate::git::command::GitCommand;
use crate::git::scratch::Scratch;
use crate::git::{ObjectStore, Objects};
use crate::inspect::{Request, inspect};
use crate::model::{CommitFacts, Effect, Finding, Limits, Needs, ObjectId, Place, RefName, RefUpdate};
use std::fmt::Write as _;
use std::time::{Duration, Instant};

struct Repo {
    scratch: Scratch,
    stream: Vec<u8>,
    commits: usize,
}

impl Repo {
    fn new() -> Self {
        Self { scratch: Scratch::create().expect("a repository"), stream: Vec::new(), commits: 0 }
    }

    /// Adds a commit with these files (mode, path, content) and no others.
    fn commit(&mut self, parents: &[usize], files: &[(&str, &str, &[u8])]) -> usize {
        self.commits += 1;
        let mut head =
            format!("commit refs/c/{0}\nmark :{0}\ncommitter A <a@example.org> 1700000000 +0000\n", self.commits);
        head += "data 8\nsubject\n\n";
        for (at, parent) in parents.iter().enumerate() {
            let _ = writeln!(head, "{} :{parent}", if at == 0 { "from" } else { "merge" });
        }
        self.stream.extend_from_slice(head.as_bytes());
        self.stream.extend_from_slice(b"deleteall\n");
        for (mode, path, content) in files {
            match *mode {
                "160000" => {
                    let _ = std::io::Write::write_fmt(
                        &mut self.stream,
                        format_args!("M {mode} {} {path}\n", String::from_utf8_lossy(content)),
                    );
                }
                _ => {
                    self.stream
                        .extend_from_slice(format!("M {mode} inline {path}\ndata {}\n", content.len()).as_bytes());
                    self.stream.extend_from_slice(content);
                    self.stream.push(b'\n');
                }
            }
        }
        self.stream.push(b'\n');
        self.commits
    }

    fn git(&self, args: &[&str]) -> Vec<u8> {
        let mut command = GitCommand::git(args[0]).expect("git");
        command.git_dir(self.scratch.path()).args(&args[1..]);
        command.run(b"", Duration::from_secs(60), 1 << 30).expect("it works")
    }

    fn id(&mut self, commit: usize) -> ObjectId {
        if !self.stream.is_empty() {
            self.scratch.import(&std::mem::take(&mut self.stream)).expect("imported");
        }
        let hex = self.git(&["rev-parse", &format!("refs/c/{commit}")]);
        ObjectId::from_hex(hex.trim_ascii_end()).expect("an id")
    }

    fn objects(&self) -> Objects {
        let store = ObjectStore::open(&self.scratch.path().join("objects")).expect("objects");
        Objects::new(None, &store)
    }

    /// The facts of a commit that a push adds.
    fn facts(&mut self, old: Option<usize>, new: usize) -> CommitFacts {
        let (old, new) = (old.map(|old| self.id(old)), self.id(new));
        let name = RefName::parse(b"refs/heads/x").expect("a name");
        let update = [RefUpdate { name, old, new: Some(new) }];
        let request = Request { updates: &update, classes: &[0], upstream: &[], trusted: &[], needs: Needs::default() };
        let facts = inspect(&self.objects(), &request, &Limits::default(), &false.into()).expect("facts");
        let found = facts.commits.into_iter().find(|commit| commit.id == new || Some(commit.id) == old);
        found.expect("the commit")
    }

    fn diff(&mut self, old: Option<usize>, new: usize, marks: &Marks, bounds: &Bounds) -> CommitDiff {
        let facts = self.facts(old, new);
        diff_commit(&self.objects(), &facts, marks, bounds).expect("a diff")
    }

    fn text(&mut self, old: Option<usize>, new: usize, bounds: &Bounds) -> String {
        let diff = self.diff(old, new, &Marks::default(), bounds);
        shown(&diff)
    }
}

fn shown(diff: &CommitDiff) -> String {
    let mut out = Vec::new();
    write_commit(&mut out, diff, Color::Never).expect("written");
    String::from_utf8(out).expect("UTF-8")
}

/// From the first file on.
fn files(text: &str) -> &str {
    text.find("diff --git").map_or("", |at| &text[at..])
}

fn mark(id: ObjectId, path: &str, line: Option<u32>) -> Marks {
    let place = Place { commit: Some(id), path: Some(path.into()), line, ref_name: None };
    let (rule, message, fix) = ("r".to_owned(), String::new(), String::new());
    Marks::of(&[Finding { rule, effect: Effect::Hold, would: None, place, message, fix }], &id)
}

fn numbered(count: usize) -> Vec<u8> {
    (1..=count).map(|n| format!("line {n}\n")).collect::<String>().into_bytes()
}

#[test]
fn prints_what_git_prints() {
    let base = numbered(40);
    let mut edited = numbered(40);
    edited.splice(0..0, b"first\n".iter().copied());
    let text = String::from_utf8(edited).expect("UTF-8").replace("line 9\n", "nine\n").replace("line 17\n", "");
    let text = text.replace("line 18\n", "line 18\nmore\n").replace("line 40\n", "line 40");
    let submodule: (&[u8], &[u8]) = (&[b'1'; 40], &[b'2'; 40]);
    let mut repo = Repo::new();
    let one = repo.commit(
        &[],
        &[
            ("100644", "edited", &base),
            ("100644", "gone", b"a\nb"),
            ("100644", "mode", b"#!"),
            ("100644", "to-link", b"text\n"),
            ("120000", "link", b"target"),
            ("160000", "sub", submodule.0),
            ("100644", "empty", b""),
        ],
    );
    let two = repo.commit(
        &[one],
        &[
            ("100644", "edited", text.as_bytes()),
            ("100755", "mode", b"#!"),
            ("100755", "both", b"x\n"),
            ("100644", "new", b"\tnew\n\n"),
            ("120000", "to-link", b"/etc"),
            ("120000", "link", b"other"),
            ("160000", "sub", submodule.1),
            ("100644", "none", b""),
        ],
    );
    let ours = repo.text(Some(one), two, &Bounds::default());
    let id = repo.id(two).to_string();
    let args = ["diff-tree", "-p", "--no-commit-id", "--no-renames", "--abbrev=10", "-r", &id];
    let theirs = String::from_utf8(repo.git(&args)).expect("UTF-8");
    // git also names the function that a hunk is in.
    let bare = |line: &str| line.rfind(" @@ ").map_or(line.to_owned(), |at| line[..at + 3].to_owned());
    let theirs: String = theirs.lines().map(|line| bare(line) + "\n").collect();
    // git tells a change of type as a deletion and an addition.
    let (type_change, rest): (Vec<&str>, Vec<&str>) =
        split(&theirs).into_iter().partition(|file| file.starts_with("diff --git a/to-link"));
    assert_eq!(type_change.len(), 2);
    let ours = split(files(&ours));
    assert!(
        ours.iter()
            .any(|file| file.contains("old mode 100644\nnew mode 120000\n") && file.contains("\n-text\n+/etc\n"))
    );
    let ours: Vec<&str> = ours.into_iter().filter(|file| !file.starts_with("diff --git a/to-link")).collect();
    assert_eq!(ours, rest);
}

fn split(text: &str) -> Vec<&str> {
    let mut starts: Vec<usize> = text.match_indices("diff --git").map(|(at, _)| at).collect();
    starts.push(text.len());
    starts.windows(2).map(|pair| &text[pair[0]..pair[1]]).collect()
}

#[test]
fn a_merge_is_compared_with_the_first_parent_that_differs() {
    let mut repo = Repo::new();
    let base = repo.commit(&[], &[("100644", "a", b"base\n")]);
    let left = repo.commit(&[base], &[("100644", "a", b"left\n")]);
    let right = repo.commit(&[base], &[("100644", "a", b"right\n")]);
    let merge = repo.commit(&[left, right], &[("100644", "a", b"left\n"), ("100644", "evil", b"x\n")]);
    let text = repo.text(Some(left), merge, &Bounds::default());
    let short = |id: ObjectId| id.to_hex_with_len(10).to_string();
    let (left, right) = (short(repo.id(left)), short(repo.id(right)));
    assert!(text.contains(&format!("\nMerge: {left} {right}\n")), "{text}");
    assert!(
        text.contains(&format!("# compared with parent 2 ({right})\n--- a/a\n+++ b/a\n@@ -1 +1 @@\n-right\n+left\n"))
    );
    assert!(text.contains(&format!("# compared with parent 1 ({left})\n--- /dev/null\n+++ b/evil\n")), "{text}");
}

#[test]
fn what_a_rewind_takes_out_is_shown_reversed() {
    let mut repo = Repo::new();
    let one = repo.commit(&[], &[("100644", "a", b"old\n")]);
    let two = repo.commit(&[one], &[("100644", "a", b"new\n")]);
    let text = repo.text(Some(two), one, &Bounds::default());
    assert!(text.contains("# dropped by this push") && text.contains("-new\n+old\n"), "{text}");
}

#[test]
fn what_is_left_out_is_said() {
    let mut repo = Repo::new();
    let long = "x".repeat(20);
    let content = format!("{long}\n{}", "y\n".repeat(9));
    let one = repo.commit(
        &[],
        &[
            ("100644", "a", content.as_bytes()),
            ("100644", "b", &[b'z'; 201]),
            ("100644", "c", b"a\0b"),
            ("100644", "d", b"\n\n\n\n\n\n\n\n\n\n\n\n"),
        ],
    );
    let whole =
        Bounds { blob_bytes_max: 200, blob_lines_max: 10, line_bytes_max: 20, file_lines_max: 10, ..Bounds::default() };
    let text = repo.text(None, one, &whole);
    assert!(text.contains(&format!("@@ -0,0 +1,10 @@\n+{long}\n+y\n")) && !text.contains("of the diff"), "{text}");
    assert!(text.contains("# too large to show, 201 bytes\n") && text.contains("# binary file, 3 bytes\n"), "{text}");
    assert!(text.contains("# too many lines to compare, 12 bytes\n"), "{text}");
    let tight = Bounds { line_bytes_max: 19, file_lines_max: 9, files_max: 1, message_bytes_max: 3, ..whole };
    let text = repo.text(None, one, &tight);
    for part in
        ["# 1 more bytes of this line", "# 1 lines of the diff", "# 3 more changed files", "# 4 more bytes of the m"]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
    for none in [Bounds { commit_lines_max: 1, ..whole }, Bounds { time_max: Duration::ZERO, ..whole }] {
        assert!(repo.text(None, one, &none).contains("# not compared, as the files before took all"));
    }
}

#[test]
fn a_mark_is_shown_whatever_stands_before_it() {
    let mut repo = Repo::new();
    let big = numbered(1000);
    let one = repo.commit(&[], &[("100644", "a", &big), ("100644", "b", &big), ("100644", "z", &big)]);
    let id = repo.id(one);
    let bounds = Bounds { file_lines_max: 5, files_max: 1, ..Bounds::default() };
    let text = shown(&repo.diff(None, one, &mark(id, "z", Some(900)), &bounds));
    assert!(text.contains("b/z\n@@ -0,0 +1,5 @@\n+line 1\n"), "{text}");
    assert!(text.contains("# 884 lines of the diff are not shown\n@@ -0,0 +890,21 @@\n+line 890\n"), "{text}");
    assert!(text.contains("+line 910\n# 90 lines of the diff are not shown\n# 2 more changed files"), "{text}");
}

#[test]
fn hostile_content_costs_little() {
    let every_other = |word: &str| {
        (0..50_000).map(|n| if n % 2 == 0 { format!("{n}\n") } else { format!("{word}{n}\n") }).collect::<String>()
    };
    let shuffled = |factor: u64| (0..50_000u64).map(|n| format!("{}\n", n * factor % 100_003)).collect::<String>();
    let few = |seed: u64, count: u64| {
        let mut state = seed;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            state >> 40
        };
        (0..50_000).map(|_| format!("{}\n", next() % count)).collect::<String>()
    };
    let blank = "\n".repeat(50_000);
    let spaced = "\n\nx\n".repeat(16_000);
    let cases = [
        (every_other("a"), every_other("b")),
        (shuffled(7), shuffled(77_773)),
        (few(1, 2), few(2, 2)),
        (few(1, 10), few(2, 10)),
        (few(1, 50), few(2, 50)),
        (few(1, 500), few(2, 500)),
        (few(1, 5000), few(2, 5000)),
        (blank, spaced),
        ("z".repeat(2_000_000), "y".repeat(2_000_000)),
    ];
    for (number, (old, new)) in cases.iter().enumerate() {
        let start = Instant::now();
        let bounds = Bounds::default();
        let room = compare::Room { bounds: &bounds, lines: bounds.file_lines_max, marked: &[] };
        let Body::Hunks { hunks, .. } = compare::compare(old.as_bytes(), new.as_bytes(), &room) else {
            panic!("hunks")
        };
        let kept: usize = hunks.iter().map(|hunk| hunk.lines.len()).sum();
        assert!(kept <= 5000);
        let took = start.elapsed();
        assert!(took < Duration::from_secs(20), "case {number} took {took:?}");
    }
}

#[test]
fn a_fifty_megabyte_line_is_not_read() {
    let mut repo = Repo::new();
    let one = repo.commit(&[], &[("100644", "a", &vec![b'x'; 50_000_000])]);
    let facts = repo.facts(None, one);
    let start = Instant::now();
    let diff = diff_commit(&repo.objects(), &facts, &Marks::default(), &Bounds::default()).expect("a diff");
    assert!(start.elapsed() < Duration::from_secs(1));
    assert!(shown(&diff).contains("# too large to show, 50000000 bytes\n"));
}

#[test]
fn nothing_of_a_commit_is_obeyed_by_a_terminal() {
    let all: Vec<u8> = (1..=255).chain("\u{202e}\u{e0041}\u{9b}".bytes()).collect();
    let mut repo = Repo::new();
    let one = repo.commit(&[], &[("100644", "a", &all), ("120000", "b", &all)]);
    let mut diff = repo.diff(None, one, &Marks::default(), &Bounds::default());
    diff.header.author = all.clone().into();
    diff.header.committer = [&all[..], b"x"].concat().into();
    diff.header.message = Text::start_of(&all, 1000);
    diff.files[0].path = all.into();
    let text = shown(&diff);
    let is_harmless = |c: char| matches!(c, '\n' | '\t') || !(c.is_control() || crate::model::is_invisible(c));
    assert!(text.chars().all(is_harmless), "{text:?}");
    let mut colored = Vec::new();
    write_commit(&mut colored, &diff, Color::Always).expect("written");
    let colored = String::from_utf8(colored).expect("UTF-8");
    let bare =
        ["1", "31", "32", "33", "36", ""].iter().fold(colored, |text, code| text.replace(&format!("\x1b[{code}m"), ""));
    assert_eq!(bare, text);
}
