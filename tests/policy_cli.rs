//! `refgate policy check`, `show`, `explain` and `refgate rules`, as a person and a program use them.

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const POLICY: &str = "\
[agent.claude-1]
[human.dana]
[[grant]]
to = \"claude-1\"
repo = \"app\"
refs = \"refs/heads/agent/{principal}/**\"
allow = [\"create\", \"update\"]
write = \"**\"
[repo.app]
preset = \"agent-default\"
[rule.ci-files]
then = \"warn\"
[rule.own]
kind = \"path\"
match = \"infra/**\"
then = \"refuse\"
";

struct Place(tempfile::TempDir);

impl Place {
    fn new(policy: &str) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        std::fs::write(dir.path().join("policy.toml"), policy).expect("written");
        std::fs::write(dir.path().join("refgate.toml"), "data = \"d\"\npolicy = \"policy.toml\"\n").expect("written");
        Self(dir)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// Exit code, stdout, stderr.
    fn run(&self, line: &str) -> (Option<i32>, String, String) {
        let program = PathBuf::from(env!("CARGO_BIN_EXE_refgate"));
        let mut command = Command::new(program);
        command.env_clear().current_dir(self.path()).args(line.split(' '));
        let Output { status, stdout, stderr } = command.output().expect("it runs");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
        (status.code(), text(stdout), text(stderr))
    }

    fn json(&self, line: &str) -> (Option<i32>, Value) {
        let (code, out, err) = self.run(line);
        (code, serde_json::from_str(&out).unwrap_or_else(|_| panic!("{line}: {out}{err}")))
    }
}

#[test]
fn check_tells_errors_and_warnings_with_their_places() {
    let good = Place::new(POLICY);
    let (code, out, err) = good.run("policy check policy.toml");
    assert_eq!((code, out.as_str(), err.as_str()), (Some(0), "policy.toml is right: errors 0, warnings 0\n", ""));
    // The settings' own policy is also held against their repositories, of which there are none.
    let (code, out, err) = good.run("policy check --deny-warnings");
    assert_eq!(code, Some(1));
    assert!(out.ends_with("policy.toml is not right: errors 0, warnings 2\n"), "{out}");
    assert!(err.contains("there is no repository `app` in the settings"), "{err}");

    let warned = Place::new(&[POLICY, "[group]\nidle = [\"dana\"]\n"].concat());
    assert_eq!(warned.run("policy check policy.toml").0, Some(0));
    assert_eq!(warned.run("policy check --deny-warnings policy.toml").0, Some(1));
    let (code, value) = warned.json("policy check --json policy.toml");
    let problem = &value["problems"][0];
    assert_eq!((code, &value["ok"]), (Some(0), &Value::from(true)));
    assert_eq!((problem["level"].as_str(), problem["line"].as_u64()), (Some("warning"), Some(18)));

    let bad = Place::new(&POLICY.replace("then = \"warn\"", "than = \"warn\""));
    let (code, _, err) = bad.run("policy check policy.toml");
    assert_eq!(code, Some(1));
    assert!(err.starts_with("error: unknown key `than`\n  --> policy.toml:12:1\n"), "{err}");
    let (code, value) = bad.json("policy check --json policy.toml");
    let problem = &value["problems"][0];
    assert_eq!((code, problem["level"].as_str(), problem["column"].as_u64()), (Some(1), Some("error"), Some(1)));
    assert_eq!(problem["help"], "did you mean `then`?");
    assert_eq!(good.run("policy check missing.toml").0, Some(2));
    assert_eq!(good.run("policy check --config missing.toml").0, Some(2));
}

#[test]
fn show_tells_where_each_line_comes_from_and_compiles_again() {
    let place = Place::new(POLICY);
    let (code, out, _) = place.run("policy show --policy policy.toml");
    assert_eq!(code, Some(0));
    for (line, source) in [
        ("[[grant]]", "policy.toml:3"),
        ("write = \"**\"", "policy.toml:8"),
        ("read = [\"refs/heads/**\", \"refs/tags/**\"]", "default"),
        ("[rule.ci-files]", "policy.toml:11 over preset agent-default"),
        ("then = \"warn\"", "policy.toml:12"),
        ("[rule.own]", "policy.toml:13"),
        ("[rule.git-hooks]", "preset agent-default"),
        ("bytes_max = \"5 MiB\"", "preset agent-default"),
        ("symlink_targets = \"checked\"", "default"),
    ] {
        let is_there = out.lines().any(|l| l.split("  # ").map(str::trim).eq([line, source]));
        assert!(is_there, "{line}  # {source}\n{out}");
    }
    // What is shown is a policy that says all of it by itself.
    let alone = Place::new(&out.replace("preset = \"agent-default\"", ""));
    assert_eq!(
        alone.run("policy check policy.toml"),
        (Some(0), "policy.toml is right: errors 0, warnings 0\n".into(), String::new())
    );
    for path in [".github/workflows/a.yml", "CLAUDE.md", "src/a"] {
        let line = format!("policy explain --as claude-1 --ref refs/heads/agent/claude-1/x {path}");
        assert_eq!(alone.run(&line).0, place.run(&line).0, "{path}");
    }

    let (code, value) = place.json("policy show --repo app --json");
    assert_eq!(code, Some(0));
    let rules = value["rules"].as_array().expect("rules");
    let ci = rules.iter().find(|rule| rule["table"] == "[rule.ci-files]").expect("the rule");
    assert_eq!((ci["from"]["preset"].as_str(), ci["from"]["line"].as_u64()), (Some("agent-default"), Some(11)));
    let key = |name: &str| ci["keys"].as_array().expect("keys").iter().find(|key| key["key"] == name).expect("the key");
    assert_eq!(key("then")["value"], "warn");
    assert_eq!(key("mode")["from"], "default");
    assert!(key("match")["value"].as_array().is_some_and(|list| list.len() > 10));
    let (_, other) = place.json("policy show --repo other --json");
    assert_eq!(other["rules"].as_array().map(Vec::len), Some(1), "only the rule for all");
    assert_eq!(place.run("policy show --repo ../x").0, Some(2));
    assert_eq!(Place::new("").run("policy show").0, Some(2));
    let (code, _, err) = Place::new("[rule.x]\n").run("policy show --repo app");
    assert!(code == Some(2) && err.contains("policy.toml:1:1"), "{err}");
}

#[test]
fn explain_ends_with_the_result_and_its_exit_code() {
    let place = Place::new(POLICY);
    let ask = |rest: &str| place.run(&format!("policy explain --as claude-1 --ref {rest}"));
    let own = "refs/heads/agent/claude-1/x";
    for (rest, code, last) in [
        (format!("{own} src/a.rs"), 0, "result: accept, if these find nothing: secrets, invisible-text"),
        (format!("{own} .github/workflows/a.yml"), 0, "result: accept, if these find nothing: secrets, invisible-text"),
        (format!("{own} src/a.rs sub/CLAUDE.md"), 1, "result: hold, if these find nothing: secrets, invisible-text"),
        (format!("{own} infra/a"), 1, "result: refuse"),
        (format!("{own} --operation rewind src/a.rs"), 1, "result: refuse"),
        ("refs/heads/main src/a.rs".to_owned(), 1, "result: refuse"),
        (format!("{own} --operation create"), 0, "result: accept, if these find nothing: secrets, invisible-text"),
    ] {
        let (found, out, err) = ask(&rest);
        // More rules that look into files may follow.
        let line = out.lines().last().unwrap_or(&err);
        let is_same = if last.contains(',') { line.starts_with(last) } else { line == last };
        assert!(found == Some(code) && is_same, "{rest}\n{out}{err}");
    }
    let (_, out, _) = ask(&format!("{own} infra/a"));
    let path = out.split("\ninfra/a\n").nth(1).expect("the path's part");
    let first: Vec<&str> = path.lines().take(2).collect();
    let expected =
        ["  ! refuse rule own (policy.toml:13): `infra/**`: this path is guarded", "  + grant policy.toml:3: `**`"];
    let dir = format!("{}/", place.path().canonicalize().expect("there").display());
    let first: Vec<String> = first.iter().map(|line| line.replace(&dir, "")).collect();
    assert_eq!(first, expected);
    let (code, value) = place.json(&format!("policy explain --as claude-1 --ref {own} --json CLAUDE.md"));
    assert_eq!((code, value["decision"].as_str()), (Some(1), Some("hold")));
    let note = &value["paths"][0]["notes"][0];
    assert_eq!((note["id"].as_str(), note["effect"].as_str()), (Some("agent-instructions"), Some("hold")));
    for wrong in ["main src/a", &format!("{own} ../a"), &format!("{own} /a"), &format!("{own} --repo a//b x")] {
        assert_eq!(ask(wrong).0, Some(2), "{wrong}");
    }
    assert_eq!(place.run(&format!("policy explain --as nobody --ref {own}")).0, Some(2));
}

#[test]
fn rules_lists_kinds_and_presets_and_prints_one() {
    let place = Place::new("");
    let (code, out, _) = place.run("rules");
    assert_eq!(code, Some(0));
    assert!(out.contains("\n  path ") && out.contains("\n  agent-default "), "{out}");
    assert!(place.run("rules path").1.starts_with("kind = \"path\"\n"));
    assert!(place.run("rules moved-tags").1.contains("[rule.moved-tags]\n"));
    let (code, value) = place.json("rules --json");
    assert_eq!(code, Some(0));
    assert!(value["presets"].as_array().is_some_and(|list| list.iter().any(|preset| preset["name"] == "observe-all")));
    let (code, _, err) = place.run("rules pth");
    assert_eq!(
        (code, err.as_str()),
        (Some(2), "refgate: there is no kind of rule or preset `pth`; did you mean `path`?\n")
    );
}
