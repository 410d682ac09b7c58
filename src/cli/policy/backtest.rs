//! `refgate policy backtest`: what a policy would have said of a history.

use super::{Outcome, load, principal};
use crate::cli::{DONE, cannot, complain, findings, log, negative, print};
use crate::git::ObjectStore;
use crate::git::local::{Repository, Step};
use crate::model::{Effect, Limits, RefName, RepoName};
use crate::policy::Policy;
use crate::trial::history::{Replay, Spoken, Tally};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use jiff::Timestamp;
use serde_json::json;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

#[derive(Debug, Args)]
pub struct BacktestArgs {
    /// The repository whose history is replayed.
    #[arg(long, value_name = "PATH", default_value = ".")]
    pub repo: PathBuf,
    /// The branch or commit that is replayed, by first parents.
    #[arg(long, value_name = "REVISION", default_value = "HEAD")]
    pub branch: String,
    /// Not older than this: 90d, or a time such as 2026-01-31T12:00:00Z.
    #[arg(long, value_name = "TIME")]
    pub since: Option<String>,
    /// At most this many pushes, the newest.
    #[arg(long, value_name = "N")]
    pub limit: Option<usize>,
    /// The policy.
    #[arg(long, value_name = "FILE", env = "REFGATE_POLICY", required_unless_present = "preset")]
    pub policy: Option<PathBuf>,
    /// Instead of a policy: this preset alone, for an agent that may write everything.
    #[arg(long, value_name = "NAME", conflicts_with_all = ["principal", "ref_name", "name"])]
    pub preset: Option<String>,
    /// Who pushes [default: the policy's only agent].
    #[arg(long = "as", value_name = "PRINCIPAL")]
    pub principal: Option<String>,
    /// The ref that is pushed to [default: one that the principal may create].
    #[arg(long = "ref", value_name = "REF")]
    pub ref_name: Option<String>,
    /// The repository's name in the policy [default: the only one that the grants name].
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// Threads [default: as many as there are cores].
    #[arg(long, value_name = "N")]
    pub threads: Option<usize>,
    /// Examples shown of each rule and effect.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub examples: usize,
    /// One JSON object.
    #[arg(long)]
    pub json: bool,
}

pub fn run(args: &BacktestArgs) -> ExitCode {
    let policy = match &args.preset {
        Some(preset) => match Policy::parse("preset", &open_policy(preset)) {
            Ok(policy) => policy,
            Err(problems) => {
                complain(&problems.to_string());
                return negative();
            }
        },
        None => match load(args.policy.as_deref().unwrap_or(Path::new("policy.toml"))) {
            Ok(policy) => policy,
            Err(code) => return code,
        },
    };
    replay(args, &policy).unwrap_or_else(cannot)
}

/// A policy in which nothing but a preset can object.
fn open_policy(preset: &str) -> String {
    format!(
        "agent.backtest = {{}}\n[[grant]]\nto = \"backtest\"\nrepo = \"backtest\"\nrefs = \"refs/heads/**\"\n\
         allow = [\"create\", \"update\"]\nwrite = \"**\"\n[repo.backtest]\npreset = \"{}\"\nsymlink_targets = \"any\"\n",
        preset.escape_default()
    )
}

