//! What a policy leaves no choice in: for tools that try a policy out.

use crate::model::{PrincipalKind, RefName, RepoName, UpdateKind};
use crate::policy::explain::Question;
use crate::policy::grant::Grant;
use crate::policy::{Policy, Principal, Subject, Who};
use jiff::Timestamp;

impl Policy {
    /// The agent, if there is exactly one.
    #[must_use]
    pub fn only_agent(&self) -> Option<&Principal> {
        let mut agents = self.people.all().filter(|principal| principal.kind == PrincipalKind::Agent);
        agents.next().filter(|_| agents.next().is_none())
    }

    /// The repository, if all grants name the same one.
    #[must_use]
    pub fn only_repo(&self) -> Option<RepoName> {
        let mut names = self.grants.iter().flat_map(|grant| grant.repos.patterns());
        let first = names.next().filter(|name| name.is_literal())?.to_string();
        names.all(|name| name.is_literal() && name.to_string() == first).then(|| RepoName::parse(&first).ok())?
    }

    /// Whether some human with a key or certificate name may update this ref and write this path: by a grant that does
    /// not end, and with no rule that stops every such push.
    #[must_use]
    pub fn humans_may_update(&self, repo: &RepoName, name: &RefName, path: &str, now: Timestamp) -> bool {
        let subject = Subject::name(path.as_bytes());
        let paths = [path.into()];
        let may = |principal: &Principal| {
            let who = Who::Named(principal.name.as_str());
            let lasts = |grant: &&Grant| grant.until.is_none() && grant.allow.contains(&UpdateKind::Update);
            let gives = |grant: &Grant| grant.has_ref(name, who) && grant.may_write(&subject, who);
            let operation = UpdateKind::Update;
            let question = Question { principal, repo, ref_name: name, operation, paths: &paths, now };
            self.grants_for(principal, repo, now).filter(lasts).any(gives)
                && self.explain(&question).decision == "accept"
        };
        let humans = self.people.all().filter(|principal| principal.kind == PrincipalKind::Human);
        humans.filter(|human| self.people.can_log_in(human)).any(may)
    }

    /// A branch that the principal may create, or update.
    #[must_use]
    pub fn example_ref(&self, principal: &Principal, repo: &RepoName, now: Timestamp) -> Option<RefName> {
        let name = principal.name.as_str();
        let giving = |kind| self.grants_for(principal, repo, now).filter(move |grant| grant.allow.contains(&kind));
        let patterns = giving(UpdateKind::Create).chain(giving(UpdateKind::Update));
        let patterns = patterns.filter_map(|grant| grant.refs.as_ref()).flat_map(|refs| refs.show(name));
        let filled = patterns.filter(|p| !p.starts_with('!')).map(|p| p.replace("**", "x").replace(['*', '?'], "x"));
        let mut names = filled.filter_map(|name| RefName::parse(name.as_bytes()).ok());
        names.find(|name| {
            self.grants_for(principal, repo, now).any(|g| g.has_ref(name, Who::Named(principal.name.as_str())))
        })
    }
}
