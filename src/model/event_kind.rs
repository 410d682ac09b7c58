//! The names of events: one vocabulary for `events`, for webhooks and for the settings that choose among them.

use std::fmt;

macro_rules! event_kinds {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)*) => {
        /// What happened. The names are a stable format: a kind is added, never renamed.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum EventKind {
            $($(#[$doc])* $variant,)*
        }

        impl EventKind {
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }
        }
    };
}

event_kinds! {
    /// Decided: it is about to be forwarded.
    PushAccepted = "push.accepted",
    /// It waits for a human.
    PushHeld = "push.held",
    PushRefused = "push.refused",
    /// A push that only asked for the judgement.
    PushChecked = "push.checked",
    /// The upstream has it.
    PushForwarded = "push.forwarded",
    /// It was accepted, and the upstream did not take all of it.
    PushNotTaken = "push.not-taken",
    /// It was accepted, and what the upstream has cannot be found out.
    PushUnknown = "push.unknown",
    /// It ended before there was a decision.
    PushAborted = "push.aborted",
    HoldApproved = "hold.approved",
    HoldRejected = "hold.rejected",
    /// By its pusher.
    HoldWithdrawn = "hold.withdrawn",
    /// A newer push took its place.
    HoldSuperseded = "hold.superseded",
    HoldExpired = "hold.expired",
    /// Its pusher was revoked.
    HoldRevoked = "hold.revoked",
    /// Judged again with its approvals: it is about to be forwarded.
    HoldReleased = "hold.released",
    /// Judged again with its approvals, and refused.
    HoldRefused = "hold.refused",
    RepoFrozen = "repo.frozen",
    RepoThawed = "repo.thawed",
    /// Refs of the upstream hold something else than what the gate brought there or saw last.
    RepoMoved = "repo.moved",
    PrincipalRevoked = "principal.revoked",
    PrincipalReinstated = "principal.reinstated",
    /// Another policy is in force.
    PolicyChanged = "policy.changed",
    /// A person changed the policy by a verb.
    PolicyEdited = "policy.edited",
    /// A policy was offered that does not compile; the old one stays.
    PolicyRefused = "policy.refused",
    GateStarted = "gate.started",
    GateStopped = "gate.stopped",
}

impl EventKind {
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.as_str() == name)
    }

    /// The word before the dot.
    #[must_use]
    pub fn group(self) -> &'static str {
        self.as_str().split('.').next().unwrap_or_default()
    }

    /// The kinds that a pattern means: a name, `group.*` or `*`. Empty: none.
    #[must_use]
    pub fn matching(pattern: &str) -> Vec<Self> {
        let is_meant = |kind: &Self| match pattern.strip_suffix(".*") {
            Some(group) => kind.group() == group,
            None => pattern == "*" || kind.as_str() == pattern,
        };
        Self::ALL.iter().copied().filter(is_meant).collect()
    }
}

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_means_a_kind_a_group_or_all() {
        for (pattern, count) in [
            ("*", EventKind::ALL.len()),
            ("hold.*", 8),
            ("repo.*", 3),
            ("push.held", 1),
            ("push.hel", 0),
            ("push.held.*", 0),
            ("push", 0),
            ("push.", 0),
            (".*", 0),
            ("**", 0),
            ("", 0),
        ] {
            assert_eq!(EventKind::matching(pattern).len(), count, "{pattern}");
        }
    }

    #[test]
    fn every_name_is_one_kind() {
        for kind in EventKind::ALL {
            assert_eq!(EventKind::parse(kind.as_str()), Some(*kind));
            assert!(kind.as_str().bytes().all(|byte| byte.is_ascii_lowercase() || matches!(byte, b'.' | b'-')));
        }
        assert_eq!(EventKind::parse("push.lost"), None);
    }
}
