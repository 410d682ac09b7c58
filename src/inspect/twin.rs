//! Two names in one directory that some file systems cannot tell apart.

use crate::git::ReadError;
use crate::inspect::raw::TreeCursor;
use crate::model::{Entry, Needs, fold_segment, folds_to};
use bstr::BString;
use std::collections::HashMap;

/// So many names are looked up by going through the directory; for more it is put in a table.
const SCANS_MAX: usize = 8;

/// The other of two names, and what it names in the commit's directory.
#[derive(Debug, Clone)]
pub(super) struct Twin {
    /// The last part of its path, or the whole path, as where it is kept says.
    pub name: BString,
    pub entry: Entry,
}

/// Names and entries by what the name folds to.
type ByFold = HashMap<Vec<u8>, Vec<(Vec<u8>, Entry)>>;

/// The names of one directory of a commit.
#[derive(Default)]
pub(super) struct Siblings {
    scans: usize,
    by_fold: Option<ByFold>,
}

impl Siblings {
    /// Another name in `directory` that folds to the same as `name`, and that matters for what is asked.
    pub fn twin(
        &mut self,
        directory: &TreeCursor,
        name: &[u8],
        entry: Entry,
        needs: Needs,
    ) -> Result<Option<Twin>, ReadError> {
        let is_twin = |(other, sibling): (&[u8], Entry)| {
            let is_itself = other == name && sibling.is_tree() == entry.is_tree();
            !is_itself && (needs.twins || is_dangerous(entry, sibling))
        };
        let folded = fold_segment(name);
        self.scans += 1;
        if self.scans > SCANS_MAX {
            let alike = self.table(directory)?.get(&*folded);
            let mut alike = alike.into_iter().flatten().map(|(other, sibling)| (other.as_slice(), *sibling));
            return Ok(alike
                .find(|sibling| is_twin(*sibling))
                .map(|(other, entry)| Twin { name: other.into(), entry }));
        }
        let mut cursor = directory.rewound()?;
        while let Some((other, sibling)) = cursor.entry() {
            if folds_to(other, &folded) && is_twin((other, sibling)) {
                return Ok(Some(Twin { name: other.into(), entry: sibling }));
            }
            cursor.advance()?;
        }
        Ok(None)
    }

    /// Whether `directory` has both names.
    pub fn has_names(directory: &TreeCursor, one: &[u8], two: &[u8]) -> Result<bool, ReadError> {
        let (mut has_one, mut has_two) = (false, false);
        let mut cursor = directory.rewound()?;
        while let Some((name, _)) = cursor.entry() {
            has_one |= name == one;
            has_two |= name == two;
            cursor.advance()?;
        }
        Ok(has_one && has_two)
    }

    fn table(&mut self, directory: &TreeCursor) -> Result<&ByFold, ReadError> {
        let mut table = ByFold::new();
        if self.by_fold.is_none() {
            let mut cursor = directory.rewound()?;
            while let Some((name, entry)) = cursor.entry() {
                table.entry(fold_segment(name).into_owned()).or_default().push((name.to_vec(), entry));
                cursor.advance()?;
            }
        }
        Ok(self.by_fold.get_or_insert(table))
    }
}

/// Twins that let one entry be written through the other at a checkout: never harmless.
fn is_dangerous(one: Entry, other: Entry) -> bool {
    let is_link = |entry: Entry| entry.is_symlink() || entry.is_gitlink();
    is_link(one) || is_link(other) || one.is_tree() != other.is_tree()
}
