//! Literals that make one text: `"ab" + "cd"`, `"ab" "cd"`, `["ab", "cd"].join("")`.

use std::cell::OnceCell;

/// Blanks and line ends between two literals.
const BLANKS_MAX: usize = 96;
/// How far around a comma the word that joins a list is looked for.
const LIST_BYTES: usize = 256;

/// The literals of a text.
pub(super) struct Literals<'a> {
    pub(super) text: &'a [u8],
    /// Where the words are that join lists; looked for when the first list is met.
    joins: OnceCell<Vec<usize>>,
}

impl<'a> Literals<'a> {
    pub(super) fn new(text: &'a [u8]) -> Self {
        Self { text, joins: OnceCell::new() }
    }

    /// How long it is from the end of a literal's text to the start of the next one's, if they make one text with parts
    /// of a token on both sides.
    pub(super) fn join(&self, at: usize) -> Option<usize> {
        let before = self.text.get(at.checked_sub(1)?)?;
        let [quote, rest @ ..] = self.text.get(at..)? else { return None };
        // Nearly every quote ends here.
        if !is_token(*before) || !STARTS_GAP.get(usize::from(*rest.first()?)).is_some_and(|starts| *starts) {
            return None;
        }
        let before_operator = blanks(rest);
        let operator = operator(rest.get(before_operator..)?);
        let after = rest.get(before_operator + operator..)?;
        let after_operator = blanks(after);
        let next = after.get(after_operator..)?;
        // A letter before the quote says what kind of string it is.
        let is_prefix = |byte: &&u8| matches!(byte, b'b' | b'f' | b'r' | b'u' | b'L' | b'B' | b'@' | b'$');
        let prefix = next.iter().take(2).take_while(is_prefix).count();
        let opening = next.get(prefix)?;
        if !matches!(opening, b'"' | b'\'' | b'`') || !is_token(*next.get(prefix + 1)?) {
            return None;
        }
        let gap = before_operator + operator + after_operator + prefix;
        if gap == 0 && opening == quote && *quote == b'`' {
            return None;
        }
        let is_list = rest.get(before_operator) == Some(&b',');
        (!is_list || self.is_joined(at)).then_some(gap + 2)
    }

    /// Whether parts of a token are on both sides; after it, something invisible too may be.
    pub(super) fn is_between(&self, start: usize, end: usize) -> bool {
        let byte = |at: Option<usize>| at.and_then(|at| self.text.get(at));
        byte(start.checked_sub(1)).is_some_and(|byte| is_token(*byte))
            && byte(Some(end)).is_some_and(|byte| is_token(*byte) || *byte >= 0x80)
    }

    /// Whether a list is joined or concatenated near here.
    fn is_joined(&self, at: usize) -> bool {
        let joins = self.joins.get_or_init(|| {
            let words = [&b"join"[..], b"Join", b"concat", b"CONCAT", b"implode"];
            let all = words.iter().flat_map(|word| memchr::memmem::find_iter(self.text, word));
            let mut places: Vec<usize> = all.collect();
            places.sort_unstable();
            places
        });
        let first = joins.partition_point(|place| place + LIST_BYTES < at);
        joins.get(first).is_some_and(|place| *place <= at + LIST_BYTES)
    }
}

/// What can stand between the end of a literal and the next one.
const STARTS_GAP: [bool; 256] = {
    let mut starts = [false; 256];
    let bytes = b" \t\r\n+.&<|,\\\"'`";
    let mut at = 0;
    while at < bytes.len() {
        starts[bytes[at] as usize] = true;
        at += 1;
    }
    starts
};

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'+' | b'/' | b'=' | b'.' | b':')
}

fn blanks(text: &[u8]) -> usize {
    text.iter().take(BLANKS_MAX).take_while(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | b'\\')).count()
}

fn operator(text: &[u8]) -> usize {
    match text {
        [b'+', b'+', ..] | [b'.', b'.', ..] | [b'<', b'>', ..] | [b'|', b'|', ..] | [b'<', b'<', ..] => 2,
        [b'+' | b'.' | b'&' | b',', ..] => 1,
        _ => 0,
    }
}
