//! Patterns of GitHub and GitLab over the parts of a path; bytes as they are, upper and lower case apart.
//!
//! Not the policy's own patterns: those refuse what these have to read, and look through more disguises than these may.
//! On a mismatch only the last wildcard is tried again, one further.

use bstr::decode_utf8;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Glob {
    segments: Vec<Segment>,
    tail: Tail,
}

/// What a pattern's end stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tail {
    /// The path's end.
    Exact,
    /// The path's end, or a directory that all of the rest is in.
    OrBelow,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Segment {
    /// `**`: any number of parts.
    Any,
    Part(Part),
}

/// One part; the two commonest forms are compared without a search.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    Literal(Vec<u8>),
    /// Something between, or nothing.
    Around(Vec<u8>, Vec<u8>),
    Tokens(Vec<Token>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Token {
    Byte(u8),
    One,
    Star,
    Class(Class),
}

/// `[a-z]`, `[!a]`. One without ranges that is not negated matches nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Class {
    pub is_negated: bool,
    pub ranges: Vec<(u32, u32)>,
}

impl Glob {
    /// Matches every path.
    pub fn everything() -> Self {
        Self { segments: vec![Segment::Any, Segment::star()], tail: Tail::Exact }
    }

    pub fn new(mut segments: Vec<Segment>, tail: Tail) -> Self {
        segments.dedup_by(|a, b| *a == Segment::Any && *b == Segment::Any);
        Self { segments, tail }
    }

    /// Whether some part of the pattern is a name that no part of a path has.
    pub fn matches_nothing(&self) -> bool {
        let never = Token::Class(Class::NOTHING);
        self.segments.iter().any(|segment| match segment {
            Segment::Any | Segment::Part(Part::Around(..)) => false,
            Segment::Part(Part::Literal(name)) => matches!(name.as_slice(), b"" | b"." | b".."),
            Segment::Part(Part::Tokens(tokens)) => tokens.contains(&never),
        })
    }

    /// A name that must be among the parts of a path; the longest.
    pub fn name(&self) -> Option<&[u8]> {
        let names = self.segments.iter().filter_map(|segment| match segment {
            Segment::Part(Part::Literal(name)) => Some(name.as_slice()),
            Segment::Any | Segment::Part(_) => None,
        });
        names.max_by_key(|name| name.len())
    }

    pub fn matches(&self, parts: &[&[u8]]) -> bool {
        if let (Tail::Exact, Some(Segment::Part(last))) = (self.tail, self.segments.last())
            && !parts.last().is_some_and(|part| last.matches(part))
        {
            return false;
        }
        let (mut at, mut part) = (0, 0);
        let mut retry: Option<(usize, usize)> = None;
        loop {
            match (self.segments.get(at), parts.get(part)) {
                (None, None) => return true,
                (None, Some(_)) if self.tail == Tail::OrBelow => return true,
                (Some(Segment::Any), _) => {
                    at += 1;
                    retry = Some((at, part));
                    continue;
                }
                (Some(Segment::Part(pattern)), Some(text)) if pattern.matches(text) => {
                    at += 1;
                    part += 1;
                    continue;
                }
                (Some(Segment::Part(_)), _) | (None, Some(_)) => {}
            }
            match retry {
                Some((after, from)) if from < parts.len() => {
                    retry = Some((after, from + 1));
                    (at, part) = (after, from + 1);
                }
                _ => return false,
            }
        }
    }
}

impl Segment {
    /// `*`: any one part.
    pub fn star() -> Self {
        Self::Part(Part::Around(Vec::new(), Vec::new()))
    }

    pub fn part(mut tokens: Vec<Token>) -> Self {
        tokens.dedup_by(|a, b| *a == Token::Star && *b == Token::Star);
        let literal = |tokens: &[Token]| -> Option<Vec<u8>> {
            tokens.iter().map(|token| if let Token::Byte(b) = token { Some(*b) } else { None }).collect()
        };
        let mut sides = tokens.split(|token| *token == Token::Star);
        let simple = match (sides.next().and_then(literal), sides.next().map(literal), sides.next()) {
            (Some(name), None, _) => Some(Part::Literal(name)),
            (Some(before), Some(Some(after)), None) => Some(Part::Around(before, after)),
            _ => None,
        };
        Self::Part(simple.unwrap_or(Part::Tokens(tokens)))
    }
}

impl Part {
    fn matches(&self, text: &[u8]) -> bool {
        match self {
            Self::Literal(name) => name == text,
            Self::Around(before, after) => {
                text.len() >= before.len() + after.len() && text.starts_with(before) && text.ends_with(after)
            }
            Self::Tokens(tokens) => tokens_match(tokens, text),
        }
    }
}

impl Class {
    pub const NOTHING: Self = Self { is_negated: false, ranges: Vec::new() };

    fn matches(&self, character: u32) -> bool {
        self.ranges.iter().any(|(first, last)| (*first..=*last).contains(&character)) != self.is_negated
    }
}

/// The first character and its length. A byte that is not UTF-8 is a character beyond all others.
pub fn character(text: &[u8]) -> Option<(u32, usize)> {
    let first = *text.first()?;
    match decode_utf8(text) {
        (Some(c), length) => Some((u32::from(c), length)),
        (None, _) => Some((0x11_0000 + u32::from(first), 1)),
    }
}

fn tokens_match(tokens: &[Token], text: &[u8]) -> bool {
    let (mut at, mut byte) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    loop {
        let rest = text.get(byte..).unwrap_or_default();
        let taken = match tokens.get(at) {
            None if rest.is_empty() => return true,
            None => None,
            Some(Token::Star) => {
                at += 1;
                retry = Some((at, byte));
                continue;
            }
            Some(Token::Byte(b)) => (rest.first() == Some(b)).then_some(1),
            Some(Token::One) => character(rest).map(|(_, length)| length),
            Some(Token::Class(class)) => character(rest).filter(|(c, _)| class.matches(*c)).map(|(_, length)| length),
        };
        if let Some(length) = taken {
            at += 1;
            byte += length;
            continue;
        }
        match retry {
            Some((after, from)) if from < text.len() => {
                retry = Some((after, from + 1));
                (at, byte) = (after, from + 1);
            }
            _ => return false,
        }
    }
}
