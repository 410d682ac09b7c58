//! The reviewer as a person sees it, in a terminal that a parser plays.

mod desk;
mod session;

use desk::{FakeDesk, Item, Spec, finding, item, waiting};
use refgate::model::{Change, CommitFacts, Finding};
use refgate::review::{Colors, Commit, Held, MayDecide};
use session::{Outcome, Step, play};
use std::time::{Duration, Instant};

const AUTHOR: &[u8] = b"Claude <claude@example.org>";

const OLD_MAIN: &[u8] =
    b"use std::env;\n\nfn main() {\n    let name = env::args().nth(1);\n    println!(\"{name:?}\");\n}\n";
const NEW_MAIN: &[u8] = b"use std::env;\n\n// Greets whoever is named.\nfn main() {\n    let name = env::args().nth(1).unwrap_or_default();\n    println!(\"hello {name}\");\n}\n";
const WORKFLOW: &[u8] = b"on: [push]\npermissions: write-all\njobs: {}\n";

fn usual(number: usize) -> Item {
    let before = Spec { author: AUTHOR, message: b"start\n", files: &[(b"src/main.rs", OLD_MAIN), (b"notes", b"x\n")] };
    let greet = Spec {
        author: AUTHOR,
        message: "greet\n\nSays hello to whoever is named — or nobody.\n".as_bytes(),
        files: &[(b"src/main.rs", NEW_MAIN), (b"notes", b"x\n")],
    };
    let workflow = Spec {
        author: AUTHOR,
        message: b"run it in CI\n",
        files: &[
            (b"src/main.rs", NEW_MAIN),
            (b".github/workflows/ci.yml", WORKFLOW),
            (b"x:run.sh", b"#!/bin/sh\nexec cargo run"),
            (b"logo.png", b"\x89PNG\0"),
        ],
    };
    item(number, &[before, greet, workflow], |commits| {
        let path: Option<&[u8]> = Some(b".github/workflows/ci.yml");
        vec![
            finding("ci-files", &commits[1], path, None, "a workflow decides what runs with the repository's secrets"),
            finding("ci-privilege.write", &commits[1], path, Some(2), "the token may write to everything"),
        ]
    })
}

fn desk() -> FakeDesk {
    let mut other = usual(2);
    other.held.waiting.verdict = MayDecide::OnlyLook;
    other.held.waiting.sponsor = None;
    other.held.waiting.refs = vec!["agent/claude-1/a-name-that-is-longer-than-the-room-for-it".into(), "x".into()];
    FakeDesk { items: vec![usual(1), other], ..FakeDesk::default() }
}

fn usual_play(desk: &mut FakeDesk, steps: Vec<Step<'_>>) -> Outcome {
    play(desk, (80, 24), Colors::Ansi, steps)
}

#[test]
fn a_push_is_read_and_approved() {
    let mut desk = desk();
    let outcome = usual_play(
        &mut desk,
        vec![
            Step::Look("queue-80x24"),
            Step::Type(b"?"),
            Step::Look("help-80x24"),
            Step::Type(b"?"),
            Step::Type(b"\r"),
            Step::Look("overview-80x24"),
            Step::Type(b" "),
            Step::Look("commit-1-80x24"),
            Step::Type(b"}"),
            Step::Look("commit-2-80x24"),
            Step::Type(b"]]"),
            Step::Look("commit-2-file-2-80x24"),
            Step::Type(b"a"),
            Step::Look("approve-80x24"),
            Step::Type(b"y"),
            Step::Look("approved-80x24"),
            Step::Type(b"q"),
        ],
    );
    assert_eq!(desk.log, ["approve 01JD7Q20000000000000000001"]);
    assert!(!outcome.end.screen().alternate_screen() && !outcome.end.screen().hide_cursor());
    assert!(!outcome.end.screen().bracketed_paste());
}

#[test]
fn larger_and_smaller_windows_work_and_a_resize_keeps_the_place() {
    let steps = vec![
        Step::Look("queue-120x40"),
        Step::Type(b"\r"),
        Step::Look("overview-120x40"),
        Step::Type(b"}}"),
        Step::Look("commit-2-120x40"),
        Step::Resize(40, 10),
        Step::Look("commit-2-40x10"),
        Step::Type(b"q"),
        Step::Look("overview-40x10"),
        Step::Type(b"q"),
        Step::Look("queue-40x10"),
        Step::Resize(80, 24),
        Step::Look("queue-80x24"),
    ];
    play(&mut desk(), (120, 40), Colors::Ansi, steps);
}

