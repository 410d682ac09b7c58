//! Workflows and composite actions of GitHub, and of Forgejo and Gitea, which read the same.

mod container;
mod job;
mod permissions;
mod trigger;
mod uses;
mod walk;

use crate::policy::rules::ci_privilege::Allowed;
use crate::policy::rules::ci_privilege::compare::Picture;
use crate::policy::rules::ci_privilege::expression::Known;
use crate::policy::rules::ci_privilege::short;
use crate::policy::rules::ci_privilege::yaml::Node;

/// Whose file it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forge {
    GitHub,
    /// Also Gitea: no `permissions`, and actions may be named by URL.
    Forgejo,
}

/// What everything below needs to know of the file as a whole.
struct Context<'a> {
    allowed: &'a Allowed,
    forge: Forge,
    known: Known,
    /// Whether it runs with the rights of the repository on what a stranger does.
    is_privileged: bool,
}

/// Whether a document is a workflow: something that runs by itself.
#[must_use]
pub fn is_workflow(root: &Node) -> bool {
    root.get("jobs").is_some_and(|jobs| jobs.is_map())
}

#[must_use]
pub fn picture(root: &Node, forge: Forge, allowed: &Allowed) -> Picture {
    let mut picture = Picture::default();
    let events = trigger::events(root);
    let known = Known { safe_inputs: trigger::safe_inputs(&events), ..Known::default() };
    let is_privileged = events.iter().any(|event| trigger::is_privileged(&event.name));
    let mut context = Context { allowed, forge, known, is_privileged };
    context.known.tainted_env = walk::tainted_env(root, &context.known);
    if is_workflow(root) {
        workflow(root, &events, &context, &mut picture);
    } else if let Some(runs) = root.get("runs") {
        picture.holder("action".to_owned(), runs.line);
        walk::scalars("action", root, &context, &mut picture);
        if let Some(image) = runs.get("image") {
            uses::docker(image, &context, &mut picture);
        }
        job::steps("action", runs, &context, &mut picture);
    }
    picture
}

fn workflow(root: &Node, events: &[trigger::Event<'_>], context: &Context<'_>, picture: &mut Picture) {
    trigger::look(root, events, picture);
    let levels = permissions::Levels::read(root);
    levels.of_workflow(picture);
    for pair in root.pairs().iter().filter(|pair| pair.key != "jobs") {
        walk::pair("workflow", pair, context, picture);
    }
    let Some(jobs) = root.pair("jobs") else { return };
    let is_only_called = events.iter().all(|event| event.name == "workflow_call") && !events.is_empty();
    for pair in jobs.value.pairs() {
        let holder = format!("job:{}", short(&pair.key));
        picture.holder(holder.clone(), pair.line);
        let own = permissions::Levels::read(&pair.value);
        let place = permissions::Place { holder: &holder, line: pair.line };
        if !is_only_called || own.is_given() || levels.is_given() {
            own.or(&levels).of_job(&place, context.forge, picture);
        }
        job::look(&holder, pair, context, picture);
        walk::scalars(&holder, &pair.value, context, picture);
    }
}
