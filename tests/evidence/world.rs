//! A repository as CI sees it: an origin with a branch and notes, a shallow clone, and a trust file.

use crate::support::{git, git_command, git_with, init_bare, try_git};
use refgate::evidence::{
    Actor, AllowedSigner, ApprovalDigest, Changeset, Continuity, Decision, DecisionId, Evaluation, Gate, GateKey,
    History, NotProven, Outcome, Paths, PolicyMode, PolicyUsed, Previous, Proven, PublishedKey, Question, RefControls,
    RefHistory, ResourceUri, RuleResult, Sha256Digest, Subject, Summary, Trust, TrustedVerifier, UpdatedRef,
    sign_commit, verify,
};
use refgate::model::{ObjectId, PrincipalKind, PrincipalName, PushId, RefName, RepoName};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::Duration;

pub const RESOURCE: &str = "git+ssh://gate.example/app";
pub const VERIFIER: &str = "https://gate.example/refgate/v0";
pub const MAIN: &str = "refs/heads/main";

/// Signs statements, in the trust file.
pub const K_ATT: u8 = 1;
/// Signs notes.
pub const K_GIT: u8 = 2;
/// Nobody's.
pub const FOREIGN: u8 = 3;

pub fn key(seed: u8) -> GateKey {
    GateKey::from_seed(&[seed; 32])
}

pub struct World {
    dir: tempfile::TempDir,
    pub origin: PathBuf,
    pub clone: PathBuf,
    /// The tip of main, and the one before it.
    pub tip: String,
    pub before: String,
    pub now: jiff::Timestamp,
}

/// What is asked of both verifiers.
pub struct Asked<'a> {
    pub ref_name: &'a str,
    pub commit: &'a str,
    pub age_max_s: Option<u64>,
}

impl World {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let origin = init_bare(dir.path().join("origin.git"));
        let before = crate::support::commit(&origin, None, "a", "1\n");
        let tip = crate::support::commit(&origin, Some(&before), "a", "2\n");
        git(&origin, &["update-ref", MAIN, &tip]);
        let clone = dir.path().join("clone");
        let url = format!("file://{}", origin.display());
        git(dir.path(), &["clone", "-q", "--depth=2", &url, "clone"]);
        let now = jiff::Timestamp::now();
        Self { dir, origin, clone, tip, before, now }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// An agent's push of the tip to main, accepted ten minutes ago.
    pub fn decision(&self) -> Decision {
        let name = |name| PrincipalName::parse(name).expect("a name");
        let evaluation = Evaluation {
            rule: "ci-files".to_owned(),
            result: RuleResult::Pass,
            paths: Paths::Listed(vec!["grün".into()]),
            evidence: None,
        };
        let decided = self.now - Duration::from_secs(600);
        Decision {
            gate: Gate {
                domain: "gate.example".to_owned(),
                verifier_id: VERIFIER.to_owned(),
                version: "0.1.0".to_owned(),
                build: None,
            },
            id: DecisionId::generate(),
            push: PushId::generate(),
            outcome: Outcome::Approved,
            resource: ResourceUri::parse(RESOURCE).expect("a URI"),
            subject: Subject {
                commit: id(&self.tip),
                tree: Some(self.tree(&self.tip)),
                tag: None,
                ref_name: ref_name(MAIN),
            },
            update: UpdatedRef { old: Some(id(&self.before)), new: Some(id(&self.tip)), history: History::Kept },
            actor: Some(Actor {
                name: name("claude-1"),
                kind: PrincipalKind::Agent,
                key_fingerprint: key(7).public().to_string(),
                on_behalf_of: None,
            }),
            push_cert: None,
            client_claims: BTreeMap::new(),
            policy: PolicyUsed {
                uri: "git+ssh://gate.example/policy".to_owned(),
                digest: Sha256Digest::of(b"policy"),
                commit: None,
                mode: PolicyMode::Enforce,
            },
            evaluations: vec![evaluation],
            changeset: Some(Changeset { digest: Sha256Digest::of(b""), files: 1, added_lines: 1, deleted_lines: 1 }),
            approvals: vec![ApprovalDigest {
                statement: Sha256Digest::of(b"approval"),
                approver: name("dana"),
                key_fingerprint: key(8).public().to_string(),
            }],
            previous: Previous { ref_index: None, repo_seq: 1 },
            record: None,
            received: decided,
            decided,
        }
    }

    pub fn trust(&self) -> Trust {
        let published = |seed| PublishedKey {
            key: key(seed).public(),
            valid_after: self.now - Duration::from_secs(3600),
            valid_before: None,
        };
        Trust {
            verifiers: vec![TrustedVerifier::new(VERIFIER, &published(K_ATT))],
            repos: BTreeMap::from([(
                RepoName::parse("app").expect("a name"),
                ResourceUri::parse(RESOURCE).expect("a URI"),
            )]),
            allowed_signers: vec![AllowedSigner::of_notes("gate@gate.example", &published(K_GIT))],
            log: None,
        }
    }

    pub fn tree(&self, commit: &str) -> ObjectId {
        id(&git(&self.origin, &["rev-parse", &format!("{commit}^{{tree}}")]))
    }

