//! Bytes through a channel: much of them, both ways, and clients that stop half way.

use crate::support::{MIB, Server, answer, finish};
use std::io::{Read, Write};
use std::process::Stdio;

const MUCH: usize = 200 * MIB;

fn feed(mut to: impl Write + Send + 'static, bytes: usize) -> std::thread::JoinHandle<()> {
    std::thread::spawn(move || {
        let block: Vec<u8> = (0..MIB).map(|n| (n % 251) as u8).collect();
        (0..bytes / MIB).for_each(|_| to.write_all(&block).expect("taken"));
    })
}

#[test]
fn much_input_arrives() {
    let server = Server::start();
    let mut ssh = server.ssh_open("git-receive-pack 'sink'");
    let feeder = feed(ssh.stdin.take().expect("piped"), MUCH);
    assert_eq!(finish(ssh), answer(0, &format!("{MUCH}\n"), ""));
    feeder.join().expect("fed");
}

#[test]
fn much_output_arrives() {
    let server = Server::start();
    let ssh = server.ssh_options(&[], &["git-upload-pack 'flood'"]).output().expect("ssh");
    assert_eq!((ssh.status.code(), ssh.stdout.len()), (Some(0), MUCH));
    assert!(ssh.stdout.iter().all(|b| *b == 7));
}

#[test]
fn much_goes_both_ways_unchanged() {
    let server = Server::start();
    let mut ssh = server.ssh_open("git-receive-pack 'echo'");
    let mut stdin = ssh.stdin.take().expect("piped");
    let mut stdout = ssh.stdout.take().expect("piped");
    for round in 0..MUCH / MIB {
        let block: Vec<u8> = (0..MIB).map(|n| ((n + round) % 251) as u8).collect();
        let sent = block.clone();
        let feeder = std::thread::spawn(move || stdin.write_all(&sent).map(|()| stdin));
        let mut echoed = vec![0; MIB];
        stdout.read_exact(&mut echoed).expect("echoed");
        assert!(echoed == block, "round {round}");
        stdin = feeder.join().expect("fed").expect("taken");
    }
    drop(stdin);
    assert_eq!(finish(ssh), answer(0, "", ""));
}

#[test]
fn an_engine_may_end_before_its_input() {
    let server = Server::start();
    let mut ssh = server.ssh_open("git-receive-pack 'version'");
    let mut stdin = ssh.stdin.take().expect("piped");
    let feeder = std::thread::spawn(move || while stdin.write_all(&[0; 4096]).is_ok() {});
    assert_eq!(finish(ssh), answer(0, "receive-pack V0\n", ""));
    feeder.join().expect("fed");
}

#[test]
fn a_client_that_goes_away_ends_the_engine() {
    let server = Server::start();
    for (repo, error) in [("hungry", "ConnectionAborted"), ("flood", "BrokenPipe")] {
        let mut ssh = server.ssh_open(&format!("git-receive-pack '{repo}'"));
        assert_eq!(server.event(), format!("receive-pack {repo}"));
        ssh.kill().expect("killed");
        ssh.wait().expect("ended");
        assert_eq!(server.event(), error);
    }
}

#[test]
fn a_client_that_stalls_while_we_wait_is_cut_off() {
    let server = Server::start_with(|limits| limits.idle_time_max = std::time::Duration::from_millis(400));
    let reading = server.ssh_open("git-receive-pack 'hungry'");
    assert_eq!(server.event(), "receive-pack hungry");
    assert_eq!(server.event(), "TimedOut");
    let held = reading.stdin.as_ref().map(|_| ());
    assert!(held.is_some());
    assert_eq!(finish(reading).status, Some(3));

    // Nobody reads what this client prints, so it stops reading from us.
    let writing = server.ssh_options(&[], &["git-upload-pack 'flood'"]).stdout(Stdio::piped()).spawn().expect("ssh");
    assert_eq!(server.event(), "upload-pack flood");
    assert_eq!(server.event(), "BrokenPipe");
    let mut writing = writing;
    writing.kill().expect("killed");
    writing.wait().expect("ended");
}

#[test]
fn a_busy_engine_is_not_idle() {
    let server = Server::start_with(|limits| limits.idle_time_max = std::time::Duration::from_millis(300));
    assert_eq!(server.ssh("git-receive-pack 'napping'").status, Some(0));
}
