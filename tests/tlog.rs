//! The transparency log on disk: what was appended is there and signed, whatever happens to the process, and what was
//! changed behind its back is seen. And a witness, which a log cannot fool.

use refgate::tlog::witness::Answer;
use refgate::tlog::{
    AddCheckpoint, CheckpointError, Clock, Cosigner, Hash, KeyName, Log, LogReader, ProofFile, ProofFileError,
    SignedCheckpoint, Signer, StorageError, TrustError, TrustPolicy, VerifyingKey, Witness, cosignature, verify,
};
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

const ORIGIN: &str = "gate.example/log/1";

fn name(text: &str) -> KeyName {
    KeyName::parse(text).expect("a name")
}

fn signer() -> Signer {
    Signer::from_seed(name(ORIGIN), &[7; 32])
}

fn key() -> VerifyingKey {
    signer().verifying_key().clone()
}

fn temporary() -> tempfile::TempDir {
    tempfile::tempdir().expect("a directory")
}

fn create(root: &Path) -> Log {
    Log::create(root, signer()).expect("a new log")
}

fn open(root: &Path) -> Log {
    Log::open(root, signer()).expect("the log opens")
}

fn entry(n: u64) -> Vec<u8> {
    format!("entry {n}").into_bytes()
}

/// Appends entries up to a size, by batches of so many.
fn grow(log: &mut Log, size: u64, batch: usize) {
    let from = log.checkpoint().checkpoint().size();
    let entries: Vec<_> = (from..size).map(entry).collect();
    entries.chunks(batch).for_each(|batch| drop(log.append(batch).expect("appended")));
}

/// All files below a directory.
fn files(root: &Path) -> Vec<PathBuf> {
    let (mut files, mut directories) = (Vec::new(), vec![root.to_owned()]);
    while let Some(directory) = directories.pop() {
        for found in std::fs::read_dir(&directory).expect("a directory") {
            let path = found.expect("an entry").path();
            if path.is_dir() { directories.push(path) } else { files.push(path) }
        }
    }
    files.sort();
    files
}

fn names(root: &Path) -> Vec<String> {
    files(root).iter().map(|path| path.strip_prefix(root).expect("below").display().to_string()).collect()
}

fn copy(from: &Path, to: &Path) {
    for path in files(from) {
        let to = to.join(path.strip_prefix(from).expect("below"));
        std::fs::create_dir_all(to.parent().expect("above")).expect("a directory");
        std::fs::copy(path, to).expect("copied");
    }
}

#[test]
fn a_log_is_the_files_that_the_specification_names() {
    let data = temporary();
    let mut log = create(data.path());
    assert_eq!(names(data.path()), ["checkpoint", "head", "lock"]);
    let appended = log.append(&["one", "two"]).expect("appended");
    assert_eq!((appended.first, appended.checkpoint.checkpoint().size()), (0, 2));
    let expected = ["checkpoint", "head", "lock", "tile/0/000.p/2", "tile/entries/000.p/2"];
    assert_eq!(names(data.path()), expected);
    assert_eq!(std::fs::read(data.path().join("tile/entries/000.p/2")).expect("a bundle"), b"\0\x03one\0\x03two");
    let published = std::fs::read(data.path().join("checkpoint")).expect("a checkpoint");
    assert_eq!(SignedCheckpoint::open(&published, &key()), Ok(appended.checkpoint));
    // Nothing is no change.
    assert_eq!(log.append::<&str>(&[]).expect("nothing").first, 2);
    assert_eq!(names(data.path()), expected);
    // Partial tiles stay while a checkpoint of theirs may be in use, and go when the full one is there.
    log.append(&["three"]).expect("appended");
    assert!(data.path().join("tile/0/000.p/2").exists() && data.path().join("tile/0/000.p/3").exists());
    grow(&mut log, 256, 100);
    let expected = ["checkpoint", "head", "lock", "tile/0/000", "tile/1/000.p/1", "tile/entries/000"];
    assert_eq!(names(data.path()), expected);
    // Those that a killed process left are removed when the log is opened.
    for left in ["tile/0/000.p", "tile/entries/000.p"] {
        std::fs::create_dir(data.path().join(left)).expect("a directory");
        std::fs::write(data.path().join(left).join("9"), b"left").expect("written");
    }
    drop(log);
    let mut log = open(data.path());
    assert_eq!(names(data.path()), expected);
    grow(&mut log, 257, 1);
    let reader = log.reader();
    assert_eq!(reader.entry(2).expect("it is there"), b"three");
    assert_eq!(reader.entry(256).expect("it is there"), entry(256));
    assert!(matches!(reader.entry(257), Err(StorageError::NoSuchEntry)));
    assert!(matches!(reader.inclusion(257, 257), Err(StorageError::NoSuchEntry)));
    assert!(matches!(reader.inclusion(0, 258), Err(StorageError::NoSuchEntry)));
    assert!(matches!(reader.consistency(2, 1), Err(StorageError::NoSuchEntry)));
    log.audit().expect("all is as it was");
}

