//! `GIT_PROTOCOL`, the one environment variable a client may set (gitprotocol-v2, "SSH and file Transport").

use crate::gate::ProtocolVersion;

/// Bytes of the variable's value.
pub const VALUE_LENGTH_MAX: usize = 64;

/// Reads a colon-separated list of `key[=value]`; the highest `version` counts, as in git. `None` where the value is refused.
#[must_use]
pub fn parse(value: &str) -> Option<ProtocolVersion> {
    let safe = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'=' | b':' | b'.' | b'_' | b'-');
    if value.is_empty() || value.len() > VALUE_LENGTH_MAX || !value.bytes().all(safe) {
        return None;
    }
    let mut highest = 0;
    for item in value.split(':') {
        match item.split_once('=') {
            Some(("version", number)) => highest = highest.max(parse_number(number)?),
            Some(("", _)) => return None,
            None if item.is_empty() => return None,
            Some(_) | None => {}
        }
    }
    match highest {
        0 => Some(ProtocolVersion::V0),
        1 => Some(ProtocolVersion::V1),
        _ => Some(ProtocolVersion::V2),
    }
}

fn parse_number(number: &str) -> Option<u8> {
    match number {
        "0" => Some(0),
        "1" => Some(1),
        "2" => Some(2),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_versions_and_refuses_the_rest() {
        use ProtocolVersion::{V0, V1, V2};
        let longest = format!("version=2:{}", "x".repeat(VALUE_LENGTH_MAX - 10));
        let table = [
            ("version=0", Some(V0)),
            ("version=1", Some(V1)),
            ("version=2", Some(V2)),
            ("version=2:version=1", Some(V2)),
            ("foo:version=1:bar=baz", Some(V1)),
            ("foo", Some(V0)),
            (longest.as_str(), Some(V2)),
            ("", None),
            ("version=", None),
            ("version=3", None),
            ("version=02", None),
            ("version=2\n", None),
            ("version=2 ", None),
            ("version=2;id", None),
            ("() { :; }", None),
            ("version=2:", None),
            (":version=2", None),
            ("=2", None),
        ];
        for (value, wanted) in table {
            assert_eq!(parse(value), wanted, "{value:?}");
        }
        assert_eq!(parse(&format!("{longest}x")), None);
    }
}
