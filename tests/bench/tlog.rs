//! Measures the transparency log: `tlog_bench [ENTRIES [ENTRY_BYTES [DIRECTORY]]]`.
//!
//! Appends entries in one batch, then some one by one, opens the log again, and proves and checks entries all over it.

use refgate::tlog::{Hash, KeyName, Log, Signer, verify};
use std::error::Error;
use std::time::Instant;

const SINGLE: u32 = 500;
const PROOFS: u32 = 10_000;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let entries: u64 = arguments.next().map_or(Ok(100_000), |number| number.parse())?;
    let bytes: usize = arguments.next().map_or(Ok(2_000), |number| number.parse())?;
    let place = arguments.next().map_or_else(tempfile::tempdir, tempfile::tempdir_in)?;
    let signer = || Signer::from_seed(KeyName::parse("bench.example/log").expect("a name"), &[1; 32]);
    let entry = |n: u64| -> Vec<u8> { n.to_be_bytes().into_iter().cycle().take(bytes).collect() };
    let root = place.path().join("log");
    let mut log = Log::create(&root, signer())?;

    let batch: Vec<_> = (0..entries).map(entry).collect();
    let start = Instant::now();
    log.append(&batch)?;
    println!("append {entries} entries of {bytes} bytes in one batch: {:?}", start.elapsed());
    let start = Instant::now();
    for n in 0..SINGLE {
        log.append(&[entry(entries + u64::from(n))])?;
    }
    println!("append one entry, of {SINGLE}: {:?}", start.elapsed() / SINGLE);
    drop(log);

    let start = Instant::now();
    let log = Log::open(&root, signer())?;
    println!("open: {:?}", start.elapsed());
    let start = Instant::now();
    log.audit()?;
    println!("audit: {:?}", start.elapsed());

    let (reader, checkpoint) = (log.reader(), log.checkpoint().checkpoint());
    let size = checkpoint.size();
    let indexes = (0..u64::from(PROOFS)).map(|n| n.wrapping_mul(2_654_435_761) % size);
    let start = Instant::now();
    let proofs = indexes.map(|at| Ok((at, reader.inclusion(at, size)?))).collect::<Result<Vec<_>, Box<dyn Error>>>()?;
    println!("prove one entry, of {PROOFS}: {:?}", start.elapsed() / PROOFS);
    let start = Instant::now();
    for (at, proof) in &proofs {
        verify::inclusion(Hash::of_leaf(&entry(*at)), *at, size, proof, checkpoint.root())?;
    }
    println!("check one proof, of {PROOFS}: {:?}", start.elapsed() / PROOFS);
    let start = Instant::now();
    let olds = (1..=1000).map(|n| n * size / 1000);
    let proofs = olds.map(|old| Ok(reader.consistency(old, size)?)).collect::<Result<Vec<_>, Box<dyn Error>>>()?;
    println!("prove consistency, of {}: {:?}", proofs.len(), start.elapsed() / 1000);
    Ok(())
}
