//! Stock git fetches from a mirror, through `git://` on loopback.

mod support;

use refgate::config::Upstream;
use refgate::git::mirror::Mirror;
use refgate::git::upload_pack::{self, FetchProtocol};
use refgate::model::{Limits, ObjectId, RefName, RefUpdate, UpdateKind};
use refgate::wire::pkt_line::{self, Packet};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use support::{commit, git, init_bare, rev, try_git};
use tempfile::TempDir;

struct World {
    dir: TempDir,
    repo: PathBuf,
    upstream: Upstream,
    mirror: Arc<Mirror>,
    url: String,
    port: u16,
}

impl World {
    /// Serves everything but what has `secret` in its name.
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let repo = init_bare(dir.path().join("up.git"));
        let upstream = Upstream::Local { path: repo.clone() };
        let mirror = Arc::new(Mirror::open_or_create(&dir.path().join("mirror.git")).expect("a mirror"));
        let listener = TcpListener::bind("127.0.0.1:0").expect("bind");
        let port = listener.local_addr().expect("bound").port();
        let served = Arc::clone(&mirror);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let mirror = Arc::clone(&served);
                std::thread::spawn(move || serve(&mirror, stream));
            }
        });
        Self { dir, repo, upstream, mirror, url: format!("git://127.0.0.1:{port}/app"), port }
    }

    fn refresh(&self) {
        self.mirror.refresh(&self.upstream, &Limits::default()).expect("refreshes");
    }

    fn client(&self, name: &str) -> PathBuf {
        let dir = self.dir.path().join(name);
        std::fs::create_dir_all(&dir).expect("create");
        git(&dir, &["init", "-q", "-b", "main", "."]);
        dir
    }

    fn clone(&self, name: &str, args: &[&str]) -> PathBuf {
        let mut all = vec!["clone", "-q"];
        all.extend(args);
        all.extend([self.url.as_str(), name]);
        git(self.dir.path(), &all);
        self.dir.path().join(name)
    }
}

fn serve(mirror: &Mirror, mut stream: TcpStream) {
    let Ok(Some(Packet::Data(request))) = pkt_line::read(&mut stream) else { return };
    let asks = |text: &str| request.windows(text.len()).any(|w| w == text.as_bytes());
    let protocol = match (asks("version=2"), asks("version=1")) {
        (true, _) => FetchProtocol::V2,
        (_, true) => FetchProtocol::V1,
        (false, false) => FetchProtocol::V0,
    };
    let mut output = stream.try_clone().expect("a socket");
    let visible = |name: &RefName| !name.to_string().contains("secret");
    let limits = Limits { idle_time_max: Duration::from_secs(20), ..Limits::default() };
    if let Err(e) = upload_pack::serve(mirror, visible, protocol, &mut stream, &mut output, &limits) {
        eprintln!("serve: {e}");
    }
    drop(stream.shutdown(Shutdown::Both));
}

const VERSIONS: [&str; 3] = ["protocol.version=0", "protocol.version=1", "protocol.version=2"];

#[test]
fn an_empty_repository_can_be_cloned() {
    let world = World::new();
    world.refresh();
    for (round, version) in VERSIONS.iter().enumerate() {
        let clone = world.clone(&format!("c{round}"), &["-c", version]);
        assert_eq!(git(&clone, &["for-each-ref"]), "");
        // Older versions cannot tell where an empty repository's HEAD points.
        if version.ends_with('2') {
            assert_eq!(git(&clone, &["symbolic-ref", "HEAD"]), "refs/heads/main");
        }
    }
}

#[test]
fn clones_fetches_and_lists_in_every_version() {
    let world = World::new();
    let a = commit(&world.repo, None, "f", "a");
    git(&world.repo, &["update-ref", "refs/heads/trunk", &a]);
    git(&world.repo, &["symbolic-ref", "HEAD", "refs/heads/trunk"]);
    git(&world.repo, &["tag", "-a", "-m", "message", "v1", &a]);
    world.refresh();
    for (round, version) in VERSIONS.iter().enumerate() {
        let clone = world.clone(&format!("c{round}"), &["-c", version]);
        assert_eq!(git(&clone, &["symbolic-ref", "HEAD"]), "refs/heads/trunk");
        assert_eq!(std::fs::read_to_string(clone.join("f")).expect("checked out"), "a");
        let listed = git(&clone, &["ls-remote", "--symref", "origin"]);
        let upstream = git(&clone, &["ls-remote", "--symref", world.repo.to_str().expect("UTF-8")]);
        assert_eq!(listed, upstream);
        let b = commit(&world.repo, Some(&a), "f", &format!("b{round}"));
        git(&world.repo, &["update-ref", "refs/heads/trunk", &b]);
        world.refresh();
        git(&clone, &["fetch", "-q", "origin"]);
        assert_eq!(rev(&clone, "refs/remotes/origin/trunk"), Some(b));
        git(&world.repo, &["update-ref", "refs/heads/trunk", &a]);
        world.refresh();
    }
    let shallow = world.clone("shallow", &["--depth=1"]);
    assert_eq!(rev(&shallow, "HEAD"), Some(a));
}

