//! The store: what is acknowledged is there, whatever happens to the process.

use refgate::model::{Count, ObjectId, PrincipalKind, PrincipalName, Purpose, PushId, RefName, RepoName};
use refgate::record::{
    AbortEntry, Broken, ClientAgent, DecisionEntry, EventEntry, Hash, Holds, Mode, OutcomeEntry, Record, RefOutcome,
    RefResult, UpdateEntry, Verdict, Why, plain_leaf,
};
use refgate::store::{Filter, Store, StoreError, Unsettled};
use refgate::tlog::Peaks;
use rusqlite::Connection;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const NOW: &str = "2026-05-01T12:00:00Z";

fn decision(decision: Verdict) -> DecisionEntry {
    let id = ObjectId::from_hex("a".repeat(40).as_bytes()).expect("hex");
    let name = RefName::parse(b"refs/heads/agent/claude-1/x").expect("a ref");
    DecisionEntry {
        push: PushId::generate(),
        time: NOW.parse().expect("a time"),
        repo: RepoName::parse("app").expect("a name"),
        principal: PrincipalName::parse("claude-1").expect("a name"),
        principal_kind: PrincipalKind::Agent,
        key: "SHA256:x".to_owned(),
        peer: None,
        policy: "0".repeat(64),
        mode: Mode::Enforce,
        updates: vec![UpdateEntry { name, old: None, new: Some(id), kind: None }],
        commits: 1,
        pack_bytes: 100,
        objects: 3,
        decision,
        findings: Vec::new(),
        more_findings: 0,
        push_options: 0,
        client: ClientAgent::new(b"git/2.47.3"),
        purpose: Purpose::Push,
        hold_until: None,
        same_as: None,
        held_bytes: None,
        push_cert: None,
    }
}

fn unsettled(of: &DecisionEntry) -> Unsettled {
    let of = of.clone();
    let (push, repo, principal, time, updates) = (of.push, of.repo, of.principal, of.time, of.updates);
    Unsettled { push, repo, principal, time, updates, is_release: false }
}

fn outcome(decision: &DecisionEntry) -> OutcomeEntry {
    let refs = decision.updates.iter().map(|update| RefOutcome {
        name: update.name.clone(),
        result: RefResult::Forwarded,
        reason: Vec::new().into(),
        holds: update.new.map_or(Holds::Nothing, Holds::Object),
    });
    OutcomeEntry {
        push: decision.push,
        time: decision.time,
        repo: decision.repo.clone(),
        principal: decision.principal.clone(),
        refs: refs.collect(),
    }
}

fn abort(of: &DecisionEntry) -> AbortEntry {
    AbortEntry {
        push: PushId::generate(),
        time: of.time,
        repo: of.repo.clone(),
        principal: of.principal.clone(),
        principal_kind: of.principal_kind,
        key: of.key.clone(),
        peer: None,
        updates: Vec::new(),
        pack_bytes: 7,
        cause: "bad-pack".to_owned(),
        message: "m".to_owned(),
        client: ClientAgent::default(),
    }
}

fn temporary() -> tempfile::TempDir {
    tempfile::tempdir().expect("a directory")
}

fn open(data: &Path) -> Store {
    Store::open(data).expect("the store opens")
}

/// The database as somebody with an SQLite shell sees it, with the guards taken off.
fn tamper(data: &Path, sql: &str) {
    let connection = Connection::open(Store::path(data)).expect("it opens");
    let guards = "DROP TRIGGER record_no_update; DROP TRIGGER record_no_delete;
                  DROP TRIGGER leaf_no_update; DROP TRIGGER leaf_no_delete;";
    connection.execute_batch(guards).expect("they were there");
    connection.execute_batch(sql).expect(sql);
}

#[test]
fn an_accepted_push_waits_for_one_outcome() {
    let data = temporary();
    let store = open(data.path());
    let accepted = decision(Verdict::Accept);
    assert_eq!(store.decided(&accepted).expect("decided"), 1);
    assert!(matches!(store.decided(&accepted), Err(StoreError::Decided(push)) if push == accepted.push));
    assert_eq!(store.settled(&outcome(&accepted)).expect("settled"), 2);
    assert!(matches!(store.settled(&outcome(&accepted)), Err(StoreError::NotWaiting(push)) if push == accepted.push));
    for verdict in [Verdict::Hold, Verdict::Refuse] {
        let refused = decision(verdict);
        store.decided(&refused).expect("decided");
        assert!(matches!(store.settled(&outcome(&refused)), Err(StoreError::NotWaiting(_))));
    }
    let head = store.verify(None).expect("it can be read").expect("the chain holds");
    assert_eq!((head.seq, store.head().expect("a head")), (4, head));
    let lines: Vec<_> = store.find(accepted.push).expect("found").into_iter().map(|stored| stored.record).collect();
    assert_eq!(lines, [Record::Decision(accepted.clone()), Record::Outcome(outcome(&accepted))]);
}

