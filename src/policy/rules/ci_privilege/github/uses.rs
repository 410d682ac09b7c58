//! `uses`: whose code a job runs, and whether it can change under its name.

use super::Context;
use crate::policy::rules::ci_privilege::compare::{Ask, Picture, What};
use crate::policy::rules::ci_privilege::image::{Image, is_commit_id, is_like};
use crate::policy::rules::ci_privilege::shown;
use crate::policy::rules::ci_privilege::yaml::Node;

/// An action or a reusable workflow.
pub fn look(node: &Node, context: &Context<'_>, picture: &mut Picture) {
    let Some(text) = node.text().map(str::trim).filter(|text| !text.is_empty()) else { return };
    // Of this very commit.
    if text.starts_with("./") || text.starts_with("../") {
        return;
    }
    if text.starts_with("docker://") {
        return docker(node, context, picture);
    }
    let (name, version) = text.rsplit_once('@').unwrap_or((text, ""));
    let name = name.to_ascii_lowercase();
    if is_known(&name, node, context, picture) || is_commit_id(version) {
        return;
    }
    let message = format!("`{}` is named by tag or branch, which its owner can move", shown(text));
    let fix = "name it by the full id of a commit, with the tag in a comment";
    picture.ask(Ask::new(What::Unpinned, format!("unpinned:{name}"), node.line, message, fix));
}

/// Whether the policy lists an action; speaks of one that it does not, if it lists any.
fn is_known(name: &str, node: &Node, context: &Context<'_>, picture: &mut Picture) -> bool {
    let Some(list) = &context.allowed.actions else { return false };
    if list.iter().any(|pattern| is_like(pattern, name)) {
        return true;
    }
    let message = format!("`{}` is not among the actions the policy allows", shown(name));
    let ask = Ask::new(What::Action, format!("action:{name}"), node.line, message, "use an allowed one");
    picture.ask(ask);
    false
}

/// `docker://image`, and nothing else: a `Dockerfile` is of this very commit.
pub fn docker(node: &Node, context: &Context<'_>, picture: &mut Picture) {
    let Some(image) = node.text().and_then(|text| text.trim().strip_prefix("docker://")) else { return };
    let name = format!("docker://{}", Image::parse(image).name);
    if !is_known(&name, node, context, picture) {
        look_at_image(image, node, picture);
    }
}

/// Any image, by its reference.
pub fn look_at_image(reference: &str, node: &Node, picture: &mut Picture) {
    let image = Image::parse(reference);
    if image.is_pinned || image.name.is_empty() {
        return;
    }
    let message = format!("the image `{}` is named without a digest: it can change under its name", shown(reference));
    let fix = "name it with its digest: image:tag@sha256:…";
    picture.ask(Ask::new(What::Unpinned, format!("image:{}", image.name), node.line, message, fix));
}
