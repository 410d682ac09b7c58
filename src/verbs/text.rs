//! How verbs print: aligned columns, colour only on a terminal, everything from elsewhere escaped, 80 columns.

use crate::model::Escaped;
use jiff::Timestamp;
use std::fmt::Write;

/// What the answer is printed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Paper {
    pub columns: usize,
    pub ink: Ink,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ink {
    Plain,
    Colour,
}

impl Paper {
    /// Where there is no terminal.
    pub const PIPE: Self = Self { columns: 80, ink: Ink::Plain };

    #[must_use]
    pub fn paint(self, tint: Tint, text: &str) -> String {
        match (self.ink, tint) {
            (Ink::Plain, _) | (_, Tint::None) => text.to_owned(),
            (Ink::Colour, tint) => format!("\x1b[{}m{text}\x1b[0m", tint.code()),
        }
    }

    /// A table that fits the paper: columns as wide as they must be, and what does not fit is cut; see [`fitted`]. The
    /// first row is the header.
    #[must_use]
    pub fn table(self, rows: &[Vec<Cell>]) -> String {
        let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| wide(&cell.text)).max();
        let widths = fitted((0..columns).map(|column| width(column).unwrap_or(0)).collect(), self.columns);
        let mut text = String::new();
        for row in rows {
            let mut line = String::new();
            for (cell, width) in row.iter().zip(&widths) {
                let shown = cut(&cell.text, *width);
                let pad = width.saturating_sub(wide(&shown)) + GAP;
                let _ = write!(line, "{}{}", self.paint(cell.tint, &shown), " ".repeat(pad));
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }
}

/// Columns between two columns of a table.
const GAP: usize = 2;
/// What the last column keeps if the others are long too.
const LAST_MIN: usize = 14;
/// What any other keeps.
const WIDTH_MIN: usize = 6;

/// Widths that together fit so many columns. The first one is for ids, which are of no use if they are cut; of those
/// between first and last the widest give way.
fn fitted(mut widths: Vec<usize>, columns: usize) -> Vec<usize> {
    let gaps = widths.len().saturating_sub(1) * GAP;
    let Some((last, others)) = widths.split_last_mut() else { return widths };
    let room = columns.saturating_sub(gaps);
    while others.iter().sum::<usize>() + (*last).min(LAST_MIN) > room {
        let widest = others.iter_mut().skip(1).max_by_key(|width| **width).filter(|width| **width > WIDTH_MIN);
        let Some(widest) = widest else { break };
        *widest -= 1;
    }
    *last = (*last).min(room.saturating_sub(others.iter().sum()).max(WIDTH_MIN));
    widths
}

/// Columns of a terminal that a text takes.
fn wide(text: &str) -> usize {
    unicode_width::UnicodeWidthStr::width(text)
}

/// One cell of a table; its text is safe to show.
#[derive(Debug, Clone)]
pub struct Cell {
    text: String,
    tint: Tint,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tint {
    None,
    Bold,
    Good,
    Wait,
    Bad,
    Faint,
}

impl Tint {
    fn code(self) -> &'static str {
        match self {
            Self::None => "0",
            Self::Bold => "1",
            Self::Good => "32",
            Self::Wait => "33",
            Self::Bad => "31",
            Self::Faint => "2",
        }
    }

