//! Measures evidence at size: `evidence_bench [DECISIONS [DIRECTORY]]`.
//!
//! Writes decisions to a store with its log, as many pushes at once and one by one; puts their notes into a repository, a
//! commit for every few, and fetches those at depth 1, when one more note would begin the tree anew and at the end. What
//! it made stays in DIRECTORY, if one is given: `tests/bench/evidence-at-size` starts a gate there.

use refgate::evidence::*;
use refgate::git::notes::{self, Addition, Base, Committer};
use refgate::git::notes_kept::Worth;
use refgate::git::{ObjectStore, Objects};
use refgate::model::{ObjectId, PrincipalKind, PrincipalName, Purpose, PushId, RefName, RepoName};
use refgate::record::{ClientAgent, DecisionEntry, Mode, UpdateEntry, Verdict};
use refgate::store::{Notary, Store};
use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Instant;

/// As a gate is called without settings.
const DOMAIN: &str = "localhost";
const THREADS: u64 = 32;
const SINGLE: u64 = 200;
const NOTES_A_COMMIT: u64 = 20;
/// As the gate has it.
const NOTES_MAX: usize = 4096;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let count: u64 = arguments.next().map_or(Ok(100_000), |number| number.parse())?;
    let mut place = tempfile::tempdir()?;
    if let Some(dir) = arguments.next() {
        std::fs::create_dir_all(&dir)?;
        place = tempfile::Builder::new().prefix("data-").disable_cleanup(true).tempdir_in(dir)?;
    }
    println!("in {}", place.path().display());
    let now = jiff::Timestamp::now();
    let identity = Identity::new(DOMAIN);
    let keys = Arc::new(Keys::open(&place.path().join("keys"), now)?);
    let notary = Notary::new(place.path(), &identity, Arc::clone(&keys), now)?;

    let store = Store::open_with(place.path(), Some(notary.clone()))?;
    let start = Instant::now();
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let store = store.clone();
            scope.spawn(move || (thread..count).step_by(THREADS as usize).for_each(|n| write(&store, n, now)));
        }
    });
    println!("{count} decisions by {THREADS} pushes at once: {:?}", start.elapsed());
    let start = Instant::now();
    (count..count + SINGLE).for_each(|n| write(&store, n, now));
    println!("one decision, of {SINGLE}: {:?}", start.elapsed() / SINGLE as u32);
    drop(store);
    let start = Instant::now();
    let store = Store::open_with(place.path(), Some(notary))?;
    println!("open the store and the log: {:?}", start.elapsed());
    let start = Instant::now();
    store.verify(None)?.map_err(|broken| broken.to_string())?;
    println!("verify the whole record: {:?}", start.elapsed());
    println!("store {}, log {}", size(&place.path().join("store")), size(&place.path().join("log")));

    let repository = place.path().join("notes.git");
    git(&["init", "-q", "--bare", &repository.display().to_string()])?;
    let objects_dir = repository.join("objects");
    let key = keys.at(KeyPurpose::Notes, now)?;
    let signer = keys.at(KeyPurpose::Statements, now)?;
    let (mut tip, mut making) = (None::<ObjectId>, std::time::Duration::ZERO);
    let commits = count.div_ceil(NOTES_A_COMMIT);
    for at in 0..commits {
        let numbers = at * NOTES_A_COMMIT..((at + 1) * NOTES_A_COMMIT).min(count);
        let mut additions = Vec::new();
        for n in numbers {
            let decision = decision(n, now);
            let line = decision.sign(signer)?;
            let controls = RefControls { continuity: Continuity::Unbroken, history: RefHistory::Protected };
            let summary = Summary::new(&decision, &line, controls)?.sign(signer)?;
            additions.push(Addition { commit: id(n), lines: vec![line.to_string(), summary.to_string()] });
        }
        let start = Instant::now();
        let objects = Objects::new(None, &ObjectStore::open(&objects_dir)?);
        let base = Base { tree_of: tip, parents: tip.into_iter().collect() };
        let by = Committer { name: "refgate", email: "refgate@localhost", time_s: now.as_second() };
        let sign = |commit: &[u8]| {
            sign_commit(commit, key).map_err(|e| refgate::git::ReadError::Open(std::io::Error::other(e)))
        };
        let (commit, made) = notes::commit(&objects, &base, &additions, (by, NOTES_MAX, &Worth::NONE), sign)?;
        made.store(&objects_dir)?;
        making += start.elapsed();
        tip = Some(commit);
        let is_largest =
            (at + 1) * NOTES_A_COMMIT + NOTES_A_COMMIT > NOTES_MAX as u64 && at < NOTES_MAX as u64 / NOTES_A_COMMIT;
        if at % 500 == 499 || at + 1 == commits || is_largest {
            git(&["-C", &repository.display().to_string(), "update-ref", "refs/notes/refgate", &commit.to_string()])?;
            git(&["-C", &repository.display().to_string(), "repack", "-adq"])?;
        }
        if is_largest {
            fetch(&repository, &format!("{} notes", (at + 1) * NOTES_A_COMMIT))?;
        }
    }
    println!("one notes commit of {NOTES_A_COMMIT} notes: {:?}", making / commits as u32);
    println!("the notes ref with all its history: {}", size(&objects_dir));
    fetch(&repository, "all of them")
}

