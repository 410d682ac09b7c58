//! What a principal may do in a repository, told before it starts: its own grants, and the rules that look at its pushes.
//!
//! Nothing of other principals, and no regex: who knows one writes around it.

mod agents_md;
mod json;
mod text;

use crate::model::{Effect, Escaped, Limits, PrincipalName, Purpose, RepoName, UpdateKind, exact_size};
use crate::policy::grant::Grant;
use crate::policy::rules::Rule;
use crate::policy::settings::{Mode, Review};
use crate::policy::source::Key;
use crate::policy::{Policy, Principal};
use jiff::Timestamp;

/// All of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Brief {
    pub principal: PrincipalName,
    pub repo: RepoName,
    /// None for a human who only approves.
    pub grants: Vec<GrantBrief>,
    /// Of what else review may be asked.
    pub review: Review,
    /// The strongest first.
    pub rules: Vec<RuleBrief>,
    pub limits: LimitsBrief,
}

/// One grant in force, with patterns as they read for this principal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrantBrief {
    pub allow: Vec<UpdateKind>,
    /// Refs it may push to.
    pub refs: Vec<String>,
    /// Refs it may ask for review of: `refs/for/…`.
    pub review: Vec<String>,
    pub write: Vec<String>,
    pub read: Vec<String>,
    pub until: Option<Timestamp>,
    /// `60/hour`.
    pub pushes: Option<String>,
    /// `200 MiB/day`.
    pub bytes: Option<String>,
    /// Whether pushes must be signed.
    pub signed: bool,
}

/// One rule that may speak.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleBrief {
    pub id: String,
    pub kind: &'static str,
    pub then: Effect,
    /// Whether it only warns for now, whatever it says.
    pub observes: bool,
    /// Paths or refs it looks at; empty: all.
    pub about: Vec<String>,
    /// Refs it is for; empty: all.
    pub refs: Vec<String>,
    /// Bounds and words that are no secret, as `bytes_max`, `5 MiB`.
    pub settings: Vec<(String, String)>,
    /// Who approves what it holds, as the policy names them.
    pub approvers: Vec<String>,
    pub approvals: usize,
    /// The admin's own words.
    pub message: Option<String>,
}

/// Bounds on one push that a pusher may run into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LimitsBrief {
    pub pack_bytes_max: u64,
    pub object_bytes_max: u64,
    pub ref_updates_max: usize,
    pub commits_max: usize,
}

/// Settings of rules that may be told. All others stay untold, those that are to come too.
const TOLD: [&str; 13] = [
    "bytes_max",
    "size_max",
    "commits_max",
    "files_max",
    "lines_max",
    "parents_max",
    "length_max",
    "depth_max",
    "subject_length_max",
    "line_length_max",
    "types",
    "what",
    "operations",
];

impl Policy {
    /// What the principal may do in the repository now; `None` if nothing at all.
    #[must_use]
    pub fn brief(&self, principal: &Principal, repo: &RepoName, limits: &Limits, now: Timestamp) -> Option<Brief> {
        let name = &principal.name;
        let grants: Vec<GrantBrief> =
            self.grants_for(principal, repo, now).map(|grant| GrantBrief::new(grant, name)).collect();
        if grants.is_empty() && !self.may_review(principal, repo, now) {
            return None;
        }
        let index = self.people.index(name.as_str());
        let mode = self.settings(repo).mode;
        let theirs = self.rules.iter().filter(|rule| rule.is_in(repo) && rule.is_whose(index));
        let mut rules: Vec<RuleBrief> = theirs
            .map(|rule| RuleBrief { approvers: self.approvers(rule, repo), ..RuleBrief::new(rule, mode, name) })
            .collect();
        rules.sort_by_key(|rule| std::cmp::Reverse(rule.effect()));
        let limits = LimitsBrief {
            pack_bytes_max: limits.pack_bytes_max,
            object_bytes_max: limits.object_bytes_max,
            ref_updates_max: limits.ref_updates_max,
            commits_max: limits.commits_max,
        };
        let review = self.settings(repo).review;
        Some(Brief { principal: name.clone(), repo: repo.clone(), grants, review, rules, limits })
    }

