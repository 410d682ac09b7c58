//! `manifest`: what a push does to package manifests and lock files.

mod cargo;
mod compare;
mod composer;
mod files;
mod formats;
mod go;
mod ini;
mod java;
mod known;
mod location;
mod model;
mod npm;
mod npm_lock;
mod npm_spec;
mod pair;
mod pep;
mod python;
mod python_lock;
mod requirements;
mod ruby;
mod settings;
mod tree;
mod xml;
mod yarn;

use crate::model::{Change, PushFacts};
use crate::policy::content::{Content, Unreadable};
use crate::policy::findings::{Findings, Fix, Voice};
use crate::policy::pattern::{Subject, Who};
use crate::policy::pattern_list::PatternList;
use crate::policy::rules::{Check, read_match};
use crate::policy::spotted::Spotted;
use crate::strict::{Problem, Table, Value, suggest};
use compare::{Told, compare, shown};
use files::{Kind, Role};
use model::{Manifest, Mark};

pub const DOC: &str = r#"kind = "manifest"
Speaks of what a change does to the manifests, lock files and settings of package managers: npm (also yarn, pnpm, bun's
settings), Python (pip, uv, poetry, pdm, pipenv, setuptools), Cargo, Go, Composer, Bundler, Maven and the Gradle wrapper.
    what       = ["install-script", "registry", "source", "integrity"]   # these, if not given
    allow      = ["lodash", "@acme/*", "cargo:serde"]                    # names that are no news
    registries = ["npm.acme.example"]                                    # hosts packages may come from
    match      = ["**"]                                                  # all paths, if not given
Each file is parsed, and compared with the same file in the parents of its commit: only what is in none of them speaks.
- install-script: code that comes to run at installation or build is added or changed. npm: scripts that run by
  themselves and those they call, bin, gypfile, overrides and resolutions, lists of packages that may run scripts;
  a new binding.gyp or .pnpmfile.cjs; in lock files packages that are new with an install script. Python:
  [build-system], build hooks, a new setup.py. Cargo: package.build, links, proc-macro, build-dependencies, a new
  build.rs, commands in .cargo/config.toml. Composer: scripts of events, plugins. Bundler: plugins. Maven: plugins and
  extensions. The URL a wrapper downloads, and its jar. yarnPath and plugins of yarn, script-shell of npm.
- new-dependency: a name that is new in the file, in any table (optional, peer, build, overrides and aliases too). A
  lock file's new names are told together, whether or not a manifest asks for them. `allow` silences this word only.
- registry: a registry or index is set, or a locked package comes from one, whose host is neither usual for its tool,
  nor in `registries`, nor used in the file before; also proxies, certificates that no longer count, replaced sources.
- source: a package comes from a git repository, an archive, another package's name or URL, a path outside of the
  repository, unencrypted, or from elsewhere than a private registry it came from before. Repositories and archives on a
  host in `registries` pass.
- integrity: a digest is gone, is another for the same name and version, or is sha1 or md5 where it was not; a new locked
  package has none, where others in the file have. A version that one commit takes out and another brings is new.
- unpinned: a manifest asks for a dependency in more than one exact version.
- lock-without-manifest, manifest-without-lock: over the push as a whole a lock file changes, and no manifest beside or
  below it, or a manifest changes, and no lock file beside or above it. By paths only: any change of the manifest counts.
A key that stands twice in a table, and a file that cannot be parsed though it is new or could be before, speak under any
word; a file too large to be parsed, and a symlink in place of one, too. Gemfiles are read line by line; build.gradle,
setup.py and other programs are not read: guard them with a path rule."#;

/// A word of `what`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    InstallScript,
    NewDependency,
    Registry,
    Source,
    Integrity,
    LockWithoutManifest,
    ManifestWithoutLock,
    Unpinned,
}

const WORDS: [(&str, What); 8] = [
    ("install-script", What::InstallScript),
    ("new-dependency", What::NewDependency),
    ("registry", What::Registry),
    ("source", What::Source),
    ("integrity", What::Integrity),
    ("lock-without-manifest", What::LockWithoutManifest),
    ("manifest-without-lock", What::ManifestWithoutLock),
    ("unpinned", What::Unpinned),
];

