//! Mutations of good inputs, by a fixed seed and of a fixed number, to every function that reads hostile bytes. What
//! must hold is in `fuzz/targets`; `fuzz/README.md` says how to look further.

#[path = "../fuzz/targets/mod.rs"]
mod targets;

use refgate::wire::pkt_line;
use std::panic::{AssertUnwindSafe, catch_unwind};
use targets::{TARGETS, Target};

/// xorshift64*: the same numbers on every machine.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// Less than `end`, which is not zero.
    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() >> 33).expect("31 bits") % end
    }
}

/// Bytes and words that mean something to some parser.
const WORDS: [&[u8]; 42] = [
    b"\0",
    b"\n",
    b"\r\n",
    b" ",
    b"'",
    b"\\",
    b"\"",
    b"-",
    b"--",
    b"..",
    b"/",
    b"//",
    b".git",
    b".lock",
    b"~/",
    b"$(id)",
    b"0000",
    b"0001",
    b"0004",
    b"0003",
    b"fff0",
    b"ffff",
    b"\xff\xfe",
    b"\x1b[31m",
    b"\xe2\x80\xae",
    b"\xcc\x81",
    b"=",
    b"[",
    b"]]",
    b"{",
    b"}",
    b"#",
    b"!",
    b"**",
    b"refs/heads/",
    b"9223372036854775808",
    b"-1",
    b"\"\\u001b\"",
    b"\\u202e",
    b"40000 ",
    b"160000 ",
    b"0000000000000000000000000000000000000000",
];

fn mutate(numbers: &mut Numbers, seeds: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = seeds[numbers.below(seeds.len())].clone();
    for _ in 0..=numbers.below(4) {
        let at = numbers.below(bytes.len() + 1);
        let end = (at + 1 + numbers.below(16)).min(bytes.len());
        match numbers.below(8) {
            0 if at < bytes.len() => bytes[at] ^= 1 << numbers.below(8),
            1 if at < bytes.len() => bytes[at] = u8::try_from(numbers.below(256)).expect("a byte"),
            2 => drop(bytes.splice(at..at, WORDS[numbers.below(WORDS.len())].iter().copied())),
            3 => drop(bytes.splice(at..end, WORDS[numbers.below(WORDS.len())].iter().copied())),
            4 => drop(bytes.drain(at..end)),
            5 => {
                let part = bytes[at..end].to_vec();
                let times = 1 + numbers.below(20);
                drop(bytes.splice(at..at, part.repeat(times)));
            }
            6 => bytes.truncate(at),
            _ => {
                let other = &seeds[numbers.below(seeds.len())];
                let from = numbers.below(other.len() + 1);
                bytes.truncate(at);
                bytes.extend_from_slice(&other[from..]);
            }
        }
    }
    bytes
}

fn packets(lines: &[&str]) -> Vec<u8> {
    let mut bytes = Vec::new();
    lines.iter().for_each(|line| pkt_line::write(&mut bytes, line.as_bytes()).expect("short"));
    bytes.extend_from_slice(b"0000");
    bytes
}

const A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const ZERO: &str = "0000000000000000000000000000000000000000";

const POLICY: &str = r#"
[agent.claude-1]
principals = ["claude-1"]
sponsor = "dana"
[human.dana]
principals = ["dana"]
emails = ["dana@example.com"]
[group]
owners = ["dana"]
[[grant]]
to = ["claude-*"]
repo = ["app", "team/**"]
refs = ["refs/heads/agent/{principal}/**"]
allow = ["create", "update", "rewind", "delete"]
write = ["src/**", "!src/secret/**"]
read = ["refs/heads/**"]
until = 2027-01-01T00:00:00Z
quota = { pushes = "60/hour", bytes = "200 MiB/day" }
[repo.app]
mode = "observe"
[rule.x]
kind = "path"
match = [".github/**", "Makefile"]
then = "hold"
approvers = ["owners"]
[rule.y]
kind = "size"
bytes_max = "5 MiB"
then = "refuse"
[rule.z]
kind = "entry-name"
what = ["bidi", "case-twin"]
length_max = 200
then = "warn"
"#;

const CONFIG: &str = r#"
listen = ["0.0.0.0:2222", "[::]:2222"]
data = "data"
policy = "policy.toml"
public_address = "gate.example.com:2222"
[repo.app]
upstream = "git@example.com:acme/app.git"
identity = "keys/app"
known_hosts = "keys/known_hosts"
trusted = ["refs/heads/main"]
[repo.web]
upstream = "https://example.com/web.git"
token = { env = "TOKEN" }
stale_fetch = "5 min"
[limits]
pack_bytes_max = "1 GiB"
idle_time_max = "5 min"
"#;

