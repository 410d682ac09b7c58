//! Upstreams behind ssh and HTTP, upstreams that refuse, and many agents on one upstream.

use crate::servers::http::Http;
use crate::servers::sshd::Sshd;
use crate::support::*;

/// `refgate:token` in base 64.
const AUTHORIZATION: &str = "Basic cmVmZ2F0ZTp0b2tlbg==";

fn sshd(world: &World) -> Sshd {
    Sshd::start(&world.path().join("sshd"))
}

fn ssh_settings(world: &World, sshd: &Sshd, identity: &std::path::Path, known_hosts: &std::path::Path) -> String {
    format!(
        "upstream = \"ssh://{}@127.0.0.1:{}{}\"\nidentity = \"{}\"\nknown_hosts = \"{}\"",
        sshd.user,
        sshd.port,
        world.upstream.display(),
        identity.display(),
        known_hosts.display()
    )
}

/// The gate anew, with these lines under `[repo.app]`.
fn restart(world: &mut World, repo: &str) {
    world.kill();
    let text = format!("listen = \"127.0.0.1:0\"\ndata = \"data\"\npolicy = \"policy.toml\"\n\n[repo.app]\n{repo}\n");
    std::fs::write(world.path().join("refgate.toml"), text).expect("write");
    world.start();
}

/// What every upstream does alike.
fn accepts_and_refuses(world: &World) {
    let client = world.clone_as("claude-1");
    let first = client.commit(&[("src/a", "1\n")], "one");
    client.push_head("x").accepted();
    assert_eq!(world.upstream_refs()[&client.branch("x")], first);
    client.git(&["commit", "-q", "--amend", "-m", "rewritten"]);
    client.push(&["--force", &format!("HEAD:{}", client.branch("x"))]).accepted();
    let [yy, zz] = ["yy", "zz"].map(|name| client.branch(name));
    client.push(&["--atomic", &format!("HEAD:{yy}"), &format!("HEAD:{zz}")]).accepted();
    client.push(&["--delete", &yy]).accepted();
    assert_eq!(world.upstream_refs().len(), 3);

    client.commit(&[("secret/key.txt", "x\n")], "secret");
    client.push_head("x").refused_by("secret-dir");

    // The upstream's own rules stand, and its words are not the agent's to read.
    world.upstream_hook("pre-receive", "echo 'raw words of /srv/upstream' >&2; echo more; exit 1");
    client.reset();
    client.commit(&[("src/b", "1\n")], "two");
    let refused = client.push_head("hooked");
    refused.refused_by("upstream.refused");
    assert!(!refused.stderr.contains("raw words") && !refused.stderr.contains("/srv/"), "{}", refused.stderr);
    assert_eq!(refused.json()["decision"], "accept");
    assert!(!world.upstream_refs().contains_key(&client.branch("hooked")));
    std::fs::remove_file(world.upstream.join("hooks/pre-receive")).expect("there");
    client.push_head("hooked").accepted();
    world.record_holds();
}

#[test]
fn a_local_upstream() {
    accepts_and_refuses(&World::new(SECRET_RULE));
}

#[test]
fn an_upstream_behind_openssh() {
    let mut world = World::new(SECRET_RULE);
    let sshd = sshd(&world);
    let settings = ssh_settings(&world, &sshd, &sshd.identity, &sshd.known_hosts);
    restart(&mut world, &settings);
    accepts_and_refuses(&world);
}

#[test]
fn an_upstream_behind_http_with_a_token() {
    let mut world = World::new(SECRET_RULE);
    let http = Http::start(world.path(), AUTHORIZATION);
    world.git(&world.upstream, &["config", "http.receivepack", "true"]);
    let lines = |token: &str| {
        std::fs::write(world.path().join("token"), token).expect("write");
        let url = http.url("upstream.git");
        format!("upstream = \"{url}\"\nusername = \"refgate\"\ntoken = {{ file = \"token\" }}")
    };
    let (right, wrong) = (lines("token\n"), lines("token\n"));
    restart(&mut world, &right);
    accepts_and_refuses(&world);
    // Git tells of any ref there is, and so of where evidence is.
    restart(&mut world, &format!("{right}\nevidence = \"refs/meta/refgate\""));
    let client = world.clone_as("claude-1");
    for n in ["1", "2", "3"] {
        client.commit(&[("src/meta", n)], n);
        client.push_head("meta").accepted();
    }
    std::fs::write(world.path().join("token"), "other\n").expect("write");
    restart(&mut world, &wrong);
    let before = world.upstream_refs();
    let client = world.empty_client("claude-1");
    client.commit(&[("src/a", "x")], "one");
    let pushed = client.push_head("wrong");
    assert!(!pushed.ok && pushed.stderr.contains("the upstream cannot be reached"), "{}", pushed.stderr);
    assert!(!pushed.stderr.contains("other") && !world.log().contains("other\n"), "{}", world.log());
    assert_eq!(world.upstream_refs(), before);
}

