//! `refgate log export`: the leaves of the transparency log, for archives and for who reads events elsewhere.

use super::{DONE, LogExportArgs, cannot, load};
use crate::evidence::Envelope;
use crate::store::{Leaf, Store, StoreError};
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::process::ExitCode;

/// Leaves read at once.
const BATCH: usize = 1000;

/// Why an export ended early.
#[derive(Debug, thiserror::Error)]
enum ExportError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("cannot write: {0}")]
    Write(#[from] io::Error),
}

pub fn run(config: &Path, args: &LogExportArgs) -> ExitCode {
    let data = match &args.data {
        Some(data) => data.clone(),
        None => match load(config) {
            Ok(config) => config.data,
            Err(code) => return code,
        },
    };
    let store = match Store::open_read_only(&data) {
        Ok(store) => store,
        Err(error) => return cannot(error),
    };
    match export(&store, args, &mut BufWriter::new(io::stdout().lock())) {
        Ok(()) => DONE,
        // Whoever read it has enough.
        Err(ExportError::Write(error)) if error.kind() == io::ErrorKind::BrokenPipe => DONE,
        Err(error) => cannot(error),
    }
}

fn export(store: &Store, args: &LogExportArgs, output: &mut dyn Write) -> Result<(), ExportError> {
    let mut next = args.from;
    loop {
        let leaves = store.leaves(next, BATCH)?;
        let Some(last) = leaves.last() else { return Ok(output.flush()?) };
        next = last.index + 1;
        for leaf in &leaves {
            match args.decoded {
                true => writeln!(output, "{}", decoded(leaf))?,
                false => writeln!(output, "{}", leaf.text)?,
            }
        }
    }
}

/// The statement of a decision, or the leaf as it is.
fn decoded(leaf: &Leaf) -> serde_json::Value {
    let parse = |bytes: &[u8]| serde_json::from_slice::<serde_json::Value>(bytes).ok();
    match Envelope::parse(leaf.text.as_bytes()).ok().and_then(|envelope| parse(envelope.payload())) {
        Some(statement) => serde_json::json!({"index": leaf.index, "record": leaf.seq, "statement": statement}),
        None => serde_json::json!({"index": leaf.index, "record": leaf.seq, "leaf": parse(leaf.text.as_bytes())}),
    }
}
