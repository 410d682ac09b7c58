//! GitHub: patterns close to those of .gitignore, and the last line that matches.
//!
//! GitHub reads no `!`, no `[ ]` and no `\#`. It skips such lines; here they are guessed as wide as they could be meant,
//! and nobody can approve. Only a `!` line without owners is left out: it could do nothing but take owners away.

use crate::policy::codeowners::glob::{Glob, Segment, Tail, Token};
use crate::policy::codeowners::sections::{Claim, Need, Rule, Section};
use crate::policy::codeowners::{CodeOwnersError, Flaw, Notes, PATTERN_BYTES_MAX, Syntax, lines, split_pattern, words};

pub fn parse(text: &[u8], notes: &mut Notes) -> Result<Section, CodeOwnersError> {
    let mut section = Section::new(None, Need::Required);
    for (line, text) in lines(text) {
        notes.count_rule()?;
        let (pattern, rest) = split_pattern(text);
        // A comment starts with a word: what stands before `#` in `@a#b` is not surely a name.
        let mut owners = words(rest).take_while(|word| !word.starts_with(b"#")).peekable();
        let is_bare = owners.peek().is_none();
        if pattern.starts_with(b"!") && is_bare {
            notes.flaw(line, Flaw::NotAnException);
            continue;
        }
        let (glob, reading) = read_pattern(pattern);
        if glob.matches_nothing() {
            notes.flaw(line, Flaw::MatchesNothing);
        }
        let claim = match reading {
            Reading::Guessed => {
                notes.flaw(line, Flaw::Unreadable);
                Claim::Owned(Vec::new())
            }
            Reading::Exact if is_bare => Claim::Unowned,
            Reading::Exact => Claim::Owned(notes.owners(line, Syntax::GitHub, owners)),
        };
        section.add(Rule { line, glob, claim, approvals: 1 });
    }
    Ok(section)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reading {
    Exact,
    /// Matches all that could be meant.
    Guessed,
}

fn read_pattern(pattern: &[u8]) -> (Glob, Reading) {
    // A backslash that took the space before the owner for itself: `dir\ @a`.
    let has_owner = pattern.windows(2).any(|pair| pair == b" @");
    let is_unknown =
        has_owner || pattern.starts_with(b"!") || pattern.starts_with(b"\\#") || pattern.len() > PATTERN_BYTES_MAX;
    let read = if is_unknown { None } else { read_segments(pattern) };
    let Some((mut segments, reading)) = read else { return (Glob::everything(), Reading::Guessed) };
    let is_star = |tokens: &[Token]| tokens == [Token::Star];
    let is_any = |tokens: &[Token]| tokens == [Token::Star, Token::Star];

    let is_directory = segments.len() > 1 && segments.last().is_some_and(Vec::is_empty);
    if is_directory {
        segments.pop();
    }
    // A slash before the end ties the pattern to the root.
    let is_tied = segments.len() > 1;
    let start = usize::from(is_tied && segments.first().is_some_and(Vec::is_empty));
    let segments = segments.get(start..).unwrap_or_default();
    let Some(last) = segments.last().filter(|last| !last.is_empty()) else {
        return (Glob::everything(), Reading::Guessed);
    };
    let mut all = if is_tied { Vec::new() } else { vec![Segment::Any] };
    all.extend(segments.iter().map(|t| if is_any(t) { Segment::Any } else { Segment::part(t.clone()) }));
    if is_directory || is_any(last) {
        all.extend([Segment::Any, Segment::star()]);
        return (Glob::new(all, Tail::Exact), reading);
    }
    let tail = if is_star(last) && reading == Reading::Exact { Tail::Exact } else { Tail::OrBelow };
    (Glob::new(all, tail), reading)
}

/// The pattern between its slashes. `[` up to the end of its part becomes `*`, as it may be a range or stand for itself.
fn read_segments(pattern: &[u8]) -> Option<(Vec<Vec<Token>>, Reading)> {
    let mut reading = Reading::Exact;
    let mut segments = Vec::new();
    for text in pattern.split(|b| *b == b'/') {
        let mut tokens = Vec::new();
        let mut bytes = text.iter().copied();
        while let Some(byte) = bytes.next() {
            match byte {
                b'*' => tokens.push(Token::Star),
                b'?' => tokens.push(Token::One),
                b'\\' => tokens.push(Token::Byte(bytes.next()?)),
                b'[' if bytes.clone().any(|b| b == b']') => {
                    reading = Reading::Guessed;
                    tokens.push(Token::Star);
                    break;
                }
                b'[' => return None,
                byte => tokens.push(Token::Byte(byte)),
            }
        }
        segments.push(tokens);
    }
    Some((segments, reading))
}
