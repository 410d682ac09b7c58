//! Patterns for paths, refs, repositories and names: one small engine over raw bytes.
//!
//! `*` any bytes within a segment, `?` one byte, `**` as a whole segment any number of segments, `\` takes the
//! meaning of the next character. Anchored at both ends. No backtracking beyond the last `*`: the time is at worst
//! pattern length times text length.

use crate::model::Escaped;
use crate::policy::fold;
use std::fmt;

/// What a pattern is for: the grammars of the names differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PatternOf {
    Path,
    /// A ref that can be pushed: under `refs/heads/` or `refs/tags/`.
    PushedRef,
    /// Any ref there may be, to read.
    AnyRef,
    Repo,
    Name,
}

/// Says why a pattern was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadPattern {
    #[error("an empty pattern matches nothing")]
    Empty,
    #[error("a pattern does not start with `/`")]
    LeadingSlash,
    #[error("a pattern does not end with `/`")]
    TrailingSlash,
    #[error("a pattern has no empty segment")]
    EmptySegment,
    #[error("no path has a segment `.` or `..`")]
    DotSegment,
    #[error("`**` is only possible as a whole segment")]
    DoubleStar,
    #[error("`**` right after `**` says nothing new")]
    RepeatedDoubleStar,
    #[error("`[` has no meaning in a pattern")]
    Bracket,
    #[error("`{{` has no meaning in a pattern")]
    Brace,
    #[error("`{{principal}}` is not possible here")]
    Principal,
    #[error("`\\` stands before one of * ? [ {{ ! \\ only")]
    Escape,
    #[error("a pattern has no control characters")]
    Control,
    #[error("a ref pattern starts with `refs/`")]
    NotFullRef,
    #[error("only refs/heads/ and refs/tags/ can be pushed to")]
    NotPushed,
    #[error("no ref can have this name")]
    NotARef,
    #[error("no repository or principal can have this name")]
    NotAName,
}

impl BadPattern {
    #[must_use]
    pub fn help(self) -> &'static str {
        match self {
            Self::Empty => "write `**` for everything",
            Self::LeadingSlash => "patterns start at the top anyway: leave the `/` out",
            Self::TrailingSlash => "write `dir/**` for all that is below a directory",
            Self::EmptySegment => "write one `/`",
            Self::DotSegment => "write the path from the top",
            Self::DoubleStar => "write `*` within a segment, or `dir/**/file`",
            Self::RepeatedDoubleStar => "write one `**`",
            Self::Bracket => "write `?` for any one byte, or `\\[` for the bracket itself (in a '…' string)",
            Self::Brace => "write one pattern for each alternative, or `\\{` for the brace itself (in a '…' string)",
            Self::Principal => "it is known in ref and path patterns",
            Self::Escape => "write `\\\\` for the backslash itself (in a '…' string)",
            Self::Control => "paths with control characters are always refused",
            Self::NotFullRef => "write the full name: refs/heads/main",
            Self::NotPushed => "write refs/heads/… or refs/tags/…",
            Self::NotARef => "git check-ref-format says what a ref name may hold",
            Self::NotAName => "names have letters, digits, `.`, `_` and `-`",
        }
    }
}

/// Whose `{principal}` it is.
#[derive(Debug, Clone, Copy)]
pub enum Who<'a> {
    Named(&'a str),
    /// Any principal there may ever be: `{principal}` is then like `*`.
    Anyone,
}

/// How an entry sits in a tree, for patterns that name something above or below it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// A file, a ref, a name.
    Plain,
    /// A symlink or gitlink, before or after: what it stands for may be a whole directory.
    Link,
}

/// A name or path to match, cut and folded once.
#[derive(Debug)]
pub struct Subject<'a> {
    raw: Vec<&'a [u8]>,
    folded: Option<Vec<Vec<u8>>>,
    place: Place,
}

impl<'a> Subject<'a> {
    #[must_use]
    pub fn new(name: &'a [u8], place: Place) -> Self {
        Self { raw: name.split(|b| *b == b'/').collect(), folded: fold::fold_path(name), place }
    }

    /// A ref, repository or principal.
    #[must_use]
    pub fn name(name: &'a [u8]) -> Self {
        Self::new(name, Place::Plain)
    }

