//! Manifests and lock files that a push changes, one without the other.

use super::files::{Ecosystem, Role, kind};
use super::{Manifests, What};
use crate::model::{Direction, Escaped, PushFacts};
use crate::policy::findings::{Findings, Fix, Voice};
use crate::policy::pattern::{Place, Subject, Who};
use std::collections::{BTreeSet, HashSet};

/// Folders looked at above a manifest.
const FOLDERS_MAX: usize = 64;

const PATHS_SHOWN: usize = 5;

/// Manifests that have a lock file of their own or above them, if they have one at all.
const WITH_LOCK: [&[u8]; 8] = [
    b"package.json",
    b"pyproject.toml",
    b"pipfile",
    b"cargo.toml",
    b"go.mod",
    b"composer.json",
    b"gemfile",
    b"gems.rb",
];

/// What the push changes, by folders.
#[derive(Default)]
struct Pairs<'a> {
    manifests: BTreeSet<&'a [u8]>,
    locks: BTreeSet<&'a [u8]>,
    lock_folders: HashSet<(Ecosystem, &'a [u8])>,
    /// Folders with a changed manifest in or below them.
    manifest_folders: HashSet<(Ecosystem, &'a [u8])>,
}

/// Says it once for the whole push, as one list.
pub fn push(rule: &Manifests, facts: &PushFacts, voice: Voice<'_>, findings: &mut Findings) {
    let (mut locks, mut manifests) = (BTreeSet::new(), BTreeSet::new());
    for group in &facts.groups {
        let commits = group.commits.iter().filter_map(|index| facts.commits.get(*index));
        let added = commits.filter(|commit| commit.direction == Direction::Added);
        let paths: HashSet<&[u8]> =
            added.flat_map(|commit| &commit.changes).map(|change| change.path.as_slice()).collect();
        let pairs = Pairs::of(rule, &paths);
        if rule.has(What::LockWithoutManifest) {
            locks.extend(pairs.locks.iter().filter(|path| !pairs.manifest_folders.contains(&key(path))));
        }
        if rule.has(What::ManifestWithoutLock) {
            let has_lock =
                |path: &[u8]| folders(path).any(|folder| pairs.lock_folders.contains(&(key(path).0, folder)));
            manifests.extend(pairs.manifests.iter().filter(|path| !has_lock(path)));
        }
    }
    let mut said = Vec::new();
    for (paths, what) in
        [(locks, "without a manifest beside or below"), (manifests, "without a lock file beside or above")]
    {
        if !paths.is_empty() {
            said.push(format!("{} changed {what}", list(&paths)));
        }
    }
    if !said.is_empty() {
        let fix = "make the lock file with its tool from the manifest, and push both together or neither".to_owned();
        findings.push(voice, said.join("; "), Fix::Text(fix));
    }
}

/// The first few paths, and how many more.
fn list(paths: &BTreeSet<&[u8]>) -> String {
    let shown: Vec<String> = paths.iter().take(PATHS_SHOWN).map(|path| format!("`{}`", Escaped(path))).collect();
    let more = match paths.len().saturating_sub(PATHS_SHOWN) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("{}{more}", shown.join(", "))
}

impl<'a> Pairs<'a> {
    fn of(rule: &Manifests, paths: &HashSet<&'a [u8]>) -> Self {
        let mut pairs = Self::default();
        for path in paths {
            let subject = Subject::new(path, Place::Plain);
            let Some(kind) = kind(subject.folded_segments()) else { continue };
            match kind.role {
                Role::Manifest => {
                    pairs.manifest_folders.extend(folders(path).map(|folder| (kind.ecosystem, folder)));
                    let name = path.rsplit(|b| *b == b'/').next().unwrap_or_default().to_ascii_lowercase();
                    if WITH_LOCK.contains(&name.as_slice()) && rule.paths.forbids(&subject, Who::Anyone) {
                        pairs.manifests.insert(path);
                    }
                }
                Role::Lock => {
                    pairs.lock_folders.insert((kind.ecosystem, folder(path)));
                    if rule.paths.forbids(&subject, Who::Anyone) {
                        pairs.locks.insert(path);
                    }
                }
                Role::Settings | Role::Program => {}
            }
        }
        pairs
    }
}

fn key(path: &[u8]) -> (Ecosystem, &[u8]) {
    let ecosystem =
        kind(Subject::new(path, Place::Plain).folded_segments()).map_or(Ecosystem::Npm, |kind| kind.ecosystem);
    (ecosystem, folder(path))
}

/// The folder a file is in; nothing at the top.
fn folder(path: &[u8]) -> &[u8] {
    path.iter().rposition(|byte| *byte == b'/').and_then(|at| path.get(..at)).unwrap_or_default()
}

/// The folder a file is in, and those above it.
fn folders(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::successors(Some(folder(path)), |below| (!below.is_empty()).then_some(folder(below))).take(FOLDERS_MAX)
}
