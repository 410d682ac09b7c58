//! The lines for AGENTS.md: what an agent that reads nothing else has to know.

use super::{Brief, few};
use crate::model::Effect;
use crate::policy::settings::Review;

/// Patterns in one sentence.
const PATTERNS_MAX: usize = 6;
/// Rules in one sentence.
const RULES_MAX: usize = 4;

impl Brief {
    /// About a dozen lines of Markdown. `ssh` is how the gate's verbs are called: `ssh -p 2222 refgate@gate`.
    #[must_use]
    pub fn agents_md(&self, ssh: &str) -> String {
        let branch = self.branch();
        let mut lines = vec!["## Pushing to this repository".to_owned(), String::new()];
        lines.push(
            "`origin` is a gate. It judges every commit of a push, and forwards the push as a whole or not.".into(),
        );
        lines.push(String::new());
        if let Some(branch) = &branch {
            lines.push(format!("- Push to your own branches: `git push origin HEAD:{branch}`."));
        }
        lines.extend(self.signed());
        lines.push(self.paths());
        lines.extend(self.held());
        let topic = branch.as_deref().map_or("BRANCH", |branch| branch.trim_start_matches("refs/heads/"));
        lines.push(format!(
            "- To try: `git push origin HEAD:refs/check/{topic}`. It is judged in full, and nothing is sent."
        ));
        lines.extend(self.review());
        lines.push(
            "- Refused: read each `fix:` of the answer, do it, push again. Every commit of the push counts, so amend or \
             rebase; a commit on top does not help."
                .to_owned(),
        );
        lines.push(format!(
            "- Held: do not push it again. It is forwarded when a human approves it. How it stands: `{ssh} status`."
        ));
        lines.push("- No secrets, in no commit: read them from the environment.".to_owned());
        lines.push(format!("- All rules: `{ssh} rules {}`. One push: `{ssh} explain PUSH`.", self.repo));
        lines.push(String::new());
        lines.join("\n")
    }

    /// A branch it may create, as `refs/heads/agent/claude-1/TOPIC`.
    fn branch(&self) -> Option<String> {
        let pushing = self.grants.iter().filter(|grant| !grant.allow.is_empty());
        let branches = pushing.flat_map(|grant| &grant.refs).filter(|name| name.starts_with("refs/heads/"));
        let example =
            |name: &String| name.strip_suffix("/**").or(name.strip_suffix("/*")).map(|n| format!("{n}/TOPIC"));
        branches.into_iter().map(|name| example(name).unwrap_or_else(|| name.clone())).next()
    }

    /// How pushes are signed, if some grant asks for it.
    fn signed(&self) -> Option<String> {
        let is_asked = self.grants.iter().any(|grant| grant.signed && !grant.allow.is_empty());
        is_asked.then(|| {
            "- Pushes are signed. Once: `git config gpg.format ssh`, `git config user.signingkey KEY.pub` (the key you \
             push with), `git config push.gpgSign if-asked`."
                .to_owned()
        })
    }

    fn paths(&self) -> String {
        let mut all: Vec<String> = Vec::new();
        for path in self.grants.iter().flat_map(|grant| &grant.write) {
            if !all.contains(path) {
                all.push(path.clone());
            }
        }
        let (except, paths): (Vec<String>, Vec<String>) = all.into_iter().partition(|path| path.starts_with('!'));
        if paths.is_empty() {
            return "- You may change no file: only commits that are upstream already can be pushed.".to_owned();
        }
        let except: Vec<String> = except.iter().map(|path| path.trim_start_matches('!').to_owned()).collect();
        let but = if except.is_empty() { String::new() } else { format!(", but not {}", codes(&except, PATTERNS_MAX)) };
        format!("- You may change {}{but}.", codes(&paths, PATTERNS_MAX))
    }

    /// What waits for whom.
    fn held(&self) -> Option<String> {
        let holding: Vec<_> = self.rules.iter().filter(|rule| rule.then == Effect::Hold && !rule.observes).collect();
        let mut by: Vec<String> = Vec::new();
        for rule in &holding {
            let who = rule.approvers.join(" or ");
            if !by.contains(&who) {
                by.push(who);
            }
        }
        let about = |rule: &&super::RuleBrief| {
            let names: Vec<String> = rule.about.iter().filter(|name| !name.starts_with('!')).cloned().collect();
            if names.is_empty() { format!("`{}`", rule.id) } else { format!("{} (`{}`)", codes(&names, 2), rule.id) }
        };
        let rules: Vec<String> = holding.iter().map(about).collect();
        let rules = few(&rules, RULES_MAX).join("; ");
        (!holding.is_empty()).then(|| format!("- Held for a human: {rules}. Approved by {}.", by.join("; ")))
    }

    fn review(&self) -> Option<String> {
        let all: Vec<&String> = self.grants.iter().flat_map(|grant| &grant.review).collect();
        let named = all.iter().find(|name| !name.starts_with('!')).map(|name| name.as_str());
        let any = Some("refs/for/BRANCH").filter(|_| self.review == Review::Branches);
        let target = named.or(any)?;
        Some(format!("- To ask for review: `git push origin HEAD:{target}`. It is held until a human approves it."))
    }
}

fn codes(list: &[String], max: usize) -> String {
    let code = |text: &String| if text.starts_with("and ") { text.clone() } else { format!("`{text}`") };
    few(list, max).iter().map(code).collect::<Vec<_>>().join(" ")
}
