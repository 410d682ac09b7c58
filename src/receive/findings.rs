//! What the checks of all threads found, put together.

use super::check::{self, Cause, Report, Special};
use super::links::{Link, Links, Recent};
use super::{ClientFault, ObjectProblem};
use crate::git::{ObjectStore, Objects};
use crate::model::ObjectId;
use gix::hash::Kind::Sha1;
use gix::objs::Kind;
use std::collections::{BTreeSet, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Shared by all threads that check objects of one push.
pub struct Findings {
    pub links: Links,
    /// Links of trees that the mirror has: whole there, so no need to ask for each again.
    connected: Mutex<HashSet<Link>>,
    special: Mutex<BTreeSet<([u8; 20], Special)>>,
    problems: Mutex<Problems>,
    problems_max: usize,
    /// If set, what is wrong with an object that is in here already is passed over.
    known: Option<ObjectStore>,
}

/// At most so many are kept; the rest is counted.
#[derive(Debug, Default)]
pub struct Problems {
    pub list: Vec<ObjectProblem>,
    pub more: usize,
}

impl Findings {
    #[must_use]
    pub fn new(problems_max: usize, known: Option<&ObjectStore>) -> Self {
        Self {
            links: Links::default(),
            connected: Mutex::default(),
            special: Mutex::default(),
            problems: Mutex::default(),
            problems_max,
            known: known.cloned(),
        }
    }

    /// Takes note of what a tree of the mirror refers to. A thin pack's new tree is most often a delta on the old one,
    /// so that this answers for all entries but the changed ones.
    pub fn add_connected(&self, tree: &[u8]) {
        let mut connected = Connected(self.connected.lock().unwrap_or_else(PoisonError::into_inner));
        check::check(Kind::Tree, tree, &mut connected);
    }

    pub fn add(&self, problem: ObjectProblem) {
        if self.known.as_ref().is_some_and(|store| Objects::new(None, store).in_base(&problem.id)) {
            return;
        }
        let mut problems = self.problems.lock().unwrap_or_else(PoisonError::into_inner);
        if problems.list.len() < self.problems_max {
            problems.list.push(problem);
        } else {
            problems.more += 1;
        }
    }

    /// What was found, when all threads are done.
    #[must_use]
    pub fn into_found(self) -> Found {
        Found {
            links: self.links,
            connected: self.connected.into_inner().unwrap_or_else(PoisonError::into_inner),
            special: self.special.into_inner().unwrap_or_else(PoisonError::into_inner),
            problems: self.problems.into_inner().unwrap_or_else(PoisonError::into_inner),
        }
    }
}

/// All findings of one push, by themselves.
pub struct Found {
    pub links: Links,
    pub connected: HashSet<Link>,
    pub special: BTreeSet<([u8; 20], Special)>,
    pub problems: Problems,
}

struct Connected<'a>(MutexGuard<'a, HashSet<Link>>);

impl Report for Connected<'_> {
    fn problem(&mut self, _cause: Cause, _detail: String) {}

    fn link(&mut self, id: [u8; 20], kind: Kind) {
        self.0.insert(Link { id, kind });
    }

    fn special(&mut self, _id: [u8; 20], _special: Special) {}
}

/// Hashes and checks objects; one for each thread.
pub struct Checker<'a> {
    findings: &'a Findings,
    recent: Recent,
    current: (ObjectId, Kind),
}

impl<'a> Checker<'a> {
    #[must_use]
    pub fn new(findings: &'a Findings) -> Self {
        Self { findings, recent: Recent::default(), current: (Sha1.null(), Kind::Blob) }
    }

    /// Computes the object's id and checks its form.
    ///
    /// An object of this id may be in the mirror already. git then compares the two byte by byte; here the hash itself
    /// detects what a known collision attack leaves in an object, so equal ids are equal objects.
    pub fn object(&mut self, offset: u64, kind: Kind, data: &[u8]) -> Result<[u8; 20], ClientFault> {
        let id = gix::objs::compute_hash(Sha1, kind, data).map_err(|_| ClientFault::Collision(offset))?;
        self.current = (id, kind);
        check::check(kind, data, self);
        Ok(bytes(&id))
    }

    /// Hands over what is still in hand.
    pub fn finish(mut self) {
        self.recent.flush(&self.findings.links);
    }
}

impl Report for Checker<'_> {
    fn problem(&mut self, cause: Cause, detail: String) {
        let (id, kind) = self.current;
        self.findings.add(ObjectProblem { id, kind, cause, detail });
    }

    fn link(&mut self, id: [u8; 20], kind: Kind) {
        self.recent.insert(Link { id, kind }, &self.findings.links);
    }

    fn special(&mut self, id: [u8; 20], special: Special) {
        self.findings.special.lock().unwrap_or_else(PoisonError::into_inner).insert((id, special));
    }
}

/// An object id's twenty bytes.
#[must_use]
pub fn bytes(id: &ObjectId) -> [u8; 20] {
    id.as_slice().try_into().unwrap_or([0; 20])
}
