//! The pass over a pack while it arrives: where each entry is, and id and form of all that are no deltas.
//!
//! One thread reads and inflates. Whole objects go in batches to threads that hash and check them, so that each is
//! inflated once only; a blob too large for that is hashed piece by piece where it is read.

use super::findings::{Checker, Findings, bytes};
use super::stream::{Form, Head, Stream};
use super::{ClientFault, InternalFault, Progress, ReceiveError};
use crate::model::{Limits, ObjectId};
use gix::hash::Kind::Sha1;
use gix::objs::Kind;
use std::io::{BufRead, Write};
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Scope, ScopedJoinHandle};

/// Where an entry's object comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    Whole(Kind),
    /// A delta against the entry of this index.
    Entry(u32),
    /// A delta against an object known by its id: an index into [`Table::base_ids`].
    Id(u32),
}

/// One entry of a pack.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    pub offset: u64,
    /// Of the data as stored, inflated: the delta's for a delta.
    pub size: u64,
    pub crc32: u32,
    pub header_length: u8,
    pub source: Source,
    /// Where a delta's data stand in [`Table::kept`], if they do.
    pub kept: Option<NonZeroU32>,
    /// Null until the object is known.
    pub id: [u8; 20],
}

/// All entries, in the order of their offsets.
#[derive(Debug, Default)]
pub struct Table {
    pub entries: Vec<Entry>,
    pub base_ids: Vec<ObjectId>,
    /// Where the last entry ends.
    pub end: u64,
    pub checksum: [u8; 20],
    /// Bytes of all entries, inflated.
    pub inflated: u64,
    /// Deltas as inflated when they came, so that most need not be read and inflated again. Starts with a byte of
    /// padding, for a position that is never zero.
    pub kept: Vec<u8>,
}

/// What the reading of one pack needs to know.
#[derive(Clone, Copy)]
pub struct Setting<'a> {
    pub limits: &'a Limits,
    pub findings: &'a Findings,
    pub progress: &'a (dyn Fn(Progress) + Sync),
    pub stop: &'a AtomicBool,
    /// Bytes of delta bases held in memory for their waiting deltas, over all threads.
    pub held_max: u64,
}

/// [`Setting::held_max`], but for tests.
pub const HELD_MAX: u64 = 256 * 1024 * 1024;

/// Blobs above this are hashed as they are inflated and never held as a whole.
const BLOB_HELD_MAX: u64 = 4 * 1024 * 1024;
/// Deltas up to this are kept, as long as all of them fit into the second.
const DELTA_KEPT_MAX: u64 = 64 * 1024;
const KEPT_MAX: usize = 64 * 1024 * 1024;
const BATCH_BYTES: usize = 256 * 1024;
const BATCH_OBJECTS: usize = 1024;

/// Reads a whole pack, its trailer included.
pub fn read(input: &mut dyn BufRead, copy: impl Write, setting: Setting<'_>) -> Result<Table, ReceiveError> {
    std::thread::scope(|scope| {
        let (stream, objects) = Stream::open(input, copy, setting.limits, setting.stop)?;
        let reading = Reading { stream, pool: Pool::new(scope, setting.findings), table: Table::default(), setting };
        reading.run(objects)
    })
}

struct Reading<'a, 's, 'e, W> {
    stream: Stream<'a, W>,
    pool: Pool<'s, 'e>,
    table: Table,
    setting: Setting<'a>,
}

impl<W: Write> Reading<'_, '_, '_, W> {
    fn run(mut self, objects: u32) -> Result<Table, ReceiveError> {
        for index in 0..objects {
            let entry = self.entry(index)?;
            self.table.entries.push(entry);
            if index % 1024 == 1023 {
                let bytes = self.stream.offset();
                (self.setting.progress)(Progress::Receiving { done: index + 1, of: objects, bytes });
            }
        }
        self.table.end = self.stream.offset();
        self.table.checksum = self.stream.trailer()?;
        for (index, id) in self.pool.finish()? {
            if let Some(entry) = self.table.entries.get_mut(index as usize) {
                entry.id = id;
            }
        }
        (self.setting.progress)(Progress::Receiving { done: objects, of: objects, bytes: self.table.end + 20 });
        Ok(self.table)
    }

    fn entry(&mut self, index: u32) -> Result<Entry, ReceiveError> {
        let head = self.stream.head()?;
        self.table.inflated = self.table.inflated.saturating_add(head.size);
        if self.table.inflated > self.setting.limits.inflated_bytes_max {
            return Err(ClientFault::InflatedBytes(self.setting.limits.inflated_bytes_max).into());
        }
        let source = self.source(&head)?;
        let (mut id, mut kept) = ([0; 20], None);
        let crc32 = match source {
            Source::Whole(Kind::Blob) if head.size > BLOB_HELD_MAX => {
                let (crc32, hashed) = self.large_blob(&head)?;
                id = hashed;
                crc32
            }
            Source::Whole(kind) => self.whole(index, kind, &head)?,
            Source::Entry(_) | Source::Id(_) => {
                let (crc32, position) = self.delta(&head)?;
                kept = position;
                crc32
            }
        };
        Ok(Entry { offset: head.offset, size: head.size, crc32, header_length: head.length, source, kept, id })
    }

    fn delta(&mut self, head: &Head) -> Result<(u32, Option<NonZeroU32>), ReceiveError> {
        let kept = &mut self.table.kept;
        if kept.is_empty() {
            kept.push(0);
        }
        if head.size > DELTA_KEPT_MAX || kept.len() > KEPT_MAX {
            return Ok((self.stream.data(head, |_| {})?, None));
        }
        let position = u32::try_from(kept.len()).ok().and_then(NonZeroU32::new);
        let crc32 = self.stream.data(head, |piece| kept.extend_from_slice(piece))?;
        Ok((crc32, position))
    }

    fn source(&mut self, head: &Head) -> Result<Source, ReceiveError> {
        match head.form {
            Form::Whole(kind) => Ok(Source::Whole(kind)),
            Form::OffsetDelta(base) => {
                let found = self.table.entries.binary_search_by_key(&base, |entry| entry.offset).ok();
                let index = found.and_then(|index| u32::try_from(index).ok());
                Ok(Source::Entry(index.ok_or(ClientFault::BaseOffset(head.offset))?))
            }
            Form::RefDelta(id) => {
                self.table.base_ids.push(id);
                let index = u32::try_from(self.table.base_ids.len() - 1).map_err(|_| InternalFault::Memory)?;
                Ok(Source::Id(index))
            }
        }
    }

    fn large_blob(&mut self, head: &Head) -> Result<(u32, [u8; 20]), ReceiveError> {
        let mut hasher = gix::hash::hasher(Sha1);
        hasher.update(&gix::objs::encode::loose_header(Kind::Blob, head.size));
        let crc32 = self.stream.data(head, |piece| hasher.update(piece))?;
        let id = hasher.try_finalize().map_err(|_| ClientFault::Collision(head.offset))?;
        Ok((crc32, bytes(&id)))
    }

    fn whole(&mut self, index: u32, kind: Kind, head: &Head) -> Result<u32, ReceiveError> {
        let batch = &mut self.pool.batch;
        let start = batch.data.len();
        let crc32 = self.stream.data(head, |piece| batch.data.extend_from_slice(piece))?;
        batch.items.push(Item { index, kind, offset: head.offset, start });
        if batch.data.len() >= BATCH_BYTES || batch.items.len() >= BATCH_OBJECTS {
            self.pool.send()?;
        }
        Ok(crc32)
    }
}