#[test]
fn a_push_is_rejected_with_a_reason_only() {
    let mut desk = desk();
    let steps: Vec<Step<'_>> = vec![
        Step::Type(b"\rr\r"),
        Step::Keep,
        Step::Type(b"rno\x1b[200~pe: \x1b]0;t\x07use the\ntemplate\x1b[201~"),
        Step::Look("reject-80x24"),
        Step::Type(b"\r"),
        Step::Keep,
    ];
    let kept = usual_play(&mut desk, steps).kept;
    assert!(kept[0].ends_with("not rejected: it takes a reason\n"), "{}", kept[0]);
    assert!(kept[1].ends_with("rejected\n"), "{}", kept[1]);
    assert_eq!(desk.log, ["reject 01JD7Q20000000000000000001: nope: ]0;tuse the template"]);
}

#[test]
fn nothing_is_decided_by_accident() {
    let tries: [(&[u8], &str); 8] = [
        (b"a", "Enter opens the push first"),
        (b"\ran", "not approved"),
        (b"\ra\r", "not approved"),
        (b"\ra\x1b[200~y\x1b[201~", "not approved"),
        (b"\x1b[200~\ray\x1b[201~", "Enter opens"),
        (b"\rrbad\x03", "not rejected"),
        (b"j\ra", "not yours to decide: it waits for 1 of owners"),
        (b"j\rr", "not yours to decide: it waits for 1 of owners"),
    ];
    for (keys, told) in tries {
        let mut desk = desk();
        let kept = usual_play(&mut desk, vec![Step::Type(keys), Step::Keep, Step::Type(b"\x1b"), Step::Keep]).kept;
        let last = kept[0].lines().last().unwrap_or_default();
        assert!(last.starts_with(told), "{}: {last}", keys.escape_ascii());
        assert!(desk.log.is_empty(), "{}", keys.escape_ascii());
    }
    let mut desk = desk();
    let kept = play(&mut desk, (29, 24), Colors::Ansi, vec![Step::Type(b"\ray"), Step::Keep]).kept;
    assert!(desk.log.is_empty() && !kept[0].contains("y/n"));
}

#[test]
fn what_is_typed_ahead_decides_no_other_push() {
    let mut desk = FakeDesk { items: vec![usual(1), usual(2)], ..FakeDesk::default() };
    usual_play(&mut desk, vec![Step::Type(b"\ray\ray")]);
    assert_eq!(desk.log, ["approve 01JD7Q20000000000000000001"]);
    usual_play(&mut desk, vec![Step::Type(b"\ray"), Step::Type(b"q")]);
    assert_eq!(desk.log.len(), 2);
}

#[test]
fn what_the_desk_cannot_do_is_told() {
    let mut desk = desk();
    desk.refusal = Some("the upstream moved: \x1b[31mfetch first");
    let kept = usual_play(&mut desk, vec![Step::Type(b"\ray"), Step::Keep]).kept;
    assert!(kept[0].ends_with("the upstream moved: \\x1b[31mfetch first\n"), "{}", kept[0]);
    assert!(kept[0].starts_with(" overview: app"), "{}", kept[0]);
}

#[test]
fn a_search_finds_what_is_shown() {
    let steps = vec![
        Step::Type(b"\r}/HELLO\r"),
        Step::Keep,
        Step::Type(b"/hello\r"),
        Step::Keep,
        Step::Type(b"n"),
        Step::Keep,
        Step::Type(b"qq/a-name-that\r"),
        Step::Keep,
    ];
    let kept = usual_play(&mut desk(), steps).kept;
    assert!(kept[0].ends_with("not found on this page\n"), "{}", kept[0]);
    let cursor = |screen: &str| screen.lines().find(|line| line.starts_with('>')).unwrap_or_default().to_owned();
    assert!(cursor(&kept[1]).contains("Says hello to whoever"), "{}", kept[1]);
    assert!(cursor(&kept[2]).contains("println!(\"hello"), "{}", kept[2]);
    assert!(kept[3].lines().nth(2).is_some_and(|line| line.starts_with('>')), "{}", kept[3]);
}

