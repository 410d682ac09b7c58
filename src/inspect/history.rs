//! Commits as far as a push makes us look at them: each is read once, for all walks of the push.

use crate::git::Objects;
use crate::inspect::InspectError;
use crate::inspect::raw::parse_commit;
use crate::model::ObjectId;
use gix::objs::Kind;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};

/// A commit's place in [`History`].
pub(super) type Node = u32;

/// The commits met so far.
pub(super) struct History<'a> {
    pub objects: &'a Objects,
    stop: &'a AtomicBool,
    nodes: HashMap<ObjectId, Node>,
    commits: Vec<Commit>,
    /// Parents of all commits, one range each.
    edges: Vec<Node>,
    buffer: Vec<u8>,
    commits_read: usize,
}

#[derive(Clone)]
struct Commit {
    id: ObjectId,
    /// Whether the mirror has it; asked once.
    is_known: Option<bool>,
    read: Option<Read>,
}

#[derive(Clone)]
struct Read {
    tree: ObjectId,
    time_s: i64,
    parents: Range<u32>,
}

impl<'a> History<'a> {
    pub fn new(objects: &'a Objects, stop: &'a AtomicBool) -> Self {
        let (nodes, commits, edges) = (HashMap::new(), Vec::new(), Vec::new());
        Self { objects, stop, nodes, commits, edges, buffer: Vec::new(), commits_read: 0 }
    }

    /// How many commit objects were read: the cost of the walks.
    pub fn commits_read(&self) -> usize {
        self.commits_read
    }

    /// The place of a commit; reads nothing.
    pub fn node(&mut self, id: ObjectId) -> Node {
        *self.nodes.entry(id).or_insert_with(|| {
            self.commits.push(Commit { id, is_known: None, read: None });
            Node::try_from(self.commits.len() - 1).expect("fewer commits than 2^32")
        })
    }

    pub fn id(&self, node: Node) -> ObjectId {
        self.commits[node as usize].id
    }

    /// Whether the mirror has the commit, and so all that it reaches.
    pub fn is_known(&mut self, node: Node) -> bool {
        let commit = &mut self.commits[node as usize];
        *commit.is_known.get_or_insert_with(|| self.objects.in_base(&commit.id))
    }

    pub fn tree(&mut self, node: Node) -> Result<ObjectId, InspectError> {
        Ok(self.read(node)?.tree)
    }

    /// Committer date: a hint for the order of a walk, and the client's word. Nothing may depend on it but time.
    pub fn time_s(&mut self, node: Node) -> Result<i64, InspectError> {
        Ok(self.read(node)?.time_s)
    }

    /// The parents as a range for [`History::edge`], so that a walk can go on using the history meanwhile.
    pub fn parents(&mut self, node: Node) -> Result<Range<u32>, InspectError> {
        Ok(self.read(node)?.parents)
    }

    pub fn edge(&self, edge: u32) -> Node {
        self.edges[edge as usize]
    }

    pub fn parent_nodes(&mut self, node: Node) -> Result<Vec<Node>, InspectError> {
        Ok(self.parents(node)?.map(|edge| self.edge(edge)).collect())
    }

    /// To be asked now and then in anything that may take long.
    pub fn check_stop(&self) -> Result<(), InspectError> {
        match self.stop.load(Ordering::Relaxed) {
            true => Err(InspectError::Stopped),
            false => Ok(()),
        }
    }

    fn read(&mut self, node: Node) -> Result<Read, InspectError> {
        if let Some(read) = &self.commits[node as usize].read {
            return Ok(read.clone());
        }
        if self.commits_read.is_multiple_of(64) {
            self.check_stop()?;
        }
        let id = self.commits[node as usize].id;
        self.objects.read(&id, Kind::Commit, &mut self.buffer)?;
        self.commits_read += 1;
        let raw = parse_commit(&id, &self.buffer)?;
        let start = self.edge_count();
        for parent in raw.parents {
            let parent = self.node(parent);
            self.edges.push(parent);
        }
        let read = Read { tree: raw.tree, time_s: raw.time_s, parents: start..self.edge_count() };
        self.commits[node as usize].read = Some(read.clone());
        Ok(read)
    }

    fn edge_count(&self) -> u32 {
        u32::try_from(self.edges.len()).expect("fewer parents than 2^32")
    }
}
