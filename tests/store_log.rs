//! The log in the store, and its files: one history, whatever happens to either.

use refgate::evidence::*;
use refgate::model::{ObjectId, PrincipalKind, PrincipalName, Purpose, PushId, RefName, RepoName};
use refgate::record::{
    ClientAgent, DecisionEntry, EventEntry, Hash, Holds, Mode, OutcomeEntry, Record, RefOutcome, RefResult,
    UpdateEntry, Verdict,
};
use refgate::store::{Notary, Store, StoreError, Written};
use refgate::tlog::{LogReader, SignedCheckpoint, verify};
use rusqlite::Connection;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

fn notary(data: &Path) -> Notary {
    let now = jiff::Timestamp::now();
    let keys = Arc::new(Keys::open(&data.join("keys"), now).expect("keys"));
    Notary::new(data, &Identity::new("gate.example"), keys, now).expect("a notary")
}

fn open(data: &Path) -> Store {
    Store::open_with(data, Some(notary(data))).expect("it opens")
}

fn reader(data: &Path) -> LogReader {
    let notary = notary(data);
    LogReader::open(notary.directory(), &notary.log_key()).expect("the log's files")
}

fn id(digit: &str) -> ObjectId {
    ObjectId::from_hex(digit.repeat(40).as_bytes()).expect("hex")
}

/// Moves the ref from one commit to another.
fn decide(store: &Store, old: Option<&str>, new: &str) -> Written {
    decide_often(store, old, new, 1)
}

/// The same with so many statements.
fn decide_often(store: &Store, old: Option<&str>, new: &str, count: usize) -> Written {
    let (entry, decision) = decision(old, new);
    store.decided_over(&entry, vec![decision; count], Vec::new(), Vec::new()).expect("written")
}

fn decision(old: Option<&str>, new: &str) -> (DecisionEntry, Decision) {
    let now = jiff::Timestamp::now();
    let ref_name = RefName::parse(b"refs/heads/x").expect("a ref");
    let principal = PrincipalName::parse("claude-1").expect("a name");
    let push = PushId::generate();
    let decision = Decision {
        gate: Gate {
            domain: "gate.example".to_owned(),
            verifier_id: "https://gate.example/refgate/v0".to_owned(),
            version: "0".to_owned(),
            build: None,
        },
        id: DecisionId::generate(),
        push,
        outcome: Outcome::Accepted,
        resource: ResourceUri::parse("git+ssh://gate.example/app").expect("a URI"),
        subject: Subject { commit: id(new), tree: None, tag: None, ref_name: ref_name.clone() },
        update: UpdatedRef { old: old.map(id), new: Some(id(new)), history: History::Kept },
        actor: None,
        push_cert: None,
        client_claims: BTreeMap::new(),
        policy: PolicyUsed {
            uri: "https://gate.example/policy".to_owned(),
            digest: Sha256Digest::of(b"policy"),
            commit: None,
            mode: PolicyMode::Enforce,
        },
        evaluations: Vec::new(),
        changeset: None,
        approvals: Vec::new(),
        previous: Previous { ref_index: None, repo_seq: 0 },
        record: None,
        received: now,
        decided: now,
    };
    let entry = DecisionEntry {
        push,
        time: now,
        repo: RepoName::parse("app").expect("a name"),
        principal,
        principal_kind: PrincipalKind::Agent,
        key: "SHA256:x".to_owned(),
        peer: None,
        policy: "00".to_owned(),
        mode: Mode::Enforce,
        updates: vec![UpdateEntry { name: ref_name, old: old.map(id), new: Some(id(new)), kind: None }],
        commits: 1,
        pack_bytes: 1,
        objects: 1,
        decision: Verdict::Accept,
        findings: Vec::new(),
        more_findings: 0,
        push_options: 0,
        client: ClientAgent::default(),
        purpose: Purpose::Push,
        hold_until: None,
        same_as: None,
        held_bytes: None,
        push_cert: None,
    };
    (entry, decision)
}

