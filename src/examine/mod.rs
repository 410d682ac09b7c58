//! Reads what a push brings, for the rules that look inside: files, commit objects and tag objects.
//!
//! Objects and facts in, sightings into the facts. Which rule looks where, and what it sees, is the policy's; this
//! stage only brings the bytes, on as many threads as it is worth.

mod blobs;
mod returned;

use crate::examine::blobs::ObjectBlobs;
pub use crate::examine::blobs::SecretCache;
use crate::git::{Objects, ReadError};
use crate::model::{CommitFacts, Direction, Effect, Limits, ObjectId, PushFacts, Sighting};
use crate::policy::{Examiner, Unreadable};
use gix::objs::Kind;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Entries one thread takes at a time.
const CHANGES_AT_ONCE: usize = 32;
/// With less to read another thread costs more than it gives.
const BYTES_PER_THREAD_MIN: u64 = 256 * 1024;
const THREADS_MAX: usize = 8;

/// Why a push could not be examined. Never a reason to let it pass.
#[derive(Debug, thiserror::Error)]
pub enum ExamineError {
    /// The time for judging is over, or the gate shuts down.
    #[error("looking into the files of the push took too long (limit judge_time_max)")]
    Stopped,
    #[error("internal error while reading objects")]
    Read(#[from] ReadError),
    #[error("internal error while reading objects: {}", .0.0)]
    Unreadable(Unreadable),
}

/// Fills in the sightings of all commits, changes and tags.
pub fn examine(
    objects: &Objects,
    examiner: &Examiner<'_>,
    cache: &SecretCache,
    facts: &mut PushFacts,
    limits: &Limits,
    stop: &AtomicBool,
) -> Result<(), ExamineError> {
    if examiner.looks_into_objects() {
        for tag in facts.updates.iter_mut().flat_map(|update| &mut update.tags) {
            tag.sightings = examiner.tag(tag);
        }
    }
    let tips = returned::new_tips(facts);
    let units = units(&facts.commits, examiner);
    let views = views(facts);
    let shared = Shared {
        commits: &facts.commits,
        views: &views,
        tips: &tips,
        units: &units,
        examiner,
        cache,
        limits,
        stop,
        next: AtomicUsize::new(0),
    };
    let parts = shared.run(objects)?;
    for part in parts {
        facts.more_sightings += part.more;
        for (unit, sightings) in part.seen {
            let Some(commit) = facts.commits.get_mut(unit.commit) else { continue };
            match unit.change {
                None => commit.sightings = sightings,
                Some(change) => {
                    if let Some(change) = commit.changes.get_mut(change) {
                        change.sightings = sightings;
                    }
                }
            }
        }
    }
    Ok(())
}

/// One thing to look into.
#[derive(Debug, Clone, Copy)]
struct Unit {
    commit: usize,
    /// `None`: the commit object itself.
    change: Option<usize>,
}

fn units(commits: &[CommitFacts], examiner: &Examiner<'_>) -> Vec<Unit> {
    let mut units = Vec::new();
    for (commit, facts) in commits.iter().enumerate() {
        if examiner.looks_into_objects() && facts.direction == Direction::Added {
            units.push(Unit { commit, change: None });
        }
        if examiner.looks_into_files() {
            units.extend((0..facts.changes.len()).map(|change| Unit { commit, change: Some(change) }));
        }
    }
    units
}

/// For each commit, which updates it counts for, as a number: rules look at some refs and not at others, so what is seen
/// for one ref must not use up the room of what is seen for another.
fn views(facts: &PushFacts) -> Vec<usize> {
    let mut groups: Vec<Vec<usize>> = vec![Vec::new(); facts.commits.len()];
    for (index, group) in facts.groups.iter().enumerate() {
        for commit in &group.commits {
            groups.get_mut(*commit).into_iter().for_each(|of| of.push(index));
        }
    }
    let mut numbers = HashMap::new();
    let number = |groups| {
        let next = numbers.len();
        *numbers.entry(groups).or_insert(next)
    };
    groups.into_iter().map(number).collect()
}

struct Shared<'a> {
    commits: &'a [CommitFacts],
    views: &'a [usize],
    /// For each dropped commit, where its refs end now.
    tips: &'a [Vec<ObjectId>],
    units: &'a [Unit],
    examiner: &'a Examiner<'a>,
    cache: &'a SecretCache,
    limits: &'a Limits,
    stop: &'a AtomicBool,
    next: AtomicUsize,
}