#[test]
fn a_push_is_settled_by_another_only_when_its_process_is_gone() {
    let data = temporary();
    let [first, second] = [open(data.path()), open(data.path())];
    let accepted = decision(Verdict::Accept);
    first.decided(&accepted).expect("decided");
    assert_eq!(first.unsettled().expect("read"), []);
    assert_eq!(second.unsettled().expect("read"), []);
    drop(first);
    assert_eq!(second.unsettled().expect("read"), [unsettled(&accepted)]);
    second.settled(&outcome(&accepted)).expect("settled");
    assert_eq!(second.unsettled().expect("read"), []);
}

#[test]
fn usage_counts_the_last_minute_hour_and_day_of_one_principal_in_one_repository() {
    let data = temporary();
    let store = open(data.path());
    let now: jiff::Timestamp = NOW.parse().expect("a time");
    let at = |seconds: i64| now - jiff::SignedDuration::from_secs(seconds);
    let base = decision(Verdict::Refuse);
    for age in [-5, 0, 59, 60, 3599, 3600, 86_399, 86_400] {
        let entry = DecisionEntry { time: at(age), push: PushId::generate(), ..base.clone() };
        store.decided(&entry).expect("decided");
    }
    store.aborted(&abort(&base)).expect("aborted");
    let other = PrincipalName::parse("claude-2").expect("a name");
    store.decided(&DecisionEntry { principal: other.clone(), ..decision(Verdict::Refuse) }).expect("decided");
    let repo = RepoName::parse("lib").expect("a name");
    store.decided(&DecisionEntry { repo, ..decision(Verdict::Refuse) }).expect("decided");
    let usage = store.usage(&base.principal, &base.repo, now).expect("usage");
    assert_eq!(usage.minute, Count { pushes: 4, bytes: 307 });
    assert_eq!(usage.hour, Count { pushes: 6, bytes: 507 });
    assert_eq!(usage.day, Count { pushes: 8, bytes: 707 });
    assert_eq!(store.usage(&other, &base.repo, now).expect("usage").day, Count { pushes: 1, bytes: 100 });
}

#[test]
fn lists_what_the_filter_lets_through_newest_first() {
    let data = temporary();
    let store = open(data.path());
    let (accepted, refused) = (decision(Verdict::Accept), decision(Verdict::Refuse));
    store.note(&EventEntry::new("start", accepted.time)).expect("noted");
    store.decided(&accepted).expect("decided");
    store.settled(&outcome(&accepted)).expect("settled");
    store.decided(&refused).expect("decided");
    let list =
        |filter: Filter| -> Vec<u64> { store.list(&filter).expect("a list").iter().map(|stored| stored.seq).collect() };
    let later = accepted.time + jiff::SignedDuration::from_secs(1);
    let other = RepoName::parse("lib").expect("a name");
    let table: [(Filter, &[u64]); 8] = [
        (Filter::default(), &[4, 3, 2, 1]),
        (Filter { limit: Some(2), ..Filter::default() }, &[4, 3]),
        (Filter { pushes_only: true, ..Filter::default() }, &[4, 2]),
        (Filter { decision: Some(Verdict::Accept), ..Filter::default() }, &[2]),
        (Filter { repo: Some(accepted.repo.clone()), ..Filter::default() }, &[4, 3, 2]),
        (Filter { repo: Some(other), ..Filter::default() }, &[]),
        (Filter { principal: Some(accepted.principal.clone()), ..Filter::default() }, &[4, 3, 2]),
        (Filter { since: Some(later), ..Filter::default() }, &[]),
    ];
    for (filter, expected) in table {
        assert_eq!(list(filter.clone()), expected, "{filter:?}");
    }
}

#[test]
fn the_file_is_for_its_owner_only() {
    let data = temporary();
    let store = open(data.path());
    store.decided(&decision(Verdict::Accept)).expect("decided");
    let path = Store::path(data.path());
    let mode = |path: &Path| std::fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
    assert_eq!(mode(path.parent().expect("a directory")), 0o700);
    for suffix in ["", "-wal", "-shm"] {
        assert_eq!(mode(Path::new(&format!("{}{suffix}", path.display()))), 0o600, "{suffix}");
    }
}

