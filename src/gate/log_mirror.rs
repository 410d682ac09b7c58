//! The log beside the history of each repository: checkpoint, hashes and proofs on a ref of the upstream, a moment after
//! a push. Entries stay at the gate: not everybody who reads a repository may read what was refused in others.
//!
//! No push waits for it, nor for the witnesses. What could not be sent or cosigned now goes with the next round.

use crate::config::{Publish, Witness};
use crate::evidence::{self, KeyPurpose};
use crate::forward::{Companion, Connection, Outcome, Source};
use crate::gate::fault::Fault;
use crate::gate::log_rounds::{LogRounds, Reason, Shown, seen};
use crate::gate::notebook::Proving;
use crate::gate::target::Base;
use crate::gate::{Gate, Target};
use crate::git::files::{self, Files};
use crate::git::notes::Committer;
use crate::git::{Made, Objects, tree, upstream};
use crate::model::{ObjectId, RefName, RefUpdate};
use crate::tlog::{LogReader, ProofFile, SignedCheckpoint, StorageError, Tile, TileKind, VerifyingKey};
use crate::witness::{Cosigned, cosign};
use jiff::Timestamp;
use std::time::Instant;

/// Proof files on the ref; the hashes prove what is older.
const PROOFS_MAX: usize = 64;
/// Repositories without news that one round serves: the proofs of others wait meanwhile.
const QUIET_MAX: usize = 4;

impl Gate {
    /// Has the newest checkpoint cosigned, and brings the log's refs of the repositories up to date that need it.
    pub fn publish_log(&self) {
        let notary = &self.attest.notary;
        let reader = match LogReader::open(notary.directory(), &notary.log_key()) {
            Ok(reader) => reader,
            Err(error) => return tracing::debug!(%error, "the log's files cannot be read"),
        };
        let mut rounds = self.log_rounds.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let checkpoint = self.cosigned(&reader, &mut rounds);
        let shown = Shown { size: reader.size(), seen: seen(&checkpoint, &self.config.witnesses) };
        let mut quiet = 0;
        for target in self.targets.values() {
            let (mut proving, to_cover) = {
                let notebook = target.notebook();
                (notebook.to_prove(), notebook.to_cover())
            };
            // What was decided since the reader looked is for the next round.
            proving.retain(|one| one.index < reader.size());
            let unproven = to_cover.zip(reader.size().checked_sub(1)).map(|(index, last)| index.min(last));
            match rounds.reason(&target.name, unproven, &shown, &self.config.witnesses, Instant::now()) {
                Some(Reason::News) => {}
                Some(Reason::Heartbeat) if quiet < QUIET_MAX => quiet += 1,
                Some(Reason::Heartbeat) | None => continue,
            }
            match self.mirror_log(target, &reader, &checkpoint, &proving) {
                Ok(()) => {
                    rounds.was_shown(&target.name, shown.clone(), Instant::now());
                    if shown.seen.len() == self.config.witnesses.len() {
                        target.notebook().has_proved(&proving);
                    }
                }
                Err(error) => {
                    rounds.was_not_shown(&target.name, Instant::now());
                    tracing::warn!(repo = %target.name, %error, "the log's ref cannot be brought up to date");
                }
            }
        }
    }

    /// The checkpoint with what the witnesses say to it. Those are asked that have not said it yet, or long ago.
    fn cosigned(&self, reader: &LogReader, rounds: &mut LogRounds) -> SignedCheckpoint {
        let (size, now) = (reader.size(), Instant::now());
        let mut checkpoint = rounds.known(reader.checkpoint());
        let is_due = |witness: &&Witness| size > 0 && rounds.is_due(witness, size, now);
        let asked: Vec<Witness> = self.config.witnesses.iter().filter(is_due).cloned().collect();
        if asked.is_empty() {
            return checkpoint;
        }
        let Cosigned { checkpoint: given, failures } = cosign(&asked, reader, &mut rounds.sizes);
        let keys: Vec<VerifyingKey> = asked.iter().map(|witness| witness.key.clone()).collect();
        if let Err(error) = checkpoint.add_cosignatures(given.note().signatures(), &keys) {
            tracing::warn!(%error, "a checkpoint takes no more cosignatures");
        }
        let now = Instant::now();
        for witness in &asked {
            match failures.iter().find(|(name, _)| name == witness.key.name()) {
                None => rounds.has_cosigned(witness, checkpoint.clone(), now),
                Some((name, error)) => {
                    rounds.has_not_cosigned(witness, error, now);
                    match error.is_fork() {
                        true => tracing::error!(witness = ?name, %error, "a witness knows another log of this name"),
                        false => tracing::warn!(witness = ?name, %error, "a witness did not cosign"),
                    }
                }
            }
        }
        if failures.len() < asked.len()
            && let Err(error) = self.store.cosigned(checkpoint.clone())
        {
            tracing::warn!(%error, "a cosigned checkpoint cannot be published");
        }
        checkpoint
    }

