//! `refgate policy test DIR`: every case below a directory, judged by the policy nearest to it.

use super::load;
use crate::cli::{DONE, cannot, negative, print};
use crate::model::{Finding, Limits};
use crate::policy::Policy;
use crate::trial::cases;
use clap::Args;
use jiff::Timestamp;
use serde_json::json;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::AtomicBool;

/// The name of a policy beside or above its cases.
const POLICY_FILE: &str = "policy.toml";

#[derive(Debug, Args)]
pub struct TestArgs {
    /// Where the cases are: each a directory with a case.toml.
    pub dir: PathBuf,
    /// The policy [default: the policy.toml nearest above each case, not above DIR's own directory].
    #[arg(long, value_name = "FILE", env = "REFGATE_POLICY")]
    pub policy: Option<PathBuf>,
    /// One JSON object a case.
    #[arg(long)]
    pub json: bool,
}

pub fn run(args: &TestArgs) -> ExitCode {
    let found = match cases::find(&args.dir) {
        Ok(found) if found.is_empty() => return cannot(format!("there is no case below {}", args.dir.display())),
        Ok(found) => found,
        Err(error) => return cannot(error),
    };
    let mut policies: BTreeMap<PathBuf, Policy> = BTreeMap::new();
    let mut failed = 0;
    for dir in &found {
        let Some(file) = args.policy.clone().or_else(|| nearest(dir, &args.dir)) else {
            return cannot(format!("there is no {POLICY_FILE} above {}; give one with --policy", dir.display()));
        };
        if !policies.contains_key(&file) {
            match load(&file) {
                Ok(policy) => drop(policies.insert(file.clone(), policy)),
                Err(code) => return code,
            }
        }
        let Some(policy) = policies.get(&file) else { continue };
        failed += usize::from(!one(dir, policy, args.json));
    }
    if !args.json {
        print(&format!("{} cases, {failed} not as expected\n", found.len()));
    }
    if failed == 0 { DONE } else { negative() }
}

/// Runs one case and says how it went.
fn one(dir: &Path, policy: &Policy, as_json: bool) -> bool {
    let outcome = cases::run(dir, policy, &Limits::default(), Timestamp::now(), &AtomicBool::new(false));
    let (failure, decision, findings) = match &outcome {
        Ok(outcome) => (outcome.failure(), Some(outcome.decision), outcome.findings.as_slice()),
        Err(error) => (Some(error.to_string()), None, &[][..]),
    };
    let case = dir.display().to_string();
    if as_json {
        let rules: Vec<&str> = findings.iter().map(|finding| finding.rule.as_str()).collect();
        let ok = failure.is_none();
        print(&format!(
            "{}\n",
            json!({ "case": case, "ok": ok, "decision": decision, "rules": rules, "why": failure })
        ));
        return ok;
    }
    match &failure {
        None => print(&format!("ok    {case}  {}\n", decision.unwrap_or_default())),
        Some(why) => {
            print(&format!("FAIL  {case}  {}\n", why.trim_end()));
            findings.iter().for_each(|finding| print(&format!("      {}\n", line(finding))));
        }
    }
    failure.is_none()
}

fn line(finding: &Finding) -> String {
    format!("{} {}  {}", finding.effect.as_str(), finding.rule, finding.place.shown() + &finding.message)
}

/// The nearest policy in the case's directory or above it, as far up as the directory that was given.
fn nearest(case: &Path, top: &Path) -> Option<PathBuf> {
    let within = case.ancestors().take_while(|dir| dir.starts_with(top));
    within.map(|dir| dir.join(POLICY_FILE)).find(|file| file.is_file())
}
