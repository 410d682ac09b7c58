//! Runs of base64 and hex in a text.
//!
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
    let (mut at, mut done) = (0, 0);
    // A run that is long enough has two whole words of eight bytes beside each other: every second one is looked at.
    while let Some(word) = text.get(at..).and_then(<[u8]>::first_chunk::<8>) {
        if !may_be_run(text, at, *word) || !word.iter().all(|byte| is_base64(*byte)) {
            at += 16;
            continue;
        }
        let far = done.max(at.saturating_sub(16));
        let before = text.get(far..at).unwrap_or_default();
        let start = before.iter().rposition(|byte| !is_base64(*byte)).map_or(far, |n| far + n + 1);
        let end = end_of_run(text, at);
        done = if end - start >= BASE64_MIN { run(text, start, end, &mut scratch, found) } else { end };
        at = done.next_multiple_of(16).max(at + 16);
    }
}

/// Whether this word and one beside it may be in a run: a quick no for most.
fn may_be_run(text: &[u8], at: usize, word: [u8; 8]) -> bool {
    let other = |at: Option<usize>| {
        let word = at.and_then(|at| text.get(at..)).and_then(<[u8]>::first_chunk::<8>);
        word.is_some_and(|word| may_be_base64(u64::from_le_bytes(*word)))
    };
    may_be_base64(u64::from_le_bytes(word)) && (other(at.checked_add(8)) | other(at.checked_sub(8)))
}

/// Whether all eight bytes are from `+` to `z`: a quick no for most.
fn may_be_base64(word: u64) -> bool {
    const EACH: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x80 * EACH;
    let low = word.wrapping_sub(EACH * b'+' as u64) & !word;
    let high = word.wrapping_add(EACH * (0x7f - b'z') as u64) | word;
    (low | high) & HIGH == 0
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
        let far = done.max(at + 1 - HEX_MIN);
        let before = bytes.get(far..at).unwrap_or_default();
        let start = before.iter().rposition(|byte| !byte.is_ascii_hexdigit()).map_or(far, |n| far + n + 1);
        if at + 1 - start < HEX_MIN {
            at = start + HEX_MIN - 1;
            continue;
        }
        let rest = bytes.get(at..).unwrap_or_default();
        done = at + rest.iter().position(|byte| !byte.is_ascii_hexdigit()).unwrap_or(rest.len());
        runs.push((start, done));
        at = done + HEX_MIN;
    }
    runs
}
