//! GitLab: sections, in each of which the last line that matches counts, and lines that take paths out again.
//!
//! Patterns are those of Ruby's `File.fnmatch` with its flags for paths and dot files. A line without an owner is one that
//! nobody can approve. A heading that does not close starts a section all the same: GitLab lets the lines below it
//! overrule those above it.

use crate::policy::codeowners::glob::{Class, Glob, Segment, Tail, Token, character};
use crate::policy::codeowners::sections::{Claim, Need, Rule, Section};
use crate::policy::codeowners::{
    CodeOwnersError, Flaw, Notes, Owner, PATTERN_BYTES_MAX, Syntax, lines, split_pattern, words,
};

pub fn parse(text: &[u8], notes: &mut Notes) -> Result<Vec<Section>, CodeOwnersError> {
    let mut sections = vec![Section::new(None, Need::Required)];
    let mut here = Heading { section: 0, approvals: 1, owners: Vec::new() };
    for (line, text) in lines(text) {
        notes.count_rule()?;
        if let Some(text) = text.strip_prefix(b"^[") {
            here = read_heading(line, text, Need::Optional, &mut sections, notes);
        } else if let Some(text) = text.strip_prefix(b"[") {
            here = read_heading(line, text, Need::Required, &mut sections, notes);
        } else if let Some(section) = sections.get_mut(here.section) {
            read_entry(line, text, &here, section, notes);
        }
    }
    Ok(sections)
}

/// What the last heading says of the entries below it.
struct Heading {
    section: usize,
    approvals: usize,
    /// For entries that name none.
    owners: Vec<Owner>,
}

/// Reads a heading after its `[`, and finds its section or adds it.
fn read_heading(line: usize, text: &[u8], need: Need, sections: &mut Vec<Section>, notes: &mut Notes) -> Heading {
    let close = text.iter().position(|b| *b == b']');
    let (name, rest) = text.split_at(close.unwrap_or(text.len()));
    let mut rest = rest.get(1..).unwrap_or_default();
    let mut is_plain = close.is_some() && !name.is_empty();
    let mut approvals = 1;
    if let Some(inner) = rest.strip_prefix(b"[") {
        let close = inner.iter().position(|b| *b == b']').unwrap_or(inner.len());
        let (number, after) = inner.split_at(close);
        let number = number.trim_ascii();
        is_plain &= !number.is_empty() && number.iter().all(u8::is_ascii_digit);
        // A number that is none is 1, as GitLab has it; one too large asks for more than there can be.
        approvals = if is_plain { decimal(number).max(1) } else { 1 };
        rest = after.get(1..).unwrap_or_default();
    }
    let mut words = words(rest).peekable();
    let owners = if words.peek().is_some() { notes.owners(line, Syntax::GitLab, words) } else { Vec::new() };
    if !is_plain {
        notes.flaw(line, Flaw::Heading);
    }
    let name = String::from_utf8_lossy(name).into_owned();
    let is_same = |section: &Section| section.name.as_ref().is_some_and(|n| n.to_lowercase() == name.to_lowercase());
    let section = sections.iter().position(is_same).unwrap_or_else(|| {
        sections.push(Section::new(Some(name.clone()), need));
        sections.len() - 1
    });
    // One heading that is not optional makes its section required.
    if let (Need::Required, Some(section)) = (need, sections.get_mut(section)) {
        section.need = Need::Required;
    }
    Heading { section, approvals, owners }
}

fn decimal(digits: &[u8]) -> usize {
    digits.iter().fold(0, |number: usize, digit| number.saturating_mul(10).saturating_add(usize::from(*digit - b'0')))
}

