//! Flaws of other receiving and forwarding servers, each under its number: what must pass here, and what must not.

use crate::support::*;

/// Pushes a commit on main of one file with this content, in a branch of its own.
fn push_file(human: &Client<'_>, path: &str, content: &str, name: &str) -> Pushed {
    human.reset();
    human.commit(&[(path, content)], "file");
    human.push(&[&format!("HEAD:refs/heads/{name}")])
}

/// Each `.gitmodules` is refused by its rule; the last is fine.
fn modules(refused: &[(&str, &str)], fine: &str) {
    let world = World::new("");
    let human = world.clone_as("dana");
    for (n, (content, rule)) in refused.iter().enumerate() {
        push_file(&human, ".gitmodules", content, &format!("no{n}")).refused_by(rule);
        push_file(&human, "deep/in/.gitmodules", content, &format!("deep{n}")).refused_by(rule);
    }
    push_file(&human, ".gitmodules", fine, "yes").accepted();
}

const FINE: &str = "[submodule \"lib/x\"]\n\tpath = lib/x\n\turl = https://example.com/x.git\n";

#[test]
fn cve_2018_11235_and_2019_1387_submodule_names() {
    let with_name = |name: &str| FINE.replacen("lib/x", name, 1);
    let refused = ["../../modules/evil", "..", "a/../b", "a\\\\..\\\\b", ""].map(with_name);
    let refused: Vec<(&str, &str)> = refused.iter().map(|text| (text.as_str(), "object.gitmodulesName")).collect();
    modules(&refused, &with_name("..a/b..c"));
}

#[test]
fn cve_2018_17456_submodule_urls_and_paths_that_are_options() {
    let with = |url: &str, path: &str| format!("[submodule \"x\"]\n\tpath = {path}\n\turl = {url}\n");
    let url = "https://example.com/x.git";
    modules(
        &[
            (&with("-u./payload", "x"), "object.gitmodulesUrl"),
            (&with("--upload-pack=x", "x"), "object.gitmodulesUrl"),
            (&with(url, "-x"), "object.gitmodulesPath"),
            (&with("ext::sh -c x", "x"), "object.gitmodulesUrl"),
            (&format!("{FINE}\tupdate = !sh -c x\n"), "object.gitmodulesUpdate"),
        ],
        &with("../sibling.git", "x"),
    );
}

#[test]
fn cve_2024_50349_and_2024_52006_control_characters_in_urls() {
    let with_url = |url: &str| FINE.replace("https://example.com/x.git", url);
    modules(
        &[
            (&with_url("https://example.com%0ahost=evil/x.git"), "object.gitmodulesUrl"),
            (&with_url("https://example.com%0dhost=evil/x.git"), "object.gitmodulesUrl"),
            (&with_url("https://exa\x1bmple.com/x.git"), "object.gitmodulesParse"),
        ],
        &with_url("https://example.com/x%20y.git"),
    );
}

#[test]
fn cve_2025_48384_a_path_that_ends_in_a_carriage_return() {
    modules(
        &[
            (&FINE.replace("path = lib/x", "path = \"lib/x\r\""), "object.gitmodulesParse"),
            (&FINE.replace("path = lib/x", "path = lib/x\r\r"), "object.gitmodulesParse"),
        ],
        &FINE.replace('\n', "\r\n"),
    );
    let world = World::new("");
    let human = world.clone_as("dana");
    let blob = human.blob(b"x");
    let docs = human.raw_tree(&[("100644", b"x\r", &blob)]);
    human.push(&[&format!("{}:refs/heads/cr", human.commit_docs(&docs))]).refused_by("name.control");
}

#[test]
fn cve_2025_48385_no_bundle_uri_is_offered() {
    let world = World::new("");
    for version in ["0", "1", "2"] {
        let client = world.empty_client("claude-1");
        let mut command = client.command(&client.dir);
        command.env("GIT_TRACE_PACKET", "1").args([
            "-c",
            &format!("protocol.version={version}"),
            "ls-remote",
            "origin",
        ]);
        let output = command.output().expect("git");
        let trace = text(&output.stderr);
        assert!(output.status.success() && trace.contains("refs/heads/main"), "{trace}");
        assert!(!trace.contains("bundle-uri") && !trace.contains("object-info"), "{trace}");
    }
}

