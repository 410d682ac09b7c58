//! Tells the client that work goes on, and stops a stage that takes too long.

use crate::receive::Reply;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The stage a push is in, seen by the thread that tells of it.
#[derive(Default)]
pub struct Watch {
    state: Mutex<State>,
    changed: Condvar,
    /// Set when the stage's time is over; long work looks at it.
    pub stop: AtomicBool,
}

#[derive(Default)]
struct State {
    text: String,
    deadline: Option<Instant>,
    ended: bool,
}

/// Nothing is told of a push that is faster.
const TICK: Duration = Duration::from_secs(1);
/// The longest silence towards the client.
const SILENCE_MAX: Duration = Duration::from_secs(5);

impl Watch {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins a stage with its own time limit.
    pub fn stage(&self, text: &str, time_max: Duration) {
        let mut state = self.state();
        text.clone_into(&mut state.text);
        state.deadline = Instant::now().checked_add(time_max);
    }

    /// Says how far the stage is.
    pub fn tell(&self, text: String) {
        self.state().text = text;
    }

    /// Ends [`Watch::run`].
    pub fn end(&self) {
        self.state().ended = true;
        self.changed.notify_all();
    }

    /// Runs beside the push until [`Watch::end`]. A client that hangs up shows elsewhere; of a release there is none.
    pub fn run(&self, reply: Option<&Reply<'_>>) {
        let mut told = String::new();
        let mut last = Instant::now();
        loop {
            let state = self.state();
            let (state, _) = self
                .changed
                .wait_timeout_while(state, TICK, |state| !state.ended)
                .unwrap_or_else(PoisonError::into_inner);
            if state.ended {
                return;
            }
            if state.deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                self.stop.store(true, Ordering::Relaxed);
            }
            let text = state.text.clone();
            drop(state);
            let Some(reply) = reply else { continue };
            if text != told && !reply.is_quiet() {
                let _ = reply.progress(&format!("refgate: {text}\n"));
                told = text;
                last = Instant::now();
            } else if last.elapsed() >= SILENCE_MAX {
                let _ = reply.keep_alive();
                last = Instant::now();
            }
        }
    }
}

/// Ends the watch when the push's own thread leaves, by whatever way.
pub struct EndOnDrop<'a>(pub &'a Watch);

impl Drop for EndOnDrop<'_> {
    fn drop(&mut self) {
        self.0.end();
    }
}
