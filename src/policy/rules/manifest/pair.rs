//! Manifests and lock files that a push changes, one without the other.

use super::files::{Ecosystem, Role, kind};
use super::{Manifests, What};
use crate::model::{Direction, Escaped, PushFacts};
use crate::policy::findings::{Findings, Fix, Voice};
use crate::policy::pattern::{Place, Subject, Who};
use std::collections::{BTreeSet, HashSet};

/// Folders looked at above a manifest.
const FOLDERS_MAX: usize = 64;

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

pub fn push(rule: &Manifests, facts: &PushFacts, voice: Voice<'_>, findings: &mut Findings) {
    for group in &facts.groups {
        let commits = group.commits.iter().filter_map(|index| facts.commits.get(*index));
        let added = commits.filter(|commit| commit.direction == Direction::Added);
        let paths: HashSet<&[u8]> =
            added.flat_map(|commit| &commit.changes).map(|change| change.path.as_slice()).collect();
        let pairs = Pairs::of(rule, &paths);
        if rule.has(What::LockWithoutManifest) {
            let alone = pairs.locks.iter().filter(|path| !pairs.manifest_folders.contains(&key(path)));
            alone.for_each(|path| say(voice, findings, path, "is changed, and no manifest beside or below it", LOCK));
        }
        if rule.has(What::ManifestWithoutLock) {
            let has_lock =
                |path: &[u8]| folders(path).any(|folder| pairs.lock_folders.contains(&(key(path).0, folder)));
            let alone = pairs.manifests.iter().filter(|path| !has_lock(path));
            alone.for_each(|path| {
                say(voice, findings, path, "is changed, and no lock file beside or above it", MANIFEST)
            });
        }
    }
}

const LOCK: &str = "push it together with the manifest that asks for the change, or leave it as it is";
const MANIFEST: &str = "make the lock file again with its tool, and push both together";

fn say(voice: Voice<'_>, findings: &mut Findings, path: &[u8], what: &str, fix: &str) {
    findings.push(voice, format!("`{}` {what}", Escaped(path)), Fix::Text(fix.to_owned()));
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
