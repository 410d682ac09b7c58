//! The rule as a whole.
use crate::policy::testing::*;
#[test]
fn smoke() {
    let found = judge_files(
        &with_rule("kind = \"manifest\""),
        &[("package.json", None, Some(b"{\"scripts\": {\n\"postinstall\": \"x\"}}"))],
    );
    assert_eq!(
        found,
        [
            "refuse r package.json:2 `scripts.postinstall` is added: it is run when the package is installed, packed or published"
        ]
    );
}
