//! What the checks of all threads found, put together.

use super::check::{self, Cause, Report, Special};
use super::links::{Link, Links, Recent};
use super::{ClientFault, ObjectProblem};
use crate::git::{ObjectStore, Objects};
use crate::model::ObjectId;
use gix::hash::Kind::Sha1;
use gix::objs::Kind;
use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

/// Shared by all threads that check objects of one push.
pub struct Findings {
    pub links: Links,
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
            special: Mutex::default(),
            problems: Mutex::default(),
            problems_max,
            known: known.cloned(),
        }
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

    /// Links, special blobs and problems, when all threads are done.
    #[must_use]
    pub fn into_parts(self) -> (Links, BTreeSet<([u8; 20], Special)>, Problems) {
        let special = self.special.into_inner().unwrap_or_else(PoisonError::into_inner);
        (self.links, special, self.problems.into_inner().unwrap_or_else(PoisonError::into_inner))
    }
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
