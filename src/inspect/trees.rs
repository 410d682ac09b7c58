//! Trees, read through a small cache: neighbouring commits share most of theirs.

use crate::git::{Objects, ReadError};
use crate::inspect::raw::TreeCursor;
use crate::model::ObjectId;
use gix::objs::Kind;
use std::rc::Rc;

/// Trees remembered, one for each value of the first bytes of the id.
const SLOTS: usize = 2048;
/// Larger trees are not remembered; bounds the cache to 32 MiB.
const TREE_BYTES_MAX: usize = 16 * 1024;

/// For one thread.
pub(super) struct Trees<'a> {
    objects: &'a Objects,
    slots: Vec<Option<(ObjectId, Rc<Vec<u8>>)>>,
}

impl<'a> Trees<'a> {
    pub fn new(objects: &'a Objects) -> Self {
        Self { objects, slots: vec![None; SLOTS] }
    }

    pub fn open(&mut self, id: &ObjectId) -> Result<TreeCursor, ReadError> {
        let slot = match id.as_bytes() {
            [first, second, ..] => usize::from(u16::from_be_bytes([*first, *second])) % SLOTS,
            _ => 0,
        };
        if let Some(Some((cached, data))) = self.slots.get(slot)
            && cached == id
        {
            return TreeCursor::new(*id, Rc::clone(data));
        }
        let mut data = Vec::new();
        self.objects.read(id, Kind::Tree, &mut data)?;
        let data = Rc::new(data);
        if let Some(entry) = self.slots.get_mut(slot).filter(|_| data.len() <= TREE_BYTES_MAX) {
            *entry = Some((*id, Rc::clone(&data)));
        }
        TreeCursor::new(*id, data)
    }
}