fn replay(args: &BacktestArgs, policy: &Policy) -> Outcome {
    let now = Timestamp::now();
    let repository = Repository::around(&args.repo)?;
    let since = match &args.since {
        None => None,
        Some(text) => Some(log::since(text, now).ok_or("--since: 90d, or a time")?.as_second()),
    };
    let tip = repository.commit(&args.branch)?;
    let steps = repository.first_parents(tip, since, args.limit)?;
    let principal = principal(args.principal.as_deref(), policy)?;
    let repo = match &args.name {
        Some(name) => RepoName::parse(name)?,
        None => policy.only_repo().ok_or("the policy names more than one repository: say which with --name")?,
    };
    let name = match &args.ref_name {
        Some(name) => RefName::parse(name.as_bytes())?,
        None => {
            let example = policy.example_ref(&principal, &repo, now);
            example.ok_or("no grant gives a ref to create: say which with --ref")?
        }
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let limits = Limits::default();
    let replay = Replay {
        policy,
        principal: &principal,
        repo: &repo,
        limits: &limits,
        name: &name,
        now,
        threads: args.threads.unwrap_or(cores),
        examples_max: args.examples,
    };
    let bar = bar(steps.len());
    let begun = Instant::now();
    let store = ObjectStore::open(&repository.objects_dir)?;
    let tally = replay.run(&store, &steps, &|| bar.inc(1), &AtomicBool::new(false));
    bar.finish_and_clear();
    let time_s = begun.elapsed().as_secs_f64();
    match args.json {
        true => print(&format!("{}\n", as_json(&tally, time_s))),
        false => print(&table(&tally, &steps, &format!("{} to {name}", principal.name), time_s)),
    }
    Ok(if tally.failed == 0 { DONE } else { negative() })
}

/// On stderr, and only if that is a terminal.
fn bar(length: usize) -> ProgressBar {
    let bar = ProgressBar::new(u64::try_from(length).unwrap_or(u64::MAX));
    if let Ok(style) = ProgressStyle::with_template("{wide_bar} {pos}/{len} pushes  {per_sec}  {eta} left") {
        bar.set_style(style);
    }
    bar
}

fn table(tally: &Tally, steps: &[Step], who: &str, time_s: f64) -> String {
    let mut text = String::new();
    let day = |step: Option<&Step>| {
        let time = step.and_then(|step| Timestamp::from_second(step.time_s).ok());
        time.map_or_else(String::new, |time| time.strftime("%Y-%m-%d").to_string())
    };
    let Tally { pushes, commits, changes, .. } = tally;
    let (first, last) = (day(steps.last()), day(steps.first()));
    let _ = writeln!(text, "{pushes} pushes from {first} to {last}, as {who}");
    let rate = if time_s > 0.0 { *commits as f64 / time_s } else { 0.0 };
    let _ = writeln!(text, "{commits} commits, {changes} changed entries; {time_s:.1} s, {rate:.0} commits a second\n");
    let rows = [
        ("pass", tally.passed),
        ("pass with warnings", tally.warned),
        ("hold", tally.held),
        ("refuse", tally.refused),
        ("not judged", tally.failed),
    ];
    for (what, count) in rows.into_iter().filter(|(what, count)| *count > 0 || *what != "not judged") {
        let _ = writeln!(text, "{what:<20}{count:>8}{:>9}", share(count, *pushes));
    }
    if let Some(failure) = &tally.failure {
        let _ = writeln!(text, "  not judged: {failure}");
    }
    if !tally.rules.is_empty() {
        let _ = writeln!(text, "\n{:<28}{:<8}{:>8}{:>9}  for example", "rule", "effect", "pushes", "");
    }
    let mut rules: Vec<_> = tally.rules.iter().collect();
    rules.sort_by_key(|((_, effect), spoken)| std::cmp::Reverse((*effect, spoken.pushes)));
    for ((rule, effect), spoken) in rules {
        write_rule(&mut text, rule, *effect, spoken, *pushes);
    }
    text
}

fn write_rule(text: &mut String, rule: &str, effect: Effect, spoken: &Spoken, pushes: usize) {
    let count = format!("{:>8}{:>9}", spoken.pushes, share(spoken.pushes, pushes));
    let _ = write!(text, "{rule:<28}{:<8}{count}", effect.as_str());
    for (index, example) in spoken.examples.iter().enumerate() {
        let indent = if index == 0 { "" } else { "\n                                                     " };
        let place = example.finding.place.shown();
        let _ = write!(text, "{indent}  {place}{}", example.finding.message);
    }
    text.push('\n');
}

fn share(part: usize, whole: usize) -> String {
    match whole {
        0 => String::new(),
        _ => format!("{:.2} %", part as f64 * 100.0 / whole as f64),
    }
}

fn as_json(tally: &Tally, time_s: f64) -> serde_json::Value {
    let rule = |((rule, effect), spoken): (&(String, Effect), &Spoken)| {
        let example = |example: &crate::trial::history::Example| json!({ "push": example.push.to_string(), "finding": findings::json(&example.finding) });
        let examples: Vec<_> = spoken.examples.iter().map(example).collect();
        json!({ "rule": rule, "effect": effect.as_str(), "pushes": spoken.pushes, "examples": examples })
    };
    json!({
        "pushes": tally.pushes,
        "commits": tally.commits,
        "changes": tally.changes,
        "seconds": time_s,
        "pass": tally.passed,
        "warn": tally.warned,
        "hold": tally.held,
        "refuse": tally.refused,
        "failed": tally.failed,
        "failure": tally.failure,
        "rules": tally.rules.iter().map(rule).collect::<Vec<_>>(),
    })
}
