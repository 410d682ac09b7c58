//! The admin's policy: facts in, findings out. No file, clock, network, async or log here.

mod added;
mod brief;
pub mod codeowners;
mod content;
mod document;
pub mod edit;
mod examiner;
mod examples;
mod explain;
mod findings;
mod fold;
mod glob;
mod grant;
mod handles;
mod hearing;
mod ident;
mod judge;
mod lint;
mod name_flaw;
mod object_text;
mod pattern;
mod pattern_list;
mod people;
pub mod presets;
mod pusher;
pub mod rules;
mod settings;
mod show;
mod source;
mod spotted;
mod symlink;
#[cfg(test)]
mod testing;
mod voice;
mod window;

use crate::model::{
    Finding, Needs, NonceStatus, PrincipalKind, PrincipalName, PushFacts, RefName, RefUpdate, RepoName, UpdateKind,
    Usage,
};
use crate::strict::{Problem, Problems};
pub use brief::{Brief, GrantBrief, LimitsBrief, RuleBrief};
pub use content::{Blobs, Unreadable};
pub use examiner::Examiner;
pub use explain::{Explanation, Note, Question, Role, Teller};
use grant::Grant;
pub use hearing::{CODEOWNERS, Demand, Hearing, Owners, REVIEW};
use jiff::Timestamp;
pub use pattern::{Subject, Who};
pub use pattern_list::PatternList;
use people::People;
use rules::Rule;
pub use rules::signature::{Checked, PushCert};
use settings::{Repo, RepoSettings};
pub use show::{Block, Effective};
pub use source::{Key, Source};
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

/// A compiled policy. Immutable; swapped as a whole.
#[derive(Debug)]
pub struct Policy {
    digest: String,
    text: String,
    people: People,
    grants: Vec<Grant>,
    rules: Vec<Rule>,
    repos: BTreeMap<RepoName, Repo>,
    /// Groups and humans, as written; `None` if the policy does not say.
    admins: Option<Vec<String>>,
}

/// Who may act, as the policy knows them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    pub name: PrincipalName,
    pub kind: PrincipalKind,
    /// The human who answers for an agent.
    pub sponsor: Option<PrincipalName>,
}

/// Everything one judgement depends on.
#[derive(Debug, Clone, Copy)]
pub struct Case<'a> {
    pub principal: &'a Principal,
    pub repo: &'a RepoName,
    pub facts: &'a PushFacts,
    /// Findings that earlier stages made (bad objects); they count like the rules' own.
    pub findings: &'a [Finding],
    pub usage: &'a Usage,
    pub now: Timestamp,
    pub findings_max: usize,
    pub hearing: Hearing<'a>,
}

/// What the policy says of a push.
#[must_use]
#[derive(Debug)]
pub struct Judgement {
    /// Strongest first, then in the order of commits and paths; at most `findings_max`.
    pub findings: Vec<Finding>,
    /// How many more there are than `findings` holds.
    pub more_findings: usize,
    pub decision: Decision,
    /// What people must say before it goes on, if findings hold it: also of what they have said already.
    pub demands: Vec<Demand>,
}

#[must_use]
#[derive(Debug)]
pub enum Decision {
    Accept(Approval),
    Hold,
    Refuse,
}

impl Decision {
    /// The word in the record and in the JSON line.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Accept(_) => "accept",
            Self::Hold => "hold",
            Self::Refuse => "refuse",
        }
    }
}

/// The key to the upstream: only a judgement makes one, and the refs to move come from it.
#[derive(Debug)]
pub struct Approval {
    repo: RepoName,
    updates: Vec<RefUpdate>,
}

impl Approval {
    #[must_use]
    pub fn repo(&self) -> &RepoName {
        &self.repo
    }

    #[must_use]
    pub fn updates(&self) -> &[RefUpdate] {
        &self.updates
    }
}

impl Policy {
    /// Compiles `policy.toml`; `file` is how errors call it.
    pub fn parse(file: &str, text: &str) -> Result<Self, Problems> {
        document::parse(file, text)
    }

    /// What compiles but is hardly meant so. Shown with [`crate::strict::render`] as warnings.
    #[must_use]
    pub fn lint(&self, now: Timestamp) -> Vec<Problem> {
        lint::lint(self, now)
    }

    /// The document.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// SHA-256 of the document's text, in hex.
    #[must_use]
    pub fn digest(&self) -> &str {
        &self.digest
    }

    #[must_use]
    pub fn principal(&self, name: &PrincipalName) -> Option<&Principal> {
        self.people.principal(name.as_str())
    }

