//! The packages for CI systems and `verify.sh`, on what a real gate has published.

use crate::checkout::{LOG, NOTES};
use crate::packages::{Job, PACKAGES, Package, Runner, variables_of};
use crate::support::*;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const BRANCH: &str = "agent/claude-1/x";
const VERIFY_SH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/ci/verify.sh");

/// The trust file as JSON, which both verifiers read.
fn trust(world: &World) -> PathBuf {
    run(world.refgate().args(["trust", "export", "--out", "trust"]));
    world.path().join("trust/refgate.trust.json")
}

/// A pipeline of a branch, as it is in the upstream now. Without `path` there is no refgate.
fn pipeline(world: &World, branch: &str, path: Option<&Path>) -> Runner {
    let clone = world.path().join(format!("ci-{}", rand_suffix()));
    let (url, target) = (format!("file://{}", world.upstream.display()), clone.to_str().expect("UTF-8"));
    world.git(world.path(), &["clone", "-q", "--depth=1", "--no-tags", "--branch", branch, &url, target]);
    let trust = std::fs::read_to_string(trust(world)).expect("a trust file");
    Runner {
        variables: variables_of(&world.git_command(&clone)),
        commit: world.git(&clone, &["rev-parse", "HEAD"]),
        clone,
        scratch: world.path().to_owned(),
        branch: branch.to_owned(),
        job: Job { trust, path: path.map(Path::to_owned), ..Job::default() },
    }
}

/// Where the program is, and nothing else of that name.
fn program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_refgate")).parent().expect("a folder")
}

fn push(client: &Client<'_>, number: u32, to: &str) -> String {
    let id = client.commit(&[("src/a.rs", &format!("{number}\n"))], "more");
    client.push(&[&format!("HEAD:refs/heads/{to}")]).accepted();
    id
}

/// Waits until the log is in the upstream, with a proof of what the job asks about.
#[track_caller]
fn wait_for_proof(ci: &Runner, job: &Job) {
    wait_for(|| {
        let output = ci.run(Package::GitHub, job);
        // Shown if it never comes.
        eprint!("{}", text(&output.stderr));
        output.status.success()
    });
}

#[test]
fn the_packages_prove_what_came_through_the_gate() {
    let world = World::new("");
    let [claude, dana] = ["claude-1", "dana"].map(|name| world.clone_as(name));
    let before = world.upstream_refs()["refs/heads/main"].clone();
    (1..=2).for_each(|number| drop(push(&claude, number, BRANCH)));
    push(&dana, 3, "main");
    for branch in [BRANCH, "main"] {
        let ci = pipeline(&world, branch, Some(program()));
        wait_for_proof(&ci, &Job { level: "B", ..ci.job() });
        let toml = std::fs::read_to_string(world.path().join("trust/refgate.trust")).expect("a trust file");
        for (trust, level) in
            [&ci.job.trust, &toml].into_iter().flat_map(|trust| ["A", "B"].map(|level| (trust, level)))
        {
            let proven = format!("proven at level B: {} may be refs/heads/{branch}", ci.commit);
            // At level B it is the cosignatures' age, and here is no witness.
            let max_age = if level == "A" { "1h" } else { "" };
            ci.expect(&Job { trust: trust.clone(), level, max_age, ..ci.job() }, 0, &proven);
        }
        // Main is older than the gate.
        let chain = Job { level: "C", ..ci.job() };
        if branch == "main" {
            ci.expect(&chain, 1, "not proven at level C");
            ci.expect(&Job { since: before.clone(), ..chain.clone() }, 0, "proven at level C");
        } else {
            ci.expect(&chain, 0, "proven at level C");
        }
        ci.expect(&Job { repo: "app", ..ci.job() }, 0, "proven");
        ci.expect(&Job { repo: "other", ..ci.job() }, 2, "no repository other");
        // The same with git, openssl, ssh-keygen and jq alone.
        let bare = Job { path: None, ..ci.job() };
        ci.expect(&bare, 0, &format!("proven: {} may be refs/heads/{branch}", ci.commit));
        ci.expect(&Job { level: "B", ..bare }, 2, "level B needs the refgate program");
    }
}