#[test]
fn every_batch_size_makes_the_same_tree_with_good_proofs() {
    let sizes = [1, 2, 255, 256, 257, 600];
    let mut roots = Vec::new();
    for batch in [7, 256, 600] {
        let data = temporary();
        let mut log = create(data.path());
        grow(&mut log, 600, batch);
        drop(log);
        let log = open(data.path());
        let reader = LogReader::open(data.path(), &key()).expect("it opens beside the writer");
        assert_eq!(reader.size(), 600);
        roots.push(sizes.map(|size| reader.root_at(size).expect("a root")));
        for (at, size) in sizes.into_iter().enumerate() {
            let root = roots.last().expect("just now")[at];
            for index in [0, size / 2, size - 1] {
                let proof = reader.inclusion(index, size).expect("a proof");
                let leaf = Hash::of_leaf(&reader.entry(index).expect("an entry"));
                assert_eq!(verify::inclusion(leaf, index, size, &proof, &root), Ok(()));
            }
            let proof = reader.consistency(size, 600).expect("a proof");
            let newest = log.checkpoint().checkpoint().root();
            assert_eq!(verify::consistency((size, &root), (600, newest), &proof), Ok(()));
        }
    }
    assert!(roots.iter().all(|other| *other == roots[0]));
}

#[test]
fn an_entry_that_is_too_long_is_refused_and_nothing_is_done() {
    let data = temporary();
    let mut log = create(data.path());
    let before = names(data.path());
    let long = vec![0; 65_536];
    let error = log.append(&[&b"short"[..], &long]).expect_err("too long");
    assert!(matches!(error, StorageError::EntryTooLong { length: 65_536 }));
    assert_eq!(names(data.path()), before);
    log.append(&[&long[1..]]).expect("at the limit");
    assert_eq!(log.reader().entry(0).expect("it is there").len(), 65_535);
}

#[test]
fn a_log_has_one_writer_and_is_not_made_twice() {
    let data = temporary();
    let empty = data.path().join("log");
    assert!(matches!(Log::open(&empty, signer()), Err(StorageError::NoLog(_))));
    let log = create(&empty);
    assert!(matches!(Log::open(&empty, signer()), Err(StorageError::Locked(_))));
    assert!(matches!(Log::create(&empty, signer()), Err(StorageError::Locked(_))));
    drop(log);
    assert!(matches!(Log::create(&empty, signer()), Err(StorageError::NotEmpty(_))));
    let other_key = Signer::from_seed(name(ORIGIN), &[8; 32]);
    let other_name = Signer::from_seed(name("gate.example/log/2"), &[7; 32]);
    for other in [other_key, other_name] {
        assert!(matches!(Log::open(&empty, other), Err(StorageError::Checkpoint(_))));
    }
    open(&empty);
    // A crash while it was made: the head is there, the checkpoint is not.
    std::fs::remove_file(empty.join("checkpoint")).expect("it was there");
    assert!(matches!(Log::open(&empty, signer()), Err(StorageError::NoLog(_))));
    create(&empty);
    let mode = std::fs::metadata(&empty).expect("a directory").permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    // What has entries is never made anew.
    let mut log = open(&empty);
    log.append(&["x"]).expect("appended");
    drop(log);
    std::fs::remove_file(empty.join("checkpoint")).expect("it was there");
    assert!(matches!(Log::create(&empty, signer()), Err(StorageError::NotEmpty(_))));
    std::fs::remove_dir_all(empty.join("tile")).expect("it was there");
    assert!(matches!(Log::create(&empty, signer()), Err(StorageError::NotEmpty(_))));
}

