//! A list of patterns with exceptions, read in one of two ways: as a permission or as a prohibition.

use crate::policy::pattern::{Pattern, PatternOf, Place, Subject, Who};
use crate::strict::{Problem, Span, Value};

/// Patterns, and the exceptions to them that start with `!`. Their order does not matter.
#[derive(Debug, Clone)]
pub struct PatternList {
    plus: Vec<Pattern>,
    minus: Vec<Pattern>,
}

/// What of a list decides on a name.
#[derive(Debug, Clone, Copy)]
pub enum Why<'a> {
    /// This pattern matches, and no exception does.
    Pattern(&'a Pattern),
    /// A pattern matches, and so does this exception.
    Exception(&'a Pattern),
    Nothing,
}

impl<'a> Why<'a> {
    fn new(pattern: Option<&'a Pattern>, exception: Option<&'a Pattern>) -> Self {
        match (pattern, exception) {
            (None, _) => Self::Nothing,
            (Some(_), Some(exception)) => Self::Exception(exception),
            (Some(pattern), None) => Self::Pattern(pattern),
        }
    }
}

impl PatternList {
    /// Reads a string or an array of strings.
    pub fn read(value: Value<'_, '_>, of: PatternOf, problems: &mut Vec<Problem>) -> Option<Self> {
        let items = one_or_more(value, problems)?;
        Self::parse(&items, of, value.span(), problems)
    }

    /// The same with further exceptions, which `value` lists without their `!`.
    pub fn except(mut self, value: Value<'_, '_>, of: PatternOf, problems: &mut Vec<Problem>) -> Option<Self> {
        let list = Self::read(value, of, problems)?;
        let unsatisfiable = match list.minus.is_empty() {
            true => None,
            false => Some(Problem::new(value.span(), "an exception has no exceptions").help("leave the `!` out")),
        };
        self.minus.extend(list.plus);
        let problem = unsatisfiable.or_else(|| self.unsatisfiable(value.span()));
        let is_good = problem.is_none();
        problems.extend(problem);
        is_good.then_some(self)
    }

    fn parse(items: &[(&str, Span)], of: PatternOf, span: Span, problems: &mut Vec<Problem>) -> Option<Self> {
        let before = problems.len();
        let mut list = Self { plus: Vec::new(), minus: Vec::new() };
        for (text, span) in items {
            let (text, into) = match text.strip_prefix('!') {
                Some(exception) => (exception, &mut list.minus),
                None => (*text, &mut list.plus),
            };
            match Pattern::parse(text, of) {
                Ok(pattern) => into.push(pattern),
                Err(bad) => problems.push(Problem::new(span.clone(), bad.to_string()).help(bad.help())),
            }
        }
        if problems.len() > before {
            return None;
        }
        if let Some(problem) = list.unsatisfiable(span) {
            problems.push(problem);
            return None;
        }
        Some(list)
    }

    /// Ref patterns from the operator's settings, where they have been checked for their type only.
    pub fn of_refs(texts: &[String]) -> Result<Self, String> {
        let items: Vec<(&str, Span)> = texts.iter().map(|text| (text.as_str(), 0..0)).collect();
        let mut problems = Vec::new();
        let list = Self::parse(&items, PatternOf::AnyRef, 0..0, &mut problems);
        list.ok_or_else(|| problems.iter().map(|p| p.message.as_str()).collect::<Vec<_>>().join("; "))
    }

    /// Patterns that are known to be good.
    #[must_use]
    pub fn fixed(texts: &[&str], of: PatternOf) -> Self {
        let plus = texts.iter().map(|t| Pattern::parse(t, of).expect("a fixed pattern is good")).collect();
        Self { plus, minus: Vec::new() }
    }

    fn unsatisfiable(&self, span: Span) -> Option<Problem> {
        if self.plus.is_empty() && !self.minus.is_empty() {
            let problem = Problem::new(span, "a list of nothing but exceptions matches nothing");
            return Some(problem.help("add what they are exceptions from, such as `**`"));
        }
        let gone = |plus: &Pattern| self.minus.iter().any(|minus| minus.covers(plus));
        if !self.plus.is_empty() && self.plus.iter().all(gone) {
            return Some(Problem::new(span, "the exceptions leave nothing to match"));
        }
        None
    }

    /// As a permission: byte for byte, and nothing that touches an exception in any spelling.
    #[must_use]
    pub fn allows(&self, subject: &Subject<'_>, who: Who<'_>) -> bool {
        self.plus.iter().any(|p| p.matches(subject, who)) && !self.minus.iter().any(|p| p.touches(subject, who))
    }

    /// Whether it is a permission for anybody at all. An exception for a principal's own names is none for others.
    #[must_use]
    pub fn allows_anyone(&self, subject: &Subject<'_>) -> bool {
        let who = Who::Anyone;
        let mut general = self.minus.iter().filter(|p| !p.has_principal());
        self.plus.iter().any(|p| p.matches(subject, who)) && !general.any(|p| p.touches(subject, who))
    }

    /// As a permission for all that may lie at or below a name, for where a link points to.
    #[must_use]
    pub fn allows_below(&self, name: &[u8], who: Who<'_>) -> bool {
        // Any name that is not an exception's own stands for all that is below.
        let below = [name, b"/\0"].concat();
        let (itself, below) = (Subject::new(name, Place::Link), Subject::new(&below, Place::Plain));
        let granted = |subject: &Subject<'_>| self.plus.iter().any(|p| p.matches(subject, who));
        (granted(&itself) || granted(&below)) && !self.minus.iter().any(|p| p.touches(&itself, who))
    }

    /// As a prohibition: in any spelling, and only an exact exception counts.
    #[must_use]
    pub fn forbids(&self, subject: &Subject<'_>, who: Who<'_>) -> bool {
        self.plus.iter().any(|p| p.touches(subject, who)) && !self.minus.iter().any(|p| p.matches(subject, who))
    }

    /// Why it is a permission or not.
    #[must_use]
    pub fn why_allows(&self, subject: &Subject<'_>, who: Who<'_>) -> Why<'_> {
        let exception = self.minus.iter().find(|p| p.touches(subject, who));
        Why::new(self.plus.iter().find(|p| p.matches(subject, who)), exception)
    }

    /// Why it is a prohibition or not.
    #[must_use]
    pub fn why_forbids(&self, subject: &Subject<'_>, who: Who<'_>) -> Why<'_> {
        let exception = self.minus.iter().find(|p| p.matches(subject, who));
        Why::new(self.plus.iter().find(|p| p.touches(subject, who)), exception)
    }

    /// Whether every name the other list matches is surely matched by this one.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        self.minus.is_empty() && other.plus.iter().all(|theirs| self.plus.iter().any(|ours| ours.covers(theirs)))
    }

    #[must_use]
    pub fn is_everything(&self) -> bool {
        self.minus.is_empty() && self.plus.iter().any(Pattern::is_everything)
    }

    #[must_use]
    pub fn patterns(&self) -> &[Pattern] {
        &self.plus
    }

    /// As written, with the principal's name filled in.
    #[must_use]
    pub fn show(&self, name: &str) -> Vec<String> {
        let plus = self.plus.iter().map(|p| p.show(name));
        let minus = self.minus.iter().map(|p| format!("!{}", p.show(name)));
        plus.chain(minus).collect()
    }
}

