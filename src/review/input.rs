//! A line of text that is typed.

use super::keys::Key;
use crate::model::is_invisible;

/// What was typed so far; no character of it is invisible.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Input {
    text: String,
}

const CHARS_MAX: usize = 400;

/// What a key did.
#[derive(Debug, PartialEq, Eq)]
pub enum Typed {
    More,
    Done(String),
    Cancelled,
}

impl Input {
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    pub fn key(&mut self, key: &Key) -> Typed {
        match key {
            Key::Enter => return Typed::Done(self.text.trim().to_owned()),
            Key::Escape | Key::Control('c' | 'g') => return Typed::Cancelled,
            // As in `less`: nothing left to delete leaves the line.
            Key::Backspace if self.text.is_empty() => return Typed::Cancelled,
            Key::Backspace => drop(self.text.pop()),
            Key::Control('u') => self.text.clear(),
            Key::Control('w') => {
                let rest = self.text.trim_end();
                self.text.truncate(rest.rfind(' ').map_or(0, |space| space + 1));
            }
            Key::Char(c) => self.add(*c),
            Key::Paste(text) => text.chars().for_each(|c| self.add(c)),
            _ => {}
        }
        Typed::More
    }

    fn add(&mut self, c: char) {
        if !c.is_control() && !is_invisible(c) && self.text.chars().count() < CHARS_MAX {
            self.text.push(c);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_edited_and_bounded() {
        let mut input = Input::default();
        for c in "no  tests\u{202e}".chars() {
            assert_eq!(input.key(&Key::Char(c)), Typed::More);
        }
        input.key(&Key::Control('w'));
        input.key(&Key::Backspace);
        input.key(&Key::Paste("\u{1b}docs".into()));
        assert_eq!(input.key(&Key::Enter), Typed::Done("no docs".into()));
        input.key(&Key::Paste("x".repeat(1000)));
        assert_eq!(input.text().chars().count(), CHARS_MAX);
        input.key(&Key::Control('u'));
        assert_eq!(input.key(&Key::Backspace), Typed::Cancelled);
        assert_eq!(input.key(&Key::Escape), Typed::Cancelled);
    }
}
