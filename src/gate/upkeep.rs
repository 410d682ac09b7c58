//! Consolidates mirrors in the background: no push waits for it.

use crate::gate::{Base, Target};
use crate::model::RepoName;
use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{self, SyncSender};

/// The thread that does it. It is not joined: what it is at when the process ends is git's, and git finishes it.
pub struct Upkeep(SyncSender<RepoName>);

/// Asked for and not begun; more are asked for again by a later push.
const WAITING_MAX: usize = 64;

impl Upkeep {
    pub fn start(targets: Arc<BTreeMap<RepoName, Target>>) -> io::Result<Self> {
        let (asked, asking) = mpsc::sync_channel::<RepoName>(WAITING_MAX);
        std::thread::Builder::new().name("upkeep".to_owned()).spawn(move || {
            for repo in asking {
                let Some(Target { base: Base::Mirror(mirror), .. }) = targets.get(&repo) else { continue };
                if let Err(error) = mirror.maintain() {
                    tracing::warn!(%repo, %error, "the mirror cannot be maintained");
                }
            }
        })?;
        Ok(Self(asked))
    }

    /// After a push to the repository.
    pub fn ask(&self, repo: &RepoName) {
        let _ = self.0.try_send(repo.clone());
    }
}