    /// Makes the note of the tip, with the signature of this key; a commit of the origin's `refs/notes/refgate`.
    pub fn publish(&self, lines: &[String], signer: u8, fan_out: &str) -> String {
        let mut object = self.note(lines);
        let mut entry = format!("100644 blob {object}\t{}", self.tip.replacen(&fan_out.replace('/', ""), "", 1));
        for part in fan_out.split('/').filter(|part| !part.is_empty()).rev() {
            object = git_with(&self.origin, &["mktree"], &format!("{entry}\n"));
            entry = format!("040000 tree {object}\t{part}");
        }
        self.publish_tree(&format!("{entry}\n"), signer)
    }

    fn note(&self, lines: &[String]) -> String {
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        git_with(&self.origin, &["hash-object", "-w", "--stdin"], &text)
    }

    /// Makes the notes of several commits.
    pub fn publish_all(&self, notes: &BTreeMap<String, Vec<String>>) {
        let entry = |(commit, lines): (&String, &Vec<String>)| format!("100644 blob {}\t{commit}\n", self.note(lines));
        self.publish_tree(&notes.iter().map(entry).collect::<String>(), K_GIT);
    }

    fn publish_tree(&self, entries: &str, signer: u8) -> String {
        let tree = git_with(&self.origin, &["mktree"], entries);
        let unsigned = git(&self.origin, &["commit-tree", "-m", "refgate", &tree]);
        let bytes = try_git(&self.origin, &["cat-file", "commit", &unsigned], "").stdout;
        let signed = String::from_utf8(sign_commit(&bytes, &key(signer)).expect("signed")).expect("UTF-8");
        let signed = git_with(&self.origin, &["hash-object", "-t", "commit", "-w", "--stdin"], &signed);
        git(&self.origin, &["update-ref", "refs/notes/refgate", &signed]);
        signed
    }

    pub fn ours(&self, trust: &Trust, lines: &[String], asked: &Asked<'_>) -> Result<Proven, NotProven> {
        // As it is read from the file that CI has.
        let trust = Trust::parse("refgate.trust", &trust.to_toml()).unwrap_or_else(|error| panic!("{error}"));
        let question = Question {
            resource: trust.resource(None).expect("one repository"),
            ref_name: &ref_name(asked.ref_name),
            commit: id(asked.commit),
            tree: self.tree(asked.commit),
            now: self.now,
            age_max: asked.age_max_s.map(Duration::from_secs),
        };
        verify(&trust, lines.join("\n").as_bytes(), &question)
    }

    /// The program in the clone, with the notes as the origin has them now.
    pub fn program(&self, trust: &Trust, asked: &Asked<'_>) -> Output {
        let notes = "+refs/notes/refgate:refs/notes/refgate";
        git(&self.clone, &["fetch", "-q", "--depth=1", "origin", notes]);
        let age = asked.age_max_s.map(|age| age.to_string());
        let mut arguments = vec!["--ref", asked.ref_name, asked.commit];
        arguments.extend(age.iter().flat_map(|age| ["--max-age", age]));
        self.refgate(&self.clone, &trust.to_toml(), &arguments)
    }

    /// `refgate verify` in a repository, with this trust file.
    pub fn refgate(&self, repo: &Path, trust: &str, arguments: &[&str]) -> Output {
        let file = self.path("refgate.trust");
        std::fs::write(&file, trust).expect("write");
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_refgate"));
        // No program is there to be started.
        command.env_clear().arg("verify").arg("-C").arg(repo).arg("--trust").arg(&file);
        command.args(arguments).output().expect("refgate runs")
    }

    pub fn script(&self, trust: &Trust, asked: &Asked<'_>) -> Output {
        let file = self.path("refgate.trust.json");
        std::fs::write(&file, trust.to_json()).expect("write");
        let mut command = git_command(&self.clone);
        // Only the variables are wanted.
        let variables: Vec<_> = command.get_envs().map(|(k, v)| (k.to_owned(), v.map(ToOwned::to_owned))).collect();
        command = std::process::Command::new("sh");
        command.current_dir(&self.clone).env_clear();
        command.envs(variables.into_iter().filter_map(|(name, value)| Some((name, value?))));
        command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/ci/verify.sh"));
        command.arg("--trust").arg(&file).args(["--ref", asked.ref_name]);
        command.args(asked.age_max_s.iter().flat_map(|age| ["--max-age".to_owned(), age.to_string()]));
        command.arg(asked.commit).output().expect("sh runs")
    }
}

/// The lines of the note: decision, then summary.
pub fn lines(decision: &Decision) -> Vec<String> {
    lines_of(decision, &key(K_ATT))
}

/// The same, signed by this key.
pub fn lines_of(decision: &Decision, key: &GateKey) -> Vec<String> {
    let line = decision.sign(key).expect("a line");
    let controls = RefControls { continuity: Continuity::Unbroken, history: RefHistory::Protected };
    let summary = Summary::new(decision, &line, controls).expect("a summary").sign(key).expect("a line");
    vec![line.to_string(), summary.to_string()]
}

pub fn id(hex: &str) -> ObjectId {
    ObjectId::from_hex(hex.as_bytes()).expect("hex")
}

pub fn ref_name(name: &str) -> RefName {
    RefName::parse(name.as_bytes()).expect("a ref")
}