const USUAL: [What; 4] = [What::InstallScript, What::Registry, What::Source, What::Integrity];

/// The rule.
#[derive(Debug)]
struct Manifests {
    what: Vec<What>,
    allow: Vec<String>,
    registries: Vec<String>,
    paths: PatternList,
}

pub fn read(table: &mut Table<'_, '_>, problems: &mut Vec<Problem>) -> Option<Box<dyn Check>> {
    let paths = read_match(table, problems);
    let what = table.get("what").map(|value| read_what(value, problems));
    let allow = table.get("allow").map(|value| value.strings(problems).unwrap_or_default()).unwrap_or_default();
    let registries = table.get("registries").map(|value| read_hosts(value, problems)).unwrap_or_default();
    let allow = allow.into_iter().map(|(name, _)| name.to_owned()).collect();
    Some(Box::new(Manifests { what: what.unwrap_or_else(|| USUAL.to_vec()), allow, registries, paths: paths? }))
}

fn read_what(value: Value<'_, '_>, problems: &mut Vec<Problem>) -> Vec<What> {
    let words = value.strings(problems).unwrap_or_default();
    if words.is_empty() {
        problems.push(Problem::new(value.span(), "an empty list speaks of nothing"));
    }
    let mut found = Vec::new();
    for (word, span) in words {
        match WORDS.iter().find(|(known, _)| *known == word) {
            Some((_, what)) => found.push(*what),
            None => {
                let known: Vec<&str> = WORDS.iter().map(|(known, _)| *known).collect();
                let problem = Problem::new(span, format!("there is nothing called `{}` here", word.escape_debug()));
                problems.push(problem.help(suggest(word, &known)));
            }
        }
    }
    found
}

fn read_hosts(value: Value<'_, '_>, problems: &mut Vec<Problem>) -> Vec<String> {
    let mut found = Vec::new();
    for (text, span) in value.strings(problems).unwrap_or_default() {
        let host = location::host(&format!("https://{text}"))
            .filter(|host| !text.contains(['/', '@', '?', '#', '*']) && !host.is_empty());
        match host {
            Some(host) => found.push(host),
            None => {
                let problem = Problem::new(span, "not a host");
                problems
                    .push(problem.help("write the host alone, as in `npm.acme.example` or `npm.acme.example:8443`"));
            }
        }
    }
    found
}

impl Manifests {
    fn has(&self, what: What) -> bool {
        self.what.contains(&what)
    }

    fn looks_at_pairs(&self) -> bool {
        self.has(What::LockWithoutManifest) || self.has(What::ManifestWithoutLock)
    }

    fn is_allowed_name(&self, ecosystem: &str, name: &str) -> bool {
        let is_python = ecosystem == files::Ecosystem::Python.as_str();
        self.allow.iter().any(|pattern| {
            let own = pattern.strip_prefix(ecosystem).and_then(|rest| rest.strip_prefix(':'));
            let pattern = own.unwrap_or(pattern);
            if is_python { matches(&pep::normalised(pattern), name) } else { matches(pattern, name) }
        })
    }

    fn look(&self, kind: Kind, content: &Content<'_>, spotted: &mut Spotted<'_>) -> Result<(), Unreadable> {
        if kind.role == Role::Program {
            return self.program(content, spotted);
        }
        if content.change.new.is_some_and(|new| new.is_symlink()) {
            let message = "a symbolic link in place of a manifest: what it leads to is not looked into";
            spotted.add(None, message, Fix::Edit("put the file itself there".to_owned()));
            return Ok(());
        }
        let Some(new) = content.text()? else {
            spotted.unable("this file is too large to be parsed as a manifest or lock file");
            return Ok(());
        };
        if new.len() > TOML_BYTES_MAX && files::is_toml(&content.change.path) {
            spotted.unable(format!("this file is too large to be parsed: more than {} MiB", TOML_BYTES_MAX >> 20));
            return Ok(());
        }
        let parse = |bytes: &[u8]| (kind.parse)(&String::from_utf8_lossy(bytes));
        let texts: Vec<&[u8]> = content.parent_texts()?.into_iter().flatten().collect();
        let olds: Vec<Manifest> = texts.iter().filter_map(|text| parse(text).ok()).collect();
        match parse(new) {
            Ok(new) => {
                let path = content.change.path.as_slice();
                let dir = path.rsplitn(2, |b| *b == b'/').nth(1).unwrap_or_default();
                tell(compare(self, kind, dir, &olds, &new), content, spotted)
            }
            Err(error) if texts.is_empty() || !olds.is_empty() => {
                let message =
                    format!("this file cannot be parsed, so nobody can say what it brings: {}", shown(&error.0));
                spotted.add(None, message, Fix::Edit("repair its syntax".to_owned()));
                Ok(())
            }
            Err(_) => Ok(()),
        }
    }

