//! The same checks over objects that are there already: git's own quarantine, as a pre-receive hook sees it.

use super::connect::connect;
use super::findings::{Checker, Findings, bytes};
use super::index_file::Row;
use super::ingest::{self, Setting};
use super::resolve::resolve;
use super::unpack::rows;
use super::{ClientFault, InternalFault, ReceiveError, Received};
use crate::git::{ObjectStore, Objects};
use crate::model::{Limits, ObjectId};
use std::fs::{self, File};
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

/// Checks all objects of an object directory, loose and packed, against `base`.
///
/// What is wrong with an object that `base` has already is passed over: git puts such an object here itself when it
/// completes a thin pack.
pub fn check_existing(
    new: &Path,
    base: &ObjectStore,
    limits: &Limits,
    stop: &AtomicBool,
) -> Result<Received, ReceiveError> {
    let findings = Findings::new(limits.findings_max, Some(base));
    let setting = Setting { limits, findings: &findings, progress: &|_| {}, stop, held_max: ingest::HELD_MAX };
    let mut all = Vec::new();
    let mut pack_bytes = 0;
    for path in files(&new.join("pack"), |name| name.ends_with(".pack")).map_err(InternalFault::Quarantine)? {
        let file = File::open(&path).map_err(InternalFault::Quarantine)?;
        let mut input = BufReader::with_capacity(256 * 1024, &file);
        let mut table = ingest::read(&mut input, io::sink(), setting)?;
        let (resolved, _external) = resolve(&table, &file, base, setting)?;
        pack_bytes += table.end + 20;
        all.extend(rows(&mut table, resolved));
    }
    check_loose(new, setting, &mut all)?;
    all.sort_unstable_by_key(|row| row.id);
    all.dedup_by_key(|row| row.id);
    let open = || ObjectStore::open(new);
    let mut roots = Vec::new();
    let problems = connect(findings, &all, open, base, limits.findings_max, &mut roots)?;
    let objects = u32::try_from(all.len()).unwrap_or(u32::MAX);
    Ok(Received { objects, pack_bytes, problems: problems.list, more_problems: problems.more, roots })
}

fn check_loose(new: &Path, setting: Setting<'_>, all: &mut Vec<Row>) -> Result<(), ReceiveError> {
    let ids = loose_ids(new).map_err(InternalFault::Quarantine)?;
    if ids.is_empty() {
        return Ok(());
    }
    let limits = setting.limits;
    let store = ObjectStore::open(new).map_err(InternalFault::from)?;
    let objects = Objects::new(None, &store);
    let mut checker = Checker::new(setting.findings);
    let mut buffer = Vec::new();
    let mut inflated = 0_u64;
    for id in ids {
        if setting.stop.load(Ordering::Relaxed) {
            return Err(ReceiveError::Stopped);
        }
        if all.len() as u64 >= u64::from(limits.pack_objects_max) {
            return Err(ClientFault::PackObjects(limits.pack_objects_max).into());
        }
        let unreadable = |_| ClientFault::LooseObject(id);
        let (kind, size) = objects.header(&id).map_err(unreadable)?.ok_or(ClientFault::LooseObject(id))?;
        if size > limits.object_bytes_max {
            return Err(ClientFault::ObjectBytes(limits.object_bytes_max).into());
        }
        inflated = inflated.saturating_add(size);
        if inflated > limits.inflated_bytes_max {
            return Err(ClientFault::InflatedBytes(limits.inflated_bytes_max).into());
        }
        objects.find(&id, &mut buffer).map_err(unreadable)?;
        if checker.object(0, kind, &buffer)? != bytes(&id) {
            return Err(ClientFault::LooseObject(id).into());
        }
        all.push(Row { id: bytes(&id), offset: 0, crc32: 0, kind });
    }
    checker.finish();
    Ok(())
}

/// Ids by the names of the files in the directories `00` to `ff`.
fn loose_ids(new: &Path) -> io::Result<Vec<ObjectId>> {
    let mut ids = Vec::new();
    for first in 0..=255_u8 {
        let prefix = format!("{first:02x}");
        for path in files(&new.join(&prefix), |name| name.len() == 38)? {
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            ids.extend(ObjectId::from_hex(format!("{prefix}{name}").as_bytes()).ok());
        }
    }
    Ok(ids)
}

/// Files of a directory that may not be there.
fn files(dir: &Path, is_wanted: impl Fn(&str) -> bool) -> io::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut paths = Vec::new();
    for entry in entries {
        let entry = entry?;
        if entry.file_name().to_str().is_some_and(&is_wanted) {
            paths.push(entry.path());
        }
    }
    Ok(paths)
}
