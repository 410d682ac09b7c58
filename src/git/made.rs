//! Objects that the gate makes itself, in memory until they are stored.

use crate::git::ReadError;
use crate::model::ObjectId;
use gix::objs::{Kind, Write as _};
use gix::odb::pack::data::entry::Header;
use gix::zlib::Compression;
use gix::zlib::stream::deflate;
use std::io::{self, Write};
use std::path::Path;

/// Objects as they stand in a pack, without its header and checksum.
#[derive(Debug, Default)]
pub struct PackEntries {
    pub count: u32,
    pub bytes: Vec<u8>,
}

/// Objects by their ids, in the order in which they were made: what one names comes before it.
#[derive(Debug, Clone, Default)]
pub struct Made(Vec<(ObjectId, Kind, Vec<u8>)>);

impl Made {
    /// Takes an object and says its id.
    pub fn add(&mut self, kind: Kind, data: Vec<u8>) -> Result<ObjectId, ReadError> {
        let id = gix::objs::compute_hash(gix::hash::Kind::Sha1, kind, &data);
        let id = id.map_err(|e| ReadError::Open(std::io::Error::other(e.to_string())))?;
        if !self.0.iter().any(|(known, _, _)| *known == id) {
            self.0.push((id, kind, data));
        }
        Ok(id)
    }

    /// The object, if it is one of these.
    #[must_use]
    pub fn get(&self, id: &ObjectId) -> Option<&[u8]> {
        self.0.iter().find(|(known, _, _)| known == id).map(|(_, _, data)| &data[..])
    }

    /// Each as a whole, as a pack has it (gitformat-pack).
    pub fn pack_entries(&self) -> io::Result<PackEntries> {
        let mut entries = PackEntries { count: u32::try_from(self.0.len()).unwrap_or(u32::MAX), bytes: Vec::new() };
        for (_, kind, data) in &self.0 {
            let header = match kind {
                Kind::Commit => Header::Commit,
                Kind::Tree => Header::Tree,
                Kind::Blob => Header::Blob,
                Kind::Tag => Header::Tag,
            };
            header.write_to(data.len() as u64, &mut entries.bytes)?;
            let mut deflate = deflate::Write::new(&mut entries.bytes, Compression::default());
            deflate.write_all(data)?;
            deflate.flush()?;
        }
        Ok(entries)
    }

    /// Writes them as loose objects. What is lost in a power cut is made again or fetched.
    pub fn store(&self, objects_dir: &Path) -> Result<(), ReadError> {
        let loose = gix::odb::loose::Store::at(objects_dir, gix::hash::Kind::Sha1);
        for (id, kind, data) in &self.0 {
            loose.write_buf(*kind, data).map_err(|e| ReadError::Object(*id, e.to_string()))?;
        }
        Ok(())
    }
}
