//! Reads the text of a trust policy (C2SP tlog-policy). Everything that is not exactly in the format is an error.

use super::key::{KeyError, KeyKind, VerifyingKey};
use super::policy::TrustPolicy;
use std::collections::{HashMap, HashSet};

/// The longest text that is read.
pub const POLICY_LENGTH_MAX: usize = 64 * 1024;
pub const WITNESSES_MAX: usize = 128;
pub const GROUPS_MAX: usize = 128;

/// A witness or a group, by its place in the policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Quorum {
    Witness(usize),
    Group(usize),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Group {
    pub threshold: usize,
    pub members: Vec<Quorum>,
}

/// A policy that cannot be read, and in which line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {flaw}")]
pub struct PolicyError {
    pub line: usize,
    pub flaw: PolicyFlaw,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PolicyFlaw {
    #[error("the policy is longer than {POLICY_LENGTH_MAX} bytes")]
    Long,
    #[error("a control character other than tab and newline")]
    ControlCharacter,
    #[error("the last line does not end in a newline")]
    NoNewline,
    #[error("a line starts with log, witness, group or quorum")]
    Keyword,
    #[error("this line has too few or too many words")]
    Words,
    #[error("{0}")]
    Key(#[from] KeyError),
    #[error("this key stands in the policy already")]
    SameKey,
    #[error("this name is taken")]
    SameName,
    #[error("no witness or group of this name stands before this line")]
    UnknownName,
    #[error("it is a member of a group already, and counts once")]
    SecondMembership,
    #[error("the threshold is not all, any or a number from 1 to that of the members")]
    Threshold,
    #[error("one log a policy, and this is a second")]
    SecondLog,
    #[error("there is one quorum line, and this is a second")]
    SecondQuorum,
    #[error("more than {WITNESSES_MAX} witnesses or {GROUPS_MAX} groups")]
    Many,
    #[error("no log line")]
    NoLog,
    #[error("no quorum line")]
    NoQuorum,
}

#[derive(Default)]
struct Draft<'a> {
    log: Option<VerifyingKey>,
    witnesses: Vec<VerifyingKey>,
    groups: Vec<Group>,
    /// `quorum none` is a quorum line too.
    quorum: Option<Option<Quorum>>,
    names: HashMap<&'a [u8], Quorum>,
    members: HashSet<Quorum>,
}

impl TrustPolicy {
    /// # Errors
    /// The text is not a policy with one log, or is larger than is read.
    pub fn parse(text: &[u8]) -> Result<Self, PolicyError> {
        let whole = |flaw| PolicyError { line: text.split(|byte| *byte == b'\n').count().min(POLICY_LENGTH_MAX), flaw };
        if text.len() > POLICY_LENGTH_MAX {
            return Err(PolicyError { line: 1, flaw: PolicyFlaw::Long });
        }
        let lines = match text.strip_suffix(b"\n") {
            Some(lines) => lines,
            None if text.is_empty() => text,
            None => return Err(whole(PolicyFlaw::NoNewline)),
        };
        let mut draft = Draft::default();
        for (line, number) in lines.split(|byte| *byte == b'\n').zip(1..) {
            draft.read(line).map_err(|flaw| PolicyError { line: number, flaw })?;
        }
        let log = draft.log.ok_or_else(|| whole(PolicyFlaw::NoLog))?;
        let quorum = draft.quorum.ok_or_else(|| whole(PolicyFlaw::NoQuorum))?;
        Ok(Self { log, witnesses: draft.witnesses, groups: draft.groups, quorum })
    }
}

impl<'a> Draft<'a> {
    fn read(&mut self, line: &'a [u8]) -> Result<(), PolicyFlaw> {
        if line.iter().any(|byte| byte.is_ascii_control() && *byte != b'\t') {
            return Err(PolicyFlaw::ControlCharacter);
        }
        let words = line.split(|byte| matches!(byte, b' ' | b'\t')).filter(|word| !word.is_empty());
        match words.collect::<Vec<_>>()[..] {
            [] => Ok(()),
            [word, ..] if word.starts_with(b"#") => Ok(()),
            [b"log", key] | [b"log", key, _] => self.log(key),
            [b"witness", name, key] | [b"witness", name, key, _] => self.witness(name, key),
            [b"group", name, threshold, ref members @ ..] if !members.is_empty() => {
                self.group(name, threshold, members)
            }
            [b"quorum", name] => self.quorum(name),
            [b"log" | b"witness" | b"group" | b"quorum", ..] => Err(PolicyFlaw::Words),
            _ => Err(PolicyFlaw::Keyword),
        }
    }

