//! `refgate verify`: proves offline that a commit came through a gate, from what was fetched and a trust file.
//!
//! Reads the repository and believes nothing in it. The judgement is `evidence`'s; here are files, words and exit codes.

mod fetched;
mod json;
mod report;
mod text;

use super::{cannot, complain, print};
use crate::evidence::{LogTrust, OnReturn, ResourceUri, Trust};
use crate::model::{ObjectId, RefName, RepoName};
use clap::{Args, ValueEnum};
use fetched::Fetched;
use jiff::{SignedDuration, Timestamp};
use report::{Report, Verdict};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

const NOTES_DEFAULT: &str = "refs/notes/refgate";
const LOG_DEFAULT: &str = "refs/refgate/log";

/// How much is proven. Each level holds what those before it hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Level {
    /// The gate has signed that the commit may be on the ref.
    #[value(name = "A")]
    A,
    /// Its decision is in the log, which enough witnesses have seen.
    #[value(name = "B")]
    B,
    /// Every move of the ref from a trusted base to the commit was decided by the gate.
    #[value(name = "C")]
    C,
}

impl Level {
    fn as_str(self) -> &'static str {
        match self {
            Self::A => "A",
            Self::B => "B",
            Self::C => "C",
        }
    }
}

#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// The commit: a full id, a ref, HEAD or FETCH_HEAD.
    #[arg(default_value = "HEAD")]
    pub commit: String,
    /// The trust file; from outside of the tree under test.
    #[arg(long, value_name = "FILE", env = "REFGATE_TRUST")]
    pub trust: PathBuf,
    /// The ref that the commit is to be on, in full.
    #[arg(long = "ref", value_name = "REF")]
    pub ref_name: String,
    /// Which repository of the trust file, if it has several.
    #[arg(long, value_name = "NAME")]
    pub repo: Option<String>,
    /// The repository.
    #[arg(short = 'C', value_name = "DIR", default_value = ".")]
    pub dir: PathBuf,
    /// The notes commit.
    #[arg(long, value_name = "REV", default_value = NOTES_DEFAULT)]
    pub notes: String,
    /// The commit with the log.
    #[arg(long, value_name = "REV", default_value = LOG_DEFAULT)]
    pub log: String,
    /// How much is to be proven.
    #[arg(long, value_name = "LEVEL", value_enum, ignore_case = true, default_value = "A")]
    pub level: Level,
    /// For level C: where the chain may begin, a commit whose state is trusted.
    #[arg(long, value_name = "COMMIT")]
    pub since: Option<String>,
    /// For level C: let a policy come back that another had replaced.
    #[arg(long)]
    pub allow_policy_return: bool,
    /// Not older than this: 30min, 2h, 7d or seconds. At level A it is the decision's age, else that of the witnesses'
    /// cosignatures.
    #[arg(long, value_name = "DURATION")]
    pub max_age: Option<String>,
    /// One JSON object.
    #[arg(long)]
    pub json: bool,
}

/// Why nothing could be checked; that proves nothing either.
#[derive(Debug, thiserror::Error)]
enum Cannot {
    #[error("--trust {}: {error}", file.display())]
    TrustRead { file: PathBuf, error: std::io::Error },
    #[error("{0}")]
    Trust(String),
    #[error("{0}")]
    Usage(String),
    #[error("there is no commit {} here{}", .0, shallow(.0))]
    Commit(String),
    #[error("no notes were fetched: there is no {rev} here{}", fetch(rev, ":\n  "))]
    Notes { rev: String },
    #[error(transparent)]
    Read(#[from] fetched::FetchedError),
}

impl Cannot {
    /// One word for programs; stable.
    fn code(&self) -> &'static str {
        match self {
            Self::TrustRead { .. } | Self::Trust(_) => "trust-file",
            Self::Usage(_) => "usage",
            Self::Commit(_) => "no-commit",
            Self::Notes { .. } => "no-notes",
            Self::Read(_) => "repository",
        }
    }
}

fn shallow(revision: &str) -> &'static str {
    if ObjectId::from_hex(revision.as_bytes()).is_ok() { "; a shallow clone has only what was fetched" } else { "" }
}

/// The command that brings a ref, if the revision is one.
fn fetch(rev: &str, before: &str) -> String {
    if rev.starts_with("refs/") { format!("{before}git fetch --depth=1 origin {rev}:{rev}") } else { String::new() }
}

/// What is asked, read.
struct Asked {
    level: Level,
    repo: Option<RepoName>,
    ref_name: RefName,
    commit: ObjectId,
    tree: ObjectId,
    resource: ResourceUri,
    trust: Trust,
    log_trust: Option<LogTrust>,
    since: Option<ObjectId>,
    on_return: OnReturn,
    age_max: Option<Duration>,
    now: Timestamp,
}

