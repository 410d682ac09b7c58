//! `freeze`, `thaw`, `revoke`, `reinstate`, and `undo`.

use super::grammar::Until;
use super::text::{cell, cut, escaped, header, span};
use super::{Form, Scene, VerbError};
use crate::model::{PrincipalName, PushId, RepoName};
use jiff::Timestamp;
use serde_json::json;

pub fn freeze(scene: &mut Scene<'_>, repo: &RepoName, until: Option<Until>, reason: &str) -> Result<(), VerbError> {
    let now = Timestamp::now();
    let until = match until {
        None => None,
        Some(Until::At(time)) => Some(time),
        Some(Until::In(span)) => Some(now.checked_add(span).map_err(|_| VerbError::Client("that is too far away"))?),
    };
    if until.is_some_and(|until| until <= now) {
        return Err(VerbError::Client("that time is over already"));
    }
    scene.gate.freeze(scene.session, repo, until, reason)?;
    let shown = until.map_or("it is thawed".to_owned(), |until| until.strftime("%F %H:%M UTC").to_string());
    let until = until.map(|until| until.to_string());
    say(
        scene,
        json!({"repo": repo.as_str(), "frozen": true, "until": until}),
        &format!("frozen: nothing is forwarded to {repo} until {shown}\n"),
    )
}

pub fn thaw(scene: &mut Scene<'_>, repo: &RepoName, reason: &str) -> Result<(), VerbError> {
    scene.gate.thaw(scene.session, repo, reason)?;
    let text = format!("thawed: pushes to {repo} are forwarded again\n");
    say(scene, json!({"repo": repo.as_str(), "frozen": false}), &text)
}

pub fn revoke(scene: &mut Scene<'_>, name: &PrincipalName, reason: &str) -> Result<(), VerbError> {
    let ended = scene.gate.revoke(scene.session, name, reason)?;
    let value = json!({"principal": name.as_str(), "revoked": true, "sessions": ended.sessions, "holds": ended.holds});
    let (sessions, holds) = (ended.sessions, ended.holds);
    let text = format!("revoked: {name}'s keys open nothing now; {sessions} sessions and {holds} held pushes ended\n");
    say(scene, value, &text)
}

pub fn reinstate(scene: &mut Scene<'_>, name: &PrincipalName, reason: &str) -> Result<(), VerbError> {
    scene.gate.reinstate(scene.session, name, reason)?;
    let text = format!("reinstated: {name} may do again what the policy says\n");
    say(scene, json!({"principal": name.as_str(), "revoked": false}), &text)
}

fn say(scene: &mut Scene<'_>, value: serde_json::Value, text: &str) -> Result<(), VerbError> {
    match scene.form {
        Form::Json => scene.print_json(&value),
        Form::Text => scene.print(text),
    }
}

pub fn undo_list(scene: &mut Scene<'_>, repo: Option<&RepoName>) -> Result<(), VerbError> {
    let found = scene.gate.undo_list(scene.session, repo)?;
    if scene.form == Form::Json {
        return found.iter().try_for_each(|undo| {
            scene.print_json(&json!({
                "push": undo.push.to_string(), "ref": undo.ref_name.to_string(), "principal": undo.principal.as_str(),
                "old": undo.old.to_string(), "new": undo.new.map(|id| id.to_string()), "time": undo.time.to_string(),
            }))
        });
    }
    if found.is_empty() {
        return scene.print("nothing was replaced or deleted lately\n");
    }
    let now = Timestamp::now();
    let mut rows = vec![header(&["PUSH", "AGO", "WHO", "HAD", "REF"])];
    rows.extend(found.iter().map(|undo| {
        let what = if undo.new.is_none() { "  (deleted)" } else { "" };
        vec![
            cell(undo.push),
            cell(span(undo.time, now)),
            cell(cut(undo.principal.as_str(), 12)),
            cell(undo.old.to_hex_with_len(10)),
            cell(format!("{}{what}", escaped(undo.ref_name.short()))),
        ]
    }));
    let text = scene.paper.table(&rows);
    scene.print(&text)
}

pub fn undo_restore(scene: &mut Scene<'_>, push: PushId) -> Result<(), VerbError> {
    let made = scene.gate.restore(scene.session, push)?;
    let is_ok = made.is_ok();
    match scene.form {
        Form::Json => {
            let state = if is_ok { "forwarded" } else { "refused" };
            scene.print_json(&json!({"push": made.push.to_string(), "state": state, "restores": push.to_string()}))?;
        }
        Form::Text if is_ok => scene.print(&format!("restored what push {push} replaced, as push {}\n", made.push))?,
        Form::Text => scene.print(&made.text)?,
    }
    if is_ok { Ok(()) } else { Err(VerbError::Negative) }
}
