//! Object ids as the protocols write them: lower-case hex, all zeros for "none".

use crate::model::ObjectId;

/// Parses 40 hex digits; the null id is `None`. The outer `None` means malformed.
pub(super) fn parse(hex: &[u8]) -> Option<Option<ObjectId>> {
    if hex.len() != 40 || hex.iter().any(u8::is_ascii_uppercase) {
        return None;
    }
    let id = ObjectId::from_hex(hex).ok()?;
    Some((!id.is_null()).then_some(id))
}

pub(super) fn encode(id: Option<ObjectId>) -> String {
    id.unwrap_or_else(|| ObjectId::null(gix::hash::Kind::Sha1)).to_string()
}
