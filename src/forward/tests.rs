//! Pushes to real upstreams, over every transport.

#[path = "../../tests/support/mod.rs"]
mod support;

use super::{Connection, ForwardError, Outcome, RefOutcome, Rejection, Settled, Source, settle};
use crate::config::{Token, Upstream};
use crate::git::UpstreamError;
use crate::git::{Mirror, MirrorError};
use crate::model::{Limits, ObjectId, RefName, RefUpdate};
use std::path::{Path, PathBuf};
use support::http::Http;
use support::sshd::Sshd;
use support::{commit, git, git_with, hook, init_bare, large_commit, rev};
use tempfile::TempDir;

/// `git:token` in base 64.
const AUTHORIZATION: &str = "Basic Z2l0OnRva2Vu";

/// One upstream directory behind every transport, and an agent's repository to push from.
struct World {
    dir: TempDir,
    sshd: Sshd,
    http: Http,
    agent: PathBuf,
    limits: Limits,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Transport {
    Local,
    Ssh,
    Http,
}

const TRANSPORTS: [Transport; 3] = [Transport::Local, Transport::Ssh, Transport::Http];

impl World {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let sshd = Sshd::start(&dir.path().join("ssh"));
        let http = Http::start(dir.path(), AUTHORIZATION);
        std::fs::write(dir.path().join("token"), "token\n").expect("write");
        let agent = init_bare(dir.path().join("agent.git"));
        Self { dir, sshd, http, agent, limits: Limits::default() }
    }

    fn repo(&self, transport: Transport) -> PathBuf {
        self.dir.path().join(format!("it's {transport:?}.git"))
    }

    fn upstream(&self, transport: Transport) -> Upstream {
        let path = self.repo(transport);
        match transport {
            Transport::Local => Upstream::Local { path },
            Transport::Ssh => Upstream::Ssh {
                user: Some(self.sshd.user.clone()),
                host: "127.0.0.1".into(),
                port: Some(self.sshd.port),
                path: path.to_str().expect("UTF-8").into(),
                identity: self.sshd.identity.clone(),
                known_hosts: self.sshd.known_hosts.clone(),
            },
            Transport::Http => Upstream::Https {
                url: self.http.url(&format!("it's%20{transport:?}.git")),
                username: "git".into(),
                token: Token::File(self.dir.path().join("token")),
            },
        }
    }

    /// Makes the upstream, empty, and a mirror of nothing.
    fn fresh(&self, transport: Transport) -> (PathBuf, Mirror) {
        let repo = init_bare(self.repo(transport));
        let mirror = self.dir.path().join(format!("{transport:?}.mirror"));
        (repo, Mirror::open_or_create(&mirror).expect("a mirror"))
    }

    /// Pushes as the gate does: with the agent's objects of `new` in a quarantine.
    fn push(&self, transport: Transport, mirror: &Mirror, updates: &[RefUpdate]) -> Vec<Outcome> {
        let upstream = self.upstream(transport);
        let connection = Connection::open(&upstream, &self.limits, None).expect("opens");
        self.push_on(connection, mirror, updates)
    }

    fn push_on(&self, connection: Connection<'_>, mirror: &Mirror, updates: &[RefUpdate]) -> Vec<Outcome> {
        // As the gate does before it judges; over ssh that takes the program itself, so the tests in tests/ do.
        if !matches!(connection.upstream, Upstream::Ssh { .. }) {
            mirror.sync(connection.upstream, connection.refs(), &self.limits).or_else(moved).expect("in sync");
        }
        let known: Vec<String> = connection.refs().iter().map(|(_, id)| format!("^{id}\n")).collect();
        let quarantine = Quarantine::new(&self.agent, updates, &known);
        let objects = mirror.objects_dir();
        let source = quarantine.source(mirror, &objects);
        let outcomes = connection.push_updates(updates, source, &[], &mut |_| {}).expect("sent");
        assert!(outcomes.iter().map(|o| &o.name).eq(updates.iter().map(|u| &u.name)));
        outcomes.into_iter().map(|RefOutcome { outcome, .. }| outcome).collect()
    }
}

