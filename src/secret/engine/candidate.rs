//! Whether a match is a hit: what stands beside it, what the value looks like, and what a check says.

use super::layer::Frame;
use super::{bigram, values};
use crate::secret::check::Verdict;
use crate::secret::pattern::Match;
use crate::secret::rule::Rule;
use crate::secret::{Certainty, Secret};
use std::ops::Range;

/// Bytes around a match in which a near word is looked for.
const NEAR_BYTES_MAX: usize = 4 << 10;

/// A hit before hits are put together.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) rule: usize,
    /// In the original bytes.
    pub(super) span: Range<usize>,
    pub(super) certainty: Certainty,
    /// The check said that the value cannot work: nothing makes it surer.
    pub(super) is_wrong: bool,
    pub(super) encoding: Option<&'static str>,
    pub(super) secret: Secret,
}

pub(super) fn judge(rule: &Rule, number: usize, frame: &Frame<'_>, found: &Match) -> Option<Found> {
    let text = frame.text;
    if !stands_alone(rule, text, &found.whole) {
        return None;
    }
    let secret = text.get(found.secret.clone())?;
    if !has_near(rule, frame, &found.whole) {
        return None;
    }
    let verdict = rule.check.map_or(Verdict::Unknown, |check| check(secret));
    let is_doubtful = || {
        values::is_placeholder(secret)
            || rule.entropy_min.is_some_and(|min| values::entropy(secret) < min)
            || (rule.random && !bigram::is_random(secret))
    };
    // A right checksum leaves no doubt.
    if verdict != Verdict::Right && is_doubtful() {
        return None;
    }
    let certainty = match verdict {
        Verdict::Right => Certainty::Certain,
        Verdict::Wrong => Certainty::Possible,
        Verdict::Unknown if values::is_weak(secret) => Certainty::Possible,
        Verdict::Unknown if rule.is_general() && is_innocent(text, found) => Certainty::Possible,
        Verdict::Unknown => rule.certainty,
    };
    Some(Found {
        rule: number,
        span: frame.origin(&found.secret),
        certainty,
        is_wrong: verdict == Verdict::Wrong,
        encoding: frame.from.and_then(|(_, decoded)| decoded.encoding(&found.secret)),
        secret: Secret::new(secret),
    })
}

/// How far before a match its name is looked at.
const NAME_BYTES: usize = 32;

/// Whether a value that only its name makes a secret is likely something else: a token that only says where a list goes
/// on, a value of a type's name, an identifier, a UUID, a short hash.
fn is_innocent(text: &[u8], found: &Match) -> bool {
    let secret = text.get(found.secret.clone()).unwrap_or_default();
    let from = found.whole.start.saturating_sub(NAME_BYTES);
    let before = text.get(from..found.secret.start).unwrap_or_default();
    let before = before.rsplit(|byte| matches!(byte, b'\n' | b',' | b';' | b'{')).next().unwrap_or_default();
    let name: Vec<u8> = before.iter().filter(|b| b.is_ascii_alphanumeric() || **b == b':').copied().collect();
    let name = name.to_ascii_lowercase();
    let has = |word: &str| memchr::memmem::find(&name, word.as_bytes()).is_some();
    values::is_identifier(secret) || has("::") || values::NAMES_OF_POSITIONS.iter().any(|word| has(word))
}

fn stands_alone(rule: &Rule, text: &[u8], whole: &Range<usize>) -> bool {
    text.get(whole.end).is_none_or(|after| rule.right.allows(*after)) && stands_left(rule, text, whole.start)
}

/// Whether a match may start here.
pub(super) fn stands_left(rule: &Rule, text: &[u8], start: usize) -> bool {
    let before = start.checked_sub(1).and_then(|at| text.get(at));
    before.is_none_or(|before| rule.left.allows(*before)) || follows_escape(text, start)
}

/// `\n` before a match in a string literal is no word.
fn follows_escape(text: &[u8], start: usize) -> bool {
    let Some([b'\\', letter]) = start.checked_sub(2).and_then(|at| text.get(at..start)) else { return false };
    matches!(letter, b'n' | b'r' | b't' | b'0' | b'f' | b'v' | b'b')
}

fn has_near(rule: &Rule, frame: &Frame<'_>, whole: &Range<usize>) -> bool {
    let Some(near) = &rule.near else { return true };
    let around = lines_around(frame.text, whole, near.lines);
    let is_near = near.keywords.iter().any(|word| contains(around, word.as_bytes()));
    is_near || frame.from.is_some_and(|(outer, decoded)| has_near(rule, outer, &decoded.source(whole)))
}

fn lines_around<'a>(text: &'a [u8], range: &Range<usize>, lines: u32) -> &'a [u8] {
    let lines = usize::try_from(lines).unwrap_or(usize::MAX);
    let far = range.start.saturating_sub(NEAR_BYTES_MAX);
    let before = text.get(far..range.start).unwrap_or_default();
    let start = memchr::memrchr_iter(b'\n', before).nth(lines).map_or(far, |at| far + at);
    let limit = range.end.saturating_add(NEAR_BYTES_MAX).min(text.len());
    let after = text.get(range.end..limit).unwrap_or_default();
    let end = memchr::memchr_iter(b'\n', after).nth(lines).map_or(limit, |at| range.end + at);
    text.get(start..end).unwrap_or_default()
}

fn contains(text: &[u8], word: &[u8]) -> bool {
    text.windows(word.len().max(1)).any(|window| window.eq_ignore_ascii_case(word))
}
