//! `refgate.toml` as values. Only this folder reads settings.
//!
//! What a setting names (a key file, a policy, an upstream) is not opened here: that is the business of
//! `check-config`, of `doctor` and of the stage that uses it.

mod document;
mod evidence;
mod limits;
mod repository;
mod upstream;
mod webhook;

use crate::evidence::ResourceUri;
use crate::model::{EventKind, HookName, Limits, RefName, RepoName};
use crate::strict::Problems;
use crate::tlog::VerifyingKey;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Why there are no settings to go by.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("cannot read {}: {error}", path.display())]
    Read { path: PathBuf, error: std::io::Error },
    #[error("{0}")]
    Invalid(Problems),
}

impl Config {
    /// Reads and checks the file; all its problems come back at once.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let failed = |error| ConfigError::Read { path: path.to_owned(), error };
        let text = std::fs::read_to_string(path).map_err(failed)?;
        let absolute = std::path::absolute(path).map_err(failed)?;
        let base = absolute.parent().unwrap_or(Path::new("/"));
        Self::parse(&path.display().to_string(), &text, base).map_err(ConfigError::Invalid)
    }

    /// Checks a document; `base` is the absolute directory that relative paths start from.
    pub fn parse(file: &str, text: &str, base: &Path) -> Result<Self, Problems> {
        document::parse(file, text, base)
    }
}

/// The operator's settings, checked, with every path made absolute against the file's directory.
#[derive(Debug, Clone)]
pub struct Config {
    pub listen: Vec<SocketAddr>,
    /// Host key, mirrors, store.
    pub data: PathBuf,
    pub policy: PolicySource,
    /// Public keys of the CAs whose OpenSSH user certificates are taken.
    pub user_ca: Vec<ssh_key::PublicKey>,
    pub repos: BTreeMap<RepoName, Repo>,
    pub limits: Limits,
    pub log: LogFormat,
    /// Where Prometheus may ask for metrics; off if not set.
    pub metrics_listen: Option<SocketAddr>,
    /// How the gate is called in messages: `[user@]host[:port]`.
    pub public_address: Option<String>,
    /// How the gate calls itself in what it states and in what people sign for it.
    pub domain: String,
    /// Who is told of events.
    pub webhooks: BTreeMap<HookName, Webhook>,
    /// Who is asked to cosign the log's checkpoints.
    pub witnesses: Vec<Witness>,
}

/// Where the admin's policy is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PolicySource {
    File(PathBuf),
    /// In a repository behind this gate, which admins push to through it.
    Pushed(PushedPolicy),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushedPolicy {
    pub repo: RepoName,
    pub ref_name: RefName,
    /// Path of the policy in the tree.
    pub file: String,
    /// Path of the directory with its test cases. A push whose policy fails one of them is refused.
    pub cases: String,
}

impl PolicySource {
    /// How errors call the policy.
    #[must_use]
    pub fn shown(&self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            Self::Pushed(pushed) => pushed.file.clone(),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    Text,
    Json,
}

/// One repository behind the gate.
#[derive(Debug, Clone)]
pub struct Repo {
    pub upstream: Upstream,
    /// What a fetch gets when the upstream cannot be reached.
    pub stale_fetch: StaleFetch,
    /// Ref patterns whose tips are trusted, instead of "the default branch and what no grant lets an agent write".
    pub trusted: Option<Vec<String>>,
    /// How statements call it.
    pub resource: ResourceUri,
    pub publish: Publish,
}

/// Where the evidence of a repository goes in its upstream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Publish {
    Off,
    At {
        /// Statements, as git notes.
        notes: RefName,
        /// The log's checkpoint, hashes and proofs.
        log: RefName,
    },
}

impl Publish {
    /// Where git and other tools look for notes.
    fn notes() -> Self {
        let name = |text: &str| RefName::parse(text.as_bytes());
        match (name("refs/notes/refgate"), name("refs/refgate/log")) {
            (Ok(notes), Ok(log)) => Self::At { notes, log },
            (Ok(_) | Err(_), Ok(_) | Err(_)) => Self::Off,
        }
    }
}

/// A witness (C2SP tlog-witness) of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Witness {
    /// Where it takes `/add-checkpoint`.
    pub url: String,
    pub key: VerifyingKey,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StaleFetch {
    /// The fetch fails and says so.
    Refuse,
    /// The mirror is served if its last refresh is at most this old.
    Serve { age_max: Duration },
}

/// The real repository and what is needed to reach it.
#[derive(Debug, Clone)]
pub enum Upstream {
    Local {
        path: PathBuf,
    },
    /// The repository that this process itself serves, `refgate receive-pack DIR`: git gets the caller's environment.
    Own {
        path: PathBuf,
    },
    Ssh {
        user: Option<String>,
        host: String,
        port: Option<u16>,
        path: String,
        identity: PathBuf,
        known_hosts: PathBuf,
    },
    Https {
        url: String,
        username: String,
        token: Token,
    },
}

impl Upstream {
    /// Which repository this is, without how it is reached. Spellings that only the host knows are the same remain two.
    fn place(&self) -> String {
        let place = match self {
            Self::Local { path } | Self::Own { path } => path.display().to_string(),
            Self::Ssh { host, port, path, .. } => format!("ssh://{host}:{}/{path}", port.unwrap_or(22)),
            Self::Https { url, .. } => url.clone(),
        };
        let place = place.trim_end_matches('/');
        place.strip_suffix(".git").unwrap_or(place).to_owned()
    }
}

/// Where the token of an https upstream comes from. Read when it is needed, never kept in a message or log.
#[derive(Debug, Clone)]
pub enum Token {
    None,
    Env(String),
    File(PathBuf),
    /// Program and arguments; prints the token on its first line. Never run through a shell.
    Command(Vec<String>),
}

/// One endpoint that is told of events.
#[derive(Debug, Clone)]
pub struct Webhook {
    pub url: WebhookUrl,
    /// What each delivery is signed with; [`Token::None`]: it is not signed.
    pub secret: Token,
    pub format: WebhookFormat,
    /// The kinds it is told of.
    pub events: Vec<EventKind>,
    /// `None`: those of all repositories, and of the gate itself.
    pub repos: Option<Vec<RepoName>>,
    /// For one delivery, from its connection to its answer.
    pub timeout: Duration,
    /// How often an event that the endpoint refuses is sent before it is given up.
    pub tries: u32,
}

#[derive(Debug, Clone)]
pub enum WebhookUrl {
    Written(String),
    /// Kept as secrets are: who knows the URL of a chat's webhook may write there.
    Kept(Token),
}

impl WebhookUrl {
    /// Whether a URL that was not in the settings is one that may be called.
    #[must_use]
    pub fn is_taken(text: &str) -> bool {
        webhook::check_url(text).is_ok()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WebhookFormat {
    /// The event as it is.
    Json,
    /// A message for an incoming webhook of Slack, or of a chat that takes the same.
    Slack,
    /// An Adaptive Card for a Workflows webhook of Teams.
    Teams,
}
