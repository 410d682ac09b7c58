//! `rules` and `agents-md`: what one may do. `agent`, `key` and `grant`: what others may do from now on.

use super::grammar::{self, Until};
use super::{Form, Scene, VerbError};
use crate::gate::{Amended, DeskError};
use crate::model::{PrincipalKind, PrincipalName, RepoName};
use crate::policy::edit::{Edit, EditError, KEYS_BYTES_MAX, NewGrant, NewKey, NewPrincipal, operations};
use jiff::{Timestamp, Unit};
use serde_json::json;

pub fn rules(scene: &mut Scene<'_>, repo: &RepoName) -> Result<(), VerbError> {
    let brief = scene.gate.brief(scene.session, repo)?;
    match scene.form {
        Form::Json => scene.print_json(&brief.json()),
        Form::Text => scene.print(&brief.text()),
    }
}

pub fn agents_md(scene: &mut Scene<'_>, repo: &RepoName) -> Result<(), VerbError> {
    let text = scene.gate.brief(scene.session, repo)?.agents_md(scene.gate.address());
    match scene.form {
        Form::Json => scene.print_json(&json!({"repo": repo.as_str(), "text": text})),
        Form::Text => scene.print(&text),
    }
}

pub fn add_agent(
    scene: &mut Scene<'_>,
    name: &PrincipalName,
    sponsor: Option<&PrincipalName>,
) -> Result<(), VerbError> {
    scene.gate.may_amend(scene.session)?;
    let (name, keys, sponsor) = (name.clone(), keys(scene)?, sponsor.cloned());
    amend(
        scene,
        &Edit::AddPrincipal(NewPrincipal { kind: PrincipalKind::Agent, name, keys, sponsor, emails: Vec::new() }),
    )
}

/// An agent only: a human has more than a verb can see to.
pub fn remove_agent(scene: &mut Scene<'_>, name: &PrincipalName) -> Result<(), VerbError> {
    scene.gate.may_amend(scene.session)?;
    let policy = scene.gate.policy();
    if policy.principal(name).is_some_and(|principal| principal.kind != PrincipalKind::Agent) {
        return Err(VerbError::Client("this is no agent: edit the policy instead"));
    }
    amend(scene, &Edit::RemovePrincipal(name.clone()))
}

pub fn add_key(scene: &mut Scene<'_>, name: &PrincipalName) -> Result<(), VerbError> {
    scene.gate.may_amend(scene.session)?;
    let keys = keys(scene)?;
    amend(scene, &Edit::AddKeys { name: name.clone(), keys })
}

pub fn add_grant(scene: &mut Scene<'_>, new: &grammar::NewGrant) -> Result<(), VerbError> {
    scene.gate.may_amend(scene.session)?;
    let until = new.until.map(moment).transpose()?;
    let edit = Edit::AddGrant(NewGrant {
        to: vec![new.to.clone()],
        repo: vec![new.repo.clone()],
        refs: new.refs.clone(),
        allow: operations(&new.allow).map_err(DeskError::from)?,
        write: new.write.clone(),
        read: Vec::new(),
        until,
    });
    amend(scene, &edit)
}

fn moment(until: Until) -> Result<Timestamp, VerbError> {
    let far = |_| VerbError::Client("that is too far away");
    let now = Timestamp::now();
    let until = match until {
        Until::At(time) => time,
        Until::In(span) => now.checked_add(span).and_then(|time| time.round(Unit::Second)).map_err(far)?,
    };
    if until <= now { Err(VerbError::Client("that time is over already")) } else { Ok(until) }
}

fn keys(scene: &mut Scene<'_>) -> Result<Vec<NewKey>, VerbError> {
    let text = scene.read_input(KEYS_BYTES_MAX as u64)?;
    Ok(NewKey::parse_all(text.as_bytes()).map_err(|error| DeskError::from(EditError::from(error)))?)
}

fn amend(scene: &mut Scene<'_>, edit: &Edit) -> Result<(), VerbError> {
    let Amended { summary, notes, push } = scene.gate.amend(scene.session, edit)?;
    let is_ok = push.as_ref().is_none_or(|made| made.is_ok());
    match (scene.form, &push) {
        (Form::Json, _) => {
            let push = push.as_ref().map(|made| made.push.to_string());
            scene.print_json(&json!({"summary": summary, "notes": notes, "push": push, "in_force": is_ok}))?;
        }
        (Form::Text, Some(made)) if !is_ok => scene.print(&made.text)?,
        (Form::Text, _) => {
            let lines: String = notes.iter().map(|note| format!("  {note}\n")).collect();
            scene.print(&format!("{summary}\n{lines}"))?;
        }
    }
    if is_ok { Ok(()) } else { Err(VerbError::Negative) }
}