const LOG_KEY: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
/// The same key as a witness's: the mutations need not find its id.
const WITNESS_KEY: &str = "w+4941c6fd+BBpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
const TREE_HASH: &str = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=";
const CHECKPOINT: &str = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n\
    — example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n";
const COSIGNATURE: &str = "— witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n";

fn seeds(target: &str) -> Vec<Vec<u8>> {
    let bytes = |texts: &[&str]| texts.iter().map(|text| text.as_bytes().to_vec()).collect::<Vec<_>>();
    let create = format!("{ZERO} {A} refs/heads/x\0 report-status-v2 side-band-64k push-options agent=git/2.47.3");
    match target {
        "pkt_line" => vec![
            packets(&["hello\n", "", "\u{1}data", "\u{2}progress"]),
            b"000000010002".to_vec(),
            b"0006\x02x0009\x01data0000".to_vec(),
        ],
        "commands" => {
            let (delete, update) = (format!("{A} {ZERO} refs/heads/y\n"), format!("{A} {A} refs/tags/v1"));
            let options = packets(&["option", "ci.skip"]);
            vec![
                [packets(&[&create, &delete, &update]), options].concat(),
                packets(&[&format!("shallow {A}"), &create]),
                packets(&["push-cert\0 report-status"]),
                packets(&[
                    "push-cert\0 report-status",
                    "certificate version 0.1\n",
                    "pusher SHA256:x 1700000000 +0000\n",
                    "pushee ssh://gate/app\n",
                    "nonce 1-2-3\n",
                    "push-option a\n",
                    "\n",
                    &format!("{A} {ZERO} refs/heads/y\n"),
                    "-----BEGIN SSH SIGNATURE-----\n",
                    "push-cert-end\n",
                ]),
            ]
        }
        "exec_line" => bytes(&[
            "git-receive-pack '/team/app.git'",
            "git upload-pack 'app'",
            "git-upload-pack ~/app",
            "git-upload-pack 'a'\\''b'",
            "help",
            "whoami",
            "version=2:foo=bar",
        ]),
        "policy" => bytes(&[POLICY, include_str!("../deploy/policy.toml")]),
        "config" => bytes(&[CONFIG, include_str!("../deploy/refgate.toml")]),
        "evidence" => {
            let key = refgate::evidence::GateKey::from_seed(&[1; 32]);
            let statement = |kind: &str| {
                let frame =
                    r#"{"_type":"https://in-toto.io/Statement/v1","subject":[],"predicate":{},"predicateType":"#;
                let text = format!("{frame}\"{kind}\"}}");
                refgate::evidence::Envelope::sign(text.as_bytes(), &key).expect("short").to_string()
            };
            let note = format!("{}\n{}", statement("x"), statement("https://slsa.dev/verification_summary/v1"));
            let commit = format!("tree {A}\nauthor A <a@b> 1 +0000\ncommitter A <a@b> 1 +0000\n\nm\n");
            let signers = "a@b,*@c valid-after=20260102Z,namespaces=\"git,x\" ssh-ed25519 \
                           AAAAC3NzaC1lZDI1NTE5AAAAIBm/RAlphM3+hUG6wWfcO5bIUIaqMLa2ywxcOK1wMWbh c\n";
            let pem = key.public().to_pem();
            bytes(&[&note, &statement("x"), &commit, signers, &pem, targets::EVIDENCE_TRUST])
        }
        "advertisement" => vec![
            packets(&[
                &format!("{A} refs/heads/x\0report-status object-format=sha1"),
                &format!("{A} refs/tags/v1^{{}}"),
            ]),
            packets(&["version 1", &format!("{ZERO} capabilities^{{}}\0atomic"), &format!("shallow {A}")]),
            packets(&["ERR no such repository\n"]),
        ],
        "report" => vec![
            packets(&["unpack ok\n", "ok refs/heads/x\n", "option refname refs/heads/y\n", "option forced-update\n"]),
            packets(&["unpack bad pack\n", "ng refs/heads/x fetch first\n", &format!("ok refs/a\noption old-oid {A}")]),
            packets(&["unpack ok\nmore\n", "ok refs/heads/x\n"]),
            packets(&["unpack ok\n", "ok refs/heads/x\n", "ok refs/heads/x\n", &format!("option new-oid {A}\n")]),
        ],
        "names" => {
            bytes(&["refs/heads/agent/claude-1/x", "refs/tags/v1.0", "refs/heads/grün\u{202e}", "a\x1b\u{200b}\n"])
        }
        "objects" => {
            let who = "A U Thor <a@example.com> 1700000000 +0100";
            let commit = format!("tree {A}\nparent {A}\nauthor {who}\ncommitter {who}\nencoding latin1\n\nmessage\n");
            let tag = format!("object {A}\ntype commit\ntag v1\ntagger {who}\n\nmessage\n");
            let mut tree = b"100644 .gitmodules\0".to_vec();
            tree.extend([0xaa; 20]);
            tree.extend(b"40000 src\0".iter().copied().chain([0xbb; 20]));
            let modules =
                b"[submodule \"x\"]\n\tpath = lib/x\n\turl = https://example.com/x.git\n\tupdate = none\n".to_vec();
            vec![commit.into_bytes(), tag.into_bytes(), tree, modules, b"*.png binary -diff\n# x\n".to_vec()]
        }
        "note" => bytes(&[CHECKPOINT, COSIGNATURE]),
        "vkey" => bytes(&[LOG_KEY, WITNESS_KEY]),
        "trust_policy" => {
            let log = format!("# who\nlog {LOG_KEY} https://log.example\n\n");
            let witness = "w+c5b4ae66+BAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
            bytes(&[
                &format!("{log}quorum none\n"),
                &format!("log {LOG_KEY}\n\twitness w {witness}\ngroup g any w\nquorum g\n"),
            ])
        }
        "proof_file" => {
            let hashes = format!("{TREE_HASH}\n{TREE_HASH}\n");
            let head = "c2sp.org/tlog-proof@v1\n";
            bytes(&[
                &format!("{head}extra AAAA\nindex 7\n{hashes}\n{CHECKPOINT}"),
                &format!("{head}index 0\n\n{CHECKPOINT}"),
            ])
        }
        "add_checkpoint" => {
            bytes(&[&format!("old 3\n{TREE_HASH}\n\n{CHECKPOINT}"), &format!("old 0\n\n{CHECKPOINT}{COSIGNATURE}")])
        }
        "tile" => vec![
            b"tile/0/x001/x234/067.p/12".to_vec(),
            b"tile/entries/000.p/255".to_vec(),
            b"\0\x03one\0\0\0\x01x".to_vec(),
        ],
        other => panic!("{other} has no seeds"),
    }
}

