//! Values of the model as statements spell them. Each has one spelling, so that verifiers may compare text.

use crate::model::{Escaped, ObjectId, RefName};
use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use std::fmt;

/// The URI of a repository, `git+ssh://…` or `git+https://…`: the same byte for byte wherever it stands.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ResourceUri(String);

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidResourceUri {
    #[error("a resource URI starts with git+https:// or git+ssh:// and a host")]
    Scheme,
    #[error("a resource URI has visible ASCII characters only, no quotes, no backslash")]
    Character,
    #[error("a resource URI is at most {0} bytes long")]
    TooLong(usize),
}

impl ResourceUri {
    pub const LENGTH_MAX: usize = 1000;

    pub fn parse(text: &str) -> Result<Self, InvalidResourceUri> {
        if text.len() > Self::LENGTH_MAX {
            return Err(InvalidResourceUri::TooLong(Self::LENGTH_MAX));
        }
        if !text.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\'' | b'\\')) {
            return Err(InvalidResourceUri::Character);
        }
        let rest = text.strip_prefix("git+https://").or_else(|| text.strip_prefix("git+ssh://"));
        match rest {
            Some(rest) if !rest.is_empty() && !rest.starts_with('/') => Ok(Self(text.to_owned())),
            Some(_) | None => Err(InvalidResourceUri::Scheme),
        }
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ResourceUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A ref name as text. [`Escaped`] leaves ordinary names alone and never makes two names look the same.
#[must_use]
pub fn ref_name(name: &RefName) -> String {
    name.to_string()
}

/// Bytes as text, in the same way.
#[must_use]
pub fn bytes(bytes: &[u8]) -> String {
    Escaped(bytes).to_string()
}

/// A word of a statement as it may be shown: visible, and short.
#[must_use]
pub fn shown(word: &str) -> String {
    const CHARS_MAX: usize = 200;
    let shown = Escaped(word.as_bytes()).to_string();
    match shown.char_indices().nth(CHARS_MAX) {
        Some((end, _)) => format!("{}…", shown.get(..end).unwrap_or_default()),
        None => shown,
    }
}

/// A point in time in whole seconds of UTC, `2026-01-02T03:04:05Z`: sorts as text, and every tool reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Seconds(Timestamp);

impl Seconds {
    /// Without the part below a second.
    #[must_use]
    pub fn floor(time: Timestamp) -> Self {
        let seconds = time.as_second() - i64::from(time.subsec_nanosecond() < 0);
        Self(Timestamp::from_second(seconds).unwrap_or(time))
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let time = Self(text.parse().ok()?);
        (time.to_string() == text).then_some(time)
    }

    #[must_use]
    pub fn timestamp(self) -> Timestamp {
        self.0
    }
}

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.strftime("%Y-%m-%dT%H:%M:%SZ").fmt(f)
    }
}

impl Serialize for Seconds {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Seconds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom("not a time like 2026-01-02T03:04:05Z"))
    }
}

/// An object id as hex digits.
#[must_use]
pub fn object(id: ObjectId) -> String {
    id.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resource_uri_names_a_repository() {
        let long = |n: usize| format!("git+ssh://h/{}", "x".repeat(n - 12));
        for good in ["git+https://gate.example/app", "git+ssh://gate.example:2222/team/app", &long(1000)] {
            assert_eq!(ResourceUri::parse(good).map(|uri| uri.to_string()), Ok(good.to_owned()));
        }
        let table = [
            ("https://gate.example/app", InvalidResourceUri::Scheme),
            ("git+ssh://", InvalidResourceUri::Scheme),
            ("git+https:///app", InvalidResourceUri::Scheme),
            ("git+ssh://h/a b", InvalidResourceUri::Character),
            ("git+ssh://h/a\"b", InvalidResourceUri::Character),
            ("git+ssh://h/é", InvalidResourceUri::Character),
            (&long(1001), InvalidResourceUri::TooLong(1000)),
        ];
        for (bad, why) in table {
            assert_eq!(ResourceUri::parse(bad), Err(why), "{bad}");
        }
    }

    #[test]
    fn times_have_whole_seconds_and_one_spelling() {
        let time: Timestamp = "2026-01-02T03:04:05.678Z".parse().expect("a time");
        assert_eq!(Seconds::floor(time).to_string(), "2026-01-02T03:04:05Z");
        let before: Timestamp = "1969-12-31T23:59:59.5Z".parse().expect("a time");
        assert_eq!(Seconds::floor(before).to_string(), "1969-12-31T23:59:59Z");
        assert!(Seconds::parse("2026-01-02T03:04:05Z").is_some());
        for bad in ["2026-01-02T03:04:05.0Z", "2026-01-02T03:04:05+00:00", "2026-01-02 03:04:05Z", "now", ""] {
            assert_eq!(Seconds::parse(bad), None, "{bad}");
        }
    }
}
