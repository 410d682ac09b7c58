//! Runs of base64 and hex in a text.
//!
//! A run of 24 characters covers one of every 24 positions: only those are looked at, and what is around those that
//! are in a run.

use super::Decoded;
use super::base64;

/// The shortest run that can hold a secret: 18 bytes in base64, 16 in hex.
const BASE64_MIN: usize = 24;
const HEX_MIN: usize = 32;
/// A line that goes on in the next one is at least so long, and the next at least so.
const LINE_MIN: usize = 40;
const NEXT_LINE_MIN: usize = 4;

pub(super) fn each(text: &[u8], found: &mut dyn FnMut(&Decoded)) {
    let mut scratch = Decoded::default();
    let mut at = BASE64_MIN - 1;
    let mut done = 0;
    while let Some(byte) = text.get(at) {
        if !is_base64(*byte) {
            at += BASE64_MIN;
            continue;
        }
        let before = text.get(done..at).unwrap_or_default();
        let start = before.iter().rposition(|byte| !is_base64(*byte)).map_or(done, |n| done + n + 1);
        let end = end_of_run(text, at);
        if end - start >= BASE64_MIN {
            done = run(text, start, end, &mut scratch, found);
        }
        at = end.max(done) + BASE64_MIN;
    }
}

/// Decodes a run, and its further lines; the end of it all.
fn run(text: &[u8], start: usize, end: usize, scratch: &mut Decoded, found: &mut dyn FnMut(&Decoded)) -> usize {
    let first = text.get(start..end).unwrap_or_default();
    let (mut line, mut line_start, mut all) = (first, start, end);
    let mut run = base64::Run::new(first, start);
    while line.len() >= LINE_MIN {
        let Some((next, next_end)) = next_line(text, all) else { break };
        line = text.get(next..next_end).unwrap_or_default();
        run.push_line(line, next);
        (line_start, all) = (next, next_end);
    }
    debug_assert!(line_start <= all);
    let bytes = run.bytes();
    let mut is_hex_only = false;
    for (start, end) in hex_runs(bytes) {
        is_hex_only = end - start == bytes.len();
        base64::hex(&run, start..end, scratch, found);
    }
    if !is_hex_only && bytes.iter().any(u8::is_ascii_uppercase) && bytes.iter().any(u8::is_ascii_lowercase) {
        base64::base64(&run, scratch, found);
    }
    all
}

/// The next line's run, if it stands alone there but for blanks before it.
fn next_line(text: &[u8], end: usize) -> Option<(usize, usize)> {
    const BLANKS_MAX: usize = 32;
    let mut rest = text.get(end..)?;
    rest = rest.strip_prefix(b"\r").unwrap_or(rest);
    // A line end, or one that is written out in a string.
    rest = rest.strip_prefix(b"\n").or_else(|| rest.strip_prefix(b"\\r\\n")).or_else(|| rest.strip_prefix(b"\\n"))?;
    let blanks = rest.iter().take(BLANKS_MAX).take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    let start = text.len() - rest.len() + blanks;
    let end = end_of_run(text, start);
    (end - start >= NEXT_LINE_MIN).then_some((start, end))
}

fn end_of_run(text: &[u8], at: usize) -> usize {
    let rest = text.get(at..).unwrap_or_default();
    at + rest.iter().position(|byte| !is_base64(*byte)).unwrap_or(rest.len())
}

fn is_base64(byte: u8) -> bool {
    base64::VALUES.get(usize::from(byte)).is_some_and(|value| *value < 64)
}

/// Runs of hex digits that are long enough.
fn hex_runs(bytes: &[u8]) -> Vec<(usize, usize)> {
    let mut runs = Vec::new();
    let (mut at, mut done) = (HEX_MIN - 1, 0);
    while let Some(byte) = bytes.get(at) {
        if !byte.is_ascii_hexdigit() {
            at += HEX_MIN;
            continue;
        }
        let before = bytes.get(done..at).unwrap_or_default();
        let start = before.iter().rposition(|byte| !byte.is_ascii_hexdigit()).map_or(done, |n| done + n + 1);
        let rest = bytes.get(at..).unwrap_or_default();
        let end = at + rest.iter().position(|byte| !byte.is_ascii_hexdigit()).unwrap_or(rest.len());
        if end - start >= HEX_MIN {
            runs.push((start, end));
        }
        done = end;
        at = end + HEX_MIN;
    }
    runs
}
