//! `refgate policy explain`: what becomes of a path, and through whom.

use super::{Document, Outcome, repo};
use crate::cli::{DONE, cannot, negative, print};
use crate::model::{Escaped, PrincipalName, RefName, UpdateKind};
use crate::policy::{Explanation, Note, Policy, Question, Role, Teller};
use bstr::BString;
use clap::{Args, ValueEnum};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::ffi::OsString;
use std::fmt::Write;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// Who pushes.
    #[arg(long = "as", value_name = "PRINCIPAL")]
    pub principal: String,
    /// The ref that is pushed to, in full.
    #[arg(long = "ref", value_name = "REF")]
    pub ref_name: String,
    /// The repository [default: the only one that the grants name].
    #[arg(long, value_name = "NAME", env = "REFGATE_REPO")]
    pub repo: Option<String>,
    /// What the push does with the ref.
    #[arg(long, value_name = "WORD", value_enum, default_value_t = Operation::Update)]
    pub operation: Operation,
    /// The policy [default: the one that the settings name].
    #[arg(long, value_name = "FILE", env = "REFGATE_POLICY")]
    pub policy: Option<PathBuf>,
    /// One JSON object.
    #[arg(long)]
    pub json: bool,
    /// Paths that the push changes, from the top of the repository.
    #[arg(value_name = "PATH")]
    pub paths: Vec<OsString>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Operation {
    Create,
    Update,
    Rewind,
    Delete,
}

impl From<Operation> for UpdateKind {
    fn from(operation: Operation) -> Self {
        match operation {
            Operation::Create => Self::Create,
            Operation::Update => Self::Update,
            Operation::Rewind => Self::Rewind,
            Operation::Delete => Self::Delete,
        }
    }
}

pub fn run(config: &Path, args: &ExplainArgs) -> ExitCode {
    match Document::find(args.policy.as_ref(), config) {
        Ok(document) => match document.compile_or_complain() {
            Ok(policy) => explain(args, &document, &policy).unwrap_or_else(cannot),
            Err(code) => code,
        },
        Err(code) => code,
    }
}

fn explain(args: &ExplainArgs, document: &Document, policy: &Policy) -> Outcome {
    let name = &args.principal;
    let principal = PrincipalName::parse(name).ok().and_then(|name| policy.principal(&name));
    let principal = principal.ok_or_else(|| format!("the policy has no principal `{}`", name.escape_debug()))?;
    let repo = repo(args.repo.as_deref(), policy)?;
    let ref_name = RefName::parse(args.ref_name.as_bytes()).map_err(|error| format!("--ref: {error}"))?;
    let paths: Vec<BString> = args.paths.iter().map(|path| path.clone().into_vec().into()).collect();
    if let Some(bad) = paths.iter().find(|path| !is_path_of_tree(path)) {
        return Err(format!("`{}` is no path from the top of a repository", Escaped(bad)).into());
    }
    let operation = args.operation.into();
    let question =
        Question { principal, repo: &repo, ref_name: &ref_name, operation, paths: &paths, now: Timestamp::now() };
    let explanation = policy.explain(&question);
    match args.json {
        true => print(&format!("{}\n", as_json(document, &question, &explanation))),
        false => print(&as_text(document, &question, &explanation)),
    }
    Ok(if explanation.decision == "accept" { DONE } else { negative() })
}

fn is_path_of_tree(path: &BString) -> bool {
    path.split(|byte| *byte == b'/').all(|part| !matches!(part, b"" | b"." | b".."))
}

fn as_text(document: &Document, question: &Question<'_>, explanation: &Explanation) -> String {
    let Question { principal, repo, ref_name, operation, .. } = question;
    let mut text = format!("{}, {} {ref_name} in {repo}\n", principal.name, operation.as_str());
    let mut write = |notes: &[Note]| {
        for note in notes {
            let _ = writeln!(text, "  {} {}: {}", mark(note.role), teller(document, &note.teller), note.text);
        }
        std::mem::take(&mut text)
    };
    let mut all = write(&explanation.update);
    for (path, notes) in &explanation.paths {
        let _ = writeln!(all, "\n{}", Escaped(path));
        all.push_str(&write(notes));
    }
    let _ = writeln!(all, "\n{}", result(explanation));
    all
}

/// The last line. What was not looked at may still be found in a real push.
fn result(explanation: &Explanation) -> String {
    let notes = explanation.update.iter().chain(explanation.paths.iter().flat_map(|(_, notes)| notes));
    let mut open: Vec<&str> = Vec::new();
    for note in notes.filter(|note| note.role == Role::Open) {
        if let Teller::Rule(id, _) = &note.teller
            && !open.contains(&id.as_str())
        {
            open.push(id);
        }
    }
    match (explanation.decision, open.is_empty()) {
        ("refuse", _) | (_, true) => format!("result: {}", explanation.decision),
        (decision, false) => format!("result: {decision}, if these find nothing: {}", open.join(", ")),
    }
}

fn mark(role: Role) -> String {
    match role {
        Role::Gives => "+".to_owned(),
        Role::Silent => "-".to_owned(),
        Role::Open => "?".to_owned(),
        Role::Speaks { would: Some(would), .. } => format!("! (observed: would {})", would.as_str()),
        Role::Speaks { effect, would: None } => format!("! {}", effect.as_str()),
    }
}

fn teller(document: &Document, teller: &Teller) -> String {
    match teller {
        Teller::Grant(source) => format!("grant {}", document.place(source)),
        Teller::Rule(id, source) => format!("rule {id} ({})", document.place(source)),
        Teller::Always(id) => id.clone(),
    }
}

fn as_json(document: &Document, question: &Question<'_>, explanation: &Explanation) -> Value {
    let note = |note: &Note| {
        let (role, effect, would) = match note.role {
            Role::Gives => ("gives", None, None),
            Role::Silent => ("silent", None, None),
            Role::Open => ("open", None, None),
            Role::Speaks { effect, would } => ("speaks", Some(effect.as_str()), would.map(|would| would.as_str())),
        };
        let (what, id, from) = match &note.teller {
            Teller::Grant(source) => ("grant", None, Some(document.place_json(source))),
            Teller::Rule(id, source) => ("rule", Some(id), Some(document.place_json(source))),
            Teller::Always(id) => ("always", Some(id), None),
        };
        json!({
            "what": what, "id": id, "from": from,
            "role": role, "effect": effect, "would": would,
            "text": note.text,
        })
    };
    let notes = |list: &[Note]| list.iter().map(note).collect::<Vec<Value>>();
    let path = |(path, list): &(BString, Vec<Note>)| json!({ "path": Escaped(path).to_string(), "notes": notes(list) });
    json!({
        "principal": question.principal.name.as_str(),
        "repo": question.repo.as_str(),
        "ref": question.ref_name.to_string(),
        "operation": question.operation.as_str(),
        "notes": notes(&explanation.update),
        "paths": explanation.paths.iter().map(path).collect::<Vec<Value>>(),
        "decision": explanation.decision,
    })
}
