//! `refgate policy check`: whether a policy compiles, and what of it is hardly meant.

use super::Document;
use crate::cli::check_config::unknown_repos;
use crate::cli::{DONE, complain, negative, print};
use crate::config::Config;
use crate::strict::{self, Problem};
use clap::Args;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(Debug, Args)]
pub struct CheckArgs {
    /// The policy [default: the one that the settings name].
    pub file: Option<PathBuf>,
    /// A warning is an error.
    #[arg(long)]
    pub deny_warnings: bool,
    /// One JSON object.
    #[arg(long)]
    pub json: bool,
}

pub fn run(config: &Path, args: &CheckArgs) -> ExitCode {
    let document = match Document::find(args.file.as_ref(), config) {
        Ok(document) => document,
        Err(code) => return code,
    };
    let (errors, mut warnings) = match document.compile() {
        Ok(policy) => (Vec::new(), policy.lint(Timestamp::now())),
        Err(problems) => (problems.list, Vec::new()),
    };
    // A policy of the settings is held against their repositories as well.
    if let (None, true, Ok(config)) = (&args.file, errors.is_empty(), Config::load(config)) {
        warnings.extend(unknown_repos(&document.file, &document.text, &config));
    }
    let is_good = errors.is_empty() && (warnings.is_empty() || !args.deny_warnings);
    match args.json {
        true => print(&format!("{}\n", as_json(&document, is_good, &errors, &warnings))),
        false => tell(&document, is_good, &errors, &warnings),
    }
    if is_good { DONE } else { negative() }
}

fn tell(document: &Document, is_good: bool, errors: &[Problem], warnings: &[Problem]) {
    let mut text = String::new();
    for (level, problem) in errors.iter().map(|p| ("error", p)).chain(warnings.iter().map(|p| ("warning", p))) {
        // A string takes all.
        let _ = strict::render(&mut text, level, &document.file, &document.text, problem);
        text.push('\n');
    }
    complain(&text);
    let word = if is_good { "is right" } else { "is not right" };
    print(&format!("{} {word}: errors {}, warnings {}\n", document.file, errors.len(), warnings.len()));
}

fn as_json(document: &Document, is_good: bool, errors: &[Problem], warnings: &[Problem]) -> Value {
    let problem = |level: &str, problem: &Problem| {
        let (line, column) = strict::position(&document.text, problem.span.start);
        json!({
            "level": level,
            "file": document.file,
            "line": line,
            "column": column,
            "message": problem.message,
            "help": problem.help,
        })
    };
    let errors = errors.iter().map(|p| problem("error", p));
    let all: Vec<Value> = errors.chain(warnings.iter().map(|p| problem("warning", p))).collect();
    json!({ "file": document.file, "ok": is_good, "problems": all })
}
