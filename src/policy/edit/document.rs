//! The policy's text as a tree that knows where each part of it is written. Changes nothing.

use crate::policy::edit::EditError;
use crate::strict::{Span, position};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

pub type Node<'t> = Spanned<DeValue<'t>>;

pub struct Document<'t> {
    pub text: &'t str,
    root: DeTable<'t>,
}

/// A key of a table with its value.
#[derive(Clone, Copy)]
pub struct Entry<'d, 't> {
    pub name: &'d str,
    pub key: (usize, usize),
    pub value: &'d Node<'t>,
}

/// How a table or a list is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Below a `[header]` of its own.
    Header,
    /// In braces, or a plain value.
    Inline,
    /// By its keys alone: `agent.a.sponsor = "b"`.
    Dotted,
}

/// What stands on lines of its own: a header, or a key with its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leaf {
    pub span: Span,
    pub form: Form,
}

impl Entry<'_, '_> {
    /// From the key to the end of the value.
    #[must_use]
    pub fn span(&self) -> Span {
        self.key.0..self.value.span().end
    }
}

impl<'t> Document<'t> {
    /// Reads a text that has been compiled before, and so is TOML.
    pub fn parse(text: &'t str) -> Result<Self, EditError> {
        let root = DeTable::parse(text).map_err(|_| EditError::Unreadable)?.into_inner();
        Ok(Self { text, root })
    }

    /// The entries of a table of the root, `[agent]` say; none, if there is no such table.
    pub fn section(&self, name: &'static str) -> Result<Vec<Entry<'_, 't>>, EditError> {
        match self.root.get(name) {
            None => Ok(Vec::new()),
            Some(node) if self.form(node) == Form::Inline => Err(EditError::Inline(name, self.line(node.span().start))),
            Some(node) => Ok(entries(node)),
        }
    }

    /// A key of the root.
    #[must_use]
    pub fn root(&self, name: &str) -> Option<Entry<'_, 't>> {
        let (key, value) = self.root.get_key_value(name)?;
        Some(Entry { name: key.get_ref(), key: (key.span().start, key.span().end), value })
    }

    /// The entry of a table of the root, `[group]` say.
    pub fn find(&self, section: &'static str, name: &str) -> Result<Option<Entry<'_, 't>>, EditError> {
        Ok(self.section(section)?.into_iter().find(|entry| entry.name == name))
    }

    /// Every `[[grant]]`.
    pub fn grants(&self) -> Result<Vec<&Node<'t>>, EditError> {
        let Some(node) = self.root.get("grant") else { return Ok(Vec::new()) };
        let all: Vec<&Node<'t>> = items(node);
        match all.iter().find(|grant| self.form(grant) != Form::Header) {
            Some(grant) => Err(EditError::Inline("grant", self.line(grant.span().start))),
            None => Ok(all),
        }
    }

    #[must_use]
    pub fn form(&self, node: &Node<'_>) -> Form {
        let start = self.text.get(node.span()).unwrap_or_default();
        match node.get_ref() {
            DeValue::Table(_) if start.starts_with('[') => Form::Header,
            DeValue::Table(_) if !start.starts_with('{') => Form::Dotted,
            DeValue::Array(list) if list.iter().any(|item| self.form(item) == Form::Header) => Form::Header,
            _ => Form::Inline,
        }
    }

    /// From 1.
    #[must_use]
    pub fn line(&self, offset: usize) -> usize {
        position(self.text, offset).0
    }

    /// Where the line of this place starts.
    #[must_use]
    pub fn line_start(&self, at: usize) -> usize {
        self.text.get(..at).and_then(|before| before.rfind('\n')).map_or(0, |newline| newline + 1)
    }

    /// Where the next line starts.
    #[must_use]
    pub fn line_end(&self, at: usize) -> usize {
        self.text.get(at..).and_then(|rest| rest.find('\n')).map_or(self.text.len(), |newline| at + newline + 1)
    }

    /// All that a table or value consists of, in the order of the text. `span` counts where it is one line's.
    #[must_use]
    pub fn leaves(&self, span: Span, node: &Node<'_>) -> Vec<Leaf> {
        let mut leaves = Vec::new();
        self.collect(span, node, &mut leaves);
        leaves.sort_by_key(|leaf| leaf.span.start);
        leaves
    }

    fn collect(&self, span: Span, node: &Node<'_>, leaves: &mut Vec<Leaf>) {
        let form = self.form(node);
        match (form, node.get_ref()) {
            (Form::Header, DeValue::Array(list)) => list.iter().for_each(|i| self.collect(i.span(), i, leaves)),
            (Form::Header | Form::Dotted, DeValue::Table(_)) => {
                if form == Form::Header {
                    leaves.push(Leaf { span: node.span(), form });
                }
                entries(node).iter().for_each(|entry| self.collect(entry.span(), entry.value, leaves));
            }
            _ => leaves.push(Leaf { span, form: Form::Inline }),
        }
    }

    /// Where a new table can stand behind what ends here: behind all that belongs to the same header, and behind the
    /// remarks right below it.
    #[must_use]
    pub fn room_after(&self, end: usize) -> usize {
        let mut all: Vec<Leaf> = Vec::new();
        for (key, node) in &self.root {
            self.collect(key.span().start..node.span().end, node, &mut all);
        }
        all.sort_by_key(|leaf| leaf.span.start);
        let behind = all.iter().skip_while(|leaf| leaf.span.start < end);
        let last = behind.take_while(|leaf| leaf.form != Form::Header).last();
        let below = self.line_end(last.map_or(end, |leaf| leaf.span.end));
        let mut at = below;
        while self.rest(at).trim_start().starts_with('#') {
            at = self.line_end(at);
        }
        // What stands right above the next header is told of that one.
        if self.rest(at).trim().is_empty() { at } else { below }
    }

    /// The line from here on.
    #[must_use]
    pub fn rest(&self, at: usize) -> &'t str {
        self.text.get(at..self.line_end(at)).unwrap_or_default()
    }
}

/// The entries of a table in the order of the text; none, if it is no table.
#[must_use]
pub fn entries<'d, 't>(node: &'d Node<'t>) -> Vec<Entry<'d, 't>> {
    let DeValue::Table(table) = node.get_ref() else { return Vec::new() };
    let entry = |(key, value): (&'d Spanned<std::borrow::Cow<'t, str>>, &'d Node<'t>)| Entry {
        name: key.get_ref(),
        key: (key.span().start, key.span().end),
        value,
    };
    let mut all: Vec<_> = table.iter().map(entry).collect();
    all.sort_by_key(|entry| entry.key);
    all
}

/// One entry of a table.
#[must_use]
pub fn entry<'d, 't>(node: &'d Node<'t>, name: &str) -> Option<Entry<'d, 't>> {
    entries(node).into_iter().find(|entry| entry.name == name)
}

/// The items of an array; what is no array is its own only item.
#[must_use]
pub fn items<'d, 't>(node: &'d Node<'t>) -> Vec<&'d Node<'t>> {
    match node.get_ref() {
        DeValue::Array(list) => list.iter().collect(),
        _ => vec![node],
    }
}

#[must_use]
pub fn text_of<'d>(node: &'d Node<'_>) -> Option<&'d str> {
    node.get_ref().as_str()
}
