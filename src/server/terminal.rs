//! What a client's pty is to a verb: its size, and lines that end as terminals want them.

use crate::review::{Colors, Terminal as Screen};
use crate::verbs::text::{Ink, Paper};
use std::io::{self, Write};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};

/// Columns and rows that are taken as they are said; more is no screen.
const SIDE_MAX: u32 = 1000;

/// Columns and rows.
type Size = (u16, u16);

/// A terminal at the client's end (RFC 4254, 6.2).
#[derive(Debug, Clone)]
pub struct Terminal {
    size: Size,
    colors: Colors,
    resized: Arc<Mutex<Option<Sender<Size>>>>,
}

impl Terminal {
    #[must_use]
    pub fn new(term: &str, columns: u32, rows: u32) -> Self {
        let colors = Colors::of_terminal(term.as_bytes());
        Self { size: size(columns, rows), colors, resized: Arc::default() }
    }

    /// The client's window has another size now.
    pub fn resize(&mut self, columns: u32, rows: u32) {
        self.size = size(columns, rows);
        let resized = self.resized.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(resized) = &*resized {
            // Who has stopped listening does not want to know.
            let _ = resized.send(self.size);
        }
    }

    /// Hears of every new size from now on.
    #[must_use]
    pub fn resizes(&self) -> Receiver<Size> {
        let (send, receive) = channel();
        *self.resized.lock().unwrap_or_else(PoisonError::into_inner) = Some(send);
        receive
    }

    /// For the reviewer.
    #[must_use]
    pub fn screen(&self) -> Screen {
        Screen { size: self.size, colors: self.colors }
    }

    #[must_use]
    pub fn paper(&self) -> Paper {
        let ink = if self.colors == Colors::None { Ink::Plain } else { Ink::Colour };
        Paper { columns: usize::from(self.size.0).max(40), ink }
    }
}

fn size(columns: u32, rows: u32) -> Size {
    // A client that does not know says 0.
    let side = |side: u32, default: u16| match side {
        0 => default,
        side => u16::try_from(side.min(SIDE_MAX)).unwrap_or(default),
    };
    (side(columns, 80), side(rows, 24))
}

/// A client that asks for a pty reads raw: each line needs its carriage return.
pub struct Lines<'a>(pub &'a mut (dyn Write + Send));

impl Write for Lines<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write_all(&returned(bytes))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// The same text with a carriage return before each newline.
#[must_use]
pub fn returned(bytes: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(bytes.len() + bytes.len() / 40);
    for byte in bytes {
        if *byte == b'\n' {
            text.push(b'\r');
        }
        text.push(*byte);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_believed_within_reason() {
        for ((columns, rows), wanted) in [((80, 24), (80, 24)), ((0, 0), (80, 24)), ((u32::MAX, 1), (1000, 1))] {
            assert_eq!(Terminal::new("xterm", columns, rows).size, wanted);
        }
        let mut terminal = Terminal::new("dumb", 80, 24);
        assert_eq!(terminal.paper().ink, Ink::Plain);
        let resizes = terminal.resizes();
        terminal.resize(100, 30);
        assert_eq!(resizes.try_recv(), Ok((100, 30)));
        drop(resizes);
        terminal.resize(90, 30);
        assert_eq!(Terminal::new("xterm-256color", 10, 3).paper(), Paper { columns: 40, ink: Ink::Colour });
    }

    #[test]
    fn lines_end_as_terminals_want_them() {
        let mut bytes = Vec::new();
        Lines(&mut bytes).write_all(b"a\nb").expect("written");
        assert_eq!(bytes, b"a\r\nb");
    }
}
