//! What a CI file asks for and what it is guarded by, and what of that a new version has gained or lost.

use std::collections::{HashMap, HashSet};

/// What a finding is about; the words of `what = [...]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum What {
    Permissions,
    Trigger,
    Secrets,
    Runner,
    Action,
    Unpinned,
    Include,
    Interpolation,
    CheckoutOfPr,
    Condition,
    Container,
    Env,
    ShellDownload,
}

pub const WHATS: [(&str, What); 13] = [
    ("permissions", What::Permissions),
    ("trigger", What::Trigger),
    ("secrets", What::Secrets),
    ("runner", What::Runner),
    ("action", What::Action),
    ("unpinned", What::Unpinned),
    ("include", What::Include),
    ("interpolation", What::Interpolation),
    ("checkout-of-pr", What::CheckoutOfPr),
    ("condition", What::Condition),
    ("container", What::Container),
    ("env", What::Env),
    ("shell-download", What::ShellDownload),
];

/// Something a file asks for.
#[derive(Debug)]
pub struct Ask {
    pub what: What,
    /// The same in both versions for the same thing.
    pub key: String,
    /// If the old version has one of these, this is nothing new either.
    also: Vec<String>,
    count: Count,
    /// Weakens this holder, so it means something only if the old version has it.
    weakens: Option<String>,
    pub line: u32,
    pub message: String,
    pub fix: String,
}

#[derive(Debug, Clone, Copy)]
enum Count {
    /// Once asked for, asked for.
    Once,
    /// Each use counts; the number tells which ones are in an unchanged text.
    Each(u64),
}

impl Ask {
    pub fn new(what: What, key: String, line: u32, message: String, fix: impl Into<String>) -> Self {
        let fix = fix.into();
        Self { what, key, also: Vec::new(), count: Count::Once, weakens: None, line, message, fix }
    }

    /// Every use counts, not only the first; `context` stands for the text around it.
    pub fn each(self, context: u64) -> Self {
        Self { count: Count::Each(context), ..self }
    }

    pub fn also(self, also: Vec<String>) -> Self {
        Self { also, ..self }
    }

    pub fn weakens(self, holder: &str) -> Self {
        Self { weakens: Some(holder.to_owned()), ..self }
    }
}

/// Something that holds a file back, and is missed when it is gone.
#[derive(Debug)]
pub struct Guard {
    /// One of these in the new version is enough.
    pub keys: Vec<String>,
    /// What it guards, by any of its names; if the new version has none of them, the guard is not needed.
    pub holders: Vec<String>,
    pub message: String,
    pub fix: String,
}

/// One version of a file.
#[derive(Debug, Default)]
pub struct Picture {
    pub asks: Vec<Ask>,
    pub guards: Vec<Guard>,
    /// Keys that are asked for without being worth a word.
    pub known: HashSet<String>,
    /// Jobs and steps by all their names, and where they stand.
    pub holders: HashMap<String, u32>,
}

/// What is to be said of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    pub what: What,
    pub line: Option<u32>,
    pub message: String,
    pub fix: String,
}

impl Picture {
    pub fn ask(&mut self, ask: Ask) {
        self.asks.push(ask);
    }

    /// A guard of one holder under its own key.
    pub fn guard(&mut self, key: String, holder: &str, message: String, fix: &str) {
        let (keys, holders) = (vec![key], vec![holder.to_owned()]);
        self.guards.push(Guard { keys, holders, message, fix: fix.to_owned() });
    }

    pub fn holder(&mut self, name: String, line: u32) {
        self.holders.entry(name).or_insert(line);
    }
}

/// What `new` has gained and lost.
#[must_use]
pub fn compare(old: &Picture, new: &Picture) -> Vec<Found> {
    let mut found = gained(old, new);
    found.extend(lost(old, new));
    let mut seen = HashSet::new();
    found.retain(|one| seen.insert((one.what, one.line, one.message.clone())));
    found
}

fn gained(old: &Picture, new: &Picture) -> Vec<Found> {
    let known: HashSet<&str> =
        old.asks.iter().map(|ask| ask.key.as_str()).chain(old.known.iter().map(String::as_str)).collect();
    let mut exact: HashMap<(&str, u64), usize> = HashMap::new();
    let mut any: HashMap<&str, usize> = HashMap::new();
    for ask in &old.asks {
        if let Count::Each(context) = ask.count {
            *exact.entry((&ask.key, context)).or_default() += 1;
            *any.entry(&ask.key).or_default() += 1;
        }
    }
    let mut take_exact = |ask: &&Ask| match ask.count {
        Count::Once => true,
        Count::Each(context) => {
            let is_old = take(exact.get_mut(&(ask.key.as_str(), context)));
            if is_old {
                take(any.get_mut(ask.key.as_str()));
            }
            !is_old
        }
    };
    // Those in unchanged texts first, so that what is left is in a changed one.
    let rest: Vec<&Ask> = new.asks.iter().filter(&mut take_exact).collect();
    let is_new = |ask: &&Ask| {
        let is_known = match ask.count {
            Count::Once => known.contains(ask.key.as_str()),
            Count::Each(_) => take(any.get_mut(ask.key.as_str())),
        };
        let is_covered = ask.also.iter().any(|key| known.contains(key.as_str()));
        let is_weakening = ask.weakens.as_ref().is_none_or(|holder| old.holders.contains_key(holder));
        !is_known && !is_covered && is_weakening
    };
    let tell = |ask: &Ask| Found {
        what: ask.what,
        line: Some(ask.line),
        message: ask.message.clone(),
        fix: ask.fix.clone(),
    };
    rest.into_iter().filter(is_new_by(is_new)).map(tell).collect()
}

/// Gives a closure the shape a filter takes.
fn is_new_by<'a>(is_new: impl FnMut(&&'a Ask) -> bool) -> impl FnMut(&&'a Ask) -> bool {
    is_new
}

/// Takes one away, if there is one.
fn take(count: Option<&mut usize>) -> bool {
    match count {
        Some(count) if *count > 0 => {
            *count -= 1;
            true
        }
        _ => false,
    }
}

fn lost(old: &Picture, new: &Picture) -> Vec<Found> {
    let has: HashSet<&str> = new.guards.iter().flat_map(|guard| &guard.keys).map(String::as_str).collect();
    let mut found = Vec::new();
    for guard in &old.guards {
        let line = guard.holders.iter().find_map(|holder| new.holders.get(holder).copied());
        let is_kept = guard.keys.iter().any(|key| has.contains(key.as_str()));
        if is_kept || line.is_none() {
            continue;
        }
        let (message, fix) = (guard.message.clone(), guard.fix.clone());
        found.push(Found { what: What::Condition, line: line.filter(|line| *line > 0), message, fix });
    }
    found
}