    /// As the policy names them: groups, humans, `CODEOWNERS`.
    fn approvers(&self, rule: &Rule, repo: &RepoName) -> Vec<String> {
        let of_repo = self.repos.get(repo).map(|repo| repo.approvers.clone()).unwrap_or_default();
        match (rule.then, rule.approvers.is_empty(), of_repo.is_empty()) {
            (Effect::Warn | Effect::Refuse, ..) => Vec::new(),
            (Effect::Hold, false, _) => rule.approvers.clone(),
            (Effect::Hold, true, false) => of_repo,
            (Effect::Hold, true, true) => vec!["the humans who push here".to_owned()],
        }
    }
}

impl GrantBrief {
    fn new(grant: &Grant, name: &PrincipalName) -> Self {
        let shown = grant.refs.as_ref().map(|refs| refs.show(name.as_str())).unwrap_or_default();
        let prefix = Purpose::Review.prefix().unwrap_or_default();
        let is_review = |text: &String| text.trim_start_matches('!').starts_with(prefix);
        let (review, refs) = shown.into_iter().partition(is_review);
        let quota = &grant.quota;
        Self {
            allow: grant.allow.clone(),
            refs,
            review,
            write: grant.write.as_ref().map(|write| write.show(name.as_str())).unwrap_or_default(),
            read: grant.read.show(name.as_str()),
            until: grant.until,
            pushes: quota.pushes.map(|rate| format!("{}/{}", rate.max, rate.per.as_str())),
            bytes: quota.bytes.map(|rate| format!("{}/{}", exact_size(rate.max), rate.per.as_str())),
            signed: grant.signed,
        }
    }
}

impl RuleBrief {
    fn new(rule: &Rule, mode: Mode, name: &PrincipalName) -> Self {
        let key = |wanted: &str| rule.keys.iter().find(|key| key.name == wanted);
        let patterns = |wanted: &str| key(wanted).map(|key| words(key, name)).unwrap_or_default();
        let everything = |list: Vec<String>| if list == ["**"] { Vec::new() } else { list };
        let mut about = everything(patterns("match"));
        about.extend(patterns("must_match").into_iter().map(|pattern| format!("not {pattern}")));
        about.extend(patterns("except").into_iter().map(|pattern| format!("!{pattern}")));
        let told = rule.keys.iter().filter(|key| TOLD.contains(&key.name.as_str()) && key.value.is_some());
        let settings = told.map(|key| (key.name.clone(), words(key, name).join(" "))).collect();
        Self {
            id: rule.id.clone(),
            kind: rule.kind,
            then: rule.then,
            observes: !rule.voice(mode).blocks() && rule.then > Effect::Warn,
            about,
            refs: everything(patterns("refs")),
            settings,
            approvers: Vec::new(),
            approvals: rule.approvals,
            message: rule.voice(mode).message.map(str::to_owned),
        }
    }
}

impl RuleBrief {
    /// What follows from it for now.
    #[must_use]
    pub fn effect(&self) -> Effect {
        if self.observes { Effect::Warn } else { self.then }
    }
}

/// A string, number or list of them, as words that can be shown.
fn words(key: &Key, name: &PrincipalName) -> Vec<String> {
    let Some(value) = &key.value else { return Vec::new() };
    // What is no table in TOML is JSON too, on its one line.
    let items = match serde_json::from_str(value) {
        Ok(serde_json::Value::Array(items)) => items,
        Ok(one) => vec![one],
        Err(_) => return Vec::new(),
    };
    let word = |item: serde_json::Value| match item {
        serde_json::Value::String(text) => Escaped(text.replace("{principal}", name.as_str()).as_bytes()).to_string(),
        serde_json::Value::Number(number) if key.name.contains("bytes") || key.name.contains("size") => {
            number.as_u64().map_or_else(|| number.to_string(), exact_size)
        }
        other => other.to_string(),
    };
    items.into_iter().map(word).collect()
}

/// A few of many.
fn few(list: &[String], max: usize) -> Vec<String> {
    let more = list.len().saturating_sub(max);
    // One more is as short as saying so.
    let max = if more == 1 { max + 1 } else { max };
    let mut few: Vec<String> = list.iter().take(max).cloned().collect();
    if more > 1 {
        few.push(format!("and {more} more"));
    }
    few
}

#[cfg(test)]
mod tests;
