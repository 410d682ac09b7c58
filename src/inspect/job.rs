//! Comparing the trees of many commits, on more than one thread if there are enough of them.

use crate::git::Objects;
use crate::inspect::compare::{Bounds, Comparison, Found, Visitor, compare};
use crate::inspect::facts::BlobFacts;
use crate::inspect::raw::subject;
use crate::inspect::trees::Trees;
use crate::inspect::{Excess, InspectError};
use crate::model::{Change, CommitFacts, Direction, ObjectId};
use gix::objs::Kind;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// With fewer commits another thread costs more than it gives.
const JOBS_PER_THREAD_MIN: usize = 128;
const THREADS_MAX: usize = 4;
/// Neighbours go to one thread: they share trees.
const JOBS_AT_ONCE: usize = 32;
/// So many directories more than changes may be opened for one commit: a merge opens some where all is clean.
const DIRECTORIES_MORE: usize = 1_000_000;

/// One commit to look at in one direction.
pub(super) struct Job {
    pub id: ObjectId,
    pub direction: Direction,
    pub parents: Vec<ObjectId>,
    pub is_new: bool,
    pub comparison: Comparison,
}

/// Does all jobs; the results in the jobs' order, and the lines if they are wanted.
pub(super) fn run(
    objects: &Objects,
    jobs: &[Job],
    bounds: Bounds,
    stop: &AtomicBool,
) -> Result<(Vec<CommitFacts>, u64), InspectError> {
    let available = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = (jobs.len() / JOBS_PER_THREAD_MIN).clamp(1, available.min(THREADS_MAX));
    let shared = Shared {
        jobs,
        bounds,
        stop,
        next: AtomicUsize::new(0),
        changes: AtomicUsize::new(0),
        failed: AtomicBool::new(false),
    };
    let mut parts = if threads == 1 {
        vec![shared.work(objects)]
    } else {
        let handles: Vec<Objects> = (0..threads).map(|_| objects.clone()).collect();
        std::thread::scope(|scope| {
            let shared = &shared;
            let spawn = |objects: Objects| scope.spawn(move || shared.work(&objects));
            let workers: Vec<_> = handles.into_iter().map(spawn).collect();
            let join = |worker: std::thread::ScopedJoinHandle<'_, _>| {
                worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            };
            workers.into_iter().map(join).collect()
        })
    };
    // The cause, not what stopped the other threads because of it.
    parts.sort_by_key(|part| matches!(part, Err(InspectError::Stopped)));
    let mut done = Vec::with_capacity(jobs.len());
    let mut lines = 0u64;
    for part in parts {
        let part = part?;
        lines = lines.saturating_add(part.lines);
        done.extend(part.done);
    }
    done.sort_by_key(|(index, _)| *index);
    Ok((done.into_iter().map(|(_, facts)| facts).collect(), lines))
}

struct Shared<'a> {
    jobs: &'a [Job],
    bounds: Bounds,
    stop: &'a AtomicBool,
    next: AtomicUsize,
    /// Over all jobs.
    changes: AtomicUsize,
    failed: AtomicBool,
}

#[derive(Default)]
struct Part {
    done: Vec<(usize, CommitFacts)>,
    lines: u64,
}

impl Shared<'_> {
    fn work(&self, objects: &Objects) -> Result<Part, InspectError> {
        let mut worker = Worker { shared: self, objects, trees: Trees::new(objects), blobs: BlobFacts::new(objects) };
        let mut part = Part::default();
        loop {
            let start = self.next.fetch_add(JOBS_AT_ONCE, Ordering::Relaxed);
            let jobs = self.jobs.iter().enumerate().skip(start).take(JOBS_AT_ONCE);
            if jobs.len() == 0 {
                return Ok(part);
            }
            for (index, job) in jobs {
                match worker.facts(job, &mut part.lines) {
                    Ok(facts) => part.done.push((index, facts)),
                    Err(error) => {
                        self.failed.store(true, Ordering::Relaxed);
                        return Err(error);
                    }
                }
            }
        }
    }

    fn check_stop(&self) -> Result<(), InspectError> {
        match self.stop.load(Ordering::Relaxed) || self.failed.load(Ordering::Relaxed) {
            true => Err(InspectError::Stopped),
            false => Ok(()),
        }
    }

    /// A change holds what each parent has, so that of a wide merge counts as many.
    fn count_change(&self, parents: usize) -> Result<(), InspectError> {
        let changes_max = self.bounds.changes_max;
        let count = parents.saturating_sub(1).max(1);
        match self.changes.fetch_add(count, Ordering::Relaxed).saturating_add(count) <= changes_max {
            true => Ok(()),
            false => Err(Excess::Changes(changes_max).into()),
        }
    }
}

struct Worker<'a> {
    shared: &'a Shared<'a>,
    objects: &'a Objects,
    trees: Trees<'a>,
    blobs: BlobFacts<'a>,
}

impl Worker<'_> {
    fn facts(&mut self, job: &Job, lines: &mut u64) -> Result<CommitFacts, InspectError> {
        let mut buffer = Vec::new();
        self.objects.read(&job.id, Kind::Commit, &mut buffer)?;
        let changes = self.changes(job)?;
        if self.shared.bounds.needs.lines && job.direction == Direction::Added {
            for change in &changes {
                self.shared.check_stop()?;
                *lines = lines.saturating_add(self.blobs.lines(change)?);
            }
        }
        Ok(CommitFacts {
            id: job.id,
            direction: job.direction,
            parents: job.parents.clone(),
            subject: subject(&buffer).into(),
            changes,
            sightings: Vec::new(),
            is_new: job.is_new,
        })
    }

    fn changes(&mut self, job: &Job) -> Result<Vec<Change>, InspectError> {
        let is_reversed_merge = job.direction == Direction::Dropped && job.comparison.parent_count > 1;
        let Self { shared, trees, blobs, .. } = self;
        let mut collector = Collector { shared, blobs, is_reversed_merge, directories: 0, changes: Vec::new() };
        compare(trees, &job.comparison, shared.bounds, &mut collector)?;
        Ok(collector.changes)
    }
}

/// Takes in the changes of one commit.
struct Collector<'w, 'a> {
    shared: &'w Shared<'a>,
    blobs: &'w mut BlobFacts<'a>,
    is_reversed_merge: bool,
    directories: usize,
    changes: Vec<Change>,
}

impl Visitor for Collector<'_, '_> {
    /// A small pack may unfold to any number of directories without an entry: no change bounds them.
    fn directory(&mut self) -> Result<(), InspectError> {
        self.shared.check_stop()?;
        self.directories += 1;
        let changes_max = self.shared.bounds.changes_max;
        match self.directories <= changes_max.saturating_add(DIRECTORIES_MORE) {
            true => Ok(()),
            false => Err(Excess::Changes(changes_max).into()),
        }
    }

    fn change(&mut self, found: Found<'_>) -> Result<(), InspectError> {
        self.shared.check_stop()?;
        self.shared.count_change(found.parents.len())?;
        let old = [found.new];
        let found = match found.parents.first() {
            // Taken out, a merge leaves what its first parent has; what it joined goes with the other commits.
            Some(first) if self.is_reversed_merge => Found { new: *first, parents: &old, twin: None, ..found },
            Some(_) | None => found,
        };
        self.changes.push(self.blobs.change(&found)?);
        Ok(())
    }
}
