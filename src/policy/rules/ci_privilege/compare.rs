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
    /// The same, but only if the old version does not have this holder yet.
    inherits: Option<(String, Vec<String>)>,
    count: Count,
    /// Weakens this holder, by any of its names: it means something only if the old version has it.
    weakens: Vec<String>,
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
        let (also, weakens) = (Vec::new(), Vec::new());
        Self { what, key, also, inherits: None, count: Count::Once, weakens, line, message, fix }
    }

    /// Every use counts, not only the first; `context` stands for the text around it.
    pub fn each(self, context: u64) -> Self {
        Self { count: Count::Each(context), ..self }
    }

    pub fn also(self, also: Vec<String>) -> Self {
        Self { also, ..self }
    }

    pub fn inherits(self, holder: &str, keys: Vec<String>) -> Self {
        Self { inherits: Some((holder.to_owned(), keys)), ..self }
    }

    pub fn weakens(self, holders: &[String]) -> Self {
        Self { weakens: holders.to_vec(), ..self }
    }
}

/// Something that holds a file back, and is missed when it is gone.
#[derive(Debug)]
pub struct Guard {
    pub what: What,
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
    /// `None`: it is spoken of whatever the rule is about.
    pub what: Option<What>,
    pub line: Option<u32>,
    pub message: String,
    pub fix: String,
}

impl Picture {
    pub fn ask(&mut self, ask: Ask) {
        self.asks.push(ask);
    }

    /// A condition of one holder.
    pub fn guard(&mut self, key: String, holder: &str, message: String, fix: &str) {
        let (what, keys, holders) = (What::Condition, vec![key], vec![holder.to_owned()]);
        self.guards.push(Guard { what, keys, holders, message, fix: fix.to_owned() });
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
    // Of a token's rights once a file is enough: often it is the same for all jobs.
    let line = |one: &Found| one.line.filter(|_| one.what != Some(What::Permissions));
    found.retain(|one| seen.insert((one.what, line(one), one.message.clone())));
    found
}

fn gained(old: &Picture, new: &Picture) -> Vec<Found> {
    let asked = old.asks.iter().map(|ask| ask.key.as_str());
    let known: HashSet<&str> = asked.chain(old.known.iter().map(String::as_str)).collect();
    let mut uses = Uses::new(old);
    let mut rest = Vec::new();
    // Those in unchanged texts first, so that what is left is in a changed one.
    for ask in &new.asks {
        if !uses.take_exact(ask) {
            rest.push(ask);
        }
    }
    let mut found = Vec::new();
    for ask in rest {
        let is_known = match ask.count {
            Count::Once => known.contains(ask.key.as_str()),
            Count::Each(_) => take(uses.any.get_mut(ask.key.as_str())),
        };
        let inherited = ask.inherits.iter().filter(|(holder, _)| !old.holders.contains_key(holder));
        let also = ask.also.iter().chain(inherited.flat_map(|(_, keys)| keys));
        let is_covered = also.into_iter().any(|key| known.contains(key.as_str()));
        let weakens = &ask.weakens;
        let is_weakening = weakens.is_empty() || weakens.iter().any(|holder| old.holders.contains_key(holder));
        if !is_known && !is_covered && is_weakening {
            let (line, message, fix) = (Some(ask.line), ask.message.clone(), ask.fix.clone());
            found.push(Found { what: Some(ask.what), line, message, fix });
        }
    }
    found
}

/// How often the old version asks for what is counted.
struct Uses<'a> {
    exact: HashMap<(&'a str, u64), usize>,
    any: HashMap<&'a str, usize>,
}

impl<'a> Uses<'a> {
    fn new(old: &'a Picture) -> Self {
        let mut uses = Self { exact: HashMap::new(), any: HashMap::new() };
        for ask in &old.asks {
            if let Count::Each(context) = ask.count {
                *uses.exact.entry((&ask.key, context)).or_default() += 1;
                *uses.any.entry(&ask.key).or_default() += 1;
            }
        }
        uses
    }

    /// Takes away a use in the very same text.
    fn take_exact(&mut self, ask: &'a Ask) -> bool {
        let Count::Each(context) = ask.count else { return false };
        let is_old = take(self.exact.get_mut(&(ask.key.as_str(), context)));
        if is_old {
            take(self.any.get_mut(ask.key.as_str()));
        }
        is_old
    }
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
        found.push(Found { what: Some(guard.what), line, message, fix });
    }
    found
}
