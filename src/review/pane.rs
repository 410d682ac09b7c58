//! A list of rows of which the window shows a part: where it stands, and how keys move it.

use super::keys::Key;

/// The line it stands on, the first one shown, and the columns skipped at the left.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pane {
    pub cursor: usize,
    pub top: usize,
    pub shift: u16,
}

/// A way to go, whatever the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Move {
    Up,
    Down,
    PageUp,
    PageDown,
    HalfUp,
    HalfDown,
    Start,
    End,
    Left,
    Right,
}

impl Move {
    /// The keys of `less`.
    #[must_use]
    pub fn of(key: &Key) -> Option<Self> {
        match key {
            Key::Char('j') | Key::Down | Key::Control('n' | 'e') => Some(Self::Down),
            Key::Char('k') | Key::Up | Key::Control('p' | 'y') => Some(Self::Up),
            Key::Char(' ' | 'f') | Key::PageDown | Key::Control('f' | 'v') => Some(Self::PageDown),
            Key::Char('b') | Key::PageUp | Key::Control('b') => Some(Self::PageUp),
            Key::Char('d') | Key::Control('d') => Some(Self::HalfDown),
            Key::Char('u') | Key::Control('u') => Some(Self::HalfUp),
            Key::Char('g' | '<') | Key::Home => Some(Self::Start),
            Key::Char('G' | '>') | Key::End => Some(Self::End),
            Key::Char('h') | Key::Left => Some(Self::Left),
            Key::Char('l') | Key::Right => Some(Self::Right),
            _ => None,
        }
    }
}

const SHIFT_COLUMNS: u16 = 16;
const SHIFT_MAX: u16 = 16 * 1024;

impl Pane {
    /// Moves in a list of `count` rows, of which `height` are shown.
    pub fn go(&mut self, way: Move, count: usize, height: usize) {
        let page = height.max(1);
        let last = count.saturating_sub(1);
        let (cursor, top) = match way {
            Move::Up => (self.cursor.saturating_sub(1), self.top),
            Move::Down => (self.cursor + 1, self.top),
            Move::PageUp => (self.cursor.saturating_sub(page), self.top.saturating_sub(page)),
            Move::PageDown => (self.cursor + page, self.top + page),
            Move::HalfUp => (self.cursor.saturating_sub(page / 2), self.top.saturating_sub(page / 2)),
            Move::HalfDown => (self.cursor + page / 2, self.top + page / 2),
            Move::Start => (0, 0),
            Move::End => (last, self.top),
            Move::Left | Move::Right => {
                let left = self.shift.saturating_sub(SHIFT_COLUMNS);
                let right = self.shift.saturating_add(SHIFT_COLUMNS).min(SHIFT_MAX);
                self.shift = if way == Move::Left { left } else { right };
                (self.cursor, self.top)
            }
        };
        (self.cursor, self.top) = (cursor, top);
        self.fit(count, height);
    }

    /// Stands on a row, with some of what is before it shown.
    pub fn stand_on(&mut self, row: usize, count: usize, height: usize) {
        self.cursor = row;
        if row < self.top || row >= self.top + height {
            self.top = row.saturating_sub(height / 4);
        }
        self.fit(count, height);
    }

    /// Puts a row at the top of the window.
    pub fn begin_at(&mut self, row: usize, count: usize, height: usize) {
        (self.cursor, self.top) = (row, row);
        self.fit(count, height);
    }

    /// Back to what there is, after the list or the window changed.
    pub fn fit(&mut self, count: usize, height: usize) {
        let height = height.max(1);
        self.cursor = self.cursor.min(count.saturating_sub(1));
        self.top = self.top.min(count.saturating_sub(height));
        self.top = self.top.clamp((self.cursor + 1).saturating_sub(height), self.cursor);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cursor_stays_in_the_list_and_in_the_window() {
        let ways = [
            (Move::Down, (1, 0)),
            (Move::PageDown, (4, 3)),
            (Move::Down, (5, 3)),
            (Move::Down, (6, 4)),
            (Move::End, (9, 7)),
            (Move::Down, (9, 7)),
            (Move::PageUp, (6, 4)),
            (Move::HalfUp, (5, 3)),
            (Move::Up, (4, 3)),
            (Move::Start, (0, 0)),
            (Move::Up, (0, 0)),
        ];
        let mut pane = Pane::default();
        for (way, expected) in ways {
            pane.go(way, 10, 3);
            assert_eq!((pane.cursor, pane.top), expected, "{way:?}");
        }
        for (count, height) in [(0, 0), (0, 5), (1, 0), (5, 1)] {
            for (way, _) in ways {
                pane.go(way, count, height);
                assert!(pane.cursor <= count && pane.top <= pane.cursor);
            }
        }
    }
}
