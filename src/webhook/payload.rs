//! What is sent for an event: the body in the webhook's format, the headers, and the signature. Pure.
//!
//! | header | what it is |
//! |---|---|
//! | `X-Refgate-Event` | the event's name |
//! | `X-Refgate-Delivery` | cursor and webhook: the same when an event is sent again |
//! | `X-Refgate-Timestamp` | seconds since 1970 of this try |
//! | `X-Refgate-Signature` | `v1=` and HMAC-SHA256 of timestamp, `.` and body, in hex; if there is a secret |

use super::chat;
use crate::config::WebhookFormat;
use crate::events::Event;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::fmt::Write;

/// Refs told of in one body; it says how many more there are. `events` has them all.
const REFS_MAX: usize = 100;

/// The body, JSON in every format.
pub fn body(event: &Event, format: WebhookFormat, gate: &str) -> String {
    match format {
        WebhookFormat::Json => {
            let mut event = event.clone();
            event.more_refs += event.refs.len().saturating_sub(REFS_MAX);
            event.refs.truncate(REFS_MAX);
            event.to_line()
        }
        WebhookFormat::Slack => chat::slack(event, gate),
        WebhookFormat::Teams => chat::teams(event, gate),
    }
}

/// The value of `X-Refgate-Signature`.
#[must_use]
pub fn sign(secret: &[u8], timestamp: i64, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("HMAC takes a key of any length");
    mac.update(format!("{timestamp}.").as_bytes());
    mac.update(body);
    let digest = mac.finalize().into_bytes();
    digest.iter().fold("v1=".to_owned(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::EventRef;
    use crate::model::RefName;
    use crate::record::{EventEntry, Record};

    #[test]
    fn the_signature_is_the_documented_one() {
        // echo -n '1700000000.{"v":1}' | openssl dgst -sha256 -hmac key
        let expected = "v1=afc180db7100385a559c0f5c5e3d6a432cd1ec1049002cc3920aac6cc071a1ec";
        assert_eq!(sign(b"key", 1_700_000_000, br#"{"v":1}"#), expected);
        assert_ne!(sign(b"key", 1_700_000_001, br#"{"v":1}"#), expected);
        assert_ne!(sign(b"kez", 1_700_000_000, br#"{"v":1}"#), expected);
    }

    #[test]
    fn a_body_has_so_many_refs_and_no_more() {
        let note = EventEntry::new("start", "2026-05-01T12:00:00Z".parse().expect("a time"));
        let mut event = Event::of(1, &Record::Event(note)).expect("an event");
        for (count, shown, more) in [(0, 0, None), (100, 100, None), (101, 100, Some(1)), (250, 100, Some(150))] {
            let name = |i| RefName::parse(format!("refs/heads/{i}").as_bytes()).expect("a ref");
            let one = |i| EventRef { name: name(i), old: None, new: None, kind: None, result: None };
            event.refs = (0..count).map(one).collect();
            let body: serde_json::Value = serde_json::from_str(&body(&event, WebhookFormat::Json, "")).expect("JSON");
            assert_eq!(body["refs"].as_array().map_or(0, Vec::len), shown);
            assert_eq!(body["more_refs"].as_u64(), more);
        }
    }
}