    fn mirror_log(
        &self,
        target: &Target,
        reader: &LogReader,
        checkpoint: &SignedCheckpoint,
        proving: &[Proving],
    ) -> Result<(), Fault> {
        let (Publish::At { notes, log }, Base::Mirror(mirror)) = (&target.publish, &target.base) else { return Ok(()) };
        let limits = &self.config.limits;
        let failed = |error: crate::forward::ForwardError| Fault::Upstream(error.into());
        let connection = Connection::open(&target.upstream, limits, None).map_err(failed)?;
        let old = connection.refs().iter().find(|(name, _)| name == log).map(|(_, id)| *id);
        if old.is_none() && proving.is_empty() {
            return Ok(());
        }
        if let Some(old) = old
            && !Objects::new(None, target.objects()).in_base(&old)
        {
            let fetched = upstream::fetch(mirror.dir(), &target.upstream, &[log], limits);
            fetched.map_err(|error| Fault::Upstream(error.into()))?;
        }
        let before = before(target, old, reader.size())?;
        let (new, made) = self.log_commit((before, log), (reader, checkpoint), proving)?;
        made.store(&target.objects_dir())?;
        let update = RefUpdate { name: log.clone(), old, new: Some(new) };
        let none = || Fault::Evidence("no place for the log".to_owned());
        let companion = Companion::new(update, &[notes, log]).ok_or_else(none)?;
        let objects_dir = target.objects_dir();
        let source = Source {
            git_dir: target.git_dir(),
            objects_dir: &objects_dir,
            objects: target.objects(),
            quarantine: None,
            pack: None,
            own: Some(&made),
        };
        let outcomes = connection.push_own(&companion, source).map_err(failed)?;
        match outcomes.first().map(|outcome| &outcome.outcome) {
            Some(Outcome::Ok(_)) => {
                target.notebook().log = Some(new);
                Ok(())
            }
            Some(Outcome::Rejected { .. } | Outcome::Unknown) | None => {
                Err(Fault::Evidence("the upstream did not take the log's ref".to_owned()))
            }
        }
    }

    fn log_commit(
        &self,
        (before, name): (Before, &RefName),
        (reader, checkpoint): (&LogReader, &SignedCheckpoint),
        proving: &[Proving],
    ) -> Result<(ObjectId, Made), Fault> {
        let mut made = Made::default();
        let failed = |error: StorageError| Fault::Evidence(error.to_string());
        let mut files = hashes(&before, reader, &mut made).map_err(failed)??;
        files::put(&mut files, "checkpoint", checkpoint.to_string().into_bytes(), &mut made)?;
        let proofs = before.files.iter().filter(|(path, _)| before.is_ours && path.starts_with("proof/"));
        let is_full = proofs.clone().count() + proving.len() > PROOFS_MAX;
        files.extend(proofs.filter(|_| !is_full).map(|(path, entry)| (path.clone(), *entry)));
        for Proving { index, digest } in proving.iter().rev().take(PROOFS_MAX) {
            let hashes = reader.inclusion(*index, reader.size()).map_err(failed)?;
            let proof = ProofFile { extra: None, index: *index, hashes, checkpoint: checkpoint.note().clone() };
            let path = format!("proof/{digest}.tlog-proof");
            files::put(&mut files, &path, proof.to_string().into_bytes(), &mut made)?;
        }
        let now = Timestamp::now();
        let evidence = |error: String| Fault::Evidence(error);
        let key = self.attest.notary.keys().at(KeyPurpose::Notes, now).map_err(|error| evidence(error.to_string()))?;
        let email = self.attest.identity.email();
        let by = Committer { name: "refgate", email: &email, time_s: now.as_second() };
        let message = format!("refgate: {name}, {} leaves", reader.size());
        let sign = |commit: &[u8]| evidence::sign_commit(commit, key).map_err(|error| evidence(error.to_string()));
        let commit = files::commit(&files, before.commit, (by, &message), &mut made, sign)?;
        Ok((commit, made))
    }
}

/// What the log's ref held.
struct Before {
    /// `None`: nothing, or what is no commit.
    commit: Option<ObjectId>,
    files: Files,
    /// Whether this process wrote it. What others put there is not built on unseen.
    is_ours: bool,
}

fn before(target: &Target, old: Option<ObjectId>, size: u64) -> Result<Before, Fault> {
    let objects = Objects::new(None, target.objects());
    let mut before = Before { commit: None, files: Files::new(), is_ours: false };
    let Some(commit) = old else { return Ok(before) };
    if !tree::is_commit(&objects, &commit)? {
        return Ok(before);
    }
    before.commit = Some(commit);
    // Twice the tiles that there are, and as many directories.
    let entries_max = usize::try_from(size / 64).unwrap_or(usize::MAX).saturating_add(1000);
    if let Some(files) = files::read(&objects, &commit, entries_max)? {
        before.files = files;
        before.is_ours = target.notebook().log == Some(commit);
    }
    Ok(before)
}

type Hashes = Result<Files, crate::git::ReadError>;

/// The tiles of hashes. Full ones never change: those that are there stay, if they are what they should be.
fn hashes(before: &Before, reader: &LogReader, made: &mut Made) -> Result<Hashes, StorageError> {
    let mut files = Files::new();
    for level in 0.. {
        let kind = TileKind::Hashes { level };
        let tiles = (0..).map_while(|index| Tile::of_tree(kind, index, reader.size()));
        let mut is_empty = true;
        for tile in tiles {
            is_empty = false;
            let path = tile.to_string();
            let there = before.files.get(&path).filter(|_| tile.is_full()).copied();
            if let Some(entry) = there.filter(|_| before.is_ours) {
                files.insert(path, entry);
                continue;
            }
            let bytes = reader.tile(tile)?;
            if let Some(entry) = there.filter(|entry| files::is(*entry, &bytes)) {
                files.insert(path, entry);
            } else if let Err(error) = files::put(&mut files, &path, bytes, made) {
                return Ok(Err(error));
            }
        }
        if is_empty {
            break;
        }
    }
    Ok(Ok(files))
}
