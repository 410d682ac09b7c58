//! Text into one line of a picture: cut to its width, shifted, never out of its place.

use super::screen::Colors;
use super::visible::{Glyph, glyphs};
use ratatui_core::buffer::Buffer;
use ratatui_core::layout::Position;
use ratatui_core::style::{Color, Modifier, Style};
use std::ops::ControlFlow;

const TAB_COLUMNS: u16 = 8;

/// What a piece of text is, for its colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    Plain,
    Strong,
    /// Titles and what is selected.
    Bar,
    Dim,
    Added,
    Removed,
    /// Hunk headers, and what the reviewer says of the diff.
    Meta,
    Commit,
    Refuse,
    Hold,
    Warn,
    Keyword,
    Literal,
    Number,
    Comment,
}

impl Role {
    #[must_use]
    pub fn style(self, colors: Colors) -> Style {
        let plain = Style::new();
        let (color, modifier) = match self {
            Self::Plain => return plain,
            Self::Strong => (Color::Reset, Modifier::BOLD),
            Self::Bar => (Color::Reset, Modifier::REVERSED),
            Self::Dim | Self::Comment => (Color::DarkGray, Modifier::empty()),
            Self::Added => (Color::Green, Modifier::empty()),
            Self::Removed => (Color::Red, Modifier::empty()),
            Self::Meta => (Color::Cyan, Modifier::empty()),
            Self::Commit => (Color::Yellow, Modifier::empty()),
            Self::Refuse => (Color::Red, Modifier::BOLD),
            Self::Hold => (Color::Yellow, Modifier::BOLD),
            Self::Warn => (Color::Magenta, Modifier::BOLD),
            Self::Keyword => (Color::Blue, Modifier::empty()),
            Self::Literal => (Color::Yellow, Modifier::empty()),
            Self::Number => (Color::Magenta, Modifier::empty()),
        };
        match colors {
            Colors::Ansi => plain.fg(color).add_modifier(modifier),
            Colors::None => plain.add_modifier(modifier),
        }
    }
}

/// One line of a picture, written from left to right.
pub struct Pen<'a> {
    buffer: &'a mut Buffer,
    colors: Colors,
    y: u16,
    /// The next free column.
    x: u16,
    /// The first column that is not this line's.
    end: u16,
}

impl<'a> Pen<'a> {
    /// The whole of line `y`; nothing, if there is no such line.
    pub fn new(buffer: &'a mut Buffer, y: u16, colors: Colors) -> Self {
        let end = if y < buffer.area.height { buffer.area.width } else { 0 };
        Self { buffer, colors, y, x: 0, end }
    }

    #[must_use]
    pub fn columns_left(&self) -> u16 {
        self.end.saturating_sub(self.x)
    }

    pub fn text(&mut self, text: &str, role: Role) {
        self.bytes(text.as_bytes(), 0, &|_| role);
    }

    /// Text in a column of its own: cut to it, and the next text starts after it.
    pub fn field(&mut self, text: &str, columns: u16, role: Role) {
        let (end, after) = (self.end, self.x.saturating_add(columns));
        self.end = after.min(end);
        self.text(text, role);
        self.x = after.min(end);
        self.end = end;
    }

    /// Bytes from `skip` columns on, each in the role that its place in `bytes` has. Where more follows than there is
    /// room for, the last column says so.
    pub fn bytes(&mut self, bytes: &[u8], skip: u16, role: &dyn Fn(usize) -> Role) {
        let start = self.x;
        // Columns since the start of the text, as if nothing were skipped.
        let mut at = 0_u16;
        let mut last = None;
        let mut is_cut = false;
        glyphs(bytes, &mut |glyph, place| {
            let (symbol, width, style) = match glyph {
                Glyph::Plain(c, width) => (Some(c), width, role(place).style(self.colors)),
                Glyph::Escape(c) => (Some(c), 1, Style::new().add_modifier(Modifier::REVERSED)),
                Glyph::Tab => (None, TAB_COLUMNS - at % TAB_COLUMNS, role(place).style(self.colors)),
                Glyph::Mark(c) => {
                    self.mark(last, c);
                    return ControlFlow::Continue(());
                }
            };
            let from = at;
            at = at.saturating_add(width);
            last = None;
            if at <= skip {
                return ControlFlow::Continue(());
            }
            let x = start.saturating_add(from.max(skip) - skip);
            let width = width - skip.saturating_sub(from).min(width);
            let fits = x.saturating_add(width) <= self.end;
            if !fits && symbol.is_some() {
                is_cut = true;
                return ControlFlow::Break(());
            }
            // Of a wide character that begins before the cut only a blank is left.
            let symbol = symbol.filter(|_| from >= skip);
            self.put(x, width, symbol, style);
            last = symbol.map(|_| x);
            self.x = x.saturating_add(width).min(self.end);
            ControlFlow::Continue(())
        });
        if skip > 0 && at > 0 && start < self.end {
            self.put(start, 1, Some('<'), Role::Bar.style(self.colors));
        }
        if is_cut && self.end > start {
            self.put(self.end - 1, 1, Some('>'), Role::Bar.style(self.colors));
            self.x = self.end;
        }
    }