/// The states that a crash leaves, made by hand: the next log continues from the last tree that may have been signed.
#[test]
fn a_crash_between_any_two_steps_is_recovered_from() {
    let (data, before) = (temporary(), temporary());
    let mut log = create(data.path());
    grow(&mut log, 250, 50);
    copy(data.path(), before.path());
    grow(&mut log, 270, 20);
    let signed = log.checkpoint().clone();
    drop(log);
    let put_back = |file: &str, into: &Path| {
        std::fs::copy(before.path().join(file), into.join(file)).expect("put back");
    };

    // After the head: what was to be signed is signed.
    let after_head = temporary();
    copy(data.path(), after_head.path());
    put_back("checkpoint", after_head.path());
    std::fs::write(after_head.path().join("checkpoint.new"), "torn").expect("written");
    let log = open(after_head.path());
    assert_eq!(log.checkpoint(), &signed);
    let published = std::fs::read_to_string(after_head.path().join("checkpoint")).expect("text");
    assert_eq!(published, signed.to_string());

    // Before the head, with any of the new files torn: nobody has seen them, and another batch may come.
    for torn in names(data.path()).into_iter().filter(|file| file.starts_with("tile/")) {
        let root = temporary();
        copy(before.path(), root.path());
        copy(data.path(), root.path());
        put_back("checkpoint", root.path());
        put_back("head", root.path());
        if !before.path().join(&torn).exists() {
            std::fs::write(root.path().join(&torn), b"torn").expect("written");
        }
        let mut log = open(root.path());
        assert_eq!(log.checkpoint().checkpoint().size(), 250, "{torn}");
        log.append(&vec!["another"; 300]).expect("appended");
        log.audit().expect("all is as it was appended");
        drop(log);
        let log = open(root.path());
        let proof = log.reader().consistency(250, 550).expect("a proof");
        let old = LogReader::open(before.path(), &key()).expect("a log").checkpoint().checkpoint().clone();
        let new = log.checkpoint().checkpoint();
        assert_eq!(verify::consistency((250, old.root()), (550, new.root()), &proof), Ok(()));
    }
}

#[test]
fn a_log_whose_files_were_changed_is_not_continued() {
    let data = temporary();
    let mut log = create(data.path());
    grow(&mut log, 70_000, 70_000);
    drop(log);
    let tiles = ["tile/0/000", "tile/0/100", "tile/0/273.p/112", "tile/1/000", "tile/1/001.p/17", "tile/2/000.p/1"];
    for file in tiles.into_iter().chain(["tile/entries/273.p/112", "checkpoint", "head"]) {
        let path = data.path().join(file);
        let good = std::fs::read(&path).expect("a file");
        let mut altered = good.clone();
        altered[good.len() / 2] ^= 1;
        for bad in [&altered[..], &good[..good.len() - 1], &good[..good.len() / 2], b""] {
            std::fs::write(&path, bad).expect("written");
            let opened = Log::open(data.path(), signer());
            assert!(opened.is_err(), "{file} with {} bytes", bad.len());
        }
        std::fs::remove_file(&path).expect("it was there");
        assert!(Log::open(data.path(), signer()).is_err(), "{file} missing");
        std::fs::write(&path, good).expect("written");
    }
    // Old entries are read by the audit, and whenever one is asked for.
    let path = data.path().join("tile/entries/100");
    let good = std::fs::read(&path).expect("a bundle");
    let mut altered = good.clone();
    altered[3] ^= 1;
    for bad in [&altered[..], &good[..good.len() - 1], b""] {
        std::fs::write(&path, bad).expect("written");
        let log = open(data.path());
        assert!(log.audit().is_err() && log.reader().entry(25_601).is_err());
    }
    std::fs::write(&path, good).expect("written");
    open(data.path()).audit().expect("all is as it was");
}

