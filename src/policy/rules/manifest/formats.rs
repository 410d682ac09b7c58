//! TOML and YAML as trees with lines.

use super::tree::{Malformed, Node, Value};
use saphyr_parser::{Event, Parser};
use toml::de::{DeTable, DeValue};

/// How deep tables and lists may lie in each other in YAML; the parsers of JSON and TOML have limits of their own.
const YAML_DEPTH_MAX: usize = 100;

pub fn toml(text: &str) -> Result<Node, Malformed> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let table = DeTable::parse(text).map_err(|error| Malformed(error.message().to_owned()))?;
    let starts: Vec<usize> = memchr::memchr_iter(b'\n', text.as_bytes()).collect();
    Ok(Node { line: 1, value: toml_table(table.get_ref(), &starts) })
}

fn toml_table(table: &DeTable<'_>, starts: &[usize]) -> Value {
    let entry = |(key, value): (&toml::Spanned<toml::de::DeString<'_>>, &toml::Spanned<DeValue<'_>>)| {
        // The key of `[[package]]` is far from the item that counts; the value is where it is.
        let at = if value.get_ref().is_table() { value.span().start } else { key.span().start };
        (key.get_ref().to_string(), toml_value(value.get_ref(), at, starts))
    };
    Value::Table(table.iter().map(entry).collect())
}

fn toml_value(value: &DeValue<'_>, at: usize, starts: &[usize]) -> Node {
    let line = u32::try_from(starts.partition_point(|start| *start < at)).map_or(0, |line| line.saturating_add(1));
    let value = match value {
        DeValue::String(text) => Value::Text(text.to_string()),
        DeValue::Integer(number) => Value::Text(number.as_str().to_owned()),
        DeValue::Float(number) => Value::Text(number.as_str().to_owned()),
        DeValue::Datetime(date) => Value::Text(date.to_string()),
        DeValue::Boolean(flag) => Value::Flag(*flag),
        DeValue::Array(items) => {
            Value::List(items.iter().map(|item| toml_value(item.get_ref(), item.span().start, starts)).collect())
        }
        DeValue::Table(table) => toml_table(table, starts),
    };
    Node { line, value }
}

/// A table or list that is not closed yet.
struct Open {
    line: u32,
    is_table: bool,
    key: Option<(String, u32)>,
    entries: Vec<(String, Node)>,
    items: Vec<Node>,
}

/// Reads YAML; several documents become a list of them.
///
/// Aliases and merge keys stand in no lock file that a tool has written. They are refused rather than followed: what
/// they stand for can be made to grow without end.
pub fn yaml(text: &str) -> Result<Node, Malformed> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut open: Vec<Open> = Vec::new();
    let mut documents = Vec::new();
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| Malformed(error.info().to_owned()))?;
        let line = u32::try_from(span.start.line()).unwrap_or(0);
        let done = match event {
            Event::Scalar(text, style, _, _) => {
                let is_plain = style == saphyr_parser::ScalarStyle::Plain;
                Some(Node { line, value: scalar(&text, is_plain) })
            }
            Event::SequenceStart(..) | Event::MappingStart(..) => {
                if open.len() >= YAML_DEPTH_MAX {
                    return Err(Malformed("it is nested too deeply".to_owned()));
                }
                let is_table = matches!(event, Event::MappingStart(..));
                open.push(Open { line, is_table, key: None, entries: Vec::new(), items: Vec::new() });
                None
            }
            Event::SequenceEnd | Event::MappingEnd => open.pop().map(Open::close),
            Event::Alias(_) => return Err(Malformed("an alias stands for something else".to_owned())),
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentStart(_) | Event::DocumentEnd => {
                None
            }
        };
        if let Some(node) = done {
            put(node, &mut open, &mut documents)?;
        }
    }
    Ok(match (documents.pop(), documents.is_empty()) {
        (Some(only), true) => only,
        (None, _) => Node { line: 1, value: Value::Null },
        (Some(last), false) => {
            documents.push(last);
            Node { line: 1, value: Value::List(documents) }
        }
    })
}

fn put(node: Node, open: &mut [Open], documents: &mut Vec<Node>) -> Result<(), Malformed> {
    let Some(parent) = open.last_mut() else {
        documents.push(node);
        return Ok(());
    };
    if !parent.is_table {
        parent.items.push(node);
        return Ok(());
    }
    match parent.key.take() {
        Some((key, line)) => parent.entries.push((key, Node { line, ..node })),
        None => match node.value {
            Value::Text(key) if key != "<<" => parent.key = Some((key, node.line)),
            Value::Flag(flag) => parent.key = Some((flag.to_string(), node.line)),
            Value::Null => parent.key = Some((String::new(), node.line)),
            Value::Text(_) => return Err(Malformed("a merge key stands for something else".to_owned())),
            Value::Table(_) | Value::List(_) => return Err(Malformed("a key is no word".to_owned())),
        },
    }
    Ok(())
}

impl Open {
    fn close(self) -> Node {
        let value = if self.is_table { Value::Table(self.entries) } else { Value::List(self.items) };
        Node { line: self.line, value }
    }
}

fn scalar(text: &str, is_plain: bool) -> Value {
    match text {
        "true" | "True" | "TRUE" if is_plain => Value::Flag(true),
        "false" | "False" | "FALSE" if is_plain => Value::Flag(false),
        "" | "~" | "null" if is_plain => Value::Null,
        text => Value::Text(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn toml_knows_its_lines() {
        let node =
            toml("\u{feff}[a]\nb = 1\n\n[a.\"c d\"]\ne = { f = [1.5, true, 2020-01-01] }\n[[p]]\n[[p]]\nx = 'y'\n")
                .unwrap();
        let lines = |keys: &[&str]| node.at(keys).iter().map(|node| node.line).collect::<Vec<_>>();
        assert_eq!(lines(&["a", "b"]), [2]);
        assert_eq!(lines(&["a", "c d", "e", "f"]), [5]);
        assert_eq!(lines(&["p", "*"]), [6, 7]);
        assert_eq!(lines(&["p", "*", "x"]), [8]);
        for text in ["a = 1\na = 2\n", "a", "[a", &"[".repeat(1000), &format!("a = {}", "[".repeat(1000))] {
            assert!(toml(text).is_err(), "{text}");
        }
    }

    #[test]
    fn yaml_is_read_without_aliases() {
        let node = yaml("a:\n  b: 1\n  'c@1, d':\n    e: [x, true]\n? f\n: g\na: 2\n").unwrap();
        let lines = |keys: &[&str]| node.at(keys).iter().map(|node| node.line).collect::<Vec<_>>();
        assert_eq!(lines(&["a", "b"]), [2]);
        assert_eq!(lines(&["a", "c@1, d"]), [3]);
        assert_eq!(node.word("f"), Some("g"));
        assert_eq!(node.keys_twice().len(), 1);
        assert_eq!(yaml("---\na: 1\n---\nb: 2\n").unwrap().items().len(), 2);
        assert!(!yaml("").unwrap().is_set());
        let bomb = format!("{}{}", "[".repeat(500), "]".repeat(500));
        for text in ["a: &x 1\nb: *x\n", "<<: {a: 1}\n", "[a]: b\n", "a: b: c\n", "{", "\"x", &bomb] {
            assert!(yaml(text).is_err(), "{text}");
        }
    }
}