    fn mark(&mut self, on: Option<u16>, mark: char) {
        let Some(cell) = on.and_then(|x| self.buffer.cell_mut(Position { x, y: self.y })) else { return };
        let symbol = format!("{}{mark}", cell.symbol());
        cell.set_symbol(&symbol);
    }

    fn put(&mut self, x: u16, width: u16, symbol: Option<char>, style: Style) {
        for column in x..x.saturating_add(width).min(self.end) {
            // Half of a wide character that was here would take this one's place.
            if let Some(before) = column.checked_sub(1).filter(|_| column == x)
                && let Some(cell) = self.buffer.cell_mut(Position { x: before, y: self.y })
                && unicode_width::UnicodeWidthStr::width(cell.symbol()) > 1
            {
                cell.set_char(' ');
            }
            let Some(cell) = self.buffer.cell_mut(Position { x: column, y: self.y }) else { return };
            cell.reset();
            cell.set_style(style);
            if let Some(symbol) = symbol.filter(|_| column == x) {
                cell.set_char(symbol);
            }
        }
    }

    /// Gives the rest of the line the role's look.
    pub fn fill(&mut self, role: Role) {
        self.put(self.x, self.columns_left(), None, role.style(self.colors));
        self.x = self.end;
    }

    /// Gives what is written so far, and the rest of the line, the look of a bar.
    pub fn select(&mut self) {
        for x in 0..self.end {
            if let Some(cell) = self.buffer.cell_mut(Position { x, y: self.y }) {
                cell.modifier.insert(Modifier::REVERSED);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ratatui_core::layout::Rect;

    fn line(width: u16, skip: u16, text: &str) -> String {
        let mut buffer = Buffer::empty(Rect::new(0, 0, width, 1));
        Pen::new(&mut buffer, 0, Colors::None).bytes(text.as_bytes(), skip, &|_| Role::Plain);
        let mut shown = String::new();
        let mut x = 0;
        while x < width {
            let symbol = buffer[(x, 0)].symbol();
            shown.push_str(symbol);
            x += u16::try_from(unicode_width::UnicodeWidthStr::width(symbol).max(1)).expect("small");
        }
        shown
    }

    #[test]
    fn text_is_cut_to_the_line() {
        let table = [
            (5, 0, "abc", "abc  "),
            (5, 0, "abcde", "abcde"),
            (5, 0, "abcdef", "abcd>"),
            (5, 1, "abcdef", "<cdef"),
            (5, 2, "abcdefgh", "<def>"),
            (5, 9, "abc", "<    "),
            (5, 0, "日本", "日本 "),
            (5, 0, "日本語", "日本>"),
            (4, 0, "日本語", "日 >"),
            (4, 1, "日本", "<本 "),
            (4, 0, "a\x1b", "a\\x>"),
            (1, 0, "日", ">"),
            (1, 0, "ab", ">"),
            (9, 0, "a\tb", "a       b"),
            (8, 0, "a\tb", "a      >"),
            (5, 0, "e\u{301}x", "e\u{301}x   "),
        ];
        for (width, skip, text, expected) in table {
            assert_eq!(line(width, skip, text), expected, "{width} {skip} {text:?}");
        }
    }
}
