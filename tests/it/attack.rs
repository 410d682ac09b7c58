//! Ways to get past the gate that are no bypass of one rule: by objects, by the fetch protocol, by names of refs.

use crate::support::*;
use std::io::Write as _;
use std::process::{Output, Stdio};

/// Agents see `main` and their own branches only.
const NARROW: &str = r#"
[[grant]]
to    = ["claude-*"]
repo  = "app"
refs  = ["refs/heads/agent/{principal}/**"]
allow = ["create", "update", "rewind", "delete"]
write = ["src/**"]
read  = ["refs/heads/main", "refs/heads/agent/{principal}/**"]

[[grant]]
to    = ["dana"]
repo  = "app"
refs  = ["refs/heads/**", "refs/tags/**"]
allow = ["create", "update", "rewind", "delete"]
write = ["**"]
"#;

fn narrow() -> World {
    let mut world = World::new("");
    world.kill();
    world.write_policy(NARROW);
    world.start();
    world
}

impl Client<'_> {
    fn pipe(&self, args: &[&str], input: &[u8]) -> Vec<u8> {
        let mut child =
            self.command(&self.dir).args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("git");
        child.stdin.take().expect("piped").write_all(input).expect("write");
        child.wait_with_output().expect("git").stdout
    }

    /// Speaks the protocol without git: these bytes and no others.
    fn speak(&self, service: &str, version: &str, input: &[u8]) -> Output {
        let mut command = std::process::Command::new("ssh");
        command.args(self.world.ssh_options(&self.principal)).arg("-p").arg(self.world.port.to_string());
        command.args(["-o", &format!("SetEnv=GIT_PROTOCOL={version}"), "refgate@127.0.0.1"]);
        command.arg(format!("{service} '/app'"));
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("ssh");
        child.stdin.take().expect("piped").write_all(input).expect("write");
        child.wait_with_output().expect("ssh")
    }

    /// Pushes a pack of exactly these objects.
    fn push_objects(&self, old: &str, new: &str, name: &str, objects: &[&str]) -> String {
        let pack = self.pipe(&["pack-objects", "--stdout", "-q"], (objects.join("\n") + "\n").as_bytes());
        let line = format!("{old} {new} {name}\0 report-status\n");
        let mut input = format!("{:04x}{line}0000", line.len() + 4).into_bytes();
        input.extend_from_slice(&pack);
        text(&self.speak("git-receive-pack", "version=0", &input).stdout)
    }
}

const ZERO: &str = "0000000000000000000000000000000000000000";

#[test]
fn what_is_hidden_cannot_be_fetched_as_the_parent_of_a_shallow_commit() {
    let world = narrow();
    let human = world.clone_as("dana");
    human.commit(&[("src/b.rs", "1\n")], "a second commit");
    human.push(&["HEAD:refs/heads/main"]).accepted();
    let secret = human.commit(&[("plans", "hidden\n")], "hidden");
    let child = human.commit(&[("plans", "still hidden\n")], "its child");
    human.push(&["HEAD:refs/heads/private"]).accepted();
    let main = world.upstream_refs()["refs/heads/main"].clone();
    for version in ["0", "1", "2"] {
        let agent = world.clone_as("claude-1");
        let packets = |lines: &[String]| lines.iter().map(|l| format!("{:04x}{l}\n", l.len() + 5)).collect::<String>();
        let asked = [format!("shallow {child}"), "deepen 2147483647".to_owned()];
        let request = match version {
            "2" => {
                let capabilities = packets(&["command=fetch".to_owned(), "object-format=sha1".to_owned()]);
                let mut lines =
                    vec![format!("want {main}"), format!("have {main}"), "ofs-delta".to_owned(), "done".to_owned()];
                lines.extend(asked);
                format!("{capabilities}0001{}0000", packets(&lines))
            }
            _ => {
                let mut lines = vec![format!("want {main} shallow ofs-delta")];
                lines.extend(asked);
                format!("{}0000{}", packets(&lines), packets(&[format!("have {main}"), "done".to_owned()]))
            }
        };
        let heard = agent.speak("git-upload-pack", &format!("version={version}"), request.as_bytes());
        let heard = heard.stdout;
        let unshallowed = heard.windows(10).any(|w| w == b"unshallow ");
        assert!(!unshallowed, "version {version}: {}, parent {secret}", String::from_utf8_lossy(&heard));
    }
    for version in ["0", "1", "2"] {
        let agent = world.empty_client("claude-1");
        let version = format!("protocol.version={version}");
        agent.git(&["-c", &version, "fetch", "-q", "--depth=1", "origin", "refs/heads/main"]);
        agent.git(&["-c", &version, "fetch", "-q", "--unshallow", "origin", "refs/heads/main"]);
        assert_eq!(agent.git(&["rev-parse", "FETCH_HEAD"]), main);
    }
}

#[test]
fn objects_that_no_ref_of_the_push_reaches_go_nowhere() {
    let world = World::new(SECRET_RULE);
    let agent = world.clone_as("claude-1");
    let ids = |names: &[&str]| names.iter().map(|name| agent.git(&["rev-parse", name])).collect::<Vec<_>>();
    agent.commit(&[("secret/key.txt", "stray\n")], "bad");
    let bad = ids(&["HEAD", "HEAD^{tree}", "HEAD:secret", "HEAD:secret/key.txt"]);
    agent.git(&["checkout", "-q", "--detach", "origin/main"]);
    agent.commit(&[("src/a.rs", "1\n")], "good");
    let good = ids(&["HEAD", "HEAD^{tree}", "HEAD:src", "HEAD:src/a.rs"]);
    let all: Vec<&str> = good.iter().chain(&bad).map(String::as_str).collect();
    let report = agent.push_objects(ZERO, &good[0], &agent.branch("x"), &all);
    assert!(report.contains("ok refs/heads/agent/claude-1/x"), "{report}");
    assert_eq!(world.upstream_refs()[&agent.branch("x")], good[0]);
    for id in &bad {
        assert!(!world.upstream_has(id), "{id} reached the upstream");
        let mirror = world.path().join("data/mirrors/app.git");
        assert!(!world.git_command(&mirror).args(["cat-file", "-e", id]).status().expect("git").success());
    }
    agent.commit(&[("src/a.rs", "2\n")], "the next one");
    agent.push_head("x").accepted();
}
