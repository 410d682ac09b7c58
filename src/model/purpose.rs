//! What a push is for: to move refs now, to ask for review, or only to hear the judgement.

use crate::model::{InvalidRefName, RefName};

/// Decided by the namespace its refs are in; never mixed in one push.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub enum Purpose {
    #[default]
    Push,
    /// `refs/for/<branch>`: held for a human, whatever the rules say.
    Review,
    /// `refs/check/<branch>`: judged, and nothing else.
    Check,
}

impl Purpose {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Push => "push",
            Self::Review => "review",
            Self::Check => "check",
        }
    }

    /// The prefix that asks for it, of those that have one.
    #[must_use]
    pub fn prefix(self) -> Option<&'static str> {
        match self {
            Self::Push => None,
            Self::Review => Some("refs/for/"),
            Self::Check => Some("refs/check/"),
        }
    }

    /// What a pushed name asks for, and the ref it means: `refs/for/main` means `refs/heads/main`, and so does
    /// `refs/for/refs/heads/main`.
    pub fn of(pushed: &RefName) -> Result<(Self, RefName), InvalidRefName> {
        for purpose in [Self::Review, Self::Check] {
            let prefix = purpose.prefix().unwrap_or_default();
            let Some(rest) = pushed.as_bstr().strip_prefix(prefix.as_bytes()) else { continue };
            let full = if rest.starts_with(b"refs/") { rest.to_vec() } else { [b"refs/heads/", rest].concat() };
            return Ok((purpose, RefName::parse(&full)?));
        }
        Ok((Self::Push, pushed.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_namespace_says_what_a_push_is_for() {
        for (pushed, purpose, meant) in [
            ("refs/heads/main", Purpose::Push, "refs/heads/main"),
            ("refs/for/main", Purpose::Review, "refs/heads/main"),
            ("refs/for/refs/tags/v1", Purpose::Review, "refs/tags/v1"),
            ("refs/check/agent/a/x", Purpose::Check, "refs/heads/agent/a/x"),
            ("refs/check/refs/heads/x", Purpose::Check, "refs/heads/x"),
            ("refs/force/x", Purpose::Push, "refs/force/x"),
        ] {
            let name = RefName::parse(pushed.as_bytes()).expect("a name");
            let meant = RefName::parse(meant.as_bytes()).expect("a name");
            assert_eq!(Purpose::of(&name), Ok((purpose, meant)), "{pushed}");
        }
    }
}
