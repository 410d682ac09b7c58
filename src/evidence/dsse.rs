//! DSSE envelopes, one a line: <https://github.com/secure-systems-lab/dsse>, version 1.
//!
//! Written exactly in one way; read strictly: a line that two readers could take for different things is no envelope.
//! Whether a signer may be believed is the business of `verify`.

use crate::evidence::digest::Sha256Digest;
use crate::evidence::json;
use crate::evidence::key::{GateKey, PublicKey};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The payload type of in-toto statements; no other is written or read.
pub const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";

/// The most bytes of a line: it becomes a leaf of the log, whose entries have a 16-bit length.
pub const LINE_BYTES_MAX: usize = 65_535;

/// The most signatures that are looked at.
const SIGNATURES_MAX: usize = 8;

/// An envelope as text: one line without its end, the very bytes of a leaf of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    text: String,
    payload: Vec<u8>,
}

impl Line {
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The statement in it.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// How other statements name this one.
    #[must_use]
    pub fn digest(&self) -> Sha256Digest {
        Sha256Digest::of(self.text.as_bytes())
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Why bytes are no envelope of a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    #[error("longer than {LINE_BYTES_MAX} bytes")]
    TooLong,
    #[error("not the JSON of a DSSE envelope")]
    Json,
    #[error("the payload is no in-toto statement ({PAYLOAD_TYPE})")]
    PayloadType,
    #[error("not base64 (standard alphabet, padded, in its one spelling)")]
    Base64,
    #[error("no signature")]
    Unsigned,
    #[error("more than {SIGNATURES_MAX} signatures")]
    TooManySignatures,
    #[error("a signature that is no Ed25519 signature")]
    Signature,
}

/// A statement's bytes and the signatures that came with them. Nothing in it is believed yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    payload: Vec<u8>,
    signatures: Vec<(String, [u8; 64])>,
}

#[derive(Serialize, Deserialize)]
struct Wire {
    payload: String,
    #[serde(rename = "payloadType")]
    payload_type: String,
    signatures: Vec<WireSignature>,
}

#[derive(Serialize, Deserialize)]
struct WireSignature {
    #[serde(default)]
    keyid: String,
    sig: String,
}

/// What a signature covers: the payload with its type, each with its length.
#[must_use]
pub fn pae(payload: &[u8]) -> Vec<u8> {
    let mut bytes = format!("DSSEv1 {} {PAYLOAD_TYPE} {} ", PAYLOAD_TYPE.len(), payload.len()).into_bytes();
    bytes.extend_from_slice(payload);
    bytes
}

impl Envelope {
    /// Signs a statement and writes the line. Nothing is cut to fit.
    pub fn sign(payload: &[u8], key: &GateKey) -> Result<Line, EnvelopeError> {
        let sig = STANDARD.encode(key.sign(&pae(payload)));
        let wire = Wire {
            payload: STANDARD.encode(payload),
            payload_type: PAYLOAD_TYPE.to_owned(),
            signatures: vec![WireSignature { keyid: key.public().to_string(), sig }],
        };
        let text = serde_json::to_string(&wire).map_err(|_| EnvelopeError::Json)?;
        if text.len() > LINE_BYTES_MAX {
            return Err(EnvelopeError::TooLong);
        }
        Ok(Line { text, payload: payload.to_vec() })
    }

    /// Reads one line, without its end.
    pub fn parse(line: &[u8]) -> Result<Self, EnvelopeError> {
        if line.len() > LINE_BYTES_MAX {
            return Err(EnvelopeError::TooLong);
        }
        let wire: Wire = json::from_slice(line).map_err(|_| EnvelopeError::Json)?;
        if wire.payload_type != PAYLOAD_TYPE {
            return Err(EnvelopeError::PayloadType);
        }
        match wire.signatures.len() {
            0 => return Err(EnvelopeError::Unsigned),
            1..=SIGNATURES_MAX => {}
            _ => return Err(EnvelopeError::TooManySignatures),
        }
        let decode = |text: &str| STANDARD.decode(text).map_err(|_| EnvelopeError::Base64);
        let signature = |wire: WireSignature| {
            let bytes = decode(&wire.sig)?.try_into().map_err(|_| EnvelopeError::Signature)?;
            Ok((wire.keyid, bytes))
        };
        let payload = decode(&wire.payload)?;
        let signatures = wire.signatures.into_iter().map(signature).collect::<Result<_, _>>()?;
        Ok(Self { payload, signatures })
    }

    #[must_use]
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// The keys it says it is signed by.
    pub fn keyids(&self) -> impl Iterator<Item = &str> {
        self.signatures.iter().map(|(keyid, _)| keyid.as_str())
    }