fn fetch(repository: &Path, what: &str) -> Result<(), Box<dyn Error>> {
    let place = tempfile::tempdir()?;
    let clone = place.path().display().to_string();
    git(&["init", "-q", &clone])?;
    let start = Instant::now();
    let url = format!("file://{}", repository.display());
    git(&["-C", &clone, "fetch", "-q", "--depth=1", &url, "refs/notes/refgate"])?;
    println!("fetch of depth 1 after {what}: {:?}, {}", start.elapsed(), size(&place.path().join(".git/objects")));
    Ok(())
}

fn write(store: &Store, n: u64, now: jiff::Timestamp) {
    let decision = decision(n, now);
    let entry = DecisionEntry {
        push: decision.push,
        time: now,
        repo: RepoName::parse("app").expect("a name"),
        principal: name(),
        principal_kind: PrincipalKind::Agent,
        key: "SHA256:x".to_owned(),
        peer: None,
        policy: "00".to_owned(),
        mode: Mode::Enforce,
        updates: vec![UpdateEntry {
            name: decision.subject.ref_name.clone(),
            old: decision.update.old,
            new: decision.update.new,
            kind: None,
        }],
        commits: 1,
        pack_bytes: 1,
        objects: 3,
        decision: Verdict::Refuse,
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
    store.decided_over(&entry, vec![decision], Vec::new(), Vec::new()).expect("written");
}

fn name() -> PrincipalName {
    PrincipalName::parse("claude-1").expect("a name")
}

/// As good as any commit's: spread over all directories.
fn id(n: u64) -> ObjectId {
    let digest = Sha256Digest::of(&n.to_be_bytes());
    ObjectId::from_hex(&digest.to_string().as_bytes()[..40]).expect("hex")
}

fn decision(n: u64, now: jiff::Timestamp) -> Decision {
    let evaluation = |rule: &str| Evaluation {
        rule: rule.to_owned(),
        result: RuleResult::Pass,
        paths: Paths::Listed(Vec::new()),
        evidence: None,
    };
    Decision {
        gate: Gate {
            domain: DOMAIN.to_owned(),
            verifier_id: format!("https://{DOMAIN}/refgate/v0"),
            version: "0.1.0".to_owned(),
            build: Some(Sha256Digest::of(b"build")),
        },
        id: DecisionId::generate(),
        push: PushId::generate(),
        outcome: Outcome::Accepted,
        resource: ResourceUri::parse("git+ssh://localhost/app").expect("a URI"),
        subject: Subject {
            commit: id(n),
            tree: Some(id(n + 1)),
            tag: None,
            ref_name: RefName::parse(b"refs/heads/agent/claude-1/topic").expect("a ref"),
        },
        update: UpdatedRef { old: n.checked_sub(1).map(id), new: Some(id(n)), history: History::Kept },
        actor: Some(Actor {
            name: name(),
            kind: PrincipalKind::Agent,
            key_fingerprint: "SHA256:0000000000000000000000000000000000000000000".to_owned(),
            on_behalf_of: None,
        }),
        push_cert: None,
        client_claims: BTreeMap::from([("agent".to_owned(), "git/2.47.3-Linux".into())]),
        policy: PolicyUsed {
            uri: format!("https://{DOMAIN}/policy"),
            digest: Sha256Digest::of(b"policy"),
            commit: None,
            mode: PolicyMode::Enforce,
        },
        evaluations: ["ci-files", "secrets", "manifests", "sizes", "names", "identity"].map(evaluation).to_vec(),
        changeset: Some(Changeset { digest: Sha256Digest::of(b""), files: 1, added_lines: 1, deleted_lines: 1 }),
        approvals: Vec::new(),
        previous: Previous { ref_index: None, repo_seq: 0 },
        record: None,
        received: now,
        decided: now,
    }
}

fn git(arguments: &[&str]) -> Result<(), Box<dyn Error>> {
    let status = Command::new("git").args(arguments).status()?;
    if status.success() { Ok(()) } else { Err(format!("git {arguments:?}: {status}").into()) }
}

/// Bytes of all files below.
fn size(dir: &Path) -> String {
    fn bytes(dir: &Path) -> u64 {
        let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
        let of = |entry: std::fs::DirEntry| match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => bytes(&entry.path()),
            Ok(metadata) => metadata.len(),
            Err(_) => 0,
        };
        entries.map(of).sum()
    }
    format!("{:.1} MiB", bytes(dir) as f64 / f64::from(1 << 20))
}