    /// A file that is run because it is there. Archives of programs cannot be read by anyone, so each of them counts.
    fn program(&self, content: &Content<'_>, spotted: &mut Spotted<'_>) -> Result<(), Unreadable> {
        let is_archive = content.change.path.to_ascii_lowercase().ends_with(b".jar");
        if self.has(What::InstallScript) && (content.is_first()? || is_archive) {
            let message = "this file is run when the package is installed or built";
            spotted.add(None, message, Fix::Undo);
        }
        Ok(())
    }
}

/// A hostile TOML file takes 70 times its size in memory.
const TOML_BYTES_MAX: usize = 6 * 1024 * 1024;
/// Lines are looked for in so many findings only: more are not shown.
const LINES_MAX: usize = 30;

fn tell(told: Vec<Told>, content: &Content<'_>, spotted: &mut Spotted<'_>) -> Result<(), Unreadable> {
    let mut lines: Vec<Option<u32>> = told
        .iter()
        .map(|told| match told.mark {
            Mark::Line(line) if line > 0 => Some(line),
            _ => None,
        })
        .collect();
    let mut finders: Vec<(usize, memchr::memmem::Finder<'_>)> = Vec::new();
    for (index, told) in told.iter().enumerate().take(LINES_MAX) {
        if let Mark::Text(text) = &told.mark {
            finders.push((index, memchr::memmem::Finder::new(text.as_bytes())));
        }
    }
    if !finders.is_empty() {
        content.added_lines(&mut |number, line| {
            finders.retain(|(index, finder)| {
                let is_here = finder.find(line).is_some();
                if let (true, Some(known)) = (is_here, lines.get_mut(*index)) {
                    *known = Some(number);
                }
                !is_here
            });
        })?;
    }
    for (told, line) in told.into_iter().zip(lines) {
        spotted.add(line, told.message, Fix::Edit(told.fix));
    }
    Ok(())
}

/// Whether `*`, any number of bytes, and the other bytes of a pattern give the name.
fn matches(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = name.strip_prefix(parts.next().unwrap_or_default()) else { return false };
    let Some(last) = parts.next_back() else { return rest.is_empty() };
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        rest = rest.get(at.saturating_add(part.len())..).unwrap_or_default();
    }
    rest.ends_with(last)
}

impl Check for Manifests {
    fn looks_into_files(&self) -> bool {
        true
    }

    fn wants(&self, change: &Change, path: &Subject<'_>, who: Who<'_>) -> bool {
        change.brings_content() && files::kind(path.folded_segments()).is_some() && self.paths.forbids(path, who)
    }

    fn content(&self, content: &Content<'_>, spotted: &mut Spotted<'_>) -> Result<(), Unreadable> {
        match files::kind(content.path.folded_segments()) {
            Some(kind) => self.look(kind, content, spotted),
            None => Ok(()),
        }
    }

    fn push(&self, facts: &PushFacts, voice: Voice<'_>, findings: &mut Findings) {
        if self.looks_at_pairs() {
            pair::push(self, facts, voice, findings);
        }
    }

    fn patterns(&self) -> Option<&PatternList> {
        Some(&self.paths)
    }
}

#[cfg(test)]
mod tests;
