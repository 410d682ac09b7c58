//! Changes of `policy.toml` as people ask for them: text in, text out, with every remark and space where it was.
//!
//! What comes out compiles and differs in what was asked for only, or there is an error. Who may ask, and where the
//! text goes, is not decided here.

mod document;
mod grants;
mod keys;
mod people;
mod remove;
mod splice;
#[cfg(test)]
mod tests;

use crate::model::{PrincipalKind, PrincipalName, RepoName, UpdateKind, is_invisible};
use crate::policy::Policy;
use crate::policy::grant::OPERATIONS;
use crate::strict::{self, Problems};
use document::Document;
use jiff::Timestamp;
pub use keys::{KEYS_BYTES_MAX, KeyError, NewKey};
use splice::Splices;
use std::collections::BTreeSet;

/// What somebody asks of the policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Edit {
    AddPrincipal(NewPrincipal),
    /// Takes the principal out of everything that names it.
    RemovePrincipal(PrincipalName),
    AddKeys {
        name: PrincipalName,
        keys: Vec<NewKey>,
    },
    /// By its `SHA256:…`.
    RemoveKey {
        name: PrincipalName,
        fingerprint: String,
    },
    Join {
        group: String,
        name: PrincipalName,
    },
    Leave {
        group: String,
        name: PrincipalName,
    },
    AddGrant(NewGrant),
    /// Takes the principal out of the grants that give it by name, in one repository or in all.
    RemoveGrants {
        name: PrincipalName,
        repo: Option<RepoName>,
    },
    /// Lets those that are its alone end at a moment.
    ExpireGrants {
        name: PrincipalName,
        repo: Option<RepoName>,
        until: Timestamp,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewPrincipal {
    pub kind: PrincipalKind,
    pub name: PrincipalName,
    pub keys: Vec<NewKey>,
    /// The human who answers for an agent.
    pub sponsor: Option<PrincipalName>,
    pub emails: Vec<String>,
}

/// `[[grant]]`, with patterns as people write them; the compiler checks them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewGrant {
    /// Names, globs and groups.
    pub to: Vec<String>,
    pub repo: Vec<String>,
    /// Empty together with `allow`: a grant to read only.
    pub refs: Vec<String>,
    pub allow: Vec<UpdateKind>,
    pub write: Vec<String>,
    /// Empty: what counts where nothing is said.
    pub read: Vec<String>,
    pub until: Option<Timestamp>,
}

/// A policy after a change.
#[derive(Debug)]
pub struct Edited {
    pub text: String,
    pub policy: Policy,
    /// One line, safe to show: the subject of a commit.
    pub summary: String,
    /// What else changed, and what did not though it may look so; each a line.
    pub notes: Vec<String>,
}

/// Why a change was not made. Every text is for the human who asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    #[error("the policy does not compile as it is; nothing was changed\n{0}")]
    Broken(Problems),
    #[error("the policy would not compile with this; nothing was changed\n{0}")]
    Invalid(Problems),
    #[error("the policy cannot be read; nothing was changed")]
    Unreadable,
    #[error("the change would touch more than was asked for; nothing was changed: edit the file by hand")]
    TooMuch,
    #[error("`{0}` is in braces on one line ({1}) of the policy: edit it by hand")]
    Inline(&'static str, usize),
    #[error("what line {0} of the policy is part of has no header: edit it by hand")]
    Dotted(usize),
    #[error("there is already the {kind} `{name}`", kind = kind.as_str())]
    Exists { kind: PrincipalKind, name: PrincipalName },
    #[error("nobody is called `{0}` in the policy")]
    Nobody(String),
    #[error("there is no human `{0}` in the policy")]
    NoHuman(PrincipalName),
    #[error("a new principal needs a key")]
    NoKey,
    #[error("{fingerprint} is a key of `{holder}` already")]
    KeyTaken { fingerprint: String, holder: PrincipalName },
    #[error("`{0}` has no key {1}")]
    KeyUnknown(PrincipalName, String),
    #[error("there is no group `{0}` in the policy")]
    NoGroup(String),
    #[error("`{1}` is in the group `{0}` already")]
    Member(String, PrincipalName),
    #[error("the group `{0}` does not name `{1}`")]
    NotMember(String, PrincipalName),
    #[error("`{1}` is the only one in the group `{0}`: add another first")]
    LastMember(String, PrincipalName),
    #[error("`{name}` is the only one in `{key}` of {table}: name another first")]
    LastNamed { name: String, key: String, table: String },
    #[error("no grant names `{0}`{1}")]
    NoGrant(PrincipalName, String),
    #[error("the grant in line {0} is not for `{1}` alone: take it out of that, or edit the file")]
    Shared(usize, PrincipalName),
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error("allow create, update, rewind or delete")]
    Operation,
    #[error("a pattern or name has an invisible or control character")]
    Invisible,
}

