//! A real OpenSSH server on loopback with one key that may log in.

use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

pub struct Sshd {
    child: Child,
    pub port: u16,
    pub user: String,
    /// The private key that may log in.
    pub identity: PathBuf,
    /// A private key that may not.
    pub other_identity: PathBuf,
    pub known_hosts: PathBuf,
    /// Names another host key than the server's.
    pub wrong_known_hosts: PathBuf,
}

fn run(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output().expect("starts");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8").trim().to_owned()
}

fn key(dir: &Path, name: &str) -> PathBuf {
    let path = dir.join(name);
    run(Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-C", name, "-f"]).arg(&path));
    path
}

fn public(key: &Path) -> String {
    std::fs::read_to_string(key.with_extension("pub")).expect("public key")
}

impl Sshd {
    pub fn start(dir: &Path) -> Self {
        std::fs::create_dir_all(dir).expect("create");
        // sshd run by root wants its empty directory.
        if let Err(e) = std::fs::create_dir_all("/run/sshd") {
            eprintln!("no /run/sshd: {e}");
        }
        let (host, identity) = (key(dir, "host"), key(dir, "identity"));
        let (other_host, other_identity) = (key(dir, "other_host"), key(dir, "other_identity"));
        std::fs::write(dir.join("authorized_keys"), public(&identity)).expect("write");
        let port = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a free port").port();
        let config = dir.join("sshd_config");
        let text = format!(
            "ListenAddress 127.0.0.1\nPort {port}\nHostKey {}\nAuthorizedKeysFile {}\nStrictModes no\nUsePAM no\n\
             PidFile none\nPasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin yes\n\
             AcceptEnv GIT_PROTOCOL\nMaxStartups 200\n",
            host.display(),
            dir.join("authorized_keys").display(),
        );
        std::fs::write(&config, text).expect("write");
        let mut known = [dir.join("known_hosts"), dir.join("wrong_known_hosts")].into_iter();
        for (path, key) in known.clone().zip([&host, &other_host]) {
            std::fs::write(path, format!("[127.0.0.1]:{port} {}", public(key))).expect("write");
        }
        let log = std::fs::File::create(dir.join("log")).expect("create");
        let mut command = Command::new("/usr/sbin/sshd");
        command.args(["-D", "-e", "-f"]).arg(&config).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        let child = command.spawn().expect("sshd starts");
        let deadline = Instant::now() + Duration::from_secs(20);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < deadline, "sshd does not listen");
            std::thread::yield_now();
        }
        let (known_hosts, wrong_known_hosts) = (known.next().expect("two"), known.next().expect("two"));
        let user = run(Command::new("id").arg("-un"));
        Self { child, port, user, identity, other_identity, known_hosts, wrong_known_hosts }
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        if let Err(e) = self.child.kill().and_then(|()| self.child.wait().map(drop)) {
            eprintln!("cannot end sshd: {e}");
        }
    }
}
