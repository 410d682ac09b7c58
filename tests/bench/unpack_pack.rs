//! Measures the receiving of a pack file: `unpack_pack PACK [OBJECTS_DIR [RUNS]]`.
//!
//! Takes the pack into a quarantine below the temporary directory, against the objects of OBJECTS_DIR or none, and
//! prints the milliseconds each run took from the first byte to the verdict.

use refgate::git::ObjectStore;
use refgate::model::Limits;
use refgate::receive::{Quarantine, unpack};
use std::error::Error;
use std::fs::File;
use std::io::BufReader;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args_os().skip(1);
    let pack = PathBuf::from(arguments.next().ok_or("usage: unpack_pack PACK [OBJECTS_DIR [RUNS]]")?);
    let place = tempfile::tempdir()?;
    std::fs::create_dir_all(place.path().join("objects/pack"))?;
    let objects_dir = arguments.next().map_or_else(|| place.path().join("objects"), PathBuf::from);
    let runs: u32 = arguments.next().map_or(Ok(1), |runs| runs.to_string_lossy().parse())?;
    let base = ObjectStore::open(&objects_dir)?;
    let limits = Limits { pack_bytes_max: u64::MAX, ..Limits::default() };
    for _ in 0..runs {
        let mut input = BufReader::with_capacity(64 * 1024, File::open(&pack)?);
        let start = Instant::now();
        let mut quarantine = Quarantine::create(place.path())?;
        let received = unpack(&mut input, &mut quarantine, &base, &limits, &|_| {}, &AtomicBool::new(false))?;
        let elapsed = start.elapsed().as_secs_f64() * 1000.0;
        let problems = received.problems.len() + received.more_problems;
        println!("{elapsed:.3} ms, {} objects, {} bytes, {problems} problems", received.objects, received.pack_bytes);
        for problem in received.problems.iter().take(3) {
            println!("  {} {} {} {}", problem.kind, problem.id, problem.cause.as_str(), problem.detail);
        }
    }
    Ok(())
}
