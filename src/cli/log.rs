//! `refgate log`: the record of pushes as a table, as its own lines, or verified.

use super::{DONE, LogArgs, LogCommand, cannot, load, negative, print};
use crate::model::{Escaped, PrincipalName, Purpose, PushId, RepoName};
use crate::record::{
    AbortEntry, DecisionEntry, ExternalEntry, Hash, OutcomeEntry, Record, RefResult, UpdateEntry, Verdict,
};
use crate::store::{Filter, Store, StoreError, Stored, holds};
use jiff::{SignedDuration, Timestamp};
use std::fmt::Write;
use std::path::Path;
use std::process::ExitCode;

/// Pushes in the table if nothing else is asked for: one screen.
const LIMIT_DEFAULT: usize = 20;

pub fn run(config: &Path, args: &LogArgs) -> ExitCode {
    if let Some(LogCommand::Export(args)) = &args.command {
        return super::log_export::run(config, args);
    }
    let data = match &args.data {
        Some(data) => data.clone(),
        None => match load(config) {
            Ok(config) => config.data,
            Err(code) => return code,
        },
    };
    if !args.verify && !Store::path(&data).exists() {
        return cannot(format!("there is no record in {} yet", data.display()));
    }
    let store = match Store::open_read_only(&data) {
        Ok(store) => store,
        Err(error) => return cannot(error),
    };
    let result = match &args.push {
        _ if args.verify => verify(&store, args),
        Some(push) => one_push(&store, push, args),
        None => list(&store, args),
    };
    result.unwrap_or_else(cannot)
}

fn verify(store: &Store, args: &LogArgs) -> Result<ExitCode, String> {
    let remembered = args.head.as_deref().map(|head| Hash::parse(head).ok_or("a head is 64 hex digits"));
    let verified = store.verify(remembered.transpose()?).map_err(|error| error.to_string())?;
    match verified {
        Ok(head) if args.json => print(&format!("{{\"ok\":true,\"seq\":{},\"head\":\"{}\"}}\n", head.seq, head.hash)),
        Ok(head) => print(&format!("the chain holds: {} records\nhead {}\n", head.seq, head.hash)),
        Err(broken) => {
            match args.json {
                true => print(&format!("{{\"ok\":false,\"seq\":{},\"why\":\"{}\"}}\n", broken.seq, broken.why)),
                false => print(&format!("{broken}\n")),
            }
            return Ok(negative());
        }
    }
    Ok(DONE)
}

fn one_push(store: &Store, push: &str, args: &LogArgs) -> Result<ExitCode, String> {
    let push = PushId::parse(push).map_err(|error| error.to_string())?;
    let found = store.find(push).map_err(|error| error.to_string())?;
    if found.is_empty() {
        super::complain(&format!("refgate: there is no push {push}\n"));
        return Ok(negative());
    }
    let mut text = String::new();
    for stored in &found {
        match args.json {
            true => writeln!(text, "{}", stored.line),
            false => detail(&mut text, stored),
        }
        .expect("a string takes everything");
    }
    print(&text);
    Ok(DONE)
}

fn list(store: &Store, args: &LogArgs) -> Result<ExitCode, String> {
    let filter = filter(args)?;
    let text = match args.json {
        true => lines(store, &filter),
        false => table(store, &filter),
    };
    print(&text.map_err(|error| error.to_string())?);
    Ok(DONE)
}

fn filter(args: &LogArgs) -> Result<Filter, String> {
    let wrong = |key: &str, why: String| format!("--{key}: {why}");
    let repo = args.repo.as_deref().map(RepoName::parse).transpose().map_err(|e| wrong("repo", e.to_string()))?;
    let principal = args.principal.as_deref().map(PrincipalName::parse).transpose();
    let decision = match args.decision.as_deref() {
        None => None,
        Some(word) => Some(Verdict::parse(word).ok_or_else(|| wrong("decision", "accept, hold or refuse".to_owned()))?),
    };
    let since = match args.since.as_deref() {
        None => None,
        Some(text) => {
            Some(since(text, Timestamp::now()).ok_or_else(|| wrong("since", "30min, 2h, 7d or a time".to_owned()))?)
        }
    };
    Ok(Filter {
        repo,
        principal: principal.map_err(|e| wrong("principal", e.to_string()))?,
        decision,
        pushes_only: !args.json,
        since,
        limit: args.limit.or((!args.json).then_some(LIMIT_DEFAULT)),
    })
}