    /// Whether this key signed it. The key id only says which signature to try; it proves nothing.
    #[must_use]
    pub fn is_signed_by(&self, key: &PublicKey) -> bool {
        let (fingerprint, signed) = (key.to_string(), pae(&self.payload));
        let mut signatures = self.signatures.iter().filter(|(keyid, _)| *keyid == fingerprint);
        signatures.any(|(_, signature)| key.is_signer(&signed, signature))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(seed: u8) -> GateKey {
        GateKey::from_seed(&[seed; 32])
    }

    #[test]
    fn the_signed_bytes_are_those_of_the_specification() {
        assert_eq!(pae(b"{}"), b"DSSEv1 28 application/vnd.in-toto+json 2 {}");
        assert_eq!(pae(b""), b"DSSEv1 28 application/vnd.in-toto+json 0 ");
    }

    #[test]
    fn an_envelope_is_one_exact_line_that_reads_back() {
        let line = Envelope::sign(b"{\"a\":1}", &key(1)).expect("a line");
        let keyid = key(1).public().to_string();
        let sig = STANDARD.encode(key(1).sign(b"DSSEv1 28 application/vnd.in-toto+json 7 {\"a\":1}"));
        let expected = format!(
            "{{\"payload\":\"eyJhIjoxfQ==\",\"payloadType\":\"application/vnd.in-toto+json\",\
             \"signatures\":[{{\"keyid\":\"{keyid}\",\"sig\":\"{sig}\"}}]}}"
        );
        assert_eq!(line.as_str(), expected);
        let envelope = Envelope::parse(line.as_str().as_bytes()).expect("an envelope");
        assert_eq!(envelope.payload(), b"{\"a\":1}");
        assert!(envelope.is_signed_by(&key(1).public()));
        assert!(!envelope.is_signed_by(&key(2).public()));
    }

    #[test]
    fn a_key_id_proves_nothing() {
        let line = Envelope::sign(b"{}", &key(1)).expect("a line").to_string();
        let lie = line.replace(&key(1).public().to_string(), &key(2).public().to_string());
        let envelope = Envelope::parse(lie.as_bytes()).expect("an envelope");
        assert!(!envelope.is_signed_by(&key(1).public()) && !envelope.is_signed_by(&key(2).public()));
        let other = Envelope::sign(b"{}", &key(2)).expect("a line").to_string();
        let first = other.find("[{").expect("signatures");
        let both = line.replace("[{", &format!("{},{{", other[first..].trim_end_matches("]}")));
        let envelope = Envelope::parse(both.as_bytes()).expect("an envelope");
        assert!(envelope.is_signed_by(&key(1).public()) && envelope.is_signed_by(&key(2).public()), "several are read");
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_no_envelope() {
        let line = Envelope::sign(b"{\"a\":1}", &key(1)).expect("a line").to_string();
        let sig = &line[line.find("\"sig\"").expect("sig")..].trim_end_matches("}]}");
        let one = format!("{{{sig}}}");
        let with = |n: usize| line.replace("[{", &format!("[{}{{", format!("{one},").repeat(n - 1)));
        assert!(Envelope::parse(with(8).as_bytes()).is_ok());
        let start = line.find("[").expect("signatures");
        let table: [(&str, EnvelopeError); 18] = [
            ("", EnvelopeError::Json),
            ("[]", EnvelopeError::Json),
            (&format!("{line}x"), EnvelopeError::Json),
            (&format!("{line}{line}"), EnvelopeError::Json),
            (&line.replacen('{', "{\"payload\":\"e30=\",", 1), EnvelopeError::Json),
            (&line.replacen('{', "{\"x\":{\"y\":1,\"y\":1},", 1), EnvelopeError::Json),
            (&line.replace("\"payload\"", "\"Payload\""), EnvelopeError::Json),
            (&line.replace("vnd.in-toto", "vnd.other"), EnvelopeError::PayloadType),
            (&line.replace("eyJhIjoxfQ==", "eyJhIjoxfQ"), EnvelopeError::Base64),
            (&line.replace("eyJhIjoxfQ==", "eyJhIjoxfR=="), EnvelopeError::Base64),
            (&line.replace("eyJhIjoxfQ==", "eyJhIjox\\nfQ=="), EnvelopeError::Base64),
            (&line.replace("eyJhIjoxfQ==", "_-JhIjoxfQ=="), EnvelopeError::Base64),
            (&line.replace("\"sig\":\"", "\"sig\":\" "), EnvelopeError::Base64),
            (&line.replace("\"sig\":\"", "\"sig\":\"AAAA"), EnvelopeError::Signature),
            (&format!("{}[]}}", &line[..start]), EnvelopeError::Unsigned),
            (&format!("{}null}}", &line[..start]), EnvelopeError::Json),
            (&with(9), EnvelopeError::TooManySignatures),
            (&line.replacen('{', &format!("{{{}", " ".repeat(LINE_BYTES_MAX)), 1), EnvelopeError::TooLong),
        ];
        for (bytes, why) in table {
            assert_eq!(Envelope::parse(bytes.as_bytes()), Err(why), "{}", &bytes[..bytes.len().min(200)]);
        }
    }

    #[test]
    fn a_line_is_as_long_as_a_leaf_may_be_and_no_longer() {
        let length = |n: usize| Envelope::sign(&vec![b' '; n], &key(1)).map(|line| line.as_str().len());
        let overhead = length(0).expect("short");
        let most = (LINE_BYTES_MAX - overhead) / 4 * 3;
        assert!(length(most).expect("it fits") > LINE_BYTES_MAX - 4);
        assert_eq!(length(most + 1), Err(EnvelopeError::TooLong));
        let at_limit = format!("{}{}", Envelope::sign(b"{}", &key(1)).expect("a line"), " ".repeat(LINE_BYTES_MAX));
        assert!(Envelope::parse(&at_limit.as_bytes()[..LINE_BYTES_MAX]).is_ok());
        assert_eq!(Envelope::parse(&at_limit.as_bytes()[..=LINE_BYTES_MAX]), Err(EnvelopeError::TooLong));
    }
}
