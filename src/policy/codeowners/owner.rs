//! One word for an owner, as the forges write them.

use crate::policy::codeowners::Syntax;
use std::fmt;

/// Whom a file names. All of it is ASCII.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Owner {
    /// `@name`, without the `@`. At GitLab it may also be a group.
    User(String),
    /// `@org/team`, without the `@`; at GitLab of any depth.
    Team(String),
    Email(String),
    /// GitLab's `@@maintainer`, without the `@@`.
    Role(String),
}

const ROLES: [&str; 6] = ["developer", "developers", "maintainer", "maintainers", "owner", "owners"];
const LENGTH_MAX: usize = 255;

impl Owner {
    pub(super) fn parse(word: &[u8], syntax: Syntax) -> Option<Self> {
        let word = std::str::from_utf8(word).ok().filter(|word| word.is_ascii() && word.len() <= LENGTH_MAX)?;
        if let Some(role) = word.strip_prefix("@@") {
            let is_role = syntax == Syntax::GitLab && ROLES.iter().any(|known| known.eq_ignore_ascii_case(role));
            return is_role.then(|| Self::Role(role.to_ascii_lowercase()));
        }
        let name = match (word.strip_prefix('@'), syntax) {
            (Some(name), _) => name,
            // Gitea asks for no `@`, and knows no addresses.
            (None, Syntax::Gitea) => word,
            (None, Syntax::GitHub | Syntax::GitLab) => return is_email(word).then(|| Self::Email(word.to_owned())),
        };
        if !name.split('/').all(is_name) {
            return None;
        }
        match name.matches('/').count() {
            0 => Some(Self::User(name.to_owned())),
            depth if depth == 1 || syntax == Syntax::GitLab => Some(Self::Team(name.to_owned())),
            _ => None,
        }
    }
}

fn is_name(part: &str) -> bool {
    !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
}

fn is_email(word: &str) -> bool {
    let is_plain =
        |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic() && !b"@<>(),;:\"\\#".contains(&b));
    word.split_once('@').is_some_and(|(local, domain)| is_plain(local) && is_plain(domain))
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(name) | Self::Team(name) => write!(f, "@{name}"),
            Self::Email(address) => f.write_str(address),
            Self::Role(role) => write!(f, "@@{role}"),
        }
    }
}
