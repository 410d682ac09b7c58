//! A strict reader for TOML: every key is known or it is an error, and every error shows its place.
//!
//! Both `refgate.toml` and `policy.toml` are read with it. serde is not used here because its tagged enums lose the
//! spans, and an error without a line helps nobody.

mod amount;
mod key;

use crate::model::is_invisible;
pub(crate) use crate::strict::amount::parse_bytes;
use crate::strict::amount::parse_duration;
pub use crate::strict::key::{Key, Layer, quoted};
use std::fmt;
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

pub type Span = Range<usize>;

/// One thing wrong with a document, at a place in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    pub span: Span,
    pub message: String,
    /// What to do about it; may be empty.
    pub help: String,
}

impl Problem {
    pub fn new(span: Span, message: impl Into<String>) -> Self {
        Self { span, message: message.into(), help: String::new() }
    }

    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = help.into();
        self
    }
}

/// All problems of one document, ready to print with file, line, column and caret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Problems {
    pub file: String,
    pub text: String,
    pub list: Vec<Problem>,
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.list.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            render(f, "error", &self.file, &self.text, problem)?;
        }
        Ok(())
    }
}

/// Writes a problem as a compiler does: `error: …`, `--> file:line:column`, the line, a caret below it.
pub fn render(f: &mut impl fmt::Write, level: &str, file: &str, text: &str, problem: &Problem) -> fmt::Result {
    let (line, column) = position(text, problem.span.start);
    let source = text.lines().nth(line - 1).unwrap_or("");
    let margin = " ".repeat(line.to_string().len());
    let width = problem.span.len().clamp(1, source.len().saturating_sub(column - 1).max(1));
    let before: String = source.chars().take(column - 1).map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
    writeln!(f, "{level}: {}", visible(&problem.message))?;
    writeln!(f, "{margin}--> {file}:{line}:{column}")?;
    writeln!(f, "{margin} |")?;
    writeln!(f, "{line} | {}", visible(source))?;
    writeln!(f, "{margin} | {before}{}", "^".repeat(width))?;
    if !problem.help.is_empty() {
        writeln!(f, "{margin} = help: {}", visible(&problem.help))?;
    }
    Ok(())
}

