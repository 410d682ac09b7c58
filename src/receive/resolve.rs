//! The pass over a pack's deltas, by as many threads as there is work for.
//!
//! Depth first, so that few bases are held at a time. What is held is bounded: beyond that, a base is computed again
//! when it is needed, and counts again towards the limit on unfolding.

use super::findings::Findings;
use super::ingest::{Entry, Setting, Source, Table};
use super::queue::Queue;
use super::worker::Worker;
use super::{ClientFault, InternalFault, ReceiveError};
use crate::git::{ObjectStore, Objects};
use crate::model::ObjectId;
use gix::objs::Kind;
use std::collections::HashMap;
use std::fs::File;
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// An object that was a delta.
pub struct Resolved {
    pub index: u32,
    pub id: [u8; 20],
    pub kind: Kind,
}

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
pub enum Parent {
    Entry(u32),
    /// An object of the mirror.
    External(ObjectId),
}

pub enum Task<'a> {
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
pub struct Held<'a> {
    pub kind: Kind,
    pub bytes: Vec<u8>,
    pub held: &'a AtomicU64,
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.held.fetch_sub(self.bytes.len() as u64, Ordering::Relaxed);
    }
}

/// For each entry, the deltas against it: a slice of one list.
pub struct Children {
    starts: Vec<u32>,
    pub of_entry: Vec<u32>,
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

    pub fn of(&self, index: u32) -> &[u32] {
        let at = |index: usize| self.starts.get(index).map(|start| *start as usize);
        let range = at(index as usize).zip(at(index as usize + 1));
        range.and_then(|(start, end)| self.of_entry.get(start..end)).unwrap_or_default()
    }
}

pub struct Deltas<'a> {
    pub table: &'a Table,
    pub file: &'a File,
    pub base: &'a ObjectStore,
    pub setting: Setting<'a>,
    pub children: Children,
    /// Deltas whose base's id is known but not yet where it is.
    waiting: Mutex<HashMap<ObjectId, Vec<u32>>>,
    waiting_count: AtomicUsize,
    /// Where the base of each such delta was found.
    parents: Mutex<HashMap<u32, Parent>>,
    pub held: AtomicU64,
    inflated: AtomicU64,
    pub done: AtomicU32,
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
    pub fn all_children(&self, index: u32, id: &[u8; 20]) -> Vec<u32> {
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

    pub fn check_size(&self, size: u64) -> Result<(), ReceiveError> {
        let limits = self.setting.limits;
        if size > limits.object_bytes_max {
            return Err(ClientFault::ObjectBytes(limits.object_bytes_max).into());
        }
        if self.inflated.fetch_add(size, Ordering::Relaxed).saturating_add(size) > limits.inflated_bytes_max {
            return Err(ClientFault::InflatedBytes(limits.inflated_bytes_max).into());
        }
        Ok(())
    }

    pub fn findings(&self) -> &'a Findings {
        self.setting.findings
    }

    pub fn entry(&self, index: u32) -> Result<&'a Entry, ReceiveError> {
        self.table.entries.get(index as usize).ok_or_else(|| InternalFault::Thread.into())
    }

    /// A delta's data, if they were kept.
    pub fn kept(&self, index: u32) -> Result<Option<&'a [u8]>, ReceiveError> {
        let entry = self.entry(index)?;
        let Some(start) = entry.kept else { return Ok(None) };
        let start = start.get() as usize;
        let length = usize::try_from(entry.size).map_err(|_| InternalFault::Memory)?;
        Ok(self.table.kept.get(start..start.saturating_add(length)))
    }

    /// Where the compressed data of an entry end.
    pub fn end_of(&self, index: u32) -> u64 {
        self.table.entries.get(index as usize + 1).map_or(self.table.end, |next| next.offset)
    }

    pub fn parent_of(&self, index: u32) -> Result<Option<Parent>, ReceiveError> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Limits;
    use crate::receive::ingest;
    use std::sync::atomic::AtomicBool;

    /// A pack of one blob and deltas in a binary tree, each changing one byte of its base.
    fn pack(deltas: usize) -> Vec<u8> {
        let mut bytes = [&b"PACK\0\0\0\x02"[..], &(deltas as u32 + 1).to_be_bytes()].concat();
        let mut offsets = vec![bytes.len()];
        bytes.extend(crate::receive::unpack::encode(Kind::Blob, &[b'x'; 100]).expect("to memory"));
        for n in 1..=deltas {
            let distance = bytes.len() - offsets[(n - 1) / 2];
            offsets.push(bytes.len());
            let delta = [100, 100, 2, b'0' + n as u8, n as u8, 0x91, 2, 98];
            let entry = crate::receive::unpack::encode(Kind::Commit, &delta).expect("to memory");
            bytes.push(0x60 | (entry[0] & 15));
            assert!(distance < 1 << 14 && delta.len() < 16);
            if distance > 0x7f {
                bytes.push(((distance >> 7) - 1) as u8 | 0x80);
            }
            bytes.push((distance & 0x7f) as u8);
            bytes.extend(&entry[1..]);
        }
        let mut hasher = gix::hash::hasher(gix::hash::Kind::Sha1);
        hasher.update(&bytes);
        bytes.extend(hasher.try_finalize().expect("no collision").as_slice());
        bytes
    }

    fn resolved_ids(bytes: &[u8], held_max: u64) -> Vec<(u32, [u8; 20])> {
        let dir = tempfile::tempdir().expect("a directory");
        std::fs::create_dir(dir.path().join("pack")).expect("created");
        let base = ObjectStore::open(dir.path()).expect("opened");
        let path = dir.path().join("tmp_pack");
        let (limits, findings, stop) = (Limits::default(), Findings::new(1, None), AtomicBool::new(false));
        let setting = Setting { limits: &limits, findings: &findings, progress: &|_| {}, stop: &stop, held_max };
        let table = ingest::read(&mut &*bytes, File::create(&path).expect("created"), setting).expect("read");
        let file = File::open(&path).expect("opened");
        let (resolved, external) = resolve(&table, &file, &base, setting).expect("resolved");
        assert!(external.is_empty());
        let mut ids: Vec<_> = resolved.into_iter().map(|one| (one.index, one.id)).collect();
        ids.sort_unstable();
        ids
    }

    #[test]
    fn a_base_that_was_not_held_is_made_again() {
        for deltas in [14, 200] {
            let bytes = pack(deltas);
            let all_held = resolved_ids(&bytes, u64::MAX);
            assert_eq!(all_held.len(), deltas);
            for held_max in [0, 100, 350] {
                assert_eq!(resolved_ids(&bytes, held_max), all_held, "{held_max}");
            }
        }
    }
}