#[test]
fn cve_2019_1348_to_1354_names_that_other_file_systems_read_differently() {
    let world = World::new("");
    let human = world.clone_as("dana");
    let blob = human.blob(b"x");
    let names: [&[u8]; 7] =
        [b"git~1", b".git::$INDEX_ALLOCATION", b".git ", b"a\\b", b"..\\x", b".GIT", ".g\u{200c}it".as_bytes()];
    for (n, name) in names.iter().enumerate() {
        let docs = human.raw_tree(&[("100644", name, &blob)]);
        let pushed = human.push(&[&format!("{}:refs/heads/no{n}", human.commit_docs(&docs))]);
        assert!(!pushed.ok, "{}:\n{}", text(name), pushed.stderr);
        let known = |rule: &String| rule.starts_with("object.") || rule.starts_with("name.");
        assert!(pushed.rules().iter().all(known), "{:?}", pushed.rules());
    }
    let docs = human.raw_tree(&[("100644", b".gitx", &blob), ("100644", b"git~x", &blob)]);
    human.push(&[&format!("{}:refs/heads/yes", human.commit_docs(&docs))]).accepted();
}

#[test]
fn cve_2021_21300_and_2024_32002_a_link_and_a_directory_that_differ_in_case() {
    let world = World::new("");
    let human = world.clone_as("dana");
    let (target, blob) = (human.blob(b"b"), human.blob(b"x"));
    let inner = human.raw_tree(&[("100644", b"post-checkout", &blob)]);
    let docs = human.raw_tree(&[("40000", b"A", &inner), ("120000", b"a", &target), ("100644", b"b", &blob)]);
    human.push(&[&format!("{}:refs/heads/no", human.commit_docs(&docs))]).refused_by("name.twin");
    // The twin comes in with a second push.
    let first = human.raw_tree(&[("40000", b"A", &inner), ("100644", b"b", &blob)]);
    let base = human.commit_docs(&first);
    human.push(&[&format!("{base}:refs/heads/first")]).accepted();
    let second =
        human.commit_tree(&human.git(&["rev-parse", &format!("{}^{{tree}}", human.commit_docs(&docs))]), &[&base]);
    human.push(&[&format!("{second}:refs/heads/first")]).refused_by("name.twin");
    let fine = human.raw_tree(&[("40000", b"A", &inner), ("120000", b"c", &target)]);
    human.push(&[&format!("{}:refs/heads/yes", human.commit_docs(&fine))]).accepted();
}

#[test]
fn cve_2022_24765_and_2024_32465_no_configuration_or_hook_is_taken_from_elsewhere() {
    let world = World::new("");
    let client = world.clone_as("claude-1");
    let ran = world.path().join("ran");
    // Were any of these run, the file would be there.
    let mirror = world.path().join("data/mirrors/app.git");
    std::fs::create_dir_all(mirror.join("hooks")).expect("created");
    for name in ["pre-receive", "update", "post-receive", "post-update", "reference-transaction", "pre-auto-gc"] {
        let hook = mirror.join("hooks").join(name);
        write(&hook, &format!("#!/bin/sh\n: > '{}'\n", ran.display()));
        run(std::process::Command::new("chmod").arg("+x").arg(&hook));
    }
    let config = format!(
        "[core]\n\tfsmonitor = touch '{0}'\n\tpager = touch '{0}'\n[uploadpack]\n\tpackObjectsHook = touch '{0}'\n\
         [alias]\n\tupload-pack = !touch '{0}'\n",
        ran.display()
    );
    write(&world.path().join("home/.gitconfig"), &config);
    // A repository's files in the pushed content are content.
    for (path, content) in [
        ("docs/config", config.as_str()),
        ("docs/hooks/pre-receive", "#!/bin/sh\n"),
        ("docs/HEAD", "ref: refs/heads/main\n"),
    ] {
        client.commit(&[(path, content)], "looks like a repository");
    }
    client.push_head("x").accepted();
    client.git(&["fetch", "-q", "origin"]);
    let other = world.clone_as("claude-2");
    assert_eq!(other.git(&["rev-parse", "origin/agent/claude-1/x"]), client.git(&["rev-parse", "HEAD"]));
    assert!(!ran.exists());
}

