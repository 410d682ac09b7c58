//! The case folders of the rule kinds, judged by the program as an admin would run it: `refgate policy test`.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn rules_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/rules")
}

fn refgate(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_refgate"));
    command.args(args).env_remove("REFGATE_POLICY").output().expect("refgate runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn every_case_is_judged_as_it_says() {
    let output = refgate(&["policy", "test", rules_dir().to_str().expect("UTF-8")]);
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
}

#[test]
fn every_kind_has_an_allowed_case_and_another_one() {
    for kind in refgate::policy::rules::KINDS {
        let dir = rules_dir().join(kind.name);
        let expects = |case: PathBuf| std::fs::read_to_string(case.join("case.toml")).unwrap_or_default();
        let cases = std::fs::read_dir(&dir).unwrap_or_else(|e| panic!("{}: {e}", dir.display()));
        let cases: Vec<String> = cases.map(|entry| expects(entry.expect("an entry").path())).collect();
        let count = |word: &str| cases.iter().filter(|text| text.contains(&format!("expect = \"{word}\""))).count();
        let speaks = cases.iter().filter(|text| text.contains(&format!("rules  = [\"{}", kind.name))).count();
        assert!(count("accept") > 0 && count("hold") + count("refuse") + speaks > 0, "{} has no cases", kind.name);
    }
}

/// A case with a wrong expectation must fail, with the findings that were made.
#[test]
fn a_wrong_expectation_fails() {
    let dir = tempfile::tempdir().expect("a directory");
    let policy = std::fs::read_to_string(rules_dir().join("size/policy.toml")).expect("a policy");
    std::fs::write(dir.path().join("policy.toml"), policy).expect("written");
    let case = |name: &str, text: &str| {
        let case = dir.path().join(name);
        std::fs::create_dir_all(&case).expect("made");
        std::fs::write(case.join("case.toml"), text).expect("written");
    };
    let big = "[push]\na = \"1234567890\\n\"\n";
    case("wrong-decision", &format!("expect = \"accept\"\n{big}"));
    case("wrong-rules", &format!("expect = \"refuse\"\nrules = [\"other\"]\n{big}"));
    case("right", &format!("expect = \"refuse\"\n{big}"));
    case("nothing", "expect = \"accept\"\n");
    case("unknown-key", &format!("expect = \"refuse\"\nexpected = 1\n{big}"));
    let output = refgate(&["policy", "test", dir.path().to_str().expect("UTF-8")]);
    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{said}");
    for expected in [
        "wrong-decision  expected accept, got refuse",
        "wrong-rules  expected the rules [other] to speak, got [size]",
        "nothing  the case pushes nothing",
        "unknown key",
        "5 cases, 4 not as expected",
        "refuse size  a  in ",
    ] {
        assert!(said.contains(expected), "{expected:?} in {said}");
    }
    let output = refgate(&["policy", "test", "--json", dir.path().to_str().expect("UTF-8")]);
    let lines: Vec<serde_json::Value> =
        text(&output.stdout).lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(lines.iter().filter(|line| line["ok"] == true).count(), 1, "{lines:?}");
    assert_eq!(refgate(&["policy", "test", "/nonexistent"]).status.code(), Some(2));
}