    #[must_use]
    pub fn principal_by_key(&self, key: &ssh_key::PublicKey) -> Option<&Principal> {
        self.people.by_key(key.key_data())
    }

    /// The one principal whose `principals = [...]` shares a name with the certificate's; none if two do.
    #[must_use]
    pub fn principal_by_certificate(&self, principals: &[String]) -> Option<&Principal> {
        self.people.by_certificate(principals)
    }

    /// The e-mail addresses a principal commits under.
    #[must_use]
    pub fn emails(&self, name: &PrincipalName) -> &[String] {
        self.people.person(name.as_str()).map(|p| p.emails.as_slice()).unwrap_or_default()
    }

    /// What the certificate of a principal's push is worth. `login` is the fingerprint of the key that logged in.
    #[must_use]
    pub fn check_push_cert(
        &self,
        name: &PrincipalName,
        login: &str,
        (signed, signature): (&[u8], &[u8]),
        nonce: NonceStatus,
    ) -> Checked {
        let keys = self.people.person(name.as_str()).map(|person| person.keys.as_slice()).unwrap_or_default();
        Checked::new(signed, signature, keys, login, nonce)
    }

    /// Name and address for a commit in a principal's name.
    #[must_use]
    pub fn author(&self, name: &PrincipalName) -> Option<(String, String)> {
        self.people.person(name.as_str()).map(people::Person::author)
    }

    /// What a repository that no grant covers is called if it is the one this policy was written for: the one name that
    /// all grants give. A covered one keeps its own name.
    #[must_use]
    pub fn name_for(&self, repo: RepoName) -> RepoName {
        let names: Vec<_> = self.grants.iter().flat_map(|grant| grant.repos.patterns()).collect();
        let is_alone = names.iter().all(|name| name.is_literal() && name.to_string() == names[0].to_string());
        let alone = names.first().filter(|_| is_alone).and_then(|name| RepoName::parse(&name.to_string()).ok());
        let is_covered = self.grants.iter().any(|grant| grant.is_in(&repo));
        alone.filter(|_| !is_covered).unwrap_or(repo)
    }

    /// Whether any grant gives this principal anything in this repository now.
    #[must_use]
    pub fn may_see_repo(&self, principal: &Principal, repo: &RepoName, now: Timestamp) -> bool {
        self.grants_for(principal, repo, now).next().is_some()
    }

    /// Whether the principal may fetch this ref now, and see it in an advertisement.
    #[must_use]
    pub fn may_read(&self, principal: &Principal, repo: &RepoName, ref_name: &RefName, now: Timestamp) -> bool {
        let subject = Subject::name(ref_name.as_bstr());
        let who = Who::Named(principal.name.as_str());
        self.grants_for(principal, repo, now).any(|grant| grant.read.allows(&subject, who))
    }

    /// Whether a grant lets the principal update this ref now, some path of it at least.
    #[must_use]
    pub fn may_update(&self, principal: &Principal, repo: &RepoName, ref_name: &RefName, now: Timestamp) -> bool {
        let who = Who::Named(principal.name.as_str());
        self.grants_for(principal, repo, now)
            .any(|grant| grant.allow.contains(&UpdateKind::Update) && grant.has_ref(ref_name, who))
    }

    /// Whether what the principal used before counts for what it may do now.
    #[must_use]
    pub fn has_quota(&self, principal: &Principal, repo: &RepoName, now: Timestamp) -> bool {
        self.grants_for(principal, repo, now).any(|grant| grant.quota != grant::Quota::default())
    }

    /// What the principal may do in this repository now, a line for each grant.
    #[must_use]
    pub fn describe(&self, principal: &Principal, repo: &RepoName, now: Timestamp) -> Vec<String> {
        let grants: Vec<&Grant> = self.grants_for(principal, repo, now).collect();
        lint::describe(&grants, &principal.name)
    }

    fn grants_for(&self, principal: &Principal, repo: &RepoName, now: Timestamp) -> impl Iterator<Item = &Grant> {
        let index = self.people.index(principal.name.as_str());
        let theirs = move |grant: &&Grant| index.is_some_and(|i| grant.is_for(i, repo)) && !grant.is_expired(now);
        self.grants.iter().filter(theirs)
    }

