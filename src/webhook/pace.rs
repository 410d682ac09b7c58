//! How long to wait before the next try, and a wait that a stop ends.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

/// Between tries: from `first` on twice as long each time, up to `longest`; of each, a random half is left out, so that
/// webhooks that failed together do not all come back together.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    pub first: Duration,
    pub longest: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self { first: Duration::from_secs(1), longest: Duration::from_secs(300) }
    }
}

impl Pace {
    /// Before the try after `failures` (from 1). `asked` is what the endpoint asked for; `chance` any number.
    pub fn pause(&self, failures: u32, asked: Option<Duration>, chance: u64) -> Duration {
        let doubled = 1_u32.checked_shl(failures.saturating_sub(1)).unwrap_or(u32::MAX);
        let whole = self.first.saturating_mul(doubled).min(self.longest);
        let half = whole / 2;
        let part = u32::try_from(chance % 1025).unwrap_or(0);
        let random = half.saturating_mul(part) / 1024;
        (half + random).max(asked.unwrap_or_default().min(self.longest))
    }
}

/// Told once, to all webhooks.
#[derive(Default)]
pub struct Stop {
    is_set: Mutex<bool>,
    told: Condvar,
}

impl Stop {
    pub fn set(&self) {
        *self.is_set.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.told.notify_all();
    }

    pub fn is_set(&self) -> bool {
        *self.is_set.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for so long, or until the stop.
    pub fn wait(&self, time: Duration) {
        let is_set = self.is_set.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.told.wait_timeout_while(is_set, time, |is_set| !*is_set));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pause_doubles_up_to_the_longest() {
        let pace = Pace::default();
        for (failures, shortest, longest) in
            [(1, 500, 1000), (2, 1000, 2000), (3, 2000, 4000), (9, 128_000, 256_000), (10, 150_000, 300_000)]
        {
            assert_eq!(pace.pause(failures, None, 0), Duration::from_millis(shortest), "{failures}");
            assert_eq!(pace.pause(failures, None, 1024), Duration::from_millis(longest), "{failures}");
        }
        for failures in [0, 32, 33, u32::MAX] {
            assert!(pace.pause(failures, None, u64::MAX) <= pace.longest, "{failures}");
        }
    }

    #[test]
    fn what_the_endpoint_asks_for_counts_up_to_the_longest() {
        let pace = Pace::default();
        for (asked, pause) in [(0, 500), (7, 7000), (300, 300_000), (301, 300_000), (u64::MAX, 300_000)] {
            let asked = Some(Duration::from_secs(asked));
            assert_eq!(pace.pause(1, asked, 0), Duration::from_millis(pause));
        }
    }

    #[test]
    fn a_stop_ends_every_wait() {
        let stop = std::sync::Arc::new(Stop::default());
        let waiting = std::sync::Arc::clone(&stop);
        let thread = std::thread::spawn(move || waiting.wait(Duration::from_secs(600)));
        assert!(!stop.is_set());
        stop.set();
        thread.join().expect("it ends");
        stop.wait(Duration::from_secs(600));
        assert!(stop.is_set());
    }
}