    /// How a state is coloured.
    #[must_use]
    pub fn of_state(state: &str) -> Self {
        match state {
            "forwarded" | "checked" => Self::Good,
            "waiting" | "releasing" | "under-way" => Self::Wait,
            "withdrawn" | "superseded" | "expired" => Self::Faint,
            _ => Self::Bad,
        }
    }
}

#[must_use]
pub fn cell(text: impl ToString) -> Cell {
    tinted(Tint::None, text)
}

#[must_use]
pub fn tinted(tint: Tint, text: impl ToString) -> Cell {
    Cell { text: text.to_string(), tint }
}

/// A header row.
#[must_use]
pub fn header(names: &[&str]) -> Vec<Cell> {
    names.iter().map(|name| tinted(Tint::Bold, name)).collect()
}

/// At most so many columns; what is cut shows.
#[must_use]
pub fn cut(text: &str, columns: usize) -> String {
    if wide(text) <= columns {
        return text.to_owned();
    }
    let mut left = columns.saturating_sub(1);
    let fits = |c: &char| {
        let width = unicode_width::UnicodeWidthChar::width(*c).unwrap_or(0);
        left.checked_sub(width).map(|rest| left = rest).is_some()
    };
    text.chars().take_while(fits).chain(['…']).collect()
}

/// Bytes from elsewhere.
#[must_use]
pub fn escaped(bytes: &[u8]) -> String {
    Escaped(bytes).to_string()
}

/// `2 min`, `3 h`, `5 d`: how long ago, or until.
#[must_use]
pub fn span(from: Timestamp, to: Timestamp) -> String {
    let seconds = to.as_second().saturating_sub(from.as_second()).max(0);
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min", seconds / 60),
        3600..86_400 => format!("{} h", seconds / 3600),
        _ => format!("{} d", seconds / 86_400),
    }
}

/// `12.3 MiB`.
#[must_use]
pub fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    if unit == 0 { format!("{bytes} B") } else { format!("{value:.1} {}", UNITS[unit]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_fit_the_paper() {
        let rows = [header(&["A", "WHAT"]), vec![cell("longer"), cell("x".repeat(200))], vec![cell("b"), cell("y")]];
        let text = Paper::PIPE.table(&rows);
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
        assert!(text.starts_with("A       WHAT\nlonger  xxx") && text.ends_with("\nb       y\n"), "{text}");
        assert!(!text.contains('\x1b'));
        let colour = Paper { ink: Ink::Colour, ..Paper::PIPE }.table(&rows);
        assert!(colour.starts_with("\x1b[1mA\x1b[0m       \x1b[1mWHAT\x1b[0m\n"), "{colour}");
    }

    #[test]
    fn what_is_too_wide_gives_way_but_ids_do_not() {
        for (widths, columns, expected) in [
            (&[][..], 80, &[][..]),
            (&[26, 6, 4, 8, 11, 15], 80, &[26, 6, 4, 8, 11, 15]),
            (&[26, 6, 4, 8, 11, 16], 80, &[26, 6, 4, 8, 11, 15]),
            (&[26, 6, 12, 12, 16, 90], 80, &[26, 6, 8, 8, 8, 14]),
            (&[26, 6, 12, 12, 16, 90], 200, &[26, 6, 12, 12, 16, 90]),
            (&[26, 6, 12, 12, 16, 3], 80, &[26, 6, 11, 12, 12, 3]),
            (&[26, 9, 9], 20, &[26, 6, 6]),
        ] {
            let found = fitted(widths.to_vec(), columns);
            assert_eq!(found.iter().sum::<usize>(), expected.iter().sum::<usize>(), "{widths:?} {found:?}");
            assert_eq!((found.first(), found.last()), (expected.first(), expected.last()), "{widths:?}");
        }
    }

    #[test]
    fn amounts_are_short() {
        let at = |second| Timestamp::from_second(second).expect("a time");
        for (seconds, text) in [(-5, "0 s"), (59, "59 s"), (60, "1 min"), (7200, "2 h"), (172_800, "2 d")] {
            assert_eq!(span(at(1000), at(1000 + seconds)), text);
        }
        for (number, text) in [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (5 << 30, "5.0 GiB")] {
            assert_eq!(bytes(number), text);
        }
        for (text, columns, shown) in [("abcd", 4, "abcd"), ("abcdef", 4, "abc…"), ("日本語", 4, "日…"), ("ab", 1, "…")]
        {
            assert_eq!(cut(text, columns), shown);
        }
    }
}
