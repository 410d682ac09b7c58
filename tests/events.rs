//! `events` over a real store: nothing is lost over a restart or to a slow reader, and nobody sees too much.

use refgate::events::{Event, FeedError, Follow, Reader, Since, follow};
use refgate::model::{PrincipalName, RepoName};
use refgate::policy::Policy;
use refgate::record::{Holds, OutcomeEntry, RefOutcome, RefResult};
use refgate::store::Store;
use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

#[path = "events/support.rs"]
mod support;
use support::{decision, note, open, temporary};

fn everything(event: Event) -> Option<Event> {
    Some(event)
}

fn cursors(lines: &str) -> Vec<u64> {
    let cursor = |line: &str| serde_json::from_str::<serde_json::Value>(line).expect("JSON")["cursor"].as_u64();
    lines.lines().map(|line| cursor(line).expect("a number")).collect()
}

/// All that there is, at once.
fn read(store: &Store, since: Since, shows: &dyn Fn(Event) -> Option<Event>) -> Result<String, FeedError> {
    let mut output = Vec::new();
    follow(store, since, Follow::End, shows, &|| true, &mut output)?;
    Ok(String::from_utf8(output).expect("UTF-8"))
}

/// Hands each line over, and waits for room.
struct Lines(SyncSender<String>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let line = String::from_utf8(bytes.to_vec()).expect("a line at a time");
        self.0.send(line).map_err(|_| io::ErrorKind::BrokenPipe)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn next(lines: &Receiver<String>) -> u64 {
    cursors(&lines.recv_timeout(Duration::from_secs(30)).expect("a line"))[0]
}

#[test]
fn a_reader_goes_on_where_it_was_also_over_a_restart() {
    let data = temporary();
    let store = open(data.path());
    (0..5).for_each(|_| note(&store));
    assert_eq!(cursors(&read(&store, Since::Start, &everything).expect("read")), [1, 2, 3, 4, 5]);
    assert_eq!(read(&store, Since::Now, &everything).expect("read"), "");
    drop(store);
    let store = open(data.path());
    note(&store);
    assert_eq!(cursors(&read(&store, Since::Cursor(4), &everything).expect("read")), [5, 6]);
    assert_eq!(read(&store, Since::Cursor(6), &everything).expect("read"), "");
    let beyond = read(&store, Since::Cursor(7), &everything).expect_err("there is no 7");
    assert!(matches!(beyond, FeedError::Beyond { cursor: 7, newest: 6 }));
    assert!(beyond.to_string().len() <= 80, "{beyond}");
}

#[test]
fn a_batch_is_no_limit() {
    let data = temporary();
    let store = open(data.path());
    (0..600).for_each(|_| note(&store));
    let all: Vec<u64> = (1..=600).collect();
    assert_eq!(cursors(&read(&store, Since::Start, &everything).expect("read")), all);
}

#[test]
fn a_follower_hears_at_once_what_this_process_writes_and_soon_what_another_one_does() {
    let data = temporary();
    let [store, other] = [open(data.path()), open(data.path())];
    note(&store);
    let (sender, lines) = sync_channel(0);
    let is_running = AtomicBool::new(true);
    let go_on = || is_running.load(Ordering::SeqCst);
    std::thread::scope(|scope| {
        let (following, go_on) = (&store, &go_on);
        let follower =
            scope.spawn(move || follow(following, Since::Start, Follow::Wait, &everything, go_on, &mut Lines(sender)));
        assert_eq!(next(&lines), 1);
        note(&store);
        assert_eq!(next(&lines), 2);
        note(&other);
        assert_eq!(next(&lines), 3);
        is_running.store(false, Ordering::SeqCst);
        store.wake();
        follower.join().expect("it ends").expect("it was told to");
    });
}

#[test]
fn a_slow_reader_holds_up_nobody_and_misses_nothing() {
    let data = temporary();
    let store = open(data.path());
    let (sender, lines) = sync_channel(0);
    std::thread::scope(|scope| {
        let store = &store;
        let follower =
            scope.spawn(move || follow(store, Since::Start, Follow::Wait, &everything, &|| true, &mut Lines(sender)));
        // Nobody reads while all of this is written.
        (0..300).for_each(|_| note(store));
        for expected in 1..=300 {
            assert_eq!(next(&lines), expected);
        }
        // The client goes away: noticed with the next line.
        drop(lines);
        note(store);
        assert!(matches!(follower.join().expect("it ends"), Err(FeedError::Output(_))));
    });
}

#[test]
fn an_outcome_comes_with_the_values_that_were_decided() {
    let data = temporary();
    let store = open(data.path());
    let accepted = decision("claude-1", "refs/heads/agent/claude-1/x");
    store.decided(&accepted).expect("decided");
    let update = &accepted.updates[0];
    let one = RefOutcome {
        name: update.name.clone(),
        result: RefResult::Rejected,
        reason: "no".into(),
        holds: Holds::Unknown,
    };
    let outcome = OutcomeEntry {
        push: accepted.push,
        time: accepted.time,
        repo: accepted.repo.clone(),
        principal: accepted.principal.clone(),
        refs: vec![one],
    };
    store.settled(&outcome).expect("settled");
    let lines = read(&store, Since::Cursor(1), &everything).expect("read");
    let event: serde_json::Value = serde_json::from_str(&lines).expect("one line of JSON");
    assert_eq!(event["event"], "push.not-taken");
    assert_eq!((&event["refs"][0]["new"], &event["refs"][0]["result"]), (&"a".repeat(40).into(), &"rejected".into()));
    assert!(!lines.contains("\"no\""), "the upstream's words are not shown");
}

const POLICY: &str = r#"
[agent.claude-1]
[agent.claude-2]
[human.dana]
[[grant]]
to = ["claude-*", "dana"]
repo = "app"
refs = "refs/heads/agent/{principal}/**"
allow = ["create"]
write = "**"
read = ["refs/heads/agent/{principal}/**"]
"#;

#[test]
fn each_reader_gets_its_own_stream_from_one_record() {
    let data = temporary();
    let store = open(data.path());
    note(&store);
    for who in ["claude-1", "claude-2", "claude-1", "dana"] {
        store.decided(&decision(who, &format!("refs/heads/agent/{who}/x"))).expect("decided");
    }
    let policy = Policy::parse("policy.toml", POLICY).unwrap_or_else(|problems| panic!("{problems}"));
    let seen = |who: &str, may_approve: bool| {
        let name = PrincipalName::parse(who).expect("a name");
        let principal = policy.principal(&name).expect("it is there");
        let now = "2026-05-01T12:00:00Z".parse().expect("a time");
        let may_approve = |_: &RepoName| may_approve;
        let reader = Reader { principal, policy: &policy, now, may_approve: &may_approve };
        cursors(&read(&store, Since::Start, &|event| reader.shows(event)).expect("read"))
    };
    assert_eq!(seen("claude-1", true), [2, 4]);
    assert_eq!(seen("claude-2", false), [3]);
    assert_eq!(seen("dana", false), [1, 5]);
    assert_eq!(seen("dana", true), [1, 2, 3, 4, 5]);
}
