//! An approved push goes to the upstream: atomic, and exact-old on every ref.
//!
//! Only an [`Approval`] opens this door, and the refs come from it. A [`Connection`] is opened before the push is
//! judged: what it advertises is what the push is judged against, and it stays open for the push itself.
//!
//! An error means that nothing was sent. Once commands are on their way, every ref has an [`Outcome`], if need be by
//! asking the upstream what its refs hold now.

mod https;
mod pack;
mod receive_pack;
mod settle;
#[cfg(test)]
mod tests;

use crate::config::Upstream;
use crate::git::command::CommandError;
use crate::git::{Made, ObjectStore, UpstreamError};
use crate::model::{Escaped, Limits, ObjectId, RefName, RefUpdate};
use crate::policy::Approval;
use crate::wire::report::Options;
use bstr::BString;
use receive_pack::ReceivePack;
use std::fs::File;
use std::path::Path;

pub use settle::{Settled, settle};

/// The push was not sent: no ref of the upstream has moved for it.
#[derive(Debug, thiserror::Error)]
pub enum ForwardError {
    #[error(transparent)]
    Upstream(#[from] UpstreamError),
    #[error(
        "the upstream cannot move several refs at once (atomic): push them one by one; evidence moves along, see `evidence`"
    )]
    NoAtomic,
    #[error("the upstream does not report what becomes of a push (report-status)")]
    NoReport,
    #[error("the upstream does not take deletes (delete-refs)")]
    NoDelete,
    #[error("no evidence: {0}")]
    Evidence(String),
    #[error("the push's pack cannot be read or made")]
    Pack(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl From<CommandError> for ForwardError {
    fn from(error: CommandError) -> Self {
        Self::Upstream(error.into())
    }
}

/// What became of one ref update at the upstream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefOutcome {
    pub name: RefName,
    pub outcome: Outcome,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// With what report-status-v2 told of it.
    Ok(Vec<Options>),
    Rejected {
        class: Rejection,
        /// The upstream's own words, one escaped line. Not for the agent.
        reason: String,
    },
    /// The upstream did not say, and what its ref holds now is neither the old value nor the new.
    Unknown,
}

/// Why a ref update was rejected; found out from what the upstream's refs hold, not from its words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rejection {
    /// The ref no longer holds the old value.
    Moved,
    /// Another ref of the same atomic push has moved.
    OtherMoved,
    /// The ref holds the old value still: a hook, a protection or the connection's end.
    Refused,
}

/// Where the objects of a push are.
#[derive(Clone, Copy)]
pub struct Source<'a> {
    /// A repository whose objects the push comes on top of: the mirror, or the upstream itself.
    pub git_dir: &'a Path,
    pub objects_dir: &'a Path,
    pub objects: &'a ObjectStore,
    /// The quarantine's object directory, if the push brought objects.
    pub quarantine: Option<&'a Path>,
    /// The quarantine's pack: complete in itself, or against what the upstream has.
    pub pack: Option<&'a Path>,
    /// Objects of the gate's own that go along. They are in `objects` too.
    pub own: Option<&'a Made>,
}

/// A ref of the gate's own that moves with a push, or by itself: where its evidence is. Never one of a push.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Companion(RefUpdate);

impl Companion {
    /// `None`: the ref is not below one of the places that nobody can push to.
    #[must_use]
    pub fn new(update: RefUpdate, places: &[&RefName]) -> Option<Self> {
        places.contains(&&update.name).then_some(Self(update))
    }

    #[must_use]
    pub fn update(&self) -> &RefUpdate {
        &self.0
    }
}

/// An upstream whose refs have been read, ready for one push.
pub struct Connection<'a> {
    upstream: &'a Upstream,
    limits: &'a Limits,
    /// Shared with the processes that work on the upstream.
    lock: Option<&'a File>,
    refs: Vec<(RefName, ObjectId)>,
    receive_pack: Option<ReceivePack>,
}

