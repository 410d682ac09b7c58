//! Tokens that are encoded documents: JSON, macaroons, `user:password`.

use super::Verdict;
use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde_json::Value;

const CONFIG: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, CONFIG);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, CONFIG);

/// A JSON Web Token: right or not is for its key to say, but a header or a payload that is no JSON is none.
pub(super) fn jwt(token: &[u8]) -> Verdict {
    let mut parts = token.split(|byte| *byte == b'.');
    let (Some(header), Some(payload)) = (parts.next(), parts.next()) else { return Verdict::Unknown };
    let Some(header) = json(header) else { return Verdict::Wrong };
    let encrypted = header.get("enc").is_some();
    if !header.get("alg").is_some_and(Value::is_string) {
        return Verdict::Wrong;
    }
    if encrypted {
        return Verdict::Unknown;
    }
    let Some(payload) = json(payload).filter(Value::is_object) else { return Verdict::Wrong };
    // Supabase's `anon` is for anyone to have.
    let is_public = payload.get("role").is_some_and(|role| role == "anon");
    if is_public { Verdict::Wrong } else { Verdict::Unknown }
}

/// A token whose body, after its prefix and perhaps before a secret of its own, is a JSON object in base64
/// (Sentry `sntrys_`, Grafana Cloud `glc_` and its older keys, 1Password `ops_`).
pub(super) fn base64_json(token: &[u8]) -> Verdict {
    let body = token.iter().position(|byte| *byte == b'_').filter(|at| *at < 8);
    let body = body.and_then(|at| at.checked_add(1)).and_then(|from| token.get(from..)).unwrap_or(token);
    let whole = std::iter::once(body);
    let without_secret = body.iter().rposition(|byte| *byte == b'_').and_then(|at| body.get(..at));
    let fits = whole
        .chain(without_secret)
        .filter_map(json)
        .any(|value| value.as_object().is_some_and(|object| !object.is_empty()));
    Verdict::fits(fits)
}

/// `user:password` in base64: HTTP Basic, and `auths` of a Docker configuration.
pub(super) fn basic_credentials(text: &[u8]) -> Verdict {
    let Some(bytes) = decoded(text) else { return Verdict::Wrong };
    let Some(colon) = bytes.iter().position(|byte| *byte == b':') else { return Verdict::Wrong };
    let printable =
        bytes.iter().all(|byte| (0x20..0x7f).contains(byte) || *byte >= 0x80) && std::str::from_utf8(&bytes).is_ok();
    // A shorter one is an example, or guessed at once.
    let has_password = bytes.len() > colon.saturating_add(5);
    // The examples of RFC 7617 and of every manual.
    let is_example = [&b"Aladdin:"[..], b"user:pass", b"username:password", b"test:123"]
        .iter()
        .any(|start| bytes.starts_with(start));
    if printable && has_password && !is_example { Verdict::Unknown } else { Verdict::Wrong }
}

/// Text in base64, as in a Kubernetes Secret.
pub(super) fn base64_text(text: &[u8]) -> Verdict {
    let is_text = |bytes: Vec<u8>| {
        bytes.len() >= 6 && bytes.iter().all(|byte| byte.is_ascii_graphic() || b" \t\r\n".contains(byte))
    };
    if decoded(text).is_some_and(is_text) { Verdict::Unknown } else { Verdict::Wrong }
}

/// Mapbox: `sk.`, a JSON object with the account in `u`, and a signature.
pub(super) fn mapbox(token: &[u8]) -> Verdict {
    let Some(body) = token.split(|byte| *byte == b'.').nth(1) else { return Verdict::Unknown };
    Verdict::fits(json(body).is_some_and(|value| value.get("u").is_some_and(Value::is_string)))
}

/// PyPI: a version 2 macaroon whose location is `pypi.org` or `test.pypi.org`.
pub(super) fn pypi_macaroon(token: &[u8]) -> Verdict {
    let Some(body) = token.strip_prefix(b"pypi-") else { return Verdict::Unknown };
    let Some(bytes) = decoded(body) else { return Verdict::Wrong };
    let [2, 1, length, rest @ ..] = bytes.as_slice() else { return Verdict::Wrong };
    let location = rest.get(..usize::from(*length)).unwrap_or_default();
    // Then the identifier, its packets, and a signature of 32 bytes at the end.
    let signature = bytes.len().checked_sub(34).and_then(|at| bytes.get(at..)).unwrap_or_default();
    Verdict::fits(location.ends_with(b"pypi.org") && signature.starts_with(&[6, 32]))
}

