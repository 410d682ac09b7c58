//! The mirror against real upstreams.

mod support;

use refgate::config::{Token, Upstream};
use refgate::git::mirror::Mirror;
use refgate::git::{Objects, ssh};
use refgate::model::{Limits, ObjectId, RefName, RefUpdate, UpdateKind};
use std::path::{Path, PathBuf};
use support::{commit, git, init_bare, large_commit, rev};
use tempfile::TempDir;

fn name(text: &str) -> RefName {
    RefName::parse(text.as_bytes()).expect("valid")
}

fn id(hex: &str) -> ObjectId {
    ObjectId::from_hex(hex.as_bytes()).expect("hex")
}

fn limits() -> Limits {
    Limits::default()
}

struct World {
    dir: TempDir,
    repo: PathBuf,
    upstream: Upstream,
    mirror: Mirror,
}

impl World {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let repo = init_bare(dir.path().join("up.git"));
        let upstream = Upstream::Local { path: repo.clone() };
        let mirror = Mirror::open_or_create(&dir.path().join("data/mirror.git")).expect("a mirror");
        Self { dir, repo, upstream, mirror }
    }

    fn set(&self, name: &str, commit: &str) {
        git(&self.repo, &["update-ref", name, commit]);
    }

    fn refresh(&self) {
        self.mirror.refresh(&self.upstream, &limits()).expect("refreshes");
        assert_eq!(shown(&self.repo, "refs"), shown(self.mirror.dir(), "refs/heads refs/tags"));
    }
}

fn shown(repo: &Path, prefixes: &str) -> String {
    let mut args = vec!["for-each-ref", "--format=%(objectname) %(refname)"];
    args.extend(prefixes.split(' '));
    git(repo, &args)
}

#[test]
fn follows_an_upstream_through_every_change() {
    let world = World::new();
    world.refresh();
    let a = commit(&world.repo, None, "f", "a");
    let b = commit(&world.repo, Some(&a), "f", "b");
    let c = commit(&world.repo, None, "f", "c");
    world.set("refs/heads/main", &a);
    world.set("refs/heads/x", &b);
    git(&world.repo, &["tag", "-a", "-m", "message", "v1", &b]);
    world.refresh();
    assert_eq!(world.mirror.last_head(), Some(name("refs/heads/main")));
    // A rewind, a branch that becomes a directory and back, another default branch.
    world.set("refs/heads/main", &c);
    git(&world.repo, &["update-ref", "-d", "refs/heads/x"]);
    world.set("refs/heads/x/y", &a);
    world.refresh();
    git(&world.repo, &["update-ref", "-d", "refs/heads/x/y"]);
    world.set("refs/heads/x", &b);
    git(&world.repo, &["symbolic-ref", "HEAD", "refs/heads/x"]);
    world.refresh();
    assert_eq!(world.mirror.last_head(), Some(name("refs/heads/x")));
    assert_eq!(world.mirror.head(&world.upstream, &limits()).expect("read"), Some(name("refs/heads/x")));
    assert!(world.mirror.refreshed_at().is_some());
    git(world.mirror.dir(), &["fsck", "--strict"]);
    // What one process knew the next one reads again, whatever a killed one left locked.
    let lock = world.mirror.dir().join("refs/heads/main.lock");
    std::fs::write(&lock, "").expect("write");
    let before = world.mirror.refs();
    let dir = world.mirror.dir().to_owned();
    let again = Mirror::open_or_create(&dir).expect("opens");
    assert_eq!((again.refs(), again.last_head()), (before, world.mirror.last_head()));
    assert!(!lock.exists());
}

#[test]
fn what_is_known_already_needs_no_upstream() {
    let world = World::new();
    let a = commit(&world.repo, None, "f", "a");
    world.set("refs/heads/main", &a);
    world.refresh();
    let nowhere = Upstream::Local { path: "/nonexistent".into() };
    let refs = [(name("refs/heads/main"), id(&a)), (name("refs/heads/x"), id(&a)), (name("refs/pull/1/head"), id(&a))];
    world.mirror.sync(&nowhere, &refs, &limits()).expect("nothing is missing");
    assert_eq!(rev(world.mirror.dir(), "refs/heads/x"), Some(a.clone()));
    assert_eq!(rev(world.mirror.dir(), "refs/pull/1/head"), None);
    let missing = [(name("refs/heads/y"), id(&"1".repeat(40)))];
    assert!(world.mirror.sync(&nowhere, &missing, &limits()).is_err());
    assert_eq!(rev(world.mirror.dir(), "refs/heads/x"), Some(a.clone()));
    // The fetch that failed may have left tips without what they reach: only refs prove that all is there.
    let unproven = [(name("refs/heads/z"), id(&a))];
    assert!(world.mirror.sync(&nowhere, &unproven, &limits()).is_err());
    world.set("refs/heads/z", &a);
    world.refresh();
    assert!(world.mirror.sync(&nowhere, &[(name("refs/heads/w"), id(&a))], &limits()).is_ok());
}