struct Quarantine {
    dir: TempDir,
    pack: Option<PathBuf>,
}

impl Quarantine {
    fn new(agent: &Path, updates: &[RefUpdate], known: &[String]) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        std::fs::create_dir_all(dir.path().join("pack")).expect("create");
        let mut revs: String = updates.iter().filter_map(|u| u.new).map(|id| format!("{id}\n")).collect();
        let pack = (!revs.is_empty()).then(|| {
            let ours = |line: &&String| rev(agent, &format!("{}^{{object}}", line.trim_start_matches('^').trim()));
            revs.extend(known.iter().filter(|line| ours(line).is_some()).map(String::as_str));
            let base = dir.path().join("pack/pack");
            let name = git_with(agent, &["pack-objects", "--revs", "-q", base.to_str().expect("UTF-8")], &revs);
            dir.path().join(format!("pack/pack-{name}.pack"))
        });
        Self { dir, pack }
    }

    fn source<'a>(&'a self, mirror: &'a Mirror, objects_dir: &'a Path) -> Source<'a> {
        let quarantine = self.pack.is_some().then_some(self.dir.path());
        Source { quarantine, pack: self.pack.as_deref(), ..source(mirror, objects_dir) }
    }
}

/// What the mirror alone has.
fn source<'a>(mirror: &'a Mirror, objects_dir: &'a Path) -> Source<'a> {
    Source { git_dir: mirror.dir(), objects_dir, objects: mirror.store(), quarantine: None, pack: None, own: None }
}

fn update(name: &str, old: Option<&str>, new: Option<&str>) -> RefUpdate {
    let id = |hex: &str| ObjectId::from_hex(hex.as_bytes()).expect("hex");
    RefUpdate { name: RefName::parse(name.as_bytes()).expect("valid"), old: old.map(id), new: new.map(id) }
}

fn is_ok(outcomes: &[Outcome]) -> bool {
    outcomes.iter().all(|outcome| matches!(outcome, Outcome::Ok(_)))
}

fn classes(outcomes: &[Outcome]) -> Vec<Option<Rejection>> {
    let class = |outcome: &Outcome| match outcome {
        Outcome::Rejected { class, .. } => Some(*class),
        Outcome::Ok(_) | Outcome::Unknown => None,
    };
    outcomes.iter().map(class).collect()
}

const MAIN: &str = "refs/heads/main";

#[test]
fn all_kinds_of_updates_land_over_every_transport() {
    let world = World::new();
    let a = commit(&world.agent, None, "f", "a");
    let b = commit(&world.agent, Some(&a), "f", "b");
    let c = commit(&world.agent, None, "f", "c");
    git(&world.agent, &["tag", "-a", "-m", "message", "v1", &b]);
    let tag = git(&world.agent, &["rev-parse", "v1"]);
    let large = large_commit(&world.agent);
    for transport in TRANSPORTS {
        let (repo, mirror) = world.fresh(transport);
        let steps = [
            // The first push to an empty repository, a fast-forward, a rewind.
            vec![update(MAIN, None, Some(&a))],
            vec![update(MAIN, Some(&a), Some(&b))],
            vec![update(MAIN, Some(&b), Some(&c))],
            // Several refs at once, tags light and annotated.
            vec![update("refs/tags/light", None, Some(&a)), update("refs/tags/v1", None, Some(&tag))],
            vec![update("refs/heads/x", None, Some(&large)), update("refs/heads/ü", None, Some(&c))],
            vec![update("refs/heads/x", Some(&large), None), update("refs/heads/y", None, Some(&a))],
        ];
        for updates in steps {
            let outcomes = world.push(transport, &mirror, &updates);
            assert!(is_ok(&outcomes), "{transport:?} {updates:?}: {outcomes:?}");
            for RefUpdate { name, new, .. } in &updates {
                let name = name.as_bstr().to_string();
                assert_eq!(rev(&repo, &name), new.map(|id| id.to_string()), "{transport:?} {name}");
            }
        }
    }
}

