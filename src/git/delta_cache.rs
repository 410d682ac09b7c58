//! Inflated bases of deltas, kept for the next object of the same chain.

use gix::objs::Kind;
use gix::odb::pack::cache::DecodeEntry;

/// One slot for each hash of a place in a pack; the newest stays.
const SLOTS: usize = 4096;
/// Larger objects are not kept.
const OBJECT_BYTES_MAX: usize = 256 * 1024;
/// All that is kept together; over it, everything goes.
const BYTES_MAX: usize = 32 * 1024 * 1024;

/// For one handle, of one thread. Finds by one probe, however much it keeps.
#[derive(Default)]
pub(super) struct DeltaCache {
    /// Empty until there is something to keep: most pushes read a handful of objects.
    slots: Vec<Option<Kept>>,
    bytes: usize,
}

struct Kept {
    pack_id: u32,
    offset: u64,
    data: Vec<u8>,
    kind: Kind,
    compressed_size: usize,
}

fn slot(pack_id: u32, offset: u64) -> usize {
    let mixed = (offset ^ u64::from(pack_id) << 40).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    usize::try_from(mixed >> 32).unwrap_or(0) % SLOTS
}

impl DecodeEntry for DeltaCache {
    fn put(&mut self, pack_id: u32, offset: u64, data: &[u8], kind: Kind, compressed_size: usize) {
        if data.len() > OBJECT_BYTES_MAX {
            return;
        }
        if self.bytes + data.len() > BYTES_MAX {
            *self = Self::default();
        }
        if self.slots.is_empty() {
            self.slots.resize_with(SLOTS, || None);
        }
        let Some(kept) = self.slots.get_mut(slot(pack_id, offset)) else { return };
        let mut buffer = kept.take().map(|old| old.data).unwrap_or_default();
        self.bytes = self.bytes.saturating_sub(buffer.len()) + data.len();
        buffer.clear();
        buffer.extend_from_slice(data);
        *kept = Some(Kept { pack_id, offset, data: buffer, kind, compressed_size });
    }

    fn get(&mut self, pack_id: u32, offset: u64, out: &mut Vec<u8>) -> Option<(Kind, usize)> {
        let kept = self.slots.get(slot(pack_id, offset))?.as_ref()?;
        if kept.pack_id != pack_id || kept.offset != offset {
            return None;
        }
        out.clear();
        out.extend_from_slice(&kept.data);
        Some((kept.kind, kept.compressed_size))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_what_fits_and_gives_back_only_what_was_asked_for() {
        let mut cache = DeltaCache::default();
        let mut out = Vec::new();
        assert_eq!(cache.get(1, 12, &mut out), None);
        for offset in 0..100_000u64 {
            cache.put(1, offset, &offset.to_be_bytes().repeat(200), Kind::Tree, 7);
            assert_eq!(cache.get(1, offset, &mut out), Some((Kind::Tree, 7)));
            assert_eq!(out, offset.to_be_bytes().repeat(200));
        }
        assert_eq!(cache.get(2, 99_999, &mut out), None, "another pack");
        let found = (0..100_000).filter(|offset| cache.get(1, *offset, &mut out).is_some()).count();
        assert!((1..=SLOTS).contains(&found), "{found}");
        let held: usize = cache.slots.iter().flatten().map(|kept| kept.data.len()).sum();
        assert_eq!(held, cache.bytes);
    }

    #[test]
    fn memory_is_bounded() {
        let mut cache = DeltaCache::default();
        for offset in 0..1_000 {
            cache.put(1, offset, &vec![0; OBJECT_BYTES_MAX], Kind::Blob, 7);
            assert!(cache.bytes <= BYTES_MAX);
        }
        cache.put(1, 5_000, &vec![0; OBJECT_BYTES_MAX + 1], Kind::Blob, 7);
        assert_eq!(cache.get(1, 5_000, &mut Vec::new()), None);
    }
}
