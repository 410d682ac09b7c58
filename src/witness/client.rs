//! Asks witnesses for cosignatures of a log's checkpoint: all at once, each for a few seconds, and no push waits for it.

use crate::config;
use crate::http::agent;
use crate::tlog::cosignature::{ANSWER_LENGTH_MAX, parse_answer};
use crate::tlog::note::{NoteError, NoteSignature};
use crate::tlog::{AddCheckpoint, KeyName, LogReader, SignedCheckpoint, StorageError};
use std::collections::BTreeMap;
use std::io::Read;
use std::time::{Duration, Instant};

/// What asking one witness takes at most, the second try included.
const TIME_MAX: Duration = Duration::from_secs(5);
/// How a witness says which size it has signed last.
const SIZE: &str = "text/x.tlog.size";

/// What each witness has signed last, by its key. Kept in memory only: a witness puts right what is wrong.
#[derive(Debug, Clone, Default)]
pub struct KnownSizes(BTreeMap<[u8; 32], u64>);

/// A checkpoint with what the witnesses said to it.
#[derive(Debug)]
pub struct Cosigned {
    /// With the cosignatures that were checked, and those that it had before.
    pub checkpoint: SignedCheckpoint,
    /// The witnesses that gave none.
    pub failures: Vec<(KeyName, CosignError)>,
}