#[test]
fn a_change_behind_the_stores_back_is_seen() {
    let broken = |seq, why| Some(Broken { seq, why });
    let table: [(&str, Option<Broken>); 10] = [
        ("", None),
        ("UPDATE record SET line = replace(line, '\"accept\"', '\"refuse\"') WHERE seq = 1", broken(1, Why::Hash)),
        ("UPDATE record SET hash = zeroblob(32) WHERE seq = 3", broken(3, Why::Hash)),
        ("UPDATE record SET hash = x'00' WHERE seq = 3", broken(3, Why::Hash)),
        ("UPDATE record SET repo = 'lib' WHERE seq = 2", broken(2, Why::Columns)),
        ("UPDATE record SET decision = NULL WHERE seq = 1", broken(1, Why::Columns)),
        ("PRAGMA foreign_keys = 0; DELETE FROM record WHERE seq = 2", broken(2, Why::Sequence)),
        ("PRAGMA foreign_keys = 0; DELETE FROM record WHERE seq = 4", broken(3, Why::Head)),
        (
            "PRAGMA foreign_keys = 0; UPDATE record SET seq = 9 WHERE seq = 2;
             UPDATE record SET seq = 2 WHERE seq = 3; UPDATE record SET seq = 3 WHERE seq = 9",
            broken(2, Why::Hash),
        ),
        ("DELETE FROM head", broken(0, Why::Head)),
    ];
    for (sql, expected) in table {
        let data = temporary();
        let store = open(data.path());
        for _ in 0..2 {
            let accepted = decision(Verdict::Accept);
            store.decided(&accepted).expect("decided");
            store.settled(&outcome(&accepted)).expect("settled");
        }
        drop(store);
        tamper(data.path(), sql);
        let store = Store::open_read_only(data.path()).expect("it opens");
        assert_eq!(store.verify(None).expect("it can be read").err(), expected, "{sql}");
    }
}

#[test]
fn a_cut_with_the_head_moved_back_is_seen_by_who_kept_a_head() {
    let data = temporary();
    let store = open(data.path());
    store.decided(&decision(Verdict::Refuse)).expect("decided");
    let first = store.head().expect("a head");
    store.decided(&decision(Verdict::Refuse)).expect("decided");
    let second = store.head().expect("a head");
    for remembered in [first, second] {
        assert_eq!(store.verify(Some(remembered.hash)).expect("it can be read"), Ok(second));
    }
    drop(store);
    let sql = "DELETE FROM record WHERE seq = 2; DELETE FROM leaf WHERE seq = 2;
               UPDATE head SET seq = 1, hash = (SELECT hash FROM record), size = 1, peaks = (SELECT hash FROM record)";
    tamper(data.path(), sql);
    let store = open(data.path());
    assert_eq!(store.verify(None).expect("it can be read"), Ok(first));
    let broken = Broken { seq: 1, why: Why::Remembered };
    assert_eq!(store.verify(Some(second.hash)).expect("it can be read"), Err(broken));
    let foreign = Hash::parse(&"1".repeat(64));
    assert_eq!(store.verify(foreign).expect("it can be read"), Err(broken));
}

#[test]
fn nothing_is_appended_to_a_chain_that_lost_its_head() {
    let data = temporary();
    open(data.path()).decided(&decision(Verdict::Refuse)).expect("decided");
    tamper(data.path(), "DELETE FROM record");
    let error = open(data.path()).decided(&decision(Verdict::Refuse)).expect_err("it is broken");
    assert!(matches!(error, StoreError::Broken(Broken { why: Why::Head, .. })), "{error}");
}

#[test]
fn records_cannot_be_changed_by_accident() {
    let data = temporary();
    open(data.path()).decided(&decision(Verdict::Refuse)).expect("decided");
    let connection = Connection::open(Store::path(data.path())).expect("it opens");
    assert!(connection.execute("UPDATE record SET repo = 'x'", []).is_err());
    assert!(connection.execute("DELETE FROM record", []).is_err());
}