/// Runs one target so many times, or `FUZZ_TIMES` as often; a failure shows its input.
fn run(name: &str, times: usize) {
    let more = std::env::var("FUZZ_TIMES").ok().and_then(|times| times.parse::<usize>().ok()).unwrap_or(1);
    let times = times.saturating_mul(more);
    let (_, target): (_, Target) = *TARGETS.iter().find(|(known, _)| *known == name).expect("a target");
    let seeds = seeds(name);
    let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
    let inputs = seeds.clone().into_iter().chain(std::iter::repeat_with(|| mutate(&mut numbers, &seeds)).take(times));
    for (n, input) in inputs.enumerate() {
        if catch_unwind(AssertUnwindSafe(|| target(&input))).is_err() {
            panic!("{name} failed on input {n}: b\"{}\"", input.escape_ascii());
        }
    }
}

#[test]
fn each_target_has_a_file_for_cargo_fuzz() {
    let manifest = include_str!("../fuzz/Cargo.toml");
    for (name, _) in TARGETS {
        assert!(manifest.contains(&format!("name = \"{name}\"")), "{name}");
        let file = format!("{}/fuzz/fuzz_targets/{name}.rs", env!("CARGO_MANIFEST_DIR"));
        assert!(std::fs::read_to_string(file).expect("a file").contains(&format!("targets::{name}(data)")));
    }
}

#[test]
fn packets_and_names() {
    run("pkt_line", 120_000);
    run("names", 120_000);
}

#[test]
fn what_a_client_sends() {
    run("commands", 120_000);
    run("exec_line", 200_000);
}

#[test]
fn objects() {
    run("objects", 80_000);
}

#[test]
fn what_an_upstream_sends() {
    run("advertisement", 80_000);
    run("report", 80_000);
}

#[test]
fn what_people_write() {
    run("policy", 6_000);
    run("config", 6_000);
}

#[test]
fn what_logs_and_witnesses_send() {
    run("note", 40_000);
    run("vkey", 20_000);
    run("trust_policy", 20_000);
    run("proof_file", 40_000);
    run("add_checkpoint", 40_000);
    run("tile", 80_000);
}
