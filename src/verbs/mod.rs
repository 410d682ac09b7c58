//! The verbs of the SSH port: what agents, people and CI can ask of a gate beside git, one file a subject.
//!
//! [`grammar`] reads the line; [`run`] answers. Every verb authorises before it acts, and a push, repository or
//! principal that is not there gets the same answer as one that is not the caller's to see.

mod events;
mod grammar;
mod held;
mod help;
mod json;
mod people;
mod pushes;
mod review;
mod stops;
pub mod text;
mod words;

pub use grammar::{For, Form, GrammarError, Proof, Request, VERBS, Verb, is_verb, parse};
pub use help::{identity, overview};
pub use review::review;

use crate::events::FeedError;
use crate::gate::{DeskError, Gate, Session};
use crate::model::PrincipalKind;
use std::io::{self, Read, Write};
use text::Paper;

/// How a verb ended: what goes to standard error, and the exit status.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Said {
    pub stderr: String,
    pub status: u32,
}

/// A verb that did nothing, or not what was asked.
#[derive(Debug, thiserror::Error)]
pub enum VerbError {
    #[error(transparent)]
    Desk(#[from] DeskError),
    #[error("{0}")]
    Client(&'static str),
    #[error(transparent)]
    Cursor(FeedError),
    /// It was done, and did not come out well; everything was said.
    #[error("")]
    Negative,
    #[error("the answer cannot be written: {0}")]
    Output(#[from] io::Error),
}

/// What a verb has to do with: who asks, of which gate, on what paper.
pub struct Scene<'a> {
    pub gate: &'a Gate,
    pub session: &'a Session,
    pub form: Form,
    pub paper: Paper,
    pub input: &'a mut (dyn Read + Send),
    pub output: &'a mut (dyn Write + Send),
}

impl Scene<'_> {
    fn print(&mut self, text: &str) -> Result<(), VerbError> {
        self.output.write_all(text.as_bytes())?;
        Ok(self.output.flush()?)
    }

    /// One JSON object on a line.
    fn print_json(&mut self, value: &serde_json::Value) -> Result<(), VerbError> {
        self.print(&format!("{value}\n"))
    }

    /// All that comes on standard input, if it is no more than so many bytes.
    fn read_input(&mut self, bytes_max: u64) -> Result<String, VerbError> {
        let mut text = Vec::new();
        Read::take(&mut *self.input, bytes_max + 1).read_to_end(&mut text)?;
        if text.len() as u64 > bytes_max {
            return Err(VerbError::Client("standard input is too long"));
        }
        String::from_utf8(text).map_err(|_| VerbError::Client("standard input is not text"))
    }
}

/// Exit status of a verb that did not do what was asked.
const NEGATIVE: u32 = 1;

/// Runs a verb; blocking.
pub fn run(verb: &Verb, mut scene: Scene<'_>) -> Said {
    match answer(verb, &mut scene) {
        Ok(()) => Said::default(),
        Err(VerbError::Negative) => Said { status: NEGATIVE, ..Said::default() },
        Err(error) => {
            if let VerbError::Desk(DeskError::Internal(inner)) = &error {
                tracing::error!(error = %inner, "a verb failed");
            }
            if scene.form == Form::Json {
                let _ = scene.print_json(&serde_json::json!({"error": error.to_string()}));
            }
            Said { stderr: format!("refgate: {error}\n"), status: NEGATIVE }
        }
    }
}

fn answer(verb: &Verb, scene: &mut Scene<'_>) -> Result<(), VerbError> {
    match verb {
        Verb::Help(name) => help::help(scene, name.as_deref()),
        Verb::WhoAmI => help::who_am_i(scene),
        Verb::Status(push) => pushes::status(scene, *push),
        Verb::Explain(push) => pushes::explain(scene, *push),
        Verb::Log(query) => pushes::log(scene, query),
        Verb::Withdraw(push) => held::withdraw(scene, *push),
        Verb::Held(repo) => held::held(scene, repo.as_ref()),
        Verb::Show(push) => held::show(scene, *push),
        Verb::Statement(push) => held::statement(scene, *push),
        Verb::Approve(push, proof) => held::approve(scene, *push, *proof),
        Verb::Reject(push, reason) => held::reject(scene, *push, reason),
        Verb::Freeze(repo, until, reason) => stops::freeze(scene, repo, *until, reason),
        Verb::Thaw(repo, reason) => stops::thaw(scene, repo, reason),
        Verb::Revoke(name, reason) => stops::revoke(scene, name, reason),
        Verb::Reinstate(name, reason) => stops::reinstate(scene, name, reason),
        Verb::UndoList(repo) => stops::undo_list(scene, repo.as_ref()),
        Verb::UndoRestore(push) => stops::undo_restore(scene, *push),
        Verb::Review if scene.session.principal.kind != PrincipalKind::Human => Err(DeskError::NotHuman.into()),
        Verb::Review => Err(VerbError::Client("review needs a terminal: ssh -t … review")),
        Verb::Rules(repo) => people::rules(scene, repo),
        Verb::AgentsMd(repo) => people::agents_md(scene, repo),
        Verb::AgentAdd(name, sponsor) => people::add_agent(scene, name, sponsor.as_ref()),
        Verb::AgentRemove(name) => people::remove_agent(scene, name),
        Verb::KeyAdd(name) => people::add_key(scene, name),
        Verb::GrantAdd(new) => people::add_grant(scene, new),
        Verb::Events(since, follow) => events::events(scene, *since, *follow),
    }
}
