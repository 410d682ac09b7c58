//! Reaching an upstream by git's own transports: what it has, and what the mirror lacks of it.

use crate::config::Upstream;
use crate::git::command::{CommandError, GitCommand};
use crate::git::credential::{self, CredentialError};
use crate::git::ssh::{AddressError, Destination, OpenError};
use crate::model::{Limits, ObjectId, RefName};
use bstr::ByteSlice;
use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;
use tempfile::NamedTempFile;

/// The upstream could not be asked. The texts are safe to show to anyone: no output, path or credential is in them.
#[derive(Debug, thiserror::Error)]
pub enum UpstreamError {
    #[error("the upstream cannot be reached or does not let refgate in")]
    Unreachable(#[source] CommandError),
    #[error("the upstream took too long")]
    TimedOut,
    #[error("the upstream uses sha256 object ids; refgate handles sha1 only")]
    ObjectFormat,
    #[error("the upstream's answer is not understood")]
    Malformed,
    #[error("the upstream moved while it was read; try again")]
    Moved,
    #[error("there is no credential for the upstream")]
    Credential(#[source] CredentialError),
    #[error("the upstream's address is refused")]
    Address(#[from] AddressError),
    #[error("refgate cannot start git or ssh")]
    Internal(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl From<CommandError> for UpstreamError {
    fn from(error: CommandError) -> Self {
        match error {
            CommandError::TimedOut => Self::TimedOut,
            CommandError::TooMuchOutput => Self::Malformed,
            CommandError::Failed(_) | CommandError::Pipe(_) => Self::Unreachable(error),
            CommandError::NotFound(_) | CommandError::Spawn(_) => Self::Internal(error.into()),
        }
    }
}

impl From<OpenError> for UpstreamError {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Address(error) => Self::Address(error),
            OpenError::Command(error) => error.into(),
            OpenError::File(error) => Self::Internal(error.into()),
        }
    }
}

/// What an upstream has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Refs {
    /// The branch HEAD points to; `None` if it points to none, or to one that is not there yet.
    pub head: Option<RefName>,
    /// In the order of the upstream.
    pub refs: Vec<(RefName, ObjectId)>,
}

/// For an upstream to tell its refs.
const REFS_TIME_MAX: Duration = Duration::from_secs(120);
/// About a million refs.
const REFS_BYTES_MAX: u64 = 128 * 1024 * 1024;

/// Asks for HEAD, branches, tags, and where evidence is by default.
pub fn ls_remote(upstream: &Upstream, limits: &Limits) -> Result<Refs, UpstreamError> {
    Ok(mirrored(ls_remote_all(upstream, limits)?))
}

fn mirrored(mut all: Refs) -> Refs {
    all.refs.retain(|(name, _)| is_mirrored(name) || is_for_evidence(name));
    all
}

/// Asks for HEAD and all refs, as a push to an upstream of another kind is told of them.
pub fn ls_remote_all(upstream: &Upstream, limits: &Limits) -> Result<Refs, UpstreamError> {
    let mut command = GitCommand::git("ls-remote")?;
    let reached = Reached::by(&mut command, upstream)?;
    command.args(["--symref", "--"]).arg(&reached.url);
    let output = command.run(b"", REFS_TIME_MAX.min(limits.fetch_time_max), REFS_BYTES_MAX)?;
    parse_refs(&output)
}

/// Reads the output of `git ls-remote --symref`.
fn parse_refs(output: &[u8]) -> Result<Refs, UpstreamError> {
    let mut refs = Refs::default();
    for line in output.split(|b| *b == b'\n').filter(|line| !line.is_empty()) {
        let (left, name) = line.split_once_str("\t").ok_or(UpstreamError::Malformed)?;
        if let Some(target) = left.strip_prefix(b"ref: ") {
            if name == b"HEAD" {
                refs.head = RefName::parse(target).ok();
            }
            continue;
        }
        if left.len() == 64 {
            return Err(UpstreamError::ObjectFormat);
        }
        let id = ObjectId::from_hex(left).map_err(|_| UpstreamError::Malformed)?;
        // HEAD itself and peeled tags are no names of refs.
        if let Ok(name) = RefName::parse(name) {
            refs.refs.push((name, id));
        }
    }
    Ok(refs)
}

/// Where the gate keeps evidence: not mirrored, but it has to know what is there.
fn is_for_evidence(name: &RefName) -> bool {
    ["refs/notes/", "refs/refgate/"].iter().any(|place| name.as_bstr().starts_with(place.as_bytes()))
}

/// Whether refgate takes part in this ref at all.
#[must_use]
pub fn is_mirrored(name: &RefName) -> bool {
    name.is_branch() || name.is_tag()
}

/// Fetches the named refs' objects into the mirror at `git_dir`. No ref is written: the mirror does that itself.
pub fn fetch(git_dir: &Path, upstream: &Upstream, names: &[&RefName], limits: &Limits) -> Result<(), UpstreamError> {
    let mut command = GitCommand::git("fetch")?;
    let reached = Reached::by(&mut command, upstream)?;
    command.git_dir(git_dir);
    // A pack appears in the object directory whole or not at all; loose objects would not.
    command.setting("fetch.unpackLimit", "1").setting("fetch.recurseSubmodules", "false");
    command.setting("fetch.writeCommitGraph", "false");
    command.args(["--quiet", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance", "--refmap="]);
    command.args(["--no-recurse-submodules", "--stdin", "--"]).arg(&reached.url);
    let mut input = Vec::new();
    for name in names {
        input.extend_from_slice(name.as_bstr());
        input.push(b'\n');
    }
    command.run(&input, limits.fetch_time_max, 1 << 20)?;
    Ok(())
}

/// How a git command gets to an upstream: the URL for its command line, and what must stay until it has ended.
#[derive(Debug)]
pub struct Reached {
    pub url: OsString,
    _file: Option<NamedTempFile>,
}

impl Reached {
    /// Allows `command` the upstream's transport, and no other, with our credential.
    pub fn by(command: &mut GitCommand, upstream: &Upstream) -> Result<Self, UpstreamError> {
        match upstream {
            Upstream::Local { path } | Upstream::Own { path } => {
                command.setting("protocol.file.allow", "always");
                let file = trust_any_owner()?;
                command.env("GIT_CONFIG_GLOBAL", file.path());
                Ok(Self { url: path.into(), _file: Some(file) })
            }
            Upstream::Ssh { .. } => {
                let destination = destination(upstream).ok_or(AddressError::Url)?;
                let mut file = NamedTempFile::new().map_err(|e| UpstreamError::Internal(e.into()))?;
                destination.use_for(command, &mut file)?;
                command.setting("protocol.ssh.allow", "always");
                let url = format!("{}:{}", super::ssh::HOST_ALIAS, destination.path);
                Ok(Self { url: url.into(), _file: Some(file) })
            }
            Upstream::Https { url, username, token } => {
                command.setting(allowed_scheme(url)?, "always");
                let header = credential::authorization(username, token).map_err(UpstreamError::Credential)?;
                if let Some(header) = header {
                    command.setting("http.extraHeader", header);
                }
                Ok(Self { url: url.into(), _file: None })
            }
        }
    }
}

/// The upload-pack that git starts for a local upstream does not see our settings, but this file it does.
///
/// The operator named the repository, and only that one is opened: whoever owns it.
fn trust_any_owner() -> Result<NamedTempFile, UpstreamError> {
    let write = || -> std::io::Result<NamedTempFile> {
        let mut file = NamedTempFile::new()?;
        std::io::Write::write_all(&mut file, b"[safe]\n\tdirectory = *\n")?;
        Ok(file)
    };
    write().map_err(|e| UpstreamError::Internal(e.into()))
}

/// The setting that allows a URL's scheme; plain http only where nobody can listen in.
fn allowed_scheme(url: &str) -> Result<&'static str, AddressError> {
    if url.chars().any(|c| c.is_control() || c == ' ') {
        return Err(AddressError::Url);
    }
    if url.strip_prefix("https://").is_some_and(|rest| !rest.starts_with(['-', '/'])) {
        return Ok("protocol.https.allow");
    }
    let rest = url.strip_prefix("http://").ok_or(AddressError::Url)?;
    let authority = rest.split('/').next().unwrap_or_default();
    let is_port = |port: &str| port.is_empty() || port.strip_prefix(':').is_some_and(|p| p.parse::<u16>().is_ok());
    if ["127.0.0.1", "localhost", "[::1]"].iter().any(|host| authority.strip_prefix(host).is_some_and(is_port)) {
        return Ok("protocol.http.allow");
    }
    Err(AddressError::PlainHttp)
}

/// The parts of an ssh upstream; `None` for the others.
#[must_use]
pub fn destination(upstream: &Upstream) -> Option<Destination<'_>> {
    match upstream {
        Upstream::Ssh { user, host, port, path, identity, known_hosts } => {
            Some(Destination { user: user.as_deref(), host, port: *port, path, identity, known_hosts })
        }
        Upstream::Local { .. } | Upstream::Own { .. } | Upstream::Https { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_ls_remote_prints() {
        let id = "a".repeat(40);
        let text = format!(
            "ref: refs/heads/main\tHEAD\n{id}\tHEAD\n{id}\trefs/heads/main\n{id}\trefs/pull/1/head\n\
             {id}\trefs/tags/v1\n{id}\trefs/tags/v1^{{}}\n"
        );
        let refs = parse_refs(text.as_bytes()).expect("well formed");
        assert_eq!(refs.head.as_ref().expect("a branch").to_string(), "refs/heads/main");
        let names = |refs: &Refs| refs.refs.iter().map(|(name, _)| name.to_string()).collect::<Vec<_>>();
        assert_eq!(names(&refs), ["refs/heads/main", "refs/pull/1/head", "refs/tags/v1"]);
        assert_eq!(names(&mirrored(refs)), ["refs/heads/main", "refs/tags/v1"]);
        assert_eq!(parse_refs(b"").expect("empty"), Refs::default());
    }

    #[test]
    fn refuses_other_formats() {
        let line = format!("{}\trefs/heads/main\n", "a".repeat(64));
        assert!(matches!(parse_refs(line.as_bytes()), Err(UpstreamError::ObjectFormat)));
        for bad in ["x", "abc\trefs/heads/a", &format!("{} refs/heads/a", "a".repeat(40))] {
            assert!(matches!(parse_refs(bad.as_bytes()), Err(UpstreamError::Malformed)), "{bad}");
        }
    }

    #[test]
    fn plain_http_is_for_loopback_only() {
        let https = Ok("protocol.https.allow");
        let http = Ok("protocol.http.allow");
        let table = [
            ("https://example.com/a.git", https),
            ("https://-x/a.git", Err(AddressError::Url)),
            ("http://127.0.0.1:80/a.git", http),
            ("http://[::1]:80/a.git", http),
            ("http://localhost/a", http),
            ("http://127.0.0.1.example.com/a", Err(AddressError::PlainHttp)),
            ("http://127.0.0.1@example.com/a", Err(AddressError::PlainHttp)),
            ("http://127.0.0.1:x@example.com/a", Err(AddressError::PlainHttp)),
            ("http://[::1].example.com/a", Err(AddressError::PlainHttp)),
            ("ftp://example.com/a", Err(AddressError::Url)),
            ("ext::sh -c x", Err(AddressError::Url)),
            ("https://example.com/a\nb", Err(AddressError::Url)),
        ];
        for (url, expected) in table {
            assert_eq!(allowed_scheme(url), expected, "{url}");
        }
    }
}