#[test]
fn what_went_past_the_gate_fails_the_job() {
    let world = World::new("");
    let client = world.clone_as("claude-1");
    let [first, second] = [1, 2].map(|number| push(&client, number, BRANCH));
    let whole = pipeline(&world, BRANCH, Some(program()));
    wait_for_proof(&whole, &Job { level: "C", ..whole.job() });
    let set = |name: &str, id: &str| world.git(&world.upstream, &["update-ref", name, id]);
    let both = |ci: &Runner, why: &str| {
        ci.expect(&ci.job(), 1, why);
        ci.expect(&Job { path: None, ..ci.job() }, 1, why);
    };

    // A commit that the gate has let through, on a ref that it has not.
    set("refs/heads/release", &second);
    both(&pipeline(&world, "release", Some(program())), "the summary is for another ref: refs/heads/agent/claude-1/x");

    // A commit of somebody who has another key to the upstream.
    let outside =
        world.git(&world.upstream, &["commit-tree", "-p", &second, "-m", "outside", &format!("{second}^{{tree}}")]);
    set(&format!("refs/heads/{BRANCH}"), &outside);
    let ci = pipeline(&world, BRANCH, Some(program()));
    both(&ci, "the commit has no refgate note; it did not come through the gate");
    ci.expect(&Job { level: "C", ..ci.job() }, 1, "not proven");

    // The gate goes on from there, and says so: the commit is proven, the way to it is not.
    client.git(&["fetch", "-q", "origin"]);
    client.git(&["reset", "-q", "--hard", &outside]);
    push(&client, 3, BRANCH);
    let ci = pipeline(&world, BRANCH, Some(program()));
    wait_for_proof(&ci, &Job { level: "B", ..ci.job() });
    ci.expect(&Job { level: "C", ..ci.job() }, 1, "not proven at level C");
    ci.expect(&Job { path: None, ..ci.job() }, 0, "proven");

    // Notes that are gone: of a commit before, of the commit, and all.
    let remove = |id: &str| world.git(&world.upstream, &["notes", "--ref=refgate", "remove", id]);
    remove(&first);
    whole.expect(&whole.job(), 0, "proven");
    whole.expect(&Job { level: "C", ..whole.job() }, 1, "not proven at level C");
    remove(&second);
    whole.expect(&whole.job(), 1, "the commit has no refgate note");
    world.git(&world.upstream, &["update-ref", "-d", NOTES]);
    both(&whole, "the origin has no refs/notes/refgate");
    // Without the log there is nothing to look in.
    world.git(&world.upstream, &["update-ref", "-d", LOG]);
    let client = world.clone_as("claude-1");
    world.git(&client.dir, &["reset", "-q", "--hard", "origin/agent/claude-1/x"]);
    push(&client, 4, BRANCH);
    let ci = pipeline(&world, BRANCH, Some(program()));
    wait_for(|| world.all_upstream_refs().contains_key(LOG));
    world.git(&world.upstream, &["update-ref", "-d", LOG]);
    ci.expect(&Job { level: "B", ..ci.job() }, 2, "the log was not fetched");
}

#[test]
fn no_input_makes_the_program_say_yes() {
    let world = World::new("");
    push(&world.clone_as("claude-1"), 1, BRANCH);
    // The job itself would not be proven: whatever ends well was talked into it.
    world.git(&world.upstream, &["update-ref", "refs/heads/release", &format!("refs/heads/{BRANCH}")]);
    let ci = pipeline(&world, "release", Some(program()));
    for text in ["--help", "--version", "-h", "--json", "--", "-C/"] {
        let owned = || text.to_owned();
        for (package, job) in PACKAGES.into_iter().flat_map(|package| {
            [
                Job { ref_name: Some(owned()), ..ci.job() },
                Job { commit: Some(owned()), ..ci.job() },
                Job { repo: text, ..ci.job() },
                Job { level: text, ..ci.job() },
                Job { max_age: text, ..ci.job() },
                Job { since: owned(), ..ci.job() },
                Job { trust: owned(), ..ci.job() },
                Job { notes_ref: Some(text), ..ci.job() },
                Job { log_ref: Some(text), ..ci.job() },
            ]
            .map(|job| (package, job))
        }) {
            let output = ci.run(package, &job);
            assert!(matches!(output.status.code(), Some(1 | 2)), "{package:?} {job:?}: {}", output.status);
        }
    }
}

fn verify_sh(world: &World, ci: &Runner, arguments: &[&str]) -> Output {
    let mut command = Command::new("sh");
    command.current_dir(&ci.clone).env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.envs(ci.variables.iter().map(|(name, value)| (name, value))).arg(VERIFY_SH);
    command.arg("--trust").arg(trust(world)).args(["--ref", &format!("refs/heads/{}", ci.branch)]);
    command.args(arguments).output().expect("sh runs")
}

#[test]
fn verify_sh_proves_what_a_gate_has_written() {
    for (settings, place) in [("", NOTES), ("evidence = \"refs/heads/refgate\"", "refs/heads/refgate/notes")] {
        let world = World::with_settings("", settings);
        let client = world.clone_as("claude-1");
        (1..=2).for_each(|number| drop(push(&client, number, BRANCH)));
        let ci = pipeline(&world, BRANCH, None);
        let ask = |arguments: &[&str]| {
            let output = verify_sh(&world, &ci, arguments);
            (output.status.code(), text(&output.stdout) + &text(&output.stderr))
        };
        let (code, said) = ask(&["--notes-ref", place]);
        assert!(code == Some(0) && said.starts_with(&format!("proven: {} may be", ci.commit)), "{said}");
        assert!(said.contains("of claude-1, accepted"), "{said}");
        assert_eq!(ask(&["--notes-ref", place, "--max-age", "3600"]).0, Some(0));
        let elsewhere = if place == NOTES { "refs/heads/refgate/notes" } else { NOTES };
        let (code, said) = ask(&["--notes-ref", elsewhere]);
        assert_eq!((code, said.trim()), (Some(1), &*format!("verify.sh: not proven: origin has no {elsewhere}")));
        assert_eq!(ask(&[]).0, Some(if place == NOTES { 0 } else { 1 }));
        let (code, said) = ask(&["--notes-ref", "refgate"]);
        assert!(code == Some(2) && said.contains("--notes-ref is a full name"), "{said}");

        // The packages know of the place, too.
        let log_ref = if place == NOTES { LOG } else { "refs/heads/refgate/log" };
        let job = Job { notes_ref: Some(place), log_ref: Some(log_ref), ..ci.job() };
        ci.expect(&job, 0, "proven");
        let job = Job { path: Some(program().to_owned()), level: "C", ..job };
        wait_for_proof(&ci, &job);
        ci.expect(&job, 0, "proven at level C");
    }
}
