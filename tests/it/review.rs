//! `review` as a person uses it: at a real terminal, over real ssh, of pushes that a real gate holds.

use crate::holds::{HOLD_RULES, held, state};
use crate::support::*;
use crate::terminal::Terminal;
use regex::Regex;

const WORKFLOW: &str =
    "on: [push]\npermissions: write-all\njobs:\n  build:\n    runs-on: ubuntu-latest\n    steps: []\n";

/// What a workflow may do is looked at too; and somebody answers for the agent.
fn world() -> World {
    let mut world = World::prepare();
    world.seed();
    let more = "[rule.ci-rights]\nkind = \"ci-privilege\"\nthen = \"hold\"\napprovers = [\"owners\"]\n";
    world.write_policy(&format!("{GRANTS}{HOLD_RULES}{more}"));
    let file = world.path().join("policy.toml");
    let policy = std::fs::read_to_string(&file).expect("a policy");
    write(&file, &policy.replace("[agent.claude-1]\n", "[agent.claude-1]\nsponsor = \"lee\"\n"));
    world.write_settings("");
    world.start();
    world
}

/// Two commits of which the second one is held; the push id and the tip.
fn usual(world: &World) -> (Client<'_>, String, String) {
    let client = world.clone_as("claude-1");
    client.commit(&[("src/main.rs", "// Says hello.\nfn main() {\n    println!(\"hello\");\n}\n")], "greet");
    let (push, tip) = held(&client, "login", WORKFLOW);
    (client, push, tip)
}

#[test]
fn a_push_is_read_and_approved_and_the_upstream_has_it() {
    let world = world();
    let (_client, push, tip) = usual(&world);
    let other = world.clone_as("claude-2");
    held(&other, "a-branch-whose-name-is-longer-than-the-room-for-it", "on: pull_request\n");
    let terminal = Terminal::open(&world, "dana", "review");
    terminal.look("queue");
    terminal.keys(&["Enter"]);
    terminal.look("overview");
    // The way a reader goes: from finding to finding, and to what else there is.
    terminal.keys(&["Tab", "Tab", "Tab"]);
    terminal.look("finding");
    terminal.keys(&["{"]);
    terminal.look("first-commit");
    terminal.keys(&["a"]);
    terminal.look("approve");
    terminal.keys(&["y"]);
    terminal.wait(&format!("approved: push {push} is in the upstream of app"));
    assert_eq!(world.upstream_refs()["refs/heads/agent/claude-1/login"], tip);
    terminal.look("approved");
    terminal.keys(&["q"]);
    terminal.look("left");
    world.record_holds();
}

#[test]
fn a_push_is_rejected_with_a_reason_that_its_pusher_hears() {
    let world = world();
    let (_client, push, tip) = usual(&world);
    let terminal = Terminal::open(&world, "dana", "review");
    terminal.wait("1 push is held");
    terminal.keys(&["Enter", "r"]);
    terminal.wait("reject, because:");
    terminal.text("use the shared workflow");
    terminal.keys(&["Enter"]);
    terminal.look("rejected");
    assert_eq!(state(&world, &push), "rejected");
    let status = world.verb("claude-1", &format!("status {push}"));
    assert!(status.contains("reason  use the shared workflow") && status.contains("by dana"), "{status}");
    assert!(!world.upstream_has(&tip));
}

#[test]
fn who_may_not_decide_sees_that() {
    let world = world();
    usual(&world);
    // Lee answers for the agent.
    let terminal = Terminal::open(&world, "lee", "review");
    terminal.wait("1 push is held");
    terminal.keys(&["Enter", "a"]);
    terminal.look("only-look");
}

#[test]
fn the_queue_follows_what_happens() {
    let world = world();
    let terminal = Terminal::open(&world, "dana", "review");
    terminal.wait("nothing is held");
    let (_client, push, _) = usual(&world);
    terminal.wait("1 push is held");
    world.verb("claude-1", &format!("withdraw {push}"));
    terminal.wait("nothing is held");
}

#[test]
fn a_window_of_another_size_is_filled_anew() {
    let world = world();
    usual(&world);
    let terminal = Terminal::open(&world, "dana", "review");
    terminal.wait("1 push is held");
    terminal.keys(&["Enter", "}", "}"]);
    terminal.wait("commit 2 of 2");
    terminal.resize(110, 30);
    terminal.look("commit-110x30");
    terminal.resize(40, 12);
    terminal.look("commit-40x12");
    terminal.resize(80, 24);
    terminal.keys(&["q", "q"]);
    terminal.look("queue-again");
}

/// Everything that a terminal obeys, or that a reader would not see.
const EVIL: &str = "\x1b[2J\x1b]0;title\x07\x1b]52;c;aGk=\x07\u{9b}31m\u{202e}txt.exe\u{2066}\u{200b}\r\x08";

