//! The report for people: what is proven, and what is missing for more. Fits a screen.

use super::report::{ChainFound, LogFound, Report, Verdict};
use super::{Level, VerifyArgs, fetch};
use crate::evidence::{Base, Chain, Logged, Minimum, Proven, Seconds};
use jiff::Timestamp;
use std::fmt::Write;

pub fn report(args: &VerifyArgs, report: &Report) -> String {
    let mut text = head(report);
    if let Ok(proven) = &report.statement {
        // A String takes everything.
        let _ = statement(&mut text, proven);
        let _ = notes(&mut text, report);
    }
    if let LogFound::Logged(logged) = &report.log {
        let _ = log(&mut text, logged);
    }
    if let ChainFound::Whole(found) = &report.chain {
        let _ = chain(&mut text, found);
    }
    let _ = missing(&mut text, args, report);
    text
}

fn head(report: &Report) -> String {
    let (commit, name, asked) = (report.commit, &report.ref_name, report.asked.as_str());
    match (report.verdict(), report.reached(), report.missing()) {
        (Verdict::Proven, Some(level), _) => {
            format!("proven at level {}: {commit} may be {name} of {}\n", level.as_str(), report.resource)
        }
        (Verdict::CannotCheck, _, Some((_, why))) => format!("refgate: cannot check level {asked}: {why}\n"),
        (_, None, Some((_, why))) => format!("refgate: not proven: {why}\n"),
        (_, _, why) => {
            format!("refgate: not proven at level {asked}: {}\n", why.map_or_else(String::new, |(_, why)| why))
        }
    }
}

fn statement(text: &mut String, proven: &Proven) -> std::fmt::Result {
    let Proven { verifier_id, keyid, time, .. } = proven;
    writeln!(text, "  signed    by {verifier_id}, key {keyid}, {}", Seconds::floor(*time))?;
    write!(text, "  push      {}", proven.push_id)?;
    if let Some((name, kind)) = &proven.actor {
        write!(text, " of {name} ({kind})")?;
    }
    match proven.approvers.as_slice() {
        [] => writeln!(text, ", {}", proven.outcome)?,
        approvers => writeln!(text, ", {} by {}", proven.outcome, approvers.join(", "))?,
    }
    writeln!(text, "  levels    {}", proven.levels.join(" "))?;
    writeln!(text, "  policy    sha256 {}", proven.policy)
}

fn notes(text: &mut String, report: &Report) -> std::fmt::Result {
    match &report.notes_signed {
        None => Ok(()),
        Some(Ok(keyid)) => writeln!(text, "  notes     signed by key {keyid}"),
        Some(Err(why)) => writeln!(text, "  notes     NOT signed by the gate: {why}"),
    }
}

fn log(text: &mut String, logged: &Logged) -> std::fmt::Result {
    let Logged { origin, index, size, .. } = logged;
    writeln!(text, "  log       entry {index} of {size} in {origin}")?;
    let seen: Vec<String> = logged.cosigned.iter().map(|(name, time)| format!("{name} {}", at(*time))).collect();
    match seen.is_empty() {
        true => writeln!(text, "  witnesses none: only the gate itself says that the log was not rewritten")?,
        false => writeln!(text, "  witnesses {}", seen.join(", "))?,
    }
    match logged.minimum {
        Minimum::Unset | Minimum::Same | Minimum::Extended => Ok(()),
        Minimum::Unchecked => {
            writeln!(text, "  history   NOT checked against the trust file's checkpoint: the log has no hashes here")
        }
    }
}

fn chain(text: &mut String, chain: &Chain) -> std::fmt::Result {
    let base = match chain.base {
        Base::Created => "the ref was created".to_owned(),
        Base::Since(commit) => format!("it was at {commit}"),
    };
    writeln!(text, "  chain     {} moves since {base}, each decided by the gate", chain.moves)?;
    let policies: Vec<String> = chain.policies.iter().map(|digest| format!("{:.12}", digest.to_string())).collect();
    let shown = policies.len().saturating_sub(POLICIES_SHOWN);
    let before = if shown > 0 { format!("{shown} older, ") } else { String::new() };
    let last: Vec<&str> = policies.iter().skip(shown).map(String::as_str).collect();
    writeln!(text, "  policies  {before}{}", last.join(", "))
}

const POLICIES_SHOWN: usize = 6;

fn at(time_s: u64) -> String {
    let time = i64::try_from(time_s).ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
    time.map_or_else(|| format!("{time_s} s"), |time| Seconds::floor(time).to_string())
}

/// What the next level lacks, and how to get it.
fn missing(text: &mut String, args: &VerifyArgs, report: &Report) -> std::fmt::Result {
    let next = match report.reached() {
        Some(Level::A) => Level::B,
        Some(Level::B) => Level::C,
        Some(Level::C) | None => return Ok(()),
    };
    // The first line has said so already.
    if let Some((_, why)) = report.missing().filter(|_| report.verdict() == Verdict::Proven) {
        writeln!(text, "not level {}: {why}", next.as_str())?;
    }
    match (&report.log, &report.chain) {
        (LogFound::NotFetched, _) => writeln!(text, "{}", fetch(&args.log, "  ").trim_end()),
        (LogFound::NotTrusted, _) => writeln!(text, "  `refgate trust export` at the gate writes one that has it"),
        (LogFound::Logged(_), ChainFound::NotTried) => {
            writeln!(text, "level C was not tried: --level C follows every move of the ref")
        }
        (LogFound::Not(why), _) if why.may_pass() && args.log.starts_with("refs/") => {
            let log = &args.log;
            writeln!(text, "  proofs and cosignatures come after the push: git fetch --depth=1 origin +{log}:{log}")
        }
        (LogFound::NotTried | LogFound::Not(_) | LogFound::Logged(_), _) => Ok(()),
    }
}