#[test]
fn a_file_of_a_newer_or_another_program_is_not_touched() {
    let data = temporary();
    drop(open(data.path()));
    let path = Store::path(data.path());
    let pragma = |sql: &str| Connection::open(&path).and_then(|c| c.execute_batch(sql)).expect(sql);
    pragma("PRAGMA user_version = 1000");
    let newer = |error: &StoreError| matches!(error, StoreError::Newer { found: 1000, .. });
    assert!(Store::open(data.path()).is_err_and(|error| newer(&error)));
    assert!(Store::open_read_only(data.path()).is_err_and(|error| newer(&error)));
    pragma("PRAGMA user_version = 1; PRAGMA application_id = 5");
    assert!(matches!(Store::open(data.path()).err(), Some(StoreError::Foreign(_))));

    let text = temporary();
    std::fs::create_dir(text.path().join("store")).expect("a directory");
    std::fs::write(Store::path(text.path()), "not a database, and longer than any header of one".repeat(9))
        .expect("text");
    assert!(matches!(Store::open(text.path()).err(), Some(StoreError::Sqlite(_))));

    let empty = temporary();
    assert!(matches!(Store::open_read_only(empty.path()).err(), Some(StoreError::Open { .. })));
    assert!(!Store::path(empty.path()).exists());
    std::fs::write(empty.path().join("store"), "").expect("a file in the way");
    assert!(matches!(Store::open(empty.path()).err(), Some(StoreError::Open { .. })));
}

#[test]
fn a_store_opened_for_reading_is_not_written() {
    let data = temporary();
    drop(open(data.path()));
    let store = Store::open_read_only(data.path()).expect("it opens");
    assert!(matches!(store.decided(&decision(Verdict::Refuse)), Err(StoreError::ReadOnly)));
}

#[test]
fn many_writers_share_a_transaction() {
    let data = temporary();
    let store = open(data.path());
    // The first write is held up by a lock on the file, so that the others come to wait behind it.
    let holder = Connection::open(Store::path(data.path())).expect("it opens");
    holder.execute_batch("BEGIN IMMEDIATE").expect("the lock");
    let threads: Vec<_> = (0..32)
        .map(|_| {
            let store = store.clone();
            std::thread::spawn(move || store.decided(&decision(Verdict::Accept)).expect("decided"))
        })
        .collect();
    std::thread::sleep(Duration::from_millis(300));
    holder.execute_batch("COMMIT").expect("the lock is let go");
    let mut numbers: Vec<u64> = threads.into_iter().map(|thread| thread.join().expect("it ends")).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=32).collect::<Vec<u64>>());
    let transactions = committed(&data);
    assert!(transactions <= 8, "32 records at once in {transactions} transactions, the schema's included");
    assert!(store.verify(None).expect("it can be read").is_ok());
}

/// Transactions in the write-ahead log: frames whose header tells the size of the file after a commit.
fn committed(data: &tempfile::TempDir) -> usize {
    let log = std::fs::read(format!("{}-wal", Store::path(data.path()).display())).expect("a log");
    log[32..].chunks_exact(24 + 4096).filter(|frame| frame[4..8] != [0; 4]).count()
}

#[test]
fn one_refused_write_does_not_spoil_the_others_of_its_transaction() {
    let data = temporary();
    let store = open(data.path());
    let threads: Vec<_> = (0..16)
        .map(|index| {
            let store = store.clone();
            std::thread::spawn(move || match index % 2 {
                0 => store
                    .settled(&outcome(&decision(Verdict::Accept)))
                    .is_err_and(|e| matches!(e, StoreError::NotWaiting(_))),
                _ => store.decided(&decision(Verdict::Refuse)).is_ok(),
            })
        })
        .collect();
    assert!(threads.into_iter().all(|thread| thread.join().expect("it ends")));
    assert_eq!(store.verify(None).expect("it can be read").map(|head| head.seq), Ok(8));
}

// `refgate log` over a store.

fn log(data: &Path, arguments: &[&str]) -> (i32, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_refgate"));
    let output = command.args(["log", "--data"]).arg(data).args(arguments).output().expect("it runs");
    let text = [output.stdout, output.stderr].concat();
    (output.status.code().expect("a code"), String::from_utf8(text).expect("UTF-8"))
}