#[test]
fn a_pushed_ref_moves_and_what_it_drops_is_kept() {
    let world = World::new();
    let a = commit(&world.repo, None, "f", "a");
    let b = commit(&world.repo, None, "f", "b");
    for branch in ["refs/heads/x", "refs/heads/y", "refs/heads/z"] {
        world.set(branch, &a);
    }
    world.set("refs/heads/main", &b);
    world.refresh();
    let update = |branch: &str, old: &str, new: Option<&str>, kind| {
        (RefUpdate { name: name(branch), old: Some(id(old)), new: new.map(id) }, kind)
    };
    let unknown = "1".repeat(40);
    world
        .mirror
        .record_push(&[
            update("refs/heads/x", &a, Some(&b), UpdateKind::Rewind),
            update("refs/heads/y", &a, None, UpdateKind::Delete),
            update("refs/heads/z", &a, Some(&unknown), UpdateKind::Update),
        ])
        .expect("recorded");
    let expected = format!(
        "{b} refs/heads/main\n{b} refs/heads/x\n{a} refs/heads/z\n\
         {a} refs/refgate/undo/heads/x/{a}\n{a} refs/refgate/undo/heads/y/{a}"
    );
    assert_eq!(shown(world.mirror.dir(), "refs"), expected);
    let undo = world.mirror.undo_refs().expect("read");
    assert!(undo.len() == 2 && undo.values().all(|kept| *kept == id(&a)));
    assert!(!world.mirror.refs().contains_key(&name("refs/heads/y")));
}

#[test]
fn many_threads_move_their_own_refs() {
    let world = World::new();
    let a = commit(&world.repo, None, "f", "a");
    let b = commit(&world.repo, Some(&a), "f", "b");
    world.set("refs/heads/main", &b);
    world.refresh();
    std::thread::scope(|scope| {
        for thread in 0..32 {
            let (mirror, a, b) = (&world.mirror, id(&a), id(&b));
            scope.spawn(move || {
                let name = name(&format!("refs/heads/agent/{thread}"));
                for round in 0..10 {
                    let (old, new) = if round % 2 == 0 { (b, a) } else { (a, b) };
                    let old = (round > 0).then_some(old);
                    let update = RefUpdate { name: name.clone(), old, new: Some(new) };
                    mirror.record_push(&[(update, UpdateKind::Update)]).expect("recorded");
                }
            });
        }
    });
    assert_eq!(world.mirror.refs().len(), 33);
    let on_disk = Mirror::open_or_create(world.mirror.dir()).expect("opens").refs();
    assert_eq!(on_disk, world.mirror.refs());
}

#[test]
fn packs_are_consolidated_while_readers_go_on() {
    let world = World::new();
    let mut tip: Option<String> = None;
    let objects = Objects::new(None, world.mirror.store());
    let mut all = Vec::new();
    for round in 0..62 {
        let next = commit(&world.repo, tip.as_deref(), "f", &format!("round {round}"));
        world.set("refs/heads/main", &next);
        world.mirror.refresh(&world.upstream, &limits()).expect("refreshes");
        assert!(objects.in_base(&id(&next)));
        all.push(next.clone());
        tip = Some(next);
    }
    assert!(world.mirror.maintain().expect("maintained"));
    assert!(!world.mirror.maintain().expect("nothing to do"));
    let fresh = Objects::new(None, world.mirror.store());
    let mut buffer = Vec::new();
    for reader in [&objects, &fresh] {
        for commit in &all {
            assert!(reader.find(&id(commit), &mut buffer).expect("read").is_some());
        }
    }
    git(world.mirror.dir(), &["fsck", "--strict"]);
    world.refresh();
}

#[test]
fn fetches_over_ssh_and_http() {
    ssh::use_program(env!("CARGO_BIN_EXE_refgate").into());
    let world = World::new();
    let sshd = support::sshd::Sshd::start(&world.dir.path().join("ssh"));
    let http = support::http::Http::start(world.dir.path(), "Basic Z2l0OnRva2Vu");
    let token = world.dir.path().join("token");
    std::fs::write(&token, "token").expect("write");
    let path = world.repo.to_str().expect("UTF-8").to_owned();
    let (identity, known_hosts) = (sshd.identity.clone(), sshd.known_hosts.clone());
    let over_ssh = |identity: &Path, known_hosts: &Path| Upstream::Ssh {
        user: Some(sshd.user.clone()),
        host: "127.0.0.1".into(),
        port: Some(sshd.port),
        path: path.clone(),
        identity: identity.into(),
        known_hosts: known_hosts.into(),
    };
    let over_http = |token| Upstream::Https { url: http.url("up.git"), username: "git".into(), token };
    let good = [over_ssh(&identity, &known_hosts), over_http(Token::File(token))];
    for (round, upstream) in good.iter().enumerate() {
        let mirror = Mirror::open_or_create(&world.dir.path().join(format!("{round}.git"))).expect("a mirror");
        mirror.refresh(upstream, &limits()).expect("empty");
        world.set("refs/heads/main", &commit(&world.repo, None, "f", &format!("{round}")));
        world.set("refs/heads/large", &large_commit(&world.repo));
        mirror.refresh(upstream, &limits()).expect("refreshes");
        assert_eq!(shown(&world.repo, "refs"), shown(mirror.dir(), "refs"));
        assert_eq!(mirror.head(upstream, &limits()).expect("asked"), Some(name("refs/heads/main")));
    }
    for upstream in [
        over_ssh(&sshd.other_identity, &known_hosts),
        over_ssh(&identity, &sshd.wrong_known_hosts),
        over_http(Token::None),
        Upstream::Https { url: http.url("none.git"), username: "git".into(), token: Token::None },
    ] {
        let mirror = Mirror::open_or_create(&world.dir.path().join("none.git")).expect("a mirror");
        let error = mirror.refresh(&upstream, &limits()).expect_err("not let in").to_string();
        assert_eq!(error, "the upstream cannot be reached or does not let refgate in", "{upstream:?}");
        assert!(mirror.refreshed_at().is_none());
    }
}