#[test]
fn a_stale_ref_stops_the_whole_push() {
    let world = World::new();
    let a = commit(&world.agent, None, "f", "a");
    let b = commit(&world.agent, Some(&a), "f", "b");
    let c = commit(&world.agent, Some(&a), "f", "c");
    for transport in TRANSPORTS {
        let (repo, mirror) = world.fresh(transport);
        let both = [update(MAIN, None, Some(&a)), update("refs/heads/x", None, Some(&a))];
        assert!(is_ok(&world.push(transport, &mirror, &both)));
        let upstream = world.upstream(transport);
        let connection = Connection::open(&upstream, &world.limits, None).expect("opens");
        assert_eq!(connection.refs().len(), 2);
        // Someone else moves main while the push is judged.
        assert!(is_ok(&world.push(transport, &mirror, &[update(MAIN, Some(&a), Some(&c))])));
        let late = [update(MAIN, Some(&a), Some(&b)), update("refs/heads/x", Some(&a), Some(&b))];
        let outcomes = world.push_on(connection, &mirror, &late);
        let expected = [Some(Rejection::Moved), Some(Rejection::OtherMoved)];
        assert_eq!(classes(&outcomes), expected, "{transport:?} {outcomes:?}");
        assert_eq!((rev(&repo, MAIN), rev(&repo, "refs/heads/x")), (Some(c.clone()), Some(a.clone())));
        // To create what is there, and to rewind with a wrong old value.
        for wrong in [update(MAIN, None, Some(&b)), update(MAIN, Some(&b), Some(&a))] {
            let outcomes = world.push(transport, &mirror, &[wrong]);
            assert_eq!(classes(&outcomes), [Some(Rejection::Moved)], "{transport:?} {outcomes:?}");
        }
        assert_eq!(rev(&repo, MAIN), Some(c.clone()));
    }
}

#[test]
fn a_hook_of_the_upstream_has_its_say() {
    let world = World::new();
    let a = commit(&world.agent, None, "f", "a");
    for transport in TRANSPORTS {
        let (repo, mirror) = world.fresh(transport);
        hook(&repo, "pre-receive", "printf 'not \\033[31mtoday\\n' >&2; exit 1");
        let upstream = world.upstream(transport);
        let connection = Connection::open(&upstream, &world.limits, None).expect("opens");
        let updates = [update(MAIN, None, Some(&a))];
        let quarantine = Quarantine::new(&world.agent, &updates, &[]);
        let mut heard = Vec::new();
        let mut relay = |bytes: &[u8]| heard.extend_from_slice(bytes);
        let outcomes = connection
            .push_updates(&updates, quarantine.source(&mirror, &mirror.objects_dir()), &[], &mut relay)
            .expect("sent");
        let Outcome::Rejected { class, reason } = &outcomes[0].outcome else { panic!("{outcomes:?}") };
        assert_eq!(*class, Rejection::Refused);
        assert!(!reason.contains('\u{1b}'));
        assert_eq!(heard.is_empty(), transport == Transport::Http, "{transport:?}");
        assert_eq!(rev(&repo, MAIN), None);
    }
}

