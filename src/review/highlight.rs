//! Colours for source text: comments, literals, numbers, keywords, by the ending of the file's name.
//!
//! A hint for the eye and no more: it guesses, it knows few languages, and what it guesses changes no byte. Each byte is
//! looked at a bounded number of times.

use super::canvas::Role;
use super::languages::{Language, Quote};
use std::ops::Range;

/// Where a line begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Inside {
    #[default]
    Code,
    Comment,
    /// By its place among the language's quotes.
    Quote(u8),
}

/// Reads one line; returns where the next begins.
pub fn line(language: &Language, start: Inside, text: &[u8], see: &mut dyn FnMut(Range<usize>, Role)) -> Inside {
    let mut lexer = Lexer { language, text, at: 0 };
    let mut inside = start;
    while lexer.at < text.len() {
        let from = lexer.at;
        let (next, role) = match inside {
            Inside::Code => lexer.code(),
            Inside::Comment => (lexer.comment(), Role::Comment),
            Inside::Quote(number) => (lexer.quote(number), Role::Literal),
        };
        inside = next;
        if role != Role::Plain {
            see(from..lexer.at, role);
        }
    }
    match inside {
        Inside::Quote(number) if !language.quotes.get(usize::from(number)).is_some_and(Quote::is_long) => Inside::Code,
        inside => inside,
    }
}

struct Lexer<'a> {
    language: &'a Language,
    text: &'a [u8],
    at: usize,
}

impl Lexer<'_> {
    fn starts(&self, word: &str) -> bool {
        self.text.get(self.at..).is_some_and(|rest| rest.starts_with(word.as_bytes()))
    }

    /// One token; always goes forward.
    fn code(&mut self) -> (Inside, Role) {
        let language = self.language;
        if language.line_comments.iter().any(|start| self.starts(start)) {
            self.at = self.text.len();
            return (Inside::Code, Role::Comment);
        }
        if let Some((start, _)) = language.block_comment.filter(|(start, _)| self.starts(start)) {
            self.at += start.len();
            return (Inside::Comment, Role::Comment);
        }
        for (number, quote) in (0_u8..).zip(language.quotes) {
            if self.starts(quote.start) {
                self.at += quote.start.len();
                return (Inside::Quote(number), Role::Literal);
            }
        }
        (Inside::Code, self.word())
    }

    fn word(&mut self) -> Role {
        let from = self.at;
        let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_' || *byte >= 0x80;
        let length = self.text.iter().skip(from).take_while(|byte| is_part(byte)).count();
        self.at += length.max(1);
        let word = self.text.get(from..self.at).unwrap_or_default();
        match word.first() {
            Some(b'0'..=b'9') => Role::Number,
            Some(_) if self.language.has_keyword(word) => Role::Keyword,
            Some(_) | None => Role::Plain,
        }
    }

    fn comment(&mut self) -> Inside {
        let end = self.language.block_comment.map_or("", |(_, end)| end);
        self.until(end, None).map_or(Inside::Comment, |()| Inside::Code)
    }

    fn quote(&mut self, number: u8) -> Inside {
        let Some(quote) = self.language.quotes.get(usize::from(number)) else { return Inside::Code };
        self.until(quote.end, quote.escape).map_or(Inside::Quote(number), |()| Inside::Code)
    }

    /// Goes behind `end`, or to the end of the line.
    fn until(&mut self, end: &str, escape: Option<u8>) -> Option<()> {
        while let Some(byte) = self.text.get(self.at) {
            if self.starts(end) {
                self.at += end.len();
                return Some(());
            }
            self.at += if escape == Some(*byte) { 2 } else { 1 };
        }
        self.at = self.text.len();
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::review::languages::language;

    fn shown(path: &str, lines: &[&str]) -> String {
        let language = language(path.as_bytes()).expect("a language");
        let mut inside = Inside::Code;
        let mut shown = String::new();
        for text in lines {
            inside = line(language, inside, text.as_bytes(), &mut |range, role| {
                shown += &format!("{role:?}:{} ", String::from_utf8_lossy(&text.as_bytes()[range]));
            });
        }
        shown.trim_end().to_owned()
    }

    #[test]
    fn tells_comments_literals_numbers_and_keywords_apart() {
        let table: [(&str, &[&str], &str); 8] = [
            ("a.rs", &["let x = 1; // \"no\""], "Keyword:let Number:1 Comment:// \"no\""),
            ("a.rs", &["/* a", "b */ fn"], "Comment:/* Comment: a Comment:b */ Keyword:fn"),
            ("a.py", &["'''a", "'b''' if"], "Literal:''' Literal:a Literal:'b''' Keyword:if"),
            ("a.go", &["\"a\\\"b\" x"], "Literal:\" Literal:a\\\"b\""),
            ("a.sh", &["# x", "if 'a"], "Comment:# x Keyword:if Literal:' Literal:a"),
            ("a.c", &["\"open", "int"], "Literal:\" Literal:open Keyword:int"),
            ("Makefile", &["# x"], "Comment:# x"),
            ("x/a.sql", &["-- x"], "Comment:-- x"),
        ];
        for (path, lines, expected) in table {
            assert_eq!(shown(path, lines), expected, "{path} {lines:?}");
        }
        assert!(language(b"a.unknown").is_none() && language(b"").is_none() && language(b"a/").is_none());
    }

    #[test]
    fn a_hostile_line_takes_linear_time() {
        let start = std::time::Instant::now();
        for pattern in ["\"", "/*", "*/", "\\", "'''", "a", "\u{e9}", "//"] {
            let text = pattern.repeat(50_000);
            line(language(b"a.py").expect("one"), Inside::Code, text.as_bytes(), &mut |_, _| ());
            line(language(b"a.rs").expect("one"), Inside::Code, text.as_bytes(), &mut |_, _| ());
        }
        assert!(start.elapsed().as_secs() < 20);
    }
}
