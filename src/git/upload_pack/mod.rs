//! Serving a fetch: git's own upload-pack over the mirror's objects and the refs this principal may see, no others.
//!
//! upload-pack gets a repository made for this one fetch: a HEAD and a `packed-refs` with the visible refs alone.
//! With `transfer.hideRefs` on the mirror itself a ref that appears between our look and git's would be shown.
//!
//! upload-pack takes from a client more than it has shown, so [`wants`] looks at what is asked for on its way there.

mod wants;

use crate::git::command::{CommandError, GitCommand, Running};
use crate::git::mirror::{Mirror, MirrorError, RefMap, SERVE_DIR};
use crate::model::{Limits, ObjectId, RefName};
use crate::wire::pkt_line;
use std::io::{self, Read, Write};
use std::path::Path;
use std::process::ChildStdout;
use tempfile::TempDir;
use wants::{Stop, Wants};

/// The version of git's protocol the client asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FetchProtocol {
    V0,
    V1,
    V2,
}

/// A fetch could not be served to its end.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    #[error(transparent)]
    Mirror(#[from] MirrorError),
    #[error("git cannot be started or did not finish")]
    Command(#[from] CommandError),
    #[error("what upload-pack works on cannot be prepared")]
    Disk(#[source] io::Error),
    #[error("the client went away")]
    ClientGone(#[source] io::Error),
    #[error("the client sent what is not git's protocol")]
    Malformed,
    #[error("the client asked for an object it may not have")]
    NotVisible(ObjectId),
    #[error("upload-pack failed")]
    Failed,
}

const CONFIG: &str = "\
[core]
\trepositoryformatversion = 0
\tbare = true
";

/// Serves one `git-upload-pack` conversation from the mirror as it is now; blocking.
///
/// Returns once git has ended and `input` has: a client closes its side when it has what it wants. The caller's
/// reader must give up after the idle time.
pub fn serve(
    mirror: &Mirror,
    visible: impl Fn(&RefName) -> bool,
    protocol: FetchProtocol,
    input: &mut (dyn Read + Send),
    output: &mut (dyn Write + Send),
    limits: &Limits,
) -> Result<(), ServeError> {
    let mut refs = mirror.refs();
    refs.retain(|name, _| visible(name));
    let head = mirror.last_head().filter(|head| visible(head));
    let repository = snapshot(mirror, head.as_ref(), &refs).map_err(ServeError::Disk)?;
    let running = spawn(mirror, repository.path(), protocol, limits)?;
    let mut wants = Wants::new(mirror, refs, limits);
    let end = converse(running, &mut wants, input, output);
    if let Err(ServeError::NotVisible(id)) = end {
        // git's own words for an object it does not have: the answer must not tell which of the two it is.
        let refused = pkt_line::write(output, format!("ERR upload-pack: not our ref {id}").as_bytes())
            .and_then(|()| output.flush());
        refused.map_err(ServeError::ClientGone)?;
    }
    end
}

/// A repository with these refs and no objects of its own.
fn snapshot(mirror: &Mirror, head: Option<&RefName>, refs: &RefMap) -> io::Result<TempDir> {
    let dir = tempfile::tempdir_in(mirror.dir().join(SERVE_DIR))?;
    let mut packed = b"# pack-refs with: sorted \n".to_vec();
    for (name, id) in refs {
        writeln!(packed, "{id} {}", name.as_bstr())?;
    }
    // A branch that is not there and not told: HEAD is then not shown at all.
    let head = head.map_or(&b"refs/heads/main"[..], |head| head.as_bstr());
    std::fs::create_dir(dir.path().join("refs"))?;
    std::fs::write(dir.path().join("packed-refs"), packed)?;
    std::fs::write(dir.path().join("config"), CONFIG)?;
    std::fs::write(dir.path().join("HEAD"), [b"ref: ", head, b"\n"].concat())?;
    Ok(dir)
}

fn spawn(mirror: &Mirror, dir: &Path, protocol: FetchProtocol, limits: &Limits) -> Result<Running, CommandError> {
    let mut command = GitCommand::git("upload-pack")?;
    match protocol {
        FetchProtocol::V0 => {}
        FetchProtocol::V1 => drop(command.env("GIT_PROTOCOL", "version=1")),
        FetchProtocol::V2 => drop(command.env("GIT_PROTOCOL", "version=2")),
    }
    command.env("GIT_OBJECT_DIRECTORY", mirror.objects_dir());
    command.setting("safe.directory", dir).setting("uploadpack.allowFilter", "true");
    command.arg("--strict").arg(format!("--timeout={}", limits.idle_time_max.as_secs().max(1)));
    command.arg("--").arg(dir);
    command.spawn(limits.fetch_time_max)
}

/// Copies both ways until both sides have ended.
fn converse(
    mut running: Running,
    wants: &mut Wants<'_>,
    input: &mut (dyn Read + Send),
    output: &mut (dyn Write + Send),
) -> Result<(), ServeError> {
    let (stdin, stdout) = running.pipes()?;
    let kill = running.killer();
    let (asked, answered) = std::thread::scope(|scope| {
        let asking = scope.spawn(|| {
            let asked = wants.copy(input, stdin);
            if asked.is_err() {
                kill();
            }
            asked
        });
        let answered = copy_answers(stdout, output);
        if answered.is_err() {
            kill();
        }
        (asking.join().unwrap_or(Err(Stop::Malformed)), answered)
    });
    let status = running.wait();
    answered.map_err(ServeError::ClientGone)?;
    match asked {
        Err(Stop::NotVisible(id)) => return Err(ServeError::NotVisible(id)),
        Err(Stop::Malformed) => return Err(ServeError::Malformed),
        Err(Stop::Input(e)) => return Err(ServeError::ClientGone(e)),
        // upload-pack had all it needed, or its status says why not.
        Ok(()) => {}
    }
    if status?.success() { Ok(()) } else { Err(ServeError::Failed) }
}

const BUFFER_BYTES: usize = 64 * 1024;

fn copy_answers(mut stdout: ChildStdout, output: &mut (dyn Write + Send)) -> io::Result<()> {
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        let n = read_some(&mut stdout, &mut buffer)?;
        let bytes = buffer.get(..n).unwrap_or_default();
        if bytes.is_empty() {
            return Ok(());
        }
        output.write_all(bytes)?;
        output.flush()?;
    }
}

fn read_some(input: &mut (impl Read + ?Sized), buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match input.read(buffer) {
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}
