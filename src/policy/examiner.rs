//! The rules of one push that have to look inside: into files, commit objects and tag objects.
//!
//! A pure function of the policy, the pusher and the bytes; `examine` brings the bytes. What is seen becomes findings
//! only when the push is judged.

use crate::model::{Change, CommitFacts, Effect, RefUpdate, RepoName, Sighting, TagFacts};
use crate::policy::content::{Blobs, Content, Unreadable};
use crate::policy::object_text::{CommitText, TagText};
use crate::policy::pattern::{Place, Subject, Who};
use crate::policy::pusher::Pusher;
use crate::policy::rules::Rule;
use crate::policy::spotted::Spotted;
use crate::policy::{Policy, Principal};
use crate::secret::FingerprintKey;

/// What looks inside, for one push of one principal.
#[derive(Debug)]
pub struct Examiner<'a> {
    rules: Vec<(usize, &'a Rule)>,
    pusher: Pusher<'a>,
    content_bytes_max: u64,
    key: Option<&'a FingerprintKey>,
}

impl<'a> Examiner<'a> {
    pub fn new(
        policy: &'a Policy,
        principal: &'a Principal,
        repo: &RepoName,
        updates: &[RefUpdate],
        content_bytes_max: u64,
        key: Option<&'a FingerprintKey>,
    ) -> Self {
        let who = Who::Named(principal.name.as_str());
        let index = policy.people.index(principal.name.as_str());
        let looks = |rule: &Rule| rule.check.looks_into_files() || rule.check.looks_into_objects();
        let applies = |rule: &Rule| updates.iter().any(|update| rule.applies(index, repo, &update.name, who));
        let rules = policy.rules.iter().enumerate().filter(|(_, rule)| looks(rule) && applies(rule)).collect();
        Self { rules, pusher: Pusher::new(principal, &policy.people), content_bytes_max, key }
    }

    #[must_use]
    pub fn looks_into_files(&self) -> bool {
        self.rules.iter().any(|(_, rule)| rule.check.looks_into_files())
    }

    #[must_use]
    pub fn looks_into_objects(&self) -> bool {
        self.rules.iter().any(|(_, rule)| rule.check.looks_into_objects())
    }

    /// Whether what was seen holds a push, if it is not only observed.
    #[must_use]
    pub fn holds(&self, sighting: &Sighting) -> bool {
        let rule = self.rules.iter().find(|(index, _)| *index == sighting.rule);
        sighting.effect.or(rule.map(|(_, rule)| rule.then)) == Some(Effect::Hold)
    }

    /// Looks into the file of one changed entry.
    ///
    /// Of a dropped commit too, the other way round: what of that comes back with a rewind, `examine` finds out.
    pub fn change(
        &self,
        commit: &CommitFacts,
        change: &Change,
        blobs: &dyn Blobs,
    ) -> Result<Vec<Sighting>, Unreadable> {
        let mut sightings = Vec::new();
        let is_content = |entry: Option<crate::model::Entry>| entry.is_some_and(|e| !e.is_gitlink() && !e.is_tree());
        let has_any = is_content(change.new) || change.old.iter().any(|old| is_content(*old));
        if !has_any || change.new.is_some_and(|new| new.is_gitlink()) {
            return Ok(sightings);
        }
        let is_link = change.old.iter().flatten().chain(&change.new).any(|e| e.is_symlink() || e.is_gitlink());
        let path = Subject::new(&change.path, if is_link { Place::Link } else { Place::Plain });
        let who = Who::Named(self.pusher.principal.name.as_str());
        let content =
            Content::new(blobs, self.content_bytes_max, (commit, change, &path), (who, &self.pusher), self.key);
        for (index, rule) in self.rules.iter().filter(|(_, rule)| rule.check.looks_into_files()) {
            if rule.check.wants(change, &path, who) {
                rule.check.content(&content, &mut Spotted::new(*index, rule.then, &mut sightings))?;
            }
        }
        Ok(sightings)
    }

    /// Looks into an added commit object.
    #[must_use]
    pub fn commit(&self, facts: &CommitFacts, raw: &[u8]) -> Vec<Sighting> {
        let mut sightings = Vec::new();
        for (index, rule) in &self.rules {
            let text = CommitText { facts, raw, key: self.key };
            rule.check.commit_object(&text, &self.pusher, &mut Spotted::new(*index, rule.then, &mut sightings));
        }
        sightings
    }

    /// Looks into a tag object that a ref of the push leads to.
    #[must_use]
    pub fn tag(&self, facts: &TagFacts) -> Vec<Sighting> {
        let mut sightings = Vec::new();
        for (index, rule) in &self.rules {
            let text = TagText { facts, raw: &facts.raw, key: self.key };
            rule.check.tag_object(&text, &self.pusher, &mut Spotted::new(*index, rule.then, &mut sightings));
        }
        sightings
    }
}
