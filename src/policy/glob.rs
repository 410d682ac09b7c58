//! The engine below a pattern: segments of tokens over segments of bytes.
//!
//! On a mismatch only the last wildcard is tried again, one further; so the time is at worst the pattern's length
//! times the text's.

use crate::model::{fold_text, strip_ntfs};
use crate::policy::fold;
use crate::policy::pattern::{BadPattern, PatternOf, Place, Who};

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Token {
    Byte(u8),
    One,
    Star,
    Principal,
    /// The same in a folded pattern.
    PrincipalAnyCase,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Segment {
    Any,
    Part(Vec<Token>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Glob {
    /// As written, but a last `**` is `**` and `*`: it stands for one segment or more.
    pub segments: Vec<Segment>,
    /// Segments before the last written one.
    pub head: usize,
    pub ends_in_any: bool,
}

/// What stands for the principal's name.
pub const PRINCIPAL: &str = "{principal}";

impl Glob {
    pub fn parse(text: &str, of: PatternOf) -> Result<Self, BadPattern> {
        if text.is_empty() {
            return Err(BadPattern::Empty);
        }
        if text.starts_with('/') {
            return Err(BadPattern::LeadingSlash);
        }
        if text.ends_with('/') {
            return Err(BadPattern::TrailingSlash);
        }
        let mut segments = text.split('/').map(|s| parse_segment(s, of)).collect::<Result<Vec<_>, _>>()?;
        if segments.windows(2).any(|pair| pair == [Segment::Any, Segment::Any]) {
            return Err(BadPattern::RepeatedDoubleStar);
        }
        let head = segments.len() - 1;
        let ends_in_any = segments.last() == Some(&Segment::Any);
        if ends_in_any {
            segments.push(Segment::Part(vec![Token::Star]));
        }
        Ok(Self { segments, head, ends_in_any })
    }

    pub fn fold(&self) -> Self {
        Self { segments: self.segments.iter().map(fold_segment).collect(), ..*self }
    }

    pub fn written_head(&self) -> &[Segment] {
        self.segments.get(..self.head).unwrap_or_default()
    }

    pub fn matches<P: AsRef<[u8]>>(&self, parts: &[P], who: Who<'_>) -> bool {
        segments_match(&self.segments, parts, who)
    }

    pub fn touches<P: AsRef<[u8]>>(&self, parts: &[P], place: Place, who: Who<'_>) -> bool {
        if self.matches(parts, who) || self.matches_directory(parts, who) {
            return true;
        }
        place == Place::Link && (1..=self.head).any(|length| self.matches_prefix(length, parts, who))
    }

    /// Whether these parts are the `X` of a pattern `X/**`.
    fn matches_directory<P: AsRef<[u8]>>(&self, parts: &[P], who: Who<'_>) -> bool {
        self.ends_in_any && self.matches_prefix(self.head, parts, who)
    }

    /// Matches the first segments alone. A prefix that ends in `**` says nothing: it would match everything below.
    fn matches_prefix<P: AsRef<[u8]>>(&self, length: usize, parts: &[P], who: Who<'_>) -> bool {
        let prefix = self.segments.get(..length).unwrap_or_default();
        matches!(prefix.last(), Some(Segment::Part(_))) && segments_match(prefix, parts, who)
    }
}

fn parse_segment(text: &str, of: PatternOf) -> Result<Segment, BadPattern> {
    match text {
        "" => return Err(BadPattern::EmptySegment),
        "." | ".." => return Err(BadPattern::DotSegment),
        "**" => return Ok(Segment::Any),
        _ => {}
    }
    let mut tokens = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let (token, length) = parse_token(c, rest, of)?;
        if token == Token::Star && tokens.last() == Some(&Token::Star) {
            return Err(BadPattern::DoubleStar);
        }
        match token {
            // A character of several bytes is as many tokens.
            Token::Byte(_) if length > 1 && c != '\\' => tokens.extend(c.to_string().bytes().map(Token::Byte)),
            token => tokens.push(token),
        }
        rest = rest.get(length..).unwrap_or_default();
    }
    Ok(Segment::Part(tokens))
}

/// One token and how many bytes of the pattern it takes.
fn parse_token(c: char, rest: &str, of: PatternOf) -> Result<(Token, usize), BadPattern> {
    let byte = rest.as_bytes().first().copied().unwrap_or_default();
    match c {
        '*' => Ok((Token::Star, 1)),
        '?' => Ok((Token::One, 1)),
        '[' => Err(BadPattern::Bracket),
        '{' if !rest.starts_with(PRINCIPAL) => Err(BadPattern::Brace),
        '{' => match of {
            PatternOf::Path | PatternOf::PushedRef | PatternOf::GrantedRef | PatternOf::AnyRef => {
                Ok((Token::Principal, PRINCIPAL.len()))
            }
            PatternOf::Repo | PatternOf::Name => Err(BadPattern::Principal),
        },
        '\\' => match rest.as_bytes().get(1) {
            Some(escaped @ (b'*' | b'?' | b'[' | b'{' | b'!' | b'\\')) => Ok((Token::Byte(*escaped), 2)),
            _ => Err(BadPattern::Escape),
        },
        c if c.is_control() => Err(BadPattern::Control),
        c => Ok((Token::Byte(byte), c.len_utf8())),
    }
}

/// Refuses patterns that no name can match: a rule that never speaks is worse than none.
pub fn check_grammar(glob: &Glob, of: PatternOf) -> Result<(), BadPattern> {
    let mut bytes = glob.segments.iter().flat_map(|s| match s {
        Segment::Part(tokens) => tokens.as_slice(),
        Segment::Any => &[],
    });
    match of {
        PatternOf::Path => Ok(()),
        PatternOf::AnyRef | PatternOf::PushedRef | PatternOf::GrantedRef => {
            if bytes.any(|t| matches!(t, Token::Byte(b' ' | b'~' | b'^' | b':' | b'?' | b'*' | b'[' | b'\\'))) {
                return Err(BadPattern::NotARef);
            }
            check_ref_start(glob, of)
        }
        PatternOf::Repo | PatternOf::Name => {
            let fits = |t: &Token| match t {
                Token::Byte(b) => b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'),
                Token::One | Token::Star | Token::Principal | Token::PrincipalAnyCase => true,
            };
            let one_segment = of == PatternOf::Repo || glob.segments.len() == 1;
            if one_segment && bytes.all(fits) { Ok(()) } else { Err(BadPattern::NotAName) }
        }
    }
}

fn check_ref_start(glob: &Glob, of: PatternOf) -> Result<(), BadPattern> {
    let can_be = |index: usize, words: &[&str]| match glob.segments.get(..=index) {
        Some(start) if start.contains(&Segment::Any) => true,
        Some([.., Segment::Part(tokens)]) => words.iter().any(|w| tokens_match(tokens, w.as_bytes(), Who::Anyone)),
        _ => false,
    };
    if !can_be(0, &["refs"]) {
        return Err(BadPattern::NotFullRef);
    }
    let is_too_short = glob.segments.len() < 3 && !glob.segments.contains(&Segment::Any);
    let spaces: &[&str] = match of {
        PatternOf::GrantedRef => &["heads", "tags", "for"],
        _ => &["heads", "tags"],
    };
    if of != PatternOf::AnyRef && (is_too_short || !can_be(1, spaces)) {
        return Err(BadPattern::NotPushed);
    }
    Ok(())
}

fn fold_segment(segment: &Segment) -> Segment {
    let Segment::Part(tokens) = segment else { return Segment::Any };
    let literal: Option<Vec<u8>> =
        tokens.iter().map(|t| if let Token::Byte(b) = t { Some(*b) } else { None }).collect();
    if let Some(literal) = literal {
        return Segment::Part(fold::fold_segment(&literal).into_iter().map(Token::Byte).collect());
    }
    let mut folded = Vec::with_capacity(tokens.len());
    let runs = tokens.chunk_by(|a, b| matches!((a, b), (Token::Byte(_), Token::Byte(_))));
    for (index, run) in runs.clone().enumerate() {
        let bytes: Vec<u8> = run.iter().filter_map(|t| if let Token::Byte(b) = t { Some(*b) } else { None }).collect();
        if bytes.is_empty() {
            let any_case = |t: &Token| if *t == Token::Principal { Token::PrincipalAnyCase } else { t.clone() };
            folded.extend(run.iter().map(any_case));
            continue;
        }
        let text = fold_text(&bytes);
        let is_last = index + 1 == runs.clone().count();
        let text = if is_last { strip_ntfs(&text) } else { &text };
        folded.extend(text.iter().map(|b| Token::Byte(*b)));
    }
    Segment::Part(folded)
}

/// Whole-segment matching: on a mismatch only the last `**` is tried again, one segment further.
fn segments_match<P: AsRef<[u8]>>(pattern: &[Segment], parts: &[P], who: Who<'_>) -> bool {
    let (mut at, mut part) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    loop {
        match (pattern.get(at), parts.get(part)) {
            (None, None) => return true,
            (Some(Segment::Any), _) => {
                retry = Some((at + 1, part));
                at += 1;
                continue;
            }
            (Some(Segment::Part(tokens)), Some(text)) if tokens_match(tokens, text.as_ref(), who) => {
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

/// The same within a segment, over bytes.
fn tokens_match(tokens: &[Token], text: &[u8], who: Who<'_>) -> bool {
    let (mut at, mut byte) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    loop {
        let rest = text.get(byte..).unwrap_or_default();
        let taken = match (tokens.get(at), who) {
            (None, _) if rest.is_empty() => return true,
            (None, _) => None,
            (Some(Token::Star), _) | (Some(Token::Principal | Token::PrincipalAnyCase), Who::Anyone) => {
                retry = Some((at + 1, byte));
                at += 1;
                continue;
            }
            (Some(Token::Byte(b)), _) => (rest.first() == Some(b)).then_some(1),
            (Some(Token::One), _) => (!rest.is_empty()).then_some(1),
            (Some(Token::Principal), Who::Named(name)) => rest.starts_with(name.as_bytes()).then_some(name.len()),
            (Some(Token::PrincipalAnyCase), Who::Named(name)) => {
                let start = rest.get(..name.len()).unwrap_or_default();
                start.eq_ignore_ascii_case(name.as_bytes()).then_some(name.len())
            }
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
