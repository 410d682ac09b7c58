//! The pass over a pack's deltas, by as many threads as there is work for.
//!
//! Depth first, so that few bases are held at a time. What is held is bounded: beyond that, a base is computed again
//! when it is needed, and counts again towards the limit on unfolding.

use super::findings::{Checker, Findings};
use super::ingest::{Entry, Setting, Source, Table};
use super::queue::Queue;
use super::{ClientFault, InternalFault, Progress, ReceiveError, delta};
use crate::git::{ObjectStore, Objects, ReadError};
use crate::model::ObjectId;
use gix::objs::Kind;
use gix::zlib::{Inflate, Status};
use std::collections::HashMap;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// An object that was a delta.
pub struct Resolved {
    pub index: u32,
    pub id: [u8; 20],
    pub kind: Kind,
}

/// Bytes of bases held for their waiting children, over all threads.
const HELD_MAX: u64 = 256 * 1024 * 1024;

/// Resolves all deltas. Returns them, and the ids of the bases that are not in the pack but in `base`.
pub fn resolve(
    table: &Table,
    file: &File,
    base: &ObjectStore,
    setting: Setting<'_>,
) -> Result<(Vec<Resolved>, Vec<ObjectId>), ReceiveError> {
    let pack = Deltas::new(table, file, base, setting);
    let deltas = pack.children.of_entry.len() + table.base_ids.len();
    if deltas == 0 {
        return Ok((Vec::new(), Vec::new()));
    }
    let mut resolved = Vec::with_capacity(deltas);
    pack.run(pack.roots(), deltas, &mut resolved)?;
    let mut external = Vec::new();
    while pack.waiting_count.load(Ordering::Relaxed) > 0 {
        let tasks = pack.external_bases(&mut external)?;
        pack.run(tasks, deltas, &mut resolved)?;
    }
    if resolved.len() == deltas { Ok((resolved, external)) } else { Err(InternalFault::Thread.into()) }
}

/// What a delta is applied to.
#[derive(Debug, Clone, Copy)]
enum Parent {
    Entry(u32),
    /// An object of the mirror.
    External(ObjectId),
}

enum Task<'a> {
    /// A base that is known; its deltas come next.
    Base(Parent, Vec<u32>),
    Delta {
        index: u32,
        parent: Parent,
        base: Option<Arc<Held<'a>>>,
        depth: u16,
    },
}

/// A base in memory.
struct Held<'a> {
    kind: Kind,
    bytes: Vec<u8>,
    held: &'a AtomicU64,
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.held.fetch_sub(self.bytes.len() as u64, Ordering::Relaxed);
    }
}

/// For each entry, the deltas against it: a slice of one list.
struct Children {
    starts: Vec<u32>,
    of_entry: Vec<u32>,
}

impl Children {
    fn new(entries: &[Entry]) -> Self {
        let bases = || {
            entries.iter().enumerate().filter_map(|(index, entry)| match entry.source {
                Source::Entry(base) => Some((base as usize, index)),
                Source::Whole(_) | Source::Id(_) => None,
            })
        };
        let mut starts = vec![0_u32; entries.len() + 1];
        bases().for_each(|(base, _)| starts.get_mut(base + 1).into_iter().for_each(|count| *count += 1));
        let mut total = 0;
        for start in &mut starts {
            total += *start;
            *start = total;
        }
        let mut next = starts.clone();
        let mut of_entry = vec![0; total as usize];
        for (base, index) in bases() {
            if let Some(at) = next.get_mut(base)
                && let (Some(slot), Ok(index)) = (of_entry.get_mut(*at as usize), u32::try_from(index))
            {
                *slot = index;
                *at += 1;
            }
        }
        Self { starts, of_entry }
    }

    fn of(&self, index: u32) -> &[u32] {
        let at = |index: usize| self.starts.get(index).map(|start| *start as usize);
        let range = at(index as usize).zip(at(index as usize + 1));
        range.and_then(|(start, end)| self.of_entry.get(start..end)).unwrap_or_default()
    }
}

struct Deltas<'a> {
    table: &'a Table,
    file: &'a File,
    base: &'a ObjectStore,
    setting: Setting<'a>,
    children: Children,
    /// Deltas whose base's id is known but not yet where it is.
    waiting: Mutex<HashMap<ObjectId, Vec<u32>>>,
    waiting_count: AtomicUsize,
    /// Where the base of each such delta was found.
    parents: Mutex<HashMap<u32, Parent>>,
    held: AtomicU64,
    inflated: AtomicU64,
    done: AtomicU32,
}

impl<'a> Deltas<'a> {
    fn new(table: &'a Table, file: &'a File, base: &'a ObjectStore, setting: Setting<'a>) -> Self {
        let mut waiting: HashMap<ObjectId, Vec<u32>> = HashMap::new();
        for (index, entry) in (0_u32..).zip(&table.entries) {
            if let Source::Id(base) = entry.source
                && let Some(id) = table.base_ids.get(base as usize)
            {
                waiting.entry(*id).or_default().push(index);
            }
        }
        let waiting_count = AtomicUsize::new(waiting.len());
        Self {
            table,
            file,
            base,
            setting,
            children: Children::new(&table.entries),
            waiting: Mutex::new(waiting),
            waiting_count,
            parents: Mutex::default(),
            held: AtomicU64::new(0),
            inflated: AtomicU64::new(table.inflated),
            done: AtomicU32::new(0),
        }
    }