/// Why a witness gave no cosignature. Says nothing of its answer's text, which may be anything.
#[derive(Debug, thiserror::Error)]
pub enum CosignError {
    /// No answer, or none that is HTTP.
    #[error("no answer: {0}")]
    Connection(#[source] ureq::Error),
    #[error("the answer ended early: {0}")]
    Answer(#[source] std::io::Error),
    #[error("it answers {0}")]
    Status(u16),
    #[error("it says Conflict and not of which size")]
    Size,
    #[error("it has signed a tree of {0} entries: this log had more than it has now, or another has its key")]
    Ahead(u64),
    #[error("it has signed another tree of this size: this log was rewritten, or another has its key")]
    OtherTree,
    #[error("it has signed a tree that this one does not extend: this log was rewritten, or another has its key")]
    Inconsistent,
    #[error("its answer: {0}")]
    Note(#[from] NoteError),
    #[error("its answer has no cosignature of its key")]
    NotItsKey,
    #[error("no proof for it: {0}")]
    Log(#[from] StorageError),
}

impl CosignError {
    /// Whether the witness holds another history than this log: somebody must look, and no later try will mend it.
    ///
    /// One that is ahead of an older reader, beside another call with a newer one, is not meant.
    #[must_use]
    pub const fn is_fork(&self) -> bool {
        matches!(self, Self::Ahead(_) | Self::OtherTree | Self::Inconsistent)
    }
}

/// Asks every witness to cosign the reader's checkpoint. Blocks, for [`TIME_MAX`] or little more.
///
/// The same checkpoint again is a heartbeat: the witnesses sign it at a new time.
pub fn cosign(witnesses: &[config::Witness], reader: &LogReader, known: &mut KnownSizes) -> Cosigned {
    let mut cosigned = Cosigned { checkpoint: reader.checkpoint().clone(), failures: Vec::new() };
    let before = &*known;
    let asked: Vec<_> = std::thread::scope(|scope| {
        let ask = |witness| scope.spawn(move || ask(witness, reader, before.of(witness)));
        let running: Vec<_> = witnesses.iter().map(ask).collect();
        running
            .into_iter()
            .map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    });
    for (witness, (size, result)) in witnesses.iter().zip(asked) {
        known.0.insert(*witness.key.as_bytes(), size);
        if let Err(error) = result.and_then(|given| add(&mut cosigned.checkpoint, &given, witness)) {
            cosigned.failures.push((witness.key.name().clone(), error));
        }
    }
    cosigned
}

impl KnownSizes {
    fn of(&self, witness: &config::Witness) -> u64 {
        self.0.get(witness.key.as_bytes()).copied().unwrap_or(0)
    }
}

fn add(
    checkpoint: &mut SignedCheckpoint,
    given: &[NoteSignature],
    witness: &config::Witness,
) -> Result<(), CosignError> {
    match checkpoint.add_cosignatures(given, std::slice::from_ref(&witness.key))? {
        0 => Err(CosignError::NotItsKey),
        _ => Ok(()),
    }
}

enum Said {
    Signed(Vec<NoteSignature>),
    /// It has signed this size, and not the one that it was told.
    LastSize(u64),
}

/// Asks one witness, and says which size it has signed last as far as is known now.
fn ask(witness: &config::Witness, reader: &LogReader, known: u64) -> (u64, Result<Vec<NoteSignature>, CosignError>) {
    let deadline = Instant::now() + TIME_MAX;
    // What it signed beyond this checkpoint it tells itself.
    let old = known.min(reader.size());
    let size = match try_once(witness, reader, old, deadline) {
        Ok(Said::Signed(given)) => return (reader.size(), Ok(given)),
        Ok(Said::LastSize(size)) if size > reader.size() => return (size, Err(CosignError::Ahead(size))),
        // Told its own size, it objects to the tree.
        Ok(Said::LastSize(size)) if size == old => return (size, Err(CosignError::OtherTree)),
        Ok(Said::LastSize(size)) => size,
        Err(error) => return (known, Err(error)),
    };
    match try_once(witness, reader, size, deadline) {
        Ok(Said::Signed(given)) => (reader.size(), Ok(given)),
        Ok(Said::LastSize(again)) if again == size => (size, Err(CosignError::OtherTree)),
        // Another asked it in between; next time.
        Ok(Said::LastSize(again)) => (again, Err(CosignError::Status(409))),
        Err(error) => (size, Err(error)),
    }
}

fn try_once(
    witness: &config::Witness,
    reader: &LogReader,
    old_size: u64,
    deadline: Instant,
) -> Result<Said, CosignError> {
    let proof = reader.consistency(old_size, reader.size())?;
    let request = AddCheckpoint { old_size, proof, checkpoint: reader.checkpoint().note().clone() };
    let left = deadline.saturating_duration_since(Instant::now());
    let url = format!("{}/add-checkpoint", witness.url);
    let sent = agent(&url, left).post(&url).content_type("text/plain; charset=utf-8").send(request.to_string());
    let mut response = sent.map_err(CosignError::Connection)?;
    let status = response.status().as_u16();
    match status {
        200 | 409 => {}
        422 => return Err(CosignError::Inconsistent),
        _ => return Err(CosignError::Status(status)),
    }
    let is_size = response.headers().get("Content-Type").is_some_and(|kind| kind.as_bytes() == SIZE.as_bytes());
    let mut body = Vec::new();
    let mut limited = response.body_mut().as_reader().take(ANSWER_LENGTH_MAX as u64 + 1);
    limited.read_to_end(&mut body).map_err(CosignError::Answer)?;
    match status {
        200 => Ok(Said::Signed(parse_answer(&body)?)),
        _ if is_size => parse_size(&body).map(Said::LastSize).ok_or(CosignError::Size),
        // For two trees of one size, the specification asks for no more than the status.
        _ if old_size == reader.size() => Err(CosignError::OtherTree),
        _ => Err(CosignError::Size),
    }
}

/// A decimal number as it is written shortest, and a newline.
fn parse_size(body: &[u8]) -> Option<u64> {
    let line = std::str::from_utf8(body).ok()?.strip_suffix('\n')?;
    let size: u64 = line.parse().ok()?;
    (size.to_string() == line).then_some(size)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_read_as_it_is_written() {
        for (body, size) in [
            ("0\n", Some(0)),
            ("18446744073709551615\n", Some(u64::MAX)),
            ("18446744073709551616\n", None),
            ("50", None),
            ("050\n", None),
            ("+5\n", None),
            ("5\n\n", None),
            ("\n", None),
            ("", None),
        ] {
            assert_eq!(parse_size(body.as_bytes()), size, "{body:?}");
        }
    }
}