fn read_entry(line: usize, text: &[u8], heading: &Heading, section: &mut Section, notes: &mut Notes) {
    let (pattern, rest) = split_pattern(text);
    let (pattern, is_exception) = match pattern.strip_prefix(b"!") {
        Some(pattern) => (pattern, true),
        None => (pattern, false),
    };
    let is_readable = pattern.len() <= PATTERN_BYTES_MAX && !pattern.is_empty();
    if !is_readable && is_exception {
        // GitLab takes a bare `!` for an exception of everything.
        notes.flaw(line, Flaw::NotAnException);
        return;
    }
    let glob = if is_readable { read_pattern(pattern) } else { Glob::everything() };
    if glob.matches_nothing() {
        notes.flaw(line, Flaw::MatchesNothing);
    }
    if is_exception {
        section.exceptions.push(glob);
        return;
    }
    // The same pattern again stands in the place of the one before, and so of an exception.
    section.exceptions.retain(|exception| *exception != glob);
    let mut words = words(rest).peekable();
    let owners = if !is_readable {
        notes.flaw(line, Flaw::Unreadable);
        Vec::new()
    } else if words.peek().is_some() || heading.owners.is_empty() {
        notes.owners(line, Syntax::GitLab, words)
    } else {
        heading.owners.clone()
    };
    section.add(Rule { line, glob, claim: Claim::Owned(owners), approvals: heading.approvals });
}

/// A pattern that does not start with `/` is looked for in every directory, and one that ends in `/` means all below.
fn read_pattern(pattern: &[u8]) -> Glob {
    let mut segments = read_segments(pattern);
    let mut all = Vec::new();
    if pattern.starts_with(b"/") {
        segments.remove(0);
    } else {
        all.push(Segment::Any);
    }
    let last = segments.pop().unwrap_or_default();
    let is_any = |tokens: &[Token]| tokens == [Token::Star, Token::Star];
    all.extend(segments.into_iter().map(|t| if is_any(&t) { Segment::Any } else { Segment::part(t) }));
    if last.is_empty() {
        all.extend([Segment::Any, Segment::star()]);
    } else {
        // `**` at the end is no more than `*`.
        all.push(Segment::part(last));
    }
    Glob::new(all, Tail::Exact)
}

/// The pattern between its slashes; at least one.
fn read_segments(pattern: &[u8]) -> Vec<Vec<Token>> {
    let mut segments = Vec::new();
    let mut tokens = Vec::new();
    let mut rest = pattern;
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        match byte {
            b'*' => tokens.push(Token::Star),
            b'?' => tokens.push(Token::One),
            b'/' => segments.push(std::mem::take(&mut tokens)),
            b'[' => {
                let (class, after) = read_class(rest);
                tokens.push(Token::Class(class));
                rest = after;
            }
            b'\\' => match rest.split_first() {
                Some((b'/', after)) => {
                    segments.push(std::mem::take(&mut tokens));
                    rest = after;
                }
                Some((escaped, after)) => {
                    tokens.push(Token::Byte(if escaped.is_ascii_whitespace() { b' ' } else { *escaped }));
                    rest = after;
                }
                None => tokens.push(Token::Byte(b'\\')),
            },
            byte => tokens.push(Token::Byte(*byte)),
        }
    }
    segments.push(tokens);
    segments
}

/// A class after its `[`, and what follows it. One that does not close matches nothing.
fn read_class(text: &[u8]) -> (Class, &[u8]) {
    let start = text.strip_prefix(b"!").or_else(|| text.strip_prefix(b"^"));
    let mut class = Class { is_negated: start.is_some(), ranges: Vec::new() };
    let mut rest = start.unwrap_or(text);
    loop {
        if let Some(after) = rest.strip_prefix(b"]") {
            return (class, after);
        }
        let Some((first, after)) = class_character(rest) else { return (Class::NOTHING, b"") };
        rest = after;
        let upper = rest.strip_prefix(b"-").filter(|upper| !upper.starts_with(b"]"));
        let last = upper.and_then(class_character);
        if let Some((_, after)) = last {
            rest = after;
        }
        class.ranges.push((first, last.map_or(first, |(last, _)| last)));
    }
}

fn class_character(text: &[u8]) -> Option<(u32, &[u8])> {
    let text = text.strip_prefix(b"\\").unwrap_or(text);
    let (character, length) = character(text)?;
    Some((character, text.get(length..).unwrap_or_default()))
}
