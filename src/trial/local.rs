//! A local branch as if it were pushed: what a developer or an agent asks before pushing.

use crate::git::local::{LocalError, Repository};
use crate::model::{ObjectId, RefName, RefUpdate, RepoName};
use crate::policy::Policy;

/// A repository on this machine, and what it knows of the upstream.
pub struct Local {
    pub repository: Repository,
    /// The upstream's refs as of the last fetch, under the names they have there.
    pub refs: Vec<(RefName, ObjectId)>,
    /// The upstream's default branch.
    pub default_branch: Option<RefName>,
}

impl Local {
    /// Reads the remote-tracking branches of `remote` as the upstream's branches; tags are taken to be there too, but
    /// for those that are about to be pushed.
    pub fn open(repository: Repository, remote: &str) -> Result<Self, LocalError> {
        let tracking = [b"refs/remotes/", remote.as_bytes(), b"/"].concat();
        let mut refs = Vec::new();
        let mut default_branch = None;
        for found in repository.refs()? {
            if let Some(branch) = found.name.as_bstr().strip_prefix(tracking.as_slice()) {
                if branch == b"HEAD" {
                    let target =
                        found.target.as_ref().and_then(|name| name.as_bstr().strip_prefix(tracking.as_slice()));
                    default_branch = target.and_then(branch_name);
                } else if let Some(name) = branch_name(branch) {
                    refs.push((name, found.id));
                }
            } else if found.name.is_tag() {
                refs.push((found.name, found.id));
            }
        }
        Ok(Self { repository, refs, default_branch })
    }

    /// What the upstream's ref holds, as far as is known here.
    #[must_use]
    pub fn held(&self, name: &RefName) -> Option<ObjectId> {
        self.refs.iter().find(|(known, _)| known == name).map(|(_, id)| *id)
    }

    /// The tips that count as accepted, by the same rule as on the gate; the default branch first.
    #[must_use]
    pub fn trusted(&self, policy: &Policy, repo: &RepoName, updates: &[RefUpdate]) -> Vec<ObjectId> {
        let is_default = |name: &RefName| self.default_branch.as_ref() == Some(name);
        let is_pushed = |name: &RefName| name.is_tag() && updates.iter().any(|update| update.name == *name);
        let trusted = |name: &RefName| is_default(name) || !policy.agent_may_write(repo, name) && !is_pushed(name);
        let mut tips: Vec<_> = self.refs.iter().filter(|(name, _)| trusted(name)).collect();
        tips.sort_by_key(|(name, _)| !is_default(name));
        tips.into_iter().map(|(_, id)| *id).collect()
    }
}

fn branch_name(short: &[u8]) -> Option<RefName> {
    RefName::parse(&[b"refs/heads/", short].concat()).ok()
}
