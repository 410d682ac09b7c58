//! Full ref names, as bytes.

use crate::model::Escaped;
use bstr::{BStr, BString, ByteSlice};
use std::fmt;

/// A full ref name that `git check-ref-format` accepts: `refs/heads/main`, never `main` or `HEAD`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RefName(BString);

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRefName {
    #[error("a ref name starts with refs/")]
    NotFull,
    #[error("not a valid ref name (git check-ref-format)")]
    Format,
    #[error("a ref name is at most {0} bytes long")]
    TooLong(usize),
}

impl RefName {
    /// The longest ref name taken, in bytes: what fits a file name of every common file system, with room for `.lock`.
    pub const LENGTH_MAX: usize = 1000;
    const PART_LENGTH_MAX: usize = 250;

    pub fn parse(name: &[u8]) -> Result<Self, InvalidRefName> {
        if !name.starts_with(b"refs/") {
            return Err(InvalidRefName::NotFull);
        }
        if name.len() > Self::LENGTH_MAX {
            return Err(InvalidRefName::TooLong(Self::LENGTH_MAX));
        }
        if name.split_str("/").any(|part| part.len() > Self::PART_LENGTH_MAX) {
            return Err(InvalidRefName::TooLong(Self::PART_LENGTH_MAX));
        }
        gix::validate::reference::name(name.as_bstr()).map_err(|_| InvalidRefName::Format)?;
        Ok(Self(name.into()))
    }

    #[must_use]
    pub fn as_bstr(&self) -> &BStr {
        self.0.as_bstr()
    }

    #[must_use]
    pub fn is_branch(&self) -> bool {
        self.0.starts_with(b"refs/heads/")
    }

    #[must_use]
    pub fn is_tag(&self) -> bool {
        self.0.starts_with(b"refs/tags/")
    }

    /// The name a person uses: without `refs/heads/` or `refs/tags/`.
    #[must_use]
    pub fn short(&self) -> &BStr {
        let name = self.0.as_slice();
        let short = name.strip_prefix(b"refs/heads/").or_else(|| name.strip_prefix(b"refs/tags/"));
        short.unwrap_or(name).as_bstr()
    }
}

/// Shown escaped: a ref name may hold any Unicode.
impl fmt::Display for RefName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Escaped(&self.0).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_what_git_check_ref_format_takes() {
        for good in ["refs/heads/main", "refs/tags/v1.0", "refs/heads/a/b-c_d", "refs/heads/grün", "refs/for/main"] {
            assert!(RefName::parse(good.as_bytes()).is_ok(), "{good}");
        }
        for bad in [
            "",
            "main",
            "HEAD",
            "refs/",
            "refs/heads/",
            "refs/heads/a..b",
            "refs/heads/a b",
            "refs/heads/.a",
            "refs/heads/a.lock",
            "refs/heads/a/",
            "refs/heads//a",
            "refs/heads/a\x01",
            "refs/heads/a~1",
            "refs/heads/a^",
            "refs/heads/a:b",
            "refs/heads/a?b",
            "refs/heads/a*",
            "refs/heads/a[b",
            "refs/heads/a\\b",
            "refs/heads/a@{b",
            "refs/heads/a.",
        ] {
            assert!(RefName::parse(bad.as_bytes()).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn length_is_limited() {
        let name = |n: usize| format!("refs/heads/{}", "x".repeat(n));
        assert!(RefName::parse(name(250).as_bytes()).is_ok());
        assert_eq!(RefName::parse(name(251).as_bytes()), Err(InvalidRefName::TooLong(250)));
        let long = |n: usize| format!("refs/heads/{}{}", "x/".repeat((n - 12) / 2), "y".repeat(1 + (n - 12) % 2));
        assert_eq!(long(1000).len(), 1000);
        assert!(RefName::parse(long(1000).as_bytes()).is_ok());
        assert_eq!(RefName::parse(long(1001).as_bytes()), Err(InvalidRefName::TooLong(1000)));
    }
}
