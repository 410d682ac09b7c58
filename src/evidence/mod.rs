//! Evidence: signed statements about what was decided, the keys that sign them, and their verification offline.
//!
//! Knows nothing of the gate or the store: plain values in, lines and verdicts out. Only `keys` touches a file. The
//! formats are other people's where there are any: in-toto, DSSE, SLSA, SSH signatures; every line can be checked
//! without this program (`deploy/ci/verify.sh`).

mod allowed_signers;
mod broken;
mod chain;
mod changeset;
mod decision;
mod decision_form;
mod digest;
mod dsse;
mod export;
mod identity;
mod json;
mod key;
mod keys;
mod level_b;
mod levels;
mod link;
mod log_export;
mod reading;
mod reason;
mod reason_b;
mod spelling;
mod sshsig;
mod statement;
#[cfg(test)]
mod testing;
mod trust;
mod trust_json;
mod verify;
mod vsa;

pub use allowed_signers::{AllowedSigner, AllowedSignersError, Flaw, parse_allowed_signers};
pub use broken::Broken;
pub use chain::{Base, Chain, ChainQuestion, ChainSources, MOVES_MAX, NoteOf, OnReturn, walk};
pub use changeset::{Changed, ChangesetError, Side, changeset_digest};
pub use decision::{
    Actor, ApprovalDigest, Changeset, Decision, DecisionId, Evaluation, Gate, History, Outcome, Paths, PolicyMode,
    PolicyUsed, Previous, PushCert, RuleResult, UpdatedRef,
};
pub use digest::Sha256Digest;
pub use dsse::{Envelope, EnvelopeError, LINE_BYTES_MAX, Line, PAYLOAD_TYPE, pae};
pub use identity::Identity;
pub use key::{GateKey, NotAKey, PublicKey};
pub use keys::{KeyError, KeyPurpose, Keys, PublishedKey};
pub use level_b::{LogTrust, LogTrustError, LogView, Logged, Minimum, Position};
pub use levels::{Continuity, RefControls, RefHistory};
pub use log_export::{LogExportError, LogIdentity};
pub use reading::{About, about, old_of, record_of};
pub use reason::NotProven;
pub use reason_b::NotLogged;
pub use spelling::{InvalidResourceUri, ResourceUri, Seconds};
pub use sshsig::{CommitError, GIT_NAMESPACE, NotSigned, commit_signer, sign_commit};
pub use statement::{StatementError, Subject};
pub use trust::{Trust, TrustedLog, TrustedVerifier, UnknownRepo};
pub use verify::{NOTE_BYTES_MAX, Proven, Question, verify};
pub use vsa::{NoSummary, Summary};
