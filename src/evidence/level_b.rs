//! Level B: whether a decision is a leaf of the log, below a checkpoint that enough witnesses have seen.
//!
//! Reads a log as it is published in git: `checkpoint`, hash tiles, and proof files of recent decisions. Whoever could
//! change those files proves nothing with them; what is believed is the trust file. Where the files come from is the
//! caller's business: a function gives them by their paths.

use crate::evidence::digest::Sha256Digest;
use crate::evidence::reason_b::NotLogged;
use crate::evidence::trust::TrustedLog;
use crate::tlog::{
    Checkpoint, CheckpointError, Clock, Hash, PolicyError, ProofFile, ProofFileError, Published, PublishedError,
    ReadFile, SignedCheckpoint, TrustPolicy, Trusted, verify,
};

/// `[log]` of a trust file, read.
#[derive(Debug, Clone)]
pub struct LogTrust {
    policy: TrustPolicy,
    minimum: Option<Checkpoint>,
}

/// The trust file cannot be used to check a log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LogTrustError {
    #[error("[log] policy: {0}")]
    Policy(#[from] PolicyError),
    #[error("[log] checkpoint: {0}")]
    Checkpoint(#[from] CheckpointError),
}

impl LogTrust {
    pub fn read(log: &TrustedLog) -> Result<Self, LogTrustError> {
        let policy = TrustPolicy::parse(log.policy.as_bytes())?;
        let open = |text: &String| SignedCheckpoint::open(text.as_bytes(), policy.log());
        let minimum = log.checkpoint.as_ref().map(open).transpose()?;
        Ok(Self { minimum: minimum.map(|signed| signed.checkpoint().clone()), policy })
    }

    #[must_use]
    pub fn origin(&self) -> &str {
        self.policy.log().name().as_str()
    }
}

/// A decision's place in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Logged {
    pub origin: String,
    pub index: u64,
    /// Of the tree that it was proven in.
    pub size: u64,
    pub root: Hash,
    /// Witnesses that counted, and when they cosigned, in seconds since 1970.
    pub cosigned: Vec<(String, u64)>,
    pub minimum: Minimum,
}

/// How the log stands to the trust file's checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Minimum {
    /// The trust file has none.
    Unset,
    /// It has the same tree.
    Same,
    /// The log goes on from it.
    Extended,
    /// The log is longer; without its hashes nobody can tell whether it goes on from it.
    Unchecked,
}

/// Whether a line is the leaf at an index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Position {
    Holds,
    Differs,
    /// The log's hashes are not there.
    Unknown,
}

enum Extends {
    Yes,
    No,
    Unknown,
}

/// The published files of the log. `E` is why one could not be read; that is no answer.
pub struct LogView<'a, E> {
    trust: &'a LogTrust,
    read: &'a ReadFile<'a, E>,
    /// The newest checkpoint, signed by the log, and the tiles of its tree. Whether witnesses have seen it is not known.
    newest: Option<(SignedCheckpoint, Published<'a, E>)>,
}

type Answer<T, E> = Result<Result<T, NotLogged>, E>;

impl<'a, E> LogView<'a, E> {
    pub fn open(trust: &'a LogTrust, read: &'a ReadFile<'a, E>) -> Answer<Self, E> {
        let Some(bytes) = read("checkpoint")? else { return Ok(Ok(Self { trust, read, newest: None })) };
        Ok(SignedCheckpoint::open(&bytes, trust.policy.log()).map_err(NotLogged::Signature).map(|signed| {
            let tiles = Published::new(signed.checkpoint().size(), read);
            Self { trust, read, newest: Some((signed, tiles)) }
        }))
    }

    /// Looks for the proof that this line is a leaf: in its own file, then in the tiles.
    ///
    /// A file may lack what the tiles have: it was written before the witnesses had answered, or before the trust file.
    pub fn prove(&self, line: &[u8], clock: Clock) -> Answer<Logged, E> {
        let first = match self.by_file(line, clock)? {
            Err(why) if !why.is_final() => why,
            answer => return Ok(answer),
        };
        Ok(self.by_tiles(line, clock)?.map_err(|second| first.or_further(second)))
    }

