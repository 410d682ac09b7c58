//! Where an upstream is: the forms of a git URL that are taken, and why each other one is not.
//!
//! An address reaches git's and ssh's argument lists later on. So nothing is let by here that either could read as an
//! option, a program to run or a second host.

use crate::model::is_invisible;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};

/// An upstream's address without its credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    Local(PathBuf),
    Ssh { user: Option<String>, host: String, port: Option<u16>, path: String },
    Https(String),
}

/// What is wrong with an address, and what to do about it.
#[derive(Debug, PartialEq, Eq)]
pub struct Refused {
    pub message: String,
    pub help: &'static str,
}

const FORMS: &str = "write /path/to/repo.git, user@host:path, ssh://user@host:port/path or https://host/path";

pub(super) fn refused<T>(message: impl Into<String>, help: &'static str) -> Result<T, Refused> {
    Err(Refused { message: message.into(), help })
}

/// Reads an address; a relative path starts at `base`.
pub fn parse(text: &str, base: &Path) -> Result<Address, Refused> {
    if text.is_empty() {
        return refused("the upstream is empty", FORMS);
    }
    if text.chars().any(|c| c.is_control() || is_invisible(c)) {
        return refused("an upstream must not hold control or invisible characters", FORMS);
    }
    if text.starts_with('-') {
        return refused("an upstream must not start with `-`", "a relative path can be written as ./-name");
    }
    if let Some((scheme, rest)) = text.split_once("://") {
        return match scheme {
            "ssh" | "git+ssh" | "ssh+git" => ssh_url(rest),
            "https" => https(text, rest),
            "http" => http(text, rest),
            "file" => file(rest),
            "git" => refused("git:// neither proves who the server is nor takes a credential", FORMS),
            _ => refused(format!("`{scheme}://` is not a way to reach an upstream"), FORMS),
        };
    }
    let is_helper = |name: &str| name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '+' | '.'));
    if text.split_once("::").is_some_and(|(name, _)| is_helper(name)) {
        return refused("remote helpers (`name::…`) run a program of their own and are not taken", FORMS);
    }
    let colon = text.find(':');
    let slash = text.find('/');
    match colon {
        Some(colon) if slash.is_none_or(|slash| colon < slash) => scp(text),
        _ => local(text, base),
    }
}

fn local(text: &str, base: &Path) -> Result<Address, Refused> {
    if text.starts_with('~') {
        return refused("`~` is not expanded", "write the full path");
    }
    Ok(Address::Local(base.join(text)))
}

fn file(rest: &str) -> Result<Address, Refused> {
    if !rest.starts_with('/') {
        return refused("a file:// address has no host", "write file:///path/to/repo.git");
    }
    if rest.contains('%') {
        return refused("a file:// address is taken without %-escapes", "write the plain path");
    }
    Ok(Address::Local(PathBuf::from(rest)))
}

/// `[user@]host[:port]/path`
fn ssh_url(rest: &str) -> Result<Address, Refused> {
    let Some((authority, path)) = rest.split_once('/') else {
        return refused("the path of the repository is missing", "write ssh://user@host/path");
    };
    let (user, host_port) = split_user(authority)?;
    let (host, port) = split_port(host_port)?;
    // `/~user/repo` names a home directory, as git reads it; every other path is absolute.
    let path = if path.starts_with('~') { path.to_owned() } else { format!("/{path}") };
    ssh(user, host, port, path)
}

/// `[user@]host:path`
fn scp(text: &str) -> Result<Address, Refused> {
    let (user, rest) = match text.split_once('@') {
        Some((user, rest)) if !user.contains([':', '/']) => (Some(check_user(user)?), rest),
        _ => (None, text),
    };
    let split = match rest.strip_prefix('[').and_then(|inner| inner.split_once("]:")) {
        Some((_, path)) => rest.len().checked_sub(path.len()).and_then(|at| rest.split_at_checked(at)),
        None => rest.split_once(':'),
    };
    let Some((host, path)) = split else { return refused("not a host and a path", FORMS) };
    let (host, port) = split_port(host.strip_suffix(':').unwrap_or(host))?;
    if path.starts_with(|c: char| c.is_ascii_digit()) && path.contains('/') && !path.starts_with('/') {
        let number = path.split('/').next().unwrap_or_default();
        if number.parse::<u16>().is_ok() {
            let help = "write ssh://user@host:port/path for a port, or user@host:./2222/path for a directory";
            return refused(format!("`{number}` looks like a port, which this form does not have"), help);
        }
    }
    ssh(user, host, port, path.to_owned())
}

