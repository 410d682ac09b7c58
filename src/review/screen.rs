//! The terminal: what has to be written so that it shows a picture.
//!
//! The only place that writes escape sequences. It touches no terminal of this process; all goes to a writer.

use ratatui_core::buffer::{Buffer, Cell};
use ratatui_core::layout::Rect;
use ratatui_core::style::{Color, Modifier};
use std::io::{self, Write};

/// Alternate screen, no cursor, marks around what is pasted.
const ENTER: &str = "\x1b[?1049h\x1b[?25l\x1b[?2004h\x1b[0m\x1b[2J";
const LEAVE: &str = "\x1b[0m\x1b[2J\x1b[?2004l\x1b[?25h\x1b[?1049l";
/// Larger windows are used in part.
const COLUMNS_MAX: u16 = 500;
const ROWS_MAX: u16 = 200;

/// Whether the terminal has colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colors {
    /// Bold and reverse only.
    None,
    Ansi,
}

impl Colors {
    /// By the name of the terminal that the client gives.
    #[must_use]
    pub fn of_terminal(name: &[u8]) -> Self {
        match name {
            b"" | b"dumb" | b"unknown" => Self::None,
            name if name.starts_with(b"vt") || name.ends_with(b"-mono") || name.ends_with(b"-m") => Self::None,
            _ => Self::Ansi,
        }
    }
}

/// The other end of a terminal session, restored when dropped.
pub struct Screen<'a> {
    output: &'a mut dyn Write,
    shown: Buffer,
    is_entered: bool,
}

impl<'a> Screen<'a> {
    pub fn enter(output: &'a mut dyn Write, size: (u16, u16)) -> io::Result<Self> {
        let screen = Self { output, shown: Buffer::empty(area(size)), is_entered: true };
        screen.output.write_all(ENTER.as_bytes())?;
        screen.output.flush()?;
        Ok(screen)
    }

    /// Columns and rows in use.
    #[must_use]
    pub fn size(&self) -> (u16, u16) {
        (self.shown.area.width, self.shown.area.height)
    }

    /// An empty picture of the window's size.
    #[must_use]
    pub fn blank(&self) -> Buffer {
        Buffer::empty(self.shown.area)
    }

    /// Forgets what is shown: the next picture is written as a whole.
    pub fn reset(&mut self, size: (u16, u16)) -> io::Result<()> {
        self.shown = Buffer::empty(area(size));
        self.output.write_all(b"\x1b[0m\x1b[2J")
    }

    /// Shows a picture made from [`Screen::blank`].
    pub fn show(&mut self, picture: Buffer) -> io::Result<()> {
        let mut text = String::new();
        let mut next = None;
        let mut style = None;
        for (x, y, cell) in self.shown.diff_iter(&picture) {
            if next != Some((x, y)) {
                text.push_str(&format!("\x1b[{};{}H", y + 1, x + 1));
            }
            if style != Some(look(cell)) {
                style = Some(look(cell));
                set_look(&mut text, cell);
            }
            text.push_str(cell.symbol());
            // Of other characters a terminal may think it is another width: the cursor is put anew after them.
            next = cell.symbol().is_ascii().then_some((x + 1, y));
        }
        self.shown = picture;
        self.output.write_all(text.as_bytes())?;
        self.output.flush()
    }

    /// Gives the terminal back as it was.
    pub fn leave(mut self) -> io::Result<()> {
        self.restore()
    }

    fn restore(&mut self) -> io::Result<()> {
        if !std::mem::take(&mut self.is_entered) {
            return Ok(());
        }
        self.output.write_all(LEAVE.as_bytes())?;
        self.output.flush()
    }
}

impl Drop for Screen<'_> {
    fn drop(&mut self) {
        // After an error the other end may be gone; there is nobody left to tell.
        let _ = self.restore();
    }
}

/// A side of no length is one that the client does not know.
fn area((columns, rows): (u16, u16)) -> Rect {
    let side = |length: u16, usual: u16, max: u16| if length == 0 { usual } else { length.min(max) };
    Rect::new(0, 0, side(columns, 80, COLUMNS_MAX), side(rows, 24, ROWS_MAX))
}

fn look(cell: &Cell) -> (Color, Modifier) {
    (cell.fg, cell.modifier)
}

/// Select Graphic Rendition (ECMA-48, 8.3.117): the few of it that the reviewer uses.
fn set_look(text: &mut String, cell: &Cell) {
    let color = match cell.fg {
        Color::Red => ";31",
        Color::Green => ";32",
        Color::Yellow => ";33",
        Color::Blue => ";34",
        Color::Magenta => ";35",
        Color::Cyan => ";36",
        Color::DarkGray => ";90",
        _ => "",
    };
    let modifiers = [(Modifier::BOLD, ";1"), (Modifier::REVERSED, ";7")];
    let modifiers = modifiers.iter().filter(|(modifier, _)| cell.modifier.contains(*modifier));
    let modifiers: String = modifiers.map(|(_, code)| *code).collect();
    text.push_str(&format!("\x1b[0{modifiers}{color}m"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminals_without_colors_are_known_by_name() {
        for (name, colors) in [("dumb", Colors::None), ("", Colors::None), ("vt100", Colors::None)] {
            assert_eq!(Colors::of_terminal(name.as_bytes()), colors);
        }
        for name in ["xterm", "xterm-256color", "screen", "tmux-256color", "linux", "\u{1b}[31m"] {
            assert_eq!(Colors::of_terminal(name.as_bytes()), Colors::Ansi);
        }
    }

    #[test]
    fn a_window_has_a_size_within_reason() {
        for (told, used) in [((0, 0), (80, 24)), ((1, 1), (1, 1)), ((501, 201), (500, 200)), ((0, 7), (80, 7))] {
            let mut output = Vec::new();
            assert_eq!(Screen::enter(&mut output, told).expect("entered").size(), used);
        }
    }

    #[test]
    fn the_terminal_is_given_back_even_without_leaving() {
        let mut output = Vec::new();
        drop(Screen::enter(&mut output, (0, 0)).expect("entered"));
        assert_eq!(output, [ENTER, LEAVE].concat().as_bytes());
        let mut output = Vec::new();
        Screen::enter(&mut output, (60_000, 60_000)).expect("entered").leave().expect("left");
        assert_eq!(output, [ENTER, LEAVE].concat().as_bytes());
    }

    #[test]
    fn only_what_changed_is_written() {
        let mut output = Vec::new();
        let mut screen = Screen::enter(&mut output, (5, 2)).expect("entered");
        let mut picture = screen.blank();
        picture[(1, 1)].set_symbol("日").set_fg(Color::Red);
        picture[(3, 1)].set_symbol("x").set_fg(Color::Red);
        screen.show(picture.clone()).expect("shown");
        screen.show(picture).expect("shown");
        drop(screen);
        let expected = [ENTER, "\x1b[2;2H\x1b[0;31m日\x1b[2;4Hx", LEAVE].concat();
        assert_eq!(String::from_utf8(output).expect("UTF-8"), expected);
    }
}
