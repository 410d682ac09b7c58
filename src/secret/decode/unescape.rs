//! What is written with escapes, invisible characters, or as literals beside each other.
//!
//! All of them are undone at once, in the lines that have one that counts: that makes a character of a token or of what
//! is around one, or that stands between two such characters.

use super::invisible;
use super::map::Decoded;
use super::split::Literals;

/// How much is taken before the first escape and after the last, on a long line.
const BEFORE_MAX: usize = 400;
const AFTER_MAX: usize = 4 << 10;

/// One thing that is written in another way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Escape {
    /// How long it is in the text.
    pub(super) length: usize,
    /// What it stands for.
    pub(super) byte: Option<u8>,
    pub(super) form: &'static str,
}

pub(super) fn each(text: &[u8], found: &mut dyn FnMut(&Decoded)) {
    let literals = Literals::new(text);
    let mut places = Vec::new();
    note(&mut places, memchr::memchr3_iter(b'%', b'\\', b'&', text).filter(|at| counts(&literals, *at)));
    note(&mut places, memchr::memchr2_iter(b'"', b'\'', text).filter(|at| literals.join(*at).is_some()));
    note(&mut places, memchr::memchr_iter(b'`', text).filter(|at| literals.join(*at).is_some()));
    let invisible = |at: &usize| {
        let length = invisible::width(text.get(*at..).unwrap_or_default());
        length > 0 && literals.is_between(*at, *at + length)
    };
    note(&mut places, invisible::candidates(text).filter(invisible));
    places.sort_unstable();
    let mut places = places.into_iter().peekable();
    while let Some((first, mut last)) = places.next() {
        let (start, mut end) = around(&literals, first, last);
        while let Some((_, next)) = places.next_if(|(next, _)| *next <= end) {
            last = last.max(next);
            end = around(&literals, first, last).1;
        }
        found(&region(&literals, start, end));
    }
}

/// Notes stretches with escapes, those close to each other as one.
fn note(places: &mut Vec<(usize, usize)>, found: impl Iterator<Item = usize>) {
    const CLOSE: usize = 64;
    let from = places.len();
    for at in found {
        match places.get_mut(from..).and_then(<[_]>::last_mut) {
            Some((_, last)) if at - *last <= CLOSE => *last = at,
            _ => places.push((at, at)),
        }
    }
}

/// The lines of a stretch.
fn around(literals: &Literals<'_>, first: usize, last: usize) -> (usize, usize) {
    let text = literals.text;
    let far = first.saturating_sub(BEFORE_MAX);
    let start = memchr::memrchr(b'\n', text.get(far..first).unwrap_or_default()).map_or(far, |n| far + n + 1);
    let last = last + escape(literals, last).map_or(1, |escape| escape.length);
    let limit = last.saturating_add(AFTER_MAX).min(text.len());
    let end = memchr::memchr(b'\n', text.get(last..limit).unwrap_or_default()).map_or(limit, |n| last + n);
    (start, end)
}

/// These lines, with everything undone.
fn region(literals: &Literals<'_>, start: usize, end: usize) -> Decoded {
    let text = literals.text;
    let mut decoded = Decoded::new((1, 1));
    decoded.bytes.reserve(end - start);
    decoded.piece(start, None);
    let mut at = start;
    while at < end {
        let rest = text.get(at..end).unwrap_or_default();
        let plain = rest.iter().position(|byte| STARTS.get(usize::from(*byte)) == Some(&true)).unwrap_or(rest.len());
        decoded.bytes.extend_from_slice(rest.get(..plain).unwrap_or_default());
        at += plain;
        if at >= end {
            break;
        }
        match escape(literals, at) {
            Some(escape) => {
                if escape.byte.is_some() {
                    decoded.piece(at, Some(escape.form));
                }
                decoded.bytes.extend(escape.byte);
                at += escape.length;
                decoded.piece(at, Some(escape.form));
            }
            None => {
                decoded.bytes.extend(text.get(at..end).and_then(<[u8]>::first));
                at += 1;
            }
        }
    }
    decoded.piece(end.max(at), None);
    decoded
}

/// Bytes that an escape can begin with.
const STARTS: [bool; 256] = {
    let mut starts = [false; 256];
    let bytes = b"%\\&\"'`\xc2\xcd\xd8\xe1\xe2\xe3\xef\xf0\xf3";
    let mut at = 0;
    while at < bytes.len() {
        starts[bytes[at] as usize] = true;
        at += 1;
    }
    starts
};

