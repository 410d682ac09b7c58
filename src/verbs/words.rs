//! The words of a verb's line, taken out one by one.

use super::grammar::GrammarError;
use crate::model::{PrincipalName, PushId, RepoName};
use jiff::SignedDuration;

/// The words of a line that nobody has used yet.
pub struct Words<'a> {
    pub list: Vec<&'a str>,
    pub next: usize,
    reason: Option<&'a str>,
    pub usage: &'static str,
}

impl<'a> Words<'a> {
    pub fn new(line: &'a str) -> Result<Self, GrammarError> {
        let line = line.trim_matches([' ', '\t']);
        let (words, reason) = match [" -m ", "\t-m "].iter().filter_map(|mark| line.find(mark)).min() {
            Some(at) => (line.get(..at).unwrap_or_default(), line.get(at + 4..)),
            None => (line, None),
        };
        let list: Vec<&str> = words.split([' ', '\t']).filter(|word| !word.is_empty()).collect();
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-/:,=@+*{}!".contains(c);
        if !list.iter().all(|word| word.chars().all(is_plain)) {
            return Err(GrammarError::Word);
        }
        Ok(Self { list, next: 0, reason, usage: "" })
    }

    pub fn wrong(&self) -> GrammarError {
        GrammarError::Usage(self.usage)
    }

    pub fn optional(&mut self) -> Option<&'a str> {
        let word = self.list.get(self.next).copied().filter(|word| !word.starts_with('-'))?;
        self.next += 1;
        Some(word)
    }

    pub fn required(&mut self) -> Result<&'a str, GrammarError> {
        self.optional().ok_or(GrammarError::Usage(self.usage))
    }

    pub fn flag(&mut self, name: &str) -> bool {
        let at = self.list.iter().position(|word| *word == name);
        at.is_some_and(|at| self.list.remove(at) == name)
    }

    /// `--name VALUE` or `--name=VALUE`.
    pub fn option(&mut self, name: &str) -> Result<Option<&'a str>, GrammarError> {
        let joined = |word: &&&'a str| word.strip_prefix(name).is_some_and(|rest| rest.starts_with('='));
        if let Some(word) = self.list.iter().find(joined).copied() {
            self.list.retain(|other| *other != word);
            return Ok(word.get(name.len() + 1..));
        }
        let Some(at) = self.list.iter().position(|word| *word == name) else { return Ok(None) };
        if at + 1 >= self.list.len() {
            return Err(self.wrong());
        }
        self.list.remove(at);
        Ok(Some(self.list.remove(at)))
    }

    pub fn repo(&mut self) -> Result<RepoName, GrammarError> {
        repo(self.required()?)
    }

    pub fn push(&mut self) -> Result<PushId, GrammarError> {
        push(self.required()?)
    }

    pub fn principal(&mut self) -> Result<PrincipalName, GrammarError> {
        principal(self.required()?)
    }

    /// What follows `-m`, without one pair of quotes around it.
    pub fn reason(&mut self) -> String {
        let text = self.reason.take().unwrap_or_default().trim();
        let unquoted = ['"', '\''].iter().find_map(|quote| text.strip_prefix(*quote)?.strip_suffix(*quote));
        unquoted.unwrap_or(text).to_owned()
    }

    pub fn finish(&self) -> Result<(), GrammarError> {
        let is_done = self.next >= self.list.len() && self.reason.is_none();
        if is_done { Ok(()) } else { Err(GrammarError::Usage(self.usage)) }
    }
}

/// `90s`, `30min`, `8h`, `7d`.
pub fn duration(word: &str) -> Result<SignedDuration, GrammarError> {
    let digits = word.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let number: i64 = digits.parse().map_err(|_| GrammarError::Time)?;
    let unit = match word.get(digits.len()..).unwrap_or_default() {
        "s" => 1,
        "m" | "min" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return Err(GrammarError::Time),
    };
    let seconds = number.checked_mul(unit).filter(|s| (1..=3_153_600_000).contains(s)).ok_or(GrammarError::Time)?;
    Ok(SignedDuration::from_secs(seconds))
}

pub fn push(word: &str) -> Result<PushId, GrammarError> {
    PushId::parse(word).map_err(|_| GrammarError::PushId)
}

pub fn repo(word: &str) -> Result<RepoName, GrammarError> {
    RepoName::parse(word).map_err(|_| GrammarError::Name)
}

pub fn principal(word: &str) -> Result<PrincipalName, GrammarError> {
    PrincipalName::parse(word).map_err(|_| GrammarError::Name)
}
