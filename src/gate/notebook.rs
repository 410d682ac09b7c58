//! The notes of a repository's upstream: statements of what was accepted, in the same atomic push as the refs.
//!
//! This gate is their only writer, and nothing is taken from them. What others did to them is found out before each push:
//! what they added stays, what they took away is put back.

use crate::config::Publish;
use crate::evidence::{
    self, About, Continuity, GateKey, KeyPurpose, Outcome, RefControls, RefHistory, Sha256Digest, Summary,
};
use crate::forward::Companion;
use crate::gate::attest::{Attest, peeled};
use crate::gate::fault::Fault;
use crate::gate::judge::{Push, Refs};
use crate::gate::{Target, target::Base};
use crate::git::notes::{Addition, Base as NotesBase, Committer};
use crate::git::notes_kept::{self, Of, Worth};
use crate::git::{Made, Objects, notes, tree, upstream};
use crate::model::{ObjectId, RefName, RefUpdate};
use crate::record::{EventEntry, unescape};
use crate::store::{Stated, Written};
use bstr::ByteSlice;
use jiff::Timestamp;
use std::collections::VecDeque;
use std::sync::MutexGuard;

/// Notes in one tree: about so many, then a new one begins. A fetch of depth 1 brings them all.
const NOTES_MAX: usize = 4096;
/// Decisions that wait for their proof.
const UNPROVEN_MAX: usize = 1000;
/// Own tips that an advertisement may still show.
const RECENT_MAX: usize = 256;
/// Notes of what moved outside that one push takes along.
const OUTSIDE_MAX: usize = 200;

/// What the gate knows of the notes of one upstream.
#[derive(Debug, Default)]
pub struct Notebook {
    /// Where they are as far as we know; `None`: not looked at yet.
    tip: Option<Option<ObjectId>>,
    /// Where they were shortly before.
    recent: VecDeque<Option<ObjectId>>,
    /// Statements of what moved without the gate, to go along with the next push.
    pub outside: Vec<Addition>,
    /// Decisions that the log's ref has no proof of yet.
    unproven: Vec<Proving>,
    /// The newest leaf of a push to this repository: of what came of it, where that is known.
    newest: Option<u64>,
    /// What this process wrote to the log's ref last.
    pub(super) log: Option<ObjectId>,
}

/// A decision whose place in the log is to be proven.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Proving {
    pub index: u64,
    pub digest: Sha256Digest,
}

/// Notes that are made, and not pushed yet.
pub(super) struct Page {
    pub companion: Companion,
    pub made: Made,
    old: Option<ObjectId>,
    outside: usize,
    /// What was there and what somebody put in its place, if it does not go on from it.
    pub rewritten: Option<Rewritten>,
}

/// Our notes' tip, and what the upstream has instead.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rewritten {
    ours: Option<ObjectId>,
    theirs: Option<ObjectId>,
}

/// What a new commit of the notes is made from.
struct Found {
    /// What the ref holds.
    tip: Option<ObjectId>,
    base: NotesBase,
    /// What is to be put back.
    missing: Vec<Addition>,
    rewritten: Option<Rewritten>,
}

impl Notebook {
    pub(super) fn to_prove(&self) -> Vec<Proving> {
        self.unproven.clone()
    }

    /// The newest leaf that the log's ref is to cover: a trust file of this moment knows of it.
    pub(super) fn to_cover(&self) -> Option<u64> {
        self.unproven.iter().map(|one| one.index).max().max(self.newest)
    }

    pub(super) fn has_settled(&mut self, written: &Written) {
        let size = written.checkpoint.as_ref().map(|checkpoint| checkpoint.checkpoint().size());
        self.newest = size.and_then(|size| size.checked_sub(1)).max(self.newest);
    }

    pub(super) fn has_proved(&mut self, proved: &[Proving]) {
        self.unproven.retain(|one| !proved.contains(one));
    }

    /// The upstream has taken the page.
    pub(super) fn turn(&mut self, page: &Page, stated: &[Stated]) {
        let proving = |stated: &Stated| Proving { index: stated.index, digest: stated.line.digest() };
        self.unproven.extend(stated.iter().map(proving));
        // While witnesses or the upstream are away for long, the oldest wait no more: hashes prove them too.
        self.unproven.drain(..self.unproven.len().saturating_sub(UNPROVEN_MAX));
        // That there were none yet is not remembered: who deletes them is to be found out.
        if page.old.is_some() {
            self.recent.push_back(page.old);
        }
        if self.recent.len() > RECENT_MAX {
            self.recent.pop_front();
        }
        self.tip = Some(page.companion.update().new);
        self.outside.drain(..page.outside.min(self.outside.len()));
    }

    /// What the next advertisement shows counts, whatever it is.
    pub fn doubt(&mut self) {
        self.recent.clear();
    }
}

