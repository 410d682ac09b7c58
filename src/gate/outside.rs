//! What moved at an upstream without the gate: found at each contact, stated, recorded, told.

use crate::evidence::{Decision, DecisionId, History, Outcome, Previous, Subject, UpdatedRef};
use crate::gate::attest::{Attest, peeled};
use crate::gate::fault::Fault;
use crate::gate::judge::{Push, Refs};
use crate::gate::notebook;
use crate::git::upstream::is_mirrored;
use crate::git::{Objects, tree};
use crate::model::{RefName, RefUpdate};
use crate::record::{ExternalEntry, UpdateEntry};
use crate::store::{StoreError, Tip, Tips};
use jiff::Timestamp;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, PoisonError};

/// Refs in one record.
const REFS_MAX: usize = 200;

impl Push<'_> {
    /// What the upstream's refs held as far as is known: to be asked for before the upstream is, so that what moves in
    /// between is known to have moved.
    pub(super) fn known_tips(&self) -> Result<Option<Arc<Tips>>, Fault> {
        if self.attest.is_none() {
            return Ok(None);
        }
        let mut known = self.target.tips.lock().unwrap_or_else(PoisonError::into_inner);
        if known.is_none() {
            *known = self.store.tips(&self.target.name)?.map(Arc::new);
        }
        Ok(known.clone())
    }

    /// Compares what the upstream holds with what was known before. The objects are in the mirror.
    pub(super) fn look_outside(&self, before: Option<&Tips>, refs: &Refs) -> Result<(), Fault> {
        let Some(attest) = self.attest else { return Ok(()) };
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
        outside.chunks(REFS_MAX).try_for_each(|updates| self.record_outside(attest, updates))
    }

    fn record_outside(&self, attest: &Attest, updates: &[RefUpdate]) -> Result<(), Fault> {
        let (time, repo) = (Timestamp::now(), self.target.name.clone());
        let objects = Objects::new(None, self.target.objects());
        let decisions = updates.iter().filter_map(|update| self.outside(attest, update, &objects, time)).collect();
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

    fn outside(&self, attest: &Attest, update: &RefUpdate, objects: &Objects, time: Timestamp) -> Option<Decision> {
        let (commit, tag) = peeled(objects, update.new.or(update.old)?);
        let subject = Subject { commit, tree: tree::of(objects, &commit).ok(), tag, ref_name: update.name.clone() };
        Some(Decision {
            gate: attest.gate(),
            id: DecisionId::generate(),
            push: self.id,
            outcome: Outcome::ExternalUpdate,
            resource: self.target.resource.clone()?,
            subject,
            update: UpdatedRef { old: update.old, new: update.new, history: History::Kept },
            actor: None,
            push_cert: None,
            client_claims: BTreeMap::new(),
            policy: attest.policy(self.policy, self.policy.observes(&self.target.name)),
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
