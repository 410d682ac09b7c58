//! How many of something there may be at once, by key: connections in all, per address, per principal.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Counts holders by key.
#[derive(Debug)]
pub struct Slots<K: Eq + Hash + Clone> {
    held: Mutex<HashMap<K, usize>>,
    max: usize,
}

/// One place taken; given back when dropped.
#[derive(Debug)]
pub struct Slot<K: Eq + Hash + Clone> {
    slots: Arc<Slots<K>>,
    key: K,
}

impl<K: Eq + Hash + Clone> Slots<K> {
    #[must_use]
    pub fn new(max: usize) -> Arc<Self> {
        Arc::new(Self { held: Mutex::default(), max })
    }

    /// Takes a place, if one is free.
    pub fn take(self: &Arc<Self>, key: K) -> Option<Slot<K>> {
        let mut held = self.lock();
        let count = held.get(&key).copied().unwrap_or(0);
        if count >= self.max {
            return None;
        }
        held.insert(key.clone(), count.saturating_add(1));
        Some(Slot { slots: Arc::clone(self), key })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<K, usize>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Eq + Hash + Clone> Drop for Slot<K> {
    fn drop(&mut self) {
        let mut held = self.slots.lock();
        match held.get_mut(&self.key) {
            Some(count) if *count > 1 => *count = count.saturating_sub(1),
            Some(_) | None => drop(held.remove(&self.key)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_max_slots_and_gives_them_back() {
        let slots = Slots::new(2);
        let first = slots.take("a");
        let second = slots.take("a");
        assert!(first.is_some() && second.is_some());
        assert!(slots.take("a").is_none());
        assert!(slots.take("b").is_some());
        drop(first);
        let third = slots.take("a");
        assert!(third.is_some());
        assert!(slots.take("a").is_none());
        drop((second, third));
        assert!(slots.lock().is_empty());
    }
}