#[test]
fn cve_2022_23521_attributes_that_are_too_large() {
    let world = World::new("");
    let human = world.clone_as("dana");
    push_file(&human, ".gitattributes", &format!("* {}\n", "x".repeat(2048)), "no")
        .refused_by("object.gitattributesLineLength");
    push_file(&human, ".gitattributes", &format!("* {}\n", "x".repeat(2000)), "yes").accepted();
}

/// What ssh said to an exec line, and whether that is a service.
fn exec(world: &World, line: &str) -> (bool, String) {
    let output = world.ssh_exec("claude-1", &[], line).output().expect("ssh");
    (output.status.success(), format!("{}{}", text(&output.stdout), text(&output.stderr)))
}

#[test]
fn cve_2017_8386_2022_39260_2012_4506_and_2013_4490_exec_lines() {
    let world = World::new("");
    let ran = world.path().join("ran");
    let inject = |text: &str| text.replace("RAN", &format!("touch {}", ran.display()));
    for line in [
        "git-receive-pack 'app' --help",
        "git-upload-pack --help",
        "git-upload-pack '-app'",
        "git-receive-pack '--help'",
        "git-receive-pack 'app'; RAN",
        "git-receive-pack 'app' && RAN",
        "git-receive-pack 'app' | RAN",
        "git-receive-pack $(RAN)",
        "git-receive-pack '$(RAN)'",
        "git-receive-pack `RAN`",
        "git-receive-pack 'app'\nRAN",
        "git-receive-pack '../app'",
        "git-receive-pack 'app/../app'",
        "git-receive-pack '/etc/passwd'",
        "git-receive-pack 'app\u{0}x'",
        "git-upload-archive 'app'",
        "git -c core.sshCommand=RAN upload-pack 'app'",
        "git --exec-path=. upload-pack 'app'",
        "sh -c 'RAN'",
        "RAN",
        "rsync --server -e.LsfxC . .",
        "scp -t /tmp",
        "refgate log",
    ] {
        // An argument cannot hold a NUL; the rest of such a line is tested beside the parser.
        let line = inject(line).replace('\0', "\\0");
        let (ok, said) = exec(&world, &line);
        assert!(!ok, "{line:?}: {said}");
        assert!(!said.contains(world.path().to_str().expect("UTF-8")), "{line:?}: {said}");
    }
    let long = format!("git-receive-pack '{}'", "a".repeat(20_000));
    assert!(!exec(&world, &long).0);
    assert!(!ran.exists());
    assert!(exec(&world, "git-receive-pack 'app'").1.contains("refs/heads/main") && exec(&world, "whoami").0);
    assert!(!world.log().contains("panicked"));
}

#[test]
fn cve_2024_41956_and_2024_39930_the_clients_environment() {
    let world = World::new("");
    let ran = world.path().join("ran");
    let touch = format!("touch {}", ran.display());
    let client = world.clone_as("claude-1");
    client.commit(&[("src/a", "x")], "fine");
    let variables = [
        "LD_PRELOAD=/tmp/evil.so".to_owned(),
        format!("GIT_EXTERNAL_DIFF={touch}"),
        format!("GIT_SSH_COMMAND={touch}"),
        "GIT_CONFIG_COUNT=1".to_owned(),
        "GIT_CONFIG_KEY_0=uploadpack.packObjectsHook".to_owned(),
        format!("GIT_CONFIG_VALUE_0={touch}"),
        "GIT_OBJECT_DIRECTORY=/tmp".to_owned(),
        "GIT_ALTERNATE_OBJECT_DIRECTORIES=/etc".to_owned(),
        "GIT_NAMESPACE=x".to_owned(),
        "PATH=/tmp".to_owned(),
    ];
    let quoted = variables.map(|variable| format!("\"{variable}\"")).join(" ");
    let options = format!("{} -o 'SetEnv={quoted}'", world.ssh_command("claude-1"));
    for args in [&["push", "-q", "origin", "HEAD:refs/heads/agent/claude-1/x"][..], &["fetch", "-q", "origin"]] {
        run(client.command(&client.dir).env("GIT_SSH_COMMAND", &options).args(args));
    }
    assert!(!ran.exists());
    // GIT_PROTOCOL itself is looked at.
    for value in ["version=2;touch x", "version=99", "() { :;}; x", &"x".repeat(1000)] {
        let option = format!("SetEnv=\"GIT_PROTOCOL={value}\"");
        let output = world.ssh_exec("claude-1", &["-o", &option], "git-upload-pack 'app'").output().expect("ssh");
        assert!(!text(&output.stdout).contains("version 2"), "{value}: {}", text(&output.stdout));
    }
}

