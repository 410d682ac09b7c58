//! Our side of git-receive-pack, over a local process or ssh (gitprotocol-pack, "Pushing Data To a Server").

use super::pack::Pack;
use super::settle::Told;
use super::{ForwardError, Outcome, Rejection, reason};
use crate::config::Upstream;
use crate::git::UpstreamError;
use crate::git::command::{GitCommand, Running};
use crate::git::upstream::destination;
use crate::model::{Limits, ObjectId, RefName, RefUpdate};
use crate::wire::advertisement::{self, Advertisement, AdvertisementError};
use crate::wire::report::{self, Report, Status};
use crate::wire::sideband::{self, Band};
use crate::wire::{command, pkt_line};
use bstr::BString;
use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::path::Path;
use std::process::{ChildStdin, ChildStdout};
use std::time::Duration;

/// A receive-pack at the upstream that has told its refs and waits for commands.
pub(super) struct ReceivePack {
    running: Running,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
    advertisement: Advertisement,
}

/// For the upstream to be reached and to tell its refs.
const REFS_TIME_MAX: Duration = Duration::from_secs(120);
/// The most refs an upstream may have.
const REFS_MAX: usize = 1_000_000;
/// About a hundred bytes for each of a million refs.
const REPORT_BYTES_MAX: usize = 100 * 1024 * 1024;

impl ReceivePack {
    pub fn open(upstream: &Upstream, limits: &Limits, lock: Option<&File>) -> Result<Self, ForwardError> {
        let mut command = start(upstream)?;
        if let Some(lock) = lock {
            command.share_lock(lock)?;
        }
        let mut running = command.spawn(REFS_TIME_MAX.min(limits.forward_time_max))?;
        let (stdin, stdout) = running.pipes()?;
        let mut stdout = BufReader::with_capacity(64 * 1024, stdout);
        let mut heard = Heard { input: &mut stdout, start: Vec::new() };
        let advertisement = advertisement::parse(&mut heard, REFS_MAX);
        let heard = heard.start;
        let advertisement = match advertisement {
            Ok(advertisement) => advertisement,
            Err(error) => return Err(refs_error(error, &heard, running).into()),
        };
        if advertisement.value("object-format").is_some_and(|format| format != b"sha1") {
            return Err(UpstreamError::ObjectFormat.into());
        }
        // It stays for as long as a push may be received and judged.
        running.limit(limits.connection_time_max.max(limits.receive_time_max.saturating_add(limits.judge_time_max)));
        Ok(Self { running, stdin, stdout, advertisement })
    }

    pub fn refs(&self) -> &[(RefName, ObjectId)] {
        &self.advertisement.refs
    }

    pub fn take_refs(&mut self) -> Vec<(RefName, ObjectId)> {
        std::mem::take(&mut self.advertisement.refs)
    }

    pub fn can(&self, capability: &str) -> bool {
        self.advertisement.has(capability)
    }

    pub fn is_alive(&self) -> bool {
        !self.running.has_ended()
    }

    /// Sends commands and pack, and reads the report. Fails only as long as nothing has been sent.
    pub fn push(
        mut self,
        updates: &[RefUpdate],
        pack: Option<&Pack>,
        push_options: &[BString],
        limits: &Limits,
        relay: &mut dyn FnMut(&[u8]),
    ) -> Result<Reported, ForwardError> {
        let capabilities = self.capabilities(updates, push_options)?;
        self.running.limit(limits.forward_time_max);
        let mut commands = Vec::new();
        let written = command::write_updates(&mut commands, updates, &capabilities);
        written.map_err(|_| ForwardError::Upstream(UpstreamError::Malformed))?;
        if capabilities.ends_with(PUSH_OPTIONS) {
            write_options(&mut commands, push_options).map_err(|_| UpstreamError::Malformed)?;
        }
        let (sideband, stdin, stdout) = (self.advertisement.has(SIDE_BAND), self.stdin, &mut self.stdout);
        let report = std::thread::scope(|scope| {
            scope.spawn(move || send(stdin, &commands, pack));
            read_report(stdout, sideband, relay)
        });
        match self.running.wait() {
            Ok(status) => tracing::debug!(%status, "the upstream's receive-pack has ended"),
            Err(e) => tracing::warn!(error = %e, "the upstream's receive-pack did not end well"),
        }
        Ok(Reported::new(report))
    }

    fn capabilities(&self, updates: &[RefUpdate], push_options: &[BString]) -> Result<String, ForwardError> {
        let has = |name| self.advertisement.has(name);
        let mut list = match (has("report-status-v2"), has("report-status")) {
            (true, _) => "report-status-v2".to_owned(),
            (false, true) => "report-status".to_owned(),
            (false, false) => return Err(ForwardError::NoReport),
        };
        if updates.len() > 1 && !has("atomic") {
            return Err(ForwardError::NoAtomic);
        }
        if updates.iter().any(|update| update.new.is_none()) && !has("delete-refs") {
            return Err(ForwardError::NoDelete);
        }
        for name in [SIDE_BAND, "quiet", "atomic"].into_iter().filter(|name| has(name)) {
            list.push(' ');
            list.push_str(name);
        }
        if self.advertisement.value("object-format").is_some() {
            list.push_str(" object-format=sha1");
        }
        if self.advertisement.value("agent").is_some() {
            list.push_str(concat!(" agent=refgate/", env!("CARGO_PKG_VERSION")));
        }
        if !push_options.is_empty() && has(PUSH_OPTIONS) {
            list.push(' ');
            list.push_str(PUSH_OPTIONS);
        }
        Ok(list)
    }
}