fn json(text: &[u8]) -> Option<Value> {
    serde_json::from_slice(&decoded(text)?).ok()
}

/// Base64 in either alphabet, with its padding or without.
fn decoded(text: &[u8]) -> Option<Vec<u8>> {
    STANDARD.decode(text).or_else(|_| URL_SAFE.decode(text)).ok()
}

#[cfg(test)]
mod tests {
    use super::super::samples;
    use super::*;

    fn url(text: &str) -> String {
        URL_SAFE.encode(text).trim_end_matches('=').to_owned()
    }

    #[test]
    fn web_tokens_are_held_to_their_header_and_payload() {
        let signature = "k3J9".repeat(10);
        let token = |header: &str, payload: &str| format!("{}.{}.{signature}", url(header), url(payload));
        let cases = [
            (r#"{"alg":"HS256","typ":"JWT"}"#, r#"{"sub":"7"}"#, Verdict::Unknown),
            (r#"{"typ":"JWT"}"#, r#"{"sub":"7"}"#, Verdict::Wrong),
            (r#"{"alg":7}"#, r#"{"sub":"7"}"#, Verdict::Wrong),
            (r#"{"alg":"HS256""#, r#"{"sub":"7"}"#, Verdict::Wrong),
            (r#"{"alg":"HS256"}"#, r#"{"sub":"7""#, Verdict::Wrong),
            (r#"{"alg":"HS256"}"#, r"[]", Verdict::Wrong),
            (r#"{"alg":"HS256"}"#, r#"{"role":"anon"}"#, Verdict::Wrong),
            (r#"{"alg":"HS256"}"#, r#"{"role":"service_role"}"#, Verdict::Unknown),
            (r#"{"alg":"dir","enc":"A256GCM"}"#, "", Verdict::Unknown),
        ];
        for (header, payload, expected) in cases {
            assert_eq!(jwt(token(header, payload).as_bytes()), expected, "{header} {payload}");
        }
    }

    #[test]
    fn bodies_in_json_are_right_and_damaged_ones_wrong() {
        let body = url(r#"{"iat":1,"url":"https://sentry.test","org":"x"}"#);
        for token in
            [format!("sntrys_{body}_{}", "k3J9".repeat(10)), format!("glc_{body}"), format!("ops_{body}"), body.clone()]
        {
            assert_eq!(base64_json(token.as_bytes()), Verdict::Right, "{token}");
            let damaged = token.replacen(&body[..4], "AAAA", 1);
            assert_eq!(base64_json(damaged.as_bytes()), Verdict::Wrong, "{token}");
        }
    }

    #[test]
    fn basic_credentials_are_a_user_and_a_password() {
        let cases: [(&[u8], Verdict); 6] = [
            (b"user:hunter2k", Verdict::Unknown),
            (b"username:password", Verdict::Wrong),
            (b"user:", Verdict::Wrong),
            (b"no colon here", Verdict::Wrong),
            (b"a:b\x00c", Verdict::Wrong),
            (b"a:\xff\xfe", Verdict::Wrong),
        ];
        for (text, expected) in cases {
            assert_eq!(basic_credentials(STANDARD.encode(text).as_bytes()), expected, "{text:?}");
        }
    }

    #[test]
    fn macaroons_name_their_index_and_end_in_a_signature() {
        let token = samples::pypi();
        assert_eq!(pypi_macaroon(token.as_bytes()), Verdict::Right);
        let cut = &token[..token.len() - 8];
        assert_eq!(pypi_macaroon(cut.as_bytes()), Verdict::Wrong);
        assert_eq!(pypi_macaroon(token.replacen("AgE", "AgI", 1).as_bytes()), Verdict::Wrong);
    }

    #[test]
    fn mapbox_names_the_account() {
        let token = |body: &str| format!("sk.{}.{}", url(body), "k3J9".repeat(5) + "ab");
        assert_eq!(mapbox(token(r#"{"u":"someone","a":"x"}"#).as_bytes()), Verdict::Right);
        assert_eq!(mapbox(token(r#"{"a":"x"}"#).as_bytes()), Verdict::Wrong);
    }
}
