//! A gate's log with two witnesses, and a branch whose moves are in it: published in the origin as notes and log.

use crate::support::{commit, git, git_command};
use crate::world::{K_ATT, MAIN, World, id, key, lines};
use refgate::evidence::{Decision, History, Outcome, PolicyMode, Previous, Trust, TrustedLog, UpdatedRef};
use refgate::tlog::{
    AddCheckpoint, Cosigner, Hash, KeyName, Log, ProofFile, SignedCheckpoint, Signer, VerifyingKey, Witness,
    cosignature,
};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub const ORIGIN: &str = "gate.example/log/1";
const K_LOG: [u8; 32] = [20; 32];
pub const WITNESSES: [(&str, [u8; 32]); 2] = [("one.example", [21; 32]), ("two.example", [22; 32])];

pub type Files = BTreeMap<String, Vec<u8>>;

pub struct Ledger {
    pub world: World,
    pub log: Log,
    witnesses: Vec<Witness>,
    /// The lines of each commit's note.
    pub notes: BTreeMap<String, Vec<String>>,
    /// The decisions' lines with their indices.
    pub leaves: Vec<(String, u64)>,
    pub tip: Option<String>,
    last: Option<u64>,
    commits: u32,
}

pub fn name(text: &str) -> KeyName {
    KeyName::parse(text).expect("a name")
}

pub fn signer() -> Signer {
    Signer::from_seed(name(ORIGIN), &K_LOG)
}

fn witness_key((text, seed): &(&str, [u8; 32])) -> VerifyingKey {
    Cosigner::from_seed(name(text), seed).verifying_key().clone()
}

impl Ledger {
    pub fn new() -> Self {
        let world = World::new();
        let log = Log::create(&world.path("log"), signer()).expect("a log");
        let open = |(text, seed): &(&str, [u8; 32])| {
            let cosigner = Cosigner::from_seed(name(text), seed);
            Witness::open(&world.path(text), cosigner, vec![signer().verifying_key().clone()]).expect("a witness")
        };
        let witnesses = WITNESSES.iter().map(open).collect();
        Self { world, log, witnesses, notes: BTreeMap::new(), leaves: Vec::new(), tip: None, last: None, commits: 0 }
    }

    /// Three accepted moves of main, from its creation, published with all witnesses; and a clone.
    pub fn of_three() -> (Self, PathBuf) {
        let mut ledger = Self::new();
        (0..3).for_each(|_| drop(ledger.accept(|_| {})));
        ledger.publish(|_| {});
        let clone = ledger.clone();
        (ledger, clone)
    }

    /// A commit on top of the tip.
    fn next(&mut self) -> String {
        self.commits += 1;
        commit(&self.world.origin, self.tip.as_deref(), "a", &format!("{}\n", self.commits))
    }

    /// A decision on the next move of main.
    fn decision(&mut self, new: &str) -> Decision {
        let mut decision = self.world.decision();
        decision.decided += Duration::from_secs(self.leaves.len() as u64 + 1);
        decision.subject.commit = id(new);
        decision.subject.tree = Some(self.world.tree(new));
        decision.update = UpdatedRef { old: self.tip.as_deref().map(id), new: Some(id(new)), history: History::Kept };
        decision.previous = Previous { ref_index: self.last, repo_seq: self.leaves.len() as u64 + 1 };
        decision
    }

    /// The gate lets the next move of main through; the commit.
    pub fn accept(&mut self, change: impl FnOnce(&mut Decision)) -> String {
        let new = self.next();
        self.accept_to(&new, change);
        new
    }

    /// The same, to a commit that is there.
    pub fn accept_to(&mut self, new: &str, change: impl FnOnce(&mut Decision)) {
        let mut decision = self.decision(new);
        change(&mut decision);
        let lines = lines(&decision);
        self.enter(new, lines);
    }

    /// Main moves without the gate, which sees it.
    pub fn external(&mut self) -> String {
        let new = self.next();
        self.external_to(&new, |_| {});
        new
    }

