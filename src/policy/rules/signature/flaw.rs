//! What is wrong with a signature, as its pusher is told.

use std::fmt;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Flaw {
    Missing,
    Several,
    Malformed(&'static str),
    /// Neither an SSH nor an OpenPGP signature.
    OtherFormat,
    OtherNamespace,
    /// An algorithm nobody should rely on any more.
    Weak(&'static str),
    /// By a key that is not allowed; with its fingerprint.
    UnknownKey(String),
    /// By an allowed key, but not over this object.
    OtherObject,
    Revoked,
    NotValidThen,
    NotForSigning,
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("it is not signed"),
            Self::Several => f.write_str("it has more than one signature"),
            Self::Malformed(what) => write!(f, "its signature cannot be read: {what}"),
            Self::OtherFormat => f.write_str("its signature is neither an SSH nor an OpenPGP signature"),
            Self::OtherNamespace => f.write_str("its signature was not made for git"),
            Self::Weak(what) => write!(f, "its signature is made with {what}"),
            Self::UnknownKey(key) => write!(f, "its signature is by {key}, a key that is not allowed here"),
            Self::OtherObject => f.write_str("its signature is not over this object"),
            Self::Revoked => f.write_str("its signature is by a key that was revoked"),
            Self::NotValidThen => f.write_str("its signature is by a key that was not valid at its date"),
            Self::NotForSigning => f.write_str("its signature is by a key that is not for signing"),
        }
    }
}