    /// A key that is equal for two refs if the same grants and rules apply to both.
    ///
    /// Exact up to 64 grants and rules together, beyond that a hash. Two refs that share a key by accident are only
    /// judged more strictly: [`Self::judge`] finds the grants and rules of each ref update anew.
    #[must_use]
    pub fn scope(&self, principal: &Principal, repo: &RepoName, ref_name: &RefName) -> u64 {
        let who = Who::Named(principal.name.as_str());
        let index = self.people.index(principal.name.as_str());
        let is_theirs = |grant: &Grant| index.is_some_and(|i| grant.is_for(i, repo)) && grant.has_ref(ref_name, who);
        let grants = self.grants.iter().map(is_theirs);
        let rules = self.rules.iter().map(|rule| rule.applies(index, repo, ref_name, who));
        let applying: Vec<bool> = grants.chain(rules).collect();
        if applying.len() <= 64 {
            return applying.iter().fold(0, |bits, applies| bits << 1 | u64::from(*applies));
        }
        let mut hasher = DefaultHasher::new();
        applying.hash(&mut hasher);
        hasher.finish()
    }

    /// Whether some grant lets some agent write this ref: then its tip is not trusted.
    ///
    /// An expired grant counts too: what was written under it is still there.
    #[must_use]
    pub fn agent_may_write(&self, repo: &RepoName, ref_name: &RefName) -> bool {
        let writes = |grant: &Grant| grant.allow.iter().any(|kind| *kind != UpdateKind::Delete);
        let mut all = self.grants.iter().filter(|grant| grant.to.may_be_agent && writes(grant));
        all.any(|grant| grant.is_in(repo) && grant.gives_ref(ref_name))
    }

    /// Facts that the rules of this repository look at and that cost something to find out.
    #[must_use]
    pub fn needs(&self, repo: &RepoName) -> Needs {
        judge::needs(self.rules.iter().filter(|rule| rule.is_in(repo)))
    }

    /// The rules of a repository, by their ids.
    #[must_use]
    pub fn rule_ids(&self, repo: &RepoName) -> Vec<&str> {
        self.rules.iter().filter(|rule| rule.is_in(repo)).map(|rule| rule.id.as_str()).collect()
    }

    /// Whether some grant lets somebody take commits off this ref, or the ref away. An expired one counts too.
    #[must_use]
    pub fn may_lose_history(&self, repo: &RepoName, ref_name: &RefName) -> bool {
        let drops =
            |grant: &Grant| grant.allow.iter().any(|kind| matches!(kind, UpdateKind::Rewind | UpdateKind::Delete));
        self.grants.iter().filter(|grant| drops(grant)).any(|grant| grant.is_in(repo) && grant.gives_ref(ref_name))
    }

    /// Whether the repository's rules only warn.
    #[must_use]
    pub fn observes(&self, repo: &RepoName) -> bool {
        self.settings(repo).mode == settings::Mode::Observe
    }

    pub fn judge(&self, case: &Case<'_>) -> Judgement {
        judge::judge(self, case)
    }

    fn settings(&self, repo: &RepoName) -> RepoSettings {
        self.repos.get(repo).map(|repo| repo.settings).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::testing::{now, policy, principal, repo};
    use super::*;

    const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEk9pVuMSQMOgiDEXCnjl/gyVFaGQTXCxFKLMNA3lkRG";

    const TEXT: &str = r#"
[agent.claude-1]
principals = ["claude-1", "ci-runner"]
sponsor = "dana"
[agent.claude-2]
principals = ["claude-2"]
[human.dana]
keys = ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEk9pVuMSQMOgiDEXCnjl/gyVFaGQTXCxFKLMNA3lkRG dana"]
emails = ["dana@acme.dev"]
[ci.runner]
[[grant]]
to = "claude-*"
repo = "app"
refs = ["refs/heads/agent/{principal}/**", "!refs/heads/agent/{principal}/not"]
allow = ["create", "update"]
write = "src/**"
read = ["refs/heads/main", "refs/heads/agent/{principal}/**"]
until = 2026-07-01T00:00:00+02:00
[[grant]]
to = "dana"
repo = ["app", "team/*"]
refs = "refs/heads/main"
allow = ["update"]
write = "**"
[[grant]]
to = ["runner", "gone"]
repo = "app"
refs = "refs/heads/ci"
allow = ["delete"]
[[grant]]
to = "gone"
repo = "app"
refs = ["refs/heads/old/**", "!refs/heads/old/kept"]
allow = ["rewind"]
write = "**"
until = 2020-01-01T00:00:00Z
"#;

    fn ref_name(name: &str) -> RefName {
        RefName::parse(name.as_bytes()).expect("a ref name")
    }

    #[test]
    fn principals_are_found_by_name_key_and_certificate() {
        let policy = policy(TEXT);
        let claude = principal(&policy, "claude-1");
        assert_eq!(claude.kind, PrincipalKind::Agent);
        assert_eq!(claude.sponsor.map(|s| s.to_string()), Some("dana".into()));
        let key = ssh_key::PublicKey::from_openssh(KEY).expect("a key");
        assert_eq!(policy.principal_by_key(&key), Some(&principal(&policy, "dana")));
        let certificate = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(|n| (*n).to_owned()).collect();
            policy.principal_by_certificate(&names).map(|p| p.name.to_string())
        };
        assert_eq!(certificate(&["ci-runner"]), Some("claude-1".into()));
        assert_eq!(certificate(&["x", "claude-1", "ci-runner"]), Some("claude-1".into()));
        assert_eq!(certificate(&["claude-1", "claude-2"]), None);
        assert_eq!(certificate(&["dana"]), None);
        assert_eq!(certificate(&[]), None);
        assert_eq!(policy.emails(&principal(&policy, "dana").name), ["dana@acme.dev"]);
        assert_eq!(policy.digest().len(), 64);
    }