#[test]
fn nothing_of_a_hostile_push_is_obeyed() {
    let rules = HOLD_RULES.replace("[\".github/**\"]\nthen ", "[\"**\"]\nthen ");
    let mut world = World::with_settings(&rules, "[limits]\nidle_time_max = \"5 min\"");
    let client = world.clone_as("claude-1");
    let long = format!("{}{EVIL}\n", "x".repeat(5_000_000));
    let author = format!("{}<a@example.com>", "Claude\u{202e}");
    client.git(&["config", "user.name", "unused"]);
    client.write("src/evil.rs", &format!("a\n{EVIL}\nb\n"));
    client.write("src/long.js", &long);
    let name = "src/new\nline\x1b[31m\u{202e}name";
    client.write(name, "n\n");
    client.git(&["add", "-A"]);
    let message = format!("subject {EVIL}\n\nbody {EVIL}\n");
    let mut commit = client.command(&client.dir);
    commit.env("GIT_AUTHOR_NAME", author).args(["commit", "-q", "--cleanup=verbatim", "-m", &message]);
    assert!(commit.status().expect("git").success());
    // Such a name does not get as far as people.
    client.push_head("evil").refused_by("name.control");
    client.git(&["rm", "-q", "--cached", name]);
    let mut amend = client.command(&client.dir);
    assert!(
        amend.args(["commit", "-q", "--amend", "--no-edit", "--cleanup=verbatim"]).status().expect("git").success()
    );
    let pushed = client.push_head("evil");
    assert_eq!(pushed.json()["outcome"], "held", "{}", pushed.stderr);
    let terminal = Terminal::open(&world, "dana", "review");
    terminal.wait("1 push is held");
    terminal.keys(&["Enter"]);
    terminal.look("hostile-overview");
    terminal.keys(&["}"]);
    terminal.look("hostile");
    terminal.keys(&["]", "]"]);
    terminal.look("hostile-file");
    terminal.keys(&["G", "l", "l", "h", "g", "/"]);
    terminal.text("evil");
    terminal.keys(&["Enter", "n", "n", "Escape"]);
    terminal.wait("overview");
    terminal.keys(&["q", "q"]);
    terminal.wait("ended 0");
    assert_harmless(&terminal.written());
    drop(terminal);
    assert!(world.terminate().success() && !world.log().contains("panicked"), "{}", world.log());
}

/// Between "before" and "ended" only what the reviewer itself writes, and no character that hides.
#[track_caller]
fn assert_harmless(written: &[u8]) {
    let text = std::str::from_utf8(written).expect("only UTF-8 goes out");
    let sequence = Regex::new(r"^(\r\n|\x1b\[(\d{1,3};\d{1,3}H|0(;1)?(;7)?(;3[1-6]|;90)?m|2J|\?(1049|25|2004)[hl]))");
    let sequence = sequence.expect("a pattern");
    let mut rest = text;
    while let Some(at) = rest.find(|c: char| c.is_control()) {
        rest = &rest[at..];
        let found = sequence.find(rest).unwrap_or_else(|| panic!("{:?}", rest.chars().take(20).collect::<String>()));
        rest = &rest[found.end()..];
    }
    assert!(text.chars().all(|c| c.is_control() || !refgate::model::is_invisible(c)));
}

#[test]
fn without_a_terminal_it_says_what_to_do_and_an_agent_is_refused() {
    let world = world();
    let said = world.refused_verb("dana", "review");
    assert!(said.contains("review needs a terminal: ssh -t "), "{said}");
    assert!(world.refused_verb("claude-1", "review").contains("only humans can do this"));
    let terminal = Terminal::open(&world, "claude-1", "review");
    terminal.look("agent");
}

#[test]
fn ctrl_c_leaves_and_a_connection_that_drops_harms_nothing() {
    let mut world = world();
    let (_, push, _) = usual(&world);
    let terminal = Terminal::open(&world, "dana", "review");
    terminal.wait("1 push is held");
    terminal.keys(&["Enter", "}", "C-c"]);
    terminal.wait("ended 0");
    assert!(!terminal.screen().contains("commit"), "the screen is given back");
    drop(terminal);
    for keys in [&["Enter"][..], &["Enter", "}", "a"], &["Enter", "r", "b"]] {
        let terminal = Terminal::open(&world, "dana", "review");
        terminal.wait("1 push is held");
        terminal.keys(keys);
        world.signal_pid("KILL", terminal.pid());
        assert_eq!(terminal.status(), "137");
    }
    assert_eq!(state(&world, &push), "waiting");
    assert!(!world.log().contains("panicked"), "{}", world.log());
    // Nothing waits for the people who are gone.
    assert!(world.terminate().success());
}

#[test]
fn a_gate_that_stops_gives_the_terminal_back() {
    let mut world = world();
    usual(&world);
    let pid = world.gate_pid();
    let terminal = Terminal::open(&world, "dana", "review");
    terminal.wait("1 push is held");
    world.signal_pid("TERM", pid);
    terminal.wait("ended");
    assert!(!terminal.screen().contains("is held"), "{}", terminal.screen());
    drop(terminal);
    assert!(world.terminate().success());
}