#[test]
fn a_wrong_host_key_or_identity_forwards_nothing() {
    let mut world = World::new("");
    let (sshd, before) = (sshd(&world), world.upstream_refs());
    let wrong = [
        ssh_settings(&world, &sshd, &sshd.identity, &sshd.wrong_known_hosts),
        ssh_settings(&world, &sshd, &sshd.other_identity, &sshd.known_hosts),
    ];
    for settings in wrong {
        restart(&mut world, &settings);
        let client = world.empty_client("claude-1");
        client.commit(&[("src/a", "x")], "one");
        let pushed = client.push_head("x");
        assert!(!pushed.ok && pushed.stderr.contains("the upstream cannot be reached"), "{}", pushed.stderr);
        assert!(!pushed.stderr.contains("Host key") && !pushed.stderr.contains("Permission"), "{}", pushed.stderr);
        assert!(!client.try_git(&["fetch", "-q", "origin"]).status.success());
        assert!(world.log().contains("upstream"), "the operator is told: {}", world.log());
        assert_eq!(world.upstream_refs(), before);
    }
}

const SHARED: &str = "refs/heads/shared";
const SHARED_GRANT: &str = "[[grant]]\nto = [\"claude-*\"]\nrepo = \"app\"\nrefs = [\"refs/heads/shared\"]\n\
                            allow = [\"create\", \"update\"]\nwrite = [\"src/**\"]\n";

#[test]
fn of_two_agents_on_one_branch_one_wins() {
    let world = World::new(SHARED_GRANT);
    let clients = ["claude-1", "claude-2"].map(|name| world.clone_as(name));
    let ids: Vec<String> = clients.iter().map(|c| c.commit(&[("src/a", &c.principal)], "mine")).collect();
    // Both have seen the refs before either pushes.
    let mut raws: Vec<Raw> = clients.iter().map(|c| world.raw_ssh(&c.principal, &[])).collect();
    for ((raw, client), id) in raws.iter_mut().zip(&clients).zip(&ids) {
        let pack = client.pack(&[id, "^origin/main"]);
        raw.send(&[commands(&[(NULL_ID, id, SHARED.as_bytes())], CAPABILITIES), pack].concat());
    }
    let ends: Vec<RawEnd> = raws.into_iter().map(Raw::finish).collect();
    let winners: Vec<&String> = ids.iter().zip(&ends).filter(|(_, end)| end.is_ok()).map(|(id, _)| id).collect();
    assert_eq!(winners, [&world.upstream_refs()[SHARED]], "{ends:?}");
    let loser = ends.iter().find(|end| !end.is_ok()).expect("one");
    assert!(loser.text().contains("fetch first") && loser.said.contains("after-fetch"), "{loser:?}");
    world.record_holds();
}

#[test]
fn a_race_of_stock_git_loses_no_update() {
    let world = World::new(SHARED_GRANT);
    let agents = ["claude-1", "claude-2"];
    // Each adds its own commits to the one branch, with fetch and rebase whenever it is told to.
    std::thread::scope(|scope| {
        for name in agents {
            let world = &world;
            scope.spawn(move || {
                let client = world.clone_as(name);
                for n in 0..3 {
                    client.commit(&[(&format!("src/{name}-{n}"), "x\n")], &format!("{name} {n}"));
                    let mut tries = 0;
                    loop {
                        let pushed = client.push(&[&format!("HEAD:{SHARED}")]);
                        if pushed.ok {
                            break;
                        }
                        assert!(pushed.stderr.contains("fetch first"), "{}", pushed.stderr);
                        client.git(&["fetch", "-q", "origin"]);
                        client.git(&["rebase", "-q", "origin/shared"]);
                        tries += 1;
                        assert!(tries < 50, "it never gets through");
                    }
                }
            });
        }
    });
    let log = world.git(&world.upstream, &["log", "--format=%s", SHARED]);
    for name in agents {
        (0..3).for_each(|n| assert!(log.contains(&format!("{name} {n}")), "{log}"));
    }
    world.record_holds();
}

#[test]
fn thirty_two_pushes_at_once() {
    let world = World::new("");
    let client = world.clone_as("claude-1");
    let ids: Vec<String> = (0..32)
        .map(|n| {
            client.reset();
            client.commit(&[("src/a", &n.to_string())], "mine")
        })
        .collect();
    std::thread::scope(|scope| {
        for (n, id) in ids.iter().enumerate() {
            let client = &client;
            scope.spawn(move || client.push_commit(id, &format!("n{n}")).accepted());
        }
    });
    let refs = world.upstream_refs();
    for (n, id) in ids.iter().enumerate() {
        assert_eq!(refs.get(&client.branch(&format!("n{n}"))), Some(id));
    }
    let outcomes = world.records().iter().filter(|record| record["record"] == "outcome").count();
    assert_eq!(outcomes, 32);
    world.record_holds();
    assert!(!world.log().contains("panicked"));
}