    /// Every whole object that has deltas against it.
    fn roots(&self) -> Vec<Task<'a>> {
        let mut tasks = Vec::new();
        for (index, entry) in (0_u32..).zip(&self.table.entries) {
            if matches!(entry.source, Source::Whole(_)) {
                let children = self.all_children(index, &entry.id);
                if !children.is_empty() {
                    tasks.push(Task::Base(Parent::Entry(index), children));
                }
            }
        }
        // The queue takes from the end; the pack's order is the disk's.
        tasks.reverse();
        tasks
    }

    /// Deltas against an entry by its offset, and those that were waiting for its id.
    fn all_children(&self, index: u32, id: &[u8; 20]) -> Vec<u32> {
        let mut children = self.children.of(index).to_vec();
        if self.waiting_count.load(Ordering::Relaxed) > 0 {
            children.extend(self.take_waiting(&ObjectId::from(*id), Parent::Entry(index)));
        }
        children
    }

    fn take_waiting(&self, id: &ObjectId, parent: Parent) -> Vec<u32> {
        let taken = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).remove(id).unwrap_or_default();
        if !taken.is_empty() {
            self.waiting_count.fetch_sub(1, Ordering::Relaxed);
            let mut parents = self.parents.lock().unwrap_or_else(PoisonError::into_inner);
            parents.extend(taken.iter().map(|child| (*child, parent)));
        }
        taken
    }

    /// The bases that are still missing and that the mirror has.
    fn external_bases(&self, external: &mut Vec<ObjectId>) -> Result<Vec<Task<'a>>, ReceiveError> {
        let objects = Objects::new(None, self.base);
        let mut ids: Vec<ObjectId> =
            self.waiting.lock().unwrap_or_else(PoisonError::into_inner).keys().copied().collect();
        ids.sort_unstable();
        let mut tasks = Vec::new();
        for id in &ids {
            let Some((_, size)) = objects.header(id).map_err(InternalFault::from)? else { continue };
            self.check_size(size)?;
            external.push(*id);
            tasks.push(Task::Base(Parent::External(*id), self.take_waiting(id, Parent::External(*id))));
        }
        match ids.first() {
            Some(missing) if tasks.is_empty() => Err(ClientFault::MissingBase(*missing).into()),
            _ => Ok(tasks),
        }
    }

    fn run(&self, tasks: Vec<Task<'a>>, deltas: usize, resolved: &mut Vec<Resolved>) -> Result<(), ReceiveError> {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let threads = cores.min(1 + deltas / 128).min(16);
        let queue = Queue::new(tasks, threads);
        let work = || {
            let guard = queue.worker();
            let result = Worker::new(self, &queue).run();
            if result.is_ok() {
                guard.disarm();
            }
            result
        };
        let results: Vec<Result<_, ReceiveError>> = std::thread::scope(|scope| {
            let others: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
            let own = work();
            let joined =
                others.into_iter().map(|other| other.join().unwrap_or_else(|_| Err(InternalFault::Thread.into())));
            std::iter::once(own).chain(joined).collect()
        });
        results.into_iter().try_for_each(|result| result.map(|list| resolved.extend(list)))
    }

    fn check_size(&self, size: u64) -> Result<(), ReceiveError> {
        let limits = self.setting.limits;
        if size > limits.object_bytes_max {
            return Err(ClientFault::ObjectBytes(limits.object_bytes_max).into());
        }
        if self.inflated.fetch_add(size, Ordering::Relaxed).saturating_add(size) > limits.inflated_bytes_max {
            return Err(ClientFault::InflatedBytes(limits.inflated_bytes_max).into());
        }
        Ok(())
    }

    fn findings(&self) -> &'a Findings {
        self.setting.findings
    }

    fn entry(&self, index: u32) -> Result<&'a Entry, ReceiveError> {
        self.table.entries.get(index as usize).ok_or_else(|| InternalFault::Thread.into())
    }

    /// Where the compressed data of an entry end.
    fn end_of(&self, index: u32) -> u64 {
        self.table.entries.get(index as usize + 1).map_or(self.table.end, |next| next.offset)
    }

    fn parent_of(&self, index: u32) -> Result<Option<Parent>, ReceiveError> {
        match self.entry(index)?.source {
            Source::Whole(_) => Ok(None),
            Source::Entry(base) => Ok(Some(Parent::Entry(base))),
            Source::Id(_) => {
                let parents = self.parents.lock().unwrap_or_else(PoisonError::into_inner);
                parents.get(&index).copied().map(Some).ok_or_else(|| InternalFault::Thread.into())
            }
        }
    }
}

/// One thread's buffers and results.
struct Worker<'q, 'w, 'a> {
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
    fn new(pack: &'w Deltas<'a>, queue: &'q Queue<Task<'w>>) -> Self {
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

    fn run(mut self) -> Result<Vec<Resolved>, ReceiveError> {
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
        let is_too_much = held > HELD_MAX && children.len() > 1;
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
                found.ok_or(InternalFault::Objects(ReadError::Missing(id)))?
            }
        };
        Ok((kind, bytes))
    }

    fn apply(&mut self, index: u32, base: &[u8], output: &mut Vec<u8>) -> Result<(), ReceiveError> {
        let mut instructions = std::mem::take(&mut self.delta);
        self.inflate(index, &mut instructions)?;
        let object_bytes_max = self.pack.setting.limits.object_bytes_max;
        let result = delta::apply(base, &instructions, object_bytes_max, output);
        self.delta = instructions;
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