/// A string or an array of at least one.
pub fn one_or_more<'t>(value: Value<'t, '_>, problems: &mut Vec<Problem>) -> Option<Vec<(&'t str, Span)>> {
    if let Some(one) = value.as_str() {
        return Some(vec![(one, value.span())]);
    }
    let many = value.strings(problems)?;
    if many.is_empty() {
        problems.push(Problem::new(value.span(), "an empty list matches nothing"));
        return None;
    }
    Some(many)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHO: Who<'static> = Who::Named("claude-1");

    fn list(items: &[&str]) -> Result<PatternList, Vec<Problem>> {
        let items: Vec<_> = items.iter().map(|i| (*i, 0..1)).collect();
        let mut problems = Vec::new();
        PatternList::parse(&items, PatternOf::Path, 0..1, &mut problems).ok_or(problems)
    }

    #[test]
    fn a_permission_is_exact_and_its_exceptions_are_wide() {
        let list = list(&["src/**", "README.md", "!src/keys/**"]).expect("a list");
        let table = [
            ("src/a", Place::Plain, true),
            ("README.md", Place::Plain, true),
            ("Src/a", Place::Plain, false),
            ("readme.md", Place::Plain, false),
            ("src", Place::Plain, false),
            ("src/keys/a", Place::Plain, false),
            ("src/KEYS/a", Place::Plain, false),
            ("src/keys./a", Place::Plain, false),
            ("src/keys", Place::Plain, false),
            ("src/keys", Place::Link, false),
            ("src/other", Place::Link, true),
        ];
        for (name, place, allowed) in table {
            assert_eq!(list.allows(&Subject::new(name.as_bytes(), place), WHO), allowed, "{name}");
        }
    }

    #[test]
    fn a_prohibition_is_wide_and_its_exceptions_are_exact() {
        let list = list(&["conf/**", "!conf/local/**"]).expect("a list");
        let table = [
            ("conf/a", true),
            ("CONF/a", true),
            ("conf/local/a", false),
            ("conf/Local/a", true),
            ("CONF/local/a", true),
            ("conf/local", true),
            ("other", false),
        ];
        for (name, forbidden) in table {
            assert_eq!(list.forbids(&Subject::name(name.as_bytes()), WHO), forbidden, "{name}");
        }
    }

    #[test]
    fn what_lies_below_a_name_is_allowed_as_a_whole_or_not() {
        let list = list(&["src/**", "docs/*.md", "!src/gen/keys/**"]).expect("a list");
        let table = [
            ("src", false),
            ("src/lib", true),
            ("src/lib/x.rs", true),
            ("src/gen", false),
            ("src/gen/keys", false),
            ("src/gen/other", true),
            ("docs", false),
            ("docs/a.md", true),
            ("infra", false),
        ];
        for (name, allowed) in table {
            assert_eq!(list.allows_below(name.as_bytes(), WHO), allowed, "{name}");
        }
        assert!(super::tests::list(&["src/**"]).expect("a list").allows_below(b"src", WHO));
    }

    #[test]
    fn lists_that_match_nothing_are_errors() {
        for items in [&["!a"][..], &["a", "!a"], &["a/b", "a/c/**", "!a/**"], &["a", "!**"], &["a", "b/"]] {
            assert!(list(items).is_err(), "{items:?}");
        }
        assert!(list(&["a", "b", "!a"]).is_ok());
        assert!(list(&["**", "!a/**"]).is_ok());
    }

    #[test]
    fn shows_the_name_in_place() {
        let list = list(&["home/{principal}/**", "!home/{principal}/x"]).expect("a list");
        assert_eq!(list.show("claude-1"), ["home/claude-1/**", "!home/claude-1/x"]);
    }
}