#[test]
fn a_push_without_a_pack_sends_what_the_upstream_lacks() {
    let world = World::new();
    let a = commit(&world.agent, None, "f", "a");
    let b = commit(&world.agent, Some(&a), "f", "b");
    for transport in TRANSPORTS {
        let (repo, mirror) = world.fresh(transport);
        let upstream = world.upstream(transport);
        assert!(is_ok(&world.push(transport, &mirror, &[update(MAIN, None, Some(&b))])));
        let push = |updates: &[RefUpdate], source: Source<'_>| {
            let connection = Connection::open(&upstream, &world.limits, None).expect("opens");
            connection.push_updates(updates, source, &[], &mut |_| {}).expect("sent")
        };
        // The upstream has the tip already; over http git looks into the mirror for it.
        if transport != Transport::Ssh {
            mirror.refresh(&upstream, &world.limits).expect("refreshes");
        } else {
            copy_objects(&world.agent, &mirror);
        }
        let objects = mirror.objects_dir();
        let none = source(&mirror, &objects);
        let outcomes = push(&[update("refs/heads/x", None, Some(&b))], none);
        assert!(matches!(outcomes[0].outcome, Outcome::Ok(_)), "{transport:?} {outcomes:?}");
        // The mirror has it and the upstream does not; a pack that lacks it is made good.
        copy_objects(&world.agent, &mirror);
        let c = commit(&world.agent, Some(&b), "g", "c");
        let d = commit(&world.agent, Some(&c), "g", "d");
        copy_objects(&world.agent, &mirror);
        let outcomes = push(&[update("refs/heads/y", None, Some(&c))], none);
        assert!(matches!(outcomes[0].outcome, Outcome::Ok(_)), "{transport:?} {outcomes:?}");
        let e = commit(&world.agent, Some(&d), "g", "e");
        let updates = [update("refs/heads/z", None, Some(&e))];
        let quarantine = Quarantine::new(&world.agent, &updates, &[format!("^{d}\n")]);
        let outcomes = push(&updates, quarantine.source(&mirror, &mirror.objects_dir()));
        assert!(matches!(outcomes[0].outcome, Outcome::Ok(_)), "{transport:?} {outcomes:?}");
        assert_eq!(rev(&repo, "refs/heads/z"), Some(e));
    }
}

fn copy_objects(from: &Path, to: &Mirror) {
    let base = to.objects_dir().join("pack/pack");
    let ids = git(from, &["cat-file", "--batch-all-objects", "--batch-check=%(objectname)"]);
    git_with(from, &["pack-objects", "-q", base.to_str().expect("UTF-8")], &(ids + "\n"));
}

#[test]
fn an_upstream_that_dies_is_asked_again() {
    let world = World::new();
    let a = commit(&world.agent, None, "f", "a");
    let (repo, mirror) = world.fresh(Transport::Local);
    let upstream = world.upstream(Transport::Local);
    let updates = [update(MAIN, None, Some(&a))];
    hook(&repo, "pre-receive", "kill -9 $PPID");
    let outcomes = world.push(Transport::Local, &mirror, &updates);
    assert_eq!(classes(&outcomes), [Some(Rejection::Refused)], "{outcomes:?}");
    assert_eq!(settle(&upstream, &updates, &world.limits).expect("asked"), [Settled::NotLanded]);
    std::fs::remove_file(repo.join("hooks/pre-receive")).expect("remove");
    hook(&repo, "post-receive", "kill -9 $PPID");
    let outcomes = world.push(Transport::Local, &mirror, &updates);
    assert!(is_ok(&outcomes), "{outcomes:?}");
    assert_eq!(settle(&upstream, &updates, &world.limits).expect("asked"), [Settled::Landed]);
    let never = [update(MAIN, None, Some(&commit(&world.agent, None, "f", "z")))];
    assert_eq!(settle(&upstream, &never, &world.limits).expect("asked"), [Settled::Unknown]);
}

#[test]
fn an_upstream_that_hangs_is_given_up() {
    let mut world = World::new();
    let a = commit(&world.agent, None, "f", "a");
    let (repo, mirror) = world.fresh(Transport::Local);
    hook(&repo, "pre-receive", "exec sleep 600");
    world.limits.forward_time_max = std::time::Duration::from_secs(1);
    let outcomes = world.push(Transport::Local, &mirror, &[update(MAIN, None, Some(&a))]);
    assert_eq!(classes(&outcomes), [Some(Rejection::Refused)], "{outcomes:?}");
}

