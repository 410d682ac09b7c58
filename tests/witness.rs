//! `refgate witness` as its own process, and the client that asks it, over a real log: what a log can have signed, and
//! what no log can, whatever happens to the witness.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use refgate::config;
use refgate::tlog::cosignature::{ANSWER_LENGTH_MAX, cosigned_at};
use refgate::tlog::note::NOTE_LENGTH_MAX;
use refgate::tlog::witness::REQUEST_LENGTH_MAX;
use refgate::tlog::{AddCheckpoint, KeyKind, KeyName, Log, LogReader, SignedCheckpoint, Signer, VerifyingKey};
use refgate::witness::{CosignError, Cosigned, KnownSizes, cosign};
use sha2::{Digest, Sha256};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

const ORIGIN: &str = "gate.example/log/1";
const NAME: &str = "witness.example/w1";

fn temporary() -> tempfile::TempDir {
    tempfile::tempdir().expect("a directory")
}

fn signer(seed: u8) -> Signer {
    Signer::from_seed(KeyName::parse(ORIGIN).expect("a name"), &[seed; 32])
}

fn log_key() -> VerifyingKey {
    signer(7).verifying_key().clone()
}

fn create(root: &Path) -> Log {
    Log::create(root, signer(7)).expect("a new log")
}

fn grow(log: &mut Log, size: u64, what: &str) {
    let from = log.checkpoint().checkpoint().size();
    let entries: Vec<_> = (from..size).map(|n| format!("{what} {n}")).collect();
    log.append(&entries).expect("appended");
}

/// A log of so many entries in a new directory.
fn grown(size: u64, what: &str) -> (tempfile::TempDir, Log) {
    let data = temporary();
    let mut log = create(data.path());
    grow(&mut log, size, what);
    (data, log)
}

fn command(data: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_refgate"));
    command.args(["witness", "--name", NAME, "--data"]).arg(data).args(arguments).env_remove("REFGATE_LOG");
    command
}

fn run(data: &Path, arguments: &[&str]) -> Output {
    command(data, arguments).output().expect("it runs")
}