#[test]
fn cve_2023_43809_public_keys_are_the_only_way_in() {
    let world = World::new("");
    for method in ["password", "keyboard-interactive", "hostbased", "gssapi-with-mic", "none"] {
        let option = format!("PreferredAuthentications={method}");
        let options = ["-o", "PubkeyAuthentication=no", "-o", &option, "-v"];
        let output = world.ssh_exec("claude-1", &options, "whoami").output().expect("ssh");
        let said = text(&output.stderr);
        assert!(!output.status.success(), "{said}");
        assert!(
            said.contains("Authentications that can continue: publickey\n")
                || said.contains("Authentications that can continue: publickey\r\n"),
            "{method}: {said}"
        );
    }
    assert!(exec(&world, "whoami").0);
}

#[test]
fn cve_2018_20683_and_2025_58355_nothing_but_push_and_fetch() {
    let world = World::new("");
    let forwards: [&[&str]; 4] =
        [&["-s"], &["-W", "127.0.0.1:22"], &["-N", "-o", "ExitOnForwardFailure=yes", "-R", "0:127.0.0.1:22"], &["-tt"]];
    // A terminal is for people to look at; there is no shell behind it.
    for options in forwards {
        let line = match options {
            ["-s"] => "sftp",
            ["-tt"] => "sh",
            _ => "whoami",
        };
        let mut command = world.ssh_exec("claude-1", options, line);
        if options.contains(&"-W") || options.contains(&"-N") {
            // These take no command.
            command = std::process::Command::new("ssh");
            command.args(world.ssh_options("claude-1")).args(options);
            command.args(["-p", &world.port.to_string(), "refgate@127.0.0.1"]).stdin(std::process::Stdio::null());
        }
        let output = command.output().expect("ssh");
        assert!(!output.status.success(), "{options:?}: {}{}", text(&output.stdout), text(&output.stderr));
    }
}

#[test]
fn cve_github_2026_3854_push_options_are_bytes_and_nothing_else() {
    let world = World::new(SECRET_RULE);
    world.git(&world.upstream, &["config", "receive.advertisePushOptions", "true"]);
    let seen = world.path().join("seen");
    world.upstream_hook("pre-receive", &format!("env | grep GIT_PUSH_OPTION > '{}'; exit 0", seen.display()));
    let client = world.clone_as("claude-1");
    client.commit(&[("src/a", "x")], "fine");
    let refspec = format!("HEAD:{}", client.branch("x"));
    let options = ["a;principal=dana", "x\tdecision=accept", "$(id)", "--force", "{\"decision\":\"accept\"}"];
    let mut args: Vec<&str> = options.iter().flat_map(|option| ["-o", option]).collect();
    args.push(&refspec);
    client.push(&args).accepted();
    // What an agent says is not passed on to the upstream's hooks.
    let seen = std::fs::read_to_string(&seen).expect("the hook ran");
    assert!(!seen.contains("principal") && !seen.contains("decision"), "{seen}");
    let record = world.records().into_iter().find(|record| record["record"] == "decision").expect("one");
    assert_eq!((record["push_options"].as_u64(), record["principal"].as_str()), (Some(5), Some("claude-1")));
    assert!(!record.to_string().contains("principal=dana"));
    client.commit(&[("secret/key.txt", "x")], "secret");
    client.push(&args).refused_by("secret-dir");
}

#[test]
fn gogs_2026_branch_names_are_never_options() {
    let world = World::new("");
    let human = world.clone_as("dana");
    human.commit(&[("src/a", "x")], "fine");
    for name in ["--exec=touch x", "-x", "--upload-pack=touch", "-"] {
        let pushed = human.push(&["--", &format!("HEAD:refs/heads/{name}")]);
        if pushed.ok {
            assert!(world.upstream_refs().contains_key(&format!("refs/heads/{name}")), "{name}");
            let other = world.clone_as("claude-1");
            other.git(&["fetch", "-q", "origin"]);
        }
        human.push(&["HEAD:refs/heads/after"]).accepted();
        human.push(&["--delete", "refs/heads/after"]).accepted();
    }
}
