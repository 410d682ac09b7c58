//! Reading objects: what the push brought, over what the mirror has.

use crate::git::big_blob;
use crate::git::delta_cache::DeltaCache;
use crate::model::ObjectId;
use gix::objs::{Exists, Find, FindHeader, Kind};
use gix::odb::store::init::{Options, Slots};
use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

type Handle = gix::odb::Cache<gix::odb::store::Handle<Arc<gix::odb::Store>>>;

/// An object that should be there could not be read. Always our fault or the disk's, never a reason to go on.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error("cannot open the object directory: {0}")]
    Open(#[source] std::io::Error),
    #[error("cannot read object {0}: {1}")]
    Object(ObjectId, String),
    #[error("object {0} is missing")]
    Missing(ObjectId),
    #[error("object {0} is a {1}, not a {2}")]
    Kind(ObjectId, Kind, Kind),
    #[error("object {0} cannot be parsed")]
    Malformed(ObjectId),
}

/// One object directory, open for all threads.
#[derive(Clone)]
pub struct ObjectStore {
    store: Arc<gix::odb::Store>,
    dir: Arc<Path>,
    hidden: Arc<HashSet<ObjectId>>,
}

/// Packs and alternates an open object directory can come to have while it is open.
const SLOTS: u16 = 4096;

impl ObjectStore {
    /// Opens `objects_dir` (with its `pack/` and `info/alternates`). Replace refs and grafts are never applied.
    pub fn open(objects_dir: &Path) -> Result<Self, ReadError> {
        let options = Options { slots: Slots::Given(SLOTS), use_multi_pack_index: true, ..Options::default() };
        let no_replacements = &mut std::iter::empty();
        let kind = gix::hash::Kind::Sha1;
        let store = gix::odb::Store::at_opts(objects_dir.to_owned(), kind, no_replacements, options);
        let open = |store| Self { store: Arc::new(store), dir: objects_dir.into(), hidden: Arc::default() };
        store.map(open).map_err(ReadError::Open)
    }

    /// The same objects but for these: to whom a push may not tell of them, they are not there.
    #[must_use]
    pub fn without(&self, hidden: HashSet<ObjectId>) -> Self {
        Self { store: Arc::clone(&self.store), dir: Arc::clone(&self.dir), hidden: Arc::new(hidden) }
    }

    fn handle(&self) -> Handle {
        self.store.to_cache_arc()
    }
}

/// The objects a push can be judged by: the quarantine's first, then the mirror's. For one thread; clone for another.
#[derive(Clone)]
pub struct Objects {
    new: Option<Handle>,
    /// Where large blobs are looked for: what is new, or all there is.
    dir: Arc<Path>,
    base: Handle,
    /// `base` again, for what a fetch or repack brought since: looks at the disk anew whenever it misses. The two
    /// above never do, as nearly every object of a push is missing from one of them.
    late: Handle,
    /// What of `base` is not to be found.
    hidden: Arc<HashSet<ObjectId>>,
}

impl Objects {
    /// `new` must not list `base` as its alternate: which of the two has an object is a fact that counts.
    #[must_use]
    pub fn new(new: Option<&ObjectStore>, base: &ObjectStore) -> Self {
        let late = fresh_handle(base);
        let settled = |mut handle: Handle| {
            handle.refresh_never();
            handle
        };
        let dir = Arc::clone(&new.unwrap_or(base).dir);
        let new = new.map(|store| settled(fresh_handle(store)));
        Self { new, dir, base: settled(late.clone()), late, hidden: Arc::clone(&base.hidden) }
    }

    fn handles(&self, id: &ObjectId) -> impl Iterator<Item = &Handle> {
        let base = if self.hidden.contains(id) { None } else { Some([&self.base, &self.late]) };
        self.new.iter().chain(base.into_iter().flatten())
    }

    /// Reads an object into `buffer`; `None` if neither side has it.
    pub fn find(&self, id: &ObjectId, buffer: &mut Vec<u8>) -> Result<Option<Kind>, ReadError> {
        for handle in self.handles(id) {
            let found = handle.try_find(id, buffer).map_err(|e| ReadError::Object(*id, e.to_string()))?;
            if let Some(data) = found {
                return Ok(Some(data.kind));
            }
        }
        Ok(None)
    }

    /// Reads an object that must be there and of this kind.
    pub fn read(&self, id: &ObjectId, kind: Kind, buffer: &mut Vec<u8>) -> Result<(), ReadError> {
        match self.find(id, buffer)? {
            Some(found) if found == kind => Ok(()),
            Some(found) => Err(ReadError::Kind(*id, found, kind)),
            None => Err(ReadError::Missing(*id)),
        }
    }

    /// Kind and size of an object without inflating it as a whole; `None` if neither side has it.
    pub fn header(&self, id: &ObjectId) -> Result<Option<(Kind, u64)>, ReadError> {
        for handle in self.handles(id) {
            let found = handle.try_header(id).map_err(|e| ReadError::Object(*id, e.to_string()))?;
            if let Some(header) = found {
                return Ok(Some((header.kind, header.size)));
            }
        }
        Ok(None)
    }

    /// Reads a blob in pieces. A large one that a pack holds as a whole is never in memory at once; one that is stored
    /// as a delta is.
    pub fn stream(&self, id: &ObjectId, piece: &mut dyn FnMut(&[u8])) -> Result<(), ReadError> {
        if !self.hidden.contains(id) && big_blob::stream(&self.dir, id, piece)? {
            return Ok(());
        }
        let mut buffer = Vec::new();
        self.read(id, Kind::Blob, &mut buffer)?;
        piece(&buffer);
        Ok(())
    }

    /// Whether the mirror itself has the object: then all it reaches is there too.
    #[must_use]
    pub fn in_base(&self, id: &ObjectId) -> bool {
        let is_new = || self.new.as_ref().is_some_and(|new| new.exists(id));
        !self.hidden.contains(id) && (self.base.exists(id) || (!is_new() && self.late.exists(id)))
    }
}

/// A handle that knows what is on the disk now, however long ago the store was opened.
fn fresh_handle(store: &ObjectStore) -> Handle {
    let mut handle = store.handle();
    handle.set_pack_cache(|| Box::<DeltaCache>::default());
    // A miss makes it look.
    let _ = handle.exists(&ObjectId::null(gix::hash::Kind::Sha1));
    handle
}
