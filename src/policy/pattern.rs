//! Patterns for paths, refs, repositories and names: one small engine over raw bytes.
//!
//! `*` any bytes within a segment, `?` one byte, `**` as a whole segment any number of segments, `\` takes the
//! meaning of the next character. Anchored at both ends.

use crate::model::Escaped;
use crate::policy::fold;
use crate::policy::glob::{self, Glob, PRINCIPAL, Segment, Token};
use std::fmt;

/// What a pattern is for: the grammars of the names differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PatternOf {
    Path,
    /// A ref that can be pushed: under `refs/heads/` or `refs/tags/`.
    PushedRef,
    /// The same, or one to ask for review of: `refs/for/<branch>`.
    GrantedRef,
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
            Self::NotPushed => "write refs/heads/… or refs/tags/…; in a grant also refs/for/…",
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

/// One compiled pattern.
#[derive(Debug, Clone)]
pub struct Pattern {
    text: String,
    raw: Glob,
    folded: Glob,
}

impl Pattern {
    pub fn parse(text: &str, of: PatternOf) -> Result<Self, BadPattern> {
        let raw = Glob::parse(text, of)?;
        glob::check_grammar(&raw, of)?;
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