    /// The segments as the most forgiving file system reads them.
    pub fn folded_segments(&self) -> impl Iterator<Item = &[u8]> {
        let folded = self.folded.iter().flatten().map(Vec::as_slice);
        let raw = if self.folded.is_some() { &[][..] } else { &self.raw };
        folded.chain(raw.iter().copied())
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Byte(u8),
    One,
    Star,
    Principal,
    /// The same in a folded pattern.
    PrincipalAnyCase,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Segment {
    Any,
    Part(Vec<Token>),
}

/// One compiled pattern.
#[derive(Debug, Clone)]
pub struct Pattern {
    text: String,
    raw: Glob,
    folded: Glob,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Glob {
    /// As written, but a last `**` is `**` and `*`: it stands for one segment or more.
    segments: Vec<Segment>,
    /// Segments before the last written one.
    head: usize,
    ends_in_any: bool,
}

impl Pattern {
    pub fn parse(text: &str, of: PatternOf) -> Result<Self, BadPattern> {
        let raw = Glob::parse(text, of)?;
        check_grammar(&raw, of)?;
        let folded = raw.fold();
        Ok(Self { text: text.to_owned(), raw, folded })
    }

    /// Byte for byte: for what gives a right, or takes a thing out of a prohibition.
    #[must_use]
    pub fn matches(&self, subject: &Subject<'_>, who: Who<'_>) -> bool {
        self.raw.matches(&subject.raw, who)
    }

    /// By any spelling, and as a link that stands for the directory the pattern goes through: for what forbids.
    #[must_use]
    pub fn touches(&self, subject: &Subject<'_>, who: Who<'_>) -> bool {
        if self.raw.touches(&subject.raw, subject.place, who) {
            return true;
        }
        match &subject.folded {
            Some(folded) => self.folded.touches(folded, subject.place, who),
            None => self.raw != self.folded && self.folded.touches(&subject.raw, subject.place, who),
        }
    }

    /// Whether every name the other pattern matches is surely matched by this one too.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        let (ours, theirs) = (&self.raw, &other.raw);
        if ours == theirs {
            return true;
        }
        let head = ours.written_head();
        ours.ends_in_any && theirs.segments.len() > head.len() && theirs.segments.starts_with(head)
    }

    #[must_use]
    pub fn is_everything(&self) -> bool {
        self.raw.head == 0 && self.raw.ends_in_any
    }

    /// Whether the pattern is a plain name without wildcards.
    #[must_use]
    pub fn is_literal(&self) -> bool {
        let literal = |s: &Segment| matches!(s, Segment::Part(t) if t.iter().all(|t| matches!(t, Token::Byte(_))));
        self.raw.segments.iter().all(literal)
    }

    #[must_use]
    pub fn has_principal(&self) -> bool {
        let has = |s: &Segment| matches!(s, Segment::Part(tokens) if tokens.contains(&Token::Principal));
        self.raw.segments.iter().any(has)
    }

    /// Whether one segment can only be a literal that folds to `.git`: refused before any rule looks.
    #[must_use]
    pub fn names_dot_git(&self) -> bool {
        let dot_git: Vec<Token> = b".git".iter().map(|b| Token::Byte(*b)).collect();
        self.folded.segments.contains(&Segment::Part(dot_git))
    }

    /// As written, with the principal's name filled in.
    #[must_use]
    pub fn show(&self, name: &str) -> String {
        Escaped(self.text.replace(PRINCIPAL, name).as_bytes()).to_string()
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Escaped(self.text.as_bytes()).fmt(f)
    }
}

const PRINCIPAL: &str = "{principal}";

impl Glob {
    fn parse(text: &str, of: PatternOf) -> Result<Self, BadPattern> {
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

    fn fold(&self) -> Self {
        Self { segments: self.segments.iter().map(fold_segment).collect(), ..*self }
    }

    fn written_head(&self) -> &[Segment] {
        self.segments.get(..self.head).unwrap_or_default()
    }

    fn matches<P: AsRef<[u8]>>(&self, parts: &[P], who: Who<'_>) -> bool {
        segments_match(&self.segments, parts, who)
    }

    fn touches<P: AsRef<[u8]>>(&self, parts: &[P], place: Place, who: Who<'_>) -> bool {
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
            PatternOf::Path | PatternOf::PushedRef | PatternOf::AnyRef => Ok((Token::Principal, PRINCIPAL.len())),
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
fn check_grammar(glob: &Glob, of: PatternOf) -> Result<(), BadPattern> {
    let mut bytes = glob.segments.iter().flat_map(|s| match s {
        Segment::Part(tokens) => tokens.as_slice(),
        Segment::Any => &[],
    });
    match of {
        PatternOf::Path => Ok(()),
        PatternOf::AnyRef | PatternOf::PushedRef => {
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
    if of == PatternOf::PushedRef && (is_too_short || !can_be(1, &["heads", "tags"])) {
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
        let text = fold::fold_text(&bytes);
        let is_last = index + 1 == runs.clone().count();
        let text = if is_last { fold::strip_ntfs(&text) } else { &text };
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

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> Pattern {
        Pattern::parse(text, PatternOf::Path).unwrap_or_else(|e| panic!("{text}: {e}"))
    }

    fn matches(pattern: &str, name: &[u8]) -> bool {
        path(pattern).matches(&Subject::name(name), Who::Named("claude-1"))
    }

    fn touches(pattern: &str, name: &[u8], place: Place) -> bool {
        path(pattern).touches(&Subject::new(name, place), Who::Named("claude-1"))
    }

    #[test]
    fn matches_segments_anchored_at_both_ends() {
        // Pattern, what it matches, what it does not.
        let table: [(&str, &[&str], &[&str]); 16] = [
            ("src/**", &["src/a", "src/a/b/c"], &["src", "srcs/a", "a/src/b", "SRC/a", "src2/x"]),
            ("**", &["a", "a/b"], &[]),
            ("**/*.pem", &["x.pem", "a/x.pem", "a/b/.pem"], &["x.pem/a", "x.pemx", "x.PEM"]),
            ("a/**/b", &["a/b", "a/x/b", "a/x/y/b", "a/b/b"], &["a", "b", "a/b/c", "xa/b"]),
            ("a/*/b", &["a/x/b"], &["a/b", "a/x/y/b"]),
            ("*", &["a", "abc"], &["a/b"]),
            ("a*c", &["ac", "abc", "abcc"], &["a/c", "abcd", "xac"]),
            ("a?c", &["abc"], &["ac", "abbc", "a/c"]),
            ("ma", &["ma"], &["master2", "xma", "ma/x"]),
            ("a\\*b", &["a*b"], &["axb", "ab"]),
            ("\\!x", &["!x"], &["x"]),
            ("\\{\\[", &["{["], &[]),
            ("{principal}/x", &["claude-1/x"], &["claude-2/x", "claude-1x/x", "CLAUDE-1/x", "*/x"]),
            ("a/{principal}-*", &["a/claude-1-", "a/claude-1-x"], &["a/claude-1", "a/x-x"]),
            ("grün", &["grün"], &["gru\u{308}n", "GRÜN"]),
            ("**/a/**/b/**", &["a/b/c", "x/a/b/c", "x/a/y/b/c/d"], &["a/b", "b/a/c"]),
        ];
        for (pattern, good, bad) in table {
            for name in good {
                assert!(matches(pattern, name.as_bytes()), "{pattern} {name}");
            }
            for name in bad {
                assert!(!matches(pattern, name.as_bytes()), "{pattern} {name}");
            }
        }
        assert!(matches("a?b", b"a\xffb"));
    }

    #[test]
    fn what_forbids_matches_any_spelling() {
        let table: [(&str, &[&str]); 8] = [
            ("secret/**", &["Secret/x", "SECRET/x", "\u{17f}ecret/x", "secret./x", "secret /x", "sec\u{200b}ret/x"]),
            (".github/**", &[".GitHub/workflows/x", ".github\\x", ".github::$INDEX_ALLOCATION/x", ".github"]),
            ("caf\u{e9}", &["cafe\u{301}", "CAFE\u{301}", "CAF\u{c9}"]),
            (".gitmodules", &[".GITMODULES", "GITMOD~1", "gi7eba~1", ".gitmodules:x"]),
            (".git*", &["GITATT~1", ".gitX"]),
            ("**/*.PEM", &["a/x.pem", "x.Pem", "x.pem.", "x.pem:stream"]),
            ("Makefile", &["makefile", "Makefile "]),
            ("{principal}.md", &["CLAUDE-1.md"]),
        ];
        for (pattern, names) in table {
            for name in names {
                assert!(touches(pattern, name.as_bytes(), Place::Plain), "{pattern} {name}");
            }
        }
        for (pattern, name) in [("secret/**", "secrets/x"), ("a/b", "a"), ("*.pem", "a/x.pem"), ("a/*", "a/b/c")] {
            assert!(!touches(pattern, name.as_bytes(), Place::Plain), "{pattern} {name}");
        }
    }

    #[test]
    fn a_link_is_touched_by_what_lies_below_its_name() {
        // Pattern, entry, as a file, as a link.
        let table = [
            ("secret/**", "secret", true, true),
            ("secret/**", "Secret", true, true),
            ("secret/**", "sec", false, false),
            ("a/b/c.txt", "a", false, true),
            ("a/b/c.txt", "a/b", false, true),
            ("a/b/c.txt", "A/B", false, true),
            ("a/b/c.txt", "a/b/c.txt", true, true),
            ("a/b/c.txt", "b", false, false),
            ("a/b/c.txt", "a/x", false, false),
            ("**/*.pem", "link", false, false),
            ("**/*.pem", "link.pem", true, true),
            ("**/.github/**", "x/.github", true, true),
            ("**/.github/workflows/x", "x/.github", false, true),
            ("a/**/b", "a", false, true),
            ("a/**/b", "a/x", false, false),
            ("*/x", "a", false, true),
        ];
        for (pattern, name, file, link) in table {
            assert_eq!(touches(pattern, name.as_bytes(), Place::Plain), file, "{pattern} {name} as a file");
            assert_eq!(touches(pattern, name.as_bytes(), Place::Link), link, "{pattern} {name} as a link");
        }
    }

    #[test]
    fn refuses_patterns_that_cannot_be_meant() {
        use BadPattern as Bad;
        use PatternOf::{AnyRef, Name, Path, PushedRef, Repo};
        let table = [
            ("", Path, Bad::Empty),
            ("/src", Path, Bad::LeadingSlash),
            ("src/", Path, Bad::TrailingSlash),
            ("a//b", Path, Bad::EmptySegment),
            ("./a", Path, Bad::DotSegment),
            ("a/../b", Path, Bad::DotSegment),
            ("a**", Path, Bad::DoubleStar),
            ("**a/b", Path, Bad::DoubleStar),
            ("***", Path, Bad::DoubleStar),
            ("a/**/**", Path, Bad::RepeatedDoubleStar),
            ("[a-z]", Path, Bad::Bracket),
            ("*.{js,ts}", Path, Bad::Brace),
            ("{user}/x", Path, Bad::Brace),
            ("a\\b", Path, Bad::Escape),
            ("a\\", Path, Bad::Escape),
            ("a\nb", Path, Bad::Control),
            ("main", PushedRef, Bad::NotFullRef),
            ("heads/main", AnyRef, Bad::NotFullRef),
            ("refs/notes/x", PushedRef, Bad::NotPushed),
            ("refs/*", PushedRef, Bad::NotPushed),
            ("refs/heads", PushedRef, Bad::NotPushed),
            ("refs/heads/a b", PushedRef, Bad::NotARef),
            ("refs/heads/a~1", AnyRef, Bad::NotARef),
            ("team app", Repo, Bad::NotAName),
            ("a/b", Name, Bad::NotAName),
            ("{principal}", Name, Bad::Principal),
        ];
        for (text, of, bad) in table {
            assert_eq!(Pattern::parse(text, of).map(|p| p.text), Err(bad), "{text}");
            assert!(!bad.help().is_empty());
        }
        for (text, of) in [
            ("refs/notes/x", AnyRef),
            ("refs/**", PushedRef),
            ("**", PushedRef),
            ("refs/*/x", PushedRef),
            ("refs/heads/agent/{principal}/**", PushedRef),
            ("team/*", Repo),
            ("claude-*", Name),
        ] {
            assert!(Pattern::parse(text, of).is_ok(), "{text}");
        }
    }

    #[test]
    fn time_does_not_blow_up() {
        let many = "*a".repeat(30) + "b";
        assert!(!matches(&many, "a".repeat(20_000).as_bytes()));
        let deep = "**/a/".repeat(30) + "b";
        assert!(!matches(&deep, "a/".repeat(5_000).as_bytes()));
        assert!(matches("*a*a*a*a*b", b"aaaaaaaab"));
    }

    #[test]
    fn knows_what_covers_what() {
        let table = [
            ("**", "a/b", true),
            ("**", "**", true),
            ("a/**", "a/b/c", true),
            ("a/**", "a/b/**", true),
            ("a/**", "a/**", true),
            ("a/**", "a", false),
            ("a/b/**", "a/**", false),
            ("a/**", "ab/**", false),
            ("a/*", "a/b", false),
            ("a/*/**", "a/*/c", true),
        ];
        for (wide, narrow, covers) in table {
            assert_eq!(path(wide).covers(&path(narrow)), covers, "{wide} {narrow}");
        }
        assert!(path("a/.GIT/x").names_dot_git());
        assert!(!path("a/.gitx").names_dot_git());
    }
}
