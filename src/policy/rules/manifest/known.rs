//! What the old versions of a file have, so that each new thing is looked up once.

use super::location::{host, is_plaintext, path_of, without_revision};
use super::model::{Dependency, Digest, Manifest, SettingKind, Source};
use std::collections::{HashMap, HashSet};

/// What the old versions of a file have.
#[derive(Default)]
pub struct Known<'a> {
    pub hooks: HashSet<(&'a str, &'a str)>,
    pub hook_names: HashSet<&'a str>,
    pub settings: HashSet<(&'a str, &'a str)>,
    /// Hosts of registries.
    pub hosts: HashSet<String>,
    pub names: HashSet<&'a str>,
    /// Names with what is asked for.
    pub versions: HashSet<(&'a str, &'a str)>,
    /// Names with where they come from.
    pub sources: HashSet<(&'a str, String)>,
    pub source_names: HashMap<&'a str, HashSet<String>>,
    /// All the places in them.
    pub places: HashSet<String>,
    pub urls: HashSet<(&'a str, &'a str)>,
    /// Of a name and version: whether it has digests, and a strong one.
    pub strength: HashMap<(&'a str, &'a str), Strength>,
    /// The version's digests, by file and algorithm, and with their values.
    pub digest_kinds: HashSet<[&'a str; 4]>,
    pub digests: HashSet<([&'a str; 4], &'a str)>,
    pub twice: HashSet<&'a str>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Strength {
    #[default]
    None,
    Weak,
    Strong,
}

impl Strength {
    #[must_use]
    pub fn of(digests: &[Digest]) -> Self {
        let one = |digest: &Digest| if digest.is_weak() { Self::Weak } else { Self::Strong };
        digests.iter().map(one).max().unwrap_or_default()
    }
}

impl<'a> Known<'a> {
    #[must_use]
    pub fn new(olds: &'a [Manifest]) -> Self {
        let mut known = Self::default();
        for old in olds {
            known.hooks.extend(old.hooks.iter().map(|hook| (hook.name.as_str(), hook.value.as_str())));
            known.hook_names.extend(old.hooks.iter().map(|hook| hook.name.as_str()));
            known.settings.extend(old.settings.iter().map(|set| (set.key.as_str(), set.value.as_str())));
            let registries = old.settings.iter().filter(|set| set.kind == SettingKind::Registry);
            known.hosts.extend(registries.filter_map(|set| host(&set.value)));
            known.twice.extend(old.twice.iter().map(|(key, _)| key.as_str()));
            for dependency in &old.dependencies {
                known.add(dependency);
            }
        }
        known
    }

    fn add(&mut self, dependency: &'a Dependency) {
        let (name, version) = (dependency.name.as_str(), dependency.version.as_str());
        self.names.insert(name);
        self.versions.insert((name, version));
        let place = place(&dependency.source);
        self.source_names.entry(name).or_default().insert(place.clone());
        self.places.insert(place.clone());
        self.sources.insert((name, place));
        self.urls.insert((name, dependency.source.url()));
        if let Source::Registry(url) = &dependency.source {
            self.hosts.extend(host(url));
        }
        let strength = self.strength.entry((name, version)).or_default();
        *strength = Strength::of(&dependency.digests).max(*strength);
        for digest in &dependency.digests {
            let kind = [name, version, digest.of.as_str(), digest.algorithm.as_str()];
            self.digest_kinds.insert(kind);
            self.digests.insert((kind, digest.value.as_str()));
        }
    }
}

/// What counts as the same place to take a package from.
#[must_use]
pub fn place(source: &Source) -> String {
    match source {
        Source::Usual => "usual".to_owned(),
        // The package's own file in it changes with every version.
        Source::Registry(url) => {
            let plain = if is_plaintext(url) { "plain " } else { "" };
            host(url).map_or_else(|| url.clone(), |host| format!("registry {plain}{host}"))
        }
        Source::Hosted(url) => {
            let path = path_of(url).to_ascii_lowercase().replace("repos/", "");
            let mut parts = path.split('/');
            let (owner, name) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
            let host = host(url).map(|host| host.replace("api.github.com", "github.com"));
            format!("hosted {} {owner}/{}", host.unwrap_or_else(|| url.clone()), name.trim_end_matches(".git"))
        }
        Source::Git(url) => format!("git {}", without_revision(url, &['#', '?'])),
        Source::Archive(url) => format!("archive {}", without_revision(url, &['#'])),
        Source::Path(path) => format!("path {path}"),
        Source::Named(name) => format!("named {name}"),
        Source::Alias(name) => format!("alias {name}"),
        Source::Odd(what) => (*what).to_owned(),
    }
}