#[test]
fn what_is_hidden_is_neither_shown_nor_given_by_id() {
    let world = World::new();
    let a = commit(&world.repo, None, "f", "a");
    let hidden = commit(&world.repo, Some(&a), "f", "hidden");
    let blob = git(&world.repo, &["rev-parse", &format!("{hidden}:f")]);
    let tree = git(&world.repo, &["rev-parse", &format!("{hidden}^{{tree}}")]);
    let dropped = commit(&world.repo, Some(&a), "f", "dropped");
    let b = commit(&world.repo, Some(&a), "f", "b");
    git(&world.repo, &["update-ref", "refs/heads/main", &b]);
    git(&world.repo, &["update-ref", "refs/heads/secret", &hidden]);
    git(&world.repo, &["update-ref", "refs/heads/agent", &dropped]);
    world.refresh();
    let update = RefUpdate {
        name: RefName::parse(b"refs/heads/agent").expect("valid"),
        old: ObjectId::from_hex(dropped.as_bytes()).ok(),
        new: None,
    };
    world.mirror.record_push(&[(update, UpdateKind::Delete)]).expect("recorded");
    let client = world.client("client");
    for version in VERSIONS {
        let listed = git(&client, &["-c", version, "ls-remote", &world.url]);
        assert_eq!(listed, format!("{b}\tHEAD\n{b}\trefs/heads/main"));
        for id in [&hidden, &blob, &tree, &dropped, &"1".repeat(40)] {
            let output = try_git(&client, &["-c", version, "fetch", "-q", &world.url, id], "");
            assert!(!output.status.success(), "{version} {id}");
        }
        let output = try_git(&client, &["-c", version, "fetch", "-q", &world.url, "refs/heads/secret"], "");
        assert!(!output.status.success(), "{version}");
        git(&client, &["-c", version, "fetch", "-q", &world.url, "main"]);
    }
    // What the upstream itself has dropped is not given either.
    let upstream_dropped = commit(&world.repo, Some(&a), "f", "dropped upstream");
    git(&world.repo, &["update-ref", "refs/heads/gone", &upstream_dropped]);
    world.refresh();
    git(&world.repo, &["update-ref", "-d", "refs/heads/gone"]);
    git(&world.repo, &["update-ref", "-d", "refs/heads/agent"]);
    world.refresh();
    // An answer does not tell what is hidden from what is not there.
    let answer = |id: &str| {
        let want = format!("want {id}");
        let answer = talk(world.port, &[b"command=fetch", b"", want.as_bytes(), b"done"]);
        String::from_utf8_lossy(&answer).replace(id, "ID")
    };
    let absent = answer(&"1".repeat(40));
    assert!(absent.ends_with("ERR upload-pack: not our ref ID"), "{absent}");
    assert!([&hidden, &blob, &tree, &dropped, &upstream_dropped].iter().all(|id| answer(id) == absent));
    // An ancestor of what is shown is no secret: in v2 git gives it.
    git(&client, &["-c", "protocol.version=2", "fetch", "-q", &world.url, &a]);
    for id in [&hidden, &blob, &tree, &dropped] {
        assert_eq!(rev(&client, &format!("{id}^{{object}}")), None);
    }
}

#[test]
fn a_hidden_default_branch_is_not_named() {
    let world = World::new();
    let a = commit(&world.repo, None, "f", "a");
    git(&world.repo, &["update-ref", "refs/heads/secret-main", &a]);
    git(&world.repo, &["symbolic-ref", "HEAD", "refs/heads/secret-main"]);
    git(&world.repo, &["update-ref", "refs/heads/x", &a]);
    world.refresh();
    let client = world.client("client");
    for version in VERSIONS {
        let listed = git(&client, &["-c", version, "ls-remote", "--symref", &world.url]);
        assert_eq!(listed, format!("{a}\trefs/heads/x"));
    }
}

