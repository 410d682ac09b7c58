//! Gitea and Forgejo: each line is a regular expression over the path, and every one that matches asks for an approval.
//!
//! Expressions are compiled some at a time into one automaton each, so that a path is not matched against each alone.

use crate::policy::codeowners::go_regex::from_go;
use crate::policy::codeowners::{CodeOwnersError, Demand, Flaw, Notes, Owner, PATTERN_BYTES_MAX, Syntax, lines};
use regex::bytes::{RegexSet, RegexSetBuilder};

/// Bounds of one compiled expression; of a set, as many times that.
const COMPILED_BYTES_MAX: usize = 32 * 1024;
const SET_LENGTH: usize = 32;
const DFA_BYTES_MAX: usize = 512 * 1024;

#[derive(Debug, Default)]
pub struct Expressions {
    rules: Vec<Rule>,
    sets: Vec<Set>,
}

#[derive(Debug)]
struct Rule {
    line: usize,
    asks: Asks,
    owners: Vec<Owner>,
}

/// When a rule asks for its owners.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asks {
    IfMatched,
    /// `!`
    IfNotMatched,
    Always,
}

#[derive(Debug)]
struct Set {
    /// The rule of each expression.
    rules: Vec<usize>,
    regexes: RegexSet,
}

pub fn parse(text: &[u8], notes: &mut Notes) -> Result<Expressions, CodeOwnersError> {
    let mut all = Expressions::default();
    let mut compiled = Vec::new();
    for (line, text) in lines(text) {
        let words = read_words(&characters(text));
        let Some((pattern, owners)) = words.split_first() else { continue };
        notes.count_rule()?;
        let (pattern, asks) = match pattern.strip_prefix('!') {
            Some(pattern) => (pattern, Asks::IfNotMatched),
            None => (pattern.as_str(), Asks::IfMatched),
        };
        let owners = notes.owners(line, Syntax::Gitea, owners.iter().map(|word| word.as_bytes()));
        match from_go(pattern).filter(|_| pattern.len() <= PATTERN_BYTES_MAX) {
            // Put together as Gitea does: `a|b` is tied to the start in one half only, and to the end in the other.
            Some(expression) => compiled.push((all.rules.len(), format!("^{expression}$"))),
            None => compiled.push((all.rules.len(), "(".to_owned())),
        }
        all.rules.push(Rule { line, asks, owners });
    }
    let mut bad = Vec::new();
    compiled.chunks(SET_LENGTH).for_each(|some| compile(some, &mut all.sets, &mut bad));
    for rule in bad {
        if let Some(rule) = all.rules.get_mut(rule) {
            (rule.asks, rule.owners) = (Asks::Always, Vec::new());
            notes.flaw(rule.line, Flaw::Unreadable);
        }
    }
    Ok(all)
}

/// Compiles these into one set; if that fails, into as many as it takes to find the bad ones.
fn compile(some: &[(usize, String)], sets: &mut Vec<Set>, bad: &mut Vec<usize>) {
    let regexes = RegexSetBuilder::new(some.iter().map(|(_, expression)| expression))
        // Gitea is given a path with a newline in quotes, of one line.
        .dot_matches_new_line(true)
        .size_limit(COMPILED_BYTES_MAX.saturating_mul(some.len()))
        .dfa_size_limit(DFA_BYTES_MAX)
        .build();
    match (regexes, some) {
        (Ok(regexes), _) => sets.push(Set { rules: some.iter().map(|(rule, _)| *rule).collect(), regexes }),
        (Err(_), [(rule, _)]) => bad.push(*rule),
        (Err(_), some) => {
            let (first, second) = some.split_at(some.len() / 2);
            compile(first, sets, bad);
            compile(second, sets, bad);
        }
    }
}

/// A backslash takes the meaning of the next character; `#` ends the line wherever it stands.
fn read_words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut characters = line.chars();
    while let Some(c) = characters.next() {
        match c {
            '\\' => word.extend(characters.next()),
            '#' => break,
            ' ' | '\t' => words.push(std::mem::take(&mut word)),
            c => word.push(c),
        }
    }
    words.push(word);
    words.retain(|word| !word.is_empty());
    words
}

/// As Go sees bytes that are not UTF-8: each is U+FFFD.
fn characters(text: &[u8]) -> String {
    let mut shown = String::with_capacity(text.len());
    for chunk in text.utf8_chunks() {
        shown.push_str(chunk.valid());
        shown.extend(chunk.invalid().iter().map(|_| char::REPLACEMENT_CHARACTER));
    }
    shown
}

impl Expressions {
    pub fn demands(&self, path: &[u8]) -> Vec<Demand> {
        let path = characters(path);
        let mut matched = vec![false; self.rules.len()];
        for set in &self.sets {
            for at in &set.regexes.matches(path.as_bytes()) {
                if let Some(matched) = set.rules.get(at).and_then(|rule| matched.get_mut(*rule)) {
                    *matched = true;
                }
            }
        }
        let asking = self.rules.iter().zip(matched).filter(|(rule, is_matched)| match rule.asks {
            Asks::IfMatched => *is_matched,
            Asks::IfNotMatched => !is_matched,
            Asks::Always => true,
        });
        let demand = |rule: &Rule| Demand { section: None, owners: rule.owners.clone(), approvals: 1, line: rule.line };
        asking.map(|(rule, _)| demand(rule)).collect()
    }
}
