//! GitLab's CI files.

mod include;
mod job;
mod rules;
mod walk;

use crate::policy::rules::ci_privilege::compare::Picture;
use crate::policy::rules::ci_privilege::script::{digest, variables};
use crate::policy::rules::ci_privilege::yaml::{Node, Pair};
use crate::policy::rules::ci_privilege::{Allowed, short};
use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

/// Keys of the top level that are no jobs.
const KEYWORDS: [&str; 13] = [
    "after_script",
    "before_script",
    "cache",
    "default",
    "image",
    "include",
    "pages:deploy",
    "services",
    "spec",
    "stages",
    "types",
    "variables",
    "workflow",
];
/// Templates that are gone through for one key of one job. GitLab itself allows eleven levels.
const TEMPLATES_MAX: usize = 32;

/// A file and what is looked up in it often.
struct File<'n> {
    root: &'n Node,
    by_name: HashMap<&'n str, &'n Pair>,
    /// Variables that the file itself sets: no secrets of the project.
    set: HashSet<&'n str>,
    /// Variables of the file that hold what a stranger can write.
    tainted: HashSet<&'n str>,
    allowed: &'n Allowed,
    /// Digests of values by where they are: templates are seen once for each job.
    digests: RefCell<HashMap<*const Node, u64>>,
}

/// Whether a document looks like a CI file of GitLab.
#[must_use]
pub fn is_like(root: &Node) -> bool {
    let is_job = |node: &Node| ["script", "trigger", "extends", "run"].iter().any(|key| node.get(key).is_some());
    root.pairs().iter().any(|pair| matches!(pair.key.as_str(), "include" | "stages") || is_job(&pair.value))
}

#[must_use]
pub fn picture(root: &Node, allowed: &Allowed) -> Picture {
    let mut picture = Picture::default();
    let file = File::new(root, allowed);
    picture.holder("file".to_owned(), root.line);
    if let Some(list) = root.get("include") {
        include::look(list, &mut picture);
    }
    if let Some(workflow) = root.pair("workflow") {
        picture.holder("workflow".to_owned(), workflow.line);
        rules::look("workflow", "the pipeline", &workflow.value, &file, &mut picture);
    }
    for pair in root.pairs() {
        let holder = format!("job:{}", short(&pair.key));
        if KEYWORDS.contains(&pair.key.as_str()) {
            walk::pair("file", pair, &file, &mut picture);
            continue;
        }
        walk::scalars(&holder, &pair.value, &file, &mut picture);
        if pair.value.is_map() {
            job::look(&holder, pair, &file, &mut picture);
        }
    }
    job::shared(root, &file, &mut picture);
    picture
}

impl<'n> File<'n> {
    fn new(root: &'n Node, allowed: &'n Allowed) -> Self {
        let by_name = root.pairs().iter().map(|pair| (pair.key.as_str(), pair)).collect();
        let jobs = root.pairs().iter().filter_map(|pair| pair.value.get("variables"));
        let all = || root.get("variables").into_iter().chain(jobs.clone()).flat_map(|node| node.pairs());
        let set = all().map(|pair| pair.key.as_str()).collect();
        let holds_tainted = |pair: &&'n Pair| {
            let value = pair.value.get("value").unwrap_or(&pair.value).text().unwrap_or_default();
            variables(value).any(|(_, name)| walk::TAINTED.contains(&name))
        };
        let tainted = all().filter(holds_tainted).map(|pair| pair.key.as_str()).collect();
        Self { root, by_name, set, tainted, allowed, digests: RefCell::default() }
    }

    /// What a key is for a job in effect: its own, or that of a template it extends.
    fn effective(&self, job: &'n Node, key: &str) -> Option<&'n Pair> {
        let mut todo: Vec<&'n Node> = vec![job];
        let mut seen = 0;
        while let Some(node) = todo.pop() {
            if let Some(pair) = node.pair(key) {
                return Some(pair);
            }
            seen += 1;
            if seen > TEMPLATES_MAX {
                return None;
            }
            // The last one named goes first.
            let Some(names) = node.get("extends") else { continue };
            let first = names.items().len().saturating_sub(TEMPLATES_MAX);
            let all = names.items().iter().skip(first).chain([names]).filter_map(|name| name.text());
            todo.extend(all.filter_map(|name| self.by_name.get(name)).map(|pair| pair.value.as_ref()));
        }
        None
    }

    /// The same, or what `default` or the top level says for all jobs.
    fn effective_or_default(&self, job: &'n Node, key: &str) -> Option<&'n Pair> {
        let default = || self.root.get("default").and_then(|default| default.pair(key));
        self.effective(job, key).or_else(default).or_else(|| self.root.pair(key))
    }

    fn digest_of(&self, node: &Rc<Node>) -> u64 {
        let at = Rc::as_ptr(node);
        if let Some(known) = self.digests.borrow().get(&at) {
            return *known;
        }
        let found = digest(&node.canonical());
        self.digests.borrow_mut().insert(at, found);
        found
    }
}
