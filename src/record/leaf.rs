//! What the log has of a record: for a decision, the signed statements of its refs; else what it is and its digest.
//!
//! The log may be read by others, so a leaf has nothing that only the record may say: no reasons, no addresses, no
//! messages. Its digest binds the record all the same.

use super::line::Record;
use crate::evidence::{Sha256Digest, record_of};
use crate::model::{PushId, RepoName};
use jiff::Timestamp;
use serde::Serialize;

#[derive(Serialize)]
struct Plain<'a> {
    record: &'static str,
    seq: u64,
    time: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    push: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    repo: Option<&'a str>,
    sha256: Sha256Digest,
}

/// The leaf of a record without statements: one line of JSON.
pub fn plain_leaf(record: &Record, seq: u64, line: &str) -> Result<String, serde_json::Error> {
    serde_json::to_string(&Plain {
        record: record.kind(),
        seq,
        time: record.time(),
        push: record.push().map(|push: PushId| push.to_string()),
        repo: record.repo().map(RepoName::as_str),
        sha256: Sha256Digest::of(line.as_bytes()),
    })
}

/// Whether these are the leaves of this record: its plain one, or statements that are bound to it.
#[must_use]
pub fn are_leaves_of(leaves: &[String], record: &Record, seq: u64, line: &str) -> bool {
    if let [leaf] = leaves
        && plain_leaf(record, seq, line).is_ok_and(|plain| plain == *leaf)
    {
        return true;
    }
    let digest = Sha256Digest::of(line.as_bytes());
    !leaves.is_empty() && leaves.iter().all(|leaf| record_of(leaf.as_bytes()) == Some(digest))
}
