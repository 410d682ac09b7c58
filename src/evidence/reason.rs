//! Why nothing is proven, in words for who owns the CI.
//!
//! Ordered by how far the check came: of several lines of a note, the one that came furthest says why.

use crate::evidence::digest::Sha256Digest;
use crate::evidence::spelling::Seconds;

/// The reason. What is quoted is escaped and short.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum NotProven {
    #[error("the commit has no refgate note; it did not come through the gate")]
    NoNote,
    #[error("the note is longer than {0} bytes")]
    NoteTooLong(usize),
    #[error("the note has no verification summary")]
    NoSummary,
    #[error("the summary is signed by a key that is not trusted: {0}")]
    ForeignKey(String),
    #[error("the summary was altered: the signature of {0} does not match")]
    Altered(String),
    #[error("the summary is not in the form that the gate writes")]
    Form,
    #[error("the summary is of the verifier {0}, which its key does not speak for")]
    OtherVerifier(String),
    #[error("the summary is of {0}, when its key was not valid")]
    KeyNotValid(Seconds),
    #[error("the summary does not say PASSED")]
    NotPassed,
    #[error("the summary is for another repository: {0}")]
    OtherRepository(String),
    #[error("the summary is for another commit: {0}")]
    OtherCommit(String),
    #[error("the summary is for another tree: {0}")]
    OtherTree(String),
    #[error("the summary is for another ref: {0}")]
    OtherRef(String),
    #[error("the summary is of {0}, which is still to come; check the clock")]
    FromTheFuture(Seconds),
    #[error("the summary is of {0}, which is too long ago (--max-age)")]
    TooOld(Seconds),
    #[error("the decision is missing from the note: sha256 {0}")]
    DecisionMissing(Sha256Digest),
    #[error("the decision is not signed by the key of the summary's verifier")]
    DecisionForeign,
    #[error("the summary and the decision do not agree on the {0}")]
    Disagree(&'static str),
    #[error("the decision did not let the push through: {0}")]
    NotAccepted(String),
}

impl NotProven {
    /// One word for programs; stable.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoNote => "no-note",
            Self::NoteTooLong(_) => "note-too-long",
            Self::NoSummary => "no-summary",
            Self::ForeignKey(_) => "foreign-key",
            Self::Altered(_) => "altered",
            Self::Form => "form",
            Self::OtherVerifier(_) => "other-verifier",
            Self::KeyNotValid(_) => "key-not-valid",
            Self::NotPassed => "not-passed",
            Self::OtherRepository(_) => "other-repository",
            Self::OtherCommit(_) => "other-commit",
            Self::OtherTree(_) => "other-tree",
            Self::OtherRef(_) => "other-ref",
            Self::FromTheFuture(_) => "from-the-future",
            Self::TooOld(_) => "too-old",
            Self::DecisionMissing(_) => "decision-missing",
            Self::DecisionForeign => "decision-foreign",
            Self::Disagree(_) => "disagree",
            Self::NotAccepted(_) => "not-accepted",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_fits_a_line_and_what_came_further_is_greater() {
        let time = Seconds::parse("2026-01-02T03:04:05Z").expect("a time");
        let short = [
            NotProven::NoNote,
            NotProven::NoteTooLong(1 << 22),
            NotProven::NoSummary,
            NotProven::Form,
            NotProven::KeyNotValid(time),
            NotProven::NotPassed,
            NotProven::OtherCommit("a".repeat(40)),
            NotProven::FromTheFuture(time),
            NotProven::TooOld(time),
            NotProven::DecisionForeign,
            NotProven::Disagree("repository"),
            NotProven::NotAccepted("external-update".to_owned()),
        ];
        for reason in &short {
            assert!(reason.to_string().len() <= 80, "{reason}");
        }
        assert!(short.is_sorted());
    }
}
