//! A running gate: settings, policy, store and repositories; and the services a client may ask of it.
//!
//! [`push`] tells the whole story of a push. This folder knows all stages and holds none of their logic.

mod amend;
mod answer;
mod asked;
mod attest;
mod certificates;
mod changes;
mod decide;
mod desk;
mod ended;
mod existing;
mod fault;
mod feed;
pub mod fingerprint_key;
mod held;
mod hold;
mod judge;
mod keeper;
mod key_file;
mod log_mirror;
mod log_rounds;
mod look;
mod made;
mod notebook;
mod notes;
mod outside;
mod owners;
mod proposal;
mod push;
mod records;
mod release;
mod see;
mod send;
mod settle;
mod stop;
mod target;
mod tend;
mod under_way;
mod undo;
mod upkeep;
mod watch;

pub use amend::Amended;
pub use attest::Attest;
pub use certificates::Certificates;
pub use desk::DeskError;
pub use existing::Answer;
pub use judge::{Occasion, Push};
pub use keeper::{Keeper, KeeperError, Kept, Stamp, read as read_policy, write as write_policy};
pub use look::Looked;
pub use made::Made;
pub use notebook::Notebook;
pub use owners::OwnersCache;
pub use release::{Released, has_moved};
pub use see::Seen;
pub use stop::Ended;
pub use target::{Base, Target};

use crate::config::{Config, Repo, StaleFetch};
use crate::evidence::{Identity, KeyError, Keys};
use crate::examine::SecretCache;
use crate::git::mirror::{Mirror, MirrorError};
use crate::git::upload_pack::{self, FetchProtocol};
use crate::model::{PushId, RefName, RepoName};
use crate::observe::Metrics;
use crate::policy::{Hearing, PatternList, Policy, Principal};
use crate::receive::{GATE_UNKNOWN, Quarantine};
use crate::record::EventEntry;
use crate::store::{Notary, Revoked, Store, StoreError};
use crate::wire::pkt_line;
use held::HeldPacks;
use jiff::Timestamp;
use log_rounds::LogRounds;
use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, RwLock};
use std::time::Instant;
use stop::Sessions;
use under_way::UnderWay;
use upkeep::Upkeep;

/// Everything a running gate has.
pub struct Gate {
    pub config: Config,
    keeper: Keeper,
    store: Store,
    pub metrics: Arc<Metrics>,
    secrets: SecretCache,
    targets: Arc<BTreeMap<RepoName, Target>>,
    upkeep: Upkeep,
    packs: HeldPacks,
    attest: Attest,
    log_rounds: Mutex<LogRounds>,
    certificates: Certificates,
    /// How clients call the gate's verbs.
    address: String,
    pub sessions: Sessions,
    revoked: RwLock<Vec<Revoked>>,
    stopping: AtomicBool,
}

/// Who is at the other end, proven.
#[derive(Debug, Clone)]
pub struct Session {
    pub principal: Principal,
    /// `SHA256:…` of the key that signed.
    pub key_fingerprint: String,
    pub peer: Option<SocketAddr>,
}

/// The versions of the git protocol a client may ask for with GIT_PROTOCOL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ProtocolVersion {
    #[default]
    V0,
    V1,
    V2,
}

