//! `container` and `services`: what the containers of a job may do to the machine they run on.

use super::uses;
use crate::policy::rules::ci_privilege::compare::{Ask, Picture, What};
use crate::policy::rules::ci_privilege::yaml::Node;
use crate::policy::rules::ci_privilege::{is_true, shown};

/// Options of `docker create` that let a container out.
const OPTIONS: [&str; 16] = [
    "--privileged",
    "--cap-add",
    "--device",
    "--security-opt",
    "--pid",
    "--ipc",
    "--uts",
    "--userns",
    "--cgroupns",
    "--cgroup-parent",
    "--volume",
    "--volumes-from",
    "--mount",
    "--gpus",
    "--runtime",
    "-v",
];
const FIX: &str = "leave it out: a container of a job has no need to reach the machine it runs on";

pub fn look(holder: &str, container: &Node, picture: &mut Picture) {
    if let Some(image) = container.text() {
        uses::look_at_image(image, container, picture);
        return;
    }
    if let Some((text, image)) = container.get("image").and_then(|image| Some((image.text()?, image))) {
        uses::look_at_image(text, image, picture);
    }
    let mut ask = |what: &str, node: &Node| {
        let message = format!("the container gets `{}`, which lets it reach out of itself", shown(what));
        picture.ask(Ask::new(What::Container, format!("container:{holder}:{what}"), node.line, message, FIX));
    };
    for (text, node) in container.get("options").map(|options| options.scalars()).unwrap_or_default() {
        // The runner takes quotes and backslashes out of them as a shell would.
        let plain = text.replace(['"', '\'', '\\'], "");
        let mut words = plain.split_ascii_whitespace().peekable();
        while let Some(word) = words.next() {
            let (name, value) = word.split_once('=').unwrap_or((word, ""));
            let value = if value.is_empty() { words.peek().copied().unwrap_or_default() } else { value };
            let is_host = matches!(name, "--network" | "--net") && value == "host";
            if is_host || OPTIONS.contains(&name) || name.starts_with("-v/") || name.contains("${{") {
                ask(word, node);
            }
        }
    }
    for (text, node) in container.get("volumes").map(|volumes| volumes.scalars()).unwrap_or_default() {
        // A volume with a name of its own is no part of the machine.
        if text.starts_with(['/', '.', '~', '$', '\\']) || text.get(1..2) == Some(":") {
            ask(text, node);
        }
    }
    if let Some(privileged) = container.get("privileged").filter(|privileged| is_true(privileged)) {
        ask("privileged", privileged);
    }
}
