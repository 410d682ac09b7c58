//! How much of a commit is compared and kept.

use std::time::Duration;

/// Whatever a push holds, a diff costs no more than this. What is left out is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// A larger blob is not read.
    pub blob_bytes_max: u64,
    /// A blob of more lines is not compared.
    pub blob_lines_max: usize,
    /// Of a longer line the start is kept.
    pub line_bytes_max: usize,
    /// Lines kept of one file, beside those near a mark.
    pub file_lines_max: usize,
    /// Lines kept of one commit, beside those near a mark.
    pub commit_lines_max: usize,
    /// Files listed of one commit.
    pub files_max: usize,
    /// Of a longer commit message the start is kept.
    pub message_bytes_max: usize,
    /// Unchanged lines shown before and after changed ones.
    pub context_lines: u32,
    /// After this time no further file of the commit is compared.
    pub time_max: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            blob_bytes_max: 2 * 1024 * 1024,
            blob_lines_max: 50_000,
            line_bytes_max: 1000,
            file_lines_max: 5000,
            commit_lines_max: 20_000,
            files_max: 2000,
            message_bytes_max: 16 * 1024,
            context_lines: 3,
            time_max: Duration::from_secs(3),
        }
    }
}