    /// The same, to a commit that is there.
    pub fn external_to(&mut self, new: &str, change: impl FnOnce(&mut Decision)) {
        let mut decision = self.decision(new);
        change(&mut decision);
        decision.outcome = Outcome::ExternalUpdate;
        (decision.actor, decision.approvals) = (None, Vec::new());
        let line = decision.sign(&key(K_ATT)).expect("a line").to_string();
        self.enter(new, vec![line]);
    }

    /// Main moves by a push that the policy only observed.
    pub fn observed(&mut self) {
        let new = self.next();
        let mut decision = self.decision(&new);
        decision.policy.mode = PolicyMode::Monitor;
        let line = decision.sign(&key(K_ATT)).expect("a line").to_string();
        self.enter(&new, vec![line]);
    }

    fn enter(&mut self, new: &str, lines: Vec<String>) {
        let appended = self.log.append(&[&lines[0]]).expect("appended");
        self.leaves.push((lines[0].clone(), appended.first));
        self.last = Some(appended.first);
        self.notes.entry(new.to_owned()).or_default().extend(lines);
        self.tip = Some(new.to_owned());
        git(&self.world.origin, &["update-ref", MAIN, new]);
    }

    /// The newest checkpoint with the cosignatures of these witnesses, made some time ago.
    pub fn cosigned(&mut self, witnesses: &[usize], ago_s: u64) -> SignedCheckpoint {
        let mut cosigned = self.log.checkpoint().clone();
        let now_s = u64::try_from(self.world.now.as_second()).expect("past 1970") - ago_s;
        for at in witnesses {
            let ask = |witness: &mut Witness, old_size: u64| {
                let size = cosigned.checkpoint().size();
                let proof = self.log.reader().consistency(old_size, size).expect("a proof");
                let request = AddCheckpoint { old_size, proof, checkpoint: self.log.checkpoint().note().clone() };
                witness.add_checkpoint(request.to_string().as_bytes(), now_s).expect("an answer")
            };
            let mut answer = ask(&mut self.witnesses[*at], 0);
            if answer.status == 409 {
                answer = ask(&mut self.witnesses[*at], answer.body.trim().parse().expect("a size"));
            }
            let given = cosignature::parse_answer(answer.body.as_bytes()).expect("lines");
            let added = cosigned.add_cosignatures(&given, &[witness_key(&WITNESSES[*at])]);
            assert_eq!(added, Ok(1));
        }
        cosigned
    }

    /// The log as it is published: checkpoint, hash tiles and a proof of each decision.
    pub fn files(&self, checkpoint: &SignedCheckpoint) -> Files {
        let mut files = Files::from([("checkpoint".to_owned(), checkpoint.to_string().into_bytes())]);
        let mut directories = vec![self.world.path("log/tile")];
        while let Some(directory) = directories.pop() {
            for entry in std::fs::read_dir(directory).expect("a directory") {
                let path = entry.expect("an entry").path();
                let below = path.strip_prefix(self.world.path("log")).expect("below").display().to_string();
                match path.is_dir() {
                    true if below != "tile/entries" => directories.push(path),
                    true => {}
                    false => drop(files.insert(below, std::fs::read(&path).expect("read"))),
                }
            }
        }
        let size = checkpoint.checkpoint().size();
        for (line, index) in self.leaves.iter().filter(|(_, index)| *index < size) {
            let hashes = self.log.reader().inclusion(*index, size).expect("a proof");
            let file = ProofFile { extra: None, index: *index, hashes, checkpoint: checkpoint.note().clone() };
            files.insert(proof_path(line), file.to_string().into_bytes());
        }
        files
    }

    /// Publishes notes and log, with all witnesses.
    pub fn publish(&mut self, change: impl FnOnce(&mut Files)) {
        let checkpoint = self.cosigned(&[0, 1], 0);
        let mut files = self.files(&checkpoint);
        change(&mut files);
        self.publish_files(&files);
    }

