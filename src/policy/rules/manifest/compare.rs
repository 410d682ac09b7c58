//! What is in a new version of a file and in none of its old ones, in the words of the rule.

use super::files::{Ecosystem, Kind, Role};
use super::known::{Known, Strength, place};
use super::location::{host, is_plaintext, leaves_repository, path_of};
use super::model::{Dependency, Manifest, Mark, SettingKind, Source};
use super::{Manifests, What};
use std::collections::HashSet;

/// Something new that the rule is to speak of.
#[derive(Debug)]
pub struct Told {
    pub mark: Mark,
    pub message: String,
    pub fix: String,
}

/// So much is told of one file: far more than is ever shown.
const TOLD_MAX: usize = 1000;
/// Names shown of a list of new packages.
const NAMES_SHOWN: usize = 8;

/// A name or host of the client in a message.
#[must_use]
pub fn shown(text: &str) -> String {
    let mut short: String = text.chars().take(80).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    format!("`{}`", crate::model::Escaped(short.as_bytes()))
}

/// A version; nothing of a URL, which may have a password in it.
fn shown_version(version: &str) -> String {
    if version.contains(['/', '@']) { String::new() } else { format!(" {}", shown(version)) }
}

/// A host, or that there is none every reader would agree on.
fn shown_host(url: &str) -> String {
    host(url).map_or_else(|| "a place that cannot be told".to_owned(), |host| shown(&host))
}

/// Everything new in one file.
pub fn compare(rule: &Manifests, kind: Kind, dir: &[u8], olds: &[Manifest], new: &Manifest) -> Vec<Told> {
    let known = Known::new(olds);
    let mut scene = Scene { rule, kind, dir, known, told: Vec::new(), said: HashSet::new() };
    scene.twice(new);
    scene.hooks(new);
    scene.settings(new);
    let has_digests = kind.role == Role::Lock && new.dependencies.iter().any(|d| !d.digests.is_empty());
    for dependency in &new.dependencies {
        if scene.is_full() {
            break;
        }
        scene.source(dependency);
        scene.integrity(dependency, has_digests);
        scene.version(dependency);
    }
    scene.names(new);
    scene.told
}

struct Scene<'a> {
    rule: &'a Manifests,
    kind: Kind,
    dir: &'a [u8],
    known: Known<'a>,
    told: Vec<Told>,
    said: HashSet<String>,
}

impl<'a> Scene<'a> {
    fn is_full(&self) -> bool {
        self.told.len() >= TOLD_MAX
    }

    fn tell(&mut self, what: What, mark: &Mark, message: String, fix: impl Into<String>) {
        // A lock file may have an entry many times.
        if !self.is_full() && self.rule.has(what) && self.said.insert(message.clone()) {
            self.told.push(Told { mark: mark.clone(), message, fix: fix.into() });
        }
    }

    fn twice(&mut self, new: &Manifest) {
        for (key, mark) in
            new.twice.iter().filter(|(key, _)| !self.known.twice.contains(key.as_str())).collect::<Vec<_>>()
        {
            let message = format!("the key {} stands twice in one table: readers differ on which counts", shown(key));
            if !self.is_full() && self.said.insert(message.clone()) {
                let fix = "leave one of the two".to_owned();
                self.told.push(Told { mark: mark.clone(), message, fix });
            }
        }
    }

    fn hooks(&mut self, new: &Manifest) {
        for hook in &new.hooks {
            if self.is_full() || self.known.hooks.contains(&(hook.name.as_str(), hook.value.as_str())) {
                continue;
            }
            let verb = if self.known.hook_names.contains(hook.name.as_str()) { "changed" } else { "added" };
            let message = format!("{} is {verb}: it {}", shown(&hook.name), hook.effect);
            let fix = match verb {
                "added" => format!("take {} out", shown(&hook.name)),
                _ => format!("put {} back as it was", shown(&hook.name)),
            };
            self.tell(What::InstallScript, &hook.mark, message, fix);
        }
    }

    fn settings(&mut self, new: &Manifest) {
        for setting in &new.settings {
            if self.is_full() || self.known.settings.contains(&(setting.key.as_str(), setting.value.as_str())) {
                continue;
            }
            let fix = format!("put {} back as it was", shown(&setting.key));
            match setting.kind {
                SettingKind::Always(why) => {
                    self.tell(What::Registry, &setting.mark, format!("{} {why}", shown(&setting.key)), fix);
                }
                SettingKind::Registry => self.registry_setting(&setting.key, &setting.value, &setting.mark, fix),
            }
        }
    }

