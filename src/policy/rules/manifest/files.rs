//! Which files package managers read, by their names.

use super::model::Manifest;
use super::tree::Malformed;
use super::{cargo, composer, go, java, npm, npm_lock, python, python_lock, requirements, ruby, settings, yarn};

/// Whose packages a file is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ecosystem {
    Npm,
    Python,
    Cargo,
    Go,
    Composer,
    Ruby,
    Java,
}

impl Ecosystem {
    /// As `allow` names it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Npm => "npm",
            Self::Python => "python",
            Self::Cargo => "cargo",
            Self::Go => "go",
            Self::Composer => "composer",
            Self::Ruby => "ruby",
            Self::Java => "java",
        }
    }

    /// Hosts its packages usually come from.
    #[must_use]
    pub fn usual_hosts(self) -> &'static [&'static str] {
        match self {
            Self::Npm => &["registry.npmjs.org", "registry.yarnpkg.com"],
            Self::Python => &["pypi.org", "pypi.python.org", "files.pythonhosted.org"],
            Self::Cargo => &["index.crates.io", "static.crates.io"],
            Self::Go => &["proxy.golang.org"],
            Self::Composer => {
                &["packagist.org", "repo.packagist.org", "api.github.com", "github.com", "gitlab.com", "bitbucket.org"]
            }
            Self::Ruby => &["rubygems.org", "index.rubygems.org"],
            Self::Java => &["repo.maven.apache.org", "repo1.maven.org", "services.gradle.org", "plugins.gradle.org"],
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// What people write.
    Manifest,
    /// What a tool has chosen.
    Lock,
    /// Where a tool looks, and how it works.
    Settings,
    /// A program that is run at installation or build because it is there.
    Program,
}

/// Whether a file of a package manager is TOML.
pub fn is_toml(path: &[u8]) -> bool {
    let name = path.rsplit(|b| *b == b'/').next().unwrap_or_default().to_ascii_lowercase();
    let others: [&[u8]; 8] = [
        b"cargo.lock",
        b"poetry.lock",
        b"uv.lock",
        b"pdm.lock",
        b"pipfile",
        b"gopkg.lock",
        b"config",
        b"rust-toolchain",
    ];
    name.ends_with(b".toml") || others.contains(&name.as_slice())
}

type Parse = fn(&str) -> Result<Manifest, Malformed>;

/// A file some package manager reads.
#[derive(Debug, Clone, Copy)]
pub struct Kind {
    pub ecosystem: Ecosystem,
    pub role: Role,
    pub parse: Parse,
}

fn nothing(_: &str) -> Result<Manifest, Malformed> {
    Ok(Manifest::default())
}

/// By the whole name, in small letters.
const NAMES: &[(&str, Ecosystem, Role, Parse)] = &[
    ("package.json", Ecosystem::Npm, Role::Manifest, npm::package_json),
    ("pnpm-workspace.yaml", Ecosystem::Npm, Role::Manifest, npm::pnpm_workspace),
    ("package-lock.json", Ecosystem::Npm, Role::Lock, npm_lock::package_lock),
    ("npm-shrinkwrap.json", Ecosystem::Npm, Role::Lock, npm_lock::package_lock),
    ("yarn.lock", Ecosystem::Npm, Role::Lock, yarn::lock),
    ("pnpm-lock.yaml", Ecosystem::Npm, Role::Lock, npm_lock::pnpm_lock),
    (".npmrc", Ecosystem::Npm, Role::Settings, settings::npmrc),
    (".yarnrc", Ecosystem::Npm, Role::Settings, settings::yarnrc),
    (".yarnrc.yml", Ecosystem::Npm, Role::Settings, settings::yarnrc_yml),
    ("bunfig.toml", Ecosystem::Npm, Role::Settings, settings::bunfig),
    ("binding.gyp", Ecosystem::Npm, Role::Program, nothing),
    (".pnpmfile.cjs", Ecosystem::Npm, Role::Program, nothing),
    (".pnpmfile.mjs", Ecosystem::Npm, Role::Program, nothing),
    ("pyproject.toml", Ecosystem::Python, Role::Manifest, python::pyproject),
    ("setup.cfg", Ecosystem::Python, Role::Manifest, python::setup_cfg),
    ("pipfile", Ecosystem::Python, Role::Manifest, python::pipfile),
    ("pipfile.lock", Ecosystem::Python, Role::Lock, python_lock::pipfile_lock),
    ("poetry.lock", Ecosystem::Python, Role::Lock, python_lock::lock),
    ("uv.lock", Ecosystem::Python, Role::Lock, python_lock::lock),
    ("pdm.lock", Ecosystem::Python, Role::Lock, python_lock::lock),
    ("pylock.toml", Ecosystem::Python, Role::Lock, python_lock::lock),
    ("uv.toml", Ecosystem::Python, Role::Settings, python::uv_toml),
    ("pip.conf", Ecosystem::Python, Role::Settings, settings::pip_conf),
    ("pip.ini", Ecosystem::Python, Role::Settings, settings::pip_conf),
    ("setup.py", Ecosystem::Python, Role::Program, nothing),
    ("cargo.toml", Ecosystem::Cargo, Role::Manifest, cargo::cargo_toml),
    ("cargo.lock", Ecosystem::Cargo, Role::Lock, cargo::cargo_lock),
    ("rust-toolchain", Ecosystem::Cargo, Role::Settings, cargo::toolchain),
    ("rust-toolchain.toml", Ecosystem::Cargo, Role::Settings, cargo::toolchain),
    ("build.rs", Ecosystem::Cargo, Role::Program, nothing),
    ("go.mod", Ecosystem::Go, Role::Manifest, go::go_mod),
    ("go.work", Ecosystem::Go, Role::Manifest, go::go_mod),
    ("go.sum", Ecosystem::Go, Role::Lock, go::go_sum),
    ("go.work.sum", Ecosystem::Go, Role::Lock, go::go_sum),
    ("composer.json", Ecosystem::Composer, Role::Manifest, composer::composer_json),
    ("composer.lock", Ecosystem::Composer, Role::Lock, composer::composer_lock),
    ("gemfile", Ecosystem::Ruby, Role::Manifest, ruby::gemfile),
    ("gems.rb", Ecosystem::Ruby, Role::Manifest, ruby::gemfile),
    ("gemfile.lock", Ecosystem::Ruby, Role::Lock, ruby::gemfile_lock),
    ("gems.locked", Ecosystem::Ruby, Role::Lock, ruby::gemfile_lock),
    ("extconf.rb", Ecosystem::Ruby, Role::Program, nothing),
    ("pom.xml", Ecosystem::Java, Role::Manifest, java::pom),
    ("gradle-wrapper.properties", Ecosystem::Java, Role::Settings, java::wrapper),
    ("maven-wrapper.properties", Ecosystem::Java, Role::Settings, java::wrapper),
    ("gradle-wrapper.jar", Ecosystem::Java, Role::Program, nothing),
    ("maven-wrapper.jar", Ecosystem::Java, Role::Program, nothing),
];

/// By the folder and the name, in small letters.
const IN_FOLDERS: &[(&str, &str, Ecosystem, Role, Parse)] = &[
    (".cargo", "config", Ecosystem::Cargo, Role::Settings, cargo::cargo_config),
    (".cargo", "config.toml", Ecosystem::Cargo, Role::Settings, cargo::cargo_config),
    (".mvn", "extensions.xml", Ecosystem::Java, Role::Manifest, java::pom),
    ("requirements", "", Ecosystem::Python, Role::Manifest, requirements::requirements),
];

/// What a path is; `parts` are its parts as the most forgiving file system reads them.
#[must_use]
pub fn kind<'a>(parts: impl Iterator<Item = &'a [u8]>) -> Option<Kind> {
    let (mut folder, mut name): (Vec<u8>, Vec<u8>) = (Vec::new(), Vec::new());
    for part in parts {
        folder = std::mem::replace(&mut name, part.to_ascii_lowercase());
    }
    if let Some((_, ecosystem, role, parse)) = NAMES.iter().find(|(known, ..)| known.as_bytes() == name) {
        return Some(Kind { ecosystem: *ecosystem, role: *role, parse: *parse });
    }
    let is_list = name.ends_with(b".txt") || name.ends_with(b".in");
    let in_folder = |(in_folder, known, ..): &&(&str, &str, Ecosystem, Role, Parse)| {
        in_folder.as_bytes() == folder && (known.as_bytes() == name || known.is_empty() && is_list)
    };
    if let Some((_, _, ecosystem, role, parse)) = IN_FOLDERS.iter().find(in_folder) {
        return Some(Kind { ecosystem: *ecosystem, role: *role, parse: *parse });
    }
    if name.starts_with(b"pylock.") && name.ends_with(b".toml") {
        return Some(Kind { ecosystem: Ecosystem::Python, role: Role::Lock, parse: python_lock::lock });
    }
    let parse: Parse = requirements::requirements;
    is_requirements(&name).then_some(Kind { ecosystem: Ecosystem::Python, role: Role::Manifest, parse })
}

