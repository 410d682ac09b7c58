//! The packages for CI systems, run in a clone as shallow as a CI system makes it.

use crate::packages::{Job, PACKAGES, Package, Runner, TEMPLATE, Yaml, variables_of};
use crate::support::{git, git_command};
use crate::world::{FOREIGN, K_GIT, MAIN, World, lines};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

/// Clones as CI systems do: the one commit.
fn ci(world: &World) -> Runner {
    let url = format!("file://{}", world.origin.display());
    git(&world.path(""), &["clone", "-q", "--depth=1", "--no-tags", &url, "ci"]);
    let clone = world.path("ci");
    Runner {
        variables: variables_of(&git_command(&clone)),
        clone,
        scratch: world.path(""),
        branch: "main".to_owned(),
        commit: world.tip.clone(),
        job: Job { trust: world.trust().to_json(), level: "A", ..Job::default() },
    }
}

/// A program of this name that tells its arguments and ends so.
fn stub(world: &World, code: i32) -> PathBuf {
    let folder = world.path("bin");
    fs::create_dir_all(&folder).expect("a directory");
    let program = folder.join("refgate");
    fs::write(&program, format!("#!/bin/sh\nprintf '<%s>' \"$@\"\nexit {code}\n")).expect("written");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("chmod");
    folder
}

#[test]
fn a_commit_is_proven_in_the_shallow_clone_of_ci() {
    let world = World::new();
    world.publish(&lines(&world.decision()), K_GIT, "");
    let ci = ci(&world);
    let proven = format!("proven: {} may be refs/heads/main", world.tip);
    ci.expect(&ci.job(), 0, &proven);
    ci.expect(&Job { repo: "app", ..ci.job() }, 0, &proven);
    ci.expect(&Job { max_age: "3600", ..ci.job() }, 0, &proven);
    // The note is there again, and newer.
    world.publish(&[lines(&world.decision()), vec!["{}".to_owned()]].concat(), K_GIT, "");
    ci.expect(&ci.job(), 0, &proven);
    // What CI fetches is kept under no name.
    let refs = git(&ci.clone, &["for-each-ref", "--format=%(refname)"]);
    assert!(!refs.contains("refgate"), "{refs}");
    // The trust file may be one on the machine, and the notes at another place.
    let file = world.path("refgate.trust.json");
    fs::write(&file, world.trust().to_json()).expect("written");
    ci.expect(&Job { trust: file.display().to_string(), ..ci.job() }, 0, &proven);
    git(&world.origin, &["update-ref", "refs/heads/refgate/notes", "refs/notes/refgate"]);
    git(&world.origin, &["update-ref", "-d", "refs/notes/refgate"]);
    ci.expect(&Job { notes_ref: Some("refs/heads/refgate/notes"), ..ci.job() }, 0, &proven);
    ci.expect(&ci.job(), 1, "refgate: not proven: the origin has no refs/notes/refgate");
}

#[test]
fn what_did_not_come_through_the_gate_fails_the_job() {
    let world = World::new();
    let ci = ci(&world);
    ci.expect(&ci.job(), 1, "refgate: not proven: the origin has no refs/notes/refgate");
    world.publish(&lines(&world.decision()), K_GIT, "");
    let for_ref = |name: &str| Job { ref_name: Some(name.to_owned()), ..ci.job() };
    ci.expect(&for_ref("refs/heads/release"), 1, "the summary is for another ref: refs/heads/main");
    ci.expect(&Job { max_age: "60", ..ci.job() }, 1, "which is too long ago");
    world.publish(&lines(&world.decision()), FOREIGN, "");
    ci.expect(&ci.job(), 1, "the notes are not signed by the gate");
    world.publish(&[], K_GIT, "");
    ci.expect(&ci.job(), 1, "the commit has no refgate note");
}

#[test]
fn what_cannot_be_checked_fails_the_job() {
    let world = World::new();
    world.publish(&lines(&world.decision()), K_GIT, "");
    let ci = ci(&world);
    let good = ci.job();
    ci.expect(&Job { trust: String::new(), ..good.clone() }, 2, "cannot check");
    ci.expect(&Job { trust: "{}".to_owned(), ..good.clone() }, 2, "no trust file of version 1");
    ci.expect(&Job { trust: "version = 2\n[x]\n".to_owned(), ..good.clone() }, 2, "no trust file of version 1");
    ci.expect(&Job { trust: "/no/such/file".to_owned(), ..good.clone() }, 2, "cannot check");
    ci.expect(&Job { repo: "other", ..good.clone() }, 2, "the trust file has no such repository");
    for level in ["B", "C", "D"] {
        ci.expect(&Job { level, ..good.clone() }, 2, &format!("level {level} needs the refgate program"));
    }
    ci.expect(&Job { program: "refgate-9".to_owned(), ..good.clone() }, 2, "there is no program refgate-9");
    ci.expect(&Job { ref_name: Some("main".to_owned()), ..good.clone() }, 2, "--ref is a full name");
    ci.expect(&Job { commit: Some("0".repeat(40)), ..good.clone() }, 2, "there is no commit");
    // What is of the tree may be of whoever is to be checked.
    fs::write(ci.clone.join("trust.json"), &good.trust).expect("written");
    git(&ci.clone, &["add", "trust.json"]);
    let inside = ci.clone.join("trust.json").display().to_string();
    for path in ["trust.json", "./trust.json", &inside] {
        ci.expect(&Job { trust: path.to_owned(), ..good.clone() }, 2, "the trust file is of the tree under test");
    }
    git(&ci.clone, &["remote", "set-url", "origin", "file:///no/such/repository"]);
    ci.expect(&good, 2, "the statements cannot be fetched from the origin");
}

