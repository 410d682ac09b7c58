//! Jobs: where they run, in what, with which rights, and what holds them back.

use super::{File, include, rules};
use crate::policy::rules::ci_privilege::compare::{Ask, Guard, Picture, What};
use crate::policy::rules::ci_privilege::image::{Image, is_like};
use crate::policy::rules::ci_privilege::yaml::{Node, Pair};
use crate::policy::rules::ci_privilege::{is_true, short, shown};

pub fn look<'n>(holder: &str, job: &'n Pair, file: &File<'n>, picture: &mut Picture) {
    let node: &'n Node = &job.value;
    own(holder, node, picture);
    // A template runs nothing by itself; the jobs that extend it do.
    if job.key.starts_with('.') {
        return;
    }
    picture.holder(holder.to_owned(), job.line);
    let name = shown(&job.key);
    let message = format!("the job `{name}` is gone, and what it checks with it");
    picture.guard(holder.to_owned(), "file", message, "put the job back, under the same name");
    let what = format!("the job `{name}`");
    rules::look(holder, &what, node, file, picture);
    conditions(holder, &what, node, file, picture);
    tags(holder, &what, node, file, picture);
}

/// What is asked for at one place, whoever uses it.
fn own(holder: &str, node: &Node, picture: &mut Picture) {
    for token in node.get("id_tokens").iter().flat_map(|tokens| tokens.pairs()) {
        let audience = token.value.get("aud").map(|audience| audience.canonical()).unwrap_or_default();
        let message = format!("`id_tokens` gives the job an identity elsewhere: `{}`", shown(&token.key));
        let key = format!("id:{holder}:{}:{audience}", token.key);
        picture.ask(Ask::new(What::Permissions, key, token.line, message, "leave it out"));
    }
    for secret in node.get("secrets").iter().flat_map(|secrets| secrets.pairs()) {
        let message = format!("the secret `{}` is fetched here, and was not before", shown(&secret.key));
        let key = format!("secret:{holder}:{}", secret.value.canonical());
        picture.ask(Ask::new(What::Secrets, key, secret.line, message, "leave it out"));
    }
    if let Some(trigger) = node.pair("trigger") {
        let project = trigger.value.get("project").unwrap_or(&trigger.value);
        if let Some(project) = project.text() {
            let message = format!("a pipeline of the project `{}` is started", shown(project));
            let key = format!("trigger:{project}");
            picture.ask(Ask::new(What::Trigger, key, trigger.line, message, "leave it out"));
        }
        if let Some(list) = trigger.value.get("include") {
            include::look(list, picture);
        }
    }
    images(holder, node, picture);
}

/// `default` and the top level.
pub fn shared<'n>(root: &'n Node, file: &File<'n>, picture: &mut Picture) {
    images("file", root, picture);
    if let Some(default) = root.get("default") {
        own("default", default, picture);
        for (tag, node) in default.get("tags").map(|tags| tags.scalars()).unwrap_or_default() {
            tag_of(tag, node, file, picture);
        }
    }
}

fn images(holder: &str, node: &Node, picture: &mut Picture) {
    let services = node.get("services").iter().flat_map(|services| services.items()).collect::<Vec<_>>();
    for node in node.get("image").into_iter().chain(services.iter().copied()) {
        let named = node.get("name").unwrap_or(node);
        if let Some(text) = named.text() {
            image(text, named, picture);
        }
    }
    for service in services {
        let named = service.get("name").unwrap_or(service);
        if named.text().is_some_and(|text| text.contains("dind")) {
            let message = "docker in docker needs a privileged runner, from which a job can get out".to_owned();
            let ask = Ask::new(What::Container, format!("dind:{holder}"), named.line, message, "leave the service out");
            picture.ask(ask);
        }
    }
}