#[test]
fn a_decision_is_a_signed_leaf_that_names_what_it_follows_on() {
    let data = tempfile::tempdir().expect("a directory");
    let store = open(data.path());
    store.note(&EventEntry::new("start", jiff::Timestamp::now())).expect("noted");
    let first = decide(&store, None, "a");
    let second = decide(&store, Some("a"), "b");
    decide(&store, Some("a"), "c");
    let fourth = decide(&store, Some("b"), "d");
    let stated = |written: &Written| (written.stated[0].index, written.stated[0].decision.previous);
    assert_eq!(stated(&first), (1, Previous { ref_index: None, repo_seq: 1 }));
    assert_eq!(stated(&second), (2, Previous { ref_index: Some(1), repo_seq: 2 }));
    assert_eq!(
        stated(&fourth),
        (4, Previous { ref_index: Some(2), repo_seq: 4 }),
        "not the newest, but what led there"
    );
    let leaves = store.leaves(0, 100).expect("read");
    assert_eq!(leaves.len(), 5);
    assert!(leaves[0].text.starts_with("{\"record\":\"event\""), "{}", leaves[0].text);
    let line = second.stated[0].line.as_str();
    assert_eq!(leaves[2].text, line);
    let record = store.after(2, 1).expect("read").remove(0);
    assert_eq!(record_of(line.as_bytes()), Some(Sha256Digest::of(record.line.as_bytes())));
    // The files say the same, at once.
    let reader = reader(data.path());
    let checkpoint = fourth.checkpoint.expect("this process publishes");
    assert_eq!(reader.checkpoint(), &*checkpoint);
    let proof = reader.inclusion(2, 5).expect("a proof");
    let leaf = refgate::tlog::Hash::of_leaf(line.as_bytes());
    let root = checkpoint.checkpoint().root();
    verify::inclusion(leaf, 2, 5, &proof, root).expect("it is there");
    assert_eq!(Hash::from(*root), store.head().expect("a head").hash);
    store.verify(None).expect("read").expect("it holds");
}

#[test]
fn spoilt_files_are_made_again_and_a_second_process_leaves_them_alone() {
    let data = tempfile::tempdir().expect("a directory");
    let store = open(data.path());
    (0..300).for_each(|_| drop(decide(&store, None, "a")));
    let before = reader(data.path()).checkpoint().to_string();
    // Another process, while this one has the files: its leaves come in with the next of ours.
    let other = open(data.path());
    assert!(decide(&other, None, "b").checkpoint.is_none(), "it has not got the files");
    assert_eq!(decide(&store, None, "c").stated[0].index, 301);
    assert_eq!(reader(data.path()).size(), 302);
    drop((store, other));
    let directory = notary(data.path()).directory().to_owned();
    for spoil in ["tile/0/000", "tile/entries/000", "head", "checkpoint"] {
        std::fs::write(directory.join(spoil), "x").expect("spoilt");
        let store = open(data.path());
        decide(&store, None, "d");
        assert_eq!(reader(data.path()).size(), store.leaves(0, 1000).expect("read").len() as u64, "{spoil}");
    }
    let (old, now) = (before.lines().nth(2).expect("a root").to_owned(), reader(data.path()));
    assert_eq!(now.root_at(300).expect("a root").to_string(), old, "the same history");
}

/// With the journals beside it.
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir(to).expect("a directory");
    for entry in std::fs::read_dir(from).expect("read").map(|entry| entry.expect("an entry").path()) {
        if entry.is_file() {
            std::fs::copy(&entry, to.join(entry.file_name().expect("a name"))).expect("copied");
        }
    }
}

#[test]
fn a_log_that_signed_another_history_is_not_gone_on_with() {
    let data = tempfile::tempdir().expect("a directory");
    let store = open(data.path());
    decide(&store, None, "a");
    drop(store);
    let (now, old) = (data.path().join("store"), data.path().join("old"));
    copy(&now, &old);
    let store = open(data.path());
    decide(&store, None, "b");
    drop(store);
    // The backup comes back: shorter than what was signed, and then of the same length.
    std::fs::remove_dir_all(&now).expect("removed");
    copy(&old, &now);
    let opened = Store::open_with(data.path(), Some(notary(data.path())));
    assert!(matches!(opened.err(), Some(StoreError::Forked { size: 2 })));
    let store = Store::open(data.path()).expect("without the log");
    store.note(&EventEntry::new("start", jiff::Timestamp::now())).expect("noted");
    drop(store);
    let opened = Store::open_with(data.path(), Some(notary(data.path())));
    assert!(matches!(opened.err(), Some(StoreError::Forked { size: 2 })));
    // Another key, another log.
    std::thread::sleep(std::time::Duration::from_millis(1100));
    Keys::add(&data.path().join("keys"), KeyPurpose::Log, jiff::Timestamp::now()).expect("a key");
    let store = open(data.path());
    assert!(decide(&store, None, "c").checkpoint.is_some_and(|it| it.to_string().starts_with("gate.example/log/2\n")));
}

