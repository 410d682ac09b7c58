//! What each ref update is, by the objects and not by the client's word.

use crate::git::ReadError;
use crate::inspect::history::{History, Node};
use crate::inspect::paint::Paint;
use crate::inspect::raw::parse_tag;
use crate::inspect::walk::{fresh, reaches};
use crate::inspect::{Excess, InspectError};
use crate::model::{Limits, ObjectId, RefUpdate, TagFacts, UpdateFacts, UpdateKind};
use gix::objs::Kind;

/// A ref update with the commits at both ends.
pub(super) struct Update {
    pub facts: UpdateFacts,
    pub old: Option<Node>,
    pub new: Option<Node>,
}

pub(super) fn inspect_update(
    history: &mut History<'_>,
    paint: &mut Paint,
    update: &RefUpdate,
    limits: &Limits,
) -> Result<Update, InspectError> {
    let mut tags = Vec::new();
    let new = match update.new {
        Some(id) => peel(history, id, limits.tag_depth_max, &mut tags)?,
        // What goes is decided by the right to delete: nothing to look at.
        None => return Ok(deleted(update)),
    };
    let old = match update.old {
        // An object that only the push brings can be no upstream ref's value, and must hide nothing.
        Some(id) if !history.objects.in_base(&id) => return Err(Excess::UnknownOld(update.name.clone()).into()),
        Some(id) => peel(history, id, limits.tag_depth_max, &mut Vec::new())?,
        None => None,
    };
    let kind = kind(history, paint, update, old.zip(new), limits)?;
    let commit = new.map(|node| history.id(node));
    Ok(Update { facts: UpdateFacts { update: update.clone(), kind, tags, commit }, old, new })
}

fn deleted(update: &RefUpdate) -> Update {
    let facts = UpdateFacts { update: update.clone(), kind: UpdateKind::Delete, tags: Vec::new(), commit: None };
    Update { facts, old: None, new: None }
}

fn kind(
    history: &mut History<'_>,
    paint: &mut Paint,
    update: &RefUpdate,
    commits: Option<(Node, Node)>,
    limits: &Limits,
) -> Result<UpdateKind, InspectError> {
    if update.old.is_none() {
        return Ok(UpdateKind::Create);
    }
    if update.old == update.new {
        return Ok(UpdateKind::Update);
    }
    let Some((old, new)) = commits.filter(|_| !update.name.is_tag()) else { return Ok(UpdateKind::Rewind) };
    // First what the push brings, without regard to dates; most often it stands right on the old tip.
    let boundary = fresh(history, &[new], limits.commits_max)?.boundary;
    match reaches(history, paint, &boundary, old)? {
        true => Ok(UpdateKind::Update),
        false => Ok(UpdateKind::Rewind),
    }
}

/// Follows annotated tags to a commit; `None` if they lead to a tree or blob. Adds the tags met, outermost first.
pub(super) fn peel(
    history: &mut History<'_>,
    mut id: ObjectId,
    tag_depth_max: usize,
    tags: &mut Vec<TagFacts>,
) -> Result<Option<Node>, InspectError> {
    let mut buffer = Vec::new();
    loop {
        let (kind, _) = history.objects.header(&id)?.ok_or(ReadError::Missing(id))?;
        match kind {
            Kind::Commit => return Ok(Some(history.node(id))),
            Kind::Tree | Kind::Blob => return Ok(None),
            Kind::Tag if tags.len() >= tag_depth_max => return Err(Excess::TagDepth(tag_depth_max).into()),
            Kind::Tag => {
                history.objects.read(&id, Kind::Tag, &mut buffer)?;
                let (target, facts) = parse_tag(&id, &buffer)?;
                tags.push(facts);
                id = target;
            }
        }
    }
}
