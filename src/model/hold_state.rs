//! Where a held push stands.

/// The states of a held push, in the order of its life. Only the first two can change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HoldState {
    /// For a human to approve or reject it.
    Waiting,
    /// Approved and accepted; the upstream's answer is not known yet.
    Releasing,
    /// The upstream took it.
    Forwarded,
    /// Approved, but the upstream refused it or did not say.
    NotTaken,
    /// Judged again, and not acceptable any more: the upstream moved, or a rule refuses now.
    Refused,
    Rejected,
    Withdrawn,
    Superseded,
    Expired,
    /// Its pusher was revoked.
    Revoked,
}

impl HoldState {
    const ALL: [Self; 10] = [
        Self::Waiting,
        Self::Releasing,
        Self::Forwarded,
        Self::NotTaken,
        Self::Refused,
        Self::Rejected,
        Self::Withdrawn,
        Self::Superseded,
        Self::Expired,
        Self::Revoked,
    ];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Releasing => "releasing",
            Self::Forwarded => "forwarded",
            Self::NotTaken => "not-taken",
            Self::Refused => "refused",
            Self::Rejected => "rejected",
            Self::Withdrawn => "withdrawn",
            Self::Superseded => "superseded",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
        }
    }

    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }

    /// Whether something can still become of it.
    #[must_use]
    pub fn is_open(self) -> bool {
        matches!(self, Self::Waiting | Self::Releasing)
    }
}