#[test]
fn enter_on_a_finding_opens_its_place() {
    let kept = usual_play(&mut desk(), vec![Step::Type(b"\r/may write\r\r"), Step::Keep]).kept;
    assert!(kept[0].starts_with(" commit 2 of 2"), "{}", kept[0]);
    let mut lines = kept[0].lines().skip_while(|line| !line.starts_with('>'));
    assert_eq!(lines.next(), Some(">H hold ci-privilege.write: the token may write to everything"));
    assert_eq!(lines.next(), Some(" H           2 +permissions: write-all"));
}

#[test]
fn colors_are_only_for_terminals_that_have_them() {
    let keys = || vec![Step::Type(b"\r}}"), Step::Keep];
    let colored = play(&mut desk(), (80, 24), Colors::Ansi, keys()).output;
    let plain = play(&mut desk(), (80, 24), Colors::of_terminal(b"dumb"), keys()).output;
    let has = |output: &[u8], code: &str| String::from_utf8_lossy(output).contains(code);
    assert!(has(&colored, ";32m") && has(&colored, ";1;33m"));
    for code in (30..38).chain(90..98) {
        assert!(!has(&plain, &format!(";{code}m")), "{code}");
    }
}

/// Everything a terminal obeys or a person overlooks.
fn hostile_bytes() -> Vec<u8> {
    let mut bytes: Vec<u8> = (1..=255).filter(|byte| *byte != b'\n').collect();
    for c in
        "\u{202e}\u{2066}\u{200b}\u{e0041}\u{9b}\u{85}\u{feff}日本e\u{301}\u{302}\u{303}\u{304}👩\u{200d}👩🇩🇪\u{1160}"
            .chars()
    {
        bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
    }
    bytes.extend_from_slice(b"\x1b[2J\x1b]0;owned\x07\x1bP+q\x1b\\\x9b31m\x1b[?1049l");
    bytes
}

/// The same, but for what is not UTF-8.
fn hostile_text() -> String {
    hostile_bytes().utf8_chunks().map(|chunk| chunk.valid()).collect()
}

fn hostile() -> FakeDesk {
    let bytes = hostile_bytes();
    let path: Vec<u8> = bytes.iter().copied().filter(|byte| *byte != b'/').collect();
    let author = [b"\x1b[31mA\xff\xe2\x80\xae <a@b>".as_slice()].concat();
    let lines = [bytes.as_slice(), b"\n\t", &bytes, b"\r\n", "日".repeat(100).as_bytes(), b"\n\xcc\x81x"].concat();
    let message = [b"\x1b[2Jsubject\x9b\n\n".as_slice(), &bytes, b"\n"].concat();
    let one = Spec { author: &author, message: &message, files: &[(&path, &lines), (b"l:link", b"\x1b[31m/etc")] };
    let mut hostile = item(1, &[one], |commits: &[CommitFacts]| -> Vec<Finding> {
        let text = hostile_text();
        vec![finding(&text, &commits[0], Some(&path), Some(1), &text), finding(&text, &commits[0], None, None, &text)]
    });
    let text = hostile_text();
    hostile.held.waiting.refs = vec![text.clone()];
    hostile.held.waiting.first_rule = text.clone();
    hostile.held.waiting.missing = text;
    FakeDesk { items: vec![hostile], refusal: Some("\x1b[31m\u{202e}"), ..FakeDesk::default() }
}

/// Only what `screen` writes itself: places, looks, clearing, and the modes it sets.
fn assert_harmless(output: &[u8]) {
    let text = std::str::from_utf8(output).expect("only UTF-8 goes out");
    let sequence = regex::Regex::new(r"^\x1b\[(\d{1,3};\d{1,3}H|0(;1)?(;7)?(;3[1-6]|;90)?m|2J|\?(1049|25|2004)[hl])")
        .expect("a pattern");
    let mut rest = text;
    while let Some(at) = rest.find(|c: char| c.is_control()) {
        rest = &rest[at..];
        let found = sequence.find(rest).unwrap_or_else(|| panic!("{:?}", &rest[..rest.len().min(20)]));
        rest = &rest[found.end()..];
    }
    for c in text.chars().filter(|c| *c != '\x1b') {
        assert!(!refgate::model::is_invisible(c), "{:x}", c as u32);
    }
}