#[test]
fn log_shows_a_line_a_push_and_the_kept_lines() {
    let data = temporary();
    let store = open(data.path());
    let fixed = |id: &str, entry: DecisionEntry| DecisionEntry { push: PushId::parse(id).expect("an id"), ..entry };
    let accepted = fixed("01JD7Q2ZZZZZZZZZZZZZZZZZZ1", decision(Verdict::Accept));
    let mut refused = fixed("01JD7Q2ZZZZZZZZZZZZZZZZZZ2", decision(Verdict::Refuse));
    refused.updates[0].name = RefName::parse("refs/heads/evil\u{202e}".as_bytes()).expect("a ref");
    let under_way = fixed("01JD7Q2ZZZZZZZZZZZZZZZZZZ3", decision(Verdict::Accept));
    let gone = AbortEntry { push: PushId::parse("01JD7Q2ZZZZZZZZZZZZZZZZZZ4").expect("an id"), ..abort(&accepted) };
    store.note(&EventEntry::new("start", accepted.time)).expect("noted");
    store.decided(&accepted).expect("decided");
    store.settled(&outcome(&accepted)).expect("settled");
    store.decided(&refused).expect("decided");
    store.decided(&under_way).expect("decided");
    store.aborted(&gone).expect("aborted");
    assert_eq!(
        log(data.path(), &[]),
        (
            0,
            "TIME (UTC)           PUSH                        REPO  WHO       DECISION  OUTCOME    WHAT\n\
             2026-05-01 12:00:00  01JD7Q2ZZZZZZZZZZZZZZZZZZ4  app   claude-1  none      -          bad-pack\n\
             2026-05-01 12:00:00  01JD7Q2ZZZZZZZZZZZZZZZZZZ3  app   claude-1  accept    under way  agent/claude-1/x\n\
             2026-05-01 12:00:00  01JD7Q2ZZZZZZZZZZZZZZZZZZ2  app   claude-1  refuse    -          evil\\u{202e}\n\
             2026-05-01 12:00:00  01JD7Q2ZZZZZZZZZZZZZZZZZZ1  app   claude-1  accept    forwarded  agent/claude-1/x\n"
                .to_owned()
        )
    );
    let (code, json) = log(data.path(), &["--json"]);
    let words: Vec<_> = json.lines().map(|line| Record::from_line(line).expect("a record").kind()).collect();
    assert_eq!((code, words), (0, vec!["event", "decision", "outcome", "decision", "decision", "abort"]));
    // The lines alone give the head again.
    let mut tree = Peaks::default();
    for (line, seq) in json.lines().zip(1..) {
        let leaf = plain_leaf(&Record::from_line(line).expect("a record"), seq, line).expect("a leaf");
        tree.push(refgate::tlog::Hash::of_leaf(leaf.as_bytes())).expect("room");
    }
    assert_eq!(Hash::from(tree.root()), store.head().expect("a head").hash);

    assert_eq!(log(data.path(), &["--limit", "1"]).1.lines().count(), 2);
    assert_eq!(log(data.path(), &["--decision", "refuse"]).1.lines().count(), 2);
    assert_eq!(log(data.path(), &["--repo", "lib"]).1.lines().count(), 1);
    assert_eq!(log(data.path(), &["--json", "--push", &accepted.push.to_string()]).1.lines().count(), 2);
    assert!(
        log(data.path(), &["--push", &accepted.push.to_string()]).1.contains("  forwarded refs/heads/agent/claude-1/x")
    );
    assert_eq!(log(data.path(), &["--push", &PushId::generate().to_string()]).0, 1);
    for wrong in [["--push", "x"], ["--decision", "maybe"], ["--since", "never"], ["--repo", "../x"]] {
        assert_eq!(log(data.path(), &wrong).0, 2, "{wrong:?}");
    }
    assert_eq!(log(temporary().path(), &[]).0, 2);
}

#[test]
fn log_verify_answers_with_its_exit_code() {
    let data = temporary();
    let store = open(data.path());
    store.decided(&decision(Verdict::Refuse)).expect("decided");
    let head = store.head().expect("a head").hash.to_string();
    store.decided(&decision(Verdict::Refuse)).expect("decided");
    let newest = store.head().expect("a head").hash;
    assert_eq!(log(data.path(), &["--verify"]), (0, format!("the chain holds: 2 records\nhead {newest}\n")));
    let json = format!("{{\"ok\":true,\"seq\":2,\"head\":\"{newest}\"}}\n");
    assert_eq!(log(data.path(), &["--verify", "--json", "--head", &head]), (0, json));
    assert_eq!(log(data.path(), &["--verify", "--head", &"0a".repeat(32)]).0, 1);
    assert_eq!(log(data.path(), &["--verify", "--head", "x"]).0, 2);
    drop(store);
    tamper(data.path(), "UPDATE record SET line = replace(line, 'refuse', 'accept') WHERE seq = 2");
    let broken = "the chain is broken at record 2: its hash does not follow from its line and the record before\n";
    assert_eq!(log(data.path(), &["--verify"]), (1, broken.to_owned()));
    assert_eq!(log(temporary().path(), &["--verify"]).0, 2);
}

