//! Each limit on connections, at it and one over; clients that say nothing or nonsense; and the end of the server.

use crate::support::{Server, answer, finish, generate_key, wait_until};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

const SHORT: Duration = Duration::from_millis(400);

fn connect(server: &Server) -> TcpStream {
    let stream = TcpStream::connect(server.address).expect("connected");
    stream.set_read_timeout(Some(Duration::from_secs(60))).expect("set");
    stream
}

/// All that the server says until it closes; a reset is a close.
fn read_to_end(mut stream: TcpStream) -> Vec<u8> {
    let mut said = Vec::new();
    if let Err(error) = stream.read_to_end(&mut said) {
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "the server did not close");
    }
    said
}

fn greeted(server: &Server) -> TcpStream {
    let mut stream = connect(server);
    let mut hello = [0; 4];
    stream.read_exact(&mut hello).expect("a greeting");
    assert_eq!(&hello, b"SSH-");
    stream
}

fn refused(server: &Server) -> bool {
    let said = read_to_end(connect(server));
    said == b"refgate: too many connections, try again later\r\n"
}

#[test]
fn connections_in_all() {
    let server = Server::start_with(|limits| limits.connections_max = 2);
    let held = [greeted(&server), greeted(&server)];
    assert!(refused(&server));
    drop(held);
    wait_until("a place is free again", || server.ssh("help").status == Some(0));
}

#[test]
fn connections_per_address() {
    let server = Server::start_with(|limits| limits.connections_per_address_max = 2);
    let held = [greeted(&server), greeted(&server)];
    assert!(refused(&server));
    let other = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).expect("a socket");
    other.bind(&"127.0.0.2:0".parse::<std::net::SocketAddr>().expect("an address").into()).expect("bound");
    other.connect(&server.address.into()).expect("connected");
    let mut other = TcpStream::from(other);
    let mut hello = [0; 4];
    other.read_exact(&mut hello).expect("a greeting");
    assert_eq!(&hello, b"SSH-", "another address is not concerned");
    drop(held);
    wait_until("a place is free again", || server.ssh("help").status == Some(0));
}

#[test]
fn connections_per_principal() {
    let server = Server::start_with(|limits| limits.connections_per_principal_max = 2);
    let held = [server.ssh_open("git-receive-pack 'hungry'"), server.ssh_open("git-receive-pack 'hungry'")];
    assert_eq!(server.event(), "receive-pack hungry");
    assert_eq!(server.event(), "receive-pack hungry");
    let third = server.ssh("help");
    assert_eq!(third.status, Some(255));
    assert!(third.stderr.contains("refgate: too many connections of this principal"), "{third:?}");
    let other = generate_key(server.dir.path(), "other", &["-t", "ed25519"]);
    server.fake.keys.lock().expect("lock").push((other, "claude-2"));
    let key = server.path("other");
    let ssh = server.ssh_without_key(&["-i", key.to_str().expect("UTF-8")], &["help"]).spawn().expect("ssh");
    assert_eq!(finish(ssh).status, Some(0), "another principal is not concerned");
    for child in held {
        finish(child);
    }
    wait_until("a place is free again", || server.ssh("help").status == Some(0));
}

#[test]
fn authentication_tries() {
    let server = Server::start_with(|limits| limits.auth_tries_max = 3);
    for name in ["a", "b", "c"] {
        generate_key(server.dir.path(), name, &["-t", "ed25519"]);
    }
    let try_keys = |names: &[&str]| {
        let paths: Vec<String> = names.iter().map(|name| server.path(name).display().to_string()).collect();
        let options: Vec<&str> = paths.iter().flat_map(|path| ["-i", path.as_str()]).collect();
        finish(server.ssh_without_key(&options, &["help"]).spawn().expect("ssh"))
    };
    assert_eq!(try_keys(&["a", "b", "key"]).status, Some(0));
    let fourth = try_keys(&["a", "b", "c", "key"]);
    assert_eq!(fourth.status, Some(255));
    assert!(fourth.stderr.contains("Too many authentication attempts"), "{fourth:?}");
}

#[test]
fn time_to_log_in() {
    let server = Server::start_with(|limits| limits.login_time_max = SHORT);
    let start = Instant::now();
    assert_eq!(read_to_end(connect(&server)), b"SSH-2.0-refgate\r\n", "a client that says nothing");
    let mut slow = connect(&server);
    slow.write_all(b"SSH-2.0-slow\r\n").expect("sent");
    assert!(read_to_end(slow).starts_with(b"SSH-2.0-refgate\r\n"), "a client that stops after its version");
    assert!(start.elapsed() >= SHORT * 2);
    assert_eq!(server.ssh("help").status, Some(0), "a client that is quick enough");
}