#[test]
fn a_partial_clone_fetches_later_what_it_left_out() {
    let world = World::new();
    let a = commit(&world.repo, None, "old", "old");
    let b = commit(&world.repo, Some(&a), "new", "new");
    let hidden = commit(&world.repo, Some(&a), "f", "hidden");
    git(&world.repo, &["update-ref", "refs/heads/main", &b]);
    for round in 0..2 {
        world.refresh();
        let clone = world.clone(&format!("c{round}"), &["--filter=blob:none"]);
        assert_eq!(std::fs::read_to_string(clone.join("new")).expect("checked out"), "new");
        assert_eq!(git(&clone, &["show", &format!("{a}:old")]), "old");
        // The same again with something hidden.
        git(&world.repo, &["update-ref", "refs/heads/secret", &hidden]);
    }
}

#[test]
fn hostile_requests_end_the_conversation() {
    let world = World::new();
    let a = commit(&world.repo, None, "f", "a");
    git(&world.repo, &["update-ref", "refs/heads/main", &a]);
    world.refresh();
    let id = "1".repeat(40);
    let bodies: [Vec<&[u8]>; 4] = [
        vec![b"command=fetch", b"", b"want zzzz", b"done"],
        vec![b"command=fetch", b"", b"want-ref refs/heads/secret", b"done"],
        vec![b"command=bundle-uri"],
        vec![b"command=object-info", b"", b"size", b"oid 1111"],
    ];
    for body in &bodies {
        assert!(talk(world.port, body).len() < 2000, "{:?}", String::from_utf8_lossy(&talk(world.port, body)));
    }
    let refused = talk(world.port, &[b"command=fetch", b"", format!("want {id}").as_bytes(), b"done"]);
    assert!(String::from_utf8_lossy(&refused).contains("not our ref"), "{}", String::from_utf8_lossy(&refused));
    // What is no packet at all, and a client that goes away in the middle of one.
    for bytes in [&b"zzzz"[..], b"00ffab", b"0003"] {
        let mut stream = connect(world.port);
        stream.write_all(bytes).expect("sent");
        stream.shutdown(Shutdown::Write).expect("shut");
        let mut answer = Vec::new();
        drop(stream.read_to_end(&mut answer));
    }
    // Nothing is left of any of them.
    let deadline = Instant::now() + Duration::from_secs(10);
    while std::fs::read_dir(world.mirror.dir().join("refgate-serve")).expect("read").next().is_some() {
        assert!(Instant::now() < deadline, "a snapshot was left");
        std::thread::yield_now();
    }
}

fn connect(port: u16) -> TcpStream {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("connects");
    pkt_line::write(&mut stream, b"git-upload-pack /app\0host=x\0\0version=2\0").expect("sent");
    stream
}

/// Sends one v2 request; an empty line is the delimiter.
fn talk(port: u16, lines: &[&[u8]]) -> Vec<u8> {
    let mut stream = connect(port);
    for line in lines {
        if line.is_empty() {
            stream.write_all(b"0001").expect("sent");
        } else {
            pkt_line::write(&mut stream, line).expect("sent");
        }
    }
    pkt_line::write_flush(&mut stream).expect("sent");
    stream.shutdown(Shutdown::Write).expect("shut");
    let mut answer = Vec::new();
    drop(stream.read_to_end(&mut answer));
    answer
}

#[test]
fn many_fetch_at_once_while_refs_move() {
    let world = World::new();
    let a = commit(&world.repo, None, "f", "a");
    let b = commit(&world.repo, Some(&a), "f", "b");
    git(&world.repo, &["update-ref", "refs/heads/main", &a]);
    world.refresh();
    std::thread::scope(|scope| {
        for client in 0..8 {
            let world = &world;
            scope.spawn(move || world.clone(&format!("many{client}"), &[]));
        }
        git(&world.repo, &["update-ref", "refs/heads/main", &b]);
        world.refresh();
    });
    for client in 0..8 {
        git(&Path::new(world.dir.path()).join(format!("many{client}")), &["fsck", "--strict"]);
    }
}
