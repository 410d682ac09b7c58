//! The secret scanner on a generated set of tokens, evasions and hard negatives: tests/secrets/README.md.

use std::path::Path;
use std::process::Command;

/// What must hold at least; the closing figures of a release are measured with other seeds.
const FLOOR: &str = "recall=.97,fp=1,evasions=.95";

#[test]
fn finds_what_it_should_and_little_else() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/secrets/evaluate.py");
    let scanner = format!("refgate={}", env!("CARGO_BIN_EXE_refgate"));
    let mut command = Command::new("python3");
    command.arg(script).args(["--seed", "1", "--summary", "--scanner", &scanner, "--fail-under", FLOOR]);
    let output = command.output().expect("python3 runs; tests/run installs it");
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&said));
}