impl Edit {
    /// The principal it is about, if it is about one.
    #[must_use]
    pub fn subject(&self) -> Option<PrincipalName> {
        match self {
            Self::AddPrincipal(new) => Some(new.name.clone()),
            Self::RemovePrincipal(name)
            | Self::AddKeys { name, .. }
            | Self::RemoveKey { name, .. }
            | Self::Join { name, .. }
            | Self::Leave { name, .. }
            | Self::RemoveGrants { name, .. }
            | Self::ExpireGrants { name, .. } => Some(name.clone()),
            Self::AddGrant(new) => match &new.to[..] {
                [name] => PrincipalName::parse(name).ok(),
                _ => None,
            },
        }
    }

    /// Makes the change; `file` is how errors call the policy.
    pub fn apply(&self, file: &str, text: &str) -> Result<Edited, EditError> {
        let before = Policy::parse(file, text).map_err(EditError::Broken)?;
        let document = Document::parse(text)?;
        let mut draft =
            Draft { document: &document, before: &before, splices: Splices::default(), gone: Gone::default() };
        let (summary, notes) = draft.edit(self)?;
        let text = draft.splices.apply(document.text);
        let policy = Policy::parse(file, &text).map_err(EditError::Invalid)?;
        if Outline::of(&policy) != Outline::of(&before).after(self, &draft.gone) {
            return Err(EditError::TooMuch);
        }
        Ok(Edited { text, policy, summary, notes })
    }
}

/// A change on its way.
struct Draft<'d, 't> {
    document: &'d Document<'t>,
    before: &'d Policy,
    splices: Splices,
    gone: Gone,
}

/// What is taken out beside what was named.
#[derive(Debug, Default)]
struct Gone {
    grants: usize,
    groups: BTreeSet<String>,
}

type Told = Result<(String, Vec<String>), EditError>;

impl Draft<'_, '_> {
    fn edit(&mut self, edit: &Edit) -> Told {
        match edit {
            Edit::AddPrincipal(new) => self.add_principal(new),
            Edit::RemovePrincipal(name) => self.remove_principal(name),
            Edit::AddKeys { name, keys } => self.add_keys(name, keys),
            Edit::RemoveKey { name, fingerprint } => self.remove_key(name, fingerprint),
            Edit::Join { group, name } => self.join(group, name),
            Edit::Leave { group, name } => self.leave(group, name),
            Edit::AddGrant(new) => self.add_grant(new),
            Edit::RemoveGrants { name, repo } => self.remove_grants(name, repo.as_ref()),
            Edit::ExpireGrants { name, repo, until } => self.expire_grants(name, repo.as_ref(), *until),
        }
    }

    fn known(&self, name: &PrincipalName) -> Result<PrincipalKind, EditError> {
        let principal = self.before.principal(name);
        principal.map(|principal| principal.kind).ok_or_else(|| EditError::Nobody(name.to_string()))
    }
}

/// Kinds of ref updates by their words.
pub fn operations(words: &[String]) -> Result<Vec<UpdateKind>, EditError> {
    let find = |word: &String| OPERATIONS.iter().find(|(known, _)| known == word).map(|(_, kind)| *kind);
    words.iter().map(|word| find(word).ok_or(EditError::Operation)).collect()
}

/// A list of strings in TOML.
fn list(texts: &[String]) -> Result<String, EditError> {
    if texts.iter().any(|text| text.chars().any(|c| c.is_control() || is_invisible(c))) {
        return Err(EditError::Invisible);
    }
    let quoted: Vec<String> = texts.iter().map(|text| strict::quoted(text)).collect();
    Ok(format!("[{}]", quoted.join(", ")))
}

/// What a policy has, by name and number: the net below the changes of text.
#[derive(Debug, PartialEq, Eq)]
struct Outline {
    people: BTreeSet<PrincipalName>,
    groups: BTreeSet<String>,
    grants: usize,
    rules: BTreeSet<String>,
    repos: BTreeSet<RepoName>,
}

impl Outline {
    fn of(policy: &Policy) -> Self {
        Self {
            people: policy.people.all().map(|principal| principal.name.clone()).collect(),
            groups: policy.people.groups().keys().cloned().collect(),
            grants: policy.grants.len(),
            rules: policy.rules.iter().map(|rule| rule.id.clone()).collect(),
            repos: policy.repos.keys().cloned().collect(),
        }
    }

    fn after(mut self, edit: &Edit, gone: &Gone) -> Self {
        match edit {
            Edit::AddPrincipal(new) => drop(self.people.insert(new.name.clone())),
            Edit::RemovePrincipal(name) => drop(self.people.remove(name)),
            Edit::AddGrant(_) => self.grants += 1,
            Edit::AddKeys { .. } | Edit::RemoveKey { .. } | Edit::Join { .. } | Edit::Leave { .. } => {}
            Edit::RemoveGrants { .. } | Edit::ExpireGrants { .. } => {}
        }
        self.grants = self.grants.saturating_sub(gone.grants);
        self.groups.retain(|group| !gone.groups.contains(group));
        self
    }
}