impl Push<'_> {
    /// The notes for what was accepted. `None`: none are published.
    pub(super) fn page(
        &self,
        stated: &[Stated],
        refs: &Refs,
        notebook: &mut MutexGuard<'_, Notebook>,
    ) -> Result<Option<Page>, Fault> {
        let (Some(attest), Publish::At { notes: name, log }) = (self.attest, &self.target.publish) else {
            return Ok(None);
        };
        let mut news = self.additions(attest, stated)?;
        let outside = notebook.outside.len().min(OUTSIDE_MAX);
        news.extend(notebook.outside.iter().take(outside).cloned());
        if news.is_empty() {
            return Ok(None);
        }
        let advertised = refs.iter().find(|(known, _)| known == name).map(|(_, id)| *id);
        let Found { tip: old, base, missing: mut additions, rewritten } = self.base(name, advertised, notebook)?;
        additions.append(&mut news);
        let now = Timestamp::now();
        let key =
            attest.notary.keys().at(KeyPurpose::Notes, now).map_err(|error| Fault::Evidence(error.to_string()))?;
        let (commit, made) = self.make((&base, refs), &additions, (attest, key, now))?;
        made.store(&self.target.objects_dir())?;
        let update = RefUpdate { name: name.clone(), old, new: Some(commit) };
        let companion = Companion::new(update, &[name, log]).ok_or(Fault::Evidence("no place".to_owned()))?;
        Ok(Some(Page { companion, made, old, outside, rewritten }))
    }

    /// Decision and summary of each accepted ref, for the note of its commit.
    fn additions(&self, attest: &Attest, stated: &[Stated]) -> Result<Vec<Addition>, Fault> {
        let mut additions = Vec::new();
        for Stated { decision, line, .. } in stated.iter().filter(|stated| stated.decision.update.new.is_some()) {
            let failed = |error: String| Fault::Evidence(error);
            let mut lines = vec![line.as_str().to_owned()];
            let name = &decision.subject.ref_name;
            // What is neither a branch nor a tag is not looked at: what moves it without the gate, nobody sees.
            let is_unbroken = upstream::is_mirrored(name) && self.store.is_unbroken(&self.target.name, name)?;
            let continuity = match is_unbroken {
                true => Continuity::Unbroken,
                false => Continuity::Broken,
            };
            let history = match self.policy.may_lose_history(&self.target.name, name) {
                true => RefHistory::Rewindable,
                false => RefHistory::Protected,
            };
            let key = attest.notary.keys().at(KeyPurpose::Statements, decision.decided);
            let key = key.map_err(|error| failed(error.to_string()))?;
            match Summary::new(decision, line, RefControls { continuity, history }) {
                Ok(summary) => lines.push(summary.sign(key).map_err(|error| failed(error.to_string()))?.to_string()),
                // Observed only: the decision says so, and nothing says PASSED.
                Err(why) => tracing::debug!(%why, "no summary"),
            }
            additions.push(Addition { commit: decision.subject.commit, lines });
        }
        Ok(additions)
    }

    /// What the notes' ref holds upstream, and what the new commit goes on from.
    fn base(&self, name: &RefName, advertised: Option<ObjectId>, notebook: &mut Notebook) -> Result<Found, Fault> {
        let ours = match notebook.tip {
            Some(tip) => tip,
            None => self.store.tips(&self.target.name)?.and_then(|tips| tips.get(name)?.object),
        };
        // The advertisement may be older than our last push.
        let is_stale = notebook.recent.contains(&advertised);
        let theirs = if is_stale { ours } else { advertised };
        if theirs == ours {
            self.fetch_notes(name, ours)?;
            let base = NotesBase { tree_of: ours, parents: ours.into_iter().collect() };
            return Ok(Found { tip: ours, base, missing: Vec::new(), rewritten: None });
        }
        self.fetch_notes(name, theirs)?;
        let objects = Objects::new(None, self.target.objects());
        let ours = ours.filter(|id| objects.in_base(id));
        let tip = theirs;
        // Nothing goes on from a tag, a tree or a blob.
        let theirs = match theirs {
            Some(id) if tree::is_commit(&objects, &id)? => Some(id),
            Some(_) | None => None,
        };
        let goes_on = match (theirs, ours) {
            (Some(theirs), Some(ours)) => notes::goes_on_from(&objects, theirs, ours)?,
            (theirs, ours) => theirs.is_some() && ours.is_none(),
        };
        // What goes on from ours may take lines away all the same.
        let missing = match (theirs, ours) {
            (Some(theirs), Some(ours)) if goes_on => notes_kept::missing(&objects, &theirs, &ours)?,
            _ => Some(Vec::new()),
        };
        let is_whole = goes_on && missing.as_ref().is_some_and(Vec::is_empty);
        let rewritten = (!is_whole).then_some(Rewritten { ours, theirs: tip });
        let (tree_of, missing) = match missing {
            Some(missing) if goes_on => (theirs, missing),
            Some(_) | None => (ours, Vec::new()),
        };
        let parents = match goes_on {
            true => theirs.into_iter().collect(),
            false => theirs.into_iter().chain(ours).collect(),
        };
        Ok(Found { tip, base: NotesBase { tree_of, parents }, missing, rewritten })
    }

    fn fetch_notes(&self, name: &RefName, tip: Option<ObjectId>) -> Result<(), Fault> {
        let Some(tip) = tip else { return Ok(()) };
        if Objects::new(None, self.target.objects()).in_base(&tip) {
            return Ok(());
        }
        let Base::Mirror(mirror) = &self.target.base else { return Ok(()) };
        let fetched = upstream::fetch(mirror.dir(), &self.target.upstream, &[name], self.limits);
        fetched.map_err(|error| Fault::Upstream(error.into()))
    }

    /// Makes the commit. Where there is not room for all, principals take turns; and what one of them could do alone is apart
    /// from what takes somebody else: an approval, or a ref that no agent may write.
    fn make(
        &self,
        (base, refs): (&NotesBase, &Refs),
        additions: &[Addition],
        (attest, key, now): (&Attest, &GateKey, Timestamp),
    ) -> Result<(ObjectId, Made), Fault> {
        let objects = Objects::new(None, self.target.objects());
        let email = attest.identity.email();
        let by = Committer { name: "refgate", email: &email, time_s: now.as_second() };
        let sign =
            |commit: &[u8]| evidence::sign_commit(commit, key).map_err(|error| Fault::Evidence(error.to_string()));
        let is_agents = |name: &RefName| self.policy.agent_may_write(&self.target.name, name);
        let of = |about: About| {
            let name = unescape(&about.ref_name).and_then(|name| RefName::parse(&name).ok());
            let is_alone = about.outcome == Outcome::Accepted.as_str() && name.is_none_or(|name| is_agents(&name));
            let with = if is_alone { "alone" } else { "with others" };
            Of { who: format!("{} {with}", about.actor), time_s: about.time_s }
        };
        let lines = |lines: &[&[u8]]| {
            let keys = attest.notary.keys().published(KeyPurpose::Statements);
            let keys: Vec<_> = keys.iter().map(|published| published.key).collect();
            let about = evidence::about(lines, &keys).into_iter();
            about.map(|about| about.map(of)).collect()
        };
        let tips = || {
            let tips = refs.iter().filter(|(name, _)| name.is_branch() && !is_agents(name));
            tips.take(NOTES_MAX).map(|(_, id)| peeled(&objects, *id).0).collect()
        };
        let worth = Worth { lines: &lines, tips: &tips };
        notes::commit(&objects, base, additions, (by, NOTES_MAX, &worth), sign)
    }

    /// Only when they are put back: before, it may have been an advertisement that is old.
    pub(super) fn note_rewritten(&self, page: &Page) {
        let (name, Some(Rewritten { ours, theirs })) = (&page.companion.update().name, page.rewritten) else { return };
        tracing::warn!(repo = %self.target.name, "the notes were rewritten at the upstream; they are put back");
        let shown = |id: Option<ObjectId>| id.map_or("none".to_owned(), |id| id.to_string());
        let event = EventEntry::new("evidence-rewritten", Timestamp::now()).detail("repo", &self.target.name);
        let event = event.detail("ref", name).detail("old", shown(ours)).detail("new", shown(theirs));
        if let Err(error) = self.store.note(&event) {
            tracing::error!(%error, "an event cannot be recorded");
        }
    }
}

