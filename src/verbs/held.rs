//! Held pushes: `held`, `show`, `approve`, `reject`, `withdraw`.

use super::grammar::Proof;
use super::json::{self, With};
use super::text::{Ink, Tint, bytes, cell, cut, header, span, tinted};
use super::{Form, Scene, VerbError, pushes};
use crate::diff::{Bounds, Color, Marks, diff_commit, write_commit};
use crate::gate::{DeskError, Looked, Released, Seen, has_moved};
use crate::model::{Finding, PrincipalKind, PushId, RepoName};
use crate::record::Signed;
use jiff::Timestamp;
use serde_json::json;

/// Pushes that `held` lists for a person; a program gets all.
const LISTED_MAX: usize = 50;
/// Commits that `show` prints.
const SHOWN_MAX: usize = 200;
/// Bytes of a statement with its signature.
const SIGNED_BYTES_MAX: u64 = 256 * 1024;
const SIGNATURE: &str = "-----BEGIN SSH SIGNATURE-----";

pub fn held(scene: &mut Scene<'_>, repo: Option<&RepoName>) -> Result<(), VerbError> {
    let found = scene.gate.held(scene.session, repo)?;
    if scene.form == Form::Json {
        return found
            .iter()
            .try_for_each(|seen| scene.print_json(&json::push(seen, With::Summary, scene.session.principal.kind)));
    }
    if found.is_empty() {
        let text = format!("nothing waits for a human\n{}", stopped(scene)?);
        return scene.print(&text);
    }
    let now = Timestamp::now();
    let mut rows = vec![header(&["PUSH", "AGO", "REPO", "WHO", "NEEDS", "WHAT"])];
    for seen in found.iter().take(LISTED_MAX) {
        let Ok(entry) = &seen.entry else { continue };
        let missing = seen.demands.iter().find(|demand| !demand.is_met());
        let needs = missing.map_or_else(|| seen.state().to_owned(), |demand| demand.show());
        let first = entry.findings.first().map(|finding| finding.rule.as_str()).unwrap_or_default();
        rows.push(vec![
            cell(seen.push),
            cell(span(entry.time, now)),
            cell(cut(entry.repo.as_str(), 12)),
            cell(cut(entry.principal.as_str(), 12)),
            tinted(Tint::Wait, cut(&needs, 16)),
            cell(format!("{}  {first}", pushes::refs(&entry.updates))),
        ]);
    }
    let mut text = scene.paper.table(&rows);
    if found.len() > LISTED_MAX {
        text.push_str(&format!("and {} newer: held --json has all\n", found.len() - LISTED_MAX));
    }
    let size = found.iter().filter_map(|seen| seen.hold.as_ref()).map(|hold| hold.bytes).sum();
    text.push_str(&format!("{} held, {} on disk\n", found.len(), bytes(size)));
    text.push_str(&stopped(scene)?);
    scene.print(&text)
}

/// What is stopped, for those who might wonder why nothing moves.
fn stopped(scene: &Scene<'_>) -> Result<String, VerbError> {
    let now = Timestamp::now();
    let mut text = String::new();
    for freeze in scene.gate.freezes()? {
        if scene.gate.may_see_repo_of(scene.session, &freeze.repo).is_err() {
            continue;
        }
        let until = freeze.until.map(|until| format!(", for {} more", span(now, until))).unwrap_or_default();
        let reason = if freeze.reason.is_empty() { String::new() } else { format!(": {}", freeze.reason) };
        text.push_str(&format!("{} is frozen by {}{until}{reason}\n", freeze.repo, freeze.by));
    }
    if scene.session.principal.kind == PrincipalKind::Human {
        for revoked in scene.gate.all_revoked() {
            let ago = span(revoked.since, now);
            text.push_str(&format!("{} is revoked by {}, {ago} ago\n", revoked.principal, revoked.by));
        }
    }
    Ok(text)
}