#[test]
fn nonsense_is_cut_off() {
    let server = Server::start();
    let table: [&[u8]; 4] = [&[b'x'; 300], &[0; 4096], &b"GET / HTTP/1.1\r\n".repeat(30), b"SSH-1.5-old\r\n\0\0\0\x01"];
    for bytes in table {
        let mut stream = connect(&server);
        stream.write_all(bytes).expect("sent");
        stream.shutdown(std::net::Shutdown::Write).expect("shut");
        read_to_end(stream);
    }
    let mut stream = greeted(&server);
    stream.write_all(b"SSH-2.0-x\r\n\xff\xff\xff\xff\x00\x14").expect("sent");
    read_to_end(stream);
    assert_eq!(server.ssh("help").status, Some(0));
}

#[test]
fn idle_time_between_commands() {
    let server = Server::start_with(|limits| limits.idle_time_max = SHORT);
    let idle = server.ssh_options(&["-N"], &[]).spawn().expect("ssh");
    assert_eq!(finish(idle).status, Some(255));
}

#[test]
fn connection_time() {
    let server = Server::start_with(|limits| limits.connection_time_max = SHORT);
    let mut working = server.ssh_open("git-receive-pack 'hungry'");
    let stdin = working.stdin.take();
    assert_eq!(server.event(), "receive-pack hungry");
    assert_eq!(server.event(), "ConnectionAborted");
    assert_eq!(finish(working).status, Some(255));
    drop(stdin);
}

#[test]
fn channels_on_one_connection() {
    let server = Server::start();
    let socket = server.path("control");
    let control = format!("ControlPath={}", socket.display());
    let mut master = server.ssh_options(&["-N", "-M", "-o", &control], &[]).spawn().expect("ssh");
    wait_until("the control socket", || socket.exists());
    let open = || {
        let mut ssh = server.ssh_options(&["-o", &control], &["git-receive-pack 'hungry'"]);
        ssh.stdin(std::process::Stdio::piped()).spawn().expect("ssh")
    };
    let held: Vec<_> = (0..refgate::server::CHANNELS_MAX).map(|_| open()).collect();
    held.iter().for_each(|_| assert_eq!(server.event(), "receive-pack hungry"));
    let refused = server.ssh_options(&["-o", &control], &["help"]).output().expect("ssh");
    let text = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(text.contains("Session open refused by peer"), "{text}");
    master.kill().expect("killed");
    master.wait().expect("ended");
    held.into_iter().for_each(|child| drop(finish(child)));
}

/// One connection's channels may all be busy; more connections do not give a principal more threads.
#[test]
fn commands_of_a_principal_over_all_its_connections() {
    let server = Server::start_with(|limits| limits.connections_per_principal_max = 2);
    let socket = server.path("control");
    let control = format!("ControlPath={}", socket.display());
    let mut master = server.ssh_options(&["-N", "-M", "-o", &control], &[]).spawn().expect("ssh");
    wait_until("the control socket", || socket.exists());
    let open = || {
        let mut ssh = server.ssh_options(&["-o", &control], &["git-receive-pack 'hungry'"]);
        ssh.stdin(std::process::Stdio::piped()).spawn().expect("ssh")
    };
    let held: Vec<_> = (0..refgate::server::CHANNELS_MAX).map(|_| open()).collect();
    held.iter().for_each(|_| assert_eq!(server.event(), "receive-pack hungry"));
    let refused = server.ssh("help");
    assert_eq!(refused.status, Some(128));
    assert!(refused.stderr.contains("refgate: too many commands of yours at once"), "{refused:?}");
    held.into_iter().for_each(|child| drop(finish(child)));
    wait_until("a place is free again", || server.ssh("help").status == Some(0));
    master.kill().expect("killed");
    master.wait().expect("ended");
}

#[test]
fn drain_waits_for_commands_and_for_nothing_else() {
    let mut server = Server::start();
    let busy = server.ssh_open("git-receive-pack 'busy'");
    assert_eq!(server.event(), "receive-pack busy");
    let socket = server.path("control");
    let control = format!("ControlPath={}", socket.display());
    let idle = server.ssh_options(&["-N", "-M", "-o", &control], &[]).spawn().expect("ssh");
    wait_until("the idle connection is up", || socket.exists());
    let silent = greeted(&server);

    server.shutdown.cancel();
    let idle = finish(idle);
    assert_eq!(idle.status, Some(255));
    assert!(idle.stderr.contains("refgate: the server is stopping, try again later"), "{idle:?}");
    read_to_end(silent);
    wait_until("nothing listens any more", || TcpStream::connect(server.address).is_err());

    server.release.send(()).expect("released");
    assert_eq!(finish(busy), answer(0, "released\n", ""));
    server.join().expect("a clean end");
    drop(TcpListener::bind(server.address).expect("the port is free again"));
}

#[test]
fn drain_ends_in_time_whatever_is_under_way() {
    let mut server = Server::start_with(|limits| limits.drain_time_max = SHORT);
    let busy = server.ssh_open("git-receive-pack 'busy'");
    assert_eq!(server.event(), "receive-pack busy");
    server.shutdown.cancel();
    server.join().expect("a clean end");
    assert_eq!(finish(busy).status, Some(255));
}