/// Whether an escape makes a difference for what is searched. Quotes with a backslash do not: they are everywhere, and
/// rules take them as they are.
fn counts(literals: &Literals<'_>, at: usize) -> bool {
    if let Some([b'\\', b'n' | b't' | b'"' | b'\'' | b'\\' | b'.' | b'r', ..]) = literals.text.get(at..) {
        return false;
    }
    let Some(escape) = escape(literals, at) else { return false };
    match escape.byte {
        Some(byte) => matches!(byte, b'!'..=b'~') && byte != b'\\',
        None => literals.is_between(at, at + escape.length),
    }
}

/// What is written in another way here.
pub(super) fn escape(literals: &Literals<'_>, at: usize) -> Option<Escape> {
    let rest = literals.text.get(at..)?;
    match rest.first()? {
        b'%' => byte(hex(rest.get(1..3)?)?, 3, "percent"),
        b'\\' => backslash(rest),
        b'&' => entity(rest),
        b'"' | b'\'' | b'`' => Some(Escape { length: literals.join(at)?, byte: None, form: "split" }),
        _ => {
            let length = invisible::width(rest);
            (length > 0).then_some(Escape { length, byte: None, form: "invisible characters" })
        }
    }
}

/// A character; what is not ASCII matters only as being something.
fn byte(value: u32, length: usize, form: &'static str) -> Option<Escape> {
    let byte = u8::try_from(value).unwrap_or(b'?');
    Some(Escape { length, byte: Some(byte), form })
}

fn hex(digits: &[u8]) -> Option<u32> {
    number(digits, 16)
}

fn number(digits: &[u8], radix: u32) -> Option<u32> {
    let digit = |value: u32, byte: &u8| Some(value.checked_mul(radix)? + char::from(*byte).to_digit(radix)?);
    (!digits.is_empty()).then_some(())?;
    digits.iter().try_fold(0, digit)
}

fn backslash(rest: &[u8]) -> Option<Escape> {
    const FORM: &str = "escapes";
    match rest.get(1..)? {
        [b'u' | b'x', b'{', digits @ ..] => {
            let length = digits.iter().take(9).position(|byte| *byte == b'}')?;
            byte(hex(digits.get(..length)?)?, length + 4, FORM)
        }
        [b'u', digits @ ..] => byte(hex(digits.get(..4)?)?, 6, FORM),
        [b'U', digits @ ..] => byte(hex(digits.get(..8)?)?, 10, FORM),
        [b'x', digits @ ..] => byte(hex(digits.get(..2)?)?, 4, FORM),
        [b'0'..=b'3', b'0'..=b'7', b'0'..=b'7', ..] => byte(number(rest.get(1..4)?, 8)?, 4, FORM),
        [b'n', ..] => byte(u32::from(b'\n'), 2, FORM),
        [b'r', ..] => byte(u32::from(b'\r'), 2, FORM),
        [b't', ..] => byte(u32::from(b'\t'), 2, FORM),
        [same @ (b'/' | b'"' | b'\'' | b'\\' | b'=' | b':' | b'-' | b'_' | b'.'), ..] => {
            byte(u32::from(*same), 2, FORM)
        }
        // A line that goes on in the next one.
        [b'\n', line @ ..] | [b'\r', b'\n', line @ ..] => {
            let blanks = line.iter().take(64).take_while(|byte| matches!(byte, b' ' | b'\t')).count();
            Some(Escape { length: rest.len() - line.len() + blanks, byte: None, form: "split" })
        }
        _ => None,
    }
}

fn entity(rest: &[u8]) -> Option<Escape> {
    const FORM: &str = "HTML entities";
    const NAMES: [(&[u8], u8); 14] = [
        (b"quot", b'"'),
        (b"amp", b'&'),
        (b"lt", b'<'),
        (b"gt", b'>'),
        (b"apos", b'\''),
        (b"equals", b'='),
        (b"colon", b':'),
        (b"sol", b'/'),
        (b"lowbar", b'_'),
        (b"UnderBar", b'_'),
        (b"hyphen", b'-'),
        (b"plus", b'+'),
        (b"period", b'.'),
        (b"dash", b'-'),
    ];
    let length = rest.iter().take(12).position(|byte| *byte == b';')?;
    let value = match rest.get(1..length)? {
        [b'#', b'x' | b'X', digits @ ..] => hex(digits)?,
        [b'#', digits @ ..] => number(digits, 10)?,
        name => u32::from(NAMES.iter().find(|(known, _)| *known == name)?.1),
    };
    byte(value, length + 1, FORM)
}
