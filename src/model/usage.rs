//! What a principal has used of a repository, for quotas.

/// Accepted and refused pushes, and bytes of packs, in one window of time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Count {
    pub pushes: u64,
    pub bytes: u64,
}

/// Counts of the windows that end now; the push being judged is not in them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    pub minute: Count,
    pub hour: Count,
    pub day: Count,
}
