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

/// A commit of HEAD's tree with `origin/main` as its parent so many times: git would not write it, and reads it.
fn wide_commit(agent: &Client<'_>, parents: usize) -> String {
    let [tree, main] = ["HEAD^{tree}", "origin/main"].map(|name| agent.git(&["rev-parse", name]));
    let parents = format!("parent {main}\n").repeat(parents);
    let who = "A <a@b> 1 +0000";
    let commit = format!("tree {tree}\n{parents}author {who}\ncommitter {who}\n\nwide\n");
    let id = agent.pipe(&["hash-object", "-t", "commit", "-w", "--literally", "--stdin"], commit.as_bytes());
    text(&id).trim().to_owned()
}

#[test]
fn a_small_commit_with_very_many_parents_does_not_unfold() {
    let world = World::with_settings("", "[limits]\nchanges_max = 2000\n");
    let agent = world.clone_as("claude-1");
    let push = |parents: usize, name: &str| {
        let id = wide_commit(&agent, parents);
        agent.push(&[&format!("{id}:{}", agent.branch(name))])
    };
    agent.commit(&[("src/a", "1\n"), ("src/b", "1\n")], "two files");
    push(1000, "at").accepted();
    push(1001, "over").refused_by("push.limit");
    agent.commit(&[("src/c", "1\n")], "three files");
    push(667, "fits").accepted();
    push(668, "too-much").refused_by("push.limit");
}

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

#[test]
fn pushes_at_once_do_not_share_the_last_of_a_quota() {
    let mut world = World::new("");
    world.kill();
    world.write_policy(&GRANTS.replacen("write", "quota = { pushes = \"2/hour\" }\nwrite", 1));
    world.start();
    let agents: Vec<_> = (0..6).map(|_| world.clone_as("claude-1")).collect();
    for (n, agent) in agents.iter().enumerate() {
        agent.commit(&[("src/a.rs", &format!("{n}\n"))], "one of many");
    }
    let accepted: usize = std::thread::scope(|scope| {
        let push = |(n, agent)| scope.spawn(move || Client::push_head(agent, &format!("b{n}")).ok);
        let pushes: Vec<_> = agents.iter().enumerate().map(push).collect();
        pushes.into_iter().map(|push| usize::from(push.join().expect("ended"))).sum()
    });
    assert_eq!(accepted, 2);
    assert_eq!(world.upstream_refs().len(), 3);
}

#[test]
fn a_hidden_blob_is_no_filter_for_a_fetch() {
    let world = narrow();
    let human = world.clone_as("dana");
    human.commit(&[("plans", "/src/\n")], "hidden");
    human.push(&["HEAD:refs/heads/private"]).accepted();
    let filter = format!("--filter=sparse:oid={}", human.git(&["rev-parse", "HEAD:plans"]));
    for version in ["0", "2"] {
        let agent = world.empty_client("claude-1");
        let version = format!("protocol.version={version}");
        let fetched = agent.try_git(&["-c", &version, "fetch", "-q", &filter, "origin", "refs/heads/main"]);
        assert!(!fetched.status.success(), "{version}: the filter was taken");
        let agent = world.empty_client("claude-1");
        agent.git(&["-c", &version, "fetch", "-q", "--filter=blob:none", "origin", "refs/heads/main"]);
    }
}

/// Merges made by hand that take a rotated secret back: whatever stands first, twice or without a common root.
#[test]
fn no_shape_of_merge_takes_back_what_main_changed() {
    let world = World::new(SECRET_RULE);
    let agent = world.clone_as("claude-1");
    let old = agent.git(&["rev-parse", "HEAD"]);
    let human = world.clone_as("dana");
    human.commit(&[("secret/key.txt", "rotated\n")], "rotate");
    human.git(&["push", "-q", world.upstream.to_str().expect("UTF-8"), "HEAD:refs/heads/main"]);
    agent.git(&["fetch", "-q", "origin"]);
    let main = agent.git(&["rev-parse", "origin/main"]);
    let own = agent.commit(&[("src/a.rs", "a\n")], "on the old main");
    let own_tree = format!("{own}^{{tree}}");
    agent.git(&["checkout", "-q", "--orphan", "root"]);
    agent.git(&["rm", "-q", "-r", "-f", "."]);
    let root = agent.commit(&[("src/root.rs", "r\n")], "a root");
    let root_tree = format!("{root}^{{tree}}");
    let commit = |tree: &str, parents: &[&str]| {
        let mut args = vec!["commit-tree", tree, "-m", "merge"];
        parents.iter().for_each(|parent| args.extend(["-p", parent]));
        agent.git(&args)
    };
    let clean_tree = agent.git(&["merge-tree", "--write-tree", &main, &own]);
    let clean = commit(&clean_tree, &[&main, &own]);
    let swapped = commit(&clean_tree, &[&own, &main]);
    let crossed = commit(&own_tree, &[&clean, &swapped]);
    let bad = [
        ("ours", commit(&own_tree, &[&own, &main])),
        ("theirs", commit(&own_tree, &[&main, &own])),
        ("octopus", commit(&own_tree, &[&main, &own, &old])),
        ("old-twice", commit(&own_tree, &[&main, &old, &own, &root])),
        ("unrelated", commit(&root_tree, &[&root, &main])),
        ("unrelated-first", commit(&root_tree, &[&main, &root])),
        ("criss-cross", crossed),
        ("rooted", commit(&own_tree, &[&root, &main, &own])),
        ("ancestor", commit(&own_tree, &[&old, &main])),
    ];
    for (name, id) in &bad {
        let pushed = agent.push(&[&format!("{id}:{}", agent.branch(name))]);
        assert!(!pushed.ok, "{name} passed");
        pushed.refused_by("secret-dir");
    }
    for (name, id) in [("clean", &clean), ("swapped", &swapped), ("root", &root)] {
        agent.push(&[&format!("{id}:{}", agent.branch(name))]).accepted();
    }
    let tip = agent.branch("clean");
    agent.push(&["--force", &format!("{own}:{tip}")]).accepted();
}

#[test]
fn a_symbolic_ref_of_the_upstream_is_not_a_way_to_another_ref() {
    let world = World::new("");
    let alias = "refs/heads/agent/claude-1/alias";
    world.git(&world.upstream, &["symbolic-ref", alias, "refs/heads/main"]);
    let client = world.clone_as("claude-1");
    let before = world.upstream_refs()["refs/heads/main"].clone();
    client.commit(&[("src/a.rs", "1\n")], "through the alias");
    client.push(&[&format!("HEAD:{alias}")]).refused_by("ref.symbolic");
    assert_eq!(world.upstream_refs()["refs/heads/main"], before);
    client.push_head("plain").accepted();
}