/// `requirements.txt`, `requirements-dev.in`, `dev_requirements.txt`, `constraints.txt`, …
#[must_use]
pub fn is_requirements(name: &[u8]) -> bool {
    let name = name.to_ascii_lowercase();
    let stem = name.strip_suffix(b".txt").or_else(|| name.strip_suffix(b".in"));
    let words = ["requirements", "constraints", "requirement", "constraint"];
    stem.is_some_and(|stem| {
        words.iter().any(|word| stem.starts_with(word.as_bytes()) || stem.ends_with(word.as_bytes()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_known_by_their_names() {
        for (path, expected) in [
            ("package.json", Some((Ecosystem::Npm, Role::Manifest))),
            ("a/b/Package.JSON", Some((Ecosystem::Npm, Role::Manifest))),
            ("pnpm-lock.yaml", Some((Ecosystem::Npm, Role::Lock))),
            ("requirements.txt", Some((Ecosystem::Python, Role::Manifest))),
            ("requirements-dev.in", Some((Ecosystem::Python, Role::Manifest))),
            ("requirements/dev.txt", Some((Ecosystem::Python, Role::Manifest))),
            ("test-requirements.txt", Some((Ecosystem::Python, Role::Manifest))),
            ("pylock.dev.toml", Some((Ecosystem::Python, Role::Lock))),
            ("x/.cargo/config", Some((Ecosystem::Cargo, Role::Settings))),
            ("x/config", None),
            ("package.json/x", None),
            ("notes.txt", None),
        ] {
            let found = kind(path.split('/').map(str::as_bytes)).map(|kind| (kind.ecosystem, kind.role));
            assert_eq!(found, expected, "{path}");
        }
    }
}
