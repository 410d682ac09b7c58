//! What an authenticated client may ask for.

use crate::support::{Server, answer, finish, from_output};
use std::process::Command;

#[test]
fn git_services_run_and_their_exit_status_arrives() {
    let server = Server::start();
    assert_eq!(server.ssh("git-upload-pack 'version'"), answer(0, "upload-pack V0\n", ""));
    assert_eq!(server.ssh("git-receive-pack '/version.git'"), answer(0, "receive-pack V0\n", ""));
    assert_eq!(server.ssh("git upload-pack version"), answer(0, "upload-pack V0\n", ""));
    assert_eq!(server.ssh("git-receive-pack 'hungry'"), answer(3, "", ""));
}

#[test]
fn git_protocol_is_the_only_environment() {
    let server = Server::start();
    let table = [
        ("GIT_PROTOCOL=version=2", "upload-pack V2\n"),
        ("GIT_PROTOCOL=version=1", "upload-pack V1\n"),
        ("GIT_PROTOCOL=version=0", "upload-pack V0\n"),
        ("GIT_PROTOCOL=version=2:extra=x", "upload-pack V2\n"),
        ("GIT_PROTOCOL=version=9", "upload-pack V0\n"),
        ("GIT_PROTOCOL=version=2;id", "upload-pack V0\n"),
        ("LD_PRELOAD=/tmp/x.so", "upload-pack V0\n"),
        ("GIT_CONFIG_COUNT=1", "upload-pack V0\n"),
    ];
    for (variable, wanted) in table {
        let option = format!("SetEnv={variable}");
        let ssh = server.ssh_options(&["-o", &option], &["git-upload-pack 'version'"]).spawn().expect("ssh");
        assert_eq!(finish(ssh), answer(0, wanted, ""), "{variable}");
    }
}

#[test]
fn unknown_and_forbidden_repositories_get_the_same_answer() {
    let server = Server::start();
    for service in ["git-upload-pack", "git-receive-pack"] {
        let unknown = server.ssh(&format!("{service} 'absent'"));
        let forbidden = server.ssh(&format!("{service} 'secret'"));
        let packet = "0043ERR refgate: repository 'absent' not found or not yours to see\n";
        assert_eq!(unknown, answer(128, packet, ""));
        assert_eq!(forbidden, answer(128, &packet.replace("absent", "secret"), ""));
    }
}

#[test]
fn git_prints_that_a_repository_is_not_there() {
    let server = Server::start();
    let command = server.ssh_options(&[], &[]);
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let words: Vec<_> = words.filter_map(|word| word.to_str()).filter(|word| !word.contains('@')).collect();
    for version in ["0", "1", "2"] {
        let url = format!("ssh://127.0.0.1:{}/secret", server.address.port());
        let output = Command::new("git")
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", server.dir.path())
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_SSH_COMMAND", words.join(" "))
            .args(["-c", &format!("protocol.version={version}"), "-c", "ssh.variant=ssh", "ls-remote", &url])
            .output()
            .expect("git");
        let wanted = "fatal: remote error: refgate: repository 'secret' not found or not yours to see\n";
        assert_eq!(from_output(output), answer(128, "", wanted), "protocol {version}");
    }
}

#[test]
fn whatever_else_is_refused_in_one_line() {
    let server = Server::start();
    let unknown = "refgate: this server only speaks git push and git fetch; try: help\n";
    let table = [
        ("sh -c id", unknown),
        ("git-receive-pack-x 'echo'", unknown),
        ("git-upload-archive 'echo'", "refgate: git archive is not offered here; clone the repository instead\n"),
        (
            "git-upload-pack 'echo'; id",
            "refgate: the repository is one word, bare or in single quotes as git writes it\n",
        ),
        ("git-upload-pack --help", "refgate: the command takes exactly one repository and no option\n"),
        (
            "git-upload-pack '../echo'",
            "refgate: not a repository name: a part of a name must not start with '-' or '.', hold '..', or end in \
             '.git' or '.lock'\n",
        ),
    ];
    for (line, wanted) in table {
        assert_eq!(server.ssh(line), answer(128, "", wanted), "{line:?}");
    }
    let long = "x".repeat(refgate::server::command::COMMAND_LENGTH_MAX + 1);
    assert_eq!(server.ssh(&long), answer(128, "", "refgate: the command is longer than 4096 bytes\n"));
}

#[test]
fn a_shell_gets_help_with_a_terminal_or_without() {
    let server = Server::start();
    let help = server.ssh("help");
    assert_eq!(help.status, Some(0));
    assert!(help.stdout.starts_with("refgate: hello claude-1; every push is judged here before it is forwarded.\n"));
    assert!(help.stdout.lines().count() < 24);
    let shell = finish(server.ssh_options(&["-T"], &[]).spawn().expect("ssh"));
    assert_eq!(shell, answer(1, "", &help.stdout));
    let terminal = finish(server.ssh_options(&["-tt"], &[]).spawn().expect("ssh"));
    let stderr = terminal.stderr.replace("\r\n", "\n");
    assert!(terminal.status == Some(1) && stderr.starts_with(&help.stdout), "{terminal:?}");
}

#[test]
fn no_subsystem_and_no_forwarding() {
    let server = Server::start();
    let sftp = finish(server.ssh_options(&["-s"], &["sftp"]).spawn().expect("ssh"));
    assert_eq!(sftp, answer(255, "", "subsystem request failed on channel 0\n"));
    let to = format!("127.0.0.1:{}", server.address.port());
    let local = finish(server.ssh_options(&["-W", &to], &[]).spawn().expect("ssh"));
    assert_eq!(local.status, Some(255));
    assert!(local.stderr.contains("administratively prohibited"), "{local:?}");
    for forward in ["0:127.0.0.1:1", "/tmp/refgate-no-such-socket:/tmp/x"] {
        let options = ["-N", "-R", forward, "-o", "ExitOnForwardFailure=yes"];
        let remote = finish(server.ssh_options(&options, &[]).spawn().expect("ssh"));
        assert_eq!(remote.status, Some(255), "{forward}: {remote:?}");
    }
}

#[test]
fn a_panic_of_an_engine_stays_in_its_channel() {
    let server = Server::start();
    assert_eq!(server.ssh("git-receive-pack 'panic'"), answer(128, "", "refgate: internal error\n"));
    assert_eq!(server.ssh("git-receive-pack 'version'"), answer(0, "receive-pack V0\n", ""));
}
