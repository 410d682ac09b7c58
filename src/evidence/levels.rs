//! Which SLSA source levels a decision may claim, by who stands behind it and what the gate held the ref to.
//!
//! Claims less where it is not sure. Agents and CI count as robots: a level that asks for persons counts humans.
//! `SLSA_SOURCE_TWO_PARTY_REVIEWED` is never claimed: widespread verifiers refuse a whole summary that has it.

use crate::evidence::decision::{Decision, History};
use crate::model::{PrincipalKind, PrincipalName};
use std::collections::BTreeSet;

/// Whether the ref has had this gate's controls all the way from the revision they began with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Continuity {
    Unbroken,
    /// The ref moved without the gate, and nothing has begun anew since.
    Broken,
}

/// What the gate lets anyone do to the ref's history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefHistory {
    /// No grant may rewind or delete it; a tag never moves.
    Protected,
    /// Somebody may.
    Rewindable,
}

/// What the gate knows of a ref beyond one decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RefControls {
    pub continuity: Continuity,
    pub history: RefHistory,
}

/// The levels of an accepted decision: one of SLSA, then our own properties.
#[must_use]
pub(super) fn levels(decision: &Decision, controls: RefControls) -> Vec<String> {
    let mut levels =
        vec![format!("SLSA_SOURCE_LEVEL_{}", level(decision, controls)), "ORG_SOURCE_GATE_PATHS".to_owned()];
    if !approvers(decision).is_empty() {
        levels.push("ORG_SOURCE_GATE_HUMAN_APPROVED".to_owned());
    }
    levels
}

fn level(decision: &Decision, controls: RefControls) -> u8 {
    let RefControls { continuity, history } = controls;
    if continuity == Continuity::Broken
        || history == RefHistory::Rewindable
        || decision.update.history == History::Rewound
    {
        return 1;
    }
    let mut humans = approvers(decision);
    humans.extend(decision.actor.iter().filter(|actor| actor.kind == PrincipalKind::Human).map(|actor| &actor.name));
    if humans.len() >= 2 { 4 } else { 3 }
}

/// Who approved, the pusher not counted.
fn approvers(decision: &Decision) -> BTreeSet<&PrincipalName> {
    let pusher = decision.actor.as_ref().map(|actor| &actor.name);
    decision.approvals.iter().map(|approval| &approval.approver).filter(|name| Some(*name) != pusher).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::testing;

    const KEPT: RefControls = RefControls { continuity: Continuity::Unbroken, history: RefHistory::Protected };

    #[test]
    fn levels_count_humans_who_agreed() {
        let (agent, human, ci) = (PrincipalKind::Agent, PrincipalKind::Human, PrincipalKind::Ci);
        let table: [(PrincipalKind, &str, &[&str], u8, bool); 10] = [
            (agent, "claude-1", &[], 3, false),
            (agent, "claude-1", &["dana"], 3, true),
            (agent, "claude-1", &["dana", "dana"], 3, true),
            (agent, "claude-1", &["dana", "lee"], 4, true),
            (ci, "builder", &["dana"], 3, true),
            (ci, "builder", &["dana", "lee"], 4, true),
            (human, "dana", &[], 3, false),
            (human, "dana", &["dana"], 3, false),
            (human, "dana", &["lee"], 4, true),
            (human, "dana", &["lee", "kim"], 4, true),
        ];
        for (kind, pusher, approvers, level, approved) in table {
            let decision = testing::approved(testing::pushed_by(pusher, kind), approvers);
            let levels = levels(&decision, KEPT);
            assert_eq!(levels[0], format!("SLSA_SOURCE_LEVEL_{level}"), "{pusher} {approvers:?}");
            assert_eq!(levels.len(), if approved { 3 } else { 2 }, "{pusher} {approvers:?}");
            assert!(levels.iter().all(|level| level != "SLSA_SOURCE_TWO_PARTY_REVIEWED"));
        }
    }

    #[test]
    fn without_kept_history_there_is_level_1_only() {
        let decision = testing::approved(testing::pushed_by("dana", PrincipalKind::Human), &["lee"]);
        let mut rewound = decision.clone();
        rewound.update.history = History::Rewound;
        let broken = RefControls { continuity: Continuity::Broken, ..KEPT };
        let rewindable = RefControls { history: RefHistory::Rewindable, ..KEPT };
        assert_eq!(level(&decision, KEPT), 4);
        for level in [level(&decision, broken), level(&decision, rewindable), level(&rewound, KEPT)] {
            assert_eq!(level, 1);
        }
    }
}