const SIDE_BAND: &str = "side-band-64k";
const PUSH_OPTIONS: &str = "push-options";

fn start(upstream: &Upstream) -> Result<GitCommand, ForwardError> {
    if let Some(destination) = destination(upstream) {
        return Ok(destination.command("git-receive-pack").map_err(UpstreamError::from)?);
    }
    if let Upstream::Own { path } = upstream {
        let mut command = GitCommand::own_git("receive-pack")?;
        command.arg(absolute(path)?);
        return Ok(command);
    }
    let Upstream::Local { path } = upstream else { return Err(UpstreamError::Malformed.into()) };
    let mut command = GitCommand::bare_git("receive-pack")?;
    // The operator named the repository; who owns it does not matter. Its hooks see only these names.
    for dir in [path.clone(), path.join(".git")] {
        let dir = dir.canonicalize().unwrap_or(dir);
        command.setting("safe.directory", dir);
    }
    command.arg(absolute(path)?);
    Ok(command)
}

/// An absolute path cannot be taken for an option.
fn absolute(path: &Path) -> Result<&Path, UpstreamError> {
    if path.is_absolute() { Ok(path) } else { Err(crate::git::ssh::AddressError::Path.into()) }
}

/// Keeps the start of what is read, to tell a sha256 upstream from one that talks nonsense.
struct Heard<'a, R> {
    input: &'a mut R,
    start: Vec<u8>,
}

impl<R: Read> Read for Heard<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.input.read(buffer)?;
        if self.start.len() < 4096 {
            self.start.extend(buffer.iter().take(n));
        }
        Ok(n)
    }
}

fn refs_error(error: AdvertisementError, heard: &[u8], mut running: Running) -> UpstreamError {
    use crate::git::CommandError;
    if bstr::ByteSlice::contains_str(heard, "object-format=sha256") {
        return UpstreamError::ObjectFormat;
    }
    tracing::debug!(%error, "the upstream did not tell its refs");
    running.limit(Duration::from_secs(2));
    match (running.wait(), error) {
        (Err(CommandError::TimedOut), _) if heard.is_empty() => UpstreamError::TimedOut,
        (Ok(status), _) if !status.success() => UpstreamError::Unreachable(CommandError::Failed(status)),
        (_, AdvertisementError::Ended) => {
            UpstreamError::Unreachable(CommandError::Pipe(io::ErrorKind::UnexpectedEof.into()))
        }
        (_, _) => UpstreamError::Malformed,
    }
}

fn write_options(output: &mut Vec<u8>, options: &[BString]) -> io::Result<()> {
    options.iter().try_for_each(|option| pkt_line::write(output, option))?;
    pkt_line::write_flush(output)
}

/// What cannot be sent shows in the report, or in its absence.
fn send(mut stdin: ChildStdin, commands: &[u8], pack: Option<&Pack>) {
    let sent = stdin.write_all(commands).and_then(|()| pack.map_or(Ok(()), |pack| pack.write_to(&mut stdin)));
    if let Err(e) = sent.and_then(|()| stdin.flush()) {
        tracing::debug!(error = %e, "the upstream did not read the whole push");
    }
}

fn read_report(input: &mut impl Read, sideband: bool, relay: &mut dyn FnMut(&[u8])) -> Option<Report> {
    let report = if sideband {
        let other = |band: Band, bytes: &[u8]| match band {
            Band::Progress | Band::Error => relay(bytes),
            Band::Data => {}
        };
        let data = sideband::read_to_end(input, REPORT_BYTES_MAX, other);
        data.map_err(|e| e.to_string()).and_then(|data| report::parse(&data[..]).map_err(|e| e.to_string()))
    } else {
        report::parse(input.take(REPORT_BYTES_MAX as u64)).map_err(|e| e.to_string())
    };
    report.map_err(|error| tracing::warn!(%error, "the upstream did not report")).ok()
}

/// What the upstream said of a push, which may be nothing.
pub(super) struct Reported {
    pub refs: Told,
    unpack_failed: bool,
}

impl Reported {
    fn new(report: Option<Report>) -> Self {
        let Some(report) = report else { return Self { refs: Told::new(), unpack_failed: false } };
        let unpack_failed = report.unpack.is_err();
        let outcome = |status| match status {
            Status::Ok(options) => Outcome::Ok(options),
            Status::Rejected(text) => Outcome::Rejected { class: Rejection::Refused, reason: reason(&text) },
        };
        let refs = report.refs.into_iter().map(|(name, status)| (name, outcome(status))).collect();
        Self { refs, unpack_failed }
    }

    /// Whether a pack that brings more could help. The words are git's fixed ones, and only a second try hangs on them.
    pub fn lacks_objects(&self) -> bool {
        let none_ok = !self.refs.values().any(|outcome| matches!(outcome, Outcome::Ok(_)));
        let lacks = |outcome: &Outcome| matches!(outcome, Outcome::Rejected { reason, .. } if reason == "missing necessary objects");
        none_ok && (self.unpack_failed || self.refs.values().any(lacks))
    }
}
