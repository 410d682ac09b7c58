//! `refgate.trust.json`: the trust file for tools without TOML, written and read.
//!
//! It is read by being written as TOML first: one reader decides what a trust file may say, and the two forms cannot
//! come to differ.

use crate::evidence::json;
use crate::evidence::key::PublicKey;
use crate::evidence::spelling::Seconds;
use crate::evidence::trust::{Trust, TrustedVerifier, VERSION};
use crate::strict::quoted;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Json {
    version: u64,
    verifiers: Vec<JsonVerifier>,
    repos: BTreeMap<String, String>,
    #[serde(default)]
    allowed_signers: String,
    #[serde(default)]
    log: Option<JsonLog>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct JsonVerifier {
    id: String,
    keyid: String,
    key: String,
    #[serde(default)]
    valid_after: Option<String>,
    #[serde(default)]
    valid_before: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct JsonLog {
    policy: String,
    #[serde(default)]
    checkpoint: Option<String>,
}

/// The text is not such a file.
#[derive(Debug, thiserror::Error)]
pub enum TrustJsonError {
    #[error("{0}")]
    Json(#[from] serde_json::Error),
    #[error("a time in whole seconds of UTC, \"2027-01-01T00:00:00Z\", not {0:?}")]
    Time(String),
    /// `verify.sh` chooses keys by this, so the two would not believe the same.
    #[error("the keyid {0:?} is not that of its key")]
    KeyId(String),
}

impl Trust {
    /// `refgate.trust.json`.
    #[must_use]
    pub fn to_json(&self) -> String {
        let log = self.log.clone().map(|log| JsonLog { policy: log.policy, checkpoint: log.checkpoint });
        let json = Json {
            version: VERSION,
            verifiers: self.verifiers.iter().map(JsonVerifier::of).collect(),
            repos: self.repos.iter().map(|(name, uri)| (name.as_str().to_owned(), uri.as_str().to_owned())).collect(),
            allowed_signers: self.to_allowed_signers(),
            log,
        };
        // Strings and numbers only: it can always be written.
        serde_json::to_string_pretty(&json).map(|text| text + "\n").unwrap_or_default()
    }
}

/// The same as TOML, for the reader of that.
pub(super) fn to_toml(text: &str) -> Result<String, TrustJsonError> {
    let json: Json = json::from_slice(text.as_bytes())?;
    let mut toml = format!("version = {}\n", json.version);
    for verifier in &json.verifiers {
        toml += &verifier.to_toml()?;
    }
    for (name, uri) in &json.repos {
        toml += &format!("[repo.{}]\nresource_uri = {}\n", quoted(name), quoted(uri));
    }
    if !json.allowed_signers.is_empty() {
        toml += &format!("[notes]\nallowed_signers = {}\n", quoted(&json.allowed_signers));
    }
    if let Some(log) = &json.log {
        toml += &format!("[log]\npolicy = {}\n", quoted(&log.policy));
        toml += &log.checkpoint.as_ref().map(|text| format!("checkpoint = {}\n", quoted(text))).unwrap_or_default();
    }
    Ok(toml)
}

impl JsonVerifier {
    fn of(verifier: &TrustedVerifier) -> Self {
        let time = |time: Option<jiff::Timestamp>| time.map(|time| Seconds::floor(time).to_string());
        Self {
            id: verifier.id.clone(),
            keyid: verifier.key.to_string(),
            key: verifier.key.to_pem(),
            valid_after: time(verifier.valid_after),
            valid_before: time(verifier.valid_before),
        }
    }

    fn to_toml(&self) -> Result<String, TrustJsonError> {
        // A key that is none is for the reader to name.
        if PublicKey::from_pem(&self.key).is_ok_and(|key| key.to_string() != self.keyid) {
            return Err(TrustJsonError::KeyId(self.keyid.clone()));
        }
        let mut toml = format!("[[verifier]]\nid = {}\nkey = {}\n", quoted(&self.id), quoted(&self.key));
        for (name, time) in [("valid_after", &self.valid_after), ("valid_before", &self.valid_before)] {
            let Some(time) = time else { continue };
            // It stands there without quotes.
            let time = Seconds::parse(time).ok_or_else(|| TrustJsonError::Time(time.clone()))?;
            toml += &format!("{name} = {time}\n");
        }
        Ok(toml)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::testing;

    fn first_problem(text: &str) -> String {
        let problems = Trust::parse("t", text).expect_err("not a trust file");
        problems.list[0].message.clone()
    }

    #[test]
    fn it_reads_back_what_it_wrote() {
        let mut trust = testing::trust(&[1, 2]);
        trust.verifiers[0].valid_after = Some("2026-01-01T00:00:00Z".parse().expect("a time"));
        trust.verifiers[0].valid_before = Some("2026-06-01T00:00:00Z".parse().expect("a time"));
        assert!(trust.log.is_some() && trust.to_json().contains("\"policy\""));
        assert_eq!(Trust::parse("t", &trust.to_json()), Ok(trust.clone()));
        assert_eq!(Trust::parse("t", &format!("\n {}", trust.to_json())), Ok(trust.clone()));
        trust.log = None;
        trust.allowed_signers.clear();
        assert_eq!(Trust::parse("t", &trust.to_json()), Ok(trust));
    }

    #[test]
    fn it_is_as_strict_as_the_other_form() {
        let good = testing::trust(&[1, 2]).to_json();
        let key = testing::key(2).public().to_string();
        let table = [
            ("\"version\": 1", "\"version\": 2", "not a version it knows"),
            ("\"version\": 1", "\"version\": 1, \"x\": 1", "unknown field `x`"),
            ("\"version\": 1", "\"version\": 1, \"version\": 1", "a key stands twice"),
            ("\"version\": 1,", "", "missing field `version`"),
            (testing::VERIFIER, "", "visible ASCII characters only, and at least one"),
            ("BEGIN PUBLIC", "BEGIN", "not a PEM public key (-----BEGIN PUBLIC KEY-----)"),
            (&testing::key(1).public().to_string(), &key, "is not that of its key"),
            ("git+ssh", "ssh", "a resource URI starts with git+https:// or git+ssh:// and a host"),
            ("\"validAfter\": null", "\"validAfter\": \"2026-01-01\"", "a time in whole seconds of UTC"),
            (
                "\"validAfter\": null",
                "\"validAfter\": \"2026-01-01T00:00:00Z\\nx = 1\"",
                "a time in whole seconds of UTC",
            ),
        ];
        for (from, to, message) in table {
            assert!(good.contains(from), "{from} in {good}");
            let found = first_problem(&good.replacen(from, to, 1));
            assert!(found.contains(message), "{from} -> {to}: {found}");
        }
        assert!(first_problem(&format!("{good}x")).contains("trailing characters"));
    }
}