/// A running witness; killed when it is dropped.
struct Process {
    child: Child,
    address: SocketAddr,
    key: VerifyingKey,
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Process {
    fn start(data: &Path) -> Self {
        let log = log_key().to_string();
        let mut command = command(data, &["--listen", "127.0.0.1:0", "--log", &log]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("it starts");
        let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let mut next = |start: &str| {
            let line = lines.next().expect("a line").expect("UTF-8");
            line.strip_prefix(start).unwrap_or_else(|| panic!("{line}")).to_owned()
        };
        let key = VerifyingKey::parse(&next("refgate: witness "), KeyKind::Cosignature).expect("a vkey");
        let address = next("refgate: listening on ").parse().expect("an address");
        Self { child, address, key }
    }

    fn settings(&self) -> config::Witness {
        config::Witness { url: format!("http://{}", self.address), key: self.key.clone() }
    }

    fn cosign(&self, reader: &LogReader, known: &mut KnownSizes) -> Result<SignedCheckpoint, CosignError> {
        // A disk that is busy for seconds is not what is tested.
        match only(cosign(&[self.settings()], reader, known)) {
            Err(CosignError::Connection(_)) => only(cosign(&[self.settings()], reader, known)),
            answered => answered,
        }
    }

    /// Status, content type and body of the answer to these bytes.
    fn ask(&self, request: &str) -> (u16, String, String) {
        let mut stream = TcpStream::connect(self.address).expect("connected");
        // What is refused early is not read to its end.
        let _ = stream.write_all(request.as_bytes());
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{answer}"));
        let status = head.split(' ').nth(1).expect("a status").parse().expect("a number");
        let kind = head.lines().find_map(|line| line.strip_prefix("Content-Type: ")).expect("a type");
        (status, kind.to_owned(), body.to_owned())
    }

    fn post(&self, body: &str) -> (u16, String, String) {
        self.ask(&format!("POST /add-checkpoint HTTP/1.1\r\nContent-Length: {}\r\n\r\n{body}", body.len()))
    }
}

fn only(cosigned: Cosigned) -> Result<SignedCheckpoint, CosignError> {
    match cosigned.failures.into_iter().next() {
        Some((_, error)) => Err(error),
        None => Ok(cosigned.checkpoint),
    }
}

fn request(log: &Log, old_size: u64) -> AddCheckpoint {
    let proof = log.reader().consistency(old_size, log.checkpoint().checkpoint().size()).expect("a proof");
    AddCheckpoint { old_size, proof, checkpoint: log.checkpoint().note().clone() }
}

fn monitoring_path() -> String {
    let hash: [u8; 32] = Sha256::digest(ORIGIN).into();
    format!("/{}/checkpoint", hash.iter().map(|byte| format!("{byte:02x}")).collect::<String>())
}

#[test]
fn a_log_is_cosigned_as_it_grows() {
    let memory = temporary();
    let witness = Process::start(memory.path());
    let (data, mut log) = grown(100, "entry");
    let mut known = KnownSizes::default();
    let newest = |signed: &SignedCheckpoint| cosigned_at(signed.note(), &witness.key).expect("cosigned");
    let now = u64::try_from(jiff::Timestamp::now().as_second()).expect("after 1970");

    let first = witness.cosign(&log.reader(), &mut known).expect("cosigned");
    assert!(newest(&first).abs_diff(now) < 60);
    assert!(log.publish_cosigned(&first).expect("written"));
    // A heartbeat: the same again, newer, and in the place of the old one.
    std::thread::sleep(Duration::from_millis(1100));
    let again = witness.cosign(&log.reader(), &mut known).expect("cosigned");
    assert!(newest(&again) > newest(&first));
    assert_eq!((first.note().signatures().len(), again.note().signatures().len()), (2, 2));
    for size in [101, 256, 300] {
        grow(&mut log, size, "entry");
        let cosigned = witness.cosign(&log.reader(), &mut known).expect("cosigned");
        assert_eq!(cosigned.checkpoint(), log.checkpoint().checkpoint());
    }

    // Who has forgotten, or remembers something old, is put right; so is a second process of the gate.
    grow(&mut log, 301, "entry");
    assert_eq!(witness.post(&request(&log, 100).to_string()), (409, "text/x.tlog.size".to_owned(), "300\n".to_owned()));
    let reader = LogReader::open(data.path(), &log_key()).expect("it opens beside the writer");
    witness.cosign(&reader, &mut KnownSizes::default()).expect("cosigned");
    grow(&mut log, 400, "entry");
    let last = witness.cosign(&log.reader(), &mut known).expect("cosigned");

    // Whoever watches the log gets what was signed last, with the log's own signature.
    let (status, kind, body) = witness.ask(&format!("GET {} HTTP/1.1\r\n\r\n", monitoring_path()));
    assert_eq!((status, kind.as_str()), (200, "text/plain; charset=utf-8"));
    let seen = SignedCheckpoint::open(body.as_bytes(), &log_key()).expect("signed by the log");
    assert_eq!((&seen, newest(&seen)), (&last, newest(&last)));
}

/// The cosignature as the specification has it, put together by hand and checked by another program.
#[test]
fn openssl_verifies_a_cosignature() {
    use base64::Engine;
    let memory = temporary();
    let witness = Process::start(memory.path());
    let (data, log) = grown(3, "entry");
    let cosigned = witness.cosign(&log.reader(), &mut KnownSizes::default()).expect("cosigned").to_string();
    let (body, signatures) = cosigned.split_once("\n\n").expect("a note");
    let line = signatures.lines().find_map(|line| line.strip_prefix(&format!("\u{2014} {NAME} "))).expect("its line");
    let bytes = base64::engine::general_purpose::STANDARD.decode(line).expect("base64");
    let (id, time, signature) =
        (&bytes[..4], u64::from_be_bytes(bytes[4..12].try_into().expect("eight")), &bytes[12..]);
    let key_bytes = [&[4], &witness.key.as_bytes()[..]].concat();
    assert_eq!(id, &Sha256::digest([NAME.as_bytes(), b"\n", &key_bytes].concat())[..4]);
    // A public key's DER is its bytes after twelve that are always the same.
    let der = [b"\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00", &witness.key.as_bytes()[..]].concat();
    let put = |name: &str, bytes: &[u8]| std::fs::write(data.path().join(name), bytes).expect("written");
    put("key", &der);
    put("signature", signature);
    for (time, good) in [(time, true), (time + 1, false)] {
        put("message", format!("cosignature/v1\ntime {time}\n{body}\n").as_bytes());
        let mut openssl = Command::new("openssl");
        openssl.args(["pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-inkey", "key", "-rawin", "-in", "message"]);
        let output = openssl.args(["-sigfile", "signature"]).current_dir(data.path()).output().expect("openssl");
        assert_eq!(output.status.success(), good, "{}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn a_rewritten_log_is_not_cosigned() {
    let memory = temporary();
    let witness = Process::start(memory.path());
    let (_data, mut log) = grown(300, "entry");
    let (mut known, reader) = (KnownSizes::default(), log.reader());
    witness.cosign(&reader, &mut known).expect("cosigned");
    let (_a, same_size) = grown(300, "other");
    let (_b, longer) = grown(301, "other");
    let (_c, shorter) = grown(200, "entry");
    // With and without a memory of what the witness has signed.
    for known in [known.clone(), KnownSizes::default()] {
        let refused = |log: &Log| witness.cosign(&log.reader(), &mut known.clone()).expect_err("refused");
        let errors = [refused(&same_size), refused(&longer), refused(&shorter)];
        let [CosignError::OtherTree, CosignError::Inconsistent, CosignError::Ahead(300)] = &errors else {
            panic!("{errors:?}")
        };
        assert!(errors.iter().all(CosignError::is_fork));
    }
    assert_eq!(witness.post(&request(&same_size, 300).to_string()).0, 409);
    assert_eq!(witness.post(&request(&longer, 300).to_string()).0, 422);
    grow(&mut log, 301, "entry");
    witness.cosign(&log.reader(), &mut known).expect("the log as it was goes on");
}

#[test]
fn what_is_not_for_it_is_refused() {
    let memory = temporary();
    let witness = Process::start(memory.path());
    let (_data, log) = grown(3, "entry");
    let good = request(&log, 0).to_string();
    let elsewhere = temporary();
    let mut forged = Log::create(elsewhere.path(), signer(8)).expect("a log");
    forged.append(&["x"]).expect("appended");
    let error = |log: &Log| witness.cosign(&log.reader(), &mut KnownSizes::default()).expect_err("refused");
    assert!(matches!(error(&forged), CosignError::Status(403)));
    let elsewhere = temporary();
    let unknown = Signer::from_seed(KeyName::parse("gate.example/log/2").expect("a name"), &[7; 32]);
    let unknown = Log::create(elsewhere.path(), unknown).expect("a log");
    assert!(matches!(error(&unknown), CosignError::Status(404)) && !error(&unknown).is_fork());

    let get = |path: &str| format!("GET {path} HTTP/1.1\r\n\r\n");
    for (request, status) in [
        // Nothing was signed yet.
        (get(&monitoring_path()), 404),
        (get(&monitoring_path().to_uppercase().replace("CHECKPOINT", "checkpoint")), 404),
        (get("/../key/checkpoint"), 404),
        (get("/key"), 404),
        (get("//checkpoint"), 404),
        (get("/checkpoint"), 404),
        (get("/add-checkpoint"), 404),
        ("POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n".to_owned(), 404),
        ("PUT /add-checkpoint HTTP/1.1\r\nContent-Length: 0\r\n\r\n".to_owned(), 405),
        ("POST /add-checkpoint HTTP/1.1\r\n\r\n".to_owned(), 400),
        ("POST /add-checkpoint HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".to_owned(), 411),
        ("\r\n\r\n".to_owned(), 400),
    ] {
        assert_eq!(witness.ask(&request).0, status, "{request}");
    }
    for (body, status) in [
        (good.replace("old 0", "old 4"), 400),
        (good.replace("old 0", "old 1"), 409),
        (good.replace("\n3\n", "\n4\n"), 403),
        (good.replace(ORIGIN, "gate.example/log/2"), 404),
        (good.replacen("old 0\n", &format!("old 0\n{}\n", refgate::tlog::Hash::of_no_leaves()), 1), 422),
    ] {
        assert_eq!(witness.post(&body).0, status, "{body}");
    }
    assert_eq!(witness.post(&good).0, 200);
}

#[test]
fn a_request_has_a_limit() {
    let memory = temporary();
    let witness = Process::start(memory.path());
    let (_data, log) = grown(3, "entry");
    let (note, head) = (log.checkpoint().to_string(), "old 0\n\n");
    // Another's signature, of any length: only the log's counts.
    let padded = |length: usize| {
        let (mut note, mut left) = (note.clone(), length - note.len());
        // A line is some bytes and base64 in fours: the name makes up for the rest.
        let name = "n".repeat(4 + (left - "\u{2014}  \n".len()) % 4);
        left -= format!("\u{2014} {name} \n").len();
        note += &format!("\u{2014} {name} {}\n", "AAAA".repeat(left / 4));
        assert_eq!(note.len(), length);
        format!("{head}{note}")
    };
    assert_eq!(witness.post(&padded(NOTE_LENGTH_MAX + 1)).0, 400);
    let (status, _, body) = witness.post(&padded(NOTE_LENGTH_MAX));
    assert_eq!((status, body.lines().count()), (200, 1));
    // What was added by others is not kept.
    let (_, _, kept) = witness.ask(&format!("GET {} HTTP/1.1\r\n\r\n", monitoring_path()));
    assert_eq!(kept, format!("{note}{body}"));
    // A body is read up to a limit, and not one byte over.
    assert_eq!(witness.post(&"x".repeat(REQUEST_LENGTH_MAX)).0, 400);
    assert_eq!(witness.post(&"x".repeat(REQUEST_LENGTH_MAX + 1)).0, 413);
}

#[test]
fn what_it_has_signed_it_remembers_after_kill_9() {
    let memory = temporary();
    let (_data, mut log) = grown(1, "entry");
    let mut signed = 0;
    for round in 0..8_u64 {
        let mut witness = Process::start(memory.path());
        let (settings, pid) = (witness.settings(), Pid::from_raw(i32::try_from(witness.child.id()).expect("a pid")));
        let killer = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(30 + round * 7919 % 60));
            kill(pid, Signal::SIGKILL).expect("SIGKILL");
        });
        let mut known = KnownSizes::default();
        // What was answered is remembered by the next one; what was not answered may be.
        loop {
            let size = log.checkpoint().checkpoint().size();
            grow(&mut log, size + 1, "entry");
            match only(cosign(std::slice::from_ref(&settings), &log.reader(), &mut known)) {
                Ok(cosigned) => signed = cosigned.checkpoint().size(),
                // Whoever got the port of one that is gone may answer anything.
                Err(_) if matches!(witness.child.try_wait(), Ok(Some(_))) => break,
                Err(CosignError::Connection(_) | CosignError::Answer(_)) => {}
                Err(error) => panic!("{error}"),
            }
        }
        killer.join().expect("it ended");
        witness.child.wait().expect("it is gone");

        let witness = Process::start(memory.path());
        if signed == 0 {
            continue;
        }
        let (_, _, size) = witness.post(&request(&log, 0).to_string());
        let size: u64 = size.trim().parse().expect("a size");
        assert!(signed <= size && size <= log.checkpoint().checkpoint().size());
        let (_a, mut rolled_back) = grown(signed - 1, "entry");
        let refused = witness.cosign(&rolled_back.reader(), &mut KnownSizes::default()).expect_err("refused");
        assert!(matches!(refused, CosignError::Ahead(_)), "{refused}");
        grow(&mut rolled_back, size + 1, "rewritten");
        let refused = witness.cosign(&rolled_back.reader(), &mut KnownSizes::default()).expect_err("refused");
        assert!(matches!(refused, CosignError::Inconsistent), "{refused}");
        witness.cosign(&log.reader(), &mut KnownSizes::default()).expect("the log as it was goes on");
        signed = log.checkpoint().checkpoint().size();
    }
    assert!(signed > 8);
}

#[test]
fn its_key_is_made_once_and_is_its_own() {
    let memory = temporary();
    let data = memory.path().join("witness");
    let printed = run(&data, &["--print-key"]);
    let printed = String::from_utf8(printed.stdout).expect("UTF-8");
    let key = VerifyingKey::parse(printed.trim_end(), KeyKind::Cosignature).expect("a vkey");
    assert_eq!(key.name().as_str(), NAME);
    let mode = |path: &Path| std::fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
    assert_eq!((mode(&data), mode(&data.join("key"))), (0o700, 0o600));

    let mut witness = Process::start(&data);
    assert_eq!(witness.key, key);
    // A memory has one witness.
    let vkey = log_key().to_string();
    let other = run(&data, &["--listen", "127.0.0.1:0", "--log", &vkey]);
    assert_eq!(other.status.code(), Some(2), "{}", String::from_utf8_lossy(&other.stderr));
    kill(Pid::from_raw(i32::try_from(witness.child.id()).expect("a pid")), Signal::SIGTERM).expect("SIGTERM");
    assert_eq!(witness.child.wait().expect("it ends").code(), Some(0));

    let elsewhere = memory.path().join("elsewhere");
    std::fs::copy(data.join("key"), &elsewhere).expect("copied");
    let shown = elsewhere.to_str().expect("UTF-8");
    let again = run(&memory.path().join("other"), &["--print-key", "--key", shown]);
    assert_eq!(String::from_utf8_lossy(&again.stdout), printed);
    std::fs::set_permissions(&elsewhere, std::fs::Permissions::from_mode(0o644)).expect("chmod");
    assert_eq!(run(&data, &["--print-key", "--key", shown]).status.code(), Some(2));
}

#[test]
fn wrong_logs_are_told_with_their_place() {
    let memory = temporary();
    let file = memory.path().join("logs");
    let shown = file.to_str().expect("UTF-8");
    let listen = ["--listen", "127.0.0.1:0"];
    for (text, why) in [
        ("# none\n\n".to_owned(), "there is no log to witness".to_owned()),
        (format!("# one\n{}\nx\n", log_key()), format!("{shown}:3: x: a key is written NAME+ID+KEY")),
    ] {
        std::fs::write(&file, text).expect("written");
        let output = run(memory.path(), &[&listen[..], &["--logs", shown]].concat());
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(2) && said.contains(&why), "{said}");
    }
    assert_eq!(run(memory.path(), &[&listen[..], &["--log", "x"]].concat()).status.code(), Some(2));
    assert_eq!(run(memory.path(), &listen).status.code(), Some(2));
}