// The tests below run this test program again as a child that they can kill or starve.

const CHILD: &str = "REFGATE_STORE_TEST_CHILD";

/// Not a test by itself: what a child does. Prints a push id for each acknowledged record.
#[test]
fn child() {
    let Some(data) = std::env::var_os(CHILD) else { return };
    let store = open(Path::new(&data));
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let store = store.clone();
            std::thread::spawn(move || {
                loop {
                    let accepted = decision(Verdict::Accept);
                    if store.decided(&accepted).is_err() {
                        return;
                    }
                    println!("\ndecided {}", accepted.push);
                    if store.settled(&outcome(&accepted)).is_err() {
                        return;
                    }
                    println!("\nsettled {}", accepted.push);
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().expect("it ends"));
    println!("\nfailed");
}

fn spawn_child(data: &Path, prefix: &str) -> Child {
    let program = std::env::current_exe().expect("this program");
    let mut command = Command::new("sh");
    command.args(["-c", &format!("{prefix} exec \"$0\" --exact child --nocapture")]).arg(program);
    command.env(CHILD, data).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("a child")
}

/// Checks that all acknowledged records are there, and returns what was decided and is not settled.
fn check_acknowledged(store: &Store, output: &str) {
    // A line that was cut off by the kill is no acknowledgement.
    let complete = output.rsplit_once('\n').map_or("", |(complete, _)| complete);
    let mut acknowledged = 0;
    for line in complete.lines() {
        let (word, count) = match line.split_once(' ') {
            Some(("decided", push)) => (push, 1),
            Some(("settled", push)) => (push, 2),
            _ => continue,
        };
        let Ok(push) = PushId::parse(word) else { continue };
        let found = store.find(push).expect("it can be read");
        assert!(found.len() >= count, "{line} is not there");
        acknowledged += 1;
    }
    assert!(acknowledged > 0, "the child wrote something");
    store.verify(None).expect("it can be read").expect("the chain holds");
}

#[test]
fn what_was_acknowledged_is_there_after_kill_9() {
    let data = temporary();
    for round in 0_u64..8 {
        let mut children = [spawn_child(data.path(), ""), spawn_child(data.path(), "")];
        let outputs = children.each_mut().map(|child| {
            let mut output = BufReader::new(child.stdout.take().expect("a pipe"));
            let mut first = String::new();
            while !first.contains("settled") {
                assert!(output.read_line(&mut first).expect("a line") > 0, "the child ended: {first}");
            }
            (output, first)
        });
        std::thread::sleep(Duration::from_millis(10 + round * 37 % 90));
        for child in &mut children {
            child.kill().expect("SIGKILL");
            child.wait().expect("it is gone");
        }
        let store = open(data.path());
        for (mut rest, mut output) in outputs {
            rest.read_to_string(&mut output).expect("the rest");
            check_acknowledged(&store, &output);
        }
        // The dead are known as such, and can be settled.
        for entry in store.unsettled().expect("it can be read") {
            store.settled(&outcome(&DecisionEntry { push: entry.push, ..decision(Verdict::Accept) })).expect("settled");
        }
        assert_eq!(store.unsettled().expect("it can be read"), []);
    }
    let accepted = Filter { decision: Some(Verdict::Accept), ..Filter::default() };
    for stored in Store::open_read_only(data.path()).and_then(|store| store.list(&accepted)).expect("a list") {
        assert!(stored.record.push().is_some());
    }
}

#[test]
fn a_full_disk_is_an_error_and_loses_nothing() {
    let data = temporary();
    // Half a MiB for any file; writes beyond it fail instead of killing the process.
    let mut child = spawn_child(data.path(), "trap '' XFSZ; ulimit -f 1024;");
    let mut output = String::new();
    let started = Instant::now();
    child.stdout.take().expect("a pipe").read_to_string(&mut output).expect("its output");
    child.wait().expect("it ends");
    assert!(output.contains("\nfailed\n"), "the error was told after {:?}", started.elapsed());
    let store = open(data.path());
    check_acknowledged(&store, &output);
    store.decided(&decision(Verdict::Refuse)).expect("there is room again");
}
