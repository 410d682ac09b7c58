//! Which files are workflows, of which kind, and what one version of such a file comes to.

use crate::policy::pattern::{PatternOf, Subject, Who};
use crate::policy::pattern_list::PatternList;
use crate::policy::rules::ci_privilege::compare::{self, Found, Picture, What};
use crate::policy::rules::ci_privilege::github::{self, Forge};
use crate::policy::rules::ci_privilege::yaml::{self, Flaw, Stream};
use crate::policy::rules::ci_privilege::{Allowed, gitlab};
use crate::strict::{Problem, Table};
use std::collections::HashMap;

/// Who reads a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    GitHub,
    Forgejo,
    /// An action, of whichever of the two.
    Action,
    GitLab,
    /// Named by the policy; its shape tells.
    Unknown,
}

const GITHUB: [&str; 2] = [".github/workflows/**/*.yml", ".github/workflows/**/*.yaml"];
const FORGEJO: [&str; 4] = [
    ".forgejo/workflows/**/*.yml",
    ".forgejo/workflows/**/*.yaml",
    ".gitea/workflows/**/*.yml",
    ".gitea/workflows/**/*.yaml",
];
const ACTION: [&str; 2] = ["**/action.yml", "**/action.yaml"];
const GITLAB: [&str; 4] = ["**/*.gitlab-ci.yml", "**/*.gitlab-ci.yaml", ".gitlab/ci/**/*.yml", ".gitlab/ci/**/*.yaml"];

/// The paths of each kind, and those the policy is about.
#[derive(Debug)]
pub struct Families {
    fixed: [(Family, PatternList); 4],
    matched: Option<PatternList>,
}

impl Families {
    pub fn read(table: &mut Table<'_, '_>, problems: &mut Vec<Problem>) -> Option<Self> {
        let matched = match table.get("match") {
            Some(value) => Some(PatternList::read(value, PatternOf::Path, problems)?),
            None => None,
        };
        let fixed = |texts: &[&str]| PatternList::fixed(texts, PatternOf::Path);
        let fixed = [
            (Family::GitHub, fixed(&GITHUB)),
            (Family::Forgejo, fixed(&FORGEJO)),
            (Family::Action, fixed(&ACTION)),
            (Family::GitLab, fixed(&GITLAB)),
        ];
        Some(Self { fixed, matched })
    }

    /// What a path is by its name.
    pub fn kind(&self, path: &Subject<'_>) -> Family {
        let is_of = |(_, list): &&(Family, PatternList)| list.forbids(path, Who::Anyone);
        self.fixed.iter().find(is_of).map_or(Family::Unknown, |(family, _)| *family)
    }

    /// The same, if the policy is about the path. `**` is about all workflows, not about all files.
    pub fn of(&self, path: &Subject<'_>, who: Who<'_>) -> Option<Family> {
        let kind = self.kind(path);
        match &self.matched {
            None => (kind != Family::Unknown).then_some(kind),
            Some(list) if !list.forbids(path, who) => None,
            Some(_) if kind != Family::Unknown => Some(kind),
            Some(list) => list.patterns().iter().any(|p| !p.is_everything() && p.touches(path, who)).then_some(kind),
        }
    }

    pub fn matched(&self) -> Option<&PatternList> {
        self.matched.as_ref()
    }
}

impl Family {
    /// For a file whose name says nothing: what one of its versions looks like; `None` if like nothing of CI. One that
    /// is no YAML stays what it is: nobody can tell.
    pub fn or_guess<'t>(self, new: &'t [u8], olds: impl Iterator<Item = &'t [u8]>) -> Option<Self> {
        if self != Self::Unknown || yaml::parse(new).is_err() {
            return Some(self);
        }
        std::iter::once(new).chain(olds).find_map(|text| {
            let stream = yaml::parse(text).ok()?;
            let root = stream.documents.last()?;
            match () {
                () if root.get("on").is_some() && github::is_workflow(root) => Some(Self::GitHub),
                () if root.get("runs").is_some_and(|runs| runs.get("using").is_some()) => Some(Self::Action),
                () => gitlab::is_like(root).then_some(Self::GitLab),
            }
        })
    }
}

/// One version of a file.
#[derive(Debug, Default)]
pub struct Version {
    picture: Picture,
    /// Why it cannot be judged at all.
    unread: Option<Flaw>,
    flaws: Vec<Flaw>,
    /// Whether something runs because of this file alone.
    is_workflow: bool,
}

impl Version {
    /// A text that cannot be judged asks for nothing and guards nothing: as the old version that makes all new, as the
    /// new one that itself is spoken of.
    pub fn read(family: Family, text: &[u8], allowed: &Allowed) -> Self {
        let Stream { documents, mut flaws } = match yaml::parse(text) {
            Ok(stream) => stream,
            Err(flaw) => return Self { unread: Some(flaw), is_workflow: true, ..Self::default() },
        };
        let root = match (family, documents.as_slice()) {
            (_, []) => return Self { flaws, ..Self::default() },
            (_, [root]) => root,
            (Family::GitLab, [header, content]) if header.get("spec").is_some() => content,
            (_, [first, second, ..]) => {
                flaws.push(Flaw { line: second.line, what: "has another document, which not all read".to_owned() });
                if family == Family::GitLab { second } else { first }
            }
        };
        let (picture, is_workflow) = match family {
            Family::GitLab => (gitlab::picture(root, allowed), gitlab::is_like(root)),
            Family::Forgejo => (github::picture(root, Forge::Forgejo, allowed), github::is_workflow(root)),
            _ => (github::picture(root, Forge::GitHub, allowed), github::is_workflow(root)),
        };
        Self { picture, unread: None, flaws, is_workflow }
    }

    /// What is to be said of this version where there was the old one.
    pub fn against(&self, old: &Self) -> Vec<Found> {
        let tell = |flaw: &Flaw| Found {
            what: None,
            line: Some(flaw.line),
            message: format!("the file {}, so it cannot be judged", flaw.what),
            fix: "write it as plain YAML that all readers take alike".to_owned(),
        };
        if let Some(flaw) = &self.unread {
            return vec![tell(flaw)];
        }
        let mut known: HashMap<&str, usize> = HashMap::new();
        for flaw in &old.flaws {
            *known.entry(&flaw.what).or_default() += 1;
        }
        let mut found = Vec::new();
        for flaw in &self.flaws {
            match known.get_mut(flaw.what.as_str()).filter(|count| **count > 0) {
                Some(count) => *count -= 1,
                None => found.push(tell(flaw)),
            }
        }
        if !self.is_workflow {
            found.extend(old.gone());
        }
        found.extend(compare::compare(&old.picture, &self.picture));
        found
    }

    /// What is to be said when there is none of it any more.
    pub fn gone(&self) -> Vec<Found> {
        let message = "the workflow is gone, and what it checks with it".to_owned();
        let fix = "put the workflow back".to_owned();
        let found = Found { what: Some(What::Condition), line: None, message, fix };
        if self.is_workflow { vec![found] } else { Vec::new() }
    }
}
