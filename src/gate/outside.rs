//! What moved at an upstream without the gate: found at each contact, stated, recorded, told.

use crate::evidence::{Decision, DecisionId, History, Outcome, Previous, Subject, UpdatedRef};
use crate::gate::attest::{Attest, peeled};
use crate::gate::fault::Fault;
use crate::gate::judge::{Push, Refs};
use crate::gate::{Target, notebook};
use crate::git::upstream::is_mirrored;
use crate::git::{Mirror, MirrorError, Objects, tree};
use crate::model::{Limits, PushId, RefName, RefUpdate};
use crate::policy::Policy;
use crate::record::{ExternalEntry, UpdateEntry};
use crate::store::{Store, StoreError, Tip, Tips};
use jiff::Timestamp;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, PoisonError};

/// Refs in one record.
const REFS_MAX: usize = 200;

/// One contact with an upstream, for a push or for a fetch.
#[derive(Clone, Copy)]
pub(super) struct Contact<'a> {
    pub attest: &'a Attest,
    pub target: &'a Target,
    pub store: &'a Store,
    pub policy: &'a Policy,
}

impl Push<'_> {
    /// None where nothing is stated.
    pub(super) fn contact(&self) -> Option<Contact<'_>> {
        let Push { target, store, policy, .. } = *self;
        self.attest.map(|attest| Contact { attest, target, store, policy })
    }
}

impl Contact<'_> {
    /// What the upstream's refs held as far as is known: to be asked for before the upstream is, so that what moves in
    /// between is known to have moved.
    pub fn known_tips(&self) -> Result<Option<Arc<Tips>>, Fault> {
        let mut known = self.target.tips.lock().unwrap_or_else(PoisonError::into_inner);
        if known.is_none() {
            *known = self.store.tips(&self.target.name)?.map(Arc::new);
        }
        Ok(known.clone())
    }

    /// Brings the mirror in step for a fetch, and notices what moved. That it cannot be recorded stops no fetch.
    pub fn refresh(&self, mirror: &Mirror, limits: &Limits) -> Result<(), MirrorError> {
        let known = self.known_tips();
        let refs = mirror.refresh(&self.target.upstream, limits)?;
        if let Err(error) = known.and_then(|known| self.look_outside(known.as_deref(), &refs)) {
            tracing::error!(repo = %self.target.name, %error, "what moved at the upstream cannot be recorded");
        }
        Ok(())
    }

    /// Compares what the upstream holds with what was known before. The objects are in the mirror.
    pub fn look_outside(&self, before: Option<&Tips>, refs: &Refs) -> Result<(), Fault> {
        let counts = |name: &RefName| is_mirrored(name) && !notebook::is_for_evidence(&self.target.publish, name);
        let now: HashMap<&RefName, _> =
            refs.iter().filter(|(name, _)| counts(name)).map(|(name, id)| (name, *id)).collect();
        let repo = &self.target.name;
        let Some(before) = before else {
            // The first contact: what is there is where the record begins.
            let tips: Tips =
                now.iter().map(|(name, id)| ((*name).clone(), Tip { object: Some(*id), index: None })).collect();
            self.store.saw(repo, tips.clone().into_iter().collect())?;
            let mut known = self.target.tips.lock().unwrap_or_else(PoisonError::into_inner);
            known.get_or_insert_with(|| Arc::new(tips));
            return Ok(());
        };
        let mut moved = Vec::new();
        let none = Tip { object: None, index: None };
        for (name, id) in &now {
            let known = before.get(*name).copied().unwrap_or(none);
            if known.object != Some(*id) {
                moved.push((*name, known, Some(*id)));
            }
        }
        let gone = before.iter().filter(|(name, tip)| counts(name) && tip.object.is_some() && !now.contains_key(name));
        moved.extend(gone.map(|(name, tip)| (name, *tip, None)));
        let mut outside = Vec::new();
        for (name, known, new) in moved {
            if self.store.brought_there(repo, name, new, known.index)?.is_none() {
                outside.push(RefUpdate { name: name.clone(), old: known.object, new });
            }
        }
        outside.sort_by(|one, other| one.name.cmp(&other.name));
        outside.chunks(REFS_MAX).try_for_each(|updates| self.record(updates))
    }

    fn record(&self, updates: &[RefUpdate]) -> Result<(), Fault> {
        let (time, repo) = (Timestamp::now(), self.target.name.clone());
        let objects = Objects::new(None, self.target.objects());
        let decisions = updates.iter().filter_map(|update| self.decision(update, &objects, time)).collect();
        let entry = ExternalEntry { time, repo, updates: updates.iter().map(UpdateEntry::from).collect() };
        let written = match self.store.moved_outside(entry, decisions) {
            Ok(written) => written,
            // Another push has seen it at the same moment, or a newer state of it.
            Err(StoreError::Seen) => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        tracing::warn!(repo = %self.target.name, refs = updates.len(), "refs moved at the upstream without the gate");
        let index = written.stated.last().map(|stated| stated.index);
        let tips = updates.iter().map(|update| (update.name.clone(), Tip { object: update.new, index }));
        self.target.set_tips(tips);
        notebook::note_outside(self.target, written.stated);
        Ok(())
    }

    fn decision(&self, update: &RefUpdate, objects: &Objects, time: Timestamp) -> Option<Decision> {
        let (commit, tag) = peeled(objects, update.new.or(update.old)?);
        let subject = Subject { commit, tree: tree::of(objects, &commit).ok(), tag, ref_name: update.name.clone() };
        Some(Decision {
            gate: self.attest.gate(),
            id: DecisionId::generate(),
            // Nobody's push: the id names this sighting.
            push: PushId::generate(),
            outcome: Outcome::ExternalUpdate,
            resource: self.target.resource.clone()?,
            subject,
            update: UpdatedRef { old: update.old, new: update.new, history: History::Kept },
            actor: None,
            push_cert: None,
            client_claims: BTreeMap::new(),
            policy: self.attest.policy(self.policy, self.policy.observes(&self.target.name)),
            evaluations: Vec::new(),
            changeset: None,
            approvals: Vec::new(),
            previous: Previous { ref_index: None, repo_seq: 0 },
            record: None,
            received: time,
            decided: time,
        })
    }
}
