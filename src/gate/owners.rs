//! CODEOWNERS as it is in the upstream: read from the default branch, never from what a push brings.

use crate::gate::fault::Fault;
use crate::gate::target::{Base, Target};
use crate::git::{Objects, tree};
use crate::model::{Limits, ObjectId, RefName};
use crate::policy::codeowners::{CodeOwners, Syntax};
use crate::policy::{Owners, Policy};
use std::sync::{Arc, Mutex, PoisonError};

/// The file as it was read last.
#[derive(Debug, Default)]
pub struct OwnersCache(Mutex<Option<(ObjectId, Syntax, Found)>>);

/// A file, or why there is none to go by.
#[derive(Debug, Clone, Default)]
pub enum Found {
    #[default]
    Missing,
    Unreadable,
    File(Arc<CodeOwners>),
}

impl Found {
    #[must_use]
    pub fn as_owners(&self) -> Owners<'_> {
        match self {
            Self::Missing => Owners::Missing,
            Self::Unreadable => Owners::Unreadable,
            Self::File(file) => Owners::File(file),
        }
    }
}

impl Target {
    /// The owners at the default branch, among these refs; nothing, if no rule of the repository asks them.
    pub(super) fn owners(
        &self,
        policy: &Policy,
        refs: &[(RefName, ObjectId)],
        limits: &Limits,
    ) -> Result<Found, Fault> {
        let Some(syntax) = policy.asks_owners(&self.name) else { return Ok(Found::Missing) };
        let Base::Mirror(mirror) = &self.base else { return Ok(Found::Missing) };
        let head = mirror.head(&self.upstream, limits)?;
        let tip = refs.iter().find(|(name, _)| Some(name) == head.as_ref()).map(|(_, id)| *id);
        self.owners_at(tip, syntax)
    }

    /// The same as the mirror knows it, without asking the upstream: to show who is asked.
    pub(super) fn owners_known(&self, policy: &Policy) -> Found {
        let Some(syntax) = policy.asks_owners(&self.name) else { return Found::Missing };
        let Base::Mirror(mirror) = &self.base else { return Found::Missing };
        let tip = mirror.last_head().and_then(|head| mirror.refs().get(&head).copied());
        self.owners_at(tip, syntax).unwrap_or(Found::Unreadable)
    }

    fn owners_at(&self, tip: Option<ObjectId>, syntax: Syntax) -> Result<Found, Fault> {
        let Some(tip) = tip else { return Ok(Found::Missing) };
        let objects = Objects::new(None, self.objects());
        for place in syntax.places() {
            let Some(entry) = tree::find(&objects, &tip, place)? else { continue };
            if !entry.is_blob() {
                return Ok(Found::Unreadable);
            }
            let mut last = self.owners.0.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some((id, known, found)) = &*last
                && (*id, *known) == (entry.id, syntax)
            {
                return Ok(found.clone());
            }
            let parsed = CodeOwners::parse(syntax, &tree::blob(&objects, &entry.id)?);
            let found = parsed.map_or(Found::Unreadable, |file| Found::File(Arc::new(file)));
            *last = Some((entry.id, syntax, found.clone()));
            return Ok(found);
        }
        Ok(Found::Missing)
    }
}