    fn registry_setting(&mut self, key: &str, url: &str, mark: &Mark, fix: String) {
        let is_path = !url.contains(':') && !url.contains("//");
        if is_path && !leaves_repository(self.dir, url) && !url.is_empty() {
            return;
        }
        if is_plaintext(url) {
            let message = format!("{} takes packages from {} unencrypted", shown(key), shown_host(url));
            self.tell(What::Registry, mark, message, fix);
        } else if !self.is_known_host(url) {
            let message =
                format!("{} takes packages from {}, which is no registry known here", shown(key), shown_host(url));
            self.tell(What::Registry, mark, message, fix);
        }
    }

    fn is_known_host(&self, url: &str) -> bool {
        host(url).is_some_and(|host| self.is_allowed_host(&host) || self.known.hosts.contains(&host))
    }

    fn is_allowed_host(&self, host: &str) -> bool {
        self.is_usual_host(host) || self.rule.registries.iter().any(|allowed| allowed == host)
    }

    fn is_usual_host(&self, host: &str) -> bool {
        self.kind.ecosystem.usual_hosts().contains(&host)
    }

    fn is_listed(&self, url: &str) -> bool {
        host(url).is_some_and(|host| self.rule.registries.contains(&host)) && !is_plaintext(url)
    }

    fn source(&mut self, dependency: &Dependency) {
        let source = &dependency.source;
        self.package_url(dependency);
        if self.known.sources.contains(&(dependency.name.as_str(), place(source))) {
            return;
        }
        let name = shown(&dependency.name);
        let mark = &dependency.mark;
        let fix = format!("take {name} from the usual registry");
        match source {
            Source::Usual => self.moved(dependency, "the usual registry"),
            Source::Registry(url) | Source::Hosted(url) if is_plaintext(url) => {
                let message = format!("{name} is taken from {} unencrypted", shown_host(url));
                self.tell(What::Source, mark, message, fix);
            }
            Source::Registry(url) | Source::Hosted(url) => {
                if !self.is_known_host(url) {
                    let message = format!("{name} is taken from {}, which is no registry known here", shown_host(url));
                    self.tell(What::Registry, mark, message, fix);
                } else if !self.is_listed(url) {
                    self.moved(dependency, &shown_host(url));
                }
            }
            Source::Named(registry) => {
                if !self.known.places.contains(&place(source)) {
                    let message = format!("{name} is taken from another registry, {}", shown(registry));
                    self.tell(What::Registry, mark, message, fix);
                }
            }
            Source::Git(url) | Source::Archive(url) if self.is_listed(url) => {}
            Source::Git(url) => {
                let message = format!("{name} is taken from a repository on {}", shown_host(url));
                self.tell(What::Source, mark, message, fix);
            }
            Source::Archive(url) => {
                let message = format!("{name} is taken from an archive on {}", shown_host(url));
                self.tell(What::Source, mark, message, fix);
            }
            Source::Path(path) if leaves_repository(self.dir, path) => {
                let message = format!("{name} is taken from {}, which is not in the repository", shown(path));
                self.tell(What::Source, mark, message, fix);
            }
            Source::Path(_) => {}
            // A new one is told by its own name.
            Source::Alias(_)
                if !self.known.names.contains(dependency.name.as_str()) && self.kind.ecosystem != Ecosystem::Go => {}
            Source::Alias(real) => {
                let message = format!("{name} is another package by that name: {}", shown(real));
                self.tell(What::Source, mark, message, format!("ask for {} by its own name", shown(real)));
            }
            Source::Odd(what) => {
                let message = format!("{name} is {what}");
                self.tell(What::Source, mark, message, fix);
            }
        }
    }

    /// A package that came from one registry comes from another now: whoever owns its name there is somebody else.
    fn moved(&mut self, dependency: &Dependency, now: &str) {
        let Some(before) = self.known.source_names.get(dependency.name.as_str()) else { return };
        let is_private = |place: &&String| {
            place.strip_prefix("registry ").is_some_and(|host| !self.is_usual_host(host)) || place.starts_with("named ")
        };
        let is_moved_owner =
            |place: &&String| place.starts_with("hosted ") && matches!(dependency.source, Source::Hosted(_));
        let Some(place) = before.iter().find(|place| is_private(place) || is_moved_owner(place)) else { return };
        let before = place.split_once(' ').map(|(_, place)| place).filter(|place| !place.contains("://"));
        let before = before.unwrap_or("elsewhere");
        let message = format!("{} came from {}, and is now taken from {now}", shown(&dependency.name), shown(before));
        let fix = format!("take {} from where it came from", shown(&dependency.name));
        self.tell(What::Source, &dependency.mark.clone(), message, fix);
    }

