//! `include`: configuration that comes from somewhere else.

use crate::policy::rules::ci_privilege::compare::{Ask, Picture, What};
use crate::policy::rules::ci_privilege::image::is_commit_id;
use crate::policy::rules::ci_privilege::shown;
use crate::policy::rules::ci_privilege::yaml::Node;

/// One entry, or a list of them.
pub fn look(node: &Node, picture: &mut Picture) {
    if let Some(text) = node.text() {
        if text.contains("://") {
            remote(text, node, picture);
        } else {
            local(text, node, picture);
        }
    } else if node.is_map() {
        entry(node, picture);
    }
    node.items().iter().for_each(|item| look(item, picture));
}

fn ask(key: String, node: &Node, message: String, picture: &mut Picture) {
    let fix = "include a file of this repository instead, or have a person add it";
    picture.ask(Ask::new(What::Include, key, node.line, message, fix));
}

fn remote(address: &str, node: &Node, picture: &mut Picture) {
    let message = format!("`{}` is included: whoever serves it decides what runs", shown(address));
    ask(format!("include:{address}"), node, message, picture);
}

/// A file of this repository that is not named like one of CI: nobody looks into it.
fn local(path: &str, node: &Node, picture: &mut Picture) {
    let name = path.trim_start_matches('/').to_ascii_lowercase();
    let is_yaml = name.ends_with(".yml") || name.ends_with(".yaml");
    let is_known = name.ends_with(".gitlab-ci.yml") || name.ends_with(".gitlab-ci.yaml");
    if is_known || is_yaml && name.starts_with(".gitlab/ci/") && !name.contains("..") {
        return;
    }
    let message = format!("`{}` is included, and its name is not one that is looked into", shown(path));
    let fix = "name it *.gitlab-ci.yml, or put it below .gitlab/ci/";
    picture.ask(Ask::new(What::Include, format!("include:local:{path}"), node.line, message, fix));
}

fn entry(node: &Node, picture: &mut Picture) {
    let text = |key: &str| node.get(key).and_then(|node| node.text());
    if let Some(address) = text("remote") {
        remote(address, node, picture);
    }
    // An address works there too.
    match text("local") {
        Some(address) if address.contains("://") => remote(address, node, picture),
        Some(path) => local(path, node, picture),
        None => {}
    }
    if let Some(project) = text("project") {
        let version = text("ref").unwrap_or_default();
        // A commit of a project that was included before is no other source.
        let key = if is_commit_id(version) { String::new() } else { format!("@{version}") };
        if !key.is_empty() {
            picture.known.insert(format!("include:project:{project}"));
        }
        let of = if version.is_empty() { String::new() } else { format!(" at `{}`", shown(version)) };
        let message = format!("files of the project `{}`{of} are included", shown(project));
        ask(format!("include:project:{project}{key}"), node, message, picture);
    }
    if let Some(component) = text("component") {
        let message = format!("the component `{}` is included", shown(component));
        ask(format!("include:component:{component}"), node, message, picture);
    }
    if text("artifact").is_some() {
        let message = "a pipeline is run that a job has made up".to_owned();
        ask("include:artifact".to_owned(), node, message, picture);
    }
}