#[test]
fn a_chain_from_before_the_log_becomes_its_first_leaves() {
    let make = |records: usize| {
        let data = tempfile::tempdir().expect("a directory");
        let store = Store::open(data.path()).expect("it opens");
        for _ in 0..records {
            store.note(&EventEntry::new("start", jiff::Timestamp::now())).expect("noted");
        }
        drop(store);
        let database = Connection::open(Store::path(data.path())).expect("it opens");
        database
            .execute_batch(
                "DROP TRIGGER record_no_update; DROP TABLE leaf; DROP TABLE repository; DROP TABLE came; DROP TABLE tip;
                 ALTER TABLE head DROP COLUMN size; ALTER TABLE head DROP COLUMN peaks; PRAGMA user_version = 3;",
            )
            .expect("as it was");
        let mut hash = Hash::NONE;
        for seq in 1..=records as u64 {
            let line: String =
                database.query_row("SELECT line FROM record WHERE seq = ?1", [seq], |row| row.get(0)).expect("a line");
            hash = hash.chained(seq, &line);
            database.execute("UPDATE record SET hash = ?2 WHERE seq = ?1", (seq, hash.as_bytes())).expect("chained");
        }
        database.execute("UPDATE head SET hash = ?1", [hash.as_bytes()]).expect("chained");
        let guard = "CREATE TRIGGER record_no_update BEFORE UPDATE ON record BEGIN SELECT RAISE(ABORT, 'x'); END;";
        database.execute_batch(guard).expect("guarded");
        (data, database, hash)
    };
    let (data, database, hash) = make(7);
    drop(database);
    let store = open(data.path());
    let head = store.verify(None).expect("read").expect("it holds");
    assert_eq!(head.seq, 8);
    let Record::Event(last) = store.after(7, 1).expect("read").remove(0).record else { panic!("an event") };
    assert_eq!(
        (last.event.as_str(), &last.detail["hash"], &last.detail["records"]),
        ("chain-ended", &hash.to_string(), &"7".to_owned())
    );
    decide(&store, None, "a");
    assert_eq!(reader(data.path()).size(), 9);
    store.verify(Some(head.hash)).expect("read").expect("it holds");

    let (data, database, _) = make(0);
    drop(database);
    assert_eq!(open(data.path()).verify(None).expect("read").expect("it holds").seq, 0);

    // One that was changed is not made good.
    let (data, database, _) = make(3);
    database.execute_batch("DROP TRIGGER record_no_update; UPDATE record SET line = replace(line, 'start', 'stop') WHERE seq = 2; CREATE TRIGGER record_no_update BEFORE UPDATE ON record BEGIN SELECT RAISE(ABORT, 'x'); END;").expect("changed");
    drop(database);
    assert!(matches!(Store::open(data.path()).err(), Some(StoreError::Broken(broken)) if broken.seq == 2));
}

#[test]
fn cosignatures_go_into_the_published_checkpoint() {
    let data = tempfile::tempdir().expect("a directory");
    let store = open(data.path());
    decide(&store, None, "a");
    let signed = reader(data.path()).checkpoint().clone();
    store.cosigned(signed.clone()).expect("handed over");
    decide(&store, None, "b");
    // It is another one by now.
    store.cosigned(signed).expect("handed over");
    decide(&store, None, "c");
    let bytes = std::fs::read(notary(data.path()).directory().join("checkpoint")).expect("read");
    let now = SignedCheckpoint::open(&bytes, &notary(data.path()).log_key()).expect("signed");
    assert_eq!(now.checkpoint().size(), 3);
}

/// Says what the upstream made of a push.
fn ended(store: &Store, written: &Written, result: RefResult) {
    let push = written.stated[0].decision.push;
    let name = RefName::parse(b"refs/heads/x").expect("a ref");
    let refs = vec![RefOutcome { name, result, reason: "".into(), holds: Holds::Unknown }];
    let (repo, principal) =
        (RepoName::parse("app").expect("a name"), PrincipalName::parse("claude-1").expect("a name"));
    let time = jiff::Timestamp::now();
    store.settled(&OutcomeEntry { push, time, repo, principal, refs }).expect("settled");
}