#[test]
fn a_rewritten_or_rolled_back_log_is_not_continued() {
    let (data, other, old) = (temporary(), temporary(), temporary());
    let mut log = create(data.path());
    grow(&mut log, 300, 300);
    copy(data.path(), old.path());
    grow(&mut log, 600, 300);
    drop(log);
    // Another history of the same length, well formed and signed by the same key: head and checkpoint tell.
    let mut log = create(other.path());
    log.append(&vec!["other"; 600]).expect("appended");
    drop(log);
    for part in ["tile", "checkpoint", "head"] {
        let mixed = temporary();
        copy(data.path(), mixed.path());
        match part {
            "tile" => copy(&other.path().join("tile"), &mixed.path().join("tile")),
            file => drop(std::fs::copy(other.path().join(file), mixed.path().join(file)).expect("copied")),
        }
        assert!(Log::open(mixed.path(), signer()).is_err(), "{part}");
    }
    // An old head beside the newest checkpoint.
    let mixed = temporary();
    copy(data.path(), mixed.path());
    std::fs::copy(old.path().join("head"), mixed.path().join("head")).expect("copied");
    assert!(matches!(Log::open(mixed.path(), signer()), Err(StorageError::RolledBack)));
    // An old checkpoint alone is made new again, to the same bytes.
    std::fs::copy(data.path().join("head"), mixed.path().join("head")).expect("copied");
    std::fs::copy(old.path().join("checkpoint"), mixed.path().join("checkpoint")).expect("copied");
    assert_eq!(open(mixed.path()).checkpoint(), open(data.path()).checkpoint());
}

fn witness(data: &Path) -> Witness {
    let cosigner = Cosigner::from_seed(name("witness.example"), &[9; 32]);
    Witness::open(data, cosigner, vec![key()]).expect("a witness")
}

fn witness_key() -> VerifyingKey {
    Cosigner::from_seed(name("witness.example"), &[9; 32]).verifying_key().clone()
}

/// What a log asks of a witness that has signed the tree of `old` entries.
fn request(log: &Log, old: u64) -> AddCheckpoint {
    let size = log.checkpoint().checkpoint().size();
    let proof = log.reader().consistency(old, size).expect("a proof");
    AddCheckpoint { old_size: old, proof, checkpoint: log.checkpoint().note().clone() }
}

#[test]
fn a_witness_signs_what_extends_what_it_signed() {
    let (data, memory) = (temporary(), temporary());
    let mut log = create(data.path());
    let mut one = witness(memory.path());
    let mut ask =
        |request: &AddCheckpoint| one.add_checkpoint(request.to_string().as_bytes(), 1000).expect("an answer");
    let (ok, conflict) = (|answer: &Answer| answer.status == 200, |size: u64| (409, format!("{size}\n")));
    grow(&mut log, 100, 100);
    let first = request(&log, 0);
    assert_eq!(AddCheckpoint::parse(first.to_string().as_bytes()), Ok(first.clone()));
    let answer = ask(&first);
    assert!(ok(&answer));
    let lines = cosignature::parse_answer(answer.body.as_bytes()).expect("lines");
    let mut cosigned = log.checkpoint().clone();
    assert_eq!(cosigned.add_cosignatures(&lines, &[witness_key()]), Ok(1));
    assert_eq!(cosigned.add_cosignatures(&lines, &[key()]), Ok(0));
    assert_eq!(cosignature::cosigned_at(cosigned.note(), &witness_key()), Ok(1000));
    assert!(log.publish_cosigned(&cosigned).expect("written"));
    // The same again, from its own size; then stale, then on.
    assert!(ok(&ask(&request(&log, 100))));
    let stale = ask(&first);
    assert_eq!((stale.status, stale.body.clone(), stale.content_type), (409, "100\n".to_owned(), "text/x.tlog.size"));
    grow(&mut log, 300, 100);
    assert!(!log.publish_cosigned(&cosigned).expect("it is of an older tree"));
    let stale = ask(&request(&log, 50));
    assert_eq!((stale.status, stale.body), conflict(100));
    let mut bad = request(&log, 100);
    bad.proof.pop();
    assert_eq!(ask(&bad).status, 422);
    bad.proof.clear();
    assert_eq!(ask(&bad).status, 422);
    assert!(ok(&ask(&request(&log, 100))));
    // The next process remembers.
    drop(one);
    let mut two = witness(memory.path());
    let mut ask =
        |request: &AddCheckpoint| two.add_checkpoint(request.to_string().as_bytes(), 1000).expect("an answer");
    let stale = ask(&request(&log, 100));
    assert_eq!((stale.status, stale.body), conflict(300));
    // Another history by the same key: at the same size, and longer.
    let other = temporary();
    let mut fork = create(other.path());
    fork.append(&vec!["other"; 300]).expect("appended");
    let answer = ask(&request(&fork, 300));
    assert_eq!((answer.status, answer.body), conflict(300));
    fork.append(&["more"]).expect("appended");
    assert_eq!(ask(&request(&fork, 300)).status, 422);
    grow(&mut log, 301, 1);
    assert!(ok(&ask(&request(&log, 300))));
}