fn image(reference: &str, node: &Node, picture: &mut Picture) {
    // Of this very project, or its proxy.
    const OWN: [&str; 4] = ["$CI_REGISTRY_IMAGE", "${CI_REGISTRY_IMAGE}", "$CI_PROJECT", "${CI_PROJECT"];
    if OWN.iter().any(|own| reference.starts_with(own)) {
        return;
    }
    let image = Image::parse(reference);
    let first = image.name.split('/').next().unwrap_or_default();
    let is_registry = image.name.contains('/') && (first.contains(['.', ':', '$']) || first == "localhost");
    let registry = if is_registry { first } else { "Docker Hub" };
    if image.is_pinned {
        let message = format!("images come from `{}` now", shown(registry));
        let ask = Ask::new(
            What::Unpinned,
            format!("registry:{registry}"),
            node.line,
            message,
            "use one from where they came",
        );
        picture.ask(ask.weakens(&["file".to_owned()]));
        return;
    }
    picture.known.insert(format!("registry:{registry}"));
    let message = format!("the image `{}` is named without a digest: it can change under its name", shown(reference));
    let fix = "name it with its digest: image:tag@sha256:…";
    picture.ask(Ask::new(What::Unpinned, format!("image:{}", image.name), node.line, message, fix));
}

fn conditions<'n>(holder: &str, what: &str, node: &'n Node, file: &File<'n>, picture: &mut Picture) {
    let weakens = [holder.to_owned()];
    if let Some(allowed) = file.effective(node, "allow_failure").filter(|pair| is_true(&pair.value)) {
        let message = format!("{what} no longer fails when it fails");
        let ask =
            Ask::new(What::Condition, format!("allow:{holder}"), allowed.line, message, "leave `allow_failure` out");
        picture.ask(ask.weakens(&weakens));
    }
    let when = file.effective(node, "when").and_then(|when| Some((when.line, when.value.text()?)));
    if let Some((line, text @ ("manual" | "never"))) = when {
        let message = format!("{what} no longer runs by itself");
        let ask = Ask::new(What::Condition, format!("when:{holder}:{text}"), line, message, "leave `when` out");
        picture.ask(ask.weakens(&weakens));
    }
    if let Some((_, "manual")) = when {
        let message = format!("{what} no longer waits for a person to start it");
        picture.guard(format!("manual:{holder}"), holder, message, "put `when: manual` back");
    }
    if let Some(environment) = file.effective(node, "environment") {
        let named = environment.value.get("name").unwrap_or(&environment.value);
        let text = named.text().unwrap_or_default();
        let message = format!("{what} no longer runs in the environment `{}`, with its approvals", shown(text));
        picture.guard(
            format!("environment:{holder}:{:x}", file.digest_of(named)),
            holder,
            message,
            "put the environment back",
        );
    }
}

/// Tags of one job that are looked at one by one.
const TAGS_MAX: usize = 50;

fn tags<'n>(holder: &str, what: &str, node: &'n Node, file: &File<'n>, picture: &mut Picture) {
    let Some(tags) = file.effective_or_default(node, "tags") else { return };
    if tags.value.items().len() > TAGS_MAX {
        let message = format!("the job asks for a runner with more than {TAGS_MAX} tags, too many to look at");
        let key = format!("runner:{:x}", file.digest_of(&tags.value));
        picture.ask(Ask::new(What::Runner, key, tags.line, message, "use fewer tags"));
        return;
    }
    for (tag, node) in tags.value.items().iter().chain([&tags.value]).filter_map(|tag| Some((tag.text()?, tag))) {
        tag_of(tag, node, file, picture);
        let message = format!("{what} no longer asks for a runner with the tag `{}`", shown(tag));
        let (keys, holders) = (vec![format!("tag:{holder}:{:x}", file.digest_of(node))], vec![holder.to_owned()]);
        let fix = "put the tag back".to_owned();
        picture.guards.push(Guard { what: What::Runner, keys, holders, message, fix });
    }
}

fn tag_of(tag: &str, node: &Node, file: &File<'_>, picture: &mut Picture) {
    let hosted = ["saas-linux-*", "saas-macos-*", "saas-windows-*"];
    let is_allowed = match &file.allowed.runners {
        Some(list) => list.iter().any(|pattern| is_like(pattern, tag)),
        None => hosted.iter().any(|pattern| is_like(pattern, tag)),
    };
    if !is_allowed {
        let message =
            format!("the job asks for a runner with the tag `{}`, which was not used here before", shown(tag));
        let key = format!("runner:{}", short(tag));
        picture.ask(Ask::new(What::Runner, key, node.line, message, "use a tag that is used already"));
    }
}