#[test]
fn of_two_pushes_of_the_same_the_chain_goes_on_from_the_one_that_was_taken() {
    let data = tempfile::tempdir().expect("a directory");
    let store = open(data.path());
    let (one, two) = (decide(&store, None, "a"), decide(&store, None, "a"));
    ended(&store, &one, RefResult::Forwarded);
    let third = decide(&store, Some("a"), "b");
    assert_eq!(third.stated[0].decision.previous.ref_index, Some(one.stated[0].index));
    ended(&store, &two, RefResult::Moved);
    let fourth = decide(&store, Some("a"), "c");
    assert_eq!(fourth.stated[0].decision.previous.ref_index, Some(one.stated[0].index));
    ended(&store, &fourth, RefResult::Forwarded);
    ended(&store, &third, RefResult::Moved);
    let fifth = decide(&store, Some("c"), "d");
    assert_eq!(fifth.stated[0].decision.previous.ref_index, Some(fourth.stated[0].index));
}

#[test]
fn files_that_were_made_again_up_to_the_middle_of_a_push_are_gone_on_with() {
    let data = tempfile::tempdir().expect("a directory");
    let store = open(data.path());
    decide_often(&store, None, "a", 5);
    decide(&store, None, "b");
    let leaves: Vec<String> = store.leaves(0, 10).expect("read").into_iter().map(|leaf| leaf.text).collect();
    drop(store);
    let notary = notary(data.path());
    std::fs::remove_dir_all(notary.directory()).expect("removed");
    let seed = notary.keys().at(KeyPurpose::Log, jiff::Timestamp::now()).expect("a key").seed();
    let signer = refgate::tlog::Signer::from_seed(notary.log_key().name().clone(), &seed);
    let mut log = refgate::tlog::Log::create(notary.directory(), signer).expect("made");
    log.append(&leaves[..3]).expect("appended");
    drop(log);
    let store = open(data.path());
    assert_eq!(reader(data.path()).size(), 6);
    store.verify(None).expect("read").expect("it holds");
}

/// Ref names and paths may be such that their escapes are five times as long.
#[test]
fn a_decision_with_much_to_say_is_a_leaf_that_says_less() {
    let data = tempfile::tempdir().expect("a directory");
    let store = open(data.path());
    let (entry, mut decision) = decision(None, "a");
    let long = |rule: usize, result, paths: usize| Evaluation {
        rule: format!("rule-{rule}-{}", "x".repeat(300)),
        result,
        paths: Paths::Listed(vec![vec![0xff; 240].into(); paths]),
        evidence: None,
    };
    decision.evaluations =
        (0..150).map(|n| long(n, if n < 90 { RuleResult::Warn } else { RuleResult::Pass }, 8)).collect();
    let part = [&b"/"[..], &[0xff; 240]].concat();
    decision.subject.ref_name = RefName::parse(&[&b"refs/heads"[..], &part, &part, &part].concat()).expect("a ref");
    let written = store.decided_over(&entry, vec![decision.clone()], Vec::new(), Vec::new()).expect("written");
    let stated = &written.stated[0];
    assert!(stated.line.as_str().len() <= 65_535, "{}", stated.line.as_str().len());
    let payload: serde_json::Value = serde_json::from_slice(stated.line.payload()).expect("JSON");
    let evaluations = payload["predicate"]["evaluations"].as_array().expect("a list");
    assert_eq!(evaluations.len(), stated.decision.evaluations.len());
    assert!(evaluations.len() >= 20 && evaluations.iter().all(|one| one["result"] == "warn"), "{}", evaluations.len());
    assert_eq!(evaluations[0]["pathsBlob"]["count"], 8);
    assert!(store.verify(None).expect("read").is_ok());
}

/// What cannot be stated of one push is no matter of the others that are written with it.
#[test]
fn what_cannot_be_stated_fails_alone() {
    let data = tempfile::tempdir().expect("a directory");
    let store = open(data.path());
    let (_, mut impossible) = decision(None, "a");
    impossible.client_claims.insert("agent".to_owned(), "x".repeat(70_000).into());
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let (store, impossible) = (&store, &impossible);
            scope.spawn(move || {
                for _ in 0..50 {
                    let (entry, decision) = decision(None, "b");
                    let stated = if thread % 2 == 0 { decision } else { impossible.clone() };
                    let written = store.decided_over(&entry, vec![stated], Vec::new(), Vec::new());
                    match thread % 2 {
                        0 => assert_eq!(written.expect("written").stated.len(), 1),
                        _ => assert!(matches!(written, Err(StoreError::Notary(_))), "{written:?}"),
                    }
                }
            });
        }
    });
    assert_eq!(store.leaves(0, 1000).expect("read").len(), 200);
}