#[test]
fn a_witness_refuses_whom_it_does_not_know_and_what_it_cannot_read() {
    let (data, memory) = (temporary(), temporary());
    let mut log = create(data.path());
    grow(&mut log, 3, 3);
    let good = request(&log, 0).to_string();
    let swap = |from: &str, to: &str| good.replacen(from, to, 1);
    let hash = format!("{}\n", Hash::of_no_leaves());
    let other_key = Signer::from_seed(name(ORIGIN), &[8; 32]);
    let other = temporary();
    let by_other_key = request(&Log::create(other.path(), other_key).expect("a log"), 0).to_string();
    let table = [
        (swap(ORIGIN, "gate.example/log/2"), 404),
        (by_other_key, 403),
        (swap("\n3\n", "\n4\n"), 403),
        (swap("old 0", "old 4"), 400),
        (swap("old 0", "old 00"), 400),
        (swap("old 0\n", ""), 400),
        (swap("old 0\n", "old 0\nx\n"), 400),
        (swap("old 0\n", &format!("old 0\n{}", hash.repeat(64))), 400),
        (swap("old 0\n", &format!("old 0\n{}", hash.repeat(63))), 422),
        (swap("old 0\n", &format!("old 0\n{hash}")), 422),
        (swap("old 0", "old 3"), 409),
        (good.trim_end().to_owned(), 400),
        (String::new(), 400),
        ("x".repeat(200_000), 400),
    ];
    let mut witness = witness(memory.path());
    for (body, status) in table {
        assert_eq!(witness.add_checkpoint(body.as_bytes(), 1000).expect("an answer").status, status, "{body}");
    }
    (0..good.len()).for_each(|end| {
        let status = witness.add_checkpoint(&good.as_bytes()[..end], 1000).expect("an answer").status;
        assert_eq!(status, 400, "{end}");
    });
    // Nothing of this was remembered.
    assert_eq!(witness.add_checkpoint(good.as_bytes(), 1000).expect("an answer").status, 200);
    // A memory that cannot be read is no memory of nothing.
    let file = files(memory.path()).into_iter().find(|path| !path.ends_with("lock")).expect("a file");
    std::fs::write(file, "").expect("written");
    let error = witness.add_checkpoint(good.as_bytes(), 1000).expect_err("the memory is gone");
    assert!(matches!(error, StorageError::Checkpoint(CheckpointError::Note(_))));
}

#[test]
fn an_entry_is_proven_offline_by_a_file_and_a_policy() {
    let (data, memory) = (temporary(), temporary());
    let mut log = create(data.path());
    grow(&mut log, 300, 300);
    let answer =
        witness(memory.path()).add_checkpoint(request(&log, 0).to_string().as_bytes(), 1000).expect("an answer");
    let mut cosigned = log.checkpoint().clone();
    cosigned
        .add_cosignatures(&cosignature::parse_answer(answer.body.as_bytes()).expect("lines"), &[witness_key()])
        .expect("room");
    let hashes = log.reader().inclusion(10, 300).expect("a proof");
    let file = ProofFile { extra: None, index: 10, hashes, checkpoint: cosigned.note().clone() };
    let read = ProofFile::parse(file.to_string().as_bytes()).expect("a proof file");
    let text = format!("log {}\nwitness w {}\nquorum w\n", key(), witness_key());
    let policy = TrustPolicy::parse(text.as_bytes()).expect("a policy");
    let at = |now_s| Clock { now_s, age_max_s: Some(60) };
    let trusted = read.check(&entry(10), &policy, at(1060)).expect("proven");
    assert_eq!(trusted.cosigned, [(name("witness.example"), 1000)]);
    assert!(matches!(read.check(&entry(11), &policy, at(1060)), Err(ProofFileError::Proof(_))));
    assert_eq!(read.check(&entry(10), &policy, at(1061)), Err(ProofFileError::Trust(TrustError::Stale)));
    let alone = ProofFile { checkpoint: log.checkpoint().note().clone(), ..file };
    assert_eq!(alone.check(&entry(10), &policy, at(1060)), Err(ProofFileError::Trust(TrustError::Quorum)));
}