fn ssh(user: Option<String>, host: String, port: Option<u16>, path: String) -> Result<Address, Refused> {
    if path.is_empty() || path == "/" {
        return refused("the path of the repository is missing", FORMS);
    }
    if path.starts_with('-') {
        return refused("the path of an upstream must not start with `-`", FORMS);
    }
    Ok(Address::Ssh { user, host, port, path })
}

fn http(text: &str, rest: &str) -> Result<Address, Refused> {
    let address = https(text, rest)?;
    let authority = rest.split('/').next().unwrap_or_default();
    let (host, _) = split_port(authority)?;
    if is_loopback(&host) {
        return Ok(address);
    }
    refused("http:// would send the credential in clear", "write https:// (http:// is for localhost only)")
}

/// Whether a host, as [`split_port`] gives it, is this machine.
pub(super) fn is_loopback(host: &str) -> bool {
    host == "localhost"
        || host.parse::<Ipv4Addr>().is_ok_and(|ip| ip.is_loopback())
        || host.parse::<Ipv6Addr>().is_ok_and(|ip| ip.is_loopback())
}

fn https(text: &str, rest: &str) -> Result<Address, Refused> {
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    if authority.contains('@') {
        let help = "write username = \"…\" and token = { env = \"…\" } or { file = \"…\" } below it";
        return refused("a credential does not belong into the URL", help);
    }
    split_port(authority)?;
    if path.is_empty() {
        return refused("the path of the repository is missing", "write https://host/path");
    }
    if path.contains(['?', '#', '\\']) || path.contains(char::is_whitespace) {
        return refused("a URL of an upstream has no query, fragment, backslash or space", FORMS);
    }
    Ok(Address::Https(text.to_owned()))
}

fn split_user(authority: &str) -> Result<(Option<String>, &str), Refused> {
    match authority.rsplit_once('@') {
        None => Ok((None, authority)),
        Some((user, host)) if !user.contains(':') => Ok((Some(check_user(user)?), host)),
        Some(_) => refused("a password does not belong into the URL", "ssh upstreams use identity = \"keys/…\""),
    }
}

fn check_user(user: &str) -> Result<String, Refused> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '+');
    if user.is_empty() || user.starts_with('-') || !user.chars().all(allowed) {
        let message = "a user has letters, digits, '.', '_', '+' and '-', and does not start with `-`";
        return refused(message, FORMS);
    }
    Ok(user.to_owned())
}

/// `host`, `host:port`, `[v6]` or `[v6]:port`; the host comes back without brackets.
pub(super) fn split_port(text: &str) -> Result<(String, Option<u16>), Refused> {
    let (host, port) = match text.strip_prefix('[') {
        Some(inner) => {
            let Some((host, after)) = inner.split_once(']') else { return refused("`[` without `]`", FORMS) };
            if host.parse::<Ipv6Addr>().is_err() {
                return refused("only an IPv6 address stands in brackets", FORMS);
            }
            match after.strip_prefix(':') {
                None if after.is_empty() => (host, None),
                None => return refused("unexpected text after `]`", FORMS),
                Some(port) => (host, Some(port)),
            }
        }
        None => {
            let (host, port) = text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port)));
            check_host(host)?;
            (host, port)
        }
    };
    let port = match port.map(|port| (port.starts_with('+'), port.parse::<u16>())) {
        None => None,
        Some((false, Ok(port))) if port > 0 => Some(port),
        Some(_) => return refused("not a port", "a port is a number from 1 to 65535"),
    };
    Ok((host.to_owned(), port))
}