    /// On npm's own registry the URL has the package's name in it. A lock file may name one package and bring another.
    fn package_url(&mut self, dependency: &Dependency) {
        let Source::Registry(url) = &dependency.source else { return };
        let is_usual = host(url).is_some_and(|host| self.is_usual_host(&host));
        let is_new = !self.known.urls.contains(&(dependency.name.as_str(), url.as_str()));
        if self.kind.ecosystem != Ecosystem::Npm || self.kind.role != Role::Lock || !is_usual || !is_new {
            return;
        }
        let (path, name) = (path_of(url), &dependency.name);
        let version = dependency.version.split('+').next().unwrap_or_default();
        let last = name.rsplit('/').next().unwrap_or_default();
        let is_own = path.strip_prefix(name.as_str()).and_then(|rest| rest.strip_prefix("/-/")).is_some_and(|file| {
            file.strip_prefix(last)
                .and_then(|rest| rest.strip_prefix('-'))
                .is_some_and(|rest| rest == format!("{version}.tgz"))
        });
        if !is_own {
            let message = format!(
                "{}{} is taken from the URL of another package or version",
                shown(name),
                shown_version(version)
            );
            self.tell(What::Source, &dependency.mark.clone(), message, "make the lock file again with its tool");
        }
    }

    fn integrity(&mut self, new: &Dependency, has_digests: bool) {
        let name = format!("{}{}", shown(&new.name), shown_version(&new.version));
        let (old, now) =
            (self.known.strength.get(&(new.name.as_str(), new.version.as_str())), Strength::of(&new.digests));
        let again = "make the lock file again with its tool, from the registry";
        let changed = new.digests.iter().any(|digest| {
            let kind = [new.name.as_str(), new.version.as_str(), digest.of.as_str(), digest.algorithm.as_str()];
            self.known.digest_kinds.contains(&kind) && !self.known.digests.contains(&(kind, digest.value.as_str()))
        });
        let is_bare = has_digests && matches!(new.source, Source::Registry(_));
        let message = match (old, now) {
            _ if changed => "has another digest than before, for the same version",
            (Some(Strength::Weak | Strength::Strong), Strength::None) => "has lost its digest",
            (Some(Strength::Strong), Strength::Weak) => "has only a weak digest now",
            (None, Strength::Weak) if self.kind.ecosystem != Ecosystem::Composer => "has only a weak digest",
            (None, Strength::None) if is_bare => "has no digest, as others in this file have",
            _ => return,
        };
        self.tell(What::Integrity, &new.mark, format!("{name} {message}"), again);
    }

    fn version(&mut self, new: &Dependency) {
        let is_known = self.known.versions.contains(&(new.name.as_str(), new.version.as_str()));
        if self.kind.role == Role::Manifest && !new.is_pinned && !is_known {
            let message = format!("{} is not asked for in one exact version", shown(&new.name));
            self.tell(What::Unpinned, &new.mark, message, "ask for an exact version, or a commit by its full id");
        }
    }

    fn names(&mut self, new: &'a Manifest) {
        let mut seen = HashSet::new();
        let ecosystem = self.kind.ecosystem.as_str();
        let is_new = |dependency: &&Dependency| {
            !self.known.names.contains(dependency.name.as_str())
                && !dependency.name.is_empty()
                && self.kind.role != Role::Settings
                && !self.rule.is_allowed_name(ecosystem, &dependency.name)
        };
        let fresh: Vec<&Dependency> =
            new.dependencies.iter().filter(is_new).filter(|d| seen.insert(d.name.as_str())).collect();
        let fix = "take it out, or ask the people who run this gate to allow it";
        if self.kind.role != Role::Lock {
            for dependency in fresh.into_iter().take(TOLD_MAX) {
                let message = format!("{} is a new dependency", shown(&dependency.name));
                self.tell(What::NewDependency, &dependency.mark, message, fix);
            }
            return;
        }
        let Some(first) = fresh.first() else { return };
        let names: Vec<String> = fresh.iter().take(NAMES_SHOWN).map(|dependency| shown(&dependency.name)).collect();
        let more = match fresh.len().saturating_sub(NAMES_SHOWN) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let message = format!("brings {} new packages: {}{more}", fresh.len(), names.join(", "));
        let message = message.replace("brings 1 new packages", "brings a new package");
        self.tell(What::NewDependency, &first.mark, message, fix.replace("it", "what asks for them"));
    }
}