#[test]
fn a_wrong_key_host_key_token_or_place_is_unreachable() {
    let world = World::new();
    for transport in TRANSPORTS {
        world.fresh(transport);
    }
    let (mut wrong_key, mut wrong_host, mut wrong_path) =
        (world.upstream(Transport::Ssh), world.upstream(Transport::Ssh), world.upstream(Transport::Ssh));
    if let Upstream::Ssh { identity, .. } = &mut wrong_key {
        identity.clone_from(&world.sshd.other_identity);
    }
    if let Upstream::Ssh { known_hosts, .. } = &mut wrong_host {
        known_hosts.clone_from(&world.sshd.wrong_known_hosts);
    }
    if let Upstream::Ssh { path, .. } = &mut wrong_path {
        path.push_str("/none");
    }
    let mut wrong_token = world.upstream(Transport::Http);
    if let Upstream::Https { token, .. } = &mut wrong_token {
        *token = Token::Command(vec!["echo".into(), "other".into()]);
    }
    let no_place = Upstream::Local { path: world.dir.path().join("none.git") };
    for upstream in [wrong_key, wrong_host, wrong_path, wrong_token, no_place] {
        let opened = Connection::open(&upstream, &world.limits, None).map(|_| ());
        let unreachable = matches!(opened, Err(ForwardError::Upstream(UpstreamError::Unreachable(_))));
        assert!(unreachable, "{upstream:?} {opened:?}");
    }
}

#[test]
fn a_sha256_upstream_is_named_as_such() {
    let world = World::new();
    for transport in TRANSPORTS {
        let repo = world.repo(transport);
        std::fs::create_dir_all(&repo).expect("create");
        git(&repo, &["init", "-q", "--bare", "--object-format=sha256", "-b", "main", "."]);
        let c = commit(&repo, None, "f", "a");
        git(&repo, &["update-ref", MAIN, &c]);
        let opened = Connection::open(&world.upstream(transport), &world.limits, None).map(|_| ());
        let named = matches!(opened, Err(ForwardError::Upstream(UpstreamError::ObjectFormat)));
        assert!(named, "{transport:?} {opened:?}");
    }
}

/// A connection's refs may be older than what a fetch finds.
fn moved(error: MirrorError) -> Result<(), MirrorError> {
    if matches!(error, MirrorError::Upstream(UpstreamError::Moved)) { Ok(()) } else { Err(error) }
}

#[test]
fn work_that_a_hook_starts_in_the_background_goes_on() {
    let world = World::new();
    let a = commit(&world.agent, None, "f", "a");
    let (repo, mirror) = world.fresh(Transport::Local);
    hook(&repo, "post-receive", "(read line < gate; echo \"$line\" > done) >/dev/null 2>&1 &");
    let made = std::process::Command::new("mkfifo").arg(repo.join("gate")).status().expect("starts");
    assert!(made.success());
    assert!(is_ok(&world.push(Transport::Local, &mirror, &[update(MAIN, None, Some(&a))])));
    std::fs::write(repo.join("gate"), "go\n").expect("someone reads");
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while std::fs::read(repo.join("done")).unwrap_or_default() != b"go\n" {
        assert!(std::time::Instant::now() < deadline, "the work was killed");
        std::thread::yield_now();
    }
}

#[test]
fn push_options_go_where_they_are_taken() {
    let world = World::new();
    let a = commit(&world.agent, None, "f", "a");
    for transport in TRANSPORTS {
        let (repo, mirror) = world.fresh(transport);
        git(&repo, &["config", "receive.advertisePushOptions", "true"]);
        hook(&repo, "pre-receive", "test \"$GIT_PUSH_OPTION_COUNT $GIT_PUSH_OPTION_0\" = '1 a=b c'");
        let upstream = world.upstream(transport);
        let updates = [update(MAIN, None, Some(&a))];
        let quarantine = Quarantine::new(&world.agent, &updates, &[]);
        for (options, lands) in [(vec!["other".into()], false), (vec!["a=b c".into()], true)] {
            let connection = Connection::open(&upstream, &world.limits, None).expect("opens");
            let objects = mirror.objects_dir();
            let source = quarantine.source(&mirror, &objects);
            let outcomes = connection.push_updates(&updates, source, &options, &mut |_| {}).expect("sent");
            assert_eq!(matches!(outcomes[0].outcome, Outcome::Ok(_)), lands, "{transport:?} {outcomes:?}");
        }
    }
}
