//! A diff as `git show` prints it.
//!
//! Every byte of the push is escaped as [`crate::model::Escaped`] does it, but for two: a tab stays, and a backslash is
//! not doubled, as source text is full of them. So text may look like an escape, an escape never like text.

use super::value::{Body, CommitDiff, FileDiff, Header, Hunk, LineKind, Text};
use super::words::short;
use crate::model::{Direction, Entry, Escaped};
use bstr::ByteSlice;
use std::io::{self, Write};

/// Whether to write the colours of `git diff`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Color {
    Never,
    Always,
}

const BOLD: &str = "1";
const RED: &str = "31";
const GREEN: &str = "32";
const YELLOW: &str = "33";
const CYAN: &str = "36";

/// Writes one commit: header, message, files.
pub fn write_commit(out: &mut dyn Write, commit: &CommitDiff, color: Color) -> io::Result<()> {
    let mut page = Page { out, color };
    page.header(commit)?;
    for file in &commit.files {
        page.file(commit, file)?;
    }
    match commit.more_files {
        0 => Ok(()),
        more => page.note(&format!("{more} more changed files are not shown")),
    }
}

struct Page<'a> {
    out: &'a mut dyn Write,
    color: Color,
}

impl Page<'_> {
    fn line(&mut self, color: &str, text: &str) -> io::Result<()> {
        match self.color {
            Color::Always if !color.is_empty() && !text.is_empty() => writeln!(self.out, "\x1b[{color}m{text}\x1b[m"),
            Color::Always | Color::Never => writeln!(self.out, "{text}"),
        }
    }

    /// What git would not print.
    fn note(&mut self, text: &str) -> io::Result<()> {
        self.line(CYAN, &format!("# {text}"))
    }

    fn header(&mut self, commit: &CommitDiff) -> io::Result<()> {
        self.line(YELLOW, &format!("commit {}", commit.id))?;
        if commit.direction == Direction::Dropped {
            self.note("dropped by this push: below is what taking it out changes")?;
        }
        if commit.parents.len() > 1 {
            let parents: Vec<String> = commit.parents.iter().map(short).collect();
            self.line("", &format!("Merge: {}", parents.join(" ")))?;
        }
        let Header { author, author_time, committer, message } = &commit.header;
        self.line("", &format!("Author: {}", Escaped(author)))?;
        if committer != author {
            self.line("", &format!("Commit: {}", Escaped(committer)))?;
        }
        if let Some(time) = author_time {
            self.line("", &format!("Date:   {}", time.strftime("%Y-%m-%d %H:%M:%S +0000")))?;
        }
        self.line("", "")?;
        for line in message.bytes.lines() {
            self.line("", format!("    {}", readable(line)).trim_end())?;
        }
        if message.cut > 0 {
            self.note(&format!("{} more bytes of the message are not shown", message.cut))?;
        }
        self.line("", "")
    }

    fn file(&mut self, commit: &CommitDiff, file: &FileDiff) -> io::Result<()> {
        let path = Escaped(&file.path);
        self.line(BOLD, &format!("diff --git a/{path} b/{path}"))?;
        for line in file.mode_lines() {
            self.line(BOLD, &line)?;
        }
        if let Some(line) = file.index_line() {
            self.line(BOLD, &line)?;
        }
        if commit.parents.len() > 1 && commit.direction == Direction::Added {
            let parent = commit.parents.get(file.parent).map(short).unwrap_or_default();
            self.note(&format!("compared with parent {} ({parent})", file.parent + 1))?;
        }
        if let Some(note) = file.body.note() {
            self.note(&note)?;
        }
        match &file.body {
            Body::Same | Body::Binary { .. } | Body::Unread { .. } => Ok(()),
            Body::Hunks { hunks, left_out, .. } => {
                if !hunks.is_empty() {
                    let name = |side: char, entry: Option<Entry>| match entry {
                        Some(_) => format!("{side}/{path}"),
                        None => "/dev/null".to_owned(),
                    };
                    self.line(BOLD, &format!("--- {}", name('a', file.old)))?;
                    self.line(BOLD, &format!("+++ {}", name('b', file.new)))?;
                }
                hunks.iter().try_for_each(|hunk| self.hunk(hunk))?;
                self.left_out(*left_out)
            }
        }
    }

    fn left_out(&mut self, lines: u64) -> io::Result<()> {
        match lines {
            0 => Ok(()),
            lines => self.note(&format!("{lines} lines of the diff are not shown")),
        }
    }

    fn hunk(&mut self, hunk: &Hunk) -> io::Result<()> {
        self.left_out(hunk.left_out)?;
        self.line(CYAN, &hunk.range())?;
        for line in &hunk.lines {
            let (sign, color) = match line.kind {
                LineKind::Context => (' ', ""),
                LineKind::Added => ('+', GREEN),
                LineKind::Removed => ('-', RED),
            };
            let Text { bytes, cut } = &line.text;
            self.line(color, &format!("{sign}{}", readable(bytes)))?;
            if *cut > 0 {
                self.note(&format!("{cut} more bytes of this line are not shown"))?;
            }
            if !line.has_newline {
                self.line("", "\\ No newline at end of file")?;
            }
        }
        Ok(())
    }
}

/// Escaped, but for tabs and backslashes.
fn readable(bytes: &[u8]) -> String {
    let mut shown = String::with_capacity(bytes.len());
    for part in bytes.split_inclusive(|byte| matches!(byte, b'\t' | b'\\')) {
        let (part, kept) = match part.split_last() {
            Some((last @ (b'\t' | b'\\'), rest)) => (rest, Some(char::from(*last))),
            Some(_) | None => (part, None),
        };
        shown.push_str(&Escaped(part).to_string());
        shown.extend(kept);
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tabs_and_backslashes_stay_and_all_else_is_escaped() {
        let table: [(&[u8], &str); 4] = [
            (b"\tif a \\ {\x1b[1m\r", "\tif a \\ {\\x1b[1m\\r"),
            ("é\u{202e}\\\\".as_bytes(), "é\\u{202e}\\\\"),
            (b"\xe2\t\x82", "\\xe2\t\\x82"),
            (b"", ""),
        ];
        for (bytes, shown) in table {
            assert_eq!(readable(bytes), shown);
        }
    }
}