pub fn show(scene: &mut Scene<'_>, push: PushId) -> Result<(), VerbError> {
    let seen = scene.gate.see(scene.session, push)?;
    if scene.form == Form::Json {
        return scene.print_json(&json::push(&seen, With::Findings, scene.session.principal.kind));
    }
    let mut text = pushes::summary(scene, &seen);
    text.push('\n');
    text.push_str(&pushes::findings(scene, &seen));
    scene.print(&text)?;
    match scene.gate.look(scene.session, push) {
        Ok(looked) => show_commits(scene, &looked),
        // What is decided has no objects here any more.
        Err(DeskError::Is { .. } | DeskError::NotHeld(_)) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

fn show_commits(scene: &mut Scene<'_>, looked: &Looked) -> Result<(), VerbError> {
    let color = if scene.paper.ink == Ink::Colour { Color::Always } else { Color::Never };
    // Commits come newest first, and are read oldest first.
    for facts in looked.facts.commits.iter().rev().take(SHOWN_MAX) {
        let marks = Marks::of(&looked.findings, &facts.id);
        let diff = diff_commit(&looked.objects, facts, &marks, &Bounds::default());
        let diff = diff.map_err(|error| DeskError::Internal(error.into()))?;
        scene.print("\n")?;
        write_commit(&mut scene.output, &diff, color)?;
    }
    match looked.facts.commits.len().saturating_sub(SHOWN_MAX) {
        0 => Ok(()),
        more => scene.print(&format!("\nand {more} more commits\n")),
    }
}

pub fn statement(scene: &mut Scene<'_>, push: PushId) -> Result<(), VerbError> {
    let text = scene.gate.statement(scene.session, push)?;
    scene.print(&text)
}

pub fn approve(scene: &mut Scene<'_>, push: PushId, proof: Proof) -> Result<(), VerbError> {
    let signed = match proof {
        Proof::Login => None,
        Proof::Signed => Some(read_signed(scene)?),
    };
    let released = scene.gate.approve(scene.session, push, signed)?;
    let seen = scene.gate.see(scene.session, push)?;
    if scene.form == Form::Json {
        let mut value = json::push(&seen, With::Summary, scene.session.principal.kind);
        if let (Released::Refused(findings), Some(object)) = (&released, value.as_object_mut()) {
            let findings: Vec<_> = findings.iter().map(|f| json!({"rule": f.rule, "message": f.message})).collect();
            object.insert("refused".to_owned(), json!(findings));
        }
        scene.print_json(&value)?;
    } else {
        let text = told(&released, &seen);
        scene.print(&text)?;
    }
    match released {
        Released::Forwarded | Released::Missing(_) | Released::Again => Ok(()),
        Released::Refused(_) | Released::NotTaken | Released::NotAsked(_) => Err(VerbError::Negative),
    }
}

/// What came of an approval, for a person.
#[must_use]
pub fn told(released: &Released, seen: &Seen) -> String {
    let push = seen.push;
    match released {
        Released::Forwarded => match &seen.entry {
            Ok(entry) => {
                let lines = entry.updates.iter().map(|update| {
                    let new = update.new.map_or("deleted".to_owned(), |id| id.to_hex_with_len(10).to_string());
                    format!("  {}  {new}\n", super::text::escaped(update.name.short()))
                });
                format!("approved: push {push} is in the upstream of {}\n{}", entry.repo, lines.collect::<String>())
            }
            Err(_) => format!("approved: push {push} is in the upstream\n"),
        },
        Released::Missing(demands) => {
            let needs: Vec<String> = demands.iter().filter(|d| !d.is_met()).map(|d| d.show()).collect();
            format!("approved; push {push} still needs {}\n", needs.join(", and "))
        }
        Released::NotAsked(_) => format!("your approval counts for nothing of push {push}\n"),
        Released::Refused(findings) => refused(push, findings),
        Released::NotTaken => {
            format!("approved, but the upstream did not take push {push}\nthe operator's log says why\n")
        }
        Released::Again => {
            format!("approved; the upstream went away from push {push}\nit is tried again until it expires\n")
        }
    }
}

fn refused(push: PushId, findings: &[Finding]) -> String {
    let mut text = if has_moved(findings) {
        format!(
            "not forwarded: the upstream moved since push {push}\nits pusher has to fetch, rebase or merge, and push again\n"
        )
    } else {
        format!("not forwarded: by what holds now push {push} is refused\n")
    };
    for finding in findings.iter().filter(|f| f.effect == crate::model::Effect::Refuse).take(5) {
        text.push_str(&format!("  {}  {}{}\n", finding.rule, finding.place.shown(), finding.message));
    }
    text
}

fn read_signed(scene: &mut Scene<'_>) -> Result<Signed, VerbError> {
    let text = scene.read_input(SIGNED_BYTES_MAX)?;
    let at = text.find(SIGNATURE).ok_or(VerbError::Client(
        "standard input must hold the statement, then its signature: cat a.json a.json.sig | …",
    ))?;
    let (statement, signature) = text.split_at(at);
    Ok(Signed { statement: statement.to_owned(), signature: signature.to_owned() })
}

pub fn reject(scene: &mut Scene<'_>, push: PushId, reason: &str) -> Result<(), VerbError> {
    scene.gate.reject(scene.session, push, reason)?;
    done(scene, push, "rejected", "its pusher is told why")
}

pub fn withdraw(scene: &mut Scene<'_>, push: PushId) -> Result<(), VerbError> {
    scene.gate.withdraw(scene.session, push)?;
    done(scene, push, "withdrawn", "nobody is asked any more")
}

fn done(scene: &mut Scene<'_>, push: PushId, state: &str, what: &str) -> Result<(), VerbError> {
    match scene.form {
        Form::Json => scene.print_json(&json!({"push": push.to_string(), "state": state})),
        Form::Text => scene.print(&format!("{state}: push {push}; {what}\n")),
    }
}