/// A time, a day, or how long ago.
pub(super) fn since(text: &str, now: Timestamp) -> Option<Timestamp> {
    if let Ok(time) = text.parse() {
        return Some(time);
    }
    if let Ok(time) = format!("{text}T00:00:00Z").parse() {
        return Some(time);
    }
    let days = text.strip_suffix(['d']).and_then(|days| days.trim().parse::<i64>().ok());
    let ago = match days {
        Some(days) => SignedDuration::from_secs(days.checked_mul(86_400)?),
        None => text.parse().ok()?,
    };
    now.checked_sub(ago).ok()
}

/// The kept lines, in the order of the chain.
fn lines(store: &Store, filter: &Filter) -> Result<String, StoreError> {
    let mut records = store.list(filter)?;
    records.reverse();
    Ok(records.iter().fold(String::new(), |text, stored| text + &stored.line + "\n"))
}

/// One line a push, newest first.
fn table(store: &Store, filter: &Filter) -> Result<String, StoreError> {
    let header = ["TIME (UTC)", "PUSH", "REPO", "WHO", "DECISION", "OUTCOME", "WHAT"].map(str::to_owned);
    let mut rows = vec![header];
    for stored in store.list(filter)? {
        let row = match &stored.record {
            Record::Decision(entry) => decision_row(store, entry)?,
            Record::Abort(entry) => abort_row(entry),
            Record::External(entry) => external_row(entry),
            Record::Hold(_) | Record::Release(_) | Record::Outcome(_) | Record::Control(_) | Record::Event(_) => {
                continue;
            }
        };
        rows.push(row);
    }
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..6).map(width).collect();
    let mut text = String::new();
    for row in &rows {
        for (cell, width) in row.iter().zip(&widths) {
            let _ = write!(text, "{cell:width$}  ");
        }
        let _ = writeln!(text, "{}", row[6]);
    }
    Ok(text)
}

fn decision_row(store: &Store, entry: &DecisionEntry) -> Result<[String; 7], StoreError> {
    let outcome = match entry.decision {
        Verdict::Hold => {
            let hold = store.ask(|tables| holds::find(tables, entry.same_as.unwrap_or(entry.push)))?;
            hold.map_or("-", |hold| hold.state.as_str()).to_owned()
        }
        Verdict::Accept if entry.purpose == Purpose::Check => "checked".to_owned(),
        Verdict::Refuse => "-".to_owned(),
        Verdict::Accept => {
            let records = store.find(entry.push)?;
            let outcome = records.iter().find_map(|stored| match &stored.record {
                Record::Outcome(outcome) => Some(outcome_word(outcome)),
                _ => None,
            });
            outcome.unwrap_or("under way").to_owned()
        }
    };
    let mut what = names(&entry.updates);
    let findings = entry.findings.len() as u64 + entry.more_findings;
    if let Some(first) = entry.findings.first() {
        let _ = write!(what, "  {}", first.rule);
        if findings > 1 {
            let _ = write!(what, " +{}", findings - 1);
        }
    }
    Ok([
        time(entry.time),
        entry.push.to_string(),
        entry.repo.to_string(),
        entry.principal.to_string(),
        entry.decision.as_str().to_owned(),
        outcome,
        what,
    ])
}

/// The first refs, and how many more there are.
fn names(updates: &[UpdateEntry]) -> String {
    let names: Vec<String> = updates.iter().take(2).map(|update| Escaped(update.name.short()).to_string()).collect();
    let mut what = names.join(" ");
    if updates.len() > names.len() {
        let _ = write!(what, " +{}", updates.len() - names.len());
    }
    what
}

/// What moved without the gate.
fn external_row(entry: &ExternalEntry) -> [String; 7] {
    let [push, who, outcome] = ["-", "?", "moved"].map(str::to_owned);
    [time(entry.time), push, entry.repo.to_string(), who, "external".to_owned(), outcome, names(&entry.updates)]
}

fn abort_row(entry: &AbortEntry) -> [String; 7] {
    let (push, repo, principal) = (entry.push.to_string(), entry.repo.to_string(), entry.principal.to_string());
    [time(entry.time), push, repo, principal, "none".to_owned(), "-".to_owned(), entry.cause.clone()]
}

