//! The files in `deploy/` and `hooks/`, and what `refgate init` writes: they are right as they are.

use refgate::config::Config;
use refgate::policy::Policy;
use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

fn root(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn read(path: &str) -> String {
    fs::read_to_string(root(path)).expect(path)
}

fn refgate(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_refgate"));
    command.env_remove("REFGATE_CONFIG").args(arguments).output().expect("it runs")
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn the_example_settings_are_right() {
    let config = Config::load(&root("deploy/refgate.toml")).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(config.repos.len(), 1);
}

#[test]
fn the_example_policy_is_right() {
    let policy = Policy::parse("deploy/policy.toml", &read("deploy/policy.toml"));
    let policy = policy.unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(policy.lint(jiff::Timestamp::now()), []);
}

#[test]
fn the_example_shows_every_setting_and_every_limit_with_its_default() {
    let example = read("deploy/refgate.toml");
    // Without the comment signs every line is a setting, and the limits are what they are without it.
    let shown: String = example
        .lines()
        .map(|line| line.strip_prefix('#').filter(|rest| !rest.starts_with(' ')).unwrap_or(line))
        .filter(|line| !line.starts_with("user_ca"))
        .fold(String::new(), |text, line| text + line + "\n");
    let config = Config::parse("refgate.toml", &shown, Path::new("/etc")).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(config.limits, refgate::model::Limits::default());
    let names = format!("{:#?}", config.limits);
    let names = names.lines().filter_map(|line| line.strip_prefix("    ")?.split_once(": "));
    for name in names.map(|(name, _)| name).filter(|name| !name.starts_with(' ')) {
        assert_eq!(shown.matches(&format!("\n{name} = ")).count(), 1, "{name}");
    }
    for key in [
        "listen",
        "data",
        "policy",
        "public_address",
        "log",
        "metrics_listen",
        "stale_fetch",
        "trusted",
        "evidence",
        "resource_uri",
        "witnesses",
        "secret",
        "events",
    ] {
        assert!(shown.contains(&format!("\n{key} = ")), "{key}");
    }
    assert!(example.contains("#user_ca = ") && example.contains("token    = ") && example.contains("username = "));
}

#[test]
fn init_writes_what_check_config_takes() {
    let cases: [&[&str]; 7] = [
        &[],
        &["--human", "dana"],
        &["--upstream", "/srv/git/app.git", "--agent", "claude-1", "--human", "kim"],
        &["--upstream", "https://github.com/acme/app.git"],
        &["--upstream", "/srv/git/app.git", "--agent", "claude-1"],
        &["--upstream", "git@github.com:acme/app.git", "--agent", "bot.7"],
        &["--agent", "x"],
    ];
    for case in cases {
        let dir = tempfile::tempdir().expect("a directory");
        let place = dir.path().join("gate");
        let shown = place.to_str().expect("UTF-8");
        let output = refgate(&[&["init", shown], case].concat());
        assert!(output.status.success(), "{case:?}: {}", text(&output));
        assert!((5..=14).contains(&text(&output).lines().count()), "{}", text(&output));
        let config = place.join("refgate.toml");
        let output = refgate(&["check-config", "--config", config.to_str().expect("UTF-8")]);
        assert_eq!(output.status.code(), Some(0), "{case:?}: {}", text(&output));
        // The policy is as it should be; only the files that are still to be put there are missing.
        let warnings = text(&output).matches("warning: ").count() - text(&output).matches("there is no /").count();
        assert_eq!(warnings, usize::from(!case.contains(&"--agent")), "{case:?}: {}", text(&output));
    }
}

#[test]
fn init_makes_a_key_pair_that_ssh_reads() {
    let dir = tempfile::tempdir().expect("a directory");
    let output = refgate(&["init", dir.path().to_str().expect("UTF-8"), "--agent", "claude-1", "--human", "claude-1"]);
    assert_eq!(output.status.code(), Some(2), "one name for two: {}", text(&output));
    let output = refgate(&["init", dir.path().to_str().expect("UTF-8"), "--agent", "claude-1"]);
    assert!(output.status.success(), "{}", text(&output));
    let mode = |path: &str| fs::metadata(dir.path().join(path)).expect(path).permissions().mode() & 0o777;
    assert_eq!((mode("keys"), mode("keys/claude-1")), (0o700, 0o600));
    let public =
        Command::new("ssh-keygen").arg("-yf").arg(dir.path().join("keys/claude-1")).output().expect("ssh-keygen");
    let public = String::from_utf8_lossy(&public.stdout).trim().to_owned();
    assert!(public.starts_with("ssh-ed25519 "), "{public}");
    let policy = fs::read_to_string(dir.path().join("policy.toml")).expect("a policy");
    assert!(policy.contains(&public), "{public}\n{policy}");
    assert_eq!(fs::read_to_string(dir.path().join("keys/claude-1.pub")).expect("a key").trim(), public);
}

#[test]
fn init_never_overwrites() {
    for present in ["refgate.toml", "policy.toml", "keys/claude-1"] {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join(present);
        fs::create_dir_all(path.parent().expect("a directory")).expect("made");
        fs::write(&path, "mine").expect("written");
        let output = refgate(&["init", dir.path().to_str().expect("UTF-8"), "--agent", "claude-1"]);
        assert_eq!(output.status.code(), Some(2), "{}", text(&output));
        assert_eq!(fs::read_to_string(&path).expect("it is there"), "mine");
        let files = ["refgate.toml", "policy.toml", "keys/claude-1"];
        let written = files.iter().filter(|file| dir.path().join(file).exists()).count();
        assert_eq!(written, 1, "nothing else was written");
    }
}

#[test]
fn wrong_settings_are_a_negative_answer_and_missing_ones_cannot_be_run() {
    let dir = tempfile::tempdir().expect("a directory");
    let config = dir.path().join("refgate.toml");
    let shown = config.to_str().expect("UTF-8");
    for command in ["check-config", "doctor", "log"] {
        assert_eq!(refgate(&[command, "--config", shown]).status.code(), Some(2), "{command}");
    }
    fs::write(&config, "data = \"d\"\npolicy = \"p\"\nlogg = 1\n").expect("written");
    for command in ["check-config", "doctor", "log"] {
        let output = refgate(&[command, "--config", shown]);
        assert_eq!(output.status.code(), Some(1), "{command}");
        assert!(text(&output).contains(&format!("{shown}:3:1")), "{}", text(&output));
    }
    fs::write(&config, "data = \"d\"\npolicy = \"p\"\n").expect("written");
    assert_eq!(refgate(&["check-config", "--config", shown]).status.code(), Some(1));
    assert_eq!(refgate(&["log", "--config", shown]).status.code(), Some(2));
    assert_eq!(refgate(&["nonsense"]).status.code(), Some(2));
    assert_eq!(refgate(&["version"]).status.code(), Some(0));
}

#[test]
fn doctor_reaches_a_local_upstream_and_says_what_is_wrong() {
    let dir = tempfile::tempdir().expect("a directory");
    let upstream = dir.path().join("app.git");
    let made = Command::new("git").args(["init", "--quiet", "--bare"]).arg(&upstream).output().expect("git");
    assert!(made.status.success());
    let gate = dir.path().join("gate");
    let [shown, upstream] = [&gate, &upstream].map(|path| path.to_str().expect("UTF-8"));
    assert!(refgate(&["init", shown, "--upstream", upstream, "--agent", "x"]).status.success());
    let config = gate.join("refgate.toml");
    let settings = fs::read_to_string(&config).expect("settings");
    fs::write(&config, format!("listen = \"127.0.0.1:0\"\n{settings}")).expect("written");
    let doctor = || refgate(&["doctor", "--json", "--config", config.to_str().expect("UTF-8")]);
    let output = doctor();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let lines: Vec<serde_json::Value> =
        text(&output).lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let found = |what: &str| lines.iter().find(|line| line["check"] == what).map(|line| line["state"].clone());
    for what in ["policy", "git", "clock", "upstream app", "address 127.0.0.1:0"] {
        assert_eq!(found(what), Some("ok".into()), "{what}\n{}", text(&output));
    }
    assert_eq!(found("data directory"), Some("ok".into()), "init makes it, and for its owner only");
    fs::remove_dir_all(upstream).expect("removed");
    let output = doctor();
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    assert!(text(&output).contains(r#""check":"upstream app""#));
}

#[test]
fn the_hook_refuses_on_any_doubt() {
    let hook = root("hooks/pre-receive");
    assert!(fs::metadata(&hook).expect("it is there").permissions().mode() & 0o111 != 0);
    let dir = tempfile::tempdir().expect("a directory");
    let program = |name: &str, text: &str, mode: u32| {
        let path = dir.path().join(name);
        fs::write(&path, text).expect("written");
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("chmod");
        path
    };
    let table = [
        (
            program(
                "yes",
                "#!/bin/sh\ntest \"$*\" = 'hook pre-receive' && read -r line && test \"$line\" = x\n",
                0o755,
            ),
            true,
        ),
        (program("no", "#!/bin/sh\nexit 1\n", 0o755), false),
        (program("other", "#!/bin/sh\nexit 77\n", 0o755), false),
        (program("killed", "#!/bin/sh\nkill -9 $$\n", 0o755), false),
        (program("broken", "#!/no/such/interpreter\n", 0o755), false),
        (program("garbage", "\0\0\0", 0o755), false),
        (program("plain", "#!/bin/sh\nexit 0\n", 0o644), false),
        (dir.path().to_owned(), false),
        (dir.path().join("missing"), false),
        (PathBuf::from("no-such-program-anywhere"), false),
        (PathBuf::from("-c"), false),
    ];
    for (path, good) in table {
        let mut command = Command::new(&hook);
        command.env("REFGATE", &path).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().expect("a shell");
        // Who does not read its lines may be gone already.
        let _ = child.stdin.take().expect("a pipe").write_all(b"x\n");
        assert_eq!(child.wait().expect("it ends").success(), good, "{}", path.display());
    }
}

/// The settings of a unit: the last of each name, as the two have no lists that matter here.
fn unit(path: &str) -> BTreeMap<String, String> {
    let text = read(path);
    let settings = text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once('='));
    settings.map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

#[test]
fn the_unit_waits_longer_than_the_drain() {
    let unit = unit("deploy/refgate.service");
    let stop: u64 = unit["TimeoutStopSec"].parse().expect("seconds");
    assert!(stop > refgate::model::Limits::default().drain_time_max.as_secs());
    for (key, expected) in [
        ("NoNewPrivileges", "yes"),
        ("ProtectSystem", "strict"),
        ("CapabilityBoundingSet", ""),
        ("StateDirectory", "refgate"),
        ("StateDirectoryMode", "0700"),
        ("SystemCallFilter", "~@privileged"),
    ] {
        assert_eq!(unit[key], expected, "{key}");
    }
}

#[test]
fn the_unit_of_the_witness_is_as_closed_as_that_of_the_gate() {
    let [gate, witness] = ["refgate", "refgate-witness"].map(|name| unit(&format!("deploy/{name}.service")));
    let closes = |key: &str| {
        [
            "Protect",
            "Private",
            "Restrict",
            "Capability",
            "Ambient",
            "SystemCall",
            "NoNew",
            "Lock",
            "Memory",
            "Remove",
            "UMask",
        ]
        .iter()
        .any(|start| key.starts_with(start))
    };
    for (key, value) in gate.iter().filter(|(key, _)| closes(key) && *key != "RestrictAddressFamilies") {
        assert_eq!(witness.get(key), Some(value), "{key}");
    }
    assert_eq!(witness["RestrictAddressFamilies"], "AF_INET AF_INET6", "it starts nothing that would need more");
    assert_eq!((&*witness["StateDirectory"], &*witness["StateDirectoryMode"]), ("refgate-witness", "0700"));
    assert!(witness["TimeoutStopSec"].parse::<u64>().expect("seconds") > 10);

    // What it starts is what the program takes.
    let dir = tempfile::tempdir().expect("a directory");
    let mut words = witness["ExecStart"].split(' ');
    assert_eq!(words.next(), Some("/usr/local/bin/refgate"));
    let state = dir.path().join("state").display().to_string();
    let words: Vec<&str> = words
        .map(|word| if word == "/var/lib/refgate-witness" { &state } else { word })
        .chain(["--print-key"])
        .collect();
    let output = refgate(&words);
    assert!(output.status.success() && text(&output).starts_with("witness.example.org+"), "{}", text(&output));
}
