//! `refgate receive-pack DIR`: one push on stdin and stdout, for sshd's ForceCommand or any other way to start it.

use super::{ReceivePackArgs, complain};
use crate::config::{LogFormat, Publish, Upstream};
use crate::examine::SecretCache;
use crate::gate::{Base, Occasion, OwnersCache, ProtocolVersion, Push, Session, Target, fingerprint_key};
use crate::git::{ObjectStore, local};
use crate::model::{Limits, PrincipalName, PushId, RepoName};
use crate::observe::Metrics;
use crate::policy::{Hearing, Policy};
use crate::store::Store;
use crate::wire::pkt_line;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;
use std::time::Instant;

type Failure = Box<dyn std::error::Error>;

pub fn run(args: &ReceivePackArgs) -> ExitCode {
    match serve(args) {
        Ok(status) => ExitCode::from(u8::try_from(status).unwrap_or(1)),
        Err(error) => {
            // What a client reads before the advertisement must be a packet, or it sees only a hang-up.
            let _ = pkt_line::write(&mut std::io::stdout(), b"ERR refgate: this repository cannot be pushed to now\n");
            tracing::error!(%error, "cannot serve");
            complain(&format!("refgate: {FOR_THE_OPERATOR}\n"));
            ExitCode::from(2)
        }
    }
}

/// What is said on stderr in place of an error: the client reads it, and an error may name files of the server.
pub(super) const FOR_THE_OPERATOR: &str = "operator: set REFGATE_LOG=info to see why; the client sees it too";

fn serve(args: &ReceivePackArgs) -> Result<u32, Failure> {
    crate::observe::start_log(LogFormat::Text, crate::observe::LOG_NOTHING)?;
    let opened = Opened::open(&args.dir, &args.principal, &args.policy, args.data.as_deref(), args.repo.as_deref())?;
    let version = match std::env::var("GIT_PROTOCOL").as_deref() {
        Ok("version=1") => ProtocolVersion::V1,
        _ => ProtocolVersion::V0,
    };
    let mut input = std::io::BufReader::with_capacity(1 << 16, std::io::stdin());
    let mut output = std::io::stdout();
    Ok(opened.push().serve(version, &mut input, &mut output))
}

/// One existing repository with what a push to it is judged with.
pub(super) struct Opened {
    id: PushId,
    pub target: Target,
    session: Session,
    policy: Policy,
    store: Store,
    pub limits: Limits,
    metrics: Metrics,
    secrets: SecretCache,
}

impl Opened {
    pub fn open(
        dir: &Path,
        principal: &str,
        policy: &Path,
        data: Option<&Path>,
        repo: Option<&str>,
    ) -> Result<Self, Failure> {
        let policy = crate::gate::read_policy(policy).map_err(|error| error.to_string())?;
        let name = PrincipalName::parse(principal)?;
        let principal =
            policy.principal(&name).cloned().ok_or_else(|| format!("the policy knows no principal {name}"))?;
        let repository = local::Repository::open(dir)?;
        let data = data.map_or_else(|| repository.git_dir.join("refgate"), Path::to_owned);
        let incoming = data.join("incoming");
        std::fs::create_dir_all(&incoming)?;
        let target = Target {
            name: repo_name(repo, &repository.git_dir, &policy)?,
            upstream: Upstream::Own { path: repository.git_dir.clone() },
            trusted: None,
            incoming,
            base: Base::Own {
                objects: ObjectStore::open(&repository.objects_dir)?,
                git_dir: repository.git_dir.clone(),
                objects_dir: repository.objects_dir,
            },
            releases: std::sync::Mutex::default(),
            owners: OwnersCache::default(),
            resource: None,
            publish: Publish::Off,
            tips: Mutex::default(),
            notes: Mutex::default(),
        };
        let session = Session { principal, key_fingerprint: String::new(), peer: None };
        let store = Store::open(&data)?;
        Ok(Self {
            id: PushId::generate(),
            target,
            session,
            policy,
            store,
            limits: Limits::default(),
            metrics: Metrics::default(),
            secrets: SecretCache::new(Some(fingerprint_key::load_or_create(&data)?)),
        })
    }

    pub fn push(&self) -> Push<'_> {
        let Self { id, target, session, policy, store, limits, metrics, secrets } = self;
        Push {
            id: *id,
            target,
            session,
            policy,
            store,
            limits,
            metrics,
            secrets,
            keeper: None,
            begun: Instant::now(),
            lock: None,
            holds: None,
            certificates: None,
            gate: "",
            hearing: Hearing::default(),
            attest: None,
            occasion: Occasion::Push,
        }
    }
}

/// The name that grants call the repository by: as given, else its directory's, without `.git`, else the one name that
/// the policy has.
fn repo_name(given: Option<&str>, git_dir: &Path, policy: &Policy) -> Result<RepoName, Failure> {
    if let Some(name) = given {
        return Ok(RepoName::parse(name)?);
    }
    let dir = if git_dir.ends_with(".git") { git_dir.parent().map(PathBuf::from) } else { Some(git_dir.to_owned()) };
    let name = dir.as_deref().and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned());
    let name = name.ok_or("the repository has no name; give one")?;
    let safe: String = name
        .trim_end_matches(".git")
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '-' })
        .collect();
    Ok(policy.name_for(RepoName::parse(safe.trim_start_matches(['.', '-', '_']))?))
}
