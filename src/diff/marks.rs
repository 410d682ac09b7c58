//! Which places of a commit people are asked to look at: these are shown before all else.

use crate::model::{Finding, ObjectId};
use bstr::{BStr, BString};
use std::collections::HashMap;

/// Files and lines that findings name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Marks {
    files: HashMap<BString, Vec<u32>>,
}

/// Lines kept before and after a marked one.
const NEAR_LINES: u32 = 10;

impl Marks {
    /// Those of one commit.
    #[must_use]
    pub fn of(findings: &[Finding], commit: &ObjectId) -> Self {
        let mut files: HashMap<BString, Vec<u32>> = HashMap::new();
        for place in findings.iter().map(|finding| &finding.place).filter(|place| place.commit.as_ref() == Some(commit))
        {
            if let Some(path) = &place.path {
                files.entry(path.clone()).or_default().extend(place.line);
            }
        }
        files.values_mut().for_each(|lines| lines.sort_unstable());
        Self { files }
    }

    #[must_use]
    pub fn has(&self, path: &BStr) -> bool {
        self.files.contains_key(path)
    }

    /// The marked lines of a file in order.
    pub(super) fn lines(&self, path: &BStr) -> &[u32] {
        self.files.get(path).map_or(&[], Vec::as_slice)
    }
}

/// Whether a line is beside one of `marked`, which are in order.
pub(super) fn is_near(marked: &[u32], line: u32) -> bool {
    let from = line.saturating_sub(NEAR_LINES);
    let first = marked.partition_point(|marked| *marked < from);
    marked.get(first).is_some_and(|marked| *marked <= line.saturating_add(NEAR_LINES))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_lines_to_each_side_are_near() {
        for (line, near) in [(1, false), (9, false), (10, true), (20, true), (30, true), (31, false), (90, true)] {
            assert_eq!(is_near(&[20, 100], line), near, "{line}");
        }
        assert!(!is_near(&[], 1));
    }
}
