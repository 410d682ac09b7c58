//! What signs statements and publishes the log: the keys, and the log's static files below the data directory.
//!
//! The leaves are in the store, durable with their records. The files are made from them, for web servers, witnesses and
//! receipts; whoever has the log's lock brings them up to date after each commit, and makes them again if they are spoilt.

use super::{StoreError, leaves};
use crate::evidence::{Decision, Identity, KeyPurpose, Keys, Line};
use crate::record::Hash;
use crate::tlog::{Durability, KeyName, Log, SignedCheckpoint, Signer, StorageError, VerifyingKey};
use jiff::Timestamp;
use rusqlite::Connection;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fs, io};

/// Leaves that go into the files at once.
const BATCH_MAX: usize = 4096;

/// The gate's keys, and where its log is.
#[derive(Debug, Clone)]
pub struct Notary {
    keys: Arc<Keys>,
    directory: PathBuf,
    origin: KeyName,
    seed: [u8; 32],
}

impl Notary {
    /// The keys and the log below a data directory, by the log key of this moment. Its every key has a log of its own.
    pub fn new(data: &Path, identity: &Identity, keys: Arc<Keys>, now: Timestamp) -> Result<Self, StoreError> {
        let unusable = |error: String| StoreError::Notary(error);
        let seed = keys.at(KeyPurpose::Log, now).map_err(|error| unusable(error.to_string()))?.seed();
        let begun = |key: &&crate::evidence::PublishedKey| key.valid_after <= now;
        let epoch = keys.published(KeyPurpose::Log).iter().filter(begun).count();
        let origin = identity.log_origin(epoch);
        let origin = KeyName::parse(&origin).ok_or_else(|| unusable(format!("{origin} is no name of a log")))?;
        Ok(Self { keys, directory: data.join("log").join(epoch.to_string()), origin, seed })
    }

    /// Where the log's files are.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The log's key, as those know it who verify.
    #[must_use]
    pub fn log_key(&self) -> VerifyingKey {
        self.signer().verifying_key().clone()
    }

    #[must_use]
    pub fn keys(&self) -> &Keys {
        &self.keys
    }

    fn signer(&self) -> Signer {
        Signer::from_seed(self.origin.clone(), &self.seed)
    }

    /// Every decision has its leaf, whatever the names in it: one whose statement is too long says less.
    pub(super) fn sign(&self, mut decision: Decision) -> Result<(Decision, Line), StoreError> {
        let key = self.keys.at(KeyPurpose::Statements, decision.decided);
        let key = key.map_err(|error| StoreError::Notary(error.to_string()))?;
        loop {
            let error = match decision.sign(key) {
                Ok(line) => return Ok((decision, line)),
                Err(error) => error,
            };
            decision = decision.shorter().ok_or_else(|| StoreError::Notary(error.to_string()))?;
        }
    }
}

/// The log's files, as far as this process writes them.
pub(super) struct Published {
    notary: Notary,
    /// `None`: another process has them, or they could not be written.
    log: Option<Log>,
}

impl Published {
    /// Opens the files, or makes them. A log that has signed what the store does not hold is not gone on with: two
    /// histories would have one name.
    pub fn open(notary: Notary, connection: &Connection) -> Result<Self, StoreError> {
        let mut published = Self { notary, log: None };
        published.log = published.reopen(connection)?;
        published.catch_up(connection);
        Ok(published)
    }

    fn reopen(&self, connection: &Connection) -> Result<Option<Log>, StoreError> {
        let directory = &self.notary.directory;
        let failed = |error: StorageError| StoreError::Notary(error.to_string());
        self.check_signed(connection)?;
        match Log::open_as(directory, self.notary.signer(), Durability::Elsewhere) {
            Ok(log) => return Ok(Some(log)),
            Err(StorageError::Locked(_)) => return Ok(None),
            Err(StorageError::NoLog(_)) => {}
            // What cannot be read now may be whole.
            Err(error @ StorageError::Io { .. }) => return Err(failed(error)),
            Err(error) => remove(directory, &error)?,
        }
        if let Some(above) = directory.parent() {
            fs::create_dir_all(above).map_err(|error| StoreError::Notary(error.to_string()))?;
        }
        let create = || Log::create_as(directory, self.notary.signer(), Durability::Elsewhere);
        let created = match create() {
            // Files without the checkpoint that names them.
            Err(error @ StorageError::NotEmpty(_)) => {
                remove(directory, &error)?;
                create()
            }
            created => created,
        };
        match created {
            Ok(log) => Ok(Some(log)),
            Err(StorageError::Locked(_)) => Ok(None),
            Err(error) => Err(failed(error)),
        }
    }

    /// The checkpoint that stands there must be of a tree that the store's goes on from.
    fn check_signed(&self, connection: &Connection) -> Result<(), StoreError> {
        let bytes = match fs::read(self.notary.directory.join("checkpoint")) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(StoreError::Notary(format!("the checkpoint cannot be read: {error}"))),
        };
        let Ok(signed) = SignedCheckpoint::open(&bytes, &self.notary.log_key()) else { return Ok(()) };
        let (size, root) = (signed.checkpoint().size(), Hash::from(*signed.checkpoint().root()));
        let is_known = leaves::root_at(connection, size)? == Some(root);
        if is_known { Ok(()) } else { Err(StoreError::Forked { size }) }
    }

    /// Brings the files up to date, and gives the checkpoint that covers the store's leaves. What goes wrong is no reason
    /// to stop: the leaves are in the store.
    pub fn catch_up(&mut self, connection: &Connection) -> Option<SignedCheckpoint> {
        if self.log.is_none() {
            self.log = self.reopen(connection).unwrap_or_else(|error| {
                tracing::error!(%error, "the log's files cannot be written");
                None
            });
        }
        let log = self.log.as_mut()?;
        match append_new(log, connection) {
            Ok(checkpoint) => Some(checkpoint),
            Err(error) => {
                tracing::error!(%error, "the log's files cannot be brought up to date");
                self.log = None;
                None
            }
        }
    }

    /// Puts cosignatures into the published checkpoint, if it is still the one they are of.
    pub fn cosigned(&mut self, checkpoint: &SignedCheckpoint) {
        let Some(log) = self.log.as_mut() else { return };
        if let Err(error) = log.publish_cosigned(checkpoint) {
            tracing::error!(%error, "a cosigned checkpoint cannot be published");
        }
    }
}

/// Takes away files that are of no use.
fn remove(directory: &Path, why: &StorageError) -> Result<(), StoreError> {
    tracing::warn!(error = %why, "the log's files are spoilt; they are made again from the store");
    fs::remove_dir_all(directory).map_err(|error| StoreError::Notary(error.to_string()))
}

fn append_new(log: &mut Log, connection: &Connection) -> Result<SignedCheckpoint, StoreError> {
    let failed = |error: StorageError| StoreError::Notary(error.to_string());
    loop {
        let size = log.checkpoint().checkpoint().size();
        let new = leaves::from(connection, size, BATCH_MAX)?;
        if new.is_empty() {
            return Ok(log.checkpoint().clone());
        }
        let texts: Vec<&str> = new.iter().map(|leaf| leaf.text.as_str()).collect();
        log.append(&texts).map_err(failed)?;
    }
}
