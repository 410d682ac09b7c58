//! The mirror's refs on disk, through gix: no process, every change whole or not at all.

use super::{MirrorError, RefMap};
use crate::model::{ObjectId, RefName};
use gix::lock::acquire::Fail;
use gix::refs::file::Store;
use gix::refs::store::WriteReflog;
use gix::refs::store::init::Options;
use gix::refs::transaction::{Change, LogChange, PreviousValue, RefEdit, RefLog};
use gix::refs::{FullName, Target};
use std::path::Path;
use std::time::Duration;

/// Where tips stay that a push dropped or deleted.
pub(super) const UNDO_PREFIX: &str = "refs/refgate/undo/";

/// A ref's new value, whatever it held before; `None` deletes it.
#[derive(Debug, Clone)]
pub(super) struct Edit {
    pub name: RefName,
    pub new: Option<ObjectId>,
}

impl Edit {
    pub fn set(name: RefName, id: ObjectId) -> Self {
        Self { name, new: Some(id) }
    }

    pub fn delete(name: RefName) -> Self {
        Self { name, new: None }
    }
}

#[derive(Debug)]
pub(super) struct RefFiles(Store);

const LOCK_TIME_MAX: Duration = Duration::from_secs(20);

fn failed(error: impl std::fmt::Display) -> MirrorError {
    MirrorError::Refs(error.to_string())
}

impl RefFiles {
    pub fn open(dir: &Path) -> Self {
        let options = Options { write_reflog: WriteReflog::Disable, ..Options::default() };
        Self(Store::at_opts(dir.to_owned(), gix::hash::Kind::Sha1, options))
    }

    /// All refs whose names start with `prefix`.
    pub fn read(&self, prefix: &str) -> Result<RefMap, MirrorError> {
        let mut refs = RefMap::new();
        for reference in self.0.iter().map_err(failed)?.all()? {
            let reference = reference.map_err(failed)?;
            let name = RefName::parse(reference.name.as_bstr()).map_err(failed)?;
            if let (Target::Object(id), true) = (reference.target, name.as_bstr().starts_with(prefix.as_bytes())) {
                refs.insert(name, id);
            }
        }
        Ok(refs)
    }

    /// Deletes come first, in a transaction of their own: `a` must be gone before `a/b` can be.
    pub fn write(&self, edits: &[Edit]) -> Result<(), MirrorError> {
        let (sets, deletes): (Vec<_>, Vec<_>) = edits.iter().partition(|edit| edit.new.is_some());
        for edits in [deletes, sets] {
            if !edits.is_empty() {
                self.commit(edits.into_iter().map(ref_edit).collect::<Result<_, _>>()?)?;
            }
        }
        Ok(())
    }

    fn commit(&self, edits: Vec<RefEdit>) -> Result<(), MirrorError> {
        let wait = Fail::AfterDurationWithBackoff(LOCK_TIME_MAX);
        let prepared = self.0.transaction().prepare(edits, wait, wait).map_err(failed)?;
        prepared.commit(None).map_err(failed)?;
        Ok(())
    }

    /// Keeps `id`, the dropped tip of `name`. Both are in the name of the ref that keeps it.
    pub fn keep(&self, name: &RefName, id: ObjectId) -> Result<(), MirrorError> {
        let rest = name.as_bstr().strip_prefix(b"refs/").unwrap_or(name.as_bstr());
        let full = [UNDO_PREFIX.as_bytes(), rest, b"/", id.to_string().as_bytes()].concat();
        let kept = RefName::parse(&full).map_err(failed).and_then(|name| self.write(&[Edit::set(name, id)]));
        // A branch may be called so that its place is taken by another's undo, or so that the name gets too long.
        kept.or_else(|_| {
            let name = RefName::parse(format!("{UNDO_PREFIX}objects/{id}").as_bytes()).map_err(failed)?;
            self.write(&[Edit::set(name, id)])
        })
    }
}

impl RefFiles {
    /// Undoes [`Self::keep`].
    pub fn let_go(&self, name: &RefName, id: ObjectId) -> Result<(), MirrorError> {
        let rest = name.as_bstr().strip_prefix(b"refs/").unwrap_or(name.as_bstr());
        let full = [UNDO_PREFIX.as_bytes(), rest, b"/", id.to_string().as_bytes()].concat();
        let other = format!("{UNDO_PREFIX}objects/{id}");
        let names = [RefName::parse(&full), RefName::parse(other.as_bytes())];
        let kept = self.read(UNDO_PREFIX)?;
        let there = names.into_iter().flatten().filter(|name| kept.contains_key(name));
        self.write(&there.map(Edit::delete).collect::<Vec<_>>())
    }
}

fn ref_edit(edit: &Edit) -> Result<RefEdit, MirrorError> {
    let name = FullName::try_from(edit.name.as_bstr()).map_err(failed)?;
    let change = match edit.new {
        None => Change::Delete { expected: PreviousValue::Any, log: RefLog::AndReference },
        Some(id) => {
            let log = LogChange::default();
            Change::Update { log, expected: PreviousValue::Any, new: Target::Object(id) }
        }
    };
    Ok(RefEdit { change, name, deref: false })
}
