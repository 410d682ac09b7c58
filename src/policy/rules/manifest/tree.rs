//! What JSON, TOML and YAML files have in common: tables, lists and words, with lines where the parser tells them.
//!
//! A key that stands twice is kept twice: readers do not agree which of them counts.

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use std::fmt;

/// A value, and the line it (or its key) is in; 0 if that is not known.
#[derive(Debug)]
pub struct Node {
    pub line: u32,
    pub value: Value,
}

#[derive(Debug)]
pub enum Value {
    Table(Vec<(String, Node)>),
    List(Vec<Node>),
    /// Also numbers and dates, as written.
    Text(String),
    Flag(bool),
    Null,
}

/// Why a file could not be read, in the parser's words.
#[derive(Debug)]
pub struct Malformed(pub String);

impl Node {
    /// The value of a key; the last, if it stands several times.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Self> {
        self.entries().filter(|(name, _)| *name == key).map(|(_, node)| node).last()
    }

    /// The text of a key.
    #[must_use]
    pub fn word(&self, key: &str) -> Option<&str> {
        self.get(key)?.text()
    }

    /// Everything below these keys, each of which may stand several times. `*` is any key or item.
    #[must_use]
    pub fn at(&self, keys: &[&str]) -> Vec<&Self> {
        keys.iter().fold(vec![self], |nodes, key| nodes.into_iter().flat_map(|node| node.step(key)).collect())
    }

    fn step(&self, key: &str) -> Vec<&Self> {
        let named = self.entries().filter(|(name, _)| key == "*" || *name == key).map(|(_, node)| node);
        named.chain(self.items().iter().filter(|_| key == "*")).collect()
    }

    pub fn entries(&self) -> impl Iterator<Item = (&str, &Self)> {
        let entries = match &self.value {
            Value::Table(entries) => entries.as_slice(),
            Value::List(_) | Value::Text(_) | Value::Flag(_) | Value::Null => &[],
        };
        entries.iter().map(|(key, node)| (key.as_str(), node))
    }

    #[must_use]
    pub fn items(&self) -> &[Self] {
        match &self.value {
            Value::List(items) => items,
            Value::Table(_) | Value::Text(_) | Value::Flag(_) | Value::Null => &[],
        }
    }

    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            Value::Table(_) | Value::List(_) | Value::Flag(_) | Value::Null => None,
        }
    }

    #[must_use]
    pub fn is_table(&self) -> bool {
        matches!(self.value, Value::Table(_))
    }

    /// Neither missing nor `false`, `null` or empty.
    #[must_use]
    pub fn is_set(&self) -> bool {
        match &self.value {
            Value::Table(entries) => !entries.is_empty(),
            Value::List(items) => !items.is_empty(),
            Value::Text(text) => !text.is_empty() && text != "false",
            Value::Flag(flag) => *flag,
            Value::Null => false,
        }
    }

    /// A text or a list of texts.
    #[must_use]
    pub fn texts(&self) -> Vec<&str> {
        self.text().into_iter().chain(self.items().iter().filter_map(Self::text)).collect()
    }

    /// The value in one line that is the same for the same value only.
    #[must_use]
    pub fn flat(&self) -> String {
        match &self.value {
            Value::Table(_) => {
                let mut parts: Vec<String> = self.entries().map(|(k, v)| format!("{k:?}:{}", v.flat())).collect();
                parts.sort();
                format!("{{{}}}", parts.join(","))
            }
            Value::List(items) => format!("[{}]", items.iter().map(Self::flat).collect::<Vec<_>>().join(",")),
            Value::Text(text) => text.clone(),
            Value::Flag(flag) => flag.to_string(),
            Value::Null => "null".to_owned(),
        }
    }

    /// Keys that stand more than once in a table. `//` is what people write comments as.
    #[must_use]
    pub fn keys_twice(&self) -> Vec<(String, u32)> {
        let mut names: Vec<(&str, u32)> = self.entries().map(|(name, node)| (name, node.line)).collect();
        names.sort_unstable();
        let pairs = names.iter().zip(names.iter().skip(1));
        let twice = pairs.filter(|(a, b)| a.0 == b.0 && !a.0.starts_with("//"));
        let mut found: Vec<(String, u32)> = twice.map(|(_, b)| (b.0.to_owned(), b.1)).collect();
        for node in self.entries().map(|(_, node)| node).chain(self.items()) {
            found.extend(node.keys_twice());
        }
        found
    }
}

/// Reads JSON as strictly as its consumers do; they skip a byte order mark.
pub fn json(text: &str) -> Result<Node, Malformed> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    serde_json::from_str(text).map_err(|error| Malformed(error.to_string()))
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = deserializer.deserialize_any(AnyValue)?;
        Ok(Self { line: 0, value })
    }
}

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Value::Table(entries))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element()? {
            items.push(item);
        }
        Ok(Value::List(items))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Value, E> {
        Ok(Value::Text(text.to_owned()))
    }

    fn visit_bool<E: Error>(self, flag: bool) -> Result<Value, E> {
        Ok(Value::Flag(flag))
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Value, E> {
        Ok(Value::Text(number.to_string()))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Value, E> {
        Ok(Value::Text(number.to_string()))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Value, E> {
        Ok(Value::Text(number.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_read_strictly_and_keeps_what_stands_twice() {
        let node =
            json("\u{feff}{\"a\": 1, \"b\": {\"c\": [true, null, \"x\"]}, \"a\": 2, \"//\": 0, \"//\": 1}").unwrap();
        assert_eq!(node.word("a"), Some("2"));
        assert_eq!(node.at(&["a"]).len(), 2);
        assert_eq!(node.at(&["b", "c", "*"]).len(), 3);
        assert_eq!(node.keys_twice(), [("a".to_owned(), 0)]);
        let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
        for text in ["", "{", "{\"a\": 1,}", "{} // x", "{'a': 1}", "{\"a\": \"\\ud800\"}", "<<<<<<< ours", &deep] {
            assert!(json(text).is_err(), "{text}");
        }
    }
}