/// A witness that always answers so. Ends with the process.
fn liar(answer: Vec<u8>) -> config::Witness {
    let listener = TcpListener::bind("127.0.0.1:0").expect("bind");
    let url = format!("http://{}", listener.local_addr().expect("bound"));
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut chunk = [0; 16 * 1024];
            // The request is small: its end comes with its start, or soon after.
            while stream.read(&mut chunk).is_ok_and(|count| count > 0 && !chunk[..count].ends_with(b"=\n")) {}
            let _ = stream.write_all(&answer);
            // Silence is kept open.
            if answer.is_empty() {
                std::thread::sleep(Duration::from_secs(60));
            }
        }
    });
    config::Witness { url, key: some_key("liar.example") }
}

fn some_key(name: &str) -> VerifyingKey {
    let name = KeyName::parse(name).expect("a name");
    refgate::tlog::Cosigner::from_seed(name, &[9; 32]).verifying_key().clone()
}

fn http(status: u16, headers: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 {status} x\r\n{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}").into_bytes()
}

#[test]
fn a_witness_that_lies_gets_nowhere() {
    let memory = temporary();
    let honest = Process::start(memory.path());
    let (_data, log) = grown(3, "entry");
    let elsewhere = http(307, &format!("Location: http://{}/add-checkpoint\r\n", honest.address), "");
    let size = "Content-Type: text/x.tlog.size\r\n";
    // A signature line of this length, of nobody.
    let line = |length: usize| {
        let name = "n".repeat(4 + (length - "\u{2014}  \n".len()) % 4);
        let left = length - format!("\u{2014} {name} \n").len();
        format!("\u{2014} {name} {}\n", "AAAA".repeat(left / 4))
    };
    let forged = format!("\u{2014} liar.example {}\n", "AAAA".repeat(25));
    for (answer, expected) in [
        (elsewhere, "it answers 307"),
        (http(500, "", ""), "it answers 500"),
        (http(403, "", ""), "it answers 403"),
        (http(422, "", ""), "it has signed a tree that this one does not extend"),
        (http(200, "", ""), "its answer: a signature line is not of the form"),
        (http(200, "", &forged), "its answer has no cosignature of its key"),
        (http(200, "", &line(ANSWER_LENGTH_MAX)), "its answer has no cosignature of its key"),
        (http(200, "", &line(ANSWER_LENGTH_MAX + 1)), "its answer: the note is longer"),
        (http(409, "", "2\n"), "it says Conflict and not of which size"),
        (http(409, size, "two\n"), "it says Conflict and not of which size"),
        (http(409, size, "0\n"), "it has signed another tree of this size"),
        (http(409, size, "2\n"), "it has signed another tree of this size"),
        (http(409, size, "4\n"), "it has signed a tree of 4 entries"),
        (b"HTTP/1.1 200 x\r\nContent-Length: 9\r\n\r\nx".to_vec(), "the answer ended early"),
        (format!("HTTP/1.1 200 x\r\nX: {}\r\n\r\n", "x".repeat(17 * 1024)).into_bytes(), "no answer"),
        (b"SSH-2.0-x\r\n".to_vec(), "no answer"),
    ] {
        let liar = liar(answer.clone());
        let error = only(cosign(&[liar], &log.reader(), &mut KnownSizes::default())).expect_err("refused").to_string();
        assert!(error.starts_with(expected), "{error}: {}", String::from_utf8_lossy(&answer));
    }
}

#[test]
fn one_that_is_silent_or_gone_does_not_hold_up_the_others() {
    let memory = temporary();
    let honest = Process::start(memory.path());
    let (_data, log) = grown(3, "entry");
    let gone = config::Witness { url: "http://127.0.0.1:1".to_owned(), key: some_key("gone.example") };
    let start = Instant::now();
    let asked = [liar(Vec::new()), honest.settings(), gone, liar(Vec::new())];
    let cosigned = cosign(&asked, &log.reader(), &mut KnownSizes::default());
    assert!(start.elapsed() < Duration::from_secs(9), "{:?}", start.elapsed());
    let failed: Vec<_> = cosigned.failures.iter().map(|(name, error)| (name.as_str(), error.is_fork())).collect();
    assert_eq!(failed, [("liar.example", false), ("gone.example", false), ("liar.example", false)]);
    assert!(cosigned_at(cosigned.checkpoint.note(), &honest.key).is_ok());
    // Nobody asked is nobody failing.
    let alone = cosign(&[], &log.reader(), &mut KnownSizes::default());
    assert!(alone.failures.is_empty() && alone.checkpoint == *log.checkpoint());
}
