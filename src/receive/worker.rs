//! One thread's part of the pass over a pack's deltas.

use super::findings::Checker;
use super::ingest::Source;
use super::queue::Queue;
use super::resolve::{Deltas, Held, Parent, Resolved, Task};
use super::{ClientFault, InternalFault, Progress, ReceiveError, delta};
use crate::git::{Objects, ReadError};
use gix::objs::Kind;
use gix::zlib::{Inflate, Status};
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// One thread's buffers and results.
pub struct Worker<'q, 'w, 'a> {
    pack: &'w Deltas<'a>,
    queue: &'q Queue<Task<'w>>,
    local: Vec<Task<'w>>,
    checker: Checker<'a>,
    inflate: Inflate,
    compressed: Vec<u8>,
    delta: Vec<u8>,
    /// A result that nothing needs any more; its memory is used for the next one.
    spare: Vec<u8>,
    objects: Option<Objects>,
    resolved: Vec<Resolved>,
}

impl<'q, 'w, 'a> Worker<'q, 'w, 'a> {
    pub fn new(pack: &'w Deltas<'a>, queue: &'q Queue<Task<'w>>) -> Self {
        Self {
            pack,
            queue,
            local: Vec::new(),
            checker: Checker::new(pack.findings()),
            inflate: Inflate::default(),
            compressed: Vec::new(),
            delta: Vec::new(),
            spare: Vec::new(),
            objects: None,
            resolved: Vec::new(),
        }
    }

    /// Works until nothing is left, for any thread, to do.
    pub fn run(mut self) -> Result<Vec<Resolved>, ReceiveError> {
        while let Some(task) = self.local.pop().or_else(|| self.queue.next()) {
            if self.pack.setting.stop.load(Ordering::Relaxed) {
                return Err(ReceiveError::Stopped);
            }
            self.step(task)?;
            self.queue.share(&mut self.local);
        }
        self.checker.finish();
        Ok(self.resolved)
    }

    fn step(&mut self, task: Task<'w>) -> Result<(), ReceiveError> {
        match task {
            Task::Base(parent, children) => {
                let (kind, bytes) = self.load(parent)?;
                self.push(parent, &children, kind, bytes, 0);
                Ok(())
            }
            Task::Delta { index, parent, base, depth } => {
                let base = match base {
                    Some(base) => base,
                    None => self.compute(parent)?,
                };
                self.delta(index, base, depth)
            }
        }
    }

    fn delta(&mut self, index: u32, base: Arc<Held<'w>>, depth: u16) -> Result<(), ReceiveError> {
        let depth_max = self.pack.setting.limits.delta_depth_max;
        if depth > depth_max {
            return Err(ClientFault::DeltaDepth(depth_max).into());
        }
        let mut bytes = std::mem::take(&mut self.spare);
        self.apply(index, &base.bytes, &mut bytes)?;
        let kind = base.kind;
        drop(base);
        let id = self.checker.object(self.pack.entry(index)?.offset, kind, &bytes)?;
        self.resolved.push(Resolved { index, id, kind });
        let done = self.pack.done.fetch_add(1, Ordering::Relaxed) + 1;
        if done.is_multiple_of(4096) {
            let of = self.pack.children.of_entry.len() + self.pack.table.base_ids.len();
            (self.pack.setting.progress)(Progress::Resolving { done, of: u32::try_from(of).unwrap_or(u32::MAX) });
        }
        let children = self.pack.all_children(index, &id);
        if children.is_empty() {
            self.spare = bytes;
        } else {
            self.push(Parent::Entry(index), &children, kind, bytes, depth);
        }
        Ok(())
    }

