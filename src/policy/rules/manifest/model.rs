//! What every parser makes of its file, so that one place can compare.

use super::tree::Node;

/// Places one package may be taken from; no tool writes more.
const SOURCES_MAX: usize = 8;

/// What a package manager reads out of a file.
#[derive(Debug, Default)]
pub struct Manifest {
    pub dependencies: Vec<Dependency>,
    pub hooks: Vec<Hook>,
    pub settings: Vec<Setting>,
    /// Keys that stand twice in a table.
    pub twice: Vec<(String, Mark)>,
}

/// A package that is asked for, or that a lock file has chosen.
#[derive(Debug, Clone, Default)]
pub struct Dependency {
    pub name: String,
    /// As it is asked for, or the chosen one.
    pub version: String,
    pub source: Source,
    pub digests: Vec<Digest>,
    /// Whether only one version will do.
    pub is_pinned: bool,
    pub mark: Mark,
}

/// Where a package is taken from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Source {
    /// Nothing is said: from the registry everything comes from.
    #[default]
    Usual,
    /// The URL of a registry, or of the package in it.
    Registry(String),
    /// A registry that is called by a name.
    Named(String),
    /// A repository or archive, in an ecosystem where every package has one of its own.
    Hosted(String),
    Git(String),
    Archive(String),
    Path(String),
    /// Another package, under this name.
    Alias(String),
    /// Something this cannot follow; in words.
    Odd(&'static str),
}

impl Source {
    /// The URL, path or name in it.
    #[must_use]
    pub fn url(&self) -> &str {
        match self {
            Self::Usual => "",
            Self::Odd(text) => text,
            Self::Registry(text)
            | Self::Named(text)
            | Self::Hosted(text)
            | Self::Git(text)
            | Self::Archive(text)
            | Self::Path(text)
            | Self::Alias(text) => text,
        }
    }
}

/// One digest a package has to have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Digest {
    /// The file it is of, if the package has several.
    pub of: String,
    pub algorithm: String,
    pub value: String,
}

impl Digest {
    #[must_use]
    pub fn new(of: &str, algorithm: &str, value: &str) -> Self {
        Self { of: of.to_owned(), algorithm: algorithm.to_ascii_lowercase(), value: value.to_owned() }
    }

    /// `sha256:…`, `sha512-…`, `sha256=…`; nothing else.
    #[must_use]
    pub fn parse(of: &str, text: &str) -> Option<Self> {
        let (algorithm, value) = text.split_once([':', '-', '='])?;
        (algorithm.len() < 12).then(|| Self::new(of, algorithm, value))
    }

    /// Whether two packages can be made that have the same.
    #[must_use]
    pub fn is_weak(&self) -> bool {
        matches!(self.algorithm.as_str(), "sha1" | "md5" | "md4" | "md2" | "crc32")
    }
}

/// Something that lets code run when the package is installed or built.
#[derive(Debug)]
pub struct Hook {
    pub name: String,
    /// Anything else here is a change.
    pub value: String,
    /// What it does, after "it".
    pub effect: &'static str,
    pub mark: Mark,
}

/// Something said for many packages at once.
#[derive(Debug)]
pub struct Setting {
    pub key: String,
    pub value: String,
    pub kind: SettingKind,
    pub mark: Mark,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SettingKind {
    /// The URL of a registry.
    Registry,
    /// Changes what packages are taken from, whatever the value is: why.
    Always(&'static str),
}

/// Where to find it in the file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Mark {
    #[default]
    Nowhere,
    Line(u32),
    /// The first line that has these bytes and was added.
    Text(String),
}

impl Mark {
    /// Of a key of a tree.
    #[must_use]
    pub fn of(key: &str, node: &Node) -> Self {
        match node.line {
            0 => Self::Text(serde_json::Value::from(key).to_string()),
            line => Self::Line(line),
        }
    }
}

impl Manifest {
    /// One of a tree, with nothing but the keys that stand twice.
    #[must_use]
    pub fn of(node: &Node) -> Self {
        let twice = node.keys_twice().into_iter().map(|(key, line)| {
            let mark = Mark::of(&key, &Node { line, value: super::tree::Value::Null });
            (key, mark)
        });
        Self { twice: twice.collect(), ..Self::default() }
    }

    /// A package that may be taken from several places.
    pub fn spread(&mut self, dependency: &Dependency, sources: Vec<Source>) {
        let is_odd = sources.len() > SOURCES_MAX;
        let odd = is_odd.then_some(Source::Odd("a package from too many places")).into_iter();
        let nothing = sources.is_empty().then_some(Source::Usual);
        for source in sources.into_iter().take(SOURCES_MAX).chain(odd).chain(nothing) {
            self.dependencies.push(Dependency { source, ..dependency.clone() });
        }
    }

    pub fn hook(&mut self, name: impl Into<String>, value: impl Into<String>, effect: &'static str, mark: Mark) {
        self.hooks.push(Hook { name: name.into(), value: value.into(), effect, mark });
    }

    pub fn registry(&mut self, key: impl Into<String>, url: impl Into<String>, mark: Mark) {
        self.settings.push(Setting { key: key.into(), value: url.into(), kind: SettingKind::Registry, mark });
    }

    pub fn always(&mut self, key: impl Into<String>, value: impl Into<String>, why: &'static str, mark: Mark) {
        self.settings.push(Setting { key: key.into(), value: value.into(), kind: SettingKind::Always(why), mark });
    }
}
