//! Warnings about a policy that compiles but hardly says what its author meant.

use crate::model::{Effect, PrincipalName, UpdateKind};
use crate::policy::Policy;
use crate::policy::grant::Grant;
use crate::policy::rules::Rule;
use crate::policy::source::Origin;
use crate::strict::Problem;
use jiff::Timestamp;
use std::collections::BTreeSet;

/// All warnings, in the order of their places.
#[must_use]
pub fn lint(policy: &Policy, now: Timestamp) -> Vec<Problem> {
    let mut warnings = Vec::new();
    let mut used_groups = BTreeSet::new();
    for grant in &policy.grants {
        lint_grant(grant, now, &mut warnings);
        used_groups.extend(&grant.to.groups);
    }
    for rule in &policy.rules {
        lint_rule(rule, &policy.rules, &mut warnings);
        used_groups.extend(rule.groups());
    }
    used_groups.extend(policy.repos.values().flat_map(|repo| &repo.approvers));
    used_groups.extend(policy.admins.iter().flatten());
    for (name, group) in policy.people.groups() {
        if !used_groups.contains(name) {
            warnings.push(Problem::new(group.span.clone(), format!("the group `{name}` is never used")));
        }
        unknown_names(group.unknown(), &mut warnings);
    }
    if policy.grants.is_empty() {
        warnings.push(Problem::new(0..0, "there is no grant: nobody may do anything").help("add a [[grant]]"));
    }
    warnings.sort_by_key(|w| w.span.start);
    warnings
}

fn unknown_names(names: &[(String, std::ops::Range<usize>)], warnings: &mut Vec<Problem>) {
    for (name, span) in names {
        warnings.push(Problem::new(span.clone(), format!("nobody is called `{name}`")));
    }
}

fn lint_grant(grant: &Grant, now: Timestamp, warnings: &mut Vec<Problem>) {
    let mut warn = |message: String, help: &str| {
        warnings.push(Problem::new(grant.span.clone(), message).help(help));
    };
    if grant.is_expired(now) {
        warn("this grant has expired: it grants nothing".to_owned(), "take it out, or set a later `until`");
    }
    let brings_content = grant.allow.iter().any(|kind| *kind != UpdateKind::Delete);
    if brings_content && grant.write.is_none() && !grant.writes_nothing {
        let help = "add `write`, or `write = []` if only commits that are upstream already may be pushed";
        warn("this grant lets push but write no path".to_owned(), help);
    }
    if !brings_content && grant.write.is_some() {
        warn("`write` says nothing where neither create, update nor rewind is allowed".to_owned(), "take it out");
    }
    if grant.signed && grant.allow.is_empty() {
        warn("`signed` says nothing where nothing may be pushed".to_owned(), "take it out");
    }
    if let Some(write) = &grant.write {
        for pattern in write.patterns().iter().filter(|p| p.names_dot_git()) {
            warn(format!("`{pattern}` can never be written: .git is always refused"), "take it out");
        }
    }
    unknown_names(&grant.to.unknown, warnings);
}

fn lint_rule(rule: &Rule, all: &[Rule], warnings: &mut Vec<Problem>) {
    let mut warn = |message: String, help: &str| {
        warnings.push(Problem::new(rule.span.clone(), message).help(help));
    };
    if let Some(why) = rule.check.stops_everything().filter(|_| rule.then > Effect::Warn) {
        let then = rule.then.as_str();
        warn(format!("this rule makes every push {then}: {why}"), "narrow it, or let it warn");
    }
    if rule.misses_nested_repos() {
        warn("`*` is no repository with a `/` in its name".to_owned(), "write `**` for all repositories");
    }
    let list = rule.check.patterns();
    let patterns = list.map(|list| list.patterns()).unwrap_or_default();
    if !patterns.is_empty() && patterns.iter().all(|p| p.names_dot_git()) {
        warn("this rule can never match: .git is always refused before it".to_owned(), "take it out");
    }
    for (index, pattern) in patterns.iter().enumerate() {
        let mut others = patterns.iter().enumerate().filter(|(other, _)| *other != index);
        // Of two equal ones the later is told of.
        if let Some((_, other)) = others.find(|(i, p)| p.covers(pattern) && (!pattern.covers(p) || *i < index)) {
            warn(format!("`{pattern}` says nothing new beside `{other}`"), "take it out");
        }
    }
    for other in all {
        let is_first = other.span.start < rule.span.start;
        // What a preset and the policy both have is no mistake: the policy may be the older one.
        let is_own = rule.origin == Origin::Policy;
        if is_own && other.id != rule.id && other.shadows(rule) && (is_first || !rule.shadows(other)) {
            let message = format!("this rule never decides: `{}` matches all it does and is as strong", other.id);
            warn(message, "take one of them out, or make this one stronger");
        }
    }
}

/// What a principal may do in a repository, a line for each grant.
#[must_use]
pub fn describe(grants: &[&Grant], name: &PrincipalName) -> Vec<String> {
    let line = |grant: &&Grant| {
        let write = grant.write.as_ref().map_or("nothing".to_owned(), |list| list.show(name.as_str()).join(" "));
        let until = grant.until.map(|until| format!(", until {until}")).unwrap_or_default();
        let signed = if grant.signed { ", signed pushes only" } else { "" };
        match &grant.refs {
            Some(_) => format!("{}, writing {write}{signed}{until}", grant.show_refs(name)),
            None => format!("fetch {}{until}", grant.read.show(name.as_str()).join(" ")),
        }
    };
    grants.iter().map(line).collect()
}