    fn log(&mut self, key: &[u8]) -> Result<(), PolicyFlaw> {
        let key = self.key(key, KeyKind::Ed25519)?;
        match self.log.replace(key) {
            None => Ok(()),
            Some(_) => Err(PolicyFlaw::SecondLog),
        }
    }

    fn witness(&mut self, name: &'a [u8], key: &[u8]) -> Result<(), PolicyFlaw> {
        let key = self.key(key, KeyKind::Cosignature)?;
        if self.witnesses.len() >= WITNESSES_MAX {
            return Err(PolicyFlaw::Many);
        }
        self.name(name, Quorum::Witness(self.witnesses.len()))?;
        self.witnesses.push(key);
        Ok(())
    }

    /// A key that is not yet in use, not even as a log's: who keeps the log is no witness of it.
    fn key(&self, vkey: &[u8], kind: KeyKind) -> Result<VerifyingKey, PolicyFlaw> {
        let vkey = std::str::from_utf8(vkey).map_err(|_| KeyError::Form)?;
        let key = VerifyingKey::parse(vkey, kind)?;
        let is_known = self.witnesses.iter().chain(&self.log).any(|known| known.as_bytes() == key.as_bytes());
        if is_known { Err(PolicyFlaw::SameKey) } else { Ok(key) }
    }

    fn name(&mut self, name: &'a [u8], of: Quorum) -> Result<(), PolicyFlaw> {
        match self.names.insert(name, of) {
            None if name != b"none" => Ok(()),
            _ => Err(PolicyFlaw::SameName),
        }
    }

    fn group(&mut self, name: &'a [u8], threshold: &[u8], members: &[&[u8]]) -> Result<(), PolicyFlaw> {
        if self.groups.len() >= GROUPS_MAX {
            return Err(PolicyFlaw::Many);
        }
        let threshold = match threshold {
            b"all" => Some(members.len()),
            b"any" => Some(1),
            number => std::str::from_utf8(number).ok().and_then(super::text::decimal).and_then(|k| k.try_into().ok()),
        };
        let threshold = threshold.filter(|k| (1..=members.len()).contains(k)).ok_or(PolicyFlaw::Threshold)?;
        let mut known = Vec::with_capacity(members.len());
        for member in members {
            let member = *self.names.get(member).ok_or(PolicyFlaw::UnknownName)?;
            if !self.members.insert(member) {
                return Err(PolicyFlaw::SecondMembership);
            }
            known.push(member);
        }
        self.name(name, Quorum::Group(self.groups.len()))?;
        self.groups.push(Group { threshold, members: known });
        Ok(())
    }