/// One character for one, so that the caret stays below what it points at.
fn visible(text: &str) -> String {
    let hides = |c: char| (c.is_control() && c != '\t' && c != '\n') || is_invisible(c);
    text.chars().map(|c| if hides(c) { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

/// Line and column, both from 1, the column in characters.
#[must_use]
pub fn position(text: &str, offset: usize) -> (usize, usize) {
    let offset = offset.min(text.len());
    let before = text.get(..offset).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
    (line, column)
}

/// Parses a document and hands its root table to `read`; syntax errors come back alone, the others all at once.
///
/// A `read` that gives `None` may have stopped early. The keys it never came to are then not called unknown: a false
/// error misleads more than a late one. A reader that wants both reads on and gives `Some`.
pub fn parse<T>(
    file: &str,
    text: &str,
    read: impl FnOnce(&mut Table<'_, '_>, &mut Vec<Problem>) -> Option<T>,
) -> Result<T, Problems> {
    let fail = |list| Problems { file: file.to_owned(), text: text.to_owned(), list };
    let document = DeTable::parse(text)
        .map_err(|error| fail(vec![Problem::new(error.span().unwrap_or(0..0), error.message().to_owned())]))?;
    let mut problems = Vec::new();
    let mut root = Table::new(document.get_ref(), 0..0);
    let value = read(&mut root, &mut problems);
    if value.is_some() {
        root.finish(&mut problems);
    }
    problems.sort_by_key(|p| p.span.start);
    match value {
        Some(value) if problems.is_empty() => Ok(value),
        _ => Err(fail(problems)),
    }
}

/// A table being read: remembers which keys were asked for, and names the rest as unknown when it is finished.
pub struct Table<'t, 'i> {
    table: &'t DeTable<'i>,
    /// Of another document: has the keys that this table has not.
    base: Option<&'t DeTable<'i>>,
    pub span: Span,
    /// Instead of the places of keys and values, if they are of another document.
    place: Option<Place>,
    known: Vec<&'static str>,
}

/// A value with its place.
#[derive(Clone, Copy)]
pub struct Value<'t, 'i> {
    value: &'t Spanned<DeValue<'i>>,
    place: Option<Place>,
}

/// A span that can be copied.
type Place = (usize, usize);

impl<'t, 'i> Table<'t, 'i> {
    fn new(table: &'t DeTable<'i>, span: Span) -> Self {
        Self { table, base: None, span, place: None, known: Vec::new() }
    }

    /// The value of a key, which is from now on a known key of this table.
    pub fn get(&mut self, key: &'static str) -> Option<Value<'t, 'i>> {
        self.known.push(key);
        let own = self.table.get(key).map(|value| Value { value, place: self.place });
        let here = Some((self.span.start, self.span.end));
        own.or_else(|| self.base?.get(key).map(|value| Value { value, place: here }))
    }

    /// All keys and values, for tables whose keys are names; they all count as known.
    pub fn entries(&mut self) -> Vec<(String, Span, Value<'t, 'i>)> {
        self.known.push("*");
        let place = self.place;
        let all = self.table.iter();
        let mut list: Vec<_> =
            all.map(|(k, value)| (k.get_ref().to_string(), placed(place, k.span()), Value { value, place })).collect();
        list.sort_by_key(|(_, span, _)| span.start);
        list
    }

    pub fn require(&mut self, key: &'static str, problems: &mut Vec<Problem>) -> Option<Value<'t, 'i>> {
        let value = self.get(key);
        if value.is_none() {
            let problem = Problem::new(self.span.clone(), format!("the key `{key}` is missing here"));
            problems.push(problem.help(self.near_miss(key)));
        }
        value
    }

    /// What may be a wrong spelling of a key that is missing.
    fn near_miss(&self, key: &str) -> String {
        let near = self.table.keys().map(|k| k.get_ref()).find(|k| distance(k, key) <= 2);
        near.map(|k| format!("is `{}` meant to be it?", k.escape_debug())).unwrap_or_default()
    }

    /// Names every key that nobody asked for.
    pub fn finish(&self, problems: &mut Vec<Problem>) {
        if self.known.contains(&"*") {
            return;
        }
        for key in self.table.keys() {
            let name: &str = key.get_ref();
            if !self.known.contains(&name) {
                let span = placed(self.place, key.span());
                let problem = Problem::new(span, format!("unknown key `{}`", name.escape_debug()));
                problems.push(problem.help(suggest(name, &self.known)));
            }
        }
    }
}

fn placed(place: Option<Place>, own: Span) -> Span {
    place.map_or(own, |(start, end)| start..end)
}

/// "did you mean `x`?" for a near miss, else the list of what is possible.
#[must_use]
pub fn suggest(name: &str, known: &[&str]) -> String {
    let near = known.iter().map(|k| (distance(name, k), *k)).min();
    match near {
        Some((d, k)) if d <= 2 && d < k.len() => format!("did you mean `{k}`?"),
        _ if known.is_empty() => String::new(),
        _ => format!("known here: {}", known.join(", ")),
    }
}

/// Edit distance, in which two swapped neighbours count as one slip.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut before: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    let mut previous = None;
    for (i, ca) in a.chars().enumerate() {
        let mut next = vec![i + 1];
        for (j, cb) in b.iter().enumerate() {
            let mut cost = (row[j] + usize::from(ca != *cb)).min(row[j + 1] + 1).min(next[j] + 1);
            if j > 0 && previous == Some(*cb) && b[j - 1] == ca {
                cost = cost.min(before[j - 1] + 1);
            }
            next.push(cost);
        }
        before = std::mem::replace(&mut row, next);
        previous = Some(ca);
    }
    row[b.len()]
}

impl<'t, 'i> Value<'t, 'i> {
    #[must_use]
    pub fn span(self) -> Span {
        placed(self.place, self.value.span())
    }

    fn wrong(self, expected: &str, problems: &mut Vec<Problem>) {
        let found = match self.value.get_ref() {
            DeValue::String(_) => "a string",
            DeValue::Integer(_) => "an integer",
            DeValue::Float(_) => "a float",
            DeValue::Boolean(_) => "a boolean",
            DeValue::Datetime(_) => "a date-time",
            DeValue::Array(_) => "an array",
            DeValue::Table(_) => "a table",
        };
        problems.push(Problem::new(self.span(), format!("expected {expected}, found {found}")));
    }

    /// The string if it is one, without complaint if not.
    #[must_use]
    pub fn as_str(self) -> Option<&'t str> {
        match self.value.get_ref() {
            DeValue::String(s) => Some(s),
            _ => None,
        }
    }

    #[must_use]
    pub fn is_table(self) -> bool {
        matches!(self.value.get_ref(), DeValue::Table(_))
    }

    #[must_use]
    pub fn is_empty_array(self) -> bool {
        matches!(self.value.get_ref(), DeValue::Array(list) if list.is_empty())
    }

    pub fn string(self, problems: &mut Vec<Problem>) -> Option<&'t str> {
        let text = self.as_str();
        if text.is_none() {
            self.wrong("a string", problems);
        }
        text
    }

    pub fn boolean(self, problems: &mut Vec<Problem>) -> Option<bool> {
        if let DeValue::Boolean(value) = self.value.get_ref() {
            return Some(*value);
        }
        self.wrong("true or false", problems);
        None
    }

    /// A whole number that is not negative.
    pub fn unsigned(self, problems: &mut Vec<Problem>) -> Option<u64> {
        if let DeValue::Integer(value) = self.value.get_ref()
            && let Ok(number) = u64::from_str_radix(value.as_str(), value.radix())
        {
            return Some(number);
        }
        self.wrong("a whole number that is not negative", problems);
        None
    }

    pub fn datetime(self, problems: &mut Vec<Problem>) -> Option<toml::value::Datetime> {
        if let DeValue::Datetime(value) = self.value.get_ref() {
            return Some(*value);
        }
        self.wrong("a date-time such as 2027-01-01T00:00:00Z", problems);
        None
    }

    pub fn table(self, problems: &mut Vec<Problem>) -> Option<Table<'t, 'i>> {
        if let DeValue::Table(table) = self.value.get_ref() {
            return Some(Table { place: self.place, ..Table::new(table, self.span()) });
        }
        self.wrong("a table", problems);
        None
    }

    /// A table over one of another document, which has the keys that this one has not. Problems with those are shown at
    /// this table.
    pub fn table_over(self, base: Self, problems: &mut Vec<Problem>) -> Option<Table<'t, 'i>> {
        let base = match base.value.get_ref() {
            DeValue::Table(base) => Some(base),
            _ => None,
        };
        Some(Table { base, ..self.table(problems)? })
    }

    /// Whether it is a table that has this key.
    #[must_use]
    pub fn has(self, key: &str) -> bool {
        matches!(self.value.get_ref(), DeValue::Table(table) if table.contains_key(key))
    }

    pub fn array(self, problems: &mut Vec<Problem>) -> Option<Vec<Value<'t, 'i>>> {
        if let DeValue::Array(array) = self.value.get_ref() {
            return Some(array.iter().map(|value| Value { value, place: self.place }).collect());
        }
        self.wrong("an array", problems);
        None
    }

    /// An array of strings, each with its place.
    pub fn strings(self, problems: &mut Vec<Problem>) -> Option<Vec<(&'t str, Span)>> {
        let values = self.array(problems)?;
        let count = values.len();
        let strings: Vec<_> = values.iter().filter_map(|v| Some((v.string(problems)?, v.span()))).collect();
        (strings.len() == count).then_some(strings)
    }

    /// A number of bytes: an integer, or a string such as `"1 GiB"`, `"200 MiB"`, `"64KiB"`, `"10 MB"`.
    pub fn bytes(self, problems: &mut Vec<Problem>) -> Option<u64> {
        let Some(text) = self.as_str() else { return self.unsigned(problems) };
        let parsed = parse_bytes(text);
        if parsed.is_none() {
            problems.push(
                Problem::new(self.span(), "not a size")
                    .help("write a number of bytes, or a number with KiB, MiB, GiB, kB, MB or GB: \"200 MiB\""),
            );
        }
        parsed
    }

    /// A span of time: `"30s"`, `"5 min"`, `"2h"`, `"1 day"`.
    pub fn duration(self, problems: &mut Vec<Problem>) -> Option<std::time::Duration> {
        let parsed = self.string(problems).map(parse_duration)?;
        if parsed.is_none() {
            let help = "write a number with ms, s, min, h or d: \"30s\", \"5 min\"";
            problems.push(Problem::new(self.span(), "not a span of time").help(help));
        }
        parsed
    }

    /// One of a fixed list of words.
    pub fn one_of<T: Copy>(self, words: &[(&'static str, T)], problems: &mut Vec<Problem>) -> Option<T> {
        let text = self.string(problems)?;
        if let Some((_, value)) = words.iter().find(|(word, _)| *word == text) {
            return Some(*value);
        }
        let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        problems.push(
            Problem::new(self.span(), format!("`{}` is not possible here", text.escape_debug()))
                .help(suggest(text, &known)),
        );
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        let read = |root: &mut Table<'_, '_>, problems: &mut Vec<Problem>| {
            root.get("size")?.bytes(problems)?;
            root.get("wait")?.duration(problems)
        };
        parse("x.toml", text, read).expect_err("an error").to_string()
    }

    #[test]
    fn errors_show_file_line_column_and_caret() {
        assert_eq!(
            error("size = 1\nwait = \"1s\"\nsiez = 2\n"),
            "error: unknown key `siez`\n --> x.toml:3:1\n  |\n3 | siez = 2\n  | ^^^^\n  = help: did you mean `size`?\n"
        );
        assert_eq!(
            error("size = \"1 XB\"\nwait = \"1s\""),
            "error: not a size\n --> x.toml:1:8\n  |\n1 | size = \"1 XB\"\n  |        ^^^^^^\n  = help: write a number of bytes, or a number with KiB, MiB, GiB, kB, MB or GB: \"200 MiB\"\n"
        );
        assert!(error("size = [").contains("x.toml:1:"));
    }

    #[test]
    fn a_reader_that_stops_early_calls_nothing_unknown_but_names_a_near_miss() {
        let read = |root: &mut Table<'_, '_>, problems: &mut Vec<Problem>| {
            let size = root.require("size", problems)?.bytes(problems);
            root.get("wait").and(size)
        };
        let found = parse("x.toml", "wait = \"1s\"\nsiez = 2\n", read).expect_err("an error");
        assert_eq!(
            found.list,
            [Problem::new(0..0, "the key `size` is missing here").help("is `siez` meant to be it?")]
        );
    }

    #[test]
    fn distances_count_slips() {
        for (a, b, slips) in [("", "", 0), ("a", "", 1), ("size", "siez", 1), ("reop", "repo", 1), ("kind", "mind", 1)]
        {
            assert_eq!((distance(a, b), distance(b, a)), (slips, slips), "{a} {b}");
        }
        assert_eq!(distance("kitten", "sitting"), 3);
    }

    #[test]
    fn sizes_and_times_have_units() {
        assert_eq!(parse_bytes("1 GiB"), Some(1 << 30));
        assert_eq!(parse_bytes("17"), Some(17));
        assert_eq!(parse_bytes("99999999999 GiB"), None);
        assert_eq!(parse_duration("5 min"), Some(std::time::Duration::from_secs(300)));
        assert_eq!(parse_duration("5"), None);
    }
}
