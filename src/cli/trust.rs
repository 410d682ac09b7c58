//! `refgate trust export`: the trust file of this gate, from its settings and keys. Makes no key.

use super::{DONE, Failure, cannot, load, print};
use crate::config::Config;
use crate::evidence::{Identity, KeyError, KeyPurpose, Keys, LogIdentity, LogTrust, Trust, TrustedLog};
use clap::{Args, Subcommand};
use jiff::Timestamp;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(Debug, Subcommand)]
pub enum TrustCommand {
    /// Write refgate.trust: what proves that a commit came through this gate.
    Export(ExportArgs),
}

#[derive(Debug, Args)]
pub struct ExportArgs {
    /// The data directory, instead of the settings' one.
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Write refgate.trust, refgate.trust.json, allowed_signers and the keys as PEM into this directory [default: only
    /// refgate.trust, to stdout].
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// How many of the witnesses must have seen a checkpoint [default: more than half].
    #[arg(long, value_name = "N")]
    pub quorum: Option<usize>,
}

pub fn export(config: &Path, args: &ExportArgs) -> ExitCode {
    match load(config) {
        Ok(config) => write(&config, args).unwrap_or_else(cannot),
        Err(code) => code,
    }
}

fn write(config: &Config, args: &ExportArgs) -> Result<ExitCode, Failure> {
    let now = Timestamp::now();
    let data = args.data.as_deref().unwrap_or(&config.data);
    let keys = open(&data.join("keys"))?;
    let current = keys.at(KeyPurpose::Statements, now)?.public();
    let trust = trust(config, data, &keys, args.quorum, now)?;
    match &args.out {
        None => print(&trust.to_toml()),
        Some(out) => {
            std::fs::create_dir_all(out).map_err(|error| format!("{}: {error}", out.display()))?;
            let mut files = vec![
                ("refgate.trust".to_owned(), trust.to_toml()),
                ("refgate.trust.json".to_owned(), trust.to_json()),
                ("allowed_signers".to_owned(), trust.to_allowed_signers()),
                ("att.pem".to_owned(), current.to_pem()),
            ];
            files.extend(trust.to_pems().into_iter().map(|(keyid, pem)| (format!("{}.pem", file_name(&keyid)), pem)));
            for (name, text) in files {
                let path = out.join(name);
                std::fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))?;
            }
        }
    }
    Ok(DONE)
}

fn open(dir: &Path) -> Result<Keys, Failure> {
    match Keys::open_read_only(dir) {
        Err(KeyError::Io(_, error)) if error.kind() == ErrorKind::NotFound => {
            Err(format!("{}: there are no keys yet; the gate makes them when it starts", dir.display()).into())
        }
        keys => Ok(keys?),
    }
}

fn trust(config: &Config, data: &Path, keys: &Keys, quorum: Option<usize>, now: Timestamp) -> Result<Trust, Failure> {
    let identity = Identity::new(&config.domain);
    let repos = config.repos.iter().map(|(name, repo)| (name.clone(), repo.resource.clone())).collect();
    let log = log(config, data, &identity, keys, quorum, now)?;
    let trust = identity.trust(keys, repos, log);
    // What cannot be read again is not handed out.
    let read = Trust::parse("the trust file", &trust.to_toml()).map_err(|problems| problems.to_string())?;
    read.log.as_ref().map(LogTrust::read).transpose()?;
    Ok(trust)
}

fn log(
    config: &Config,
    data: &Path,
    identity: &Identity,
    keys: &Keys,
    quorum: Option<usize>,
    now: Timestamp,
) -> Result<Option<TrustedLog>, Failure> {
    let Some(log) = LogIdentity::at(identity, keys, now)? else { return Ok(None) };
    let checkpoint = checkpoint(&data.join("log").join(log.epoch.to_string()).join("checkpoint"))?;
    let witnesses: Vec<_> = config.witnesses.iter().map(|witness| &witness.key).collect();
    Ok(Some(log.trusted(&witnesses, quorum, checkpoint)?))
}

/// The newest checkpoint; `None` before the log has one.
fn checkpoint(path: &Path) -> Result<Option<String>, Failure> {
    const BYTES_MAX: u64 = 1 << 18;
    let fail = |error: std::io::Error| format!("{}: {error}", path.display());
    let file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(fail(error).into()),
    };
    let mut text = String::new();
    file.take(BYTES_MAX).read_to_string(&mut text).map_err(fail)?;
    Ok(Some(text))
}

/// A fingerprint without what a file's name or a shell takes amiss: the colon, and base64's `/` and `+`.
fn file_name(keyid: &str) -> String {
    keyid.replace([':', '+'], "-").replace('/', "_")
}