/// Whether a ref is where evidence goes, or would be in the way of it: nobody pushes there. One name is in the way of another
/// as a directory of it, and where an upstream tells no capital letters from small ones.
#[must_use]
pub fn is_for_evidence(publish: &Publish, name: &RefName) -> bool {
    let Publish::At { notes, log } = publish else { return false };
    let is_same = |(one, other): (&[u8], &[u8])| one.eq_ignore_ascii_case(other);
    [notes, log].iter().any(|place| place.as_bstr().split_str("/").zip(name.as_bstr().split_str("/")).all(is_same))
}

/// Kept for the next start with the outcome of a push.
#[must_use]
pub(super) fn seen(page: Option<&Page>) -> Vec<(RefName, crate::store::Tip)> {
    let tip = |page: &Page| {
        let update = page.companion.update();
        (update.name.clone(), crate::store::Tip { object: update.new, index: None })
    };
    page.map(tip).into_iter().collect()
}

/// What moved outside, for the notes of the commits it moved to.
pub(super) fn note_outside(target: &Target, stated: Vec<Stated>) {
    let mut notebook = target.notebook();
    for Stated { decision, line, .. } in stated.into_iter().filter(|stated| stated.decision.update.new.is_some()) {
        let lines = vec![line.as_str().to_owned()];
        notebook.outside.push(Addition { commit: decision.subject.commit, lines });
    }
}
