//! Contents of blobs for the rules, and what the secret scanner found in them before.

use crate::git::{Objects, ReadError};
use crate::model::ObjectId;
use crate::policy::{Blobs, Unreadable};
use crate::secret::{self, FingerprintKey};
use gix::objs::Kind;
use lru::LruCache;
use std::cell::RefCell;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};

/// Blobs of a thread kept for the next rule or commit that asks.
const KEPT_BLOBS: NonZeroUsize = NonZeroUsize::new(16).expect("more than none");
/// Larger ones are not kept.
const KEPT_BYTES_MAX: usize = 1024 * 1024;
/// Results kept over all pushes: a rebase or a second try brings most files again.
const KEPT_RESULTS: NonZeroUsize = NonZeroUsize::new(100_000).expect("more than none");

/// What the secret scanner found in which blob, for all pushes of a process.
///
/// The rules of the scanner are part of the program, so a result holds as long as the process lives.
pub struct SecretCache {
    key: Option<FingerprintKey>,
    keys: RandomState,
    results: Mutex<LruCache<Key, Hits>>,
}

type Key = (ObjectId, u64);
type Hits = Arc<Vec<secret::Found>>;

impl Default for SecretCache {
    /// Without a key: findings then have no fingerprint, and no single value can be allowed.
    fn default() -> Self {
        Self::new(None)
    }
}

impl SecretCache {
    #[must_use]
    pub fn new(key: Option<FingerprintKey>) -> Self {
        Self { key, keys: RandomState::new(), results: Mutex::new(LruCache::new(KEPT_RESULTS)) }
    }

    #[must_use]
    pub fn key(&self) -> Option<&FingerprintKey> {
        self.key.as_ref()
    }

    fn find(&self, id: &ObjectId, path: &[u8], scan: impl FnOnce() -> Vec<secret::Found>) -> Hits {
        // Some rules are for files of certain names, so the path is part of the question.
        let key = (*id, self.keys.hash_one(path));
        let lock = || self.results.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = lock().get(&key) {
            return Arc::clone(known);
        }
        let found = Arc::new(scan());
        lock().put(key, Arc::clone(&found));
        found
    }
}

/// The objects of a push, for one thread.
pub(super) struct ObjectBlobs<'a> {
    objects: &'a Objects,
    cache: &'a SecretCache,
    kept: RefCell<LruCache<ObjectId, Arc<Vec<u8>>>>,
}

impl<'a> ObjectBlobs<'a> {
    pub fn new(objects: &'a Objects, cache: &'a SecretCache) -> Self {
        Self { objects, cache, kept: RefCell::new(LruCache::new(KEPT_BLOBS)) }
    }
}

fn unreadable(error: impl std::error::Error + Send + Sync + 'static) -> Unreadable {
    Unreadable(Box::new(error))
}

impl Blobs for ObjectBlobs<'_> {
    fn read(&self, id: &ObjectId) -> Result<Arc<Vec<u8>>, Unreadable> {
        if let Some(kept) = self.kept.borrow_mut().get(id) {
            return Ok(Arc::clone(kept));
        }
        let mut bytes = Vec::new();
        self.objects.read(id, Kind::Blob, &mut bytes).map_err(unreadable)?;
        let blob = Arc::new(bytes);
        if blob.len() <= KEPT_BYTES_MAX {
            self.kept.borrow_mut().put(*id, Arc::clone(&blob));
        }
        Ok(blob)
    }

    fn size(&self, id: &ObjectId) -> Result<u64, Unreadable> {
        match self.objects.header(id).map_err(unreadable)? {
            Some((Kind::Blob, size)) => Ok(size),
            Some((kind, _)) => Err(unreadable(ReadError::Kind(*id, kind, Kind::Blob))),
            None => Err(unreadable(ReadError::Missing(*id))),
        }
    }

    fn stream(&self, id: &ObjectId, piece: &mut dyn FnMut(&[u8])) -> Result<(), Unreadable> {
        self.objects.stream(id, piece).map_err(unreadable)
    }

    fn secrets(&self, id: &ObjectId, path: &[u8], bytes: &[u8]) -> Hits {
        let seal = |hit| secret::Found::new(hit, self.cache.key());
        self.cache.find(id, path, || secret::scanner().scan(Some(path), bytes).into_iter().map(seal).collect())
    }
}