    fn by_file(&self, line: &[u8], clock: Clock) -> Answer<Logged, E> {
        let path = format!("proof/{}.tlog-proof", Sha256Digest::of(line));
        let Some(bytes) = (self.read)(&path)? else { return Ok(Err(NotLogged::NoProof)) };
        let checked =
            ProofFile::parse(&bytes).and_then(|file| Ok((file.index, file.check(line, &self.trust.policy, clock)?)));
        match checked {
            Ok((index, trusted)) => self.settled(index, &trusted),
            Err(ProofFileError::Trust(error)) => Ok(Err(NotLogged::Checkpoint(error))),
            Err(ProofFileError::Proof(error)) => Ok(Err(NotLogged::Proof(error))),
            Err(error) => Ok(Err(NotLogged::ProofForm(error))),
        }
    }

    fn by_tiles(&self, line: &[u8], clock: Clock) -> Answer<Logged, E> {
        let Some((signed, tiles)) = &self.newest else { return Ok(Err(NotLogged::NoProof)) };
        let trusted = match self.trust.policy.check(signed.note().clone(), clock) {
            Ok(trusted) => trusted,
            Err(error) => return Ok(Err(NotLogged::Checkpoint(error))),
        };
        let leaf = Hash::of_leaf(line);
        let index = match known(tiles.find(&leaf))? {
            Some(Some(index)) => index,
            Some(None) => return Ok(Err(NotLogged::NotInLog(tiles.size()))),
            None => return Ok(Err(NotLogged::NoProof)),
        };
        let Some(proof) = known(tiles.inclusion(index))? else { return Ok(Err(NotLogged::NoProof)) };
        match verify::inclusion(leaf, index, tiles.size(), &proof, signed.checkpoint().root()) {
            Ok(()) => self.settled(index, &trusted),
            Err(error) => Ok(Err(NotLogged::Proof(error))),
        }
    }

    /// The place, if the tree it is in belongs to the history that is known.
    fn settled(&self, index: u64, trusted: &Trusted) -> Answer<Logged, E> {
        let tree = trusted.checkpoint.checkpoint();
        if let Some((newest, _)) = &self.newest {
            let newest = newest.checkpoint();
            if newest.size() < tree.size() {
                return Ok(Err(NotLogged::RolledBack { size: newest.size(), known: tree.size() }));
            }
            if let Extends::No = self.extends(tree, newest)? {
                return Ok(Err(NotLogged::Forked { old: tree.size(), new: newest.size() }));
            }
        }
        let minimum = match &self.trust.minimum {
            None => Minimum::Unset,
            Some(known) if tree.size() < known.size() => {
                return Ok(Err(NotLogged::BeforeMinimum { size: tree.size(), known: known.size() }));
            }
            Some(known) => match self.extends(known, tree)? {
                Extends::No => return Ok(Err(NotLogged::Forked { old: known.size(), new: tree.size() })),
                Extends::Yes if known.size() == tree.size() => Minimum::Same,
                Extends::Yes => Minimum::Extended,
                Extends::Unknown => Minimum::Unchecked,
            },
        };
        let cosigned = trusted.cosigned.iter().map(|(name, time)| (name.as_str().to_owned(), *time)).collect();
        let (origin, size, root) = (tree.origin().to_owned(), tree.size(), *tree.root());
        Ok(Ok(Logged { origin, index, size, root, cosigned, minimum }))
    }

    /// Whether the second tree, not the smaller one, begins with the leaves of the first.
    fn extends(&self, old: &Checkpoint, new: &Checkpoint) -> Result<Extends, E> {
        let proof = match &self.newest {
            _ if old.size() == new.size() || old.size() == 0 => Some(Vec::new()),
            Some((_, tiles)) => known(tiles.consistency(old.size(), new.size()))?,
            None => None,
        };
        let ends = ((old.size(), old.root()), (new.size(), new.root()));
        Ok(match proof.map(|proof| verify::consistency(ends.0, ends.1, &proof)) {
            Some(Ok(())) => Extends::Yes,
            Some(Err(_)) => Extends::No,
            None => Extends::Unknown,
        })
    }

    /// Whether this line is the leaf at `index` of the newest tree.
    pub fn position(&self, line: &[u8], index: u64) -> Result<Position, E> {
        let Some((signed, tiles)) = &self.newest else { return Ok(Position::Unknown) };
        if index >= tiles.size() {
            return Ok(Position::Differs);
        }
        let Some(proof) = known(tiles.inclusion(index))? else { return Ok(Position::Unknown) };
        let leaf = Hash::of_leaf(line);
        let checked = verify::inclusion(leaf, index, tiles.size(), &proof, signed.checkpoint().root());
        Ok(if checked.is_ok() { Position::Holds } else { Position::Differs })
    }
}

