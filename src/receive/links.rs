//! Which objects the new ones refer to: each once, so that memory grows with objects and not with tree entries.

use gix::objs::Kind;
use std::collections::HashSet;
use std::hash::{BuildHasher, Hash, Hasher, RandomState};
use std::sync::{Mutex, PoisonError};

/// A reference to an object that must exist and be of this kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Link {
    pub id: [u8; 20],
    pub kind: Kind,
}

impl Link {
    /// The first two words of the id; enough to tell ids apart, and equal for equal ids.
    fn words(&self) -> (u64, u64) {
        let word = |range| self.id.get::<std::ops::Range<usize>>(range).and_then(|b| b.try_into().ok());
        (word(0..8).map_or(0, u64::from_le_bytes), word(8..16).map_or(0, u64::from_le_bytes))
    }
}

impl Hash for Link {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let (first, second) = self.words();
        state.write_u64(first);
        state.write_u64(second ^ self.kind as u64);
    }
}

/// Ids in a tree are the client's to choose, so the table's order must be ours: a multiplication under a secret key.
#[derive(Clone)]
struct Keyed(u64);

struct KeyedHasher(u64);

impl BuildHasher for Keyed {
    type Hasher = KeyedHasher;

    fn build_hasher(&self) -> KeyedHasher {
        KeyedHasher(self.0)
    }
}

impl Hasher for KeyedHasher {
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u64(u64::from(*byte)));
    }

    fn write_u64(&mut self, word: u64) {
        let product = u128::from(self.0 ^ word) * u128::from(0x9E37_79B9_7F4A_7C15_u64);
        self.0 = (product as u64) ^ ((product >> 64) as u64);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// Number of locks; a power of two. The shard is the id's first bits, so the shards in order are the ids in order.
const SHARDS: usize = 64;

/// All links of one push.
pub struct Links {
    shards: Vec<Mutex<HashSet<Link, Keyed>>>,
}

impl Default for Links {
    fn default() -> Self {
        let key = Keyed(RandomState::new().hash_one(0_u64));
        let shard = || Mutex::new(HashSet::with_hasher(key.clone()));
        Self { shards: std::iter::repeat_with(shard).take(SHARDS).collect() }
    }
}

impl Links {
    /// Takes a batch of links; one lock for a run of links of one shard.
    pub fn extend(&self, links: &mut Vec<Link>) {
        links.sort_unstable();
        let shard_of = |link: &Link| usize::from(link.id.first().copied().unwrap_or(0)) * SHARDS / 256;
        for run in links.chunk_by(|a, b| shard_of(a) == shard_of(b)) {
            if let Some(shard) = run.first().and_then(|link| self.shards.get(shard_of(link))) {
                shard.lock().unwrap_or_else(PoisonError::into_inner).extend(run.iter().copied());
            }
        }
        links.clear();
    }

    /// All of them, sorted, one shard at a time.
    pub fn into_sorted(self) -> impl Iterator<Item = Vec<Link>> {
        self.shards.into_iter().map(|shard| {
            let mut links: Vec<Link> = shard.into_inner().unwrap_or_else(PoisonError::into_inner).into_iter().collect();
            links.sort_unstable();
            links
        })
    }
}

/// Slots of a [`Recent`]; a power of two.
const RECENT_SLOTS: usize = 1 << 15;

/// The links one thread saw last: a tree's next version repeats nearly all of them, and need not ask for the lock.
pub struct Recent {
    slots: Vec<Option<Link>>,
    hasher: Keyed,
    pending: Vec<Link>,
}

impl Default for Recent {
    fn default() -> Self {
        let hasher = Keyed(RandomState::new().hash_one(1_u64));
        // The slots are made with the first link: a push of three objects must not pay for a megabyte.
        Self { slots: Vec::new(), hasher, pending: Vec::new() }
    }
}

impl Recent {
    const PENDING_MAX: usize = 4096;

    pub fn insert(&mut self, link: Link, links: &Links) {
        if self.pending.len() >= 64 && self.slots.is_empty() {
            self.slots = vec![None; RECENT_SLOTS];
        }
        let slot = self.hasher.hash_one(link) as usize & (RECENT_SLOTS - 1);
        if let Some(slot) = self.slots.get_mut(slot) {
            if *slot == Some(link) {
                return;
            }
            *slot = Some(link);
        }
        self.pending.push(link);
        if self.pending.len() >= Self::PENDING_MAX {
            links.extend(&mut self.pending);
        }
    }

    pub fn flush(&mut self, links: &Links) {
        links.extend(&mut self.pending);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_each_link_once_and_sorted() {
        let links = Links::default();
        let mut recent = Recent::default();
        for round in 0..3_u32 {
            for n in 0..20_000_u32 {
                let mut id = [0; 20];
                id[..4].copy_from_slice(&(n.wrapping_mul(2_654_435_761)).to_be_bytes());
                let kind = if n == 7 && round == 2 { Kind::Tree } else { Kind::Blob };
                recent.insert(Link { id, kind }, &links);
            }
        }
        recent.flush(&links);
        let all: Vec<Link> = links.into_sorted().flatten().collect();
        assert_eq!(all.len(), 20_001);
        assert!(all.is_sorted());
    }
}