#[test]
fn nothing_of_a_push_is_obeyed_by_the_terminal() {
    for size in [(80, 24), (120, 40), (40, 10), (7, 3), (2, 2), (1, 1), (0, 0), (60_000, 60_000)] {
        for colors in [Colors::Ansi, Colors::None] {
            let mut steps = vec![Step::Type(b"\r")];
            steps.extend(
                [b"}", b"l", b"l", b"h", b"G", b"g", b" ", b"j", b"n", b"?", b"?", b"a", b"y"]
                    .map(|key| Step::Type(key)),
            );
            steps.extend([
                Step::Type(b"rabc\xe6\x97\xa5\xe6\x97\xa5"),
                Step::Resize(33, 7),
                Step::Type(b"\r"),
                Step::Resize(1, 1),
            ]);
            steps.extend([Step::Resize(80, 2), Step::Type(b"q"), Step::Type(b"q")]);
            assert_harmless(&play(&mut hostile(), size, colors, steps).output);
        }
    }
}

#[test]
fn no_keys_and_no_window_bring_it_down() {
    let mut state = 7u64;
    let mut next = |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    let known: [&[u8]; 12] = [b"\r", b"\x1b[A", b"\x1b[6~", b" ", b"]", b"[", b"}", b"{", b"/e\r", b"n", b"l", b"G"];
    for _ in 0..20 {
        let keys: Vec<Vec<u8>> = (0..100)
            .map(|_| match next(3) {
                0 => (0..next(9)).map(|_| u8::try_from(next(256)).expect("a byte")).filter(|b| *b != 3).collect(),
                _ => known[usize::try_from(next(12)).expect("small")].to_vec(),
            })
            .collect();
        let mut steps = Vec::new();
        for keys in &keys {
            steps.push(Step::Type(keys));
            if next(5) == 0 {
                let mut side = || u16::try_from(next(60)).expect("small");
                steps.push(Step::Resize(side(), side()));
            }
        }
        let mut desk = hostile();
        desk.items.push(usual(2));
        assert_harmless(&play(&mut desk, (80, 24), Colors::Ansi, steps).output);
    }
}

#[test]
fn hostile_content_is_shown_as_escapes() {
    let keep = vec![Step::Type(b"\r}"), Step::Look("hostile-80x24"), Step::Type(b"G"), Step::Look("hostile-end-80x24")];
    play(&mut hostile(), (80, 24), Colors::Ansi, keep);
}

#[test]
fn a_thousand_pushes_and_any_keys_are_instant() {
    let held = |number| Held {
        waiting: waiting(number, MayDecide::Decide),
        updates: Vec::new(),
        findings: Vec::new(),
        more_findings: 0,
        commits: Vec::new(),
    };
    let items = (0..1000).map(|number| Item { held: held(number), facts: Vec::new(), objects: None }).collect();
    let mut desk = FakeDesk { items, ..FakeDesk::default() };
    let start = Instant::now();
    let all: Vec<u8> = (0..=255).collect();
    let mut steps = vec![Step::Type(b"G"), Step::Keep];
    steps.extend((0..100).map(|_| Step::Type(b"k")));
    steps.extend([Step::Type(b"/0003\r"), Step::Type(b"\r"), Step::Type(&all), Step::Type(b"\x1b")]);
    let kept = play(&mut desk, (80, 24), Colors::Ansi, steps).kept;
    assert!(kept[0].lines().any(|line| line.starts_with(">3h")));
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    assert!(desk.log.is_empty());
}

#[test]
fn a_huge_push_is_shown_in_part_and_says_so() {
    let long = vec![b'x'; 50_000_000];
    let spec = Spec { author: AUTHOR, message: b"big\n", files: &[(b"a", b"1\n"), (b"long", &long), (b"z", b"2\n")] };
    let mut big = item(1, &[spec], |commits| vec![finding("r", &commits[0], Some(b"z"), Some(1), "look here")]);
    let first = big.facts[0].changes[0].clone();
    let more = (0..100_000).map(|number| Change { path: format!("b/{number:06}").into(), ..first.clone() });
    big.facts[0].changes.splice(1..1, more);
    big.held.commits = big.facts.iter().map(Commit::from).collect();
    let mut desk = FakeDesk { items: vec![big], ..FakeDesk::default() };
    let start = Instant::now();
    let steps = vec![Step::Type(b"\r}"), Step::Keep, Step::Type(b"G"), Step::Keep];
    let kept = usual_play(&mut desk, steps).kept;
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
    assert!(kept[0].contains("H hold r: look here"), "{}", kept[0]);
    assert!(kept[1].contains("98003 more changed files are not shown"), "{}", kept[1]);
}
