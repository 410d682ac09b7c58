//! `status`, `explain` and `log`: how pushes stand.

use super::grammar::LogQuery;
use super::json::{self, With};
use super::text::{Cell, Tint, cell, cut, escaped, header, span, tinted};
use super::{Form, Scene, VerbError};
use crate::gate::Seen;
use crate::model::{Effect, HoldState, PushId};
use crate::record::{FindingEntry, UpdateEntry, Verdict};
use crate::store::Filter;
use jiff::Timestamp;
use std::fmt::Write;

/// Pushes that `status` lists.
const OWN_MAX: usize = 15;
/// Pushes that `log` lists if it is not told how many, and the most it can be told.
const LOG_DEFAULT: usize = 20;
const LOG_MAX: usize = 1000;
/// Findings that `explain` shows in full.
const FINDINGS_MAX: usize = 20;

pub fn status(scene: &mut Scene<'_>, push: Option<PushId>) -> Result<(), VerbError> {
    let Some(push) = push else {
        let own = scene.gate.own(scene.session, OWN_MAX)?;
        return list(scene, &own, "you have not pushed anything yet");
    };
    let seen = scene.gate.see(scene.session, push)?;
    if scene.form == Form::Json {
        return scene.print_json(&json::push(&seen, With::Summary));
    }
    let text = summary(scene, &seen);
    scene.print(&text)
}

pub fn log(scene: &mut Scene<'_>, query: &LogQuery) -> Result<(), VerbError> {
    if let Some(repo) = &query.repo {
        scene.gate.may_see_repo_of(scene.session, repo)?;
    }
    let filter = Filter {
        repo: query.repo.clone(),
        principal: query.principal.clone(),
        decision: query.decision.as_deref().and_then(Verdict::parse),
        pushes_only: true,
        since: query.since.and_then(|ago| Timestamp::now().checked_sub(ago).ok()),
        limit: Some(query.max.unwrap_or(LOG_DEFAULT).clamp(1, LOG_MAX)),
    };
    let found = scene.gate.pushes(scene.session, filter)?;
    list(scene, &found, "no pushes")
}

/// A line a push.
pub fn list(scene: &mut Scene<'_>, pushes: &[Seen], none: &str) -> Result<(), VerbError> {
    if scene.form == Form::Json {
        return pushes.iter().try_for_each(|seen| scene.print_json(&json::push(seen, With::Summary)));
    }
    if pushes.is_empty() {
        return scene.print(&format!("{none}\n"));
    }
    let now = Timestamp::now();
    let mut rows = vec![header(&["PUSH", "AGO", "REPO", "WHO", "STATE", "WHAT"])];
    rows.extend(pushes.iter().map(|seen| row(seen, now)));
    let text = scene.paper.table(&rows);
    scene.print(&text)
}

fn row(seen: &Seen, now: Timestamp) -> Vec<Cell> {
    let state = seen.state();
    let (repo, principal, time, updates) = match &seen.entry {
        Ok(entry) => (&entry.repo, &entry.principal, entry.time, &entry.updates),
        Err(entry) => (&entry.repo, &entry.principal, entry.time, &entry.updates),
    };
    let mut what = refs(updates);
    if let Ok(entry) = &seen.entry
        && let Some(first) = entry.findings.first()
    {
        let _ = write!(what, "  {}", first.rule);
    }
    vec![
        cell(seen.push),
        cell(span(time, now)),
        cell(cut(repo.as_str(), 12)),
        cell(cut(principal.as_str(), 12)),
        tinted(Tint::of_state(state), state),
        cell(what),
    ]
}

/// `agent/claude-1/x +2`.
#[must_use]
pub fn refs(updates: &[UpdateEntry]) -> String {
    match updates {
        [] => "no ref".to_owned(),
        [one] => escaped(one.name.short()),
        [first, rest @ ..] => format!("{} +{}", escaped(first.name.short()), rest.len()),
    }
}

/// A push in a few lines: what and where, how it stands, what it waits for.
pub fn summary(scene: &Scene<'_>, seen: &Seen) -> String {
    let mut text = String::new();
    let _ = write_summary(scene, seen, &mut text);
    text
}

