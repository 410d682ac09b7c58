//! Lists of patterns of which the last one that matches counts.

use crate::policy::codeowners::glob::Glob;
use crate::policy::codeowners::{Demand, Owner};

/// GitHub's whole file, or what stands below one name at GitLab.
#[derive(Debug)]
pub struct Section {
    pub name: Option<String>,
    pub need: Need,
    pub rules: Vec<Rule>,
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
        Self { name, need, rules: Vec::new(), exceptions: Vec::new() }
    }

    /// What a change of the path with these parts needs of this section.
    pub fn demand(&self, parts: &[&[u8]]) -> Option<Demand> {
        if self.need == Need::Optional {
            return None;
        }
        let rule = self.rules.iter().rev().find(|rule| rule.glob.matches(parts))?;
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