    pub fn publish_files(&self, files: &Files) {
        self.world.publish_all(&self.notes);
        let (tree, index) = (self.world.path("published"), self.world.path("published.index"));
        let _ = (std::fs::remove_dir_all(&tree), std::fs::remove_file(&index));
        for (path, bytes) in files {
            let path = tree.join(path);
            std::fs::create_dir_all(path.parent().expect("above")).expect("a directory");
            std::fs::write(path, bytes).expect("write");
        }
        std::fs::create_dir_all(&tree).expect("a directory");
        let run = |arguments: &[&str]| {
            let mut command = git_command(&self.world.origin);
            command.arg("--git-dir").arg(&self.world.origin).arg("--work-tree").arg(&tree);
            let output = command.args(arguments).env("GIT_INDEX_FILE", &index).output().expect("git runs");
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            String::from_utf8(output.stdout).expect("UTF-8").trim().to_owned()
        };
        run(&["add", "-A", "."]);
        let commit = git(&self.world.origin, &["commit-tree", "-m", "log", &run(&["write-tree"])]);
        git(&self.world.origin, &["update-ref", "refs/refgate/log", &commit]);
    }

    /// A clone of depth 1, with notes and log.
    pub fn clone(&self) -> PathBuf {
        let clone = self.world.path(&format!("clone-{}", self.leaves.len()));
        let _ = std::fs::remove_dir_all(&clone);
        let url = format!("file://{}", self.world.origin.display());
        git(&self.world.origin, &["clone", "-q", "--depth=1", &url, clone.to_str().expect("UTF-8")]);
        self.fetch(&clone);
        clone
    }

    pub fn fetch(&self, clone: &Path) {
        let refs = ["+refs/notes/refgate:refs/notes/refgate", "+refs/refgate/log:refs/refgate/log"];
        git(clone, &[&["fetch", "-q", "--depth=1", "origin"], &refs[..]].concat());
    }

    /// Publishes other files of the log, and fetches them.
    pub fn show(&self, clone: &Path, files: &Files) {
        self.publish_files(files);
        self.fetch(clone);
    }

    /// Trusts the log if this many of the witnesses have seen it, from this checkpoint on.
    pub fn trust(&self, quorum: usize, minimum: Option<&SignedCheckpoint>) -> Trust {
        let mut policy = format!("log {}\n", signer().verifying_key());
        for witness in &WITNESSES {
            policy += &format!("witness {} {}\n", witness.0, witness_key(witness));
        }
        policy += &match quorum {
            0 => "quorum none\n".to_owned(),
            quorum => format!("group all-of-them {quorum} one.example two.example\nquorum all-of-them\n"),
        };
        let log = TrustedLog { policy, checkpoint: minimum.map(ToString::to_string) };
        Trust { log: Some(log), ..self.world.trust() }
    }

    /// What `refgate verify --json` says of the tip.
    pub fn ask(&self, clone: &Path, trust: &Trust, arguments: &[&str]) -> (i32, Value) {
        let arguments = [&["--json", "--ref", MAIN], arguments].concat();
        let output = self.world.refgate(clone, &trust.to_toml(), &arguments);
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let value = serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}{output:?}"));
        (output.status.code().expect("it ends"), value)
    }

    /// Exit status, reached level and reason.
    pub fn answer(&self, clone: &Path, trust: &Trust, arguments: &[&str]) -> (i32, String, String) {
        let (code, said) = self.ask(clone, trust, arguments);
        let word = |key: &str| said[key].as_str().unwrap_or("-").to_owned();
        (code, word("reached"), word("reason"))
    }
}

pub fn proof_path(line: &str) -> String {
    format!("proof/{}.tlog-proof", refgate::evidence::Sha256Digest::of(line.as_bytes()))
}

pub fn leaf(line: &str) -> Hash {
    Hash::of_leaf(line.as_bytes())
}

pub fn is(code: i32, reached: &str, reason: &str) -> (i32, String, String) {
    (code, reached.to_owned(), reason.to_owned())
}