impl<'a> Connection<'a> {
    /// Connects and reads what the upstream's refs hold now.
    ///
    /// A `lock` is held by every process that may move the upstream's refs, as long as it lives: after a crash it tells
    /// whether a push is still under way there.
    pub fn open(upstream: &'a Upstream, limits: &'a Limits, lock: Option<&'a File>) -> Result<Self, ForwardError> {
        let mut connection = Self { upstream, limits, lock, refs: Vec::new(), receive_pack: None };
        match upstream {
            Upstream::Local { .. } | Upstream::Own { .. } | Upstream::Ssh { .. } => {
                let mut receive_pack = ReceivePack::open(upstream, limits, lock)?;
                connection.refs = receive_pack.take_refs();
                connection.receive_pack = Some(receive_pack);
            }
            Upstream::Https { .. } => connection.refs = crate::git::upstream::ls_remote_all(upstream, limits)?.refs,
        }
        Ok(connection)
    }

    /// The upstream's refs at the time of [`Self::open`]; none for an empty repository.
    #[must_use]
    pub fn refs(&self) -> &[(RefName, ObjectId)] {
        &self.refs
    }

    /// Whether the upstream takes pushes of this kind (gitprotocol-capabilities).
    #[must_use]
    pub fn can(&self, capability: &str) -> bool {
        self.receive_pack.as_ref().is_none_or(|receive_pack| receive_pack.can(capability))
    }

    /// Sends an approved push and says what became of each ref. `relay` hears what the upstream says meanwhile, raw.
    pub fn push(
        self,
        approval: &Approval,
        companion: Option<&Companion>,
        source: Source<'_>,
        push_options: &[BString],
        relay: &mut dyn FnMut(&[u8]),
    ) -> Result<Vec<RefOutcome>, ForwardError> {
        let mut updates = approval.updates().to_vec();
        updates.extend(companion.map(|companion| companion.0.clone()));
        self.push_updates(&updates, source, push_options, relay)
    }

    /// Sends a ref of the gate's own.
    pub fn push_own(self, companion: &Companion, source: Source<'_>) -> Result<Vec<RefOutcome>, ForwardError> {
        self.push_updates(std::slice::from_ref(&companion.0), source, &[], &mut |_| {})
    }

    fn push_updates(
        self,
        updates: &[RefUpdate],
        source: Source<'_>,
        push_options: &[BString],
        relay: &mut dyn FnMut(&[u8]),
    ) -> Result<Vec<RefOutcome>, ForwardError> {
        let (upstream, limits, lock) = (self.upstream, self.limits, self.lock);
        let Some(receive_pack) = self.receive_pack else {
            let told = https::push(upstream, updates, source, push_options, (limits, lock))?;
            return Ok(settle::complete(upstream, updates, told, limits));
        };
        let first = pack::first(updates, source, &self.refs)?;
        // The upstream may have hung up while the push was judged.
        let receive_pack = match receive_pack.is_alive() {
            true => receive_pack,
            false => ReceivePack::open(upstream, limits, lock)?,
        };
        let mut told = receive_pack.push(updates, first.as_ref(), push_options, limits, relay)?;
        if told.lacks_objects() && (source.pack.is_some() || source.own.is_some()) {
            let again = ReceivePack::open(upstream, limits, lock)?;
            let pack = pack::make(updates, source, again.refs())?;
            told = again.push(updates, Some(&pack), push_options, limits, relay)?;
        }
        Ok(settle::complete(upstream, updates, told.refs, limits))
    }
}

const REASON_LENGTH_MAX: usize = 300;

/// One line of the upstream's, safe to show to the operator and of bounded length.
fn reason(bytes: &[u8]) -> String {
    let text = Escaped(bytes).to_string();
    let cut = text.char_indices().nth(REASON_LENGTH_MAX).map_or(text.len(), |(at, _)| at);
    text.get(..cut).unwrap_or_default().to_owned()
}
