//! The trailers of a message, found as git finds them (git-interpret-trailers(1), trailer.c): in the last paragraph,
//! which is not the title, and if it is all trailers, or has one that git itself writes and a quarter of trailers.

use bstr::ByteSlice;

/// `Key: value`, with the lines that go on with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trailer<'a> {
    pub key: &'a [u8],
    /// On one line.
    pub value: Vec<u8>,
}

impl Trailer<'_> {
    #[must_use]
    pub fn is(&self, key: &str) -> bool {
        self.key.eq_ignore_ascii_case(key.as_bytes())
    }
}

/// What git itself writes below a message.
const GENERATED: [&[u8]; 2] = [b"Signed-off-by: ", b"(cherry picked from commit "];

/// Whether it can be a trailer's key.
#[must_use]
pub fn is_token(text: &[u8]) -> bool {
    !text.is_empty() && text.len() <= 64 && text.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'-')
}

/// All trailers, in their order.
pub fn trailers(message: &[u8]) -> impl Iterator<Item = Trailer<'_>> {
    let mut found: Vec<Trailer<'_>> = Vec::new();
    let mut goes_on = false;
    for line in block(message) {
        let is_continued = line.first().is_some_and(u8::is_ascii_whitespace);
        match (found.last_mut().filter(|_| is_continued && goes_on), key(line)) {
            (Some(last), _) => {
                last.value.push(b' ');
                last.value.extend_from_slice(line.trim());
            }
            (None, Some((key, value))) if !is_continued => {
                found.push(Trailer { key, value: value.trim().to_owned() });
                goes_on = true;
            }
            (None, _) => goes_on = false,
        }
    }
    found.into_iter()
}

/// The lines of the last paragraph, if it is one of trailers; also for who must know how long the body is.
#[must_use]
pub fn block(message: &[u8]) -> Vec<&[u8]> {
    let lines: Vec<&[u8]> = message.lines().skip_while(|line| is_blank(line)).collect();
    let title = lines.iter().position(|line| !is_comment(line) && is_blank(line)).unwrap_or(lines.len());
    let end = lines.iter().rposition(|line| !is_blank(line) && !is_comment(line)).map_or(0, |last| last + 1);
    let body = lines.get(title..end).unwrap_or_default();
    let start = body.iter().rposition(|line| is_blank(line)).map_or(body.len(), |blank| blank + 1);
    let last = body.get(start..).unwrap_or_default();
    if is_trailer_block(last) { last.to_owned() } else { Vec::new() }
}

/// As git counts: a line that goes on belongs to the line above it.
fn is_trailer_block(lines: &[&[u8]]) -> bool {
    let (mut trailers, mut others, mut is_generated) = (0_usize, 0_usize, false);
    let mut above_is_trailer = false;
    for line in lines {
        if is_comment(line) {
            above_is_trailer = false;
            continue;
        }
        let is_continued = line.first().is_some_and(u8::is_ascii_whitespace);
        let is_git = GENERATED.iter().any(|prefix| line.starts_with(prefix));
        is_generated |= is_git;
        if is_git || (!is_continued && key(line).is_some()) {
            trailers += 1;
            above_is_trailer = true;
        } else if !(is_continued && above_is_trailer) {
            others += 1;
            above_is_trailer &= is_continued;
        }
    }
    if is_generated { trailers.saturating_mul(3) >= others } else { trailers > 0 && others == 0 }
}

fn key(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let (key, value) = line.split_once_str(b":")?;
    let key = key.trim_end_with(|c| c == ' ' || c == '\t');
    (!key.is_empty() && key.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'-')).then_some((key, value))
}

fn is_blank(line: &[u8]) -> bool {
    line.trim_ascii().is_empty()
}

fn is_comment(line: &[u8]) -> bool {
    line.first() == Some(&b'#')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(message: &str) -> Vec<String> {
        let show = |t: Trailer<'_>| format!("{}={}", t.key.as_bstr(), t.value.as_bstr());
        trailers(message.as_bytes()).map(show).collect()
    }

    #[test]
    fn trailers_are_where_git_finds_them() {
        let table: [(&str, &[&str]); 20] = [
            ("", &[]),
            ("Key: value\n", &[]),
            ("\n\nKey: value\n", &[]),
            ("title\nKey: value\n", &[]),
            ("title\n\nKey: value", &["Key=value"]),
            ("title\n\nbody\n\nKey: value\nKey:other\n\n\n", &["Key=value", "Key=other"]),
            ("title\n\nKey : value\n", &["Key=value"]),
            ("title\n\nKey:\n", &["Key="]),
            ("title\n\nKey: value\n  goes on\n\ton\n", &["Key=value goes on on"]),
            ("title\n\nKey: value\n\nbody\n", &[]),
            ("title\n\nwords\nKey: value\n", &[]),
            ("title\n\nwords\nSigned-off-by: A <a@b>\n", &["Signed-off-by=A <a@b>"]),
            ("title\n\n1\n2\n3\nSigned-off-by: A <a@b>\n", &["Signed-off-by=A <a@b>"]),
            ("title\n\n1\n2\n3\n4\nSigned-off-by: A <a@b>\n", &[]),
            ("title\n\nKey: v\n(cherry picked from commit 1234)\n", &["Key=v"]),
            ("title\n\n  indented: x\n", &[]),
            ("title\n\nhttps://acme.dev\n", &["https=//acme.dev"]),
            ("title\n\nKey with words: value\n", &[]),
            ("title\r\n\r\nKey: value\r\n", &["Key=value"]),
            ("title\n\nKey: value\n# comment\n", &["Key=value"]),
        ];
        for (message, expected) in table {
            assert_eq!(found(message), expected, "{message:?}");
        }
    }

    #[test]
    fn a_large_message_is_read_in_one_go() {
        let message = format!("title\n\n{}", "Key: value\n continued\n".repeat(100_000));
        assert_eq!(trailers(message.as_bytes()).count(), 100_000);
        assert_eq!(trailers("a\n\n".repeat(500_000).as_bytes()).count(), 0);
    }
}