pub fn run(args: &VerifyArgs) -> ExitCode {
    match verify(args) {
        Ok(report) => tell(args, &report),
        Err(why) if args.json => {
            print(&format!("{}\n", json::cannot(args, &why)));
            ExitCode::from(2)
        }
        Err(why) => cannot(format!("cannot check: {why}")),
    }
}

fn verify(args: &VerifyArgs) -> Result<Report, Cannot> {
    let trust = read_trust(&args.trust)?;
    let fetched = Fetched::open(&args.dir)?;
    let asked = asked(args, trust, &fetched)?;
    let notes = fetched.commit_of_gate(&args.notes)?.ok_or_else(|| Cannot::Notes { rev: args.notes.clone() })?;
    let log = fetched.commit_of_gate(&args.log)?;
    if fetched.has_file(&asked.commit, &args.trust)? {
        let file = args.trust.display();
        complain(&format!(
            "refgate: warning: {file} is part of the tree under test: who changes one can change both\n"
        ));
    }
    Ok(report::make(&asked, &fetched, notes, log)?)
}

fn read_trust(file: &Path) -> Result<Trust, Cannot> {
    let text = std::fs::read_to_string(file);
    let text = text.map_err(|error| Cannot::TrustRead { file: file.to_owned(), error })?;
    let trust = Trust::parse(&file.display().to_string(), &text);
    trust.map_err(|problems| Cannot::Trust(format!("the trust file cannot be used\n{problems}").trim_end().to_owned()))
}

fn asked(args: &VerifyArgs, trust: Trust, fetched: &Fetched) -> Result<Asked, Cannot> {
    let usage = |why: &str| Cannot::Usage(why.to_owned());
    let ref_name = RefName::parse(args.ref_name.as_bytes()).ok();
    let ref_name = ref_name.ok_or_else(|| usage("--ref is a full name, such as refs/heads/main"))?;
    let repo = args.repo.as_deref().map(RepoName::parse).transpose();
    let repo = repo.map_err(|error| Cannot::Usage(format!("--repo: {error}")))?;
    let resource = trust.resource(repo.as_ref()).map_err(|error| Cannot::Usage(error.to_string()))?.clone();
    let age_max = args.max_age.as_deref().map(|text| duration(text).ok_or_else(|| usage("--max-age: 30min, 2h or 7d")));
    let log_trust = trust.log.as_ref().map(LogTrust::read).transpose();
    let log_trust = log_trust.map_err(|error| Cannot::Trust(format!("the trust file cannot be used: {error}")))?;
    let named = |rev: &String| fetched.commit(rev)?.ok_or_else(|| Cannot::Commit(rev.clone()));
    let commit = named(&args.commit)?;
    // A base need not be here: a shallow clone has the chain in its notes only.
    let since =
        args.since.as_ref().map(|rev| ObjectId::from_hex(rev.as_bytes()).or_else(|_| named(rev))).transpose()?;
    Ok(Asked {
        level: args.level,
        repo,
        ref_name,
        commit,
        tree: fetched.tree(&commit)?,
        resource,
        trust,
        log_trust,
        since,
        on_return: if args.allow_policy_return { OnReturn::Allow } else { OnReturn::Break },
        age_max: age_max.transpose()?,
        now: Timestamp::now(),
    })
}

/// `30min`, `2h`, `7d`, or a number of seconds.
fn duration(text: &str) -> Option<Duration> {
    let number = |text: &str| text.parse::<u64>().ok();
    if let Some(seconds) = number(text) {
        return Some(Duration::from_secs(seconds));
    }
    if let Some(days) = text.strip_suffix('d').and_then(number) {
        return Some(Duration::from_secs(days.checked_mul(86_400)?));
    }
    text.parse::<SignedDuration>().ok()?.try_into().ok()
}

fn tell(args: &VerifyArgs, report: &Report) -> ExitCode {
    let verdict = report.verdict();
    if args.json {
        print(&format!("{}\n", json::report(args, report)));
    } else {
        let text = text::report(args, report);
        match verdict {
            Verdict::Proven => print(&text),
            Verdict::NotProven | Verdict::CannotCheck => complain(&text),
        }
    }
    ExitCode::from(match verdict {
        Verdict::Proven => 0,
        Verdict::NotProven => 1,
        Verdict::CannotCheck => 2,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_is_seconds_or_has_a_unit() {
        for (text, seconds) in [
            ("600", Some(600)),
            ("0", Some(0)),
            ("30min", Some(1800)),
            ("2h", Some(7200)),
            ("7d", Some(604_800)),
            ("-1h", None),
            ("-1", None),
            ("", None),
            ("soon", None),
            ("18446744073709551615d", None),
        ] {
            assert_eq!(duration(text), seconds.map(Duration::from_secs), "{text}");
        }
    }
}
