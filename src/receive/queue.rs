//! Tasks shared by a fixed number of threads; done when all are idle.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// A thread works from a list of its own, asks here when that is empty, and gives here when others ask.
pub struct Queue<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
    /// Threads that wait.
    hungry: AtomicUsize,
}

struct State<T> {
    tasks: Vec<T>,
    /// Threads that may still bring tasks.
    busy: usize,
    is_broken: bool,
}

/// Ends all threads when one ends by an error or panic.
pub struct Guard<'a, T> {
    queue: Option<&'a Queue<T>>,
}

impl<T> Guard<'_, T> {
    pub fn disarm(mut self) {
        self.queue = None;
    }
}

impl<T> Drop for Guard<'_, T> {
    fn drop(&mut self) {
        if let Some(queue) = self.queue {
            queue.lock().is_broken = true;
            queue.changed.notify_all();
        }
    }
}

impl<T> Queue<T> {
    /// The last task is the first to be taken.
    #[must_use]
    pub fn new(tasks: Vec<T>, threads: usize) -> Self {
        let state = State { tasks, busy: threads, is_broken: false };
        Self { state: Mutex::new(state), changed: Condvar::new(), hungry: AtomicUsize::new(0) }
    }

    #[must_use]
    pub fn worker(&self) -> Guard<'_, T> {
        Guard { queue: Some(self) }
    }

    /// The next task; `None` when there will be no more.
    pub fn next(&self) -> Option<T> {
        let mut state = self.lock();
        state.busy -= 1;
        self.hungry.fetch_add(1, Ordering::Relaxed);
        let task = loop {
            if state.is_broken {
                break None;
            }
            if let Some(task) = state.tasks.pop() {
                break Some(task);
            }
            if state.busy == 0 {
                self.changed.notify_all();
                break None;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        };
        self.hungry.fetch_sub(1, Ordering::Relaxed);
        state.busy += usize::from(task.is_some());
        task
    }

    /// Gives the older half of a thread's own tasks to those that wait.
    pub fn share(&self, local: &mut Vec<T>) {
        if local.len() > 1 && self.hungry.load(Ordering::Relaxed) > 0 {
            let half = local.len() / 2;
            self.lock().tasks.extend(local.drain(..half));
            self.changed.notify_all();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each number brings the two below it, by one thread or four.
    #[test]
    fn all_tasks_are_done_once() {
        for threads in [1, 4] {
            let queue = Queue::new(vec![12_u32; 3], threads);
            let done = AtomicUsize::new(0);
            let work = || {
                let guard = queue.worker();
                let mut local = Vec::new();
                while let Some(task) = local.pop().or_else(|| queue.next()) {
                    done.fetch_add(1, Ordering::Relaxed);
                    if task > 0 {
                        local.extend([task - 1, task - 1]);
                    }
                    queue.share(&mut local);
                }
                guard.disarm();
            };
            std::thread::scope(|scope| (0..threads).for_each(|_| drop(scope.spawn(work))));
            assert_eq!(done.into_inner(), 3 * ((1 << 13) - 1));
        }
    }

    #[test]
    fn one_failure_ends_all() {
        let queue = Queue::new(vec![1_u32], 2);
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| {
                while queue.next().is_some() {
                    drop(queue.worker());
                }
            });
            waiting.join().expect("ended");
        });
        assert_eq!(queue.next(), None);
    }
}