/// `None`: the tiles are not there, or are none. What could not be read is an error.
fn known<T, E>(answer: Result<T, PublishedError<E>>) -> Result<Option<T>, E> {
    match answer {
        Ok(value) => Ok(Some(value)),
        Err(PublishedError::Read(error)) => Err(error),
        Err(PublishedError::NoTile(_) | PublishedError::Tile { .. } | PublishedError::NoSuchEntry) => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tlog::{AddCheckpoint, Cosigner, KeyName, Log, Signer, Witness, cosignature};
    use std::collections::BTreeMap;
    use std::convert::Infallible;

    type Files = BTreeMap<String, Vec<u8>>;

    /// A log of five entries that one witness has seen, what to believe of it, and the line that is looked for.
    fn published() -> (LogTrust, Files, &'static [u8]) {
        let name = |text: &str| KeyName::parse(text).expect("a name");
        let dir = tempfile::tempdir().expect("a directory");
        let mut log = Log::create(&dir.path().join("log"), Signer::from_seed(name("log"), &[1; 32])).expect("a log");
        let minimum = log.append(&["a", "b"]).expect("appended").checkpoint.to_string();
        log.append(&["line", "c", "d"]).expect("appended");
        let (key, cosigner) = (log.reader().checkpoint().clone(), Cosigner::from_seed(name("w"), &[2; 32]));
        let witness = cosigner.verifying_key().clone();
        let log_key = Signer::from_seed(name("log"), &[1; 32]).verifying_key().clone();
        let mut one = Witness::open(&dir.path().join("w"), cosigner, vec![log_key.clone()]).expect("a witness");
        let request = AddCheckpoint { old_size: 0, proof: Vec::new(), checkpoint: key.note().clone() };
        let answer = one.add_checkpoint(request.to_string().as_bytes(), 1000).expect("an answer");
        let mut seen = key;
        let given = cosignature::parse_answer(answer.body.as_bytes()).expect("lines");
        assert_eq!(seen.add_cosignatures(&given, std::slice::from_ref(&witness)), Ok(1));
        let proof = log.reader().inclusion(2, 5).expect("a proof");
        let proof = ProofFile { extra: None, index: 2, hashes: proof, checkpoint: seen.note().clone() };
        let tile = std::fs::read(dir.path().join("log/tile/0/000.p/5")).expect("a tile");
        let files = Files::from([
            ("checkpoint".to_owned(), seen.to_string().into_bytes()),
            ("tile/0/000.p/5".to_owned(), tile),
            (format!("proof/{}.tlog-proof", Sha256Digest::of(b"line")), proof.to_string().into_bytes()),
        ]);
        let policy = format!("log {log_key}\nwitness w {witness}\nquorum w\n");
        let trust = LogTrust::read(&TrustedLog { policy, checkpoint: Some(minimum) }).expect("a policy");
        (trust, files, b"line")
    }

    fn ask(trust: &LogTrust, files: &Files, line: &[u8]) -> Result<Logged, NotLogged> {
        let read = |path: &str| Ok::<_, Infallible>(files.get(path).cloned());
        let clock = Clock { now_s: 2000, age_max_s: None };
        let Ok(view) = LogView::open(trust, &read);
        let Ok(answer) = view?.prove(line, clock);
        answer
    }

    #[test]
    fn no_byte_of_a_proof_or_of_the_log_can_be_changed() {
        let (trust, files, line) = published();
        let logged = ask(&trust, &files, line).expect("logged");
        assert_eq!((logged.index, logged.size, logged.minimum), (2, 5, Minimum::Extended));
        assert_eq!(logged.cosigned, [("w".to_owned(), 1000)]);
        assert_eq!(ask(&trust, &files, b"other"), Err(NotLogged::NotInLog(5)));
        // Each of the two ways alone: one makes up for the other.
        for is_kept in [|path: &str| path.starts_with("proof"), |path: &str| !path.starts_with("proof")] {
            let some = || files.iter().filter(|(path, _)| is_kept(path));
            for (path, bytes) in some() {
                for at in 0..bytes.len() {
                    let mut changed: Files = some().map(|(path, bytes)| (path.clone(), bytes.clone())).collect();
                    changed.get_mut(path).expect("a file")[at] ^= 1 << (at % 7);
                    assert!(ask(&trust, &changed, line).is_err(), "{path} byte {at}");
                    changed.get_mut(path).expect("a file").truncate(at);
                    assert!(ask(&trust, &changed, line).is_err(), "{path} cut at {at}");
                }
            }
        }
    }
}
