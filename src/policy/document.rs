//! `policy.toml` as a [`Policy`]: strict, with every problem at its place.

use crate::policy::Policy;
use crate::policy::grant::Grant;
use crate::policy::people::People;
use crate::policy::presets;
use crate::policy::rules::read_approvers;
use crate::policy::settings;
use crate::strict::{self, Problem, Problems, Table};
use sha2::{Digest, Sha256};
use std::fmt::Write;

/// Compiles a document; `file` is only shown in errors.
pub fn parse(file: &str, text: &str) -> Result<Policy, Problems> {
    strict::parse(file, text, |root, problems| Some(read(root, text, problems)))
}

/// Reads on after a problem, to tell of all of them at once; the value is thrown away then.
fn read(root: &mut Table<'_, '_>, text: &str, problems: &mut Vec<Problem>) -> Policy {
    let people = People::read(root, problems);
    let grants = root.get("grant").and_then(|v| v.array(problems)).unwrap_or_default();
    let grants = grants.into_iter().filter_map(|v| Grant::read(v, &people, problems)).collect();
    let admins = root.get("admins").map(|v| read_approvers(v, &people, problems));
    let repos = settings::read(root, &people, problems);
    let rules = root.get("rule").and_then(|v| v.table(problems)).map(|mut table| table.entries()).unwrap_or_default();
    let rules = presets::rules(rules, &repos, &people, problems);
    Policy { digest: digest(text), text: text.to_owned(), people, grants, rules, repos, admins }
}

fn digest(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}
