//! Who sees which event. Pure: policy and principal in, the event or what remains of it out.
//!
//! An agent sees its own pushes and nothing else. People and CI also see what happens in repositories they have a grant
//! for, at refs they may read, and what happens to the gate. A human sees all of a repository in which they may approve.
//!
//! What is left out shows in nothing but a gap in the cursors: of an event that is shown in part, whatever is said of
//! the push as a whole is left out with the hidden refs.

use crate::events::Event;
use crate::model::{PrincipalKind, RepoName};
use crate::policy::{Policy, Principal};
use jiff::Timestamp;

/// Somebody who reads events, under the policy of the moment.
pub struct Reader<'a> {
    pub principal: &'a Principal,
    pub policy: &'a Policy,
    pub now: Timestamp,
    /// Whether the principal may approve a held push of this repository.
    pub may_approve: &'a dyn Fn(&RepoName) -> bool,
}

impl Reader<'_> {
    /// What the reader may know of the event; `None`: nothing.
    #[must_use]
    pub fn shows(&self, event: Event) -> Option<Event> {
        // Who was taken out of the policy, or became something else, has no more to hear.
        let is_known = self.policy.principal(&self.principal.name).is_some_and(|now| now.kind == self.principal.kind);
        if !is_known {
            return None;
        }
        let is_own = event.push.is_some() && event.principal.as_ref() == Some(&self.principal.name);
        match (self.principal.kind, &event.repo) {
            _ if is_own => Some(event),
            (PrincipalKind::Agent, _) => None,
            (PrincipalKind::Human | PrincipalKind::Ci, None) => Some(event),
            (PrincipalKind::Human, Some(repo)) if (self.may_approve)(repo) => Some(event),
            (PrincipalKind::Human | PrincipalKind::Ci, Some(repo)) => {
                let repo = repo.clone();
                self.policy.may_see_repo(self.principal, &repo, self.now).then(|| self.readable(&repo, event))?
            }
        }
    }

    fn readable(&self, repo: &RepoName, mut event: Event) -> Option<Event> {
        let before = event.refs.len();
        event.refs.retain(|update| self.policy.may_read(self.principal, repo, &update.name, self.now));
        if event.refs.len() == before {
            return Some(event);
        }
        if event.refs.is_empty() {
            return None;
        }
        let Event { refs, rules, .. } = &mut event;
        rules.retain(|rule| rule.at.as_ref().is_some_and(|at| refs.iter().any(|update| update.name == *at)));
        event.reason.clear();
        event.detail.clear();
        Some(event)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::{EventRef, EventRule};
    use crate::model::{EventKind, PrincipalName, PushId, RefName};
    use crate::record::{EventEntry, Record};

    const POLICY: &str = r#"
[agent.claude-1]
[agent.claude-2]
[human.dana]
[human.lee]
[human.nobody]
[ci.runner]
[[grant]]
to = ["claude-*"]
repo = "app"
refs = "refs/heads/agent/{principal}/**"
allow = ["create", "update"]
write = "**"
[[grant]]
to = ["dana", "lee", "runner"]
repo = "app"
read = ["refs/heads/**", "!refs/heads/agent/claude-2/**"]
"#;

    /// claude-1 pushes a ref that the grant lets read, claude-2 one that it does not.
    fn event(principal: &str, repo: Option<&str>, refs: &[&str]) -> Event {
        let entry = EventEntry::new("start", "2026-05-01T12:00:00Z".parse().expect("a time"));
        let mut event = Event::of(7, &Record::Event(entry)).expect("an event");
        let name = |text: &&str| RefName::parse(text.as_bytes()).expect("a ref");
        event.repo = repo.map(|repo| RepoName::parse(repo).expect("a name"));
        if !principal.is_empty() {
            event.kind = EventKind::PushHeld;
            event.push = Some(PushId::generate());
            event.principal = Some(PrincipalName::parse(principal).expect("a name"));
        }
        event.refs = refs
            .iter()
            .map(|text| EventRef { name: name(text), old: None, new: None, kind: None, result: None })
            .collect();
        event.rules = refs.iter().map(|text| EventRule { id: (*text).to_owned(), at: Some(name(text)) }).collect();
        event.rules.push(EventRule { id: "amount".to_owned(), at: None });
        event.reason = "because".to_owned();
        event
    }

    fn shown(reader: &str, event: Event) -> Option<Event> {
        let policy = Policy::parse("policy.toml", POLICY).unwrap_or_else(|problems| panic!("{problems}"));
        let name = PrincipalName::parse(reader).expect("a name");
        let principal = policy.principal(&name).expect("it is there").clone();
        let may_approve = |repo: &RepoName| reader == "lee" && repo.as_str() == "app";
        let now = "2026-05-01T12:00:00Z".parse().expect("a time");
        Reader { principal: &principal, policy: &policy, now, may_approve: &may_approve }.shows(event)
    }

    const SEEN: &str = "refs/heads/agent/claude-1/x";
    const HIDDEN: &str = "refs/heads/agent/claude-2/x";

    #[test]
    fn each_reader_sees_what_it_may_know() {
        let app = Some("app");
        let push = |who, refs: &[&str]| event(who, app, refs);
        for (what, event, readers) in [
            ("a push", push("claude-1", &[SEEN]), "claude-1 dana lee runner"),
            ("a push of a hidden ref", push("claude-2", &[HIDDEN]), "claude-2 lee"),
            ("a push without refs", push("claude-2", &[]), "claude-2 dana lee runner"),
            ("a human's own push", push("dana", &[HIDDEN]), "dana lee"),
            ("another repository", event("claude-1", Some("lib"), &[SEEN]), "claude-1"),
            ("the gate", event("", None, &[]), "dana lee nobody runner"),
            ("a freeze", event("", app, &[]), "dana lee runner"),
            ("a freeze elsewhere", event("", Some("lib"), &[]), ""),
        ] {
            let all = ["claude-1", "claude-2", "dana", "lee", "nobody", "runner"];
            let seen: Vec<&str> = all.into_iter().filter(|reader| shown(reader, event.clone()).is_some()).collect();
            assert_eq!(seen.join(" "), readers, "{what}");
        }
    }

    #[test]
    fn what_was_hidden_leaves_no_trace() {
        let both = event("claude-1", Some("app"), &[SEEN, HIDDEN]);
        for whole in ["claude-1", "lee"] {
            assert_eq!(shown(whole, both.clone()), Some(both.clone()), "{whole}");
        }
        let part = shown("dana", both).expect("in part");
        let mut expected = event("claude-1", Some("app"), &[SEEN]);
        expected.push = part.push;
        expected.rules.pop();
        expected.reason.clear();
        assert_eq!(part, expected);
        assert!(!part.to_line().contains("claude-2"));
    }

    #[test]
    fn an_agent_does_not_hear_that_it_was_revoked_and_nobody_hears_after() {
        let mut revoked = event("", None, &[]);
        revoked.kind = EventKind::PrincipalRevoked;
        revoked.principal = Some(PrincipalName::parse("claude-1").expect("a name"));
        assert_eq!(shown("claude-1", revoked.clone()), None);
        assert!(shown("dana", revoked).is_some());

        let policy = Policy::parse("policy.toml", POLICY).unwrap_or_else(|problems| panic!("{problems}"));
        let gone = PrincipalName::parse("gone").expect("a name");
        let principal = Principal { name: gone, kind: PrincipalKind::Human, sponsor: None };
        let now = "2026-05-01T12:00:00Z".parse().expect("a time");
        let reader = Reader { principal: &principal, policy: &policy, now, may_approve: &|_| true };
        assert_eq!(reader.shows(event("", None, &[])), None);
    }
}
