//! `refgate policy show`: what counts in a repository, as one policy, each line with where it comes from.

use super::{Document, Outcome};
use crate::cli::{DONE, cannot, print};
use crate::model::RepoName;
use crate::policy::{Block, Effective, Key, Policy};
use clap::Args;
use serde_json::{Value, json};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Where the column of sources starts, if the line leaves it free.
const SOURCE_COLUMN: usize = 60;
/// Longer lists are broken into lines.
const LINE_LENGTH_MAX: usize = 100;

#[derive(Debug, Args)]
pub struct ShowArgs {
    /// The policy [default: the one that the settings name].
    #[arg(long, value_name = "FILE", env = "REFGATE_POLICY")]
    pub policy: Option<PathBuf>,
    /// The repository [default: all that the policy names].
    #[arg(long, value_name = "NAME", env = "REFGATE_REPO")]
    pub repo: Option<String>,
    /// One JSON object a repository.
    #[arg(long)]
    pub json: bool,
}

pub fn run(config: &Path, args: &ShowArgs) -> ExitCode {
    match Document::find(args.policy.as_ref(), config) {
        Ok(document) => match document.compile_or_complain() {
            Ok(policy) => show(args, &document, &policy).unwrap_or_else(cannot),
            Err(code) => code,
        },
        Err(code) => code,
    }
}

fn show(args: &ShowArgs, document: &Document, policy: &Policy) -> Outcome {
    let repos = match &args.repo {
        Some(name) => vec![RepoName::parse(name)?],
        None => policy.repos().into_iter().collect(),
    };
    if repos.is_empty() {
        return Err("the policy names no repository: say which with --repo".into());
    }
    for repo in &repos {
        let effective = policy.effective(repo);
        match args.json {
            true => print(&format!("{}\n", as_json(document, policy, repo, &effective))),
            false => print(&as_text(document, policy, repo, &effective)),
        }
    }
    Ok(DONE)
}

fn as_text(document: &Document, policy: &Policy, repo: &RepoName, effective: &Effective) -> String {
    let digest = policy.digest().get(..12).unwrap_or_default();
    let mut text = format!("# What counts in {repo}: {}, SHA-256 {digest}…\n", document.file);
    let settings = std::iter::once(&effective.settings);
    for block in effective.people.iter().chain(&effective.grants).chain(settings).chain(&effective.rules) {
        let _ = write_block(&mut text, document, block);
    }
    text
}

fn write_block(text: &mut String, document: &Document, block: &Block) -> std::fmt::Result {
    writeln!(text, "\n{:<SOURCE_COLUMN$}  # {}", block.head, document.place(&block.source))?;
    for Key { name, value, source } in &block.keys {
        let source = document.place(source);
        let Some(value) = value else { continue };
        let line = format!("{name} = {value}");
        let items: Option<Vec<String>> = serde_json::from_str(value).ok();
        match items.filter(|_| line.chars().count() > LINE_LENGTH_MAX) {
            None => writeln!(text, "{line:<SOURCE_COLUMN$}  # {source}")?,
            Some(items) => {
                let start = format!("{name} = [");
                writeln!(text, "{start:<SOURCE_COLUMN$}  # {source}")?;
                items.iter().try_for_each(|item| writeln!(text, "  {},", Value::from(item.as_str())))?;
                writeln!(text, "]")?;
            }
        }
    }
    Ok(())
}

fn as_json(document: &Document, policy: &Policy, repo: &RepoName, effective: &Effective) -> Value {
    let key = |key: &Key| {
        let value = key.value.as_deref();
        // What is no JSON (a date, an inline table) is shown as it is in TOML.
        let value = value.map(|text| serde_json::from_str(text).unwrap_or_else(|_| Value::from(text)));
        json!({ "key": key.name, "value": value, "from": document.place_json(&key.source) })
    };
    let block = |block: &Block| {
        let keys: Vec<Value> = block.keys.iter().map(key).collect();
        json!({ "table": block.head, "from": document.place_json(&block.source), "keys": keys })
    };
    let blocks = |list: &[Block]| list.iter().map(block).collect::<Vec<Value>>();
    json!({
        "repo": repo.as_str(),
        "policy": document.file,
        "digest": policy.digest(),
        "people": blocks(&effective.people),
        "grants": blocks(&effective.grants),
        "settings": block(&effective.settings),
        "rules": blocks(&effective.rules),
    })
}