/// Whole objects, one after the other.
#[derive(Default)]
struct Batch {
    data: Vec<u8>,
    items: Vec<Item>,
}

struct Item {
    index: u32,
    kind: Kind,
    offset: u64,
    /// Where its data start; they end where the next item's start.
    start: usize,
}

type Ids = Vec<(u32, [u8; 20])>;

impl Batch {
    fn check(&self, checker: &mut Checker<'_>, ids: &mut Ids) -> Result<(), ClientFault> {
        let ends = self.items.iter().skip(1).map(|item| item.start).chain([self.data.len()]);
        for (item, end) in self.items.iter().zip(ends) {
            let data = self.data.get(item.start..end).unwrap_or_default();
            ids.push((item.index, checker.object(item.offset, item.kind, data)?));
        }
        Ok(())
    }
}

/// The threads that hash and check. None is started before the first batch is full: a small push needs none.
struct Pool<'s, 'e> {
    scope: &'s Scope<'s, 'e>,
    findings: &'e Findings,
    batch: Batch,
    sender: Option<SyncSender<Batch>>,
    threads: Vec<ScopedJoinHandle<'s, Result<Ids, ClientFault>>>,
    failed: Arc<AtomicBool>,
}

impl<'s, 'e> Pool<'s, 'e> {
    fn new(scope: &'s Scope<'s, 'e>, findings: &'e Findings) -> Self {
        let failed = Arc::new(AtomicBool::new(false));
        Self { scope, findings, batch: Batch::default(), sender: None, threads: Vec::new(), failed }
    }

    fn send(&mut self) -> Result<(), ReceiveError> {
        if self.sender.is_none() {
            self.start();
        }
        let batch = std::mem::take(&mut self.batch);
        let sent = self.sender.as_ref().is_some_and(|sender| sender.send(batch).is_ok());
        if sent && !self.failed.load(Ordering::Relaxed) {
            return Ok(());
        }
        // A thread has found a fault that ends it all; joining tells which.
        self.join().and(Err(InternalFault::Thread.into()))
    }

    fn start(&mut self) {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let count = cores.saturating_sub(1).clamp(1, 8);
        let (sender, receiver) = sync_channel(count);
        let receiver = Arc::new(Mutex::new(receiver));
        self.sender = Some(sender);
        for _ in 0..count {
            let (receiver, failed, findings) = (Arc::clone(&receiver), Arc::clone(&self.failed), self.findings);
            self.threads.push(self.scope.spawn(move || {
                let result = check_batches(&receiver, findings);
                failed.fetch_or(result.is_err(), Ordering::Relaxed);
                result
            }));
        }
    }

    /// Ids of all objects that were sent.
    fn finish(mut self) -> Result<Ids, ReceiveError> {
        let mut checker = Checker::new(self.findings);
        let mut ids = Ids::new();
        self.batch.check(&mut checker, &mut ids)?;
        checker.finish();
        ids.extend(self.join()?);
        Ok(ids)
    }

    fn join(&mut self) -> Result<Ids, ReceiveError> {
        self.sender = None;
        let results: Vec<_> = self.threads.drain(..).map(ScopedJoinHandle::join).collect();
        let mut ids = Ids::new();
        for result in results {
            ids.extend(result.map_err(|_| InternalFault::Thread)??);
        }
        Ok(ids)
    }
}

fn check_batches(receiver: &Mutex<Receiver<Batch>>, findings: &Findings) -> Result<Ids, ClientFault> {
    let mut checker = Checker::new(findings);
    let mut ids = Ids::new();
    loop {
        let received = receiver.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(batch) = received else { break };
        batch.check(&mut checker, &mut ids)?;
    }
    checker.finish();
    Ok(ids)
}