fn write_summary(scene: &Scene<'_>, seen: &Seen, text: &mut String) -> std::fmt::Result {
    let (state, paper, now) = (seen.state(), scene.paper, Timestamp::now());
    let (repo, principal, time, updates) = match &seen.entry {
        Ok(entry) => (&entry.repo, &entry.principal, entry.time, &entry.updates),
        Err(entry) => (&entry.repo, &entry.principal, entry.time, &entry.updates),
    };
    let sponsor = seen.sponsor.as_ref().map(|name| format!(", sponsored by {name}")).unwrap_or_default();
    writeln!(text, "push    {}  {}", seen.push, paper.paint(Tint::of_state(state), state))?;
    writeln!(text, "by      {principal}{sponsor}, {} ago, to {repo}", span(time, now))?;
    for update in updates.iter().take(8) {
        let kind = update.kind.map_or("push", |kind| kind.as_str());
        let id = |id: Option<crate::model::ObjectId>| {
            id.map_or("nothing".to_owned(), |id| id.to_hex_with_len(10).to_string())
        };
        writeln!(text, "ref     {} {}  {} → {}", kind, escaped(update.name.as_bstr()), id(update.old), id(update.new))?;
    }
    if updates.len() > 8 {
        writeln!(text, "        and {} more", updates.len() - 8)?;
    }
    match &seen.entry {
        Err(entry) => writeln!(text, "why     {}", entry.message)?,
        Ok(entry) if !entry.findings.is_empty() => {
            let mut rules: Vec<&str> = entry.findings.iter().map(|finding| finding.rule.as_str()).collect();
            rules.dedup();
            writeln!(text, "found   {}", cut(&rules.join(" "), 70))?;
        }
        Ok(_) => {}
    }
    let Some(hold) = &seen.hold else { return Ok(()) };
    for approved in &seen.approvals {
        let how = if approved.signed { ", signed" } else { "" };
        writeln!(text, "yes     {} {} ago{how}", approved.by, span(approved.time, now))?;
    }
    for demand in seen.demands.iter().filter(|demand| !demand.is_met()) {
        let rules: Vec<&str> = demand.rules.iter().map(String::as_str).collect();
        writeln!(text, "needs   {} for {}", demand.show(), rules.join(" "))?;
    }
    match hold.state {
        HoldState::Waiting => writeln!(text, "until   {}, then it expires", hold.expires.strftime("%F %H:%M UTC"))?,
        _ => {
            let by = hold.by.as_deref().map(|by| format!(" by {by}")).unwrap_or_default();
            writeln!(text, "since   {} ago{by}", span(hold.changed, now))?;
        }
    }
    if !hold.reason.is_empty() {
        writeln!(text, "reason  {}", escaped(hold.reason.as_bytes()))?;
    }
    match hold.replaced_by {
        Some(push) => writeln!(text, "now     {push} took its place"),
        None => Ok(()),
    }
}

pub fn explain(scene: &mut Scene<'_>, push: PushId) -> Result<(), VerbError> {
    let seen = scene.gate.see(scene.session, push)?;
    if scene.form == Form::Json {
        return scene.print_json(&json::push(&seen, With::Findings));
    }
    let mut text = summary(scene, &seen);
    text.push('\n');
    text.push_str(&findings(scene, &seen));
    scene.print(&text)
}

/// The findings of a push with their fixes.
pub fn findings(scene: &Scene<'_>, seen: &Seen) -> String {
    let Ok(entry) = &seen.entry else { return String::new() };
    let mut text = String::new();
    // What a human is to decide is not to be taken out of the push meanwhile.
    let is_open = seen.hold.as_ref().is_some_and(|hold| hold.state.is_open());
    for (index, finding) in entry.findings.iter().take(FINDINGS_MAX).enumerate() {
        let fix = if is_open && finding.effect == Effect::Hold { "" } else { finding.fix.as_str() };
        let _ = write_finding(scene, index + 1, finding, fix, &mut text);
    }
    let more = entry.findings.len().saturating_sub(FINDINGS_MAX) as u64 + entry.more_findings;
    if more > 0 {
        let _ = writeln!(text, "and {more} more: explain {} --json", seen.push);
    }
    if entry.findings.is_empty() {
        text.push_str("nothing was found in it\n");
    }
    text
}

fn write_finding(
    scene: &Scene<'_>,
    number: usize,
    finding: &FindingEntry,
    fix: &str,
    text: &mut String,
) -> std::fmt::Result {
    let tint = match finding.effect {
        Effect::Warn => Tint::Faint,
        Effect::Hold => Tint::Wait,
        Effect::Refuse => Tint::Bad,
    };
    let effect = scene.paper.paint(tint, finding.effect.as_str());
    let would = finding.would.map(|would| format!(" (observed: would {})", would.as_str())).unwrap_or_default();
    let mut place = String::new();
    if let Some(path) = &finding.path {
        place.push_str(&escaped(path));
        if let Some(line) = finding.line {
            let _ = write!(place, ":{line}");
        }
    } else if let Some(name) = &finding.ref_name {
        place.push_str(&escaped(name.as_bstr()));
    }
    if let Some(commit) = finding.commit {
        let _ = write!(place, " in {}", commit.to_hex_with_len(10));
    }
    writeln!(text, "{number:2}. {effect}{would}  {}  {}", finding.rule, place.trim())?;
    writeln!(text, "    {}", finding.message)?;
    if fix.is_empty() { Ok(()) } else { writeln!(text, "    fix: {fix}") }
}
