//! A rule's compiled pattern, and where in a text it is to be tried.
//!
//! Most patterns begin with one of their rule's keywords, or have it at a known distance from their start. Those are
//! tried at that one place only, which fails at once where it does not match; the others search a window around the hit.

use super::rule::Rule;
use regex_automata::meta::{BuildError, Config, Regex};
use regex_automata::util::{captures::Captures, syntax};
use regex_automata::{Anchored, Input, Span};
use regex_syntax::hir::literal::Extractor;
use std::ops::Range;

/// Bytes that one compiled pattern may take.
const SIZE_MAX: usize = 4 << 20;
/// Distances at which a pattern with a keyword in its middle is tried.
const STARTS_MAX: usize = 4;

#[derive(Debug)]
pub(super) struct Pattern {
    regex: Regex,
    /// The number of the group that is the secret; 0 is the whole match.
    group: usize,
    /// How far before a keyword's hit a match can start; none if that is not known.
    starts: Option<Vec<usize>>,
}

/// A match: all of it, and the secret in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Match {
    pub(super) whole: Range<usize>,
    pub(super) secret: Range<usize>,
}

impl Pattern {
    pub(super) fn new(rule: &Rule) -> Result<Self, Box<BuildError>> {
        let syntax = syntax::Config::new().unicode(false).utf8(false).case_insensitive(rule.ignore_case);
        let config = Config::new().utf8_empty(false).nfa_size_limit(Some(SIZE_MAX));
        let regex = Regex::builder().syntax(syntax).configure(config).build(&rule.pattern)?;
        let group = regex.group_info().to_index(regex_automata::PatternID::ZERO, "secret").unwrap_or(0);
        Ok(Self { regex, group, starts: starts(&rule.pattern, &rule.keywords) })
    }

    pub(super) fn starts(&self) -> Option<&[usize]> {
        self.starts.as_deref()
    }

    /// The match that starts here and ends before `end`.
    pub(super) fn at(&self, text: &[u8], start: usize, end: usize) -> Option<Match> {
        self.run(&Input::new(text).span(Span { start, end }).anchored(Anchored::Yes))
    }

    /// The first match in the window.
    pub(super) fn within(&self, text: &[u8], window: Range<usize>) -> Option<Match> {
        self.run(&Input::new(text).span(Span::from(window)))
    }

    fn run(&self, input: &Input<'_>) -> Option<Match> {
        if self.group == 0 {
            let whole = self.regex.search(input)?.range();
            return Some(Match { secret: whole.clone(), whole });
        }
        if !self.regex.is_match(input.clone()) {
            return None;
        }
        let mut captures: Captures = self.regex.create_captures();
        self.regex.search_captures(input, &mut captures);
        let whole = captures.get_match()?.range();
        let secret = captures.get_group(self.group).map_or(whole.clone(), |span| span.range());
        Some(Match { whole, secret })
    }
}

/// The distances from a match's start to a keyword, if each way the pattern can begin has one.
fn starts(pattern: &str, keywords: &[Vec<u8>]) -> Option<Vec<usize>> {
    // Without case there would be too many beginnings to list; the keywords are in lower case anyway.
    let pattern = pattern.replacen("(?i)", "", 1);
    let hir = regex_syntax::ParserBuilder::new().unicode(false).utf8(false).build().parse(&pattern).ok()?;
    let mut starts = Vec::new();
    for literal in Extractor::new().extract(&hir).literals()? {
        let literal = literal.as_bytes().to_ascii_lowercase();
        let found = keywords.iter().filter_map(|word| memchr::memmem::find(&literal, word)).min()?;
        if !starts.contains(&found) {
            starts.push(found);
        }
    }
    (!starts.is_empty() && starts.len() <= STARTS_MAX).then_some(starts)
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_pattern_is_tried_where_its_keyword_must_be() {
        for (pattern, keywords, expected) in [
            ("ghp_[0-9A-Za-z]{36}", vec!["ghp_"], Some(vec![0])),
            ("gh[ps]_[0-9A-Za-z]{36}", vec!["ghp_", "ghs_"], Some(vec![0])),
            ("gh[psr]_[0-9A-Za-z]{36}", vec!["ghp_", "ghs_"], None),
            ("https?://hooks\\.test/[a-z]+", vec!["hooks.test"], Some(vec![8, 7])),
            ("(?i)password *= *[a-z]+", vec!["password"], Some(vec![0])),
            ("[a-z]+password", vec!["password"], None),
            (".{0,20}key", vec!["key"], None),
            ("(?:x )?key=", vec!["key"], Some(vec![2, 0])),
        ] {
            let keywords: Vec<Vec<u8>> = keywords.iter().map(|word| word.as_bytes().to_vec()).collect();
            assert_eq!(super::starts(pattern, &keywords), expected, "{pattern}");
        }
    }
}
