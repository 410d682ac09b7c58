//! What others are to believe of a gate's log, written: its key, its witnesses, and how many of them it takes.

use crate::evidence::identity::Identity;
use crate::evidence::keys::{KeyPurpose, Keys};
use crate::evidence::trust::TrustedLog;
use crate::tlog::{CheckpointError, KeyKind, KeyName, PolicyError, SignedCheckpoint, TrustPolicy, VerifyingKey};
use jiff::Timestamp;
use std::collections::BTreeSet;

/// The log that a gate writes now: each key begins a log of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogIdentity {
    /// Counts the logs, from 1.
    pub epoch: usize,
    /// Named as the log is.
    pub key: VerifyingKey,
}

/// What the policy calls all witnesses.
const GROUP: &str = "witnesses";

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LogExportError {
    #[error("the domain makes no name for a log: {0}")]
    Origin(String),
    #[error("the log's key is no key")]
    Key,
    #[error("--quorum is a number from 1 to that of the witnesses, {witnesses}")]
    Quorum { witnesses: usize },
    #[error("the policy of the log cannot be written: {0}")]
    Policy(#[from] PolicyError),
    #[error("the log's checkpoint: {0}")]
    Checkpoint(#[from] CheckpointError),
}

impl LogIdentity {
    /// `None`: no key of a log has begun.
    pub fn at(identity: &Identity, keys: &Keys, now: Timestamp) -> Result<Option<Self>, LogExportError> {
        let begun = keys.published(KeyPurpose::Log).into_iter().filter(|key| key.valid_after <= now);
        let begun: Vec<_> = begun.collect();
        let (epoch, Some(last)) = (begun.len(), begun.last()) else { return Ok(None) };
        let origin = identity.log_origin(epoch);
        let name = KeyName::parse(&origin).ok_or(LogExportError::Origin(origin))?;
        let key = VerifyingKey::new(name, KeyKind::Ed25519, last.key.as_bytes()).map_err(|_| LogExportError::Key)?;
        Ok(Some(Self { epoch, key }))
    }

    /// The log for a trust file. `quorum`: how many of the witnesses; `None`: more than half.
    pub fn trusted(
        &self,
        witnesses: &[&VerifyingKey],
        quorum: Option<usize>,
        checkpoint: Option<String>,
    ) -> Result<TrustedLog, LogExportError> {
        let policy = self.policy(witnesses, quorum)?;
        TrustPolicy::parse(policy.as_bytes())?;
        if let Some(text) = &checkpoint {
            SignedCheckpoint::open(text.as_bytes(), &self.key)?;
        }
        Ok(TrustedLog { policy, checkpoint })
    }

    /// C2SP tlog-policy.
    fn policy(&self, witnesses: &[&VerifyingKey], quorum: Option<usize>) -> Result<String, LogExportError> {
        let count = witnesses.len();
        let threshold = quorum.unwrap_or(count / 2 + usize::from(count > 0));
        if threshold > count || (threshold == 0) != (quorum.is_none() && count == 0) {
            return Err(LogExportError::Quorum { witnesses: count });
        }
        let mut policy = format!("log {}\n", self.key);
        if count == 0 {
            return Ok(policy + "quorum none\n");
        }
        // Two keys of one witness have one name; a policy wants each name once.
        let mut names = BTreeSet::from(["none".to_owned(), GROUP.to_owned()]);
        let mut members = String::new();
        for (key, number) in witnesses.iter().zip(1..) {
            let own = key.name().as_str().to_owned();
            let name = if names.contains(&own) { format!("{own}/{number}") } else { own };
            policy += &format!("witness {name} {key}\n");
            members += &format!(" {name}");
            names.insert(name);
        }
        Ok(policy + &format!("group {GROUP} {threshold}{members}\nquorum {GROUP}\n"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn witness(name: &str, seed: u8) -> VerifyingKey {
        let name = KeyName::parse(name).expect("a name");
        let key = crate::evidence::testing::key(seed).public();
        VerifyingKey::new(name, KeyKind::Cosignature, key.as_bytes()).expect("a key")
    }

    fn log() -> LogIdentity {
        let name = KeyName::parse("gate.example/log/1").expect("a name");
        let key = crate::evidence::testing::key(1).public();
        LogIdentity { epoch: 1, key: VerifyingKey::new(name, KeyKind::Ed25519, key.as_bytes()).expect("a key") }
    }

    #[test]
    fn more_than_half_of_the_witnesses_unless_a_number_is_given() {
        let keys: Vec<VerifyingKey> = (0..4).map(|n| witness(&format!("w{n}"), 10 + n)).collect();
        for (count, quorum, expected) in [
            (1, None, Some("group witnesses 1 w0")),
            (2, None, Some("group witnesses 2 w0 w1")),
            (3, None, Some("group witnesses 2 w0 w1 w2")),
            (4, None, Some("group witnesses 3 w0 w1 w2 w3")),
            (4, Some(1), Some("group witnesses 1 w0 w1 w2 w3")),
            (4, Some(4), Some("group witnesses 4 w0 w1 w2 w3")),
            (4, Some(5), None),
            (4, Some(0), None),
            (0, Some(1), None),
            (0, Some(0), None),
        ] {
            let keys: Vec<&VerifyingKey> = keys.iter().take(count).collect();
            let found = log().trusted(&keys, quorum, None).map(|log| log.policy);
            match expected {
                Some(line) => {
                    assert!(found.expect("a policy").ends_with(&format!("{line}\nquorum witnesses\n")), "{line}")
                }
                None => assert_eq!(found, Err(LogExportError::Quorum { witnesses: count })),
            }
        }
        let none = log().trusted(&[], None, None).expect("a policy");
        assert_eq!(none.policy, format!("log {}\nquorum none\n", log().key));
    }

    #[test]
    fn names_stand_once_and_a_key_too() {
        let keys = [witness("w", 10), witness("w", 11), witness("none", 12), witness("witnesses", 13)];
        let policy = log().trusted(&keys.iter().collect::<Vec<_>>(), None, None).expect("a policy").policy;
        assert!(policy.contains("group witnesses 3 w w/2 none/3 witnesses/4\n"), "{policy}");
        assert!(log().trusted(&[&keys[0], &keys[0]], None, None).is_err());
        assert!(log().trusted(&[&witness("w", 1)], None, None).is_err(), "who keeps the log is no witness of it");
        let foreign = Some("other/log\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n\n— x AAAAAAAA\n".to_owned());
        assert!(matches!(log().trusted(&[], None, foreign), Err(LogExportError::Checkpoint(_))));
    }
}
