//! The effective policy of a repository: everything that counts there, with who said it.

use crate::model::RepoName;
use crate::policy::settings;
use crate::policy::source::{Key, Origin, Source};
use crate::policy::{Policy, rules::Rule};
use std::collections::BTreeSet;

/// All that counts in one repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Effective {
    pub people: Vec<Block>,
    pub grants: Vec<Block>,
    pub settings: Block,
    pub rules: Vec<Block>,
}

/// One table of the policy, as if it were all written there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// As in the policy: `[rule.ci-files]`.
    pub head: String,
    pub source: Source,
    pub keys: Vec<Key>,
}

impl Policy {
    /// The repositories that the policy names without a pattern.
    #[must_use]
    pub fn repos(&self) -> BTreeSet<RepoName> {
        let of_grants = self.grants.iter().flat_map(|grant| grant.repos.patterns()).filter(|name| name.is_literal());
        let of_grants = of_grants.filter_map(|name| RepoName::parse(&name.to_string()).ok());
        self.repos.keys().cloned().chain(of_grants).collect()
    }

    #[must_use]
    pub fn effective(&self, repo: &RepoName) -> Effective {
        let people = self.people.everybody().map(|person| Block {
            head: format!("[{}.{}]", person.principal.kind.as_str(), quoted(person.principal.name.as_str())),
            source: Source::Policy(person.span.clone()),
            keys: person.settings.clone(),
        });
        let mut people: Vec<Block> = people.collect();
        people.extend(self.groups_block());
        let grants = self.grants.iter().filter(|grant| grant.is_in(repo)).map(|grant| Block {
            head: "[[grant]]".to_owned(),
            source: Source::Policy(grant.span.clone()),
            keys: grant.keys.clone(),
        });
        Effective {
            people,
            grants: grants.collect(),
            settings: self.settings_block(repo),
            rules: self.rules.iter().filter(|rule| rule.is_in(repo)).map(rule_block).collect(),
        }
    }

    fn groups_block(&self) -> Option<Block> {
        let groups = self.people.groups().iter();
        let keys: Vec<Key> = groups
            .map(|(name, group)| Key {
                name: quoted(name),
                value: Some(group.text.clone()),
                source: Source::Policy(group.span.clone()),
            })
            .collect();
        let source = keys.first()?.source.clone();
        Some(Block { head: "[group]".to_owned(), source, keys })
    }

    fn settings_block(&self, repo: &RepoName) -> Block {
        let head = format!("[repo.{}]", quoted(repo.as_str()));
        let default = |(name, value): &(&str, &str)| Key {
            name: (*name).to_owned(),
            value: Some((*value).to_owned()),
            source: Source::Default,
        };
        match self.repos.get(repo) {
            Some(found) => Block { head, source: Source::Policy(found.span.clone()), keys: found.keys.clone() },
            None => Block { head, source: Source::Default, keys: settings::DEFAULTS.iter().map(default).collect() },
        }
    }
}

fn rule_block(rule: &Rule) -> Block {
    Block { head: format!("[rule.{}]", rule.id), source: rule.source(), keys: rule.keys.clone() }
}

impl Rule {
    /// Who wrote the rule, or had the last word on it.
    #[must_use]
    pub fn source(&self) -> Source {
        match self.origin {
            Origin::Policy => Source::Policy(self.span.clone()),
            Origin::PolicyOver(name) => Source::Over(self.span.clone(), name),
            Origin::Preset(name) => Source::Preset(name),
        }
    }
}

/// A key of TOML that has only characters of names.
#[must_use]
pub fn quoted(name: &str) -> String {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if name.chars().all(is_bare) { name.to_owned() } else { format!("\"{name}\"") }
}

#[cfg(test)]
mod tests {
    use crate::policy::source::Source;
    use crate::policy::testing::*;

    #[test]
    fn every_key_is_told_with_who_set_it() {
        let text = format!(
            "{OPEN}[repo.app]\npreset = \"agent-default\"\n[rule.ci-files]\nthen = \"warn\"\n[rule.own]\n\
             kind = \"ref-name\"\nmatch = \"refs/tags/**\"\nthen = \"hold\"\nrepos = \"lib\"\n[rule.size]\nkind = \"size\"\n\
             bytes_max = 7\nthen = \"warn\"\n"
        );
        let effective = policy(&text).effective(&repo());
        let rule = |id: &str| effective.rules.iter().find(|block| block.head == format!("[rule.{id}]"));
        let shown = |id: &str| -> Vec<String> {
            let line = |source: &Source| match source {
                Source::Policy(span) => format!("line {}", crate::strict::position(&text, span.start).0),
                Source::Preset(name) | Source::Over(_, name) => (*name).to_owned(),
                Source::Default => "default".to_owned(),
            };
            let keys = rule(id).expect("the rule").keys.iter();
            let keys = keys
                .filter(|key| matches!(key.name.as_str(), "kind" | "then" | "mode" | "match" | "bytes_max" | "fix"));
            keys.map(|key| {
                let value = key.value.as_deref().unwrap_or("-");
                format!("{} {:.11} {}", key.name, value, line(&key.source))
            })
            .collect()
        };
        let of_ci = ["kind \"path\" agent-default", "then \"warn\" line 12", "mode \"enforce\" default"];
        assert_eq!(shown("ci-files")[..3], of_ci);
        assert_eq!(shown("ci-files")[3], "fix - default");
        assert_eq!(shown("ci-files")[4], "match [\"**/.githu agent-default");
        let of_size = ["kind \"size\" line 19", "then \"warn\" line 21", "mode \"enforce\" default", "fix - default"];
        assert_eq!(shown("size")[..4], of_size);
        assert_eq!(shown("size")[4..], ["match [\"**\"] default", "bytes_max 7 line 20"]);
        assert!(rule("own").is_none(), "it is for another repository");
        assert_eq!(effective.settings.keys[0].value.as_deref(), Some("\"agent-default\""));
        assert_eq!(effective.grants.len(), 1);
        assert_eq!(effective.people[0].head, "[agent.claude-1]");
        let other = policy(OPEN).effective(&repo());
        assert_eq!((other.settings.source, other.settings.keys.len()), (Source::Default, 6));
        assert_eq!(policy(&text).repos().len(), 1);
    }
}