/// The gate cannot start.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("cannot prepare {0}: {1}")]
    Directory(std::path::PathBuf, #[source] io::Error),
    #[error("repository {0}: {1}")]
    Mirror(RepoName, #[source] MirrorError),
    #[error(transparent)]
    Policy(#[from] KeeperError),
    #[error(transparent)]
    Keys(#[from] KeyError),
    #[error(transparent)]
    Key(#[from] key_file::KeyFileError),
    #[error(transparent)]
    Certificates(#[from] certificates::CertificatesError),
    #[error("cannot start a thread: {0}")]
    Upkeep(#[source] io::Error),
    #[error("repository {0}: {1}")]
    Trusted(RepoName, String),
}

impl Gate {
    /// Opens everything below the data directory, removes what a crash left, and settles what was under way.
    pub fn open(config: Config) -> Result<Self, OpenError> {
        let identity = Identity::new(&config.domain);
        let now = Timestamp::now();
        let keys = Arc::new(Keys::open(&config.data.join("keys"), now)?);
        let notary = Notary::new(&config.data, &identity, keys, now)?;
        let store = Store::open_with(&config.data, Some(notary.clone()))?;
        let attest = Attest::new(&config, identity, notary).map_err(OpenError::Upkeep)?;
        let mut targets = BTreeMap::new();
        for (name, repo) in &config.repos {
            targets.insert(name.clone(), open_target(&config, name, repo)?);
        }
        let targets = Arc::new(targets);
        let keeper = Keeper::open(&config.policy, &config.data, |pushed| targets.get(&pushed.repo), &config.limits)?;
        let packs =
            HeldPacks::open(&config.data).map_err(|error| OpenError::Directory(config.data.join("held"), error))?;
        let upkeep = Upkeep::start(Arc::clone(&targets)).map_err(OpenError::Upkeep)?;
        let gate = Self {
            certificates: Certificates::open(&config.data)?,
            upkeep,
            keeper,
            store,
            metrics: Arc::default(),
            secrets: SecretCache::new(Some(fingerprint_key::load_or_create(&config.data)?)),
            targets,
            packs,
            attest,
            log_rounds: Mutex::default(),
            address: ssh_command(config.public_address.as_deref()),
            sessions: Sessions::default(),
            revoked: RwLock::default(),
            stopping: AtomicBool::new(false),
            config,
        };
        keeper::keep_text(&gate.config.data, &gate.policy());
        gate.note(EventEntry::new("start", Timestamp::now()).detail("policy", gate.policy().digest()));
        gate.read_revoked()?;
        gate.settle_all();
        gate.sweep_held();
        gate.targets.values().for_each(|target| under_way::sweep(&target.locks()));
        Ok(gate)
    }

    /// The policy of this moment; a push keeps the one it started with.
    #[must_use]
    pub fn policy(&self) -> Arc<Policy> {
        self.keeper.current()
    }

    /// For those who follow the record.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Swaps the policy as a whole. Pushes under way keep theirs.
    pub fn replace_policy(&self, policy: Policy) {
        keeper::keep_text(&self.config.data, &policy);
        let new = Arc::new(policy);
        let old = self.keeper.replace(Arc::clone(&new));
        tracing::info!(policy.old = old.digest(), policy.new = new.digest(), "the policy was replaced");
        let event = EventEntry::new("policy-changed", Timestamp::now());
        self.note(event.detail("old", old.digest()).detail("new", new.digest()));
    }

    /// Reads the policy again: the file, or what an operator put in force by hand, or what the upstream has now.
    pub fn reload_policy(&self) {
        // Else what is read here, before a push puts another one in force, could come after it.
        let _turn = self.keeper.turn();
        let by_hand = self.keeper.pushed().is_none() || self.keeper.watched().exists();
        let found = match self.keeper.pushed() {
            Some(pushed) if !by_hand => {
                self.keeper.take_upstream(pushed, self.targets.get(&pushed.repo), &self.config.limits)
            }
            Some(_) | None => keeper::read(&self.keeper.watched()),
        };
        match found {
            Ok(policy) if policy.digest() == self.policy().digest() => {
                tracing::info!("the policy is the same as before");
            }
            Ok(policy) => self.replace_policy(policy),
            Err(error) => {
                tracing::error!(%error, "the policy is refused; the old one stays");
                self.note(EventEntry::new("policy-refused", Timestamp::now()));
            }
        }
    }

    /// The file whose change means that there is a new policy, and its state when it was first read.
    #[must_use]
    pub fn policy_file(&self) -> (std::path::PathBuf, Stamp) {
        (self.keeper.watched(), self.keeper.opened())
    }

    /// Records an event. It does not stop the gate if that fails: what counts is recorded with each push or refused.
    pub fn note(&self, event: EventEntry) {
        if let Err(error) = self.store.note(&event) {
            tracing::error!(%error, event = event.event, "an event cannot be recorded");
        }
    }

    /// Serves `git-receive-pack '<repo>'`; blocking. Returns the exit status for the client.
    pub fn receive_pack(
        &self,
        session: &Session,
        repo: &RepoName,
        version: ProtocolVersion,
        input: &mut (dyn Read + Send),
        output: &mut (dyn Write + Send),
    ) -> u32 {
        let Some(target) = self.targets.get(repo) else { return refuse(output, "no such repository") };
        let policy = self.policy();
        let id = PushId::generate();
        let under_way = match UnderWay::begin(&target.locks(), id) {
            Ok(under_way) => under_way,
            Err(error) => {
                tracing::error!(%repo, %error, "a push cannot begin");
                return refuse(output, "internal error; try again later");
            }
        };
        let push = self.push(id, (target, &under_way), session, &policy);
        let status = push.serve(version, input, output);
        self.upkeep.ask(repo);
        status
    }

    /// A push of the caller's, as it begins.
    fn push<'p>(
        &'p self,
        id: PushId,
        (target, under_way): (&'p Target, &'p UnderWay),
        session: &'p Session,
        policy: &'p Policy,
    ) -> Push<'p> {
        Push {
            id,
            target,
            session,
            policy,
            store: &self.store,
            limits: &self.config.limits,
            metrics: &self.metrics,
            keeper: Some(&self.keeper),
            secrets: &self.secrets,
            begun: Instant::now(),
            lock: Some(&under_way.file),
            holds: Some(&self.packs),
            certificates: Some(&self.certificates),
            gate: &self.address,
            hearing: Hearing::default(),
            occasion: Occasion::Push,
            attest: Some(&self.attest),
        }
    }

    /// Serves `git-upload-pack '<repo>'`; blocking. Returns the exit status for the client.
    pub fn upload_pack(
        &self,
        session: &Session,
        repo: &RepoName,
        version: ProtocolVersion,
        input: &mut (dyn Read + Send),
        output: &mut (dyn Write + Send),
    ) -> u32 {
        let (Some(target), Some(settings)) = (self.targets.get(repo), self.config.repos.get(repo)) else {
            return refuse(output, "no such repository");
        };
        let Base::Mirror(mirror) = &target.base else {
            return refuse(output, "this repository is not served for fetching");
        };
        let limits = &self.config.limits;
        let policy = self.policy();
        let contact = self.contact(target, &policy);
        if let Err(error) = contact.refresh(mirror, limits) {
            tracing::warn!(%repo, %error, "the upstream cannot be asked for a fetch");
            if !may_serve_stale(mirror, settings.stale_fetch) {
                return refuse(output, "the upstream cannot be reached, and old data is not served; try again later");
            }
        }
        let visible = |name: &RefName| policy.may_read(&session.principal, repo, name, Timestamp::now());
        let protocol = match version {
            ProtocolVersion::V0 => FetchProtocol::V0,
            ProtocolVersion::V1 => FetchProtocol::V1,
            ProtocolVersion::V2 => FetchProtocol::V2,
        };
        match upload_pack::serve(mirror, visible, protocol, input, output, limits) {
            Ok(()) => 0,
            Err(error) => {
                tracing::warn!(%repo, %error, "a fetch failed");
                128
            }
        }
    }
}

/// `ssh -p 2222 git@gate`, for messages.
fn ssh_command(address: Option<&str>) -> String {
    let Some(address) = address else { return GATE_UNKNOWN.to_owned() };
    match address.rsplit_once(':').filter(|(host, _)| host.ends_with(']') || !host.contains(':')) {
        Some((host, port)) => format!("ssh -p {port} {}", host.replace(['[', ']'], "")),
        None => format!("ssh {}", address.replace(['[', ']'], "")),
    }
}

fn open_target(config: &Config, name: &RepoName, repo: &Repo) -> Result<Target, OpenError> {
    let dir = config.data.join("mirrors").join(format!("{name}.git"));
    let mirror = Mirror::open_or_create(&dir).map_err(|error| OpenError::Mirror(name.clone(), error))?;
    let incoming = dir.join("incoming");
    let directory = |error| OpenError::Directory(incoming.clone(), error);
    std::fs::create_dir_all(&incoming).map_err(directory)?;
    Quarantine::sweep(&incoming).map_err(directory)?;
    let locks = dir.join("locks");
    std::fs::create_dir_all(&locks).map_err(|error| OpenError::Directory(locks.clone(), error))?;
    let trusted = match &repo.trusted {
        None => None,
        Some(list) => Some(PatternList::of_refs(list).map_err(|why| OpenError::Trusted(name.clone(), why))?),
    };
    Ok(Target {
        name: name.clone(),
        upstream: repo.upstream.clone(),
        trusted,
        incoming,
        base: Base::Mirror(mirror),
        releases: Mutex::default(),
        owners: OwnersCache::default(),
        resource: Some(repo.resource.clone()),
        publish: repo.publish.clone(),
        tips: Mutex::default(),
        notes: Mutex::default(),
    })
}

fn may_serve_stale(mirror: &Mirror, setting: StaleFetch) -> bool {
    match setting {
        StaleFetch::Refuse => false,
        StaleFetch::Serve { age_max } => {
            mirror.refreshed_at().and_then(|at| at.elapsed().ok()).is_some_and(|age| age <= age_max)
        }
    }
}

/// Tells a client that there is nothing to talk about. `git` prints it as `fatal: remote error: …`.
fn refuse(output: &mut (dyn Write + Send), reason: &str) -> u32 {
    // If the client is gone there is nobody to tell.
    let _ = pkt_line::write(output, format!("ERR refgate: {reason}\n").as_bytes()).and_then(|()| output.flush());
    128
}
