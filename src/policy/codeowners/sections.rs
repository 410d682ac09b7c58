//! Lists of patterns of which the last one that matches counts.

use crate::policy::codeowners::glob::Glob;
use crate::policy::codeowners::{Demand, Owner};
use std::collections::HashMap;

/// GitHub's whole file, or what stands below one name at GitLab.
#[derive(Debug)]
pub struct Section {
    pub name: Option<String>,
    pub need: Need,
    rules: Vec<Rule>,
    /// The rules by a name that must be a part of the path, each list in order: most are not looked at for most paths.
    by_name: HashMap<Vec<u8>, Vec<usize>>,
    /// Those without such a name.
    nameless: Vec<usize>,
    /// What the section does not speak of, whatever its rules say.
    pub exceptions: Vec<Glob>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    Required,
    Optional,
}

#[derive(Debug)]
pub struct Rule {
    pub line: usize,
    pub glob: Glob,
    pub claim: Claim,
    pub approvals: usize,
}

#[derive(Debug)]
pub enum Claim {
    /// By these; by nobody there is, if empty.
    Owned(Vec<Owner>),
    /// No approval is needed.
    Unowned,
}

impl Section {
    pub fn new(name: Option<String>, need: Need) -> Self {
        let (rules, by_name, nameless, exceptions) = Default::default();
        Self { name, need, rules, by_name, nameless, exceptions }
    }

    pub fn add(&mut self, rule: Rule) {
        let list = match rule.glob.name() {
            Some(name) => self.by_name.entry(name.to_owned()).or_default(),
            None => &mut self.nameless,
        };
        list.push(self.rules.len());
        self.rules.push(rule);
    }

    /// The last rule that matches.
    fn last(&self, parts: &[&[u8]]) -> Option<&Rule> {
        let mut last = None;
        let named = parts.iter().filter_map(|part| self.by_name.get(*part));
        for list in named.chain([&self.nameless]) {
            let later = list.iter().rev().take_while(|at| last.is_none_or(|last| **at > last));
            let found = later.copied().find(|at| self.rules.get(*at).is_some_and(|rule| rule.glob.matches(parts)));
            last = found.or(last);
        }
        self.rules.get(last?)
    }

    /// What a change of the path with these parts needs of this section.
    pub fn demand(&self, parts: &[&[u8]]) -> Option<Demand> {
        if self.need == Need::Optional {
            return None;
        }
        let rule = self.last(parts)?;
        let owners = match &rule.claim {
            Claim::Owned(owners) => owners.clone(),
            Claim::Unowned => return None,
        };
        if self.exceptions.iter().any(|glob| glob.matches(parts)) {
            return None;
        }
        Some(Demand { section: self.name.clone(), owners, approvals: rule.approvals, line: rule.line })
    }
}
