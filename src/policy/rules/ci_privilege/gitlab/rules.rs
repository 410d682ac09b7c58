//! `rules`, `only`, `except` and `when`: in which cases a job runs.

use super::File;
use crate::policy::rules::ci_privilege::compare::{Ask, Guard, Picture, What};
use crate::policy::rules::ci_privilege::shown;
use crate::policy::rules::ci_privilege::yaml::{Node, Pair};
use std::rc::Rc;

/// Entries of one list that are compared one by one; what is beyond is compared as a whole.
const ENTRIES_MAX: usize = 50;
const PUT_BACK: &str = "put it back";

pub fn look<'n>(holder: &str, what: &str, job: &'n Node, file: &File<'n>, picture: &mut Picture) {
    if let Some(rules) = file.effective(job, "rules") {
        let mut view = View { holder, what, file, picture };
        view.is_gone(rules);
        view.entries(rules, |rule| rule.get("when").and_then(|when| when.text()) != Some("never"));
    }
    for key in ["only", "except"] {
        let Some(pair) = file.effective(job, key) else { continue };
        let mut view = View { holder, what, file, picture: &mut *picture };
        view.is_gone(pair);
        let lists = pair.value.pairs().iter().filter(|list| list.value.text().is_none());
        view.entries(pair, |_| key == "only");
        for list in lists.take(ENTRIES_MAX) {
            view.entries(list, |_| key == "only");
        }
    }
}

struct View<'a, 'n> {
    holder: &'a str,
    what: &'a str,
    file: &'a File<'n>,
    picture: &'a mut Picture,
}

impl View<'_, '_> {
    /// The list as a whole holds the job back.
    fn is_gone(&mut self, list: &Pair) {
        let key = format!("{}:{}", list.key, self.holder);
        self.picture.holder(key.clone(), list.line);
        let message = format!("{} no longer has `{}`", self.what, list.key);
        self.picture.guard(key, self.holder, message, PUT_BACK);
    }

    /// Each entry either lets the job run, so that one more is news, or holds it back, so that it is missed.
    fn entries(&mut self, list: &Pair, lets_run: impl Fn(&Node) -> bool) {
        let (holder, what, name) = (self.holder, self.what, shown(&list.key));
        let single = [Rc::clone(&list.value)];
        let entries = if list.value.text().is_some() { &single[..] } else { list.value.items() };
        let rest = (entries.len() > ENTRIES_MAX).then_some(&list.value);
        for entry in entries.iter().take(ENTRIES_MAX).chain(rest) {
            let key = format!("{name}:{holder}:{}", self.file.digest_of(entry));
            let shown_entry = shown(&condition(entry));
            let holders = vec![format!("rules:{holder}"), format!("only:{holder}"), format!("except:{holder}")];
            if lets_run(entry) {
                let message = format!("{what} runs in a case more: `{shown_entry}` of `{name}`");
                let ask = Ask::new(What::Condition, key.clone(), entry.line, message, "leave the case out");
                self.picture.ask(ask.weakens(&holders));
            }
            // Both kinds are missed: a check that no longer runs is none.
            let message = format!("{what} no longer has `{shown_entry}` in its `{name}`");
            let fix = PUT_BACK.to_owned();
            self.picture.guards.push(Guard { what: What::Condition, keys: vec![key], holders, message, fix });
        }
    }
}

/// What is shown of an entry.
fn condition(entry: &Node) -> String {
    let of = |key: &str| Some(format!("{key}: {}", entry.get(key)?.text()?));
    let parts: Vec<String> = ["if", "when"].iter().filter_map(|key| of(key)).collect();
    match entry.text() {
        Some(text) => text.to_owned(),
        None if parts.is_empty() => "an entry".to_owned(),
        None => parts.join(", "),
    }
}
