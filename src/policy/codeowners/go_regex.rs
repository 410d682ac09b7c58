//! Expressions of Go's `regexp`, written for Rust's `regex` so that they mean the same.
//!
//! Both come from RE2, and differ in what silently changes a meaning: Go's `\d`, `\w`, `\s` and `\b` are ASCII, its classes do
//! not nest and have no operators, and it refuses a repetition of a repetition. What is not known to mean the same is not
//! translated.

use std::fmt::Write;

/// `None` if this does not know what Go makes of it.
pub fn from_go(expression: &str) -> Option<String> {
    let mut reader = Reader { rest: expression, out: String::with_capacity(expression.len() + 16) };
    let mut was_repeated = false;
    while let Some(c) = reader.next() {
        let mut is_repeated = false;
        match c {
            '\\' => reader.escape()?,
            '[' => reader.class()?,
            '(' => reader.open_group()?,
            '*' | '+' | '?' => {
                reader.out.push(c);
                is_repeated = true;
            }
            '{' => match reader.repetition() {
                Some(length) => {
                    let (numbers, rest) = reader.rest.split_at(length);
                    let _ = write!(reader.out, "{{{numbers}");
                    reader.rest = rest;
                    is_repeated = true;
                }
                None => reader.out.push_str("\\{"),
            },
            c => reader.out.push(c),
        }
        if is_repeated && was_repeated {
            return None;
        }
        if is_repeated && reader.take("?") {
            reader.out.push('?');
        }
        was_repeated = is_repeated;
    }
    Some(reader.out)
}

const POSIX: [&str; 14] = [
    "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct", "space", "upper", "word",
    "xdigit",
];

const ASSERTIONS: [(char, &str); 4] = [('A', "\\A"), ('z', "\\z"), ('b', "(?-u:\\b)"), ('B', "(?-u:\\B)")];
/// What begins a set of characters.
const SETS: [char; 8] = ['d', 'D', 's', 'S', 'w', 'W', 'p', 'P'];
const PERL: [(char, &str); 6] = [
    ('d', "[0-9]"),
    ('D', "[^0-9]"),
    ('s', "[\\t\\n\\x0C\\r ]"),
    ('S', "[^\\t\\n\\x0C\\r ]"),
    ('w', "[0-9A-Za-z_]"),
    ('W', "[^0-9A-Za-z_]"),
];

struct Reader<'t> {
    rest: &'t str,
    out: String,
}

impl Reader<'_> {
    fn next(&mut self) -> Option<char> {
        let c = self.rest.chars().next()?;
        self.rest = self.rest.get(c.len_utf8()..)?;
        Some(c)
    }

    fn take(&mut self, text: &str) -> bool {
        let after = self.rest.strip_prefix(text);
        self.rest = after.unwrap_or(self.rest);
        after.is_some()
    }

    /// How long `n}`, `n,}` or `n,m}` is, if it follows. Anything else after a `{` stands for itself.
    fn repetition(&self) -> Option<usize> {
        let (numbers, _) = self.rest.split_once('}')?;
        let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        let is_right = match numbers.split_once(',') {
            None => is_number(numbers),
            Some((least, most)) => is_number(least) && (most.is_empty() || is_number(most)),
        };
        is_right.then(|| numbers.len() + 1)
    }

    /// After a `(`: the names and flags that both know.
    fn open_group(&mut self) -> Option<()> {
        self.out.push('(');
        if !self.rest.starts_with('?') {
            return Some(());
        }
        let is_name = self.rest.starts_with("?P<") || self.rest.starts_with("?<");
        let end = self.rest.find(if is_name { &['>'][..] } else { &[':', ')'][..] })? + 1;
        let (head, rest) = self.rest.split_at(end);
        if !is_name && !head.get(1..end - 1)?.chars().all(|c| "imsU-".contains(c)) {
            return None;
        }
        self.out.push_str(head);
        self.rest = rest;
        Some(())
    }

    /// After a backslash, outside a class.
    fn escape(&mut self) -> Option<()> {
        let known = self.rest.chars().next().and_then(|c| ASSERTIONS.iter().find(|(letter, _)| *letter == c));
        if let Some((_, text)) = known {
            self.next();
            self.out.push_str(text);
            return Some(());
        }
        if self.set().is_none() {
            let c = self.escaped_character()?;
            self.literal(c);
        }
        Some(())
    }

    /// A set of characters after a backslash, if one follows.
    fn set(&mut self) -> Option<()> {
        let c = self.rest.chars().next()?;
        if matches!(c, 'p' | 'P') {
            return self.property();
        }
        let (_, text) = PERL.iter().find(|(letter, _)| *letter == c)?;
        self.next();
        self.out.push_str(text);
        Some(())
    }

    /// `\pL`, `\p{Greek}`: as it stands; the compiler knows those it has.
    fn property(&mut self) -> Option<()> {
        let end = if self.rest.get(1..)?.starts_with('{') { self.rest.find('}')? + 1 } else { 2 };
        let (head, rest) = (self.rest.get(..end)?, self.rest.get(end..)?);
        let _ = write!(self.out, "\\{head}");
        self.rest = rest;
        Some(())
    }

    /// One character after a backslash. Octal numbers and `\Q` are left alone.
    fn escaped_character(&mut self) -> Option<char> {
        match self.next()? {
            'a' => Some('\x07'),
            'f' => Some('\x0c'),
            't' => Some('\t'),
            'n' => Some('\n'),
            'r' => Some('\r'),
            'v' => Some('\x0b'),
            'x' => {
                let length = if self.rest.starts_with('{') { self.rest.find('}')? + 1 } else { 2 };
                let (digits, rest) = (self.rest.get(..length)?, self.rest.get(length..)?);
                let digits = digits.trim_start_matches('{').trim_end_matches('}');
                let is_hex = digits.bytes().all(|b| b.is_ascii_hexdigit());
                self.rest = rest;
                u32::from_str_radix(digits, 16).ok().filter(|_| is_hex).and_then(char::from_u32)
            }
            c if c.is_ascii_punctuation() || c == ' ' => Some(c),
            _ => None,
        }
    }

    /// By number, so that it can have no second meaning.
    fn literal(&mut self, c: char) {
        let _ = write!(self.out, "\\x{{{:x}}}", u32::from(c));
    }

    /// After a `[`.
    fn class(&mut self) -> Option<()> {
        self.out.push('[');
        if self.take("^") {
            self.out.push('^');
        }
        let mut is_first = true;
        while is_first || !self.rest.starts_with(']') {
            is_first = false;
            if let Some(name) = self.rest.strip_prefix("[:") {
                let (name, rest) = name.split_once(":]")?;
                if !POSIX.contains(&name.strip_prefix('^').unwrap_or(name)) {
                    return None;
                }
                let _ = write!(self.out, "[:{name}:]");
                self.rest = rest;
                continue;
            }
            if let Some(escaped) = self.rest.strip_prefix('\\').filter(|rest| rest.starts_with(SETS)) {
                self.rest = escaped;
                self.set()?;
                continue;
            }
            let first = self.class_character()?;
            self.literal(first);
            let upper = self.rest.strip_prefix('-').filter(|upper| !upper.starts_with(']'));
            if let Some(upper) = upper {
                self.rest = upper;
                self.out.push('-');
                let last = self.class_character()?;
                self.literal(last);
            }
        }
        self.rest = self.rest.get(1..)?;
        self.out.push(']');
        Some(())
    }

    fn class_character(&mut self) -> Option<char> {
        match self.next()? {
            '\\' => self.escaped_character(),
            c => Some(c),
        }
    }
}
