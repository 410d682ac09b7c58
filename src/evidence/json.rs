//! JSON without a second reading: an object that names a key twice is refused, wherever it stands.
//!
//! Parsers differ in which of two equal keys counts. A line that two verifiers read differently proves nothing, so the
//! whole text is walked once before anything in it is believed. Unknown keys stay allowed, as in-toto asks.

use serde::de::{Deserialize, DeserializeOwned, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use std::collections::BTreeSet;
use std::fmt;

/// Reads one JSON text with nothing after it and no key twice.
pub fn from_slice<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, serde_json::Error> {
    serde_json::from_slice::<NoKeyTwice>(bytes)?;
    serde_json::from_slice(bytes)
}

/// Holds nothing: that it could be read is all there is to it.
struct NoKeyTwice;

impl<'de> Deserialize<'de> for NoKeyTwice {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Walk)
    }
}

struct Walk;

impl<'de> Visitor<'de> for Walk {
    type Value = NoKeyTwice;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, _: bool) -> Result<NoKeyTwice, E> {
        Ok(NoKeyTwice)
    }

    fn visit_i64<E>(self, _: i64) -> Result<NoKeyTwice, E> {
        Ok(NoKeyTwice)
    }

    fn visit_u64<E>(self, _: u64) -> Result<NoKeyTwice, E> {
        Ok(NoKeyTwice)
    }

    fn visit_f64<E>(self, _: f64) -> Result<NoKeyTwice, E> {
        Ok(NoKeyTwice)
    }

    fn visit_str<E>(self, _: &str) -> Result<NoKeyTwice, E> {
        Ok(NoKeyTwice)
    }

    fn visit_unit<E>(self) -> Result<NoKeyTwice, E> {
        Ok(NoKeyTwice)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<NoKeyTwice, A::Error> {
        while items.next_element::<NoKeyTwice>()?.is_some() {}
        Ok(NoKeyTwice)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<NoKeyTwice, A::Error> {
        let mut keys = BTreeSet::new();
        while let Some(key) = entries.next_key::<String>()? {
            entries.next_value::<NoKeyTwice>()?;
            if !keys.insert(key) {
                return Err(A::Error::custom("a key stands twice"));
            }
        }
        Ok(NoKeyTwice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_stands_once_and_nothing_follows() {
        for good in ["{}", r#"{"a":1,"b":{"a":[null,true,-1,1.5,"x"]}}"#, " [ ] ", r#"[{"a":1},{"a":2}]"#] {
            assert!(from_slice::<serde_json::Value>(good.as_bytes()).is_ok(), "{good}");
        }
        let deep = format!("{}{}", "[".repeat(1000), "]".repeat(1000));
        let twice = [r#"{"a":1,"a":1}"#, r#"[{"x":{"a":1,"\u0061":2}}]"#];
        for bad in twice.into_iter().chain(["", "{} {}", "{}x", "{\"a\":1,}", "[1", "\"\n\"", &deep]) {
            assert!(from_slice::<serde_json::Value>(bad.as_bytes()).is_err(), "{bad}");
        }
        assert!(from_slice::<serde_json::Value>(b"\"\xff\"").is_err());
    }
}
