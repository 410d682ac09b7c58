//! in-toto Statement v1: the frame that every statement shares, and its subject.
//!
//! What a statement says is in its predicate: `decision` and `vsa`.

use crate::evidence::dsse::{Envelope, EnvelopeError, Line};
use crate::evidence::json;
use crate::evidence::key::GateKey;
use crate::evidence::spelling;
use crate::model::{ObjectId, RefName};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

pub(super) const STATEMENT_TYPE: &str = "https://in-toto.io/Statement/v1";

/// What a statement is about: a revision, in one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// The commit the ref names after the update, tags peeled; of a delete, before it.
    pub commit: ObjectId,
    pub tree: Option<ObjectId>,
    /// The tag object, of an annotated tag.
    pub tag: Option<ObjectId>,
    pub ref_name: RefName,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StatementError {
    #[error("the statement cannot be written as JSON")]
    Json,
    /// Nothing is cut to fit: what is long goes to a blob, named by its digest.
    #[error("the statement does not fit a leaf of the log")]
    Envelope(#[from] EnvelopeError),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Statement<P> {
    #[serde(rename = "_type")]
    pub kind: String,
    pub subject: Vec<WireSubject>,
    #[serde(rename = "predicateType")]
    pub predicate_type: String,
    pub predicate: P,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct WireSubject {
    pub digest: WireDigest,
    #[serde(default)]
    pub annotations: Annotations,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WireDigest {
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub git_commit: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub git_tree: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub git_tag: Option<String>,
}

/// The refs, in the specification's spelling and in the one that older readers know.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Annotations {
    #[serde(rename = "sourceRefs", default)]
    pub source_refs: Vec<String>,
    #[serde(rename = "source_refs", default)]
    pub source_refs_old: Vec<String>,
}

impl<P: Serialize> Statement<P> {
    pub fn new(subject: &Subject, predicate_type: String, predicate: P) -> Self {
        let refs = vec![spelling::ref_name(&subject.ref_name)];
        let digest = WireDigest {
            git_commit: Some(spelling::object(subject.commit)),
            git_tree: subject.tree.map(spelling::object),
            git_tag: subject.tag.map(spelling::object),
        };
        let annotations = Annotations { source_refs: refs.clone(), source_refs_old: refs };
        let subject = vec![WireSubject { digest, annotations }];
        Self { kind: STATEMENT_TYPE.to_owned(), subject, predicate_type, predicate }
    }

    pub fn to_json(&self) -> Result<String, StatementError> {
        serde_json::to_string(self).map_err(|_| StatementError::Json)
    }

    pub fn sign(&self, key: &GateKey) -> Result<Line, StatementError> {
        Ok(Envelope::sign(self.to_json()?.as_bytes(), key)?)
    }
}

/// The frame alone, to see what kind of statement it is. `None`: no statement.
pub(super) fn predicate_type(payload: &[u8]) -> Option<String> {
    let statement: Statement<serde::de::IgnoredAny> = json::from_slice(payload).ok()?;
    (statement.kind == STATEMENT_TYPE).then_some(statement.predicate_type)
}

/// Reads a statement whose predicate is of this type.
pub(super) fn parse<P: DeserializeOwned>(payload: &[u8]) -> Option<Statement<P>> {
    json::from_slice(payload).ok().filter(|statement: &Statement<P>| statement.kind == STATEMENT_TYPE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_statements_of_version_1_are_read() {
        let text =
            r#"{"_type":"https://in-toto.io/Statement/v1","subject":[],"predicateType":"p","predicate":{},"x":1}"#;
        assert_eq!(predicate_type(text.as_bytes()).as_deref(), Some("p"), "unknown keys are for later versions");
        for bad in [&text.replace("/v1", "/v0.1"), &text.replace("subject", "subjects"), "{}", &text[1..]] {
            assert_eq!(predicate_type(bad.as_bytes()), None, "{bad}");
        }
        assert!(parse::<u32>(text.as_bytes()).is_none());
    }
}
