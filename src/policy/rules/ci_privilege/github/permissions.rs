//! `permissions`: what the token of each job may write, in effect.

use super::Forge;
use crate::policy::rules::ci_privilege::compare::{Ask, Picture, What};
use crate::policy::rules::ci_privilege::{shown, yaml::Node};

/// A `permissions` block, or none.
#[derive(Debug, Clone)]
pub enum Levels {
    NotGiven,
    /// `write-all`, or something else that is no mapping and not `read-all`.
    WriteAll(u32),
    /// Scopes that may be written, with their lines. Reading is not worth a word.
    Writes(Vec<(String, u32)>),
}

pub struct Place<'a> {
    pub holder: &'a str,
    pub line: u32,
}

/// More than there are; those that come first speak enough.
const SCOPES_MAX: usize = 64;
const FIX: &str = "give the token no more than before, or move what needs it to a job of its own and ask for it";

impl Levels {
    /// Of a workflow or job.
    #[must_use]
    pub fn read(node: &Node) -> Self {
        let Some(pair) = node.pair("permissions") else { return Self::NotGiven };
        match pair.value.text() {
            Some(text) if text.eq_ignore_ascii_case("read-all") => Self::Writes(Vec::new()),
            // An empty value is no block for GitHub.
            Some("" | "~" | "null") => Self::NotGiven,
            Some(_) => Self::WriteAll(pair.line),
            None => {
                let may_write = |value: &Node| {
                    !value
                        .text()
                        .is_some_and(|text| ["read", "none"].iter().any(|level| text.eq_ignore_ascii_case(level)))
                };
                let writes = pair.value.pairs().iter().filter(|scope| may_write(&scope.value));
                let scopes = writes.map(|scope| (scope.key.to_ascii_lowercase(), scope.line));
                Self::Writes(scopes.take(SCOPES_MAX).collect())
            }
        }
    }

    #[must_use]
    pub fn is_given(&self) -> bool {
        !matches!(self, Self::NotGiven)
    }

    #[must_use]
    pub fn or(&self, other: &Self) -> Self {
        if self.is_given() { self.clone() } else { other.clone() }
    }

    /// What a job that says nothing gets.
    pub fn of_workflow(&self, picture: &mut Picture) {
        match self {
            Self::NotGiven => drop(picture.known.insert("permission:*:default".to_owned())),
            Self::WriteAll(_) => drop(picture.known.insert("permission:*:write-all".to_owned())),
            Self::Writes(scopes) => {
                picture.known.extend(scopes.iter().map(|(scope, _)| format!("permission:*:{scope}")));
            }
        }
    }

    /// What a job has in effect.
    pub fn of_job(&self, place: &Place<'_>, forge: Forge, picture: &mut Picture) {
        let holder = place.holder;
        let mut ask = |right: &str, line: u32, message: String, fix: &str| {
            let key = format!("permission:{holder}:{right}");
            let also = vec![format!("permission:{holder}:write-all")];
            let inherited = vec![format!("permission:*:{right}"), "permission:*:write-all".to_owned()];
            picture.ask(Ask::new(What::Permissions, key, line, message, fix).also(also).inherits(holder, inherited));
        };
        match self {
            // Forgejo has no such key: there the token is always the same.
            Self::NotGiven if forge == Forge::GitHub => {
                let message =
                    "without `permissions` a job's token gets the repository's default, which may be to write";
                let fix = "add `permissions:` with what the job needs, such as `contents: read`";
                ask("default", place.line, message.to_owned(), fix);
            }
            Self::NotGiven => {}
            Self::WriteAll(line) => ask("write-all", *line, "the job's token may write everything".to_owned(), FIX),
            Self::Writes(scopes) => {
                for (scope, line) in scopes {
                    let message = match scope.as_str() {
                        "id-token" => "`id-token: write` lets the job take on identities elsewhere (OIDC)".to_owned(),
                        _ => format!("the job's token may write `{}`", shown(scope)),
                    };
                    ask(scope, *line, message, FIX);
                }
            }
        }
    }
}
