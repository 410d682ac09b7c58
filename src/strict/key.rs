//! What a table was asked for, and which document had it: for a reader who wants to know where each value came from.

use crate::strict::{Span, Table, Value};
use toml::Spanned;
use toml::de::DeValue;

/// A key that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    pub name: &'static str,
    /// In TOML, on one line; `None` if no document has it.
    pub value: Option<String>,
    pub layer: Layer,
}

/// Which document has a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Layer {
    /// The table itself, at this place.
    Own(Span),
    /// The table below it.
    Base,
    /// None: the reader's default counts.
    Unset,
}

impl Table<'_, '_> {
    /// The keys that were asked for until now, each once, in the order of asking.
    #[must_use]
    pub fn keys(&self) -> Vec<Key> {
        let mut keys: Vec<Key> = Vec::new();
        for name in self.known.iter().filter(|name| **name != "*") {
            let own = self.table.get_key_value(*name);
            let base = self.base.and_then(|base| base.get(*name));
            let (value, layer) = match (own, base) {
                (Some((key, value)), _) => (Some(show(value)), Layer::Own(key.span())),
                (None, Some(value)) => (Some(show(value)), Layer::Base),
                (None, None) => (None, Layer::Unset),
            };
            if keys.iter().all(|key| key.name != *name) {
                keys.push(Key { name, value, layer });
            }
        }
        keys
    }
}

impl Value<'_, '_> {
    /// In TOML, on one line.
    #[must_use]
    pub fn show(self) -> String {
        show(self.value)
    }
}

/// A value in TOML on one line. What is no inline table is JSON as well.
fn show(value: &Spanned<DeValue<'_>>) -> String {
    let list = |items: Vec<String>| items.join(", ");
    match value.get_ref() {
        DeValue::String(text) => quoted(text),
        DeValue::Integer(number) => number.to_string(),
        DeValue::Float(number) => number.to_string(),
        DeValue::Boolean(value) => value.to_string(),
        DeValue::Datetime(time) => time.to_string(),
        DeValue::Array(array) => format!("[{}]", list(array.iter().map(show).collect())),
        DeValue::Table(table) => {
            let entry =
                |(key, value): (&Spanned<std::borrow::Cow<'_, str>>, _)| format!("{} = {}", key.get_ref(), show(value));
            format!("{{ {} }}", list(table.iter().map(entry).collect()))
        }
    }
}

/// A string of TOML, and of JSON.
#[must_use]
pub fn quoted(text: &str) -> String {
    let mut shown = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => shown.extend(['\\', c]),
            '\n' => shown.push_str("\\n"),
            '\t' => shown.push_str("\\t"),
            c if c.is_control() || crate::model::is_invisible(c) => {
                let mut units = [0; 2];
                // JSON has no escape for more than 16 bits, TOML none for surrogates: such a character is left out there.
                match c.encode_utf16(&mut units) {
                    [unit] => shown.push_str(&format!("\\u{unit:04x}")),
                    _ => shown.push(char::REPLACEMENT_CHARACTER),
                }
            }
            c => shown.push(c),
        }
    }
    shown.push('"');
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::strict::{Problem, parse};

    #[test]
    fn each_key_is_told_with_its_value_and_its_document() {
        let base = "[r]\na = [\"x\", 'y\\z']\nb = 0x10\nc = { d = true }\n";
        let own = "[r]\nb = \"\"\"one\ntwo\"\"\"\ne = 1\n";
        let keys = parse("own.toml", own, |own, problems| {
            let own = own.get("r")?;
            let read = |base: &mut Table<'_, '_>, _: &mut Vec<Problem>| {
                let mut table = own.table_over(base.get("r")?, problems)?;
                assert_eq!(table.get("a").map(|value| value.span()), Some(0..3), "at the table of the own document");
                for key in ["b", "c", "e", "f", "a"] {
                    table.get(key);
                }
                Some(table.keys())
            };
            parse("base.toml", base, read).ok()
        });
        let shown: Vec<String> = keys
            .expect("it is right")
            .iter()
            .map(|key| format!("{} {} {:?}", key.name, key.value.as_deref().unwrap_or("-"), key.layer))
            .collect();
        let expected = [
            r#"a ["x", "y\\z"] Base"#,
            r#"b "one\ntwo" Own(4..5)"#,
            "c { d = true } Base",
            "e 1 Own(22..23)",
            "f - Unset",
        ];
        assert_eq!(shown, expected);
    }
}