    /// Queues the deltas against a base. Those that are bases themselves go first, to be taken last: by then this
    /// base is theirs alone, and is let go before their own children are held.
    fn push(&mut self, parent: Parent, children: &[u32], kind: Kind, bytes: Vec<u8>, depth: u16) {
        let length = bytes.len() as u64;
        let held = self.pack.held.fetch_add(length, Ordering::Relaxed).saturating_add(length);
        let base = Arc::new(Held { kind, bytes, held: &self.pack.held });
        let is_too_much = held > self.pack.setting.held_max && children.len() > 1;
        let depth = depth.saturating_add(1);
        let is_leaf = |index: &&u32| self.pack.children.of(**index).is_empty();
        for pass_leaf in [false, true] {
            for index in children.iter().filter(|index| is_leaf(index) == pass_leaf) {
                let base = (!is_too_much).then(|| Arc::clone(&base));
                self.local.push(Task::Delta { index: *index, parent, base, depth });
            }
        }
    }

    /// A base that was not kept: again from its whole object on.
    fn compute(&mut self, parent: Parent) -> Result<Arc<Held<'w>>, ReceiveError> {
        let mut chain = Vec::new();
        let mut at = parent;
        while let Parent::Entry(index) = at {
            let Some(next) = self.pack.parent_of(index)? else { break };
            chain.push(index);
            at = next;
        }
        let (kind, mut bytes) = self.load(at)?;
        for index in chain.into_iter().rev() {
            let mut result = Vec::new();
            self.apply(index, &bytes, &mut result)?;
            bytes = result;
        }
        self.pack.held.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        Ok(Arc::new(Held { kind, bytes, held: &self.pack.held }))
    }

    fn load(&mut self, parent: Parent) -> Result<(Kind, Vec<u8>), ReceiveError> {
        let mut bytes = Vec::new();
        let kind = match parent {
            Parent::Entry(index) => {
                let Source::Whole(kind) = self.pack.entry(index)?.source else {
                    return Err(InternalFault::Thread.into());
                };
                self.inflate(index, &mut bytes)?;
                kind
            }
            Parent::External(id) => {
                let objects = self.objects.get_or_insert_with(|| Objects::new(None, self.pack.base));
                let found = objects.find(&id, &mut bytes).map_err(InternalFault::from)?;
                let kind = found.ok_or(InternalFault::Objects(ReadError::Missing(id)))?;
                if kind == Kind::Tree {
                    self.pack.setting.findings.add_connected(&bytes);
                }
                kind
            }
        };
        Ok((kind, bytes))
    }

    fn apply(&mut self, index: u32, base: &[u8], output: &mut Vec<u8>) -> Result<(), ReceiveError> {
        let object_bytes_max = self.pack.setting.limits.object_bytes_max;
        let result = if let Some(kept) = self.pack.kept(index)? {
            delta::apply(base, kept, object_bytes_max, output)
        } else {
            let mut instructions = std::mem::take(&mut self.delta);
            self.inflate(index, &mut instructions)?;
            let result = delta::apply(base, &instructions, object_bytes_max, output);
            self.delta = instructions;
            result
        };
        match result {
            Ok(()) => self.pack.check_size(output.len() as u64),
            Err(delta::DeltaFault::Malformed) => Err(ClientFault::Delta(self.pack.entry(index)?.offset).into()),
            Err(delta::DeltaFault::TooLarge) => Err(ClientFault::ObjectBytes(object_bytes_max).into()),
        }
    }

    /// Inflates an entry's data from the file; the first pass has found them whole.
    fn inflate(&mut self, index: u32, output: &mut Vec<u8>) -> Result<(), ReceiveError> {
        let entry = self.pack.entry(index)?;
        let start = entry.offset.saturating_add(u64::from(entry.header_length));
        let length = self.pack.end_of(index).saturating_sub(start);
        let length = usize::try_from(length).map_err(|_| InternalFault::Memory)?;
        self.compressed.resize(length, 0);
        self.pack.file.read_exact_at(&mut self.compressed, start).map_err(InternalFault::Quarantine)?;
        let size = usize::try_from(entry.size).map_err(|_| InternalFault::Memory)?;
        output.resize(size, 0);
        self.inflate.reset();
        match self.inflate.once(&self.compressed, output) {
            Ok((Status::StreamEnd | Status::Ok | Status::BufError, _, written)) if written == size => Ok(()),
            _ => Err(ClientFault::Zlib(entry.offset).into()),
        }
    }
}
