//! What an upstream did with a push, where its report does not say: from what its refs hold.

use super::{ForwardError, Outcome, RefOutcome, Rejection};
use crate::config::Upstream;
use crate::git::upstream;
use crate::model::{Limits, ObjectId, RefName, RefUpdate};
use std::collections::{BTreeMap, HashMap};

/// What the upstream itself said of each ref.
pub(super) type Told = HashMap<RefName, Outcome>;

/// What a ref of a push that ended unclearly shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settled {
    /// The ref holds the new value.
    Landed,
    /// The ref holds the old value.
    NotLanded,
    /// The ref holds a third value: it moved before this push, or after it.
    Unknown,
}

/// Asks the upstream what became of each update, in their order. For pushes that a crash cut short too.
///
/// It is what the refs hold at this moment: a remote process that outlived its connection may still move them.
pub fn settle(upstream: &Upstream, updates: &[RefUpdate], limits: &Limits) -> Result<Vec<Settled>, ForwardError> {
    let now = current(upstream, updates, limits)?;
    Ok(updates.iter().map(|update| settled(update, now.get(&update.name).copied())).collect())
}

fn settled(update: &RefUpdate, now: Option<ObjectId>) -> Settled {
    match now {
        now if now == update.new => Settled::Landed,
        now if now == update.old => Settled::NotLanded,
        _ => Settled::Unknown,
    }
}

/// All refs that the updates name, as they are now. Not from ls-remote alone: it tells branches and tags only.
fn current(
    upstream: &Upstream,
    updates: &[RefUpdate],
    limits: &Limits,
) -> Result<BTreeMap<RefName, ObjectId>, ForwardError> {
    let refs = match upstream {
        Upstream::Https { .. } => upstream::ls_remote_all(upstream, limits)?.refs,
        Upstream::Local { .. } | Upstream::Own { .. } | Upstream::Ssh { .. } => {
            super::receive_pack::ReceivePack::open(upstream, limits, None)?.take_refs()
        }
    };
    let named = |name: &RefName| updates.iter().any(|update| update.name == *name);
    Ok(refs.into_iter().filter(|(name, _)| named(name)).collect())
}

/// Gives every update its outcome: as told, with rejections classed, and what was not told settled.
pub(super) fn complete(upstream: &Upstream, updates: &[RefUpdate], mut told: Told, limits: &Limits) -> Vec<RefOutcome> {
    let all_ok = updates.iter().all(|update| matches!(told.get(&update.name), Some(Outcome::Ok(_))));
    let now = if all_ok { Ok(BTreeMap::new()) } else { current(upstream, updates, limits) };
    if let Err(error) = &now {
        tracing::warn!(%error, "the upstream cannot be asked what became of a push");
    }
    let mut outcomes = Vec::new();
    for update in updates {
        let outcome = outcome(update, told.remove(&update.name), now.as_ref().ok());
        outcomes.push(RefOutcome { name: update.name.clone(), outcome });
    }
    name_other_moved(&mut outcomes);
    outcomes
}

fn outcome(update: &RefUpdate, told: Option<Outcome>, now: Option<&BTreeMap<RefName, ObjectId>>) -> Outcome {
    let now = now.map(|refs| settled(update, refs.get(&update.name).copied()));
    match (told, now) {
        (Some(Outcome::Rejected { reason, .. }), Some(Settled::NotLanded) | None) => {
            Outcome::Rejected { class: Rejection::Refused, reason }
        }
        // Rejected, and yet it holds the new value: another push did the same. Ours is told to look again.
        (Some(Outcome::Rejected { reason, .. }), Some(Settled::Landed | Settled::Unknown)) => {
            Outcome::Rejected { class: Rejection::Moved, reason }
        }
        (Some(told), _) => told,
        (None, Some(Settled::Landed)) => Outcome::Ok(Vec::new()),
        (None, Some(Settled::NotLanded)) => {
            Outcome::Rejected { class: Rejection::Refused, reason: RefUpdate::NO_ANSWER.to_owned() }
        }
        (None, Some(Settled::Unknown) | None) => Outcome::Unknown,
    }
}

fn name_other_moved(outcomes: &mut [RefOutcome]) {
    let class_of = |o: &RefOutcome| match &o.outcome {
        Outcome::Rejected { class, .. } => Some(*class),
        Outcome::Ok(_) | Outcome::Unknown => None,
    };
    if !outcomes.iter().any(|o| class_of(o) == Some(Rejection::Moved)) {
        return;
    }
    for RefOutcome { outcome, .. } in outcomes {
        if let Outcome::Rejected { class: class @ Rejection::Refused, .. } = outcome {
            *class = Rejection::OtherMoved;
        }
    }
}