// The tests below run this test program again as a child that they can kill or starve.

const CHILD: &str = "REFGATE_TLOG_TEST_CHILD";

/// Not a test by itself: what a child does. Prints size and root of each acknowledged append.
#[test]
fn child() {
    let Some(data) = std::env::var_os(CHILD) else { return };
    let mut log = open(Path::new(&data));
    for round in std::process::id().. {
        let batch: Vec<_> = (0..round.wrapping_mul(2_654_435_761) % 90 + 1).map(|n| format!("{round} {n}")).collect();
        let Ok(appended) = log.append(&batch) else { break };
        let checkpoint = appended.checkpoint.checkpoint();
        println!("\nappended {} {}", checkpoint.size(), checkpoint.root());
    }
    assert!(matches!(log.append(&["more"]), Err(StorageError::Broken)));
    println!("\nfailed");
}

fn spawn_child(data: &Path, prefix: &str) -> Child {
    let program = std::env::current_exe().expect("this program");
    let mut command = Command::new("sh");
    command.args(["-c", &format!("{prefix} exec \"$0\" --exact child --nocapture")]).arg(program);
    command.env(CHILD, data).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("a child")
}

/// Each line that is complete was acknowledged, and is what the log has now.
fn check_acknowledged(log: &Log, output: &str) -> usize {
    let complete = output.rsplit_once('\n').map_or("", |(complete, _)| complete);
    let lines = complete.lines().filter_map(|line| line.strip_prefix("appended ")?.split_once(' '));
    let reader = log.reader();
    let check = |(size, root): (&str, &str)| {
        let known = reader.root_at(size.parse().expect("a size")).expect("so many entries");
        assert_eq!(known.to_string(), root);
    };
    lines.map(check).count()
}

#[test]
fn what_was_acknowledged_is_there_after_kill_9() {
    let data = temporary();
    create(data.path());
    let mut published: Vec<SignedCheckpoint> = Vec::new();
    for round in 0_u64..20 {
        let mut child = spawn_child(data.path(), "");
        let mut output = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut text = String::new();
        while !text.contains("appended") {
            assert!(output.read_line(&mut text).expect("a line") > 0, "the child ended: {text}");
        }
        std::thread::sleep(Duration::from_micros(1000 + round * 7919 % 40_000));
        child.kill().expect("SIGKILL");
        child.wait().expect("it is gone");
        // What any web server would have served at the moment of death.
        published.push(LogReader::open(data.path(), &key()).expect("a checkpoint").checkpoint().clone());
        output.read_to_string(&mut text).expect("the rest");
        let log = open(data.path());
        assert!(check_acknowledged(&log, &text) > 0);
        log.audit().expect("every entry is whole");
    }
    let log = open(data.path());
    for old in &published {
        assert_eq!(log.reader().root_at(old.checkpoint().size()).expect("a root"), *old.checkpoint().root());
    }
}

#[test]
fn a_full_disk_is_an_error_and_loses_nothing() {
    let data = temporary();
    create(data.path());
    // 1 KiB for any file; writes beyond it fail instead of killing the process.
    let mut child = spawn_child(data.path(), "trap '' XFSZ; ulimit -f 2;");
    let mut output = String::new();
    child.stdout.take().expect("a pipe").read_to_string(&mut output).expect("its output");
    child.wait().expect("it ends");
    assert!(output.contains("\nfailed\n"), "the error was told");
    let mut log = open(data.path());
    check_acknowledged(&log, &output);
    log.append(&["there is room again"]).expect("appended");
    log.audit().expect("every entry is whole");
}