#[test]
fn nothing_that_is_given_becomes_a_command() {
    let world = World::new();
    world.publish(&lines(&world.decision()), K_GIT, "");
    let ci = ci(&world);
    let ran = ci.clone.join("ran");
    for text in ["$(touch ran)", "'; touch ran; '", "\"; touch ran; \"", "--help"] {
        let (given, text) = (text, text.to_owned());
        for job in [
            Job { ref_name: Some(text.clone()), ..ci.job() },
            Job { ref_name: Some(format!("refs/heads/{text}")), ..ci.job() },
            Job { commit: Some(text.clone()), ..ci.job() },
            Job { trust: text.clone(), ..ci.job() },
            Job { program: text.clone(), ..ci.job() },
            Job { max_age: given, ..ci.job() },
        ] {
            for package in PACKAGES {
                let output = ci.run(package, &job);
                assert!(matches!(output.status.code(), Some(1 | 2)), "{package:?}: {}", output.status);
                assert!(!ran.exists(), "{package:?}: {text}");
            }
        }
    }
}

/// With the program, the log goes along, and its word is the job's.
#[test]
fn the_program_decides_where_there_is_one() {
    let world = World::new();
    let notes = world.publish(&lines(&world.decision()), K_GIT, "");
    let log = crate::support::commit(&world.origin, None, "checkpoint", "x");
    git(&world.origin, &["update-ref", "refs/refgate/log", &log]);
    let ci = ci(&world);
    let file = world.path("refgate.trust");
    fs::write(&file, world.trust().to_toml()).expect("written");
    let trust = file.display().to_string();
    for (code, level) in [(0, "A"), (1, "B"), (2, "C"), (101, "B")] {
        let path = Some(stub(&world, code));
        let with_log = format!(
            "<verify><--trust><{trust}><--ref><{MAIN}><--notes><{notes}><--repo><app><--log><{log}><--level><{level}><--><{}>",
            world.tip
        );
        let job = Job { trust: trust.clone(), repo: "app", level, path, ..ci.job() };
        for package in PACKAGES {
            let output = ci.run(package, &job);
            let said = (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned());
            assert_eq!(said, (Some(code), with_log.clone()), "{package:?}");
        }
        // By its path, too; and the objects that it is told of are there.
        let program = world.path("bin").join("refgate").display().to_string();
        ci.expect(&Job { program, path: None, ..job }, code, &with_log);
        git(&ci.clone, &["cat-file", "-e", &notes]);
        git(&ci.clone, &["cat-file", "-e", &format!("{log}:checkpoint")]);
    }
    let path = Some(stub(&world, 0));
    let job = Job { trust: trust.clone(), max_age: "2h", since: "1".repeat(40), path, ..ci.job() };
    let more = format!("<--max-age><2h><--log><{log}><--since><{}><--level><A>", "1".repeat(40));
    ci.expect(&job, 0, &more);
    // The text of a trust file gets to the program in the form that it has.
    let path = Some(stub(&world, 0));
    for (text, name) in
        [(world.trust().to_toml(), "/refgate.trust>"), (world.trust().to_json(), "/refgate.trust.json>")]
    {
        let output = ci.run(Package::GitHub, &Job { trust: text, path: path.clone(), ..ci.job() });
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success() && said.contains(name), "{said}");
    }
    git(&world.origin, &["update-ref", "-d", "refs/refgate/log"]);
    let without = format!("<--notes><{notes}><--level><A><--><{}>", world.tip);
    ci.expect(&Job { path, ..ci.job() }, 0, &without);
}

#[test]
fn gitlab_takes_the_ref_of_the_pipeline() {
    let world = World::new();
    world.publish(&lines(&world.decision()), K_GIT, "");
    let ci = ci(&world);
    let script = Yaml::read(TEMPLATE).at("refgate:verify").at("script").only().text().to_owned();
    let file = world.path("trust variable");
    fs::write(&file, world.trust().to_json()).expect("written");
    let path = Some(stub(&world, 0));
    for (variables, expected) in [
        (&[("CI_COMMIT_BRANCH", "a/b")][..], Some("<--ref><refs/heads/a/b>")),
        (&[("CI_COMMIT_TAG", "v1")], Some("<--ref><refs/tags/v1>")),
        (&[("CI_MERGE_REQUEST_SOURCE_BRANCH_NAME", "agent/x")], Some("<--ref><refs/heads/agent/x>")),
        (&[("CI_COMMIT_BRANCH", "a"), ("REFGATE_REF", "refs/heads/b")], Some("<--ref><refs/heads/b>")),
        (&[], None),
    ] {
        let own = [("CI_COMMIT_SHA", world.tip.as_str()), ("REFGATE_TRUST", file.to_str().expect("UTF-8"))];
        let variables = own.iter().chain(variables).map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let output = ci.script(&script, &Job { path: path.clone(), ..Job::default() }, variables.collect());
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        match expected {
            Some(expected) => assert!(output.status.success() && said.contains(expected), "{said}"),
            None => assert_eq!((output.status.code(), said.as_str()), (Some(2), "")),
        }
    }
}
