//! Something to read, row by row: the overview of a push, or one of its commits.

use super::canvas::Role;
use super::highlight::Inside;
use crate::diff::{Body, CommitDiff, FileDiff, Hunk, Line};
use crate::model::Effect;
use bstr::{BString, ByteSlice};

/// Where Enter leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// By its place in the push.
    Commit(usize),
    /// By its place in the push's findings.
    Finding(usize),
}

/// A finding of the row, by its place in the push's findings, and its effect.
pub type Flag = Option<(usize, Effect)>;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Row {
    Text { text: BString, role: Role, target: Option<Target> },
    Finding { flag: (usize, Effect), text: String },
    File { file: usize, flag: Flag },
    Hunk { file: usize, hunk: usize, flag: Flag, rule: String },
    Line { file: usize, hunk: usize, line: usize, flag: Flag, inside: Inside },
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    pub rows: Vec<Row>,
    pub diff: Option<CommitDiff>,
}

impl Page {
    pub fn text(&mut self, text: impl Into<BString>, role: Role) {
        self.rows.push(Row::Text { text: text.into(), role, target: None });
    }

    #[must_use]
    pub fn file(&self, file: usize) -> Option<&FileDiff> {
        self.diff.as_ref()?.files.get(file)
    }

    #[must_use]
    pub fn hunk(&self, file: usize, hunk: usize) -> Option<&Hunk> {
        match &self.file(file)?.body {
            Body::Hunks { hunks, .. } => hunks.get(hunk),
            Body::Same | Body::Binary { .. } | Body::Unread { .. } => None,
        }
    }

    #[must_use]
    pub fn line(&self, file: usize, hunk: usize, line: usize) -> Option<&Line> {
        self.hunk(file, hunk)?.lines.get(line)
    }

    /// What a search looks at.
    fn content<'a>(&'a self, row: &'a Row) -> &'a [u8] {
        match row {
            Row::Text { text, .. } => text,
            Row::Finding { text, .. } => text.as_bytes(),
            Row::File { file, .. } => self.file(*file).map_or(b"", |file| file.path.as_slice()),
            Row::Hunk { .. } => b"",
            Row::Line { file, hunk, line, .. } => {
                self.line(*file, *hunk, *line).map_or(b"", |line| line.text.bytes.as_slice())
            }
        }
    }

    /// The row of the next file after `row`.
    #[must_use]
    pub fn next_file(&self, row: usize) -> Option<usize> {
        self.files().find(|file| *file > row)
    }

    /// The row of the last file before `row`.
    #[must_use]
    pub fn previous_file(&self, row: usize) -> Option<usize> {
        self.files().take_while(|file| *file < row).last()
    }

    fn files(&self) -> impl Iterator<Item = usize> {
        let is_file = |row: &Row| matches!(row, Row::File { .. });
        self.rows.iter().enumerate().filter(move |(_, row)| is_file(row)).map(|(at, _)| at)
    }

    /// The first row that shows a finding.
    #[must_use]
    pub fn finding(&self, finding: usize) -> Option<usize> {
        (0..self.rows.len()).find(|row| self.finding_of(*row) == Some(finding))
    }

    fn finding_of(&self, row: usize) -> Option<usize> {
        match self.rows.get(row)? {
            Row::Finding { flag, .. } => Some(flag.0),
            Row::Text { target: Some(Target::Finding(finding)), .. } => Some(*finding),
            Row::Text { .. } | Row::File { .. } | Row::Hunk { .. } | Row::Line { .. } => None,
        }
    }

    /// The row after or before `row` where a finding begins.
    #[must_use]
    pub fn next_finding(&self, row: usize, way: Way) -> Option<usize> {
        let begins = |at: &usize| {
            let finding = self.finding_of(*at);
            finding.is_some() && at.checked_sub(1).and_then(|before| self.finding_of(before)) != finding
        };
        match way {
            Way::Forward => (row + 1..self.rows.len()).find(begins),
            Way::Backward => (0..row.min(self.rows.len())).rev().find(begins),
        }
    }

    /// The next row, going round, that holds the pattern. A pattern without capitals finds them too.
    #[must_use]
    pub fn search(&self, pattern: &str, from: usize, way: Way) -> Option<usize> {
        let rows = self.rows.iter().map(|row| self.content(row));
        search(&rows.collect::<Vec<_>>(), pattern, from, way)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    Forward,
    Backward,
}

/// Looks for a pattern in the rows before or after `from`, going round.
#[must_use]
pub fn search(rows: &[&[u8]], pattern: &str, from: usize, way: Way) -> Option<usize> {
    let has_capitals = pattern.chars().any(char::is_uppercase);
    let finder = memchr::memmem::Finder::new(pattern);
    let holds = |row: &[u8]| match has_capitals {
        true => finder.find(row).is_some(),
        false => finder.find(&row.to_lowercase()).is_some(),
    };
    let count = rows.len();
    (1..=count).find_map(|step| {
        let at = match way {
            Way::Forward => (from + step) % count,
            Way::Backward => (from + count * 2 - step) % count,
        };
        rows.get(at).filter(|row| holds(row)).map(|_| at)
    })
}

/// Breaks a text into lines of at most so many characters, at spaces where there are some.
#[must_use]
pub fn wrap(text: &str, columns: usize) -> Vec<String> {
    let columns = columns.max(10);
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split(' ') {
        let length = line.chars().count();
        if length > 0 && length + 1 + word.chars().count() > columns {
            lines.push(std::mem::take(&mut line));
        } else if length > 0 {
            line.push(' ');
        }
        for c in word.chars() {
            if line.chars().count() >= columns {
                lines.push(std::mem::take(&mut line));
            }
            line.push(c);
        }
    }
    lines.push(line);
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_broken_at_spaces() {
        let table: [(&str, &[&str]); 5] = [
            ("", &[""]),
            ("one two", &["one two"]),
            ("one two three", &["one two", "three"]),
            ("0123456789abc d", &["0123456789", "abc d"]),
            ("0123456789 abc", &["0123456789", "abc"]),
        ];
        for (text, lines) in table {
            assert_eq!(wrap(text, 10), lines, "{text}");
        }
    }

    #[test]
    fn a_search_goes_round_and_heeds_capitals_only_if_it_has_some() {
        let rows: Vec<&[u8]> = vec![b"Alpha", b"beta", b"\xffALPHA", b"gamma"];
        for (pattern, from, way, found) in [
            ("alpha", 0, Way::Forward, Some(2)),
            ("alpha", 2, Way::Forward, Some(0)),
            ("alpha", 0, Way::Backward, Some(2)),
            ("Alpha", 0, Way::Forward, Some(0)),
            ("none", 0, Way::Forward, None),
        ] {
            assert_eq!(search(&rows, pattern, from, way), found, "{pattern} {from}");
        }
        assert_eq!(search(&[], "x", 0, Way::Backward), None);
    }
}