/// The word for a whole push: what all refs share, or else the worst.
fn outcome_word(outcome: &OutcomeEntry) -> &'static str {
    let worst = [RefResult::Unknown, RefResult::Moved, RefResult::Rejected];
    let found = worst.into_iter().find(|result| outcome.refs.iter().any(|outcome| outcome.result == *result));
    found.unwrap_or(RefResult::Forwarded).as_str()
}

fn time(time: Timestamp) -> String {
    time.strftime("%F %T").to_string()
}

fn detail(text: &mut String, stored: &Stored) -> std::fmt::Result {
    let id =
        |id: Option<crate::model::ObjectId>| id.map_or("(none)".to_owned(), |id| id.to_hex_with_len(12).to_string());
    let Stored { seq, hash, record, .. } = stored;
    writeln!(text, "record {seq}  {}  {}", record.kind(), time(record.time()))?;
    match record {
        Record::Decision(entry) => {
            writeln!(
                text,
                "  push {} by {} to {}: {}",
                entry.push,
                entry.principal,
                entry.repo,
                entry.decision.as_str()
            )?;
            writeln!(
                text,
                "  key {}, policy {:.12}, {} commits, {} objects, {} bytes",
                entry.key, entry.policy, entry.commits, entry.objects, entry.pack_bytes
            )?;
            for update in &entry.updates {
                let kind = update.kind.map_or("-", |kind| kind.as_str());
                writeln!(text, "  {kind} {} {} -> {}", update.name, id(update.old), id(update.new))?;
            }
            for finding in &entry.findings {
                let path = finding.path.as_ref().map(|path| format!(" {}", Escaped(path))).unwrap_or_default();
                let line = finding.line.map(|line| format!(":{line}")).unwrap_or_default();
                let would = finding.would.map(|would| format!(" (observed: would {})", would.as_str()));
                let effect = [finding.effect.as_str(), would.as_deref().unwrap_or_default()].concat();
                writeln!(text, "  {effect}: {}{path}{line}: {}", finding.rule, finding.message)?;
            }
        }
        Record::Outcome(entry) => {
            for outcome in &entry.refs {
                let reason = Escaped(&outcome.reason);
                writeln!(text, "  {} {} {reason}", outcome.result.as_str(), outcome.name)?;
            }
        }
        Record::Hold(entry) => {
            let by = entry.by.as_ref().map_or("the gate", |actor| actor.principal.as_str());
            let reason = Escaped(entry.reason.as_bytes());
            writeln!(text, "  push {} to {}: {} by {by} {reason}", entry.push, entry.repo, entry.step.as_str())?;
        }
        Record::Release(entry) => {
            let by: Vec<&str> = entry.approvals.iter().map(|approval| approval.by.as_str()).collect();
            let by = by.join(", ");
            writeln!(text, "  push {} to {}: {}, approved by {by}", entry.push, entry.repo, entry.decision.as_str())?;
        }
        Record::Control(entry) => {
            let about = entry.repo.as_ref().map(ToString::to_string);
            let about = about.or_else(|| entry.subject.as_ref().map(ToString::to_string)).unwrap_or_default();
            let reason = Escaped(entry.reason.as_bytes());
            writeln!(text, "  {} {about} by {} {reason}", entry.action.as_str(), entry.by.principal)?;
        }
        Record::External(entry) => {
            for update in &entry.updates {
                writeln!(text, "  {} {} -> {}", update.name, id(update.old), id(update.new))?;
            }
        }
        Record::Abort(entry) => writeln!(text, "  {}: {}", entry.cause, entry.message)?,
        Record::Event(entry) => writeln!(text, "  {} {:?}", entry.event, entry.detail)?,
    }
    writeln!(text, "  hash {hash}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn since_is_a_time_a_day_or_how_long_ago() {
        let now: Timestamp = "2026-05-08T12:00:00Z".parse().expect("a time");
        for (text, expected) in [
            ("2026-01-31T12:00:00Z", Some("2026-01-31T12:00:00Z")),
            ("2026-01-31", Some("2026-01-31T00:00:00Z")),
            ("2h", Some("2026-05-08T10:00:00Z")),
            ("30min", Some("2026-05-08T11:30:00Z")),
            ("7d", Some("2026-05-01T12:00:00Z")),
            ("yesterday", None),
            ("9223372036854775807d", None),
        ] {
            assert_eq!(since(text, now), expected.map(|time| time.parse().expect("a time")), "{text}");
        }
    }
}
