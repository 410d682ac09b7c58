//! A message cut into subject, body and trailers, as `git log` shows them.

use crate::policy::rules::message::trailers::block;
use bstr::ByteSlice;

/// What rules on its form ask of a message.
#[derive(Debug)]
pub struct Shape<'a> {
    /// Where the subject is; from 1.
    pub first_line: usize,
    /// In characters, its lines joined by spaces.
    pub subject_length: usize,
    pub is_fixup: bool,
    pub has_body: bool,
    /// The lines between subject and trailers, the first one's number with them.
    body: (usize, Vec<&'a [u8]>),
}

impl<'a> Shape<'a> {
    #[must_use]
    pub fn of(message: &'a [u8]) -> Self {
        let lines: Vec<&[u8]> = message.lines().collect();
        let is_blank = |line: &&[u8]| line.trim_ascii().is_empty();
        let first = lines.iter().position(|line| !is_blank(line)).unwrap_or(0);
        let rest = lines.get(first..).unwrap_or_default();
        let subject_lines = rest.iter().position(|line| is_blank(&line.trim_ascii())).unwrap_or(rest.len());
        let subject = rest.get(..subject_lines).unwrap_or_default();
        let length: usize = subject.iter().map(|line| line.trim_ascii().chars().count()).sum();
        let below = rest.get(subject_lines..).unwrap_or_default();
        let end = below.iter().rposition(|line| !is_blank(line)).map_or(0, |last| last.saturating_add(1));
        let trailers = block(message).len();
        let body = below.get(..end.saturating_sub(trailers)).unwrap_or_default();
        let start = subject.first().copied().unwrap_or_default();
        Self {
            first_line: first.saturating_add(1),
            subject_length: length.saturating_add(subject_lines.saturating_sub(1)),
            is_fixup: ["fixup!", "squash!", "amend!"].iter().any(|word| start.starts_with(word.as_bytes())),
            has_body: body.iter().any(|line| !is_blank(line)),
            body: (first.saturating_add(subject_lines).saturating_add(1), body.to_owned()),
        }
    }

    /// The first line of the body that is longer, its length, and the limit again. One word cannot be wrapped.
    #[must_use]
    pub fn too_long(&self, max: usize) -> Option<(usize, usize, usize)> {
        let (first, lines) = &self.body;
        lines.iter().enumerate().find_map(|(index, line)| {
            let line = line.trim_end();
            let length = if line.len() > max { line.chars().count() } else { 0 };
            let is_one_word = || line.fields().take(2).count() < 2;
            (length > max && !is_one_word()).then(|| (first.saturating_add(index), length, max))
        })
    }
}