    #[test]
    fn reading_needs_a_grant_that_has_not_expired() {
        let policy = policy(TEXT);
        let later: Timestamp = "2026-06-30T22:00:00Z".parse().expect("a time");
        let before: Timestamp = "2026-06-30T21:59:59Z".parse().expect("a time");
        let (claude, dana) = (principal(&policy, "claude-1"), principal(&policy, "dana"));
        let other = RepoName::parse("other").expect("a name");
        let team = RepoName::parse("team/x").expect("a name");
        assert!(policy.may_see_repo(&claude, &repo(), before));
        assert!(!policy.may_see_repo(&claude, &repo(), later));
        assert!(!policy.may_see_repo(&claude, &other, before));
        assert!(policy.may_see_repo(&dana, &team, later));
        for (who, name, may) in [
            (&claude, "refs/heads/main", true),
            (&claude, "refs/heads/agent/claude-1/x", true),
            (&claude, "refs/heads/agent/claude-2/x", false),
            (&claude, "refs/tags/v1", false),
            (&dana, "refs/heads/agent/claude-2/x", true),
            (&dana, "refs/tags/v1", true),
            (&dana, "refs/notes/x", false),
        ] {
            assert_eq!(policy.may_read(who, &repo(), &ref_name(name), before), may, "{name}");
        }
        assert!(!policy.may_read(&claude, &repo(), &ref_name("refs/heads/main"), later));
        assert!(
            policy.describe(&claude, &repo(), before)[0].starts_with("create, update refs/heads/agent/claude-1/**")
        );
    }

    #[test]
    fn what_an_agent_may_write_or_could_have_written_is_not_trusted() {
        let policy = policy(TEXT);
        for (name, may) in [
            ("refs/heads/agent/claude-1/x", true),
            ("refs/heads/agent/claude-9/x", true),
            ("refs/heads/agent/claude-1/not", true),
            ("refs/heads/agent", false),
            ("refs/heads/main", false),
            ("refs/heads/ci", false),
            ("refs/heads/old/x", true),
            ("refs/heads/old/kept", false),
            ("refs/tags/v1", false),
        ] {
            assert_eq!(policy.agent_may_write(&repo(), &ref_name(name)), may, "{name}");
        }
        let other = RepoName::parse("other").expect("a name");
        assert!(!policy.agent_may_write(&other, &ref_name("refs/heads/agent/claude-1/x")));
    }

    #[test]
    fn the_scope_is_the_same_for_the_same_grants_and_rules() {
        let rules = |count: usize| {
            let rule = |i: usize| {
                format!("[rule.r{i}]\nkind = \"path\"\nmatch = \"x\"\nthen = \"warn\"\nrefs = \"refs/heads/**/{i}\"\n")
            };
            (0..count).map(rule).collect::<String>()
        };
        for count in [1, 100] {
            let policy = policy(&format!("{TEXT}{}", rules(count)));
            let claude = principal(&policy, "claude-1");
            let scope = |name| policy.scope(&claude, &repo(), &ref_name(name));
            assert_eq!(scope("refs/heads/agent/claude-1/x"), scope("refs/heads/agent/claude-1/y"));
            assert_ne!(scope("refs/heads/agent/claude-1/x"), scope("refs/heads/agent/claude-1/0"));
            assert_ne!(scope("refs/heads/agent/claude-1/x"), scope("refs/heads/agent/claude-2/x"));
            assert_eq!(scope("refs/heads/main"), scope("refs/heads/agent/claude-2/x"));
        }
        assert!(policy(TEXT).lint(now()).iter().any(|w| w.message.contains("nobody is called `gone`")));
    }
}