/// What one thread saw.
#[derive(Default)]
struct Part {
    seen: Vec<(Unit, Vec<Sighting>)>,
    /// By view, rule and effect.
    kept: HashMap<(Option<usize>, usize, Option<Effect>), usize>,
    more: usize,
}

impl Shared<'_> {
    fn run(&self, objects: &Objects) -> Result<Vec<Part>, ExamineError> {
        let threads = self.threads();
        if threads <= 1 {
            return Ok(vec![self.work(objects)?]);
        }
        let handles: Vec<Objects> = (0..threads).map(|_| objects.clone()).collect();
        std::thread::scope(|scope| {
            let spawn = |objects: Objects| scope.spawn(move || self.work(&objects));
            let workers: Vec<_> = handles.into_iter().map(spawn).collect();
            let join = |worker: std::thread::ScopedJoinHandle<'_, _>| {
                worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            };
            workers.into_iter().map(join).collect()
        })
    }

    fn threads(&self) -> usize {
        let available = std::thread::available_parallelism().map_or(1, usize::from).min(THREADS_MAX);
        let sizes = self.commits.iter().flat_map(|commit| &commit.changes).filter_map(|change| change.size);
        let bytes = sizes.fold(0, u64::saturating_add);
        let wanted = usize::try_from(bytes / BYTES_PER_THREAD_MIN).unwrap_or(usize::MAX);
        wanted.max(self.units.len() / 256).clamp(1, available)
    }

    fn work(&self, objects: &Objects) -> Result<Part, ExamineError> {
        let blobs = ObjectBlobs::new(objects, self.cache);
        let mut part = Part::default();
        let mut buffer = Vec::new();
        loop {
            let start = self.next.fetch_add(CHANGES_AT_ONCE, Ordering::Relaxed);
            let Some(units) = self.units.get(start..) else { return Ok(part) };
            if units.is_empty() {
                return Ok(part);
            }
            for unit in units.iter().take(CHANGES_AT_ONCE) {
                if self.stop.load(Ordering::Relaxed) {
                    return Err(ExamineError::Stopped);
                }
                let sightings = self.look(*unit, objects, &blobs, &mut buffer)?;
                let view = self.views.get(unit.commit).copied();
                part.keep(*unit, view, sightings, self.limits.findings_max, &|seen| self.examiner.holds(seen));
            }
        }
    }

    fn look(
        &self,
        unit: Unit,
        objects: &Objects,
        blobs: &ObjectBlobs<'_>,
        buffer: &mut Vec<u8>,
    ) -> Result<Vec<Sighting>, ExamineError> {
        let Some(commit) = self.commits.get(unit.commit) else { return Ok(Vec::new()) };
        let Some(change) = unit.change else {
            objects.read(&commit.id, Kind::Commit, buffer)?;
            return Ok(self.examiner.commit(commit, buffer));
        };
        match commit.changes.get(change) {
            Some(change) => {
                let mut seen = self.examiner.change(commit, change, blobs).map_err(ExamineError::Unreadable)?;
                if commit.direction == Direction::Dropped {
                    let tips = self.tips.get(unit.commit).map(Vec::as_slice).unwrap_or_default();
                    returned::keep(objects, tips, change, &mut seen)?;
                }
                Ok(seen)
            }
            None => Ok(Vec::new()),
        }
    }
}

impl Part {
    /// Keeps enough of each view, rule and effect to tell of; the rest is only counted, so that memory stays bounded. Of
    /// what holds, one in each place stays: who owns the place is asked.
    fn keep(
        &mut self,
        unit: Unit,
        view: Option<usize>,
        mut sightings: Vec<Sighting>,
        max: usize,
        holds: &dyn Fn(&Sighting) -> bool,
    ) {
        let mut last = None;
        sightings.retain(|sighting| {
            let kept = self.kept.entry((view, sighting.rule, sighting.effect)).or_default();
            *kept += 1;
            let speaker = Some((sighting.rule, sighting.effect));
            let is_first = std::mem::replace(&mut last, speaker) != speaker;
            let is_kept = *kept <= max.max(1) || (is_first && holds(sighting));
            self.more += usize::from(!is_kept);
            is_kept
        });
        if !sightings.is_empty() {
            self.seen.push((unit, sightings));
        }
    }
}