fn check_host(host: &str) -> Result<(), Refused> {
    if host.is_empty() {
        return refused("the host is missing", FORMS);
    }
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    if host.starts_with('-') || !host.chars().all(allowed) {
        return refused("a host has letters, digits, '.', '_' and '-', and does not start with `-`", FORMS);
    }
    Ok(())
}

/// Checks `[user@]host[:port]`, how a client reaches the gate.
pub fn check_public_address(text: &str) -> Result<(), Refused> {
    let (_, host_port) = split_user(text)?;
    split_port(host_port).map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ssh(user: Option<&str>, host: &str, port: Option<u16>, path: &str) -> Address {
        Address::Ssh { user: user.map(str::to_owned), host: host.to_owned(), port, path: path.to_owned() }
    }

    #[test]
    fn takes_the_forms_git_can_push_to() {
        let table = [
            ("/srv/git/app.git", Address::Local("/srv/git/app.git".into())),
            ("../app.git", Address::Local("/base/../app.git".into())),
            ("./-odd:name", Address::Local("/base/./-odd:name".into())),
            ("file:///srv/app.git", Address::Local("/srv/app.git".into())),
            ("git@github.com:acme/app.git", ssh(Some("git"), "github.com", None, "acme/app.git")),
            ("host:/srv/app.git", ssh(None, "host", None, "/srv/app.git")),
            ("host:~dana/app", ssh(None, "host", None, "~dana/app")),
            ("git@[::1]:app.git", ssh(Some("git"), "::1", None, "app.git")),
            ("[::1]:app.git", ssh(None, "::1", None, "app.git")),
            ("ssh://git@host:2200/app.git", ssh(Some("git"), "host", Some(2200), "/app.git")),
            ("ssh://host/~dana/app", ssh(None, "host", None, "~dana/app")),
            ("ssh://git@[fe80::1]:22/app", ssh(Some("git"), "fe80::1", Some(22), "/app")),
            ("https://github.com/acme/app.git", Address::Https("https://github.com/acme/app.git".into())),
            ("https://host:8443/app.git", Address::Https("https://host:8443/app.git".into())),
            ("http://127.0.0.1:8080/app.git", Address::Https("http://127.0.0.1:8080/app.git".into())),
            ("http://localhost/app.git", Address::Https("http://localhost/app.git".into())),
            ("http://[::1]:80/app.git", Address::Https("http://[::1]:80/app.git".into())),
        ];
        for (text, address) in table {
            assert_eq!(parse(text, Path::new("/base")), Ok(address), "{text}");
        }
    }

    #[test]
    fn refuses_what_git_or_ssh_could_read_as_something_else() {
        for text in [
            "",
            "-oProxyCommand=x:app",
            "--upload-pack=x",
            "-x/app",
            "git@-oProxyCommand=x:app",
            "-git@host:app",
            "ssh://-oProxyCommand=x/app",
            "ssh://-u@host/app",
            "ssh://git:x@host/app",
            "ssh://host:0/app",
            "ssh://host:65536/app",
            "ssh://host:+22/app",
            "ssh://host:/app",
            "ssh://host",
            "ssh://host/",
            "ssh:///app",
            "ssh://[::1/app",
            "ssh://[::1]x/app",
            "ssh://[host]/app",
            "ssh://ho st/app",
            "host:-app",
            "host:",
            ":app",
            "git@host:2222/app.git",
            "git://host/app.git",
            "ext::sh -c x",
            "fd::17",
            "transport::address",
            "ftp://host/app",
            "file://host/app",
            "file:///a%20b",
            "https://token@github.com/acme/app",
            "https://user:x@github.com/acme/app",
            "https://-x/app",
            "https://github.com",
            "https://github.com/",
            "https:///app",
            "https://host/app?x=y",
            "https://host/app#x",
            "https://host/a b",
            "http://example.com/app.git",
            "http://127.0.0.1.example.com/app.git",
            "http://localhost@example.com/app.git",
            "/srv/a\nb",
            "/srv/a\u{202e}b",
            "/srv/a\0b",
            "host:a\rb",
            "~/app.git",
        ] {
            assert!(parse(text, Path::new("/base")).is_err(), "{text:?}: {:?}", parse(text, Path::new("/base")));
        }
    }
}
