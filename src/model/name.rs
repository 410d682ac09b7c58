//! Names of principals and repositories: one grammar each, checked once.

use std::fmt;

/// Says why a name was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidName {
    #[error("a name must not be empty")]
    Empty,
    #[error("a name is at most {0} bytes long")]
    TooLong(usize),
    #[error("a name has only letters, digits, '.', '_' and '-', and starts with a letter or digit")]
    Character,
    #[error("a part of a name must not start with '-' or '.', hold '..', or end in '.git' or '.lock'")]
    Reserved,
}

const NAME_LENGTH_MAX: usize = 100;

/// Who an SSH key or certificate proved.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PrincipalName(String);

impl PrincipalName {
    pub fn parse(name: &str) -> Result<Self, InvalidName> {
        check_part(name)?;
        Ok(Self(name.to_owned()))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PrincipalName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What the operator calls a webhook.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HookName(String);

impl HookName {
    pub fn parse(name: &str) -> Result<Self, InvalidName> {
        check_part(name)?;
        Ok(Self(name.to_owned()))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for HookName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What sort of principal holds a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PrincipalKind {
    Agent,
    Human,
    Ci,
}

impl PrincipalKind {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Human => "human",
            Self::Ci => "ci",
        }
    }
}

/// The name of a repository as clients and settings write it: parts joined by `/`, with no `.git` at the end.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RepoName(String);

impl RepoName {
    pub fn parse(name: &str) -> Result<Self, InvalidName> {
        if name.len() > NAME_LENGTH_MAX {
            return Err(InvalidName::TooLong(NAME_LENGTH_MAX));
        }
        name.split('/').try_for_each(check_part)?;
        Ok(Self(name.to_owned()))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RepoName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn check_part(part: &str) -> Result<(), InvalidName> {
    if part.is_empty() {
        return Err(InvalidName::Empty);
    }
    if part.len() > NAME_LENGTH_MAX {
        return Err(InvalidName::TooLong(NAME_LENGTH_MAX));
    }
    if part.starts_with(['-', '.']) || part.contains("..") || part.ends_with(".git") || part.ends_with(".lock") {
        return Err(InvalidName::Reserved);
    }
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if part.starts_with('_') || !part.chars().all(allowed) {
        return Err(InvalidName::Character);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repository_name_has_one_grammar() {
        for good in ["app", "team/app", "a.b-c_d/e1", &"x".repeat(100)] {
            assert_eq!(RepoName::parse(good).map(|n| n.to_string()), Ok(good.to_owned()));
        }
        for bad in [
            "",
            "/app",
            "app/",
            "a//b",
            "../x",
            "a/../b",
            "-x",
            "a/-x",
            ".hidden",
            "app.git",
            "a b",
            "a\nb",
            "a\\b",
            "é",
            "~x",
            "x.lock",
            "_x",
            &"x".repeat(101),
        ] {
            assert!(RepoName::parse(bad).is_err(), "{bad:?}");
        }
    }
}
