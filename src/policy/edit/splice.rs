//! Changes of a text, each at its place. What no change touches stays byte for byte: remarks, order, spaces.
//!
//! A remark on a line of its own always stays; one behind what is taken out goes with it.

use crate::policy::edit::EditError;
use crate::policy::edit::document::{Document, Entry, Form, Node, entries, items};
use crate::strict::Span;

#[derive(Debug, Default)]
pub struct Splices {
    list: Vec<(Span, String)>,
}

impl Splices {
    #[must_use]
    pub fn apply(mut self, text: &str) -> String {
        self.list.sort_by_key(|(span, _)| (span.start, span.end));
        let newline = if text.contains("\r\n") { "\r\n" } else { "\n" };
        let (mut new, mut at) = (String::new(), 0);
        for (span, put) in self.list {
            // Two things taken out may share the comma between them.
            new.push_str(text.get(at..span.start).unwrap_or_default());
            new.push_str(&put.replace('\n', newline));
            at = at.max(span.end);
        }
        new.push_str(text.get(at..).unwrap_or_default());
        new
    }

    fn put(&mut self, at: usize, text: String) {
        self.list.push((at..at, text));
    }

    /// Takes out all lines of a table or key.
    pub fn drop_lines(&mut self, document: &Document<'_>, span: Span, node: &Node<'_>) {
        let leaves = document.leaves(span, node);
        for leaf in &leaves {
            let mut at = document.line_start(leaf.span.start);
            while at < leaf.span.end {
                let next = document.line_end(at);
                if !document.rest(at).trim_start().starts_with('#') {
                    self.list.push((at..next, String::new()));
                }
                at = next;
            }
        }
        let Some((first, last)) = leaves.first().zip(leaves.last()) else { return };
        let (start, end) = (document.line_start(first.span.start), document.line_end(last.span.end));
        let is_blank = |at: usize| document.rest(at).trim().is_empty();
        if is_blank(end) && (start == 0 || is_blank(document.line_start(start - 1))) {
            self.list.push((end..document.line_end(end), String::new()));
        }
    }

    /// Takes one key out of a table.
    pub fn drop_entry(&mut self, document: &Document<'_>, table: &Node<'_>, name: &str) {
        let all = entries(table);
        let Some(index) = all.iter().position(|entry| entry.name == name) else { return };
        if document.form(table) == Form::Inline {
            let spans: Vec<Span> = all.iter().map(Entry::span).collect();
            self.drop_from_list(document, table.span(), &spans, &[index]);
        } else if let Some(entry) = all.get(index) {
            self.drop_lines(document, entry.span(), entry.value);
        }
    }

    /// Takes items out of an array that has others.
    pub fn drop_items(&mut self, document: &Document<'_>, array: &Node<'_>, gone: &[usize]) {
        let spans: Vec<Span> = items(array).into_iter().map(Node::span).collect();
        self.drop_from_list(document, array.span(), &spans, gone);
    }

    fn drop_from_list(&mut self, document: &Document<'_>, list: Span, spans: &[Span], gone: &[usize]) {
        for index in gone {
            let Some(own) = spans.get(*index) else { continue };
            let before = index.checked_sub(1).and_then(|before| spans.get(before)).map_or(list.start + 1, |s| s.end);
            let after = spans.get(index + 1).map_or(list.end - 1, |next| next.start);
            let comma = comma(document.text, own.end..after);
            let end = comma.map_or(own.end, |at| at + 1);
            let (line, next_line) = (document.line_start(own.start), document.line_end(end));
            let blank = |span: Span| document.text.get(span).is_some_and(|text| text.trim().is_empty());
            let rest = document.rest(end).trim();
            if line >= before && blank(line..own.start) && (rest.is_empty() || rest.starts_with('#')) {
                self.list.push((line..next_line, String::new()));
            } else if comma.is_some() {
                let rest = document.rest(end);
                let spaces = rest.len() - rest.trim_start_matches([' ', '\t']).len();
                self.list.push((own.start..end + spaces, String::new()));
            } else {
                let comma_before = self::comma(document.text, before..own.start).filter(|at| *at >= line);
                self.list.push((comma_before.unwrap_or(own.start)..own.end, String::new()));
            }
        }
    }

    /// Adds strings to an array, or to a single string that becomes one.
    pub fn add_items(&mut self, document: &Document<'_>, value: &Node<'_>, new: &[String]) {
        let span = value.span();
        let all = items(value);
        let new_list = new.join(", ");
        let old = document.text.get(span.clone()).unwrap_or_default();
        let Some(last) = all.last().map(|last| last.span()) else {
            return self.list.push((span, format!("[{new_list}]")));
        };
        if last == span {
            return self.list.push((span, format!("[{old}, {new_list}]")));
        }
        let line = document.line_start(last.start);
        let indent = document.text.get(line..last.start).unwrap_or_default();
        let end = document.line_end(last.end);
        if line <= span.start || !indent.trim().is_empty() || end >= span.end {
            return self.put(last.end, format!(", {new_list}"));
        }
        match comma(document.text, last.end..span.end - 1) {
            Some(_) => self.put(end, new.iter().map(|new| format!("{indent}{new},\n")).collect()),
            None => {
                self.put(last.end, ",".to_owned());
                self.put(end, format!("{indent}{}\n", new.join(&format!(",\n{indent}"))));
            }
        }
    }

    /// Adds `key = value` to a table.
    pub fn add_entry(&mut self, document: &Document<'_>, table: &Node<'_>, line: &str) -> Result<(), EditError> {
        let all = entries(table);
        match document.form(table) {
            Form::Header => {
                let direct = all.iter().filter(|entry| document.form(entry.value) == Form::Inline);
                let end = direct.map(|entry| entry.span().end).max().unwrap_or(table.span().end);
                self.put_lines(document, document.line_end(end), &format!("{line}\n"));
            }
            Form::Inline => match all.last() {
                Some(last) => self.put(last.span().end, format!(", {line}")),
                None => self.list.push((table.span(), format!("{{ {line} }}"))),
            },
            Form::Dotted => return Err(EditError::Dotted(document.line(table.span().start))),
        }
        Ok(())
    }

    /// Adds a table behind others of its sort (which end at `after`), or at the end.
    pub fn add_table(&mut self, document: &Document<'_>, after: Option<usize>, table: &str) {
        let at = after.map_or(document.text.len(), |end| document.room_after(end));
        let gap = if at == 0 { "" } else { "\n" };
        self.put_lines(document, at, &format!("{gap}{table}"));
    }

    fn put_lines(&mut self, document: &Document<'_>, at: usize, lines: &str) {
        let is_open = at == document.text.len() && !document.text.is_empty() && !document.text.ends_with('\n');
        self.put(at, if is_open { format!("\n{lines}") } else { lines.to_owned() });
    }

    /// Puts another value in the place of one.
    pub fn replace(&mut self, value: &Node<'_>, new: String) {
        self.list.push((value.span(), new));
    }
}

/// The comma between two items: there is nothing else but spaces and remarks.
fn comma(text: &str, between: Span) -> Option<usize> {
    let mut in_remark = false;
    for (at, c) in text.get(between.clone())?.char_indices() {
        match c {
            '\n' => in_remark = false,
            '#' => in_remark = true,
            ',' if !in_remark => return Some(between.start + at),
            _ => {}
        }
    }
    None
}