    fn quorum(&mut self, name: &[u8]) -> Result<(), PolicyFlaw> {
        let quorum = match name {
            b"none" => None,
            name => Some(*self.names.get(name).ok_or(PolicyFlaw::UnknownName)?),
        };
        match self.quorum.replace(quorum) {
            None => Ok(()),
            Some(_) => Err(PolicyFlaw::SecondQuorum),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::policy::{Clock, TrustError};
    use super::super::{Checkpoint, CheckpointError, Cosigner, Hash, KeyName, Note, SignedCheckpoint, Signer};
    use super::*;

    fn signer() -> Signer {
        Signer::from_seed(KeyName::parse("log").expect("a name"), &[1; 32])
    }

    fn witness(n: u8) -> Cosigner {
        Cosigner::from_seed(KeyName::parse(&format!("example.org/w{n}")).expect("a name"), &[100 + n; 32])
    }

    fn log() -> String {
        format!("log {}\n", signer().verifying_key())
    }

    fn line(n: u8) -> String {
        format!("witness W{n} {}\n", witness(n).verifying_key())
    }

    /// The policy of the specification's example: two of three, and one of two others.
    fn example() -> String {
        let witnesses: String = (1..=5).map(line).collect();
        format!(
            "# who\n\n \t{}{witnesses}group X 2 W1 W2 W3\n group Y\tany W4 W5 \ngroup X-and-Y all X Y\nquorum X-and-Y\n",
            log()
        )
    }

    fn cosigned(by: &[(u8, u64)]) -> Note {
        let checkpoint = Checkpoint::new(signer().verifying_key().name(), 1, Hash::of_leaf(b"x"));
        let mut note = SignedCheckpoint::sign(checkpoint, &signer()).note().clone();
        by.iter().for_each(|(n, time)| note.add(witness(*n).cosign(note.text(), *time)).expect("room"));
        note
    }

    fn flaw(text: &str) -> Option<(usize, PolicyFlaw)> {
        TrustPolicy::parse(text.as_bytes()).err().map(|error| (error.line, error.flaw))
    }

    #[test]
    fn what_is_no_policy_is_refused_with_its_line() {
        let (l, w1, w2) = (log(), line(1), line(2));
        let as_witness = format!(
            "witness L {}\n",
            Cosigner::from_seed(KeyName::parse("x").expect("a name"), &[1; 32]).verifying_key()
        );
        let table = [
            (String::new(), (1, PolicyFlaw::NoLog)),
            (l.clone(), (2, PolicyFlaw::NoQuorum)),
            ("quorum none\n".to_owned(), (2, PolicyFlaw::NoLog)),
            (format!("{l}quorum none"), (2, PolicyFlaw::NoNewline)),
            (format!("{l}quorum none\r\n"), (2, PolicyFlaw::ControlCharacter)),
            (format!("{l}quorum none\nquorum none\n"), (3, PolicyFlaw::SecondQuorum)),
            (format!("{l}quorum W1\n{w1}"), (2, PolicyFlaw::UnknownName)),
            (format!("{l}Quorum none\n"), (2, PolicyFlaw::Keyword)),
            (format!("{l}quorum none # really\n"), (2, PolicyFlaw::Words)),
            (format!("{l}log x\n"), (2, PolicyFlaw::Key(KeyError::Form))),
            (format!("{l}{l}"), (2, PolicyFlaw::SameKey)),
            (format!("{l}log {VKEY}\n"), (2, PolicyFlaw::SecondLog)),
            (format!("{w1}log {}\n", witness(2).verifying_key()), (2, PolicyFlaw::Key(KeyError::Kind))),
            (format!("{l}{w1}witness W2 {}\n", witness(1).verifying_key()), (3, PolicyFlaw::SameKey)),
            (format!("{l}{as_witness}"), (2, PolicyFlaw::SameKey)),
            (format!("{l}{w1}witness W1 {}\n", witness(2).verifying_key()), (3, PolicyFlaw::SameName)),
            (format!("{l}witness none {}\n", witness(2).verifying_key()), (2, PolicyFlaw::SameName)),
            (format!("{l}witness W9 {VKEY}\n"), (2, PolicyFlaw::Key(KeyError::Kind))),
            (format!("{l}{w1}group G all\n"), (3, PolicyFlaw::Words)),
            (format!("{l}{w1}group G 0 W1\n"), (3, PolicyFlaw::Threshold)),
            (format!("{l}{w1}group G 2 W1\n"), (3, PolicyFlaw::Threshold)),
            (format!("{l}{w1}group G 01 W1\n"), (3, PolicyFlaw::Threshold)),
            (format!("{l}{w1}group G most W1\n"), (3, PolicyFlaw::Threshold)),
            (format!("{l}{w1}group G all W1 G\n"), (3, PolicyFlaw::UnknownName)),
            (format!("{l}{w1}group G all none\n"), (3, PolicyFlaw::UnknownName)),
            (format!("{l}{w1}group W1 all W1\n"), (3, PolicyFlaw::SameName)),
            (format!("{l}{w1}group G all W1 W1\n"), (3, PolicyFlaw::SecondMembership)),
            (format!("{l}{w1}{w2}group G any W1\ngroup H any W1 W2\n"), (5, PolicyFlaw::SecondMembership)),
            ("#".repeat(POLICY_LENGTH_MAX + 1), (1, PolicyFlaw::Long)),
        ];
        for (text, expected) in table {
            assert_eq!(flaw(&text), Some(expected), "{text}");
        }
        assert_eq!(flaw(&example()), None);
        assert_eq!(flaw(&format!("{l}{w1}group G 1 W1\nquorum G\n")), None);
        let padding = POLICY_LENGTH_MAX - l.len() - "quorum none\n".len() - 1;
        assert_eq!(flaw(&format!("{l}quorum none\n{}\n", "#".repeat(padding))), None);
        let many = |n: u8| format!("{l}{}quorum none\n", (0..n).map(line).collect::<String>());
        assert_eq!(flaw(&many(128)), None);
        assert_eq!(flaw(&many(129)), Some((130, PolicyFlaw::Many)));
    }

    const VKEY: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";

    #[test]
    fn a_quorum_is_met_or_not() {
        let policy = TrustPolicy::parse(example().as_bytes()).expect("a policy");
        let clock = Clock { now_s: 1000, age_max_s: None };
        let table: [(&[u8], bool); 8] = [
            (&[1, 2, 4], true),
            (&[1, 3, 5], true),
            (&[1, 2, 3, 4, 5], true),
            (&[], false),
            (&[1, 4], false),
            (&[1, 2, 3], false),
            (&[4, 5], false),
            // Another's cosignature is no witness of this policy.
            (&[1, 6, 4], false),
        ];
        for (witnesses, is_met) in table {
            let note = cosigned(&witnesses.iter().map(|n| (*n, 900)).collect::<Vec<_>>());
            let result = policy.check(note, clock);
            assert_eq!(result.clone().err(), (!is_met).then_some(TrustError::Quorum), "{witnesses:?}");
            if let Ok(trusted) = result {
                assert_eq!(trusted.cosigned.len(), witnesses.len());
            }
        }
    }

    #[test]
    fn a_cosignature_counts_for_a_time() {
        let two = format!("{}{}{}group G 2 W1 W2\nquorum G\n", log(), line(1), line(2));
        let none = format!("{}{}quorum none\n", log(), line(1));
        type Case<'a> = (&'a str, &'a [(u8, u64)], Option<u64>, Option<TrustError>);
        let table: [Case<'_>; 10] = [
            (&two, &[(1, 900), (2, 950)], Some(100), None),
            (&two, &[(1, 899), (2, 950)], Some(100), Some(TrustError::Stale)),
            (&two, &[(1, 899), (2, 950)], None, None),
            (&two, &[(1, 1300), (2, 950)], Some(100), None),
            (&two, &[(1, 1301), (2, 950)], Some(100), Some(TrustError::Stale)),
            (&two, &[(1, 1301), (2, 950)], None, Some(TrustError::Stale)),
            (&two, &[(2, 950)], Some(100), Some(TrustError::Quorum)),
            (&none, &[], None, None),
            (&none, &[], Some(100), Some(TrustError::Stale)),
            (&none, &[(1, 900)], Some(100), None),
        ];
        for (policy, by, age_max_s, error) in table {
            let policy = TrustPolicy::parse(policy.as_bytes()).expect("a policy");
            assert_eq!(
                policy.check(cosigned(by), Clock { now_s: 1000, age_max_s }).err(),
                error,
                "{by:?} {age_max_s:?}"
            );
        }
    }

    #[test]
    fn a_forged_cosignature_is_told_and_another_log_is_not_believed() {
        let policy = TrustPolicy::parse(example().as_bytes()).expect("a policy");
        let clock = Clock { now_s: 1000, age_max_s: None };
        let mut note = cosigned(&[(1, 900), (2, 900), (4, 900)]);
        note.add(witness(3).cosign("another text\n", 900)).expect("room");
        let name = witness(3).verifying_key().name().clone();
        assert_eq!(policy.check(note, clock).err(), Some(TrustError::Forged(name)));
        let other = Signer::from_seed(KeyName::parse("other").expect("a name"), &[1; 32]);
        let checkpoint = Checkpoint::new(other.verifying_key().name(), 1, Hash::of_leaf(b"x"));
        let note = SignedCheckpoint::sign(checkpoint, &other).note().clone();
        assert_eq!(policy.check(note, clock).err(), Some(TrustError::Checkpoint(CheckpointError::Origin)));
    }
}
